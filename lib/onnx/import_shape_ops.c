/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's ops on shapes and parts of tensors, by frond's ops. */
#include <config.h>

#include "core/integer.h"
#include "core/scope.h"
#include "core/shape.h"
#include "onnx/import.h"

#include <frond/op.h>
#include <frond/ops.h>

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
        return fr_import_return(c, fr_hold("load_onnx", fr_import_tensor("load_onnx", a->t, NULL)));
    if (one_int && one_int->has_i)
        return fr_import_return(c, fr_reshape(int64_tensor(1, &one_int->i), (fr_shape){ 0 }));
    if (one_float && one_float->has_f)
        return fr_import_return(c, fr_import_scalar((double)one_float->f));
    if ((a = fr_import_attribute(c, "value_ints")) && a->n_ints <= FR_IMPORT_MAX_INTS)
        return fr_import_return(c, int64_tensor((int)a->n_ints, a->ints));
    if ((a = fr_import_attribute(c, "value_floats"))) {
        fr_tensor *y = fr_tensor_alloc("load_onnx", &FR_SHAPE((int64_t)a->n_floats), FR_F32);

        if (y && a->n_floats > 0)
            memcpy(y->origin, a->floats, a->n_floats * sizeof *a->floats);
        return fr_import_return(c, fr_hold("load_onnx", y));
    }
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
    fr_tensor *value = a && a->t ? fr_hold("load_onnx", fr_import_tensor("load_onnx", a->t, NULL)) : NULL;
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

static fr_tensor *identity(fr_tensor *t)
{
    return t;
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

static bool run_tile(fr_import_call *c)
{
    fr_shape counts;

    return fr_import_require(c, 2) && read_shape(c, 1, &counts) && fr_import_return(c, fr_tile(c->in[0], counts));
}

/* Of x (N,C,H,W): blocks of pixels become channels, or channels become blocks. */
static bool run_blocks(fr_import_call *c)
{
    static const char *const modes[] = { "DCR", "CRD", NULL };
    int64_t b = fr_import_int(c, "blocksize", 0), mode = fr_import_choice(c, "mode", modes);
    bool to_space = strcmp(c->op->type, "DepthToSpace") == 0;

    if (mode < 0 || !fr_import_require(c, 1))
        return false;

    fr_tensor *x = c->in[0], *y;
    const int64_t *d = x->shape.dim;

    if (x->shape.ndim != 4 || b < 1 || b > INT32_MAX || (to_space ? d[1] % (b * b) : d[2] % b || d[3] % b))
        return fr_import_fail(c, "blocksize does not fit its input");
    if (!to_space) {
        y = fr_reshape(x, (fr_shape){ 6, { d[0], d[1], d[2] / b, b, d[3] / b, b } });
        y = fr_permute(y, mode == 0 ? (int[]){ 0, 3, 5, 1, 2, 4 } : (int[]){ 0, 1, 3, 5, 2, 4 });
        return fr_import_return(c, fr_reshape(y, FR_SHAPE(d[0], d[1] * b * b, d[2] / b, d[3] / b)));
    }
    y = fr_reshape(x, mode == 0 ? (fr_shape){ 6, { d[0], b, b, d[1] / (b * b), d[2], d[3] } }
                                : (fr_shape){ 6, { d[0], d[1] / (b * b), b, b, d[2], d[3] } });
    y = fr_permute(y, mode == 0 ? (int[]){ 0, 3, 4, 1, 5, 2 } : (int[]){ 0, 1, 4, 2, 5, 3 });
    return fr_import_return(c, fr_reshape(y, FR_SHAPE(d[0], d[1] / (b * b), d[2] * b, d[3] * b)));
}

/* The middle of some axes, cut or padded with zeros to the sizes of input 1. */
static bool run_center_crop_pad(fr_import_call *c)
{
    fr_import_ints axes, sizes;
    fr_tensor *y = fr_import_input(c, 0);

    if (!fr_import_require(c, 2) || !fr_import_input_ints(c, 1, "", &sizes) ||
        !fr_import_attribute_ints(c, "axes", &axes))
        return false;
    if (sizes.n != (axes.n < 0 ? y->shape.ndim : axes.n))
        return fr_import_fail(c, "its sizes do not fit its axes");
    for (int i = 0; i < sizes.n && y; i++) {
        int dim = fr_import_axis(c, y, axes.n < 0 ? i : axes.value[i]);
        int64_t around[2 * FR_MAX_DIMS] = { 0 }, more;

        if (dim < 0 || sizes.value[i] < 0)
            return dim >= 0 && fr_import_fail(c, "a size is negative");
        more = sizes.value[i] - y->shape.dim[dim];
        if (more <= 0) {
            y = fr_narrow(y, dim, -more / 2, sizes.value[i]);
        } else {
            around[2 * (y->shape.ndim - 1 - dim)] = more / 2;
            around[2 * (y->shape.ndim - 1 - dim) + 1] = more - more / 2;
            y = fr_pad(y, around, 2 * y->shape.ndim, 0);
        }
    }
    return fr_import_return(c, y);
}

/* --- The table --------------------------------------------------------------------------------------------------- */

#define CONSTANT "value value_float value_floats value_int value_ints"

static const fr_import_op ops[] = {
    { "CenterCropPad", "axes", .run = run_center_crop_pad },
    { "Concat", "axis", .run = run_concat },
    { "Constant", CONSTANT, .result = FR_IMPORT_BY_ATTRIBUTE, .run = run_constant },
    { "ConstantOfShape", "value", .result = FR_IMPORT_BY_ATTRIBUTE, .run = run_constant_of_shape },
    { "DepthToSpace", "blocksize mode", .run = run_blocks },
    { "Expand", .run = run_expand },
    { "Flatten", "axis", .run = run_flatten },
    { "Identity", .unary = identity },
    { "Reshape", "allowzero", .run = run_reshape },
    { "Shape", "end start", .result = FR_ONNX_INT64, .run = run_shape },
    { "Size", .result = FR_ONNX_INT64, .run = run_size },
    { "Slice", "axes ends starts", .run = run_slice },
    { "SpaceToDepth", "blocksize mode", .run = run_blocks },
    { "Split", "axis num_outputs split", .run = run_split },
    { "Squeeze", "axes", .run = run_squeeze },
    { "Tile", .run = run_tile },
    { "Transpose", "perm", .run = run_transpose },
    { "Unsqueeze", "axes", .run = run_unsqueeze },
};

const fr_import_op_table fr_import_shape_ops = { ops, sizeof ops / sizeof *ops };
