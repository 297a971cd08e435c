/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* softmax's parts, for the op of attention that differs from it in one case. */
#ifndef FROND_OPS_REDUCE_SOFTMAX_H
#define FROND_OPS_REDUCE_SOFTMAX_H

#include "ops/op.h"

#include <frond/c_code.h>

typedef struct {
    int dim;
    bool safe; /* of the last dim alone: a row of -inf throughout gives 0, not NaN */
} fr_softmax_attributes;

bool fr_infer_softmax(fr_op_call *call);
/* c_code of softmax, and of attention's. */
bool fr_softmax_c_code(fr_c_writer *w, const fr_op_call *call);
void fr_softmax_forward(fr_op_call *call);
void fr_softmax_backward(fr_op_call *call);
void fr_softmax_backward_kernel(fr_op_call *call);

#endif
