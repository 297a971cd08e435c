/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Exponential moving averages of a module's parameters and buffers, as torch.optim.swa_utils.AveragedModel keeps them
 * with get_ema_multi_avg_fn:
 *
 *     average = model                                      at the first update
 *     average = average + (1 - decay) (model - average)    at later ones
 *
 * A tree of modules with the model's names, but without forward functions, holds the averages, so that they can be
 * saved, loaded and printed as any module can. */
#include "core/integer.h"
#include "core/loop.h"
#include "core/options.h"
#include "core/recorder.h"
#include "kernels/optim.h"
#include "nn/module.h"

#include <frond/op.h>
#include <frond/optim.h>
#include <math.h>
#include <stdlib.h>

/* A tensor of the model, which may have several names, and its average. */
typedef struct {
    fr_tensor *model, *average;
    bool buffer;
} pair;

struct fr_ema {
    fr_life life;
    double decay;
    bool average_buffers, swapped;
    fr_module *root;     /* the AveragedModel */
    fr_module *averages; /* its child "module" */
    fr_tensor *n_averaged;
    int64_t *updates; /* the value of n_averaged */
    pair *pairs;
    size_t count, capacity;
};

/* --- Making and freeing ------------------------------------------------------------------------------------------- */

static bool check_tensor(const char *what, const fr_named_tensor *t)
{
    if (fr_has_history(t->tensor))
        return fr_fail(what, "\"%s\" is a result of %s: only leaves have averages", t->name, t->tensor->producer->name);
    return !fr_repeats_values(t->tensor) ||
           fr_fail(what, "\"%s\" is an expanded view: take fr_contiguous of it", t->name);
}

/* The average of t, made at t's first name. */
static fr_tensor *average_of(fr_ema *e, const char *what, const fr_named_tensor *t)
{
    fr_tensor *average;

    for (size_t i = 0; i < e->count; i++)
        if (e->pairs[i].model == t->tensor)
            return e->pairs[i].average;
    if (!check_tensor(what, t))
        return NULL;
    if (!fr_make_room(&e->pairs, sizeof *e->pairs, e->count, &e->capacity))
        return fr_fail_memory(what);
    average = fr_tensor_copy(what, t->tensor);
    if (average)
        e->pairs[e->count++] = (pair){ fr_ref(t->tensor), average, t->buffer };
    return average;
}

/* A tree with m's types and names that holds the averages. */
static fr_module *average_tree(fr_ema *e, const char *what, const fr_module *m)
{
    fr_module *s = fr_module_new(m->type, 0, NULL);
    bool ok = s && (!m->description || fr_module_describe(s, m->description));

    for (size_t i = 0; ok && i < m->tensor_count; i++) {
        const fr_named_tensor *t = &m->tensors[i];
        fr_tensor *average = average_of(e, what, t);

        ok = average && fr_module_register(what, s, t->name, average, t->buffer);
    }
    for (size_t i = 0; ok && i < m->child_count; i++)
        ok = fr_module_adopt_new(what, s, m->children[i]->name, average_tree(e, what, m->children[i])) != NULL;
    return fr_module_finish(s, ok);
}

static bool make_tree(fr_ema *e, const char *what, const fr_module *m)
{
    e->root = fr_module_new("AveragedModel", 0, NULL);
    e->n_averaged = e->root ? fr_constant_buffer(what, e->root, "n_averaged", FR_SHAPE(), FR_I64, 0) : NULL;
    if (!e->n_averaged)
        return false;
    e->updates = (int64_t *)e->n_averaged->origin;
    e->averages = fr_module_adopt_new(what, e->root, "module", average_tree(e, what, m));
    return e->averages != NULL;
}

fr_ema *fr_ema_new(fr_module *m, double decay)
{
    const char *what = "ema_new";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_ema *e = NULL;

    decay = fr_option(decay, 0);
    if (!fr_check_argument(what, m, "module")) {
    } else if (!(decay >= 0 && decay <= 1)) {
        fr_fail(what, "decay is %g, expected 0 to 1", decay);
    } else if (!(e = fr_object_new(sizeof *e))) {
        fr_fail_memory(what);
    } else {
        e->decay = decay;
        if (!make_tree(e, what, m)) {
            fr_ema_free(e);
            e = NULL;
        }
    }
    fr_finish(th, before);
    return e;
}

