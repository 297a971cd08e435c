/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The walk of reductions, and what their gradients share. */
#include "ops/reduce/reduce.h"

#include "core/threads.h"

/* Columns that a narrow input is folded to, so that its states make vector code; values of a tile, about. */
enum { LANES = 256, TILE = 1 << 16 };

static int64_t pieces_of(int64_t n, int64_t size)
{
    return (n + size - 1) / size;
}

/* --- Shapes ------------------------------------------------------------------------------------------------------ */

fr_shape fr_reduced_shape(const fr_shape *shape, const fr_over *over)
{
    fr_shape s = *shape;
    int dim = over->all ? 0 : fr_shape_dim(shape, over->dim);

    if (over->all && over->keepdim)
        for (int i = 0; i < s.ndim; i++)
            s.dim[i] = 1;
    else if (over->all)
        s.ndim = 0;
    else if (s.ndim > 0 && over->keepdim)
        s.dim[dim] = 1;
    else if (s.ndim > 0)
        memmove(s.dim + dim, s.dim + dim + 1, (size_t)(--s.ndim - dim) * sizeof *s.dim);
    return s;
}

bool fr_infer_reduced(fr_op_call *call)
{
    const fr_over *over = call->attributes;

    if (!over->all && fr_op_dim(call, over->dim) < 0)
        return false;
    call->out[0] = fr_meta_of(call->in[0]);
    call->out[0].shape = fr_reduced_shape(&call->in[0]->shape, over);
    return true;
}

fr_split fr_split_of(const fr_shape *shape, const fr_over *over)
{
    fr_split split = { 1, 1, 1 };
    int dim = over->all || shape->ndim == 0 ? shape->ndim : fr_shape_dim(shape, over->dim);

    if (over->all) {
        split.n = fr_shape_numel(shape);
        return split;
    }
    for (int i = 0; i < shape->ndim; i++) {
        int64_t *part = i < dim ? &split.outer : i > dim ? &split.inner : &split.n;

        fr_mul_size(*part, shape->dim[i], part); /* overflows only beside a dim of size 0 */
    }
    return split;
}

/* --- The walk ---------------------------------------------------------------------------------------------------- */

/* The input cut into pieces: for each of outer slabs, for each chunk of its columns, blocks of rows. Where there are
 * several blocks each piece leaves its states in `partial`. */
typedef struct {
    const fr_reducer *how;
    fr_split split;
    double p;
    int64_t chunk, chunks, block, blocks, pieces;
    int64_t per_tile; /* pieces, or slabs */
    const char *x;
    char *y, *partial;
} job;

/* The states of rows x width values. Narrow ones are gathered as if several rows were one, which are folded then. */
static void gather(const job *w, int64_t rows, int64_t width, int64_t at, char *states)
{
    const fr_reducer *how = w->how;
    const char *x = w->x + (size_t)at * how->in;
    int64_t stride = w->split.inner, in_slab = at % (w->split.n * stride);
    int64_t fold = width == stride ? fr_least(LANES / width, rows / 4) : 1, wide = fold * width, whole;

    if (fold <= 1) {
        how->start(width, states, w->p);
        how->add(rows, width, stride, in_slab, x, states, w->p);
        return;
    }
    whole = rows / fold;
    how->start(wide, states, w->p);
    how->add(whole, wide, wide, in_slab, x, states, w->p);
    if (rows > whole * fold)
        how->add(1, (rows - whole * fold) * width, wide, in_slab + whole * wide, x + (size_t)(whole * wide) * how->in,
                 states, w->p);
    how->fold(fold, width, states, w->p);
}

/* Where the piece's states are kept: those of all blocks of a chunk, each of its width, together. */
static char *states_of(const job *w, int64_t piece, int64_t width)
{
    int64_t block = piece % w->blocks;

    return w->partial + (size_t)((piece - block) * w->chunk + block * width) * w->how->state;
}

