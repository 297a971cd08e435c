/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A stream of bytes that is read once from beginning to end: a file, a member of an archive, or memory. */
#ifndef FROND_FILES_BYTE_STREAM_H
#define FROND_FILES_BYTE_STREAM_H

#include "core/base.h"

typedef struct fr_byte_stream {
    const char *where; /* for errors */
    void *handle;
    bool (*read)(struct fr_byte_stream *s, void *into, size_t bytes); /* reads all of the bytes, or fails */
    int64_t remaining;                                                /* bytes that have not been read yet */
} fr_byte_stream;

/* A stream of the whole file, which must be seekable and stays open. False with an error. */
bool fr_byte_stream_from_file(fr_byte_stream *s, const char *where, FILE *file);
/* Reads exactly that many bytes. False with an error, also if fewer remain. */
bool fr_byte_stream_read(fr_byte_stream *s, void *into, size_t bytes);

#endif
