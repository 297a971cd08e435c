/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Looks up the named tensors of a checkpoint that was loaded, and collects everything about them that is wrong. */
#ifndef FROND_CHECKPOINT_READER_H
#define FROND_CHECKPOINT_READER_H

#include "files/error_list.h"
#include "files/safetensors.h"

typedef struct {
    const char *where; /* for errors */
    fr_tensors *tensors;
    bool *used; /* for each of tensors: it was looked up */
    bool out_of_memory;
    fr_error_list errors;
} fr_checkpoint_reader;

/* Takes over tensors. False with an error. fr_checkpoint_reader_free must be called in either case. */
bool fr_checkpoint_reader_init(fr_checkpoint_reader *r, const char *where, fr_tensors *tensors);
void fr_checkpoint_reader_free(fr_checkpoint_reader *r);
/* The tensor of that name, borrowed from r. NULL if there is none, which is not added to the errors. */
fr_tensor *fr_checkpoint_find(fr_checkpoint_reader *r, const char *format, ...) FR_PRINTF(2, 3);
/* The same, but NULL and one more of the errors unless the tensor exists and has that dtype and shape. */
fr_tensor *fr_checkpoint_get(fr_checkpoint_reader *r, fr_dtype dtype, fr_shape shape, const char *format, ...)
    FR_PRINTF(4, 5);
/* Fails with all errors, tensors that nobody looked up included. True if there are none. */
bool fr_checkpoint_reader_finish(fr_checkpoint_reader *r);

#endif
