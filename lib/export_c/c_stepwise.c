/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Whether a forward can be taken step by step. Each value of the trace is followed: it has all steps along one of its
 * dims, or it is of the last step, which is that of the step under way when steps are taken one by one. */
#include "export_c/c_code.h"

#include <stdlib.h>

enum { LAST = -1, TIMELESS = -2, MIXED = -3 };

typedef struct {
    const fr_c_program *p;
    int64_t steps;
    int **dims; /* of each output of each step of the trace */
    int x_dim;
    bool recurrent; /* seen a layer that goes through the steps */
    size_t failed_at;
} walk;

static int dim_of(const walk *w, const fr_tensor *t)
{
    const fr_trace *trace = &w->p->trace;
    const fr_step *maker;
    int output;

    if (!t || fr_c_buffer_of(w->p, t)->kind == FR_C_CONSTANT)
        return TIMELESS;
    maker = fr_trace_maker(trace, trace->count, t, &output);
    return maker ? w->dims[maker - trace->steps][output] : w->x_dim;
}

/* Of a view y of x, which has the steps along dim. */
static int view_dim(const walk *w, const fr_tensor *x, int dim, const fr_tensor *y)
{
    int found = MIXED, left = 0;
    int64_t size = (int64_t)fr_dtype_size((fr_dtype)x->dtype);

    for (int j = 0; j < y->shape.ndim; j++) {
        if (y->shape.dim[j] != w->steps || y->stride[j] != x->stride[dim])
            continue;
        if (found >= 0)
            return MIXED;
        found = j;
    }
    if (found >= 0)
        return found;
    for (int j = 0; j < x->shape.ndim; j++) {
        if (j == dim)
            continue;
        if (left >= y->shape.ndim || y->shape.dim[left] != x->shape.dim[j] || y->stride[left] != x->stride[j])
            return MIXED;
        left++;
    }
    return left == y->shape.ndim && y->origin - x->origin == (w->steps - 1) * x->stride[dim] * size ? LAST : MIXED;
}

/* All inputs that have steps must have them along the same dim of the output, and constants must not differ there. */
static int pointwise_dim(const walk *w, const fr_step *s)
{
    int from_end = 0, ndim = s->out[0]->shape.ndim;

    for (int k = 0; k < s->inputs; k++) {
        int dim = dim_of(w, s->in[k]), end = s->in[k] ? s->in[k]->shape.ndim - dim : 0;

        if (dim == LAST || (dim >= 0 && from_end && from_end != end))
            return MIXED;
        if (dim >= 0)
            from_end = end;
    }
    for (int k = 0; k < s->inputs; k++) {
        int at = s->in[k] ? s->in[k]->shape.ndim - from_end : 0;

        if (s->in[k] && dim_of(w, s->in[k]) == TIMELESS && at >= 0 && s->in[k]->shape.dim[at] != 1)
            return MIXED;
    }
    return ndim - from_end;
}

static bool others_are_timeless(const walk *w, const fr_step *s)
{
    for (int k = 1; k < s->inputs; k++)
        if (dim_of(w, s->in[k]) != TIMELESS)
            return false;
    return true;
}

/* Fills in the dims of step i's outputs; false where it mixes steps. */
static bool follow(walk *w, size_t i)
{
    const fr_step *s = &w->p->trace.steps[i];
    const fr_c_step *how = &w->p->steps[i];
    const fr_op_steps *through = s->op->steps;
    int dim = MIXED, first = s->inputs ? dim_of(w, s->in[0]) : TIMELESS;
    bool any = false;

    for (int k = 0; k < s->inputs; k++)
        any = any || dim_of(w, s->in[k]) >= 0;
    if (through) {
        bool forwards = !through->reversed || !through->reversed(s->attributes);

        dim = first == 0 && forwards && others_are_timeless(w, s) ? 0 : MIXED;
        w->recurrent = true;
    } else if (!any) {
        dim = LAST;
    } else if (s->op->view) {
        dim = view_dim(w, s->in[0], first, s->out[0]);
    } else if (how->manner == FR_C_POINTWISE) {
        dim = pointwise_dim(w, s);
    } else if (how->manner == FR_C_ROWS && first >= 0 && first < s->in[0]->shape.ndim - how->row_dims &&
               others_are_timeless(w, s)) {
        dim = first;
    }
    for (int k = 0; k < s->outputs; k++)
        w->dims[i][k] = k > 0 && through && dim >= 0 ? LAST : dim;
    return dim != MIXED;
}

