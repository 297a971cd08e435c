/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What gather and scatter share: checks and the loop. In both input 1 is the index. */
#ifndef FROND_OPS_INDEX_GATHER_H
#define FROND_OPS_INDEX_GATHER_H

#include "kernels/gather.h"
#include "ops/op.h"

/* True if index has as many dims as `indexed`, the shape that it points into, and none larger, except dim. Fails
 * otherwise. */
bool fr_check_index_shape(fr_op_call *call, const fr_shape *indexed, const fr_tensor *index, int dim);

/* values[i] = indexed[i, index[i]], or the reverse as *put says. The order is row-major where several values meet, with
 * any number of threads. The call fails if an index is out of range. */
void fr_run_indexed(fr_op_call *call, const fr_tensor *indexed, int dim, const fr_tensor *values, const fr_put *put);

/* t with src put to it where index says, as gather with that index would read it. src has the shape of index. */
fr_tensor *fr_scatter_put(fr_put put, fr_tensor *t, int dim, fr_tensor *index, fr_tensor *src);
/* index (n) along dim of a tensor of the given shape, as gather and scatter take it: expanded to that shape, but n for
 * dim. Fails if it is not of one dim or is out of range. */
fr_tensor *fr_index_along(const char *what, fr_tensor *index, int dim, fr_shape shape);
/* Where mask, broadcast to shape, is true: positions (n), row-major. */
fr_tensor *fr_true_places(fr_tensor *mask, const fr_shape *shape);

/* Writes "(const int[]){ 3, 1 }", a number for each dim, with 0 for the dim `not`. */
enum { FR_C_NUMBERS = FR_MAX_DIMS * 24 + 32 };
const char *fr_c_numbers(const int64_t *of, int ndim, int not, size_t size, char *text);

#endif
