/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* batch_norm: each channel brought to mean 0 and variance 1, by its own mean and variance or by running ones (Ioffe and
 * Szegedy, "Batch Normalization", 2015).
 *
 *     h = (x - mean) scale, scale = 1 / sqrt(variance + eps)
 *     y = h weight + bias
 *     dx = scale weight (dy - mean(dy) - h mean(dy h)), with running statistics without both means
 *     dweight = sum(dy h), dbias = sum(dy)
 *
 * x is taken as (N,C,inner). A second result (2,C), in float64, is the mean and the variance, divided by the number of
 * values, of each channel. */
#include "core/threads.h"
#include "ops/op_file.h"

#include <frond/autograd.h>

enum { X, WEIGHT, BIAS, RUNNING_MEAN, RUNNING_VAR, INPUTS };

typedef struct {
    bool training;
    double eps;
} attributes;

/* Values of a channel beside each other. */
static int64_t inner_of(const fr_shape *x)
{
    fr_shape inner = { .ndim = x->ndim - 2 };

    memcpy(inner.dim, x->dim + 2, (size_t)inner.ndim * sizeof *inner.dim);
    return fr_shape_numel(&inner);
}

/* Whether t, one of the inputs beside x, is (C). */
static bool check_channels(const fr_tensor *x, const fr_tensor *t, const char *name)
{
    fr_shape expected = { 1, { x->shape.dim[1] } };
    char p[FR_SHAPE_TEXT], q[FR_SHAPE_TEXT], r[FR_SHAPE_TEXT];

    if (t && !fr_shape_equal(&t->shape, &expected))
        return fr_fail("batch_norm", "%s %s, expected %s, the channels of x %s", name, fr_shape_text(&t->shape, p),
                       fr_shape_text(&expected, q), fr_shape_text(&x->shape, r));
    if (t && t->dtype != x->dtype)
        return fr_fail("batch_norm", "%s is %s, x %s; use fr_cast", name, fr_dtype_name((fr_dtype)t->dtype),
                       fr_dtype_name((fr_dtype)x->dtype));
    return true;
}

static bool infer(fr_op_call *call)
{
    static const char *const names[] = { "x", "weight", "bias", "running_mean", "running_var" };
    const attributes *a = call->attributes;
    const fr_tensor *x = call->in[X];
    char text[FR_SHAPE_TEXT];

    if (x->shape.ndim < 2)
        return fr_op_fail(call, "x %s, expected (N, C) or (N, C, ...)", fr_shape_text(&x->shape, text));
    for (int i = WEIGHT; i < INPUTS; i++)
        if (!check_channels(x, call->in[i], names[i]))
            return false;
    if (a->training && x->numel > 0 && x->numel == x->shape.dim[1])
        return fr_op_fail(call, "x %s: one value a channel has no variance to train with",
                          fr_shape_text(&x->shape, text));
    call->out[0] = fr_meta_of(x);
    call->out[1] = (fr_meta){ .shape = { 2, { 2, x->shape.dim[1] } }, .dtype = FR_F64 };
    return true;
}

/* --- Kernels: columns, `width` neighbours at each of N places `stride` apart ---------------------------------------
 */

enum {
    COLUMNS = 64,   /* channels beside each other are done together, for about so many columns */
    PIECE = 512,    /* columns at once, at most */
    TILE = 1 << 15, /* values, about */
};

/* sum[j] += EXPR, a double made from values x and g and the mean of column j. */
typedef void column_sum(int64_t rows, int64_t width, int64_t stride, const void *x, const void *g, const double *mean,
                        double *sum);

#define ADD_VALUE(T, EXPR, AT)                                                                                         \
    {                                                                                                                  \
        double x = (double)xs[AT], g = (double)gs[AT];                                                                 \
        (void)x;                                                                                                       \
        (void)g;                                                                                                       \
        s += EXPR;                                                                                                     \
    }