static bool try_dim(walk *w, int dim)
{
    const fr_trace *t = &w->p->trace;

    w->x_dim = dim;
    w->steps = w->p->x->shape.dim[dim];
    w->recurrent = false;
    for (size_t i = 0; i < t->count; i++) {
        if (w->p->steps[i].live && !follow(w, i)) {
            w->failed_at = i;
            return false;
        }
    }
    w->failed_at = t->count;
    return w->recurrent;
}

static bool allocate(walk *w)
{
    size_t n = w->p->trace.count, outputs = 0;
    int *all;

    for (size_t i = 0; i < n; i++)
        outputs += (size_t)w->p->trace.steps[i].outputs;
    w->dims = malloc((n + 1) * sizeof *w->dims + outputs * sizeof **w->dims);
    if (!w->dims)
        return false;
    all = (int *)(void *)(w->dims + n + 1);
    for (size_t i = 0; i < n; i++) {
        w->dims[i] = all;
        all += w->p->trace.steps[i].outputs;
    }
    return true;
}

static void say_why(const walk *w, size_t at, char why[FR_C_WHY])
{
    const fr_trace *t = &w->p->trace;
    char path[FR_PATH_TEXT];

    if (at < t->count)
        snprintf(why, FR_C_WHY, "%s in module %.120s looks at several steps, or backwards", t->steps[at].op->name,
                 fr_module_path_text(t->steps[at].module_path, path));
    else
        snprintf(why, FR_C_WHY, "no recurrent layer goes through steps of x");
}

int fr_c_find_steps(const fr_c_program *p, int *result_dim, char why[FR_C_WHY])
{
    walk w = { .p = p };
    size_t furthest = 0;
    int found = -1;

    if (!allocate(&w)) {
        snprintf(why, FR_C_WHY, "memory ran out");
        return -1;
    }
    for (int dim = 0; dim < p->x->shape.ndim && found < 0; dim++) {
        if (p->x->shape.dim[dim] < 2)
            continue;
        if (try_dim(&w, dim))
            found = dim;
        furthest = w.recurrent && w.failed_at > furthest ? w.failed_at : furthest;
    }
    *result_dim = found >= 0 ? dim_of(&w, p->y) : -1;
    if (found < 0)
        say_why(&w, furthest ? furthest : p->trace.count, why);
    free(w.dims);
    return found;
}

/* --- The forward of one step ------------------------------------------------------------------------------------- */

static bool same_constants(const fr_c_program *a, const fr_step *s, const fr_c_program *b, const fr_step *z)
{
    for (int k = 0; k < s->inputs; k++) {
        const fr_c_buffer *x = s->in[k] ? fr_c_buffer_of(a, s->in[k]) : NULL;
        const fr_c_buffer *y = z->in[k] ? fr_c_buffer_of(b, z->in[k]) : NULL;

        if (!x != !y || (x && (x->kind == FR_C_CONSTANT) != (y->kind == FR_C_CONSTANT)))
            return false;
        if (x && x->kind == FR_C_CONSTANT &&
            (x->constant != y->constant || fr_c_offset(a, s->in[k]) != fr_c_offset(b, z->in[k])))
            return false;
    }
    return true;
}

static bool same_step(const fr_c_program *a, size_t i, const fr_c_program *b, size_t j)
{
    const fr_step *s = &a->trace.steps[i], *z = &b->trace.steps[j];
    bool alone = a->steps[i].manner != FR_C_WHOLE;

    return s->op == z->op && s->inputs == z->inputs && same_constants(a, s, b, z) &&
           (!alone || !s->attributes || memcmp(s->attributes, z->attributes, s->op->attributes_size) == 0);
}

static size_t next_live(const fr_c_program *p, size_t i)
{
    while (i < p->trace.count && !p->steps[i].live)
        i++;
    return i;
}

bool fr_c_same_steps(const fr_c_program *all, const fr_c_program *one, char why[FR_C_WHY])
{
    size_t i = next_live(all, 0), j = next_live(one, 0);

    while (i < all->trace.count && j < one->trace.count && same_step(all, i, one, j)) {
        i = next_live(all, i + 1);
        j = next_live(one, j + 1);
    }
    if (i == all->trace.count && j == one->trace.count)
        return true;
    snprintf(why, FR_C_WHY, "the module does not do the same for a single step");
    return false;
}
