/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Multihead attention against PyTorch (golden/make_attention.py has the same tables), and what it refuses. */
#include "golden.h"

enum { EMBED = 6, HEADS = 2, PARAMETER_SEED = 7, BIAS_SEED = 9, FORWARD_SEED = 11 };

/* So that biases are not zero. */
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

/* f32: in float32 as well; drawn: initial values are stored. */
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

/* Loops over dtype and case. */
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

/* A mask is one of any dtype. */
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

/* With the handler off a mask that failed is not taken for one that is not there. */
START_TEST(failure_passes_through)
{
    FR_SCOPE;
    fr_module *m = fr_nn_multihead_attention(4, 2, NULL);
    fr_tensor *x = fr_ones(FR_SHAPE(3, 2, 4)), *failed = fr_add(x, fr_ones(FR_SHAPE(7)));

    ck_assert_ptr_null(fr_forward(m, failed));
    ck_assert_ptr_null(fr_attention_forward(m, x, x, x, &(fr_attention_masks){ .attn_mask = failed }));
    assert_failed("add");
    fr_module_free(m);
}
END_TEST

int main(void)
{
    TCase *values = tcase_create("values"), *refused = tcase_create("refused");

    tcase_add_loop_test(values, attends_as_pytorch, 0, 2 * COUNT(cases));
    tcase_add_test(values, masks_are_of_any_dtype);
    tcase_add_test(refused, bad_inputs_are_refused);
    tcase_add_test(refused, bad_options_are_refused);
    tcase_add_test(refused, failure_passes_through);
    return run_tests("attention", values, refused);
}
