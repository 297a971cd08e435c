/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's convolutions, pools, padding and recurrent ops as frond's. */
#include <config.h>

#include "core/tensor.h"
#include "onnx/call.h"

#include <frond/op.h>
#include <frond/ops.h>
#include <math.h>

/* How a window slides over dims dims. */
typedef struct {
    int dims;
    fr_shape stride, dilation;
    int64_t before[2], after[2];
} sliding;

static bool read_sliding(const fr_onnx_run_call *c, int dims, sliding *w)
{
    fr_call_list strides, dilations, pads;

    if (!fr_call_ints(c, "strides", &strides) || !fr_call_ints(c, "dilations", &dilations) ||
        !fr_call_ints(c, "pads", &pads))
        return false;
    if (fr_call_find(c, "auto_pad") && !fr_call_text_is(c, "auto_pad", "NOTSET") &&
        !fr_call_text_is(c, "auto_pad", "VALID"))
        return fr_call_fail(c, "auto_pad is not supported");
    if ((strides.n >= 0 && strides.n != dims) || (dilations.n >= 0 && dilations.n != dims) ||
        (pads.n >= 0 && pads.n != 2 * dims))
        return fr_call_fail(c, "strides, dilations or pads do not fit");
    *w = (sliding){ .dims = dims, .stride.ndim = dims, .dilation.ndim = dims };
    for (int i = 0; i < dims; i++) {
        w->stride.dim[i] = strides.n < 0 ? 1 : strides.at[i];
        w->dilation.dim[i] = dilations.n < 0 ? 1 : dilations.at[i];
        w->before[i] = pads.n < 0 ? 0 : pads.at[i];
        w->after[i] = pads.n < 0 ? 0 : pads.at[dims + i];
    }
    return true;
}

static fr_tensor *padded(const sliding *w, fr_tensor *x, double value)
{
    int64_t around[4];
    bool any = false;

    for (int i = 0; i < w->dims; i++) {
        around[2 * i] = w->before[w->dims - 1 - i];
        around[2 * i + 1] = w->after[w->dims - 1 - i];
        any = any || around[2 * i] != 0 || around[2 * i + 1] != 0;
    }
    return any ? fr_pad(x, around, 2 * w->dims, value) : x;
}

static bool run_conv(fr_onnx_run_call *c)
{
    if (!fr_call_need(c, 2))
        return false;

    fr_tensor *x = c->in[0];
    int dims = c->in[1]->shape.ndim - 2;
    fr_conv_options o = { .groups = fr_call_int(c, "group", 1) };
    sliding w;

    if ((dims != 1 && dims != 2) || x->shape.ndim != dims + 2)
        return fr_call_fail(c, "its input has neither 1 nor 2 dims to slide over");
    if (!read_sliding(c, dims, &w))
        return false;
    o.stride = w.stride;
    o.dilation = w.dilation;
    x = padded(&w, x, 0);
    return fr_call_give(c, dims == 1 ? fr_conv1d(x, c->in[1], fr_call_input(c, 2), &o)
                                     : fr_conv2d(x, c->in[1], fr_call_input(c, 2), &o));
}

/* --- Pools ------------------------------------------------------------------------------------------------------- */

/* Whether padding is as frond's pools have it: the same on both sides, at most half a window. */
static bool is_even(const sliding *w, const fr_shape *kernel)
{
    for (int i = 0; i < w->dims; i++)
        if (w->before[i] != w->after[i] || w->before[i] > kernel->dim[i] / 2)
            return false;
    return true;
}

static bool max_pool(fr_onnx_run_call *c, const sliding *w, fr_shape kernel, const fr_shape *padding)
{
    fr_max_pool_options o = { .stride = w->stride, .dilation = w->dilation, .padding = *padding };
    fr_tensor *x = padding->ndim > 0 ? c->in[0] : padded(w, c->in[0], -INFINITY);

    o.ceil_mode = fr_call_int(c, "ceil_mode", 0);
    if (c->outputs > 1 && c->node->output[1][0])
        return fr_call_fail(c, "Indices are not supported");
    return fr_call_give(c, w->dims == 1 ? fr_max_pool1d(x, kernel.dim[0], &o) : fr_max_pool2d(x, kernel, &o));
}

