/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's Attention and RotaryEmbedding, by frond's ops. */
#include <config.h>

#include "core/integer.h"
#include "onnx/import.h"

#include <frond/op.h>
#include <frond/ops.h>
#include <math.h>

/* x (B,T,heads E) as (B,heads,T,E); x (B,heads,T,E) is itself. NULL with an error for other shapes. */
static fr_tensor *split_heads(const fr_import_call *c, fr_tensor *x, int64_t heads)
{
    if (x->shape.ndim == 4)
        return x;
    if (x->shape.ndim != 3 || heads < 1 || x->shape.dim[2] % heads != 0) {
        fr_import_fail(c, "its heads do not fit its inputs");
        return NULL;
    }
    return fr_transpose(fr_reshape(x, FR_SHAPE(x->shape.dim[0], x->shape.dim[1], heads, x->shape.dim[2] / heads)), 1,
                        2);
}

/* The other way, to the number of dims that x had. */
static fr_tensor *join_heads(const fr_tensor *x, fr_tensor *y)
{
    return x->shape.ndim == 4 ? y : fr_flatten(fr_transpose(y, 1, 2), 2, 3);
}

/* --- Attention --------------------------------------------------------------------------------------------------- */

enum { Q, K, V, MASK, PAST_KEY, PAST_VALUE, LENGTHS };

/* The keys (...,L,S) that a query at `offset`, which broadcasts, may attend to by their places: 1, else 0. NULL: all.
 */
static fr_tensor *near(const fr_import_call *c, fr_tensor *offset, int64_t queries, int64_t keys)
{
    int64_t left = fr_import_int(c, "left_window_size", -1), right = fr_import_int(c, "right_window_size", -1);
    fr_tensor *rows = fr_reshape(fr_arange(0, (double)queries, 1, FR_I64), FR_SHAPE(queries, 1));
    fr_tensor *distance = fr_sub(fr_sub(fr_arange(0, (double)keys, 1, FR_I64), rows), offset), *allowed = NULL;

    if (fr_import_int(c, "is_causal", 0))
        right = right < 0 ? 0 : fr_least(right, 0);
    if (right >= 0)
        allowed = fr_le_scalar(distance, (double)right);
    if (left >= 0)
        allowed =
            allowed ? fr_mul(allowed, fr_ge_scalar(distance, -(double)left)) : fr_ge_scalar(distance, -(double)left);
    return allowed;
}

/* The keys that are there at all and that may be attended to: by lengths (B), places and a mask of bool; NULL: all. */
static fr_tensor *allowed_keys(const fr_import_call *c, int64_t queries, int64_t keys)
{
    const fr_tensor *past = fr_import_input(c, PAST_KEY);
    fr_tensor *lengths = fr_import_input(c, LENGTHS), *offset, *there = NULL, *allowed;

    if (lengths) {
        lengths = fr_reshape(lengths, FR_SHAPE(-1, 1, 1, 1));
        there = fr_lt(fr_arange(0, (double)keys, 1, FR_I64), lengths);
    }
    offset = lengths ? fr_sub_scalar(lengths, (double)queries)
                     : fr_full_of((fr_shape){ 0 }, past ? (double)past->shape.dim[2] : 0, FR_I64);
    allowed = near(c, offset, queries, keys);
    return there && allowed ? fr_mul(there, allowed) : there ? there : allowed;
}

/* What is added to the scores: 0 or -inf, and a mask of floats. NULL, with *ok as it was, if there is nothing. */
static fr_tensor *make_bias(const fr_import_call *c, fr_dtype dtype, int64_t queries, int64_t keys, bool *ok)
{
    fr_tensor *mask = fr_import_input(c, MASK), *allowed = allowed_keys(c, queries, keys), *bias = NULL;
    bool is_bool = mask && c->in_type[MASK] == FR_ONNX_BOOL;

    if (mask && mask->shape.ndim > 0 && fr_dim(mask, -1) < keys) /* the keys that it leaves out are masked */
        mask = fr_pad(mask, (int64_t[]){ 0, keys - fr_dim(mask, -1) }, 2, is_bool ? 0 : -INFINITY);
    if (is_bool)
        allowed = allowed ? fr_mul(allowed, mask) : mask;
    if (allowed) {
        fr_tensor *scores = fr_zeros_of(fr_shape_of(allowed), dtype);

        bias = fr_masked_fill(scores, fr_eq_scalar(allowed, 0), -INFINITY);
        *ok = *ok && bias;
    }
    if (mask && !is_bool)
        bias = bias ? fr_add(bias, mask) : mask;
    *ok = *ok && (bias || (!mask && !allowed));
    return bias;
}

/* softmax, with 0 for a query whose keys are all masked. */
static fr_tensor *weights_of(fr_tensor *scores, fr_tensor *bias)
{
    fr_tensor *weights = fr_softmax(scores, -1);

    if (!bias)
        return weights;
    return fr_masked_fill(weights, fr_eq_scalar(fr_max_dim(bias, -1, true), -INFINITY), 0);
}

