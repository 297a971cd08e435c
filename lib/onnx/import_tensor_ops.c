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
    static const char *const reductions[] = { "none", "add", "mul", "max", "min", NULL };
    static const char *const known[] = { NULL, "sum", "prod", "amax", "amin" };
    int dim = fr_import_axis_of_input(c, 3, 0), i = fr_import_choice(c, "reduction", reductions);

    if (dim < 0 || i < 0)
        return false;
    if (c->in[0]->shape.ndim == 0)
        return fr_import_fail(c, "its input is a scalar");

    fr_tensor *index = index_from_front(c->in[1], c->in[0]->shape.dim[dim]);

    return fr_import_return(c, known[i] ? fr_scatter_reduce(c->in[0], dim, index, c->in[2], known[i], true)
                                        : fr_scatter(c->in[0], dim, index, c->in[2]));
}

/* The amounts of padding of each dim before and after it, as ONNX lists them for all axes or for those of input 3. */
static bool read_pads(const fr_import_call *c, int64_t before[FR_MAX_DIMS], int64_t after[FR_MAX_DIMS])
{
    const fr_tensor *x = c->in[0];
    fr_import_ints pads, axes;
    int n = x->shape.ndim;

    if (!fr_import_input_ints(c, 1, "pads", &pads) || !fr_import_input_ints(c, 3, "", &axes))
        return false;
    n = axes.n < 0 ? n : axes.n;
    if (pads.n != 2 * n || n > FR_MAX_DIMS)
        return fr_import_fail(c, "pads do not fit its input");
    for (int i = 0; i < FR_MAX_DIMS; i++)
        before[i] = after[i] = 0;
    for (int i = 0; i < n; i++) {
        int dim = axes.n < 0 ? i : fr_import_axis(c, x, axes.value[i]);

        if (dim < 0)
            return false;
        before[dim] = pads.value[i];
        after[dim] = pads.value[n + i];
    }
    return true;
}

static const char *const pad_modes[] = { "constant", "reflect", "edge", "wrap", NULL };

/* fr_pad takes the last dim first. */
static bool run_pad(fr_import_call *c)
{
    int64_t before[FR_MAX_DIMS], after[FR_MAX_DIMS], around[2 * FR_MAX_DIMS];
    int mode = fr_import_choice(c, "mode", pad_modes);
    double value;

    if (mode < 0 || !fr_import_require(c, 1) || !fr_import_number(c, 2, "value", 0, &value) ||
        !read_pads(c, before, after))
        return false;

    fr_tensor *x = c->in[0];
    int ndim = x->shape.ndim;

    for (int i = 0; i < ndim; i++) {
        around[2 * i] = before[ndim - 1 - i];
        around[2 * i + 1] = after[ndim - 1 - i];
    }
    if (ndim == 0)
        return fr_import_return(c, x);
    return fr_import_return(c, mode == 0 ? fr_pad(x, around, 2 * ndim, value)
                                         : fr_pad_mode(x, around, 2 * ndim, (fr_padding_mode)(FR_REFLECT + mode - 1)));
}

static bool check_pad(const fr_import_call *c)
{
    return fr_import_choice(c, "mode", pad_modes) >= 0;
}

