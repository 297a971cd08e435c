/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* tril, triu: zeros above or below the k-th diagonal of the last two dims. Each is its own derivative. */
#include "ops/op.h"

#include <frond/c_code.h>

static bool infer(fr_op_call *call)
{
    const fr_tensor *t = call->in[0];
    char text[FR_SHAPE_TEXT];

    call->out[0] = fr_meta_of(t);
    return t->shape.ndim >= 2 || fr_op_fail(call, "%s given, expected 2 dims or more", fr_shape_text(&t->shape, text));
}

/* Zeroes, in each row i, what lies in columns begin(i)..end(i)-1; all matrices lie one after another. */
static void zero_parts(fr_tensor *y, int64_t k, bool lower)
{
    int64_t m = y->shape.dim[y->shape.ndim - 2], n = y->shape.dim[y->shape.ndim - 1];
    size_t size = fr_dtype_size((fr_dtype)y->dtype);
    char *row = y->origin;

    k = k < -m ? -m : k > n ? n : k; /* beyond: all or nothing already */
    for (int64_t left = n ? y->numel / n : 0, i = 0; left > 0; left--, row += (size_t)n * size) {
        int64_t edge = lower ? i + k + 1 : i + k; /* in column edge and right of it, or left of it */

        edge = edge < 0 ? 0 : edge > n ? n : edge;
        if (lower)
            memset(row + (size_t)edge * size, 0, (size_t)(n - edge) * size);
        else
            memset(row, 0, (size_t)edge * size);
        i = i + 1 < m ? i + 1 : 0;
    }
}

static void tril_forward(fr_op_call *call)
{
    fr_copy_values(call->result[0], call->in[0]);
    zero_parts(call->result[0], *(const int64_t *)call->attributes, true);
}

static void triu_forward(fr_op_call *call)
{
    fr_copy_values(call->result[0], call->in[0]);
    zero_parts(call->result[0], *(const int64_t *)call->attributes, false);
}

static const char triangle_text[] =
    "/* x with zeros above its k-th diagonal, or (upper) below it. */\n"
    "static void triangle(int matrices, int rows, int columns, int k, int upper, const float *x, float *y)\n"
    "{\n"
    "    for (int i = 0; i < matrices * rows; i++)\n"
    "        for (int j = 0; j < columns; j++)\n"
    "            y[i * columns + j] = (upper ? j - i % rows >= k : j - i % rows <= k) ? x[i * columns + j] : 0;\n"
    "}\n";

static bool write_c(fr_c_writer *w, const fr_op_call *call, bool upper)
{
    const fr_tensor *t = call->in[0];
    int64_t rows = t->shape.dim[t->shape.ndim - 2], columns = t->shape.dim[t->shape.ndim - 1];
    int64_t k = fr_most(-rows, fr_least(columns, *(const int64_t *)call->attributes));
    const char *x = fr_c_in(w, call, 0), *y = fr_c_out(w, call, 0);

    if (t->dtype != FR_F32)
        return fr_c_fail(w, "int64 given, expected float32");
    fr_c_helper(w, "triangle", triangle_text, false);
    return fr_c_line(w, "triangle(%lld, %lld, %lld, %lld, %d, %s, %s);", (long long)(t->numel / rows / columns),
                     (long long)rows, (long long)columns, (long long)k, upper, x, y);
}

static bool tril_c_code(fr_c_writer *w, const fr_op_call *call)
{
    return write_c(w, call, false);
}

static bool triu_c_code(fr_c_writer *w, const fr_op_call *call)
{
    return write_c(w, call, true);
}

static void tril_backward(fr_op_call *call)
{
    call->grad_in[0] = fr_tril(call->grad_out[0], *(const int64_t *)call->attributes);
}

static void triu_backward(fr_op_call *call)
{
    call->grad_in[0] = fr_triu(call->grad_out[0], *(const int64_t *)call->attributes);
}

