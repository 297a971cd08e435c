/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A hash table with pointers for keys. */
#include "core/hash_table.h"

#include "core/memory.h"

static size_t home(const fr_table *t, const void *key)
{
    return (size_t)(((uint64_t)(uintptr_t)key >> 4) * 0x9e3779b97f4a7c15U >> 20) & (t->capacity - 1);
}

static size_t find(const fr_table *t, const void *key)
{
    size_t i = home(t, key);

    while (t->slots[i].key && t->slots[i].key != key)
        i = (i + 1) & (t->capacity - 1);
    return i;
}

void *fr_table_find(const fr_table *t, const void *key)
{
    return t->capacity ? t->slots[find(t, key)].value : NULL;
}

static bool grow(fr_table *t)
{
    fr_table bigger = { .count = t->count, .capacity = t->capacity ? t->capacity * 2 : 16 };

    bigger.slots = fr_alloc(bigger.capacity * sizeof *bigger.slots);
    if (!bigger.slots)
        return false;
    memset(bigger.slots, 0, bigger.capacity * sizeof *bigger.slots);
    for (size_t i = 0; i < t->capacity; i++)
        if (t->slots[i].key)
            bigger.slots[find(&bigger, t->slots[i].key)] = t->slots[i];
    fr_table_free(t);
    *t = bigger;
    return true;
}

bool fr_table_put(fr_table *t, const void *key, void *value)
{
    if (t->count * 2 >= t->capacity && !grow(t))
        return false;

    size_t i = find(t, key);

    t->slots[i].key = key;
    t->slots[i].value = value;
    t->count++;
    return true;
}

void fr_table_remove(fr_table *t, const void *key)
{
    size_t mask = t->capacity - 1, hole = find(t, key);

    for (size_t i = (hole + 1) & mask; t->slots[i].key; i = (i + 1) & mask) {
        if (((i - home(t, t->slots[i].key)) & mask) < ((i - hole) & mask))
            continue; /* the entry must not move to before its home */
        t->slots[hole] = t->slots[i];
        hole = i;
    }
    t->slots[hole].key = NULL;
    t->slots[hole].value = NULL;
    t->count--;
}

void fr_table_free(fr_table *t)
{
    fr_free(t->slots, t->capacity * sizeof *t->slots);
    *t = (fr_table){ 0 };
}