static void run_piece(const job *w, int64_t piece)
{
    char states[FR_REDUCE_WIDTH * FR_REDUCE_STATE] __attribute__((aligned(64)));
    int64_t n = w->split.n, inner = w->split.inner;
    int64_t row = piece % w->blocks * w->block, slab = piece / w->blocks / w->chunks;
    int64_t column = piece / w->blocks % w->chunks * w->chunk, width = fr_least(w->chunk, inner - column);

    gather(w, fr_least(w->block, n - row), width, (slab * n + row) * inner + column, states);
    if (w->blocks == 1)
        w->how->finish(width, n, inner, states, w->y + (size_t)(slab * inner + column) * w->how->out, w->p);
    else
        memcpy(states_of(w, piece, width), states, (size_t)width * w->how->state);
}

static void run_pieces(void *user, int64_t tile)
{
    const job *w = user;
    int64_t end = fr_least((tile + 1) * w->per_tile, w->pieces);

    for (int64_t i = tile * w->per_tile; i < end; i++)
        run_piece(w, i);
}

static void run_small(void *user, int64_t tile)
{
    const job *w = user;
    int64_t n = w->split.n, inner = w->split.inner, from = tile * w->per_tile;

    w->how->small(fr_least(w->per_tile, w->split.outer - from), n, inner,
                  w->x + (size_t)(from * n * inner) * w->how->in, w->y + (size_t)(from * inner) * w->how->out, w->p);
}

static void combine(const job *w)
{
    const fr_reducer *how = w->how;

    for (int64_t i = 0; i < w->pieces; i += w->blocks) {
        int64_t slab = i / w->blocks / w->chunks, column = i / w->blocks % w->chunks * w->chunk;
        int64_t width = fr_least(w->chunk, w->split.inner - column);
        char *states = states_of(w, i, width);

        how->fold(w->blocks, width, states, w->p);
        how->finish(width, w->split.n, w->split.inner, states,
                    w->y + (size_t)(slab * w->split.inner + column) * how->out, w->p);
    }
}

static bool is_small(fr_split split)
{
    return split.n == 0 || (split.inner == 1 ? split.n <= FR_REDUCE_ROW : split.n < FR_REDUCE_SLAB / split.inner);
}

bool fr_reduce_values(const char *what, const fr_reducer *how, fr_split split, double p, const void *x, void *y)
{
    job w = { .how = how, .split = split, .p = p, .x = x, .y = y };
    size_t bytes = 0;

    if (split.outer == 0 || split.inner == 0)
        return true;
    if (is_small(split)) {
        w.per_tile = TILE / fr_most(split.n * split.inner, 1);
        fr_run_tiles(pieces_of(split.outer, w.per_tile), run_small, &w);
        return true;
    }
    w.chunks = pieces_of(split.inner, FR_REDUCE_WIDTH);
    w.chunk = pieces_of(split.inner, w.chunks);
    w.block = fr_least(TILE / w.chunk, split.n);
    w.blocks = pieces_of(split.n, w.block);
    w.pieces = split.outer * w.chunks * w.blocks;
    w.per_tile = TILE / (w.block * w.chunk);
    if (w.blocks > 1) {
        bytes = (size_t)(w.pieces * w.chunk) * how->state;
        w.partial = fr_alloc(bytes);
        if (!w.partial)
            return fr_fail_memory(what);
    }
    fr_run_tiles(pieces_of(w.pieces, w.per_tile), run_pieces, &w);
    if (w.blocks > 1) {
        combine(&w);
        fr_free(w.partial, bytes);
    }
    return true;
}

void fr_reduce(fr_op_call *call, int output, const fr_reducer *f32, const fr_reducer *f64, const fr_reducer *i64)
{
    const fr_over *over = call->attributes;
    const fr_tensor *x = call->in[0];
    fr_tensor *y = call->result[output];
    const fr_reducer *how = x->dtype == FR_F32 ? f32 : x->dtype == FR_F64 ? f64 : i64;

    if (y->numel > 0)
        call->failed |=
            !fr_reduce_values(call->op->name, how, fr_split_of(&x->shape, over), over->p, x->origin, y->origin);
}

