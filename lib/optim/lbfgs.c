/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* L-BFGS: Liu and Nocedal, "On the Limited Memory BFGS Method for Large Scale Optimization", 1989, as PyTorch has it,
 * with the line search of Schmidt's minFunc: Nocedal and Wright, "Numerical Optimization", 2006, algorithms 7.4, 3.5
 * and 3.6.
 *
 * All parameters, and all gradients, are one vector of n values. The state that outlives a step is in o->shared:
 *
 *     NUMBERS        (2) float64: the length t of the last step, and the scale h of the first guess of the Hessian's
 *                    inverse
 *     DIRECTION      (n): d, the last step divided by t
 *     PREVIOUS_GRAD  (n): the gradient before that step
 *     PAIRS          for each step remembered, the oldest first, two (n): y, by which the gradient changed, and s, the
 *                    step */
#include "core/memory.h"
#include "optim/optim.h"

#include <frond/autograd.h>
#include <frond/op.h>
#include <frond/ops.h>

enum { NUMBERS, DIRECTION, PREVIOUS_GRAD, PAIRS };
enum { T, H };

static const char what[] = "optim_step_closure";

/* The strong Wolfe conditions for a step t, with f(t) the loss there: f(t) <= f(0) + C1 t f'(0), it is low enough, and
 * |f'(t)| <= C2 |f'(0)|, it is flat enough. */
static const double C1 = 1e-4, C2 = 0.9;
static const double CURVATURE = 1e-10; /* pairs with y . s up to this are not remembered */

typedef struct {
    fr_thread *th;
    fr_optim *o;
    const fr_lbfgs_options *options;
    fr_closure *closure;
    void *user;
    bool no_grad; /* as the caller left it, for the closure */
    int64_t evals;
    double loss;     /* where the parameters are; negated to maximise, like grad */
    fr_tensor *grad; /* (n), owned */
} run;

/* --- Vectors ------------------------------------------------------------------------------------------------------ */

static double dot(fr_tensor *a, fr_tensor *b)
{
    FR_SCOPE;
    return fr_item(fr_matmul(a, b));
}

static double abs_max(fr_tensor *v)
{
    FR_SCOPE;
    return fr_item(fr_max(fr_abs(v)));
}

/* v = v + factor w */
static bool add_to(fr_tensor *v, double factor, fr_tensor *w)
{
    FR_SCOPE;
    return fr_copy(v, fr_add(v, fr_mul_scalar(w, factor))) != NULL;
}

/* The part of v that belongs to s, which begins at *at; *at moves on to the next. */
static fr_tensor *part_of(fr_tensor *v, const fr_optim_slot *s, int64_t *at)
{
    int64_t start = *at;

    *at += s->parameter->numel;
    return fr_view_as(fr_slice(v, 0, start, *at, 1), s->parameter);
}

/* All parameters, or their gradients, as one vector: zeros where there is no gradient or it is not wanted. float64 if
 * one of the parameters is. */
static fr_tensor *flatten(const fr_optim *o, bool grads)
{
    fr_dtype dtype = FR_F32;
    int64_t n = 0, at = 0;

    for (size_t i = 0; i < o->count; i++) {
        dtype = o->slots[i].parameter->dtype == FR_F64 ? FR_F64 : dtype;
        n += o->slots[i].parameter->numel;
    }

    fr_tensor *v = fr_cast(fr_zeros(FR_SHAPE(n)), dtype);
    bool ok = v != NULL;

    for (size_t i = 0; ok && i < o->count; i++) {
        const fr_tensor *p = o->slots[i].parameter, *from = !grads ? p : p->requires_grad ? p->grad : NULL;
        fr_tensor *part = part_of(v, &o->slots[i], &at);

        ok = !from || fr_copy(part, fr_cast(fr_detach(from), dtype));
    }
    return ok ? v : NULL;
}

/* parameters = v, but for frozen ones. */
static bool set_parameters(const fr_optim *o, fr_tensor *v)
{
    FR_SCOPE;
    int64_t at = 0;
    bool ok = v != NULL;

    for (size_t i = 0; ok && i < o->count; i++) {
        fr_tensor *p = o->slots[i].parameter, *part = part_of(v, &o->slots[i], &at);

        ok = !p->requires_grad || fr_copy(p, fr_cast(part, (fr_dtype)p->dtype));
    }
    return ok;
}

static int64_t max_evals(const fr_lbfgs_options *options)
{
    return options->max_eval ? options->max_eval : options->max_iter * 5 / 4;
}

/* --- The loss ----------------------------------------------------------------------------------------------------- */

