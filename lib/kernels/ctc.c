/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* kernels/ctc.h says what this computes. Let z be a row's labels with a blank before, between and after them, L = 2 S +
 * 1 in number, and x[t] the log-probabilities of step t. In log space
 *
 *     alpha[t][s] = log(sum of alpha[t-1][s], [s-1], and [s-2] where it may jump) + x[t][z[s]]
 *     beta[t][s]  = log(sum of q[s], q[s+1], and q[s+2] where it may jump), q = beta[t+1] + x[t+1][z]
 *
 * are the probabilities of all ways to the place s at step t, and from there to the end, which is one of the last two
 * places. A way may jump over a blank between two labels that differ. With log_p = log(sum of alpha[T-1] at these two),
 *
 *     l = -log_p,  dx[t][c] = dl (exp(x[t][c]) - sum over z[s] = c of exp(alpha[t][s] + beta[t][s] - log_p))
 *
 * where exp(x) is the part of a log_softmax before, as in PyTorch: it adds nothing to that one's gradient. */
#ifndef T
#include "kernels/ctc.h"

#include "core/integer.h"

#include "core/threads.h"
#include "kernels/units.h"
#include "kernels/vmath.h"

/* A row: its labels, their places, and its values. */
typedef struct {
    int64_t steps, places, blank;
    const int64_t *targets;
    int64_t x, x_step; /* its first value in log_probs, and from one step to the next */
    int64_t alpha;     /* its first value in alpha */
} ctc_row;

static ctc_row ctc_row_of(const fr_ctc *c, int64_t n)
{
    int64_t before = n * c->width;

    if (c->width < 0)
        for (int64_t i = before = 0; i < n; i++)
            before += c->target_lengths[i];
    return (ctc_row){ .steps = c->input_lengths[n],
                      .places = 2 * c->target_lengths[n] + 1,
                      .blank = c->blank,
                      .targets = c->targets + before,
                      .x = n * c->classes,
                      .x_step = c->rows * c->classes,
                      .alpha = (2 * before + n) * c->steps };
}

FR_INLINE int64_t ctc_label(const ctc_row *r, int64_t s)
{
    return s % 2 ? r->targets[s / 2] : r->blank;
}

/* Whether a way may go from place s - 2 to s. */
FR_INLINE bool ctc_may_jump(const ctc_row *r, int64_t s)
{
    return s % 2 && s > 1 && s < r->places && r->targets[s / 2] != r->targets[s / 2 - 1];
}

typedef struct {
    const fr_ctc *ctc;
    void *losses;   /* forward */
    const void *dl; /* backward */
    void *dx, *alpha;
} ctc_job;

#define KERNEL_BASELINE
#define KERNEL_FILE "kernels/ctc.c"
#include "kernels/instantiate.h"

void fr_ctc_forward(fr_dtype dtype, const fr_ctc *c, void *losses, void *alpha)
{
    ctc_job job = { .ctc = c, .losses = losses, .alpha = alpha };

    fr_run_tiles(c->rows, FR_BASELINE_KERNEL_FOR(dtype, ctc_forward_row), &job);
}

bool fr_ctc_backward(fr_dtype dtype, const fr_ctc *c, const void *alpha, const void *dl, void *dx)
{
    ctc_job job = { .ctc = c, .alpha = (void *)(uintptr_t)alpha, .dl = dl, .dx = dx };
    int64_t longest = 0;

    for (int64_t n = 0; n < c->rows; n++)
        longest = fr_most(longest, c->target_lengths[n]);
    return fr_run_units(c->rows, 50.0 * (double)c->steps * (double)(2 * longest + c->classes),
                        (2 * longest + 1) * (int64_t)sizeof(double), FR_BASELINE_KERNEL_FOR(dtype, ctc_backward_row),
                        &job);
}
#else
/* log(exp(a) + exp(b) + exp(c)) */
FR_INLINE T FN(ctc_log_sum)(T a, T b, T c)
{
    T top = a > b ? a : b;

    top = top > c ? top : c;
    if (!(top > -INFINITY))
        return top;
    return top + TYPED(fr_log)(TYPED(fr_exp)(a - top) + TYPED(fr_exp)(b - top) + TYPED(fr_exp)(c - top));
}

static T FN(ctc_log_p)(const ctc_row *r, const T *alpha)
{
    const T *last = alpha + (r->steps - 1) * r->places + r->places - 1;

    if (r->steps == 0)
        return r->places == 1 ? 0 : -INFINITY;
    return FN(ctc_log_sum)(last[0], r->places > 1 ? last[-1] : -INFINITY, -INFINITY);
}

static void FN(ctc_forward_row)(void *user, int64_t n)
{
    const ctc_job *job = user;
    const ctc_row r = ctc_row_of(job->ctc, n);
    T *first = (T *)job->alpha + r.alpha, *a = first, log_p;

    for (int64_t t = 0; t < r.steps; t++, a += r.places) {
        const T *x = (const T *)job->ctc->log_probs + r.x + t * r.x_step, *before = a - r.places;

        for (int64_t s = 0; s < r.places; s++)
            if (t == 0)
                a[s] = s < 2 ? x[ctc_label(&r, s)] : -INFINITY;
            else
                a[s] = x[ctc_label(&r, s)] + FN(ctc_log_sum)(before[s], s > 0 ? before[s - 1] : -INFINITY,
                                                             ctc_may_jump(&r, s) ? before[s - 2] : -INFINITY);
    }
    log_p = FN(ctc_log_p)(&r, first);
    ((T *)job->losses)[n] = job->ctc->zero_infinity && log_p == -INFINITY ? 0 : -log_p;
}

/* One step back: beta becomes that of the step before x's. */
static void FN(ctc_step_back)(const ctc_row *r, const T *x, T *beta)
{
    int64_t last = r->places - 1;

    for (int64_t s = 0; s <= last; s++)
        beta[s] += x[ctc_label(r, s)];
    for (int64_t s = 0; s <= last; s++)
        beta[s] = FN(ctc_log_sum)(beta[s], s < last ? beta[s + 1] : -INFINITY,
                                  ctc_may_jump(r, s + 2) ? beta[s + 2] : -INFINITY);
}

static void FN(ctc_backward_row)(const void *user, int64_t n, char *scratch)
{
    const ctc_job *job = user;
    const ctc_row r = ctc_row_of(job->ctc, n);
    const T *alpha = (const T *)job->alpha + r.alpha, *xs = (const T *)job->ctc->log_probs + r.x;
    T *beta = (T *)(void *)scratch, *dxs = (T *)job->dx + r.x, dl = ((const T *)job->dl)[n];
    T log_p = FN(ctc_log_p)(&r, alpha), none = job->ctc->zero_infinity ? 0 : NAN;

    for (int64_t s = 0; s < r.places; s++)
        beta[s] = s < r.places - 2 ? -INFINITY : 0;
    for (int64_t t = job->ctc->steps - 1; t >= 0; t--) {
        const T *x = xs + t * r.x_step, *a = alpha + t * r.places;
        T *dx = dxs + t * r.x_step;

        if (t + 1 < r.steps)
            FN(ctc_step_back)(&r, x + r.x_step, beta);
        for (int64_t k = 0; k < job->ctc->classes; k++)
            dx[k] = t >= r.steps ? 0 : log_p == -INFINITY ? none : dl * TYPED(fr_exp)(x[k]);
        for (int64_t s = 0; s < r.places && t < r.steps && log_p > -INFINITY; s++)
            dx[ctc_label(&r, s)] -= dl * TYPED(fr_exp)(a[s] + beta[s] - log_p);
    }
}
#endif
