/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Modules and layers: compared with PyTorch's values and printouts (golden/make_nn.py has the same tables), ownership,
 * and the calls that are refused. */
#include "golden.h"

#include <pthread.h>
#include <setjmp.h>

/* --- Against PyTorch ---------------------------------------------------------------------------------------------- */

enum { INPUT = 2, HIDDEN = 3, PARAMETER_SEED = 7, FORWARD_SEED = 11 };

typedef fr_module *recurrent_maker(int64_t input, int64_t hidden, const fr_recurrent_options *options);

/* The call-site macros replace calls of functions; taking a function's address still works. */
static const struct {
    const char *name;
    recurrent_maker *make;
} kinds[] = { { "rnn", fr_nn_rnn }, { "lstm", fr_nn_lstm }, { "gru", fr_nn_gru } };

static const struct {
    const char *name, *only;
    fr_recurrent_options options;
    bool initial;
    int64_t lengths[3]; /* all 0: no lengths are given */
} recurrent_cases[] = {
    { .name = "plain" },
    { .name = "layers", .options = { .num_layers = 2 } },
    { .name = "bidirectional", .options = { .bidirectional = true } },
    { .name = "no_bias", .options = { .no_bias = true } },
    { .name = "batch_first", .options = { .batch_first = true } },
    { .name = "relu", .only = "rnn", .options = { .relu = true } },
    { .name = "proj", .only = "lstm", .options = { .proj_size = 2 } },
    { .name = "dropout", .options = { .num_layers = 3, .dropout = 0.4, .bidirectional = true } },
    { .name = "dropout_batch_first", .options = { .num_layers = 2, .dropout = 0.4, .batch_first = true } },
    { .name = "unbatched", .options = { .batch_first = true } },
    { .name = "unbatched_initial", .options = { .num_layers = 2, .bidirectional = true }, .initial = true },
    { .name = "initial", .options = { .num_layers = 2, .bidirectional = true, .batch_first = true }, .initial = true },
    { .name = "lengths", .lengths = { 2, 5, 4 } },
    { .name = "lengths_bidirectional", .options = { .bidirectional = true }, .lengths = { 2, 5, 4 } },
    { .name = "lengths_of_one", .options = { .num_layers = 2, .bidirectional = true }, .lengths = { 1, 1, 1 } },
    { .name = "lengths_of_one_and_all", .options = { .num_layers = 2 }, .initial = true, .lengths = { 1, 5, 1 } },
    { .name = "lengths_relu",
      .only = "rnn",
      .options = { .relu = true, .num_layers = 2, .bidirectional = true },
      .lengths = { 4, 1, 5 } },
    { .name = "lengths_all",
      .options = { .num_layers = 2, .bidirectional = true, .batch_first = true, .no_bias = true },
      .initial = true,
      .lengths = { 2, 5, 4 } },
    { .name = "proj_all",
      .only = "lstm",
      .options = { .num_layers = 2, .bidirectional = true, .batch_first = true, .proj_size = 2 },
      .initial = true,
      .lengths = { 2, 5, 4 } },
    { .name = "lengths_dropout",
      .options = { .num_layers = 3, .dropout = 0.4, .bidirectional = true },
      .lengths = { 3, 5, 3 } },
    { .name = "lengths_dropout_batch_first",
      .options = { .num_layers = 2, .dropout = 0.4, .batch_first = true },
      .lengths = { 2, 4, 4 } },
    { .name = "proj_lengths_dropout",
      .only = "lstm",
      .options = { .num_layers = 2, .dropout = 0.4, .proj_size = 2 },
      .lengths = { 1, 5, 4 } },
};

static fr_recurrent run(fr_module *m, fr_tensor *x, const fr_recurrent *initial, const int64_t *lengths)
{
    return lengths[0] ? fr_recurrent_forward_lengths(m, x, initial, fr_tensor_from(FR_SHAPE(3), lengths, FR_I64))
                      : fr_recurrent_forward(m, x, initial);
}

static void check_recurrent(const golden *g, fr_module *m, bool has_initial, const int64_t *lengths)
{
    fr_tensor *x = leaf(g, "x");
    fr_recurrent initial = { .h = leaf(g, "h0"), .c = leaf(g, "c0") };

    ck_assert_int_eq(initial.h != NULL, has_initial);
    check(g, "parameters", flat(m, false), 0, 0);
    fr_manual_seed(FORWARD_SEED);

    fr_recurrent y = run(m, x, has_initial ? &initial : NULL, lengths);
    fr_tensor *loss = fr_add(fr_sum(fr_square(y.out)), fr_mul_scalar(fr_sum(fr_square(y.h)), 2));

    check(g, "out", y.out, g->rtol, g->atol);
    check(g, "h", y.h, g->rtol, g->atol);
    ck_assert_int_eq(y.c != NULL, find(g, "c") != NULL);
    if (y.c) {
        check(g, "c", y.c, g->rtol, g->atol);
        loss = fr_add(loss, fr_mul_scalar(fr_sum(fr_square(y.c)), 3));
    }
    ck_assert(fr_backward(loss));
    check(g, "gradients", flat(m, true), g->rtol, g->atol);
    check_gradient(g, "x_grad", x);
    check_gradient(g, "h0_grad", initial.h);
    check_gradient(g, "c0_grad", initial.c);
}

/* A loop over dtypes, kinds and cases. */
START_TEST(recurrent_layers_equal_pytorch)
{
    int cases = COUNT(recurrent_cases), which = _i % cases, kind = _i / cases % COUNT(kinds);
    int dtype = _i / cases / COUNT(kinds) ? FR_F64 : FR_F32;
    const char *only = recurrent_cases[which].only;

    if (only && strcmp(only, kinds[kind].name) != 0)
        return;

    golden g = open_golden("nn", dtype, kinds[kind].name, recurrent_cases[which].name);
    fr_module *m;

    fr_manual_seed(PARAMETER_SEED);
    m = kinds[kind].make(INPUT, HIDDEN, &recurrent_cases[which].options);
    {
        FR_SCOPE;
        check_recurrent(&g, m, recurrent_cases[which].initial, recurrent_cases[which].lengths);
    }
    fr_module_free(m);
    close_golden(&g);
}
END_TEST