/* Calls the closure, unless memory ran out before. The gradient is new. */
static bool evaluate(run *r, double *loss, fr_tensor **grad)
{
    bool ok = !r->th->errors.pending && fr_call_closure(what, r->closure, r->user, r->no_grad, loss);

    r->evals++;
    *grad = ok ? flatten(r->o, true) : NULL;
    if (*grad && r->options->maximize) {
        *loss = -*loss;
        *grad = fr_neg(*grad);
    }
    return *grad != NULL;
}

static void arrive(run *r, double loss, fr_tensor *grad)
{
    r->loss = loss;
    fr_assign(&r->grad, grad);
}

static bool is_minimum(const run *r)
{
    return abs_max(r->grad) <= r->options->tolerance_grad;
}

/* --- The line search ---------------------------------------------------------------------------------------------- */

/* A trial of the step t d: the loss there, its gradient, and the gradient's product with d. */
typedef struct {
    double t, loss, slope;
    fr_tensor *grad;
} trial;

typedef struct {
    run *run;
    fr_tensor *x, *d; /* where the search starts, and its direction */
    trial start, ends[2];
    int64_t trials, most; /* after the first */
    bool found;           /* ends[0] meets the conditions */
} search;

static bool try_step(search *s, double t, trial *there)
{
    there->t = t;

    bool ok =
        set_parameters(s->run->o, fr_add(s->x, fr_mul_scalar(s->d, t))) && evaluate(s->run, &there->loss, &there->grad);

    there->slope = ok ? dot(there->grad, s->d) : 0;
    return set_parameters(s->run->o, s->x) && ok;
}

static bool is_too_high(const search *s, const trial *p)
{
    return p->loss > s->start.loss + C1 * p->t * s->start.slope;
}

static bool is_flat(const search *s, const trial *p)
{
    return fabs(p->slope) <= -C2 * s->start.slope;
}

/* Where the cubic through two points, with their slopes, is least in [least, most], by formula 3.59 of
 * Nocedal and Wright; NaN stays NaN. */
static double interpolate(const trial *a, const trial *b, double least, double most)
{
    const trial *left = a->t <= b->t ? a : b, *right = a->t <= b->t ? b : a;
    double d1 = a->slope + b->slope - 3 * (a->loss - b->loss) / (a->t - b->t), square = d1 * d1 - a->slope * b->slope;

    if (!(square >= 0))
        return (least + most) / 2;

    double d2 = sqrt(square);
    double t = right->t - (right->t - left->t) * ((right->slope + d2 - d1) / (right->slope - left->slope + 2 * d2));

    t = t < least ? least : t;
    return t > most ? most : t;
}

/* Steps further and further, until a step is found, or two between which there must be one. */
static bool bracket(search *s, double t)
{
    trial before = s->start, now;

    if (!try_step(s, t, &now))
        return false;
    for (; s->trials < s->most; s->trials++) {
        bool high = is_too_high(s, &now) || (s->trials > 1 && now.loss >= before.loss);

        s->found = !high && is_flat(s, &now);
        if (high || s->found || now.slope >= 0) {
            s->ends[0] = s->found ? now : before;
            s->ends[1] = now;
            return true;
        }
        t = interpolate(&before, &now, now.t + 0.01 * (now.t - before.t), now.t * 10);
        before = now;
        if (!try_step(s, t, &now))
            return false;
    }
    s->ends[0] = s->start;
    s->ends[1] = now;
    return true;
}

/* The next t between the ends. One that is close to an end, for the second time or at the end itself, is moved away
 * from it by a tenth of the length. */
static double next_t(const search *s, bool *close)
{
    double least = fmin(s->ends[0].t, s->ends[1].t), most = fmax(s->ends[0].t, s->ends[1].t);
    double t = interpolate(&s->ends[0], &s->ends[1], least, most), tenth = 0.1 * (most - least);
    bool is_close = fmin(most - t, t - least) < tenth, move = is_close && (*close || t >= most || t <= least);

    *close = is_close && !move;
    if (!move)
        return t;
    return fabs(t - most) < fabs(t - least) ? most - tenth : least + tenth;
}

/* Brings the ends nearer to each other; ends[low] is the lower one. Returns its number in the end. */
static bool zoom(search *s, int *low)
{
    double length = abs_max(s->d);
    bool close = false;
    trial now;

    *low = s->ends[0].loss <= s->ends[1].loss ? 0 : 1;
    for (; !s->found && s->trials < s->most; s->trials++) {
        if (fabs(s->ends[1].t - s->ends[0].t) * length < s->run->options->tolerance_change)
            break;
        if (!try_step(s, next_t(s, &close), &now))
            return false;
        if (is_too_high(s, &now) || now.loss >= s->ends[*low].loss) {
            s->ends[!*low] = now;
            *low = s->ends[0].loss <= s->ends[1].loss ? 0 : 1;
            continue;
        }
        s->found = is_flat(s, &now);
        if (!s->found && now.slope * (s->ends[!*low].t - s->ends[*low].t) >= 0)
            s->ends[!*low] = s->ends[*low];
        s->ends[*low] = now;
    }
    return true;
}

