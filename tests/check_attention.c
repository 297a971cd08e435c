/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Multihead attention and transformer encoders: compared with PyTorch (golden/make_attention.py has the same tables),
 * and the calls that they refuse. */
#include "golden.h"

enum { EMBED = 6, HEADS = 2, INNER = 5, PARAMETER_SEED = 7, BIAS_SEED = 9, FORWARD_SEED = 11 };

/* Draws random biases, which otherwise are 0. */
static void draw_biases(fr_module *m)
{
    int n;
    const fr_named_tensor *state = fr_module_state(m, &n);

    fr_manual_seed(BIAS_SEED);
    for (int i = 0; i < n; i++) {
        size_t length = strlen(state[i].name);

        if (length >= 4 && strcmp(state[i].name + length - 4, "bias") == 0)
            fr_init_uniform(state[i].tensor, -0.5, 0.5);
    }
}

/* --- Multihead attention ------------------------------------------------------------------------------------------ */

/* f32: also in float32; drawn: the golden file has the initial values. */
static const struct {
    const char *name;
    fr_multihead_attention_options options;
    bool causal, evaluation, f32, drawn;
} cases[] = {
    { "plain", .f32 = true, .drawn = true },
    { "batch_first", { .batch_first = true } },
    { "no_bias", { .no_bias = true }, .drawn = true },
    { "cross" },
    { "cross_batch_first", { .batch_first = true } },
    { "unbatched", { .batch_first = true } },
    { "unbatched_masks" },
    { "padding" },
    { "mask" },
    { "masks" },
    { "bias" },
    { "biases", { .batch_first = true } },
    { "causal", .causal = true },
    { "causal_padding", { .batch_first = true }, .causal = true },
    { "all", { .batch_first = true }, .f32 = true },
    { "dropout", { .dropout = 0.4 }, .f32 = true },
    { "dropout_batch_first", { .batch_first = true, .dropout = 0.4 } },
    { "evaluation", { .dropout = 0.4 }, .evaluation = true },
};

static void compare(const golden *g, fr_module *m, bool causal)
{
    FR_SCOPE;
    fr_tensor *query = leaf(g, "query"), *key = leaf(g, "key"), *value = leaf(g, "value"), *out;
    fr_attention_masks masks = { .key_padding_mask = find(g, "padding"),
                                 .attn_mask = find(g, "mask"),
                                 .attn_bias = leaf(g, "bias"),
                                 .is_causal = causal };
    bool none = !masks.key_padding_mask && !masks.attn_mask && !masks.attn_bias && !causal;

    fr_manual_seed(FORWARD_SEED);
    if (none && !key)
        out = fr_forward(m, query);
    else
        out = fr_attention_forward(m, query, key ? key : query,
                                   value ? value
                                   : key ? key
                                         : query,
                                   none ? NULL : &masks);
    check(g, "out", out, g->rtol, g->atol);
    ck_assert(fr_backward(fr_sum(fr_square(out))));
    check(g, "gradients", flat(m, true), g->rtol, g->atol);
    check_gradient(g, "query_grad", query);
    check_gradient(g, "key_grad", key);
    check_gradient(g, "value_grad", value);
    check_gradient(g, "bias_grad", masks.attn_bias);
}

/* A loop over dtypes and cases. */
START_TEST(attends_as_pytorch)
{
    int which = _i % COUNT(cases);
    bool single = _i / COUNT(cases);
    golden g;
    fr_module *m;

    if (single && !cases[which].f32)
        return;
    g = open_golden("attention", single ? FR_F32 : FR_F64, "attention", cases[which].name);
    fr_manual_seed(PARAMETER_SEED);
    m = fr_nn_multihead_attention(EMBED, HEADS, &cases[which].options);
    if (cases[which].drawn) {
        FR_SCOPE;
        check(&g, "parameters", flat(m, false), 0, 0);
    }
    draw_biases(m);
    fr_train(m, !cases[which].evaluation);
    compare(&g, m, cases[which].causal);
    fr_module_free(m);
    close_golden(&g);
}
END_TEST

