/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The kernel of product.c for one type and one kind of CPU: included once for each of them, with these defined, which
 * it takes away again:
 *
 *     NAME     what the names of its functions begin with
 *     T        float or double
 *     BYTES    of a vector, as wide as the CPU's registers
 *     ROWS     of a tile, which fills two thirds of the registers; 4 or more
 *     TARGET   the attribute that has the compiler use them */

#define PASTE(a, b) a##b
#define JOIN(a, b)  PASTE(a, b)
#define MY(name)    JOIN(NAME, name)
#define VECTOR      MY(_vector)
#define LANES       (BYTES / (int)sizeof(T))
#define WIDTH       (2 * LANES) /* columns of a panel */

typedef T VECTOR __attribute__((vector_size(BYTES), aligned(sizeof(T)), may_alias));

/* A tile of C, rows x vectors, both constants where it is inlined. B is left in `keep`, packed, unless that is NULL;
 * its rows, far apart, and the next tile's of C are asked for early, since no CPU foresees them. */
TARGET ALWAYS_INLINE void MY(_tile)(const int rows, const int vectors, const walk *w, const T *a, const T *b, T *keep,
                                    const T *start, int64_t start_step, T *c, int64_t ldc)
{
    VECTOR sum[ROWS][2], x[2];
    int64_t depth = w->depth, row = w->a_row, column = w->a_column, b_row = w->b_row;

    UNROLL for (int i = 0; i < rows; i++)
    {
        UNROLL for (int v = 0; v < vectors; v++)
        {
            sum[i][v] = *(const VECTOR *)(start + i * start_step + v * LANES);
        }
    }
    for (int64_t l = 0; l < depth; l++) {
        UNROLL for (int v = 0; v < vectors; v++)
        {
            x[v] = *(const VECTOR *)(b + l * b_row + v * LANES);
            if (keep) {
                __builtin_prefetch(b + (l + AHEAD < depth ? l + AHEAD : l) * b_row + v * LANES);
                *(VECTOR *)(keep + l * WIDTH + v * LANES) = x[v];
            }
        }
        UNROLL for (int i = 0; i < rows; i++)
        {
            T y = a[i * row + l * column];

            UNROLL for (int v = 0; v < vectors; v++)
            {
                sum[i][v] += x[v] * y;
            }
        }
    }
    UNROLL for (int i = 0; i < rows; i++)
    {
        UNROLL for (int v = 0; v < vectors; v++)
        {
            *(VECTOR *)(c + i * ldc + v * LANES) = sum[i][v];
        }
    }
}

/* Up to ROWS rows. */
TARGET ALWAYS_INLINE void MY(_some_rows)(int rows, const int vectors, const walk *w, const T *a, const T *b,
                                         const T *start, int64_t start_step, T *c, int64_t ldc)
{
    if (rows == ROWS) {
        MY(_tile)(ROWS, vectors, w, a, b, NULL, start, start_step, c, ldc);
        return;
    }
    if (rows >= 4) {
        MY(_tile)(4, vectors, w, a, b, NULL, start, start_step, c, ldc);
        rows -= 4;
        a += 4 * w->a_row;
        start += 4 * start_step;
        c += 4 * ldc;
    }
    if (rows == 3)
        MY(_tile)(3, vectors, w, a, b, NULL, start, start_step, c, ldc);
    else if (rows == 2)
        MY(_tile)(2, vectors, w, a, b, NULL, start, start_step, c, ldc);
    else if (rows == 1)
        MY(_tile)(1, vectors, w, a, b, NULL, start, start_step, c, ldc);
}

/* Up to ROWS rows of a panel of fewer columns than WIDTH: C's memory ends there. */
TARGET static void MY(_edge)(int rows, int columns, const walk *w, const T *a, const T *b, const T *start,
                             int64_t start_step, T *c, int64_t ldc)
{
    T tile[ROWS * WIDTH];

    for (int i = 0; i < rows; i++) {
        memcpy(tile + i * WIDTH, start + i * start_step, (size_t)columns * sizeof(T));
        memset(tile + i * WIDTH + columns, 0, (size_t)(WIDTH - columns) * sizeof(T));
    }
    if (columns <= LANES)
        MY(_some_rows)(rows, 1, w, a, b, tile, WIDTH, tile, WIDTH);
    else
        MY(_some_rows)(rows, 2, w, a, b, tile, WIDTH, tile, WIDTH);
    for (int i = 0; i < rows; i++)
        memcpy(c + i * ldc, tile + i * WIDTH, (size_t)columns * sizeof(T));
}

/* Has rows of C brought close. Rows of one matrix lie too far apart for a CPU to foresee them. */
ALWAYS_INLINE void MY(_expect)(int64_t rows, const T *c, int64_t ldc)
{
    for (int64_t i = 0; i < rows && i < ROWS; i++) {
        __builtin_prefetch(c + i * ldc, 1);
        __builtin_prefetch(c + i * ldc + LANES, 1);
    }
}

/* C (rows,columns) = start + A B for a panel of B. The first tile leaves B in `keep`, where the others read it. start:
 * NULL for zeros. */
TARGET static void MY(_panel)(const walk *given, int64_t rows, int columns, const void *pa, const void *pb, void *keep,
                              const void *pstart, int64_t start_step, void *pc, int64_t ldc)
{
    static const T zeros[WIDTH];
    walk w = *given;
    const T *a = pa, *b = pb, *start = pstart ? pstart : zeros;
    T *c = pc;

    for (; rows > 0; rows -= ROWS, a += w.a_group, start += ROWS * start_step, c += ROWS * ldc) {
        int some = (int)(rows < ROWS ? rows : ROWS);

        MY(_expect)(columns < WIDTH ? 0 : rows - ROWS, c + some * ldc, ldc);
        if (columns < WIDTH) {
            MY(_edge)(some, columns, &w, a, b, start, start_step, c, ldc);
        } else if (keep && rows > ROWS) {
            MY(_tile)(ROWS, 2, &w, a, b, keep, start, start_step, c, ldc);
            b = keep;
            keep = NULL;
            w.b_row = WIDTH;
        } else {
            MY(_some_rows)(some, 2, &w, a, b, start, start_step, c, ldc);
        }
    }
}

/* A whole panel of B, whose rows lie step_k apart. */
TARGET static void MY(_copy_panel)(int64_t k, const void *from, int64_t step_k, void *to)
{
    for (int64_t l = 0; l < k; l++)
        memcpy((T *)to + l * WIDTH, (const T *)from + l * step_k, WIDTH * sizeof(T));
}

/* Rows of A^T (depth,columns), lda apart, to groups of ROWS columns, (depth,ROWS) each; adds them up in sums. A few
 * groups at a time: they lie in as many pages, and CPUs keep the addresses of few pages that are written. */
TARGET static void MY(_pack_rows)(int64_t depth, int64_t columns, const void *from, int64_t lda, void *packed,
                                  int64_t group, void *sums)
{
    enum { CHUNK = 8 * ROWS };

    for (int64_t first = 0; first < columns; first += CHUNK) {
        int64_t n = columns - first < CHUNK ? columns - first : CHUNK;
        const T *restrict a = (const T *)from + first;
        T *restrict to = (T *)packed + first / ROWS * group, *restrict sum = sums ? (T *)sums + first : NULL;

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

static const kernel NAME = { WIDTH, ROWS, MY(_panel), MY(_copy_panel), MY(_pack_rows) };

#undef PASTE
#undef JOIN
#undef MY
#undef VECTOR
#undef LANES
#undef WIDTH
#undef NAME
#undef T
#undef BYTES
#undef ROWS
#undef TARGET
