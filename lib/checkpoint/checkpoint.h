/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Saving and resuming a run. Each part of it has three functions: put adds what it is to the file; check asks the file
 * for it, complains where it does not agree, and makes ready what is needed; take, which comes only if nothing in the
 * whole file was wrong, changes the part and cannot fail. */
#ifndef FROND_CHECKPOINT_CHECKPOINT_H
#define FROND_CHECKPOINT_CHECKPOINT_H

#include "core/random.h"
#include "data/loader.h"
#include "optim/scheduler.h"
#include "checkpoint/file.h"

/* What is saved together. */
typedef struct {
    const fr_named_tensor *state; /* of the module */
    int state_count;
    fr_tensor *const *parameters;
    int parameter_count;
    fr_optim *optim;   /* or NULL */
    fr_loader *loader; /* or NULL */
} fr_training;

/* A parameter's part of the optimiser, as the file has it. */
typedef struct {
    fr_optim_slot *slot;
    int64_t steps;
    fr_tensor *state[FR_OPTIM_STATES]; /* borrowed from the file */
} fr_saved_slot;

/* What was found in the file and made ready; what is borrowed from it is not freed. */
typedef struct {
    fr_tensor **module;   /* for each of state */
    fr_saved_slot *slots; /* for each of parameters that the optimiser holds */
    int slot_count;
    char *options;          /* of each group, one after another */
    double *initial_lrs;    /* of each group */
    fr_tensor **schedulers; /* for each the state and the rates */
    int64_t *order;         /* of the loader's rows; NULL: is as it should be */
    const int64_t *place, *generator;
} fr_resumed;

/* The name of a parameter in the module, or NULL. */
const char *fr_training_name(const fr_training *t, const fr_tensor *parameter);

/* --- optim_state.c
 * ----------------------------------------------------------------------------------------------------- */

bool fr_optim_put(const fr_training *t, fr_output *f);
bool fr_optim_check(const fr_training *t, fr_input *f, fr_resumed *r);
void fr_optim_take(const fr_training *t, const fr_resumed *r);

/* --- scheduler_state.c -------------------------------------------------------------------------------------------- */

bool fr_schedulers_put(const fr_training *t, fr_output *f);
bool fr_schedulers_check(const fr_training *t, fr_input *f, fr_resumed *r);
void fr_schedulers_take(const fr_training *t, const fr_resumed *r);

/* --- place.c: the loader and the generator ----------------------------------------------------------------------- */

bool fr_place_put(const fr_training *t, fr_output *f);
bool fr_place_check(const fr_training *t, fr_input *f, fr_resumed *r);
void fr_place_take(const fr_training *t, const fr_resumed *r);

/* --- training.c: what the public functions do, for tests --------------------------------------------------------- */

/* All that fr_save_training would write; in any case fr_output_free is due. */
bool fr_training_put(const char *what, fr_output *f, fr_module *m, fr_optim *optim, fr_loader *loader);
/* What fr_load_training does with a file that was read, or not (NULL); takes ts over. */
bool fr_training_take(const char *where, fr_tensors *ts, fr_module *m, fr_optim *optim, fr_loader *loader);

#endif
