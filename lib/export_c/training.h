/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A training step as C. A step of the module is traced: its forward, the loss, and the backward, which is computed in
 * ops, so that most of it is written by the ops' c_code hooks; where an op has a c_backward, that writes its backward
 * as a whole. What the trace computes is planned and written as a forward is (function.c), with three differences:
 *
 *     the trained parameters, and buffers that the step changes, are no constants: they lie in the caller's memory
 *     the outputs are the loss and the gradients of these parameters
 *     each parameter is updated as soon as its gradient is there and no later step reads the parameter, so that
 *     gradients share memory
 *
 * The files, in the order of the work:
 *     training.c         checks the options, lists the parameters, traces
 *     buffers.c          buffers that a step changes
 *     carried.c          states of recurrent layers that go from one step to the next
 *     random.c           masks of dropout
 *     optimiser.c        the optimiser: its state, its update in C
 *     training_source.c  the text of NAME.c
 *     training_header.c  the text of NAME.h */
#ifndef FROND_EXPORT_C_TRAINING_H
#define FROND_EXPORT_C_TRAINING_H

#include "core/random.h"
#include "export_c/writer.h"
#include "optim/optim.h"

/* training.c: all return false with an error. Checks w->training and lists the parameters; traces a step of m, in the
 * mode that it is in, and leaves out the parameters that no gradient reaches. */
bool fr_c_find_parameters(fr_c_writer *w);
bool fr_c_trace_training(fr_c_writer *w, fr_module *m, fr_tensor *x, fr_c_function *fn);
/* The name under which fr_save writes t: the alphabetically first. NULL: t is not in the module. */
const char *fr_c_path_of(const fr_c_writer *w, const fr_tensor *t);
/* Fails, with an error, unless p is of a dtype that C code has, and has a storage of its own. */
bool fr_c_check_own_memory(fr_c_writer *w, const char *what, const fr_c_parameter *p);

/* buffers.c: hears what a step that is traced in fn changes in place; */
typedef struct {
    fr_recorder recorder;
    fr_c_writer *w;
    fr_c_function *fn;
} fr_c_listener;
fr_c_listener fr_c_listener_of(fr_c_writer *w, fr_c_function *fn);
/* how often it did, of a buffer; all that lies in the caller's memory (w->kept), its initial values being constants,
 * false with an error; its bytes; the code of what changes before this step. */
unsigned fr_c_changes_of(const fr_c_function *fn, const fr_tensor *buffer);
bool fr_c_find_kept(fr_c_writer *w, const fr_c_function *fn);
int64_t fr_c_kept_bytes(const fr_c_writer *w, fr_dtype dtype);
void fr_c_write_changes(fr_c_writer *w, const fr_c_function *fn, size_t step);

/* carried.c: the first finds the states in a trace that has just been made, the second compares two traces; false with
 * an error. */
bool fr_c_find_carried(fr_c_writer *w, fr_c_function *fn);
bool fr_c_same_carried(fr_c_writer *w, const fr_c_function *train, const fr_c_function *predict);
int64_t fr_c_carried_bytes(const fr_c_function *train);
bool fr_c_write_carried(fr_c_writer *w, const fr_c_function *train); /* the last lines of NAME_train */
void fr_c_write_carried_members(FILE *f, const fr_c_function *train);

/* random.c: whether an input of a step is drawn at random; whether the step in t, before which the generator was as
 * given, has drawn nothing else. */
bool fr_c_is_drawn(const fr_step *s, int input);
bool fr_c_draws_masks_alone(const fr_trace *t, const fr_generator *before);

/* optimiser.c */
bool fr_c_check_optimiser(fr_c_writer *w);
bool fr_c_add_states(fr_c_writer *w); /* the values that the optimiser has become constants; false with an error */
bool fr_c_has_state(const fr_c_writer *w, int k);                        /* a parameter has state k */
int64_t fr_c_optimiser_bytes(const fr_c_writer *w);                      /* of states and of gradients that add up */
void fr_c_write_updates(fr_c_writer *w, fr_c_function *fn, size_t step); /* of those that are due after this step */
void fr_c_write_update_factors(fr_c_writer *w);                          /* what a step begins with */
void fr_c_write_initial_states(fr_c_writer *w, FILE *f);                 /* for NAME_init: also the rates */

/* training_source.c */
int64_t fr_c_file_bytes(fr_c_writer *w); /* what NAME_save writes; -1 with an error */
bool fr_c_write_training_source(fr_c_writer *w, FILE *f, fr_c_function *train, fr_c_function *predict,
                                const char *header);
/* training_header.c */
void fr_c_write_training_header(const fr_c_writer *w, FILE *f, const fr_c_function *train, const fr_c_function *predict,
                                const fr_export_c_report *report);

#endif
