/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's ops on shapes, places and dtypes as frond's. */
#include <config.h>

#include "core/integer.h"
#include "core/scope.h"
#include "core/shape.h"
#include "core/tensor.h"
#include "onnx/call.h"

#include <frond/op.h>
#include <frond/ops.h>

static fr_tensor *tensor_of(int n, const int64_t *values)
{
    fr_tensor *t = fr_tensor_alloc("load_onnx", &FR_SHAPE(n), FR_I64);

    if (t && n > 0)
        memcpy(t->origin, values, (size_t)n * sizeof *values);
    return fr_hold("load_onnx", t);
}

static bool run_shape(fr_onnx_run_call *c)
{
    if (!fr_call_need(c, 1))
        return false;

    const fr_shape *s = &c->in[0]->shape;
    int64_t start = fr_call_int(c, "start", 0), end = fr_call_int(c, "end", s->ndim);

    start = fr_most(0, fr_least(start < 0 ? start + s->ndim : start, s->ndim));
    end = fr_most(start, fr_least(end < 0 ? end + s->ndim : end, s->ndim));
    return fr_call_give(c, tensor_of((int)(end - start), s->dim + start));
}

static bool run_size(fr_onnx_run_call *c)
{
    return fr_call_need(c, 1) && fr_call_give(c, fr_reshape(tensor_of(1, &c->in[0]->numel), (fr_shape){ 0 }));
}

static bool run_constant(fr_onnx_run_call *c)
{
    const fr_onnx_attribute_message *a = fr_call_find(c, "value");
    const fr_onnx_attribute_message *whole = fr_call_find(c, "value_int"), *real = fr_call_find(c, "value_float");

    if (a && a->t)
        return fr_call_give(c, fr_hold("load_onnx", fr_onnx_read_tensor("load_onnx", a->t)));
    if (whole && whole->has_i)
        return fr_call_give(c, fr_reshape(tensor_of(1, &whole->i), (fr_shape){ 0 }));
    if (real && real->has_f)
        return fr_call_give(c, fr_call_scalar((double)real->f));
    if ((a = fr_call_find(c, "value_ints")) && a->n_ints <= FR_CALL_NUMBERS)
        return fr_call_give(c, tensor_of((int)a->n_ints, a->ints));
    return fr_call_fail(c, "it holds a kind of value that frond does not read");
}

static bool shape_of(const fr_onnx_run_call *c, int i, fr_shape *shape)
{
    fr_call_list v;

    if (!fr_call_numbers(c, i, "shape", &v))
        return false;
    if (v.n < 0 || v.n > FR_MAX_DIMS)
        return fr_call_fail(c, "a shape has too many dims, or is missing");
    shape->ndim = v.n;
    memcpy(shape->dim, v.at, sizeof shape->dim);
    return true;
}

static bool run_constant_of_shape(fr_onnx_run_call *c)
{
    const fr_onnx_attribute_message *a = fr_call_find(c, "value");
    fr_tensor *value = a && a->t ? fr_hold("load_onnx", fr_onnx_read_tensor("load_onnx", a->t)) : NULL;
    fr_shape shape;

    if (!fr_call_need(c, 1) || !shape_of(c, 0, &shape) || (a && !value))
        return false;
    return fr_call_give(c, fr_expand(value ? fr_reshape(value, (fr_shape){ 0 }) : fr_call_scalar(0), shape));
}

static bool run_reshape(fr_onnx_run_call *c)
{
    fr_shape shape;

    if (!fr_call_need(c, 2) || !shape_of(c, 1, &shape))
        return false;
    for (int i = 0; i < shape.ndim && !fr_call_int(c, "allowzero", 0); i++)
        if (shape.dim[i] == 0)
            shape.dim[i] = i < c->in[0]->shape.ndim ? c->in[0]->shape.dim[i] : -2;
    return fr_call_give(c, fr_reshape(c->in[0], shape));
}

