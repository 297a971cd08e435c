/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Where the number of time steps is open: the forwards of fewer steps. They must call the ops that the whole does, on
 * the same constants, and each size must be a polynomial of the number of steps, of degree 2 at most: attention has
 * that. So there is one text for all (length_text.c). Each buffer lies where it does for the most steps. */
#include "export_c/writer.h"

#include <inttypes.h>
#include <stdlib.h>

typedef struct {
    fr_c_writer *w;
    fr_module *m;
    const fr_c_function *run;
    fr_c_length *length;
    bool only_compare; /* the forward that is traced is not written */
    size_t failed_at;  /* a step of the trace; SIZE_MAX: the module did not run */
    char reason[256];
} search;

int64_t fr_c_size_at(const fr_c_length *l, const int64_t v[1 + FR_C_FITTED_LENGTHS], int64_t length)
{
    int64_t fewer = l->max - length;

    return v[0] + fewer * (v[1] - v[0]) + fewer * (fewer - 1) / 2 * (v[2] - 2 * v[1] + v[0]);
}

/* --- Comparing the traces ---------------------------------------------------------------------------------------- */

static bool step_fails(search *s, size_t i, const char *text)
{
    const fr_step *step = &s->run->trace.steps[i];
    char path[FR_PATH_TEXT];

    fr_module_path_text(step->module_path, path);
    s->failed_at = i;
    snprintf(s->reason, sizeof s->reason, "%s in %s%.120s %s", step->op->name, *path ? "module " : "no module", path,
             text);
    return false;
}

/* The next live step from i on. Copies are left out: for a single time step what lies apart otherwise may lie together,
 * and needs none. */
static size_t next_step(const fr_c_function *fn, size_t i)
{
    while (i < fn->trace.count && (!fn->steps[i].live || fn->trace.steps[i].op == fr_op_find("clone")))
        i++;
    return i;
}

static bool same_tensors(int n, fr_tensor *const *a, fr_tensor *const *b)
{
    for (int k = 0; k < n; k++)
        if (!a[k] != !b[k] || (a[k] && (a[k]->shape.ndim != b[k]->shape.ndim || a[k]->dtype != b[k]->dtype)))
            return false;
    return true;
}

static bool is_constant(const fr_c_function *fn, const fr_tensor *t)
{
    return t && fr_c_buffer_of(fn, t)->memory == FR_C_CONSTANT;
}

static bool same_op(const fr_c_function *run, const fr_step *a, const fr_c_function *fn, const fr_step *b)
{
    bool same = a->op == b->op && a->inputs == b->inputs && a->outputs == b->outputs &&
                same_tensors(a->inputs, a->in, b->in) && same_tensors(a->outputs, a->out, b->out);

    for (int k = 0; same && k < a->inputs; k++)
        same = is_constant(run, a->in[k]) == is_constant(fn, b->in[k]);
    return same;
}

/* A step of run and of the fitted lengths, and its counterpart in fn. */
enum { COMPARED = 2 + FR_C_FITTED_LENGTHS };
typedef const fr_step *counterparts[COMPARED];

/* True if v[] are those of the run and the fitted lengths, and what follows from them for `length`. */
static bool number_fits(const search *s, const int64_t v[COMPARED], int64_t length)
{
    return v[COMPARED - 1] == fr_c_size_at(s->length, v, length);
}

/* Tensor k, an input or output. */
static bool sizes_fit(const search *s, const counterparts step, int k, int64_t length)
{
    const fr_tensor *t[COMPARED];
    int64_t v[COMPARED];

    for (int n = 0; n < COMPARED; n++)
        t[n] = k < step[n]->inputs ? step[n]->in[k] : step[n]->out[k - step[n]->inputs];
    for (int d = 0; t[0] && d < t[0]->shape.ndim; d++) {
        for (int n = 0; n < COMPARED; n++)
            v[n] = t[n]->shape.dim[d];
        if (!number_fits(s, v, length) || t[COMPARED - 1]->numel == 0)
            return false;
    }
    return true;
}

/* Where a view begins in its input. */
static bool offset_fits(const search *s, const counterparts step, int64_t length)
{
    int64_t v[COMPARED];

    for (int n = 0; step[0]->op->view && n < COMPARED; n++)
        v[n] = step[n]->out[0]->origin - step[n]->in[0]->origin;
    return !step[0]->op->view || number_fits(s, v, length);
}

