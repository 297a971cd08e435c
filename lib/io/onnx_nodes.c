/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's ops as frond's: the table at the end has all that can be run. */
#include <config.h>

#include "io/onnx_load.h"

#include <frond/op.h>
#include <frond/ops.h>
#include <math.h>
#include <stdlib.h>

typedef fr_onnx_run_call call;

static bool fail(const call *c, const char *message)
{
    const char *name = c->node->name;

    return fr_fail("load_onnx", "node %.80s (%.80s): %s", name ? name : "", c->node->op_type, message), false;
}

static bool give(call *c, fr_tensor *y)
{
    c->out[0] = y;
    return y != NULL;
}

static fr_tensor *input(const call *c, int i)
{
    return i < c->inputs ? c->in[i] : NULL;
}

static bool need(const call *c, int n)
{
    for (int i = 0; i < n; i++)
        if (!input(c, i))
            return fail(c, "an input is missing");
    return true;
}

/* --- Attributes -------------------------------------------------------------------------------------------------- */

static const fr_onnx_attribute_message *find(const call *c, const char *name)
{
    for (size_t i = 0; i < c->node->n_attribute; i++)
        if (c->node->attribute[i]->name && strcmp(c->node->attribute[i]->name, name) == 0)
            return c->node->attribute[i];
    return NULL;
}

static int64_t int_of(const call *c, const char *name, int64_t otherwise)
{
    const fr_onnx_attribute_message *a = find(c, name);

    return a && a->has_i ? a->i : otherwise;
}

static double float_of(const call *c, const char *name, double otherwise)
{
    const fr_onnx_attribute_message *a = find(c, name);

    return a && a->has_f ? (double)a->f : otherwise;
}

static bool text_is(const call *c, const char *name, const char *text)
{
    const fr_onnx_attribute_message *a = find(c, name);

    return a && a->has_s && a->s.len == strlen(text) && memcmp(a->s.data, text, a->s.len) == 0;
}

enum { MOST = 2 * FR_MAX_DIMS };

typedef struct {
    int n;
    int64_t at[MOST];
} numbers;

/* An attribute's numbers; n < 0: it is not there. False where there are too many. */
static bool ints_of(const call *c, const char *name, numbers *v)
{
    const fr_onnx_attribute_message *a = find(c, name);

    v->n = a ? (int)fr_least((int64_t)a->n_ints, MOST + 1) : -1;
    if (v->n > MOST)
        return fail(c, "an attribute has too many numbers");
    for (int i = 0; i < v->n; i++)
        v->at[i] = a->ints[i];
    return true;
}

/* An input's numbers, or, from before they were inputs, an attribute's. */
static bool numbers_of(const call *c, int i, const char *name, numbers *v)
{
    const fr_tensor *t = input(c, i);

    if (!t)
        return ints_of(c, name, v);
    if (t->dtype != FR_I64 || t->numel > MOST)
        return fail(c, "an input should be a few whole numbers");
    v->n = (int)t->numel;
    for (int k = 0; k < v->n; k++)
        v->at[k] = ((const int64_t *)(const void *)t->origin)[fr_offset_of(t, k)];
    return true;
}

/* Counted from the front; -1 with an error. */
static int dim_of(const call *c, const fr_tensor *t, int64_t dim)
{
    int found = dim >= -FR_MAX_DIMS && dim < FR_MAX_DIMS ? fr_shape_dim(&t->shape, (int)dim) : -1;

    if (found < 0)
        fail(c, "an axis is out of range");
    return found;
}

/* --- Shapes ------------------------------------------------------------------------------------------------------ */

static fr_tensor *tensor_of(int n, const int64_t *values)
{
    fr_tensor *t = fr_tensor_alloc("load_onnx", &FR_SHAPE(n), FR_I64);

    if (t && n > 0)
        memcpy(t->origin, values, (size_t)n * sizeof *values);
    return fr_hold("load_onnx", t);
}

/* A scalar. */
static fr_tensor *number(double value)
{
    fr_tensor *t = fr_tensor_alloc("load_onnx", &(fr_shape){ 0 }, FR_F32);

    if (t)
        fr_fill(t, value);
    return fr_hold("load_onnx", t);
}

