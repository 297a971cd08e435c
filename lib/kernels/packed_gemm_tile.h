/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* For packed_gemm.c, for each type and kind of CPU: products, tile by tile. */

typedef T FN(vector) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(T)), may_alias));

/* A tile of C, rows x vectors, both constants where it is inlined: c = start + A B. B is left in `keep`, packed, unless
 * that is NULL; then B's rows are far apart and are prefetched, since no CPU foresees them. next: NULL, or from where
 * on a line of the cache is prefetched in each step. shifted, a constant too: b_rows has B's rows. */
FR_INLINE void FN(tile)(const int rows, const int vectors, const bool shifted, const layout *w, const T *a, const T *b,
                        T *keep, const char *next, const T *start, int64_t start_step, T *c, int64_t ldc)
{
    FN(vector) sum[ROWS][VECTORS], x[VECTORS];
    int64_t depth = w->depth, row = w->a_row, column = w->a_column, b_row = w->b_row;

    FR_UNROLL for (int i = 0; i < rows; i++)
    {
        FR_UNROLL for (int v = 0; v < vectors; v++)
        {
            sum[i][v] = *(const FN(vector) *)(start + i * start_step + v * LANES);
        }
    }
    for (int64_t l = 0; l < depth; l++) {
        const T *row_of_b = b + (shifted ? w->b_rows[l] : l * b_row);

        if (next)
            __builtin_prefetch(next + l * LINE, 0, 2);

        FR_UNROLL for (int v = 0; v < vectors; v++)
        {
            x[v] = *(const FN(vector) *)(row_of_b + v * LANES);
            if (keep) {
                __builtin_prefetch(b + (l + AHEAD < depth ? l + AHEAD : l) * b_row + v * LANES);
                *(FN(vector) *)(keep + l * WIDTH + v * LANES) = x[v];
            }
        }
        FR_UNROLL for (int i = 0; i < rows; i++)
        {
            T y = a[i * row + l * column];

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
            *(FN(vector) *)(c + i * ldc + v * LANES) = sum[i][v];
        }
    }
}

/* A tile of up to `most` rows, a constant. */
FR_INLINE void FN(rows)(int rows, const int most, const int vectors, const bool shifted, const layout *w, const T *a,
                        const T *b, const T *start, int64_t start_step, T *c, int64_t ldc)
{
    if (rows == most) {
        FN(tile)(most, vectors, shifted, w, a, b, NULL, NULL, start, start_step, c, ldc);
        return;
    }
    if (rows >= 4) {
        FN(tile)(4, vectors, shifted, w, a, b, NULL, NULL, start, start_step, c, ldc);
        rows -= 4;
        a += 4 * w->a_row;
        start += 4 * start_step;
        c += 4 * ldc;
    }
    if (rows == 3)
        FN(tile)(3, vectors, shifted, w, a, b, NULL, NULL, start, start_step, c, ldc);
    else if (rows == 2)
        FN(tile)(2, vectors, shifted, w, a, b, NULL, NULL, start, start_step, c, ldc);
    else if (rows == 1)
        FN(tile)(1, vectors, shifted, w, a, b, NULL, NULL, start, start_step, c, ldc);
}

/* The same for any number of vectors; most rows are FN(tile_rows) of them. */
FR_INLINE void FN(any_tile)(int rows, int vectors, const bool shifted, const layout *w, const T *a, const T *b,
                            const T *start, int64_t start_step, T *c, int64_t ldc)
{
    if (vectors == 1)
        FN(rows)(rows, ROWS, 1, shifted, w, a, b, start, start_step, c, ldc);
    else if (vectors == 2)
        FN(rows)(rows, ROWS, 2, shifted, w, a, b, start, start_step, c, ldc);
#if VECTORS == 4
    else if (vectors == 3)
        FN(rows)(rows, WIDE_ROWS, 3, shifted, w, a, b, start, start_step, c, ldc);
    else
        FN(rows)(rows, WIDE_ROWS, 4, shifted, w, a, b, start, start_step, c, ldc);
#endif
}

