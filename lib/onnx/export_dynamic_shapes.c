/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Numbers of an op that depend on the sizes of the input, such as the shape that a reshape asks for. From the numbers
 * of all runs a formula of the sizes is found, and written as ONNX ops (Shape, Mul, Add, Concat) that compute it when
 * the graph runs. PyTorch's exporter calls this dynamic shapes. */
#include "core/integer.h"
#include "onnx/export.h"

#include <inttypes.h>
#include <stddef.h>

/* --- Formulas ---------------------------------------------------------------------------------------------------- */

static int64_t size_in(const fr_onnx_export *e, int run, int dim)
{
    return e->runs[run].x->shape.dim[dim];
}

static bool was_made(const fr_onnx_export *e, int run)
{
    return e->runs[run].x != NULL;
}

/* The formula's value with the sizes of a run; false where it overflows. */
static bool value_in(const fr_onnx_export *e, int run, const fr_onnx_size_formula *formula, int64_t *value)
{
    int64_t part;
    bool ok = true;

    *value = formula->product ? formula->factor : formula->base;
    for (int d = 0; d < FR_MAX_DIMS && ok; d++) {
        if (formula->product & 1U << d)
            ok = fr_mul_size(*value, size_in(e, run, d), value);
        else if (formula->slope[d])
            ok = fr_mul_size(formula->slope[d], size_in(e, run, d), &part) &&
                 !__builtin_add_overflow(*value, part, value);
    }
    return ok;
}

static bool holds(const fr_onnx_export *e, const int64_t *values, const fr_onnx_size_formula *formula)
{
    int64_t value;

    for (int r = 0; r < FR_ONNX_RUNS; r++)
        if (was_made(e, r) && !(value_in(e, r, formula, &value) && value == values[r]))
            return false;
    return true;
}

/* Tries a product of all dims that change the number. */
static bool as_product(const fr_onnx_export *e, const int64_t *values, fr_onnx_size_formula *formula)
{
    int64_t product = 1;

    *formula = (fr_onnx_size_formula){ 0 };
    for (int d = 0; d < FR_MAX_DIMS; d++) {
        if (!was_made(e, 1 + d) || values[1 + d] == values[0])
            continue;
        formula->product |= 1U << d;
        if (!fr_mul_size(product, size_in(e, 0, d), &product))
            return false;
    }
    if (formula->product == 0 || product == 0 || values[0] % product != 0)
        return false;
    formula->factor = values[0] / product;
    return holds(e, values, formula);
}

/* Tries a sum: the slope of a dim is the change of the number by the change of the dim. */
static bool as_sum(const fr_onnx_export *e, const int64_t *values, fr_onnx_size_formula *formula)
{
    *formula = (fr_onnx_size_formula){ .base = values[0] };
    for (int d = 0; d < FR_MAX_DIMS; d++) {
        int64_t change, size_change, part;

        if (!was_made(e, 1 + d) || values[1 + d] == values[0])
            continue;
        size_change = size_in(e, 1 + d, d) - size_in(e, 0, d);
        if (__builtin_sub_overflow(values[1 + d], values[0], &change) || change % size_change != 0)
            return false;
        formula->slope[d] = change / size_change;
        if (!fr_mul_size(formula->slope[d], size_in(e, 0, d), &part) ||
            __builtin_sub_overflow(formula->base, part, &formula->base))
            return false;
    }
    return holds(e, values, formula);
}

bool fr_onnx_find_formula(const fr_onnx_export *e, const int64_t values[FR_ONNX_RUNS], fr_onnx_size_formula *formula)
{
    return as_product(e, values, formula) || as_sum(e, values, formula);
}

bool fr_onnx_formula_is_constant(const fr_onnx_size_formula *formula)
{
    for (int d = 0; d < FR_MAX_DIMS; d++)
        if (formula->slope[d])
            return false;
    return formula->product == 0;
}

int fr_onnx_formula_dim(const fr_onnx_size_formula *formula)
{
    for (int d = 0; d < FR_MAX_DIMS; d++)
        if (formula->product == 1U << d && formula->factor == 1)
            return d;
    return -1;
}

/* --- As values of the graph -------------------------------------------------------------------------------------- */

/* The size of a dim of the input, (1) of int64. */
static const char *dim_value(fr_onnx *g, int dim)
{
    if (!g->dim_value[dim]) {
        g->dim_value[dim] = fr_onnx_value(g, "Shape", FR_ONNX_NAMES(g->input));
        fr_onnx_int(g, "start", dim);
        fr_onnx_int(g, "end", dim + 1);
    }
    return g->dim_value[dim];
}

/* The formula's value, (1) of int64. */
static const char *formula_value(fr_onnx *g, const fr_onnx_size_formula *formula)
{
    int64_t first = formula->product ? formula->factor : formula->base, neutral = formula->product ? 1 : 0;
    bool needs_first = first != neutral || fr_onnx_formula_is_constant(formula);
    const char *total = needs_first ? fr_onnx_int64s(g, 1, &first) : NULL;

    for (int d = 0; d < FR_MAX_DIMS; d++) {
        const char *part;

        if (!(formula->product & 1U << d) && !formula->slope[d])
            continue;
        part = dim_value(g, d);
        if (formula->slope[d] && formula->slope[d] != 1)
            part = fr_onnx_value(g, "Mul", FR_ONNX_NAMES(part, fr_onnx_int64s(g, 1, &formula->slope[d])));
        total = total ? fr_onnx_value(g, formula->product ? "Mul" : "Add", FR_ONNX_NAMES(part, total)) : part;
    }
    return total;
}

/* Number i of those that were values[r][0], values[r][1], ... in run r: *part is its value in the graph, or NULL if it
 * is the same in all runs. False with an error. */
