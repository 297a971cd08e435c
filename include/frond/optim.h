/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Optimisers. They update a module's parameters from their gradients, with PyTorch's defaults and its arithmetic.
 *
 * An optimiser needs no open scope. It holds the parameters that the module had when the optimiser was made, frozen
 * ones too. Free it with fr_optim_free, before or after the module. In options, 0 means the default and FR_ZERO a real
 * zero. Gradients add up over several calls of fr_backward until fr_optim_zero_grad, so a large batch can be computed
 * in parts. */
#ifndef FROND_OPTIM_H
#define FROND_OPTIM_H

#include <frond/nn.h>

FR_BEGIN_DECLS

typedef struct fr_optim fr_optim;

/* --- Making optimisers -------------------------------------------------------------------------------------------- */

void fr_optim_free(fr_optim *o); /* NULL is allowed */

/* Each function makes an optimiser for the parameters of m. It returns NULL with an error if an option is negative,
 * infinite or NaN, if beta1, beta2 or alpha is 1 or more, if a reserved field is not NULL, or if the module has no
 * parameters or an expanded one. maximize goes up the gradient, not down. */

typedef struct {
    double lr; /* default 1e-3 */
    double momentum, dampening, weight_decay;
    bool nesterov; /* needs momentum > 0 and dampening 0 */
    bool maximize;
    void *reserved[8];
} fr_sgd_options;
/* Stochastic gradient descent, with PyTorch's form of momentum: p' = p - lr v', v' = momentum v + (1 - dampening) g,
 * where g = gradient + weight_decay p. At the first step v' = g. With nesterov p' = p - lr (g + momentum v'). */
fr_optim *fr_sgd(fr_module *m, const fr_sgd_options *options) FR_FREED_BY(fr_optim_free);

typedef struct {
    double lr;           /* default 1e-3 */
    double beta1, beta2; /* defaults 0.9, 0.999 */
    double eps;          /* default 1e-8 */
    double weight_decay; /* fr_adam: default 0, added to the gradient (L2); fr_adamw: 1e-2, taken off the parameter */
    bool maximize;
    bool amsgrad; /* divides by the largest second moment so far */
    void *reserved[8];
} fr_adam_options;
/* Adam: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015. amsgrad: Reddi, Kale and Kumar, "On the
 * Convergence of Adam and Beyond", 2018. */
fr_optim *fr_adam(fr_module *m, const fr_adam_options *options) FR_FREED_BY(fr_optim_free);
/* AdamW: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019. */
typedef fr_adam_options fr_adamw_options;
fr_optim *fr_adamw(fr_module *m, const fr_adamw_options *options) FR_FREED_BY(fr_optim_free);

typedef struct {
    double lr;    /* default 1e-2 */
    double alpha; /* default 0.99: this part of the mean square is kept at each step */
    double eps;   /* default 1e-8 */
    double weight_decay, momentum;
    bool centered; /* divides by the standard deviation instead of the root of the mean square */
    bool maximize;
    void *reserved[8];
} fr_rmsprop_options;
/* RMSprop: Hinton, lecture 6 of "Neural Networks for Machine Learning", 2012. centered: Graves, "Generating Sequences
 * With Recurrent Neural Networks", 2013. */
fr_optim *fr_rmsprop(fr_module *m, const fr_rmsprop_options *options) FR_FREED_BY(fr_optim_free);

typedef struct {
    double lr;       /* default 1e-2 */
    double lr_decay; /* at step t the rate is lr / (1 + (t - 1) lr_decay) */
    double weight_decay, initial_accumulator_value;
    double eps; /* default 1e-10 */
    bool maximize;
    void *reserved[8];
} fr_adagrad_options;
/* Adagrad: Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization",
 * 2011. */
fr_optim *fr_adagrad(fr_module *m, const fr_adagrad_options *options) FR_FREED_BY(fr_optim_free);

typedef struct {
    double lr;  /* default 1 */
    double rho; /* default 0.9: this part of the mean squares is kept at each step */
    double eps; /* default 1e-6 */
    double weight_decay;
    bool maximize;
    void *reserved[8];
} fr_adadelta_options;
/* Adadelta: Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012. rho is below 1. */
fr_optim *fr_adadelta(fr_module *m, const fr_adadelta_options *options) FR_FREED_BY(fr_optim_free);