static bool avg_pool(fr_onnx_run_call *c, const sliding *w, fr_shape kernel, const fr_shape *padding)
{
    fr_avg_pool_options o = { .stride = w->stride, .padding = *padding };
    fr_tensor *x = c->in[0];

    o.ceil_mode = fr_call_int(c, "ceil_mode", 0);
    o.exclude_pad = !fr_call_int(c, "count_include_pad", 0);
    if (w->dilation.dim[0] != 1 || (w->dims > 1 && w->dilation.dim[1] != 1))
        return fr_call_fail(c, "an average with dilations is not supported");
    if (padding->ndim == 0 && (o.exclude_pad || o.ceil_mode))
        return fr_call_fail(c, "an average with pads that differ or are more than half a window is not supported");
    if (padding->ndim == 0)
        x = padded(w, x, 0);
    return fr_call_give(c, w->dims == 1 ? fr_avg_pool1d(x, kernel.dim[0], &o) : fr_avg_pool2d(x, kernel, &o));
}

static bool run_pool(fr_onnx_run_call *c)
{
    fr_call_list sizes;
    fr_shape kernel = { 0 }, padding;
    sliding w;

    if (!fr_call_need(c, 1) || !fr_call_ints(c, "kernel_shape", &sizes))
        return false;

    int dims = c->in[0]->shape.ndim - 2;

    if ((dims != 1 && dims != 2) || sizes.n != dims)
        return fr_call_fail(c, "its input has neither 1 nor 2 dims to slide over, or kernel_shape does not fit");
    if (!read_sliding(c, dims, &w))
        return false;
    kernel.ndim = dims;
    memcpy(kernel.dim, sizes.at, (size_t)dims * sizeof *kernel.dim);
    padding = (fr_shape){ is_even(&w, &kernel) ? dims : 0, { w.before[0], w.before[1] } };
    return strcmp(c->node->op_type, "MaxPool") == 0 ? max_pool(c, &w, kernel, &padding)
                                                    : avg_pool(c, &w, kernel, &padding);
}

/* Of all values of each channel. */
static bool run_global_pool(fr_onnx_run_call *c)
{
    fr_tensor *y = fr_call_input(c, 0);

    if (!fr_call_need(c, 1))
        return false;
    for (int i = 2; i < c->in[0]->shape.ndim && y; i++)
        y = c->kind->along(y, i, true);
    return fr_call_give(c, y);
}

/* --- Padding ----------------------------------------------------------------------------------------------------- */

