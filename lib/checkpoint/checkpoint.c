/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_save_training and fr_load_training, and the module's part of a checkpoint. */
#include "checkpoint/checkpoint.h"

#include "files/state_dict.h"

#include <stdlib.h>

/* Of the checkpoint format: the names of its tensors and what they hold. */
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

/* Fills in t. False with an error. */
static bool init_state(const char *where, fr_training_state *t, fr_module *m, fr_optim *optim, fr_loader *loader)
{
    *t = (fr_training_state){ .optim = optim, .loader = loader };
    if ((optim && !fr_check_argument(where, optim, "optimiser")) ||
        (loader && !fr_check_argument(where, loader, "loader")))
        return false;
    if ((!optim || !loader) && fr_failed_before(fr_thread_self()))
        return false;
    if (!fr_state_dict(where, m, &t->state, &t->state_count))
        return false;
    t->parameters = fr_module_parameters(m, &t->parameter_count);
    if (!t->parameters)
        return false;
    for (size_t i = 0; optim && i < optim->count; i++)
        if (!is_parameter(t, optim->slots[i].parameter))
            return fr_fail(where, "\"%s\" of the optimiser is not a parameter of the module", optim->slots[i].name);
    return true;
}

/* --- Saving ------------------------------------------------------------------------------------------------------ */

static bool save_module(const fr_training_state *t, fr_checkpoint_writer *w)
{
    int64_t *version = fr_checkpoint_add_int64(w, FR_SHAPE(1), "training.version");

    if (!version)
        return false;
    *version = VERSION;
    for (int i = 0; i < t->state_count; i++)
        if (!fr_checkpoint_add(w, t->state[i].tensor, "module.%s", t->state[i].name))
            return false;
    return true;
}

bool fr_checkpoint_collect(const char *what, fr_checkpoint_writer *w, fr_module *m, fr_optim *optim, fr_loader *loader)
{
    fr_training_state t;

    *w = (fr_checkpoint_writer){ .what = what };
    return init_state(what, &t, m, optim, loader) && save_module(&t, w) && fr_optim_state_save(&t, w) &&
           fr_scheduler_state_save(&t, w) && fr_data_position_save(&t, w);
}

bool fr_save_training(const char *path, fr_module *m, fr_optim *optim, fr_loader *loader)
{
    const char *what = "save_training";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_checkpoint_writer w;
    bool ok = fr_checkpoint_collect(what, &w, m, optim, loader) &&
              fr_safetensors_save(what, path, (const char *const *)w.names, w.tensors, (int)w.count);

    fr_checkpoint_writer_free(&w);
    fr_finish(th, before);
    return ok;
}

/* --- Resuming ---------------------------------------------------------------------------------------------------- */

static bool check_module(const fr_training_state *t, fr_checkpoint_reader *r, fr_staged_state *staged)
{
    const fr_tensor *version = fr_checkpoint_get(r, FR_I64, FR_SHAPE(1), "training.version");

    if (version && *(int64_t *)version->origin != VERSION)
        fr_error_list_add(&r->errors, "it is of version %lld, expected %lld", (long long)*(int64_t *)version->origin,
                          (long long)VERSION);
    staged->module = calloc((size_t)t->state_count + 1, sizeof *staged->module);
    if (!staged->module)
        return fr_fail_memory(r->where);
    for (int i = 0; i < t->state_count; i++) {
        staged->module[i] = fr_checkpoint_find(r, "module.%s", t->state[i].name);
        fr_state_check(&r->errors, &t->state[i], staged->module[i], (fr_dtype)t->state[i].tensor->dtype);
    }
    return true;
}

static void restore_module(const fr_training_state *t, const fr_staged_state *staged)
{
    for (int i = 0; i < t->state_count; i++)
        fr_state_assign(&t->state[i], staged->module[i]);
}

static bool check_and_restore(const fr_training_state *t, fr_checkpoint_reader *r, fr_staged_state *staged)
{
    if (!check_module(t, r, staged) || !fr_optim_state_check(t, r, staged) || !fr_scheduler_state_check(t, r, staged) ||
        !fr_data_position_check(t, r, staged) || !fr_checkpoint_reader_finish(r))
        return false;
    restore_module(t, staged);
    fr_optim_state_restore(t, staged);
    fr_scheduler_state_restore(t, staged);
    fr_data_position_restore(t, staged);
    return true;
}

bool fr_checkpoint_restore(const char *where, fr_tensors *tensors, fr_module *m, fr_optim *optim, fr_loader *loader)
{
    fr_training_state t;
    fr_checkpoint_reader r;
    fr_staged_state staged = { 0 };

    if (!tensors)
        return false;

    bool ok = fr_checkpoint_reader_init(&r, where, tensors) && init_state(where, &t, m, optim, loader) &&
              check_and_restore(&t, &r, &staged);

    free(staged.module);
    free(staged.slots);
    free(staged.shared);
    free(staged.options);
    free(staged.initial_lrs);
    free(staged.schedulers);
    fr_checkpoint_reader_free(&r);
    return ok;
}

bool fr_load_training(const char *path, fr_module *m, fr_optim *optim, fr_loader *loader)
{
    const char *what = "load_training";
    char where[FR_WHERE_SIZE];
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok =
        fr_check_argument(what, m, "module") &&
        fr_checkpoint_restore(fr_file_where(what, path, where), fr_safetensors_load(what, path), m, optim, loader);

    fr_finish(th, before);
    return ok;
}
