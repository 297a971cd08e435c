/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Sets of label texts, sorted: as numbers where all are numbers, else as text. */
#ifndef FROND_DATA_LABEL_SET_H
#define FROND_DATA_LABEL_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    char *text;
    double number;
    size_t place; /* in the order in which they were added */
} fr_label;

typedef struct {
    fr_label *at;
    size_t count, room;
    bool text_only; /* not all are numbers */
} fr_label_set;

/* Adds a copy of text; false where memory runs out. Numbers are read in the thread's locale, as for the next two. */
bool fr_label_set_add(fr_label_set *l, const char *text);
/* Sorts them and drops repetitions. ranks, if not NULL, gets for each one added, in that order, its index now. */
void fr_label_set_sort(fr_label_set *l, int64_t *ranks);
/* The index of text among sorted labels, or -1. */
int64_t fr_label_set_find(const fr_label_set *l, const char *text);
void fr_label_set_free(fr_label_set *l);

#endif