START_TEST(linear_equals_pytorch)
{
    bool no_bias = _i % 2;
    golden g = open_golden("nn", _i / 2 ? FR_F64 : FR_F32, "", no_bias ? "linear_no_bias" : "linear");
    fr_module *m;

    fr_manual_seed(PARAMETER_SEED);
    m = fr_nn_linear(6, 4, &(fr_linear_options){ .no_bias = no_bias });
    {
        FR_SCOPE;
        check(&g, "parameters", flat(m, false), 0, 0);
        check(&g, "out", fr_forward(m, find(&g, "x")), g.rtol, g.atol);
    }
    fr_module_free(m);
    close_golden(&g);
}
END_TEST

/* --- Printing ----------------------------------------------------------------------------------------------------- */

static fr_module *described(const char *text, int n, fr_module *const *children)
{
    fr_module *m = fr_module_new("Described", 0, NULL);

    ck_assert(fr_module_describe(m, "to be replaced"));
    ck_assert(fr_module_describe(m, text));
    for (int i = 0; i < n; i++) {
        char name[16];

        snprintf(name, sizeof name, "part%d", i);
        ck_assert_ptr_eq(fr_module_add(m, name, children[i]), children[i]);
    }
    return m;
}

static fr_module *sequential2(fr_module *a, fr_module *b)
{
    return fr_nn_sequential(2, (fr_module *[]){ a, b });
}

static void print_layers(FILE *file)
{
    fr_module *rnn = fr_module_new("SimpleRNN", 0, NULL);

    fr_module_add(rnn, "rnn", fr_nn_rnn(1, 32, &(fr_recurrent_options){ .batch_first = true }));
    fr_module_add(rnn, "fc", fr_nn_linear(32, 1, NULL));
    print_module(file, rnn);
    for (int i = 0; i < COUNT(kinds); i++) {
        print_module(file, kinds[i].make(3, 4, NULL));
        print_module(
            file,
            kinds[i].make(
                3, 4,
                &(fr_recurrent_options){
                    .num_layers = 2, .no_bias = true, .batch_first = true, .dropout = 0.25, .bidirectional = true }));
        print_module(file, kinds[i].make(3, 4, &(fr_recurrent_options){ .dropout = 1 }));
    }
    print_module(file, fr_nn_rnn(3, 4, &(fr_recurrent_options){ .relu = true }));
    print_module(file, fr_nn_lstm(3, 4,
                                  &(fr_recurrent_options){
                                      .proj_size = 2, .num_layers = 2, .dropout = 1e-05, .bidirectional = true }));
    print_module(file,
                 fr_nn_lstm(3, 4, &(fr_recurrent_options){ .proj_size = 2, .no_bias = true, .batch_first = true }));
    print_module(file, fr_nn_rnn_cell(3, 4, &(fr_cell_options){ .relu = true, .no_bias = true }));
    print_module(file, fr_nn_lstm_cell(3, 4, NULL));
    print_module(file, fr_nn_gru_cell(3, 4, &(fr_cell_options){ .no_bias = true }));
    print_module(file, fr_nn_linear(1, 0, NULL));
    print_module(file, fr_nn_linear(3, 4, &(fr_linear_options){ .no_bias = true }));
    print_module(file, fr_nn_dropout(0.1));
}

static void print_activations(FILE *file)
{
    static const double numbers[] = { 1e-05, 0.0001, 0.1 + 0.2, 3.0, 123456789.0, 1e15, 1e16, 1.5e300, -0.25, 0.0 };
    fr_module *all[] = {
        fr_nn_sigmoid(),        fr_nn_tanh(),         fr_nn_relu(),          fr_nn_gelu(),
        fr_nn_silu(),           fr_nn_softplus(),     fr_nn_softmax(-1),     fr_nn_log_softmax(1),
        fr_nn_leaky_relu(0.01), fr_nn_elu(1),         fr_nn_gelu_tanh(),     fr_nn_mish(),
        fr_nn_selu(),           fr_nn_celu(1.3),      fr_nn_softsign(),      fr_nn_logsigmoid(),
        fr_nn_hardsigmoid(),    fr_nn_hardswish(),    fr_nn_glu(-1),         fr_nn_hardtanh(-1, 2),
        fr_nn_prelu(3, 0.25),   fr_nn_dropout1d(0.5), fr_nn_dropout2d(0.25), fr_nn_alpha_dropout(0.1)
    };

    print_module(file, fr_nn_sequential(COUNT(all), all));
    for (int i = 0; i < COUNT(numbers); i++)
        print_module(file, fr_nn_leaky_relu(numbers[i]));
}

static void print_nested(FILE *file)
{
    fr_module *inner = fr_nn_sequential(1, (fr_module *[]){ fr_nn_linear(1, 2, NULL) });

    print_module(file, fr_nn_sequential(0, NULL));
    print_module(file, sequential2(fr_nn_linear(1, 1, NULL), sequential2(fr_nn_dropout(0.5), inner)));
    print_module(file, described("", 0, NULL));
    print_module(file, described("one", 0, NULL));
    print_module(file, described("one\ntwo", 0, NULL));
    print_module(file, described("one", 1, (fr_module *[]){ fr_nn_tanh() }));
    inner = described("three\nfour", 1, (fr_module *[]){ fr_nn_tanh() });
    print_module(file, described("one\ntwo", 2, (fr_module *[]){ inner, fr_nn_relu() }));
}

static fr_module *list2(fr_module *a, fr_module *b)
{
    return fr_nn_module_list(2, (fr_module *[]){ a, b });
}

static fr_module *list_of_pairs(void)
{
    return list2(sequential2(fr_nn_tanh(), fr_nn_tanh()), sequential2(fr_nn_tanh(), fr_nn_tanh()));
}

static void print_lists(FILE *file)
{
    fr_multihead_attention_options options = { .no_bias = true, .batch_first = true, .dropout = 0.1 };
    fr_module *layers[] = { fr_nn_tanh(),
                            fr_nn_tanh(),
                            fr_nn_linear(1, 2, NULL),
                            fr_nn_linear(1, 3, NULL),
                            fr_nn_linear(1, 3, NULL),
                            fr_nn_linear(1, 3, NULL) };
    fr_module *pairs[] = { list_of_pairs(), list_of_pairs(),
                           fr_nn_module_list(1, (fr_module *[]){ sequential2(fr_nn_tanh(), fr_nn_relu()) }) };
    fr_module *attention[] = { fr_nn_multihead_attention(4, 2, &options), fr_nn_multihead_attention(4, 2, &options),
                               fr_nn_multihead_attention(4, 2, &options) };

    print_module(file, fr_nn_module_list(0, NULL));
    print_module(file, fr_nn_module_list(1, (fr_module *[]){ fr_nn_identity() }));
    print_module(file, fr_nn_module_list(COUNT(layers), layers));
    print_module(file, fr_nn_module_list(COUNT(pairs), pairs));
    print_module(file, fr_nn_multihead_attention(4, 2, NULL));
    print_module(file, fr_nn_module_list(COUNT(attention), attention));
}