static bool run_expand(fr_onnx_run_call *c)
{
    fr_shape shape, whole;

    if (!fr_call_need(c, 2) || !shape_of(c, 1, &shape))
        return false;
    if (!fr_shape_broadcast(&c->in[0]->shape, &shape, &whole))
        return fr_call_fail(c, "the shapes do not broadcast");
    return fr_call_give(c, fr_expand(c->in[0], whole));
}

static bool run_flatten(fr_onnx_run_call *c)
{
    int64_t rows = 1, columns = 1;

    if (!fr_call_need(c, 1))
        return false;

    const fr_shape *s = &c->in[0]->shape;
    int64_t axis = fr_call_int(c, "axis", 1);

    axis = axis < 0 ? axis + s->ndim : axis;
    if (axis < 0 || axis > s->ndim)
        return fr_call_fail(c, "an axis is out of range");
    for (int i = 0; i < axis; i++)
        rows *= s->dim[i];
    for (int i = (int)axis; i < s->ndim; i++)
        columns *= s->dim[i];
    return fr_call_give(c, fr_reshape(c->in[0], FR_SHAPE(rows, columns)));
}

static bool run_squeeze(fr_onnx_run_call *c)
{
    fr_call_list axes;
    fr_tensor *y = fr_call_input(c, 0);
    unsigned gone;

    if (!fr_call_need(c, 1) || !fr_call_axes(c, y, &axes, &gone))
        return false;
    for (int i = y->shape.ndim; i-- > 0 && y;)
        if (axes.n < 0 ? y->shape.dim[i] == 1 : gone >> i & 1)
            y = fr_squeeze(y, i);
    return fr_call_give(c, y);
}

static bool run_unsqueeze(fr_onnx_run_call *c)
{
    fr_call_list axes;
    fr_shape shape = { 0 };
    unsigned added = 0;

    if (!fr_call_need(c, 1) || !fr_call_numbers(c, 1, "axes", &axes))
        return false;

    const fr_shape *s = &c->in[0]->shape;

    if (axes.n < 0 || s->ndim + axes.n > FR_MAX_DIMS)
        return fr_call_fail(c, "its axes are missing, or too many");
    shape.ndim = s->ndim + axes.n;
    for (int i = 0; i < axes.n; i++) {
        int64_t dim = axes.at[i] < 0 ? axes.at[i] + shape.ndim : axes.at[i];

        if (dim < 0 || dim >= shape.ndim || added >> dim & 1)
            return fr_call_fail(c, "an axis is out of range");
        added |= 1U << dim;
    }
    for (int i = 0, from = 0; i < shape.ndim; i++)
        shape.dim[i] = added >> i & 1 ? 1 : s->dim[from++];
    return fr_call_give(c, fr_reshape(c->in[0], shape));
}

static bool run_transpose(fr_onnx_run_call *c)
{
    fr_call_list perm;
    int dims[FR_MAX_DIMS];

    if (!fr_call_need(c, 1) || !fr_call_ints(c, "perm", &perm))
        return false;
    if (perm.n < 0)
        return fr_call_give(c, fr_permute(c->in[0], NULL));
    if (perm.n != c->in[0]->shape.ndim)
        return fr_call_fail(c, "perm does not fit its input");
    for (int i = 0; i < perm.n; i++)
        if ((dims[i] = fr_call_dim(c, c->in[0], perm.at[i])) < 0)
            return false;
    return fr_call_give(c, fr_permute(c->in[0], dims));
}

static bool run_concat(fr_onnx_run_call *c)
{
    if (!fr_call_need(c, 1) || !fr_call_need(c, c->inputs))
        return false;

    int dim = fr_call_dim(c, c->in[0], fr_call_int(c, "axis", 0));

    return dim >= 0 && fr_call_give(c, fr_cat(c->in, c->inputs, dim));
}

