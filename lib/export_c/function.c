/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A traced forward as a function of C: which tensors are in which buffers, which steps the output depends on, and the
 * runs of the steps' hooks, to plan and to write. */
#include "export_c/training.h"

#include <frond/autograd.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

void fr_c_function_free(fr_c_function *fn)
{
    fr_trace_free(&fn->trace);
    fr_unref(fn->x);
    fr_unref(fn->y);
    fr_unref(fn->target);
    free(fn->gradients);
    free(fn->update_steps);
    free(fn->carried);
    for (size_t i = 0; i < fn->change_count; i++) {
        fr_unref(fn->changes[i].action.into);
        fr_unref(fn->changes[i].action.from);
    }
    free(fn->changes);
    free(fn->steps);
    free(fn->buffers);
    free(fn->state_names);
    *fn = (fr_c_function){ 0 };
}

/* --- Tracing ----------------------------------------------------------------------------------------------------- */

/* Adds a buffer for t's storage. */
static bool add_buffer(fr_c_writer *w, fr_c_function *fn, fr_tensor *t, fr_c_memory memory)
{
    fr_c_buffer b = { .memory = memory, .storage = t->storage, .dtype = fr_dtype_of(t), .first_step = SIZE_MAX };

    b.numel = memory == FR_C_INPUT ? t->numel : (int64_t)(t->storage->bytes / fr_dtype_size(b.dtype));
    b.start = memory == FR_C_INPUT ? t->origin : (const char *)t->storage->data;
    if (memory == FR_C_INPUT)
        b.name = t == fn->x ? "x" : "target";
    if (memory == FR_C_CONSTANT && !fr_c_add_constant(w, t, &b.constant))
        return false;
    if (b.numel > INT_MAX)
        return fr_fail(w->where, "an array of %" PRId64 " values is too long for an int", b.numel);
    if (!fr_make_room(&fn->buffers, sizeof *fn->buffers, fn->buffer_count, &fn->buffer_capacity))
        return fr_c_out_of_memory(w);
    fn->buffers[fn->buffer_count++] = b;
    return true;
}

/* True for what the function is given: x, the target, the parameters that are trained and the buffers that change. */
static bool is_given(const fr_c_writer *w, const fr_c_function *fn, const fr_tensor *t)
{
    for (size_t i = 0; i < w->kept_count; i++)
        if (t == w->kept[i]->t)
            return true;
    for (size_t i = 0; i < fn->carried_count; i++)
        if (t == fn->carried[i].initial)
            return true;
    return t == fn->x || t == fn->target;
}

/* Step i reads t; i the number of steps: t is the output. If no step wrote t's storage, it is a constant. Sets *depends
 * if t depends on what is given. */
static bool find_buffer(fr_c_writer *w, fr_c_function *fn, size_t i, fr_tensor *t, bool *depends)
{
    const fr_c_buffer *b = fr_c_buffer_of(fn, t);
    char text[FR_SHAPE_TEXT], path[FR_PATH_TEXT];
    int output;

    if (!b)
        return add_buffer(w, fn, t, FR_C_CONSTANT);
    if (b->memory == FR_C_CONSTANT)
        return true;
    *depends = true;
    if (is_given(w, fn, t) || fr_trace_maker(&fn->trace, i, t, &output))
        return true;
    fr_fail(w->where,
            "module %s reads values %s of an op's result, but no op gave it this tensor: a constant would be wrong",
            fr_module_path_text(i < fn->trace.count ? fn->trace.steps[i].module_path : NULL, path),
            fr_shape_text(&t->shape, text));
    return false;
}

/* Step i reads t, which is drawn at random. */
static bool find_drawn(fr_c_writer *w, fr_c_function *fn, size_t i, fr_tensor *t)
{
    fn->steps[i].depends = true;
    return fr_c_buffer_of(fn, t) || add_buffer(w, fn, t, FR_C_WORKSPACE);
}