static bool run_attention(fr_import_call *c)
{
    fr_tensor *heads[3], *stage[4];
    bool ok = fr_import_require(c, 3);
    int64_t kv_heads = fr_import_int(c, "kv_num_heads", 0), group, mode = fr_import_int(c, "qk_matmul_output_mode", 0);

    for (int i = 0; ok && i < 3; i++)
        ok = (heads[i] = split_heads(c, c->in[i], i == Q ? fr_import_int(c, "q_num_heads", 0) : kv_heads)) != NULL;
    for (int i = 0; ok && i < 2; i++) /* the keys and values so far come before the new ones */
        if (fr_import_input(c, PAST_KEY + i))
            heads[K + i] = fr_cat((fr_tensor *[]){ c->in[PAST_KEY + i], heads[K + i] }, 2, 2);
    if (!ok || !heads[K] || !heads[V])
        return false;
    c->out[1] = heads[K];
    c->out[2] = heads[V];
    group = heads[Q]->shape.dim[1] / fr_most(heads[K]->shape.dim[1], 1);
    for (int i = K; i <= V && group > 1; i++)
        heads[i] = fr_repeat_interleave(heads[i], group, 1);

    double cap = fr_import_float(c, "softcap", 0), scale = fr_import_float(c, "scale", 0);
    fr_tensor *bias = make_bias(c, fr_dtype_of(heads[Q]), fr_dim(heads[Q], 2), fr_dim(heads[K], 2), &ok);

    if (!ok)
        return false;
    scale = scale == 0 ? 1 / sqrt((double)fr_dim(heads[Q], 3)) : scale;
    stage[0] = fr_matmul(fr_mul_scalar(heads[Q], scale), fr_transpose(heads[K], 2, 3));
    stage[1] = cap == 0 ? stage[0] : fr_mul_scalar(fr_tanh(fr_mul_scalar(stage[0], 1 / cap)), cap);
    stage[2] = bias ? fr_add(stage[1], bias) : stage[1];
    stage[3] = weights_of(stage[2], bias);
    c->out[3] = mode >= 0 && mode < 4 ? stage[mode] : NULL;
    return fr_import_return(c, join_heads(c->in[Q], fr_matmul(stage[3], heads[V])));
}

/* --- Rotary embedding -------------------------------------------------------------------------------------------- */

/* The rows (B,1,T,R) of a cache (P,R) at the positions (B,T), or of a cache that is (B,T,R) itself. */
static fr_tensor *rows_of(fr_tensor *cache, fr_tensor *positions)
{
    return fr_unsqueeze(positions ? fr_embedding(positions, cache, NULL) : cache, 1);
}

/* Turns each pair of x's first R dims by an angle: pairs are neighbours, or one of each half. */
static bool run_rotary(fr_import_call *c)
{
    bool interleaved = fr_import_int(c, "interleaved", 0);
    fr_tensor *x, *part, *turned, *positions = fr_import_input(c, 3);

    if (!fr_import_require(c, 3) || !(x = split_heads(c, c->in[0], fr_import_int(c, "num_heads", 0))))
        return false;

    int64_t size = x->shape.dim[3], turn = fr_import_int(c, "rotary_embedding_dim", 0);

    turn = turn == 0 ? size : turn;
    if (turn < 0 || turn > size || turn % 2 != 0)
        return fr_import_fail(c, "rotary_embedding_dim does not fit its input");
    part = fr_slice(x, 3, 0, turn, 1);

    fr_tensor *cosine = rows_of(c->in[1], positions), *sine = rows_of(c->in[2], positions);
    fr_tensor *a = interleaved ? fr_slice(part, 3, 0, turn, 2) : fr_slice(part, 3, 0, turn / 2, 1);
    fr_tensor *b = interleaved ? fr_slice(part, 3, 1, turn, 2) : fr_slice(part, 3, turn / 2, turn, 1);
    fr_tensor *both[] = { fr_sub(fr_mul(a, cosine), fr_mul(b, sine)), fr_add(fr_mul(a, sine), fr_mul(b, cosine)) };

    turned = interleaved ? fr_flatten(fr_stack(both, 2, 4), 3, 4) : fr_cat(both, 2, 3);
    if (turn < size)
        turned = fr_cat((fr_tensor *[]){ turned, fr_slice(x, 3, turn, size, 1) }, 2, 3);
    return fr_import_return(c, join_heads(c->in[0], turned));
}

/* --- The table --------------------------------------------------------------------------------------------------- */

static const fr_import_op ops[] = {
    { "Attention",
      "is_causal kv_num_heads left_window_size q_num_heads qk_matmul_output_mode right_window_size scale "
      "softcap",
      .run = run_attention },
    { "RotaryEmbedding", "interleaved num_heads rotary_embedding_dim", .run = run_rotary },
};

const fr_import_op_table fr_import_attention_ops = { ops, sizeof ops / sizeof *ops };
