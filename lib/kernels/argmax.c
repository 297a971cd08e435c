/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* argmax and argmin: the position k of the largest or smallest value along n of (outer,n,inner), as int64. NaN beats
 * every number, and the first of several equal values wins. */
#ifndef T
#include "kernels/reduce.h"
#include "kernels/vmath.h"

#define KERNEL_INT64
#define KERNEL_FILE "kernels/argmax.c"
#include "kernels/instantiate.h"

const fr_reducer *fr_argmax_reducer(fr_dtype dtype)
{
    return FR_KERNEL_FOR_ANY(dtype, argmax);
}

const fr_reducer *fr_argmin_reducer(fr_dtype dtype)
{
    return FR_KERNEL_FOR_ANY(dtype, argmin);
}
#else
/* The better of two values. Like the functions below it is inlined where `min` is a constant: false for argmax, true
 * for argmin. */
FR_INLINE T FN(better)(T a, T b, bool min)
{
    return (min ? a < b : a > b) || FR_IS_NAN(a) ? a : b;
}

/* The best value of a row, without its position: largest_row and smallest_row. */
#define STATE   T
#define REDUCER largest
#define INIT    FR_LOWEST(T)
#define STEP    FN(better)(x, s, false)
#define MERGE   FN(better)(o, s, false)
#include "kernels/reduce_row.h"
#undef REDUCER
#undef INIT
#undef STEP
#undef MERGE

#define REDUCER smallest
#define INIT    FR_HIGHEST(T)
#define STEP    FN(better)(x, s, true)
#define MERGE   FN(better)(o, s, true)
#include "kernels/reduce_row.h"
#undef REDUCER
#undef INIT
#undef STEP
#undef MERGE
#undef STATE

/* The best value so far, and its number in its slab. */
typedef struct {
    T value;
    int64_t at;
} FN(position);

FR_INLINE FN(position) FN(better_position)(FN(position) a, FN(position) b, bool min)
{
    bool a_nan = FR_IS_NAN(a.value), b_nan = FR_IS_NAN(b.value);
    bool equal = a.value == b.value || (a_nan && b_nan);
    bool a_wins = equal ? a.at < b.at : a_nan || (!b_nan && (min ? a.value < b.value : a.value > b.value));

    return a_wins ? a : b;
}

/* Of a block of rows the best value of each column is found first, then, from the back, its row. Both loops become
 * vector code; the second does where a row number has the size of T. */
typedef __typeof__(_Generic((T)0, float : (int32_t)0, default : (int64_t)0)) FN(row_number);

FR_INLINE void FN(add_positions)(int64_t rows, int64_t width, int64_t stride, int64_t at, const T *restrict x,
                                 FN(position) * s, bool min)
{
    T best[FR_REDUCE_WIDTH];
    FN(row_number) row[FR_REDUCE_WIDTH];

    for (int64_t j = 0; j < width; j++) {
        best[j] = min ? FR_HIGHEST(T) : FR_LOWEST(T);
        row[j] = 0;
    }
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < width; j++)
            best[j] = FN(better)(x[r * stride + j], best[j], min);
    for (int64_t r = rows - 1; r >= 0; r--)
        for (int64_t j = 0; j < width; j++) {
            T v = x[r * stride + j];

            row[j] = v == best[j] || FR_IS_NAN(v) ? (FN(row_number))r : row[j];
        }
    for (int64_t j = 0; rows > 0 && j < width; j++)
        s[j] = FN(better_position)(s[j], (FN(position)){ best[j], at + row[j] * stride + j }, min);
}

/* The position of the best of n values, a step of inner apart. */
FR_INLINE int64_t FN(position_in_column)(int64_t n, int64_t inner, const T *restrict x, bool min)
{
    T best = x[0];
    int64_t position = 0;

    for (int64_t r = 1; r < n && !FR_IS_NAN(best); r++) {
        T v = x[r * inner];

        position = (min ? v < best : v > best) || FR_IS_NAN(v) ? r : position;
        best = FN(better)(v, best, min);
    }
    return position;
}

FR_INLINE void FN(small_positions)(int64_t count, int64_t n, int64_t inner, const T *restrict x, int64_t *restrict y,
                                   bool min)
{
    for (int64_t i = 0; i < count && inner == 1; i++, x += n) {
        T best = min ? FN(smallest_row)(n, x, 0) : FN(largest_row)(n, x, 0);

        y[i] = 0;
        while (x[y[i]] != best && !FR_IS_NAN(x[y[i]]))
            y[i]++;
    }
    for (int64_t i = 0; i < count * inner && inner > 1; i++)
        y[i] = FN(position_in_column)(n, inner, x + i / inner * n * inner + i % inner, min);
}

/* --- The reducers, argmax and argmin ------------------------------------------------------------------------------ */

static void FN(argmax_add)(int64_t rows, int64_t width, int64_t stride, int64_t at, const void *x, void *states,
                           double p)
{
    (void)p;
    FN(add_positions)(rows, width, stride, at, x, states, false);
}

static void FN(argmin_add)(int64_t rows, int64_t width, int64_t stride, int64_t at, const void *x, void *states,
                           double p)
{
    (void)p;
    FN(add_positions)(rows, width, stride, at, x, states, true);
}

static void FN(argmax_small)(int64_t count, int64_t n, int64_t inner, const void *x, void *y, double p)
{
    (void)p;
    FN(small_positions)(count, n, inner, x, y, false);
}

static void FN(argmin_small)(int64_t count, int64_t n, int64_t inner, const void *x, void *y, double p)
{
    (void)p;
    FN(small_positions)(count, n, inner, x, y, true);
}

#define STATE      FN(position)
#define OUT        int64_t
#define RESULT     s.at / inner
#define BY_COLUMNS false

#define REDUCER argmax
#define INIT    ((FN(position)){ FR_LOWEST(T), INT64_MAX })
#define MERGE   FN(better_position)(s, o, false)
#define ADD     FN(argmax_add)
#define SMALL   FN(argmax_small)
#include "kernels/reduce_states.h"
#undef REDUCER
#undef INIT
#undef MERGE
#undef ADD
#undef SMALL

#define REDUCER argmin
#define INIT    ((FN(position)){ FR_HIGHEST(T), INT64_MAX })
#define MERGE   FN(better_position)(s, o, true)
#define ADD     FN(argmin_add)
#define SMALL   FN(argmin_small)
#include "kernels/reduce_states.h"
#undef REDUCER
#undef INIT
#undef MERGE
#undef ADD
#undef SMALL

#undef STATE
#undef OUT
#undef RESULT
#undef BY_COLUMNS
#endif
