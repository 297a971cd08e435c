/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What max, min, argmax and argmin share. NaN beats every number, and the first of a tie the others. */
#ifndef FROND_OPS_EXTREME_H
#define FROND_OPS_EXTREME_H

#include "ops/reduce.h"

/* infer of values, of positions, and of both: as fr_infer_reduced, but fails where there is nothing to choose from. */
bool fr_infer_extreme(fr_op_call *call);
bool fr_infer_position(fr_op_call *call);
bool fr_infer_extreme_dim(fr_op_call *call);

/* Result `output`: the largest, or (least) smallest values, or their positions along the dim. */
void fr_extreme_values(fr_op_call *call, bool least);
void fr_extreme_positions(fr_op_call *call, int output, bool least);
/* Values and positions, results 0 and 1. */
void fr_extreme_dim(fr_op_call *call, bool least);

/* The gradient shared evenly by all that equal the result; the gradient to where the saved positions are. */
void fr_extreme_backward(fr_op_call *call);
void fr_extreme_dim_backward(fr_op_call *call);

#endif
