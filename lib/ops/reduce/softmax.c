/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* softmax: y = exp(x) / sum(exp(x)) over one dim. A row of -inf throughout, or with NaN or inf in it, gives NaN.
 *
 * dy[i]/dx[j] = y[i] (d - y[j]), with d = 1 where i = j and else 0, as log y[i] = x[i] - log(sum(exp(x))). So the
 * gradient of x[j] is sum_i(g[i] dy[i]/dx[j]) = y[j] (g[j] - sum(g y)). Goodfellow, Bengio and Courville, "Deep
 * Learning", 2016, section 6.2.2.3, has softmax and its saturation. */
#include "ops/reduce/softmax.h"

#include "ops/reduce/reduce.h"

#include <frond/autograd.h>

/* --- Shared ------------------------------------------------------------------------------------------------------ */

bool fr_infer_softmax(fr_op_call *call)
{
    const fr_softmax_attributes *a = call->attributes;

    return fr_infer_same(call) && fr_op_dim(call, a->dim) >= 0;
}

fr_dim_sizes fr_softmax_sizes(const fr_shape *shape, const fr_softmax_attributes *a)
{
    return fr_dim_sizes_of(shape, &(fr_reduce_attributes){ .dim = a->dim });
}

bool fr_onnx_softmax(fr_onnx *g, const fr_op_call *call)
{
    const fr_softmax_attributes *a = call->attributes;

    if (!fr_onnx_has_axes(g, call))
        return false;
    fr_onnx_node(g, call->op->onnx_name, FR_ONNX_NAMES(fr_onnx_input(g, 0)), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    fr_onnx_int(g, "axis", fr_shape_dim(&call->in[0]->shape, a->dim));
    return true;
}

void fr_c_sum_exp(fr_c_writer *w)
{
    static const char sum_exp_text[] =
        "/* The sum of exp(x - most) of n values, inner apart; most is the greatest, or NaN. In eight parts that do "
        "not wait\n"
        " * for each other. */\n"
        "static float sum_exp(int n, int inner, const float *x, float *most)\n"
        "{\n"
        "    const int whole = n - n % 8;\n"
        "    float top[8], sum[8] = { 0 };\n"
        "\n"
        "    for (int i = 0; i < 8; i++)\n"
        "        top[i] = -INFINITY;\n"
        "    for (int k = 0; k < whole; k += 8)\n"
        "        for (int i = 0; i < 8; i++) {\n"
        "            const float v = x[(k + i) * inner];\n"
        "\n"
        "            top[i] = top[i] >= v || top[i] != top[i] ? top[i] : v;\n"
        "        }\n"
        "    for (int k = whole; k < n; k++)\n"
        "        top[0] = top[0] >= x[k * inner] || top[0] != top[0] ? top[0] : x[k * inner];\n"
        "    for (int i = 1; i < 8; i++)\n"
        "        top[0] = top[0] >= top[i] || top[0] != top[0] ? top[0] : top[i];\n"
        "    *most = top[0];\n"
        "    for (int k = 0; k < whole; k += 8)\n"
        "        for (int i = 0; i < 8; i++)\n"
        "            sum[i] += exp_minus(*most - x[(k + i) * inner]);\n"
        "    for (int k = whole; k < n; k++)\n"
        "        sum[0] += exp_minus(*most - x[k * inner]);\n"
        "    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));\n"
        "}\n";

    fr_c_exp_minus(w);
    fr_c_helper(w, "sum_exp", sum_exp_text, false);
}

bool fr_c_softmax(fr_c_writer *w, const fr_op_call *call, const char *name, const char *text)
{
    const fr_softmax_attributes *a = call->attributes;
    const fr_shape *shape = &call->in[0]->shape;
    fr_dim_sizes s = fr_softmax_sizes(shape, a);
    const char *x = fr_c_in(w, call, 0), *y = fr_c_out(w, call, 0);

    fr_c_sum_exp(w);
    fr_c_helper(w, name, text, false);
    if (s.inner == 1 && shape->ndim > 0)
        fr_c_takes_rows(w, shape->ndim - fr_shape_dim(shape, a->dim));
    return fr_c_line(w, "%s(%lld, %lld, %lld, %s, %s);", name, (long long)s.outer, (long long)s.n, (long long)s.inner,
                     x, y);
}

/* --- softmax and safe_softmax ------------------------------------------------------------------------------------ */

static fr_softmax_kind kind_of(const fr_op_call *call)
{
    return ((const fr_softmax_attributes *)call->attributes)->safe ? FR_SAFE_SOFTMAX : FR_SOFTMAX;
}

void fr_softmax_op_forward(fr_op_call *call)
{
    const fr_tensor *x = call->in[0];

    fr_softmax_forward((fr_dtype)x->dtype, fr_softmax_sizes(&x->shape, call->attributes), kind_of(call), x->origin,
                       call->result[0]->origin);
}

void fr_softmax_op_backward_kernel(fr_op_call *call)
{
    const fr_tensor *y = call->result[0];

    fr_softmax_backward((fr_dtype)y->dtype, fr_softmax_sizes(&y->shape, call->attributes), kind_of(call),
                        call->grad_out[0]->origin, y->origin, call->grad_in[0]->origin);
}

void fr_softmax_op_backward(fr_op_call *call)
{
    const fr_softmax_attributes *a = call->attributes;
    fr_tensor *y = call->result[0], *g = call->grad_out[0];

    call->grad_in[0] = fr_mul(y, fr_sub(g, fr_sum_dim(fr_mul(g, y), a->dim, true)));
}

/* The greatest x goes first, so that exp does not overflow: it divides out, so no gradient passes through it. */
static void definition(fr_op_call *call)
{
    const fr_softmax_attributes *a = call->attributes;
    fr_tensor *x = call->in[0], *e;

    e = fr_exp(x->numel == 0 ? x : fr_sub(x, fr_max_dim(fr_detach(x), a->dim, true)));
    call->result[0] = fr_div(e, fr_sum_dim(e, a->dim, true));
}

static const char c_text[] = "/* exp(x) over its sum along n of (outer,n,inner). */\n"
                             "static void softmax(int outer, int n, int inner, const float *x, float *y)\n"
                             "{\n"
                             "    for (int i = 0; i < outer * inner; i++) {\n"
                             "        const int first = i / inner * n * inner + i % inner;\n"
                             "        float most, sum = sum_exp(n, inner, x + first, &most);\n"
                             "\n"
                             "        for (int k = 0; k < n * inner; k += inner)\n"
                             "            y[first + k] = exp_minus(most - x[first + k]) / sum;\n"
                             "    }\n"
                             "}\n";

static const char safe_c_text[] =
    "/* exp(x) over its sum, 0 where all x are -inf, along n of (outer,n,inner). */\n"
    "static void safe_softmax(int outer, int n, int inner, const float *x, float *y)\n"
    "{\n"
    "    for (int i = 0; i < outer * inner; i++) {\n"
    "        const int first = i / inner * n * inner + i % inner;\n"
    "        float most, sum = sum_exp(n, inner, x + first, &most);\n"
    "\n"
    "        for (int k = 0; k < n * inner; k += inner)\n"
    "            y[first + k] = most == -INFINITY ? 0 : exp_minus(most - x[first + k]) / sum;\n"
    "    }\n"
    "}\n";

bool fr_softmax_c_code(fr_c_writer *w, const fr_op_call *call)
{
    bool safe = kind_of(call) == FR_SAFE_SOFTMAX;

    return fr_c_softmax(w, call, safe ? "safe_softmax" : "softmax", safe ? safe_c_text : c_text);
}

#define NAME softmax
#include "ops/reduce/softmax_op.h"

const fr_op fr_softmax_op = {
    SOFTMAX_OP,
    .formula = "y = exp(x) / sum exp(x)",
    .derivative = "dL/dx = y (dL/dy - the sum of y dL/dy)",
    .forward = fr_softmax_op_forward,
    .backward = fr_softmax_op_backward,
    .backward_kernel = fr_softmax_op_backward_kernel,
    .c_code = fr_softmax_c_code,
    .onnx_name = "Softmax",
};

fr_tensor *fr_softmax(fr_tensor *t, int dim)
{
    return fr_apply(&fr_softmax_op, &t, &(fr_softmax_attributes){ .dim = dim });
}
