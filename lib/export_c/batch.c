/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Which dim of x holds the samples, where their number is open: one along which the module gives two samples together
 * what it gives each alone. That is tried with a sample of the example and a changed copy of it. */
#include "export_c/writer.h"

#include <frond/autograd.h>
#include <math.h>
#include <stdlib.h>

enum { ALONE = 2 /* runs of one sample; the one after them is of both */ };

/* Where several values came of, they differ in no dim, or are not those that the samples give alone. */
enum { SHARED = -1, MIXED = -2 };

typedef struct {
    fr_trace trace;
    fr_tensor *y; /* NULL: the module does not run with this many samples */
} trial;

typedef struct {
    fr_c_writer *w;
    fr_module *m;
    int dim;          /* of x */
    size_t failed_at; /* the first step whose results are mixed; SIZE_MAX: none is known */
    char reason[256];
    trial trials[ALONE + 1];
} search;

/* Another sample of s's shape. Where s holds integers it has neighbours of them, and none that is negative. */
static fr_tensor *changed(fr_tensor *s)
{
    fr_tensor *t = fr_clone(s);

    for (int64_t i = 0; t && i < t->numel; i++) {
        if (t->dtype == FR_I64)
            ((int64_t *)(void *)t->origin)[i] += ((int64_t *)(void *)t->origin)[i] > 0 ? -1 : 1;
        else
            ((float *)(void *)t->origin)[i] = 0.125F + 0.75F * (float)fr_at(s, t->numel - 1 - i);
    }
    return t;
}

static bool run_trial(search *s, fr_tensor *x, trial *t)
{
    fr_thread *th = fr_thread_self();
    int no_grad = fr_no_grad_begin();
    bool ok;

    fr_trace_begin(th, &t->trace);
    t->y = fr_ref(fr_forward(s->m, x));
    ok = fr_trace_end(th, s->w->where, &t->trace) && t->y;
    fr_no_grad_end(no_grad);
    return ok;
}

/* True if they differ by rounding alone, by the measure of the largest value. */
static bool are_near(const fr_tensor *a, const fr_tensor *b)
{
    double largest = 0;

    for (int64_t i = 0; i < b->numel; i++)
        if (isfinite(fr_at(b, i)))
            largest = fmax(largest, fabs(fr_at(b, i)));
    for (int64_t i = 0; i < a->numel; i++) {
        double x = fr_at(a, i), y = fr_at(b, i);

        if (x != y && !(isnan(x) && isnan(y)) && !(fabs(x - y) <= 1e-5 * largest))
            return false;
    }
    return true;
}

/* The dim along which `both` is first and second, one after the other. */
static int dim_of_samples(fr_tensor *both, fr_tensor *first, fr_tensor *second)
{
    int dim = SHARED;

    if (both->shape.ndim != first->shape.ndim || both->dtype != first->dtype ||
        !fr_shape_equal(&first->shape, &second->shape))
        return MIXED;
    for (int d = 0; d < both->shape.ndim; d++) {
        if (both->shape.dim[d] == first->shape.dim[d])
            continue;
        if (dim != SHARED || both->shape.dim[d] != 2 * first->shape.dim[d])
            return MIXED;
        dim = d;
    }
    if (dim == SHARED)
        return are_near(both, first) && are_near(both, second) ? SHARED : MIXED;
    for (int k = 0; k < 2; k++) {
        int64_t n = first->shape.dim[dim];
        fr_tensor *part = fr_slice(both, dim, k * n, (k + 1) * n, 1);

        if (!part || !are_near(part, k ? second : first))
            return MIXED;
    }
    return dim;
}

/* For the error: the first step that gives the samples together something else. */
static void find_failed_step(search *s)
{
    const fr_trace *t = &s->trials[ALONE].trace, *first = &s->trials[0].trace, *second = &s->trials[1].trace;
    char path[FR_PATH_TEXT];

    for (size_t i = 0; i < t->count; i++) {
        bool same = i < first->count && i < second->count && t->steps[i].op == first->steps[i].op &&
                    t->steps[i].op == second->steps[i].op;

        for (int k = 0; same && k < t->steps[i].outputs; k++)
            same = dim_of_samples(t->steps[i].out[k], first->steps[i].out[k], second->steps[i].out[k]) != MIXED;
        if (same)
            continue;
        s->failed_at = i;
        fr_module_path_text(t->steps[i].module_path, path);
        snprintf(s->reason, sizeof s->reason, "%s in %s%.120s does not treat each alone", t->steps[i].op->name,
                 *path ? "module " : "no module", path);
        return;
    }
    snprintf(s->reason, sizeof s->reason, "the output does not hold one result after the other");
}

static void free_trials(search *s)
{
    for (int k = 0; k <= ALONE; k++) {
        fr_trace_free(&s->trials[k].trace);
        fr_unref(s->trials[k].y);
        s->trials[k] = (trial){ 0 };
    }
}

/* The dim of y that holds the samples that s->dim of x holds. SHARED or MIXED, with the reason: there is none. */
static int try_dim(search *s, fr_tensor *example)
{
    fr_thread *th = fr_thread_self();
    bool had_message = th->errors.has_message, ok = true;
    fr_tensor *one = fr_clone(fr_slice(example, s->dim, 0, 1, 1)), *samples[] = { one, changed(one) };
    int found = MIXED;

    s->failed_at = SIZE_MAX;
    for (int k = 0; k <= ALONE && ok; k++)
        ok = run_trial(s, k < ALONE ? samples[k] : fr_cat(samples, ALONE, s->dim), &s->trials[k]);
    if (ok)
        found = dim_of_samples(s->trials[ALONE].y, s->trials[0].y, s->trials[1].y);
    if (!ok)
        fr_c_last_error(s->reason, sizeof s->reason);
    else if (found < 0)
        find_failed_step(s);
    free_trials(s);
    fr_forgive(th, had_message);
    return found;
}

fr_tensor *fr_c_open_batch(fr_c_writer *w, fr_module *m, fr_tensor *example)
{
    const fr_thread *th = fr_thread_self();
    char shape[FR_SHAPE_TEXT], best[sizeof((search *)0)->reason] = "it has no dims";
    size_t furthest = 0; /* the step after the last one that a try got to */

    for (int d = 0; d < example->shape.ndim && !th->errors.pending; d++) {
        search s = { .w = w, .m = m, .dim = d };
        int y_dim = try_dim(&s, example);

        if (y_dim >= 0 && !th->errors.pending) {
            w->batch.x_dim = d;
            w->batch.y_dim = y_dim;
            w->batch.size = example->shape.dim[d];
            return fr_clone(fr_slice(example, d, 0, 1, 1));
        }
        if (d == 0 || (s.failed_at != SIZE_MAX && s.failed_at + 1 > furthest)) {
            furthest = s.failed_at == SIZE_MAX ? 0 : s.failed_at + 1;
            memcpy(best, s.reason, sizeof best);
        }
    }
    if (!th->errors.pending)
        fr_fail(w->where, "no dim of x, %s, holds samples: %s", fr_shape_text(&example->shape, shape), best);
    return NULL;
}
