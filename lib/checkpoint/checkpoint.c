/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_save_training and fr_load_training, and the module's part of them. */
#include "checkpoint/checkpoint.h"

#include "files/module_state.h"

#include <stdlib.h>

/* Of the names in the file and what they mean. */
static const int64_t VERSION = 1;

const char *fr_training_name(const fr_training *t, const fr_tensor *parameter)
{
    for (int i = 0; i < t->state_count; i++)
        if (t->state[i].tensor == parameter)
            return t->state[i].name;
    return NULL;
}

static bool is_parameter(const fr_training *t, const fr_tensor *parameter)
{
    for (int i = 0; i < t->parameter_count; i++)
        if (t->parameters[i] == parameter)
            return true;
    return false;
}

/* Fills t in; false with an error. */
static bool gather(const char *where, fr_training *t, fr_module *m, fr_optim *optim, fr_loader *loader)
{
    *t = (fr_training){ .optim = optim, .loader = loader };
    if ((!optim || !loader) && fr_failed_before(fr_thread_self()))
        return false;
    if (!fr_state_of(where, m, &t->state, &t->state_count))
        return false;
    t->parameters = fr_module_parameters(m, &t->parameter_count);
    if (!t->parameters)
        return false;
    for (size_t i = 0; optim && i < optim->count; i++)
        if (!is_parameter(t, optim->slots[i].parameter))
            return fr_fail(where, "\"%s\" of the optimiser is no parameter of the module", optim->slots[i].name);
    return true;
}

/* --- Saving ------------------------------------------------------------------------------------------------------ */

static bool put_module(const fr_training *t, fr_output *f)
{
    int64_t *version = fr_output_integers(f, FR_SHAPE(1), "training.version");

    if (!version)
        return false;
    *version = VERSION;
    for (int i = 0; i < t->state_count; i++)
        if (!fr_output_put(f, t->state[i].tensor, "module.%s", t->state[i].name))
            return false;
    return true;
}

bool fr_training_put(const char *what, fr_output *f, fr_module *m, fr_optim *optim, fr_loader *loader)
{
    fr_training t;

    *f = (fr_output){ .what = what };
    return gather(what, &t, m, optim, loader) && put_module(&t, f) && fr_optim_put(&t, f) && fr_schedulers_put(&t, f) &&
           fr_place_put(&t, f);
}

bool fr_save_training(const char *path, fr_module *m, fr_optim *optim, fr_loader *loader)
{
    const char *what = "save_training";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_output f;
    bool ok = fr_training_put(what, &f, m, optim, loader) &&
              fr_tensors_write(what, path, (const char *const *)f.names, f.tensors, (int)f.count);

    fr_output_free(&f);
    fr_finish(th, before);
    return ok;
}

/* --- Resuming ---------------------------------------------------------------------------------------------------- */

static bool check_module(const fr_training *t, fr_input *f, fr_resumed *r)
{
    const fr_tensor *version = fr_input_get(f, FR_I64, FR_SHAPE(1), "training.version");

    if (version && *(int64_t *)version->origin != VERSION)
        fr_complain(&f->complaints, "it is of version %lld, expected %lld", (long long)*(int64_t *)version->origin,
                    (long long)VERSION);
    r->module = calloc((size_t)t->state_count + 1, sizeof *r->module);
    if (!r->module)
        return fr_fail_memory(f->where);
    for (int i = 0; i < t->state_count; i++) {
        r->module[i] = fr_input_find(f, "module.%s", t->state[i].name);
        fr_state_compare(&f->complaints, &t->state[i], r->module[i], (fr_dtype)t->state[i].tensor->dtype);
    }
    return true;
}

static void take_module(const fr_training *t, const fr_resumed *r)
{
    for (int i = 0; i < t->state_count; i++)
        fr_state_take(&t->state[i], r->module[i]);
}

static bool resume(const fr_training *t, fr_input *f, fr_resumed *r)
{
    if (!check_module(t, f, r) || !fr_optim_check(t, f, r) || !fr_schedulers_check(t, f, r) ||
        !fr_place_check(t, f, r) || !fr_input_agrees(f))
        return false;
    take_module(t, r);
    fr_optim_take(t, r);
    fr_schedulers_take(t, r);
    fr_place_take(t, r);
    return true;
}

bool fr_training_take(const char *where, fr_tensors *ts, fr_module *m, fr_optim *optim, fr_loader *loader)
{
    fr_training t;
    fr_input f;
    fr_resumed r = { 0 };

    if (!ts)
        return false;

    bool ok = fr_input_open(&f, where, ts) && gather(where, &t, m, optim, loader) && resume(&t, &f, &r);

    free(r.module);
    free(r.slots);
    free(r.options);
    free(r.initial_lrs);
    free(r.schedulers);
    free(r.order);
    fr_input_free(&f);
    return ok;
}

bool fr_load_training(const char *path, fr_module *m, fr_optim *optim, fr_loader *loader)
{
    const char *what = "load_training";
    char where[FR_WHERE_SIZE];
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = fr_check_not_null(what, m, "module") &&
              fr_training_take(fr_file_where(what, path, where), fr_tensors_read(what, path), m, optim, loader);

    fr_finish(th, before);
    return ok;
}