/* Buffers for what the function is given. */
static bool add_given(fr_c_writer *w, fr_c_function *fn)
{
    bool ok = add_buffer(w, fn, fn->x, FR_C_INPUT) && (!fn->target || add_buffer(w, fn, fn->target, FR_C_INPUT));

    for (size_t i = 0; i < w->kept_count && ok; i++) {
        ok = add_buffer(w, fn, w->kept[i]->t, FR_C_PARAMETER);
        if (ok)
            fn->buffers[fn->buffer_count - 1].constant = w->kept[i]->constant;
    }
    for (size_t i = 0; i < fn->carried_count && ok; i++) {
        ok = add_buffer(w, fn, fn->carried[i].initial, FR_C_INPUT);
        if (ok)
            fn->buffers[fn->buffer_count - 1].name = fr_c_format(w, "s->state.%s", fn->carried[i].name);
    }
    return ok;
}

/* Gives each tensor of the trace a buffer. What a step computes of what is not given is a constant. */
static bool find_buffers(fr_c_writer *w, fr_c_function *fn)
{
    const fr_trace *t = &fn->trace;
    bool depends = false;

    if (!add_given(w, fn))
        return false;
    for (size_t i = 0; i < t->count; i++) {
        const fr_step *s = &t->steps[i];

        for (int k = 0; k < s->inputs; k++)
            if (s->in[k] && !(fr_c_is_drawn(s, k) ? find_drawn(w, fn, i, s->in[k])
                                                  : find_buffer(w, fn, i, s->in[k], &fn->steps[i].depends)))
                return false;
        for (int k = 0; k < s->outputs; k++)
            if (s->out[k] && !fr_c_buffer_of(fn, s->out[k]) &&
                !add_buffer(w, fn, s->out[k], fn->steps[i].depends ? FR_C_WORKSPACE : FR_C_CONSTANT))
                return false;
    }
    for (size_t i = 0; fn->gradients && i < w->parameter_count; i++)
        if (!find_buffer(w, fn, t->count, fn->gradients[i], &depends))
            return false;
    return find_buffer(w, fn, t->count, fn->y, &depends);
}

static bool is_output(const fr_c_function *fn, const fr_tensor *t)
{
    for (fr_tensor **g = fn->gradients; g && *g; g++)
        if (*g == t)
            return true;
    for (size_t i = 0; fn->gradients && i < fn->carried_count; i++)
        if (fn->carried[i].last == t)
            return true;
    for (size_t i = 0; i < fn->change_count; i++)
        if (fn->changes[i].action.from == t)
            return true;
    return t == fn->y;
}

bool fr_c_is_read_after(const fr_c_function *fn, size_t i, const fr_tensor *t)
{
    for (size_t j = i + 1; j < fn->trace.count; j++)
        for (int k = 0; k < fn->trace.steps[j].inputs && fn->steps[j].live; k++)
            if (fn->trace.steps[j].in[k] == t)
                return true;
    return is_output(fn, t);
}

/* From the last step to the first: a step is live if it is no constant and one of its outputs is read. */
static void find_live(fr_c_function *fn)
{
    for (size_t i = fn->trace.count; i-- > 0;) {
        const fr_step *s = &fn->trace.steps[i];

        for (int o = 0; o < s->outputs && fn->steps[i].depends && !fn->steps[i].live; o++)
            fn->steps[i].live = s->out[o] && fr_c_is_read_after(fn, i, s->out[o]);
    }
}

bool fr_c_find_buffers(fr_c_writer *w, fr_c_function *fn)
{
    fn->steps = calloc(fn->trace.count + 1, sizeof *fn->steps);
    if (!fn->steps)
        return fr_c_out_of_memory(w);
    if (!fr_c_find_carried(w, fn) || !find_buffers(w, fn))
        return false;
    find_live(fn);
    return true;
}

