/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A step, the same for all optimisers: every parameter that requires a gradient and has one is updated, in tiles that
 * the threads share. */
#include "core/recorder.h"
#include "core/scope.h"
#include "core/shape.h"
#include "core/threads.h"
#include "optim/optim.h"

#include <frond/autograd.h>

enum { TILE = 1 << 15 }; /* values, whatever the number of threads */

static const void *options_of(const fr_optim *o, const fr_optim_slot *s)
{
    return o->groups[s->group].options;
}

/* Makes the states that the step needs, and the contiguous copy. After that a step cannot fail. */
static bool prepare(const fr_optim *o, fr_optim_slot *s)
{
    fr_tensor *p = s->parameter;
    unsigned used = o->kind->needed_states(options_of(o, s));

    for (int k = 0; k < FR_OPTIM_STATES; k++) {
        if (s->state[k] || !(used >> k & 1))
            continue;
        s->state[k] = fr_tensor_alloc("optim_step", &p->shape, (fr_dtype)p->dtype);
        if (!s->state[k])
            return false;
        memset(s->state[k]->origin, 0, s->state[k]->storage->bytes);
        s->fresh |= 1U << k;
    }
    if (!p->contiguous && !s->copy)
        s->copy = fr_tensor_alloc("optim_step", &p->shape, (fr_dtype)p->dtype);
    return p->contiguous || s->copy;
}

typedef struct {
    const fr_optim_kind *kind;
    fr_optim_update whole; /* of all values of the parameter */
} update_job;

static void update_tile(void *user, int64_t tile)
{
    const update_job *j = user;
    fr_optim_update part = j->whole;
    int64_t start = tile * TILE;
    size_t skip = (size_t)start * fr_dtype_size(part.dtype);

    part.n = part.n - start < TILE ? part.n - start : TILE;
    part.param = (char *)part.param + skip;
    part.grad = (const char *)part.grad + skip;
    for (int k = 0; k < FR_OPTIM_STATES; k++)
        if (part.state[k])
            part.state[k] = (char *)part.state[k] + skip;
    j->kind->update(&part);
}

static void update(const fr_optim *o, fr_optim_slot *s)
{
    fr_tensor *p = s->parameter, *values = s->copy ? s->copy : p;
    unsigned used = o->kind->needed_states(options_of(o, s));
    update_job j = { .kind = o->kind,
                     .whole = { .options = options_of(o, s),
                                .step = ++s->steps,
                                .fresh = s->fresh & used,
                                .dtype = (fr_dtype)p->dtype,
                                .n = p->numel,
                                .param = values->origin,
                                .grad = p->grad->origin } };

    for (int k = 0; k < FR_OPTIM_STATES; k++)
        if (used >> k & 1)
            j.whole.state[k] = s->state[k]->origin;
    if (s->copy)
        fr_copy_values(s->copy, p);
    fr_run_tiles((p->numel + TILE - 1) / TILE, update_tile, &j);
    if (s->copy)
        fr_copy_values(p, s->copy);
    s->fresh &= ~used;
    fr_storage_bump(p);
}

/* A parameter that was frozen after a backward still has a gradient. */
static bool is_updated(const fr_optim_slot *s)
{
    return s->parameter->grad && s->parameter->requires_grad;
}

static bool step_all(const fr_action *a)
{
    fr_optim *o = a->object;

    if (!fr_check_argument("optim_step", o, "optimiser"))
        return false;
    for (size_t i = 0; i < o->count; i++)
        if (is_updated(&o->slots[i]) && !prepare(o, &o->slots[i]))
            return false;
    for (size_t i = 0; i < o->count; i++)
        if (is_updated(&o->slots[i]))
            update(o, &o->slots[i]);
    return true;
}

static bool step(fr_optim *o)
{
    if (!fr_check_argument("optim_step", o, "optimiser"))
        return false;
    if (o->kind->step)
        return fr_fail("optim_step", "%s asks for the loss more than once: see fr_optim_step_closure", o->kind->name);
    return fr_act(fr_thread_self(), &(fr_action){ .run = step_all, .object = o });
}

bool fr_optim_step(fr_optim *o)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "optim_step");
    bool ok = step(o);

    fr_finish(th, before);
    return ok;
}

/* While the closure runs, errors are reported at once, not when the public function returns. */
bool fr_call_closure(const char *what, fr_closure *closure, void *user, bool no_grad, double *loss)
{
    fr_thread *th = fr_thread_self();
    bool before = th->mode.no_grad;
    int scope = fr_scope_begin();

    if (scope < 0)
        return false;
    th->mode.no_grad = no_grad;
    fr_report_errors(th);

    fr_tensor *y = closure(user);

    fr_defer_errors(th);
    th->mode.no_grad = before;

    bool ok = fr_check_argument(what, y, "the closure's result") &&
              (y->numel == 1 || fr_fail(what, "the closure's loss has %lld values, expected 1", (long long)y->numel));

    *loss = ok ? fr_item(y) : NAN;
    fr_scope_end(scope);
    return ok;
}

static double step_closure(const char *what, fr_optim *o, fr_closure *closure, void *user)
{
    double loss;

    if (!fr_check_argument(what, o, "optimiser") || !fr_not_captured(fr_thread_self(), what))
        return NAN;
    if (!closure)
        return fr_fail(what, "closure is NULL"), NAN;
    if (o->kind->step)
        return o->kind->step(o, closure, user);
    return fr_call_closure(what, closure, user, fr_thread_self()->mode.no_grad, &loss) && step(o) ? loss : NAN;
}

double fr_optim_step_closure(fr_optim *o, fr_closure *closure, void *user)
{
    const char *what = "optim_step_closure";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    double loss = step_closure(what, o, closure, user);

    fr_finish(th, before);
    return loss;
}

void fr_optim_zero_grad(fr_optim *o)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "optim_zero_grad");
    bool given = fr_is_given("optim_zero_grad", o, "optimiser");

    for (size_t i = 0; given && i < o->count; i++)
        fr_zero_grad(o->slots[i].parameter);
    fr_finish(th, before);
}
