/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Text, and writing it to files. */
#ifndef FROND_CORE_TEXT_H
#define FROND_CORE_TEXT_H

#include "core/base.h"

typedef struct {
    FILE *file;
    int64_t written; /* characters; -1: failed */
} fr_writer;

void fr_put(fr_writer *w, const char *format, ...) FR_PRINTF(2, 3);

/* Adds to text, of which *used characters stand, as far as it has room. */
void fr_append(char *text, size_t size, size_t *used, const char *format, ...) FR_PRINTF(4, 5);
/* The same for a struct with the members text, an array, and used. */
#define FR_APPEND(to, ...) fr_append((to)->text, sizeof(to)->text, &(to)->used, __VA_ARGS__)

/* Bytes of the character that text begins with, 1 to 4; 0: what stands there is no UTF-8. */
int fr_utf8_size(const char *text);
bool fr_is_utf8(const char *text); /* all of it; jansson asks the same of names */

#endif
