/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* MultiheadAttention: projects query, key and value to the heads, joins the masks, calls
 * fr_scaled_dot_product_attention, and projects the heads' outputs by out_proj. L is the number of queries, S that of
 * keys and values, B the batch, E = heads D the number of features. */
#include "core/options.h"
#include "nn/module.h"

#include <frond/op.h>
#include <inttypes.h>
#include <math.h>

static const char name[] = "attention_forward";

typedef struct {
    int64_t embed, heads;
    bool batch_first;
    double dropout;
    fr_tensor *in_weight, *in_bias, *out_weight, *out_bias; /* borrowed from the module and out_proj */
} attention;

/* --- Making ------------------------------------------------------------------------------------------------------- */

static fr_tensor *forward(fr_module *m, fr_tensor *x)
{
    return fr_attention_forward(m, x, x, x, NULL);
}

bool fr_check_heads(const char *what, const char *embed_name, int64_t embed, const char *heads_name, int64_t heads)
{
    if (embed < 1 || heads < 1 || embed % heads != 0)
        return fr_fail(what, "%s %" PRId64 ", %s %" PRId64 ", expected 1 or more, %s a multiple of %s", embed_name,
                       embed, heads_name, heads, embed_name, heads_name);
    return embed <= INT64_MAX / 3 || fr_fail(what, "%s %" PRId64 " is too large", embed_name, embed);
}

static bool check_options(const char *what, int64_t embed, int64_t heads, const fr_multihead_attention_options *o)
{
    return fr_check_heads(what, "embed_dim", embed, "num_heads", heads) && fr_check_reserved(what, o->reserved) &&
           fr_check_dropout(what, o->dropout);
}

/* out_proj comes first because PyTorch draws its values first. */
static bool fill(const char *what, fr_module *m, bool bias)
{
    attention *a = fr_self(m);
    fr_module *out = fr_linear_new(what, "NonDynamicallyQuantizableLinear", a->embed, a->embed, bias);

    out = fr_module_adopt_new(what, m, "out_proj", out);
    if (!out)
        return false;
    a->out_weight = fr_module_find(out, "weight");
    a->out_bias = bias ? fr_init_zeros(fr_module_find(out, "bias")) : NULL;
    a->in_weight = fr_constant_parameter(what, m, "in_proj_weight", FR_SHAPE(3 * a->embed, a->embed), 0);
    if (!a->in_weight || !fr_init_xavier_uniform(a->in_weight, 1))
        return false;
    if (bias)
        a->in_bias = fr_constant_parameter(what, m, "in_proj_bias", FR_SHAPE(3 * a->embed), 0);
    return a->in_bias || !bias;
}

fr_module *fr_attention_new(const char *what, int64_t embed, int64_t heads, const fr_multihead_attention_options *o)
{
    fr_module *m =
        check_options(what, embed, heads, o) ? fr_module_new("MultiheadAttention", sizeof(attention), forward) : NULL;

    if (!m)
        return NULL;
    *(attention *)fr_self(m) =
        (attention){ .embed = embed, .heads = heads, .batch_first = o->batch_first, .dropout = o->dropout };
    return fr_module_finish(m, fill(what, m, !o->no_bias));
}

fr_module *fr_nn_multihead_attention(int64_t embed_dim, int64_t num_heads,
                                     const fr_multihead_attention_options *options)
{
    const char *what = "nn_multihead_attention";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_multihead_attention_options o = options ? *options : (fr_multihead_attention_options){ 0 };
    fr_module *m = fr_attention_new(what, embed_dim, num_heads, &o);

    fr_finish(th, before);
    return m;
}

/* --- Checking a call ---------------------------------------------------------------------------------------------- */

typedef struct {
    const attention *a;
    bool batched, batch_first;    /* batch_first: of these tensors; unbatched ones count as (T,1,E) */
    int64_t batch, queries, keys; /* B, L, S */
} sizes;

