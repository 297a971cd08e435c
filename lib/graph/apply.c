/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_apply: the one way in for every op. What happens to a call, in this order:
 *
 *     reject_null, check_dtypes    are the inputs there, and of one dtype?
 *     op->infer                    the shape and dtype of each output
 *     make_results                 allocates the outputs, or makes them views of input 0
 *     run                          op->forward fills them
 *     fr_node_record               keeps the call for backward, if an input wants a gradient (node.c)
 *     hold_results                 hands the outputs to the caller's scope
 *
 * Backward then starts from the node (backward.c). */
#include "core/stand_ins.h"
#include "graph/anomaly.h"
#include "graph/argument_name.h"
#include "graph/jvp.h"
#include "graph/trace.h"

#include <stdarg.h>

enum { FEW = 8 }; /* arrays for up to this many inputs or outputs are on the stack */

fr_meta fr_meta_of(const fr_tensor *t)
{
    return t ? (fr_meta){ .shape = t->shape, .dtype = (fr_dtype)t->dtype } : (fr_meta){ .shape.ndim = -1 };
}

bool fr_op_fail(fr_op_call *call, const char *format, ...)
{
    char text[FR_MESSAGE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fr_fail(call->op->name, "%s", text);
    call->failed = true;
    return false;
}

const fr_op *fr_call_site_of(const fr_op *op, const char *file, int line)
{
    if (op)
        fr_call_site(op->name, file, line);
    return op;
}

static bool fail_released(fr_op_call *call, int i)
{
    char name[FR_ARGUMENT_TEXT];

    call->failed = true;
    return fr_fail_released(call->op->name, call->in[i], fr_argument_name(call->op, i, name));
}

/* Also rejects what was released. */
static bool reject_null(fr_op_call *call)
{
    char name[FR_ARGUMENT_TEXT];

    for (int i = 0; i < call->inputs; i++) {
        if (call->in[i]) {
            if (FR_UNLIKELY(!fr_is_alive(call->in[i])))
                return fail_released(call, i);
            continue;
        }
        if (i < 31 && call->op->optional & 1U << i) {
            if (fr_failed_before(fr_thread_self()))
                return false; /* the caller meant to give this input: without it the result would be another one */
        } else {
            call->failed = true;
            return fr_fail_no_tensor(call->op->name, fr_argument_name(call->op, i, name));
        }
    }
    return true;
}

static bool check_dtypes(fr_op_call *call)
{
    const fr_tensor *first = NULL;

    if (call->op->dtypes == FR_MIXED)
        return true;
    for (int i = 0; i < call->inputs; i++) {
        const fr_tensor *t = call->in[i];

        if (!t)
            continue;
        if (!first)
            first = t;
        if (t->dtype != first->dtype)
            return fr_op_fail(call, "dtypes differ: %s and %s; use fr_cast", fr_dtype_name((fr_dtype)first->dtype),
                              fr_dtype_name((fr_dtype)t->dtype));
    }
    if (first && first->dtype == FR_I64 && call->op->dtypes == FR_FLOATS)
        return fr_op_fail(call, "int64 given, expected float32 or float64; use fr_cast");
    return true;
}

/* True if the op has a backward and an input wants a gradient. */
static bool wants_gradient(const fr_op_call *call)
{
    if (!fr_op_has_backward(call->op))
        return false;
    for (int i = 0; i < call->inputs; i++)
        if (call->in[i] && fr_tracked(call->in[i]))
            return true;
    return false;
}

static bool make_results(fr_op_call *call)
{
    for (int i = 0; i < call->outputs; i++) {
        const fr_meta *m = &call->out[i];

        call->result[i] = call->op->view ? fr_tensor_share(call->op->name, call->in[0], &m->shape, m->stride, m->offset)
                                         : fr_tensor_alloc(call->op->name, &m->shape, m->dtype);
        if (!call->result[i])
            return false;
        call->result[i]->made.function = call->op->name; /* not the module's fr_forward that called it */
    }
    return true;
}

/* Runs forward on contiguous copies of those inputs that are not contiguous. */
static bool run_on_contiguous(fr_op_call *call, fr_tensor **inputs)
{
    fr_tensor *const *given = call->in;
    bool ok = true;

    for (int i = 0; i < call->inputs; i++) {
        bool copy = given[i] && !given[i]->contiguous;

        inputs[i] = copy ? fr_tensor_copy(call->op->name, given[i]) : fr_ref(given[i]);
        ok = ok && (inputs[i] || !given[i]);
    }
    if (ok) {
        call->in = inputs;
        call->op->forward(call);
        call->in = given;
    }
    for (int i = 0; i < call->inputs; i++)
        fr_unref(inputs[i]);
    return ok && !call->failed;
}

/* Runs forward, which most ops want on contiguous inputs. scratch: room for the inputs. */
static bool forward(fr_op_call *call, fr_tensor **scratch)
{
    bool as_given = true;

    for (int i = 0; i < call->inputs; i++)
        as_given = as_given && (call->op->strided || !call->in[i] || call->in[i]->contiguous);
    if (!as_given)
        return run_on_contiguous(call, scratch);
    call->op->forward(call);
    return !call->failed;
}

/* A view has no forward. What a forward does is no concern of a recorder, which hears of the op. */
static bool run(fr_thread *th, fr_op_call *call, fr_tensor **scratch)
{
    struct fr_recorder *recorder = th->recorder;
    bool ok;

    if (call->op->view)
        return true;
    th->recorder = NULL;
    ok = forward(call, scratch);
    th->recorder = recorder;
    return ok;
}

/* Hands the results to the innermost scope, except the internal ones: these are for backward alone, and the node has
 * saved them. After a failure all results are NULL. */
static bool hold_results(fr_op_call *call, bool ok)
{
    int handed_out = call->outputs - call->op->internal;

    for (int i = 0; i < call->outputs; i++) {
        if (ok && i < handed_out)
            ok = (call->result[i] = fr_hold(call->op->name, call->result[i])) != NULL;
        else
            fr_assign(&call->result[i], NULL);
    }
    for (int i = 0; !ok && i < call->outputs; i++)
        call->result[i] = NULL; /* the scope frees those it holds */
    return ok;
}

static bool apply(fr_thread *th, fr_op_call *call, fr_tensor **scratch)
{
    if (!reject_null(call) || !check_dtypes(call))
        return false;

    bool record = (!th->mode.no_grad || th->mode.probing) && wants_gradient(call);
    bool tangents = FR_UNLIKELY(th->levels.current != NULL) && fr_has_tangents(th, call);

    if (FR_UNLIKELY(th->mode.probing)) {
        th->graph->probe_found = th->graph->probe_found || record;
        record = record && !th->mode.no_grad;
    }
    call->recording = record || tangents;

    if (!record && !th->mode.in_backward)
        fr_growth_unrecorded(&th->graph->growth, call->op->name, &th->sites.current, th->scopes.held_count,
                             th->graph->clock);

    bool ok = call->op->infer(call) && !call->failed;

    if (FR_UNLIKELY(th->graph->results.limit != 0))
        ok = ok && fr_result_limit_count(th, call);
    ok = ok && make_results(call) && run(th, call, scratch);
    if (FR_UNLIKELY(th->graph->anomaly && !th->mode.in_backward))
        ok = ok && fr_check_results(th, call);
    ok = ok && (!record || fr_node_record(th, call));
    if (FR_UNLIKELY(th->trace != NULL) && ok) /* before the ops that compute its tangents */
        fr_trace_note(th, call);
    ok = ok && (!tangents || fr_carry_tangents(th, call));
    return hold_results(call, ok);
}

/* Fails if a user's op lacks something, or gets another number of inputs. */
static bool check_op(const fr_op *op, int n, const void *attributes)
{
    if (!op->infer || op->outputs < 1 || op->outputs > UINT16_MAX || (op->view ? n < 1 : !op->forward))
        return fr_fail(op->name, "the op needs infer, 1 to 65535 outputs, and forward or, as a view, an input");
    if (n < 0 || (op->inputs >= 0 && n != op->inputs))
        return fr_fail(op->name, "%d inputs given, expected %d", n, op->inputs);
    if (attributes && op->attributes_size == 0 && fr_op_find(op->name) != op)
        return fr_fail(op->name, "attributes given, but the op's attributes_size is 0");
    return true;
}

static bool apply_n(fr_thread *th, const fr_op *op, fr_tensor *const *inputs, int n, const void *attributes,
                    fr_tensor **outputs)
{
    fr_tensor *few[FEW], **scratch = few;
    fr_meta few_metas[FEW], *metas = few_metas;
    size_t scratch_bytes = (size_t)n * sizeof *scratch, meta_bytes = (size_t)op->outputs * sizeof *metas;
    bool ok = false;

    memset(outputs, 0, (size_t)op->outputs * sizeof *outputs);
    if (n > FEW)
        scratch = fr_alloc(scratch_bytes);
    if (op->outputs > FEW)
        metas = fr_alloc(meta_bytes);

    fr_op_call call = { .op = op,
                        .attributes = attributes,
                        .inputs = n,
                        .outputs = op->outputs,
                        .in = inputs,
                        .out = metas,
                        .result = outputs };

    if (!scratch || !metas)
        fr_fail_memory(op->name);
    else
        ok = apply(th, &call, scratch);
    if (scratch != few)
        fr_free(scratch, scratch_bytes);
    if (metas != few_metas)
        fr_free(metas, meta_bytes);
    return ok;
}

/* apply_n with what stands in for inputs. A backward has its own inputs, which nothing replaces. */
static bool apply_stand_ins(fr_thread *th, const fr_op *op, fr_tensor *const *inputs, int n, const void *attributes,
                            fr_tensor **outputs)
{
    size_t bytes = (size_t)n * sizeof *inputs + 1;
    fr_tensor **others = fr_alloc(bytes);
    bool ok = others || fr_fail_memory(op->name);

    for (int i = 0; ok && i < n; i++)
        others[i] = fr_stand_in_for(th->stand_ins, inputs[i]);
    ok = ok && apply_n(th, op, others, n, attributes, outputs);
    fr_free(others, bytes);
    return ok;
}

bool fr_apply_n(const fr_op *op, fr_tensor *const *inputs, int n, const void *attributes, fr_tensor **outputs)
{
    if (FR_UNLIKELY(!op))
        return fr_fail("apply_n", "op is NULL");

    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, op->name);
    bool replaced = FR_UNLIKELY(th->stand_ins != NULL) && !th->mode.in_backward;
    bool ok =
        check_op(op, n, attributes) && (replaced ? apply_stand_ins : apply_n)(th, op, inputs, n, attributes, outputs);

    fr_finish(th, before);
    return ok;
}

fr_tensor *fr_apply(const fr_op *op, fr_tensor *const *inputs, const void *attributes)
{
    fr_tensor *few[FEW];

    if (FR_LIKELY(op && op->outputs <= FEW && op->inputs >= 0))
        return fr_apply_n(op, inputs, op->inputs, attributes, few) ? few[0] : NULL;
    if (!op)
        return fr_fail("apply", "op is NULL");

    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, op->name);

    fr_fail(op->name, "fr_apply is for ops with a fixed number of inputs and at most %d outputs: use fr_apply_n", FEW);
    fr_finish(th, before);
    return NULL;
}

fr_tensor *fr_apply_sized(size_t size, const fr_op *op, fr_tensor *const *inputs, const void *attributes)
{
    size_t given = size / sizeof *inputs;

    if (FR_LIKELY(!op || op->inputs < 0 || given >= (size_t)op->inputs))
        return fr_apply(op, inputs, attributes);

    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, op->name);

    fr_fail(op->name, "%zu inputs given, expected %d", given, op->inputs);
    fr_finish(th, before);
    return NULL;
}
