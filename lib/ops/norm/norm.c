/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Rows normalised: kernels that go over a row while it is in the cache. All sums are of doubles. */
#include "ops/norm/norm.h"

#include "core/threads.h"

enum {
    LANES = 16,     /* partial sums, in a fixed order, so that a sum becomes vector code */
    TILE = 1 << 15, /* values, about */
    TILE_ROWS = 16, /* backward: at least, since each tile leaves 2n sums */
    GROUP = 4,      /* rows whose part of weight's and bias's gradients is added up before it goes to those sums */
};

static int64_t row_size(const fr_op_call *call)
{
    const fr_row_norm *a = call->attributes;

    return fr_shape_numel(&a->shape);
}

static int64_t row_count(const fr_op_call *call)
{
    const fr_row_norm *a = call->attributes;
    fr_shape lead = call->in[0]->shape;

    lead.ndim -= a->shape.ndim;
    return fr_shape_numel(&lead);
}

bool fr_row_norm_infer(fr_op_call *call)
{
    static const char *const names[] = { "x", "weight", "bias" };
    const fr_row_norm *a = call->attributes;
    const fr_shape *x = &call->in[0]->shape, *normalized = &a->shape;
    int lead = x->ndim - normalized->ndim;
    bool fits = normalized->ndim >= 1 && lead >= 0;
    char is[FR_SHAPE_TEXT], expected[FR_SHAPE_TEXT];

    for (int i = 0; fits && i < normalized->ndim; i++)
        fits = x->dim[lead + i] == normalized->dim[i];
    if (!fits)
        return fr_op_fail(call, "x %s, normalized shape %s: expected one or more of the last dims of x",
                          fr_shape_text(x, is), fr_shape_text(normalized, expected));
    for (int i = 1; i < call->inputs; i++)
        if (call->in[i] && !fr_shape_equal(&call->in[i]->shape, normalized))
            return fr_op_fail(call, "%s %s, expected the normalized shape, %s", names[i],
                              fr_shape_text(&call->in[i]->shape, is), fr_shape_text(normalized, expected));
    call->out[0] = fr_meta_of(call->in[0]);
    call->out[1] = (fr_meta){ .shape = { 2, { row_count(call), 2 } }, .dtype = FR_F64 };
    return fr_check_option(call->op->name, "eps", a->eps, INFINITY);
}

/* --- Kernels: rows from..to-1 of a job ---------------------------------------------------------------------------- */

typedef struct {
    int64_t rows, n, per_tile;
    bool centred;
    double eps;
    const void *x, *weight, *bias, *g; /* weight, bias: NULL for none */
    void *out;                         /* forward: y; backward: dx, or NULL */
    double *parts;                     /* (rows,2) */
    double *sums;                      /* backward: (tiles,2,n), of weight's gradient and of bias's; or NULL */
} job;

/* RESULT: the sum over the row of EXPR, a double made from values k. */
#define SUM(RESULT, EXPR)                                                                                              \
    {                                                                                                                  \
        double lane[LANES] = { 0 };                                                                                    \
        int64_t whole = n / LANES * LANES;                                                                             \
        for (int64_t i = 0; i < whole; i += LANES)                                                                     \
            FR_SIMD for (int j = 0; j < LANES; j++)                                                                    \
            {                                                                                                          \
                int64_t k = i + j;                                                                                     \
                lane[j] += EXPR;                                                                                       \
            }                                                                                                          \
        for (int64_t k = whole; k < n; k++)                                                                            \
            lane[k - whole] += EXPR;                                                                                   \
        for (int half = LANES / 2; half > 0; half /= 2)                                                                \
            for (int j = 0; j < half; j++)                                                                             \
                lane[j] += lane[j + half];                                                                             \
        RESULT = lane[0];                                                                                              \
    }

#define FOR_ROW FR_SIMD for (int64_t k = 0; k < n; k++)

/* h, with the mean in two parts: in float32 alone x - mean would be off by the mean's rounding. */
#define NORMAL(x, high, low, scale) ((((x) - (high)) - (low)) * (scale))

