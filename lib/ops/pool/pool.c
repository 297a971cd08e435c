/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What the pools share: options, shapes, C and ONNX. */
#include "ops/pool/pool.h"

#include <inttypes.h>

/* --- Options ------------------------------------------------------------------------------------------------------ */

static bool read_window(const char *what, int dims, const fr_shape *kernel, const fr_shape *stride,
                        const fr_shape *padding, const fr_shape *dilation, fr_sliding_window *w)
{
    w->dims = dims;
    if (!fr_read_window_option(what, "kernel_size", kernel, kernel, dims, 1, w->kernel) ||
        !fr_read_window_option(what, "stride", stride, kernel, dims, 1, w->stride) ||
        !fr_read_window_option(what, "padding", padding, NULL, dims, 0, w->pad_before) ||
        !fr_read_window_option(what, "dilation", dilation, NULL, dims, 1, w->dilation))
        return false;
    for (int i = 0; i < FR_SPATIAL_DIMS; i++) {
        w->pad_after[i] = w->pad_before[i];
        if (w->pad_before[i] > w->kernel[i] / 2)
            return fr_fail(what, "padding %" PRId64 " for a kernel of %" PRId64 ", expected at most half of it",
                           w->pad_before[i], w->kernel[i]);
    }
    return true;
}

bool fr_read_max_pool_options(const char *what, int dims, const fr_shape *kernel, const fr_max_pool_options *options,
                              fr_pool_attributes *a)
{
    static const fr_max_pool_options none;
    const fr_max_pool_options *o = options ? options : &none;

    *a = (fr_pool_attributes){ .ceil_mode = o->ceil_mode };
    return fr_check_reserved(what, o->reserved) &&
           read_window(what, dims, kernel, &o->stride, &o->padding, &o->dilation, &a->pool.window);
}

bool fr_read_avg_pool_options(const char *what, int dims, const fr_shape *kernel, const fr_avg_pool_options *options,
                              fr_pool_attributes *a)
{
    static const fr_avg_pool_options none;
    const fr_avg_pool_options *o = options ? options : &none;

    *a = (fr_pool_attributes){ .ceil_mode = o->ceil_mode,
                               .pool = { .exclude_pad = o->exclude_pad, .divisor = o->divisor_override } };
    return fr_check_reserved(what, o->reserved) &&
           read_window(what, dims, kernel, &o->stride, &o->padding, &(fr_shape){ 0 }, &a->pool.window);
}

fr_tensor *fr_apply_max_pool(const fr_op *op, int dims, fr_tensor *x, fr_shape kernel,
                             const fr_max_pool_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, op->name);
    fr_pool_attributes a;
    fr_tensor *y = fr_read_max_pool_options(op->name, dims, &kernel, options, &a) ? fr_apply(op, &x, &a) : NULL;

    fr_finish(th, before);
    return y;
}

fr_tensor *fr_apply_avg_pool(const fr_op *op, int dims, fr_tensor *x, fr_shape kernel,
                             const fr_avg_pool_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, op->name);
    fr_pool_attributes a;
    fr_tensor *y = fr_read_avg_pool_options(op->name, dims, &kernel, options, &a) ? fr_apply(op, &x, &a) : NULL;

    fr_finish(th, before);
    return y;
}

/* --- Shapes ------------------------------------------------------------------------------------------------------- */

bool fr_pool_complete(fr_op_call *call, const fr_shape *x, fr_pool_attributes *a)
{
    fr_sliding_window *w = &a->pool.window;
    char text[FR_SHAPE_TEXT];
    int64_t product; /* fits: the kernel computes an adaptive window's place from it */

    *a = *(const fr_pool_attributes *)call->attributes;
    if (!fr_has_spatial_dims(w, x))
        return fr_op_fail(call, "x %s, expected %s", fr_shape_text(x, text),
                          w->dims == 1 ? "(N, C, L) or (C, L)" : "(N, C, H, W) or (C, H, W)");
    fr_window_set_input(w, x);
    if (fr_window_in_numel(w) == 0)
        return fr_op_fail(call, "x %s has channels without values", fr_shape_text(x, text));
    if (!a->pool.adaptive)
        return fr_window_set_sizes(call, x, a->ceil_mode, w);
    return fr_mul_size(w->in_size[1], w->out_size[1], &product) ||
           fr_op_fail(call, "x %s to %" PRId64 " values: too large", fr_shape_text(x, text), w->out_size[1]);
}

void fr_pool_infer_output(fr_op_call *call, const fr_pool_attributes *a)
{
    const fr_sliding_window *w = &a->pool.window;
    const fr_shape *x = &call->in[0]->shape;

    call->out[0].dtype = fr_dtype_of(call->in[0]);
    call->out[0].shape = fr_spatial_shape(w, x, x->dim[x->ndim - w->dims - 1], w->out_size);
}

int64_t fr_pool_planes(const fr_pool *p, const fr_shape *x)
{
    fr_shape planes = *x;

    planes.ndim -= p->window.dims;
    return fr_shape_numel(&planes);
}

/* --- C ------------------------------------------------------------------------------------------------------------ */

