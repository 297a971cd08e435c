/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The two passes of a recurrent layer. With lengths its rows are sorted, the longest first, and packed, so that there
 * are no steps but those that rows take; recurrent_workspace.h says how packed arrays look. What comes out is unpacked,
 * with zeros past each length. Copies of the input and the states cost little beside the products that they spare. */
#include "core/integer.h"
#include "core/memory.h"
#include "core/shape.h"
#include "kernels/recurrent_workspace.h"

typedef struct {
    const fr_recurrent_layer *given;
    int64_t size, rows;           /* bytes of a value; N */
    int64_t *order, *offsets;     /* (B): which row of the batch is row k; (T+1) */
    fr_recurrent_layer layer;     /* with packed arrays; it ends with the longest row */
    fr_recurrent_gradients grads; /* with packed arrays */
    fr_arena arena;
} packing;

/* order: rows by falling length, those of equal length as they stand. offsets: sums of the numbers of rows that take
 * the steps before. */
static void sort_rows(const fr_recurrent_layer *l, int64_t *order, int64_t *offsets)
{
    int64_t longer = 0;

    memset(offsets, 0, (size_t)(l->steps + 1) * sizeof *offsets);
    for (int64_t b = 0; b < l->batch; b++)
        offsets[l->lengths[b]]++;
    for (int64_t t = l->steps; t >= 0; t--) { /* from the number of rows of length t to that of the longer ones */
        int64_t equal = offsets[t];

        offsets[t] = longer;
        longer += equal;
    }
    for (int64_t b = 0; b < l->batch; b++)
        order[offsets[l->lengths[b]]++] = b;
    offsets[0] = 0; /* now the others are the number of rows of length t or more, which take step t - 1 */
    for (int64_t t = 0; t < l->steps; t++)
        offsets[t + 1] += offsets[t];
}

/* --- Rows, to and from packed arrays ------------------------------------------------------------------------------ */

static char *take(packing *p, int64_t rows, int64_t width)
{
    return fr_arena_take(&p->arena, rows * width * p->size);
}

/* The first count rows, in order, of from (B,width). */
static void pack_rows(const packing *p, int64_t count, const char *from, int64_t width, char *to)
{
    int64_t row = width * p->size;

    for (int64_t k = 0; k < count; k++)
        memcpy(to + k * row, from + p->order[k] * row, (size_t)row);
}

/* The way back; the rows of to (B,width) that are not among the first become 0. */
static void unpack_rows(const packing *p, int64_t count, const char *from, int64_t width, char *to)
{
    int64_t row = width * p->size;

    for (int64_t k = 0; k < count; k++)
        memcpy(to + p->order[k] * row, from + k * row, (size_t)row);
    for (int64_t k = count; k < p->given->batch; k++)
        memset(to + p->order[k] * row, 0, (size_t)row);
}

/* Packs states (B,width), or returns NULL where none are given. (The arena's first pass packs nothing.) */
static char *pack_states(packing *p, const void *given, int64_t width)
{
    char *packed = given ? take(p, p->given->batch, width) : NULL;

    if (packed)
        pack_rows(p, p->given->batch, given, width, packed);
    return packed;
}

/* The same for an array of all steps, (T,B,width). */
static char *pack_steps(packing *p, const void *given, int64_t width)
{
    int64_t row = width * p->size;
    char *packed = given ? take(p, p->rows, width) : NULL;

    for (int64_t t = 0; packed && t < p->given->steps; t++)
        pack_rows(p, p->offsets[t + 1] - p->offsets[t], (const char *)given + t * p->given->batch * row, width,
                  packed + p->offsets[t] * row);
    return packed;
}

/* to: NULL where nothing is wanted. */
static void unpack_states(const packing *p, const void *packed, int64_t width, void *to)
{
    if (to)
        unpack_rows(p, p->given->batch, packed, width, to);
}

static void unpack_steps(const packing *p, const void *packed, int64_t width, void *to)
{
    int64_t row = width * p->size;

    for (int64_t t = 0; to && t < p->given->steps; t++)
        unpack_rows(p, p->offsets[t + 1] - p->offsets[t], (const char *)packed + p->offsets[t] * row, width,
                    (char *)to + t * p->given->batch * row);
}

/* --- The layer ---------------------------------------------------------------------------------------------------- */

