/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* For a row with logits x (n), its target p (n) and class weights w (n), with label smoothing s:
 *
 *     q = w ((1 - s) p + s / n)                      p is 1 for the target's class and else 0, or given
 *     l = sum(q (log(sum(exp(x))) - x))              cross-entropy
 *     dx = dl (sum(q) softmax(x) - q)
 *     dp = dl (1 - s) w (log(sum(exp(x))) - x)
 *
 * and l = -w[class] x[class] for nll, of log-probabilities x. */
#ifndef T
#include "kernels/cross_entropy.h"

#include "core/integer.h"

#include "core/threads.h"
#include "kernels/vmath.h"

/* The target of one row: its class, or -1 where probabilities are given. The classes with a q other than 0 are among
 * those from `from` up to, but not including, `to`. */
typedef struct {
    int64_t class, from, to;
} row_target;

static row_target target_of_row(const fr_class_target *t, int64_t i)
{
    int64_t class = t->classes ? t->classes[i] : -1;

    if (t->classes && class == t->ignore_index)
        return (row_target){ class, 0, 0 };
    if (t->classes && t->label_smoothing == 0)
        return (row_target){ class, class, class + 1 };
    return (row_target){ class, 0, t->sizes.n };
}

/* The place in x of row i's first class; the others follow inner values apart. */
static int64_t first_class(const fr_class_target *t, int64_t i)
{
    return i / t->sizes.inner * t->sizes.n * t->sizes.inner + i % t->sizes.inner;
}

/* A job of backward: slabs (n,inner) of out, the gradient of x or p. */
typedef struct {
    const fr_class_target *target;
    /* Writes dl softmax(x), or dl (log(sum(exp(x))) - x), to a slab of out. */
    void (*start_slab)(int64_t n, int64_t inner, const void *x, const void *parts, const void *dl, void *out);
    const void *dl;
    void *out;
    int64_t per_tile; /* slabs */
} gradient;

static void run_slabs(gradient g, fr_tile_body *run)
{
    enum { TILE = 1 << 14 }; /* values of a tile, about */
    fr_dim_sizes sizes = g.target->sizes;

    if (sizes.outer == 0 || sizes.n == 0 || sizes.inner == 0)
        return;
    g.per_tile = 1 + TILE / (sizes.n * sizes.inner);
    fr_run_tiles((sizes.outer + g.per_tile - 1) / g.per_tile, run, &g);
}

#define KERNEL_FILE "kernels/cross_entropy_slab.h"
#include "kernels/instantiate.h"

/* What follows is little work beside that. */
#define KERNEL_BASELINE
#define KERNEL_FILE "kernels/cross_entropy.c"
#include "kernels/instantiate.h"

void fr_cross_entropy_forward(fr_dtype dtype, const fr_class_target *t, void *l)
{
    FR_BASELINE_KERNEL_FOR(dtype, cross_entropy_forward)(t, l);
}

void fr_cross_entropy_logits_backward(fr_dtype dtype, const fr_class_target *t, const void *dl, void *dx)
{
    gradient g = { .target = t, .start_slab = FR_KERNEL_FOR(dtype, softmax_slab), .dl = dl, .out = dx };

    run_slabs(g, FR_BASELINE_KERNEL_FOR(dtype, logits_tile));
}

void fr_cross_entropy_target_backward(fr_dtype dtype, const fr_class_target *t, const void *dl, void *dp)
{
    gradient g = { .target = t, .start_slab = FR_KERNEL_FOR(dtype, surprise_slab), .dl = dl, .out = dp };

    run_slabs(g, FR_BASELINE_KERNEL_FOR(dtype, target_tile));
}

void fr_nll_forward(fr_dtype dtype, const fr_class_target *t, void *l)
{
    FR_BASELINE_KERNEL_FOR(dtype, nll_forward)(t, l);
}

void fr_nll_backward(fr_dtype dtype, const fr_class_target *t, const void *dl, void *dx)
{
    FR_BASELINE_KERNEL_FOR(dtype, nll_backward)(t, dl, dx);
}
#else
/* q of class k. probabilities: those of the row, or NULL. */
FR_INLINE T FN(share)(const fr_class_target *t, const row_target *row, const T *probabilities, int64_t k)
{
    T p = probabilities ? probabilities[k * t->sizes.inner] : k == row->class;
    double s = t->label_smoothing;
    T q = s > 0 ? (T)(1 - s) * p + (T)(s / (double)t->sizes.n) : p;

    return t->weight ? q * ((const T *)t->weight)[k] : q;
}

/* The probabilities of row i, or NULL. */
FR_INLINE const T *FN(probabilities_of_row)(const fr_class_target *t, int64_t i)
{
    return t->classes ? NULL : (const T *)t->probabilities + first_class(t, i);
}

