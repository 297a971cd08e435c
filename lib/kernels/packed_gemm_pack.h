/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* For packed_gemm.c, for each type and kind of CPU: matrices laid out as its tiles read them. */

static int64_t FN(panel_width)(void)
{
    return WIDTH;
}

/* to[l * width + j] = from[l * step_k + offset[j]] for first_row <= l < k and first_column <= j < columns. Eight rows
 * at a time, so that both arrays stay in the cache. */
static void FN(transpose_values)(int64_t first_row, int64_t k, int64_t first_column, int64_t columns, const T *from,
                                 int64_t step_k, const int64_t *offset, T *to, int64_t width)
{
    for (int64_t rows = first_row; rows < k; rows += 8)
        for (int64_t j = first_column; j < columns; j++)
            for (int64_t l = rows; l < rows + 8 && l < k; l++)
                to[l * width + j] = from[l * step_k + offset[j]];
}

/* The same for all rows and columns, in blocks of 32-byte vectors where columns lie without gaps. */
static void FN(transpose)(int64_t k, int64_t columns, const T *from, int64_t step_k, const int64_t *offset, T *to,
                          int64_t width)
{
    int64_t rows = 0, whole = 0;

#ifdef HAVE_SHUFFLE
    enum { BLOCK = 32 / sizeof(T) };

    if (step_k == 1) {
        rows = k / BLOCK * BLOCK;
        whole = columns / BLOCK * BLOCK;
    }
    for (int64_t l = 0; l < rows; l += BLOCK)
        for (int64_t j = 0; j < whole; j += BLOCK)
            TYPED(transpose_block)(from + l, offset + j, to + l * width + j, width);
#endif
    FN(transpose_values)(rows, k, 0, columns, from, step_k, offset, to, width);
    FN(transpose_values)(0, rows, whole, columns, from, step_k, offset, to, width);
}

/* How far the rows of a panel of so many columns are apart: whole vectors. */
static int64_t FN(width_of)(int64_t columns)
{
    return fr_round_up(columns, LANES);
}

/* A panel of B with `columns` columns; B's element (l,j) is b[l * step_k + j * step_n]. */
static void FN(pack_panel)(int64_t k, int64_t columns, const T *b, int64_t step_k, int64_t step_n, T *panel)
{
    int64_t offset[WIDTH], width = FN(width_of)(columns);

    if (columns < width)
        memset(panel, 0, (size_t)(k * width) * sizeof(T));
    if (step_n == 1) {
        for (int64_t l = 0; l < k; l++) {
            FR_UNROLL for (int v = 0; v < VECTORS; v++)
            {
                __builtin_prefetch(b + (l + AHEAD < k ? l + AHEAD : l) * step_k + v * LANES);
            }
            memcpy(panel + l * width, b + l * step_k, (size_t)columns * sizeof(T));
        }
        return;
    }
    for (int64_t j = 0; j < columns; j++)
        offset[j] = j * step_n;
    FN(transpose)(k, columns, b, step_k, offset, panel, width);
}

static void FN(transpose_rows)(int64_t m, int64_t n, const void *from, void *to)
{
    int64_t offset[WIDTH];

    for (int64_t j = 0; j < WIDTH; j++)
        offset[j] = j * n;
    for (int64_t i = 0; i < m; i += WIDTH)
        FN(transpose)(n, fr_least(WIDTH, m - i), (const T *)from + i * n, 1, offset, (T *)to + i, m);
}

/* The same for all panels of a B whose element (l,j) is b[l + columns[j]]. */
static void FN(pack_shifted)(int64_t k, int64_t n, const void *b, const int64_t *columns, void *packed)
{
    T *panel = packed;

    for (int64_t j = 0; j < n; j += WIDTH, panel += k * WIDTH) {
        int64_t some = fr_least(WIDTH, n - j), width = FN(width_of)(some);

        if (some < width)
            memset(panel, 0, (size_t)(k * width) * sizeof(T));
        FN(transpose)(k, some, b, 1, columns + j, panel, width);
    }
}

static void FN(pack)(int64_t k, int64_t n, const void *b, int64_t step_k, int64_t step_n, void *packed)
{
    for (int64_t j = 0; j < n; j += WIDTH)
        FN(pack_panel)(k, fr_least(WIDTH, n - j), (const T *)b + j * step_n, step_k, step_n, (T *)packed + j * k);
}

/* The rows of a tile, and of a group of a packed A, in products of n columns. */
static int FN(tile_rows)(int64_t n)
{
    return n > 2 * LANES ? WIDE_ROWS : ROWS;
}

/* Elements from one group of a packed A to the next. */
static int64_t FN(group_step)(int64_t k)
{
    return k * GROUP + GAP / (int64_t)sizeof(T);
}

static int64_t FN(transposed_bytes)(int64_t m, int64_t k, int64_t n)
{
    int64_t values, bytes;

    if (k > INT64_MAX / 128 || !fr_mul_size(FN(group_step)(k), fr_divide_up(m, FN(tile_rows)(n)), &values) ||
        !fr_mul_size(values, (int64_t)sizeof(T), &bytes))
        return -1;
    return bytes;
}

/* For A^T, (k,m) with rows lda apart, each column of which is a row of A: groups of columns become arrays (k,GROUP).
 * sums (m), where not NULL: the columns are added to it. A few groups at a time: each lies in a page of its own, and
 * CPUs keep the addresses of few pages that are written. */
static void FN(pack_transposed)(int64_t k, int64_t m, const void *from, int64_t lda, int64_t n, void *packed,
                                void *sums)
{
    int64_t group = FN(group_step)(k), rows = FN(tile_rows)(n), chunk = 8 * rows;

    for (int64_t first = 0; first < m; first += chunk) {
        int64_t some = fr_least(chunk, m - first), whole = fr_least(chunk, m - first - GROUP + rows);
        const T *restrict a = (const T *)from + first;
        T *restrict to = (T *)packed + first / rows * group, *restrict sum = sums ? (T *)sums + first : NULL;

        for (int64_t l = 0; l < k; l++, a += lda, to += GROUP) {
            T *restrict next = to;
            int64_t i = 0;

            for (int64_t j = 0; sum && j < some; j++)
                sum[j] += a[j];
            for (; i + rows <= whole; i += rows, next += group)
                memcpy(next, a + i, GROUP * sizeof(T));
            for (; i < some; i += rows, next += group)
                memcpy(next, a + i, (size_t)fr_least(rows, some - i) * sizeof(T));
        }
    }
}
