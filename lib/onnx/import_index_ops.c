/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's ops on places of elements: gathered, scattered, chosen, told. A negative index counts from the end. */
#include <config.h>

#include "core/integer.h"
#include "core/scope.h"
#include "core/shape.h"
#include "onnx/import.h"

#include <frond/op.h>
#include <frond/ops.h>

/* A negative index counts from the end. */
static fr_tensor *index_from_front(fr_tensor *index, int64_t size)
{
    return fr_add(index, fr_mul_scalar(fr_lt_scalar(index, 0), (double)size));
}

/* The shape is that of the input with dim replaced by the dims of the indices. */
static bool run_gather(fr_import_call *c)
{
    int dim = fr_import_axis_of_input(c, 2, 0);
    fr_shape shape = { 0 };

    if (dim < 0)
        return false;

    const fr_shape *s = &c->in[0]->shape, *index = &c->in[1]->shape;

    if (s->ndim == 0 || s->ndim + index->ndim - 1 > FR_MAX_DIMS || c->in[1]->dtype != FR_I64)
        return fr_import_fail(c, "its input is a scalar, its indices are not int64, or the result has too many dims");
    for (int i = 0; i < s->ndim; i++) {
        if (i != dim)
            shape.dim[shape.ndim++] = s->dim[i];
        for (int k = 0; i == dim && k < index->ndim; k++)
            shape.dim[shape.ndim++] = index->dim[k];
    }

    fr_tensor *flat = fr_reshape(index_from_front(c->in[1], s->dim[dim]), FR_SHAPE(c->in[1]->numel));

    return fr_import_return(c, fr_reshape(fr_index_select(c->in[0], dim, flat), shape));
}

static bool run_gather_elements(fr_import_call *c)
{
    int dim = fr_import_axis_of_input(c, 2, 0);

    if (dim < 0)
        return false;
    if (c->in[0]->shape.ndim == 0)
        return fr_import_fail(c, "its input is a scalar");
    return fr_import_return(c, fr_gather(c->in[0], dim, index_from_front(c->in[1], c->in[0]->shape.dim[dim])));
}

/* The product of dims first..last-1. */
static int64_t product_of(const fr_shape *s, int first, int last)
{
    int64_t product = 1;

    for (int i = first; i < last; i++)
        product *= s->dim[i];
    return product;
}

/* The numbers (outer,n) of the rows that the last dim of index, of size end - b, has places for in dims b..end-1 of a
 * tensor of shape s; dims before b are of a batch, of `outer` in all. NULL with an error. */
static fr_tensor *row_numbers(const fr_import_call *c, const fr_shape *s, fr_tensor *index, int b, int end)
{
    int last = index->shape.ndim - 1;
    int64_t outer = product_of(s, 0, b), n = product_of(&index->shape, b, last);
    fr_tensor *batches = fr_arange(0, (double)fr_most(outer, 1), 1, FR_I64);
    fr_tensor *at = fr_mul_scalar(fr_reshape(batches, FR_SHAPE(-1, 1)), (double)product_of(s, b, end));

    for (int i = b; i < end; i++) {
        fr_tensor *one = index_from_front(fr_select(index, last, i - b), s->dim[i]);

        if (!one || (one->numel > 0 && (fr_at(fr_min(one), 0) < 0 || fr_at(fr_max(one), 0) >= (double)s->dim[i])))
            return fr_import_fail(c, "an index is out of range"), NULL;
        at = fr_add(at, fr_mul_scalar(fr_reshape(one, FR_SHAPE(outer, n)), (double)product_of(s, i + 1, end)));
    }
    return at ? fr_reshape(fr_expand(at, FR_SHAPE(outer, n)), FR_SHAPE(-1)) : NULL;
}

/* The dims before the first that indices do not choose: those of the batch and the k of the last dim of the indices; -1
 * with an error if they do not fit. */
static int chosen_dims(const fr_import_call *c, int64_t batches)
{
    const fr_shape *s = &c->in[0]->shape, *index = &c->in[1]->shape;
    int last = index->ndim - 1;
    bool fits = c->in[1]->dtype == FR_I64 && batches >= 0 && batches <= last && index->dim[last] >= 1 &&
                index->dim[last] <= s->ndim - batches;

    for (int i = 0; fits && i < batches; i++)
        fits = s->dim[i] == index->dim[i];
    if (!fits)
        fr_import_fail(c, "its indices do not fit its input");
    return fits ? (int)(batches + index->dim[last]) : -1;
}