/* Dims of size 1 may follow that of the attributes; steps along that dim are not by themselves. */
void fr_reduction_takes_rows(fr_c_writer *w, const fr_op_call *call)
{
    const fr_over *over = call->attributes;
    const fr_shape *x = &call->in[0]->shape;

    if (!over->all && x->ndim > 0 && fr_split_of(x, over).inner == 1)
        fr_c_takes_rows(w, x->ndim - fr_shape_dim(x, over->dim));
}

bool fr_write_reduction_by(fr_c_writer *w, const fr_op_call *call, const char *name, const char *text, const char *more)
{
    const fr_over *over = call->attributes;
    fr_split s = fr_split_of(&call->in[0]->shape, over);
    const char *x = fr_c_in(w, call, 0), *y = fr_c_out(w, call, 0);

    fr_reduction_takes_rows(w, call);
    fr_c_helper(w, name, text, false);
    return fr_c_line(w, "%s(%lld, %lld, %lld, %s%s, %s);", name, (long long)s.outer, (long long)s.n, (long long)s.inner,
                     more, x, y);
}

bool fr_write_reduction(fr_c_writer *w, const fr_op_call *call, const char *const expressions[3])
{
    const fr_over *over = call->attributes;
    fr_split s = fr_split_of(&call->in[0]->shape, over);

    fr_reduction_takes_rows(w, call);
    return fr_c_reduction(w, call, s.outer, s.n, s.inner, expressions);
}

/* --- Calls and gradients ----------------------------------------------------------------------------------------- */

fr_tensor *fr_apply_over(const char *what, const fr_op *op, fr_tensor *t, fr_over over, void *const *reserved)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_tensor *results[2];
    bool ok = (!reserved || fr_check_reserved(what, reserved)) && fr_apply_n(op, &t, 1, &over, results);

    fr_finish(th, before);
    return ok ? results[0] : NULL;
}

fr_tensor *fr_kept(const fr_op_call *call, fr_tensor *t)
{
    const fr_over *over = call->attributes;
    const fr_shape *shape = &call->in_shape[0];

    return over->all || over->keepdim || shape->ndim == 0 ? t : fr_unsqueeze(t, fr_shape_dim(shape, over->dim));
}

fr_tensor *fr_div_or_zero(fr_tensor *a, fr_tensor *b)
{
    return fr_mul(fr_div(a, fr_add(b, fr_eq_scalar(b, 0))), fr_ne_scalar(b, 0));
}

/* --- As ONNX ------------------------------------------------------------------------------------------------------ */

/* In operator set 17 ReduceSum takes the axes as an input, the others as an attribute. */
void fr_onnx_reduce_to(fr_onnx *g, const fr_op_call *call, const char *type, const char *x, bool keepdim, const char *y)
{
    const fr_over *over = call->attributes;
    const int64_t dim = fr_shape_dim(&call->in[0]->shape, over->dim);
    bool all = over->all || call->in[0]->shape.ndim == 0, sum = strcmp(type, "ReduceSum") == 0;

    fr_onnx_node(g, type, FR_ONNX_NAMES(x, sum && !all ? fr_onnx_int64s(g, 1, &dim) : ""), FR_ONNX_NAMES(y));
    if (!sum && !all)
        fr_onnx_ints(g, "axes", 1, &dim);
    fr_onnx_int(g, "keepdims", keepdim);
}

bool fr_onnx_reduce(fr_onnx *g, const fr_op_call *call)
{
    const fr_over *over = call->attributes;

    fr_onnx_reduce_to(g, call, call->op->onnx_name, fr_onnx_input(g, 0), over->keepdim, fr_onnx_output(g, 0));
    return true;
}