/* How many of the rows that are left a tile takes: `most`, unless so few remained that their sums would wait for each
 * other. */
FR_INLINE int FN(some_rows)(int64_t rows, int most)
{
    enum { HALF = 4 };

    return rows > most && rows <= 2 * HALF && most < 2 * HALF ? HALF : (int)fr_least(rows, most);
}

/* Not inlined: it is most of the code. */
__attribute__((noinline)) static void FN(tile_of)(int rows, int vectors, const layout *w, const T *a, const T *b,
                                                  const T *start, int64_t start_step, T *c, int64_t ldc)
{
    FN(any_tile)(rows, vectors, false, w, a, b, start, start_step, c, ldc);
}

/* Up to ROWS rows of a panel that ends within a vector, by way of an array: C's memory ends behind the columns. */
static void FN(edge)(int rows, int columns, const layout *w, const T *a, const T *b, const T *start, int64_t start_step,
                     T *c, int64_t ldc)
{
    T tile[ROWS * WIDTH];

    memset(tile, 0, (size_t)(rows * WIDTH) * sizeof(T));
    for (int i = 0; i < rows; i++)
        memcpy(tile + i * WIDTH, start + i * start_step, (size_t)columns * sizeof(T));
    FN(tile_of)(rows, (int)fr_divide_up(columns, LANES), w, a, b, tile, WIDTH, tile, WIDTH);
    for (int i = 0; i < rows; i++)
        memcpy(c + i * ldc, tile + i * WIDTH, (size_t)columns * sizeof(T));
}

/* Rows of C lie too far apart for a CPU to foresee them. */
FR_INLINE void FN(prefetch)(int64_t rows, const T *c, int64_t ldc)
{
    for (int64_t i = 0; i < rows && i < WIDE_ROWS; i++)
        FR_UNROLL for (int v = 0; v < VECTORS; v++)
        {
            __builtin_prefetch(c + i * ldc + v * LANES, 1);
        }
}

/* C (rows,columns) = start + A B for a panel of B; start's rows are start_step apart, NULL stands for zeros. keep:
 * NULL, or room for a whole panel: the first tile packs B there, and the others read it from there. */
__attribute__((noinline)) static void FN(panel)(const layout *w, int64_t rows, int columns, const T *a, const T *b,
                                                T *keep, const T *start, int64_t start_step, T *c, int64_t ldc)
{
    static const T zeros[WIDTH];
    const char *next = w->next, *next_end = next ? next + w->depth * w->b_row * (int64_t)sizeof(T) : NULL;
    layout of_kept; /* a copy only where it differs: w has just been written, and would be read too early */

    bool in_groups = w->a_group != w->rows * w->a_row;
    int some;

    if (!start)
        start = zeros;
    for (; rows > 0; rows -= some, start += some * start_step, c += some * ldc) {
        some = in_groups || keep ? (int)fr_least(rows, w->rows) : FN(some_rows)(rows, w->rows);
        FN(prefetch)(columns < WIDTH ? 0 : rows - some, c + some * ldc, ldc);
        if (columns % LANES != 0) {
            FN(edge)(some, columns, w, a, b, start, start_step, c, ldc);
        } else if (keep && rows > WIDE_ROWS) {
            FN(tile)(WIDE_ROWS, VECTORS, false, w, a, b, keep, NULL, start, start_step, c, ldc);
            b = keep;
            keep = NULL;
            of_kept = *w;
            of_kept.b_row = WIDTH;
            w = &of_kept;
        } else if (next < next_end && some == WIDE_ROWS && columns == WIDTH) {
            FN(tile)(WIDE_ROWS, VECTORS, false, w, a, b, NULL, next, start, start_step, c, ldc);
            next += w->depth * LINE;
        } else {
            FN(tile_of)(some, columns / LANES, w, a, b, start, start_step, c, ldc);
        }
        a += in_groups ? w->a_group : some * w->a_row;
    }
}

