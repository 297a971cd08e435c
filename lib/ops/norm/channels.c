/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Channels normalised: a group of them at a time, so that it is in the cache from its statistics to its results where
 * it fits. All sums are of doubles. */
#include "ops/norm/channels.h"

#include "core/threads.h"

int64_t fr_inner_of(const fr_shape *x)
{
    fr_shape inner = { .ndim = x->ndim - 2 };

    memcpy(inner.dim, x->dim + 2, (size_t)inner.ndim * sizeof *inner.dim);
    return fr_shape_numel(&inner);
}

/* --- Kernels: columns, `width` neighbours at each of N places `stride` apart -------------------------------------- */

enum {
    COLUMNS = 256,  /* channels beside each other are done together, for about so many columns */
    PIECE = 512,    /* columns at once, at most */
    TILE = 1 << 15, /* values, about */
};

/* For column j: sum[j] += FIRST and, if BOTH, product[j] += SECOND, doubles made from its values x and g and its mean
 * m. */
typedef void column_sums(int64_t rows, int64_t width, int64_t stride, const void *x, const void *g, const double *mean,
                         double *sum, double *product);

#define ADD_VALUES(FIRST, SECOND, AT)                                                                                  \
    {                                                                                                                  \
        double x = (double)xs[AT], g = (double)gs[AT];                                                                 \
        (void)x;                                                                                                       \
        (void)g;                                                                                                       \
        s += FIRST;                                                                                                    \
        p += SECOND;                                                                                                   \
    }

#define COLUMN_SUMS_OF(NAME, T, FIRST, BOTH, SECOND)                                                                   \
    FR_KERNEL(NAME##_##T,                                                                                              \
              (int64_t rows, int64_t width, int64_t stride, const void *px, const void *pg, const double *mean,        \
               double *sum, double *product),                                                                          \
              (rows, width, stride, px, pg, mean, sum, product))                                                       \
    {                                                                                                                  \
        const T *xs = px, *gs = pg;                                                                                    \
        int64_t r = 0;                                                                                                 \
                                                                                                                       \
        for (; r + 2 <= rows; r += 2, xs += 2 * stride, gs += 2 * stride)                                              \
            FR_SIMD for (int64_t j = 0; j < width; j++)                                                                \
            {                                                                                                          \
                double m = mean[j], s = 0, p = 0;                                                                      \
                (void)m;                                                                                               \
                ADD_VALUES(FIRST, SECOND, j)                                                                           \
                ADD_VALUES(FIRST, SECOND, stride + j)                                                                  \
                sum[j] += s;                                                                                           \
                if (BOTH)                                                                                              \
                    product[j] += p;                                                                                   \
            }                                                                                                          \
        for (; r < rows; r++, xs += stride, gs += stride)                                                              \
            FR_SIMD for (int64_t j = 0; j < width; j++)                                                                \
            {                                                                                                          \
                double m = mean[j], s = 0, p = 0;                                                                      \
                (void)m;                                                                                               \
                ADD_VALUES(FIRST, SECOND, j)                                                                           \
                sum[j] += s;                                                                                           \
                if (BOTH)                                                                                              \
                    product[j] += p;                                                                                   \
            }                                                                                                          \
    }

#define COLUMN_SUMS(NAME, FIRST, BOTH, SECOND)                                                                         \
    COLUMN_SUMS_OF(NAME, float, FIRST, BOTH, SECOND)                                                                   \
    COLUMN_SUMS_OF(NAME, double, FIRST, BOTH, SECOND)

COLUMN_SUMS(values, x, false, 0)
COLUMN_SUMS(squares, (x - m) * (x - m), false, 0)
COLUMN_SUMS(gradients, g, true, g *(x - m))

/* What the columns of a piece are computed with. The mean is in two parts: in float32 alone x - mean would be off by
 * its rounding. */
#define COEFFICIENTS(T)                                                                                                \
    typedef struct {                                                                                                   \
        T high[PIECE], low[PIECE], scale[PIECE];                                                                       \
        T factor[PIECE];  /* forward: weight; backward: scale weight */                                                \
        T term[PIECE];    /* forward: bias; backward: mean(dy) */                                                      \
        T product[PIECE]; /* backward: mean(dy h) */                                                                   \
    } coefficients_##T;

COEFFICIENTS(float)
COEFFICIENTS(double)