static bool run_tile(fr_import_call *c)
{
    fr_shape counts;

    return fr_import_require(c, 2) && read_shape(c, 1, &counts) && fr_import_return(c, fr_tile(c->in[0], counts));
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

/* The product of dims first..last-1. */
static int64_t product_of(const fr_shape *s, int first, int last)
{
    int64_t product = 1;

    for (int i = first; i < last; i++)
        product *= s->dim[i];
    return product;
}

/* Input 1's last dim, of size k, has indices into input 0's k dims behind the batch dims. */
static bool run_gather_nd(fr_import_call *c)
{
    int64_t batches = fr_import_int(c, "batch_dims", 0);

    if (!fr_import_require(c, 2))
        return false;

    const fr_shape *s = &c->in[0]->shape, *index = &c->in[1]->shape;
    int last = index->ndim - 1, b = (int)batches;
    fr_shape shape = *index;

    if (c->in[1]->dtype != FR_I64 || batches < 0 || batches > last || index->dim[last] < 1 ||
        index->dim[last] > s->ndim - batches)
        return fr_import_fail(c, "its indices do not fit its input");
    for (int i = 0; i < b; i++)
        if (s->dim[i] != index->dim[i])
            return fr_import_fail(c, "its indices do not fit its input");

    int end = b + (int)index->dim[last];
    int64_t each = product_of(s, b, end), outer = product_of(s, 0, b);
    fr_tensor *rows = fr_reshape(c->in[0], FR_SHAPE(outer * each, product_of(s, end, s->ndim)));
    fr_tensor *at =
        fr_mul_scalar(fr_reshape(fr_arange(0, (double)fr_most(outer, 1), 1, FR_I64), FR_SHAPE(-1, 1)), (double)each);

    shape.ndim = last;
    if (last + s->ndim - end > FR_MAX_DIMS)
        return fr_import_fail(c, "the result has too many dims");
    for (int i = b; i < end; i++) {
        fr_tensor *one = index_from_front(fr_select(c->in[1], last, i - b), s->dim[i]);

        if (!one || (one->numel > 0 && (fr_at(fr_min(one), 0) < 0 || fr_at(fr_max(one), 0) >= (double)s->dim[i])))
            return fr_import_fail(c, "an index is out of range");
        at = fr_add(at, fr_mul_scalar(fr_reshape(one, FR_SHAPE(outer, product_of(index, b, last))),
                                      (double)product_of(s, i + 1, end)));
    }
    for (int i = end; i < s->ndim; i++)
        shape.dim[shape.ndim++] = s->dim[i];
    return fr_import_return(c, fr_reshape(fr_index_select(rows, 0, fr_flatten(at, 0, -1)), shape));
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

static bool run_where(fr_import_call *c)
{
    return fr_import_require(c, 3) && fr_import_return(c, fr_where(c->in[0], c->in[1], c->in[2]));
}

static fr_tensor *identity(fr_tensor *t)
{
    return t;
}

/* --- Dtypes and other elementwise ops ---------------------------------------------------------------------------- */

/* To the type that the file gives, or to that of input 1. What the type cannot hold is mended after the node. */
static bool run_cast(fr_import_call *c)
{
    int to = c->type[0], dtype = fr_import_dtype(to);

    if (!fr_import_require(c, 1))
        return false;
    if (dtype < 0)
        return fr_import_fail(c, "it casts to a type that frond does not have");
    return fr_import_return(c, to == FR_ONNX_BOOL ? fr_ne_scalar(c->in[0], 0) : fr_cast(c->in[0], (fr_dtype)dtype));
}

static bool check_cast(const fr_import_call *c)
{
    return fr_import_dtype((int)fr_import_int(c, "to", 0)) >= 0 ||
           fr_import_fail(c, "it casts to a type that frond does not have");
}

/* --- The table --------------------------------------------------------------------------------------------------- */

#define CONSTANT "value value_float value_floats value_int value_ints"

static const fr_import_op ops[] = {
    { "Cast", "to saturate", .result = FR_IMPORT_BY_ATTRIBUTE, .dtype_attribute = "to", .run = run_cast,
      .check = check_cast },
    { "CastLike", "saturate", .result = FR_IMPORT_OF_INPUT_1, .run = run_cast },
    { "CenterCropPad", "axes", .run = run_center_crop_pad },
    { "Compress", "axis", .run = run_compress },
    { "Concat", "axis", .run = run_concat },
    { "Constant", CONSTANT, .result = FR_IMPORT_BY_ATTRIBUTE, .run = run_constant },
    { "ConstantOfShape", "value", .result = FR_IMPORT_BY_ATTRIBUTE, .run = run_constant_of_shape },
    { "DepthToSpace", "blocksize mode", .run = run_blocks },
    { "Expand", .run = run_expand },
    { "Flatten", "axis", .run = run_flatten },
    { "Gather", "axis", .run = run_gather },
    { "GatherElements", "axis", .run = run_gather_elements },
    { "GatherND", "batch_dims", .run = run_gather_nd },
    { "Identity", .unary = identity },
    { "NonZero", .result = FR_ONNX_INT64, .run = run_non_zero },
    { "OneHot", "axis", .result = FR_IMPORT_OF_INPUT_2, .run = run_one_hot },
    { "Pad", "mode pads value", .run = run_pad, .check = check_pad },
    { "Range", .run = run_range },
    { "Reshape", "allowzero", .run = run_reshape },
    { "ScatterElements", "axis reduction", .run = run_scatter_elements },
    { "Shape", "end start", .result = FR_ONNX_INT64, .run = run_shape },
    { "Size", .result = FR_ONNX_INT64, .run = run_size },
    { "Slice", "axes ends starts", .run = run_slice },
    { "SpaceToDepth", "blocksize mode", .run = run_blocks },
    { "Split", "axis num_outputs split", .run = run_split },
    { "Squeeze", "axes", .run = run_squeeze },
    { "Tile", .run = run_tile },
    { "Transpose", "perm", .run = run_transpose },
    { "Trilu", "upper", .run = run_trilu },
    { "Unsqueeze", "axes", .run = run_unsqueeze },
    { "Where", .result = FR_IMPORT_OF_INPUT_1, .run = run_where },
};

const fr_import_op_table fr_import_tensor_ops = { ops, sizeof ops / sizeof *ops };