/* Attributes that are the same for the run and the fitted lengths are so for fn. */
static bool attributes_fit(const counterparts step)
{
    size_t n = step[0]->attributes ? step[0]->op->attributes_size : 0;

    for (int k = 1; n > 0 && k <= FR_C_FITTED_LENGTHS; k++)
        if (memcmp(step[0]->attributes, step[k]->attributes, n) != 0)
            return true;
    return n == 0 || memcmp(step[0]->attributes, step[COMPARED - 1]->attributes, n) == 0;
}

/* True if the numbers of step j of fn follow from those of step i of the run and of the fitted lengths. */
static bool numbers_fit(const search *s, size_t i, const fr_step *other, int64_t length)
{
    const counterparts step = { &s->run->trace.steps[i], &s->length->shorter[0].trace.steps[i],
                                &s->length->shorter[1].trace.steps[i], other };
    bool fit = attributes_fit(step) && offset_fits(s, step, length);

    for (int k = 0; fit && k < step[0]->inputs + step[0]->outputs; k++)
        fit = sizes_fit(s, step, k, length);
    return fit;
}

/* whole's first part, of t's shape; NULL: t has other values, or memory ran out. */
static fr_tensor *first_part(const search *s, fr_tensor *whole, const fr_tensor *t)
{
    fr_tensor *part;

    for (int d = 0; d < t->shape.ndim; d++)
        if (t->shape.dim[d] > whole->shape.dim[d])
            return NULL;
    part = fr_hold(s->w->where, fr_tensor_share(s->w->where, whole, &t->shape, whole->stride, 0));
    for (int64_t i = 0; part && i < t->numel; i++)
        if (fr_at(part, i) != fr_at(t, i))
            return NULL;
    return part;
}

/* A constant that was computed, *t of fn, becomes a part of that of the run, as a mask for fewer time steps is a corner
 * of that for the most. */
static bool share_constant(const search *s, fr_c_function *fn, fr_tensor *whole, fr_tensor **t)
{
    fr_c_buffer *a = fr_c_buffer_of(s->run, whole), *b = fr_c_buffer_of(fn, *t);
    fr_tensor *part = a->storage == b->storage ? *t : first_part(s, whole, *t);

    if (!part || part == *t || s->only_compare)
        return part != NULL;
    if (a - s->run->buffers != b - fn->buffers)
        return false;
    b->constant = a->constant;
    fr_unref(*t);
    *t = fr_ref(part);
    return true;
}

/* True if fn, of `length` time steps, is what the run is, but for sizes. fits: the fitted lengths are there already, to
 * compare with. */
static bool is_alike(search *s, fr_c_function *fn, int64_t length, bool fits)
{
    const fr_trace *t = &s->run->trace;
    size_t i = next_step(s->run, 0), j = next_step(fn, 0);

    for (; i < t->count; i = next_step(s->run, i + 1), j = next_step(fn, j + 1)) {
        fr_step *a = &t->steps[i], *b = &fn->trace.steps[j];

        if (j >= fn->trace.count || !same_op(s->run, a, fn, b))
            return step_fails(s, i, "is not called alike for any number of them");
        if (fits && !numbers_fit(s, i, b, length))
            return step_fails(s, i, "has sizes that are not sums and products of their number");
        for (int k = 0; k < a->inputs; k++)
            if (is_constant(s->run, a->in[k]) && !share_constant(s, fn, a->in[k], &b->in[k]))
                return step_fails(s, i, "has an input that does not depend on x, but on their number");
    }
    s->failed_at = t->count;
    snprintf(s->reason, sizeof s->reason, "more ops are called for fewer");
    return j >= fn->trace.count && s->run->y->shape.ndim == fn->y->shape.ndim;
}

/* --- The forwards of fewer steps --------------------------------------------------------------------------------- */

/* fits: the fitted lengths are there already, to compare with. */
static bool trace_length(search *s, int64_t length, fr_c_function *fn, bool fits)
{
    fr_thread *th = fr_thread_self();
    bool had_message = th->errors.has_message, ok;
    fr_tensor *x = fr_clone(fr_slice(s->run->x, s->length->x_dim, 0, length, 1));

    fr_c_function_free(fn);
    ok = fr_c_trace(s->w, s->m, x, fn);
    if (!ok) {
        s->failed_at = SIZE_MAX;
        fr_c_last_error(s->reason, sizeof s->reason);
        fr_forgive(th, had_message);
    }
    return ok && is_alike(s, fn, length, fits) && !th->errors.pending;
}

/* The fewest steps that the module can do. */
static int64_t find_min(search *s)
{
    const fr_thread *th = fr_thread_self();
    int64_t length = 1;
    fr_c_function fn = { 0 };

    s->only_compare = true;
    while (length < s->length->max - FR_C_LENGTHS + 1 && !trace_length(s, length, &fn, true) && !th->errors.pending)
        length++;
    s->only_compare = false;
    fr_c_function_free(&fn);
    return length;
}