static void print_encoders(FILE *file)
{
    fr_transformer_encoder_layer_options options = { 3, FR_ZERO, true, 1e-3, true, true, true, { NULL } };
    fr_module *norm = fr_nn_layer_norm(FR_SHAPE(4), NULL);
    fr_module *one = fr_nn_transformer_encoder(fr_nn_transformer_encoder_layer(4, 2, &options), 1, NULL);

    print_module(file, fr_nn_transformer_encoder(fr_nn_transformer_encoder_layer(4, 2, NULL), 3, norm));
    print_module(file, fr_nn_sequential(1, &one));
}

START_TEST(prints_as_pytorch)
{
    FILE *got = tmpfile();

    ck_assert_ptr_nonnull(got);
    print_layers(got);
    print_activations(got);
    print_nested(got);
    print_lists(got);
    print_encoders(got);
    assert_same_lines(got, "golden/nn.txt");
}
END_TEST

START_TEST(print_to_a_full_device_fails)
{
    FILE *full = fopen("/dev/full", "w");
    fr_module *m = fr_nn_tanh();

    if (full) {
        setvbuf(full, NULL, _IONBF, 0);
        ck_assert_int_eq(fr_module_fprint(full, m), -1);
        assert_failed("module_fprint");
        fclose(full);
    }
    ck_assert_int_eq(fr_module_fprint(NULL, m), -1);
    assert_failed("module_fprint", "file is NULL");
    ck_assert_int_eq(fr_module_fprint(stdout, NULL), -1);
    assert_failed("module_fprint", "module is NULL");
    fr_module_free(m);
}
END_TEST

/* --- Parameters, buffers, names ----------------------------------------------------------------------------------- */

typedef struct {
    fr_tensor *scale, *count;
} scaled;

static fr_tensor *scaled_forward(fr_module *m, fr_tensor *x)
{
    const scaled *s = fr_self(m);

    return fr_mul(x, s->scale);
}

/* Makes a module with a buffer and a parameter, in this order; the caller needs no open scope. */
static fr_module *scaled_new(double scale)
{
    FR_SCOPE;
    fr_module *m = fr_module_new("Scaled", sizeof(scaled), scaled_forward);
    scaled *s = fr_self(m);

    ck_assert_ptr_null(s->scale);
    s->count = fr_module_buffer(m, "count", fr_arange(0, 2, 1, FR_I64));
    s->scale = fr_module_param(m, "scale", fr_scalar(scale));
    return m;
}

START_TEST(state_is_in_pytorchs_order)
{
    static const char *const names[] = { "weight", "0.scale", "0.count", "1.weight", "1.bias" };
    fr_module *m = sequential2(scaled_new(2), fr_nn_linear(1, 1, NULL));
    int n;

    ck_assert_int_eq(fr_module_count(m), 3);
    {
        FR_SCOPE;
        fr_module_param(m, "weight", fr_zeros(FR_SHAPE(2, 3)));
    }

    const fr_named_tensor *state = fr_module_state(m, &n);

    ck_assert_int_eq(n, COUNT(names));
    for (int i = 0; i < n; i++) {
        ck_assert_str_eq(state[i].name, names[i]);
        ck_assert_int_eq(state[i].buffer, i == 2);
        ck_assert_ptr_eq(fr_module_find(m, names[i]), state[i].tensor);
        ck_assert_int_eq(fr_wants_grad(state[i].tensor), i != 2);
    }
    ck_assert_int_eq(fr_module_count(m), 9);
    ck_assert_ptr_eq(fr_module_parameters(m, &n)[3], state[4].tensor);
    ck_assert_int_eq(n, 4);
    fr_module_free(m);
}
END_TEST

START_TEST(lists_follow_what_is_added_below)
{
    fr_module *inner = fr_nn_sequential(0, NULL), *m = fr_nn_sequential(1, &inner);
    int n;

    ck_assert_ptr_nonnull(fr_module_parameters(m, &n));
    ck_assert_int_eq(n, 0);
    ck_assert_ptr_nonnull(fr_module_state(m, &n));
    ck_assert_int_eq(n, 0);
    ck_assert_int_eq(fr_module_count(m), 0);
    fr_module_add(inner, "x", fr_nn_linear(2, 1, NULL));
    fr_module_parameters(m, &n);
    ck_assert_int_eq(n, 2);
    ck_assert_str_eq(fr_module_state(m, &n)[1].name, "0.x.bias");
    ck_assert_int_eq(fr_module_count(m), 3);
    fr_module_free(m);
}
END_TEST

START_TEST(a_tied_parameter_is_listed_once)
{
    fr_module *a = fr_nn_linear(2, 2, NULL), *b = fr_nn_linear(2, 3, NULL), *m = sequential2(a, b);
    fr_tensor *weight = fr_module_find(a, "weight");
    int n;

    ck_assert_ptr_eq(fr_module_param(b, "tied", weight), weight);
    fr_module_parameters(m, &n);
    ck_assert_int_eq(n, 4);
    ck_assert_str_eq(fr_module_state(m, &n)[4].name, "1.tied");
    ck_assert_int_eq(n, 5);
    ck_assert_int_eq(fr_module_count(m), 4 + 2 + 6 + 3);
    fr_module_free(m);
}
END_TEST

START_TEST(names_are_checked)
{
    FR_SCOPE;
    fr_module *m = scaled_new(1), *child = fr_module_add(m, "child", fr_nn_tanh());
    fr_tensor *t = fr_ones(FR_SHAPE(2));
    static const char *const bad[] = { "", "weight.x", ".", "scale", "count", "child" };

    for (int i = 0; i < COUNT(bad); i++) {
        ck_assert_ptr_null(fr_module_param(m, bad[i], t));
        assert_failed("module_param", bad[i]);
        ck_assert_ptr_null(fr_module_buffer(m, bad[i], t));
        assert_failed("module_buffer", bad[i]);
        ck_assert_ptr_null(fr_module_add(m, bad[i], fr_nn_tanh()));
        assert_failed("module_add", bad[i]);
    }
    ck_assert_ptr_null(fr_module_param(m, NULL, t));
    assert_failed("module_param", "name is NULL");
    ck_assert(!fr_wants_grad(t));
    ck_assert_ptr_nonnull(child);
    fr_module_free(m);
}
END_TEST

