/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Collects the named tensors of a checkpoint before they are written as a safetensors file. */
#ifndef FROND_CHECKPOINT_WRITER_H
#define FROND_CHECKPOINT_WRITER_H

#include "core/tensor.h"

typedef struct {
    const char *what; /* the public function, for errors */
    char **names;
    fr_tensor **tensors; /* a reference to each */
    size_t count, name_capacity, tensor_capacity;
} fr_checkpoint_writer;

/* Adds t, of which the writer keeps a reference, under the name that the format gives. False with an error. */
bool fr_checkpoint_add(fr_checkpoint_writer *w, fr_tensor *t, const char *format, ...) FR_PRINTF(3, 4);
/* Add a new tensor and return its values for the caller to fill in. NULL with an error. */
int64_t *fr_checkpoint_add_int64(fr_checkpoint_writer *w, fr_shape shape, const char *format, ...) FR_PRINTF(3, 4);
double *fr_checkpoint_add_float64(fr_checkpoint_writer *w, fr_shape shape, const char *format, ...) FR_PRINTF(3, 4);
void fr_checkpoint_writer_free(fr_checkpoint_writer *w);

#endif