static bool check_inputs(sizes *s, const fr_tensor *q, const fr_tensor *k, const fr_tensor *v)
{
    char text[3][FR_SHAPE_TEXT];
    int n = q->shape.ndim;
    bool fits = (n == 2 || n == 3) && k->shape.ndim == n && fr_shape_equal(&k->shape, &v->shape) &&
                q->shape.dim[n - 1] == s->a->embed && k->shape.dim[n - 1] == s->a->embed;

    s->batched = n == 3;
    s->batch_first = s->batched && s->a->batch_first;
    if (fits) {
        s->batch = s->batched ? q->shape.dim[!s->batch_first] : 1;
        s->queries = q->shape.dim[s->batch_first];
        s->keys = k->shape.dim[s->batch_first];
        fits = !s->batched || k->shape.dim[!s->batch_first] == s->batch;
    }
    return fits ||
           fr_fail(
               name, "query %s, key %s, value %s: expected %s, or unbatched (L, E), (S, E), (S, E); E is %" PRId64,
               fr_shape_text(&q->shape, text[0]), fr_shape_text(&k->shape, text[1]), fr_shape_text(&v->shape, text[2]),
               s->a->batch_first ? "(B, L, E), (B, S, E), (B, S, E)" : "(L, B, E), (S, B, E), (S, B, E)", s->a->embed);
}

/* True if t is NULL or of one of two shapes, which may be equal. */
static bool check_mask(const char *which, const fr_tensor *t, fr_shape one, fr_shape other)
{
    char text[3][FR_SHAPE_TEXT];

    return !t || fr_shape_equal(&t->shape, &one) || fr_shape_equal(&t->shape, &other) ||
           fr_fail(name, "%s %s, expected %s%s%s", which, fr_shape_text(&t->shape, text[0]),
                   fr_shape_text(&one, text[1]), fr_shape_equal(&one, &other) ? "" : " or ",
                   fr_shape_equal(&one, &other) ? "" : fr_shape_text(&other, text[2]));
}

static bool check_masks(const sizes *s, const fr_attention_masks *m)
{
    fr_shape padding = s->batched ? FR_SHAPE(s->batch, s->keys) : FR_SHAPE(s->keys);
    fr_shape one = FR_SHAPE(s->queries, s->keys), each = FR_SHAPE(s->batch * s->a->heads, s->queries, s->keys);

    return fr_check_reserved(name, m->reserved) &&
           check_mask("key_padding_mask", m->key_padding_mask, padding, padding) &&
           check_mask("attn_mask", m->attn_mask, one, each) && check_mask("attn_bias", m->attn_bias, one, each);
}

/* --- Running ------------------------------------------------------------------------------------------------------ */

/* (T,B,E) or (B,T,E) or (T,E) -> (B,heads,T,D) */
static fr_tensor *split(const sizes *s, fr_tensor *x, int64_t steps)
{
    int64_t heads = s->a->heads, size = s->a->embed / heads;

    if (s->batch_first)
        return fr_permute(fr_reshape(x, FR_SHAPE(s->batch, steps, heads, size)), (int[]){ 0, 2, 1, 3 });
    return fr_permute(fr_reshape(x, FR_SHAPE(steps, s->batch, heads, size)), (int[]){ 1, 2, 0, 3 });
}

/* The projection of query, key or value (which: 0, 1, 2) to the heads. */
static fr_tensor *project(const sizes *s, fr_tensor *x, int which, int64_t steps)
{
    int64_t begin = which * s->a->embed, end = begin + s->a->embed;
    fr_tensor *weight = fr_slice(s->a->in_weight, 0, begin, end, 1);
    fr_tensor *bias = s->a->in_bias ? fr_slice(s->a->in_bias, 0, begin, end, 1) : NULL;

    return split(s, fr_linear(x, weight, bias), steps);
}

/* All three projections. If query, key and value are one tensor, they are one product. */
static void project_all(const sizes *s, fr_tensor *const in[3], fr_tensor *out[3])
{
    bool same = in[0] == in[1] && in[1] == in[2];
    fr_tensor *all = same ? fr_linear(in[0], s->a->in_weight, s->a->in_bias) : NULL;

    for (int i = 0; i < 3; i++) {
        int64_t steps = i == 0 ? s->queries : s->keys, begin = i * s->a->embed;

        out[i] = same ? split(s, fr_slice(all, -1, begin, begin + s->a->embed, 1), steps) : project(s, in[i], i, steps);
    }
}

/* A mask (B heads,L,S) as (B,heads,L,S). Others stay as they are. */
static fr_tensor *split_mask(const sizes *s, fr_tensor *mask)
{
    return mask && mask->shape.ndim == 3 ? fr_reshape(mask, FR_SHAPE(s->batch, s->a->heads, s->queries, s->keys))
                                         : mask;
}

