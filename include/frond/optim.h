/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Optimisers: update a module's parameters from their gradients, with PyTorch's defaults and its arithmetic. An
 * optimiser needs no open scope, holds the parameters that m had when it was made, frozen ones too, and is freed with
 * fr_optim_free, before or after the module. In options, 0 is the default and FR_ZERO a real zero. Gradients add up
 * over several calls of fr_backward until fr_optim_zero_grad: a large batch can be taken in parts. */
#ifndef FROND_OPTIM_H
#define FROND_OPTIM_H

#include <frond/nn.h>

FR_BEGIN_DECLS

typedef struct fr_optim fr_optim;

/* --- Making optimisers ------------------------------------------------------------------------------------------- */

/* Each makes an optimiser. NULL with an error for: an option that is negative, infinite or NaN, a beta, alpha or
 * smoothing factor of 1 or more; reserved fields that are not NULL; a module without parameters or with an expanded
 * one. maximize: up the gradient, not down. */

typedef struct {
    double lr; /* default 1e-3 */
    double momentum, dampening, weight_decay;
    bool nesterov; /* wants momentum > 0 and dampening 0 */
    bool maximize;
    void *reserved[8];
} fr_sgd_options;
/* Stochastic gradient descent, with momentum as PyTorch has it: v' = momentum v + (1 - dampening) g, where g is the
 * gradient + weight_decay p, at the first step v' = g; p' = p - lr v', with nesterov p - lr (g + momentum v'). */
fr_optim *fr_sgd(fr_module *m, const fr_sgd_options *options);

typedef struct {
    double lr;           /* default 1e-3 */
    double beta1, beta2; /* 0.9, 0.999 */
    double eps;          /* 1e-8 */
    double weight_decay; /* fr_adam: 0, added to the gradient (L2); fr_adamw: 1e-2, taken off the parameter itself */
    bool maximize;
    bool amsgrad; /* divide by the largest second moment so far */
    void *reserved[8];
} fr_adam_options;
/* Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015; amsgrad: Reddi, Kale and Kumar, "On the
 * Convergence of Adam and Beyond", 2018 */
fr_optim *fr_adam(fr_module *m, const fr_adam_options *options);
/* Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019 */
typedef fr_adam_options fr_adamw_options;
fr_optim *fr_adamw(fr_module *m, const fr_adamw_options *options);

typedef struct {
    double lr;    /* default 1e-2 */
    double alpha; /* 0.99: how much of the mean square is kept */
    double eps;   /* 1e-8 */
    double weight_decay, momentum;
    bool centered; /* divide by the standard deviation in place of the root of the mean square */
    bool maximize;
    void *reserved[8];
} fr_rmsprop_options;
/* Hinton, lecture 6 of "Neural Networks for Machine Learning", 2012; centered: Graves, "Generating Sequences With
 * Recurrent Neural Networks", 2013 */
fr_optim *fr_rmsprop(fr_module *m, const fr_rmsprop_options *options);

typedef struct {
    double lr;       /* default 1e-2 */
    double lr_decay; /* at step t the rate is lr / (1 + (t - 1) lr_decay) */
    double weight_decay, initial_accumulator_value;
    double eps; /* 1e-10 */
    bool maximize;
    void *reserved[8];
} fr_adagrad_options;
/* Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", 2011 */
fr_optim *fr_adagrad(fr_module *m, const fr_adagrad_options *options);

/* One step for each parameter that has a gradient and wants one; others, frozen ones among them, and the count of their
 * steps, stay as they are. Values are written in place: what was saved of them for a backward is stale. Records
 * nothing. False, with nothing changed, where memory runs out, which can happen only at a parameter's first step or
 * after its options changed. */
bool fr_optim_step(fr_optim *o);
void fr_optim_zero_grad(fr_optim *o);         /* drops the gradients; NULL is fine */
bool fr_optim_set_lr(fr_optim *o, double lr); /* of all groups, from the next step on; fails unless 0 <= lr < inf */
double fr_optim_lr(const fr_optim *o);        /* of the first group; NaN for NULL */
void fr_optim_free(fr_optim *o);              /* NULL is fine */

