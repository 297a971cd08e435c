/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* tril: y[i][j] = x[i][j] where j - i <= k, else 0, over the last two dims; triu: where j - i >= k. The gradient is
 * zeroed in the same places. */
#include "ops/view/view.h"

#include <frond/c_code.h>

static bool infer(fr_op_call *call)
{
    const fr_tensor *t = call->in[0];
    char text[FR_SHAPE_TEXT];

    call->out[0] = fr_meta_of(t);
    return t->shape.ndim >= 2 || fr_op_fail(call, "%s given, expected 2 dims or more", fr_shape_text(&t->shape, text));
}

extern const fr_op fr_triu_op;

static bool is_upper(const fr_op_call *call)
{
    return call->op == &fr_triu_op;
}

/* k, limited to the corners of the matrix: beyond them nothing more is kept or zeroed. */
static int64_t diagonal_of(const fr_op_call *call)
{
    const fr_shape *s = &call->in[0]->shape;

    return fr_most(-s->dim[s->ndim - 2], fr_least(s->dim[s->ndim - 1], *(const int64_t *)call->attributes));
}

/* In row i of a matrix, tril keeps columns 0 to i + k, triu those from i + k on. */
static void forward(fr_op_call *call)
{
    fr_tensor *y = call->result[0];
    int64_t m = y->shape.dim[y->shape.ndim - 2], n = y->shape.dim[y->shape.ndim - 1], k = diagonal_of(call);
    size_t size = fr_dtype_size((fr_dtype)y->dtype);
    bool upper = is_upper(call);
    char *row = y->origin;

    fr_copy_values(y, call->in[0]);
    for (int64_t rows = n ? y->numel / n : 0, r = 0; r < rows; r++, row += (size_t)n * size) {
        int64_t i = r % m, edge = fr_most(0, fr_least(n, upper ? i + k : i + k + 1));

        if (upper)
            memset(row, 0, (size_t)edge * size);
        else
            memset(row + (size_t)edge * size, 0, (size_t)(n - edge) * size);
    }
}

static const char triangle_text[] =
    "/* x with zeros above its k-th diagonal, or (upper) below it. */\n"
    "static void triangle(int matrices, int rows, int columns, int k, int upper, const float *x, float *y)\n"
    "{\n"
    "    for (int i = 0; i < matrices * rows; i++)\n"
    "        for (int j = 0; j < columns; j++)\n"
    "            y[i * columns + j] = (upper ? j - i % rows >= k : j - i % rows <= k) ? x[i * columns + j] : 0;\n"
    "}\n";

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    const fr_tensor *t = call->in[0];
    int64_t rows = t->shape.dim[t->shape.ndim - 2], columns = t->shape.dim[t->shape.ndim - 1];
    const char *x = fr_c_in(w, call, 0), *y = fr_c_out(w, call, 0);
    const char *name = fr_c_value_helper(w, "triangle", triangle_text, fr_dtype_of(t));

    return fr_c_line(w, "%s(%lld, %lld, %lld, %lld, %d, %s, %s);", name, (long long)(t->numel / rows / columns),
                     (long long)rows, (long long)columns, (long long)diagonal_of(call), is_upper(call), x, y);
}

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_apply(call->op, call->grad_out, call->attributes);
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const int64_t whole = INT64_C(1) << 53; /* as a double, and beyond any tensor's edge */
    int64_t k = fr_most(-whole, fr_least(*(const int64_t *)call->attributes, whole));

    fr_onnx_node(g, "Trilu", FR_ONNX_NAMES(fr_onnx_input(g, 0), fr_onnx_number(g, FR_I64, (double)k)),
                 FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    fr_onnx_int(g, "upper", is_upper(call));
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

#define FR_TRIANGLE_OP                                                                                                 \
    FR_MOVING_OP, .shapes = "(*,N,M) -> (*,N,M)", .attributes_size = sizeof(int64_t), .infer = infer,                  \
                  .forward = forward, .backward = backward, .c_code = c_code, .jvp = fr_jvp_linear, .onnx = onnx

const fr_op fr_tril_op = {
    FR_TRIANGLE_OP, .name = "tril", .formula = "y[i][j] = x[i][j] where j - i <= k, else 0",
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
    FR_TRIANGLE_OP, .name = "triu", .formula = "y[i][j] = x[i][j] where j - i >= k, else 0",
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
