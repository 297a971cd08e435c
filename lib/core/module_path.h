/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The path of a module in its tree, "encoder.rnn". */
#ifndef FROND_CORE_MODULE_PATH_H
#define FROND_CORE_MODULE_PATH_H

#include "core/base.h"

#include <stdatomic.h>

/* One module's step of the path. Recorded nodes refer to it, so it outlives the module; it follows the module to a new
 * parent. */
typedef struct fr_place {
    atomic_int refs;
    struct fr_place *outer; /* the parent's; a reference; NULL: no parent */
    char *name;             /* in the parent; NULL: no parent */
    char type[];
} fr_place;

fr_place *fr_place_new(const char *type); /* one reference; NULL, without an error, if memory runs out */
void fr_place_move(fr_place *p, fr_place *outer, char *name); /* under a parent; takes over name, a malloc'd string */
fr_place *fr_place_ref(fr_place *p);                          /* same; NULL for NULL */
void fr_place_unref(fr_place *p);                             /* NULL is fine */
fr_place *fr_place_common(fr_place *a, fr_place *b);          /* the innermost module around both; NULL: none */

enum { FR_PATH_TEXT = 256 };
/* Writes "encoder.rnn", or the type of a module without a name, or "" for NULL; returns text. */
const char *fr_place_text(const fr_place *p, char text[FR_PATH_TEXT]);

#endif
