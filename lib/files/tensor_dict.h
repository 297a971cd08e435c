/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The inside of fr_tensors: the named tensors of one file, like the dict that Python's loaders return. */
#ifndef FROND_FILES_TENSOR_DICT_H
#define FROND_FILES_TENSOR_DICT_H

#include "core/tensor.h"

#include <frond/io.h>

typedef struct {
    char *name;
    fr_tensor *tensor;
} fr_tensors_item;

struct fr_tensors {
    fr_life life;
    int count;
    fr_tensors_item *items;          /* in the order of the file */
    const fr_tensors_item **by_name; /* sorted, for fr_tensors_find */
};

/* An empty dict with room for `capacity` tensors. A reader raises count first and then fills in the new item, so that
 * fr_tensors_free also frees an item that is half filled in. NULL with an error. */
fr_tensors *fr_tensors_new(const char *where, int capacity);
/* Fills in by_name once all items are there. */
void fr_tensors_sort(fr_tensors *ts);

#endif
