/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's ops on shapes, elements and dtypes, by frond's ops. */
#include <config.h>

#include "core/integer.h"
#include "core/scope.h"
#include "core/shape.h"
#include "core/thread.h"
#include "graph/result_limit.h"
#include "onnx/import.h"

#include <frond/op.h>
#include <frond/ops.h>
#include <math.h>

/* --- Shapes and constants ---------------------------------------------------------------------------------------- */

static fr_tensor *int64_tensor(int n, const int64_t *values)
{
    fr_tensor *t = fr_tensor_alloc("load_onnx", &FR_SHAPE(n), FR_I64);

    if (t && n > 0)
        memcpy(t->origin, values, (size_t)n * sizeof *values);
    return fr_hold("load_onnx", t);
}

static bool run_shape(fr_import_call *c)
{
    if (!fr_import_require(c, 1))
        return false;

    const fr_shape *s = &c->in[0]->shape;
    int64_t start = fr_import_int(c, "start", 0), end = fr_import_int(c, "end", s->ndim);

    start = fr_most(0, fr_least(start < 0 ? start + s->ndim : start, s->ndim));
    end = fr_most(start, fr_least(end < 0 ? end + s->ndim : end, s->ndim));
    return fr_import_return(c, int64_tensor((int)(end - start), s->dim + start));
}

static bool run_size(fr_import_call *c)
{
    return fr_import_require(c, 1) &&
           fr_import_return(c, fr_reshape(int64_tensor(1, &c->in[0]->numel), (fr_shape){ 0 }));
}

static bool run_constant(fr_import_call *c)
{
    const fr_attribute_proto *a = fr_import_attribute(c, "value");
    const fr_attribute_proto *one_int = fr_import_attribute(c, "value_int");
    const fr_attribute_proto *one_float = fr_import_attribute(c, "value_float");

    if (a && a->t)
        return fr_import_return(c, fr_hold("load_onnx", fr_import_tensor("load_onnx", a->t)));
    if (one_int && one_int->has_i)
        return fr_import_return(c, fr_reshape(int64_tensor(1, &one_int->i), (fr_shape){ 0 }));
    if (one_float && one_float->has_f)
        return fr_import_return(c, fr_import_scalar((double)one_float->f));
    if ((a = fr_import_attribute(c, "value_ints")) && a->n_ints <= FR_IMPORT_MAX_INTS)
        return fr_import_return(c, int64_tensor((int)a->n_ints, a->ints));
    return fr_import_fail(c, "its value is of a kind that frond does not read");
}

static bool read_shape(const fr_import_call *c, int i, fr_shape *shape)
{
    fr_import_ints v;

    if (!fr_import_input_ints(c, i, "shape", &v))
        return false;
    if (v.n < 0 || v.n > FR_MAX_DIMS)
        return fr_import_fail(c, "a shape is missing or has too many dims");
    shape->ndim = v.n;
    memcpy(shape->dim, v.value, sizeof shape->dim);
    return true;
}

static bool run_constant_of_shape(fr_import_call *c)
{
    const fr_attribute_proto *a = fr_import_attribute(c, "value");
    fr_tensor *value = a && a->t ? fr_hold("load_onnx", fr_import_tensor("load_onnx", a->t)) : NULL;
    fr_shape shape = { 0 };

    if (!fr_import_require(c, 1) || !read_shape(c, 0, &shape) || (a && !value))
        return false;
    return fr_import_return(c, fr_expand(value ? fr_reshape(value, (fr_shape){ 0 }) : fr_import_scalar(0), shape));
}

/* --- Other shapes ------------------------------------------------------------------------------------------------ */

/* A size of 0 stands for that of the input, unless allowzero is set. */
static bool run_reshape(fr_import_call *c)
{
    fr_shape shape = { 0 };

    if (!fr_import_require(c, 2) || !read_shape(c, 1, &shape))
        return false;
    for (int i = 0; i < shape.ndim && !fr_import_int(c, "allowzero", 0); i++)
        if (shape.dim[i] == 0)
            shape.dim[i] = i < c->in[0]->shape.ndim ? c->in[0]->shape.dim[i] : -2;
    return fr_import_return(c, fr_reshape(c->in[0], shape));
}

