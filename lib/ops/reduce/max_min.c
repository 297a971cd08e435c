/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The kernels and gradients of max, min, argmax and argmin. */
#include "ops/reduce/max_min.h"

/* --- Shapes ------------------------------------------------------------------------------------------------------ */

bool fr_infer_extreme(fr_op_call *call)
{
    const fr_over *over = call->attributes;
    const fr_shape *shape = &call->in[0]->shape;
    char text[FR_SHAPE_TEXT];

    if (!fr_infer_reduced(call))
        return false;
    if (over->all && call->in[0]->numel == 0)
        return fr_op_fail(call, "shape %s: there are no values to choose from", fr_shape_text(shape, text));
    if (!over->all && shape->ndim > 0 && shape->dim[fr_shape_dim(shape, over->dim)] == 0)
        return fr_op_fail(call, "shape %s: there are no values to choose from along dim %d", fr_shape_text(shape, text),
                          over->dim);
    return true;
}

bool fr_infer_position(fr_op_call *call)
{
    if (!fr_infer_extreme(call))
        return false;
    call->out[0].dtype = FR_I64;
    return true;
}

bool fr_infer_extreme_dim(fr_op_call *call)
{
    if (!fr_infer_extreme(call))
        return false;
    call->out[1] = call->out[0];
    call->out[1].dtype = FR_I64;
    return true;
}

/* --- Values ------------------------------------------------------------------------------------------------------ */

#define EXTREME(a, b, BEATS)          ((a)BEATS(b) || (a) != (a) ? (a) : (b))
#define VALUES(NAME, T, START, BEATS) FR_REDUCER(NAME, T, T, T, START, EXTREME(x, s, BEATS), EXTREME(o, s, BEATS), s)

VALUES(max_f32, float, -INFINITY, >)
VALUES(max_f64, double, -INFINITY, >)
VALUES(max_i64, int64_t, INT64_MIN, >)
VALUES(min_f32, float, INFINITY, <)
VALUES(min_f64, double, INFINITY, <)
VALUES(min_i64, int64_t, INT64_MAX, <)

void fr_extreme_values(fr_op_call *call, bool least)
{
    if (least)
        fr_reduce(call, 0, &min_f32, &min_f64, &min_i64);
    else
        fr_reduce(call, 0, &max_f32, &max_f64, &max_i64);
}

/* --- Positions --------------------------------------------------------------------------------------------------- */

/* The best value and how far it lies behind the start of its slab. Of a block first the best values are found, then,
 * from the back, the rows of those: both loops become vector code, the second where ROW has the size of T. */
