/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_save_training and fr_load_training, and the module's part of them. */
#include "checkpoint/checkpoint.h"

#include "files/state_dict.h"

#include <stdlib.h>

/* Of the names in the file and what they mean. */
static const int64_t VERSION = 1;

const char *fr_checkpoint_parameter_name(const fr_training_state *t, const fr_tensor *parameter)
{
    for (int i = 0; i < t->state_count; i++)
        if (t->state[i].tensor == parameter)
            return t->state[i].name;
    return NULL;
}

static bool is_parameter(const fr_training_state *t, const fr_tensor *parameter)
{
    for (int i = 0; i < t->parameter_count; i++)
        if (t->parameters[i] == parameter)
            return true;
    return false;
}

/* Fills t in; false with an error. */
static bool gather(const char *where, fr_training_state *t, fr_module *m, fr_optim *optim, fr_loader *loader)
{
    *t = (fr_training_state){ .optim = optim, .loader = loader };
    if ((!optim || !loader) && fr_failed_before(fr_thread_self()))
        return false;
    if (!fr_state_dict(where, m, &t->state, &t->state_count))
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

static bool put_module(const fr_training_state *t, fr_checkpoint_writer *f)
{
    int64_t *version = fr_checkpoint_add_int64(f, FR_SHAPE(1), "training.version");

    if (!version)
        return false;
    *version = VERSION;
    for (int i = 0; i < t->state_count; i++)
        if (!fr_checkpoint_add(f, t->state[i].tensor, "module.%s", t->state[i].name))
            return false;
    return true;
}

bool fr_checkpoint_collect(const char *what, fr_checkpoint_writer *f, fr_module *m, fr_optim *optim, fr_loader *loader)
{
    fr_training_state t;

    *f = (fr_checkpoint_writer){ .what = what };
    return gather(what, &t, m, optim, loader) && put_module(&t, f) && fr_optim_state_save(&t, f) &&
           fr_scheduler_state_save(&t, f) && fr_data_position_save(&t, f);
}

bool fr_save_training(const char *path, fr_module *m, fr_optim *optim, fr_loader *loader)
{
    const char *what = "save_training";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_checkpoint_writer f;
    bool ok = fr_checkpoint_collect(what, &f, m, optim, loader) &&
              fr_safetensors_save(what, path, (const char *const *)f.names, f.tensors, (int)f.count);

    fr_checkpoint_writer_free(&f);
    fr_finish(th, before);
    return ok;
}

/* --- Resuming ---------------------------------------------------------------------------------------------------- */

static bool check_module(const fr_training_state *t, fr_checkpoint_reader *f, fr_staged_state *r)
{
    const fr_tensor *version = fr_checkpoint_get(f, FR_I64, FR_SHAPE(1), "training.version");

    if (version && *(int64_t *)version->origin != VERSION)
        fr_error_list_add(&f->complaints, "it is of version %lld, expected %lld",
                          (long long)*(int64_t *)version->origin, (long long)VERSION);
    r->module = calloc((size_t)t->state_count + 1, sizeof *r->module);
    if (!r->module)
        return fr_fail_memory(f->where);
    for (int i = 0; i < t->state_count; i++) {
        r->module[i] = fr_checkpoint_find(f, "module.%s", t->state[i].name);
        fr_state_check(&f->complaints, &t->state[i], r->module[i], (fr_dtype)t->state[i].tensor->dtype);
    }
    return true;
}

static void take_module(const fr_training_state *t, const fr_staged_state *r)
{
    for (int i = 0; i < t->state_count; i++)
        fr_state_assign(&t->state[i], r->module[i]);
}

static bool resume(const fr_training_state *t, fr_checkpoint_reader *f, fr_staged_state *r)
{
    if (!check_module(t, f, r) || !fr_optim_state_check(t, f, r) || !fr_scheduler_state_check(t, f, r) ||
        !fr_data_position_check(t, f, r) || !fr_checkpoint_reader_finish(f))
        return false;
    take_module(t, r);
    fr_optim_state_restore(t, r);
    fr_scheduler_state_restore(t, r);
    fr_data_position_restore(t, r);
    return true;
}

bool fr_checkpoint_restore(const char *where, fr_tensors *ts, fr_module *m, fr_optim *optim, fr_loader *loader)
{
    fr_training_state t;
    fr_checkpoint_reader f;
    fr_staged_state r = { 0 };

    if (!ts)
        return false;

    bool ok = fr_checkpoint_reader_init(&f, where, ts) && gather(where, &t, m, optim, loader) && resume(&t, &f, &r);

    free(r.module);
    free(r.slots);
    free(r.options);
    free(r.initial_lrs);
    free(r.schedulers);
    free(r.order);
    fr_checkpoint_reader_free(&f);
    return ok;
}

bool fr_load_training(const char *path, fr_module *m, fr_optim *optim, fr_loader *loader)
{
    const char *what = "load_training";
    char where[FR_WHERE_SIZE];
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok =
        fr_check_not_null(what, m, "module") &&
        fr_checkpoint_restore(fr_file_where(what, path, where), fr_safetensors_load(what, path), m, optim, loader);

    fr_finish(th, before);
    return ok;
}