static bool run_shape(call *c)
{
    if (!need(c, 1))
        return false;

    const fr_shape *s = &c->in[0]->shape;
    int64_t start = int_of(c, "start", 0), end = int_of(c, "end", s->ndim);

    start = fr_most(0, fr_least(start < 0 ? start + s->ndim : start, s->ndim));
    end = fr_most(start, fr_least(end < 0 ? end + s->ndim : end, s->ndim));
    return give(c, tensor_of((int)(end - start), s->dim + start));
}

static bool run_constant(call *c)
{
    const fr_onnx_attribute_message *a = find(c, "value");
    const fr_onnx_attribute_message *whole = find(c, "value_int"), *real = find(c, "value_float");

    if (a && a->t)
        return give(c, fr_hold("load_onnx", fr_onnx_read_tensor("load_onnx", a->t)));
    if (whole && whole->has_i)
        return give(c, fr_reshape(tensor_of(1, &whole->i), (fr_shape){ 0 }));
    if (real && real->has_f)
        return give(c, number((double)real->f));
    if ((a = find(c, "value_ints")) && a->n_ints <= MOST)
        return give(c, tensor_of((int)a->n_ints, a->ints));
    return fail(c, "it holds a kind of value that frond does not read");
}

static bool shape_of(const call *c, int i, fr_shape *shape)
{
    numbers v;

    if (!numbers_of(c, i, "shape", &v))
        return false;
    if (v.n < 0 || v.n > FR_MAX_DIMS)
        return fail(c, "a shape has too many dims, or is missing");
    shape->ndim = v.n;
    memcpy(shape->dim, v.at, sizeof shape->dim);
    return true;
}

static bool run_constant_of_shape(call *c)
{
    const fr_onnx_attribute_message *a = find(c, "value");
    fr_tensor *value = a && a->t ? fr_hold("load_onnx", fr_onnx_read_tensor("load_onnx", a->t)) : NULL;
    fr_shape shape;

    if (!need(c, 1) || !shape_of(c, 0, &shape) || (a && !value))
        return false;
    return give(c, fr_expand(value ? fr_reshape(value, (fr_shape){ 0 }) : number(0), shape));
}

static bool run_reshape(call *c)
{
    fr_shape shape;

    if (!need(c, 2) || !shape_of(c, 1, &shape))
        return false;
    for (int i = 0; i < shape.ndim && !int_of(c, "allowzero", 0); i++)
        if (shape.dim[i] == 0)
            shape.dim[i] = i < c->in[0]->shape.ndim ? c->in[0]->shape.dim[i] : -2;
    return give(c, fr_reshape(c->in[0], shape));
}

static bool run_expand(call *c)
{
    fr_shape shape, whole;

    if (!need(c, 2) || !shape_of(c, 1, &shape))
        return false;
    if (!fr_shape_broadcast(&c->in[0]->shape, &shape, &whole))
        return fail(c, "the shapes do not broadcast");
    return give(c, fr_expand(c->in[0], whole));
}

static bool run_flatten(call *c)
{
    int64_t rows = 1;

    if (!need(c, 1))
        return false;

    const fr_shape *s = &c->in[0]->shape;
    int64_t axis = int_of(c, "axis", 1);

    axis = axis < 0 ? axis + s->ndim : axis;
    if (axis < 0 || axis > s->ndim)
        return fail(c, "an axis is out of range");
    for (int i = 0; i < axis; i++)
        rows *= s->dim[i];
    return give(c, fr_reshape(c->in[0], FR_SHAPE(rows, rows ? c->in[0]->numel / rows : 0)));
}

static bool run_squeeze(call *c)
{
    numbers axes;
    fr_tensor *y = input(c, 0);
    unsigned gone = 0;

    if (!need(c, 1) || !numbers_of(c, 1, "axes", &axes))
        return false;
    for (int i = 0; i < axes.n; i++) {
        int dim = dim_of(c, y, axes.at[i]);

        if (dim < 0)
            return false;
        gone |= 1U << dim;
    }
    for (int i = y->shape.ndim; i-- > 0 && y;)
        if (axes.n < 0 ? y->shape.dim[i] == 1 : gone >> i & 1)
            y = fr_squeeze(y, i);
    return give(c, y);
}

