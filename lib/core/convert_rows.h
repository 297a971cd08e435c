/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Copying rows of values from one type to another. copy.c includes this for each type TO; it includes itself for each
 * type FROM and defines convert_TO_FROM, as convert_f32_i64. CONVERT(x) is x as a TO. */
#ifndef FROM

#define FROM        float
#define FROM_SUFFIX _f32
#include "core/convert_rows.h"
#define FROM        double
#define FROM_SUFFIX _f64
#include "core/convert_rows.h"
#define FROM        int64_t
#define FROM_SUFFIX _i64
#include "core/convert_rows.h"
#undef TO
#undef TO_SUFFIX
#undef CONVERT

#else

#define JOIN_(a, b, c) a##b##c
#define JOIN(a, b, c)  JOIN_(a, b, c)

static void JOIN(convert, TO_SUFFIX, FROM_SUFFIX)(int64_t m, int64_t n, char *to, int64_t to_row, int64_t to_step,
                                                  const char *from, int64_t from_row, int64_t from_step)
{
    bool dense = to_step == (int64_t)sizeof(TO) && from_step == (int64_t)sizeof(FROM);
    bool fill = to_step == (int64_t)sizeof(TO) && from_step == 0;

    if (dense && _Generic((FROM)0, TO : true, default : false)) {
        fr_copy_each_row(m, n * (int64_t)sizeof(TO), to, to_row, from, from_row);
        return;
    }
    for (; m > 0; m--, to += to_row, from += from_row) {
        TO *restrict y = (TO *)(void *)to;
        const FROM *restrict x = (const FROM *)(const void *)from;

        if (dense)
            for (int64_t i = 0; i < n; i++)
                y[i] = CONVERT(x[i]);
        else if (fill)
            for (int64_t i = 0; i < n; i++)
                y[i] = CONVERT(x[0]);
        else
            for (int64_t i = 0; i < n; i++) /* NOLINTNEXTLINE(bugprone-integer-division): steps are whole values */
                y[i * (to_step / (int64_t)sizeof(TO))] = CONVERT(x[i * (from_step / (int64_t)sizeof(FROM))]);
    }
}

#undef JOIN_
#undef JOIN
#undef FROM
#undef FROM_SUFFIX

#endif
