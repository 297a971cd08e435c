/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Optimisers: update a module's parameters from their gradients. A parameter without a gradient is skipped. Defaults are
 * PyTorch's. An optimiser needs no open scope, holds the parameters that m had when it was made, and is freed with
 * fr_optim_free, before or after the module. */
#ifndef FROND_OPTIM_H
#define FROND_OPTIM_H

#include <frond/nn.h>

FR_BEGIN_DECLS

typedef struct fr_optim fr_optim;

typedef struct {
    double lr; /* default 1e-3 */
    double momentum, dampening, weight_decay;
    bool nesterov; /* wants momentum > 0 and dampening 0 */
    bool maximize;
    void *reserved[8];
} fr_sgd_options;
fr_optim *fr_sgd(fr_module *m, const fr_sgd_options *options);

typedef struct {
    double lr;           /* default 1e-3 */
    double beta1, beta2; /* 0.9, 0.999 */
    double eps;          /* 1e-8 */
    double weight_decay; /* added to the gradient (L2) */
    bool maximize;
    void *reserved[8];
} fr_adam_options;
/* Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015 */
fr_optim *fr_adam(fr_module *m, const fr_adam_options *options);

bool fr_optim_step(fr_optim *o);
void fr_optim_zero_grad(fr_optim *o); /* drops the gradients */
bool fr_optim_set_lr(fr_optim *o, double lr);
double fr_optim_lr(const fr_optim *o); /* NaN for NULL */
void fr_optim_free(fr_optim *o);

/* Scales all gradients of m so that their common Euclidean norm is at most max; returns the norm before (NaN where it
 * fails). Factor min(1, max / (norm + 1e-6)). */
double fr_clip_grad_norm(fr_module *m, double max);

FR_END_DECLS
#endif
