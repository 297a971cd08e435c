/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The file of a run: tensors under names, put together before it is written, and asked for after it was read. */
#ifndef FROND_CHECKPOINT_FILE_H
#define FROND_CHECKPOINT_FILE_H

#include "files/error_list.h"
#include "files/safetensors.h"

/* --- Writing ----------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *what; /* the public function at work */
    char **names;
    fr_tensor **tensors; /* a reference to each */
    size_t count, name_capacity, tensor_capacity;
} fr_checkpoint_writer;

/* Each is false, or NULL, with an error where memory runs out. */
bool fr_checkpoint_add(fr_checkpoint_writer *f, fr_tensor *t, const char *format, ...) FR_PRINTF(3, 4);
/* A new tensor under a name; its values, to be filled in. */
int64_t *fr_checkpoint_add_int64(fr_checkpoint_writer *f, fr_shape shape, const char *name);
double *fr_checkpoint_add_float64(fr_checkpoint_writer *f, fr_shape shape, const char *format, ...) FR_PRINTF(3, 4);
void fr_checkpoint_writer_free(fr_checkpoint_writer *f);

/* --- Reading ----------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *where; /* for errors */
    fr_tensors *ts;
    bool *asked_for; /* which of ts */
    bool failed;     /* memory ran out */
    fr_error_list complaints;
} fr_checkpoint_reader;

/* Takes ts over; false with an error. In any case fr_checkpoint_reader_free is due. */
bool fr_checkpoint_reader_init(fr_checkpoint_reader *f, const char *where, fr_tensors *ts);
void fr_checkpoint_reader_free(fr_checkpoint_reader *f);
/* Borrowed from f; NULL (no complaint) if there is none. */
fr_tensor *fr_checkpoint_find(fr_checkpoint_reader *f, const char *format, ...) FR_PRINTF(2, 3);
/* The same, complaining unless it is there, of that dtype and shape: then NULL. */
fr_tensor *fr_checkpoint_get(fr_checkpoint_reader *f, fr_dtype dtype, fr_shape shape, const char *format, ...)
    FR_PRINTF(4, 5);
/* Whether all that was asked for agreed and nothing was left; fails otherwise. */
bool fr_checkpoint_reader_finish(fr_checkpoint_reader *f);

#endif
