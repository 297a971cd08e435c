/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Optimisers: update a module's parameters from their gradients, with PyTorch's defaults and its arithmetic. An
 * optimiser needs no open scope, holds the parameters that m had when it was made, frozen ones too, and is freed with
 * fr_optim_free, before or after the module. In options, 0 is the default and FR_ZERO a real zero. */
#ifndef FROND_OPTIM_H
#define FROND_OPTIM_H

#include <frond/nn.h>

FR_BEGIN_DECLS

typedef struct fr_optim fr_optim;

/* Each makes an optimiser. NULL with an error for: an option that is negative, infinite or NaN, a beta of 1 or more;
 * reserved fields that are not NULL; a module without parameters or with an expanded one. */

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

/* One step for each parameter that has a gradient; others, and the count of their steps, stay as they are. Values are
 * written in place: what was saved of them for a backward is stale. Records nothing. False, with nothing changed, where
 * memory runs out, which can happen only at a parameter's first step. */
bool fr_optim_step(fr_optim *o);
void fr_optim_zero_grad(fr_optim *o);         /* drops the gradients; NULL is fine */
bool fr_optim_set_lr(fr_optim *o, double lr); /* from the next step on; fails unless 0 <= lr < inf */
double fr_optim_lr(const fr_optim *o);        /* NaN for NULL */
void fr_optim_free(fr_optim *o);              /* NULL is fine */

/* Scales all gradients of m, in place, so that their common Euclidean norm is at most max: by the factor
 * min(1, max / (norm + 1e-6)). Returns the norm before; 0 where there is no gradient; NaN, with an error, for NULL and
 * unless max >= 0. A norm that is infinite or NaN is no error: gradients become 0 and NaN, as in PyTorch. */
double fr_clip_grad_norm(fr_module *m, double max);

FR_END_DECLS
#endif