/* --- Encoders ----------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    fr_transformer_encoder_layer_options options;
    int layers; /* 0: a layer without an encoder */
    bool norm, causal, evaluation, f32, drawn;
} encoders[] = {
    { "plain", .evaluation = true, .f32 = true, .drawn = true },
    { "train", { .dropout = 0.3 } },
    { "batch_first", { .batch_first = true, .gelu = true, .dropout = 0.3 } },
    { "norm_first", { .norm_first = true, .no_bias = true, .layer_norm_eps = 0.1, .dropout = 0.3 }, .causal = true },
    { "unbatched", { .norm_first = true, .batch_first = true, .dropout = FR_ZERO } },
    { "layers", { .dropout = 0.2 }, .layers = 3 },
    { "layers_norm",
      { .dropout = 0.2, .batch_first = true, .norm_first = true },
      .layers = 2,
      .norm = true,
      .drawn = true },
};

static void compare_encoder(const golden *g, fr_module *m, bool causal)
{
    FR_SCOPE;
    fr_tensor *x = leaf(g, "query"), *out;
    fr_attention_masks masks = { .key_padding_mask = find(g, "padding"),
                                 .attn_mask = find(g, "mask"),
                                 .attn_bias = find(g, "bias"),
                                 .is_causal = causal };
    bool none = !masks.key_padding_mask && !masks.attn_mask && !masks.attn_bias && !causal;

    fr_manual_seed(FORWARD_SEED);
    out = none ? fr_forward(m, x) : fr_transformer_encoder_forward(m, x, &masks);
    check(g, "out", out, g->rtol, g->atol);
    ck_assert(fr_backward(fr_sum(fr_square(out))));
    check(g, "gradients", flat(m, true), g->rtol, 10 * g->atol);
    check(g, "query_grad", fr_grad(x), g->rtol, 10 * g->atol);
}

START_TEST(encodes_as_pytorch)
{
    int which = _i % COUNT(encoders);
    bool single = _i / COUNT(encoders);
    fr_transformer_encoder_layer_options options = encoders[which].options;
    golden g;
    fr_module *m;

    if (single && !encoders[which].f32)
        return;
    g = open_golden("attention", single ? FR_F32 : FR_F64, "encoder", encoders[which].name);
    fr_manual_seed(PARAMETER_SEED);
    options.dim_feedforward = INNER;
    m = fr_nn_transformer_encoder_layer(EMBED, HEADS, &options);
    if (encoders[which].layers > 0)
        m = fr_nn_transformer_encoder(m, encoders[which].layers,
                                      encoders[which].norm ? fr_nn_layer_norm(FR_SHAPE(EMBED), NULL) : NULL);
    if (encoders[which].drawn) {
        FR_SCOPE;
        check(&g, "parameters", flat(m, false), 0, 0);
    }
    draw_biases(m);
    fr_train(m, !encoders[which].evaluation);
    compare_encoder(&g, m, encoders[which].causal);
    fr_module_free(m);
    close_golden(&g);
}
END_TEST

/* --- Decoders ----------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    fr_transformer_decoder_layer_options options;
    int layers; /* 0: a layer without a decoder */
    bool causal, evaluation, f32, drawn;
} decoders[] = {
    { "plain", .evaluation = true, .f32 = true, .drawn = true },
    { "train", { .dropout = 0.3 }, .causal = true },
    { "batch_first", { .batch_first = true, .gelu = true, .dropout = 0.3 } },
    { "norm_first", { .norm_first = true, .no_bias = true, .dropout = 0.3 }, .causal = true },
    { "unbatched", { .batch_first = true, .dropout = FR_ZERO } },
    { "layers_norm", { .dropout = 0.2, .norm_first = true }, .layers = 2, .causal = true, .drawn = true },
};

