/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* logsumexp: m + log(sum(exp(x - m))), m the maximum, of all values or along a dim; its gradient is exp(x - y). */
#include "ops/reduce/logsumexp.h"

/* Values add up to sum * exp(base). base: -inf where there are none but -inf, 0 where there is inf. */
typedef struct {
    double base, sum;
} state;

FR_INLINE double scaled(state s, double base)
{
    return s.sum == 0 || s.base == base ? s.sum : s.sum * exp(s.base - base);
}

FR_INLINE state merged(state s, state o)
{
    double base = s.base > o.base ? s.base : o.base;

    return (state){ base, scaled(s, base) + scaled(o, base) };
}

/* The states of width columns, `across` values apart: first their maxima, then the sums, so that the second loop, over
 * exp, becomes vector code. */
#define GATHER(NAME, T, EXP)                                                                                           \
    FR_INLINE void NAME(int64_t rows, int64_t width, int64_t stride, int64_t across, const T *restrict x,              \
                        state *restrict states)                                                                        \
    {                                                                                                                  \
        T top[FR_REDUCE_WIDTH], sum[FR_REDUCE_WIDTH];                                                                  \
        for (int64_t j = 0; j < width; j++) {                                                                          \
            top[j] = -INFINITY;                                                                                        \
            sum[j] = 0;                                                                                                \
        }                                                                                                              \
        for (int64_t r = 0; r < rows; r++) {                                                                           \
            for (int64_t j = 0; j < width; j++) {                                                                      \
                T v = x[r * stride + j * across];                                                                      \
                top[j] = v > top[j] ? v : top[j];                                                                      \
            }                                                                                                          \
        }                                                                                                              \
        for (int64_t j = 0; j < width; j++)                                                                            \
            top[j] = top[j] > -INFINITY && top[j] < INFINITY ? top[j] : 0;                                             \
        for (int64_t r = 0; r < rows; r++)                                                                             \
            for (int64_t j = 0; j < width; j++)                                                                        \
                sum[j] += EXP(x[r * stride + j * across] - top[j]);                                                    \
        for (int64_t j = 0; j < width; j++)                                                                            \
            states[j] = (state){ sum[j] == 0 ? -INFINITY : (double)top[j], (double)sum[j] };                           \
    }

GATHER(gather_f32, float, fr_exp_f32)
GATHER(gather_f64, double, fr_exp_f64)

/* A reducer; columns of small slabs are gathered together where each slab has just one. */
#define LOG_SUMS(NAME, T, OUT, GATHER_STATES, FINISH)                                                                  \
    FR_REDUCER_STATE(NAME, state, OUT, ((state){ -INFINITY, 0 }), merged(s, o), FINISH)                                \
    FR_KERNEL(NAME##_add,                                                                                              \
              (int64_t rows, int64_t width, int64_t stride, int64_t at, const void *x, void *states, double p),        \
              (rows, width, stride, at, x, states, p))                                                                 \
    {                                                                                                                  \
        state more[FR_REDUCE_WIDTH], *s = states;                                                                      \
        (void)at;                                                                                                      \
        (void)p;                                                                                                       \
        GATHER_STATES(rows, width, stride, 1, x, more);                                                                \
        for (int64_t j = 0; j < width; j++)                                                                            \
            s[j] = merged(s[j], more[j]);                                                                              \
    }                                                                                                                  \
    FR_KERNEL(NAME##_small, (int64_t count, int64_t n, int64_t inner, const void *x, void *y, double p),               \
              (count, n, inner, x, y, p))                                                                              \
    {                                                                                                                  \
        int64_t columns = count * inner, across = inner == 1 ? n : 1, most = inner == 1 ? columns : inner;             \
        state states[FR_REDUCE_WIDTH];                                                                                 \
        for (int64_t i = 0, width; i < columns; i += width) {                                                          \
            width = most - i % most < FR_REDUCE_WIDTH ? most - i % most : FR_REDUCE_WIDTH;                             \
            GATHER_STATES(n, width, inner, across, (const T *)x + i / inner * n * inner + i % inner, states);          \
            NAME##_finish(width, n, inner, states, (OUT *)y + i, p);                                                   \
        }                                                                                                              \
    }                                                                                                                  \
    FR_REDUCER_TABLE(NAME, T, state, OUT)