#define APPLY(T)                                                                                                       \
    FR_KERNEL(forward_##T, (int64_t rows, int64_t width, int64_t stride, const T *x, const coefficients_##T *c, T *y), \
              (rows, width, stride, x, c, y))                                                                          \
    {                                                                                                                  \
        for (int64_t r = 0; r < rows; r++, x += stride, y += stride)                                                   \
            FR_SIMD for (int64_t j = 0; j < width; j++)                                                                \
            {                                                                                                          \
                T h = ((x[j] - c->high[j]) - c->low[j]) * c->scale[j];                                                 \
                y[j] = h * c->factor[j] + c->term[j];                                                                  \
            }                                                                                                          \
    }                                                                                                                  \
    FR_KERNEL(backward_##T,                                                                                            \
              (int64_t rows, int64_t width, int64_t stride, const T *x, const T *g, const coefficients_##T *c, T *dx), \
              (rows, width, stride, x, g, c, dx))                                                                      \
    {                                                                                                                  \
        for (int64_t r = 0; r < rows; r++, x += stride, g += stride, dx += stride)                                     \
            FR_SIMD for (int64_t j = 0; j < width; j++)                                                                \
            {                                                                                                          \
                T h = ((x[j] - c->high[j]) - c->low[j]) * c->scale[j];                                                 \
                dx[j] = c->factor[j] * ((g[j] - c->term[j]) - h * c->product[j]);                                      \
            }                                                                                                          \
    }

APPLY(float)
APPLY(double)

/* --- Groups of channels, each of which one thread does from its statistics to its results ------------------------- */

typedef struct {
    const fr_channels *of;
    int64_t rows, channels, inner; /* x */
    int64_t group, per_tile;       /* channels of a group; groups of a tile */
} job;

/* The channels of a group; the last three are coefficients, as above. */
typedef struct {
    double mean[COLUMNS], scale[COLUMNS], factor[COLUMNS], term[COLUMNS], product[COLUMNS];
} group;

/* Columns of one channel in a piece: all that are beside each other, or as many of them. */
static int64_t run_of(const job *w)
{
    return w->inner < PIECE ? w->inner : PIECE;
}

/* sum[i]: the sum by f32 or f64 over all values of channel `first` + i; product[i]: the second sum, or NULL. mean: of
 * each, or NULL. */
static void add_up(const job *w, column_sums *f32, column_sums *f64, int64_t first, int64_t count, const double *mean,
                   double *sum, double *product)
{
    double sums[PIECE] = { 0 }, products[PIECE] = { 0 }, means[PIECE] = { 0 };
    int64_t run = run_of(w), width = count * w->inner, stride = w->channels * w->inner;
    const fr_tensor *x = w->of->x, *g = w->of->g ? w->of->g : x;
    column_sums *kernel = x->dtype == FR_F32 ? f32 : f64;

    for (int64_t i = 0; mean && i < count; i++)
        for (int64_t j = 0; j < run; j++)
            means[i * run + j] = mean[i];
    for (int64_t j = 0; j < width; j += PIECE) {
        int64_t at = (first * w->inner + j) * (int64_t)fr_dtype_size((fr_dtype)x->dtype);
        int64_t piece = width - j < PIECE ? width - j : PIECE;

        kernel(w->rows, piece, stride, x->origin + at, g->origin + at, means, sums, products);
    }
    for (int64_t i = 0; i < count; i++) {
        sum[i] = 0;
        for (int64_t j = 0; j < run; j++)
            sum[i] += sums[i * run + j];
        if (product)
            product[i] = 0;
        for (int64_t j = 0; product && j < run; j++)
            product[i] += products[i * run + j];
    }
}

static void find_stats(const job *w, int64_t first, int64_t count)
{
    double *mean = w->of->stats + first, *variance = mean + w->channels, n = (double)(w->rows * w->inner);

    add_up(w, values_float, values_double, first, count, NULL, mean, NULL);
    for (int64_t i = 0; i < count; i++)
        mean[i] /= n;
    add_up(w, squares_float, squares_double, first, count, mean, variance, NULL);
    for (int64_t i = 0; i < count; i++)
        variance[i] /= n;
}

static void begin_group(const job *w, int64_t first, int64_t count, group *s)
{
    for (int64_t i = 0; i < count; i++) {
        s->mean[i] = w->of->stats[first + i];
        s->scale[i] = 1 / sqrt(w->of->stats[w->channels + first + i] + w->of->eps);
        s->factor[i] = fr_channel_value(w->of->weight, first + i, 1);
        s->term[i] = fr_channel_value(w->of->bias, first + i, 0);
        s->product[i] = 0;
    }
}

/* weight's gradient and bias's; and what dx needs. */
static void find_gradients(const job *w, int64_t first, int64_t count, group *s)
{
    double n = (double)(w->rows * w->inner);

    add_up(w, gradients_float, gradients_double, first, count, s->mean, s->term, s->product);
    for (int64_t i = 0; i < count; i++) {
        s->product[i] *= s->scale[i];
        s->factor[i] *= s->scale[i];
        fr_set_channel_value(w->of->dweight, first + i, s->product[i]);
        fr_set_channel_value(w->of->dbias, first + i, s->term[i]);
        s->term[i] = w->of->training ? s->term[i] / n : 0;
        s->product[i] = w->of->training ? s->product[i] / n : 0;
    }
}

#define GROUP(T)                                                                                                       \
    static void spread_##T(const job *w, int64_t count, const group *s, coefficients_##T *c)                           \
    {                                                                                                                  \
        int64_t run = run_of(w);                                                                                       \
                                                                                                                       \
        for (int64_t i = 0; i < count; i++)                                                                            \
            for (int64_t j = i * run; j < (i + 1) * run; j++) {                                                        \
                c->high[j] = (T)s->mean[i];                                                                            \
                c->low[j] = (T)(s->mean[i] - (double)c->high[j]);                                                      \
                c->scale[j] = (T)s->scale[i];                                                                          \
                c->factor[j] = (T)s->factor[i];                                                                        \
                c->term[j] = (T)s->term[i];                                                                            \
                c->product[j] = (T)s->product[i];                                                                      \
            }                                                                                                          \
    }                                                                                                                  \
    static void apply_##T(const job *w, int64_t first, int64_t count, const group *s)                                  \
    {                                                                                                                  \
        int64_t width = count * w->inner, stride = w->channels * w->inner;                                             \
        coefficients_##T c;                                                                                            \
                                                                                                                       \
        spread_##T(w, count, s, &c);                                                                                   \
        for (int64_t j = 0; j < width; j += PIECE) {                                                                   \
            int64_t at = first * w->inner + j, piece = width - j < PIECE ? width - j : PIECE;                          \
            const T *x = (const T *)w->of->x->origin + at;                                                             \
            T *out = (T *)w->of->out->origin + at;                                                                     \
                                                                                                                       \
            if (w->of->g)                                                                                              \
                backward_##T(w->rows, piece, stride, x, (const T *)w->of->g->origin + at, &c, out);                    \
            else                                                                                                       \
                forward_##T(w->rows, piece, stride, x, &c, out);                                                       \
        }                                                                                                              \
    }

GROUP(float)
GROUP(double)

static void run_group(const job *w, int64_t first)
{
    int64_t count = w->channels - first < w->group ? w->channels - first : w->group;
    group s = { 0 };

    if (w->of->training && !w->of->g)
        find_stats(w, first, count);
    begin_group(w, first, count, &s);
    if (w->of->g)
        find_gradients(w, first, count, &s);
    if (w->of->out)
        (w->of->out->dtype == FR_F32 ? apply_float : apply_double)(w, first, count, &s);
}

static void run_tile(void *user, int64_t tile)
{
    const job *w = user;
    int64_t first = tile * w->per_tile * w->group, end = first + w->per_tile * w->group;

    for (; first < end && first < w->channels; first += w->group)
        run_group(w, first);
}

void fr_normalise_channels(const fr_channels *channels)
{
    const fr_shape *shape = &channels->x->shape;
    job w = { .of = channels, .rows = shape->dim[0], .channels = shape->dim[1], .inner = fr_inner_of(shape) };
    int64_t columns;

    if (channels->x->numel == 0)
        return;
    w.group = w.inner < COLUMNS ? COLUMNS / w.inner : 1;
    columns = w.group * w.inner;
    w.per_tile = w.rows < TILE / columns ? TILE / columns / w.rows : 1;
    fr_run_tiles((w.channels - 1) / (w.per_tile * w.group) + 1, run_tile, &w);
}
