/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Lists of the ops that a thread has run. */
#include "graph/trace.h"

#include <stdlib.h>

/* A tensor that fr_detach gave, and what it stands for. */
typedef struct fr_alias {
    fr_tensor *view, *of;
} fr_alias;

void fr_trace_begin(fr_thread *th, fr_trace *t)
{
    *t = (fr_trace){ .outer = th->trace };
    th->trace = t;
}

static bool act(fr_recorder *r, const fr_action *a);

void fr_trace_begin_all(fr_thread *th, fr_trace *t)
{
    fr_trace_begin(th, t);
    t->recorder.act = act;
    th->recorder = &t->recorder;
}

static bool check_unchanged(const char *what, const fr_trace *t)
{
    for (size_t i = 0; i < t->count; i++)
        for (int o = 0; o < t->steps[i].outputs; o++)
            if (t->steps[i].out[o] && fr_storage_version(t->steps[i].out[o]) != t->steps[i].version[o])
                return fr_fail(what, "a result of %s is changed in place on the way, expected ops alone",
                               t->steps[i].op->name);
    return true;
}

bool fr_trace_stop(fr_thread *th, const char *what, fr_trace *t)
{
    th->trace = t->outer;
    th->recorder = NULL;
    return !t->failed || fr_fail_memory(what);
}

bool fr_trace_end(fr_thread *th, const char *what, fr_trace *t)
{
    return fr_trace_stop(th, what, t) && check_unchanged(what, t);
}

void fr_step_free(fr_step *s)
{
    for (int i = 0; s->in && i < s->inputs; i++)
        fr_unref(s->in[i]);
    for (int i = 0; s->out && i < s->outputs; i++)
        fr_unref(s->out[i]);
    free(s->in);
    free(s->out);
    free(s->version);
    free(s->shapes);
    free(s->attributes);
    fr_module_path_unref(s->module_path);
}

fr_op_call fr_step_as_call(const fr_step *s)
{
    int inputs = s->outputs, outputs = (s->inputs - s->outputs) / 2; /* of a backward: see fr_step */

    if (s->backward)
        return (fr_op_call){ .op = s->op,
                             .attributes = s->attributes,
                             .inputs = inputs,
                             .outputs = outputs,
                             .in = s->in,
                             .in_shape = s->shapes,
                             .result = s->in + inputs,
                             .grad_out = s->in + inputs + outputs,
                             .grad_in = s->out };
    return (fr_op_call){ .op = s->op,
                         .attributes = s->attributes,
                         .inputs = s->inputs,
                         .outputs = s->outputs,
                         .recording = s->recording,
                         .in = s->in,
                         .result = s->out };
}

const fr_step *fr_trace_maker(const fr_trace *t, size_t before, const fr_tensor *value, int *output)
{
    for (size_t i = before; i-- > 0;)
        for (*output = 0; *output < t->steps[i].outputs; ++*output)
            if (t->steps[i].out[*output] == value)
                return &t->steps[i];
    return NULL;
}

void fr_trace_free(fr_trace *t)
{
    for (size_t i = 0; i < t->count; i++)
        fr_step_free(&t->steps[i]);
    for (size_t i = 0; i < t->run_count; i++) {
        fr_module_path_unref(t->runs[i].module_path);
        fr_unref(t->runs[i].result);
    }
    for (size_t i = 0; i < t->alias_count; i++) {
        fr_unref(t->aliases[i].view);
        fr_unref(t->aliases[i].of);
    }
    free(t->steps);
    free(t->runs);
    free(t->aliases);
    *t = (fr_trace){ 0 };
}

/* The tensor that t was detached from, or t itself. An alias is noted with the resolved source, so one look is enough.
 */
static fr_tensor *resolve(const fr_trace *trace, fr_tensor *t)
{
    for (size_t i = trace->alias_count; t && i-- > 0;)
        if (trace->aliases[i].view == t)
            return trace->aliases[i].of;
    return t;
}