typedef struct {
    double lr;             /* default 2e-3 */
    double beta1, beta2;   /* defaults 0.9, 0.999 */
    double eps;            /* default 1e-8 */
    double weight_decay;   /* added to the gradient, or, if decoupled, taken off the parameter */
    double momentum_decay; /* default 4e-3 */
    bool decoupled_weight_decay;
    bool maximize;
    void *reserved[8];
} fr_nadam_options;
/* NAdam: Dozat, "Incorporating Nesterov Momentum into Adam", 2016. */
fr_optim *fr_nadam(fr_module *m, const fr_nadam_options *options) FR_FREED_BY(fr_optim_free);

typedef struct {
    double lr;           /* default 1e-3 */
    double beta1, beta2; /* defaults 0.9, 0.999 */
    double eps;          /* default 1e-8 */
    double weight_decay; /* added to the gradient, or, if decoupled, taken off the parameter */
    bool decoupled_weight_decay;
    bool maximize;
    void *reserved[8];
} fr_radam_options;
/* RAdam: Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", 2020. */
fr_optim *fr_radam(fr_module *m, const fr_radam_options *options) FR_FREED_BY(fr_optim_free);

typedef struct {
    double lr;                           /* default 1e-2: the first step of each value */
    double etaminus, etaplus;            /* defaults 0.5, 1.2: factors of a step; 0 < etaminus < 1 < etaplus */
    double step_size_min, step_size_max; /* defaults 1e-6, 50 */
    bool maximize;
    void *reserved[8];
} fr_rprop_options;
/* Rprop: Riedmiller and Braun, "A Direct Adaptive Method for Faster Backpropagation Learning: The RPROP Algorithm",
 * 1993. For gradients of all data at once. */
fr_optim *fr_rprop(fr_module *m, const fr_rprop_options *options) FR_FREED_BY(fr_optim_free);

typedef struct {
    double lr;               /* default 1 */
    int64_t max_iter;        /* default 20: iterations in a step */
    int64_t max_eval;        /* default 5/4 max_iter: calls of the closure in a step */
    double tolerance_grad;   /* default 1e-7: stops where no |gradient| is larger */
    double tolerance_change; /* default 1e-9: stops where neither a parameter nor the loss changes by more */
    int64_t history_size;    /* default 100: steps remembered, each as two vectors of all parameters */
    bool strong_wolfe;       /* PyTorch's line_search_fn="strong_wolfe"; else each iteration goes by lr */
    bool maximize;
    void *reserved[8];
} fr_lbfgs_options;
/* L-BFGS: Liu and Nocedal, "On the Limited Memory BFGS Method for Large Scale Optimization", 1989. For few parameters
 * and a loss of all data at once. Takes steps by fr_optim_step_closure alone and has one group: making another fails.
 * A count that is not 0 or more is an error too. */
fr_optim *fr_lbfgs(fr_module *m, const fr_lbfgs_options *options) FR_FREED_BY(fr_optim_free);

/* Makes one step for each parameter that has a gradient and wants one. Other parameters, such as frozen ones, and their
 * step counts do not change. The step writes values in place, so a backward that saved them fails. It records nothing.
 * Returns false, with nothing changed, if memory runs out; that can happen only at a parameter's first step or after a
 * change of its options. */
bool fr_optim_step(fr_optim *o);

/* PyTorch's optimizer.step(closure). The closure drops the gradients, computes the loss, calls fr_backward and returns
 * the loss, a tensor of one value; it runs in a scope of its own and must give the same loss for the same parameters.
 * fr_lbfgs calls it up to max_eval times, any other optimiser once. Returns the first loss; NaN with an error if the
 * closure returned NULL or more than one value, or where fr_optim_step fails. Then the
 * parameters may have gone as far as the last complete iteration of fr_lbfgs. fr_optim_step fails for fr_lbfgs. */
typedef fr_tensor *fr_closure(void *user);
double fr_optim_step_closure(fr_optim *o, fr_closure *closure, void *user);

void fr_optim_zero_grad(fr_optim *o);         /* drops the gradients; NULL is allowed */
bool fr_optim_set_lr(fr_optim *o, double lr); /* for all groups, from the next step on; fails unless 0 <= lr < inf */
double fr_optim_lr(const fr_optim *o);        /* the rate of the first group; NaN for NULL */

/* --- Groups of parameters, each with its own options -------------------------------------------------------------- */

