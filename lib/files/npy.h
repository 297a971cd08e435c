/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* NumPy's npy format (numpy.lib.format):
 *
 *   6 bytes        \x93NUMPY
 *   2 bytes        version: 1 0, 2 0 or 3 0
 *   2 or 4 bytes   N, little-endian; 4 from version 2 on
 *   N bytes        a Python dict, then blanks that fill up to a multiple of 64 bytes, and a newline:
 *                  {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
 *   the rest       the values: row-major, or column-major if fortran_order */
#ifndef FROND_FILES_NPY_H
#define FROND_FILES_NPY_H

#include "core/file.h"
#include "files/stored.h"

enum { FR_NPY_PREFIX = 8, FR_NPY_WRITTEN_MOST = 384 };
#define FR_NPY_MAGIC "\x93NUMPY"

typedef struct {
    fr_stored kind;
    bool big_endian, column_major;
    fr_shape shape; /* not checked */
} fr_npy_header;

/* Reads the dict. longs: Python 2 wrote it, with numbers such as 3L. False with an error. */
bool fr_npy_parse(const char *where, const char *text, size_t size, bool longs, fr_npy_header *header);

/* The array that all that is left of s is; one reference. NULL with an error. */
fr_tensor *fr_npy_read(fr_source *s);

/* A file that is to be written. */
typedef struct {
    char header[FR_NPY_WRITTEN_MOST]; /* prefix and all */
    size_t header_size, values_size;
    fr_tensor *values; /* its values are the file's; one reference */
} fr_npy_image;

/* False with an error; otherwise fr_npy_drop is due. */
bool fr_npy_make(const char *where, fr_tensor *t, fr_npy_image *image);
void fr_npy_drop(fr_npy_image *image);

#endif