static bool run_unsqueeze(call *c)
{
    numbers axes;
    fr_shape shape = { 0 };
    unsigned added = 0;

    if (!need(c, 1) || !numbers_of(c, 1, "axes", &axes))
        return false;

    const fr_shape *s = &c->in[0]->shape;

    if (axes.n < 0 || s->ndim + axes.n > FR_MAX_DIMS)
        return fail(c, "its axes are missing, or too many");
    shape.ndim = s->ndim + axes.n;
    for (int i = 0; i < axes.n; i++) {
        int64_t dim = axes.at[i] < 0 ? axes.at[i] + shape.ndim : axes.at[i];

        if (dim < 0 || dim >= shape.ndim || added >> dim & 1)
            return fail(c, "an axis is out of range");
        added |= 1U << dim;
    }
    for (int i = 0, from = 0; i < shape.ndim; i++)
        shape.dim[i] = added >> i & 1 ? 1 : s->dim[from++];
    return give(c, fr_reshape(c->in[0], shape));
}

static bool run_transpose(call *c)
{
    numbers perm;
    int dims[FR_MAX_DIMS];

    if (!need(c, 1) || !ints_of(c, "perm", &perm))
        return false;
    if (perm.n < 0)
        return give(c, fr_permute(c->in[0], NULL));
    if (perm.n != c->in[0]->shape.ndim)
        return fail(c, "perm does not fit its input");
    for (int i = 0; i < perm.n; i++)
        if ((dims[i] = dim_of(c, c->in[0], perm.at[i])) < 0)
            return false;
    return give(c, fr_permute(c->in[0], dims));
}

static bool run_concat(call *c)
{
    if (!need(c, 1) || !need(c, c->inputs))
        return false;

    int dim = dim_of(c, c->in[0], int_of(c, "axis", 0));

    return dim >= 0 && give(c, fr_cat(c->in, c->inputs, dim));
}

static bool run_slice(call *c)
{
    numbers starts, ends, axes, steps;
    fr_tensor *y = input(c, 0);

    if (!need(c, 1) || !numbers_of(c, 1, "starts", &starts) || !numbers_of(c, 2, "ends", &ends) ||
        !numbers_of(c, 3, "axes", &axes) || !numbers_of(c, 4, "steps", &steps))
        return false;
    if (starts.n < 0 || ends.n != starts.n || (axes.n >= 0 && axes.n != starts.n) ||
        (steps.n >= 0 && steps.n != starts.n))
        return fail(c, "starts, ends, axes and steps differ in number");
    for (int i = 0; i < starts.n && y; i++) {
        int dim = dim_of(c, y, axes.n < 0 ? i : axes.at[i]);
        int64_t step = steps.n < 0 ? 1 : steps.at[i];

        if (dim < 0)
            return false;
        if (step == -1 && starts.at[i] == -1 && ends.at[i] <= -y->shape.dim[dim] - 1)
            y = fr_flip(y, dim);
        else
            y = fr_slice(y, dim, starts.at[i], ends.at[i], step);
    }
    return give(c, y);
}

/* Indices count from the end where they are negative. */
static fr_tensor *from_front(fr_tensor *index, int64_t size)
{
    return fr_add(index, fr_mul_scalar(fr_lt_scalar(index, 0), (double)size));
}

static bool run_gather(call *c)
{
    fr_shape shape = { 0 };

    if (!need(c, 2))
        return false;

    const fr_shape *s = &c->in[0]->shape, *index = &c->in[1]->shape;
    int dim = dim_of(c, c->in[0], int_of(c, "axis", 0));

    if (dim < 0)
        return false;
    if (s->ndim == 0 || s->ndim + index->ndim - 1 > FR_MAX_DIMS || c->in[1]->dtype != FR_I64)
        return fail(c, "its inputs do not fit");
    for (int i = 0; i < s->ndim; i++) {
        if (i != dim)
            shape.dim[shape.ndim++] = s->dim[i];
        for (int k = 0; i == dim && k < index->ndim; k++)
            shape.dim[shape.ndim++] = index->dim[k];
    }

    fr_tensor *flat = fr_reshape(from_front(c->in[1], s->dim[dim]), FR_SHAPE(c->in[1]->numel));

    return give(c, fr_reshape(fr_index_select(c->in[0], dim, flat), shape));
}

static bool run_gather_elements(call *c)
{
    int dim = need(c, 2) ? dim_of(c, c->in[0], int_of(c, "axis", 0)) : -1;

    if (dim < 0)
        return false;
    if (c->in[0]->shape.ndim == 0)
        return fail(c, "its input is a scalar");
    return give(c, fr_gather(c->in[0], dim, from_front(c->in[1], c->in[0]->shape.dim[dim])));
}