/* --- Groups of parameters, each with its own options ------------------------------------------------------------- */

/* An optimiser begins with one group, 0, of all parameters. Each of these makes another and gives its number, or -1
 * with an error and nothing changed. Its options are at first those of group 0, for fr_optim_split those of the group
 * that the parameters were in. A parameter is in one group: one that is in the optimiser already is an error that names
 * it and its group, as are NULL, int64, an expanded view, a tensor with a history, and a list without parameters. */
int fr_optim_add_group(fr_optim *o, fr_module *m); /* of m's parameters, such as a layer that is trained from now on */
/* Of these n, which o then holds; whether they want gradients is for the caller to say, with fr_requires_grad. */
int fr_optim_add_parameters(fr_optim *o, fr_tensor *const *parameters, int n);
/* Of these n parameters of o, which leave the group that all of them are in; their state stays. */
int fr_optim_split(fr_optim *o, fr_tensor *const *parameters, int n);
int fr_optim_groups(const fr_optim *o); /* -1 for NULL */

/* An option of a group by its name in the options struct, such as "weight_decay"; a flag is 0 or 1. Setting one holds
 * from the next step on, and fails as making the optimiser with it would; with an error also for a group that there is
 * not and an option that this kind has not. fr_optim_get gives NaN then. 0 is a real zero here. */
bool fr_optim_set(fr_optim *o, int group, const char *option, double value);
double fr_optim_get(const fr_optim *o, int group, const char *option);
bool fr_optim_set_group_lr(fr_optim *o, int group, double lr); /* the same for "lr" */
double fr_optim_group_lr(const fr_optim *o, int group);

/* --- Schedulers: the learning rate over time --------------------------------------------------------------------- */

/* As those of torch.optim.lr_scheduler: making one sets the rate of epoch 0 at once, each fr_scheduler_step that of the
 * next epoch (or batch: whatever the program counts), for every group from its own rate. Most compute the next rate
 * from the one that is there, so that several schedulers of one optimiser, each stepped, multiply their effects.
 * "base" is the rate that a group had when its first scheduler was made. A scheduler belongs to o (it is saved with it
 * by fr_save_training); it is freed with fr_scheduler_free, before or after o. NULL, with an error and no rate changed,
 * for a setting out of the range given, or where a rate would be negative or not finite. */
typedef struct fr_scheduler fr_scheduler;

/* x gamma at every step_size-th epoch; step_size >= 1, gamma >= 0 (PyTorch's default is 0.1). */
fr_scheduler *fr_step_lr(fr_optim *o, int64_t step_size, double gamma);
/* x gamma at each of n milestones, which do not fall; they are copied. */
fr_scheduler *fr_multi_step_lr(fr_optim *o, const int64_t *milestones, int n, double gamma);
fr_scheduler *fr_exponential_lr(fr_optim *o, double gamma); /* x gamma at every epoch */
/* From base to eta_min >= 0 in t_max >= 1 epochs along half a cosine, and back in as many, and so on. */
fr_scheduler *fr_cosine_annealing_lr(fr_optim *o, int64_t t_max, double eta_min);
/* base x start_factor at first, base x end_factor from epoch total_iters >= 1 on, a line between: a warm-up. 0 <
 * start_factor <= 1, 0 <= end_factor <= 1 (PyTorch's defaults: 1/3, 1, 5). */
fr_scheduler *fr_linear_lr(fr_optim *o, double start_factor, double end_factor, int64_t total_iters);
/* base x factor before epoch total_iters >= 1; 0 < factor <= 1 (PyTorch's defaults: 1/3, 5). */
fr_scheduler *fr_constant_lr(fr_optim *o, double factor, int64_t total_iters);
/* base x factor(epoch, group, user) */
typedef double fr_lr_function(int64_t epoch, int group, void *user);
fr_scheduler *fr_lambda_lr(fr_optim *o, fr_lr_function *factor, void *user);