/* attn_mask and key_padding_mask, in which a nonzero leaves a key out, as one mask with 1 for the keys to attend to. It
 * broadcasts to (B,heads,L,S). NULL if there is neither. */
static fr_tensor *join_masks(const sizes *s, const fr_attention_masks *m, fr_dtype dtype)
{
    fr_tensor *attend = NULL, *padding = NULL;

    if (m->attn_mask)
        attend = split_mask(s, fr_cast(fr_eq_scalar(m->attn_mask, 0), dtype));
    if (!m->key_padding_mask)
        return attend;
    padding = fr_reshape(fr_cast(fr_eq_scalar(m->key_padding_mask, 0), dtype), FR_SHAPE(s->batch, 1, 1, s->keys));
    return m->attn_mask ? fr_mul(attend, padding) : padding;
}

/* The heads' attention by its definition, with *weights (B,heads,L,S). */
static fr_tensor *attend_with_weights(const sizes *s, fr_tensor *const heads[3], const fr_attention_options *o,
                                      fr_tensor **weights)
{
    double scale = 1 / sqrt((double)(s->a->embed / s->a->heads));
    fr_tensor *scores = fr_matmul(fr_mul_scalar(heads[0], scale), fr_transpose(heads[1], -2, -1));

    if (o->attn_bias)
        scores = fr_add(scores, o->attn_bias);
    if (o->attn_mask)
        scores = fr_masked_fill(scores, fr_eq_scalar(o->attn_mask, 0), -INFINITY);
    if (o->is_causal)
        scores = fr_masked_fill(scores, fr_triu(fr_ones(FR_SHAPE(s->queries, s->keys)), 1), -INFINITY);
    *weights = fr_softmax(scores, -1);
    if (o->dropout_p > 0)
        *weights = fr_dropout(*weights, o->dropout_p);
    return fr_matmul(*weights, heads[2]);
}

/* Puts new keys and values behind those so far, and has the new steps attend to all of them. */
static fr_tensor *attend_to_cache(const sizes *s, fr_tensor *const heads[3], fr_attention_options o, fr_kv_cache *kept)
{
    fr_tensor *k = fr_detach(heads[1]), *v = fr_detach(heads[2]), *all_k = heads[1], *all_v = heads[2], *y;
    int64_t past = kept->k ? fr_dim(kept->k, 2) : 0;

    if (kept->k) {
        all_k = fr_cat((fr_tensor *[]){ kept->k, heads[1] }, 2, 2);
        all_v = fr_cat((fr_tensor *[]){ kept->v, heads[2] }, 2, 2);
        k = fr_detach(all_k);
        v = fr_detach(all_v);
    }
    o.attn_mask = s->queries > 1 ? fr_tril(fr_ones(FR_SHAPE(s->queries, past + s->queries)), past) : NULL;
    y = fr_scaled_dot_product_attention(heads[0], all_k, all_v, &o);
    if (y) {
        fr_assign(&kept->k, k);
        fr_assign(&kept->v, v);
    }
    return y;
}

/* What a call may ask for besides the result. */
typedef struct {
    fr_kv_cache *kept;   /* or NULL */
    fr_tensor **weights; /* or NULL */
    bool per_head;
} extras;

/* out_proj is applied to (L,B,E) even with batch_first, as in PyTorch: a dropout after it draws in the order in which
 * values lie in memory. */
static fr_tensor *attend(fr_module *m, const sizes *s, fr_tensor *const in[3], const fr_attention_masks *masks,
                         const extras *e)
{
    fr_attention_options o = { .attn_mask = join_masks(s, masks, fr_dtype_of(in[0])),
                               .attn_bias = split_mask(s, masks->attn_bias),
                               .is_causal = masks->is_causal,
                               .dropout_p = m->training ? s->a->dropout : 0 };
    fr_tensor *heads[3], *y;

    project_all(s, in, heads);
    y = e->kept      ? attend_to_cache(s, heads, o, e->kept)
        : e->weights ? attend_with_weights(s, heads, &o, e->weights)
                     : fr_scaled_dot_product_attention(heads[0], heads[1], heads[2], &o);
    y = fr_reshape(fr_permute(y, (int[]){ 2, 0, 1, 3 }), FR_SHAPE(s->queries, s->batch, s->a->embed));
    y = fr_linear(y, s->a->out_weight, s->a->out_bias);
    return !s->batched ? fr_squeeze(y, 1) : s->batch_first ? fr_transpose(y, 0, 1) : y;
}

