/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The inside of a dataset: rows that are made when a batch asks for them. Datasets and loaders hold it together, so
 * that either may be freed first. */
#ifndef FROND_DATA_SOURCE_H
#define FROND_DATA_SOURCE_H

#include "core/life.h"

#include <frond/data.h>

/* The beginning of a struct that each kind of source has. */
typedef struct fr_source {
    atomic_int refs;
    int64_t rows; /* N */
    int count;    /* tensors of a batch */
    /* Makes the tensors of a batch, batch[0] to batch[count - 1], of the n rows with these numbers. False with an
     * error; what was made before stays in batch. Several threads may call it, as it changes nothing in s. */
    bool (*make)(const struct fr_source *s, const char *what, const int64_t *rows, int64_t n, fr_tensor **batch);
    void (*end)(struct fr_source *s); /* frees what is in it, but not s */
    fr_sequences *sequences;          /* of fr_open_sequences: all but the rows; else NULL */
} fr_source;

/* A zeroed source of that size with one reference. NULL with an error. */
void *fr_source_new(const char *what, size_t size);
void fr_source_unref(fr_source *s); /* NULL is fine */
/* The source of n tensors of the same first dim. It shares their values. NULL with an error. */
fr_source *fr_tensor_source(const char *what, fr_tensor *const *tensors, int n);
/* A dataset of s, whose reference it takes over, also where it fails. NULL with an error; a NULL s has had one. */
fr_dataset *fr_dataset_of_source(const char *what, fr_source *s);

struct fr_dataset {
    fr_life life;
    fr_source *source;
};

/* A new tensor for n rows of that shape. NULL with an error. */
fr_tensor *fr_new_rows(const char *what, const fr_shape *row, fr_dtype dtype, int64_t n);

#endif
