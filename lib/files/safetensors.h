/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The safetensors format:
 *
 *   8 bytes        N, little-endian, at most 100 MB
 *   N bytes        JSON, padded with spaces: {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
 *   the rest       the tensors' values, row-major and little-endian; offsets count from here and leave no byte out
 *
 * "__metadata__" is no tensor but a map of strings to strings. */
#ifndef FROND_FILES_SAFETENSORS_H
#define FROND_FILES_SAFETENSORS_H

#include "core/file.h"
#include "files/stored.h"
#include "files/tensors.h"

enum { FR_HEADER_PREFIX = 8, FR_HEADER_MOST = 100 * 1000 * 1000 };
#define FR_HEADER_METADATA "__metadata__"

/* --- Header ------------------------------------------------------------------------------------------------------ */

typedef struct {
    const char *name; /* borrowed from the header */
    int place;        /* in the header */
    fr_stored kind;
    fr_shape shape;
    int64_t begin, end; /* its values: bytes after the header */
} fr_header_entry;

typedef struct {
    struct json_t *json;
    fr_header_entry *entries; /* in the order of their values */
    int count;
} fr_header;

/* Reads the header's text and checks it against the number of bytes that follow. An error names where; in any case
 * fr_header_free is due. */
bool fr_header_parse(const char *where, const char *text, size_t size, int64_t data_size, fr_header *header);
void fr_header_free(fr_header *header);

/* --- Files ------------------------------------------------------------------------------------------------------- */

/* What fr_load does, under the caller's name. NULL with an error. */
fr_tensors *fr_tensors_read(const char *what, const char *path);
/* The same from an open file that can be measured, which stays open. */
fr_tensors *fr_tensors_read_from(const char *where, FILE *file);
/* What fr_save_tensors does, under the caller's name. */
bool fr_tensors_write(const char *what, const char *path, const char *const *names, fr_tensor *const *tensors, int n);

/* Another name of a tensor that is written under one. */
typedef struct {
    const char *name, *of;
} fr_alias;

/* The same with aliases, in the order of their names, as the file's metadata. */
bool fr_tensors_write_aliased(const char *what, const char *path, const char *const *names, fr_tensor *const *tensors,
                              int n, const fr_alias *aliases, int alias_count);

#endif