/* float16 is float32, and all whole numbers and bool are int64. */
static bool run_cast(call *c)
{
    enum { FLOAT = 1, BOOL = 9, FLOAT16 = 10, DOUBLE = 11, BFLOAT16 = 16 };
    int64_t to = int_of(c, "to", 0);

    if (!need(c, 1))
        return false;
    if (to == BOOL)
        return give(c, fr_cast(fr_ne_scalar(c->in[0], 0), FR_I64));
    if (to == DOUBLE || to == FLOAT || to == FLOAT16 || to == BFLOAT16)
        return give(c, fr_cast(c->in[0], to == DOUBLE ? FR_F64 : FR_F32));
    return to < 1 || to > BFLOAT16 ? fail(c, "casts to a type that frond has not") : give(c, fr_cast(c->in[0], FR_I64));
}

/* --- Numbers ----------------------------------------------------------------------------------------------------- */

static fr_tensor *same(fr_tensor *t)
{
    return t;
}

static fr_tensor * not(fr_tensor * t)
{
    return fr_eq_scalar(t, 0);
}

static bool run_gemm(call *c)
{
    if (!need(c, 2))
        return false;

    fr_tensor *a = int_of(c, "transA", 0) ? fr_transpose(c->in[0], 0, 1) : c->in[0];
    fr_tensor *b = int_of(c, "transB", 0) ? c->in[1] : fr_transpose(c->in[1], 0, 1), *y, *bias = input(c, 2);
    double alpha = float_of(c, "alpha", 1), beta = float_of(c, "beta", 1);

    if (alpha == 1 && beta == 1 && bias && bias->shape.ndim == 1 && b && bias->shape.dim[0] == b->shape.dim[0])
        return give(c, fr_linear(a, b, bias));
    y = fr_linear(a, b, NULL);
    if (alpha != 1)
        y = fr_mul_scalar(y, alpha);
    return give(c, bias ? fr_add(y, beta == 1 ? bias : fr_mul_scalar(bias, beta)) : y);
}

static bool run_leaky_relu(call *c)
{
    return need(c, 1) && give(c, fr_leaky_relu(c->in[0], float_of(c, "alpha", 0.01)));
}

static bool run_elu(call *c)
{
    return need(c, 1) && give(c, fr_elu(c->in[0], float_of(c, "alpha", 1)));
}

/* A bound is a scalar input or, before it was one, an attribute. */
static bool bound_of(const call *c, int i, const char *name, double otherwise, double *bound)
{
    const fr_tensor *t = input(c, i);

    if (t && t->numel != 1)
        return fail(c, "a bound is no scalar");
    *bound = t ? fr_at(t, 0) : float_of(c, name, otherwise);
    return true;
}

static bool run_clip(call *c)
{
    double low, high;

    return need(c, 1) && bound_of(c, 1, "min", -INFINITY, &low) && bound_of(c, 2, "max", INFINITY, &high) &&
           give(c, fr_clamp(c->in[0], low, high));
}

static bool run_where(call *c)
{
    return need(c, 3) && give(c, fr_where(c->in[0], c->in[1], c->in[2]));
}

static bool run_softmax(call *c)
{
    int dim = need(c, 1) ? dim_of(c, c->in[0], int_of(c, "axis", -1)) : -1;
    bool logs = dim >= 0 && c->node->op_type[0] == 'L';

    return dim >= 0 && give(c, logs ? fr_log_softmax(c->in[0], dim) : fr_softmax(c->in[0], dim));
}

/* One dim after another, from the last on; none given: all. */
static bool reduce(call *c, fr_tensor *(*along)(fr_tensor *, int, bool))
{
    numbers axes;
    bool keepdims = int_of(c, "keepdims", 1);
    fr_tensor *y = input(c, 0);
    unsigned chosen = 0;

    if (!need(c, 1) || !numbers_of(c, 1, "axes", &axes))
        return false;
    for (int i = 0; i < axes.n; i++) {
        int dim = dim_of(c, y, axes.at[i]);

        if (dim < 0)
            return false;
        chosen |= 1U << dim;
    }
    if (axes.n <= 0)
        chosen = int_of(c, "noop_with_empty_axes", 0) ? 0 : ~0U;
    for (int i = c->in[0]->shape.ndim; i-- > 0 && y;)
        if (chosen >> i & 1)
            y = along(y, i, keepdims);
    return give(c, y);
}

