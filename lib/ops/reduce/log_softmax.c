/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* log_softmax: y = x - log(sum(exp(x))) over one dim.
 *
 * dy[i]/dx[j] = d - exp(y[j]), with d = 1 where i = j and else 0, as the derivative of log(sum(exp(x))) is softmax(x),
 * exp(y). So the gradient of x is g - exp(y) sum(g). */
#include "ops/reduce/softmax.h"

static void forward(fr_op_call *call)
{
    const fr_tensor *x = call->in[0];

    fr_softmax_forward((fr_dtype)x->dtype, fr_softmax_sizes(&x->shape, call->attributes), FR_LOG_SOFTMAX, x->origin,
                       call->result[0]->origin);
}

static void backward_kernel(fr_op_call *call)
{
    const fr_tensor *y = call->result[0];

    fr_softmax_backward((fr_dtype)y->dtype, fr_softmax_sizes(&y->shape, call->attributes), FR_LOG_SOFTMAX,
                        call->grad_out[0]->origin, y->origin, call->grad_in[0]->origin);
}

static void backward(fr_op_call *call)
{
    const fr_softmax_attributes *a = call->attributes;
    fr_tensor *g = call->grad_out[0];

    call->grad_in[0] = fr_sub(g, fr_mul(fr_exp(call->result[0]), fr_sum_dim(g, a->dim, true)));
}

static void definition(fr_op_call *call)
{
    const fr_softmax_attributes *a = call->attributes;
    fr_tensor *y = fr_sub(call->in[0], fr_logsumexp_dim(call->in[0], a->dim, true));

    /* That is the formula. Doing it again takes off what rounding left where x is large, and gives NaN where x has inf.
     */
    call->result[0] = fr_sub(y, fr_logsumexp_dim(y, a->dim, true));
}

static const char c_text[] = "/* The logarithm of exp(x) over its sum along n of (outer,n,inner). */\n"
                             "static void log_softmax(int outer, int n, int inner, const float *x, float *y)\n"
                             "{\n"
                             "    for (int i = 0; i < outer * inner; i++) {\n"
                             "        const int first = i / inner * n * inner + i % inner;\n"
                             "        float most, sum = sum_exp(n, inner, x + first, &most);\n"
                             "\n"
                             "        for (int k = 0; k < n * inner; k += inner)\n"
                             "            y[first + k] = x[first + k] - most - logf(sum);\n"
                             "    }\n"
                             "}\n";

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    return fr_c_softmax(w, call, "log_softmax", c_text);
}

#define NAME log_softmax
#include "ops/reduce/softmax_op.h"

const fr_op fr_log_softmax_op = {
    SOFTMAX_OP,
    .formula = "y = x - ln sum exp(x)",
    .derivative = "dL/dx = dL/dy - exp(y) times the sum of dL/dy",
    .forward = forward,
    .backward = backward,
    .backward_kernel = backward_kernel,
    .c_code = c_code,
    .onnx_name = "LogSoftmax",
};

fr_tensor *fr_log_softmax(fr_tensor *t, int dim)
{
    return fr_apply(&fr_log_softmax_op, &t, &(fr_softmax_attributes){ .dim = dim });
}
