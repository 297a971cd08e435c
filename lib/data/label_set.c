/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A set of label texts, sorted, with an index for each. */
#include <config.h>

#include "data/label_set.h"

#include "core/memory.h"

#include "data/line_reader.h"

#include <stdlib.h>

/* The slot of text, or the free one where it belongs: open addressing with linear probing, FNV-1a. */
static int32_t *find_slot(const fr_label_set *set, const char *text)
{
    uint64_t hash = 0xcbf29ce484222325;
    size_t i;

    for (const char *c = text; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3;
    for (i = (size_t)hash & (set->slot_count - 1); set->slots[i]; i = (i + 1) & (set->slot_count - 1))
        if (strcmp(set->items[set->slots[i] - 1].text, text) == 0)
            break;
    return &set->slots[i];
}

/* Keeps half of the slots or more free. */
static bool make_slots(fr_label_set *set)
{
    size_t more = set->slot_count ? set->slot_count * 2 : 64;

    if (set->count * 2 < set->slot_count)
        return true;
    free(set->slots);
    set->slots = calloc(more, sizeof *set->slots);
    set->slot_count = set->slots ? more : 0;
    for (size_t i = 0; set->slots && i < set->count; i++)
        *find_slot(set, set->items[i].text) = (int32_t)i + 1;
    return set->slots != NULL;
}

int64_t fr_label_set_add(fr_label_set *set, const char *text)
{
    fr_label label = { .added = (int64_t)set->count };
    int32_t *slot;

    if (!make_slots(set) || set->count >= INT32_MAX)
        return -1;
    slot = find_slot(set, text);
    if (*slot)
        return *slot - 1;
    if (!fr_make_room(&set->items, sizeof *set->items, set->count, &set->capacity) || !(label.text = strdup(text)))
        return -1;
    if (!fr_parse_number(text, &label.number))
        set->text_only = true;
    set->items[set->count++] = label;
    *slot = (int32_t)set->count;
    return label.added;
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

bool fr_label_set_sort(fr_label_set *set, int64_t *places, size_t n)
{
    int64_t *sorted = malloc((set->count + 1) * sizeof *sorted);

    if (!sorted)
        return false;
    free(set->slots);
    set->slots = NULL;
    if (set->count > 0)
        qsort(set->items, set->count, sizeof *set->items, set->text_only ? compare_texts : compare_numbers);
    for (size_t i = 0; i < set->count; i++)
        sorted[set->items[i].added] = (int64_t)i;
    for (size_t i = 0; i < n; i++)
        places[i] = sorted[places[i]];
    free(sorted);
    return true;
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
    free(set->slots);
    *set = (fr_label_set){ 0 };
}