/* Goes along d as far as the strong Wolfe conditions ask for, starting with *t, which becomes the length gone. */
static bool strong_wolfe(run *r, fr_tensor *d, double slope, double *t)
{
    search s = { .run = r,
                 .x = flatten(r->o, false),
                 .d = d,
                 .start = { .loss = r->loss, .slope = slope, .grad = r->grad },
                 .most = max_evals(r->options) - r->evals };
    int low;

    if (!s.x || !bracket(&s, *t) || !zoom(&s, &low))
        return false;
    *t = s.ends[low].t;
    arrive(r, s.ends[low].loss, s.ends[low].grad);
    return set_parameters(r->o, fr_add(s.x, fr_mul_scalar(d, *t)));
}

/* Goes along d by t. Then the loss is asked for, unless nobody wants to know. */
static bool fixed_step(run *r, fr_tensor *d, double t, bool last)
{
    fr_tensor *grad;
    double loss;

    if (!set_parameters(r->o, fr_add(flatten(r->o, false), fr_mul_scalar(d, t))))
        return false;
    if (last)
        return true;
    if (!evaluate(r, &loss, &grad))
        return false;
    arrive(r, loss, grad);
    return true;
}

/* --- The direction ------------------------------------------------------------------------------------------------ */

/* Remembers the last step if the gradient grew along it. */
static bool update_pairs(run *r)
{
    fr_optim *o = r->o;
    double *numbers = (double *)o->shared[NUMBERS]->origin;
    fr_tensor *y = fr_sub(r->grad, o->shared[PREVIOUS_GRAD]), *s = fr_mul_scalar(o->shared[DIRECTION], numbers[T]);
    double ys = dot(y, s);

    if (!y || !s)
        return false;
    if (!(ys > CURVATURE))
        return true;
    while (o->shared_count >= PAIRS + 2 * (size_t)r->options->history_size) {
        fr_unref(o->shared[PAIRS]);
        fr_unref(o->shared[PAIRS + 1]);
        o->shared_count -= 2;
        memmove(o->shared + PAIRS, o->shared + PAIRS + 2, (o->shared_count - PAIRS) * sizeof *o->shared);
    }
    numbers[H] = ys / dot(y, y);
    return fr_optim_share(what, o, (fr_tensor *[]){ y, s }, 2);
}

/* - (the approximate inverse of the Hessian) grad, by two loops over the pairs. */
static fr_tensor *direction(run *r)
{
    if (!update_pairs(r))
        return NULL;

    fr_tensor **pairs = r->o->shared + PAIRS, *q = fr_neg(r->grad);
    size_t count = (r->o->shared_count - PAIRS) / 2, bytes = (2 * count + 1) * sizeof(double);
    double *rho = fr_alloc(bytes), *alpha = rho ? rho + count : NULL;
    bool ok = q && (rho || fr_fail_memory(what));

    for (size_t i = count; ok && i-- > 0;) {
        rho[i] = 1 / dot(pairs[2 * i], pairs[2 * i + 1]);
        alpha[i] = dot(pairs[2 * i + 1], q) * rho[i];
        ok = add_to(q, -alpha[i], pairs[2 * i]);
    }
    q = ok ? fr_mul_scalar(q, ((double *)r->o->shared[NUMBERS]->origin)[H]) : NULL;
    for (size_t i = 0; q && ok && i < count; i++)
        ok = add_to(q, alpha[i] - dot(pairs[2 * i], q) * rho[i], pairs[2 * i + 1]);
    fr_free(rho, bytes);
    return ok ? q : NULL;
}

/* Keeps what the next direction starts from. */
static bool remember(fr_optim *o, double t, fr_tensor *d, fr_tensor *grad)
{
    if (!d)
        return false;
    if (o->shared_count == 0) {
        fr_tensor *numbers = fr_tensor_from(FR_SHAPE(2), (double[]){ t, 1 }, FR_F64);

        return numbers && fr_optim_share(what, o, (fr_tensor *[]){ numbers, d, grad }, 3);
    }
    ((double *)o->shared[NUMBERS]->origin)[T] = t;
    fr_assign(&o->shared[DIRECTION], d);
    fr_assign(&o->shared[PREVIOUS_GRAD], grad);
    return true;
}

