/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A reducer made of expressions, for one type T and kind of CPU: kernels/make_reducer.h includes this for each. */
#include "kernels/reduce_row.h"

/* Four rows at a time: a state is read and written once for four values, and rows of FR_REDUCE_LANES values, to which
 * narrow ones are joined, keep theirs in registers. */
static void REDUCER_FN(add)(int64_t rows, int64_t width, int64_t stride, int64_t at, const void *px, void *states,
                            double p)
{
    const T *restrict x = px;
    STATE *restrict all = states;
    int64_t r = 0;

    (void)at;
    if (width == FR_REDUCE_LANES && stride == width) {
        STATE lane[FR_REDUCE_LANES];

        memcpy(lane, all, sizeof lane);
        REDUCER_FN(lanes)(rows * width, x, lane, p);
        memcpy(all, lane, sizeof lane);
        return;
    }
    for (; r + 4 <= rows; r += 4)
        for (int64_t j = 0; j < width; j++)
            all[j] = REDUCER_FN(step4)(all[j], x[r * stride + j], x[(r + 1) * stride + j], x[(r + 2) * stride + j],
                                       x[(r + 3) * stride + j], p);
    for (; r < rows; r++)
        for (int64_t j = 0; j < width; j++)
            all[j] = REDUCER_FN(step)(all[j], x[r * stride + j], p);
}

FR_INLINE OUT REDUCER_FN(result)(STATE s, int64_t n, int64_t inner, double p);

static void REDUCER_FN(small)(int64_t count, int64_t n, int64_t inner, const void *px, void *py, double p)
{
    const T *restrict x = px;
    OUT *restrict y = py;

    if (inner == 1) {
        for (int64_t i = 0; i < count; i++, x += n)
            y[i] = REDUCER_FN(result)(REDUCER_FN(row)(n, x, p), n, inner, p);
        return;
    }
    for (; count > 0; count--, x += n * inner, y += inner)
        for (int64_t j = 0; j < inner; j++) {
            STATE s = INIT;

            for (int64_t i = j; i < n * inner; i += inner)
                s = REDUCER_FN(step)(s, x[i], p);
            y[j] = REDUCER_FN(result)(s, n, inner, p);
        }
}

#define ADD        REDUCER_FN(add)
#define SMALL      REDUCER_FN(small)
#define BY_COLUMNS false
#include "kernels/reduce_states.h"
#undef ADD
#undef SMALL
#undef BY_COLUMNS