static bool run_slice(fr_onnx_run_call *c)
{
    fr_call_list starts, ends, axes, steps;
    fr_tensor *y = fr_call_input(c, 0);

    if (!fr_call_need(c, 1) || !fr_call_numbers(c, 1, "starts", &starts) || !fr_call_numbers(c, 2, "ends", &ends) ||
        !fr_call_numbers(c, 3, "axes", &axes) || !fr_call_numbers(c, 4, "steps", &steps))
        return false;
    if (starts.n < 0 || ends.n != starts.n || (axes.n >= 0 && axes.n != starts.n) ||
        (steps.n >= 0 && steps.n != starts.n))
        return fr_call_fail(c, "starts, ends, axes and steps differ in number");
    for (int i = 0; i < starts.n && y; i++) {
        int dim = fr_call_dim(c, y, axes.n < 0 ? i : axes.at[i]);
        int64_t step = steps.n < 0 ? 1 : steps.at[i];

        if (dim < 0)
            return false;
        if (step == -1 && starts.at[i] == -1 && ends.at[i] <= -y->shape.dim[dim] - 1)
            y = fr_flip(y, dim);
        else
            y = fr_slice(y, dim, starts.at[i], ends.at[i], step);
    }
    return fr_call_give(c, y);
}

/* The sizes of the parts: given, or as equal as they can be, the last the smallest. */
static bool parts_of(fr_onnx_run_call *c, int64_t size, fr_call_list *parts)
{
    int64_t each = (size + c->outputs - 1) / c->outputs, sum = 0;

    if (!fr_call_numbers(c, 1, "split", parts))
        return false;
    for (int i = 0; parts->n < 0 && i < c->outputs; i++)
        parts->at[i] = fr_least(each, size - i * each);
    parts->n = parts->n < 0 ? c->outputs : parts->n;
    for (int i = 0; i < parts->n; i++) {
        if (parts->at[i] < 0 || parts->at[i] > size)
            return fr_call_fail(c, "a part is less than nothing, or more than there is");
        sum += parts->at[i];
    }
    return (sum == size && parts->n == c->outputs) || fr_call_fail(c, "its parts do not make up its input");
}

static bool run_split(fr_onnx_run_call *c)
{
    int dim = fr_call_need(c, 1) ? fr_call_dim(c, c->in[0], fr_call_int(c, "axis", 0)) : -1;
    fr_call_list parts;
    int64_t from = 0;

    if (dim < 0)
        return false;
    if (c->in[0]->shape.ndim == 0)
        return fr_call_fail(c, "its input is a scalar");
    if (!parts_of(c, c->in[0]->shape.dim[dim], &parts))
        return false;
    for (int i = 0; i < parts.n; from += parts.at[i++])
        if (!(c->out[i] = fr_slice(c->in[0], dim, from, from + parts.at[i], 1)))
            return false;
    return true;
}

static bool run_range(fr_onnx_run_call *c)
{
    double start, limit, delta;

    if (!fr_call_need(c, 3) || !fr_call_bound(c, 0, "start", 0, &start) || !fr_call_bound(c, 1, "limit", 0, &limit) ||
        !fr_call_bound(c, 2, "delta", 1, &delta))
        return false;
    if (!(delta != 0) || (limit - start) / delta <= 0) /* fr_arange wants some */
        return delta != 0 ? fr_call_give(c, fr_hold("load_onnx",
                                                    fr_tensor_alloc("load_onnx", &FR_SHAPE(0), fr_dtype_of(c->in[0]))))
                          : fr_call_fail(c, "its delta is 0");
    return fr_call_give(c, fr_arange(start, limit, delta, fr_dtype_of(c->in[0])));
}

static bool run_trilu(fr_onnx_run_call *c)
{
    fr_call_list k;

    if (!fr_call_need(c, 1) || !fr_call_numbers(c, 1, "k", &k))
        return false;

    int64_t diagonal = k.n > 0 ? k.at[0] : 0;

    return fr_call_give(c, fr_call_int(c, "upper", 1) ? fr_triu(c->in[0], diagonal) : fr_tril(c->in[0], diagonal));
}