/* An optimiser starts with one group, number 0, of all its parameters. The next three functions make a new group and
 * return its number, or -1 with an error and nothing changed. The new group's options are those of group 0; for
 * fr_optim_split they are those of the group that the parameters were in. A parameter is in one group only: adding one
 * that is already in the optimiser is an error that names it and its group. NULL, int64, an expanded view, a tensor
 * with a history and a list without parameters are errors too. */

/* Makes a group of m's parameters, such as those of a layer that is trained from now on. */
int fr_optim_add_group(fr_optim *o, fr_module *m);
/* Makes a group of these n tensors, which o holds from now on. With fr_requires_grad the caller says if they want
 * gradients. */
int fr_optim_add_parameters(fr_optim *o, fr_tensor *const *parameters, int n);
/* Makes a group of these n parameters of o. All must be in one group, which they leave; their state stays. */
int fr_optim_split(fr_optim *o, fr_tensor *const *parameters, int n);

int fr_optim_groups(const fr_optim *o); /* the number of groups; -1 for NULL */

/* fr_optim_set and fr_optim_get write and read an option of a group by its name in the options struct, such as
 * "weight_decay"; a flag is 0 or 1. A change takes effect at the next step. It fails where making the optimiser with
 * this value would fail. An unknown group and an option that this optimiser does not have are errors; fr_optim_get
 * returns NaN then. Here 0 is a real zero. */
bool fr_optim_set(fr_optim *o, int group, const char *option, double value);
double fr_optim_get(const fr_optim *o, int group, const char *option);
bool fr_optim_set_group_lr(fr_optim *o, int group, double lr); /* fr_optim_set for "lr" */
double fr_optim_group_lr(const fr_optim *o, int group);        /* fr_optim_get for "lr" */

/* --- Schedulers: the learning rate over time ---------------------------------------------------------------------- */

/* Schedulers work like those of torch.optim.lr_scheduler. Making one sets the rate of epoch 0 at once; each
 * fr_scheduler_step sets the rate of the next epoch, or batch, or whatever the program counts. It does so for every
 * group, from the group's own rate. Most compute the next rate from the current one, so the effects of several
 * schedulers of one optimiser multiply if each is stepped. "base" is the rate that a group had when its first scheduler
 * was made.
 *
 * A scheduler belongs to o, and fr_save_training saves it with o. Free it with fr_scheduler_free, before or after o. A
 * maker returns NULL, with an error and no rate changed, if a setting is out of its range or if a rate would be
 * negative or not finite. */
typedef struct fr_scheduler fr_scheduler;

void fr_scheduler_free(fr_scheduler *s); /* NULL is allowed; an error for a part, which its owner frees */

/* Multiplies the rate by gamma at every step_size-th epoch; step_size >= 1, gamma >= 0 (PyTorch's default: 0.1). */
fr_scheduler *fr_step_lr(fr_optim *o, int64_t step_size, double gamma) FR_FREED_BY(fr_scheduler_free);
/* Multiplies the rate by gamma at each of n milestones, which must not fall. They are copied. */
fr_scheduler *fr_multi_step_lr(fr_optim *o, const int64_t *milestones, int n, double gamma)
    FR_FREED_BY(fr_scheduler_free);
/* Multiplies the rate by gamma at every epoch. */
fr_scheduler *fr_exponential_lr(fr_optim *o, double gamma) FR_FREED_BY(fr_scheduler_free);
/* Goes from base to eta_min >= 0 along half a cosine in t_max >= 1 epochs, then back in as many, and so on. */
fr_scheduler *fr_cosine_annealing_lr(fr_optim *o, int64_t t_max, double eta_min) FR_FREED_BY(fr_scheduler_free);
/* A warm-up: goes along a line from base x start_factor at epoch 0 to base x end_factor at epoch total_iters >= 1, and
 * stays there. 0 < start_factor <= 1, 0 <= end_factor <= 1. PyTorch's defaults: 1/3, 1, 5. */
fr_scheduler *fr_linear_lr(fr_optim *o, double start_factor, double end_factor, int64_t total_iters)
    FR_FREED_BY(fr_scheduler_free);
/* The rate is base x factor before epoch total_iters >= 1; 0 < factor <= 1. PyTorch's defaults: 1/3, 5. */
fr_scheduler *fr_constant_lr(fr_optim *o, double factor, int64_t total_iters) FR_FREED_BY(fr_scheduler_free);
/* The rate is base x (1 - epoch / total_iters)^power, and 0 from epoch total_iters >= 1 on; power >= 0. PyTorch's
 * defaults: 5, 1. */
