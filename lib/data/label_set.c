/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A set of label texts, sorted, with an index for each. */
#include <config.h>

#include "data/label_set.h"

#include "core/memory.h"

#include "data/line_reader.h"

#include <stdlib.h>

bool fr_label_set_add(fr_label_set *set, const char *text)
{
    fr_label label = { .position = set->count };

    if (!fr_make_room(&set->items, sizeof *set->items, set->count, &set->capacity) || !(label.text = strdup(text)))
        return false;
    if (!fr_parse_number(text, &label.number))
        set->text_only = true;
    set->items[set->count++] = label;
    return true;
}

static int compare_texts(const void *a, const void *b)
{
    const fr_label *x = a, *y = b;

    return strcmp(x->text, y->text);
}

/* "1" and "1.0" are two labels, one next to the other. */
static int compare_numbers(const void *a, const void *b)
{
    const fr_label *x = a, *y = b;

    return x->number < y->number ? -1 : x->number > y->number ? 1 : compare_texts(a, b);
}

void fr_label_set_sort(fr_label_set *set, int64_t *indices)
{
    size_t unique = 0;

    if (set->count > 0)
        qsort(set->items, set->count, sizeof *set->items, set->text_only ? compare_texts : compare_numbers);
    for (size_t i = 0; i < set->count; i++) {
        fr_label *label = &set->items[i];

        if (indices)
            indices[label->position] = (int64_t)unique;
        if (i + 1 < set->count && strcmp(label->text, set->items[i + 1].text) == 0)
            free(label->text);
        else
            set->items[unique++] = *label;
    }
    set->count = unique;
}

int64_t fr_label_set_find(const fr_label_set *set, const char *text)
{
    fr_label key = { .text = (char *)text };
    bool fits = set->count > 0 && (set->text_only || fr_parse_number(text, &key.number));
    const fr_label *found = fits ? bsearch(&key, set->items, set->count, sizeof *set->items,
                                           set->text_only ? compare_texts : compare_numbers)
                                 : NULL;

    return found ? found - set->items : -1;
}

void fr_label_set_free(fr_label_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        free(set->items[i].text);
    free(set->items);
    *set = (fr_label_set){ 0 };
}
