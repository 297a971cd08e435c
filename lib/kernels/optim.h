/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The arithmetic of optimisers: updates of parameters, norms of gradients, moving averages. Each file has its formulas.
 * They follow PyTorch: factors are computed in double and rounded to the dtype once, and where PyTorch multiplies and
 * adds with one rounding, so do they. */
#ifndef FROND_KERNELS_OPTIM_H
#define FROND_KERNELS_OPTIM_H

#include "core/base.h"

#include <frond/optim.h>

enum { FR_OPTIM_STATES = 3 };

/* One step for n values of a parameter. All arrays have n values of dtype, float32 or float64, without gaps. */
typedef struct {
    const void *options; /* fr_sgd_options, fr_adam_options, ...: with the defaults filled in */
    int64_t step;        /* of this parameter: 1, 2, ... */
    unsigned fresh;      /* bit k: state[k] is used for the first time; it holds zeros */
    fr_dtype dtype;
    int64_t n;
    void *param;
    const void *grad;
    void *state[FR_OPTIM_STATES]; /* NULL for those that the options do not need */
} fr_optim_update;

enum { FR_RPROP_PREV, FR_RPROP_STEP_SIZE };
enum { FR_RMSPROP_SQUARE_AVG, FR_RMSPROP_GRAD_AVG, FR_RMSPROP_MOMENTUM_BUFFER };

/* The comments name the states, state[0] first. */
void fr_sgd_update(const fr_optim_update *u);      /* momentum_buffer */
void fr_adam_update(const fr_optim_update *u);     /* exp_avg, exp_avg_sq, max_exp_avg_sq */
void fr_adamw_update(const fr_optim_update *u);    /* the same */
void fr_rmsprop_update(const fr_optim_update *u);  /* square_avg, grad_avg, momentum_buffer */
void fr_adagrad_update(const fr_optim_update *u);  /* sum */
void fr_adadelta_update(const fr_optim_update *u); /* square_avg, acc_delta */
void fr_nadam_update(const fr_optim_update *u);    /* exp_avg, exp_avg_sq */
void fr_radam_update(const fr_optim_update *u);    /* exp_avg, exp_avg_sq */
void fr_rprop_update(const fr_optim_update *u);    /* prev, step_size */

/* clip.c: of n values without gaps, float32 or float64. The sum of powers is computed in double, the others in dtype.
 */
double fr_grad_l2_norm(fr_dtype dtype, int64_t n, const void *x);             /* sqrt(sum x^2) */
double fr_grad_power_sum(fr_dtype dtype, int64_t n, const void *x, double p); /* sum |x|^p */
double fr_grad_abs_max(fr_dtype dtype, int64_t n, const void *x);             /* max |x|; NaN if any is */
void fr_grad_scale(fr_dtype dtype, int64_t n, void *x, double factor);        /* x = factor x */
void fr_grad_clamp(fr_dtype dtype, int64_t n, void *x, double max);           /* x to [-max, max] */

/* ema.c: moves n averages towards the model's values, which lie model_step apart; of any dtype. */
void fr_ema_average(fr_dtype dtype, int64_t n, void *average, const void *model, int64_t model_step, double decay);

#endif
