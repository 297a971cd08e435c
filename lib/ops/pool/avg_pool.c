/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What avg_pool1d, avg_pool2d and adaptive_avg_pool1d share. */
#include "ops/pool/pool.h"

bool fr_avg_pool_infer(fr_op_call *call)
{
    fr_pool_attributes a;

    if (!fr_pool_complete(call, &call->in[0]->shape, &a))
        return false;
    fr_pool_infer_output(call, &a);
    return true;
}

void fr_avg_pool_forward(fr_op_call *call)
{
    const fr_tensor *x = call->in[0];
    fr_pool_attributes a;

    if (fr_pool_complete(call, &x->shape, &a))
        fr_avg_pool_planes((fr_dtype)x->dtype, &a.pool, fr_pool_planes(&a.pool, &x->shape), x->origin,
                           call->result[0]->origin);
}

void fr_avg_pool_backward(fr_op_call *call)
{
    fr_pool_attributes a;

    if (!fr_pool_complete(call, &call->in_shape[0], &a))
        return;
    a.avg_pool = call->op;
    a.x = call->in_shape[0];
    call->grad_in[0] = fr_avg_unpool(call->grad_out[0], &a);
}
