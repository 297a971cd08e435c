/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Bytes to be read from first to last: of a file, or of whatever else has a read function. */
#ifndef FROND_FILES_SOURCE_H
#define FROND_FILES_SOURCE_H

#include "core/base.h"

typedef struct fr_source {
    const char *where; /* for errors */
    void *handle;
    bool (*read)(struct fr_source *s, void *into, size_t bytes); /* all of the bytes, or false with an error */
    int64_t left;                                                /* bytes that have not been read */
} fr_source;

/* Of a file that can be measured, from its beginning; it stays open. False with an error. */
bool fr_source_of_file(fr_source *s, const char *where, FILE *file);
/* False with an error, as well where fewer are left. */
bool fr_source_read(fr_source *s, void *into, size_t bytes);

#endif
