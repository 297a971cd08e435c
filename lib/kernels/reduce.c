/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The walk of a reduction over its array, tile by tile. */
#include "kernels/reduce.h"

#include "core/integer.h"
#include "core/memory.h"

#include "core/threads.h"

enum { TILE = 1 << 16 }; /* values of a tile, about */

/* The array (outer,n,inner) is cut into pieces: for each of its outer slabs, for each chunk of the slab's columns,
 * blocks of rows. */
typedef struct {
    const fr_reducer *reducer;
    fr_dim_sizes sizes;
    double p;
    int64_t chunk, chunks; /* columns of a chunk; chunks of a slab */
    int64_t block, blocks; /* rows of a block; blocks of a chunk */
    int64_t pieces;
    int64_t per_tile; /* pieces, or small slabs */
    const char *x;
    char *y;
    char *partial; /* states of all pieces, if chunks have several blocks */
} walk;

/* Gathers (rows,width) values, from x[at] on, in width states. If the array is narrow, several rows are taken for one
 * wide row, whose states are folded to width in the end. */
static void gather(const walk *w, int64_t rows, int64_t width, int64_t at, char *states)
{
    const fr_reducer *reducer = w->reducer;
    const char *x = w->x + (size_t)at * reducer->in;
    int64_t stride = w->sizes.inner, in_slab = at % (w->sizes.n * stride);
    int64_t fold = width == stride ? fr_least(FR_REDUCE_LANES / width, rows / 4) : 1, wide = fold * width, whole;

    if (fold <= 1) {
        reducer->start(width, states, w->p);
        reducer->add(rows, width, stride, in_slab, x, states, w->p);
        return;
    }
    whole = rows / fold;
    reducer->start(wide, states, w->p);
    reducer->add(whole, wide, wide, in_slab, x, states, w->p);
    if (rows > whole * fold)
        reducer->add(1, (rows - whole * fold) * width, wide, in_slab + whole * wide,
                     x + (size_t)(whole * wide) * reducer->in, states, w->p);
    reducer->fold(fold, width, states, w->p);
}

/* The place of a piece's states in partial. Those of all blocks of a chunk lie together: (blocks,width). */
static char *states_of(const walk *w, int64_t piece, int64_t width)
{
    int64_t block = piece % w->blocks;

    return w->partial + (size_t)((piece - block) * w->chunk + block * width) * w->reducer->state;
}

static void run_piece(const walk *w, int64_t piece)
{
    char states[FR_REDUCE_WIDTH * FR_REDUCE_STATE] __attribute__((aligned(64)));
    int64_t n = w->sizes.n, inner = w->sizes.inner;
    int64_t row = piece % w->blocks * w->block, slab = piece / w->blocks / w->chunks;
    int64_t column = piece / w->blocks % w->chunks * w->chunk, width = fr_least(w->chunk, inner - column);

    gather(w, fr_least(w->block, n - row), width, (slab * n + row) * inner + column, states);
    if (w->blocks == 1)
        w->reducer->finish(width, n, inner, states, w->y + (size_t)(slab * inner + column) * w->reducer->out, w->p);
    else
        memcpy(states_of(w, piece, width), states, (size_t)width * w->reducer->state);
}

static void run_pieces(void *job, int64_t tile)
{
    const walk *w = job;
    int64_t end = fr_least((tile + 1) * w->per_tile, w->pieces);

    for (int64_t i = tile * w->per_tile; i < end; i++)
        run_piece(w, i);
}

static void run_small(void *job, int64_t tile)
{
    const walk *w = job;
    int64_t n = w->sizes.n, inner = w->sizes.inner, from = tile * w->per_tile;

    w->reducer->small(fr_least(w->per_tile, w->sizes.outer - from), n, inner,
                      w->x + (size_t)(from * n * inner) * w->reducer->in,
                      w->y + (size_t)(from * inner) * w->reducer->out, w->p);
}

/* Makes the results of each chunk of its blocks' states. */
static void merge_blocks(const walk *w)
{
    const fr_reducer *reducer = w->reducer;

    for (int64_t i = 0; i < w->pieces; i += w->blocks) {
        int64_t slab = i / w->blocks / w->chunks, column = i / w->blocks % w->chunks * w->chunk;
        int64_t width = fr_least(w->chunk, w->sizes.inner - column);
        char *states = states_of(w, i, width);

        reducer->fold(w->blocks, width, states, w->p);
        reducer->finish(width, w->sizes.n, w->sizes.inner, states,
                        w->y + (size_t)(slab * w->sizes.inner + column) * reducer->out, w->p);
    }
}

static bool is_small(const fr_reducer *reducer, fr_dim_sizes sizes)
{
    bool wide = reducer->by_columns && sizes.inner >= FR_REDUCE_WIDE;

    if (sizes.n == 0 || sizes.inner == 1)
        return sizes.n <= FR_REDUCE_ROW;
    return sizes.n < (wide ? FR_REDUCE_ROW : FR_REDUCE_SLAB) / sizes.inner;
}

bool fr_reduce_array(const fr_reducer *reducer, fr_dim_sizes sizes, double p, const void *x, void *y)
{
    walk w = { .reducer = reducer, .sizes = sizes, .p = p, .x = x, .y = y };
    size_t bytes = 0;

    if (sizes.outer == 0 || sizes.inner == 0)
        return true;
    if (is_small(reducer, sizes)) {
        w.per_tile = TILE / fr_most(sizes.n * sizes.inner, 1);
        fr_run_tiles(fr_divide_up(sizes.outer, w.per_tile), run_small, &w);
        return true;
    }
    w.chunks = fr_divide_up(sizes.inner, FR_REDUCE_WIDTH);
    w.chunk = fr_divide_up(sizes.inner, w.chunks);
    w.block = fr_least(TILE / w.chunk, sizes.n);
    w.blocks = fr_divide_up(sizes.n, w.block);
    w.pieces = sizes.outer * w.chunks * w.blocks;
    w.per_tile = TILE / (w.block * w.chunk);
    if (w.blocks > 1) {
        bytes = (size_t)(w.pieces * w.chunk) * reducer->state;
        w.partial = fr_alloc(bytes);
        if (!w.partial)
            return false;
    }
    fr_run_tiles(fr_divide_up(w.pieces, w.per_tile), run_pieces, &w);
    if (w.blocks > 1) {
        merge_blocks(&w);
        fr_free(w.partial, bytes);
    }
    return true;
}