static bool run_expand(fr_import_call *c)
{
    fr_shape shape, broadcast;

    if (!fr_import_require(c, 2) || !read_shape(c, 1, &shape))
        return false;
    if (!fr_shape_broadcast(&c->in[0]->shape, &shape, &broadcast))
        return fr_import_fail(c, "the shapes do not broadcast");
    return fr_import_return(c, fr_expand(c->in[0], broadcast));
}

static bool run_flatten(fr_import_call *c)
{
    int64_t rows = 1, columns = 1;

    if (!fr_import_require(c, 1))
        return false;

    const fr_shape *s = &c->in[0]->shape;
    int64_t axis = fr_import_int(c, "axis", 1);

    axis = axis < 0 ? axis + s->ndim : axis;
    if (axis < 0 || axis > s->ndim)
        return fr_import_fail(c, "an axis is out of range");
    for (int i = 0; i < axis; i++)
        rows *= s->dim[i];
    for (int i = (int)axis; i < s->ndim; i++)
        columns *= s->dim[i];
    return fr_import_return(c, fr_reshape(c->in[0], FR_SHAPE(rows, columns)));
}

static bool run_squeeze(fr_import_call *c)
{
    fr_import_ints axes;
    fr_tensor *y = fr_import_input(c, 0);
    unsigned gone;

    if (!fr_import_require(c, 1) || !fr_import_axes(c, y, &axes, &gone))
        return false;
    for (int i = y->shape.ndim; i-- > 0 && y;)
        if (axes.n < 0 ? y->shape.dim[i] == 1 : gone >> i & 1)
            y = fr_squeeze(y, i);
    return fr_import_return(c, y);
}

static bool run_unsqueeze(fr_import_call *c)
{
    fr_import_ints axes;
    fr_shape shape = { 0 };
    unsigned added = 0;

    if (!fr_import_require(c, 1) || !fr_import_input_ints(c, 1, "axes", &axes))
        return false;

    const fr_shape *s = &c->in[0]->shape;

    if (axes.n < 0 || s->ndim + axes.n > FR_MAX_DIMS)
        return fr_import_fail(c, "its axes are missing or too many");
    shape.ndim = s->ndim + axes.n;
    for (int i = 0; i < axes.n; i++) {
        int64_t dim = axes.value[i] < 0 ? axes.value[i] + shape.ndim : axes.value[i];

        if (dim < 0 || dim >= shape.ndim || added >> dim & 1)
            return fr_import_fail(c, "an axis is out of range");
        added |= 1U << dim;
    }
    for (int i = 0, from = 0; i < shape.ndim; i++)
        shape.dim[i] = added >> i & 1 ? 1 : s->dim[from++];
    return fr_import_return(c, fr_reshape(c->in[0], shape));
}

/* Without perm the dims are reversed. */
static bool run_transpose(fr_import_call *c)
{
    fr_import_ints perm;
    int dims[FR_MAX_DIMS];

    if (!fr_import_require(c, 1) || !fr_import_attribute_ints(c, "perm", &perm))
        return false;

    int ndim = c->in[0]->shape.ndim;

    if (perm.n >= 0 && perm.n != ndim)
        return fr_import_fail(c, "perm does not fit its input");
    for (int i = 0; i < ndim; i++) {
        dims[i] = perm.n < 0 ? ndim - 1 - i : fr_import_axis(c, c->in[0], perm.value[i]);
        if (dims[i] < 0)
            return false;
    }
    return fr_import_return(c, fr_permute(c->in[0], dims));
}

/* --- Parts ------------------------------------------------------------------------------------------------------- */

static bool run_concat(fr_import_call *c)
{
    if (!fr_import_require(c, 1) || !fr_import_require(c, c->inputs))
        return false;

    int dim = fr_import_axis(c, c->in[0], fr_import_int(c, "axis", 0));

    return dim >= 0 && fr_import_return(c, fr_cat(c->in, c->inputs, dim));
}