fr_scheduler *fr_polynomial_lr(fr_optim *o, int64_t total_iters, double power) FR_FREED_BY(fr_scheduler_free);
/* Goes from base to eta_min >= 0 along half a cosine in t_0 >= 1 epochs, then starts from base again, each time t_mult
 * >= 1 times as long (Loshchilov and Hutter, "SGDR", 2017). PyTorch's defaults: t_mult 1, eta_min 0. */
fr_scheduler *fr_cosine_annealing_warm_restarts(fr_optim *o, int64_t t_0, int64_t t_mult, double eta_min)
    FR_FREED_BY(fr_scheduler_free);
/* The rate is base x factor(epoch, group, user). */
typedef double fr_lr_function(int64_t epoch, int group, void *user);
fr_scheduler *fr_lambda_lr(fr_optim *o, fr_lr_function *factor, void *user) FR_FREED_BY(fr_scheduler_free);

typedef struct {
    double pct_start;                   /* default 0.3: the part of all steps in which the rate rises, 0 to 1 */
    double base_momentum, max_momentum; /* defaults 0.85, 0.95; below 1 */
    double div_factor;                  /* default 25: the first rate is max_lr / div_factor */
    double final_div_factor;            /* default 1e4: the last rate is max_lr / div_factor / final_div_factor */
    bool linear;                        /* changes along lines, not cosines */
    bool three_phase;                   /* goes down to the first rate as slowly as up, then to the last rate */
    bool keep_momentum;                 /* does not change momentum */
    const double *max_lrs;              /* one for each group, instead of max_lr; copied, like the next two */
    const double *base_momentums, *max_momentums; /* instead of base_momentum and max_momentum */
    void *reserved[8];
} fr_one_cycle_options;
/* The rate goes up to max_lr and down again in total_steps >= 1 steps (Smith and Topin, "Super-Convergence", 2018);
 * momentum, or beta1 of Adam, goes the opposite way. As in PyTorch, one more step can be made after the last. Sets
 * base. Fails for an optimiser without momentum unless keep_momentum is set. */
fr_scheduler *fr_one_cycle_lr(fr_optim *o, double max_lr, int64_t total_steps, const fr_one_cycle_options *options)
    FR_FREED_BY(fr_scheduler_free);

typedef struct {
    int64_t step_size_up;               /* default 2000 */
    int64_t step_size_down;             /* default step_size_up */
    bool triangular2;                   /* PyTorch's mode of that name: each cycle is half as high as the one before */
    double gamma;                       /* default 1; PyTorch's exp_range: the height is also gamma^epoch */
    double base_momentum, max_momentum; /* defaults 0.8, 0.9; below 1 */
    bool keep_momentum;                 /* does not change momentum */
    void *reserved[8];
} fr_cyclic_options;
/* The rate goes along lines from base_lr to max_lr and back, again and again (Smith, "Cyclical Learning Rates for
 * Training Neural Networks", 2017); momentum, or beta1 of Adam, goes the opposite way. The same rates serve all groups.
 * Fails for an optimiser without momentum unless keep_momentum is set. */
fr_scheduler *fr_cyclic_lr(fr_optim *o, double base_lr, double max_lr, const fr_cyclic_options *options)
    FR_FREED_BY(fr_scheduler_free);

typedef struct {
    bool max;              /* true: a larger metric is better; false: a smaller one */
    double factor;         /* default 0.1; below 1 */
    int64_t patience;      /* default 10: this many epochs without improvement change nothing */
    bool no_patience;      /* patience is 0 */
    double threshold;      /* default 1e-4: a smaller improvement does not count */
    bool absolute;         /* the metric must beat best -+ threshold, not best (1 -+ threshold) */
    int64_t cooldown;      /* this many epochs after a reduction do not count */
    double min_lr;         /* the rate does not fall below it */
    const double *min_lrs; /* one for each group, instead of min_lr; copied */
    double eps;            /* default 1e-8: a reduction by this or less is not made */
    void *reserved[8];
} fr_plateau_options;
/* Multiplies the rate by factor if the metric given to fr_scheduler_step_metric has not improved for more than patience
 * epochs. NaN is no improvement. */
fr_scheduler *fr_reduce_lr_on_plateau(fr_optim *o, const fr_plateau_options *options) FR_FREED_BY(fr_scheduler_free);