/* Input 1's last dim, of size k, has indices into input 0's k dims behind the batch dims. */
static bool run_gather_nd(fr_import_call *c)
{
    int64_t batches = fr_import_int(c, "batch_dims", 0);
    int end = fr_import_require(c, 2) ? chosen_dims(c, batches) : -1, last;
    fr_shape shape;

    if (end < 0)
        return false;

    const fr_shape *s = &c->in[0]->shape;
    fr_tensor *rows = fr_reshape(c->in[0], FR_SHAPE(product_of(s, 0, end), product_of(s, end, s->ndim)));
    fr_tensor *at = row_numbers(c, s, c->in[1], (int)batches, end);

    shape = c->in[1]->shape;
    last = shape.ndim - 1;
    if (last + s->ndim - end > FR_MAX_DIMS)
        return fr_import_fail(c, "the result has too many dims");
    shape.ndim = last;
    for (int i = end; i < s->ndim; i++)
        shape.dim[shape.ndim++] = s->dim[i];
    return fr_import_return(c, at ? fr_reshape(fr_index_select(rows, 0, at), shape) : NULL);
}

/* t with src written, or put together with what is there, where index says along dim. */
static bool scatter(fr_import_call *c, fr_tensor *t, int dim, fr_tensor *index, fr_tensor *src)
{
    static const char *const reductions[] = { "none", "add", "mul", "max", "min", NULL };
    static const char *const known[] = { NULL, "sum", "prod", "amax", "amin" };
    int i = fr_import_choice(c, "reduction", reductions);

    if (i < 0)
        return false;
    return fr_import_return(c, known[i] ? fr_scatter_reduce(t, dim, index, src, known[i], true)
                                        : fr_scatter(t, dim, index, src));
}

static bool run_scatter_elements(fr_import_call *c)
{
    int dim = fr_import_axis_of_input(c, 3, 0);

    if (dim < 0)
        return false;
    if (c->in[0]->shape.ndim == 0)
        return fr_import_fail(c, "its input is a scalar");
    return scatter(c, c->in[0], dim, index_from_front(c->in[1], c->in[0]->shape.dim[dim]), c->in[2]);
}

/* Input 2 has a row, of the dims behind the chosen, for each index. */
static bool run_scatter_nd(fr_import_call *c)
{
    int end = fr_import_require(c, 3) ? chosen_dims(c, 0) : -1;

    if (end < 0)
        return false;

    const fr_shape *s = &c->in[0]->shape;
    int64_t width = product_of(s, end, s->ndim);
    fr_tensor *rows = fr_reshape(c->in[0], FR_SHAPE(product_of(s, 0, end), width));
    fr_tensor *at = row_numbers(c, s, c->in[1], 0, end);
    int64_t n = at ? at->numel : 0;

    if (!at || c->in[2]->numel != n * width)
        return at && fr_import_fail(c, "it has not an update for each index");
    if (n * width == 0)
        return fr_import_return(c, c->in[0]);
    at = fr_contiguous(fr_expand(fr_unsqueeze(at, 1), FR_SHAPE(n, width)));
    return scatter(c, rows, 0, at, fr_reshape(c->in[2], FR_SHAPE(n, width))) &&
           fr_import_return(c, fr_view_as(c->out[0], c->in[0]));
}

/* The first values along time_axis, as many as input 1 has for each of the batch, in reverse. */
static bool run_reverse_sequence(fr_import_call *c)
{
    int64_t batch = fr_import_int(c, "batch_axis", 1), time = fr_import_int(c, "time_axis", 0);

    if (!fr_import_require(c, 2))
        return false;
    if (c->in[0]->shape.ndim < 2 || batch + time != 1 || batch < 0 || batch > 1 || c->in[1]->dtype != FR_I64)
        return fr_import_fail(c, "expected a batch and a time in the first two dims, and lengths");

    const fr_shape *s = &c->in[0]->shape;
    fr_shape by_time = { s->ndim, { 1, 1, 1, 1, 1, 1, 1, 1 } }, by_batch = by_time;

    by_time.dim[time] = by_batch.dim[batch] = -1;

    fr_tensor *t = fr_reshape(fr_arange(0, (double)fr_most(1, s->dim[time]), 1, FR_I64), by_time);
    fr_tensor *length = fr_reshape(c->in[1], by_batch);
    fr_tensor *from = fr_where(fr_lt(t, length), fr_sub(fr_sub_scalar(length, 1), t), t);

    return fr_import_return(c, fr_gather(c->in[0], (int)time, fr_contiguous(fr_expand(from, *s))));
}