/* Makes room in s for its tensors. False if memory runs out. */
static bool begin_step(const fr_thread *th, fr_step *s)
{
    s->in = calloc((size_t)s->inputs + 1, sizeof(fr_tensor *));
    s->out = calloc((size_t)s->outputs + 1, sizeof(fr_tensor *));
    s->version = calloc((size_t)s->outputs + 1, sizeof(unsigned));
    s->module_path = fr_module_path_ref(th->module_path);
    s->site = th->sites.current;
    return s->in && s->out && s->version;
}

static void add_output(fr_step *s, int i, fr_tensor *t)
{
    s->out[i] = fr_ref(t);
    s->version[i] = t ? fr_storage_version(t) : 0;
}

static bool copy_attributes(fr_step *s, const fr_op_call *call)
{
    if (!call->attributes || s->op->attributes_size == 0)
        return true;
    s->attributes = malloc(s->op->attributes_size);
    return s->attributes && memcpy(s->attributes, call->attributes, s->op->attributes_size);
}

/* Appends s, or, if it is not ok, notes that memory ran out. */
static void add_step(fr_trace *t, fr_step *s, bool ok)
{
    t->failed = !ok || !fr_make_room(&t->steps, sizeof *t->steps, t->count, &t->capacity);
    if (t->failed)
        fr_step_free(s);
    else
        t->steps[t->count++] = *s;
}

void fr_trace_note(fr_thread *th, const fr_op_call *call)
{
    fr_trace *t = th->trace;
    int internal = t->recorder.act || t->whole_backwards ? 0 : call->op->internal;
    fr_step s = {
        .op = call->op, .inputs = call->inputs, .outputs = call->outputs - internal, .recording = call->recording
    };
    bool ok = !t->failed && begin_step(th, &s) && copy_attributes(&s, call);

    if (t->failed)
        return;
    for (int i = 0; ok && i < s.inputs; i++)
        s.in[i] = fr_ref(resolve(t, call->in[i]));
    for (int i = 0; ok && i < s.outputs; i++)
        add_output(&s, i, call->result[i]);
    add_step(t, &s, ok);
}

/* For fr_recorder.act. */
static bool act(fr_recorder *r, const fr_action *a)
{
    fr_thread *th = fr_thread_self();
    fr_trace *t = th->trace;
    fr_step s = { .action = *a, .inputs = 2, .outputs = 1 };
    bool ok;

    th->recorder = NULL;
    th->trace = NULL;
    ok = a->run(a);
    th->trace = t;
    th->recorder = r;
    if (!ok || t->failed)
        return ok;
    ok = begin_step(th, &s);
    if (ok) {
        s.in[0] = fr_ref(a->from);
        s.in[1] = fr_ref(a->leaf);
        add_output(&s, 0, a->into);
    }
    s.action.result = NULL;
    add_step(t, &s, ok);
    return true;
}

void fr_trace_alias(fr_thread *th, fr_tensor *view, fr_tensor *t)
{
    fr_trace *trace = th->trace;
    fr_tensor *of = resolve(trace, t); /* before the list gets a new entry, which is not filled in yet */

    if (trace->recorder.act)
        return;
    trace->failed = trace->failed ||
                    !fr_make_room(&trace->aliases, sizeof *trace->aliases, trace->alias_count, &trace->alias_capacity);
    if (!trace->failed)
        trace->aliases[trace->alias_count++] = (fr_alias){ fr_ref(view), fr_ref(of) };
}

void fr_trace_result(fr_thread *th, fr_module_path *path, fr_tensor *t)
{
    fr_trace *trace = th->trace;

    if (trace->recorder.act)
        return;
    trace->failed =
        trace->failed || !fr_make_room(&trace->runs, sizeof *trace->runs, trace->run_count, &trace->run_capacity);
    if (!trace->failed)
        trace->runs[trace->run_count++] = (fr_module_run){ fr_module_path_ref(path), fr_ref(t) };
}
