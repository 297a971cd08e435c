/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* logsumexp: y = log(sum(exp(x))), of all values or along a dim. kernels/logsumexp.c takes the maximum off first.
 *
 * dy/dx = exp(x) / sum(exp(x)) = exp(x - y), which is softmax. */
#include "ops/reduce/reduce.h"

static void forward(fr_op_call *call)
{
    fr_reduce_forward(call, 0, fr_logsumexp_reducer);
}

static void backward(fr_op_call *call)
{
    fr_tensor *part = fr_exp(fr_sub(call->in[0], fr_keepdim(call, call->result[0])));

    call->grad_in[0] = fr_mul(fr_keepdim(call, call->grad_out[0]), part);
}

static void backward_kernel(fr_op_call *call)
{
    const fr_tensor *x = call->in[0];

    fr_logsumexp_backward((fr_dtype)x->dtype, fr_dim_sizes_of(&x->shape, call->attributes), x->origin,
                          call->result[0]->origin, call->grad_out[0]->origin, call->grad_in[0]->origin);
}

FR_RUN(run, fr_logsumexp(in[0]))
FR_RUN(run_dim, fr_logsumexp_dim(in[0], 1, false))
FR_RUN(run_keepdim, fr_logsumexp_dim(in[0], -1, true))
FR_RUN(run_strided, fr_logsumexp_dim(fr_transpose(in[0], 0, 2), 1, false))

static const char c_text[] = "/* log(sum(exp(x))) of each of (outer,n,inner). */\n"
                             "static void logsumexp(int outer, int n, int inner, const float *x, float *y)\n"
                             "{\n"
                             "    for (int i = 0; i < outer * inner; i++) {\n"
                             "        const float *at = x + i / inner * n * inner + i % inner;\n"
                             "        double most = -INFINITY, sum = 0;\n"
                             "\n"
                             "        for (int k = 0; k < n; k++)\n"
                             "            most = fmax(most, at[k * inner]);\n"
                             "        for (int k = 0; k < n && !isinf(most); k++)\n"
                             "            sum += exp(at[k * inner] - most);\n"
                             "        y[i] = (float)(isinf(most) ? most : most + log(sum));\n"
                             "    }\n"
                             "}\n";

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    return fr_c_reduce_by(w, call, "logsumexp", c_text, "");
}
FR_RUN(run_dims, fr_logsumexp_dims(in[0], (fr_shape){ 2, { 0, -1 } }, false))

const fr_op fr_logsumexp_op = {
    FR_REDUCTION_OP("logsumexp", fr_infer_reduced),
    .formula = "y = log(sum(exp(x)))",
    .derivative = "dL/dx = dL/dy exp(x - y)",
    .saves_inputs = 1,
    .saves_outputs = 1,
    .backward = backward,
    .backward_kernel = backward_kernel,
    .onnx_name = "ReduceLogSumExp",
    .onnx = fr_onnx_reduce,
    FR_CASES({ "all", "n(5,37)", "a.logsumexp((0, 1))", run }, { "dim", "n(2,7,3)", "a.logsumexp(1)", run_dim },
             { "inner", "n(2,50,3)", "a.logsumexp(1)", run_dim }, { "columns", "n(2,9,11)", "a.logsumexp(1)", run_dim },
             { "keepdim", "n(2,131)", "a.logsumexp(-1, keepdim=True)", run_keepdim },
             { "strided", "n(2,3,4)", "a.transpose(0, 2).logsumexp(1)", run_strided },
             { "large", "v10000,-10000,10000,-10000,-10001,-10000(2,3)", "a.logsumexp(1)", run_dim },
             { "infinite", "v-inf,-inf,inf,1,inf,-inf,-inf,2(4,2)", "a.logsumexp(1)", run_dim },
             { "nan", "v1,nan,2,inf,1,2(2,3)", "a.logsumexp(1)", run_dim }, { "scalar", "n()", "a.logsumexp(0)", run },
             { "empty", "n(0,3)", "a.logsumexp((0, 1))", run }, { "empty dim", "n(3,0)", "a.logsumexp(1)", run_dim },
             { "empty other", "n(0,3)", "a.logsumexp(1)", run_dim },
             { "eight dims", "n(2,3,2,1,2,1,2,3)", "a.logsumexp(1)", run_dim },
             { "int64", "i5(3)", NULL, run, { "logsumexp", "int64" } },
             { "dims", "n(3,4,5)", "a.logsumexp((0, -1))", run_dims },
             { "dims range", "n()", NULL, run_dims, { "logsumexp_dims", "twice", "dim 0" } },
             { "range", "n(4)", NULL, run_dim, { "logsumexp", "dim 1", "(4,)" } }),
};

fr_tensor *fr_logsumexp(fr_tensor *t)
{
    return fr_apply(&fr_logsumexp_op, &t, &(fr_reduce_attributes){ .all = true });
}

fr_tensor *fr_logsumexp_dim(fr_tensor *t, int dim, bool keepdim)
{
    return fr_apply_reduction("logsumexp_dim", &fr_logsumexp_op, t,
                              (fr_reduce_attributes){ .dim = dim, .keepdim = keepdim }, NULL);
}

fr_tensor *fr_logsumexp_dims(fr_tensor *t, fr_shape dims, bool keepdim)
{
    return fr_apply_reduction_dims("logsumexp_dims", &fr_logsumexp_op, t, &dims, keepdim, 0);
}
