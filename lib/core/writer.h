/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Formatted text: into a file, counting what was written, and into an array, as far as it has room. */
#ifndef FROND_CORE_WRITER_H
#define FROND_CORE_WRITER_H

#include "core/base.h"

#include <math.h>

typedef struct {
    FILE *file;
    int64_t written; /* characters; -1: writing has failed */
} fr_writer;

void fr_put(fr_writer *w, const char *format, ...) FR_PRINTF(2, 3);

/* Appends to text, an array of size bytes of which *used are in use, and cuts off what does not fit. */
void fr_append(char *text, size_t size, size_t *used, const char *format, ...) FR_PRINTF(4, 5);
/* The same for a pointer to a struct with the members text, an array, and used. */
#define FR_APPEND(to, ...) fr_append((to)->text, sizeof(to)->text, &(to)->used, __VA_ARGS__)

/* x as it should be printed: without the sign of -0 and of NaN. */
static inline double fr_plain(double x)
{
    return isnan(x) ? fabs(x) : x + 0.0;
}

#endif
