/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* softmax: y = exp(x) / sum exp(x) over one dim, dx = y (dy - sum(y dy)); log_softmax: y = x - ln sum exp(x),
 * dx = dy - exp(y) sum(dy). The greatest x is taken off first, so that nothing overflows. A row of -inf alone, or with
 * NaN or inf in it, is NaN. */
#include "ops/reduce/softmax.h"

#include "core/threads.h"
#include "ops/pointwise/pointwise.h"
#include "ops/reduce/reduce.h"

typedef fr_softmax_attributes attributes;

bool fr_infer_softmax(fr_op_call *call)
{
    const attributes *a = call->attributes;

    return fr_infer_same(call) && fr_op_dim(call, a->dim) >= 0;
}

/* --- Kernels: the dim has n values ---------------------------------------------------------------------------------
 */

enum {
    LANES = 16,     /* partial results, in a fixed order, so that a reduction becomes vector code */
    COLUMNS = 64,   /* at most so many neighbours are done together where the dim is not the last */
    TILE = 1 << 16, /* values */
};

#define REDUCE(NAME, T, START, EXPR)                                                                                   \
    FR_INLINE T NAME(int64_t n, const T *x)                                                                            \
    {                                                                                                                  \
        T lane[LANES];                                                                                                 \
        int64_t whole = n / LANES * LANES;                                                                             \
        FR_SIMD for (int j = 0; j < LANES; j++) lane[j] = START;                                                       \
        for (int64_t i = 0; i < whole; i += LANES)                                                                     \
            FR_SIMD for (int j = 0; j < LANES; j++) lane[j] = EXPR(lane[j], x[i + j]);                                 \
        for (int64_t i = whole; i < n; i++)                                                                            \
            lane[i - whole] = EXPR(lane[i - whole], x[i]);                                                             \
        for (int half = LANES / 2; half > 0; half /= 2)                                                                \
            for (int j = 0; j < half; j++)                                                                             \
                lane[j] = EXPR(lane[j], lane[j + half]);                                                               \
        return lane[0];                                                                                                \
    }

#define GREATER(a, v) ((v) > (a) ? (v) : (a)) /* drops NaN, which comes back with x - greatest */
#define PLUS(a, v)    ((a) + (v))

REDUCE(greatest_float, float, -INFINITY, GREATER)
REDUCE(greatest_double, double, -INFINITY, GREATER)
REDUCE(sum_float, float, 0, PLUS)
REDUCE(sum_double, double, 0, PLUS)

/* y = exp(x - greatest); its sum. Of the values beyond whole LANES, padded with -inf, FILLED are computed: all LANES
 * where that is vector code. */
#define EXPONENTIALS(T, EXP, FILLED)                                                                                   \
    FR_INLINE T exponentials_##T(int64_t n, const T *restrict x, T greatest, T *restrict y)                            \
    {                                                                                                                  \
        T lane[LANES] = { 0 }, rest[LANES];                                                                            \
        int64_t whole = n / LANES * LANES;                                                                             \
        for (int64_t i = 0; i < whole; i += LANES)                                                                     \
            FR_SIMD for (int j = 0; j < LANES; j++)                                                                    \
            {                                                                                                          \
                T e = EXP(x[i + j] - greatest);                                                                        \
                y[i + j] = e;                                                                                          \
                lane[j] += e;                                                                                          \
            }                                                                                                          \
        if (whole < n) {                                                                                               \
            FR_SIMD for (int j = 0; j < LANES; j++) rest[j] = -INFINITY;                                               \
            memcpy(rest, x + whole, (size_t)(n - whole) * sizeof(T));                                                  \
            FR_SIMD for (int64_t j = 0; j < FILLED; j++)                                                               \
            {                                                                                                          \
                rest[j] = EXP(rest[j] - greatest);                                                                     \
                lane[j] += rest[j];                                                                                    \
            }                                                                                                          \
            memcpy(y + whole, rest, (size_t)(n - whole) * sizeof(T));                                                  \
        }                                                                                                              \
        for (int half = LANES / 2; half > 0; half /= 2)                                                                \
            for (int j = 0; j < half; j++)                                                                             \
                lane[j] += lane[j + half];                                                                             \
        return lane[0];                                                                                                \
    }

EXPONENTIALS(float, fr_exp_f32, LANES)
EXPONENTIALS(double, fr_exp_f64, n - whole)

