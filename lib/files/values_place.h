/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Where the values of one array lie in a file, for those who read them row by row. */
#ifndef FROND_FILES_VALUES_PLACE_H
#define FROND_FILES_VALUES_PLACE_H

#include "files/dtype.h"

typedef struct {
    fr_file_dtype dtype;
    bool big_endian;
    fr_shape shape; /* checked; the values are row-major and all there */
    int64_t begin;  /* offset of the first value */
} fr_values_place;

/* These find the values of an .npy, of the array `name` of an .npz, which must not be packed, and of the tensor `name`
 * of a safetensors file. file stays open. False with an error. */
bool fr_npy_find_values(const char *where, FILE *file, fr_values_place *place);
bool fr_npz_find_values(const char *where, FILE *file, const char *name, fr_values_place *place);
bool fr_safetensors_find_values(const char *where, FILE *file, const char *name, fr_values_place *place);

/* The first one for a stream of an .npy: `begin` counts from where s is, and s is then at the first value. */
bool fr_npy_stream_find_values(fr_byte_stream *s, fr_values_place *place);

#endif
