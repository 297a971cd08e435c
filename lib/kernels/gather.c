/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* gather: values[i] = input[i, index[i]]; scatter: input[i, index[i]] += values[i], or another way to put it. Where one
 * index serves the whole row, as in an embedding's, the values picked are neighbours. */
#ifndef T
#include "kernels/gather.h"

#include "core/shape.h"

#include "kernels/accumulate.h"
#include "core/cpu.h"

FR_INLINE float product_f32(float a, float b)
{
    return a * b;
}

FR_INLINE double product_f64(double a, double b)
{
    return a * b;
}

/* Wraps around. */
FR_INLINE int64_t product_i64(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a * (uint64_t)b);
}

#define KERNEL_FILE "kernels/gather.c"
#define KERNEL_INT64
#include "kernels/instantiate.h"

static bool picks_neighbours(const fr_indexed_row *r)
{
    return r->index_stride == 0 && r->input_stride == 1 && r->values_stride == 1;
}

/* As in the gradient of a sum. */
static bool adds_one_number(const fr_indexed_row *r)
{
    return r->index_stride == 0 && r->input_stride == 1 && r->values_stride == 0;
}

static void *first_picked(fr_dtype dtype, const fr_indexed_row *r)
{
    return (char *)r->input + *r->index * r->dim_stride * (int64_t)fr_dtype_size(dtype);
}

void fr_gather_row(fr_dtype dtype, const fr_indexed_row *r)
{
    if (picks_neighbours(r))
        memcpy(r->values, first_picked(dtype, r), (size_t)r->n * fr_dtype_size(dtype));
    else
        FR_KERNEL_FOR_ANY(dtype, gather)(r);
}

static void add_row(fr_dtype dtype, const fr_indexed_row *r)
{
    if (picks_neighbours(r))
        fr_accumulate(dtype, r->n, first_picked(dtype, r), r->values);
    else if (adds_one_number(r))
        FR_KERNEL_FOR_ANY(dtype, add_number)(r->n, first_picked(dtype, r), r->values);
    else
        FR_KERNEL_FOR_ANY(dtype, scatter_add)(r);
}

void fr_scatter_row(fr_dtype dtype, fr_put put, const fr_indexed_row *r)
{
    switch (put) {
    case FR_PUT_ADD:
        add_row(dtype, r);
        break;
    case FR_PUT_SET:
        FR_KERNEL_FOR_ANY(dtype, scatter_set)(r);
        break;
    case FR_PUT_PROD:
        FR_KERNEL_FOR_ANY(dtype, scatter_prod)(r);
        break;
    case FR_PUT_AMAX:
        FR_KERNEL_FOR_ANY(dtype, scatter_amax)(r);
        break;
    case FR_PUT_AMIN:
        FR_KERNEL_FOR_ANY(dtype, scatter_amin)(r);
        break;
    }
}

bool fr_indices_fit(int64_t n, const int64_t *index, int64_t stride, int64_t size)
{
    bool fit;

    FR_KERNEL_FOR_ANY(FR_I64, all_within)(n, index, stride, size - 1, &fit);
    return fit;
}
#else
/* *all: no index is below 0 or above `last`: neither it nor last - index has a sign. */
static void FN(all_within)(int64_t n, const int64_t *index, int64_t stride, int64_t last, bool *all)
{
    uint64_t signs = 0;

    if (stride == 1)
        for (int64_t i = 0; i < n; i++)
            signs |= (uint64_t)index[i] | ((uint64_t)last - (uint64_t)index[i]);
    else
        for (int64_t i = 0; i < n; i++)
            signs |= (uint64_t)index[i * stride] | ((uint64_t)last - (uint64_t)index[i * stride]);
    *all = signs >> 63 == 0;
}

static void FN(gather)(const fr_indexed_row *r)
{
    const T *input = r->input;
    T *values = r->values;

    for (int64_t i = 0; i < r->n; i++)
        values[i * r->values_stride] = input[i * r->input_stride + r->index[i * r->index_stride] * r->dim_stride];
}

static void FN(add_number)(int64_t n, void *to, const void *number)
{
    T *y = to, value = *(const T *)number;

    for (int64_t i = 0; i < n; i++)
        y[i] += value;
}

/* put: what takes the place of y, which stands there, for x. */
FR_INLINE void FN(scatter)(const fr_indexed_row *r, T (*put)(T y, T x))
{
    T *input = r->input;
    const T *values = r->values;

    for (int64_t i = 0; i < r->n; i++) {
        T *y = input + i * r->input_stride + r->index[i * r->index_stride] * r->dim_stride;

        *y = put(*y, values[i * r->values_stride]);
    }
}

#define SCATTER(NAME, PUT)                                                                                             \
    FR_FUNCTION(FR_INLINE T, FN(NAME##_put), (__attribute__((unused)) T y, T x), PUT)                                  \
    FR_CALLER(FN(NAME), FN(scatter), (const fr_indexed_row *r), (r, FN(NAME##_put)))

SCATTER(scatter_add, y + x)
SCATTER(scatter_set, x)
SCATTER(scatter_prod, TYPED(product)(y, x))
SCATTER(scatter_amax, x > y || x != x ? x : y)
SCATTER(scatter_amin, x < y || x != x ? x : y)
#undef SCATTER
#endif