typedef struct {
    float top, log;
} parts_f32;
typedef struct {
    double top, log;
} parts_f64;

FR_INLINE double finite_log(double sum)
{
    return sum < INFINITY ? log(sum) : NAN;
}

LOG_SUMS(logsumexp_f32, float, float, gather_f32, (float)(s.base + log(s.sum)))
LOG_SUMS(logsumexp_f64, double, double, gather_f64, s.base + log(s.sum))
LOG_SUMS(log_sums_f32, float, parts_f32, gather_f32, ((parts_f32){ (float)s.base, (float)finite_log(s.sum) }))
LOG_SUMS(log_sums_f64, double, parts_f64, gather_f64, ((parts_f64){ s.base, finite_log(s.sum) }))

bool fr_log_sums(const char *what, fr_dtype dtype, fr_split split, const void *x, void *y)
{
    return fr_reduce_values(what, dtype == FR_F32 ? &log_sums_f32 : &log_sums_f64, split, 0, x, y);
}

FR_REDUCTION_FLOAT(logsumexp)

static void backward(fr_op_call *call)
{
    fr_tensor *part = fr_exp(fr_sub(call->in[0], fr_kept(call, call->result[0])));

    call->grad_in[0] = fr_mul(fr_kept(call, call->grad_out[0]), part);
}

FR_RUN(run, fr_logsumexp(in[0]))
FR_RUN(run_dim, fr_logsumexp_dim(in[0], 1, false))
FR_RUN(run_keepdim, fr_logsumexp_dim(in[0], -1, true))
FR_RUN(run_strided, fr_logsumexp_dim(fr_transpose(in[0], 0, 2), 1, false))

static const char logsumexp_text[] = "/* log(sum(exp(x))) of each of (outer,n,inner). */\n"
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

static bool logsumexp_c(fr_c_writer *w, const fr_op_call *call)
{
    return fr_write_reduction_by(w, call, "logsumexp", logsumexp_text, "");
}

const fr_op fr_logsumexp_op = {
    FR_REDUCTION_OP(logsumexp, "y = log(sum(exp(x)))", fr_infer_reduced),
    .saves_inputs = 1,
    .saves_outputs = 1,
    .backward = backward,
    .onnx_name = "ReduceLogSumExp",
    .onnx = fr_onnx_reduce,
    FR_CASES({ "all", "n(5,37)", "a.logsumexp((0, 1))", run }, { "dim", "n(2,7,3)", "a.logsumexp(1)", run_dim },
             { "inner", "n(2,50,3)", "a.logsumexp(1)", run_dim },
             { "keepdim", "n(2,131)", "a.logsumexp(-1, keepdim=True)", run_keepdim },
             { "strided", "n(2,3,4)", "a.transpose(0, 2).logsumexp(1)", run_strided },
             { "large", "v10000,-10000,10000,-10000,-10001,-10000(2,3)", "a.logsumexp(1)", run_dim },
             { "infinite", "v-inf,-inf,inf,1,inf,-inf,-inf,2(4,2)", "a.logsumexp(1)", run_dim },
             { "nan", "v1,nan,2,inf,1,2(2,3)", "a.logsumexp(1)", run_dim }, { "scalar", "n()", "a.logsumexp(0)", run },
             { "empty", "n(0,3)", "a.logsumexp((0, 1))", run }, { "empty dim", "n(3,0)", "a.logsumexp(1)", run_dim },
             { "empty other", "n(0,3)", "a.logsumexp(1)", run_dim },
             { "eight dims", "n(2,3,2,1,2,1,2,3)", "a.logsumexp(1)", run_dim },
             { "int64", "i5(3)", NULL, run, { "logsumexp", "int64" } },
             { "range", "n(4)", NULL, run_dim, { "logsumexp", "dim 1", "(4,)" } }),
};

FR_REDUCTION(logsumexp, 0)
