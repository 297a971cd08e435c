/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Transposes a block of a matrix in registers, or takes every second value. Inlined into a kernel's versions. */
#ifndef FROND_KERNELS_TRANSPOSE_H
#define FROND_KERNELS_TRANSPOSE_H

#include "core/cpu.h"

#include <stdint.h>

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define HAVE_SHUFFLE 1
#endif
#endif

#ifdef HAVE_SHUFFLE
typedef float eight __attribute__((vector_size(32), aligned(4), may_alias));
typedef double four __attribute__((vector_size(32), aligned(8), may_alias));

#define LOW_PAIRS(a, b)   __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define HIGH_PAIRS(a, b)  __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define LOW_FOURS(a, b)   __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define HIGH_FOURS(a, b)  __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#define LOW_HALVES(a, b)  __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11)
#define HIGH_HALVES(a, b) __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15)

/* to[j * width + i] = from[offset[i] + j] for i, j < 8: pairs, then fours, then halves of rows change places. */
FR_INLINE void transpose_block_f32(const float *from, const int64_t *offset, float *to, int64_t width)
{
    eight r[8], pair[8], fours[8];

    FR_UNROLL for (int i = 0; i < 8; i++)
    {
        r[i] = *(const eight *)(from + offset[i]);
    }
    FR_UNROLL for (int i = 0; i < 8; i += 2)
    {
        pair[i] = LOW_PAIRS(r[i], r[i + 1]);
        pair[i + 1] = HIGH_PAIRS(r[i], r[i + 1]);
    }
    FR_UNROLL for (int i = 0; i < 8; i += 4)
    {
        fours[i] = LOW_FOURS(pair[i], pair[i + 2]);
        fours[i + 1] = HIGH_FOURS(pair[i], pair[i + 2]);
        fours[i + 2] = LOW_FOURS(pair[i + 1], pair[i + 3]);
        fours[i + 3] = HIGH_FOURS(pair[i + 1], pair[i + 3]);
    }
    FR_UNROLL for (int i = 0; i < 4; i++)
    {
        *(eight *)(to + i * width) = LOW_HALVES(fours[i], fours[i + 4]);
        *(eight *)(to + (i + 4) * width) = HIGH_HALVES(fours[i], fours[i + 4]);
    }
}

/* The same for i, j < 4. */
FR_INLINE void transpose_block_f64(const double *from, const int64_t *offset, double *to, int64_t width)
{
    four r[4], pair[4];

    FR_UNROLL for (int i = 0; i < 4; i++)
    {
        r[i] = *(const four *)(from + offset[i]);
    }
    FR_UNROLL for (int i = 0; i < 4; i += 2)
    {
        pair[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 4, 2, 6);
        pair[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 1, 5, 3, 7);
    }
    FR_UNROLL for (int i = 0; i < 2; i++)
    {
        *(four *)(to + i * width) = __builtin_shufflevector(pair[i], pair[i + 2], 0, 1, 4, 5);
        *(four *)(to + (i + 2) * width) = __builtin_shufflevector(pair[i], pair[i + 2], 2, 3, 6, 7);
    }
}

#define EVEN_FLOATS(a, b)  __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14)
#define ODD_FLOATS(a, b)   __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15)
#define EVEN_DOUBLES(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6)
#define ODD_DOUBLES(a, b)  __builtin_shufflevector(a, b, 1, 3, 5, 7)

/* to[i] = from[2 i], or from[2 i + 1], for as many as are in 32 bytes. All of the 64 bytes of `from` are read. */
FR_INLINE void even_values_f32(const float *from, float *to)
{
    *(eight *)to = EVEN_FLOATS(*(const eight *)from, *(const eight *)(from + 8));
}

FR_INLINE void odd_values_f32(const float *from, float *to)
{
    *(eight *)to = ODD_FLOATS(*(const eight *)from, *(const eight *)(from + 8));
}

FR_INLINE void even_values_f64(const double *from, double *to)
{
    *(four *)to = EVEN_DOUBLES(*(const four *)from, *(const four *)(from + 4));
}

FR_INLINE void odd_values_f64(const double *from, double *to)
{
    *(four *)to = ODD_DOUBLES(*(const four *)from, *(const four *)(from + 4));
}
#endif

#endif
