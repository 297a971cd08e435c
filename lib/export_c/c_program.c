/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A traced forward as a function in C: which steps it takes, where its values lie, and its lines. */
#include "core/integer.h"
#include "export_c/c_code.h"

#include <frond/autograd.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

void fr_c_program_free(fr_c_program *p)
{
    fr_trace_free(&p->trace);
    fr_unref(p->x);
    fr_unref(p->y);
    free(p->steps);
    free(p->buffers);
    free(p->state_names);
    *p = (fr_c_program){ 0 };
}

fr_op_call fr_c_call_of(const fr_step *s)
{
    return (fr_op_call){ .op = s->op,
                         .attributes = s->attributes,
                         .inputs = s->inputs,
                         .outputs = s->outputs,
                         .in = s->in,
                         .result = s->out };
}

/* --- What is computed -------------------------------------------------------------------------------------------- */

static bool add_buffer(fr_c_writer *w, fr_c_program *p, fr_tensor *t, fr_c_kind kind)
{
    fr_c_buffer b = { .kind = kind, .storage = t->storage, .dtype = fr_dtype_of(t), .first = SIZE_MAX };

    b.numel = kind == FR_C_INPUT ? t->numel : (int64_t)(t->storage->bytes / fr_dtype_size(b.dtype));
    if (kind == FR_C_INPUT)
        b.name = "x";
    if (kind == FR_C_CONSTANT && !fr_c_add_constant(w, t, &b.constant))
        return false;
    if (b.numel > INT_MAX)
        return fr_fail(w->what, "an array of %" PRId64 " values, which an int cannot count", b.numel);
    if (!fr_make_room(&p->buffers, sizeof *p->buffers, p->count, &p->capacity))
        return *fr_c_no_memory(w) != '\0';
    p->buffers[p->count++] = b;
    return true;
}

/* What step i reads, or (i the number of steps) the result: noted where no step made it; depends: on x. */
static bool read_value(fr_c_writer *w, fr_c_program *p, size_t i, fr_tensor *t, bool *depends)
{
    const fr_c_buffer *b = fr_c_buffer_of(p, t);
    char text[FR_SHAPE_TEXT], path[FR_PATH_TEXT];
    int output;

    if (!b)
        return add_buffer(w, p, t, FR_C_CONSTANT);
    if (b->kind == FR_C_CONSTANT)
        return true;
    *depends = true;
    if (t == p->x || fr_trace_maker(&p->trace, i, t, &output))
        return true;
    fr_fail(w->what, "module %s reads values %s of a result that no op gave it: a constant would be wrong",
            fr_module_path_text(i < p->trace.count ? p->trace.steps[i].module_path : NULL, path),
            fr_shape_text(&t->shape, text));
    return false;
}

static bool find_values(fr_c_writer *w, fr_c_program *p)
{
    const fr_trace *t = &p->trace;
    bool depends = false;

    if (!add_buffer(w, p, p->x, FR_C_INPUT))
        return false;
    for (size_t i = 0; i < t->count; i++) {
        const fr_step *s = &t->steps[i];

        for (int k = 0; k < s->inputs; k++)
            if (s->in[k] && !read_value(w, p, i, s->in[k], &p->steps[i].depends))
                return false;
        for (int k = 0; k < s->outputs; k++)
            if (!fr_c_buffer_of(p, s->out[k]) &&
                !add_buffer(w, p, s->out[k], p->steps[i].depends ? FR_C_WORK : FR_C_CONSTANT))
                return false;
    }
    return read_value(w, p, t->count, p->y, &depends);
}

bool fr_c_reads_after(const fr_c_program *p, size_t i, const fr_tensor *t)
{
    for (size_t j = i + 1; j < p->trace.count; j++)
        for (int k = 0; k < p->trace.steps[j].inputs && p->steps[j].live; k++)
            if (p->trace.steps[j].in[k] == t)
                return true;
    return t == p->y;
}