static packing packing_of(const fr_recurrent_layer *l)
{
    packing p = { .given = l, .size = (int64_t)fr_dtype_size(l->dtype), .layer = *l };

    p.layer.lengths = NULL;
    p.layer.steps = 1; /* if all rows have none: one that no row takes */
    for (int64_t b = 0; b < l->batch; b++) {
        p.rows += l->lengths[b];
        p.layer.steps = fr_most(p.layer.steps, l->lengths[b]);
    }
    return p;
}

/* What forward and backward both read. */
static void pack_inputs(packing *p)
{
    const fr_recurrent_layer *l = p->given;
    int64_t bytes = (int64_t)sizeof(int64_t);

    p->order = (int64_t *)fr_arena_take(&p->arena, l->batch * bytes);
    p->offsets = (int64_t *)fr_arena_take(&p->arena, (l->steps + 1) * bytes);
    if (p->arena.base)
        sort_rows(l, p->order, p->offsets);
    p->layer.x = pack_steps(p, l->x, l->input);
    p->layer.h0 = pack_states(p, l->h0, l->out_size);
    p->layer.c0 = pack_states(p, l->c0, l->hidden);
}

/* Where forward leaves the last states. At first they are the initial ones: forward does not touch rows that take no
 * step. */
static char *first_states(packing *p, const void *initial, int64_t width)
{
    char *states = initial ? pack_states(p, initial, width) : take(p, p->given->batch, width);

    if (states && !initial)
        memset(states, 0, (size_t)(p->given->batch * width * p->size));
    return states;
}

static void pack_forward(packing *p)
{
    const fr_recurrent_layer *l = p->given;

    pack_inputs(p);
    p->layer.out = take(p, p->rows, l->out_size);
    p->layer.gates = l->gates == l->out ? p->layer.out : l->gates;
    p->layer.h = first_states(p, l->h0, l->out_size);
    p->layer.c = l->c ? first_states(p, l->c0, l->hidden) : NULL;
}

static void pack_backward(packing *p, const fr_recurrent_gradients *g)
{
    const fr_recurrent_layer *l = p->given;
    int64_t batch = l->batch;

    pack_inputs(p);
    p->layer.out = pack_steps(p, l->out, l->out_size);
    p->layer.gates = l->gates == l->out ? p->layer.out : l->gates;
    p->grads = *g;
    p->grads.out = pack_steps(p, g->out, l->out_size);
    p->grads.h = pack_states(p, g->h, l->out_size);
    p->grads.c = pack_states(p, g->c, l->hidden);
    p->grads.x = g->x ? take(p, p->rows, l->input) : NULL;
    p->grads.h0 = g->h0 ? take(p, batch, l->out_size) : NULL;
    p->grads.c0 = g->c0 ? take(p, batch, l->hidden) : NULL;
}

bool fr_recurrent_layer_forward(const fr_recurrent_layer *l)
{
    packing p;
    bool ok;

    if (!l->lengths)
        return fr_recurrent_forward_steps(l, NULL);
    p = packing_of(l);
    pack_forward(&p);
    if (!fr_arena_open(&p.arena))
        return false;
    pack_forward(&p);
    ok = fr_recurrent_forward_steps(&p.layer, p.offsets);
    unpack_steps(&p, p.layer.out, l->out_size, l->out);
    unpack_states(&p, p.layer.h, l->out_size, l->h);
    unpack_states(&p, p.layer.c, l->hidden, l->c);
    fr_free(p.arena.base, (size_t)p.arena.used);
    return ok;
}

bool fr_recurrent_layer_backward(const fr_recurrent_layer *l, const fr_recurrent_gradients *gradients)
{
    packing p;
    bool ok;

    if (!l->lengths)
        return fr_recurrent_backward_steps(l, NULL, gradients);
    p = packing_of(l);
    pack_backward(&p, gradients);
    if (!fr_arena_open(&p.arena))
        return false;
    pack_backward(&p, gradients);
    ok = fr_recurrent_backward_steps(&p.layer, p.offsets, &p.grads);
    unpack_steps(&p, p.grads.x, l->input, gradients->x);
    unpack_states(&p, p.grads.h0, l->out_size, gradients->h0);
    unpack_states(&p, p.grads.c0, l->hidden, gradients->c0);
    fr_free(p.arena.base, (size_t)p.arena.used);
    return ok;
}
