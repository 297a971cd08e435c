/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The path of a module in its tree, "encoder.rnn". */
#ifndef FROND_CORE_MODULE_PATH_H
#define FROND_CORE_MODULE_PATH_H

#include "core/base.h"

#include <stdatomic.h>

/* One module's step of the path. Recorded nodes refer to it, so it outlives the module; it follows the module to a new
 * parent. */
typedef struct fr_module_path {
    atomic_int refs;
    struct fr_module_path *outer; /* the parent's; a reference; NULL: no parent */
    char *name;                   /* in the parent; NULL: no parent */
    char type[];
} fr_module_path;

fr_module_path *fr_module_path_new(const char *type); /* one reference; NULL, without an error, if memory runs out */
/* Puts p under a parent; takes over name, a malloc'd string. */
void fr_module_path_move(fr_module_path *p, fr_module_path *outer, char *name);
fr_module_path *fr_module_path_ref(fr_module_path *p); /* returns p; NULL is fine */
void fr_module_path_unref(fr_module_path *p);          /* NULL is fine */
/* The innermost module around both; NULL: none. */
fr_module_path *fr_module_path_common(fr_module_path *a, fr_module_path *b);

enum { FR_PATH_TEXT = 256 };
/* Writes "encoder.rnn", or the type of a module without a name, or "" for NULL; returns text. */
const char *fr_module_path_text(const fr_module_path *p, char text[FR_PATH_TEXT]);
/* Writes "encoder.rnn (RNN)" into text, which has room for it: size bytes. */
void fr_module_path_label(const fr_module_path *p, char *text, size_t size);

#endif
