/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Numbers that follow the sizes of the input: how, and as values of the graph. */
#include "core/integer.h"
#include "onnx/graph.h"

#include <inttypes.h>

/* --- Finding out ------------------------------------------------------------------------------------------------- */

static int64_t size_in(const fr_onnx_source *from, int run, int dim)
{
    return from->runs[run].x->shape.dim[dim];
}

static bool happened(const fr_onnx_source *from, int run)
{
    return from->runs[run].x != NULL;
}

/* The number that size says for a run; false where it overflows. */
static bool value_in(const fr_onnx_source *from, int run, const fr_onnx_size *size, int64_t *value)
{
    int64_t part;
    bool ok = true;

    *value = size->product ? size->factor : size->base;
    for (int d = 0; d < FR_MAX_DIMS && ok; d++) {
        if (size->product & 1U << d)
            ok = fr_mul_size(*value, size_in(from, run, d), value);
        else if (size->slope[d])
            ok = fr_mul_size(size->slope[d], size_in(from, run, d), &part) &&
                 !__builtin_add_overflow(*value, part, value);
    }
    return ok;
}

static bool holds(const fr_onnx_source *from, const int64_t *values, const fr_onnx_size *size)
{
    int64_t value;

    for (int r = 0; r < FR_ONNX_RUNS; r++)
        if (happened(from, r) && !(value_in(from, r, size, &value) && value == values[r]))
            return false;
    return true;
}

/* In proportion to every dim that changes it. */
static bool as_product(const fr_onnx_source *from, const int64_t *values, fr_onnx_size *size)
{
    int64_t all = 1;

    *size = (fr_onnx_size){ 0 };
    for (int d = 0; d < FR_MAX_DIMS; d++) {
        if (!happened(from, 1 + d) || values[1 + d] == values[0])
            continue;
        size->product |= 1U << d;
        if (!fr_mul_size(all, size_in(from, 0, d), &all))
            return false;
    }
    if (size->product == 0 || all == 0 || values[0] % all != 0)
        return false;
    size->factor = values[0] / all;
    return holds(from, values, size);
}

static bool as_sum(const fr_onnx_source *from, const int64_t *values, fr_onnx_size *size)
{
    *size = (fr_onnx_size){ .base = values[0] };
    for (int d = 0; d < FR_MAX_DIMS; d++) {
        int64_t change, by, part;

        if (!happened(from, 1 + d) || values[1 + d] == values[0])
            continue;
        by = size_in(from, 1 + d, d) - size_in(from, 0, d);
        if (__builtin_sub_overflow(values[1 + d], values[0], &change) || change % by != 0)
            return false;
        size->slope[d] = change / by;
        if (!fr_mul_size(size->slope[d], size_in(from, 0, d), &part) ||
            __builtin_sub_overflow(size->base, part, &size->base))
            return false;
    }
    return holds(from, values, size);
}

bool fr_onnx_explain(const fr_onnx_source *from, const int64_t values[FR_ONNX_RUNS], fr_onnx_size *size)
{
    return as_product(from, values, size) || as_sum(from, values, size);
}

bool fr_onnx_is_fixed(const fr_onnx_size *size)
{
    for (int d = 0; d < FR_MAX_DIMS; d++)
        if (size->slope[d])
            return false;
    return size->product == 0;
}

int fr_onnx_is_dim(const fr_onnx_size *size)
{
    for (int d = 0; d < FR_MAX_DIMS; d++)
        if (size->product == 1U << d && size->factor == 1)
            return d;
    return -1;
}

/* --- As values of the graph -------------------------------------------------------------------------------------- */

/* The size of the input's dim, (1) of int64. */
static const char *dim_value(fr_onnx *g, int dim)
{
    if (!g->dim_value[dim]) {
        g->dim_value[dim] = fr_onnx_value(g, "Shape", FR_ONNX_NAMES(g->input));
        fr_onnx_int(g, "start", dim);
        fr_onnx_int(g, "end", dim + 1);
    }
    return g->dim_value[dim];
}

/* The number as (1) of int64. */
static const char *value_of(fr_onnx *g, const fr_onnx_size *size)
{
    const int64_t *first = size->product ? &size->factor : &size->base;
    const char *all = *first == (size->product != 0) && !fr_onnx_is_fixed(size) ? NULL : fr_onnx_int64s(g, 1, first);

    for (int d = 0; d < FR_MAX_DIMS; d++) {
        const char *part;

        if (!(size->product & 1U << d) && !size->slope[d])
            continue;
        part = dim_value(g, d);
        if (size->slope[d] && size->slope[d] != 1)
            part = fr_onnx_value(g, "Mul", FR_ONNX_NAMES(part, fr_onnx_int64s(g, 1, &size->slope[d])));
        all = all ? fr_onnx_value(g, size->product ? "Mul" : "Add", FR_ONNX_NAMES(part, all)) : part;
    }
    return all;
}