#define COLUMN_SUM_OF(NAME, T, EXPR)                                                                                   \
    FR_KERNEL(NAME##_##T,                                                                                              \
              (int64_t rows, int64_t width, int64_t stride, const void *px, const void *pg, const double *mean,        \
               double *sum),                                                                                           \
              (rows, width, stride, px, pg, mean, sum))                                                                \
    {                                                                                                                  \
        const T *xs = px, *gs = pg;                                                                                    \
        int64_t r = 0;                                                                                                 \
                                                                                                                       \
        for (; r + 4 <= rows; r += 4, xs += 4 * stride, gs += 4 * stride)                                              \
            FR_SIMD for (int64_t j = 0; j < width; j++)                                                                \
            {                                                                                                          \
                double m = mean[j], s = 0;                                                                             \
                (void)m;                                                                                               \
                ADD_VALUE(T, EXPR, j)                                                                                  \
                ADD_VALUE(T, EXPR, stride + j)                                                                         \
                ADD_VALUE(T, EXPR, 2 * stride + j)                                                                     \
                ADD_VALUE(T, EXPR, 3 * stride + j)                                                                     \
                sum[j] += s;                                                                                           \
            }                                                                                                          \
        for (; r < rows; r++, xs += stride, gs += stride)                                                              \
            FR_SIMD for (int64_t j = 0; j < width; j++)                                                                \
            {                                                                                                          \
                double m = mean[j], s = 0;                                                                             \
                (void)m;                                                                                               \
                ADD_VALUE(T, EXPR, j)                                                                                  \
                sum[j] += s;                                                                                           \
            }                                                                                                          \
    }

#define COLUMN_SUM(NAME, EXPR)                                                                                         \
    COLUMN_SUM_OF(NAME, float, EXPR)                                                                                   \
    COLUMN_SUM_OF(NAME, double, EXPR)

COLUMN_SUM(values, x)
COLUMN_SUM(squares, (x - m) * (x - m))
COLUMN_SUM(gradients, g)
COLUMN_SUM(products, g *(x - m))

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

/* --- Over a tensor: groups of channels, each of which one thread does from its mean to its results ------------------
 */

typedef struct {
    int64_t rows, channels, inner; /* x */
    int64_t group, per_tile;       /* channels of a group; groups of a tile */
    bool training;
    double eps;
    const fr_tensor *x, *g, *weight, *bias; /* NULL: none */
    fr_tensor *out, *dweight, *dbias;       /* out: y or dx; NULL: not wanted */
    double *stats;                          /* (2,C) */
} job;

/* The channels of a group; the last three are coefficients, as above. */
typedef struct {
    double mean[COLUMNS], scale[COLUMNS], factor[COLUMNS], term[COLUMNS], product[COLUMNS];
} group;

static double channel_value(const fr_tensor *t, int64_t channel, double otherwise)
{
    return !t                   ? otherwise
           : t->dtype == FR_F32 ? (double)((const float *)t->origin)[channel]
                                : ((const double *)t->origin)[channel];
}

static void set_channel_value(fr_tensor *t, int64_t channel, double value)
{
    if (t && t->dtype == FR_F32)
        ((float *)t->origin)[channel] = (float)value;
    else if (t)
        ((double *)t->origin)[channel] = value;
}

/* Columns of one channel in a piece: all that are beside each other, or as many of them. */
static int64_t run_of(const job *w)
{
    return w->inner < PIECE ? w->inner : PIECE;
}

/* total[i]: the sum by f32 or f64 over all values of channel `first` + i; mean: of each, or NULL. */
static void add_up(const job *w, column_sum *f32, column_sum *f64, int64_t first, int64_t count, const double *mean,
                   double *total)
{
    double sum[PIECE] = { 0 }, means[PIECE] = { 0 };
    int64_t run = run_of(w), width = count * w->inner, stride = w->channels * w->inner;
    const fr_tensor *g = w->g ? w->g : w->x;
    bool single = w->x->dtype == FR_F32;

    for (int64_t i = 0; mean && i < count; i++)
        for (int64_t j = 0; j < run; j++)
            means[i * run + j] = mean[i];
    for (int64_t j = 0; j < width; j += PIECE) {
        int64_t at = (first * w->inner + j) * (int64_t)fr_dtype_size((fr_dtype)w->x->dtype);

        (single ? f32 : f64)(w->rows, width - j < PIECE ? width - j : PIECE, stride, w->x->origin + at, g->origin + at,
                             means, sum);
    }
    for (int64_t i = 0; i < count; i++) {
        total[i] = 0;
        for (int64_t j = 0; j < run; j++)
            total[i] += sum[i * run + j];
    }
}

