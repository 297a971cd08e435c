/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What avg_pool1d, avg_pool2d and the adaptive ones share. */
#include "ops/pool/pool.h"

#include <inttypes.h>

bool fr_read_avg_pool_options(const char *what, int dims, const fr_shape *kernel, const fr_avg_pool_options *options,
                              fr_pool_attributes *a)
{
    static const fr_avg_pool_options none;
    const fr_avg_pool_options *o = options ? options : &none;

    *a = (fr_pool_attributes){ .ceil_mode = o->ceil_mode,
                               .pool = { .exclude_pad = o->exclude_pad, .divisor = o->divisor_override } };
    return fr_check_reserved(what, o->reserved) &&
           fr_read_pool_window(what, dims, kernel, &o->stride, &o->padding, &(fr_shape){ 0 }, &a->pool.window);
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

bool fr_avg_pool_infer(fr_op_call *call)
{
    fr_pool_attributes a;

    if (!fr_pool_complete(call, &call->in[0]->shape, &a))
        return false;
    fr_pool_infer_output(call, &a);
    return true;
}

void fr_avg_pool_forward(fr_op_call *call)
{
    const fr_tensor *x = call->in[0];
    fr_pool_attributes a;

    if (fr_pool_complete(call, &x->shape, &a))
        fr_avg_pool_planes((fr_dtype)x->dtype, &a.pool, fr_pool_planes(&a.pool, &x->shape), x->origin,
                           call->result[0]->origin);
}

void fr_avg_pool_backward(fr_op_call *call)
{
    fr_pool_attributes a;

    if (!fr_pool_complete(call, &call->in_shape[0], &a))
        return;
    a.avg_pool = call->op;
    a.x = call->in_shape[0];
    call->grad_in[0] = fr_avg_unpool(call->grad_out[0], &a);
}

/* --- C and ONNX --------------------------------------------------------------------------------------------------- */

static const char windows_text[] =
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
    "}\n";

static const char avg_pool_text[] =
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

bool fr_c_avg_windows(fr_c_writer *w, const fr_op_call *call, const fr_pool_attributes *a, const fr_shape *shape,
                      const char *name, const char *text)
{
    const char *x = fr_c_in(w, call, 0), *y = fr_c_out(w, call, 0);
    char window[FR_C_WINDOW_TEXT];

    fr_c_helper(w, "avg_windows", windows_text, false);
    fr_c_helper(w, name, text, false);
    return fr_c_line(w,
                     "%s(&(const avg_windows){ .planes = %" PRId64
                     ", %s, .adaptive = %d, .exclude_pad = %d, .divisor = %" PRId64 " }, %s, %s);",
                     name, fr_pool_planes(&a->pool, shape), fr_c_window(&a->pool.window, false, window),
                     a->pool.adaptive, a->pool.exclude_pad, a->pool.divisor, x, y);
}

bool fr_avg_pool_c_code(fr_c_writer *w, const fr_op_call *call)
{
    const fr_shape *shape = &call->in[0]->shape;
    fr_op_call again = *call;
    fr_pool_attributes a;

    return fr_pool_complete(&again, shape, &a) && fr_c_avg_windows(w, call, &a, shape, "avg_pool", avg_pool_text);
}

/* ONNX's AveragePool divides by the number of values only. An adaptive pool is in ONNX only if its output size is 1. */
bool fr_avg_pool_onnx(fr_onnx *g, const fr_op_call *call)
{
    const fr_pool_attributes *a = call->attributes;
    const fr_pool *p = &a->pool;
    const int64_t last[] = { -1, -2 };

    if (p->adaptive && (p->window.out_size[1] != 1 || p->window.out_size[0] != 1))
        return fr_onnx_fail(g, "in ONNX its output size must be 1");
    if (p->divisor)
        return fr_onnx_fail(g, "divisor_override is not in ONNX");
    if (p->adaptive) {
        fr_onnx_node(g, "ReduceMean", FR_ONNX_NAMES(fr_onnx_input(g, 0)), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
        fr_onnx_ints(g, "axes", p->window.dims, last);
        return true;
    }
    fr_onnx_window_node(g, call, "AveragePool", &p->window,
                        (fr_onnx_int_attribute[]){ { "ceil_mode", a->ceil_mode, NULL },
                                                   { "count_include_pad", !p->exclude_pad, NULL },
                                                   { NULL, 0, NULL } });
    return true;
}
