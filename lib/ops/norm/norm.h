/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What layer_norm and rms_norm share: x is taken as (rows,n), n the values of the normalized dims; each row is brought
 * to mean 0, where it is centred, and mean square 1:
 *
 *     h = (x - mean) scale, scale = 1 / sqrt(mean((x - mean)^2) + eps), mean = 0 where not centred
 *     y = h weight + bias
 *
 *     v = dy weight: dx = scale (v - mean(v) - h mean(v h)), where not centred without mean(v)
 *     dweight = sum(dy h), dbias = sum(dy), over the rows */
#ifndef FROND_OPS_NORM_NORM_H
#define FROND_OPS_NORM_NORM_H

#include "ops/op.h"

#include <frond/c_code.h>

typedef struct {
    fr_shape shape; /* the last dims of x; weight and bias have it */
    double eps;
    bool centred;
} fr_row_norm;

/* An op's members. Its attributes are a fr_row_norm, its inputs x, weight and, if there are three, bias; a second
 * result, internal, keeps (rows,2) in float64: of each row the mean and the scale. */
bool fr_row_norm_infer(fr_op_call *call);
void fr_row_norm_forward(fr_op_call *call);
void fr_row_norm_backward(fr_op_call *call);
void fr_row_norm_definition(fr_op_call *call);
bool fr_row_norm_c_code(fr_c_writer *w, const fr_op_call *call);

#endif