static void compare_decoder(const golden *g, fr_module *m, bool causal)
{
    FR_SCOPE;
    fr_tensor *x = leaf(g, "query"), *memory = leaf(g, "memory"), *out;
    fr_attention_masks masks = { .key_padding_mask = find(g, "padding"),
                                 .attn_bias = find(g, "bias"),
                                 .is_causal = causal };
    fr_attention_masks others = { .key_padding_mask = find(g, "memory_padding"), .attn_mask = find(g, "memory_mask") };

    fr_manual_seed(FORWARD_SEED);
    out = fr_transformer_decoder_forward(m, x, memory, &masks,
                                         others.attn_mask || others.key_padding_mask ? &others : NULL);
    check(g, "out", out, g->rtol, g->atol);
    ck_assert(fr_backward(fr_sum(fr_square(out))));
    check(g, "gradients", flat(m, true), g->rtol, 10 * g->atol);
    check(g, "query_grad", fr_grad(x), g->rtol, 10 * g->atol);
    check(g, "memory_grad", fr_grad(memory), g->rtol, 10 * g->atol);
}

START_TEST(decodes_as_pytorch)
{
    int which = _i % COUNT(decoders);
    bool single = _i / COUNT(decoders);
    fr_transformer_decoder_layer_options options = decoders[which].options;
    golden g;

    if (single && !decoders[which].f32)
        return;
    g = open_golden("attention", single ? FR_F32 : FR_F64, "decoder", decoders[which].name);
    fr_manual_seed(PARAMETER_SEED);
    options.dim_feedforward = INNER;
    fr_module *m = fr_nn_transformer_decoder_layer(EMBED, HEADS, &options);
    if (decoders[which].layers > 0)
        m = fr_nn_transformer_decoder(m, decoders[which].layers, fr_nn_layer_norm(FR_SHAPE(EMBED), NULL));
    if (decoders[which].drawn) {
        FR_SCOPE;
        check(&g, "parameters", flat(m, false), 0, 0);
    }
    draw_biases(m);
    fr_train(m, !decoders[which].evaluation);
    compare_decoder(&g, m, decoders[which].causal);
    fr_module_free(m);
    close_golden(&g);
}
END_TEST

START_TEST(bad_decoders_are_refused)
{
    FR_SCOPE;
    FR_AUTO(fr_module) layer = fr_nn_transformer_decoder_layer(4, 2, NULL);
    FR_AUTO(fr_module) other = fr_nn_transformer_encoder_layer(4, 2, NULL);
    fr_tensor *x = fr_ones(FR_SHAPE(3, 2, 4));
    int n;

    assert_refused(fr_forward(layer, x),
                   "a TransformerDecoderLayer needs a memory: see fr_transformer_decoder_forward");
    assert_refused(fr_transformer_decoder_forward(other, x, x, NULL, NULL),
                   "transformer_decoder_forward: TransformerEncoderLayer given");
    assert_refused(fr_transformer_encoder_forward(layer, x, NULL), "TransformerDecoderLayer given");
    assert_refused(fr_transformer_decoder_forward(layer, x, NULL, NULL, NULL), "memory is NULL");
    assert_refused(fr_transformer_decoder_forward(layer, x, fr_ones(FR_SHAPE(3, 1, 4)), NULL, NULL), "key (3, 1, 4)");
    assert_refused(fr_nn_transformer_decoder(fr_nn_transformer_encoder_layer(4, 2, NULL), 2, fr_nn_tanh()),
                   "nn_transformer_decoder: TransformerEncoderLayer given, expected TransformerDecoderLayer");
    ck_assert_str_eq(fr_module_state(layer, &n)[4].name, "multihead_attn.in_proj_weight");
}
END_TEST

