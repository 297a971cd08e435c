/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What layer_norm and rms_norm share. x is taken as (rows,n), where n is the number of values in the normalized dims.
 * kernels/row_norm.h has the formulas and their derivation. */
#ifndef FROND_OPS_NORM_NORM_H
#define FROND_OPS_NORM_NORM_H

#include "ops/op.h"

#include <frond/c_code.h>

typedef struct {
    fr_shape shape; /* normalized_shape: the last dims of x, and the shape of weight and bias */
    double eps;
    bool centred; /* the mean is subtracted */
} fr_row_norm_attributes;

bool fr_row_norm_infer(fr_op_call *call);
void fr_row_norm_forward(fr_op_call *call);
void fr_row_norm_backward(fr_op_call *call);
void fr_row_norm_definition(fr_op_call *call);
bool fr_row_norm_c_code(fr_c_writer *w, const fr_op_call *call);

/* An op with inputs x, weight and, if there are three, bias. Its second output, which is internal, is (rows,2) in
 * float64: the mean and the scale of each row, which backward reads. */
#define FR_ROW_NORM_OP                                                                                                 \
    .outputs = 2, .internal = 1, .saves_outputs = 2, .attributes_size = sizeof(fr_row_norm_attributes),                \
    .null_gradients = true, .infer = fr_row_norm_infer, .forward = fr_row_norm_forward,                                \
    .backward_kernel = fr_row_norm_backward, .definition = fr_row_norm_definition, .c_code = fr_row_norm_c_code

#endif
