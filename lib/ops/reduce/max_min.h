/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What max, min, argmax, argmin and norm share. NaN beats every number, and the first of several equal values wins. */
#ifndef FROND_OPS_REDUCE_MAX_MIN_H
#define FROND_OPS_REDUCE_MAX_MIN_H

#include "ops/reduce/reduce.h"

/* infer of max, of argmax, and of max_dim, which gives both. As fr_infer_reduced, but they fail if there are no values
 * to choose from. */
bool fr_infer_max_min(fr_op_call *call);
bool fr_infer_argmax(fr_op_call *call);
bool fr_infer_max_min_dim(fr_op_call *call);

/* forward of max_dim or min_dim: values are result 0, positions result 1, by the reducer for positions. */
void fr_max_min_dim_forward(fr_op_call *call, const fr_reducer *(*reducer)(fr_dtype dtype));

/* The result's gradient, shared evenly by all values that equal it. values: x, of norm its size. */
fr_tensor *fr_share_gradient(const fr_op_call *call, fr_tensor *values);
void fr_max_min_backward(fr_op_call *call);
/* The gradient goes to where the saved positions are. */
void fr_max_min_dim_backward(fr_op_call *call);

/* fr_op.onnx. onnx_name is "ArgMax" or "ArgMin" of argmax, "ReduceMax" or "ReduceMin" of max_dim. */
bool fr_onnx_argmax(fr_onnx *g, const fr_op_call *call);
bool fr_onnx_max_min_dim(fr_onnx *g, const fr_op_call *call);
/* c_code of argmax, max_dim, or (min) argmin, min_dim. */
bool fr_c_max_min(fr_c_writer *w, const fr_op_call *call, bool min);

/* Both results of max_dim or min_dim, for the public function `what`. */
fr_extreme fr_apply_max_min(const char *what, const fr_op *op, fr_tensor *t, int dim, bool keepdim);

#endif
