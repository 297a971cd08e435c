/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Recurrent modules: cells compared with PyTorch's and with whole sequences; features of layers that PyTorch does not
 * have; results that are laid out anew instead of viewed. golden/make_recurrent_modules.py has the same tables. */
#include "testing.h"

#include <frond/op.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

enum { STEPS = 4, BATCH = 3, INPUT = 2, HIDDEN = 3, SEED = 7, NAME_SIZE = 128 };
enum { RNN, LSTM, GRU, KINDS };

static const struct {
    const char *name;
    fr_module *(*layer)(int64_t input, int64_t hidden, const fr_recurrent_options *options);
    fr_module *(*cell)(int64_t input, int64_t hidden, const fr_cell_options *options);
} kinds[KINDS] = { { "rnn", fr_nn_rnn, fr_nn_rnn_cell },
                   { "lstm", fr_nn_lstm, fr_nn_lstm_cell },
                   { "gru", fr_nn_gru, fr_nn_gru_cell } };

/* --- Golden values ------------------------------------------------------------------------------------------------ */

static fr_tensors *golden;

/* A case in the golden file: its tensors have the prefix KIND.CASE. */
typedef struct {
    char prefix[NAME_SIZE];
} subject;

static subject open_subject(const char *before, const char *kind, const char *name)
{
    subject s;

    golden = fr_load(test_file("golden/recurrent_modules.safetensors"));
    ck_assert_msg(golden != NULL, "%s", fr_error_message());
    snprintf(s.prefix, sizeof s.prefix, "%s%s.%s", before, kind, name);
    return s;
}

/* Returns the tensor under key; NULL if there is none. */
static fr_tensor *find(const subject *s, const char *key)
{
    char name[2 * NAME_SIZE];

    snprintf(name, sizeof name, "%s.%s", s->prefix, key);
    return fr_tensors_find(golden, name);
}

static fr_tensor *leaf(const subject *s, const char *key)
{
    fr_tensor *t = find(s, key);

    return t ? fr_requires_grad(fr_clone(t)) : NULL;
}

static fr_tensor *flat_golden(const subject *s, const char *key)
{
    fr_tensor *t = find(s, key);

    return t ? fr_reshape(t, FR_SHAPE(-1)) : NULL;
}

static void compare(const subject *s, const char *key, const fr_tensor *got)
{
    char name[2 * NAME_SIZE];

    snprintf(name, sizeof name, "%s.%s", s->prefix, key);
    assert_near(name, got, find(s, key));
}

/* Returns all parameters of m, or their gradients, joined to (count). */
static fr_tensor *flat(fr_module *m, bool gradients)
{
    fr_tensor *parts[64];
    int n;
    fr_tensor *const *parameters = fr_module_parameters(m, &n);

    ck_assert_int_le(n, COUNT(parts));
    for (int i = 0; i < n; i++)
        parts[i] = fr_reshape(gradients ? fr_grad(parameters[i]) : fr_detach(parameters[i]), FR_SHAPE(-1));
    return fr_cat(parts, n, 0);
}

/* --- Cells -------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    fr_cell_options options;
    bool has_state;
} cell_cases[] = {
    { "plain", { 0 }, true },     { "no_bias", { .no_bias = true }, true },
    { "zeros", { 0 }, false },    { "relu", { .relu = true }, true },
    { "unbatched", { 0 }, true },
};

/* Runs the cell m along x and returns the states after each step, (T,...); c is NULL if m has none. */
static fr_recurrent run_steps(fr_module *m, fr_tensor *x, const fr_recurrent *initial)
{
    fr_tensor *h[STEPS], *c[STEPS];
    fr_recurrent state;

    for (int t = 0; t < STEPS; t++) {
        state = fr_cell_forward(m, fr_select(x, 0, t), t ? &state : initial);
        ck_assert_msg(state.h != NULL, "%s", fr_error_message());
        ck_assert_ptr_eq(state.out, state.h);
        h[t] = state.h;
        c[t] = state.c;
    }
    return (fr_recurrent){ NULL, fr_stack(h, STEPS, 0), state.c ? fr_stack(c, STEPS, 0) : NULL };
}