static bool run_pad(fr_onnx_run_call *c)
{
    fr_call_list pads;
    int64_t around[FR_CALL_NUMBERS];
    double value;

    if (!fr_call_need(c, 1) || !fr_call_numbers(c, 1, "pads", &pads) || !fr_call_bound(c, 2, "value", 0, &value))
        return false;
    if (fr_call_input(c, 3) || (fr_call_find(c, "mode") && !fr_call_text_is(c, "mode", "constant")))
        return fr_call_fail(c, "only constant padding of all axes is supported");

    int ndim = c->in[0]->shape.ndim;

    if (pads.n != 2 * ndim)
        return fr_call_fail(c, "pads do not fit its input");
    for (int i = 0; i < ndim; i++) {
        around[2 * i] = pads.at[ndim - 1 - i];
        around[2 * i + 1] = pads.at[2 * ndim - 1 - i];
    }
    return fr_call_give(c, fr_pad(c->in[0], around, 2 * ndim, value));
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

static fr_recurrent run_direction(fr_onnx_run_call *c, const layout *l, int d, bool reverse, bool relu)
{
    fr_tensor *w = direction_of(c->in[1], d), *r = direction_of(c->in[2], d), *b = direction_of(fr_call_input(c, 3), d);
    fr_tensor *h0 = direction_of(fr_call_input(c, 5), d), *c0 = direction_of(fr_call_input(c, 6), d);
    int64_t hidden = fr_dim(r, 1);
    fr_tensor *w_ih = reordered(l, w, 0, hidden), *w_hh = reordered(l, r, 0, hidden);
    fr_tensor *b_ih = b ? reordered(l, b, 0, hidden) : NULL;
    fr_tensor *b_hh = b ? reordered(l, b, l->gates * hidden, hidden) : NULL;
    fr_recurrence how = { .relu = relu, .reverse = reverse, .lengths = fr_call_input(c, 4) };

    if (l->gates == 4)
        return fr_lstm(c->in[0], h0, c0, w_ih, w_hh, b_ih, b_hh, NULL, &how);
    return l->gates == 3 ? fr_gru(c->in[0], h0, w_ih, w_hh, b_ih, b_hh, &how)
                         : fr_rnn(c->in[0], h0, w_ih, w_hh, b_ih, b_hh, &how);
}

/* All activations must be one of ONNX's usual ones, or (rnn) Relu. */
static bool activations_of(const fr_onnx_run_call *c, const layout *l, int directions, bool *relu)
{
    static const char *const usual[5][3] = {
        [1] = { "Tanh" }, [3] = { "Sigmoid", "Tanh" }, [4] = { "Sigmoid", "Tanh", "Tanh" }
    };
    const fr_onnx_attribute_message *a = fr_call_find(c, "activations");
    size_t each = l->gates == 1 ? 1 : (size_t)l->gates - 1;

    *relu = false;
    if (!a)
        return true;
    if (a->n_strings != each * (size_t)directions)
        return fr_call_fail(c, "the number of its activations is wrong");
    for (size_t i = 0; i < a->n_strings; i++) {
        const ProtobufCBinaryData *s = &a->strings[i];
        const char *expected = usual[l->gates][i % each];

        if (l->gates == 1 && s->len == 4 && memcmp(s->data, "Relu", 4) == 0 && (i == 0 || *relu))
            *relu = true;
        else if (*relu || s->len != strlen(expected) || memcmp(s->data, expected, s->len) != 0)
            return fr_call_fail(c, "its activations are not supported");
    }
    return true;
}

static bool check_recurrent(const fr_onnx_run_call *c, const layout *l, int directions)
{
    if (fr_call_int(c, "layout", 0) != 0 || fr_call_find(c, "clip") || fr_call_int(c, "input_forget", 0) != 0 ||
        fr_call_input(c, 7))
        return fr_call_fail(c, "layout 1, clip, input_forget and peepholes are not supported");
    if (l->gates == 3 && fr_call_int(c, "linear_before_reset", 0) == 0)
        return fr_call_fail(c, "linear_before_reset is 0, and frond's GRU is the one with 1");
    for (int i = 1; i < 3; i++)
        if (c->in[i]->shape.ndim != 3 || c->in[i]->shape.dim[0] != directions)
            return fr_call_fail(c, "its weights do not fit");
    return c->in[0]->shape.ndim == 3 || fr_call_fail(c, "its input is not (T, B, I)");
}

static bool run_recurrent(fr_onnx_run_call *c, const layout *l)
{
    enum { RESULTS = 3 }; /* Y, Y_h, Y_c */
    bool both = fr_call_text_is(c, "direction", "bidirectional"), relu;
    int directions = both ? 2 : 1;
    fr_tensor *parts[RESULTS][2];

    if (!fr_call_need(c, 3) || !check_recurrent(c, l, directions) || !activations_of(c, l, directions, &relu))
        return false;
    for (int d = 0; d < directions; d++) {
        fr_recurrent y = run_direction(c, l, d, d == 1 || fr_call_text_is(c, "direction", "reverse"), relu);

        if (!y.out)
            return false;
        parts[0][d] = fr_unsqueeze(y.out, 1);
        parts[1][d] = fr_unsqueeze(y.h, 0);
        parts[2][d] = y.c ? fr_unsqueeze(y.c, 0) : NULL;
    }
    for (int i = 0; i < RESULTS; i++)
        if (parts[i][0])
            c->out[i] = both ? fr_cat(parts[i], 2, i == 0) : parts[i][0];
    return c->out[0] && c->out[1];
}

static bool run_rnn(fr_onnx_run_call *c)
{
    return run_recurrent(c, &rnn_layout);
}

static bool run_gru(fr_onnx_run_call *c)
{
    return run_recurrent(c, &gru_layout);
}

static bool run_lstm(fr_onnx_run_call *c)
{
    return run_recurrent(c, &lstm_layout);
}

/* --- The table --------------------------------------------------------------------------------------------------- */

static const fr_onnx_kind kinds[] = {
    { "AveragePool", .run = run_pool },
    { "Conv", .run = run_conv },
    { "GRU", .run = run_gru },
    { "GlobalAveragePool", .along = fr_mean_dim, .run = run_global_pool },
    { "GlobalMaxPool", .along = fr_max_dim, .run = run_global_pool },
    { "LSTM", .run = run_lstm },
    { "MaxPool", .run = run_pool },
    { "Pad", .run = run_pad },
    { "RNN", .run = run_rnn },
};

const fr_onnx_kinds fr_onnx_layer_kinds = { kinds, sizeof kinds / sizeof *kinds };
