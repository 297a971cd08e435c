/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* NumPy's npy format (numpy.lib.format):
 *
 *   6 bytes        \x93NUMPY
 *   2 bytes        version: 1 0, 2 0 or 3 0
 *   2 or 4 bytes   N, little-endian; 2 bytes in version 1, else 4
 *   N bytes        a Python dict, {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, then spaces and a
 *                  newline that bring the size of all of this to a multiple of 64 bytes
 *   the rest       the values: row-major, or column-major if fortran_order is True */
#ifndef FROND_FILES_NPY_H
#define FROND_FILES_NPY_H

#include "core/file.h"
#include "files/dtype.h"

/* Bytes of magic and version; room for the largest header that frond writes, these included. */
enum { FR_NPY_PREFIX = 8, FR_NPY_HEADER_MAX = 384 };
#define FR_NPY_MAGIC "\x93NUMPY"

typedef struct {
    fr_file_dtype dtype;
    bool big_endian, column_major;
    fr_shape shape;        /* as the file has it: not checked yet */
    char unsupported[128]; /* why its values cannot be loaded; empty if they can */
} fr_npy_header;

/* Parses the dict. python2: numbers may end in L, as Python 2 writes them. False with an error. */
bool fr_npy_parse_header(const char *where, const char *text, size_t size, bool python2, fr_npy_header *header);

/* Reads an npy file that takes up all that remains of s. It fails before it allocates more than limit bytes of values.
 * The caller owns one reference. NULL with an error. If left_out is given, values of a dtype that frond does not have
 * are no error, but set *left_out and are warned of. */
fr_tensor *fr_npy_read(fr_byte_stream *s, int64_t limit, bool *left_out);

/* The two parts of an npy file, ready to be written. */
typedef struct {
    char header[FR_NPY_HEADER_MAX]; /* all that stands before the values */
    size_t header_size, values_size;
    fr_tensor *values; /* one reference */
} fr_npy_encoded;

/* False with an error, and nothing to free. */
bool fr_npy_encode(const char *where, fr_tensor *t, fr_npy_encoded *npy);
void fr_npy_encoded_free(fr_npy_encoded *npy);

#endif
