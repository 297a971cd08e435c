/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Ops without their kernels: a program that is linked with -Wl,--wrap=fr_apply,--wrap=fr_apply_n includes this file and
 * defines `instead_of`, which chooses what runs in place of each op that is applied. */
#ifndef FROND_TESTS_BY_DEFINITION_H
#define FROND_TESTS_BY_DEFINITION_H

#include "core/shape.h"
#include "core/tensor.h"
#include "graph/node.h"

enum { BY_DEFINITION_OUTPUTS = 16 };

/* Returns op, or another one. */
static const fr_op *instead_of(const fr_op *op);

fr_tensor *__real_fr_apply(const fr_op *op, fr_tensor *const *inputs, const void *attributes);
fr_tensor *__wrap_fr_apply(const fr_op *op, fr_tensor *const *inputs, const void *attributes);
bool __real_fr_apply_n(const fr_op *op, fr_tensor *const *inputs, int n, const void *attributes, fr_tensor **outputs);
bool __wrap_fr_apply_n(const fr_op *op, fr_tensor *const *inputs, int n, const void *attributes, fr_tensor **outputs);

fr_tensor *__wrap_fr_apply(const fr_op *op, fr_tensor *const *inputs, const void *attributes)
{
    return __real_fr_apply(instead_of(op), inputs, attributes);
}

bool __wrap_fr_apply_n(const fr_op *op, fr_tensor *const *inputs, int n, const void *attributes, fr_tensor **outputs)
{
    return __real_fr_apply_n(instead_of(op), inputs, n, attributes, outputs);
}

/* A forward that runs the definition in smaller ops. */
static inline void forward_by_definition(fr_op_call *call)
{
    FR_SCOPE;
    FR_NO_GRAD;
    fr_tensor *results[BY_DEFINITION_OUTPUTS] = { NULL };
    fr_op_call inner = *call;

    inner.result = results;
    call->op->definition(&inner);
    call->failed = inner.failed;
    for (int i = 0; i < call->outputs - call->op->internal && !call->failed; i++) {
        if (results[i] && fr_shape_equal(&results[i]->shape, &call->result[i]->shape))
            fr_copy_values(call->result[i], results[i]);
        else
            fr_op_fail(call, "its definition gives no output %d, or one of another shape", i);
    }
}

/* op, computed and differentiated by its definition. */
static inline fr_op by_definition(const fr_op *op)
{
    fr_op defined = *op;

    defined.forward = forward_by_definition;
    defined.backward = defined.backward_kernel = NULL;
    defined.saves_inputs = defined.saves_outputs = 0;
    return defined;
}

#endif