static bool find_part(fr_onnx *g, const int64_t *const *values, int i, const char **part)
{
    int64_t in_run[FR_ONNX_RUNS] = { 0 };
    fr_onnx_size_formula formula;

    for (int r = 0; r < FR_ONNX_RUNS; r++)
        in_run[r] = values[r] ? values[r][i] : 0;
    if (!fr_onnx_find_formula(g->export, in_run, &formula))
        return fr_onnx_fail(
            g, "its number %" PRId64 " depends on the sizes of the input in a way that cannot be written" FR_ONNX_FIX,
            in_run[FR_ONNX_EXAMPLE_RUN]);
    *part = fr_onnx_formula_is_constant(&formula) ? NULL : formula_value(g, &formula);
    return true;
}

/* n numbers, which were values[r] in run r (NULL: it was not made), as (n) of int64. */
static const char *numbers_value(fr_onnx *g, int n, const int64_t *const *values)
{
    const char **parts = fr_onnx_alloc(g, ((size_t)n + 1) * sizeof *parts);
    bool constant = true;

    for (int i = 0; i < n && parts; i++) {
        if (!find_part(g, values, i, &parts[i]))
            return "";
        constant = constant && !parts[i];
    }
    if (!parts || constant)
        return parts ? fr_onnx_int64s(g, n, values[FR_ONNX_EXAMPLE_RUN]) : "";
    for (int i = 0; i < n; i++)
        if (!parts[i])
            parts[i] = fr_onnx_int64s(g, 1, &values[FR_ONNX_EXAMPLE_RUN][i]);
    if (n == 1)
        return parts[0];

    const char *all = fr_onnx_value(g, "Concat", parts);

    fr_onnx_int(g, "axis", 0);
    return all;
}

/* --- For the hooks ----------------------------------------------------------------------------------------------- */

/* The step whose hook runs, as it was in run r; NULL: that run was not made. */
static const fr_step *step_in(const fr_onnx *g, int r)
{
    ptrdiff_t index = g->step - g->run->trace.steps;

    return was_made(g->export, r) ? &g->export->runs[r].trace.steps[index] : NULL;
}

const char *fr_onnx_sizes(fr_onnx *g, int n, const int64_t *values)
{
    const int64_t *in_run[FR_ONNX_RUNS] = { NULL };
    const char *begin = g->step->attributes, *at = (const char *)values;

    if (!begin || n < 1 || at < begin ||
        (size_t)(at - begin) + (size_t)n * sizeof *values > g->step->op->attributes_size) {
        fr_onnx_fail(g, "fr_onnx_sizes is given numbers that are not in the op's attributes");
        return "";
    }
    for (int r = 0; r < FR_ONNX_RUNS; r++) {
        const fr_step *s = step_in(g, r);

        in_run[r] = s ? (const int64_t *)(const void *)((const char *)s->attributes + (at - begin)) : NULL;
    }
    return numbers_value(g, n, in_run);
}

const char *fr_onnx_shape(fr_onnx *g, int i)
{
    const int64_t *in_run[FR_ONNX_RUNS] = { NULL };

    for (int r = 0; r < FR_ONNX_RUNS; r++) {
        const fr_step *s = step_in(g, r);

        in_run[r] = s ? s->out[i]->shape.dim : NULL;
    }
    return numbers_value(g, g->step->out[i]->shape.ndim, in_run);
}

/* True if dim d has the same size in input 0 and output 0, in all runs. */
static bool is_size_of_input(const fr_onnx *g, int d)
{
    for (int r = 0; r < FR_ONNX_RUNS; r++) {
        const fr_step *s = step_in(g, r);

        if (s && (d >= s->in[0]->shape.ndim || s->in[0]->shape.dim[d] != s->out[0]->shape.dim[d]))
            return false;
    }
    return true;
}

/* True if dim d of output 0 has the same size in all runs. */
static bool is_fixed_size(const fr_onnx *g, int d)
{
    for (int r = 0; r < FR_ONNX_RUNS; r++) {
        const fr_step *s = step_in(g, r);

        if (s && s->out[0]->shape.dim[d] != g->step->out[0]->shape.dim[d])
            return false;
    }
    return true;
}

/* Reshape takes one -1, which it computes itself, and 0 for a dim of its input. More open sizes than that, or a size
 * that really is 0, need ops that compute the shape. */
const char *fr_onnx_reshaped(fr_onnx *g)
{
    const fr_shape *shape = &g->step->out[0]->shape;
    int64_t sizes[FR_MAX_DIMS];
    int inferred = 0;
    bool has_zero = false;

    for (int d = 0; d < shape->ndim; d++) {
        bool fixed = is_fixed_size(g, d);

        sizes[d] = fixed ? shape->dim[d] : is_size_of_input(g, d) ? 0 : -1;
        inferred += sizes[d] == -1;
        has_zero = has_zero || (fixed && shape->dim[d] == 0);
    }
    return inferred < 2 && !has_zero ? fr_onnx_int64s(g, shape->ndim, sizes) : fr_onnx_shape(g, 0);
}

void fr_onnx_name_dim(fr_onnx *g, int i, int dim, const char *name)
{
    int64_t in_run[FR_ONNX_RUNS] = { 0 };
    fr_onnx_size_formula formula;
    int input_dim;

    for (int r = 0; r < FR_ONNX_RUNS; r++) {
        const fr_step *s = step_in(g, r);

        in_run[r] = s ? s->in[i]->shape.dim[dim] : 0;
    }
    input_dim = fr_onnx_find_formula(g->export, in_run, &formula) ? fr_onnx_formula_dim(&formula) : -1;
    if (input_dim >= 0 && !g->dim_name[input_dim])
        g->dim_name[input_dim] = name;
}