/* values[1] where index, counted from the end if it is negative, is the place along the new axis, else values[0]. */
static bool run_one_hot(fr_import_call *c)
{
    double depth;

    if (!fr_import_require(c, 3) || !fr_import_number(c, 1, "", 0, &depth))
        return false;
    if (!(depth >= 1 && depth <= 0x1p31) || c->in[2]->shape.ndim != 1 || c->in[2]->numel != 2)
        return fr_import_fail(c, "its depth must be 1 or more, and its values two");

    int64_t axis = fr_import_int(c, "axis", -1), n = c->in[0]->shape.ndim + 1;
    fr_tensor *index = index_from_front(fr_cast(c->in[0], FR_I64), (int64_t)depth);
    fr_tensor *places = fr_eq(fr_unsqueeze(index, -1), fr_arange(0, depth, 1, FR_I64));

    if (axis < -n || axis >= n)
        return fr_import_fail(c, "an axis is out of range");
    return fr_import_return(
        c, fr_movedim(fr_where(places, fr_select(c->in[2], 0, 1), fr_select(c->in[2], 0, 0)), -1, (int)axis));
}

/* The places where a tensor is not 0, row-major. */
static fr_tensor *places_of(const fr_tensor *t)
{
    int64_t n = 0;
    fr_tensor *places;

    for (int64_t i = 0; i < t->numel; i++)
        n += fr_at(t, i) != 0;
    places = fr_hold("load_onnx", fr_tensor_alloc("load_onnx", &FR_SHAPE(n), FR_I64));
    for (int64_t i = 0, k = 0; places && i < t->numel; i++)
        if (fr_at(t, i) != 0)
            ((int64_t *)(void *)places->origin)[k++] = i;
    return places;
}

/* The places (ndim,n) of the values that are not 0. */
static bool run_non_zero(fr_import_call *c)
{
    fr_tensor *rows[FR_MAX_DIMS] = { NULL }, *places;

    if (!fr_import_require(c, 1))
        return false;

    const fr_shape *s = &c->in[0]->shape;

    places = places_of(c->in[0]);
    for (int i = s->ndim; i-- > 0 && places;) {
        fr_tensor *size = fr_full_of((fr_shape){ 0 }, (double)fr_most(s->dim[i], 1), FR_I64);

        rows[i] = fr_remainder(places, size);
        places = fr_import_quotient(places, size);
    }
    return fr_import_return(c, s->ndim > 0 ? fr_stack(rows, s->ndim, 0) : fr_reshape(places, FR_SHAPE(0, -1)));
}

/* The positions along an axis, or of the flat input, where the condition, which may be shorter, holds. */
static bool run_compress(fr_import_call *c)
{
    bool flat = !fr_import_attribute(c, "axis");
    int dim = fr_import_require(c, 2) ? flat ? 0 : fr_import_axis_of_input(c, 2, 0) : -1;

    if (dim < 0)
        return false;
    return fr_import_return(
        c, fr_index_select(flat ? fr_reshape(c->in[0], FR_SHAPE(-1)) : c->in[0], dim, places_of(c->in[1])));
}

/* --- The table --------------------------------------------------------------------------------------------------- */

static const fr_import_op ops[] = {
    { "Compress", "axis", .run = run_compress },
    { "Gather", "axis", .run = run_gather },
    { "GatherElements", "axis", .run = run_gather_elements },
    { "GatherND", "batch_dims", .run = run_gather_nd },
    { "NonZero", .result = FR_ONNX_INT64, .run = run_non_zero },
    { "OneHot", "axis", .result = FR_IMPORT_OF_INPUT_2, .run = run_one_hot },
    { "ReverseSequence", "batch_axis time_axis", .run = run_reverse_sequence },
    { "Scatter", "axis", .run = run_scatter_elements },
    { "ScatterElements", "axis reduction", .run = run_scatter_elements },
    { "ScatterND", "reduction", .run = run_scatter_nd },
};

const fr_import_op_table fr_import_index_ops = { ops, sizeof ops / sizeof *ops };
