/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A set of label texts, sorted, with an index for each. */
#include <config.h>

#include "data/label_set.h"

#include "core/memory.h"

#include "data/line_reader.h"

#include <math.h>
#include <stdlib.h>

/* A label of that text. Numbers beyond 2^53 are taken as text: two of them may be one double. */
static fr_label make_key(const char *text)
{
    fr_label key = { .text = (char *)text };

    key.is_number = fr_parse_number(text, &key.number);
    key.number += 0.0; /* -0 becomes 0 */
    key.is_exact = key.is_number && fabs(key.number) <= 0x1p53;
    return key;
}

/* "1" and "1.0" are one label. */
static bool are_same(const fr_label *a, const fr_label *b)
{
    return a->is_exact && b->is_exact ? a->number == b->number : strcmp(a->text, b->text) == 0;
}

/* The slot of key, or the free one where it belongs: open addressing with linear probing, FNV-1a. */
static int32_t *find_slot(const fr_label_set *set, const fr_label *key)
{
    const unsigned char *byte = key->is_exact ? (const unsigned char *)&key->number : (const unsigned char *)key->text;
    size_t length = key->is_exact ? sizeof key->number : strlen(key->text), i;
    uint64_t hash = 0xcbf29ce484222325;

    for (; length > 0; length--, byte++)
        hash = (hash ^ *byte) * 0x100000001b3;
    hash ^= hash >> 32; /* the last bytes of a double are 0 for whole numbers */
    for (i = (size_t)hash & (set->slot_count - 1); set->slots[i]; i = (i + 1) & (set->slot_count - 1))
        if (are_same(&set->items[set->slots[i] - 1], key))
            break;
    return &set->slots[i];
}

static void fill_slots(fr_label_set *set)
{
    memset(set->slots, 0, set->slot_count * sizeof *set->slots);
    for (size_t i = 0; i < set->count; i++)
        *find_slot(set, &set->items[i]) = (int32_t)i + 1;
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
    if (set->slots)
        fill_slots(set);
    return set->slots != NULL;
}

int64_t fr_label_set_add(fr_label_set *set, const char *text)
{
    fr_label label = make_key(text);
    int32_t *slot;

    if (!make_slots(set) || set->count >= INT32_MAX)
        return -1;
    slot = find_slot(set, &label);
    if (*slot)
        return *slot - 1;
    if (!fr_make_room(&set->items, sizeof *set->items, set->count, &set->capacity) || !(label.text = strdup(text)))
        return -1;
    label.added = (int64_t)set->count;
    set->text_only |= !label.is_number;
    set->items[set->count++] = label;
    *slot = (int32_t)set->count;
    return label.added;
}

static int compare_texts(const void *a, const void *b)
{
    const fr_label *x = a, *y = b;

    return strcmp(x->text, y->text);
}

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
    if (set->count > 0) {
        qsort(set->items, set->count, sizeof *set->items, set->text_only ? compare_texts : compare_numbers);
        fill_slots(set);
    }
    for (size_t i = 0; i < set->count; i++)
        sorted[set->items[i].added] = (int64_t)i;
    for (size_t i = 0; i < n; i++)
        places[i] = sorted[places[i]];
    free(sorted);
    return true;
}

int64_t fr_label_set_find(const fr_label_set *set, const char *text)
{
    fr_label key = make_key(text);

    return set->count > 0 ? (int64_t)*find_slot(set, &key) - 1 : -1;
}

void fr_label_set_free(fr_label_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        free(set->items[i].text);
    free(set->items);
    free(set->slots);
    *set = (fr_label_set){ 0 };
}
