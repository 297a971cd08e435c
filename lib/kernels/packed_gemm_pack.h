/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* For packed_gemm.c, for each type and kind of CPU: matrices laid out as its tiles read them. */

static int64_t FN(panel_width)(void)
{
    return WIDTH;
}

/* to[l * WIDTH + j] = from[l * step_k + offset[j]] for first_row <= l < k and first_column <= j < columns. Eight rows
 * at a time, so that both arrays stay in the cache. */
static void FN(transpose_values)(int64_t first_row, int64_t k, int64_t first_column, int64_t columns, const T *from,
                                 int64_t step_k, const int64_t *offset, T *to)
{
    for (int64_t rows = first_row; rows < k; rows += 8)
        for (int64_t j = first_column; j < columns; j++)
            for (int64_t l = rows; l < rows + 8 && l < k; l++)
                to[l * WIDTH + j] = from[l * step_k + offset[j]];
}

#ifdef HAVE_SHUFFLE
/* The same for all rows and columns, in blocks of 32-byte vectors where columns lie without gaps. */
static void FN(transpose)(int64_t k, int64_t columns, const T *from, int64_t step_k, const int64_t *offset, T *to)
{
    enum { BLOCK = 32 / sizeof(T) };
    int64_t rows = step_k == 1 ? k / BLOCK * BLOCK : 0, whole = columns / BLOCK * BLOCK;

    for (int64_t l = 0; l < rows; l += BLOCK)
        for (int64_t j = 0; j < whole; j += BLOCK)
            TYPED(transpose_block)(from + l, offset + j, to + l * WIDTH + j, WIDTH);
    FN(transpose_values)(rows, k, 0, columns, from, step_k, offset, to);
    FN(transpose_values)(0, rows, whole, columns, from, step_k, offset, to);
}
#else
static void FN(transpose)(int64_t k, int64_t columns, const T *from, int64_t step_k, const int64_t *offset, T *to)
{
    FN(transpose_values)(0, k, 0, columns, from, step_k, offset, to);
}
#endif

/* A panel of B, of which B has only `columns` columns; B's element (l,j) is b[l * step_k + j * step_n]. */
static void FN(pack_panel)(int64_t k, int64_t columns, const T *b, int64_t step_k, int64_t step_n, T *panel)
{
    int64_t offset[WIDTH];

    if (columns < WIDTH)
        memset(panel, 0, (size_t)(k * WIDTH) * sizeof(T));
    if (step_n == 1 && columns == WIDTH) {
        for (int64_t l = 0; l < k; l++)
            memcpy(panel + l * WIDTH, b + l * step_k, WIDTH * sizeof(T));
        return;
    }
    for (int64_t j = 0; j < columns; j++)
        offset[j] = j * step_n;
    FN(transpose)(k, columns, b, step_k, offset, panel);
}

/* The same for all panels of a B whose element (l,j) is b[l + columns[j]]. */
static void FN(pack_shifted)(int64_t k, int64_t n, const void *b, const int64_t *columns, void *packed)
{
    T *panel = packed;

    for (int64_t j = 0; j < n; j += WIDTH, panel += k * WIDTH) {
        if (n - j < WIDTH)
            memset(panel, 0, (size_t)(k * WIDTH) * sizeof(T));
        FN(transpose)(k, fr_least(WIDTH, n - j), b, 1, columns + j, panel);
    }
}

static void FN(pack)(int64_t k, int64_t n, const void *b, int64_t step_k, int64_t step_n, void *packed)
{
    for (int64_t j = 0; j < n; j += WIDTH)
        FN(pack_panel)(k, fr_least(WIDTH, n - j), (const T *)b + j * step_n, step_k, step_n, (T *)packed + j * k);
}

/* For A^T, (depth,columns) with rows lda apart, each column of which is a row of A: groups of ROWS columns become
 * arrays (depth,ROWS), `group` elements apart. sums (columns), where not NULL: the columns are added to it. A few
 * groups at a time: each lies in a page of its own, and CPUs keep the addresses of few pages that are written. */
static void FN(pack_transposed)(int64_t depth, int64_t columns, const T *from, int64_t lda, T *packed, int64_t group,
                                T *sums)
{
    enum { CHUNK = 8 * ROWS };

    for (int64_t first = 0; first < columns; first += CHUNK) {
        int64_t n = fr_least(CHUNK, columns - first);
        const T *restrict a = from + first;
        T *restrict to = packed + first / ROWS * group, *restrict sum = sums ? sums + first : NULL;

        for (int64_t l = 0; l < depth; l++, a += lda, to += ROWS) {
            int64_t i = 0;

            for (int64_t j = 0; sum && j < n; j++)
                sum[j] += a[j];
            for (; i + ROWS <= n; i += ROWS)
                memcpy(to + i / ROWS * group, a + i, ROWS * sizeof(T));
            if (i < n)
                memcpy(to + i / ROWS * group, a + i, (size_t)(n - i) * sizeof(T));
        }
    }
}