/* The weights as the caller wants them, in the scope around. */
static void finish_weights(const sizes *s, const extras *e)
{
    fr_tensor *w = e->per_head ? *e->weights : fr_mean_dim(*e->weights, 1, false);

    *e->weights = fr_escape(s->batched ? w : fr_squeeze(w, 0));
}

static bool check_cache(const sizes *s, const fr_kv_cache *kept)
{
    char text[FR_SHAPE_TEXT];
    int64_t size = s->a->embed / s->a->heads;
    const fr_tensor *k = kept ? kept->k : NULL;

    return !k ||
           (k->shape.ndim == 4 && k->shape.dim[0] == s->batch && k->shape.dim[1] == s->a->heads &&
            k->shape.dim[3] == size) ||
           fr_fail(name, "the cache has keys %s, expected (%" PRId64 ", %" PRId64 ", S, %" PRId64 ")",
                   fr_shape_text(&k->shape, text), s->batch, s->a->heads, size);
}

static fr_tensor *run(fr_thread *th, fr_module *m, fr_tensor *const in[3], const fr_attention_masks *masks,
                      const extras *e)
{
    sizes s = { .a = fr_self(m) };
    int scope = fr_scope_begin();
    fr_tensor *y = NULL;

    if (scope < 0)
        return NULL;
    if (fr_module_enter(th, m) && check_inputs(&s, in[0], in[1], in[2]) && check_masks(&s, masks) &&
        check_cache(&s, e->kept))
        y = fr_escape(fr_module_leave(th, m, attend(m, &s, in, masks, e)));
    if (y && e->weights)
        finish_weights(&s, e);
    fr_scope_end(scope);
    return y;
}

static fr_tensor *check_and_run(const char *what, fr_module *m, fr_tensor *const in[3], const fr_attention_masks *masks,
                                const extras *e)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_attention_masks given = masks ? *masks : (fr_attention_masks){ 0 };
    bool failed = masks && !(given.key_padding_mask && given.attn_mask && given.attn_bias) && fr_failed_before(th);
    fr_tensor *y = NULL;

    if (e->weights)
        *e->weights = NULL;
    if (!failed && fr_check_argument(what, m, "module") && fr_check_argument(what, in[0], "query") &&
        fr_check_argument(what, in[1], "key") && fr_check_argument(what, in[2], "value") &&
        (m->forward == forward || fr_fail(what, "%s given, expected MultiheadAttention", m->type)))
        y = run(th, m, in, &given, e);
    if (!y && e->weights)
        *e->weights = NULL;
    fr_finish(th, before);
    return y;
}

fr_tensor *fr_attention_forward(fr_module *m, fr_tensor *query, fr_tensor *key, fr_tensor *value,
                                const fr_attention_masks *masks)
{
    return check_and_run(name, m, (fr_tensor *[]){ query, key, value }, masks, &(extras){ 0 });
}

fr_tensor *fr_attention_forward_weights(fr_module *m, fr_tensor *query, fr_tensor *key, fr_tensor *value,
                                        const fr_attention_masks *masks, bool per_head, fr_tensor **weights)
{
    fr_tensor *ignored;

    return check_and_run("attention_forward_weights", m, (fr_tensor *[]){ query, key, value }, masks,
                         &(extras){ .weights = weights ? weights : &ignored, .per_head = per_head });
}

/* --- A cache ------------------------------------------------------------------------------------------------------ */

fr_tensor *fr_attention_forward_cached(fr_module *m, fr_tensor *x, fr_kv_cache *kept)
{
    const char *what = "attention_forward_cached";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_tensor *y = NULL;

    if (fr_check_argument(what, x, "x") && fr_check_argument(what, kept, "kept"))
        y = check_and_run(what, m, (fr_tensor *[]){ x, x, x }, NULL, &(extras){ .kept = kept });
    fr_finish(th, before);
    return y;
}

void fr_kv_cache_clear(fr_kv_cache *kept)
{
    if (kept) {
        fr_assign(&kept->k, NULL);
        fr_assign(&kept->v, NULL);
    }
}
