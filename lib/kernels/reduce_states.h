/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What a reducer does with states alone, for one type T and kind of CPU, and its table. kernels/make_reducer.h explains
 * the parameters. ADD and SMALL are the functions for values, BY_COLUMNS says how SMALL goes about it. */

static void REDUCER_FN(start)(int64_t width, void *states, double p)
{
    STATE *s = states;

    (void)p;
    for (int64_t j = 0; j < width; j++)
        s[j] = INIT;
}

/* The second half of the rows is merged into the first until one row is left. */
static void REDUCER_FN(fold)(int64_t parts, int64_t width, void *states, double p)
{
    STATE *all = states;

    (void)p;
    for (int64_t half; parts > 1; parts = half) {
        half = (parts + 1) / 2;
        for (int64_t j = 0; j < (parts - half) * width; j++) {
            STATE s = all[j], o = all[half * width + j];

            all[j] = MERGE;
        }
    }
}

FR_INLINE OUT REDUCER_FN(result)(STATE s, int64_t n, int64_t inner, double p)
{
    (void)n;
    (void)inner;
    (void)p;
    return RESULT;
}

static void REDUCER_FN(finish)(int64_t width, int64_t n, int64_t inner, const void *states, void *py, double p)
{
    const STATE *s = states;
    OUT *y = py;

    for (int64_t j = 0; j < width; j++)
        y[j] = REDUCER_FN(result)(s[j], n, inner, p);
}

_Static_assert(sizeof(STATE) <= FR_REDUCE_STATE, "states are kept on the stack");

static const fr_reducer FN(REDUCER)[1] = { { sizeof(T), sizeof(STATE), sizeof(OUT), REDUCER_FN(start), ADD,
                                             REDUCER_FN(fold), REDUCER_FN(finish), SMALL, BY_COLUMNS } };