bool fr_c_trace(fr_c_writer *w, fr_module *m, fr_tensor *x, fr_c_function *fn)
{
    fr_thread *th = fr_thread_self();
    int no_grad = fr_no_grad_begin();
    bool ok;

    fn->x = fr_ref(x);
    fr_trace_begin(th, &fn->trace);
    fn->y = fr_ref(fr_forward(m, x));
    ok = fr_trace_end(th, w->where, &fn->trace) && fn->y;
    fr_no_grad_end(no_grad);
    return ok && fr_c_find_buffers(w, fn);
}

/* --- Running the hooks ------------------------------------------------------------------------------------------- */

static bool check_step(fr_c_writer *w, const fr_step *s)
{
    for (int k = 0; k < s->inputs; k++)
        if (s->in[k] && s->in[k]->numel == 0)
            return fr_c_fail(w, "an input without values");
    if (s->backward)
        return s->op->c_backward || fr_c_fail(w, "its backward has no C form (fr_op.c_backward)");
    return s->op->c_code || s->op->view || fr_c_fail(w, "it has no C form (fr_op.c_code)");
}

/* "rnn: linear: (7, 1, 3) -> (7, 1, 8)", as a comment before the step's lines */
static void write_comment(fr_c_writer *w, const fr_step *s)
{
    char text[FR_PATH_TEXT], path[FR_C_COMMENT], op[FR_C_COMMENT], from[FR_SHAPE_TEXT], to[FR_SHAPE_TEXT];

    fr_c_comment(fr_module_path_text(s->module_path, text), path);
    fr_c_comment(s->op->name, op);
    if (s->backward)
        fr_c_line(w, "/* %s%sbackward of %s */", path, *path ? ": " : "", op);
    else
        fr_c_line(w, "/* %s%s%s: %s -> %s */", path, *path ? ": " : "", op,
                  s->in[0] ? fr_shape_text(&s->in[0]->shape, from) : "", fr_shape_text(&s->out[0]->shape, to));
}

/* Plans if w->out is NULL, else writes. Views need no code. */
static bool run_steps(fr_c_writer *w, fr_c_function *fn)
{
    bool first = true;

    w->function = fn;
    for (size_t i = 0; i < fn->trace.count && !w->failed; i++) {
        const fr_step *s = &fn->trace.steps[i];
        fr_op_call call = fr_step_as_call(s);

        w->step = i;
        w->scratch_count = 0;
        fr_c_write_changes(w, fn, i);
        if (!fn->steps[i].live || !check_step(w, s) || s->op->view)
            continue;
        if (!first)
            fr_c_line(w, "%s", "");
        first = false;
        write_comment(w, s);
        if (!(s->backward ? s->op->c_backward : s->op->c_code)(w, &call) && !w->failed && !fr_c_has_unsupported(w))
            fr_c_fail(w, "its %s hook failed", s->backward ? "c_backward" : "c_code");
        if (s->op->multiply_adds && !s->backward && !w->out)
            fn->multiply_adds += s->op->multiply_adds(&call);
        if (fn->gradients)
            fr_c_write_updates(w, fn, i);
    }
    w->step = fn->trace.count;
    w->scratch_count = 0;
    fr_c_write_changes(w, fn, w->step);
    if (fn->gradients)
        fr_c_write_updates(w, fn, w->step);
    w->failed = fr_error_list_fail(&w->unsupported, w->where, "what cannot be written in C") || w->failed;
    return !w->failed;
}

/* The buffer that can lie in the caller's y, because the output is all of its values in their order; NULL: there is
 * none, and the output is copied at the end. */
static fr_c_buffer *output_buffer(fr_c_function *fn)
{
    fr_c_buffer *b = fr_c_buffer_of(fn, fn->y);

    return b->memory == FR_C_WORKSPACE && fn->y->contiguous && fn->y->numel == b->numel ? b : NULL;
}