static void release(void *object)
{
    fr_ema *e = object;

    fr_module_destroy(e->root);
    for (size_t i = 0; i < e->count; i++) {
        fr_unref(e->pairs[i].model);
        fr_unref(e->pairs[i].average);
    }
    free(e->pairs);
}

void fr_ema_free(fr_ema *e)
{
    fr_object_end("ema_free", e, "average", release);
}

fr_module *fr_ema_module(const fr_ema *e)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "ema_module");
    fr_module *m = fr_check_argument("ema_module", e, "average") ? e->root : NULL;

    fr_finish(th, before);
    return m;
}

bool fr_ema_average_buffers(fr_ema *e, bool average)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "ema_average_buffers");
    bool ok = fr_check_argument("ema_average_buffers", e, "average");

    if (ok)
        e->average_buffers = average;
    fr_finish(th, before);
    return ok;
}

/* --- Updating ----------------------------------------------------------------------------------------------------- */

typedef struct {
    fr_dtype dtype;
    double decay;
} average_job;

/* Operand 0 is the average, which is contiguous, operand 1 the model. */
static void average_row(void *user, const fr_loop *l, char *const *at)
{
    const average_job *j = user;
    int64_t n = l->dim[l->ndim - 1], model_step = l->step[l->ndim - 1][1] / (int64_t)fr_dtype_size(j->dtype);

    fr_ema_average(j->dtype, n, at[0], at[1], model_step, j->decay);
}

static void loop_over(const pair *p, fr_loop *l)
{
    fr_loop_begin(l, &p->average->shape);
    fr_loop_add(l, p->average);
    fr_loop_add(l, p->model);
    fr_loop_join(l);
}

static bool check_not_swapped(const char *what, const fr_ema *e)
{
    return fr_check_argument(what, e, "average") &&
           (!e->swapped || fr_fail(what, "the averages are in the model: fr_ema_swap them back first"));
}

static bool update(const fr_action *a)
{
    fr_ema *e = a->object;
    bool ok = check_not_swapped("ema_update", e);

    for (size_t i = 0; ok && i < e->count; i++) {
        const pair *p = &e->pairs[i];
        average_job j = { (fr_dtype)p->average->dtype, e->decay };
        fr_loop l;

        if (*e->updates == 0 || (p->buffer && !e->average_buffers)) {
            fr_copy_values(p->average, p->model);
        } else {
            loop_over(p, &l);
            fr_loop_run(&l, 1, average_row, &j);
        }
        fr_storage_bump(p->average);
    }
    if (ok) {
        ++*e->updates;
        fr_storage_bump(e->n_averaged);
    }
    return ok;
}

bool fr_ema_update(fr_ema *e)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "ema_update");
    bool ok = fr_act(th, &(fr_action){ .run = update, .object = e });

    fr_finish(th, before);
    return ok;
}

/* --- Using the averages ------------------------------------------------------------------------------------------- */

static void swap_row(void *user, const fr_loop *l, char *const *at)
{
    size_t size = *(const size_t *)user;
    int64_t n = l->dim[l->ndim - 1];
    const int64_t *step = l->step[l->ndim - 1];

    for (int64_t i = 0; i < n; i++) {
        char *a = at[0] + i * step[0], *b = at[1] + i * step[1], saved[sizeof(double)];

        memcpy(saved, a, size);
        memcpy(a, b, size);
        memcpy(b, saved, size);
    }
}

bool fr_ema_swap(fr_ema *e)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "ema_swap");
    bool ok = fr_check_argument("ema_swap", e, "average") && fr_not_captured(th, "ema_swap");

    for (size_t i = 0; ok && i < e->count; i++) {
        /* Swapping back goes in reverse order, for tensors that share values. */
        const pair *p = &e->pairs[e->swapped ? e->count - 1 - i : i];
        size_t size = fr_dtype_size((fr_dtype)p->average->dtype);
        fr_loop l;

        loop_over(p, &l);
        fr_loop_run(&l, 1, swap_row, &size);
        fr_storage_bump(p->average);
        fr_storage_bump(p->model);
    }
    if (ok)
        e->swapped = !e->swapped;
    fr_finish(th, before);
    return ok;
}

bool fr_ema_copy_to(const fr_ema *e, fr_module *m)
{
    const char *what = "ema_copy_to";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = check_not_swapped(what, e) && fr_check_argument(what, m, "module") &&
              fr_module_copy_values(what, m, e->averages);

    fr_finish(th, before);
    return ok;
}
