/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* One row of a reduction, for one type T and kind of CPU; kernels/make_reducer.h explains the parameters. */

/* The state s with the value x added. */
FR_INLINE STATE REDUCER_FN(step)(STATE s, T x, double p)
{
    (void)p;
    return STEP;
}

/* The state of the values of s, and those of o, which come later. */
FR_INLINE STATE REDUCER_FN(merge)(STATE s, STATE o, double p)
{
    (void)p;
    return MERGE;
}

/* The state of n neighbouring values. Most of them go to lanes, so that the loop becomes vector code. */
FR_INLINE STATE REDUCER_FN(row)(int64_t n, const T *restrict x, double p)
{
    STATE s = INIT, lane[FR_REDUCE_LANES];
    int64_t whole = n / FR_REDUCE_LANES * FR_REDUCE_LANES;

    if (whole > 0) {
        for (int j = 0; j < FR_REDUCE_LANES; j++)
            lane[j] = INIT;
        for (int64_t k = 0; k < whole; k += FR_REDUCE_LANES)
            for (int j = 0; j < FR_REDUCE_LANES; j++)
                lane[j] = REDUCER_FN(step)(lane[j], x[k + j], p);
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
