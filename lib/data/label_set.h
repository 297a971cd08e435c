/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A set of label texts that gives each an index, like scikit-learn's LabelEncoder. They are sorted as numbers if all
 * are numbers, else as text. */
#ifndef FROND_DATA_LABEL_SET_H
#define FROND_DATA_LABEL_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    char *text;
    double number;
    size_t position; /* in the order in which labels were added */
} fr_label;

typedef struct {
    fr_label *items;
    size_t count, capacity;
    bool text_only; /* not all are numbers */
} fr_label_set;

/* Adds a copy of text. False without an error message if memory runs out. Numbers are read in the thread's locale, here
 * and in fr_label_set_find. */
bool fr_label_set_add(fr_label_set *set, const char *text);
/* Sorts the labels and drops duplicates. indices[i], unless indices is NULL, becomes the index of the label that was
 * the i-th to be added. */
void fr_label_set_sort(fr_label_set *set, int64_t *indices);
/* The index of text in a sorted set, or -1. */
int64_t fr_label_set_find(const fr_label_set *set, const char *text);
void fr_label_set_free(fr_label_set *set);

#endif
