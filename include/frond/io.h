/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Files: weights in the safetensors format, exchanged with Python's safetensors. A failure names the file and what is
 * wrong with it; a file that cannot be written whole leaves what was there before. */
#ifndef FROND_IO_H
#define FROND_IO_H

#include <frond/data.h>
#include <frond/optim.h>

FR_BEGIN_DECLS

typedef struct fr_tensors fr_tensors; /* named tensors, in the order of their values in the file */

/* Writes m's parameters and buffers under their full names. What has several is written once, under the first of them
 * in alphabetical order; the file's metadata says whose the others are, as safetensors' save_model has it. */
bool fr_save(fr_module *m, const char *path);
/* Fills m's parameters and buffers: names, shapes and dtypes must all agree (all that do not are listed); m is changed
 * wholly or not at all. Of several names of one tensor the file need hold but one; those that it holds must agree. */
bool fr_load_into(fr_module *m, const char *path);
/* n tensors (contiguous or not) under names, each given once. The file is Python's byte for byte: int64 first, then
 * float64, then float32, each in the order of the names. A file that is there already keeps its mode. */
bool fr_save_tensors(const char *path, const char *const *names, fr_tensor *const *tensors, int n);

/* Loads values of dtype F32, F64 and I64; a file that holds others, or breaks any rule of the format, is refused. NULL
 * where it fails; freed with fr_tensors_free; needs no scope. */
fr_tensors *fr_load(const char *path);
int fr_tensors_count(const fr_tensors *ts); /* -1 for NULL */
/* Borrowed from ts, as are the next two; NULL and an error for an i out of range. */
const char *fr_tensors_name(const fr_tensors *ts, int i);
fr_tensor *fr_tensors_at(const fr_tensors *ts, int i);
fr_tensor *fr_tensors_find(const fr_tensors *ts, const char *name); /* NULL (no error) if there is none */
void fr_tensors_free(fr_tensors *ts);

/* A run that can be resumed: m's parameters and buffers, the optimiser with its groups, options, state and counts of
 * steps, its schedulers, the place in the loader's epoch, and the process's generator, in one safetensors file that
 * replaces the one before it as a whole. A program that makes all of these as it did at first and loads the file goes
 * on with the same bits as if it had not stopped. Gradients are not in it: save between a step and the next backward.
 * optim and loader may each be NULL: then nothing of them is saved. Fails for an optimiser that holds a parameter which
 * is not m's. */
bool fr_save_training(const char *path, fr_module *m, fr_optim *optim, fr_loader *loader);
/* All must agree with what was saved: names, shapes and dtypes of m, the kind of optimiser, its groups and what is in
 * them, its schedulers, in the order in which they were made, and their settings, the loader's rows, batch_size and
 * shuffling. Otherwise all that does not is listed, and nothing is changed. Options of groups are those of the file,
 * lent batches stay as they are. optim and loader are NULL if they were. */
bool fr_load_training(const char *path, fr_module *m, fr_optim *optim, fr_loader *loader);

FR_END_DECLS
#endif