static const char max_pool_text[] =
    "typedef struct {\n"
    "    int planes, size[2], kernel[2], stride[2], before[2], dilation[2], out[2];\n"
    "} max_windows;\n"
    "\n"
    "/* The largest value of each window of each plane; NaN where there is one. */\n"
    "static void max_pool(const max_windows *s, const float *x, float *y)\n"
    "{\n"
    "    for (int n = 0; n < s->planes * s->out[0] * s->out[1]; n++) {\n"
    "        const float *plane = x + n / (s->out[0] * s->out[1]) * s->size[0] * s->size[1];\n"
    "        const int p = n / s->out[1] % s->out[0], q = n % s->out[1];\n"
    "        float most = -INFINITY;\n"
    "\n"
    "        for (int k = 0; k < s->kernel[0] * s->kernel[1]; k++) {\n"
    "            const int i = p * s->stride[0] - s->before[0] + k / s->kernel[1] * s->dilation[0];\n"
    "            const int j = q * s->stride[1] - s->before[1] + k % s->kernel[1] * s->dilation[1];\n"
    "\n"
    "            if (i >= 0 && i < s->size[0] && j >= 0 && j < s->size[1] && !(plane[i * s->size[1] + j] <= most))\n"
    "                most = most != most ? most : plane[i * s->size[1] + j];\n"
    "        }\n"
    "        y[n] = most;\n"
    "    }\n"
    "}\n";

static const char avg_pool_text[] =
    "typedef struct {\n"
    "    int planes, size[2], kernel[2], stride[2], before[2], out[2];\n"
    "    int adaptive, exclude_pad, divisor; /* divisor 0: the number of values */\n"
    "} avg_windows;\n"
    "\n"
    "/* Along one dim, window i is *from..*to-1; returns what it counts as. */\n"
    "static int span(const avg_windows *s, int dim, int i, int *from, int *to)\n"
    "{\n"
    "    const int size = s->size[dim], begin = i * s->stride[dim] - s->before[dim];\n"
    "    const int reach = begin + s->kernel[dim], end = reach < size + s->before[dim] ? reach : size + "
    "s->before[dim];\n"
    "\n"
    "    if (s->adaptive) {\n"
    "        *from = i * size / s->out[dim];\n"
    "        *to = ((i + 1) * size - 1) / s->out[dim] + 1;\n"
    "        return *to - *from;\n"
    "    }\n"
    "    *from = begin > 0 ? begin : 0;\n"
    "    *to = end < size ? end : size;\n"
    "    return s->exclude_pad ? *to - *from : end - begin;\n"
    "}\n"
    "\n"
    "/* The sum of each window of each plane over its divisor. */\n"
    "static void avg_pool(const avg_windows *s, const float *x, float *y)\n"
    "{\n"
    "    for (int n = 0; n < s->planes * s->out[0] * s->out[1]; n++) {\n"
    "        const float *plane = x + n / (s->out[0] * s->out[1]) * s->size[0] * s->size[1];\n"
    "        int top, bottom, left, right;\n"
    "        const int rows = span(s, 0, n / s->out[1] % s->out[0], &top, &bottom);\n"
    "        const int columns = span(s, 1, n % s->out[1], &left, &right);\n"
    "        double sum = 0;\n"
    "\n"
    "        for (int i = top; i < bottom; i++)\n"
    "            for (int j = left; j < right; j++)\n"
    "                sum += plane[i * s->size[1] + j];\n"
    "        y[n] = (float)(sum / (s->divisor ? s->divisor : (double)rows * columns));\n"
    "    }\n"
    "}\n";

bool fr_pool_c_code(fr_c_writer *w, const fr_op_call *call)
{
    fr_op_call again = *call;
    const char *x = fr_c_in(w, call, 0), *y = fr_c_out(w, call, 0);
    bool average = call->op->forward == fr_avg_pool_forward;
    fr_pool_attributes a;
    char window[FR_C_WINDOW_TEXT];

    if (!fr_pool_complete(&again, &call->in[0]->shape, &a))
        return false;

    const fr_pool *p = &a.pool;
    int64_t planes = fr_pool_planes(p, &call->in[0]->shape);

    fr_c_helper(w, average ? "avg_pool" : "max_pool", average ? avg_pool_text : max_pool_text, false);
    fr_c_window(&p->window, !average, window);
    if (average)
        return fr_c_line(w,
                         "avg_pool(&(const avg_windows){ .planes = %" PRId64
                         ", %s, .adaptive = %d, .exclude_pad = %d, .divisor = %" PRId64 " }, %s, %s);",
                         planes, window, p->adaptive, p->exclude_pad, p->divisor, x, y);
    return fr_c_line(w, "max_pool(&(const max_windows){ .planes = %" PRId64 ", %s }, %s, %s);", planes, window, x, y);
}

/* --- As ONNX ------------------------------------------------------------------------------------------------------ */

/* AveragePool knows no divisor but the number of values; of adaptive pools ONNX knows those that give one value. */
bool fr_pool_onnx(fr_onnx *g, const fr_op_call *call)
{
    const fr_pool_attributes *a = call->attributes;
    const fr_pool *p = &a->pool;
    const int64_t last = -1;
    bool average = strcmp(call->op->onnx_name, "AveragePool") == 0;

    if (p->adaptive && p->window.out_size[1] != 1)
        return fr_onnx_fail(g, "in ONNX its output size must be 1");
    if (p->divisor)
        return fr_onnx_fail(g, "divisor_override is not in ONNX");
    if (p->adaptive) {
        fr_onnx_node(g, "ReduceMean", FR_ONNX_NAMES(fr_onnx_input(g, 0)), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
        fr_onnx_ints(g, "axes", 1, &last);
        return true;
    }
    fr_onnx_window_node(g, call, call->op->onnx_name, &p->window,
                        (fr_onnx_int_attribute[]){ { "ceil_mode", a->ceil_mode },
                                                   { average ? "count_include_pad" : NULL, !p->exclude_pad },
                                                   { NULL, 0 } });
    return true;
}
