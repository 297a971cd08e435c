/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's ops of models that keep a state of fixed size instead of all keys: LinearAttention, CausalConvWithState, and
 * TensorScatter, which writes keys into a cache. */
#include <config.h>

#include "core/error.h"
#include "core/integer.h"
#include "onnx/import.h"

#include <frond/op.h>
#include <frond/ops.h>
#include <math.h>
#include <stdlib.h>

/* --- LinearAttention --------------------------------------------------------------------------------------------- */

enum { Q, K, V, PAST, DECAY, BETA };

/* x (B,T,heads E) as (T,B,heads,E); NULL with an error for other shapes. */
static fr_tensor *by_time(const fr_import_call *c, fr_tensor *x, int64_t heads)
{
    if (x->shape.ndim != 3 || heads < 1 || x->shape.dim[2] % heads != 0)
        return fr_import_fail(c, "its heads do not fit its inputs"), NULL;
    return fr_transpose(fr_reshape(x, FR_SHAPE(x->shape.dim[0], x->shape.dim[1], heads, x->shape.dim[2] / heads)), 0,
                        1);
}

/* S <- e^g S; v <- beta (v - S'k); S <- S + k v', with g 0 and v as it is where there is no decay and no beta. S is
 * (B,H,Dk,Dv), k (B,H,Dk). */
static fr_tensor *next_state(fr_tensor *const in[6], fr_tensor *state, int64_t t)
{
    fr_tensor *k = fr_unsqueeze(fr_select(in[K], 0, t), -1), *v = fr_unsqueeze(fr_select(in[V], 0, t), -2);

    if (in[DECAY])
        state = fr_mul(state, fr_unsqueeze(fr_exp(fr_select(in[DECAY], 0, t)), -1));
    if (in[BETA])
        v = fr_mul(fr_unsqueeze(fr_select(in[BETA], 0, t), -2), fr_sub(v, fr_matmul(fr_transpose(k, -1, -2), state)));
    return fr_add(state, fr_mul(k, v));
}

/* The inputs by time; those that update_rule does not take must not be there. */
static bool read_inputs(const fr_import_call *c, fr_tensor *in[6])
{
    static const char *const rules[] = { "gated_delta", "linear", "gated", "delta", NULL };
    int64_t q_heads = fr_import_int(c, "q_num_heads", 0), heads = fr_import_int(c, "kv_num_heads", 0);
    int rule = fr_import_choice(c, "update_rule", rules);
    bool decays = rule == 0 || rule == 2, corrects = rule == 0 || rule == 3;

    if (rule < 0 || !fr_import_require(c, 3))
        return false;
    if (heads < 1 || q_heads % heads != 0 || decays != !!fr_import_input(c, DECAY) ||
        corrects != !!fr_import_input(c, BETA))
        return fr_import_fail(c, "its heads or inputs do not fit its update_rule");
    in[Q] = by_time(c, c->in[Q], q_heads);
    in[K] = by_time(c, c->in[K], heads);
    in[V] = by_time(c, c->in[V], heads);
    in[DECAY] = decays ? by_time(c, c->in[DECAY], heads) : NULL;
    in[BETA] = corrects ? by_time(c, c->in[BETA], fr_dim(c->in[BETA], -1) == 1 ? 1 : heads) : NULL;
    return in[Q] && in[K] && in[V] && (!decays || in[DECAY]) && (!corrects || in[BETA]);
}

/* y (B,T,heads Dv) = scale S'q after each step; the state at the end. */
static bool run_linear_attention(fr_import_call *c)
{
    fr_tensor *in[6] = { NULL }, **out, *y = NULL, *state = fr_import_input(c, PAST);
    double scale = fr_import_float(c, "scale", 0);

    if (!read_inputs(c, in))
        return false;

    int64_t steps = fr_dim(in[Q], 0), batch = fr_dim(in[Q], 1), heads = fr_dim(in[K], 2), size = fr_dim(in[K], 3);
    int64_t group = fr_dim(in[Q], 2) / heads, width = fr_dim(in[V], 3);

    if (steps < 1 || fr_dim(in[K], 0) != steps || fr_dim(in[V], 0) != steps)
        return fr_import_fail(c, "its inputs differ in length, or have none");
    if (!fr_import_count_runs(steps) || !(out = calloc((size_t)steps, sizeof *out)))
        return false;
    scale = scale == 0 ? 1 / sqrt((double)size) : scale;
    state = state ? state : fr_zeros_of(FR_SHAPE(batch, heads, size, width), fr_dtype_of(in[Q]));
    for (int64_t t = 0; state && t < steps; t++) {
        fr_tensor *q = fr_unsqueeze(fr_select(in[Q], 0, t), -2);

        state = next_state(in, state, t);
        out[t] = fr_matmul(q, group > 1 ? fr_repeat_interleave(state, group, 1) : state);
    }
    if (state)
        y = fr_mul_scalar(fr_transpose(fr_reshape(fr_stack(out, (int)steps, 0), FR_SHAPE(steps, batch, -1)), 0, 1),
                          scale);
    free(out);
    c->out[1] = state;
    return fr_import_return(c, y);
}

