/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Named tensors: what is read from a file of several. */
#ifndef FROND_FILES_TENSORS_H
#define FROND_FILES_TENSORS_H

#include "core/base.h"

#include <frond/io.h>

typedef struct {
    char *name;
    fr_tensor *tensor;
} fr_tensors_item;

struct fr_tensors {
    int count;
    fr_tensors_item *items;
    const fr_tensors_item **by_name; /* sorted */
};

/* Room for count tensors, none of them there yet: the reader appends to items, and raises count before it fills one in,
 * so that fr_tensors_free frees all that is there. NULL with an error. */
fr_tensors *fr_tensors_new(const char *where, int count);
/* Fills in by_name when all are there. */
void fr_tensors_sort(fr_tensors *ts);

#endif
