/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* For packed_gemm.c, for each type and kind of CPU: products, tile by tile. */

typedef T FN(vector) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(T)), may_alias));

/* A tile of C, rows x vectors, both constants where it is inlined: c = start + A B. B is left in `keep`, packed, unless
 * that is NULL; then B's rows are far apart and are prefetched, since no CPU foresees them. shifted, a constant too:
 * b_rows has B's rows. */
FR_INLINE void FN(tile)(const int rows, const int vectors, const bool shifted, const layout *w, const T *a, const T *b,
                        T *keep, const T *start, int64_t start_step, T *c, int64_t ldc)
{
    FN(vector) sum[ROWS][2], x[2];
    int64_t depth = w->depth, row = w->a_row, column = w->a_column, b_row = w->b_row;

    UNROLL for (int i = 0; i < rows; i++)
    {
        UNROLL for (int v = 0; v < vectors; v++)
        {
            sum[i][v] = *(const FN(vector) *)(start + i * start_step + v * LANES);
        }
    }
    for (int64_t l = 0; l < depth; l++) {
        const T *row_of_b = b + (shifted ? w->b_rows[l] : l * b_row);

        UNROLL for (int v = 0; v < vectors; v++)
        {
            x[v] = *(const FN(vector) *)(row_of_b + v * LANES);
            if (keep) {
                __builtin_prefetch(b + (l + AHEAD < depth ? l + AHEAD : l) * b_row + v * LANES);
                *(FN(vector) *)(keep + l * WIDTH + v * LANES) = x[v];
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
            *(FN(vector) *)(c + i * ldc + v * LANES) = sum[i][v];
        }
    }
}

/* A tile of up to ROWS rows. */
FR_INLINE void FN(rows)(int rows, const int vectors, const bool shifted, const layout *w, const T *a, const T *b,
                        const T *start, int64_t start_step, T *c, int64_t ldc)
{
    if (rows == ROWS) {
        FN(tile)(ROWS, vectors, shifted, w, a, b, NULL, start, start_step, c, ldc);
        return;
    }
    if (rows >= 4) {
        FN(tile)(4, vectors, shifted, w, a, b, NULL, start, start_step, c, ldc);
        rows -= 4;
        a += 4 * w->a_row;
        start += 4 * start_step;
        c += 4 * ldc;
    }
    if (rows == 3)
        FN(tile)(3, vectors, shifted, w, a, b, NULL, start, start_step, c, ldc);
    else if (rows == 2)
        FN(tile)(2, vectors, shifted, w, a, b, NULL, start, start_step, c, ldc);
    else if (rows == 1)
        FN(tile)(1, vectors, shifted, w, a, b, NULL, start, start_step, c, ldc);
}

/* Up to ROWS rows of a panel of fewer columns than WIDTH, by way of an array: C's memory ends behind the columns. */
static void FN(edge)(int rows, int columns, const layout *w, const T *a, const T *b, const T *start, int64_t start_step,
                     T *c, int64_t ldc)
{
    T tile[ROWS * WIDTH];

    for (int i = 0; i < rows; i++) {
        memcpy(tile + i * WIDTH, start + i * start_step, (size_t)columns * sizeof(T));
        memset(tile + i * WIDTH + columns, 0, (size_t)(WIDTH - columns) * sizeof(T));
    }
    if (columns <= LANES)
        FN(rows)(rows, 1, false, w, a, b, tile, WIDTH, tile, WIDTH);
    else
        FN(rows)(rows, 2, false, w, a, b, tile, WIDTH, tile, WIDTH);
    for (int i = 0; i < rows; i++)
        memcpy(c + i * ldc, tile + i * WIDTH, (size_t)columns * sizeof(T));
}

/* Rows of C lie too far apart for a CPU to foresee them. */
FR_INLINE void FN(prefetch)(int64_t rows, const T *c, int64_t ldc)
{
    for (int64_t i = 0; i < rows && i < ROWS; i++) {
        __builtin_prefetch(c + i * ldc, 1);
        __builtin_prefetch(c + i * ldc + LANES, 1);
    }
}

/* C (rows,columns) = start + A B for a panel of B; start's rows are start_step apart, NULL stands for zeros. keep:
 * NULL, or room for the panel: the first tile packs B there, and the others read it from there. Not inlined: it is most
 * of the code, and it is called from two places. */
__attribute__((noinline)) static void FN(panel)(const layout *given, int64_t rows, int columns, const T *a, const T *b,
                                                T *keep, const T *start, int64_t start_step, T *c, int64_t ldc)
{
    static const T zeros[WIDTH];
    layout w = *given;

    if (!start)
        start = zeros;
    for (; rows > 0; rows -= ROWS, a += w.a_group, start += ROWS * start_step, c += ROWS * ldc) {
        int some = (int)fr_least(rows, ROWS);

        FN(prefetch)(columns < WIDTH ? 0 : rows - ROWS, c + some * ldc, ldc);
        if (columns < WIDTH) {
            FN(edge)(some, columns, &w, a, b, start, start_step, c, ldc);
        } else if (keep && rows > ROWS) {
            FN(tile)(ROWS, 2, false, &w, a, b, keep, start, start_step, c, ldc);
            b = keep;
            keep = NULL;
            w.b_row = WIDTH;
        } else {
            FN(rows)(some, 2, false, &w, a, b, start, start_step, c, ldc);
        }
    }
}

/* --- B packed before --------------------------------------------------------------------------------------------- */

static void FN(multiply_packed)(int64_t m, int64_t n, int64_t k, const void *pa, int64_t step_m, int64_t step_k,
                                const void *packed, const void *bias, bool add, void *pc, int64_t ldc)
{
    layout w = { .a_row = step_m, .a_column = step_k, .a_group = ROWS * step_m, .b_row = WIDTH };

    for (int64_t i = 0; i < m; i += M_BLOCK)
        for (int64_t j = 0; j < n; j += WIDTH) {
            const T *a = (const T *)pa + i * step_m, *panel = (const T *)packed + j * k;
            T *c = (T *)pc + i * ldc + j;
            const T *start = add ? c : bias ? (const T *)bias + j : NULL;
            int64_t step = add ? ldc : 0, l = 0;

            do {
                w.depth = fr_least(K_BLOCK, k - l);
                FN(panel)
                (&w, fr_least(M_BLOCK, m - i), (int)fr_least(WIDTH, n - j), a + l * step_k, panel + l * WIDTH, NULL,
                 start, step, c, ldc);
                start = c;
                step = ldc;
                l += K_BLOCK;
            } while (l < k);
        }
}

/* --- B read where it lies ----------------------------------------------------------------------------------------- */

static void FN(multiply_shifted)(int64_t m, int64_t n, int64_t k, const void *pa, int64_t step_m, const void *pb,
                                 const int64_t *rows, void *pc, int64_t ldc)
{
    static const T zeros[WIDTH];
    layout w = { .a_row = step_m, .a_column = 1 };

    for (int64_t j = 0; j < n; j += WIDTH)
        for (int64_t l = 0; l < k; l += K_BLOCK) {
            w.depth = fr_least(K_BLOCK, k - l);
            w.b_rows = rows + l;
            for (int64_t i = 0; i < m; i += ROWS) {
                T *c = (T *)pc + i * ldc + j;

                FN(rows)
                ((int)fr_least(ROWS, m - i), 2, true, &w, (const T *)pa + i * step_m + l, (const T *)pb + j,
                 l > 0 ? c : zeros, l > 0 ? ldc : 0, c, ldc);
            }
        }
}

/* --- B used once: each panel is packed when it is needed ---------------------------------------------------------- */

static void FN(sum_columns)(int64_t k, int64_t m, const void *pa, int64_t lda, bool add, void *psums)
{
    const T *restrict a = pa;
    T *restrict sums = psums;

    if (!add)
        memset(sums, 0, (size_t)m * sizeof(T));
    for (int64_t l = 0; l < k; l++, a += lda)
        for (int64_t i = 0; i < m; i++)
            sums[i] += a[i];
}

/* The part of p that is of A's rows from i on and of k from l on, A_BLOCK and K_BLOCK of them at most. packed_a: room
 * for A's part, or NULL to read it where it lies. */
static void FN(multiply_block)(const fr_product *p, int64_t i, int64_t l, T *packed_a)
{
    T panel[K_BLOCK * WIDTH] __attribute__((aligned(64)));
    int64_t rows = fr_least(A_BLOCK, p->m - i);
    const T *a = (const T *)p->a + i * p->a_row + l * p->a_column, *b = (const T *)p->b + l * p->b_row;
    T *c = (T *)p->c + i * p->ldc, *sums = p->sums ? (T *)p->sums + i : NULL;
    bool onto = p->add || l > 0;
    layout w = { fr_least(K_BLOCK, p->k - l), p->a_row, p->a_column, ROWS * p->a_row, WIDTH };

    if (packed_a) {
        w.a_row = 1;
        w.a_column = ROWS;
        w.a_group = w.depth * ROWS + GAP / (int64_t)sizeof(T);
        FN(pack_transposed)(w.depth, rows, a, p->a_column, packed_a, w.a_group, sums);
        a = packed_a;
    }
    for (int64_t j = 0; j < p->n; j += WIDTH, c += WIDTH, b += WIDTH * p->b_column) {
        int columns = (int)fr_least(WIDTH, p->n - j);
        bool whole = p->b_column == 1 && columns == WIDTH;

        if (!whole)
            FN(pack_panel)(w.depth, columns, b, p->b_row, p->b_column, panel);
        w.b_row = whole ? p->b_row : WIDTH;
        FN(panel)
        (&w, rows, columns, a, whole ? b : panel, whole ? panel : NULL, onto ? c : NULL, onto ? p->ldc : 0, c, p->ldc);
    }
}

/* With all of B packed first; false where there is no memory for that. */
static bool FN(multiply_many_rows)(const fr_product *p)
{
    int64_t bytes = fr_packed_bytes(p->dtype, p->k, p->n);
    void *packed = bytes < 0 ? NULL : fr_alloc(fr_bytes(bytes));

    if (!packed)
        return false;
    FN(pack)(p->k, p->n, p->b, p->b_row, p->b_column, packed);
    FN(multiply_packed)(p->m, p->n, p->k, p->a, p->a_row, p->a_column, packed, NULL, p->add, p->c, p->ldc);
    fr_free(packed, (size_t)bytes);
    return true;
}

/* A transposed A is packed too: many panels share the cost. Without memory it is read where it lies, with the same
 * result. */
static void FN(multiply)(const fr_product *p)
{
    int64_t groups = (fr_least(A_BLOCK, p->m) + ROWS - 1) / ROWS;
    size_t bytes = (size_t)(groups * (fr_least(K_BLOCK, p->k) * ROWS * (int64_t)sizeof(T) + GAP));
    void *packed_a;

    if (p->a_row != 1 && p->m >= MANY_ROWS && FN(multiply_many_rows)(p))
        return;
    packed_a = p->a_row == 1 ? fr_alloc(bytes) : NULL;
    if (p->sums && packed_a && !p->add)
        memset(p->sums, 0, (size_t)p->m * sizeof(T));
    else if (p->sums && !packed_a)
        FN(sum_columns)(p->k, p->m, p->a, p->a_column, p->add, p->sums);
    for (int64_t i = 0; i < p->m; i += A_BLOCK)
        for (int64_t l = 0; l == 0 || l < p->k; l += K_BLOCK)
            FN(multiply_block)(p, i, l, packed_a);
    fr_free(packed_a, bytes);
}