/* --- Cross-entropy ------------------------------------------------------------------------------------------------ */

static void FN(cross_entropy_forward)(const fr_class_target *t, void *pl)
{
    T *l = pl;

    for (int64_t i = 0; i < t->sizes.outer * t->sizes.inner; i++) {
        const T *parts = (const T *)t->parts + 2 * i, *x = (const T *)t->x + first_class(t, i);
        const T *p = FN(probabilities_of_row)(t, i);
        row_target row = target_of_row(t, i);
        double sum = 0;

        for (int64_t k = row.from; k < row.to; k++)
            sum += (double)(FN(share)(t, &row, p, k) * ((parts[0] - x[k * t->sizes.inner]) + parts[1]));
        l[i] = (T)sum;
    }
}

/* Of row i, dx holds dl softmax(x) so far. Multiplies it by sum(q), and takes dl q off. */
static void FN(finish_logits)(const fr_class_target *t, int64_t i, T dl, T *dx)
{
    const T *p = FN(probabilities_of_row)(t, i);
    row_target row = target_of_row(t, i);
    int64_t n = t->sizes.n, inner = t->sizes.inner;
    double sum = 0;

    for (int64_t k = row.from; k < row.to; k++)
        sum += (double)FN(share)(t, &row, p, k);
    if (sum != 1)
        for (int64_t k = 0; k < n; k++)
            dx[k * inner] = row.to > 0 ? dx[k * inner] * (T)sum : 0;
    for (int64_t k = row.from; k < row.to; k++)
        dx[k * inner] -= dl * FN(share)(t, &row, p, k);
}

static void FN(start_slab)(const gradient *g, int64_t slab)
{
    const fr_class_target *t = g->target;
    int64_t n = t->sizes.n, inner = t->sizes.inner, row = slab * inner, at = slab * n * inner;

    g->start_slab(n, inner, (const T *)t->x + at, (const T *)t->parts + 2 * row, (const T *)g->dl + row,
                  (T *)g->out + at);
}

static void FN(logits_tile)(void *job, int64_t tile)
{
    const gradient *g = job;
    const fr_class_target *t = g->target;
    int64_t inner = t->sizes.inner, from = tile * g->per_tile, to = fr_least(from + g->per_tile, t->sizes.outer);

    for (int64_t slab = from; slab < to; slab++) {
        FN(start_slab)(g, slab);
        for (int64_t i = slab * inner; i < (slab + 1) * inner; i++)
            FN(finish_logits)(t, i, ((const T *)g->dl)[i], (T *)g->out + first_class(t, i));
    }
}

/* Of a slab, dp holds dl (log(sum(exp(x))) - x) so far. Multiplies it by (1 - s) w. */
static void FN(finish_target)(const fr_class_target *t, T *dp)
{
    int64_t inner = t->sizes.inner;

    for (int64_t k = 0; k < t->sizes.n; k++) {
        T factor = (T)(1 - t->label_smoothing) * (t->weight ? ((const T *)t->weight)[k] : 1);

        for (int64_t j = 0; j < inner; j++)
            dp[k * inner + j] *= factor;
    }
}

static void FN(target_tile)(void *job, int64_t tile)
{
    const gradient *g = job;
    const fr_class_target *t = g->target;
    int64_t from = tile * g->per_tile, to = fr_least(from + g->per_tile, t->sizes.outer);

    for (int64_t slab = from; slab < to; slab++) {
        FN(start_slab)(g, slab);
        if (t->weight || t->label_smoothing > 0)
            FN(finish_target)(t, (T *)g->out + slab * t->sizes.n * t->sizes.inner);
    }
}

/* --- nll ---------------------------------------------------------------------------------------------------------- */

static void FN(nll_forward)(const fr_class_target *t, void *pl)
{
    T *l = pl;

    for (int64_t i = 0; i < t->sizes.outer * t->sizes.inner; i++) {
        int64_t class = t->classes[i];
        T w = t->weight && class != t->ignore_index ? ((const T *)t->weight)[class] : 1;

        l[i] = class == t->ignore_index ? 0 : -w * ((const T *)t->x)[first_class(t, i) + class * t->sizes.inner];
    }
}

static void FN(nll_backward)(const fr_class_target *t, const void *dl, void *pdx)
{
    T *dx = pdx;

    memset(dx, 0, (size_t)(t->sizes.outer * t->sizes.n * t->sizes.inner) * sizeof(T));
    for (int64_t i = 0; i < t->sizes.outer * t->sizes.inner; i++) {
        int64_t class = t->classes[i];

        if (class != t->ignore_index)
            dx[first_class(t, i) + class * t->sizes.inner] =
                -(t->weight ? ((const T *)t->weight)[class] : 1) * ((const T *)dl)[i];
    }
}
#endif
