/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Pieces of planes, line by line. */
#ifndef T
#include "kernels/plane.h"

#include "core/integer.h"

#include "kernels/cpu.h"

/* The part of line `line` of the image within positions from..from+count-1: its first column, the position of that,
 * and how many columns there are. */
typedef struct {
    int64_t column, position, n;
} part_of_line;

static inline part_of_line part_of(const fr_plane *p, int64_t line, int64_t from, int64_t count)
{
    int64_t begin = (p->top + line) * p->width + p->left, end = fr_least(begin + p->columns, from + count);
    int64_t first = fr_most(begin, from);

    return (part_of_line){ first - begin, first, fr_most(end - first, 0) };
}

/* The lines of the image that have positions there may be: from *line to the result. */
static inline int64_t lines_within(const fr_plane *p, int64_t from, int64_t count, int64_t *line)
{
    *line = fr_most(from / p->width - p->top, 0);
    return fr_least((from + count - 1) / p->width - p->top + 1, p->lines);
}

#define KERNEL_FILE "kernels/plane.c"
#include "kernels/instantiate.h"

void fr_plane_read(fr_dtype dtype, const fr_plane *p, int64_t from, int64_t count, const void *image, void *to)
{
    FR_KERNEL_FOR(dtype, plane_read)(p, from, count, image, to);
}

void fr_plane_write(fr_dtype dtype, const fr_plane *p, int64_t from, int64_t count, const void *values, bool add,
                    void *image)
{
    FR_KERNEL_FOR(dtype, plane_write)(p, from, count, values, add, image);
}
#else
static void FN(plane_read)(const fr_plane *p, int64_t from, int64_t count, const void *pimage, void *pto)
{
    const T *restrict image = pimage;
    T *restrict to = pto;
    int64_t line, end = lines_within(p, from, count, &line);

    memset(to, 0, (size_t)count * sizeof(T));
    for (; line < end; line++) {
        part_of_line part = part_of(p, line, from, count);
        const T *restrict values = image + p->first + line * p->line_step + part.column * p->column_step;
        T *restrict place = to + part.position - from;

        if (p->column_step == 1)
            memcpy(place, values, (size_t)part.n * sizeof(T)); /* faster than a loop: lines are short */
        else
            for (int64_t i = 0; i < part.n; i++)
                place[i] = values[i * p->column_step];
    }
}

FR_INLINE void FN(write_part)(int64_t n, const T *restrict values, bool add, T *restrict to, int64_t step)
{
    if (add)
        for (int64_t i = 0; i < n; i++)
            to[i * step] += values[i];
    else if (step == 1)
        memcpy(to, values, (size_t)n * sizeof(T));
    else
        for (int64_t i = 0; i < n; i++)
            to[i * step] = values[i];
}

static void FN(plane_write)(const fr_plane *p, int64_t from, int64_t count, const void *pvalues, bool add, void *pimage)
{
    const T *restrict values = pvalues;
    T *restrict image = pimage;
    int64_t line, end = lines_within(p, from, count, &line);

    for (; line < end; line++) {
        part_of_line part = part_of(p, line, from, count);
        const T *restrict some = values + part.position - from;
        T *restrict to = image + p->first + line * p->line_step + part.column * p->column_step;

        if (p->column_step == 1)
            FN(write_part)(part.n, some, add, to, 1);
        else
            FN(write_part)(part.n, some, add, to, p->column_step);
    }
}
#endif