START_TEST(unfit_parameters_are_refused)
{
    FR_SCOPE;
    fr_module *m = scaled_new(1);
    fr_tensor *made = fr_square(fr_module_find(m, "scale"));

    ck_assert_ptr_null(fr_module_param(m, "made", made));
    assert_failed("module_param", "\"made\"", "square", "fr_detach");
    ck_assert_ptr_null(fr_module_param(m, "index", fr_arange(0, 2, 1, FR_I64)));
    assert_failed("module_param", "\"index\"", "int64");
    ck_assert_ptr_null(fr_module_param(m, "none", NULL));
    assert_failed("module_param", "NULL");
    ck_assert_ptr_null(fr_module_buffer(m, "none", NULL));
    assert_failed("module_buffer", "NULL");
    fr_module_free(m);
}
END_TEST

START_TEST(find_says_what_it_sought)
{
    fr_module *m = sequential2(scaled_new(2), fr_nn_tanh());
    static const char *const bad[] = { "", "0", "0.", "0.scal", "0.scale.", "scale", "2.scale", "0.0.scale", ".scale" };

    for (int i = 0; i < COUNT(bad); i++) {
        char quoted[32];

        snprintf(quoted, sizeof quoted, "\"%s\"", bad[i]);
        ck_assert_ptr_null(fr_module_find(m, bad[i]));
        assert_failed("module_find", "Sequential", quoted);
    }
    ck_assert_ptr_null(fr_module_find(m, NULL));
    assert_failed("module_find");
    fr_module_free(m);
}
END_TEST

START_TEST(frozen_parameters_want_no_gradient)
{
    fr_module *first = fr_nn_linear(2, 2, NULL), *second = fr_nn_linear(2, 1, NULL);
    fr_module *m = sequential2(first, second);
    {
        FR_SCOPE;
        fr_tensor *x = fr_ones(FR_SHAPE(1, 2));

        ck_assert(fr_module_freeze(first, true));
        ck_assert(fr_backward(fr_sum(fr_forward(m, x))));
        ck_assert_ptr_null(fr_grad(fr_module_find(m, "0.weight")));
        ck_assert_ptr_nonnull(fr_grad(fr_module_find(m, "1.weight")));
        ck_assert(fr_module_freeze(m, true));
        ck_assert(!fr_wants_grad(fr_forward(m, x)));
        ck_assert(fr_module_freeze(m, false));
        ck_assert(fr_backward(fr_sum(fr_forward(m, x))));
        ck_assert_ptr_nonnull(fr_grad(fr_module_find(m, "0.bias")));
    }
    ck_assert(!fr_module_freeze(NULL, true));
    assert_failed("module_freeze");
    fr_module_free(m);
}
END_TEST

/* --- Ownership ---------------------------------------------------------------------------------------------------- */

USES_FREED /* the child that fr_module_free refuses to free */
START_TEST(a_child_has_one_parent)
{
    fr_module *child = fr_nn_linear(1, 1, NULL), *m = sequential2(child, fr_nn_tanh());
    fr_module *other = fr_nn_sequential(0, NULL);

    ck_assert_ptr_null(fr_module_add(m, "again", child));
    assert_failed("module_add", "Linear", "has a parent already");
    ck_assert_ptr_null(fr_module_add(other, "again", child));
    assert_failed("module_add", "Linear", "has a parent already");
    fr_module_free(child);
    assert_failed("module_free", "\"0\" of a Sequential");
    ck_assert_ptr_eq(fr_module_add(other, "m", m), m);
    ck_assert_ptr_null(fr_module_add(child, "other", other));
    assert_failed("module_add", "module inside it");
    ck_assert_ptr_null(fr_module_add(other, "self", other));
    assert_failed("module_add", "module inside it");
    ck_assert_ptr_null(fr_module_add(other, "none", NULL));
    assert_failed("module_add", "NULL");
    ck_assert_ptr_null(fr_module_add(NULL, "lost", scaled_new(1))); /* the refused child is freed */
    assert_failed("module_add", "NULL");
    fr_module_free(other);
    fr_module_free(NULL);
}
END_TEST

START_TEST(nesting_has_a_limit)
{
    fr_module *inner = fr_nn_tanh(), *m = inner;

    for (int i = 1; i < 256; i++)
        m = fr_nn_sequential(1, &m);
    ck_assert_ptr_nonnull(m);
    {
        FR_SCOPE;
        ck_assert(fr_equal(fr_forward(m, fr_zeros(FR_SHAPE(1))), fr_zeros(FR_SHAPE(1))));
    }
    ck_assert_ptr_null(fr_module_add(inner, "deeper", sequential2(scaled_new(1), fr_nn_tanh())));
    assert_failed("module_add", "256");
    ck_assert_ptr_null(fr_nn_sequential(1, &m));
    assert_failed("nn_sequential", "256");
}
END_TEST

START_TEST(sequential_frees_what_it_cannot_take)
{
    fr_module *twice = scaled_new(1), *rest = scaled_new(2), *owned = scaled_new(3);
    fr_module *owner = fr_nn_sequential(1, &owned);

    ck_assert_ptr_null(fr_nn_sequential(5, (fr_module *[]){ twice, twice, rest, rest, owned }));
    assert_failed("nn_sequential", "has a parent already");
    ck_assert_ptr_null(fr_nn_sequential(3, (fr_module *[]){ scaled_new(1), NULL, scaled_new(2) }));
    assert_failed("nn_sequential", "NULL");
    ck_assert_ptr_null(fr_nn_sequential(-1, NULL));
    assert_failed("nn_sequential", "-1");
    ck_assert_ptr_null(fr_nn_sequential(1, NULL));
    assert_failed("nn_sequential", "modules is NULL");
    ck_assert_ptr_eq(fr_module_find(owner, "0.scale"), ((scaled *)fr_self(owned))->scale);
    fr_module_free(owner);
}
END_TEST

