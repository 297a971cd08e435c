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

/* One step for each parameter that has a gradient and wants one; others, frozen ones among them, and the count of their
 * steps, stay as they are. Values are written in place: what was saved of them for a backward is stale. Records
 * nothing. False, with nothing changed, where memory runs out, which can happen only at a parameter's first step. */
bool fr_optim_step(fr_optim *o);
void fr_optim_zero_grad(fr_optim *o);         /* drops the gradients; NULL is fine */
bool fr_optim_set_lr(fr_optim *o, double lr); /* from the next step on; fails unless 0 <= lr < inf */
double fr_optim_lr(const fr_optim *o);        /* NaN for NULL */
void fr_optim_free(fr_optim *o);              /* NULL is fine */

/* Scales all gradients of m, in place, so that their common Euclidean norm is at most max: by the factor
 * min(1, max / (norm + 1e-6)). Returns the norm before; 0 where there is no gradient; NaN, with an error, for NULL and
 * unless max >= 0. A norm that is infinite or NaN is no error: gradients become 0 and NaN, as in PyTorch. */
double fr_clip_grad_norm(fr_module *m, double max);

/* --- Moving averages --------------------------------------------------------------------------------------------- */

/* Exponential moving averages of all parameters and buffers that m has now, as PyTorch's AveragedModel keeps them with
 * get_ema_multi_avg_fn(decay): average + (1 - decay) (model - average) at each update but the first, which copies.
 * decay is 0 to 1, PyTorch's default is 0.999. NULL with an error for another one, for what has a history and for an
 * expanded view. Needs no open scope, holds m's tensors, is freed before or after m with fr_ema_free. */
typedef struct fr_ema fr_ema;
fr_ema *fr_ema_new(fr_module *m, double decay);
/* Whether buffers are averaged as well (PyTorch's use_buffers); at first they are copied at each update. int64 ones are
 * averaged in float32 and cut off. */
bool fr_ema_average_buffers(fr_ema *e, bool average);
bool fr_ema_update(fr_ema *e); /* after a step of the optimiser; fails while swapped; cannot run out of memory */
/* Exchanges the model's values and the averages, for an evaluation; once more puts them back. */
bool fr_ema_swap(fr_ema *e);
/* Writes the averages to m, which has the model's names, shapes and dtypes: itself or another like it. Fails for
 * others, wholly, and while swapped. */
bool fr_ema_copy_to(const fr_ema *e, fr_module *m);
/* The averages, as PyTorch's AveragedModel has them: "n_averaged" () int64, the number of updates, and, below "module",
 * all names of the model. To be saved with fr_save (not while swapped) and loaded with fr_load_into; it cannot be run.
 * Borrowed from e. */
fr_module *fr_ema_module(const fr_ema *e);
void fr_ema_free(fr_ema *e); /* NULL is fine */

FR_END_DECLS
#endif