/* --- Weights ------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    double dropout;
    bool per_head, causal;
} weights_cases[] = {
    { "plain", 0, false, false },
    { "heads", 0, true, false },
    { "unbatched", 0, false, false },
    { "causal", 0.4, true, true },
};

START_TEST(returns_weights_as_pytorch)
{
    golden g = open_golden("attention", FR_F64, "weights", weights_cases[_i].name);
    fr_module *m;

    fr_manual_seed(PARAMETER_SEED);
    m = fr_nn_multihead_attention(EMBED, HEADS,
                                  &(fr_multihead_attention_options){ .dropout = weights_cases[_i].dropout });
    draw_biases(m);
    {
        FR_SCOPE;
        fr_tensor *key = find(&g, "key"), *weights, *out;
        fr_attention_masks masks = { .key_padding_mask = find(&g, "padding"),
                                     .attn_mask = find(&g, "mask"),
                                     .attn_bias = find(&g, "bias"),
                                     .is_causal = weights_cases[_i].causal };

        fr_manual_seed(FORWARD_SEED);
        out =
            fr_attention_forward_weights(m, find(&g, "query"), key, key, &masks, weights_cases[_i].per_head, &weights);
        check(&g, "out", out, g.rtol, g.atol);
        check(&g, "weights", weights, g.rtol, g.atol);
        ck_assert_ptr_null(fr_attention_forward_weights(m, key, fr_ones(FR_SHAPE(2, 2)), key, NULL, false, &weights));
        ck_assert_ptr_null(weights);
        fr_error_clear();
    }
    fr_module_free(m);
    close_golden(&g);
}
END_TEST

/* --- Caches ------------------------------------------------------------------------------------------------------- */

/* Parts of a sequence, one after another, give what the whole gives. */
START_TEST(cached_steps_equal_the_whole)
{
    FR_SCOPE;
    FR_NO_GRAD;
    fr_transformer_encoder_layer_options options = { .dim_feedforward = 8, .batch_first = _i, .norm_first = _i };
    FR_AUTO(fr_module) m = fr_nn_transformer_encoder(fr_nn_transformer_encoder_layer(EMBED, HEADS, &options), 2, NULL);
    int steps = _i ? 1 : 0, ends[] = { 3, 4, 6, 9 }, from = 0;
    fr_tensor *x = fr_randn(_i ? FR_SHAPE(2, 9, EMBED) : FR_SHAPE(9, 2, EMBED)), *parts[4];
    fr_kv_cache kept[2] = { 0 };

    fr_train(m, false);
    for (int i = 0; i < 4; from = ends[i++])
        parts[i] = fr_transformer_encoder_forward_cached(m, fr_slice(x, steps, from, ends[i], 1), kept);
    ck_assert_int_eq(fr_dim(kept[1].k, 2), 9);
    assert_close("cached", fr_cat(parts, 4, steps),
                 fr_transformer_encoder_forward(m, x, &(fr_attention_masks){ .is_causal = true }), 1e-5, 1e-6);
    ck_assert_ptr_null(fr_transformer_encoder_forward_cached(m, fr_ones(FR_SHAPE(1, 1, EMBED)), kept));
    assert_failed("the cache has keys (2, 2, 9, 3), expected (1, 2, S, 3)");
    ck_assert_int_eq(fr_dim(kept[0].k, 2), 9);
    for (int i = 0; i < 2; i++)
        fr_kv_cache_clear(&kept[i]);
    ck_assert(!kept[0].k && !kept[1].v);
    ck_assert_ptr_null(fr_transformer_encoder_forward_cached(m, x, NULL));
    assert_failed("transformer_encoder_forward_cached: kept is NULL");
    ck_assert_ptr_null(fr_attention_forward_cached(m, x, kept));
    assert_failed("attention_forward_cached: TransformerEncoder given, expected MultiheadAttention");
}
END_TEST

