/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The dtypes of files, of which there are more than of tensors, and their conversion:
 *
 *   in the file                  in memory
 *   float32, float64, int64      the same
 *   float16, bfloat16            float32, exactly
 *   bool, int8 ... uint32        int64, exactly
 *   uint64                       int64; values above 2^63 - 1 are refused */
#ifndef FROND_FILES_DTYPE_H
#define FROND_FILES_DTYPE_H

#include "files/byte_stream.h"

typedef enum {
    FR_FILE_F32,
    FR_FILE_F64,
    FR_FILE_I64,
    FR_FILE_F16,
    FR_FILE_BF16,
    FR_FILE_BOOL,
    FR_FILE_I8,
    FR_FILE_I16,
    FR_FILE_I32,
    FR_FILE_U8,
    FR_FILE_U16,
    FR_FILE_U32,
    FR_FILE_U64,
    FR_FILE_DTYPES
} fr_file_dtype;
_Static_assert((int)FR_FILE_F32 == FR_F32 && (int)FR_FILE_F64 == FR_F64 && (int)FR_FILE_I64 == FR_I64,
               "a fr_dtype converts to the fr_file_dtype of the same value");

typedef struct {
    const char *safetensors, *npy; /* its names in these formats; NULL if the format does not have it */
    size_t size;                   /* bytes of a value in the file */
    fr_dtype dtype;                /* in memory */
} fr_file_dtype_info;

extern const fr_file_dtype_info fr_file_dtypes[FR_FILE_DTYPES];

/* Reads t->numel values of the file dtype, row-major, and converts them into t: a new contiguous tensor of the dtype
 * that fr_file_dtypes gives. False with an error. */
bool fr_read_values(fr_byte_stream *s, fr_file_dtype dtype, bool big_endian, fr_tensor *t);
/* A contiguous little-endian tensor with t's values, ready to be written: t itself if it is one, else a copy. The
 * caller owns one reference. NULL with an error. */
fr_tensor *fr_values_for_file(const char *where, fr_tensor *t);

#endif
