/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A set of label texts that gives each an index, like scikit-learn's LabelEncoder. They are sorted as numbers if all
 * are numbers, else as text. Texts of one number, "1" and "1.0", are one label, and have the text that came first. */
#ifndef FROND_DATA_LABEL_SET_H
#define FROND_DATA_LABEL_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    char *text;
    double number;
    bool is_number, is_exact; /* is_exact: no other number is the same double */
    int64_t added;            /* its place in the order in which labels were added */
} fr_label;

typedef struct {
    fr_label *items;
    size_t count, capacity;
    int32_t *slots; /* a hash table: 1 + an index of items; 0: free */
    size_t slot_count;
    bool text_only; /* not all are numbers */
} fr_label_set;

/* Adds a copy of text unless it is there already. Returns its place in the order of adding, from 0; -1 without an error
 * message if memory runs out. Numbers are read in the thread's locale, here and in fr_label_set_find. */
int64_t fr_label_set_add(fr_label_set *set, const char *text);
/* Sorts the labels. Each of the n places in `places`, which fr_label_set_add returned, becomes an index of the sorted
 * set. Nothing can be added afterwards. False without an error message if memory runs out. */
bool fr_label_set_sort(fr_label_set *set, int64_t *places, size_t n);
/* The index of text in a sorted set, or -1. */
int64_t fr_label_set_find(const fr_label_set *set, const char *text);
void fr_label_set_free(fr_label_set *set);

#endif