/* The layers of an encoder start as copies of the first one in every respect; making them draws no random numbers. */
START_TEST(layers_are_copies)
{
    FR_SCOPE;
    fr_module *first = fr_nn_transformer_encoder_layer(4, 2, NULL), *m, *second;
    fr_tensor *next;

    fr_module_freeze(fr_module_at(first, 1), true);
    fr_train(first, false);
    fr_manual_seed(1);
    next = fr_rand(FR_SHAPE(1));
    fr_manual_seed(1);
    m = fr_nn_transformer_encoder(first, 2, NULL);
    ck_assert(fr_equal(fr_rand(FR_SHAPE(1)), next));
    second = fr_module_at(fr_module_at(m, 0), 1);
    ck_assert(!fr_module_training(second));
    ck_assert(fr_equal(fr_module_find(second, "linear1.weight"), fr_module_find(first, "linear1.weight")));
    ck_assert_ptr_ne(fr_module_find(second, "linear1.weight"), fr_module_find(first, "linear1.weight"));
    ck_assert(!fr_wants_grad(fr_module_find(second, "linear1.weight")));
    ck_assert(fr_wants_grad(fr_module_find(second, "linear2.weight")));
    fr_module_free(m);
}
END_TEST

START_TEST(bad_layers_are_refused)
{
    FR_SCOPE;
    fr_transformer_encoder_layer_options bad[] = {
        { .dim_feedforward = -1 }, { .dropout = 2 }, { .layer_norm_eps = -1 }, { .reserved = { (void *)cases } }
    };
    const char *messages[] = { "dim_feedforward -1", "dropout probability 2", "layer_norm_eps is -1", "reserved[0]" };
    fr_module *linear = fr_nn_linear(4, 4, NULL);

    for (int i = 0; i < COUNT(bad); i++) {
        ck_assert_ptr_null(fr_nn_transformer_encoder_layer(4, 2, &bad[i]));
        assert_failed("nn_transformer_encoder_layer", messages[i]);
    }
    ck_assert_ptr_null(fr_nn_transformer_encoder_layer(5, 2, NULL));
    assert_failed("nn_transformer_encoder_layer: d_model 5, nhead 2, expected 1 or more, d_model a multiple of nhead");
    ck_assert_ptr_null(fr_nn_transformer_encoder_layer(INT64_MAX, 1, NULL));
    assert_failed("nn_transformer_encoder_layer: d_model", "too large");
    ck_assert_ptr_null(fr_transformer_encoder_forward(linear, fr_ones(FR_SHAPE(2, 4)), NULL));
    assert_failed("transformer_encoder_forward", "Linear given");
    ck_assert_ptr_null(fr_transformer_encoder_forward(NULL, fr_ones(FR_SHAPE(2, 4)), NULL));
    assert_failed("transformer_encoder_forward", "module is NULL");
    ck_assert_ptr_null(fr_transformer_encoder_forward(linear, NULL, NULL));
    assert_failed("transformer_encoder_forward", "src is NULL");
    fr_module_free(linear);
}
END_TEST

static fr_module *encoder_layer(void)
{
    return fr_nn_transformer_encoder_layer(4, 2, NULL);
}

/* A refused module without a parent is freed. */
START_TEST(bad_encoders_are_refused)
{
    fr_module *m, *owner;

    ck_assert_ptr_null(fr_nn_transformer_encoder(NULL, 2, fr_nn_layer_norm(FR_SHAPE(4), NULL)));
    assert_failed("nn_transformer_encoder", "layer is NULL");
    ck_assert_ptr_null(fr_nn_transformer_encoder(fr_nn_tanh(), 2, fr_nn_layer_norm(FR_SHAPE(4), NULL)));
    assert_failed("nn_transformer_encoder", "Tanh given");
    ck_assert_ptr_null(fr_nn_transformer_encoder(encoder_layer(), 0, NULL));
    assert_failed("nn_transformer_encoder", "num_layers 0");
    m = encoder_layer();
    ck_assert_ptr_null(fr_nn_transformer_encoder(m, 2, m));
    assert_failed("nn_transformer_encoder", "has a parent already");
    m = encoder_layer();
    owner = fr_nn_sequential(1, &m);
    ck_assert_ptr_null(fr_nn_transformer_encoder(m, 2, NULL));
    assert_failed("nn_transformer_encoder", "has a parent already", "Sequential");
    fr_module_free(owner);
}
END_TEST