/* --- B packed before --------------------------------------------------------------------------------------------- */

static void FN(multiply_packed)(int64_t m, int64_t n, int64_t k, const void *pa, int64_t step_m, int64_t step_k,
                                const void *packed, const void *bias, bool add, void *pc, int64_t ldc)
{
    int tile_rows = FN(tile_rows)(n);
    layout w = { .rows = tile_rows, .a_row = step_m, .a_column = step_k, .a_group = tile_rows * step_m };

    for (int64_t i = 0; i < m; i += M_BLOCK)
        for (int64_t j = 0; j < n; j += WIDTH) {
            const T *a = (const T *)pa + i * step_m, *panel = (const T *)packed + j * k;
            T *c = (T *)pc + i * ldc + j;
            const T *start = add ? c : bias ? (const T *)bias + j : NULL;
            int64_t step = add ? ldc : 0, columns = fr_least(WIDTH, n - j), l = 0;

            w.b_row = FN(width_of)(columns);
            do {
                w.depth = fr_least(PACKED_DEPTH, k - l);
                w.next = l + 2 * w.depth <= k || j + 2 * WIDTH <= n ? panel + (l + w.depth) * w.b_row : NULL;
                FN(panel)
                (&w, fr_least(M_BLOCK, m - i), (int)columns, a + l * step_k, panel + l * w.b_row, NULL, start, step, c,
                 ldc);
                start = c;
                step = ldc;
                l += PACKED_DEPTH;
            } while (l < k);
        }
}

static void FN(multiply_both_packed)(int64_t m, int64_t n, int64_t k, const void *packed_a, const void *packed_b,
                                     bool add, void *pc, int64_t ldc)
{
    layout w = { WIDE_ROWS, k, 1, GROUP, FN(group_step)(k), WIDTH, NULL, NULL };

    for (int64_t j = 0; j < n; j += WIDTH) {
        T *c = (T *)pc + j;
        int64_t columns = fr_least(WIDTH, n - j);

        w.b_row = FN(width_of)(columns);
        w.next = j + 2 * WIDTH <= n ? (const T *)packed_b + (j + WIDTH) * k : NULL;
        FN(panel)
        (&w, m, (int)columns, packed_a, (const T *)packed_b + j * k, NULL, add ? c : NULL, add ? ldc : 0, c, ldc);
    }
}

/* --- B read where it lies ----------------------------------------------------------------------------------------- */

static void FN(multiply_shifted)(int64_t m, int64_t n, int64_t k, const void *pa, int64_t step_m, const void *pb,
                                 const int64_t *rows, void *pc, int64_t ldc)
{
    static const T zeros[WIDTH];
    int64_t depth = fr_divide_up(k, fr_divide_up(k, SHIFTED_DEPTH));
    layout w = { .a_row = step_m, .a_column = 1 };

    for (int64_t j = 0; j < n; j += WIDTH) {
        int vectors = (int)fr_least(VECTORS, fr_divide_up(n - j, LANES)), tile_rows = FN(tile_rows)(n - j);

        for (int64_t l = 0; l < k; l += depth) {
            w.depth = fr_least(depth, k - l);
            w.b_rows = rows + l;
            for (int64_t i = 0, some; i < m; i += some) {
                T *c = (T *)pc + i * ldc + j;

                some = FN(some_rows)(m - i, tile_rows);
                FN(any_tile)
                ((int)some, vectors, true, &w, (const T *)pa + i * step_m + l, (const T *)pb + j, l > 0 ? c : zeros,
                 l > 0 ? ldc : 0, c, ldc);
            }
        }
    }
}

/* --- B used once: each panel is packed when it is needed ---------------------------------------------------------- */