/* One axis after another. */
static bool run_slice(fr_import_call *c)
{
    fr_import_ints starts, ends, axes, steps;
    fr_tensor *y = fr_import_input(c, 0);

    if (!fr_import_require(c, 1) || !fr_import_input_ints(c, 1, "starts", &starts) ||
        !fr_import_input_ints(c, 2, "ends", &ends) || !fr_import_input_ints(c, 3, "axes", &axes) ||
        !fr_import_input_ints(c, 4, "steps", &steps))
        return false;
    if (starts.n < 0 || ends.n != starts.n || (axes.n >= 0 && axes.n != starts.n) ||
        (steps.n >= 0 && steps.n != starts.n))
        return fr_import_fail(c, "starts, ends, axes and steps differ in number");
    for (int i = 0; i < starts.n && y; i++) {
        int dim = fr_import_axis(c, y, axes.n < 0 ? i : axes.value[i]);

        if (dim < 0)
            return false;
        y = fr_slice(y, dim, starts.value[i], ends.value[i], steps.n < 0 ? 1 : steps.value[i]);
    }
    return fr_import_return(c, y);
}

/* The sizes of the parts: given, or else equal, the last one smaller where they do not divide the dim. */
static bool read_part_sizes(fr_import_call *c, int64_t size, fr_import_ints *parts)
{
    int64_t each = (size + c->outputs - 1) / c->outputs, sum = 0;

    if (!fr_import_input_ints(c, 1, "split", parts))
        return false;
    for (int i = 0; parts->n < 0 && i < c->outputs; i++)
        parts->value[i] = fr_least(each, size - i * each);
    parts->n = parts->n < 0 ? c->outputs : parts->n;
    for (int i = 0; i < parts->n; i++) {
        if (parts->value[i] < 0 || parts->value[i] > size)
            return fr_import_fail(c, "the size of a part is negative or larger than its input");
        sum += parts->value[i];
    }
    return (sum == size && parts->n == c->outputs) ||
           fr_import_fail(c, "the sizes of its parts do not add up to that of its input");
}

static bool run_split(fr_import_call *c)
{
    int dim = fr_import_axis_of_input(c, 1, 0);
    fr_import_ints parts;
    int64_t from = 0;

    if (dim < 0)
        return false;
    if (c->in[0]->shape.ndim == 0)
        return fr_import_fail(c, "its input is a scalar");
    if (!read_part_sizes(c, c->in[0]->shape.dim[dim], &parts))
        return false;
    for (int i = 0; i < parts.n; from += parts.value[i++])
        if (!(c->out[i] = fr_slice(c->in[0], dim, from, from + parts.value[i], 1)))
            return false;
    return true;
}

static bool run_range(fr_import_call *c)
{
    double start, limit, delta;

    if (!fr_import_require(c, 3) || !fr_import_number(c, 0, "start", 0, &start) ||
        !fr_import_number(c, 1, "limit", 0, &limit) || !fr_import_number(c, 2, "delta", 1, &delta))
        return false;

    fr_dtype dtype = fr_dtype_of(c->in[0]);
    double count = ceil((limit - start) / delta);

    if (delta == 0)
        return fr_import_fail(c, "its delta is 0");
    if (count <= 0) /* fr_arange takes no empty range */
        return fr_import_return(c, fr_hold("load_onnx", fr_tensor_alloc("load_onnx", &FR_SHAPE(0), dtype)));
    if (count < 0x1p48 && !fr_result_limit_count_bytes(fr_thread_self(), "range", (int64_t)count * 8))
        return false; /* fr_arange refuses larger counts */
    return fr_import_return(c, fr_arange(start, limit, delta, dtype));
}

static bool run_trilu(fr_import_call *c)
{
    fr_import_ints k;

    if (!fr_import_require(c, 1) || !fr_import_input_ints(c, 1, "k", &k))
        return false;

    int64_t diagonal = k.n > 0 ? k.value[0] : 0;

    return fr_import_return(c,
                            fr_import_int(c, "upper", 1) ? fr_triu(c->in[0], diagonal) : fr_tril(c->in[0], diagonal));
}

/* --- Elements ---------------------------------------------------------------------------------------------------- */

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

static bool run_scatter_elements(fr_import_call *c)
{
    static const struct {
        const char *onnx, *reduce;
    } ways[] = { { "none", NULL }, { "add", "sum" }, { "mul", "prod" }, { "max", "amax" }, { "min", "amin" } };
    enum { WAYS = sizeof ways / sizeof *ways };
    int dim = fr_import_axis_of_input(c, 3, 0), i = 0;

    if (dim < 0)
        return false;
    if (c->in[0]->shape.ndim == 0)
        return fr_import_fail(c, "its input is a scalar");
    if (fr_import_attribute(c, "reduction"))
        while (i < WAYS && !fr_import_string_is(c, "reduction", ways[i].onnx))
            i++;
    if (i == WAYS)
        return fr_import_fail(c, "its reduction is not one that frond knows");

    fr_tensor *index = index_from_front(c->in[1], c->in[0]->shape.dim[dim]);

    return fr_import_return(c, i == 0 ? fr_scatter(c->in[0], dim, index, c->in[2])
                                      : fr_scatter_reduce(c->in[0], dim, index, c->in[2], ways[i].reduce, true));
}

