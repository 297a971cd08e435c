/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Atomic replacement of a file: its path always names either the old file or the complete new one. */
#ifndef FROND_FILES_REPLACE_FILE_H
#define FROND_FILES_REPLACE_FILE_H

#include "core/file.h"

typedef struct {
    const char *where; /* for errors */
    char *path;        /* with symbolic links resolved */
    char *temporary;   /* path of the new file, in the same folder, until it is in place */
    FILE *file;        /* the new file, to be written to */
    int fd;            /* its descriptor; -1: there is no new file */
} fr_replacement;

/* Creates a temporary file beside path, with the mode of the old file if there is one. False with an error; otherwise
 * fr_replace_finish must be called. */
bool fr_replace_begin(fr_replacement *r, const char *where, const char *path);
/* If ok, puts the new file in place. If not, or if that fails, removes it. True if the new file is in place and will
 * outlast a loss of power. */
bool fr_replace_finish(fr_replacement *r, bool ok);
/* The same for two files, of which both are replaced or neither: if the second fails, the first is restored. */
bool fr_replace_finish_both(fr_replacement *first, fr_replacement *second, bool ok);
/* Appends count bytes to the new file. False with an error. */
bool fr_replace_write(fr_replacement *r, const void *bytes, size_t count);

#endif
