/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* cumsum: y[i] = x[0] + ... + x[i] along a dim; its gradient is the same from the back. */
#include "core/threads.h"
#include "ops/reduce/reduce.h"

typedef struct {
    fr_over over;
    bool backwards;
} attributes;

enum { WIDTH = 512, TILE = 1 << 15 }; /* columns that are walked down at once; values of a tile, about */

typedef struct {
    fr_split split;
    int64_t step; /* from one value to the next: inner, or -inner */
    int64_t chunks, pieces, per_tile;
    const char *x;
    char *y;
} job;

#define CUMSUM(NAME, T, SUM)                                                                                           \
    FR_KERNEL(NAME, (int64_t n, int64_t width, int64_t step, const T *restrict x, T *restrict y),                      \
              (n, width, step, x, y))                                                                                  \
    {                                                                                                                  \
        SUM sum[WIDTH], one = 0;                                                                                       \
        for (int64_t i = 0; width == 1 && i < n; i++)                                                                  \
            y[i * step] = (T)(one += (SUM)x[i * step]);                                                                \
        if (width == 1)                                                                                                \
            return;                                                                                                    \
        for (int64_t j = 0; j < width; j++)                                                                            \
            sum[j] = 0;                                                                                                \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            for (int64_t j = 0; j < width; j++) {                                                                      \
                sum[j] += (SUM)x[i * step + j];                                                                        \
                y[i * step + j] = (T)sum[j];                                                                           \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    static void NAME##_tile(void *user, int64_t tile)                                                                  \
    {                                                                                                                  \
        const job *w = user;                                                                                           \
        int64_t n = w->split.n, inner = w->split.inner, from = tile * w->per_tile, to = from + w->per_tile;            \
        for (int64_t i = from; i < to && i < w->pieces; i++) {                                                         \
            int64_t column = i % w->chunks * WIDTH, width = inner - column < WIDTH ? inner - column : WIDTH;           \
            int64_t at = (i / w->chunks * n + (w->step < 0 ? n - 1 : 0)) * inner + column;                             \
            NAME(n, width, w->step, (const T *)w->x + at, (T *)w->y + at);                                             \
        }                                                                                                              \
    }

CUMSUM(cumsum_f32, float, double)
CUMSUM(cumsum_f64, double, double)
CUMSUM(cumsum_i64, int64_t, uint64_t)

static bool infer(fr_op_call *call)
{
    const attributes *a = call->attributes;

    return fr_op_dim(call, a->over.dim) >= 0 && fr_infer_same(call);
}

static void forward(fr_op_call *call)
{
    const attributes *a = call->attributes;
    const fr_tensor *x = call->in[0];
    job w = { .split = fr_split_of(&x->shape, &a->over), .x = x->origin, .y = call->result[0]->origin };
    fr_tile *run = x->dtype == FR_F32 ? cumsum_f32_tile : x->dtype == FR_F64 ? cumsum_f64_tile : cumsum_i64_tile;

    if (x->numel == 0)
        return;
    w.step = a->backwards ? -w.split.inner : w.split.inner;
    w.chunks = (w.split.inner + WIDTH - 1) / WIDTH;
    w.pieces = w.split.outer * w.chunks;
    w.per_tile = 1 + TILE / (w.split.n * (w.split.inner < WIDTH ? w.split.inner : WIDTH));
    fr_run_tiles((w.pieces + w.per_tile - 1) / w.per_tile, run, &w);
}

static const char c_text[] =
    "/* y[k] = x[0] + ... + x[k], or (backwards) x[k] + ... + x[n-1], along n of (outer,n,inner). */\n"
    "static void cumsum(int outer, int n, int inner, int backwards, const float *x, float *y)\n"
    "{\n"
    "    for (int i = 0; i < outer * inner; i++) {\n"
    "        const int first = i / inner * n * inner + i % inner;\n"
    "        double sum = 0;\n"
    "\n"
    "        for (int k = 0; k < n; k++) {\n"
    "            const int at = first + (backwards ? n - 1 - k : k) * inner;\n"
    "\n"
    "            sum += x[at];\n"
    "            y[at] = (float)sum;\n"
    "        }\n"
    "    }\n"
    "}\n";

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    const attributes *a = call->attributes;

    if (call->in[0]->dtype == FR_I64)
        return fr_c_fail(w, "int64 given, expected float32");
    return fr_write_reduction_by(w, call, "cumsum", c_text, a->backwards ? "1, " : "0, ");
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
    fr_onnx_int(g, "reverse", a->backwards);
    return true;
}

FR_RUN(run, fr_cumsum(in[0], 1))
FR_RUN(run_last, fr_cumsum(in[0], -1))
FR_RUN(run_strided, fr_cumsum(fr_transpose(in[0], 0, 1), 1))

const fr_op fr_cumsum_op = {
    .name = "cumsum",
    .formula = "y[i] = x[0] + ... + x[i]",
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

    a.backwards = !a.backwards;
    call->grad_in[0] = fr_apply(&fr_cumsum_op, &call->grad_out[0], &a);
}

fr_tensor *fr_cumsum(fr_tensor *t, int dim)
{
    return fr_apply(&fr_cumsum_op, &t, &(attributes){ .over = { .dim = dim } });
}