/* n numbers, of run r values[r], one after another. */
static const char *values_of(fr_onnx *g, int n, const int64_t *const *values)
{
    const char **parts = fr_onnx_keep(g, ((size_t)n + 1) * sizeof *parts);
    bool fixed = true;

    for (int i = 0; i < n && parts; i++) {
        int64_t each[FR_ONNX_RUNS] = { 0 };
        fr_onnx_size size;

        for (int r = 0; r < FR_ONNX_RUNS; r++)
            each[r] = values[r] ? values[r][i] : 0;
        if (!fr_onnx_explain(g->from, each, &size)) {
            fr_onnx_fail(g, "its number %" PRId64 " follows the sizes of the input in a way that cannot be written",
                         each[0]);
            return "";
        }
        if (!fr_onnx_is_fixed(&size)) {
            fixed = false;
            parts[i] = value_of(g, &size);
        }
    }
    if (!parts || fixed)
        return parts ? fr_onnx_int64s(g, n, values[0]) : "";
    for (int i = 0; i < n; i++)
        if (!parts[i])
            parts[i] = fr_onnx_int64s(g, 1, &values[0][i]);
    if (n == 1)
        return parts[0];

    const char *all = fr_onnx_value(g, "Concat", parts);

    fr_onnx_int(g, "axis", 0);
    return all;
}

/* The step at work as it was in run r. */
static const fr_step *step_in(const fr_onnx *g, int r)
{
    return &g->from->runs[r].trace.steps[g->step - g->run->trace.steps];
}

const char *fr_onnx_sizes(fr_onnx *g, int n, const int64_t *values)
{
    const int64_t *each[FR_ONNX_RUNS] = { NULL };
    const char *begin = g->step->attributes, *at = (const char *)values;

    if (!begin || n < 1 || at < begin ||
        (size_t)(at - begin) + (size_t)n * sizeof *values > g->step->op->attributes_size) {
        fr_onnx_fail(g, "fr_onnx_sizes is given numbers that are not in the op's attributes");
        return "";
    }
    for (int r = 0; r < FR_ONNX_RUNS; r++)
        if (happened(g->from, r))
            each[r] = (const int64_t *)(const void *)((const char *)step_in(g, r)->attributes + (at - begin));
    return values_of(g, n, each);
}

const char *fr_onnx_shape(fr_onnx *g, int i)
{
    const int64_t *each[FR_ONNX_RUNS] = { NULL };

    for (int r = 0; r < FR_ONNX_RUNS; r++)
        if (happened(g->from, r))
            each[r] = step_in(g, r)->out[i]->shape.dim;
    return values_of(g, g->step->out[i]->shape.ndim, each);
}

/* Whether dim d of output 0 is as large as that of input 0 in all runs. */
static bool is_kept(const fr_onnx *g, int d)
{
    for (int r = 0; r < FR_ONNX_RUNS; r++) {
        const fr_step *s = happened(g->from, r) ? step_in(g, r) : NULL;

        if (s && (d >= s->in[0]->shape.ndim || s->in[0]->shape.dim[d] != s->out[0]->shape.dim[d]))
            return false;
    }
    return true;
}

static bool is_same_in_all(const fr_onnx *g, int d)
{
    for (int r = 0; r < FR_ONNX_RUNS; r++)
        if (happened(g->from, r) && step_in(g, r)->out[0]->shape.dim[d] != g->step->out[0]->shape.dim[d])
            return false;
    return true;
}

const char *fr_onnx_reshaped(fr_onnx *g)
{
    const fr_shape *shape = &g->step->out[0]->shape;
    int64_t sizes[FR_MAX_DIMS];
    int found = 0;

    for (int d = 0; d < shape->ndim; d++) {
        bool fixed = is_same_in_all(g, d);

        sizes[d] = fixed ? shape->dim[d] : is_kept(g, d) ? 0 : -1;
        found += sizes[d] == -1;
        if (fixed && shape->dim[d] == 0)
            found = 2; /* a real 0 would be taken for a dim to keep */
    }
    return found < 2 ? fr_onnx_int64s(g, shape->ndim, sizes) : fr_onnx_shape(g, 0);
}

void fr_onnx_name_dim(fr_onnx *g, int i, int dim, const char *name)
{
    int64_t each[FR_ONNX_RUNS] = { 0 };
    fr_onnx_size size;
    int is;

    for (int r = 0; r < FR_ONNX_RUNS; r++)
        if (happened(g->from, r))
            each[r] = step_in(g, r)->in[i]->shape.dim[dim];
    is = fr_onnx_explain(g->from, each, &size) ? fr_onnx_is_dim(&size) : -1;
    if (is >= 0 && !g->dim_name[is])
        g->dim_name[is] = name;
}
