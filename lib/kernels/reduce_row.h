/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* One row of a reduction, for one type T and kind of CPU; kernels/make_reducer.h explains the parameters. */

/* The state s with the value x added. */
FR_INLINE STATE REDUCER_FN(step)(STATE s, T x, double p)
{
    (void)p;
    return STEP;
}

/* The state s with four values added. */
FR_INLINE STATE REDUCER_FN(step4)(STATE s, T x0, T x1, T x2, T x3, double p)
{
#ifdef STEP4
    (void)p;
    return STEP4;
#else
    s = REDUCER_FN(step)(REDUCER_FN(step)(s, x0, p), x1, p);
    return REDUCER_FN(step)(REDUCER_FN(step)(s, x2, p), x3, p);
#endif
}

/* The state of the values of s, and those of o, which come later. */
FR_INLINE STATE REDUCER_FN(merge)(STATE s, STATE o, double p)
{
    (void)p;
    return MERGE;
}

/* Adds n neighbouring values, a multiple of FR_REDUCE_LANES, to as many states: number k to state k % FR_REDUCE_LANES.
 * Where these are a local array they stay in registers. */
FR_INLINE void REDUCER_FN(lanes)(int64_t n, const T *restrict x, STATE *lane, double p)
{
    enum {
        LANES = FR_REDUCE_LANES,
        AHEAD = 8192 /* bytes: two pages, since CPUs foresee within a page alone */
    };
    int64_t k = 0;

    for (; k + 4 * LANES <= n; k += 4 * LANES) {
        for (size_t byte = 0; byte < 4 * LANES * sizeof(T); byte += FR_LINE)
            __builtin_prefetch((const char *)(x + k) + AHEAD + byte);
        for (int j = 0; j < LANES; j++)
            lane[j] =
                REDUCER_FN(step4)(lane[j], x[k + j], x[k + LANES + j], x[k + 2 * LANES + j], x[k + 3 * LANES + j], p);
    }
    for (; k < n; k += LANES)
        for (int j = 0; j < LANES; j++)
            lane[j] = REDUCER_FN(step)(lane[j], x[k + j], p);
}

/* The state of n neighbouring values. Most of them go to lanes, so that the loop becomes vector code. */
FR_INLINE STATE REDUCER_FN(row)(int64_t n, const T *restrict x, double p)
{
    STATE s = INIT, lane[FR_REDUCE_LANES];
    int64_t whole = n / FR_REDUCE_LANES * FR_REDUCE_LANES;

    if (whole > 0) {
        for (int j = 0; j < FR_REDUCE_LANES; j++)
            lane[j] = INIT;
        REDUCER_FN(lanes)(whole, x, lane, p);
        FR_UNROLL for (int half = FR_REDUCE_LANES / 2; half > 0; half /= 2)
        {
            FR_SIMD for (int j = 0; j < half; j++) lane[j] = REDUCER_FN(merge)(lane[j], lane[half + j], p);
        }
        s = lane[0];
    }
    for (int64_t k = whole; k < n; k++)
        s = REDUCER_FN(step)(s, x[k], p);
    return s;
}