/* A training step returns its loss. */
static bool copy_output(fr_c_writer *w, fr_c_function *fn)
{
    if (fn->gradients)
        return fr_c_line(w, "%s", "") && fr_c_write_carried(w, fn) &&
               fr_c_line(w, "return *(%s);", fr_c_values(w, fn->y));
    return output_buffer(fn) || fr_c_copy_contiguous(w, fn->y, "y");
}

/* How many recurrent states step i ends in. */
static int count_states(const fr_c_function *fn, size_t i)
{
    const fr_op_steps *recurrence = fn->trace.steps[i].op->steps;
    int n = 0;

    while (recurrence && fn->steps[i].live && n < 2 && recurrence->state[n].name)
        n++;
    return n;
}

/* In NAME_step the outputs of recurrent ops that hold their last states lie in the caller's NAME_state. */
static bool find_states(fr_c_writer *w, fr_c_function *fn)
{
    size_t n = 0, layer = 0;

    fn->state_names = calloc(2 * fn->trace.count + 1, sizeof *fn->state_names);
    if (!fn->state_names)
        return fr_c_out_of_memory(w);
    for (size_t i = 0; i < fn->trace.count; i++) {
        const fr_step *s = &fn->trace.steps[i];

        for (int k = 0; k < count_states(fn, i); k++) {
            fr_c_buffer *b = fr_c_buffer_of(fn, s->out[s->op->steps->state[k].output]);

            b->memory = FR_C_STATE;
            fn->state_names[n++] = fr_c_format(w, "%s%zu", s->op->steps->state[k].name, layer);
        }
        layer += s->op->steps && fn->steps[i].live;
    }
    return !w->failed;
}

bool fr_c_plan(fr_c_writer *w, fr_c_function *fn)
{
    fr_c_buffer *output;

    if (fn->one_time_step && !find_states(w, fn))
        return false;
    w->out = NULL;
    if (!run_steps(w, fn) || !copy_output(w, fn))
        return false;
    output = fn->gradients ? NULL : output_buffer(fn);
    if (output) {
        output->is_output = true;
        output->name = "y";
    }
    if (fn->y->dtype == FR_F64)
        return fr_fail(w->where, "the result is float64, expected float32");
    if (fn->y->numel == 0)
        return fr_fail(w->where, "the result has no values");
    return fr_c_plan_workspace(w, fn);
}

/* --- Writing ----------------------------------------------------------------------------------------------------- */

static void name_states(fr_c_writer *w, fr_c_function *fn)
{
    size_t n = 0;

    for (size_t i = 0; i < fn->buffer_count; i++) {
        fr_c_buffer *b = &fn->buffers[i];

        if (b->memory == FR_C_STATE)
            b->name = fr_c_format(w, "state->%s", fn->state_names[n++]);
        else if (b->memory == FR_C_PARAMETER)
            b->name =
                fr_c_format(w, b->dtype == FR_I64 ? "s->counts.%s" : "s->weights.%s", w->constants[b->constant].name);
    }
}

/* The lines of NAME_run_in, NAME_step, NAME_predict or NAME_train. */
bool fr_c_write_body(fr_c_writer *w, fr_c_function *fn, FILE *f)
{
    bool ok;

    name_states(w, fn);
    w->out = f;
    w->indent = 1;
    ok = run_steps(w, fn) && copy_output(w, fn);
    w->out = NULL;
    return ok;
}

bool fr_c_write_reset_body(fr_c_writer *w, fr_c_function *fn, FILE *f)
{
    name_states(w, fn);
    w->out = f;
    w->indent = 1;
    w->function = fn;
    fn->one_time_step = false; /* fr_c_state then writes the initial states */
    for (size_t i = 0; i < fn->trace.count; i++) {
        const fr_step *s = &fn->trace.steps[i];
        fr_op_call call = fr_step_as_call(s);

        w->step = i;
        for (int k = 0; k < count_states(fn, i); k++)
            fr_c_state(w, &call, k);
    }
    fn->one_time_step = true;
    w->out = NULL;
    return !w->failed;
}
