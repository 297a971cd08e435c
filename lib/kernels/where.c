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
/* Both values are read, so that the compiler need not branch. */
FR_INLINE void FN(choose_strided)(const fr_choice_row *r, bool (*is_true)(const void *condition, int64_t i),
                                  int64_t y_stride, int64_t condition_stride, int64_t a_stride, int64_t b_stride)
{
    T *restrict y = r->y;
    const T *restrict a = r->a, *restrict b = r->b;

    for (int64_t i = 0; i < r->n; i++) {
        T yes = a[i * a_stride], no = b[i * b_stride];

        y[i * y_stride] = is_true(r->condition, i * condition_stride) ? yes : no;
    }
}

/* The compiler makes vector code where it knows the strides: neighbours, and numbers for a or b. */
FR_INLINE void FN(choose)(const fr_choice_row *r, bool (*is_true)(const void *condition, int64_t i))
{
    bool dense = r->y_stride == 1 && r->condition_stride == 1;

    if (dense && r->a_stride == 1 && r->b_stride == 1)
        FN(choose_strided)(r, is_true, 1, 1, 1, 1);
    else if (dense && r->a_stride == 0 && r->b_stride == 1)
        FN(choose_strided)(r, is_true, 1, 1, 0, 1);
    else if (dense && r->a_stride == 1 && r->b_stride == 0)
        FN(choose_strided)(r, is_true, 1, 1, 1, 0);
    else if (dense && r->a_stride == 0 && r->b_stride == 0)
        FN(choose_strided)(r, is_true, 1, 1, 0, 0);
    else
        FN(choose_strided)(r, is_true, r->y_stride, r->condition_stride, r->a_stride, r->b_stride);
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