START_TEST(a_list_gives_its_modules)
{
    fr_module *first = fr_nn_tanh(), *second = scaled_new(2), *m = list2(first, second), *third = fr_nn_relu();

    ck_assert_int_eq(fr_module_children(m), 2);
    ck_assert_ptr_eq(fr_module_at(m, 0), first);
    ck_assert_ptr_eq(fr_module_at(m, -1), second);
    ck_assert_ptr_eq(fr_module_add(m, "2", third), third);
    ck_assert_int_eq(fr_module_children(m), 3);
    ck_assert_ptr_eq(fr_module_at(m, 2), third);
    ck_assert_ptr_eq(fr_module_at(m, -3), first);
    ck_assert_ptr_eq(fr_module_find(m, "1.scale"), fr_module_find(second, "scale"));
    for (int i = 0; i < 2; i++) {
        ck_assert_ptr_null(fr_module_at(m, i ? 3 : -4));
        assert_failed("module_at", i ? "index 3" : "index -4", "3 modules", "ModuleList");
    }
    ck_assert_ptr_null(fr_module_at(NULL, 0));
    assert_failed("module_at", "module is NULL");
    ck_assert_int_eq(fr_module_children(NULL), -1);
    ck_assert_int_eq(fr_module_children(first), 0);
    ck_assert_ptr_null(fr_nn_module_list(2, (fr_module *[]){ scaled_new(1), first }));
    assert_failed("nn_module_list", "has a parent already");
    {
        FR_SCOPE;
        ck_assert_ptr_null(fr_forward(m, fr_ones(FR_SHAPE(1))));
        assert_failed("forward", "ModuleList has no forward function");
    }
    fr_module_free(m);
}
END_TEST

START_TEST(bad_modules_are_refused)
{
    ck_assert_ptr_null(fr_module_new(NULL, 0, NULL));
    assert_failed("module_new", "type is NULL");
    ck_assert_ptr_null(fr_module_new("", 0, NULL));
    assert_failed("module_new", "empty");
    ck_assert_ptr_null(fr_module_new("Huge", SIZE_MAX - 8, NULL));
    assert_failed("module_new", "memory");
    ck_assert_ptr_null(fr_self(NULL));
    ck_assert(!fr_module_describe(NULL, "text"));
    assert_failed("module_describe");
    fr_train(NULL, true);
    assert_failed("train");
    ck_assert(!fr_module_training(NULL));
    ck_assert_int_eq(fr_module_count(NULL), -1);
    assert_failed("module_count");

    int n = 5;

    ck_assert_ptr_null(fr_module_parameters(NULL, &n));
    assert_failed("module_parameters");
    ck_assert_int_eq(n, 0);
    ck_assert_ptr_null(fr_module_state(NULL, &n));
    assert_failed("module_state");
}
END_TEST

/* --- Running ------------------------------------------------------------------------------------------------------ */

static fr_tensor *gives_nothing(fr_module *m, fr_tensor *x)
{
    (void)m;
    (void)x;
    return NULL;
}

START_TEST(forward_says_what_is_missing)
{
    FR_SCOPE;
    fr_tensor *x = fr_ones(FR_SHAPE(2));
    fr_module *silent = fr_module_new("Silent", 0, NULL), *empty = fr_module_new("Empty", 0, gives_nothing);
    fr_module *both = sequential2(silent, empty);

    ck_assert_ptr_null(fr_forward(both, x));
    assert_failed("forward", "Silent has no forward function");
    ck_assert_ptr_null(fr_forward(empty, x));
    assert_failed("forward", "Empty", "NULL");
    ck_assert_ptr_null(fr_forward(NULL, x));
    assert_failed("forward", "module is NULL");
    ck_assert_ptr_null(fr_forward(empty, NULL));
    assert_failed("forward", "x is NULL");
    fr_module_free(both);
}
END_TEST

static char warned[512];

static void keep_warning(const char *message, void *user)
{
    (void)user;
    snprintf(warned, sizeof warned, "%s", message);
}

/* PyTorch warns of this, too. */
START_TEST(dropout_in_one_layer_warns)
{
    fr_recurrent_options o = { .dropout = 0.5 };

    fr_set_warning_handler(keep_warning, NULL);
    fr_module_free(fr_nn_lstm(1, 1, &o));
    ck_assert_msg(strstr(warned, "nn_lstm: dropout 0.5 has no effect") != NULL, "%s", warned);
    warned[0] = '\0';
    o.num_layers = 2;
    fr_module_free(fr_nn_lstm(1, 1, &o));
    ck_assert_str_eq(warned, "");
    fr_set_warning_handler(NULL, NULL);
}
END_TEST

START_TEST(errors_name_the_module)
{
    FR_SCOPE;
    fr_tensor *x = fr_ones(FR_SHAPE(2, 3)), *y = fr_ones(FR_SHAPE(2, 4, 6));
    fr_module *inner = sequential2(fr_nn_relu(), fr_nn_linear(5, 1, NULL));
    fr_module *outer = sequential2(fr_nn_linear(3, 4, NULL), inner), *linear = fr_nn_linear(2, 1, NULL);
    fr_module *rnn = sequential2(fr_nn_rnn(3, 4, NULL), fr_nn_gru(5, 4, NULL));
    fr_module *attention = sequential2(fr_nn_multihead_attention(4, 2, NULL), fr_nn_relu());

    ck_assert_ptr_null(fr_forward(outer, x));
    assert_failed("frond: linear: ", " in 1.1 (Linear)   [", __FILE__);
    ck_assert_ptr_null(fr_forward(linear, x));
    assert_failed("frond: linear: ", " in Linear   [");
    ck_assert_ptr_null(fr_forward(rnn, x));
    assert_failed("frond: gru: ", " in 1 (GRU)");
    ck_assert_ptr_null(fr_forward(attention, y));
    assert_failed("frond: attention_forward: ", " in 0 (MultiheadAttention)");
    fr_add(x, y);
    ck_assert_ptr_null(strstr(fr_error_message(), " in "));
    fr_error_clear();
    fr_module_free(outer);
    fr_module_free(linear);
    fr_module_free(rnn);
    fr_module_free(attention);
}
END_TEST