#define POSITIONS(NAME, T, ROW, START, BEATS)                                                                          \
    typedef struct {                                                                                                   \
        T value;                                                                                                       \
        int64_t at;                                                                                                    \
    } NAME##_state;                                                                                                    \
    FR_INLINE NAME##_state NAME##_best(NAME##_state a, NAME##_state b)                                                 \
    {                                                                                                                  \
        bool a_nan = a.value != a.value, b_nan = b.value != b.value;                                                   \
        bool equal = a.value == b.value || (a_nan && b_nan);                                                           \
        bool a_wins = equal ? a.at < b.at : a_nan || (!b_nan && a.value BEATS b.value);                                \
        return a_wins ? a : b;                                                                                         \
    }                                                                                                                  \
    FR_REDUCER_STATE(NAME, NAME##_state, int64_t, ((NAME##_state){ START, INT64_MAX }), NAME##_best(s, o),             \
                     s.at / inner)                                                                                     \
    FR_KERNEL(NAME##_add,                                                                                              \
              (int64_t rows, int64_t width, int64_t stride, int64_t at, const void *px, void *states, double p),       \
              (rows, width, stride, at, px, states, p))                                                                \
    {                                                                                                                  \
        const T *restrict xs = px;                                                                                     \
        NAME##_state *s = states;                                                                                      \
        T best[FR_REDUCE_WIDTH];                                                                                       \
        ROW row[FR_REDUCE_WIDTH];                                                                                      \
        (void)p;                                                                                                       \
        for (int64_t j = 0; j < width; j++) {                                                                          \
            best[j] = START;                                                                                           \
            row[j] = 0;                                                                                                \
        }                                                                                                              \
        for (int64_t r = 0; r < rows; r++)                                                                             \
            for (int64_t j = 0; j < width; j++)                                                                        \
                best[j] = EXTREME(xs[r * stride + j], best[j], BEATS);                                                 \
        for (int64_t r = rows - 1; r >= 0; r--) {                                                                      \
            for (int64_t j = 0; j < width; j++) {                                                                      \
                T x = xs[r * stride + j];                                                                              \
                row[j] = x == best[j] || x != x ? (ROW)r : row[j];                                                     \
            }                                                                                                          \
        }                                                                                                              \
        for (int64_t j = 0; rows > 0 && j < width; j++)                                                                \
            s[j] = NAME##_best(s[j], (NAME##_state){ best[j], at + row[j] * stride + j });                             \
    }                                                                                                                  \
    FR_KERNEL(NAME##_small, (int64_t count, int64_t n, int64_t inner, const void *px, void *py, double p),             \
              (count, n, inner, px, py, p))                                                                            \
    {                                                                                                                  \
        const T *restrict xs = px;                                                                                     \
        int64_t *restrict y = py;                                                                                      \
        (void)p;                                                                                                       \
        for (int64_t i = 0; i < count && inner == 1; i++, xs += n) {                                                   \
            FR_REDUCE_SHORT_ROW(T, T, START, EXTREME(x, s, BEATS), EXTREME(o, s, BEATS))                               \
            y[i] = 0;                                                                                                  \
            while (xs[y[i]] != s && xs[y[i]] == xs[y[i]])                                                              \
                y[i]++;                                                                                                \
        }                                                                                                              \
        for (int64_t i = 0; i < count * inner && inner > 1; i++) {                                                     \
            const T *x = xs + i / inner * n * inner + i % inner;                                                       \
            T best = x[0];                                                                                             \
            y[i] = 0;                                                                                                  \
            for (int64_t r = 1; r < n && best == best; r++) {                                                          \
                T v = x[r * inner];                                                                                    \
                y[i] = v BEATS best || v != v ? r : y[i];                                                              \
                best = EXTREME(v, best, BEATS);                                                                        \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    FR_REDUCER_TABLE(NAME, T, NAME##_state, int64_t)

POSITIONS(argmax_f32, float, int32_t, -INFINITY, >)
POSITIONS(argmax_f64, double, int64_t, -INFINITY, >)
POSITIONS(argmax_i64, int64_t, int64_t, INT64_MIN, >)
POSITIONS(argmin_f32, float, int32_t, INFINITY, <)
POSITIONS(argmin_f64, double, int64_t, INFINITY, <)
POSITIONS(argmin_i64, int64_t, int64_t, INT64_MAX, <)

void fr_extreme_positions(fr_op_call *call, int output, bool least)
{
    if (least)
        fr_reduce(call, output, &argmin_f32, &argmin_f64, &argmin_i64);
    else
        fr_reduce(call, output, &argmax_f32, &argmax_f64, &argmax_i64);
}

void fr_extreme_dim(fr_op_call *call, bool least)
{
    const fr_tensor *x = call->in[0];
    fr_tensor *y = call->result[0];
    fr_split split = fr_split_of(&x->shape, call->attributes);
    size_t size = fr_dtype_size((fr_dtype)x->dtype);

    fr_extreme_positions(call, 1, least);
    if (call->failed)
        return;

    const int64_t *position = (const int64_t *)call->result[1]->origin;

    for (int64_t i = 0; i < y->numel; i++) {
        int64_t from = (i / split.inner * split.n + position[i]) * split.inner + i % split.inner;

        memcpy(y->origin + (size_t)i * size, x->origin + (size_t)from * size, size);
    }
}

/* --- Gradients --------------------------------------------------------------------------------------------------- */

void fr_extreme_backward(fr_op_call *call)
{
    fr_tensor *x = call->in[0], *y = call->result[0];
    fr_tensor *mask = fr_add(fr_eq(x, y), fr_ne(x, x)); /* where there is a NaN it is the result */

    call->grad_in[0] = fr_mul(mask, fr_div(call->grad_out[0], fr_sum(mask)));
}

void fr_extreme_dim_backward(fr_op_call *call)
{
    const fr_over *over = call->attributes;
    fr_tensor *position = fr_kept(call, call->result[1]);

    call->grad_in[0] = fr_scatter_add(fr_kept(call, call->grad_out[0]), call->in_shape[0], over->dim, position);
}

/* --- Both results ------------------------------------------------------------------------------------------------ */

fr_extreme fr_apply_extreme(const char *what, const fr_op *op, fr_tensor *t, int dim, bool keepdim)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_tensor *results[2];

    fr_apply_n(op, &t, 1, &(fr_over){ .dim = dim, .keepdim = keepdim }, results);
    fr_finish(th, before);
    return (fr_extreme){ results[0], results[1] };
}

/* --- As ONNX ------------------------------------------------------------------------------------------------------ */

static bool put_positions(fr_onnx *g, const fr_op_call *call, const char *type, int output)
{
    const fr_over *over = call->attributes;

    if (!fr_onnx_has_axes(g, call))
        return false;
    fr_onnx_node(g, type, FR_ONNX_NAMES(fr_onnx_input(g, 0)), FR_ONNX_NAMES(fr_onnx_output(g, output)));
    fr_onnx_int(g, "axis", fr_shape_dim(&call->in[0]->shape, over->dim));
    fr_onnx_int(g, "keepdims", over->keepdim);
    return true;
}

bool fr_onnx_position(fr_onnx *g, const fr_op_call *call)
{
    return put_positions(g, call, call->op->onnx_name, 0);
}

bool fr_onnx_extreme(fr_onnx *g, const fr_op_call *call)
{
    bool least = strcmp(call->op->onnx_name, "ReduceMin") == 0;

    if (fr_onnx_is_read(g, 0))
        fr_onnx_reduce(g, call);
    return !fr_onnx_is_read(g, 1) || put_positions(g, call, least ? "ArgMin" : "ArgMax", 1);
}

/* --- C ----------------------------------------------------------------------------------------------------------- */

#define C_TEXT(NAME, WHAT, BEATS)                                                                                      \
    "/* The " WHAT                                                                                                     \
    " of each of (outer,n,inner) and where it stands first; NaN if there is one. Either may be NULL. */\n"             \
    "static void " NAME "(int outer, int n, int inner, const float *x, float *y, int64_t *position)\n"                 \
    "{\n"                                                                                                              \
    "    for (int i = 0; i < outer * inner; i++) {\n"                                                                  \
    "        const float *at = x + i / inner * n * inner + i % inner;\n"                                               \
    "        int best = 0;\n"                                                                                          \
    "\n"                                                                                                               \
    "        for (int k = 1; k < n; k++) {\n"                                                                          \
    "            const float a = at[k * inner], b = at[best * inner];\n"                                               \
    "\n"                                                                                                               \
    "            best = b == b && (a " BEATS " b || a != a) ? k : best;\n"                                             \
    "        }\n"                                                                                                      \
    "        if (y)\n"                                                                                                 \
    "            y[i] = at[best * inner];\n"                                                                           \
    "        if (position)\n"                                                                                          \
    "            position[i] = best;\n"                                                                                \
    "    }\n"                                                                                                          \
    "}\n"

bool fr_extreme_c_code(fr_c_writer *w, const fr_op_call *call, bool least)
{
    const fr_over *over = call->attributes;
    fr_split s = fr_split_of(&call->in[0]->shape, over);
    const char *x, *out[2] = { "NULL", "NULL" };

    if (call->in[0]->dtype == FR_I64)
        return fr_c_fail(w, "int64 given, expected float32");
    x = fr_c_in(w, call, 0);
    for (int k = 0; k < call->outputs; k++)
        if (fr_c_is_read(w, call, k))
            out[call->result[k]->dtype == FR_I64] = fr_c_out(w, call, k);
    fr_reduction_takes_rows(w, call);
    if (least)
        fr_c_helper(w, "smallest", C_TEXT("smallest", "smallest", "<"), false);
    else
        fr_c_helper(w, "largest", C_TEXT("largest", "largest", ">"), false);
    return fr_c_line(w, "%s(%lld, %lld, %lld, %s, %s, %s);", least ? "smallest" : "largest", (long long)s.outer,
                     (long long)s.n, (long long)s.inner, x, out[0], out[1]);
}
