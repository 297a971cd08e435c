/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* where: y[i] = condition[i] != 0 ? a[i] : b[i]. A NaN is not 0. */
#ifndef T
#include "kernels/where.h"

#include "kernels/vmath.h"

FR_INLINE bool is_true_f32(const void *condition, int64_t i)
{
    return ((const float *)condition)[i] != 0;
}

FR_INLINE bool is_true_f64(const void *condition, int64_t i)
{
    return ((const double *)condition)[i] != 0;
}

FR_INLINE bool is_true_i64(const void *condition, int64_t i)
{
    return ((const int64_t *)condition)[i] != 0;
}

#define KERNEL_FILE "kernels/where.c"
#define KERNEL_INT64
#include "kernels/instantiate.h"

void fr_where_row(fr_dtype dtype, fr_dtype condition_dtype, const fr_choice_row *r)
{
    FR_KERNEL_FOR_ANY(dtype, where)(condition_dtype, r);
}
#else
FR_INLINE void FN(choose)(const fr_choice_row *r, bool (*is_true)(const void *condition, int64_t i))
{
    T *y = r->y;
    const T *a = r->a, *b = r->b;

    for (int64_t i = 0; i < r->n; i++)
        y[i * r->y_stride] = is_true(r->condition, i * r->condition_stride) ? a[i * r->a_stride] : b[i * r->b_stride];
}

static void FN(where)(fr_dtype condition_dtype, const fr_choice_row *r)
{
    if (condition_dtype == FR_F32)
        FN(choose)(r, is_true_f32);
    else if (condition_dtype == FR_F64)
        FN(choose)(r, is_true_f64);
    else
        FN(choose)(r, is_true_i64);
}
#endif
