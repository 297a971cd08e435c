/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What batch_norm.c and c_batch_norm.c share. */
#ifndef FROND_OPS_NORM_BATCH_NORM_H
#define FROND_OPS_NORM_BATCH_NORM_H

#include "core/recorder.h"
#include "ops/op.h"

enum { X, WEIGHT, BIAS, RUNNING_MEAN, RUNNING_VAR, INPUTS };

typedef struct {
    bool training;
    double eps;
} fr_batch_norm_attributes;

/* Values of one channel in one image: x is (N,C,*). */
int64_t fr_batch_norm_inner(const fr_shape *x);

/* c_batch_norm.c: hooks for fr_export_c, of the op and of the action that moves a running statistic. */
bool fr_batch_norm_c_code(fr_c_writer *w, const fr_op_call *call);
bool fr_batch_norm_c_backward(fr_c_writer *w, const fr_op_call *call);
bool fr_batch_norm_write_update(fr_c_writer *w, const fr_action *a);

#endif