/* Of so many vectors of columns, a constant: the sums stay in registers. */
FR_INLINE void FN(sum_vectors)(const int vectors, int64_t k, const T *a, int64_t lda, T *sums)
{
    FN(vector) sum[VECTORS];

    FR_UNROLL for (int v = 0; v < vectors; v++)
    {
        sum[v] = *(const FN(vector) *)(sums + v * LANES);
    }
    for (int64_t l = 0; l < k; l++, a += lda)
        FR_UNROLL for (int v = 0; v < vectors; v++)
        {
            sum[v] += *(const FN(vector) *)(a + v * LANES);
        }
    FR_UNROLL for (int v = 0; v < vectors; v++)
    {
        *(FN(vector) *)(sums + v * LANES) = sum[v];
    }
}

static void FN(sum_columns)(int64_t k, int64_t m, const void *pa, int64_t lda, bool add, void *psums)
{
    const T *restrict a = pa;
    T *restrict sums = psums;
    int64_t i = 0;

    if (!add)
        memset(sums, 0, (size_t)m * sizeof(T));
    for (; i + WIDTH <= m; i += WIDTH)
        FN(sum_vectors)(VECTORS, k, a + i, lda, sums + i);
    for (; i + 2 * LANES <= m; i += 2 * LANES)
        FN(sum_vectors)(2, k, a + i, lda, sums + i);
    for (int64_t l = 0; l < k; l++, a += lda)
        for (int64_t j = i; j < m; j++)
            sums[j] += a[j];
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
    int tile_rows = FN(tile_rows)(p->n);
    layout w = {
        tile_rows, fr_least(K_BLOCK, p->k - l), p->a_row, p->a_column, tile_rows * p->a_row, WIDTH, NULL, NULL
    };

    if (packed_a) {
        w.a_row = 1;
        w.a_column = GROUP;
        w.a_group = FN(group_step)(w.depth);
        FN(pack_transposed)(w.depth, rows, a, p->a_column, p->n, packed_a, sums);
        a = packed_a;
    }
    for (int64_t j = 0; j < p->n; j += WIDTH, c += WIDTH, b += WIDTH * p->b_column) {
        int columns = (int)fr_least(WIDTH, p->n - j);
        bool dense = p->b_column == 1 && p->b_row <= WIDTH && columns % LANES == 0; /* as good as packed */
        bool whole = p->b_column == 1 && columns == WIDTH && !dense;                /* its first tile packs it */
        bool in_place = dense || whole;

        if (!in_place)
            FN(pack_panel)(w.depth, columns, b, p->b_row, p->b_column, panel);
        w.b_row = in_place ? p->b_row : FN(width_of)(columns);
        FN(panel)
        (&w, rows, columns, a, in_place ? b : panel, whole ? panel : NULL, onto ? c : NULL, onto ? p->ldc : 0, c,
         p->ldc);
    }
}

/* A transposed A is packed too where many panels share the cost and its columns are far apart. Without memory it is
 * read where it lies, with the same result. */
static void FN(multiply)(const fr_product *p)
{
    size_t bytes = (size_t)FN(transposed_bytes)(fr_least(A_BLOCK, p->m), fr_least(K_BLOCK, p->k), p->n);
    bool far = p->a_row == 1 && p->n > WIDTH && p->a_column > FAR / (int64_t)sizeof(T);
    void *packed_a = far ? fr_alloc(bytes) : NULL;

    if (p->sums && packed_a && !p->add)
        memset(p->sums, 0, (size_t)p->m * sizeof(T));
    else if (p->sums && !packed_a)
        FN(sum_columns)(p->k, p->m, p->a, p->a_column, p->add, p->sums);
    for (int64_t i = 0; i < p->m; i += A_BLOCK)
        for (int64_t l = 0; l == 0 || l < p->k; l += K_BLOCK)
            FN(multiply_block)(p, i, l, packed_a);
    fr_free(packed_a, bytes);
}
