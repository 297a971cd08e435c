/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What all optimisers share: the parameters, their state, and the public functions. See optim.h for the rest. */
#include "optim/optim.h"

#include "core/threads.h"

#include <frond/autograd.h>
#include <frond/op.h>
#include <math.h>
#include <stdlib.h>

enum { TILE = 1 << 15 }; /* values that one thread updates at a time */

typedef struct {
    fr_tensor *parameter;
    fr_tensor *copy;                   /* its values without gaps, of a parameter that has them; else NULL */
    fr_tensor *state[FR_OPTIM_STATES]; /* made by its first step */
    int64_t steps;                     /* so far */
} slot;

struct fr_optim {
    const fr_optim_kind *kind;
    int states, count;
    double lr;
    void *options;
    slot *slots; /* count of them */
};

/* --- Making and freeing ------------------------------------------------------------------------------------------ */

static bool take_parameters(fr_optim *o, fr_tensor *const *parameters, int count)
{
    o->slots = calloc((size_t)count, sizeof *o->slots);
    if (!o->slots)
        return fr_fail_memory(o->kind->name), false;
    for (; o->count < count; o->count++) {
        char text[FR_SHAPE_TEXT];

        if (fr_repeats_values(parameters[o->count]))
            return fr_fail(o->kind->name, "parameter %d of shape %s is an expanded view: take fr_contiguous of it",
                           o->count, fr_shape_text(&parameters[o->count]->shape, text)),
                   false;
        o->slots[o->count].parameter = fr_ref(parameters[o->count]);
    }
    return true;
}

fr_optim *fr_optim_new(const fr_optim_kind *kind, fr_module *m, int states, double lr, const void *options)
{
    int count = 0;
    fr_tensor *const *parameters;
    fr_optim *o;

    if (!fr_check_not_null(kind->name, m, "module"))
        return NULL;
    parameters = fr_module_parameters(m, &count);
    if (!parameters || count == 0)
        return fr_fail(kind->name, "the module has no parameters");
    o = calloc(1, sizeof *o);
    if (!o || !(o->options = malloc(kind->options_size))) {
        free(o);
        return fr_fail_memory(kind->name);
    }
    o->kind = kind;
    o->states = states;
    o->lr = lr;
    memcpy(o->options, options, kind->options_size);
    if (!take_parameters(o, parameters, count)) {
        fr_optim_free(o);
        return NULL;
    }
    return o;
}

void fr_optim_free(fr_optim *o)
{
    if (!o)
        return;
    for (int i = 0; i < o->count; i++) {
        slot *s = &o->slots[i];

        for (int k = 0; k < o->states; k++)
            fr_unref(s->state[k]);
        fr_unref(s->copy);
        fr_unref(s->parameter);
    }
    free(o->slots);
    free(o->options);
    free(o);
}

/* --- Stepping ---------------------------------------------------------------------------------------------------- */

/* Makes what the first step of a parameter with a gradient needs, so that from then on nothing can fail. */
static bool prepare(const fr_optim *o, slot *s)
{
    fr_tensor *p = s->parameter;

    for (int k = 0; k < o->states; k++) {
        if (s->state[k])
            continue;
        s->state[k] = fr_tensor_alloc("optim_step", &p->shape, (fr_dtype)p->dtype);
        if (!s->state[k])
            return false;
        memset(s->state[k]->origin, 0, s->state[k]->storage->bytes);
    }
    if (!p->contiguous && !s->copy)
        s->copy = fr_tensor_alloc("optim_step", &p->shape, (fr_dtype)p->dtype);
    return p->contiguous || s->copy;
}

typedef struct {
    const fr_optim *optim;
    fr_optim_update whole;
} job;

static void update_tile(void *of, int64_t tile)
{
    const job *j = of;
    fr_optim_update part = j->whole;
    int64_t start = tile * TILE;
    size_t skip = (size_t)start * fr_dtype_size(part.dtype);

    part.n = part.n - start < TILE ? part.n - start : TILE;
    part.p = (char *)part.p + skip;
    part.g = (const char *)part.g + skip;
    for (int k = 0; k < j->optim->states; k++)
        part.state[k] = (char *)part.state[k] + skip;
    j->optim->kind->update(&part);
}

static void update(const fr_optim *o, slot *s)
{
    fr_tensor *p = s->parameter, *values = s->copy ? s->copy : p;
    job j = { .optim = o,
              .whole = { .options = o->options,
                         .lr = o->lr,
                         .step = ++s->steps,
                         .dtype = (fr_dtype)p->dtype,
                         .n = p->numel,
                         .p = values->origin,
                         .g = p->grad->origin } };

    for (int k = 0; k < o->states; k++)
        j.whole.state[k] = s->state[k]->origin;
    if (s->copy)
        fr_copy_values(s->copy, p);
    fr_run_tiles((p->numel + TILE - 1) / TILE, update_tile, &j);
    if (s->copy)
        fr_copy_values(p, s->copy);
    fr_storage_bump(p);
}

/* A frozen parameter may have a gradient from before. */
static bool is_due(const slot *s)
{
    return s->parameter->grad && s->parameter->requires_grad;
}

static bool step(fr_optim *o)
{
    if (!fr_check_not_null("optim_step", o, "optimiser"))
        return false;
    for (int i = 0; i < o->count; i++)
        if (is_due(&o->slots[i]) && !prepare(o, &o->slots[i]))
            return false;
    for (int i = 0; i < o->count; i++)
        if (is_due(&o->slots[i]))
            update(o, &o->slots[i]);
    return true;
}

bool fr_optim_step(fr_optim *o)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "optim_step");
    bool ok = step(o);

    fr_finish(th, before);
    return ok;
}

void fr_optim_zero_grad(fr_optim *o)
{
    for (int i = 0; o && i < o->count; i++)
        fr_zero_grad(o->slots[i].parameter);
}

/* --- The rate ---------------------------------------------------------------------------------------------------- */

bool fr_optim_set_lr(fr_optim *o, double lr)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "optim_set_lr");
    bool ok = fr_check_not_null("optim_set_lr", o, "optimiser");

    lr = fr_option(lr, 0);
    ok = ok && fr_check_option("optim_set_lr", "lr", lr, INFINITY);
    if (ok)
        o->lr = lr;
    fr_finish(th, before);
    return ok;
}

double fr_optim_lr(const fr_optim *o)
{
    return o ? o->lr : NAN;
}