typedef struct {
    double pct_start;                   /* default 0.3: the part of all steps in which the rate rises, 0 to 1 */
    double base_momentum, max_momentum; /* 0.85, 0.95; below 1 */
    double div_factor;                  /* 25: it begins with max_lr / div_factor */
    double final_div_factor;            /* 1e4: and ends with max_lr / div_factor / final_div_factor */
    bool linear;                        /* along lines, not cosines */
    bool three_phase;                   /* down to the first rate as slowly as up, then to the last */
    bool keep_momentum;                 /* do not cycle it */
    const double *max_lrs;              /* one for each group, in place of max_lr; copied, as are these: */
    const double *base_momentums, *max_momentums; /* in place of base_momentum, max_momentum */
    void *reserved[8];
} fr_one_cycle_options;
/* Smith and Topin, "Super-Convergence", 2018: up to max_lr and down again in total_steps >= 1 steps, momentum (beta1 of
 * Adam) the other way round; the step after the last is the last that can be made, as in PyTorch. Sets base. Fails for
 * an optimiser without momentum unless keep_momentum. */
fr_scheduler *fr_one_cycle_lr(fr_optim *o, double max_lr, int64_t total_steps, const fr_one_cycle_options *options);

typedef struct {
    bool max;              /* a better metric is a larger one, not a smaller */
    double factor;         /* default 0.1; below 1 */
    int64_t patience;      /* 10: epochs without improvement that are put up with */
    bool no_patience;      /* patience 0 */
    double threshold;      /* 1e-4: what improves by less does not count */
    bool absolute;         /* best -+ threshold, not best (1 -+ threshold) */
    int64_t cooldown;      /* epochs after a reduction that do not count */
    double min_lr;         /* the rate does not fall below it */
    const double *min_lrs; /* one for each group, in place of min_lr; copied */
    double eps;            /* 1e-8: a reduction by no more than that is not made */
    void *reserved[8];
} fr_plateau_options;
/* x factor where the metric given to fr_scheduler_step_metric has not improved for too long. NaN is no improvement. */
fr_scheduler *fr_reduce_lr_on_plateau(fr_optim *o, const fr_plateau_options *options);

/* n >= 1 schedulers of o, one after another: number i takes over, from base, at epoch milestones[i - 1]; n - 1 rising
 * milestones >= 1. Owns its parts; none may be on_plateau or sequential. Where it fails, parts that do not belong to
 * another are freed. */
fr_scheduler *fr_sequential_lr(fr_optim *o, fr_scheduler *const *parts, int n, const int64_t *milestones);

/* The next epoch. False with an error, and nothing changed, for a scheduler that is part of another, for one that wants
 * a metric (and step_metric for one that does not), after o was freed, and where it fails as making one does. */
bool fr_scheduler_step(fr_scheduler *s);
bool fr_scheduler_step_metric(fr_scheduler *s, double metric);
double fr_scheduler_lr(const fr_scheduler *s, int group); /* the rate that it set last; NaN with an error where none */
void fr_scheduler_free(fr_scheduler *s);                  /* NULL is fine; an error for a part: its owner frees it */

/* --- Clipping gradients ------------------------------------------------------------------------------------------ */

/* Scales all gradients of m, in place, so that their common Euclidean norm is at most max: by the factor
 * min(1, max / (norm + 1e-6)). Returns the norm before; 0 where there is no gradient; NaN, with an error, for NULL and
 * unless max >= 0. A norm that is infinite or NaN is no error: gradients become 0 and NaN, as in PyTorch. */
double fr_clip_grad_norm(fr_module *m, double max);
/* The same for the p-norm, (sum |g|^p)^(1/p), p > 0; INFINITY: the largest |g|. With error_if_nonfinite, a norm that
 * is infinite or NaN is an error and leaves gradients as they are. */
double fr_clip_grad_norm_with(fr_module *m, double max, double p, bool error_if_nonfinite);
/* Clamps each value of m's gradients to [-max, max], in place; NaN stays. False with an error for NULL and unless
 * max >= 0. */
bool fr_clip_grad_value(fr_module *m, double max);

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
