/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Saving and resuming a training run. Each part of the run (optimiser, schedulers, position in the data) has three
 * functions:
 *
 *   save      adds its state to the file
 *   check     looks its state up in the file, adds what is wrong to the reader's errors, and stages the rest
 *   restore   copies the staged state into the part; it cannot fail, and is called only if the whole file is right
 *
 * So a file that does not fit changes nothing. */
#ifndef FROND_CHECKPOINT_CHECKPOINT_H
#define FROND_CHECKPOINT_CHECKPOINT_H

#include "checkpoint/reader.h"
#include "checkpoint/writer.h"
#include "core/random.h"
#include "data/loader.h"
#include "optim/scheduler.h"

/* The objects that are saved together. */
typedef struct {
    const fr_named_tensor *state; /* of the module */
    int state_count;
    fr_tensor *const *parameters; /* of the module */
    int parameter_count;
    fr_optim *optim;   /* or NULL */
    fr_loader *loader; /* or NULL */
} fr_training_state;

/* What the file has for one parameter of the optimiser. */
typedef struct {
    fr_optim_slot *slot;
    int64_t steps;
    fr_tensor *state[FR_OPTIM_STATES]; /* borrowed from the file; NULL: not used yet */
} fr_staged_slot;

/* What was found in the file, until all of it is known to be right. The arrays are owned; tensors, position and
 * generator are borrowed from the file. */
typedef struct {
    fr_tensor **module;    /* for each entry of the module's state */
    fr_staged_slot *slots; /* for each parameter that the optimiser holds */
    int slot_count;
    fr_tensor **shared; /* state of the whole optimiser; an owned array */
    size_t shared_count;
    char *options;            /* of each group, one after another */
    double *initial_lrs;      /* of each group */
    fr_tensor **schedulers;   /* for each scheduler two: its state and its rates */
    const int64_t *position;  /* of the loader in its epoch */
    const int64_t *generator; /* state of the random number generator */
} fr_staged_state;

/* The name of a parameter in the module; NULL if it has none there. */
const char *fr_checkpoint_parameter_name(const fr_training_state *t, const fr_tensor *parameter);

/* --- optim_state.c ----------------------------------------------------------------------------------------------- */

bool fr_optim_state_save(const fr_training_state *t, fr_checkpoint_writer *w);
bool fr_optim_state_check(const fr_training_state *t, fr_checkpoint_reader *r, fr_staged_state *staged);
void fr_optim_state_restore(const fr_training_state *t, fr_staged_state *staged);

/* --- scheduler_state.c ------------------------------------------------------------------------------------------- */

bool fr_scheduler_state_save(const fr_training_state *t, fr_checkpoint_writer *w);
bool fr_scheduler_state_check(const fr_training_state *t, fr_checkpoint_reader *r, fr_staged_state *staged);
void fr_scheduler_state_restore(const fr_training_state *t, const fr_staged_state *staged);

/* --- data_position.c: the loader and the generator --------------------------------------------------------------- */

bool fr_data_position_save(const fr_training_state *t, fr_checkpoint_writer *w);
bool fr_data_position_check(const fr_training_state *t, fr_checkpoint_reader *r, fr_staged_state *staged);
void fr_data_position_restore(const fr_training_state *t, const fr_staged_state *staged);

/* --- checkpoint.c: what the public functions do, for tests ------------------------------------------------------- */

/* Collects all that fr_save_training would write. False with an error. fr_checkpoint_writer_free must be called in
 * either case. */
bool fr_checkpoint_collect(const char *what, fr_checkpoint_writer *w, fr_module *m, fr_optim *optim, fr_loader *loader);
/* What fr_load_training does with the tensors of a file, which it takes over; NULL if reading them failed. */
bool fr_checkpoint_restore(const char *where, fr_tensors *tensors, fr_module *m, fr_optim *optim, fr_loader *loader);

#endif