/* Layers are copied in their own dtype. */
START_TEST(encoders_keep_a_dtype)
{
    ck_assert(fr_set_default_dtype(FR_F64));

    fr_module *m = encoder_layer();

    ck_assert(fr_set_default_dtype(FR_F32));
    m = fr_nn_transformer_encoder(m, 2, NULL);
    ck_assert_int_eq(fr_dtype_of(fr_module_find(m, "layers.1.linear1.weight")), FR_F64);
    fr_module_free(m);
}
END_TEST

/* --- Masks and what is refused ------------------------------------------------------------------------------------ */

/* Masks of every dtype work alike. */
START_TEST(masks_are_of_any_dtype)
{
    FR_SCOPE;
    fr_module *m = fr_nn_multihead_attention(4, 2, NULL);
    fr_tensor *x = fr_randn(FR_SHAPE(3, 2, 4)), *later = fr_triu(fr_ones(FR_SHAPE(3, 3)), 1);
    fr_tensor *expected = fr_attention_forward(m, x, x, x, &(fr_attention_masks){ .is_causal = true });

    for (fr_dtype d = FR_F32; d <= FR_I64; d++) {
        fr_attention_masks masks = { .attn_mask = fr_mul_scalar(fr_cast(later, d), 2),
                                     .key_padding_mask = fr_cast(fr_zeros(FR_SHAPE(2, 3)), d) };

        ck_assert(fr_equal(fr_attention_forward(m, x, x, x, &masks), expected));
    }
    fr_module_free(m);
}
END_TEST

static void refuse(fr_module *m, fr_tensor *q, fr_tensor *k, fr_tensor *v, fr_attention_masks masks,
                   const char *message)
{
    ck_assert_msg(!fr_attention_forward(m, q, k, v, &masks), "%s", message);
    assert_failed(message);
}

START_TEST(bad_inputs_are_refused)
{
    FR_SCOPE;
    fr_module *m = fr_nn_multihead_attention(4, 2, NULL), *first, *linear = fr_nn_linear(4, 4, NULL);
    fr_tensor *q = fr_ones(FR_SHAPE(3, 2, 4)), *k = fr_ones(FR_SHAPE(5, 2, 4)), *two = fr_ones(FR_SHAPE(3, 4));
    fr_tensor *narrow = fr_ones(FR_SHAPE(3, 2, 3)), *square = fr_ones(FR_SHAPE(3, 3));
    fr_attention_masks none = { 0 };

    first = fr_nn_multihead_attention(4, 2, &(fr_multihead_attention_options){ .batch_first = true });
    refuse(m, narrow, k, k, none,
           "attention_forward: query (3, 2, 3), key (5, 2, 4), value (5, 2, 4): expected (L, B, E), (S, B, E)");
    refuse(m, q, narrow, narrow, none, "key (3, 2, 3)");
    refuse(m, q, k, q, none, "value (3, 2, 4)");
    refuse(m, q, two, two, none, "key (3, 4)");
    refuse(m, fr_ones(FR_SHAPE(4)), two, two, none, "query (4,)");
    refuse(m, fr_ones(FR_SHAPE(3, 1, 4)), k, k, none, "query (3, 1, 4)");
    refuse(first, q, k, k, none, "expected (B, L, E), (B, S, E)");
    refuse(m, q, k, k, (fr_attention_masks){ .attn_mask = square }, "attn_mask (3, 3), expected (3, 5) or (4, 3, 5)");
    refuse(m, q, k, k, (fr_attention_masks){ .attn_bias = square }, "attn_bias (3, 3), expected (3, 5) or (4, 3, 5)");
    refuse(m, q, k, k, (fr_attention_masks){ .key_padding_mask = square }, "key_padding_mask (3, 3), expected (2, 5)");
    refuse(m, two, two, two, (fr_attention_masks){ .key_padding_mask = square }, "(3, 3), expected (3,)");
    refuse(m, q, k, k, (fr_attention_masks){ .reserved = { q } }, "attention_forward: reserved[0]");
    refuse(m, fr_cast(q, FR_F64), k, k, none, "float64");
    refuse(m, q, k, k, (fr_attention_masks){ .attn_bias = fr_cast(fr_ones(FR_SHAPE(3, 5)), FR_F64) }, "attn_bias is");
    refuse(linear, q, k, k, none, "attention_forward: Linear given, expected MultiheadAttention");
    refuse(NULL, q, k, k, none, "module is NULL");
    refuse(m, NULL, k, k, none, "query is NULL");
    refuse(m, q, NULL, k, none, "key is NULL");
    refuse(m, q, k, NULL, none, "value is NULL");
    fr_module_free(m);
    fr_module_free(first);
    fr_module_free(linear);
}
END_TEST