static void check_cell(const subject *s, fr_module *m, bool has_state)
{
    fr_tensor *x = leaf(s, "x"), *loss;
    fr_recurrent initial = { .h = leaf(s, "h0"), .c = leaf(s, "c0") }, y;

    ck_assert_int_eq(initial.h != NULL, has_state);
    ck_assert(fr_equal(flat(m, false), find(s, "parameters")));
    y = run_steps(m, x, has_state ? &initial : NULL);
    compare(s, "h", y.h);
    loss = fr_sum(fr_square(y.h));
    ck_assert_int_eq(y.c != NULL, find(s, "c") != NULL);
    if (y.c) {
        compare(s, "c", y.c);
        loss = fr_add(loss, fr_sum(fr_square(y.c)));
    }
    ck_assert(fr_backward(loss));
    compare(s, "gradients", flat(m, true));
    compare(s, "x_grad", fr_grad(x));
    if (has_state)
        compare(s, "h0_grad", fr_grad(initial.h));
    if (initial.c)
        compare(s, "c0_grad", fr_grad(initial.c));
}

/* A loop over dtypes, kinds and cases. */
START_TEST(cells_equal_pytorch)
{
    int which = _i % COUNT(cell_cases), kind = _i / COUNT(cell_cases) % KINDS;
    bool is_double = _i / COUNT(cell_cases) / KINDS;
    subject s;
    fr_module *m;

    if (cell_cases[which].options.relu && kind != RNN)
        return;
    ck_assert(fr_set_default_dtype(is_double ? FR_F64 : FR_F32));
    s = open_subject(is_double ? "f64." : "f32.", kinds[kind].name, cell_cases[which].name);
    fr_manual_seed(SEED);
    m = kinds[kind].cell(INPUT, HIDDEN, &cell_cases[which].options);
    {
        FR_SCOPE;
        check_cell(&s, m, cell_cases[which].has_state);
    }
    fr_module_free(m);
    fr_tensors_free(golden);
    ck_assert(fr_set_default_dtype(FR_F32));
}
END_TEST

/* With the same seed a layer and a cell draw the same parameters. */
START_TEST(cells_equal_whole_sequences)
{
    FR_SCOPE;
    fr_module *layer, *cell;
    fr_tensor *x = fr_randn(FR_SHAPE(STEPS, 5, 17));
    fr_recurrent whole, steps;

    fr_manual_seed(SEED);
    layer = kinds[_i].layer(17, 9, NULL);
    fr_manual_seed(SEED);
    cell = kinds[_i].cell(17, 9, NULL);
    whole = fr_recurrent_forward(layer, x, NULL);
    steps = run_steps(cell, x, NULL);
    assert_near("out", steps.h, whole.out);
    assert_near("h", fr_select(steps.h, 0, -1), fr_select(whole.h, 0, 0));
    if (_i == LSTM)
        assert_near("c", fr_select(steps.c, 0, -1), fr_select(whole.c, 0, 0));
    ck_assert(fr_equal(fr_forward(cell, fr_select(x, 0, 0)), fr_select(steps.h, 0, 0)));
    fr_module_free(layer);
    fr_module_free(cell);
}
END_TEST

static void refuse(fr_module *m, fr_tensor *x, const fr_recurrent *state, const char *message)
{
    fr_recurrent y = fr_cell_forward(m, x, state);

    ck_assert_msg(!y.out && !y.h && !y.c, "%s", message);
    assert_failed(message);
}

