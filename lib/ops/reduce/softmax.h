/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What softmax, log_softmax and attention's safe_softmax share. */
#ifndef FROND_OPS_REDUCE_SOFTMAX_H
#define FROND_OPS_REDUCE_SOFTMAX_H

#include "kernels/softmax.h"
#include "ops/op.h"

#include <frond/c_code.h>

typedef struct {
    int dim;
    bool safe; /* of the last dim alone: a row of -inf throughout gives 0, not NaN */
} fr_softmax_attributes;

/* The entry's functions of softmax, and of safe_softmax. */
bool fr_infer_softmax(fr_op_call *call);
void fr_softmax_op_forward(fr_op_call *call);
void fr_softmax_op_backward(fr_op_call *call);
void fr_softmax_op_backward_kernel(fr_op_call *call);
bool fr_softmax_c_code(fr_c_writer *w, const fr_op_call *call);
/* fr_op.onnx; onnx_name is ONNX's op. */
bool fr_onnx_softmax(fr_onnx *g, const fr_op_call *call);

/* The sizes of the shape around the dim of the attributes. */
fr_dim_sizes fr_softmax_sizes(const fr_shape *shape, const fr_softmax_attributes *a);
/* Asks for the helper
 *     float sum_exp(int n, int inner, const float *x, float *most)
 * which sums exp(x - *most) of n values, inner apart, *most being the greatest; it calls exp_minus. */
void fr_c_sum_exp(fr_c_writer *w);
/* Writes a call name(outer, n, inner, x, y) of the helper whose text is given. It may call sum_exp. */
bool fr_c_softmax(fr_c_writer *w, const fr_op_call *call, const char *name, const char *text);

#endif