/* Where the dim is the last one. */
#define ROW(T, EXP, LN)                                                                                                \
    FR_KERNEL(forward_row_##T, (int64_t n, const T *restrict x, T *restrict y, bool logs), (n, x, y, logs))            \
    {                                                                                                                  \
        T greatest = greatest_##T(n, x), sum = exponentials_##T(n, x, greatest, y);                                    \
        if (logs) {                                                                                                    \
            T shift = LN(sum);                                                                                         \
            for (int64_t i = 0; i < n; i++)                                                                            \
                y[i] = (x[i] - greatest) - shift;                                                                      \
        } else {                                                                                                       \
            T scale = 1 / sum;                                                                                         \
            for (int64_t i = 0; i < n; i++)                                                                            \
                y[i] *= scale;                                                                                         \
        }                                                                                                              \
    }                                                                                                                  \
    FR_KERNEL(backward_row_##T, (int64_t n, const T *restrict g, const T *restrict y, T *restrict out, bool logs),     \
              (n, g, y, out, logs))                                                                                    \
    {                                                                                                                  \
        for (int64_t i = 0; i < n; i++)                                                                                \
            out[i] = logs ? g[i] : g[i] * y[i];                                                                        \
        T sum = sum_##T(n, out);                                                                                       \
        if (logs)                                                                                                      \
            for (int64_t i = 0; i < n; i++)                                                                            \
                out[i] = g[i] - EXP(y[i]) * sum;                                                                       \
        else                                                                                                           \
            for (int64_t i = 0; i < n; i++)                                                                            \
                out[i] = (g[i] - sum) * y[i];                                                                          \
    }

/* Where it is another: its values are a step apart, `width` <= COLUMNS neighbours are done together. */
#define FOR_ALL                                                                                                        \
    for (int64_t i = 0; i < n; i++)                                                                                    \
        for (int64_t j = 0, k = i * step; j < width; j++, k++)

#define COLUMN(T, EXP, LN)                                                                                             \
    FR_KERNEL(forward_columns_##T,                                                                                     \
              (int64_t n, int64_t step, int64_t width, const T *restrict x, T *restrict y, bool logs),                 \
              (n, step, width, x, y, logs))                                                                            \
    {                                                                                                                  \
        T greatest[COLUMNS], sum[COLUMNS] = { 0 };                                                                     \
        for (int j = 0; j < COLUMNS; j++)                                                                              \
            greatest[j] = -INFINITY;                                                                                   \
        FOR_ALL greatest[j] = GREATER(greatest[j], x[k]);                                                              \
        FOR_ALL y[k] = EXP(x[k] - greatest[j]);                                                                        \
        FOR_ALL sum[j] += y[k];                                                                                        \
        if (!logs) {                                                                                                   \
            FOR_ALL y[k] /= sum[j];                                                                                    \
            return;                                                                                                    \
        }                                                                                                              \
        for (int64_t j = 0; j < width; j++)                                                                            \
            sum[j] = LN(sum[j]);                                                                                       \
        FOR_ALL y[k] = (x[k] - greatest[j]) - sum[j];                                                                  \
    }                                                                                                                  \
    FR_KERNEL(backward_columns_##T,                                                                                    \
              (int64_t n, int64_t step, int64_t width, const T *restrict g, const T *restrict y, T *restrict out,      \
               bool logs),                                                                                             \
              (n, step, width, g, y, out, logs))                                                                       \
    {                                                                                                                  \
        T sum[COLUMNS] = { 0 };                                                                                        \
        if (logs) {                                                                                                    \
            FOR_ALL sum[j] += g[k];                                                                                    \
            FOR_ALL out[k] = g[k] - EXP(y[k]) * sum[j];                                                                \
        } else {                                                                                                       \
            FOR_ALL sum[j] += g[k] * y[k];                                                                             \
            FOR_ALL out[k] = (g[k] - sum[j]) * y[k];                                                                   \
        }                                                                                                              \
    }

ROW(float, fr_exp_f32, fr_log_f32)
ROW(double, fr_exp_f64, log)
COLUMN(float, fr_exp_f32, fr_log_f32)
COLUMN(double, fr_exp_f64, log)

/* --- Over a tensor (outer, n, inner), in units of n values of `width` neighbours ---------------------------------- */

typedef struct {
    int64_t n, inner, width, units, units_per_tile;
    const fr_tensor *gradient, *from; /* forward: NULL and x; backward: dy and y */
    fr_tensor *to;
    bool logs, safe;
} job;

#define ALL_LOWEST(T)                                                                                                  \
    static bool all_lowest_##T(int64_t n, const T *x)                                                                  \
    {                                                                                                                  \
        while (n > 0 && x[n - 1] == -INFINITY)                                                                         \
            n--;                                                                                                       \
        return n == 0;                                                                                                 \
    }

ALL_LOWEST(float)
ALL_LOWEST(double)

#define UNIT(T)                                                                                                        \
    static void unit_##T(const job *w, int64_t at, int64_t width)                                                      \
    {                                                                                                                  \
        const T *from = (const T *)w->from->origin + at;                                                               \
        const T *g = w->gradient ? (const T *)w->gradient->origin + at : NULL;                                         \
        T *to = (T *)w->to->origin + at;                                                                               \
        if (w->inner == 1 && !g)                                                                                       \
            forward_row_##T(w->n, from, to, w->logs);                                                                  \
        else if (w->inner == 1)                                                                                        \
            backward_row_##T(w->n, g, from, to, w->logs);                                                              \
        else if (!g)                                                                                                   \
            forward_columns_##T(w->n, w->inner, width, from, to, w->logs);                                             \
        else                                                                                                           \
            backward_columns_##T(w->n, w->inner, width, g, from, to, w->logs);                                         \
        if (w->safe && !g && isnan(to[0]) && all_lowest_##T(w->n, from))                                               \
            memset(to, 0, (size_t)w->n * sizeof(T));                                                                   \
    }

UNIT(float)
UNIT(double)

static void tile(void *work, int64_t index)
{
    const job *w = work;
    int64_t first = index * w->units_per_tile, left = w->units - first;
    int64_t end = left < w->units_per_tile ? w->units : first + w->units_per_tile;
    int64_t blocks = (w->inner + w->width - 1) / w->width; /* side by side */

    for (int64_t i = first; i < end; i++) {
        int64_t column = i % blocks * w->width, at = i / blocks * w->n * w->inner + column;
        int64_t width = w->inner - column < w->width ? w->inner - column : w->width;

        (w->to->dtype == FR_F64 ? unit_double : unit_float)(w, at, width);
    }
}

static void run(fr_op_call *call, const fr_tensor *gradient, const fr_tensor *from, fr_tensor *to, bool logs)
{
    const attributes *a = call->attributes;
    job w = { .n = 1, .inner = 1, .gradient = gradient, .from = from, .to = to, .logs = logs, .safe = a->safe };
    int dim = fr_shape_dim(&to->shape, a->dim);

    if (to->numel == 0)
        return;
    if (to->shape.ndim > 0)
        w.n = to->shape.dim[dim];
    for (int i = dim + 1; i < to->shape.ndim; i++)
        w.inner *= to->shape.dim[i];
    w.width = w.inner < COLUMNS ? w.inner : COLUMNS;
    w.units = to->numel / (w.n * w.inner) * ((w.inner + w.width - 1) / w.width);
    w.units_per_tile = w.n * w.width < TILE ? TILE / (w.n * w.width) : 1;
    fr_run_tiles((w.units + w.units_per_tile - 1) / w.units_per_tile, tile, &w);
}

/* --- softmax -------------------------------------------------------------------------------------------------------
 */

void fr_softmax_forward(fr_op_call *call)
{
    run(call, NULL, call->in[0], call->result[0], false);
}

void fr_softmax_backward_kernel(fr_op_call *call)
{
    run(call, call->grad_out[0], call->result[0], call->grad_in[0], false);
}

void fr_softmax_backward(fr_op_call *call)
{
    const attributes *a = call->attributes;
    fr_tensor *y = call->result[0], *g = call->grad_out[0];

    call->grad_in[0] = fr_mul(y, fr_sub(g, fr_sum_dim(fr_mul(g, y), a->dim, true)));
}

static void definition(fr_op_call *call)
{
    const attributes *a = call->attributes;

    call->result[0] = fr_exp(fr_log_softmax(call->in[0], a->dim));
}

/* Along n of (outer,n,inner): VALUE is that of an x, of whose line most is the greatest value and sum that of
 * exp(x - most). */
#define C_TEXT(NAME, COMMENT, VALUE)                                                                                   \
    "/* " COMMENT " along n of (outer,n,inner). */\n"                                                                  \
    "static void " NAME "(int outer, int n, int inner, const float *x, float *y)\n"                                    \
    "{\n"                                                                                                              \
    "    for (int i = 0; i < outer * inner; i++) {\n"                                                                  \
    "        const int first = i / inner * n * inner + i % inner;\n"                                                   \
    "        float most = -INFINITY, sum = 0;\n"                                                                       \
    "\n"                                                                                                               \
    "        for (int k = 0; k < n; k++)\n"                                                                            \
    "            most = fmaxf(most, x[first + k * inner]);\n"                                                          \
    "        for (int k = 0; k < n; k++)\n"                                                                            \
    "            sum += expf(x[first + k * inner] - most);\n"                                                          \
    "        for (int k = 0; k < n; k++)\n"                                                                            \
    "            y[first + k * inner] = " VALUE ";\n"                                                                  \
    "    }\n"                                                                                                          \
    "}\n"

static const char softmax_text[] = C_TEXT("softmax", "exp(x) over its sum", "expf(x[first + k * inner] - most) / sum");
static const char safe_softmax_text[] = C_TEXT("safe_softmax", "exp(x) over its sum, 0 where all x are -inf,",
                                               "most == -INFINITY ? 0 : expf(x[first + k * inner] - most) / sum");
static const char log_softmax_text[] =
    C_TEXT("log_softmax", "The logarithm of exp(x) over its sum", "x[first + k * inner] - most - logf(sum)");

static bool write_c(fr_c_writer *w, const fr_op_call *call, const char *text)
{
    const attributes *a = call->attributes;
    const fr_shape *shape = &call->in[0]->shape;
    fr_split s = fr_split_of(shape, &(fr_over){ .dim = a->dim });
    const char *x = fr_c_in(w, call, 0), *y = fr_c_out(w, call, 0);

    fr_c_helper(w, call->op->name, text, false);
    if (s.inner == 1 && shape->ndim > 0)
        fr_c_takes_rows(w, shape->ndim - fr_shape_dim(shape, a->dim));
    return fr_c_line(w, "%s(%lld, %lld, %lld, %s, %s);", call->op->name, (long long)s.outer, (long long)s.n,
                     (long long)s.inner, x, y);
}

bool fr_softmax_c_code(fr_c_writer *w, const fr_op_call *call)
{
    const attributes *a = call->attributes;

    return write_c(w, call, a->safe ? safe_softmax_text : softmax_text);
}

static bool log_c_code(fr_c_writer *w, const fr_op_call *call)
{
    return write_c(w, call, log_softmax_text);
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const attributes *a = call->attributes;

    if (!fr_onnx_has_axes(g, call))
        return false;
    fr_onnx_node(g, call->op->onnx_name, FR_ONNX_NAMES(fr_onnx_input(g, 0)), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    fr_onnx_int(g, "axis", fr_shape_dim(&call->in[0]->shape, a->dim));
    return true;
}

FR_RUN(run_first, fr_softmax(in[0], 0))
FR_RUN(run_second, fr_softmax(in[0], 1))
FR_RUN(run_last, fr_softmax(in[0], -1))

const fr_op fr_softmax_op = {
    .name = "softmax",
    .formula = "y = exp(x) / sum exp(x)",
    .shapes = "(*) -> (*)",
    .inputs = 1,
    .outputs = 1,
    .saves_outputs = 1,
    .attributes_size = sizeof(attributes),
    .infer = fr_infer_softmax,
    .forward = fr_softmax_forward,
    .backward = fr_softmax_backward,
    .backward_kernel = fr_softmax_backward_kernel,
    .definition = definition,
    .c_code = fr_softmax_c_code,
    .onnx_name = "Softmax",
    .onnx = onnx,
    FR_CASES({ "last", "n(3,5)", "a.softmax(-1)", run_last }, { "long", "n(2,37)", "a.softmax(-1)", run_last },
             { "first", "n(4,3)", "a.softmax(0)", run_first }, { "middle", "n(2,3,70)", "a.softmax(1)", run_second },
             { "one", "n(3,1)", "a.softmax(1)", run_second }, { "scalar", "n()", "a.softmax(0)", run_first },
             { "empty", "n(0,3)", "a.softmax(0)", run_first }, { "no rows", "n(0,3)", "a.softmax(1)", run_second },
             { "large", "v1e4,-1e4,0,1e4,-1e4,-1e4(2,3)", "a.softmax(1)", run_second },
             { "infinite", "v-inf,-inf,0,-inf,inf,0,nan,0(4,2)", "a.softmax(1)", run_second },
             { "infinite columns", "v-inf,0,inf,nan,-inf,-inf,0,0(2,4)", "a.softmax(0)", run_first },
             { "eight dims", "n(2,3,2,1,2,1,2,3)", "a.softmax(1)", run_second },
             { "range", "n(3)", NULL, run_second, { "softmax", "1", "(3,)" } },
             { "dtype", "i5(3)", NULL, run_first, { "softmax", "int64" } }),
};

fr_tensor *fr_softmax(fr_tensor *t, int dim)
{
    return fr_apply(&fr_softmax_op, &t, &(attributes){ .dim = dim });
}

/* --- log_softmax ---------------------------------------------------------------------------------------------------
 */

static void log_forward(fr_op_call *call)
{
    run(call, NULL, call->in[0], call->result[0], true);
}

static void log_backward_kernel(fr_op_call *call)
{
    run(call, call->grad_out[0], call->result[0], call->grad_in[0], true);
}

static void log_backward(fr_op_call *call)
{
    const attributes *a = call->attributes;
    fr_tensor *g = call->grad_out[0];

    call->grad_in[0] = fr_sub(g, fr_mul(fr_exp(call->result[0]), fr_sum_dim(g, a->dim, true)));
}

static void log_definition(fr_op_call *call)
{
    const attributes *a = call->attributes;
    fr_tensor *y = fr_sub(call->in[0], fr_logsumexp_dim(call->in[0], a->dim, true));

    /* Once is the formula. Once more takes off what rounding left where x is large, and has inf in x give NaN. */
    call->result[0] = fr_sub(y, fr_logsumexp_dim(y, a->dim, true));
}

FR_RUN(run_log_first, fr_log_softmax(in[0], 0))
FR_RUN(run_log_second, fr_log_softmax(in[0], 1))
FR_RUN(run_log_last, fr_log_softmax(in[0], -1))

const fr_op fr_log_softmax_op = {
    .name = "log_softmax",
    .formula = "y = x - ln sum exp(x)",
    .shapes = "(*) -> (*)",
    .inputs = 1,
    .outputs = 1,
    .saves_outputs = 1,
    .attributes_size = sizeof(attributes),
    .infer = fr_infer_softmax,
    .forward = log_forward,
    .backward = log_backward,
    .backward_kernel = log_backward_kernel,
    .definition = log_definition,
    .c_code = log_c_code,
    .onnx_name = "LogSoftmax",
    .onnx = onnx,
    FR_CASES({ "last", "n(3,5)", "a.log_softmax(-1)", run_log_last },
             { "long", "n(2,37)", "a.log_softmax(-1)", run_log_last },
             { "first", "n(4,3)", "a.log_softmax(0)", run_log_first },
             { "middle", "n(2,3,70)", "a.log_softmax(1)", run_log_second },
             { "one", "n(3,1)", "a.log_softmax(1)", run_log_second },
             { "scalar", "n()", "a.log_softmax(0)", run_log_first },
             { "empty", "n(0,3)", "a.log_softmax(0)", run_log_first },
             { "no rows", "n(0,3)", "a.log_softmax(1)", run_log_second },
             { "large", "v1e4,-1e4,0,1e4,-1e4,-1e4(2,3)", "a.log_softmax(1)", run_log_second },
             { "infinite", "v-inf,-inf,0,-inf,inf,0,nan,0(4,2)", "a.log_softmax(1)", run_log_second },
             { "infinite columns", "v-inf,0,inf,nan,-inf,-inf,0,0(2,4)", "a.log_softmax(0)", run_log_first },
             { "eight dims", "n(2,3,2,1,2,1,2,3)", "a.log_softmax(1)", run_log_second },
             { "range", "n(3)", NULL, run_log_second, { "log_softmax", "1", "(3,)" } },
             { "dtype", "i5(3)", NULL, run_log_first, { "log_softmax", "int64" } }),
};

fr_tensor *fr_log_softmax(fr_tensor *t, int dim)
{
    return fr_apply(&fr_log_softmax_op, &t, &(attributes){ .dim = dim });
}