/* From the result back: a step is live where one of its results is read. A view is, if what it looks at is. */
static void find_live(fr_c_program *p)
{
    for (size_t i = p->trace.count; i-- > 0;) {
        const fr_step *s = &p->trace.steps[i];

        for (int o = 0; o < s->outputs && p->steps[i].depends && !p->steps[i].live; o++)
            p->steps[i].live = fr_c_reads_after(p, i, s->out[o]);
    }
}

bool fr_c_trace(fr_c_writer *w, fr_module *m, fr_tensor *x, fr_c_program *p)
{
    fr_thread *th = fr_thread_self();
    int no_grad = fr_no_grad_begin();
    bool ok;

    p->x = fr_ref(x);
    fr_trace_begin(th, &p->trace);
    p->y = fr_ref(fr_forward(m, x));
    ok = fr_trace_end(th, w->what, &p->trace) && p->y;
    fr_no_grad_end(no_grad);
    if (!ok)
        return false;
    p->steps = calloc(p->trace.count + 1, sizeof *p->steps);
    if (!p->steps)
        return *fr_c_no_memory(w) != '\0';
    if (!find_values(w, p))
        return false;
    find_live(p);
    return true;
}

/* --- Steps ------------------------------------------------------------------------------------------------------- */

static bool check_step(fr_c_writer *w, const fr_step *s)
{
    for (int k = 0; k < s->inputs; k++)
        if (s->in[k] && s->in[k]->numel == 0)
            return fr_c_fail(w, "an input without values");
    return s->op->c_code || s->op->view || fr_c_fail(w, "it has no C form (fr_op.c_code)");
}

static void write_comment(fr_c_writer *w, const fr_step *s)
{
    char path[FR_PATH_TEXT], from[FR_SHAPE_TEXT], to[FR_SHAPE_TEXT];

    fr_module_path_text(s->module_path, path);
    fr_c_line(w, "/* %s%s%s: %s -> %s */", path, *path ? ": " : "", s->op->name,
              s->in[0] ? fr_shape_text(&s->in[0]->shape, from) : "", fr_shape_text(&s->out[0]->shape, to));
}

/* Runs the hooks: plans where w->out is NULL, else writes. */
static bool run_steps(fr_c_writer *w, fr_c_program *p)
{
    bool first = true;

    w->now = p;
    for (size_t i = 0; i < p->trace.count && !w->failed; i++) {
        const fr_step *s = &p->trace.steps[i];
        fr_op_call call = fr_c_call_of(s);

        w->step = i;
        w->scratch = 0;
        if (!p->steps[i].live || !check_step(w, s) || s->op->view)
            continue;
        if (!first)
            fr_c_line(w, "%s", "");
        first = false;
        write_comment(w, s);
        if (!s->op->c_code(w, &call) && !w->failed && !fr_c_has_refused(w))
            fr_c_fail(w, "its hook says no");
        if (s->op->multiply_adds && !w->out)
            p->multiply_adds += s->op->multiply_adds(&call);
    }
    w->step = p->trace.count;
    w->failed = fr_complaints_fail(&w->refused, w->what, "what cannot be written in C") || w->failed;
    return !w->failed;
}

/* Whether the result's values are those of one buffer, in order, so that they can be computed where the caller wants
 * them. */
static fr_c_buffer *own_result(fr_c_program *p)
{
    fr_c_buffer *b = fr_c_buffer_of(p, p->y);

    return b->kind == FR_C_WORK && p->y->contiguous && p->y->numel == b->numel ? b : NULL;
}

static bool copy_result(fr_c_writer *w, fr_c_program *p)
{
    return own_result(p) || fr_c_gather(w, p->y, "y");
}

/* In a function that takes one step, the states are where the caller keeps them. */
static bool find_states(fr_c_writer *w, fr_c_program *p)
{
    size_t n = 0, layer = 0;

    p->state_names = calloc(2 * p->trace.count + 1, sizeof *p->state_names);
    if (!p->state_names)
        return *fr_c_no_memory(w) != '\0';
    for (size_t i = 0; i < p->trace.count; i++) {
        const fr_step *s = &p->trace.steps[i];

        for (int k = 0; s->op->steps && p->steps[i].live && k < 2 && s->op->steps->state[k].name; k++) {
            fr_c_buffer *b = fr_c_buffer_of(p, s->out[s->op->steps->state[k].output]);

            b->kind = FR_C_STATE;
            p->state_names[n++] = fr_c_text_of(w, "%s%zu", s->op->steps->state[k].name, layer);
        }
        layer += s->op->steps && p->steps[i].live;
    }
    return !w->failed;
}