extern const fr_op fr_triu_op;

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const int64_t whole = INT64_C(1) << 53; /* as a double, and beyond any tensor's edge */
    int64_t k = fr_most(-whole, fr_least(*(const int64_t *)call->attributes, whole));

    fr_onnx_node(g, "Trilu", FR_ONNX_NAMES(fr_onnx_input(g, 0), fr_onnx_number(g, FR_I64, (double)k)),
                 FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    fr_onnx_int(g, "upper", call->op == &fr_triu_op);
    return true;
}

FR_RUN(run_tril, fr_tril(in[0], 0))
FR_RUN(run_tril_above, fr_tril(in[0], 2))
FR_RUN(run_tril_below, fr_tril(fr_transpose(in[0], 0, 1), -1))
FR_RUN(run_tril_all, fr_tril(in[0], INT64_MAX))
FR_RUN(run_tril_none, fr_tril(in[0], INT64_MIN))
FR_RUN(run_triu, fr_triu(in[0], 0))
FR_RUN(run_triu_above, fr_triu(in[0], 1))
FR_RUN(run_triu_below, fr_triu(fr_transpose(in[0], 0, 1), -2))
FR_RUN(run_triu_all, fr_triu(in[0], INT64_MIN))
FR_RUN(run_triu_none, fr_triu(in[0], INT64_MAX))

const fr_op fr_tril_op = {
    .name = "tril",
    .formula = "y[i][j] = x[i][j] where j - i <= k, else 0",
    .shapes = "(*,N,M) -> (*,N,M)",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = FR_SAVES_NOTHING,
    .attributes_size = sizeof(int64_t),
    .dtypes = FR_ANY,
    .strided = true,
    .infer = infer,
    .forward = tril_forward,
    .backward = tril_backward,
    .c_code = tril_c_code,
    .jvp = fr_jvp_linear,
    .onnx = onnx,
    FR_CASES({ "square", "n(4,4)", "a.tril()", run_tril }, { "batches", "n(2,3,4,6)", "a.tril(2)", run_tril_above },
             { "tall", "n(6,4)", "a.tril(2)", run_tril_above }, { "strided", "n(3,5)", "a.T.tril(-1)", run_tril_below },
             { "all", "n(2,3,4)", "a.tril(9)", run_tril_all }, { "none", "n(2,3,4)", "a.tril(-9)", run_tril_none },
             { "empty", "n(2,0,4)", "a.tril()", run_tril }, { "no columns", "n(3,0)", "a.tril()", run_tril },
             { "int64", "i9(3,4)", "a.tril()", run_tril }, { "eight dims", "n(2,1,2,1,2,1,3,3)", "a.tril()", run_tril },
             { "vector", "n(4)", NULL, run_tril, { "tril", "(4,)", "2 dims" } })
};

fr_tensor *fr_tril(fr_tensor *t, int64_t k)
{
    return fr_apply(&fr_tril_op, &t, &k);
}

const fr_op fr_triu_op = {
    .name = "triu",
    .formula = "y[i][j] = x[i][j] where j - i >= k, else 0",
    .shapes = "(*,N,M) -> (*,N,M)",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = FR_SAVES_NOTHING,
    .attributes_size = sizeof(int64_t),
    .dtypes = FR_ANY,
    .strided = true,
    .infer = infer,
    .forward = triu_forward,
    .backward = triu_backward,
    .c_code = triu_c_code,
    .jvp = fr_jvp_linear,
    .onnx = onnx,
    FR_CASES({ "square", "n(4,4)", "a.triu()", run_triu }, { "batches", "n(2,3,4,6)", "a.triu(1)", run_triu_above },
             { "tall", "n(6,4)", "a.triu(1)", run_triu_above }, { "strided", "n(3,5)", "a.T.triu(-2)", run_triu_below },
             { "all", "n(2,3,4)", "a.triu(-9)", run_triu_all }, { "none", "n(2,3,4)", "a.triu(9)", run_triu_none },
             { "empty", "n(2,0,4)", "a.triu()", run_triu },
             { "scalar", "n()", NULL, run_triu, { "triu", "()", "2 dims" } })
};

fr_tensor *fr_triu(fr_tensor *t, int64_t k)
{
    return fr_apply(&fr_triu_op, &t, &k);
}
