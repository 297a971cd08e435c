/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Large matrix products. Threads first pack B and a transposed A, a block of k at a time, and then share tiles of C: so
 * each value is packed once, however many tiles read it. */
#include "kernels/large_gemm.h"

#include "core/integer.h"
#include "core/memory.h"
#include "core/shape.h"
#include "core/threads.h"

enum {
    MIN_ROWS = 512, /* of C: from here on packing all of B costs little beside the product */
    MIN_COLUMNS = 192,
    DEPTH = 2048,  /* bytes of a row's part in a block of k, at most */
    ROWS = 252,    /* of a tile of C, at most: their part of A stays in the second-level cache while panels of B pass */
    COLUMNS = 256, /* of a tile, at least */
    TILES = 16     /* of them, about: enough for the threads */
};

typedef struct {
    fr_product p; /* the part of a block of k */
    int64_t rows, columns, down, across;
    bool transposed; /* A is */
    char *packed_a, *packed_b;
} job;

bool fr_is_large(const fr_product *p)
{
    const double min_work = 1 << 26; /* multiply-adds */

    return p->m >= MIN_ROWS && p->n >= MIN_COLUMNS && (double)p->m * (double)p->n * (double)p->k >= min_work;
}

static const void *a_from(const job *w, int64_t i)
{
    return (const char *)w->p.a + i * w->p.a_row * (int64_t)fr_dtype_size(w->p.dtype);
}

static char *packed_a_from(const job *w, int64_t i)
{
    return w->packed_a + fr_packed_transposed_bytes(w->p.dtype, i, w->p.k);
}

static char *packed_b_from(const job *w, int64_t j)
{
    return w->packed_b + fr_packed_bytes(w->p.dtype, w->p.k, j);
}

/* The first tiles pack columns of B, the others rows of A. */
static void pack_tile(void *user, int64_t tile)
{
    const job *w = user;
    const fr_product *p = &w->p;
    int64_t size = (int64_t)fr_dtype_size(p->dtype), i = (tile - w->across) * w->rows, j = tile * w->columns;

    if (tile < w->across)
        fr_pack(p->dtype, p->k, fr_least(w->columns, p->n - j), (const char *)p->b + j * p->b_column * size, p->b_row,
                p->b_column, packed_b_from(w, j));
    else
        fr_pack_transposed(p->dtype, fr_least(w->rows, p->m - i), p->k, a_from(w, i), p->a_column, packed_a_from(w, i),
                           p->sums ? (char *)p->sums + i * size : NULL);
}

static void multiply_tile(void *user, int64_t tile)
{
    const job *w = user;
    const fr_product *p = &w->p;
    int64_t i = tile / w->across * w->rows, j = tile % w->across * w->columns;
    int64_t m = fr_least(w->rows, p->m - i), n = fr_least(w->columns, p->n - j);
    char *c = (char *)p->c + (i * p->ldc + j) * (int64_t)fr_dtype_size(p->dtype);

    if (w->transposed)
        fr_multiply_both_packed(p->dtype, m, n, p->k, packed_a_from(w, i), packed_b_from(w, j), p->add, c, p->ldc);
    else
        fr_multiply_packed(p->dtype, m, n, p->k, a_from(w, i), p->a_row, 1, packed_b_from(w, j), NULL, p->add, c,
                           p->ldc);
}

static void cut_tiles(job *w)
{
    w->rows = fr_even_piece(w->p.m, ROWS, FR_ROWS_UNIT);
    w->down = fr_divide_up(w->p.m, w->rows);
    w->columns = fr_even_piece(w->p.n, fr_most(COLUMNS, w->p.n / fr_divide_up(TILES, w->down)), FR_COLUMNS_UNIT);
    w->across = fr_divide_up(w->p.n, w->columns);
}

/* depth: of a block of k. */
static void multiply_blocks(job *w, int64_t depth)
{
    const fr_product whole = w->p;
    int64_t size = (int64_t)fr_dtype_size(whole.dtype);

    if (whole.sums && !whole.add)
        memset(whole.sums, 0, (size_t)(whole.m * size));
    for (int64_t l = 0; l < whole.k; l += depth) {
        w->p.k = fr_least(depth, whole.k - l);
        w->p.a = (const char *)whole.a + l * whole.a_column * size;
        w->p.b = (const char *)whole.b + l * whole.b_row * size;
        fr_run_tiles(w->across + (w->transposed ? w->down : 0), pack_tile, w);
        fr_run_tiles(w->down * w->across, multiply_tile, w);
        w->p.add = true;
    }
}

bool fr_multiply_large(const fr_product *p)
{
    job w = { .p = *p, .transposed = p->a_column != 1 };
    int64_t depth = fr_even_piece(p->k, DEPTH / (int64_t)fr_dtype_size(p->dtype), 1);
    size_t a_bytes = w.transposed ? fr_bytes(fr_packed_transposed_bytes(p->dtype, p->m, depth)) : 0;
    size_t b_bytes = fr_bytes(fr_packed_bytes(p->dtype, depth, p->n));
    bool ok;

    w.packed_a = w.transposed ? fr_alloc(a_bytes) : NULL;
    w.packed_b = fr_alloc(b_bytes);
    ok = w.packed_b && (w.packed_a || !w.transposed);
    cut_tiles(&w);
    if (ok)
        multiply_blocks(&w, depth);
    fr_free(w.packed_a, a_bytes);
    fr_free(w.packed_b, b_bytes);
    return ok;
}