/* --- CausalConvWithState ----------------------------------------------------------------------------------------- */

/* x (B,C,L) behind its last kernel - 1 values of the past, or zeros: a convolution of each channel; these values of
 * the end. */
static bool run_causal_conv(fr_import_call *c)
{
    static const char *const activations[] = { "none", "silu", "swish", NULL };
    int activation = fr_import_choice(c, "activation", activations);

    if (activation < 0 || !fr_import_require(c, 2))
        return false;

    fr_tensor *x = c->in[0], *past = fr_import_input(c, 3), *y;
    int64_t before = fr_dim(c->in[1], -1) - 1;

    if (x->shape.ndim != 3 || c->in[1]->shape.ndim != 3 || before < 0 || (past && fr_dim(past, -1) != before))
        return fr_import_fail(c, "expected x (B, C, L), weights (C, 1, K) and a past of K - 1 values");
    x = past ? fr_cat((fr_tensor *[]){ past, x }, 2, 2) : fr_pad(x, (int64_t[]){ before, 0 }, 2, 0);
    y = fr_conv1d(x, c->in[1], fr_import_input(c, 2), &(fr_conv_options){ .groups = fr_dim(x, 1) });
    c->out[1] = fr_slice(x, 2, fr_dim(x, 2) - before, fr_dim(x, 2), 1);
    return c->out[1] && fr_import_return(c, activation > 0 ? fr_silu(y) : y);
}

/* --- TensorScatter ----------------------------------------------------------------------------------------------- */

/* Writes input 1 into the cache along an axis, from the place on that input 2 has for each of the batch; circular: on
 * from the front again. */
static bool run_tensor_scatter(fr_import_call *c)
{
    int axis = fr_import_axis_of_input(c, 2, -2), way;
    fr_tensor *start = fr_import_input(c, 2), *places;
    fr_shape first = { .dim = { -1, 1, 1, 1, 1, 1, 1, 1 } }, along = first;

    way = fr_import_choice(c, "mode", (const char *const[]){ "linear", "circular", NULL });
    if (axis < 1 || way < 0)
        return axis != 0 ? false : fr_import_fail(c, "its axis is that of the batch");
    if (c->in[1]->shape.ndim != c->in[0]->shape.ndim)
        return fr_import_fail(c, "its update does not fit its cache");
    first.ndim = c->in[0]->shape.ndim;
    along.ndim = first.ndim - axis;
    places = fr_reshape(fr_arange(0, (double)fr_most(1, fr_dim(c->in[1], axis)), 1, FR_I64), along);
    if (start)
        places = fr_add(places, fr_reshape(start, first));
    if (way == 1)
        places = fr_remainder_scalar(places, (double)fr_dim(c->in[0], axis));
    places = fr_expand(places, fr_shape_of(c->in[1]));
    return fr_import_return(c, places ? fr_scatter(c->in[0], axis, fr_contiguous(places), c->in[1]) : NULL);
}

/* --- The table --------------------------------------------------------------------------------------------------- */

static const fr_import_op ops[] = {
    { "CausalConvWithState", "activation", .run = run_causal_conv },
    { "LinearAttention", "chunk_size kv_num_heads q_num_heads scale update_rule", .run = run_linear_attention },
    { "TensorScatter", "axis mode", .run = run_tensor_scatter },
};

const fr_import_op_table fr_import_linear_attention_ops = { ops, sizeof ops / sizeof *ops };