bool fr_c_plan(fr_c_writer *w, fr_c_program *p)
{
    fr_c_buffer *own;

    if (p->stepwise && !find_states(w, p))
        return false;
    w->out = NULL;
    if (!run_steps(w, p) || !copy_result(w, p))
        return false;
    own = own_result(p);
    if (own) {
        own->is_result = true;
        own->name = "y";
    }
    if (p->y->dtype == FR_F64)
        return fr_fail(w->what, "the result is float64, expected float32");
    fr_c_place_buffers(p);
    return true;
}

/* --- Memory ------------------------------------------------------------------------------------------------------ */

static bool has_memory(const fr_c_buffer *b)
{
    return b->kind == FR_C_WORK && !b->is_result && b->first != SIZE_MAX;
}

/* The lowest offset at which b lies clear of all placed before it that are alive together with it. */
static void place_buffer(const fr_c_program *p, size_t index)
{
    fr_c_buffer *b = &p->buffers[index];
    bool moved = true;

    b->offset = 0;
    while (moved) {
        moved = false;
        for (size_t i = 0; i < p->count; i++) {
            const fr_c_buffer *o = &p->buffers[i];
            bool placed = o->numel > b->numel || (o->numel == b->numel && i < index);

            if (!placed || i == index || !has_memory(o) || (o->dtype == FR_I64) != (b->dtype == FR_I64) ||
                o->last < b->first || b->last < o->first || o->offset >= b->offset + b->numel ||
                b->offset >= o->offset + o->numel)
                continue;
            b->offset = o->offset + o->numel;
            moved = true;
        }
    }
}

/* The largest buffer first; each takes the lowest place that is free for as long as it lives. */
void fr_c_place_buffers(fr_c_program *p)
{
    int64_t below = INT64_MAX;

    p->floats = p->integers = 0;
    while (below > 0) {
        int64_t size = 0;

        for (size_t i = 0; i < p->count; i++)
            if (has_memory(&p->buffers[i]) && p->buffers[i].numel < below)
                size = fr_most(size, p->buffers[i].numel);
        for (size_t i = 0; i < p->count && size > 0; i++) {
            fr_c_buffer *b = &p->buffers[i];
            int64_t *total = b->dtype == FR_I64 ? &p->integers : &p->floats;

            if (!has_memory(b) || b->numel != size)
                continue;
            place_buffer(p, i);
            *total = fr_most(*total, b->offset + b->numel);
        }
        below = size;
    }
}

/* --- Writing ----------------------------------------------------------------------------------------------------- */

static void name_states(fr_c_writer *w, fr_c_program *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->count; i++)
        if (p->buffers[i].kind == FR_C_STATE)
            p->buffers[i].name = fr_c_text_of(w, "state->%s", p->state_names[n++]);
}

bool fr_c_write_steps(fr_c_writer *w, fr_c_program *p, FILE *f)
{
    bool ok;

    name_states(w, p);
    w->out = f;
    w->indent = 1;
    ok = run_steps(w, p) && copy_result(w, p);
    w->out = NULL;
    return ok;
}

bool fr_c_write_reset(fr_c_writer *w, fr_c_program *p, FILE *f)
{
    name_states(w, p);
    w->out = f;
    w->indent = 1;
    w->now = p;
    p->stepwise = false; /* so that fr_c_state writes what the states begin with */
    for (size_t i = 0; i < p->trace.count; i++) {
        const fr_step *s = &p->trace.steps[i];
        fr_op_call call = fr_c_call_of(s);

        w->step = i;
        for (int k = 0; s->op->steps && p->steps[i].live && k < 2 && s->op->steps->state[k].name; k++)
            fr_c_state(w, &call, k);
    }
    p->stepwise = true;
    w->out = NULL;
    return !w->failed;
}
