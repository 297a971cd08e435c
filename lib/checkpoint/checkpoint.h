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
} fr_training_state;

/* A parameter's part of the optimiser, as the file has it. */
typedef struct {
    fr_optim_slot *slot;
    int64_t steps;
    fr_tensor *state[FR_OPTIM_STATES]; /* borrowed from the file */
} fr_staged_slot;

/* What was found in the file and made ready; what is borrowed from it is not freed. */
typedef struct {
    fr_tensor **module;    /* for each of state */
    fr_staged_slot *slots; /* for each of parameters that the optimiser holds */
    int slot_count;
    char *options;          /* of each group, one after another */
    double *initial_lrs;    /* of each group */
    fr_tensor **schedulers; /* for each the state and the rates */
    int64_t *order;         /* of the loader's rows; NULL: is as it should be */
    const int64_t *place, *generator;
} fr_staged_state;

/* The name of a parameter in the module, or NULL. */
const char *fr_checkpoint_parameter_name(const fr_training_state *t, const fr_tensor *parameter);

/* --- optim_state.c
 * ----------------------------------------------------------------------------------------------------- */

bool fr_optim_state_save(const fr_training_state *t, fr_checkpoint_writer *f);
bool fr_optim_state_check(const fr_training_state *t, fr_checkpoint_reader *f, fr_staged_state *r);
void fr_optim_state_restore(const fr_training_state *t, const fr_staged_state *r);

/* --- scheduler_state.c -------------------------------------------------------------------------------------------- */

bool fr_scheduler_state_save(const fr_training_state *t, fr_checkpoint_writer *f);
bool fr_scheduler_state_check(const fr_training_state *t, fr_checkpoint_reader *f, fr_staged_state *r);
void fr_scheduler_state_restore(const fr_training_state *t, const fr_staged_state *r);

/* --- place.c: the loader and the generator ----------------------------------------------------------------------- */

bool fr_data_position_save(const fr_training_state *t, fr_checkpoint_writer *f);
bool fr_data_position_check(const fr_training_state *t, fr_checkpoint_reader *f, fr_staged_state *r);
void fr_data_position_restore(const fr_training_state *t, const fr_staged_state *r);

/* --- training.c: what the public functions do, for tests --------------------------------------------------------- */

/* All that fr_save_training would write; in any case fr_checkpoint_writer_free is due. */
bool fr_checkpoint_collect(const char *what, fr_checkpoint_writer *f, fr_module *m, fr_optim *optim, fr_loader *loader);
/* What fr_load_training does with a file that was read, or not (NULL); takes ts over. */
bool fr_checkpoint_restore(const char *where, fr_tensors *ts, fr_module *m, fr_optim *optim, fr_loader *loader);

#endif