/* Indices count from the end where they are negative. */
static fr_tensor *from_front(fr_tensor *index, int64_t size)
{
    return fr_add(index, fr_mul_scalar(fr_lt_scalar(index, 0), (double)size));
}

static bool run_gather(fr_onnx_run_call *c)
{
    fr_shape shape = { 0 };

    if (!fr_call_need(c, 2))
        return false;

    const fr_shape *s = &c->in[0]->shape, *index = &c->in[1]->shape;
    int dim = fr_call_dim(c, c->in[0], fr_call_int(c, "axis", 0));

    if (dim < 0)
        return false;
    if (s->ndim == 0 || s->ndim + index->ndim - 1 > FR_MAX_DIMS || c->in[1]->dtype != FR_I64)
        return fr_call_fail(c, "its inputs do not fit");
    for (int i = 0; i < s->ndim; i++) {
        if (i != dim)
            shape.dim[shape.ndim++] = s->dim[i];
        for (int k = 0; i == dim && k < index->ndim; k++)
            shape.dim[shape.ndim++] = index->dim[k];
    }

    fr_tensor *flat = fr_reshape(from_front(c->in[1], s->dim[dim]), FR_SHAPE(c->in[1]->numel));

    return fr_call_give(c, fr_reshape(fr_index_select(c->in[0], dim, flat), shape));
}

static bool run_gather_elements(fr_onnx_run_call *c)
{
    int dim = fr_call_need(c, 2) ? fr_call_dim(c, c->in[0], fr_call_int(c, "axis", 0)) : -1;

    if (dim < 0)
        return false;
    if (c->in[0]->shape.ndim == 0)
        return fr_call_fail(c, "its input is a scalar");
    return fr_call_give(c, fr_gather(c->in[0], dim, from_front(c->in[1], c->in[0]->shape.dim[dim])));
}

/* float16 is float32, and all whole numbers and bool are int64. */
static bool run_cast(fr_onnx_run_call *c)
{
    enum { FLOAT = 1, BOOL = 9, FLOAT16 = 10, DOUBLE = 11, BFLOAT16 = 16 };
    int64_t to = fr_call_int(c, "to", 0);

    if (!fr_call_need(c, 1))
        return false;
    if (to == BOOL)
        return fr_call_give(c, fr_cast(fr_ne_scalar(c->in[0], 0), FR_I64));
    if (to == DOUBLE || to == FLOAT || to == FLOAT16 || to == BFLOAT16)
        return fr_call_give(c, fr_cast(c->in[0], to == DOUBLE ? FR_F64 : FR_F32));
    return to < 1 || to > BFLOAT16 ? fr_call_fail(c, "casts to a type that frond has not")
                                   : fr_call_give(c, fr_cast(c->in[0], FR_I64));
}

/* --- The table --------------------------------------------------------------------------------------------------- */

static const fr_onnx_kind kinds[] = {
    { "Cast", .run = run_cast },         { "Concat", .run = run_concat },
    { "Constant", .run = run_constant }, { "ConstantOfShape", .run = run_constant_of_shape },
    { "Expand", .run = run_expand },     { "Flatten", .run = run_flatten },
    { "Gather", .run = run_gather },     { "GatherElements", .run = run_gather_elements },
    { "Range", .run = run_range },       { "Reshape", .run = run_reshape },
    { "Shape", .run = run_shape },       { "Size", .run = run_size },
    { "Slice", .run = run_slice },       { "Split", .run = run_split },
    { "Squeeze", .run = run_squeeze },   { "Transpose", .run = run_transpose },
    { "Trilu", .run = run_trilu },       { "Unsqueeze", .run = run_unsqueeze },
};

const fr_onnx_kinds fr_onnx_shape_kinds = { kinds, sizeof kinds / sizeof *kinds };
