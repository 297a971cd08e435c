/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Whether the forward of a sequence can be taken one time step at a time. Each dim of x is tried: if it holds the time
 * steps, where do the tensors of the trace hold them? A tensor has all time steps along one of its dims, or holds the
 * last one alone, which is the present one when they are taken one by one. A step of the trace that mixes time steps in
 * another way ends the try. (A step without "time" before it is one op of the trace.) */
#include "export_c/writer.h"

#include <stdlib.h>

/* What is known of a tensor, if not the dim of its time steps (>= 0): it holds the last one alone; it does not depend
 * on x; it mixes several. */
enum { LAST = -1, CONSTANT = -2, MIXED = -3 };

typedef struct {
    const fr_c_function *fn;
    int x_dim;
    int64_t length;   /* of x_dim: the number of time steps */
    int **dims;       /* [step][output]: a dim, or what else is known */
    bool recurrent;   /* an op went through the time steps */
    size_t failed_at; /* step that mixes time steps; the number of steps: none */
} search;

static int dim_of(const search *s, const fr_tensor *t)
{
    const fr_trace *trace = &s->fn->trace;
    const fr_step *maker;
    int output;

    if (!t || fr_c_buffer_of(s->fn, t)->memory == FR_C_CONSTANT)
        return CONSTANT;
    maker = fr_trace_maker(trace, trace->count, t, &output);
    return maker ? s->dims[maker - trace->steps][output] : s->x_dim;
}

/* True if view has the dims of x without dim, and begins at the last index of dim. */
static bool is_last_of(const search *s, const fr_tensor *x, int dim, const fr_tensor *view)
{
    int kept = 0;
    int64_t size = (int64_t)fr_dtype_size((fr_dtype)x->dtype);

    for (int j = 0; j < x->shape.ndim; j++) {
        if (j == dim)
            continue;
        if (kept >= view->shape.ndim || view->shape.dim[kept] != x->shape.dim[j] || view->stride[kept] != x->stride[j])
            return false;
        kept++;
    }
    return kept == view->shape.ndim && view->origin - x->origin == (s->length - 1) * x->stride[dim] * size;
}

/* x has the time steps along dim. In its view they lie along the one dim of that size and stride. */
static int dim_of_view(const search *s, const fr_tensor *x, int dim, const fr_tensor *view)
{
    int found = MIXED;

    for (int j = 0; j < view->shape.ndim; j++) {
        if (view->shape.dim[j] != s->length || view->stride[j] != x->stride[dim])
            continue;
        if (found >= 0)
            return MIXED;
        found = j;
    }
    if (found >= 0)
        return found;
    return is_last_of(s, x, dim, view) ? LAST : MIXED;
}

/* All inputs with time steps must have them along the same dim of the output, counted from its end, where constants
 * must not have different values. */
static int dim_of_pointwise(const search *s, const fr_step *step)
{
    int from_end = 0;

    for (int k = 0; k < step->inputs; k++) {
        int dim = dim_of(s, step->in[k]), input_from_end = step->in[k] ? step->in[k]->shape.ndim - dim : 0;

        if (dim == LAST || (dim >= 0 && from_end && from_end != input_from_end))
            return MIXED;
        if (dim >= 0)
            from_end = input_from_end;
    }
    for (int k = 0; k < step->inputs; k++) {
        int dim = step->in[k] ? step->in[k]->shape.ndim - from_end : 0;

        if (step->in[k] && dim_of(s, step->in[k]) == CONSTANT && dim >= 0 && step->in[k]->shape.dim[dim] != 1)
            return MIXED;
    }
    return step->out[0]->shape.ndim - from_end;
}

static bool has_time_steps(const search *s, const fr_step *step)
{
    for (int k = 0; k < step->inputs; k++)
        if (dim_of(s, step->in[k]) >= 0)
            return true;
    return false;
}

static bool others_are_constant(const search *s, const fr_step *step)
{
    for (int k = 1; k < step->inputs; k++)
        if (dim_of(s, step->in[k]) != CONSTANT)
            return false;
    return true;
}

/* What is known of output 0. */
static int dim_of_output(const search *s, const fr_step *step, const fr_c_step_info *info)
{
    const fr_op_steps *recurrence = step->op->steps;
    int first = step->inputs ? dim_of(s, step->in[0]) : CONSTANT;

    if (recurrence) {
        bool forwards = !recurrence->reversed || !recurrence->reversed(step->attributes);

        return first == 0 && forwards && others_are_constant(s, step) ? 0 : MIXED;
    }
    if (!has_time_steps(s, step))
        return LAST;
    if (step->op->view)
        return dim_of_view(s, step->in[0], first, step->out[0]);
    if (info->pattern == FR_C_POINTWISE)
        return dim_of_pointwise(s, step);
    if (info->pattern == FR_C_ROWWISE && first >= 0 && first < step->in[0]->shape.ndim - info->row_dims &&
        others_are_constant(s, step))
        return first;
    return MIXED;
}

/* Fills in what is known of step i's outputs; false where it mixes time steps. The further outputs of a recurrent op
 * are its last states. */