static bool run_reduce_mean(call *c)
{
    return reduce(c, fr_mean_dim);
}

static bool run_reduce_sum(call *c)
{
    return reduce(c, fr_sum_dim);
}

static bool run_reduce_max(call *c)
{
    return reduce(c, fr_max_dim);
}

static bool run_layer_norm(call *c)
{
    fr_shape normalized = { 0 };
    int dim = need(c, 2) ? dim_of(c, c->in[0], int_of(c, "axis", -1)) : -1;
    double eps = float_of(c, "epsilon", 1e-5);

    if (dim < 0)
        return false;
    for (int i = dim; i < c->in[0]->shape.ndim; i++)
        normalized.dim[normalized.ndim++] = c->in[0]->shape.dim[i];
    return give(c, fr_layer_norm(c->in[0], normalized, c->in[1], input(c, 2), eps == 0 ? FR_ZERO : eps));
}

static bool run_batch_norm(call *c)
{
    double eps = float_of(c, "epsilon", 1e-5);

    if (!need(c, 5))
        return false;
    if (int_of(c, "training_mode", 0))
        return fail(c, "it is in training mode");
    return give(c, fr_batch_norm(c->in[0], c->in[3], c->in[4], c->in[1], c->in[2],
                                 &(fr_batch_norm_options){ .eps = eps == 0 ? FR_ZERO : eps }));
}

/* --- Windows ----------------------------------------------------------------------------------------------------- */

/* strides, dilations; x with the padding around it. */
static bool window_of(const call *c, int dims, fr_shape *stride, fr_shape *dilation, fr_tensor **x)
{
    numbers strides, dilations, pads;
    int64_t around[MOST] = { 0 };

    if (!ints_of(c, "strides", &strides) || !ints_of(c, "dilations", &dilations) || !ints_of(c, "pads", &pads))
        return false;
    if (find(c, "auto_pad") && !text_is(c, "auto_pad", "NOTSET") && !text_is(c, "auto_pad", "VALID"))
        return fail(c, "auto_pad is not supported");
    if ((strides.n >= 0 && strides.n != dims) || (dilations.n >= 0 && dilations.n != dims) ||
        (pads.n >= 0 && pads.n != 2 * dims))
        return fail(c, "strides, dilations or pads do not fit");
    *stride = *dilation = (fr_shape){ dims, { 1, 1 } };
    for (int i = 0; i < dims; i++) {
        stride->dim[i] = strides.n < 0 ? 1 : strides.at[i];
        dilation->dim[i] = dilations.n < 0 ? 1 : dilations.at[i];
        around[2 * i] = pads.n < 0 ? 0 : pads.at[dims - 1 - i];
        around[2 * i + 1] = pads.n < 0 ? 0 : pads.at[2 * dims - 1 - i];
    }
    if (pads.n > 0)
        *x = fr_pad(*x, around, 2 * dims, 0);
    return *x != NULL;
}

static bool run_conv(call *c)
{
    if (!need(c, 2))
        return false;

    fr_tensor *x = c->in[0];
    int dims = c->in[1]->shape.ndim - 2;
    fr_conv_options o = { .groups = int_of(c, "group", 1) };

    if ((dims != 1 && dims != 2) || x->shape.ndim != dims + 2)
        return fail(c, "its input has neither 1 nor 2 dims to slide over");
    if (!window_of(c, dims, &o.stride, &o.dilation, &x))
        return false;
    return give(c, dims == 1 ? fr_conv1d(x, c->in[1], input(c, 2), &o) : fr_conv2d(x, c->in[1], input(c, 2), &o));
}

static bool run_pad(call *c)
{
    numbers pads;
    int64_t around[MOST];
    double value;

    if (!need(c, 1) || !numbers_of(c, 1, "pads", &pads) || !bound_of(c, 2, "value", 0, &value))
        return false;
    if (input(c, 3) || (find(c, "mode") && !text_is(c, "mode", "constant")))
        return fail(c, "only constant padding of all axes is supported");

    int ndim = c->in[0]->shape.ndim;

    if (pads.n != 2 * ndim)
        return fail(c, "pads do not fit its input");
    for (int i = 0; i < ndim; i++) {
        around[2 * i] = pads.at[ndim - 1 - i];
        around[2 * i + 1] = pads.at[2 * ndim - 1 - i];
    }
    return give(c, fr_pad(c->in[0], around, 2 * ndim, value));
}