START_TEST(forward_without_a_scope_says_how_to_open_one)
{
    fr_module *m = sequential2(fr_nn_tanh(), fr_nn_rnn(1, 1, NULL));
    fr_tensor *x;
    {
        FR_SCOPE;
        x = fr_ref(fr_ones(FR_SHAPE(1, 1, 1)));
    }
    ck_assert_ptr_null(fr_forward(m, x));
    assert_failed("forward", "FR_SCOPE");

    fr_unref(x);
    fr_module_free(m);
}
END_TEST

static jmp_buf back;
static bool went_on;

static void jump(const char *message, void *user)
{
    (void)message;
    (void)user;
    longjmp(back, 1);
}

static fr_tensor *fails(fr_module *m, fr_tensor *x)
{
    fr_tensor *y = fr_matmul(x, x);

    (void)m;
    went_on = true;
    return y;
}

/* The handler runs at the failure in the user's function, not after the function, and may jump out of all modules. */
START_TEST(the_handler_may_leave_forward)
{
    FR_SCOPE;
    fr_module *inner = fr_module_new("Fails", 0, fails),
              *m = sequential2(scaled_new(2), sequential2(fr_nn_tanh(), inner));
    fr_tensor *x = fr_ones(FR_SHAPE(2, 3));

    went_on = false;
    fr_set_error_handler(jump, NULL);
    if (setjmp(back) == 0) {
        FR_SCOPE;
        fr_forward(m, x);
        ck_abort_msg("no jump");
    }
    fr_set_error_handler(NULL, NULL);
    ck_assert(!went_on);
    assert_failed("matmul", __FILE__);
    fr_module_free(m);
}
END_TEST

START_TEST(training_is_told_to_all)
{
    FR_SCOPE;
    fr_module *dropout = fr_nn_dropout(0.5), *m = sequential2(fr_nn_sequential(1, &dropout), fr_nn_tanh());
    fr_tensor *x = fr_ones(FR_SHAPE(100));

    ck_assert(fr_module_training(m));
    ck_assert(!fr_equal(fr_forward(dropout, x), x));
    fr_train(m, false);
    ck_assert(!fr_module_training(dropout));
    ck_assert_ptr_eq(fr_forward(dropout, x), x);
    fr_train(m, true);
    ck_assert(fr_module_training(dropout));
    fr_module_free(m);
}
END_TEST

/* Each drops what its function drops, and nothing in evaluation. */
START_TEST(dropouts_apply_their_op)
{
    FR_SCOPE;
    fr_tensor *x = fr_randn(FR_SHAPE(4, 3, 2, 2)), *rows = fr_select(x, 3, 0);
    fr_module *all[] = { fr_nn_dropout(0.5), fr_nn_dropout1d(0.5), fr_nn_dropout2d(0.5), fr_nn_alpha_dropout(0.5) };
    fr_tensor *(*const functions[])(fr_tensor *, double) = { fr_dropout, fr_dropout1d, fr_dropout2d, fr_alpha_dropout };

    for (int i = 0; i < COUNT(all); i++) {
        fr_tensor *in = i == 1 ? rows : x, *got;

        fr_manual_seed(3);
        got = fr_forward(all[i], in);
        fr_manual_seed(3);
        ck_assert(fr_equal(got, functions[i](in, 0.5)));
        fr_train(all[i], false);
        ck_assert_ptr_eq(fr_forward(all[i], in), in);
        fr_module_free(all[i]);
    }
}
END_TEST

START_TEST(recurrent_dropout_is_for_training)
{
    FR_SCOPE;
    fr_recurrent_options options = { .num_layers = 2, .dropout = 0.5 };
    fr_module *m = fr_nn_gru(2, 8, &options);
    fr_tensor *x = fr_randn(FR_SHAPE(4, 3, 2)), *first = fr_forward(m, x);

    ck_assert(!fr_equal(first, fr_forward(m, x)));
    fr_train(m, false);
    ck_assert(fr_equal(fr_forward(m, x), fr_recurrent_forward(m, x, NULL).out));
    fr_module_free(m);
}
END_TEST

START_TEST(activations_apply_their_op)
{
    FR_SCOPE;
    fr_tensor *x = fr_randn(FR_SHAPE(3, 4));
    fr_module *identity = fr_nn_identity();
    fr_module *all[] = { fr_nn_sigmoid(),     fr_nn_tanh(),         fr_nn_relu(),      fr_nn_leaky_relu(0.2),
                         fr_nn_elu(0.7),      fr_nn_gelu(),         fr_nn_silu(),      fr_nn_softplus(),
                         fr_nn_softmax(0),    fr_nn_log_softmax(1), fr_nn_gelu_tanh(), fr_nn_mish(),
                         fr_nn_selu(),        fr_nn_celu(1.3),      fr_nn_softsign(),  fr_nn_logsigmoid(),
                         fr_nn_hardsigmoid(), fr_nn_hardswish(),    fr_nn_glu(-1),     fr_nn_hardtanh(-0.5, 0.7),
                         fr_nn_prelu(1, 0.2) };
    fr_tensor *expected[] = { fr_sigmoid(x),        fr_tanh(x),           fr_relu(x),      fr_leaky_relu(x, 0.2),
                              fr_elu(x, 0.7),       fr_gelu(x),           fr_silu(x),      fr_softplus(x),
                              fr_softmax(x, 0),     fr_log_softmax(x, 1), fr_gelu_tanh(x), fr_mish(x),
                              fr_selu(x),           fr_celu(x, 1.3),      fr_softsign(x),  fr_logsigmoid(x),
                              fr_hardsigmoid(x),    fr_hardswish(x),      fr_glu(x, -1),   fr_hardtanh(x, -0.5, 0.7),
                              fr_leaky_relu(x, 0.2) };

    for (int i = 0; i < COUNT(all); i++) {
        ck_assert(fr_equal(fr_forward(all[i], x), expected[i]));
        fr_module_free(all[i]);
    }
    ck_assert_ptr_eq(fr_forward(identity, x), x);
    fr_module_free(identity);
}
END_TEST

static size_t peak_of(fr_module *m, fr_tensor *x)
{
    FR_SCOPE;
    FR_NO_GRAD;
    ck_assert_ptr_nonnull(fr_forward(m, x));
    fr_module_free(m);
    return fr_peak_bytes();
}

