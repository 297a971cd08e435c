/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A hash table with pointers for keys. */
#ifndef FROND_CORE_HASH_TABLE_H
#define FROND_CORE_HASH_TABLE_H

#include "core/base.h"

/* Maps pointers to pointers: open addressing with linear probing; removal moves later entries back. */
typedef struct {
    struct {
        const void *key;
        void *value;
    } * slots;
    size_t count, capacity; /* a power of two */
} fr_table;

void *fr_table_find(const fr_table *t, const void *key);      /* NULL: not there */
bool fr_table_put(fr_table *t, const void *key, void *value); /* a key that is not there; false: out of memory */
void fr_table_remove(fr_table *t, const void *key);           /* a key that is there */
void fr_table_free(fr_table *t);

#endif