/* --- A step ------------------------------------------------------------------------------------------------------- */

/* *done: no further iteration makes sense. */
static bool iterate(run *r, bool last, bool *done)
{
    FR_SCOPE;
    const fr_lbfgs_options *options = r->options;
    bool first = r->o->shared_count == 0;
    fr_tensor *d = first ? fr_neg(r->grad) : direction(r);
    double t = first ? fmin(1, 1 / fr_item(fr_sum(fr_abs(r->grad)))) * options->lr : options->lr;
    double slope = dot(r->grad, d), before = r->loss;

    if (!remember(r->o, t, d, r->grad))
        return false;
    *done = slope > -options->tolerance_change;
    if (*done)
        return true;
    if (options->strong_wolfe ? !strong_wolfe(r, d, slope, &t) : !fixed_step(r, d, t, last))
        return false;
    ((double *)r->o->shared[NUMBERS]->origin)[T] = t;
    *done = last || r->evals >= max_evals(options) || is_minimum(r) ||
            fabs(t) * abs_max(d) <= options->tolerance_change || fabs(r->loss - before) < options->tolerance_change;
    return !r->th->errors.pending;
}

static bool minimise(run *r, double *first_loss)
{
    FR_SCOPE;
    fr_tensor *grad;
    double loss;
    bool done = false, ok = evaluate(r, &loss, &grad);

    if (!ok)
        return false;
    *first_loss = r->options->maximize ? -loss : loss;
    arrive(r, loss, grad);
    if (is_minimum(r))
        return true;
    for (int64_t i = 1; ok && !done && i <= r->options->max_iter; i++)
        ok = iterate(r, i == r->options->max_iter, &done);
    return ok;
}

static double step(fr_optim *o, fr_closure *closure, void *user)
{
    fr_thread *th = fr_thread_self();
    run r = {
        .th = th, .o = o, .options = o->groups[0].options, .closure = closure, .user = user, .no_grad = th->mode.no_grad
    };
    double loss = NAN;

    th->mode.no_grad = true;

    bool ok = minimise(&r, &loss);

    th->mode.no_grad = r.no_grad;
    fr_unref(r.grad);
    return ok ? loss : NAN;
}

/* --- The rule ----------------------------------------------------------------------------------------------------- */

static bool is_vector(const fr_tensor *t, const fr_tensor *like)
{
    return t->shape.ndim == 1 && t->numel == like->numel && t->dtype == like->dtype;
}

/* What a checkpoint has for o->shared. */
static bool check_shared(const fr_optim *o, fr_tensor *const *shared, size_t count)
{
    int64_t n = 0;

    for (size_t i = 0; i < o->count; i++)
        n += o->slots[i].parameter->numel;
    if (count == 0)
        return true;
    if (count < PAIRS || (count - PAIRS) % 2 != 0 || shared[NUMBERS]->dtype != FR_F64 || shared[NUMBERS]->numel != 2)
        return false;
    for (size_t i = DIRECTION; i < count; i++)
        if (!is_vector(shared[i], shared[DIRECTION]) || shared[i]->numel != n)
            return false;
    return true;
}

static unsigned needed_states(const void *options)
{
    (void)options;
    return 0;
}

static const fr_optim_option lbfgs_options[] = {
    { FR_OPTIM_FIELD(fr_lbfgs_options, lr), .default_value = 1, .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_lbfgs_options, max_iter), .default_value = 20, .count = true },
    { FR_OPTIM_FIELD(fr_lbfgs_options, max_eval), .count = true },
    { FR_OPTIM_FIELD(fr_lbfgs_options, tolerance_grad), .default_value = 1e-7, .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_lbfgs_options, tolerance_change), .default_value = 1e-9, .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_lbfgs_options, history_size), .default_value = 100, .count = true },
    { FR_OPTIM_FIELD(fr_lbfgs_options, strong_wolfe), .flag = true },
    { FR_OPTIM_FIELD(fr_lbfgs_options, maximize), .flag = true },
    { NULL },
};

static const fr_optim_kind lbfgs_kind = { .name = "lbfgs",
                                          .options = lbfgs_options,
                                          .size = sizeof(fr_lbfgs_options),
                                          .reserved = offsetof(fr_lbfgs_options, reserved),
                                          .needed_states = needed_states,
                                          .step = step,
                                          .check_shared = check_shared };

fr_optim *fr_lbfgs(fr_module *m, const fr_lbfgs_options *options)
{
    return fr_optim_make(&lbfgs_kind, m, options);
}
