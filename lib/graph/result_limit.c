/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A limit on the bytes that the results of ops take in all. */
#include "graph/result_limit.h"

#include "core/memory_limit.h"
#include "core/shape.h"
#include "core/tensor.h"
#include "graph/state.h"

fr_result_limit fr_result_limit_begin(fr_thread *th, int64_t limit)
{
    fr_result_limit before = th->graph->results;

    th->graph->results = (fr_result_limit){ .limit = limit > 0 ? limit : 1 };
    return before;
}

void fr_result_limit_end(fr_thread *th, fr_result_limit before)
{
    th->graph->results = before;
}

bool fr_result_limit_count_bytes(fr_thread *th, const char *what, int64_t bytes)
{
    fr_result_limit *r = &th->graph->results;
    int64_t used;

    if (r->limit == 0)
        return true;
    if (__builtin_add_overflow(r->used, bytes, &used))
        used = INT64_MAX;
    if (used > r->limit)
        return fr_fail_memory_limit(what, "this result and those before it in the model", used, r->limit);
    r->used = used;
    return true;
}

/* A view takes no memory. But if it repeats values, ops that follow write them out: it counts as if it did. */
bool fr_result_limit_count(fr_thread *th, const fr_op_call *call)
{
    for (int i = 0; i < call->outputs; i++) {
        const fr_meta *m = &call->out[i];
        int64_t numel;

        if (!fr_shape_check(call->op->name, &m->shape, m->dtype, &numel))
            return false;
        if (call->op->view && numel <= call->in[0]->numel)
            continue;
        if (!fr_result_limit_count_bytes(th, call->op->name, numel * (int64_t)fr_dtype_size(m->dtype)))
            return false;
    }
    return true;
}