START_TEST(bad_steps_are_refused)
{
    FR_SCOPE;
    fr_module *lstm = fr_nn_lstm_cell(2, 3, NULL), *gru = fr_nn_gru_cell(2, 3, NULL), *layer = fr_nn_gru(2, 3, NULL);
    fr_tensor *x = fr_ones(FR_SHAPE(4, 2)), *row = fr_ones(FR_SHAPE(2)), *h = fr_ones(FR_SHAPE(4, 3));
    fr_tensor *failed;

    refuse(NULL, x, NULL, "cell_forward: module is NULL");
    refuse(gru, NULL, NULL, "cell_forward: x is NULL");
    refuse(layer, x, NULL, "cell_forward: GRU given, expected RNNCell, LSTMCell or GRUCell");
    ck_assert_ptr_null(fr_recurrent_forward(gru, fr_ones(FR_SHAPE(5, 4, 2)), NULL).out);
    assert_failed("recurrent_forward: GRUCell given, expected RNN, LSTM or GRU");
    refuse(gru, fr_ones(FR_SHAPE(5, 4, 2)), NULL, "gru: x (5, 4, 2), expected (B, 2) or (2,)");
    refuse(gru, fr_ones(FR_SHAPE(4, 3)), NULL, "gru: x (4, 3), expected (B, 2) or (2,)");
    refuse(gru, fr_scalar(1), NULL, "gru: x (), expected (B, 2) or (2,)");
    refuse(gru, fr_cast(x, FR_F64), NULL, "gru: w_ih is float32, expected float64");
    refuse(gru, row, &(fr_recurrent){ .h = h }, "gru: initial h (4, 3), expected (3,)");
    refuse(gru, x, &(fr_recurrent){ .h = fr_ones(FR_SHAPE(3)) }, "gru: initial h (3,), expected (4, 3)");
    refuse(gru, x, &(fr_recurrent){ .h = h, .c = h }, "gru: an initial c is given, which GRUCell does not have");
    refuse(lstm, x, &(fr_recurrent){ .h = h, .c = x }, "lstm: initial c (4, 2), expected (4, 3)");
    ck_assert_ptr_nonnull(fr_cell_forward(lstm, x, &(fr_recurrent){ .c = h }).c);
    ck_assert_int_eq(fr_dim(fr_cell_forward(lstm, fr_ones(FR_SHAPE(0, 2)), NULL).out, 0), 0);
    failed = fr_add(x, fr_ones(FR_SHAPE(7)));
    ck_assert_ptr_null(fr_cell_forward(gru, failed, NULL).out);
    ck_assert_ptr_null(fr_cell_forward(gru, x, &(fr_recurrent){ .h = failed }).out);
    assert_failed("add");
    fr_module_free(lstm);
    fr_module_free(gru);
    fr_module_free(layer);
}
END_TEST

START_TEST(bad_cells_are_refused)
{
    ck_assert_ptr_null(fr_nn_gru_cell(0, 3, NULL));
    assert_failed("nn_gru_cell: input_size 0, hidden_size 3");
    ck_assert_ptr_null(fr_nn_rnn_cell(3, INT64_MIN, NULL));
    assert_failed("nn_rnn_cell: input_size 3, hidden_size -");
    ck_assert_ptr_null(fr_nn_lstm_cell(2, INT64_MAX, NULL));
    assert_failed("nn_lstm_cell: hidden_size 9223372036854775807 is too large");
    ck_assert_ptr_null(fr_nn_lstm_cell(2, 3, &(fr_cell_options){ .relu = true }));
    assert_failed("nn_lstm_cell: relu is for fr_nn_rnn_cell alone");
    ck_assert_ptr_null(fr_nn_rnn_cell(2, 3, &(fr_cell_options){ .reserved = { [7] = (void *)kinds } }));
    assert_failed("nn_rnn_cell: reserved[7]");
}
END_TEST

/* --- Layers with what PyTorch does not have ----------------------------------------------------------------------- */

static const struct {
    const char *name;
    int only; /* the case is for this kind; KINDS: for all */
    fr_recurrent_options options;
} layer_cases[] = {
    { "learned", KINDS, { .learn_initial = true } },
    { "learned_all", KINDS, { .learn_initial = true, .num_layers = 2, .bidirectional = true, .batch_first = true } },
    { "learned_proj", LSTM, { .learn_initial = true, .num_layers = 2, .proj_size = 2 } },
    { "norm", KINDS, { .layer_norm = true } },
    { "norm_no_bias", KINDS, { .layer_norm = true, .no_bias = true } },
    { "norm_relu", RNN, { .layer_norm = true, .relu = true } },
    { "norm_all", KINDS, { .layer_norm = true, .num_layers = 2, .bidirectional = true, .batch_first = true } },
    { "norm_proj", LSTM, { .layer_norm = true, .proj_size = 2 } },
};

static fr_recurrent run_layers(fr_module *m, fr_tensor *x, const fr_recurrent *initial, fr_tensor *lengths)
{
    return lengths ? fr_recurrent_forward_lengths(m, x, initial, lengths) : fr_recurrent_forward(m, x, initial);
}