/* fr_pad takes the last dim first. */
static bool run_pad(fr_import_call *c)
{
    fr_import_ints pads;
    int64_t around[FR_IMPORT_MAX_INTS];
    double value;

    if (!fr_import_require(c, 1) || !fr_import_input_ints(c, 1, "pads", &pads) ||
        !fr_import_number(c, 2, "value", 0, &value))
        return false;
    if (fr_import_input(c, 3) || (fr_import_attribute(c, "mode") && !fr_import_string_is(c, "mode", "constant")))
        return fr_import_fail(c, "only constant padding of all axes is supported");

    int ndim = c->in[0]->shape.ndim;

    if (pads.n != 2 * ndim)
        return fr_import_fail(c, "pads do not fit its input");
    for (int i = 0; i < ndim; i++) {
        around[2 * i] = pads.value[ndim - 1 - i];
        around[2 * i + 1] = pads.value[2 * ndim - 1 - i];
    }
    return fr_import_return(c, fr_pad(c->in[0], around, 2 * ndim, value));
}

static bool run_where(fr_import_call *c)
{
    return fr_import_require(c, 3) && fr_import_return(c, fr_where(c->in[0], c->in[1], c->in[2]));
}

static fr_tensor *identity(fr_tensor *t)
{
    return t;
}

static fr_tensor *is_nan(fr_tensor *t)
{
    return fr_ne(t, t);
}

/* --- Dtypes and other elementwise ops ---------------------------------------------------------------------------- */

/* float16 and bfloat16 become float32; bool and all integers become int64. */
static bool run_cast(fr_import_call *c)
{
    int64_t to = fr_import_int(c, "to", 0);

    if (!fr_import_require(c, 1))
        return false;
    if (to == FR_ONNX_BOOL)
        return fr_import_return(c, fr_cast(fr_ne_scalar(c->in[0], 0), FR_I64));
    if (to == FR_ONNX_DOUBLE || to == FR_ONNX_FLOAT || to == FR_ONNX_FLOAT16 || to == FR_ONNX_BFLOAT16)
        return fr_import_return(c, fr_cast(c->in[0], to == FR_ONNX_DOUBLE ? FR_F64 : FR_F32));
    if (!((to >= FR_ONNX_UINT8 && to <= FR_ONNX_INT64) || to == FR_ONNX_UINT32 || to == FR_ONNX_UINT64))
        return fr_import_fail(c, "it casts to a type that frond does not have");
    return fr_import_return(c, fr_cast(c->in[0], FR_I64));
}

/* --- The table --------------------------------------------------------------------------------------------------- */

static const fr_import_op ops[] = {
    { "Cast", .run = run_cast },
    { "Concat", .run = run_concat },
    { "Constant", .run = run_constant },
    { "ConstantOfShape", .run = run_constant_of_shape },
    { "Expand", .run = run_expand },
    { "Flatten", .run = run_flatten },
    { "Gather", .run = run_gather },
    { "GatherElements", .run = run_gather_elements },
    { "Identity", .unary = identity },
    { "IsNaN", .unary = is_nan },
    { "Pad", .run = run_pad },
    { "Range", .run = run_range },
    { "Reshape", .run = run_reshape },
    { "ScatterElements", .run = run_scatter_elements }, /* of no reduction or any */
    { "Shape", .run = run_shape },
    { "Size", .run = run_size },
    { "Slice", .run = run_slice },
    { "Split", .run = run_split },
    { "Squeeze", .run = run_squeeze },
    { "Transpose", .run = run_transpose },
    { "Trilu", .run = run_trilu },
    { "Unsqueeze", .run = run_unsqueeze },
    { "Where", .run = run_where },
};

const fr_import_op_table fr_import_tensor_ops = { ops, sizeof ops / sizeof *ops };