/* Inference needs as much memory for 40 layers as for 4. */
START_TEST(memory_does_not_grow_with_depth)
{
    FR_SCOPE;
    fr_tensor *x = fr_zeros(FR_SHAPE(50, 50, 40));
    fr_module *few[4], *many[40];

    for (int i = 0; i < COUNT(few); i++)
        few[i] = fr_nn_tanh();
    for (int i = 0; i < COUNT(many); i++)
        many[i] = fr_nn_tanh();
    ck_assert_uint_eq(peak_of(fr_nn_sequential(COUNT(few), few), x), peak_of(fr_nn_sequential(COUNT(many), many), x));

    size_t four = peak_of(fr_nn_rnn(40, 40, &(fr_recurrent_options){ .num_layers = 4 }), x);
    size_t forty = peak_of(fr_nn_rnn(40, 40, &(fr_recurrent_options){ .num_layers = 40 }), x);

    ck_assert_msg(forty - four < 800000, "%zu and %zu bytes", four, forty); /* one output takes 400000 bytes */
}
END_TEST

typedef struct {
    fr_module *m;
    fr_tensor *x, *expected;
    bool ok;
} job;

static void *infer(void *argument)
{
    job *j = argument;

    j->ok = true;
    for (int i = 0; i < 50; i++) {
        FR_SCOPE;
        FR_NO_GRAD;
        j->ok = j->ok && fr_equal(fr_forward(j->m, j->x), j->expected);
    }
    return NULL;
}

START_TEST(threads_may_share_a_model)
{
    FR_SCOPE;
    fr_recurrent_options options = { .num_layers = 2, .bidirectional = true, .dropout = 0.5 };
    fr_module *m = sequential2(fr_nn_lstm(2, 5, &options), sequential2(fr_nn_dropout(0.5), fr_nn_linear(10, 3, NULL)));
    fr_tensor *x = fr_randn(FR_SHAPE(6, 4, 2)), *expected;
    pthread_t threads[4];
    job jobs[4];

    fr_train(m, false);
    expected = fr_forward(m, x);
    for (int i = 0; i < COUNT(jobs); i++) {
        jobs[i] = (job){ m, x, expected, false };
        ck_assert_int_eq(pthread_create(&threads[i], NULL, infer, &jobs[i]), 0);
    }
    for (int i = 0; i < COUNT(jobs); i++) {
        pthread_join(threads[i], NULL);
        ck_assert(jobs[i].ok);
    }
    fr_module_free(m);
}
END_TEST

/* --- What layers refuse ------------------------------------------------------------------------------------------- */

START_TEST(bad_options_are_refused)
{
    static const struct {
        int kind;
        int64_t input, hidden;
        fr_recurrent_options options;
        const char *message;
    } bad[] = {
        { 0, 0, 3, { 0 }, "nn_rnn: input_size 0, hidden_size 3" },
        { 1, 2, 0, { 0 }, "nn_lstm: input_size 2, hidden_size 0" },
        { 2, 2, -1, { 0 }, "nn_gru: input_size 2, hidden_size -1" },
        { 1, 2, INT64_MAX / 2, { 0 }, "too large" },
        { 2, 2, INT64_MAX / 4, { 0 }, "too large" },
        { 0, 2, 3, { .num_layers = -1 }, "num_layers -1" },
        { 0, 2, 3, { .num_layers = INT32_MAX }, "num_layers" },
        { 0, 2, 3, { .dropout = 1.5 }, "nn_rnn: dropout probability 1.5, expected 0 to 1" },
        { 0, 2, 3, { .dropout = -0.1 }, "-0.1" },
        { 0, 2, 3, { .dropout = NAN }, "nan" },
        { 1, 2, 3, { .relu = true }, "nn_lstm: relu" },
        { 2, 2, 3, { .relu = true }, "nn_gru: relu" },
        { 0, 2, 3, { .proj_size = 2 }, "nn_rnn: proj_size 2" },
        { 2, 2, 3, { .proj_size = 2 }, "nn_gru: proj_size 2" },
        { 1, 2, 3, { .proj_size = 3 }, "nn_lstm: proj_size 3, expected 0 (none) to hidden_size - 1, 2" },
        { 1, 2, 3, { .proj_size = -1 }, "proj_size -1" },
        { 1, 2, 3, { .reserved = { [7] = (void *)kinds } }, "nn_lstm: reserved[7]" },
    };

    for (int i = 0; i < COUNT(bad); i++) {
        ck_assert_msg(!kinds[bad[i].kind].make(bad[i].input, bad[i].hidden, &bad[i].options), "%s", bad[i].message);
        assert_failed(bad[i].message);
    }
    ck_assert_ptr_null(fr_nn_linear(-1, 2, NULL));
    assert_failed("nn_linear", "-1");
    ck_assert_ptr_null(fr_nn_linear(1, 2, &(fr_linear_options){ .reserved = { (void *)kinds } }));
    assert_failed("nn_linear", "reserved[0]");
    ck_assert_ptr_null(fr_nn_dropout(NAN));
    assert_failed("nn_dropout", "nan");
    ck_assert_ptr_null(fr_nn_dropout(-1));
    assert_failed("nn_dropout", "-1", "0 to 1");
}
END_TEST

static void refuse(fr_module *m, fr_tensor *x, const fr_recurrent *initial, fr_tensor *lengths, const char *message)
{
    fr_recurrent y =
        lengths ? fr_recurrent_forward_lengths(m, x, initial, lengths) : fr_recurrent_forward(m, x, initial);

    ck_assert_msg(!y.out && !y.h && !y.c, "%s", message);
    assert_failed(message);
}

