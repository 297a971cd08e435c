/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* For small_gemm.c, for each type, kind of CPU and size of a vector, BYTES. */
#define WIDE(name) FN(JOIN(name##_, BYTES))
#define LANES      ((int64_t)(BYTES / sizeof(T)))

typedef T WIDE(vector) __attribute__((vector_size(BYTES), aligned(sizeof(T)), may_alias));

/* A tile of C, rows x vectors, both constants: c = start + A B. The second vector begins `second` columns further on.
 */
FR_INLINE void WIDE(tile)(const int rows, const int vectors, int64_t k, const T *a, int64_t a_row, int64_t a_column,
                          const T *b, int64_t b_row, int64_t second, const T *start, int64_t start_row, T *c,
                          int64_t ldc)
{
    WIDE(vector) sum[ROWS][2], x[2];

    FR_UNROLL for (int i = 0; i < rows; i++)
    {
        FR_UNROLL for (int v = 0; v < vectors; v++)
        {
            sum[i][v] = *(const WIDE(vector) *)(start + i * start_row + v * second);
        }
    }
    for (int64_t l = 0; l < k; l++, a += a_column, b += b_row) {
        FR_UNROLL for (int v = 0; v < vectors; v++)
        {
            x[v] = *(const WIDE(vector) *)(b + v * second);
        }
        FR_UNROLL for (int i = 0; i < rows; i++)
        {
            T y = a[i * a_row];

            FR_UNROLL for (int v = 0; v < vectors; v++)
            {
                sum[i][v] += x[v] * y;
            }
        }
    }
    FR_UNROLL for (int i = 0; i < rows; i++)
    {
        FR_UNROLL for (int v = 0; v < vectors; v++)
        {
            *(WIDE(vector) *)(c + i * ldc + v * second) = sum[i][v];
        }
    }
}

#define TILE(rows) WIDE(tile)(rows, vectors, k, a, a_row, a_column, b, b_row, second, start, start_row, c, ldc)

/* All rows of one or two vectors, a constant. The last two tiles share their rows evenly: a tile of few rows takes as
 * long as one of many, waiting for its sums. */
FR_INLINE void WIDE(columns)(const int vectors, int64_t m, int64_t k, const T *a, int64_t a_row, int64_t a_column,
                             const T *b, int64_t b_row, int64_t second, const T *start, int64_t start_row, T *c,
                             int64_t ldc)
{
    for (int64_t rows; m > 0; m -= rows, a += rows * a_row, start += rows * start_row, c += rows * ldc) {
        rows = m >= 2 * ROWS ? ROWS : m > ROWS ? (m + 1) / 2 : m;
        if (rows == 1)
            TILE(1);
        else if (rows == 2)
            TILE(2);
        else if (rows == 3)
            TILE(3);
        else if (rows == 4)
            TILE(4);
#if ROWS == 6
        else if (rows == 5)
            TILE(5);
        else
            TILE(6);
#endif
    }
}

/* n >= LANES, and B's rows lie without gaps. The last vector ends with the row, and so may overlap the one before it:
 * where both are in one tile, what it adds to is read before it is written. start's rows
 * are start_row apart; NULL: zeros. */
static void WIDE(multiply)(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_column, const T *b,
                           int64_t b_row, const T *start, int64_t start_row, T *c, int64_t ldc)
{
    static const T zeros[2 * LANES];

    if (!start)
        start_row = 0;
    while (n > 0) {
        bool one = n <= LANES || (n > 2 * LANES && n <= 3 * LANES);
        int64_t columns = one ? LANES : fr_least(n, 2 * LANES);

        const T *from = start ? start : zeros;

        if (one)
            WIDE(columns)(1, m, k, a, a_row, a_column, b, b_row, 0, from, start_row, c, ldc);
        else
            WIDE(columns)(2, m, k, a, a_row, a_column, b, b_row, columns - LANES, from, start_row, c, ldc);
        n -= columns;
        b += columns;
        start = start ? start + columns : NULL;
        c += columns;
    }
}

#undef TILE
#undef WIDE
#undef LANES
#undef BYTES
