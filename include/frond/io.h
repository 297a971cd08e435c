/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Files: weights in the safetensors format, exchanged with Python's safetensors. A failure names the file and what is
 * wrong with it; a file that cannot be written whole leaves what was there before. */
#ifndef FROND_IO_H
#define FROND_IO_H

#include <frond/nn.h>

FR_BEGIN_DECLS

typedef struct fr_tensors fr_tensors; /* named tensors, in the order of the file's header */

/* Writes m's parameters and buffers under their full names; a shared parameter under each. */
bool fr_save(fr_module *m, const char *path);
/* Fills m's parameters and buffers: names, shapes and dtypes must all agree (all that do not are listed); m is changed
 * wholly or not at all. */
bool fr_load_into(fr_module *m, const char *path);
/* n tensors (contiguous or not) under names. */
bool fr_save_tensors(const char *path, const char *const *names, fr_tensor *const *tensors, int n);

fr_tensors *fr_load(const char *path); /* NULL where it fails; freed with fr_tensors_free; needs no scope */
int fr_tensors_count(const fr_tensors *ts); /* -1 for NULL */
const char *fr_tensors_name(const fr_tensors *ts, int i);               /* borrowed from ts, as the next two */
fr_tensor *fr_tensors_at(const fr_tensors *ts, int i);
fr_tensor *fr_tensors_find(const fr_tensors *ts, const char *name);     /* NULL (no error) if there is none */
void fr_tensors_free(fr_tensors *ts);

FR_END_DECLS
#endif
