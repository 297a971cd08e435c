/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Traces of a backward. Most of it is computed in ops, which the trace notes as any others. Where that would be long (a
 * recurrent op would unroll its steps), or is not possible, the op's backward is noted as one step instead. */
#include "graph/trace.h"

#include <stdlib.h>

bool fr_trace_takes_backward(const fr_thread *th, const fr_op *op)
{
    const fr_trace *t = th->trace;

    return t && t->whole_backwards && op->backward_kernel && (op->c_backward || !(op->backward || op->definition));
}

void fr_trace_saved(fr_thread *th, fr_tensor *saved, fr_tensor *t)
{
    if (th->trace->whole_backwards)
        fr_trace_alias(th, saved, t);
}

void fr_trace_note_backward(fr_thread *th, const fr_op_call *call)
{
    fr_trace *t = th->trace;
    int n = call->inputs, m = call->outputs;
    fr_tensor **in = calloc((size_t)n + 2 * (size_t)m, sizeof *in);
    fr_shape *shapes = malloc(((size_t)n + 1) * sizeof *shapes);
    fr_op_call step = *call;
    size_t count = t->count;

    t->failed = t->failed || !in || !shapes;
    if (!t->failed) {
        memcpy(in, call->in, (size_t)n * sizeof *in);
        memcpy(in + n, call->result, (size_t)m * sizeof *in);
        memcpy(in + n + m, call->grad_out, (size_t)m * sizeof *in);
        memcpy(shapes, call->in_shape, (size_t)n * sizeof *shapes);
        step.in = in;
        step.inputs = n + 2 * m;
        step.outputs = n;
        step.result = call->grad_in;
        fr_trace_note(th, &step);
    }
    free(in);
    if (t->count == count) {
        free(shapes);
        return;
    }
    t->steps[count].backward = true;
    t->steps[count].shapes = shapes;
}

/* As call is, but with the tensors that node has saved, and the gradients as they came. */
void fr_trace_backward(fr_thread *th, const fr_node *node, const fr_op_call *call, fr_tensor *const *grad_out)
{
    int n = node->inputs, m = node->outputs;
    fr_tensor **in = calloc((size_t)n + (size_t)m, sizeof *in);
    fr_op_call as_saved = *call;
    fr_module_path *path = th->module_path;

    if (!in) {
        th->trace->failed = true;
        return;
    }
    for (int i = 0; i < n; i++)
        in[i] = node->edges[i].saved;
    for (int i = 0; i < m; i++)
        in[n + i] = node->results[i].saved;
    as_saved.in = in;
    as_saved.result = in + n;
    as_saved.grad_out = grad_out;
    th->module_path = node->module_path;
    fr_trace_note_backward(th, &as_saved);
    th->module_path = path;
    free(in);
}