START_TEST(bad_shapes_are_refused)
{
    FR_SCOPE;
    fr_module *rnn = fr_nn_rnn(1, 3, &(fr_recurrent_options){ .batch_first = true });
    fr_module *lstm = fr_nn_lstm(1, 3, &(fr_recurrent_options){ .num_layers = 2, .proj_size = 2 });
    fr_tensor *x = fr_ones(FR_SHAPE(4, 5, 1)), *row = fr_ones(FR_SHAPE(5, 1));
    fr_tensor *h = fr_ones(FR_SHAPE(2, 5, 2)), *c = fr_ones(FR_SHAPE(2, 5, 3));

    refuse(rnn, fr_ones(FR_SHAPE(32, 10, 2)), NULL, NULL, "rnn: x (32, 10, 2), expected (B, T, 1)");
    refuse(lstm, fr_ones(FR_SHAPE(32, 10, 2)), NULL, NULL, "lstm: x (32, 10, 2), expected (T, B, 1)");
    refuse(rnn, fr_ones(FR_SHAPE(10, 2)), NULL, NULL, "rnn: x (10, 2), expected (T, 1)");
    refuse(rnn, fr_ones(FR_SHAPE(1)), NULL, NULL, "rnn: x (1,), expected (B, T, 1)");
    refuse(rnn, fr_ones(FR_SHAPE(4, 0, 1)), NULL, NULL, "rnn: x has 0 steps");
    refuse(rnn, fr_cast(x, FR_F64), NULL, NULL, "rnn: w_ih is float32, expected float64");
    refuse(rnn, x, &(fr_recurrent){ .h = h }, NULL, "rnn: initial h (2, 5, 2), expected (1, 4, 3)");
    refuse(rnn, row, &(fr_recurrent){ .h = h }, NULL, "rnn: initial h (2, 5, 2), expected (1, 3)");
    refuse(lstm, x, &(fr_recurrent){ .h = c, .c = c }, NULL, "lstm: initial h (2, 5, 3), expected (2, 5, 2)");
    refuse(lstm, x, &(fr_recurrent){ .h = h, .c = h }, NULL, "lstm: initial c (2, 5, 2), expected (2, 5, 3)");
    refuse(rnn, x, &(fr_recurrent){ .h = fr_ones(FR_SHAPE(1, 4, 3)), .c = c }, NULL, "rnn: an initial c is given");
    ck_assert_ptr_nonnull(fr_recurrent_forward(lstm, x, &(fr_recurrent){ .c = c }).out);
    fr_module_free(rnn);
    fr_module_free(lstm);
}
END_TEST

START_TEST(bad_lengths_are_refused)
{
    FR_SCOPE;
    fr_module *m = fr_nn_gru(1, 3, NULL), *linear = fr_nn_linear(1, 3, NULL);
    fr_tensor *x = fr_ones(FR_SHAPE(4, 2, 1)), *two = fr_arange(1, 3, 1, FR_I64);

    refuse(m, fr_ones(FR_SHAPE(4, 1)), NULL, two, "gru: x (4, 1), expected (T, B, 1): lengths are for batches");
    refuse(m, x, NULL, fr_arange(1, 4, 1, FR_I64), "gru: lengths (3,) of int64, expected (2,) of int64");
    refuse(m, x, NULL, fr_ones(FR_SHAPE(2)), "gru: lengths (2,) of float32, expected (2,) of int64");
    refuse(m, x, NULL, fr_arange(0, 2, 1, FR_I64), "gru: lengths[0] is 0, expected 1 to 4");
    refuse(m, x, NULL, fr_arange(4, 6, 1, FR_I64), "gru: lengths[1] is 5, expected 1 to 4");
    ck_assert_ptr_null(fr_recurrent_forward_lengths(m, x, NULL, NULL).out);
    assert_failed("recurrent_forward_lengths", "lengths is NULL");
    refuse(linear, x, NULL, NULL, "recurrent_forward: Linear given, expected RNN, LSTM or GRU");
    refuse(NULL, x, NULL, NULL, "recurrent_forward: module is NULL");
    refuse(m, NULL, NULL, NULL, "recurrent_forward: x is NULL");
    fr_module_free(m);
    fr_module_free(linear);
}
END_TEST

/* With the handler off, calls with a failed tensor fail without a second error; it is not taken for a missing option.
 */
START_TEST(failure_passes_through)
{
    FR_SCOPE;
    fr_module *m = fr_nn_lstm(2, 3, NULL);
    fr_tensor *x = fr_ones(FR_SHAPE(4, 5, 2)), *failed = fr_add(x, fr_ones(FR_SHAPE(7)));

    ck_assert_ptr_null(fr_forward(m, failed));
    ck_assert_ptr_null(fr_recurrent_forward(m, failed, NULL).out);
    ck_assert_ptr_null(fr_recurrent_forward(m, x, &(fr_recurrent){ .h = failed }).out);
    ck_assert_ptr_null(fr_recurrent_forward_lengths(m, x, NULL, failed).out);
    ck_assert_ptr_null(fr_module_param(m, "failed", failed));
    ck_assert_ptr_null(fr_module_add(m, "failed", NULL));
    assert_failed("add");
    fr_module_free(m);
}
END_TEST

int main(void)
{
    TCase *values = tcase_create("values"), *names = tcase_create("names"), *running = tcase_create("running");

    tcase_add_loop_test(values, recurrent_layers_equal_pytorch, 0, 2 * COUNT(kinds) * COUNT(recurrent_cases));
    tcase_add_loop_test(values, linear_equals_pytorch, 0, 4);
    tcase_add_test(values, prints_as_pytorch);
    tcase_add_test(values, print_to_a_full_device_fails);
    tcase_add_test(names, state_is_in_pytorchs_order);
    tcase_add_test(names, lists_follow_what_is_added_below);
    tcase_add_test(names, a_tied_parameter_is_listed_once);
    tcase_add_test(names, names_are_checked);
    tcase_add_test(names, unfit_parameters_are_refused);
    tcase_add_test(names, find_says_what_it_sought);
    tcase_add_test(names, frozen_parameters_want_no_gradient);
    tcase_add_test(names, a_child_has_one_parent);
    tcase_add_test(names, nesting_has_a_limit);
    tcase_add_test(names, sequential_frees_what_it_cannot_take);
    tcase_add_test(names, a_list_gives_its_modules);
    tcase_add_test(names, bad_modules_are_refused);
    tcase_add_test(running, forward_says_what_is_missing);
    tcase_add_test(running, errors_name_the_module);
    tcase_add_test(running, dropout_in_one_layer_warns);
    tcase_add_test(running, forward_without_a_scope_says_how_to_open_one);
    tcase_add_test(running, the_handler_may_leave_forward);
    tcase_add_test(running, training_is_told_to_all);
    tcase_add_test(running, recurrent_dropout_is_for_training);
    tcase_add_test(running, dropouts_apply_their_op);
    tcase_add_test(running, activations_apply_their_op);
    tcase_add_test(running, memory_does_not_grow_with_depth);
    tcase_add_test(running, threads_may_share_a_model);
    tcase_add_test(running, bad_options_are_refused);
    tcase_add_test(running, bad_shapes_are_refused);
    tcase_add_test(running, bad_lengths_are_refused);
    tcase_add_test(running, failure_passes_through);
    return run_tests("nn", values, names, running);
}
