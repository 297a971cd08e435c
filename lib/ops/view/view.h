/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What ops share that only move values, or look at them in another shape. */
#ifndef FROND_OPS_VIEW_VIEW_H
#define FROND_OPS_VIEW_VIEW_H

#include "core/recorder.h"
#include "ops/op.h"

/* Of their entries: one input of any dtype and strides, no value of which backward needs. */
#define FR_MOVING_OP .inputs = 1, .outputs = 1, .saves_inputs = FR_SAVES_NOTHING, .dtypes = FR_ANY, .strided = true
/* Of the entry of a view, whose output shares the input's storage. */
#define FR_VIEW_OP FR_MOVING_OP, .view = true, .infer = infer, .backward = backward, .jvp = fr_jvp_linear, .onnx = onnx

/* For a copy of a tensor's struct that serves as a part of it: moves its first element n positions along dim. */
static inline void fr_advance(fr_tensor *part, int dim, int64_t n)
{
    part->origin += n * part->stride[dim] * (int64_t)fr_dtype_size((fr_dtype)part->dtype);
    part->contiguous = false;
}

/* For fr_action.run: into += what unslice makes of from; object: unslice's attributes. With m, into is 0 before. */
bool fr_add_part(const fr_action *a);

extern const fr_op fr_unslice_op;

#endif
