/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Traces of a backward. Most of it is computed in ops, which the trace notes as any others. Where that would be long (a
 * recurrent op would unroll its steps), or is not possible, the op's backward is noted as one step instead. */
#include "graph/trace.h"

#include <stdlib.h>

bool fr_trace_takes_backward(const fr_thread *th, const fr_op *op)
{
    const fr_trace *t = th->graph->trace;

    return t && t->whole_backwards && op->backward_kernel && (op->c_backward || !(op->backward || op->definition));
}

void fr_trace_saved(fr_thread *th, fr_tensor *saved, fr_tensor *t)
{
    if (th->graph->trace->whole_backwards)
        fr_trace_alias(th, saved, t);
}

void fr_trace_backward(fr_thread *th, const fr_node *node, fr_tensor *const *grad_out, fr_tensor **grad_in)
{
    fr_trace *t = th->graph->trace;
    int n = node->inputs, m = node->outputs;
    fr_tensor **in = calloc((size_t)n + 2 * (size_t)m, sizeof *in);
    fr_op_call call = {
        .op = node->op, .attributes = node->attributes, .inputs = n + 2 * m, .outputs = n, .in = in, .result = grad_in
    };
    size_t count = t->count;
    fr_module_path *path = th->module_path;

    t->failed = t->failed || !in;
    for (int i = 0; i < n && in; i++)
        in[i] = node->edges[i].saved;
    for (int i = 0; i < m && in; i++) {
        in[n + i] = node->results[i].saved;
        in[n + m + i] = grad_out[i];
    }
    th->module_path = node->module_path;
    if (in)
        fr_trace_note(th, &call);
    th->module_path = path;
    if (t->count > count)
        t->steps[count].backward = true;
    free(in);
}