static void find_stats(const job *w, int64_t first, int64_t count)
{
    double *mean = w->stats + first, *variance = mean + w->channels, n = (double)(w->rows * w->inner);

    add_up(w, values_float, values_double, first, count, NULL, mean);
    for (int64_t i = 0; i < count; i++)
        mean[i] /= n;
    add_up(w, squares_float, squares_double, first, count, mean, variance);
    for (int64_t i = 0; i < count; i++)
        variance[i] /= n;
}

static void begin_group(const job *w, int64_t first, int64_t count, group *s)
{
    for (int64_t i = 0; i < count; i++) {
        s->mean[i] = w->stats[first + i];
        s->scale[i] = 1 / sqrt(w->stats[w->channels + first + i] + w->eps);
        s->factor[i] = channel_value(w->weight, first + i, 1);
        s->term[i] = channel_value(w->bias, first + i, 0);
        s->product[i] = 0;
    }
}

/* weight's gradient and bias's; and what dx needs. */
static void find_gradients(const job *w, int64_t first, int64_t count, group *s)
{
    double n = (double)(w->rows * w->inner);

    add_up(w, gradients_float, gradients_double, first, count, s->mean, s->term);
    add_up(w, products_float, products_double, first, count, s->mean, s->product);
    for (int64_t i = 0; i < count; i++) {
        s->product[i] *= s->scale[i];
        s->factor[i] *= s->scale[i];
        set_channel_value(w->dweight, first + i, s->product[i]);
        set_channel_value(w->dbias, first + i, s->term[i]);
        s->term[i] = w->training ? s->term[i] / n : 0;
        s->product[i] = w->training ? s->product[i] / n : 0;
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
            const T *x = (const T *)w->x->origin + at;                                                                 \
            T *out = (T *)w->out->origin + at;                                                                         \
                                                                                                                       \
            if (w->g)                                                                                                  \
                backward_##T(w->rows, piece, stride, x, (const T *)w->g->origin + at, &c, out);                        \
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

    if (w->training && !w->g)
        find_stats(w, first, count);
    begin_group(w, first, count, &s);
    if (w->g)
        find_gradients(w, first, count, &s);
    if (w->out)
        (w->out->dtype == FR_F32 ? apply_float : apply_double)(w, first, count, &s);
}

static void run_tile(void *user, int64_t tile)
{
    const job *w = user;
    int64_t first = tile * w->per_tile * w->group, end = first + w->per_tile * w->group;

    for (; first < end && first < w->channels; first += w->group)
        run_group(w, first);
}

/* x has values. */
static void run_groups(const fr_op_call *call, job *w)
{
    const attributes *a = call->attributes;
    const fr_tensor *x = call->in[X];
    int64_t columns;

    w->x = x;
    w->weight = call->in[WEIGHT];
    w->rows = x->shape.dim[0];
    w->channels = x->shape.dim[1];
    w->inner = inner_of(&x->shape);
    w->training = a->training;
    w->eps = a->eps;
    w->stats = (double *)call->result[1]->origin;
    w->group = w->inner < COLUMNS ? COLUMNS / w->inner : 1;
    columns = w->group * w->inner;
    w->per_tile = w->rows < TILE / columns ? TILE / columns / w->rows : 1;
    fr_run_tiles((w->channels - 1) / (w->per_tile * w->group) + 1, run_tile, w);
}

static void forward(fr_op_call *call)
{
    const attributes *a = call->attributes;
    job w = { .bias = call->in[BIAS], .out = call->result[0] };
    double *stats = (double *)call->result[1]->origin;
    int64_t channels = call->in[X]->shape.dim[1];

    for (int64_t c = 0; c < channels; c++) {
        stats[c] = channel_value(a->training ? NULL : call->in[RUNNING_MEAN], c, NAN);
        stats[channels + c] = channel_value(a->training ? NULL : call->in[RUNNING_VAR], c, NAN);
    }
    if (call->in[X]->numel > 0)
        run_groups(call, &w);
}

static void backward_kernel(fr_op_call *call)
{
    job w = { .g = call->grad_out[0],
              .out = call->needs[X] ? call->grad_in[X] : NULL,
              .dweight = call->needs[WEIGHT] ? call->grad_in[WEIGHT] : NULL,
              .dbias = call->needs[BIAS] ? call->grad_in[BIAS] : NULL };

    for (int64_t c = 0; c < call->in[X]->shape.dim[1]; c++) {
        set_channel_value(w.dweight, c, 0);
        set_channel_value(w.dbias, c, 0);
    }
    if (call->in[X]->numel > 0)
        run_groups(call, &w);
}

/* --- The same in ops: channels as the rows of a matrix ---------------------------------------------------------------
 */

static void definition(fr_op_call *call)
{
    const attributes *a = call->attributes;
    fr_tensor *x = call->in[X], *weight = call->in[WEIGHT], *bias = call->in[BIAS];
    int64_t n = x->shape.dim[0], channels = x->shape.dim[1], inner = inner_of(&x->shape);
    fr_shape column = { 2, { channels, 1 } }, pair = { 2, { 2, channels } };
    fr_tensor *rows = fr_transpose(fr_reshape(x, (fr_shape){ 3, { n, channels, inner } }), 0, 1), *d, *y;

    rows = fr_reshape(rows, (fr_shape){ 2, { channels, n * inner } });

    fr_tensor *mean = a->training ? fr_mean_dim(rows, 1, true) : fr_reshape(call->in[RUNNING_MEAN], column);

    d = fr_sub(rows, mean);

    fr_tensor *variance = a->training ? fr_mean_dim(fr_square(d), 1, true) : fr_reshape(call->in[RUNNING_VAR], column);

    y = fr_mul(d, fr_rsqrt(fr_add_scalar(variance, a->eps)));
    y = weight ? fr_mul(y, fr_reshape(weight, column)) : y;
    y = bias ? fr_add(y, fr_reshape(bias, column)) : y;
    y = fr_transpose(fr_reshape(y, (fr_shape){ 3, { channels, n, inner } }), 0, 1);
    call->result[0] = fr_reshape(y, x->shape);
    call->result[1] = fr_cast(fr_reshape(fr_cat((fr_tensor *[]){ mean, variance }, 2, 0), pair), FR_F64);
}

#ifdef FR_TESTS
enum { EVALUATION, TRAINING };

/* x, weight, bias, running mean, running variance; the running ones are copied. */
static fr_tensor *run_with(fr_tensor *const *in, int training, double momentum, fr_tensor **mean, fr_tensor **variance)
{
    fr_batch_norm_options options = { .training = training, .momentum = momentum };

    *mean = fr_clone(fr_detach(in[3]));
    *variance = fr_clone(fr_detach(in[4]));
    return fr_batch_norm(in[0], *mean, *variance, in[1], in[2], &options);
}

static fr_tensor *run_training(fr_tensor *const *in)
{
    fr_tensor *mean, *variance;

    return run_with(in, TRAINING, 0, &mean, &variance);
}

static fr_tensor *run_evaluation(fr_tensor *const *in)
{
    fr_tensor *mean, *variance;

    return run_with(in, EVALUATION, 0, &mean, &variance);
}

static fr_tensor *run_mean(fr_tensor *const *in)
{
    fr_tensor *mean, *variance;

    return run_with(in, TRAINING, 0, &mean, &variance) ? mean : NULL;
}

static fr_tensor *run_variance(fr_tensor *const *in)
{
    fr_tensor *mean, *variance;

    return run_with(in, TRAINING, 0.3, &mean, &variance) ? variance : NULL;
}

static fr_tensor *run_momentum_0(fr_tensor *const *in)
{
    fr_tensor *mean, *variance;

    return run_with(in, TRAINING, FR_ZERO, &mean, &variance) ? variance : NULL;
}

static fr_tensor *run_momentum_1(fr_tensor *const *in)
{
    fr_tensor *mean, *variance;

    return run_with(in, TRAINING, 1, &mean, &variance) ? mean : NULL;
}

static fr_tensor *run_unchanged(fr_tensor *const *in)
{
    fr_tensor *mean, *variance;

    return run_with(in, EVALUATION, 0, &mean, &variance) ? mean : NULL;
}

static fr_tensor *run_plain_with(fr_tensor *const *in, fr_batch_norm_options options)
{
    options.training = true;
    return fr_batch_norm(in[0], NULL, NULL, NULL, NULL, &options);
}

static fr_tensor *run_history(fr_tensor *const *in)
{
    return fr_batch_norm(in[0], fr_mul_scalar(in[1], 2), in[1], NULL, NULL,
                         &(fr_batch_norm_options){ .training = true });
}

static fr_tensor *run_expanded(fr_tensor *const *in)
{
    fr_tensor *once = fr_expand(fr_detach(in[1]), (fr_shape){ 1, { 3 } });

    return fr_batch_norm(in[0], once, once, NULL, NULL, &(fr_batch_norm_options){ .training = true });
}

static fr_tensor *run_double(fr_tensor *const *in)
{
    fr_tensor *twice = fr_cast(fr_detach(in[1]), FR_F64);

    return fr_batch_norm(in[0], twice, twice, NULL, NULL, &(fr_batch_norm_options){ .training = true });
}
#endif

FR_RUN(run_plain, run_plain_with(in, (fr_batch_norm_options){ 0 }))
FR_RUN(run_eps, run_plain_with(in, (fr_batch_norm_options){ .eps = 0.5 }))
FR_RUN(run_no_eps, fr_batch_norm(in[0], in[1], in[2], NULL, NULL, &(fr_batch_norm_options){ .eps = FR_ZERO }))
FR_RUN(run_training_no_eps, run_plain_with(in, (fr_batch_norm_options){ .eps = FR_ZERO }))
FR_RUN(run_negative_eps, run_plain_with(in, (fr_batch_norm_options){ .eps = -1 }))
FR_RUN(run_momentum, run_plain_with(in, (fr_batch_norm_options){ .momentum = 1.5 }))
FR_RUN(run_reserved, run_plain_with(in, (fr_batch_norm_options){ .reserved = { [2] = in[0] } }))
FR_RUN(run_transposed, run_plain_with((fr_tensor *[]){ fr_transpose(in[0], 0, 1) }, (fr_batch_norm_options){ 0 }))
FR_RUN(run_weight, fr_batch_norm(in[0], NULL, NULL, in[1], NULL, &(fr_batch_norm_options){ .training = true }))
FR_RUN(run_bias, fr_batch_norm(in[0], NULL, NULL, NULL, in[1], &(fr_batch_norm_options){ .training = true }))
FR_RUN(run_running, fr_batch_norm(in[0], in[1], in[2], NULL, NULL, NULL))
FR_RUN(run_one_alone, fr_batch_norm(in[0], in[1], NULL, NULL, NULL, &(fr_batch_norm_options){ .training = true }))
FR_RUN(run_without_running, fr_batch_norm(in[0], NULL, NULL, NULL, NULL, NULL))

#define RUNNING " v0.1,-0.2,0.3(3) v0.5,1,2(3)"
#define TORCH   "F.batch_norm(a, m := d.detach().clone(), v := e.detach().clone(), b, c, "

const fr_op fr_batch_norm_op = {
    .name = "batch_norm",
    .formula = "y = (x - mean) / sqrt(variance + eps) weight + bias, for each channel",
    .inputs = INPUTS,
    .outputs = 2,
    .optional = 1U << WEIGHT | 1U << BIAS | 1U << RUNNING_MEAN | 1U << RUNNING_VAR,
    .saves_inputs = (1U << INPUTS) - 1,
    .saves_outputs = 2,
    .attributes_size = sizeof(attributes),
    .null_gradients = true,
    .infer = infer,
    .forward = forward,
    .backward_kernel = backward_kernel,
    .definition = definition,
    FR_CASES(
        { "training", "n(5,3) n(3) n(3)" RUNNING, TORCH "True)", run_training },
        { "training, length", "n(2,3,4) n(3) n(3)" RUNNING, TORCH "True)", run_training },
        { "training, image", "n(2,3,2,5) n(3) n(3)" RUNNING, TORCH "True)", run_training },
        { "evaluation", "n(5,3) n(3) n(3)" RUNNING, TORCH "False)", run_evaluation },
        { "evaluation, image", "n(2,3,2,5) n(3) n(3)" RUNNING, TORCH "False)", run_evaluation },
        { "evaluation, one", "n(1,3) n(3) n(3)" RUNNING, TORCH "False)", run_evaluation },
        { "running mean", "n(2,3,4) n(3) n(3)" RUNNING, "(" TORCH "True), m)[1]", run_mean, .no_grad = true },
        { "running variance", "n(2,3,4) n(3) n(3)" RUNNING, "(" TORCH "True, 0.3), v)[1]", run_variance,
          .no_grad = true },
        { "momentum 0", "n(5,3) n(3) n(3)" RUNNING, "(" TORCH "True, 0.0), v)[1]", run_momentum_0, .no_grad = true },
        { "momentum 1", "n(5,3) n(3) n(3)" RUNNING, "(" TORCH "True, 1.0), m)[1]", run_momentum_1, .no_grad = true },
        { "unchanged", "n(5,3) n(3) n(3)" RUNNING, "(" TORCH "False), m)[1]", run_unchanged, .no_grad = true },
        { "unchanged by nothing", "n(0,3) n(3) n(3)" RUNNING, "(" TORCH "True), m)[1]", run_mean, .no_grad = true },
        { "plain", "n(5,3)", "F.batch_norm(a, None, None, training=True)", run_plain },
        { "weight", "n(5,3) n(3)", "F.batch_norm(a, None, None, b, training=True)", run_weight },
        { "bias", "n(5,3) n(3)", "F.batch_norm(a, None, None, None, b, training=True)", run_bias },
        { "eps", "n(5,3)", "F.batch_norm(a, None, None, training=True, eps=0.5)", run_eps },
        { "no eps, evaluation", "n(5,3) v1,2,3(3) v1,2,3(3)", "F.batch_norm(a, b.detach(), c.detach(), eps=0.0)",
          run_no_eps },
        { "running alone", "n(5,3) v1,2,3(3) v1,2,3(3)", "F.batch_norm(a, b.detach(), c.detach())", run_running },
        { "transposed", "n(3,5,2)", "F.batch_norm(a.transpose(0, 1), None, None, training=True)", run_transposed },
        { "no variance", "v0.5,1,0.5,1(2,2)", "F.batch_norm(a, None, None, training=True)", run_plain },
        { "infinite", "v1,inf,2,3,1,nan,2,3,1,2,3,4(3,4)", "F.batch_norm(a, None, None, training=True)", run_plain },
        { "no rows", "n(0,3) n(3) n(3)" RUNNING, TORCH "True)", run_training },
        { "no rows, evaluation", "n(0,3) n(3) n(3)" RUNNING, TORCH "False)", run_evaluation },
        { "no places", "n(2,3,0) n(3) n(3)" RUNNING, TORCH "True)", run_training },
        { "no channels", "n(2,0)", "F.batch_norm(a, None, None, training=True)", run_plain },
        { "one value", "n(1,3,1)", NULL, run_plain, { "batch_norm", "(1, 3, 1)", "one value a channel" } },
        { "vector", "n(3)", NULL, run_plain, { "batch_norm", "(3,)", "(N, C)" } },
        { "weight shape", "n(5,3) n(4)", NULL, run_weight, { "batch_norm", "weight (4,)", "(3,)" } },
        { "running shape", "n(5,3) n(3) n(4)", NULL, run_running, { "batch_norm", "running_var (4,)", "(3,)" } },
        { "running dtype", "n(5,3) v1,2,3(3)", NULL, run_double, { "batch_norm", "running_mean is float64" } },
        { "one alone", "n(5,3) n(3)", NULL, run_one_alone, { "batch_norm", "running_var is NULL" } },
        { "without running", "n(5,3)", NULL, run_without_running, { "batch_norm", "running_mean is NULL" } },
        { "history", "n(5,3) n(3)", NULL, run_history, { "batch_norm", "running_mean", "mul" } },
        { "expanded", "n(5,3) n(1)", NULL, run_expanded, { "batch_norm", "running_mean", "expanded" } },
        { "momentum", "n(5,3)", NULL, run_momentum, { "batch_norm", "momentum is 1.5", "[0, 1]" } },
        { "negative eps", "n(5,3)", NULL, run_negative_eps, { "batch_norm", "eps is -1" } },
        { "no eps", "n(5,3)", NULL, run_training_no_eps, { "batch_norm", "eps is 0", "training" } },
        { "reserved", "n(5,3)", NULL, run_reserved, { "batch_norm", "reserved[2]" } },
        { "int64", "i5(5,3)", NULL, run_plain, { "batch_norm", "int64", "float32" } }),
};

/* --- Running statistics ----------------------------------------------------------------------------------------------
 */

/* Whether t can be a running statistic of x's channels, and so be written to. */
static bool can_run(const fr_tensor *x, const fr_tensor *t, const char *name)
{
    if (!fr_check_not_null("batch_norm", t, name))
        return false;
    if (fr_has_history(t))
        return fr_fail("batch_norm", "%s is a result of %s, which changing it in place would break: use fr_detach",
                       name, t->producer->name);
    if (fr_repeats_values(t))
        return fr_fail("batch_norm", "%s is an expanded view, where several values share one place", name);
    return x->shape.ndim < 2 || check_channels(x, t, name);
}

/* running = (1 - momentum) running + momentum share value, for each channel */
static void move(fr_tensor *running, const double *value, double share, double momentum)
{
    int64_t step = fr_stride(running, 0);

    for (int64_t c = 0; c < running->numel; c++)
        set_channel_value(running, c * step,
                          (1 - momentum) * channel_value(running, c * step, 0) + momentum * share * value[c]);
    fr_storage_bump(running);
}

/* x is normalised by what it has itself; running statistics, where there are some, follow. */
static fr_tensor *train(fr_tensor *const *in, const attributes *a, double momentum)
{
    fr_tensor *x = in[X], *mean = in[RUNNING_MEAN], *variance = in[RUNNING_VAR], *results[2];

    if ((mean || variance) && !(can_run(x, mean, "running_mean") && can_run(x, variance, "running_var")))
        return NULL;
    if (!fr_apply_n(&fr_batch_norm_op, (fr_tensor *[]){ x, in[WEIGHT], in[BIAS], NULL, NULL }, INPUTS, a, results))
        return NULL;
    if (mean && x->numel > 0) {
        const double *stats = (const double *)results[1]->origin;
        int64_t channels = x->shape.dim[1];
        double n = (double)(x->numel / channels);

        move(mean, stats, 1, momentum);
        move(variance, stats + channels, n / (n - 1), momentum);
    }
    return results[0];
}

/* Running statistics get no gradient. */
static fr_tensor *evaluate(fr_tensor *const *in, const attributes *a)
{
    fr_tensor *results[2];

    if (!fr_check_not_null("batch_norm", in[RUNNING_MEAN], "running_mean") ||
        !fr_check_not_null("batch_norm", in[RUNNING_VAR], "running_var"))
        return NULL;
    return fr_apply_n(
               &fr_batch_norm_op,
               (fr_tensor *[]){ in[X], in[WEIGHT], in[BIAS], fr_detach(in[RUNNING_MEAN]), fr_detach(in[RUNNING_VAR]) },
               INPUTS, a, results)
               ? results[0]
               : NULL;
}

fr_tensor *fr_batch_norm(fr_tensor *x, fr_tensor *running_mean, fr_tensor *running_var, fr_tensor *weight,
                         fr_tensor *bias, const fr_batch_norm_options *options)
{
    static const fr_batch_norm_options defaults;
    const char *what = "batch_norm";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    int scope = fr_scope_begin();
    const fr_batch_norm_options *o = options ? options : &defaults;
    double momentum = fr_option(o->momentum, 0.1);
    attributes a = { .training = o->training, .eps = fr_option(o->eps, 1e-5) };
    fr_tensor *in[] = { x, weight, bias, running_mean, running_var }, *y = NULL;

    if (scope < 0 || !fr_check_reserved(what, o->reserved) || !fr_check_option(what, "eps", a.eps, INFINITY) ||
        !fr_check_not_null(what, x, "input")) {
    } else if (!(momentum >= 0 && momentum <= 1)) {
        fr_fail(what, "momentum is %g, expected a number in [0, 1]", momentum);
    } else if (o->training && a.eps == 0) {
        fr_fail(what, "eps is 0, expected more in training");
    } else {
        y = fr_escape(o->training ? train(in, &a, momentum) : evaluate(in, &a));
    }
    fr_scope_end(scope);
    fr_finish(th, before);
    return y;
}