/* --- Recurrent --------------------------------------------------------------------------------------------------- */

/* Gate i of ONNX stands at order[i] in frond. */
typedef struct {
    int gates, order[4];
} layout;

static const layout rnn_layout = { 1, { 0 } }, gru_layout = { 3, { 1, 0, 2 } }, lstm_layout = { 4, { 0, 3, 1, 2 } };

static fr_tensor *reordered(const layout *l, fr_tensor *w, int64_t first, int64_t hidden)
{
    fr_tensor *gates[4] = { NULL };

    for (int i = 0; i < l->gates; i++)
        gates[l->order[i]] = fr_slice(w, 0, first + i * hidden, first + (i + 1) * hidden, 1);
    return fr_cat(gates, l->gates, 0);
}

static fr_tensor *direction_of(fr_tensor *t, int d)
{
    return t ? fr_select(t, 0, d) : NULL;
}

static fr_recurrent run_direction(call *c, const layout *l, int d, bool reverse, bool relu)
{
    fr_tensor *w = direction_of(c->in[1], d), *r = direction_of(c->in[2], d), *b = direction_of(input(c, 3), d);
    fr_tensor *h0 = direction_of(input(c, 5), d), *c0 = direction_of(input(c, 6), d);
    int64_t hidden = fr_dim(r, 1);
    fr_tensor *w_ih = reordered(l, w, 0, hidden), *w_hh = reordered(l, r, 0, hidden);
    fr_tensor *b_ih = b ? reordered(l, b, 0, hidden) : NULL;
    fr_tensor *b_hh = b ? reordered(l, b, l->gates * hidden, hidden) : NULL;
    fr_recurrence how = { .relu = relu, .reverse = reverse, .lengths = input(c, 4) };

    if (l->gates == 4)
        return fr_lstm(c->in[0], h0, c0, w_ih, w_hh, b_ih, b_hh, NULL, &how);
    return l->gates == 3 ? fr_gru(c->in[0], h0, w_ih, w_hh, b_ih, b_hh, &how)
                         : fr_rnn(c->in[0], h0, w_ih, w_hh, b_ih, b_hh, &how);
}

/* All activations must be one of ONNX's usual ones, or (rnn) Relu. */
static bool activations_of(const call *c, const layout *l, int directions, bool *relu)
{
    static const char *const usual[5][3] = {
        [1] = { "Tanh" }, [3] = { "Sigmoid", "Tanh" }, [4] = { "Sigmoid", "Tanh", "Tanh" }
    };
    const fr_onnx_attribute_message *a = find(c, "activations");
    size_t each = l->gates == 1 ? 1 : (size_t)l->gates - 1;

    *relu = false;
    if (!a)
        return true;
    if (a->n_strings != each * (size_t)directions)
        return fail(c, "the number of its activations is wrong");
    for (size_t i = 0; i < a->n_strings; i++) {
        const ProtobufCBinaryData *s = &a->strings[i];
        const char *expected = usual[l->gates][i % each];

        if (l->gates == 1 && s->len == 4 && memcmp(s->data, "Relu", 4) == 0 && (i == 0 || *relu))
            *relu = true;
        else if (*relu || s->len != strlen(expected) || memcmp(s->data, expected, s->len) != 0)
            return fail(c, "its activations are not supported");
    }
    return true;
}

static bool check_recurrent(const call *c, const layout *l, int directions)
{
    if (int_of(c, "layout", 0) != 0 || find(c, "clip") || int_of(c, "input_forget", 0) != 0 || input(c, 7))
        return fail(c, "layout 1, clip, input_forget and peepholes are not supported");
    if (l->gates == 3 && int_of(c, "linear_before_reset", 0) == 0)
        return fail(c, "linear_before_reset is 0, and frond's GRU is the one with 1");
    for (int i = 1; i < 3; i++)
        if (c->in[i]->shape.ndim != 3 || c->in[i]->shape.dim[0] != directions)
            return fail(c, "its weights do not fit");
    return c->in[0]->shape.ndim == 3 || fail(c, "its input is not (T, B, I)");
}

