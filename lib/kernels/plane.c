/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Pieces of planes, line by line. */
#ifndef T
#include "kernels/plane.h"

#include "core/integer.h"

#include "kernels/transpose.h"

/* The lines of the image that have positions among from..from+count-1 there may be: from *line to the result. */
static inline int64_t lines_within(const fr_plane *p, int64_t from, int64_t count, int64_t *line)
{
    *line = fr_most((from - p->left) / p->width - p->top, 0);
    return fr_least((from + count - 1 - p->left) / p->width - p->top + 1, p->lines);
}

#define KERNEL_FILE "kernels/plane.c"
#include "kernels/instantiate.h"

void fr_plane_read(fr_dtype dtype, const fr_plane *p, int64_t from, int64_t count, const void *image, void *to)
{
    FR_KERNEL_FOR(dtype, plane_read)(p, from, count, image, to);
}

void fr_plane_write(fr_dtype dtype, const fr_plane *p, int64_t from, int64_t count, const void *values,
                    const void *number, void *image)
{
    FR_KERNEL_FOR(dtype, plane_write)(p, from, count, values, number, image);
}
#else
typedef T FN(vector) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(T)), may_alias));
typedef T FN(half) __attribute__((vector_size(VECTOR_BYTES / 2), aligned(sizeof(T)), may_alias));

#define LANES ((int64_t)(VECTOR_BYTES / sizeof(T)))

FR_INLINE void FN(copy_vector)(const T *from, T number, bool add, T *to)
{
    FN(vector) values = *(const FN(vector) *)from;

    if (add)
        values += number;
    *(FN(vector) *)to = values;
}

FR_INLINE void FN(copy_half)(const T *from, T number, bool add, T *to)
{
    FN(half) values = *(const FN(half) *)from;

    if (add)
        values += number;
    *(FN(half) *)to = values;
}

/* to[i] = from[i] + number for n values. Lines are short, and a call of memcpy takes longer than their values. The last
 * vector begins so early that it ends with the line. */
FR_INLINE void FN(copy_line)(int64_t n, const T *from, T number, bool add, T *to)
{
    if (n >= LANES) {
        for (int64_t i = 0; i < n - LANES; i += LANES)
            FN(copy_vector)(from + i, number, add, to + i);
        FN(copy_vector)(from + n - LANES, number, add, to + n - LANES);
    } else if (n >= LANES / 2) {
        FN(copy_half)(from, number, add, to);
        FN(copy_half)(from + n - LANES / 2, number, add, to + n - LANES / 2);
    } else {
        for (int64_t i = 0; i < n; i++)
            to[i] = add ? from[i] + number : from[i];
    }
}

/* to[i] = from[i * step] for n values. The last vector of a line begins at a value that is left out: behind the line
 * there may be none. */
FR_INLINE void FN(copy_apart)(int64_t n, const T *from, int64_t step, T *to)
{
    int64_t i = 0;

#ifdef HAVE_SHUFFLE
    enum { SOME = 32 / sizeof(T) };

    for (; step == 2 && i < n - SOME; i += SOME)
        TYPED(even_values)(from + 2 * i, to + i);
    if (step == 2 && n > SOME) {
        TYPED(odd_values)(from + 2 * (n - SOME) - 1, to + n - SOME);
        return;
    }
#endif
    for (; i < n; i++)
        to[i] = from[i * step];
}

/* to[i] = 0 for n values, and for some of the `room` behind them, which are written later. */
FR_INLINE void FN(fill_gap)(int64_t n, int64_t room, T *to)
{
    const FN(vector) zeros = { 0 };
    int64_t i = 0;

    for (; i < n && i + LANES <= room; i += LANES)
        *(FN(vector) *)(to + i) = zeros;
    if (i < n)
        memset(to + i, 0, (size_t)(n - i) * sizeof(T));
}

static void FN(plane_read)(const fr_plane *p, int64_t from, int64_t count, const void *pimage, void *pto)
{
    T *to = pto;
    int64_t line, end = lines_within(p, from, count, &line), step = p->column_step, done = 0;
    int64_t begin = (p->top + line) * p->width + p->left - from; /* of the line, in `to` */
    const T *image = (const T *)pimage + p->first + line * p->line_step;

    for (; line < end; line++, begin += p->width, image += p->line_step) {
        int64_t first = fr_most(begin, 0), n = fr_least(begin + p->columns, count) - first;
        const T *values = image + (n > 0 ? first - begin : 0) * step;

        if (n <= 0)
            continue;
        FN(fill_gap)(first - done, count - done, to + done);
        done = first + n;
        if (step == 1)
            FN(copy_line)(n, values, 0, false, to + first);
        else
            FN(copy_apart)(n, values, step, to + first);
    }
    FN(fill_gap)(count - done, count - done, to + done);
}

FR_INLINE void FN(write_lines)(const fr_plane *p, int64_t from, int64_t count, const T *values, T number, bool add,
                               T *image)
{
    int64_t line, end = lines_within(p, from, count, &line), step = p->column_step;
    int64_t begin = (p->top + line) * p->width + p->left - from;

    image += p->first + line * p->line_step;
    for (; line < end; line++, begin += p->width, image += p->line_step) {
        int64_t first = fr_most(begin, 0), n = fr_least(begin + p->columns, count) - first;
        T *to = image + (n > 0 ? first - begin : 0) * step;

        if (step == 1)
            FN(copy_line)(n, values + first, number, add, to);
        else
            for (int64_t i = 0; i < n; i++)
                to[i * step] = add ? values[first + i] + number : values[first + i];
    }
}

static void FN(plane_write)(const fr_plane *p, int64_t from, int64_t count, const void *values, const void *number,
                            void *image)
{
    if (number)
        FN(write_lines)(p, from, count, values, *(const T *)number, true, image);
    else
        FN(write_lines)(p, from, count, values, 0, false, image);
}

#undef LANES
#endif