#define FORWARD(T)                                                                                                     \
    FR_KERNEL(forward_##T, (const job *w, int64_t from, int64_t to), (w, from, to))                                    \
    {                                                                                                                  \
        const T *weight = w->weight, *bias = w->bias;                                                                  \
        int64_t n = w->n;                                                                                              \
                                                                                                                       \
        for (int64_t r = from; r < to; r++) {                                                                          \
            const T *x = (const T *)w->x + r * n;                                                                      \
            T *y = (T *)w->out + r * n;                                                                                \
            double mean = 0, squares;                                                                                  \
                                                                                                                       \
            if (w->centred) {                                                                                          \
                SUM(mean, (double)x[k])                                                                                \
                mean /= (double)n;                                                                                     \
            }                                                                                                          \
            SUM(squares, ((double)x[k] - mean) * ((double)x[k] - mean))                                                \
            w->parts[2 * r] = mean;                                                                                    \
            w->parts[2 * r + 1] = 1 / sqrt(squares / (double)n + w->eps);                                              \
                                                                                                                       \
            T high = (T)mean, low = (T)(mean - (double)high), scale = (T)w->parts[2 * r + 1];                          \
                                                                                                                       \
            if (weight && bias)                                                                                        \
                FOR_ROW y[k] = NORMAL(x[k], high, low, scale) * weight[k] + bias[k];                                   \
            else if (weight)                                                                                           \
                FOR_ROW y[k] = NORMAL(x[k], high, low, scale) * weight[k];                                             \
            else if (bias)                                                                                             \
                FOR_ROW y[k] = NORMAL(x[k], high, low, scale) + bias[k];                                               \
            else                                                                                                       \
                FOR_ROW y[k] = NORMAL(x[k], high, low, scale);                                                         \
        }                                                                                                              \
    }

/* dx; v is kept in its place at first. */
#define BACKWARD(T)                                                                                                    \
    FR_KERNEL(backward_##T, (const job *w, int64_t from, int64_t to), (w, from, to))                                   \
    {                                                                                                                  \
        const T *weight = w->weight;                                                                                   \
        int64_t n = w->n;                                                                                              \
                                                                                                                       \
        for (int64_t r = from; r < to; r++) {                                                                          \
            const T *x = (const T *)w->x + r * n, *v = (const T *)w->g + r * n;                                        \
            T *dx = (T *)w->out + r * n;                                                                               \
            double mean = w->parts[2 * r], sum = 0, product;                                                           \
            T high = (T)mean, low = (T)(mean - (double)high), scale = (T)w->parts[2 * r + 1];                          \
                                                                                                                       \
            if (weight) {                                                                                              \
                FOR_ROW dx[k] = v[k] * weight[k];                                                                      \
                v = dx;                                                                                                \
            }                                                                                                          \
            if (w->centred)                                                                                            \
                SUM(sum, (double)v[k])                                                                                 \
            SUM(product, (double)(v[k] * NORMAL(x[k], high, low, scale)))                                              \
                                                                                                                       \
            T mean_v = (T)(sum / (double)n), mean_vh = (T)(product / (double)n);                                       \
                                                                                                                       \
            FOR_ROW dx[k] = scale * ((v[k] - mean_v) - NORMAL(x[k], high, low, scale) * mean_vh);                      \
        }                                                                                                              \
    }

/* To the sums of weight's gradient and of bias's, for at most GROUP rows. */
#define COLUMNS(T)                                                                                                     \
    FR_KERNEL(columns_##T, (const job *w, int64_t from, int64_t to, double *sums), (w, from, to, sums))                \
    {                                                                                                                  \
        int64_t n = w->n, count = to - from;                                                                           \
        const T *x = (const T *)w->x + from * n, *g = (const T *)w->g + from * n;                                      \
        double *dweight = sums, *dbias = sums + n;                                                                     \
        T high[GROUP], low[GROUP], scale[GROUP];                                                                       \
                                                                                                                       \
        for (int64_t q = 0; q < count; q++) {                                                                          \
            double mean = w->parts[2 * (from + q)];                                                                    \
                                                                                                                       \
            high[q] = (T)mean;                                                                                         \
            low[q] = (T)(mean - (double)high[q]);                                                                      \
            scale[q] = (T)w->parts[2 * (from + q) + 1];                                                                \
        }                                                                                                              \
        if (count == GROUP) {                                                                                          \
            FOR_ROW                                                                                                    \
            {                                                                                                          \
                T g0 = g[k], g1 = g[n + k], g2 = g[2 * n + k], g3 = g[3 * n + k];                                      \
                T p0 = g0 * NORMAL(x[k], high[0], low[0], scale[0]);                                                   \
                T p1 = g1 * NORMAL(x[n + k], high[1], low[1], scale[1]);                                               \
                T p2 = g2 * NORMAL(x[2 * n + k], high[2], low[2], scale[2]);                                           \
                T p3 = g3 * NORMAL(x[3 * n + k], high[3], low[3], scale[3]);                                           \
                                                                                                                       \
                dweight[k] += (double)((p0 + p1) + (p2 + p3));                                                         \
                dbias[k] += (double)((g0 + g1) + (g2 + g3));                                                           \
            }                                                                                                          \
            return;                                                                                                    \
        }                                                                                                              \
        for (int64_t q = 0; q < count; q++)                                                                            \
            FOR_ROW                                                                                                    \
            {                                                                                                          \
                dweight[k] += (double)(g[q * n + k] * NORMAL(x[q * n + k], high[q], low[q], scale[q]));                \
                dbias[k] += (double)g[q * n + k];                                                                      \
            }                                                                                                          \
    }

FORWARD(float)
FORWARD(double)
BACKWARD(float)
BACKWARD(double)
COLUMNS(float)
COLUMNS(double)

/* --- Over a tensor ------------------------------------------------------------------------------------------------ */

static job job_of(const fr_op_call *call, int64_t least_rows)
{
    const fr_row_norm *a = call->attributes;
    const fr_tensor *weight = call->in[1], *bias = call->inputs > 2 ? call->in[2] : NULL;
    job w = { .rows = row_count(call),
              .n = row_size(call),
              .centred = a->centred,
              .eps = a->eps,
              .x = call->in[0]->origin,
              .weight = weight ? weight->origin : NULL,
              .bias = bias ? bias->origin : NULL,
              .parts = (double *)call->result[1]->origin };

    w.per_tile = TILE / (w.n > 0 ? w.n : 1);
    if (w.per_tile < least_rows)
        w.per_tile = least_rows;
    return w;
}

/* One, empty, where there are no rows. */
static int64_t tiles_of(const job *w)
{
    return w->rows > 0 ? (w->rows - 1) / w->per_tile + 1 : 1;
}

static int64_t end_of(const job *w, int64_t tile)
{
    int64_t end = (tile + 1) * w->per_tile;

    return end < w->rows ? end : w->rows;
}

static void forward_tile_f32(void *user, int64_t tile)
{
    const job *w = user;

    forward_float(w, tile * w->per_tile, end_of(w, tile));
}

static void forward_tile_f64(void *user, int64_t tile)
{
    const job *w = user;

    forward_double(w, tile * w->per_tile, end_of(w, tile));
}

void fr_row_norm_forward(fr_op_call *call)
{
    const fr_tensor *x = call->in[0];
    job w = job_of(call, 1);

    w.out = call->result[0]->origin;
    if (x->numel > 0)
        fr_run_tiles(tiles_of(&w), x->dtype == FR_F32 ? forward_tile_f32 : forward_tile_f64, &w);
}

/* A few rows at a time, so that they are in the cache for the columns' sums. */
#define BACKWARD_TILE(NAME, T)                                                                                         \
    static void NAME(void *user, int64_t tile)                                                                         \
    {                                                                                                                  \
        const job *w = user;                                                                                           \
        int64_t end = end_of(w, tile);                                                                                 \
        double *sums = w->sums ? w->sums + tile * 2 * w->n : NULL;                                                     \
                                                                                                                       \
        if (sums)                                                                                                      \
            memset(sums, 0, (size_t)(2 * w->n) * sizeof *sums);                                                        \
        for (int64_t r = tile * w->per_tile; r < end; r += GROUP) {                                                    \
            int64_t to = end - r < GROUP ? end : r + GROUP;                                                            \
                                                                                                                       \
            if (w->out)                                                                                                \
                backward_##T(w, r, to);                                                                                \
            if (sums)                                                                                                  \
                columns_##T(w, r, to, sums);                                                                           \
        }                                                                                                              \
    }

BACKWARD_TILE(backward_tile_f32, float)
BACKWARD_TILE(backward_tile_f64, double)

/* The tiles' sums, added up in the first one's place, to weight's gradient and bias's; NULL: not wanted. */
static void store_sums(const job *w, fr_tensor *const grads[2])
{
    for (int64_t i = 2 * w->n; i < tiles_of(w) * 2 * w->n; i++)
        w->sums[i % (2 * w->n)] += w->sums[i];
    for (int i = 0; i < 2; i++)
        if (grads[i])
            FR_DISPATCH_FLOAT(grads[i], T, {
                for (int64_t k = 0; k < w->n; k++)
                    ((T *)grads[i]->origin)[k] = (T)w->sums[i * w->n + k];
            })
}

void fr_row_norm_backward(fr_op_call *call)
{
    fr_tensor *dx = call->needs[0] ? call->grad_in[0] : NULL;
    fr_tensor *grads[2] = { call->needs[1] ? call->grad_in[1] : NULL,
                            call->inputs > 2 && call->needs[2] ? call->grad_in[2] : NULL };
    job w = job_of(call, TILE_ROWS);
    size_t bytes = (size_t)(tiles_of(&w) * 2 * w.n) * sizeof *w.sums;

    if (w.n == 0)
        return;
    w.g = call->grad_out[0]->origin;
    w.out = dx ? dx->origin : NULL;
    if (grads[0] || grads[1]) {
        w.sums = fr_alloc(bytes);
        if (!w.sums) {
            fr_fail_memory(call->op->name);
            return;
        }
    }
    fr_run_tiles(tiles_of(&w), call->in[0]->dtype == FR_F32 ? backward_tile_f32 : backward_tile_f64, &w);
    if (w.sums) {
        store_sums(&w, grads);
        fr_free(w.sums, bytes);
    }
}

/* --- The same in ops ---------------------------------------------------------------------------------------------- */

void fr_row_norm_definition(fr_op_call *call)
{
    const fr_row_norm *a = call->attributes;
    fr_tensor *x = call->in[0], *weight = call->in[1], *bias = call->inputs > 2 ? call->in[2] : NULL;
    fr_tensor *rows = fr_reshape(x, (fr_shape){ 2, { row_count(call), row_size(call) } });
    fr_tensor *y;

    if (a->centred)
        rows = fr_sub(rows, fr_mean_dim(rows, 1, true));
    y = fr_mul(rows, fr_rsqrt(fr_add_scalar(fr_mean_dim(fr_square(rows), 1, true), a->eps)));
    y = fr_reshape(y, x->shape);
    y = weight ? fr_mul(y, weight) : y;
    call->result[0] = bias ? fr_add(y, bias) : y;
}

/* --- C ------------------------------------------------------------------------------------------------------------ */

static const char rows_text[] =
    "/* Each row of x (rows,n) brought to mean 0 (where centred) and mean square 1, times weight, plus bias; those may "
    "be NULL. */\n"
    "static void normalise_rows(int rows, int n, int centred, double eps, const float *x, const float *weight,\n"
    "                           const float *bias, float *y)\n"
    "{\n"
    "    for (int i = 0; i < rows; i++, x += n, y += n) {\n"
    "        double mean = 0, square = 0, scale;\n"
    "\n"
    "        for (int j = 0; centred && j < n; j++)\n"
    "            mean += x[j];\n"
    "        mean /= n;\n"
    "        for (int j = 0; j < n; j++)\n"
    "            square += (x[j] - mean) * (x[j] - mean);\n"
    "        scale = 1 / sqrt(square / n + eps);\n"
    "        for (int j = 0; j < n; j++)\n"
    "            y[j] = (float)((x[j] - mean) * scale) * (weight ? weight[j] : 1) + (bias ? bias[j] : 0);\n"
    "    }\n"
    "}\n";

bool fr_row_norm_c_code(fr_c_writer *w, const fr_op_call *call)
{
    const fr_row_norm *a = call->attributes;
    const char *x = fr_c_in(w, call, 0), *weight = fr_c_in(w, call, 1), *bias = fr_c_in(w, call, 2);
    const char *y = fr_c_out(w, call, 0);

    fr_c_helper(w, "normalise_rows", rows_text, false);
    fr_c_takes_rows(w, a->shape.ndim);
    return fr_c_line(w, "normalise_rows(%lld, %lld, %d, %.17g, %s, %s, %s, %s);", (long long)row_count(call),
                     (long long)row_size(call), a->centred, a->eps, x, weight, bias, y);
}
