/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The safetensors format:
 *
 *   8 bytes        N, little-endian, at most 100 MB
 *   N bytes        JSON, padded with spaces: {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
 *   the rest       the tensors' values, row-major and little-endian; offsets count from here, without gaps
 *
 * The entry "__metadata__" is not a tensor but an object of strings. */
#ifndef FROND_FILES_SAFETENSORS_H
#define FROND_FILES_SAFETENSORS_H

#include "core/file.h"
#include "files/dtype.h"
#include "files/tensor_dict.h"

enum { FR_SAFETENSORS_PREFIX = 8, FR_SAFETENSORS_HEADER_MAX = 100 * 1000 * 1000 }; /* bytes */
#define FR_SAFETENSORS_METADATA "__metadata__"

/* --- Header ------------------------------------------------------------------------------------------------------ */

typedef struct {
    char *name; /* to be freed; a reader may take it out */
    int index;  /* in the header */
    fr_file_dtype dtype;
    fr_shape shape;
    int64_t begin, end; /* offsets of its values: bytes after the header */
} fr_safetensors_entry;

typedef struct {
    fr_safetensors_entry *entries; /* in the order of their offsets */
    size_t count, capacity;
} fr_safetensors_header;

/* Parses the header's text, of which it keeps nothing, and checks it completely, with data_size, the number of bytes
 * that follow it. False with an error. fr_safetensors_free_header must be called in either case. */
bool fr_safetensors_parse_header(const char *where, const char *text, size_t size, int64_t data_size,
                                 fr_safetensors_header *header);
void fr_safetensors_free_header(fr_safetensors_header *header);

/* --- Files ------------------------------------------------------------------------------------------------------- */

/* What fr_load does; what: the public function, for errors. NULL with an error. */
fr_tensors *fr_safetensors_load(const char *what, const char *path);
/* The same from an open file, which must be seekable and stays open. */
fr_tensors *fr_safetensors_load_file(const char *where, FILE *file);
/* What fr_save_tensors does; what: the public function, for errors. */
bool fr_safetensors_save(const char *what, const char *path, const char *const *names, fr_tensor *const *tensors,
                         int n);

/* The bytes before the values in that file: *size of them, to be freed. NULL with an error. */
unsigned char *fr_safetensors_header_bytes(const char *where, const char *const *names, fr_tensor *const *tensors,
                                           int n, size_t *size);

/* A second name of a tensor that is in the file once, as tied weights are: name stands for the tensor `of`. */
typedef struct {
    const char *name, *of;
} fr_tensor_alias;

/* The same with aliases, sorted by name, which become the file's metadata. */
bool fr_safetensors_save_aliased(const char *what, const char *path, const char *const *names,
                                 fr_tensor *const *tensors, int n, const fr_tensor_alias *aliases, int alias_count);

#endif
