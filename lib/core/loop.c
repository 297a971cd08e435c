/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Walking tensors of any strides together. */
#include "core/loop.h"

#include "core/shape.h"
#include "core/tensor.h"
#include "core/threads.h"

void fr_loop_begin(fr_loop *l, const fr_shape *shape)
{
    l->operands = 0;
    l->ndim = shape->ndim;
    memcpy(l->dim, shape->dim, sizeof l->dim);
}

void fr_loop_add(fr_loop *l, const fr_tensor *t)
{
    int k = l->operands++, lead = l->ndim - t->shape.ndim;
    int64_t size = (int64_t)fr_dtype_size((fr_dtype)t->dtype);

    l->at[k] = t->origin;
    for (int i = 0; i < l->ndim; i++)
        l->step[i][k] = i < lead || t->shape.dim[i - lead] == 1 ? 0 : t->stride[i - lead] * size;
}

static void move_dim(fr_loop *l, int to, const fr_loop *from, int i)
{
    l->dim[to] = from->dim[i];
    memmove(l->step[to], from->step[i], sizeof l->step[to]);
}

void fr_loop_sort(fr_loop *l, int operand)
{
    for (int i = 1; i < l->ndim; i++) {
        fr_loop before;
        int to = i;

        if (l->step[i - 1][operand] >= l->step[i][operand])
            continue; /* mostly: the copy below costs as much as a small loop */
        before = *l;
        for (; to > 0 && l->step[to - 1][operand] < before.step[i][operand]; to--)
            move_dim(l, to, l, to - 1);
        move_dim(l, to, &before, i);
    }
}

/* True if dim i and the dim after it, of size n and with these steps, can be walked as one: the next row starts where
 * the last one ends. */
static bool follows(const fr_loop *l, int i, int64_t n, const int64_t *step)
{
    for (int k = 0; k < l->operands; k++)
        if (l->step[i][k] != step[k] * n)
            return false;
    return true;
}

void fr_loop_join(fr_loop *l)
{
    int kept = 0;

    for (int i = 0; i < l->ndim; i++) {
        if (l->dim[i] == 1)
            continue;
        if (kept > 0 && follows(l, kept - 1, l->dim[i], l->step[i])) {
            int64_t outer = l->dim[kept - 1];

            move_dim(l, kept - 1, l, i);
            l->dim[kept - 1] *= outer;
        } else {
            move_dim(l, kept++, l, i);
        }
    }
    if (kept == 0) {
        l->dim[kept] = 1;
        memset(l->step[kept++], 0, sizeof *l->step);
    }
    l->ndim = kept;
}

void fr_loop_run(const fr_loop *l, int inner, fr_loop_body *body, void *job)
{
    int64_t index[FR_MAX_DIMS] = { 0 };
    char *at[FR_LOOP_OPERANDS];
    int i;

    for (i = 0; i < l->ndim; i++)
        if (l->dim[i] == 0)
            return;
    memcpy(at, l->at, sizeof at);
    do {
        body(job, l, at);
        for (i = l->ndim - inner - 1; i >= 0; i--) {
            bool more = ++index[i] < l->dim[i];

            for (int k = 0; k < l->operands; k++)
                at[k] += more ? l->step[i][k] : l->step[i][k] * (1 - l->dim[i]);
            if (more)
                break;
            index[i] = 0;
        }
    } while (i >= 0);
}

/* --- On several threads ------------------------------------------------------------------------------------------- */

typedef struct {
    const fr_loop *loop;
    int inner;
    fr_loop_body *body;
    void *job;
    int dim; /* the one that is cut, into pieces of so many */
    int64_t piece;
} tiles_of_loop;

static void run_tile(void *job, int64_t tile)
{
    const tiles_of_loop *w = job;
    fr_loop l = *w->loop;
    int64_t from = tile * w->piece, rest = l.dim[w->dim] - from;

    l.dim[w->dim] = rest < w->piece ? rest : w->piece;
    for (int k = 0; k < l.operands; k++)
        l.at[k] += from * l.step[w->dim][k];
    fr_loop_run(&l, w->inner, w->body, w->job);
}

/* Pieces of dims that the body walks are at least so long: it may work in blocks. */
enum { SHORTEST = 64 };

static int64_t most_pieces(const fr_loop *l, int i, int inner)
{
    return i < l->ndim - inner ? l->dim[i] : (l->dim[i] - 1) / SHORTEST + 1;
}

/* The dim to cut into so many tiles: the first that gives as many, or else the one that gives most; -1 if none may be
 * cut. */
static int dim_to_cut(const fr_loop *l, int inner, int64_t tiles, unsigned whole)
{
    int64_t most = 1;
    int best = -1;

    for (int i = 0; i < l->ndim && most < tiles; i++)
        if (!(whole & 1U << i) && most_pieces(l, i, inner) > most) {
            most = most_pieces(l, i, inner);
            best = i;
        }
    return best;
}

void fr_loop_run_tiles(const fr_loop *l, int inner, unsigned whole, fr_loop_body *body, void *job)
{
    enum { TILE = 1 << 16 }; /* values of a tile, about */
    tiles_of_loop w = { .loop = l, .inner = inner, .body = body, .job = job };
    int64_t tiles = 1;

    for (int i = 0; i < l->ndim; i++)
        tiles *= l->dim[i];
    tiles = (tiles + TILE - 1) / TILE;
    w.dim = tiles > 1 ? dim_to_cut(l, inner, tiles, whole) : -1;
    if (w.dim < 0) {
        fr_loop_run(l, inner, body, job);
        return;
    }
    w.piece = (l->dim[w.dim] - 1) / tiles + 1;
    if (w.dim >= l->ndim - inner && w.piece < SHORTEST)
        w.piece = SHORTEST;
    fr_run_tiles((l->dim[w.dim] - 1) / w.piece + 1, run_tile, &w);
}