static bool follow_step(search *s, size_t i)
{
    const fr_step *step = &s->fn->trace.steps[i];
    int dim = dim_of_output(s, step, &s->fn->steps[i]);

    if (step->op->steps)
        s->recurrent = true;
    for (int k = 0; k < step->outputs; k++)
        s->dims[i][k] = k > 0 && step->op->steps && dim >= 0 ? LAST : dim;
    return dim != MIXED;
}

/* Follows the time steps from dim of x. True if an op goes through them and none mixes them. */
static bool try_dim(search *s, int dim)
{
    const fr_trace *trace = &s->fn->trace;

    s->x_dim = dim;
    s->length = s->fn->x->shape.dim[dim];
    s->recurrent = false;
    for (size_t i = 0; i < trace->count; i++) {
        if (s->fn->steps[i].live && !follow_step(s, i)) {
            s->failed_at = i;
            return false;
        }
    }
    s->failed_at = trace->count;
    return s->recurrent;
}

/* One block: the pointers, and what they point to. */
static bool allocate_dims(search *s)
{
    size_t n = s->fn->trace.count, outputs = 0;
    int *next;

    for (size_t i = 0; i < n; i++)
        outputs += (size_t)s->fn->trace.steps[i].outputs;
    s->dims = malloc((n + 1) * sizeof *s->dims + outputs * sizeof **s->dims);
    if (!s->dims)
        return false;
    next = (int *)(void *)(s->dims + n + 1);
    for (size_t i = 0; i < n; i++) {
        s->dims[i] = next;
        next += s->fn->trace.steps[i].outputs;
    }
    return true;
}

static void write_reason(const fr_trace *trace, size_t at, char reason[FR_C_REASON_SIZE])
{
    char path[FR_PATH_TEXT];

    if (at < trace->count)
        snprintf(reason, FR_C_REASON_SIZE, "%s in module %.120s looks at several steps, or backwards",
                 trace->steps[at].op->name, fr_module_path_text(trace->steps[at].module_path, path));
    else
        snprintf(reason, FR_C_REASON_SIZE, "no recurrent layer goes through steps of x");
}

int fr_c_find_time_dim(const fr_c_function *run, char reason[FR_C_REASON_SIZE])
{
    search s = { .fn = run };
    size_t furthest = 0; /* the last step that a try got to, after an op that goes through time steps */
    int found = -1;

    if (!allocate_dims(&s)) {
        snprintf(reason, FR_C_REASON_SIZE, "memory ran out");
        return -1;
    }
    for (int dim = 0; dim < run->x->shape.ndim && found < 0; dim++) {
        if (run->x->shape.dim[dim] < 2)
            continue;
        if (try_dim(&s, dim))
            found = dim;
        furthest = s.recurrent && s.failed_at > furthest ? s.failed_at : furthest;
    }
    if (found < 0)
        write_reason(&run->trace, furthest ? furthest : run->trace.count, reason);
    free(s.dims);
    return found;
}

/* --- The forward of one time step -------------------------------------------------------------------------------- */

static bool same_constants(const fr_c_function *run, const fr_step *a, const fr_c_function *step, const fr_step *b)
{
    for (int k = 0; k < a->inputs; k++) {
        const fr_c_buffer *x = a->in[k] ? fr_c_buffer_of(run, a->in[k]) : NULL;
        const fr_c_buffer *y = b->in[k] ? fr_c_buffer_of(step, b->in[k]) : NULL;

        if (!x != !y || (x && (x->memory == FR_C_CONSTANT) != (y->memory == FR_C_CONSTANT)))
            return false;
        if (x && x->memory == FR_C_CONSTANT &&
            (x->constant != y->constant || fr_c_buffer_offset(run, a->in[k]) != fr_c_buffer_offset(step, b->in[k])))
            return false;
    }
    return true;
}

/* The attributes of other ops than pointwise and rowwise ones may hold shapes, which differ. */
static bool same_step(const fr_c_function *run, size_t i, const fr_c_function *step, size_t j)
{
    const fr_step *a = &run->trace.steps[i], *b = &step->trace.steps[j];
    bool compare_attributes = run->steps[i].pattern != FR_C_READS_ALL && a->attributes;

    return a->op == b->op && a->inputs == b->inputs && same_constants(run, a, step, b) &&
           (!compare_attributes || memcmp(a->attributes, b->attributes, a->op->attributes_size) == 0);
}

static size_t next_live(const fr_c_function *fn, size_t i)
{
    while (i < fn->trace.count && !fn->steps[i].live)
        i++;
    return i;
}

bool fr_c_matches_one_step(const fr_c_function *run, const fr_c_function *step, char reason[FR_C_REASON_SIZE])
{
    size_t i = next_live(run, 0), j = next_live(step, 0);

    while (i < run->trace.count && j < step->trace.count && same_step(run, i, step, j)) {
        i = next_live(run, i + 1);
        j = next_live(step, j + 1);
    }
    if (i == run->trace.count && j == step->trace.count)
        return true;
    snprintf(reason, FR_C_REASON_SIZE, "the module does not do the same for a single step");
    return false;
}
