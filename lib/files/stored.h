/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Values as files hold them, which know more dtypes than tensors do:
 *
 *   float32, float64, int64      as they are
 *   float16, bfloat16            float32, exactly
 *   bool, int8 ... uint32        int64, exactly
 *   uint64                       int64; refused above 2^63 - 1 */
#ifndef FROND_FILES_STORED_H
#define FROND_FILES_STORED_H

#include "files/source.h"

typedef enum {
    FR_STORED_F32,
    FR_STORED_F64,
    FR_STORED_I64,
    FR_STORED_F16,
    FR_STORED_BF16,
    FR_STORED_BOOL,
    FR_STORED_I8,
    FR_STORED_I16,
    FR_STORED_I32,
    FR_STORED_U8,
    FR_STORED_U16,
    FR_STORED_U32,
    FR_STORED_U64,
    FR_STORED_KINDS
} fr_stored;
_Static_assert((int)FR_STORED_F32 == FR_F32 && (int)FR_STORED_F64 == FR_F64 && (int)FR_STORED_I64 == FR_I64,
               "a tensor's dtype is its kind");

typedef struct {
    const char *safetensors, *npy; /* names in these formats, or NULL */
    size_t size;                   /* bytes of a value in the file */
    fr_dtype dtype;                /* in memory */
} fr_stored_info;

extern const fr_stored_info fr_stored_kinds[FR_STORED_KINDS];

/* Reads t's values, row-major and of that kind, converted, into t (contiguous, of that kind's dtype and new). False
 * with an error. */
bool fr_stored_read(fr_source *s, fr_stored kind, bool big_endian, fr_tensor *t);
/* t's values as files are to have them, row-major and little-endian: t itself where it has them so, else a copy; one
 * reference. */
fr_tensor *fr_stored_values(const char *where, fr_tensor *t);

#endif
