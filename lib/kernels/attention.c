/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Blocks of queries, one after another (Rabe and Staats, "Self-attention Does Not Need O(n^2) Memory", 2021). The
 * scores of a block stay in the second-level cache; backward computes them again. With q a block of queries times the
 * scale, p = softmax(q k') and g the gradient of y:
 *
 *     y = p v,   dv += p' g,   ds = p (g v' - the sum over keys of p (g v')),   dq = scale ds k,   dk += ds' q
 *
 * Where attention is causal, a block meets only keys up to its last query. */
#ifndef T
#include "kernels/attention.h"

#include "core/integer.h"
#include "core/shape.h"
#include "kernels/gemm.h"
#include "kernels/softmax.h"
#include "kernels/units.h"

#include <math.h>

enum { BLOCK = 64 }; /* queries */

typedef struct {
    const fr_attention *a;
    const char *dy;
    char *y, *dq, *dk, *dv;
    int64_t size, blocks; /* bytes of a value; blocks of queries of a matrix */
} job;

/* A block of queries at work, and its scratch: q (n,E), the others (n,keys). scores holds q k', then g v'. */
typedef struct {
    int64_t batch, first, n, keys;
    char *q, *scores, *p, *ds;
} block;

static block block_of(const job *j, int64_t batch, int64_t number, char *scratch)
{
    const fr_attention *a = j->a;
    block b = { .batch = batch, .first = number * BLOCK, .q = scratch };

    b.n = fr_least(BLOCK, a->queries - b.first);
    b.keys = a->is_causal ? fr_least(a->keys, b.first + b.n) : a->keys;
    b.scores = b.q + BLOCK * a->features * j->size;
    b.p = b.scores + BLOCK * a->keys * j->size;
    b.ds = b.p + BLOCK * a->keys * j->size;
    return b;
}

static const void *matrix_at(const job *j, const fr_matrices *m, int64_t batch)
{
    return (const char *)m->origin + m->offset[batch] * j->size;
}

#define KERNEL_FILE "kernels/attention.c"
#include "kernels/instantiate.h"

/* q of the block times the scale. */
static void read_queries(const job *j, const block *b)
{
    const fr_attention *a = j->a;

    FR_KERNEL_FOR(a->dtype, scale_matrix)
    (b->n, a->features, (const char *)matrix_at(j, &a->q, b->batch) + b->first * a->q.row * j->size, a->q.row,
     a->q.column, a->scale, b->q);
}

/* C (m,n) = A (m,k) B (k,n), with add C += A B; strides in elements, C's rows are n apart. */
static void multiply(const job *j, bool add, int64_t m, int64_t n, int64_t k, const void *a, int64_t a_row,
                     int64_t a_column, const void *b, int64_t b_row, int64_t b_column, void *c)
{
    fr_multiply(&(fr_product){ .dtype = j->a->dtype,
                               .add = add,
                               .m = m,
                               .n = n,
                               .k = k,
                               .a = a,
                               .b = b,
                               .a_row = a_row,
                               .a_column = a_column,
                               .b_row = b_row,
                               .b_column = b_column,
                               .c = c,
                               .ldc = n });
}

/* p = softmax(q k'), with 0 for keys that a query may not attend to. */
static void compute_weights(const job *j, const block *b)
{
    const fr_attention *a = j->a;

    read_queries(j, b);
    multiply(j, false, b->n, b->keys, a->features, b->q, a->features, 1, matrix_at(j, &a->k, b->batch), a->k.column,
             a->k.row, b->scores);
    if (a->is_causal)
        FR_KERNEL_FOR(a->dtype, mask_later)(b->n, b->keys, b->first, b->scores);
    fr_softmax_forward(a->dtype, (fr_dim_sizes){ b->n, b->keys, 1 }, FR_SAFE_SOFTMAX, b->scores, b->p);
}

/* A unit is a block of queries. */
static void forward_block(const void *user, int64_t unit, char *scratch)
{
    const job *j = user;
    const fr_attention *a = j->a;
    block b = block_of(j, unit / j->blocks, unit % j->blocks, scratch);

    compute_weights(j, &b);
    multiply(j, false, b.n, a->values, b.keys, b.p, b.keys, 1, matrix_at(j, &a->v, b.batch), a->v.row, a->v.column,
             j->y + (b.batch * a->queries + b.first) * a->values * j->size);
}

static void backward_block(const job *j, const block *b)
{
    const fr_attention *a = j->a;
    const char *dy = j->dy + (b->batch * a->queries + b->first) * a->values * j->size;
    char *dq = j->dq ? j->dq + (b->batch * a->queries + b->first) * a->features * j->size : NULL;
    char *dk = j->dk ? j->dk + b->batch * a->keys * a->features * j->size : NULL;

    compute_weights(j, b);
    if (j->dv)
        multiply(j, true, b->keys, a->values, b->n, b->p, 1, b->keys, dy, a->values, 1,
                 j->dv + b->batch * a->keys * a->values * j->size);
    if (!dq && !dk)
        return;
    multiply(j, false, b->n, b->keys, a->values, dy, a->values, 1, matrix_at(j, &a->v, b->batch), a->v.column, a->v.row,
             b->scores);
    fr_softmax_backward(a->dtype, (fr_dim_sizes){ b->n, b->keys, 1 }, FR_SAFE_SOFTMAX, b->scores, b->p, b->ds);
    if (dq) {
        multiply(j, false, b->n, a->features, b->keys, b->ds, b->keys, 1, matrix_at(j, &a->k, b->batch), a->k.row,
                 a->k.column, dq);
        FR_KERNEL_FOR(a->dtype, scale_matrix)(b->n, a->features, dq, a->features, 1, a->scale, dq);
    }
    if (dk)
        multiply(j, true, b->keys, a->features, b->n, b->ds, 1, b->keys, b->q, a->features, 1, dk);
}

/* A unit is a whole matrix: its blocks add to the same dk and dv. */
static void backward_matrix(const void *user, int64_t unit, char *scratch)
{
    const job *j = user;
    const fr_attention *a = j->a;

    if (j->dk)
        memset(j->dk + unit * a->keys * a->features * j->size, 0, (size_t)(a->keys * a->features * j->size));
    if (j->dv)
        memset(j->dv + unit * a->keys * a->values * j->size, 0, (size_t)(a->keys * a->values * j->size));
    for (int64_t i = 0; i < j->blocks; i++) {
        block b = block_of(j, unit, i, scratch);

        backward_block(j, &b);
    }
}

/* Of a block, as block_of lays it out; -1 if that overflows. */
static int64_t scratch_bytes(const job *j)
{
    int64_t queries, scores, bytes;

    if (!fr_mul_size(BLOCK, j->a->features, &queries) || !fr_mul_size(3 * BLOCK, j->a->keys, &scores) ||
        __builtin_add_overflow(queries, scores, &bytes) || !fr_mul_size(bytes, j->size, &bytes))
        return -1;
    return bytes;
}

static job job_of(const fr_attention *a)
{
    return (job){ .a = a, .size = (int64_t)fr_dtype_size(a->dtype), .blocks = (a->queries + BLOCK - 1) / BLOCK };
}

/* Multiply-adds of a block of queries with all keys. */
static double work_of(const fr_attention *a)
{
    return (double)BLOCK * (double)a->keys * (double)(a->features + a->values);
}

bool fr_attend(const fr_attention *a, void *y)
{
    job j = job_of(a);

    j.y = y;
    return fr_run_units(a->batch * j.blocks, work_of(a), scratch_bytes(&j), forward_block, &j);
}

bool fr_attend_backward(const fr_attention *a, const void *dy, void *dq, void *dk, void *dv)
{
    job j = job_of(a);

    j.dy = dy;
    j.dq = dq;
    j.dk = dk;
    j.dv = dv;
    return fr_run_units(a->batch, work_of(a) * (double)j.blocks * 2, scratch_bytes(&j), backward_matrix, &j);
}
#else
/* to (n,m) = scale times from, whose strides are row and column. */
static void FN(scale_matrix)(int64_t n, int64_t m, const void *pfrom, int64_t row, int64_t column, double scale,
                             void *pto)
{
    const T *from = pfrom, factor = (T)scale;
    T *to = pto;

    for (int64_t i = 0; i < n; i++, from += row, to += m)
        if (column == 1)
            for (int64_t k = 0; k < m; k++)
                to[k] = from[k] * factor;
        else
            for (int64_t k = 0; k < m; k++)
                to[k] = from[k * column] * factor;
}

/* scores (n,keys) of query first + i: -inf for keys after it. */
static void FN(mask_later)(int64_t n, int64_t keys, int64_t first, void *pscores)
{
    T *scores = pscores;

    for (int64_t i = 0; i < n; i++, scores += keys)
        for (int64_t k = first + i + 1; k < keys; k++)
            scores[k] = -(T)INFINITY;
}
#endif