static bool try_dim(search *s, int dim)
{
    fr_c_length *l = s->length;
    int64_t low;
    fr_c_function middle = { 0 };
    bool ok;

    l->x_dim = dim;
    l->max = s->run->x->shape.dim[dim];
    s->failed_at = SIZE_MAX;
    snprintf(s->reason, sizeof s->reason, "dim %d has size %" PRId64 ", which is too few to compare with fewer", dim,
             l->max);
    for (int k = 0; k < FR_C_LENGTHS - 1; k++)
        if (l->max <= FR_C_LENGTHS || !trace_length(s, l->max - 1 - k, &l->shorter[k], k >= FR_C_FITTED_LENGTHS))
            return false;
    l->min = find_min(s);
    /* Code for dims of size 1 has no loops. Above min + 1 there are no more of them than for max. */
    low = l->min + 2 < l->max - 3 ? l->min + 2 : l->max - 3;
    ok = trace_length(s, low, &l->shorter[FR_C_LENGTHS - 1], true);
    s->only_compare = true;
    ok = ok && trace_length(s, (low + l->max) / 2, &middle, true);
    s->only_compare = false;
    fr_c_function_free(&middle);
    return ok;
}

/* Plans fn, with its buffers where run has them, and with the constants of run. */
static bool plan_shorter(search *s, fr_c_function *fn)
{
    const fr_c_function *run = s->run;
    bool same;

    for (size_t i = 0; i < fn->buffer_count && i < run->buffer_count; i++)
        if (fn->buffers[i].memory == FR_C_CONSTANT && fn->buffers[i].constant == run->buffers[i].constant) {
            fn->buffers[i].storage = run->buffers[i].storage;
            fn->buffers[i].start = run->buffers[i].start;
        }
    if (!fr_c_plan(s->w, fn))
        return false;
    same = run->buffer_count == fn->buffer_count;
    for (size_t i = 0; same && i < run->buffer_count; i++) {
        const fr_c_buffer *a = &run->buffers[i];
        fr_c_buffer *b = &fn->buffers[i];

        b->offset = a->offset;
        same = a->memory == b->memory && a->is_output == b->is_output && b->numel <= a->numel;
    }
    return same || fr_fail(s->w->where, "the number of steps cannot be open: for fewer, other memory is needed");
}

/* Sets l->x_dim. run may have one sample of the example alone. The dim of the samples comes last. */
static bool find_dim(search *s, const fr_tensor *example, int batch_dim)
{
    const fr_thread *th = fr_thread_self();
    int ndim = s->run->x->shape.ndim;
    char shape[FR_SHAPE_TEXT], best[sizeof s->reason] = "it has no dim that could hold them";
    size_t furthest = 0; /* the step after the last one that a try got to */
    bool tried = false;

    for (int d = 0; d <= ndim && !th->errors.pending; d++) {
        if (d == batch_dim || (d == ndim && (batch_dim < 0 || s->w->batch.open)))
            continue;
        if (try_dim(s, d < ndim ? d : batch_dim))
            return true;
        if (!tried || (s->failed_at != SIZE_MAX && s->failed_at + 1 > furthest)) {
            tried = true;
            furthest = s->failed_at == SIZE_MAX ? 0 : s->failed_at + 1;
            memcpy(best, s->reason, sizeof best);
        }
    }
    if (!th->errors.pending)
        fr_fail(s->w->where, "the number of steps in x, %s, cannot be open: %s", fr_shape_text(&example->shape, shape),
                best);
    return false;
}

bool fr_c_open_length(fr_c_writer *w, fr_module *m, const fr_tensor *example, const fr_c_function *run)
{
    search s = { .w = w, .m = m, .run = run, .length = &w->length };
    fr_thread *th = fr_thread_self();
    bool had_message = th->errors.has_message;
    int batch_dim = w->batch.x_dim;

    if (!w->batch.open) {
        batch_dim = fr_c_open_batch(w, m, run->x) ? w->batch.x_dim : -1;
        if (!fr_forgive(th, had_message))
            return false;
    }
    if (!find_dim(&s, example, batch_dim))
        return false;
    for (int k = 0; k < FR_C_LENGTHS; k++)
        if (!plan_shorter(&s, &w->length.shorter[k]))
            return false;
    return true;
}

void fr_c_length_free(fr_c_length *l)
{
    for (int k = 0; k < FR_C_LENGTHS; k++)
        fr_c_function_free(&l->shorter[k]);
}