START_TEST(bad_options_are_refused)
{
    static const struct {
        int64_t embed, heads;
        fr_multihead_attention_options options;
        const char *message;
    } bad[] = {
        { 0, 2, { 0 }, "nn_multihead_attention: embed_dim 0, num_heads 2" },
        { 4, 0, { 0 }, "num_heads 0" },
        { 5, 2, { 0 }, "embed_dim 5, num_heads 2, expected 1 or more, embed_dim a multiple of num_heads" },
        { INT64_MAX, 1, { 0 }, "too large" },
        { 4, 2, { .dropout = 1.5 }, "dropout probability 1.5" },
        { 4, 2, { .reserved = { [1] = (void *)cases } }, "reserved[1]" },
    };

    for (int i = 0; i < COUNT(bad); i++) {
        ck_assert_msg(!fr_nn_multihead_attention(bad[i].embed, bad[i].heads, &bad[i].options), "%s", bad[i].message);
        assert_failed(bad[i].message);
    }
}
END_TEST

/* With the handler off, a mask that failed to be made is not taken for a missing mask. */
START_TEST(failure_passes_through)
{
    FR_SCOPE;
    fr_module *m = fr_nn_multihead_attention(4, 2, NULL);
    fr_tensor *x = fr_ones(FR_SHAPE(3, 2, 4)), *failed = fr_add(x, fr_ones(FR_SHAPE(7)));

    ck_assert_ptr_null(fr_forward(m, failed));
    ck_assert_ptr_null(fr_attention_forward(m, x, x, x, &(fr_attention_masks){ .attn_mask = failed }));
    ck_assert_ptr_null(fr_nn_transformer_encoder(encoder_layer(), 2, NULL)); /* the norm may have failed */
    assert_failed("add");
    fr_module_free(m);
}
END_TEST

int main(void)
{
    TCase *values = tcase_create("values"), *refused = tcase_create("refused");

    tcase_add_loop_test(values, attends_as_pytorch, 0, 2 * COUNT(cases));
    tcase_add_loop_test(values, encodes_as_pytorch, 0, 2 * COUNT(encoders));
    tcase_add_loop_test(values, decodes_as_pytorch, 0, 2 * COUNT(decoders));
    tcase_add_loop_test(values, returns_weights_as_pytorch, 0, COUNT(weights_cases));
    tcase_add_loop_test(values, cached_steps_equal_the_whole, 0, 2);
    tcase_add_test(values, layers_are_copies);
    tcase_add_test(refused, bad_decoders_are_refused);
    tcase_add_test(values, masks_are_of_any_dtype);
    tcase_add_test(refused, bad_inputs_are_refused);
    tcase_add_test(refused, bad_options_are_refused);
    tcase_add_test(refused, bad_layers_are_refused);
    tcase_add_test(refused, bad_encoders_are_refused);
    tcase_add_test(refused, encoders_keep_a_dtype);
    tcase_add_test(refused, failure_passes_through);
    return run_tests("attention", values, refused);
}