static bool run_recurrent(call *c, const layout *l)
{
    bool both = text_is(c, "direction", "bidirectional"), relu;
    int directions = both ? 2 : 1;
    fr_tensor *parts[FR_ONNX_OUTPUTS][2];

    if (!need(c, 3) || !check_recurrent(c, l, directions) || !activations_of(c, l, directions, &relu))
        return false;
    for (int d = 0; d < directions; d++) {
        fr_recurrent y = run_direction(c, l, d, d == 1 || text_is(c, "direction", "reverse"), relu);

        if (!y.out)
            return false;
        parts[0][d] = fr_unsqueeze(y.out, 1);
        parts[1][d] = fr_unsqueeze(y.h, 0);
        parts[2][d] = y.c ? fr_unsqueeze(y.c, 0) : NULL;
    }
    for (int i = 0; i < FR_ONNX_OUTPUTS; i++)
        if (parts[i][0])
            c->out[i] = both ? fr_cat(parts[i], 2, i == 0) : parts[i][0];
    return c->out[0] && c->out[1];
}

static bool run_rnn(call *c)
{
    return run_recurrent(c, &rnn_layout);
}

static bool run_gru(call *c)
{
    return run_recurrent(c, &gru_layout);
}

static bool run_lstm(call *c)
{
    return run_recurrent(c, &lstm_layout);
}

/* --- The table --------------------------------------------------------------------------------------------------- */

static const fr_onnx_kind kinds[] = {
    { "Abs", .unary = fr_abs },
    { "Add", .binary = fr_add },
    { "BatchNormalization", .run = run_batch_norm },
    { "Cast", .run = run_cast },
    { "Clip", .run = run_clip },
    { "Concat", .run = run_concat },
    { "Constant", .run = run_constant },
    { "ConstantOfShape", .run = run_constant_of_shape },
    { "Conv", .run = run_conv },
    { "Cos", .unary = fr_cos },
    { "Div", .binary = fr_div },
    { "Dropout", .unary = same },
    { "Elu", .run = run_elu },
    { "Equal", .binary = fr_eq },
    { "Erf", .unary = fr_erf },
    { "Exp", .unary = fr_exp },
    { "Expand", .run = run_expand },
    { "Flatten", .run = run_flatten },
    { "Floor", .unary = fr_floor },
    { "GRU", .run = run_gru },
    { "Gather", .run = run_gather },
    { "GatherElements", .run = run_gather_elements },
    { "Gelu", .unary = fr_gelu },
    { "Gemm", .run = run_gemm },
    { "Greater", .binary = fr_gt },
    { "GreaterOrEqual", .binary = fr_ge },
    { "Identity", .unary = same },
    { "LSTM", .run = run_lstm },
    { "LayerNormalization", .run = run_layer_norm },
    { "LeakyRelu", .run = run_leaky_relu },
    { "Less", .binary = fr_lt },
    { "LessOrEqual", .binary = fr_le },
    { "Log", .unary = fr_log },
    { "LogSoftmax", .run = run_softmax },
    { "MatMul", .binary = fr_matmul },
    { "Max", .binary = fr_maximum },
    { "Min", .binary = fr_minimum },
    { "Mul", .binary = fr_mul },
    { "Neg", .unary = fr_neg },
    { "Not", .unary = not },
    { "Pad", .run = run_pad },
    { "Pow", .binary = fr_pow },
    { "RNN", .run = run_rnn },
    { "Reciprocal", .unary = fr_reciprocal },
    { "ReduceMax", .run = run_reduce_max },
    { "ReduceMean", .run = run_reduce_mean },
    { "ReduceSum", .run = run_reduce_sum },
    { "Relu", .unary = fr_relu },
    { "Reshape", .run = run_reshape },
    { "Shape", .run = run_shape },
    { "Sigmoid", .unary = fr_sigmoid },
    { "Sign", .unary = fr_sign },
    { "Sin", .unary = fr_sin },
    { "Slice", .run = run_slice },
    { "Softmax", .run = run_softmax },
    { "Softplus", .unary = fr_softplus },
    { "Sqrt", .unary = fr_sqrt },
    { "Squeeze", .run = run_squeeze },
    { "Sub", .binary = fr_sub },
    { "Tanh", .unary = fr_tanh },
    { "Transpose", .run = run_transpose },
    { "Unsqueeze", .run = run_unsqueeze },
    { "Where", .run = run_where },
};

static int by_type(const void *key, const void *kind)
{
    return strcmp(key, ((const fr_onnx_kind *)kind)->type);
}

const fr_onnx_kind *fr_onnx_find_kind(const char *type)
{
    return bsearch(type, kinds, sizeof kinds / sizeof *kinds, sizeof *kinds, by_type);
}
