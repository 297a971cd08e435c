/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Writing a file so that its path names either what was there before or all of what was written. */
#ifndef FROND_FILES_REPLACE_FILE_H
#define FROND_FILES_REPLACE_FILE_H

#include "core/file.h"

typedef struct {
    const char *where; /* for errors */
    char *path;        /* behind symbolic links */
    char *temporary;   /* beside it */
    FILE *file;        /* to be written to */
} fr_replacement;

/* Begins a temporary file beside path, with the mode of the file that is there, or the one a new file has. False with
 * an error; otherwise fr_replace_finish is due. */
bool fr_replace_begin(fr_replacement *r, const char *where, const char *path);
/* With ok, puts the file in path's place; otherwise, or where that fails, removes it. Whether it is in place. */
bool fr_replace_finish(fr_replacement *r, bool ok);
/* The same for two files, of which both get into place or neither: where the second cannot, the first is what it was.
 */
bool fr_replace_finish_both(fr_replacement *first, fr_replacement *second, bool ok);
/* Writes bytes to the file; false with an error. */
bool fr_replace_write(fr_replacement *r, const void *bytes, size_t count);

#endif
