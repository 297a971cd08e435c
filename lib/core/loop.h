/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Loops over several tensors of any strides that broadcast to one shape, as PyTorch's TensorIterator. */
#ifndef FROND_CORE_LOOP_H
#define FROND_CORE_LOOP_H

#include "core/base.h"

enum { FR_LOOP_OPERANDS = 4 };

typedef struct {
    int operands, ndim;
    int64_t dim[FR_MAX_DIMS];
    int64_t step[FR_MAX_DIMS][FR_LOOP_OPERANDS]; /* of each operand from neighbour to neighbour, in bytes */
    char *at[FR_LOOP_OPERANDS];                  /* element (0, ..., 0) of each operand */
} fr_loop;

/* Begin with the shape, then add the operands, each of which broadcasts to it. Until fr_loop_join the loop's dims are
 * those of the shape, and steps may be changed. */
void fr_loop_begin(fr_loop *l, const fr_shape *shape);
void fr_loop_add(fr_loop *l, const fr_tensor *t);
/* Sorts the dims by descending steps of one operand, for work that may be done in any order. */
void fr_loop_sort(fr_loop *l, int operand);
/* Drops dims of size 1 and joins those that can be walked as one; at least one is left. */
void fr_loop_join(fr_loop *l);

/* Calls body for each position of all dims but the last `inner`, which the body walks itself: at[] has the operands'
 * addresses; l->dim[l->ndim - 1] and l->step[l->ndim - 1] belong to the last dim. Not called if there are no values. */
typedef void fr_loop_body(void *job, const fr_loop *l, char *const *at);
void fr_loop_run(const fr_loop *l, int inner, fr_loop_body *body, void *job);

/* The same on several threads if there is much to do: the loop is cut into tiles, which body may get in any order, by
 * one of its dims. Dims whose bit is set in `whole` are not cut. */
void fr_loop_run_tiles(const fr_loop *l, int inner, unsigned whole, fr_loop_body *body, void *job);

#endif