static bool begins(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static bool is_extra(const char *name)
{
    return begins(name, "gain_") || begins(name, "bias_c_");
}

/* Returns the parameters that PyTorch has too, joined to one dim. */
static fr_tensor *flat_drawn(fr_module *m)
{
    fr_tensor *parts[64];
    int n, kept = 0;
    const fr_named_tensor *state = fr_module_state(m, &n);

    for (int i = 0; i < n; i++)
        if ((begins(state[i].name, "weight_") || begins(state[i].name, "bias_")) && !is_extra(state[i].name))
            parts[kept++] = fr_reshape(fr_detach(state[i].tensor), FR_SHAPE(-1));
    return fr_cat(parts, kept, 0);
}

/* Copies the stored values, which are joined to one dim, into the parameters that is_stored selects. */
static void set_parameters(fr_module *m, fr_tensor *stored, bool (*is_stored)(const char *name))
{
    FR_NO_GRAD;
    int64_t at = 0;
    int n;
    const fr_named_tensor *state = fr_module_state(m, &n);

    for (int i = 0; i < n; i++) {
        fr_tensor *t = state[i].tensor;

        if (!is_stored(state[i].name))
            continue;
        ck_assert_ptr_nonnull(fr_copy(t, fr_slice(stored, 0, at, at + fr_numel(t), 1)));
        at += fr_numel(t);
    }
    ck_assert_int_eq((int)at, stored ? (int)fr_numel(stored) : 0);
}

static bool is_h0(const char *name)
{
    return begins(name, "h0_l");
}

static bool is_c0(const char *name)
{
    return begins(name, "c0_l");
}

static void check_layers(const subject *s, fr_module *m)
{
    fr_recurrent y;
    fr_tensor *loss;

    ck_assert(fr_equal(flat_drawn(m), find(s, "parameters")));
    set_parameters(m, flat_golden(s, "h0"), is_h0);
    set_parameters(m, flat_golden(s, "c0"), is_c0);
    set_parameters(m, flat_golden(s, "gains"), is_extra);
    y = run_layers(m, find(s, "x"), NULL, find(s, "lengths"));
    compare(s, "out", y.out);
    compare(s, "h", y.h);
    loss = fr_add(fr_sum(fr_square(y.out)), fr_mul_scalar(fr_sum(fr_square(y.h)), 2));
    if (y.c) {
        compare(s, "c", y.c);
        loss = fr_add(loss, fr_mul_scalar(fr_sum(fr_square(y.c)), 3));
    }
    ck_assert(fr_backward(loss));
    compare(s, "gradients", flat(m, true));
}

START_TEST(layers_equal_pytorch)
{
    int which = _i % COUNT(layer_cases), kind = _i / COUNT(layer_cases);
    subject s;
    fr_module *m;

    if (layer_cases[which].only != KINDS && layer_cases[which].only != kind)
        return;
    ck_assert(fr_set_default_dtype(FR_F64));
    s = open_subject("", kinds[kind].name, layer_cases[which].name);
    fr_manual_seed(SEED);
    m = kinds[kind].layer(INPUT, HIDDEN, &layer_cases[which].options);
    {
        FR_SCOPE;
        check_layers(&s, m);
    }
    fr_module_free(m);
    fr_tensors_free(golden);
    ck_assert(fr_set_default_dtype(FR_F32));
}
END_TEST

/* Learned states are zeros until they are trained. A state that is given is used instead of a learned one. */
static void assert_kept(fr_module *m, bool has_c)
{
    fr_recurrent kept = { 0 };

    for (int window = 0; window < 2; window++) {
        FR_SCOPE;
        fr_tensor *x = fr_ones(FR_SHAPE(2, 1, 2));
        fr_recurrent y = fr_recurrent_forward(m, x, &kept);

        ck_assert(fr_recurrent_keep(&kept, &y));
        ck_assert(fr_equal(kept.h, y.h) && !kept.out);
        ck_assert(has_c ? fr_equal(kept.c, y.c) : !kept.c);
        ck_assert(!fr_wants_grad(kept.h) && !(has_c && fr_wants_grad(kept.c)));
    }
    ck_assert_int_eq(fr_dim(kept.h, 2), 3);

    fr_recurrent before = kept;

    ck_assert(!fr_recurrent_keep(&kept, &(fr_recurrent){ 0 }));
    assert_failed("recurrent_keep", "h is NULL");
    ck_assert(kept.h == before.h && kept.c == before.c);
    ck_assert(fr_recurrent_keep(&kept, NULL));
    ck_assert(!kept.h && !kept.c);
    ck_assert(!fr_recurrent_keep(NULL, &before));
    assert_failed("recurrent_keep", "kept is NULL");
}

START_TEST(states_are_kept_without_history)
{
    fr_module *lstm = fr_nn_lstm(2, 3, NULL), *gru = fr_nn_gru(2, 3, NULL);

    assert_kept(lstm, true);
    assert_kept(gru, false);
    fr_module_free(lstm);
    fr_module_free(gru);
}
END_TEST

START_TEST(learned_states_give_way)
{
    FR_SCOPE;
    fr_module *m = fr_nn_lstm(INPUT, HIDDEN, &(fr_recurrent_options){ .learn_initial = true });
    fr_tensor *x = fr_randn(FR_SHAPE(STEPS, BATCH, INPUT)), *zeros = fr_zeros(FR_SHAPE(1, BATCH, HIDDEN));
    fr_recurrent none = fr_recurrent_forward(m, x, &(fr_recurrent){ .h = zeros, .c = zeros }), y;

    ck_assert(fr_equal(fr_forward(m, x), none.out));
    {
        FR_NO_GRAD;
        fr_copy(fr_module_find(m, "h0_l0"), fr_randn(FR_SHAPE(HIDDEN)));
        fr_copy(fr_module_find(m, "c0_l0"), fr_randn(FR_SHAPE(HIDDEN)));
    }
    ck_assert(fr_equal(fr_recurrent_forward(m, x, &(fr_recurrent){ .h = zeros, .c = zeros }).out, none.out));
    y = fr_recurrent_forward(m, x, &(fr_recurrent){ .h = zeros });
    ck_assert(!fr_equal(y.out, none.out));
    ck_assert(!fr_equal(y.out, fr_forward(m, x)));
    ck_assert(fr_equal(fr_forward(m, fr_select(x, 1, 1)), fr_select(fr_forward(m, x), 1, 1)));
    ck_assert_int_eq(fr_dim(fr_forward(m, fr_zeros(FR_SHAPE(STEPS, 0, INPUT))), 1), 0);
    fr_module_free(m);
}
END_TEST

/* A state that failed to be made is not replaced by the learned one. */
START_TEST(failed_states_are_not_replaced)
{
    FR_SCOPE;
    fr_module *m = fr_nn_gru(2, 3, &(fr_recurrent_options){ .learn_initial = true, .layer_norm = _i });
    fr_tensor *x = fr_ones(FR_SHAPE(4, 5, 2)), *lengths = fr_clamp(fr_arange(0, 5, 1, FR_I64), 1, 4), *failed;

    failed = fr_add(x, fr_ones(FR_SHAPE(7)));
    ck_assert_ptr_null(fr_recurrent_forward_lengths(m, x, &(fr_recurrent){ .h = failed }, lengths).out);
    assert_failed("add");
    fr_module_free(m);
}
END_TEST

/* With both extras, gains start at 1, the cell state's bias and the learned states at 0. */
START_TEST(extras_begin_at_nothing)
{
    static const char *const names[] = { "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "gain_ih_l0",
                                         "gain_hh_l0",   "gain_c_l0",    "bias_c_l0",  "h0_l0",      "c0_l0" };
    FR_SCOPE;
    fr_module *m = fr_nn_lstm(2, 3, &(fr_recurrent_options){ .layer_norm = true, .learn_initial = true });
    int n;
    const fr_named_tensor *state = fr_module_state(m, &n);

    ck_assert_int_eq(n, COUNT(names));
    for (int i = 0; i < n; i++) {
        bool bias = i >= 7;

        ck_assert_str_eq(state[i].name, names[i]);
        if (i >= 4)
            ck_assert(fr_equal(state[i].tensor, fr_full_like(state[i].tensor, bias ? 0 : 1)));
    }
    fr_module_free(m);
}
END_TEST

/* A normalised layer, which has no op of its own, names wrong dtypes too. */
START_TEST(bad_dtypes_are_refused)
{
    FR_SCOPE;
    fr_module *m = fr_nn_lstm(2, 3, &(fr_recurrent_options){ .layer_norm = true });

    ck_assert_ptr_null(fr_forward(m, fr_tensor_from(FR_SHAPE(1, 1, 2), (double[]){ 1, 2 }, FR_F64)));
    assert_failed("linear", "float64", "float32");
    fr_module_free(m);
}
END_TEST

static void assert_printed(fr_module *m, const char *expected)
{
    char text[512] = "";
    FILE *file = tmpfile();

    ck_assert_ptr_nonnull(file);
    fr_module_fprint(file, m);
    rewind(file);
    ck_assert_ptr_nonnull(fgets(text, sizeof text, file));
    ck_assert_str_eq(text, expected);
    fclose(file);
    fr_module_free(m);
}

/* check_nn.c checks the printouts that PyTorch has too. */
START_TEST(printouts)
{
    assert_printed(fr_nn_rnn(2, 3, &(fr_recurrent_options){ .bidirectional = true, .learn_initial = true }),
                   "RNN(2, 3, bidirectional=True, learn_initial=True)\n");
    assert_printed(fr_nn_gru(2, 3, &(fr_recurrent_options){ .layer_norm = true }), "GRU(2, 3, layer_norm=True)\n");
}
END_TEST

/* --- Without views ------------------------------------------------------------------------------------------------ */

static void assert_same(const char *what, const fr_tensor *got, const fr_tensor *expected)
{
    ck_assert_msg((got != NULL) == (expected != NULL), "%s", what);
    if (!got)
        return;
    ck_assert_msg(fr_equal(got, expected), "%s: values", what);
    ck_assert_msg(fr_is_contiguous(got) == fr_is_contiguous(expected), "%s: contiguous", what);
    for (int i = 0; i < fr_ndim(got); i++)
        ck_assert_msg(fr_dim(got, i) == 1 || fr_stride(got, i) == fr_stride(expected, i), "%s: stride %d", what, i);
}

/* With recording the results are views. Without it they have the same layout and values, and x does not change. */
START_TEST(the_same_with_and_without_a_graph)
{
    static const fr_shape shapes[] = { { 3, { STEPS, BATCH, INPUT } },
                                       { 3, { 1, STEPS, INPUT } },
                                       { 2, { STEPS, INPUT } } };

    for (int i = 0; i < 2 * COUNT(shapes); i++) {
        FR_SCOPE;
        fr_recurrent_options options = { .batch_first = true, .num_layers = i % 2 + 1 };
        fr_module *m = kinds[_i].layer(INPUT, HIDDEN, &options);
        fr_tensor *x = fr_randn(shapes[i / 2]), *before = fr_clone(x);
        fr_recurrent recorded = fr_recurrent_forward(m, x, NULL);

        for (int marked = 0; marked < 2; marked++) {
            FR_NO_GRAD;
            fr_recurrent y = fr_recurrent_forward(m, x, NULL), again = fr_recurrent_forward(m, x, NULL);

            assert_same("out", y.out, recorded.out);
            assert_same("h", y.h, recorded.h);
            assert_same("c", y.c, recorded.c);
            assert_same("out again", again.out, recorded.out);
            assert_same("x", x, before);
            fr_requires_grad(x);
        }
        fr_module_freeze(m, true);
        assert_same("frozen", fr_recurrent_forward(m, fr_detach(x), NULL).out, recorded.out);
        ck_assert(fr_backward(fr_sum(fr_forward(m, x))));
        ck_assert(fr_grad(x) != NULL);
        fr_module_free(m);
    }
}
END_TEST

int main(void)
{
    TCase *cells = tcase_create("cells"), *layers = tcase_create("layers");

    tcase_add_loop_test(cells, cells_equal_pytorch, 0, 2 * KINDS * COUNT(cell_cases));
    tcase_add_loop_test(cells, cells_equal_whole_sequences, 0, KINDS);
    tcase_add_test(cells, bad_steps_are_refused);
    tcase_add_test(cells, bad_cells_are_refused);
    tcase_add_loop_test(layers, layers_equal_pytorch, 0, KINDS * COUNT(layer_cases));
    tcase_add_test(layers, learned_states_give_way);
    tcase_add_test(layers, states_are_kept_without_history);
    tcase_add_loop_test(layers, failed_states_are_not_replaced, 0, 2);
    tcase_add_test(layers, extras_begin_at_nothing);
    tcase_add_test(layers, bad_dtypes_are_refused);
    tcase_add_test(layers, printouts);
    tcase_add_loop_test(layers, the_same_with_and_without_a_graph, 0, KINDS);
    return run_tests("recurrent_modules", cells, layers);
}
