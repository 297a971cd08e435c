/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* cumsum: y[i] = x[0] + ... + x[i] along a dim. x[i] is part of y[i] and all after it, so that its gradient,
 * dx[i] = dy[i] + ... + dy[n-1], is the cumulative sum of dy from the back. */
#include "kernels/cumsum.h"
#include "ops/reduce/reduce.h"

typedef struct {
    fr_reduce_attributes over;
    bool reversed; /* from the back */
} attributes;

static bool infer(fr_op_call *call)
{
    const attributes *a = call->attributes;

    return fr_op_dim(call, a->over.dim) >= 0 && fr_infer_same(call);
}

static void forward(fr_op_call *call)
{
    const attributes *a = call->attributes;
    const fr_tensor *x = call->in[0];

    fr_cumsum_forward((fr_dtype)x->dtype, fr_dim_sizes_of(&x->shape, &a->over), a->reversed, x->origin,
                      call->result[0]->origin);
}

static const char c_text[] =
    "/* y[k] = x[0] + ... + x[k], or (reversed) x[k] + ... + x[n-1], along n of (outer,n,inner). */\n"
    "static void cumsum(int outer, int n, int inner, int reversed, const float *x, float *y)\n"
    "{\n"
    "    for (int i = 0; i < outer * inner; i++) {\n"
    "        const int first = i / inner * n * inner + i % inner;\n"
    "        double sum = 0;\n"
    "\n"
    "        for (int k = 0; k < n; k++) {\n"
    "            const int at = first + (reversed ? n - 1 - k : k) * inner;\n"
    "\n"
    "            sum += x[at];\n"
    "            y[at] = (float)sum;\n"
    "        }\n"
    "    }\n"
    "}\n";

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    const attributes *a = call->attributes;

    return fr_c_reduce_by(w, call, "cumsum", c_text, a->reversed ? "1, " : "0, ");
}

static void backward(fr_op_call *call);

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const attributes *a = call->attributes;
    int dim = fr_shape_dim(&call->in[0]->shape, a->over.dim);

    if (call->in[0]->shape.ndim == 0) {
        fr_onnx_node(g, "Identity", FR_ONNX_NAMES(fr_onnx_input(g, 0)), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
        return true;
    }
    fr_onnx_node(g, "CumSum", FR_ONNX_NAMES(fr_onnx_input(g, 0), fr_onnx_number(g, FR_I64, dim)),
                 FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    fr_onnx_int(g, "reverse", a->reversed);
    return true;
}

FR_RUN(run, fr_cumsum(in[0], 1))
FR_RUN(run_last, fr_cumsum(in[0], -1))
FR_RUN(run_strided, fr_cumsum(fr_transpose(in[0], 0, 1), 1))

const fr_op fr_cumsum_op = {
    .name = "cumsum",
    .formula = "y[i] = x[0] + ... + x[i]",
    .derivative = "dL/dx = the cumulative sum of dL/dy from the back",
    .shapes = "(*) -> (*)",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = FR_SAVES_NOTHING,
    .attributes_size = sizeof(attributes),
    .dtypes = FR_ANY,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .jvp = fr_jvp_linear,
    .onnx = onnx,
    .c_code = c_code,
    FR_CASES({ "rows", "n(3,7)", "a.cumsum(1)", run }, { "inner", "n(2,5,3)", "a.cumsum(1)", run },
             { "last", "n(2,3,4)", "a.cumsum(-1)", run_last }, { "strided", "n(4,3)", "a.T.cumsum(1)", run_strided },
             { "scalar", "n()", "a.cumsum(0)", run_last }, { "nan", "v1,nan,2,3,inf,-inf(2,3)", "a.cumsum(1)", run },
             { "empty", "n(3,0)", "a.cumsum(1)", run }, { "int64", "i9(3,7)", "a.cumsum(1)", run, .no_grad = true },
             { "eight dims", "n(2,3,2,1,2,1,2,3)", "a.cumsum(1)", run },
             { "range", "n(4)", NULL, run, { "cumsum", "dim 1", "(4,)" } }),
};

static void backward(fr_op_call *call)
{
    attributes a = *(const attributes *)call->attributes;

    a.reversed = !a.reversed;
    call->grad_in[0] = fr_apply(&fr_cumsum_op, &call->grad_out[0], &a);
}

fr_tensor *fr_cumsum(fr_tensor *t, int dim)
{
    return fr_apply(&fr_cumsum_op, &t, &(attributes){ .over = { .dim = dim } });
}