/* Runs n >= 1 schedulers of o, one after another: number i takes over at epoch milestones[i - 1] and starts from base.
 * The n - 1 milestones rise and are 1 or more. Owns its parts; none may be on_plateau or sequential. If the call fails,
 * parts that belong to no other scheduler are freed. A warm-up of 5 epochs and what comes after it:
 *
 *     fr_scheduler *parts[] = { fr_linear_lr(o, 0.1, 1, 5), fr_cosine_annealing_lr(o, 95, 0) };
 *     fr_scheduler *s = fr_sequential_lr(o, parts, 2, (int64_t[]){ 5 }); */
fr_scheduler *fr_sequential_lr(fr_optim *o, fr_scheduler *const *parts, int n, const int64_t *milestones)
    FR_FREED_BY(fr_scheduler_free);

/* Go on to the next epoch. They return false with an error, and change nothing, if s is part of another scheduler, if o
 * was freed, or where making s would fail. A scheduler that uses a metric needs fr_scheduler_step_metric, any other
 * fr_scheduler_step; the wrong one fails too. */
bool fr_scheduler_step(fr_scheduler *s);
bool fr_scheduler_step_metric(fr_scheduler *s, double metric);
double fr_scheduler_lr(const fr_scheduler *s, int group); /* the rate that s set last; NaN with an error if it fails */

/* --- Clipping gradients ------------------------------------------------------------------------------------------- */

/* Scales all gradients of m in place so that their common Euclidean norm is at most max: the factor is
 * min(1, max / (norm + 1e-6)). Returns the norm before; 0 if there is no gradient; NaN with an error for m NULL and
 * unless max >= 0. A norm that is infinite or NaN is no error: gradients become 0 or NaN, as in PyTorch. */
double fr_clip_grad_norm(fr_module *m, double max);
/* The same for the p-norm, (sum |g|^p)^(1/p), p > 0; INFINITY: the largest |g|. With error_if_nonfinite, a norm that
 * is infinite or NaN is an error and gradients do not change. */
double fr_clip_grad_norm_with(fr_module *m, double max, double p, bool error_if_nonfinite);
/* The common Euclidean norm of m's gradients, as fr_clip_grad_norm returns it; NaN with an error for m NULL. */
double fr_module_grad_norm(fr_module *m);
/* Clamps each value of m's gradients to [-max, max] in place; NaN stays NaN. Returns false with an error for m NULL and
 * unless max >= 0. */
bool fr_clip_grad_value(fr_module *m, double max);

/* --- Moving averages ---------------------------------------------------------------------------------------------- */

/* Makes exponential moving averages of all parameters and buffers that m has now, like PyTorch's AveragedModel with
 * get_ema_multi_avg_fn(decay). The first update copies the model; each later one computes
 * average + (1 - decay) (model - average). decay is 0 to 1; PyTorch's default is 0.999. Returns NULL with an error for
 * another decay, for a tensor with a history and for an expanded view. Needs no open scope and holds m's tensors. Free
 * it with fr_ema_free, before or after m. */
typedef struct fr_ema fr_ema;
void fr_ema_free(fr_ema *e); /* NULL is allowed */
fr_ema *fr_ema_new(fr_module *m, double decay) FR_FREED_BY(fr_ema_free);
/* Sets whether buffers are averaged too (PyTorch's use_buffers); at first each update copies them. int64 buffers are
 * averaged in float32 and cut off to whole numbers. */
bool fr_ema_average_buffers(fr_ema *e, bool average);
bool fr_ema_update(fr_ema *e); /* call it after a step of the optimiser; fails while swapped; needs no memory */
/* Exchanges the model's values and the averages, for an evaluation; a second call exchanges them back. */
bool fr_ema_swap(fr_ema *e);
/* Copies the averages to m, which must have the model's names, shapes and dtypes: the model itself or another like it.
 * Fails for any other module, which then does not change at all, and while swapped. */
bool fr_ema_copy_to(const fr_ema *e, fr_module *m);
/* Returns the averages as a module, like PyTorch's AveragedModel: "n_averaged" () int64, the number of updates, and,
 * below "module", all names of the model. Save it with fr_save (not while swapped), load it with fr_load_into; it
 * cannot be run. Borrowed from e. */
fr_module *fr_ema_module(const fr_ema *e);

FR_END_DECLS
#endif
