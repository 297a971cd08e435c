/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Exported C whose number of samples is fixed when it is compiled, and which takes fewer time steps than the example
 * has: compiled by $CC, it computes for each what the library computes for an input of that shape. */
#include "exported.h"

#include <math.h>

#include "char_lm.h"
#include "mlp.h"
#include "sequence_classifier.h"
#include "simple_rnn.h"
#include "tcn.h"
#include "transformer.h"

enum { NUMBERS = 1 << 14, STEPS = 9, EXAMPLE_BATCH = 2 };

/* --- The models --------------------------------------------------------------------------------------------------- */

static fr_module *make_mlp(void)
{
    return mlp_new(&(mlp_options){ .sizes = { 6, 16, 8, 3 }, .dropout = 0.2 });
}

static fr_module *make_convolutions(void)
{
    fr_conv_options strided = { .stride = FR_SHAPE(2, 1), .padding = FR_SHAPE(1, 2), .groups = 2 };

    return fr_nn_sequential(
        6, (fr_module *[]){ fr_nn_conv2d(2, 4, FR_SHAPE(3, 3), &strided), fr_nn_batch_norm2d(4, NULL), fr_nn_gelu(),
                            fr_nn_max_pool2d(FR_SHAPE(2, 2), NULL), fr_nn_flatten(1, -1), fr_nn_log_softmax(1) });
}

static fr_module *make_rnn(void)
{
    return fr_nn_rnn(3, 5, NULL);
}

static fr_module *make_lstm(void)
{
    return fr_nn_lstm(3, 5, &(fr_recurrent_options){ .num_layers = 2, .batch_first = true });
}

static fr_module *make_gru(void)
{
    return fr_nn_gru(3, 5, &(fr_recurrent_options){ .num_layers = 2, .bidirectional = true });
}

static fr_module *make_last_step(void)
{
    return simple_rnn_new(
        &(simple_rnn_options){ .cell = SIMPLE_LSTM, .input = 3, .hidden = 8, .output = 2, .layers = 2 });
}

static fr_module *make_char_lm(void)
{
    return char_lm_new(&(char_lm_options){ .symbols = 11, .embedding = 5, .hidden = 8 });
}

static fr_module *make_embedding(void)
{
    return fr_nn_sequential(2, (fr_module *[]){ fr_nn_embedding(11, 4, NULL), fr_nn_linear(4, 3, NULL) });
}

static fr_module *make_classifier(void)
{
    return sequence_classifier_new(
        &(sequence_classifier_options){ .variables = 3, .hidden = 6, .classes = 4, .dropout = 0.1 });
}

static fr_module *make_tcn(void)
{
    return tcn_new(
        &(tcn_options){ .variables = 3, .channels = 6, .blocks = 2, .kernel = 3, .classes = 4, .dropout = 0.1 });
}

static fr_module *make_transformer(void)
{
    return transformer_new(&(transformer_options){
        .variables = 3, .width = 8, .heads = 2, .layers = 2, .steps = 10, .classes = 4, .dropout = 0.1 });
}

static fr_tensor *attend(fr_module *m, fr_tensor *x)
{
    fr_tensor *y = fr_forward(fr_module_at(m, 0), x);

    return fr_scaled_dot_product_attention(y, x, fr_cumsum(y, 1), &(fr_attention_options){ .is_causal = true });
}

static fr_module *make_attention(void)
{
    fr_module *m = fr_module_new("Attend", 0, attend);

    fr_module_add(m, "query", fr_nn_linear(3, 3, NULL));
    return m;
}

/* A single step has no change, so that two are the fewest. Its time steps, dim 1, are turned to the end. */
static fr_tensor *changes(fr_module *m, fr_tensor *x)
{
    fr_tensor *y = fr_sub(fr_slice(x, 1, 1, INT64_MAX, 1), fr_slice(x, 1, 0, -1, 1));

    (void)m;
    y = fr_add(y, fr_slice(fr_flip(x, 1), 1, 1, INT64_MAX, 1));
    return fr_transpose(fr_cat((fr_tensor *[]){ y, fr_mean_dim(x, 1, true) }, 2, 1), 1, 2);
}

/* The samples' dim moves. */
static fr_tensor *transposed(fr_module *m, fr_tensor *x)
{
    (void)m;
    return fr_transpose(fr_softmax(x, 0), 0, 1);
}

/* The first step alone: nothing is computed of the length. */
static fr_tensor *first_step(fr_module *m, fr_tensor *x)
{
    (void)m;
    return fr_tanh(fr_select(x, 1, 0));
}

/* These do something else for few steps: the sizes, a place or a number is another one. */
static fr_tensor *last_four(fr_module *m, fr_tensor *x)
{
    int64_t n = fr_dim(x, 1);

    (void)m;
    return fr_exp(fr_slice(x, 1, n > 4 ? n - 4 : 0, n, 1));
}

static fr_tensor *third_last(fr_module *m, fr_tensor *x)
{
    int64_t n = fr_dim(x, 1);

    (void)m;
    return fr_exp(fr_select(x, 1, n > 3 ? n - 3 : 0));
}

static fr_tensor *scaled(fr_module *m, fr_tensor *x)
{
    (void)m;
    return fr_mul_scalar(x, fr_dim(x, 1) < 3 ? 2 : 3);
}

static const struct {
    fr_module *(*make)(void);
    fr_shape x; /* of the example */
    int64_t symbols;
    int batch, time; /* dims of x; time -1: the length is fixed */
    int64_t min;     /* length */
    bool int8;
    fr_tensor *(*forward)(fr_module *m, fr_tensor *x); /* of a module that has nothing else; make is NULL */
} models[] = {
    { make_mlp, { 2, { EXAMPLE_BATCH, 6 } }, .time = -1 },
    { make_convolutions, { 4, { EXAMPLE_BATCH, 2, 7, 5 } }, .time = -1 },
    { make_rnn, { 3, { STEPS, EXAMPLE_BATCH, 3 } }, .batch = 1, .min = 1 },
    { make_lstm, { 3, { EXAMPLE_BATCH, STEPS, 3 } }, .time = 1, .min = 1 },
    { make_lstm, { 3, { EXAMPLE_BATCH, STEPS, 3 } }, .time = 1, .min = 1, .int8 = true },
    { make_gru, { 3, { STEPS, EXAMPLE_BATCH, 3 } }, .batch = 1, .min = 1 },
    { make_last_step, { 3, { EXAMPLE_BATCH, STEPS, 3 } }, .time = 1, .min = 1 },
    { make_char_lm, { 2, { STEPS, EXAMPLE_BATCH } }, .symbols = 11, .batch = 1, .min = 1 },
    { make_embedding, { 2, { EXAMPLE_BATCH, STEPS } }, .symbols = 11, .time = 1, .min = 1 },
    { make_classifier, { 3, { EXAMPLE_BATCH, STEPS, 3 } }, .time = 1, .min = 1 },
    { make_tcn, { 3, { EXAMPLE_BATCH, STEPS, 3 } }, .time = 1, .min = 1 },
    { make_transformer, { 3, { EXAMPLE_BATCH, STEPS, 3 } }, .time = 1, .min = 1 },
    { make_attention, { 3, { EXAMPLE_BATCH, STEPS, 3 } }, .time = 1, .min = 1 },
    { NULL, { 3, { EXAMPLE_BATCH, STEPS, 3 } }, .forward = changes, .time = 1, .min = 2 },
    { NULL, { 3, { EXAMPLE_BATCH, STEPS, 3 } }, .forward = last_four, .time = 1, .min = 4 },
    { NULL, { 3, { EXAMPLE_BATCH, STEPS, 3 } }, .forward = third_last, .time = 1, .min = 3 },
    { NULL, { 3, { EXAMPLE_BATCH, STEPS, 3 } }, .forward = scaled, .time = 1, .min = 3 },
    { NULL, { 3, { STEPS, EXAMPLE_BATCH, 3 } }, .forward = transposed, .batch = 1, .min = 1 },
    { NULL, { 3, { EXAMPLE_BATCH, STEPS, 3 } }, .forward = first_step, .time = 1, .min = 1 },
};
enum { MODELS = sizeof models / sizeof *models };

static fr_module *make(int i)
{
    return models[i].make ? models[i].make() : fr_module_new("Forward", 0, models[i].forward);
}

static fr_tensor *input(int i, int64_t batch, int64_t length)
{
    fr_shape shape = models[i].x;

    shape.dim[models[i].batch] = batch;
    if (models[i].time >= 0)
        shape.dim[models[i].time] = length;
    return models[i].symbols ? fr_randint(0, models[i].symbols, shape) : fr_randn(shape);
}

/* --- Compiling, running ------------------------------------------------------------------------------------------- */

/* main N reads x from stdin and writes what net_run_length gives for N steps, or net_run for 0. The workspace of
 * net_run_length_in is not cleared. */
static const char main_text[] = "#include \"net.h\"\n"
                                "#include <stdio.h>\n"
                                "#include <stdlib.h>\n"
                                "int main(int argc, char **argv)\n"
                                "{\n"
                                "    static TYPE x[NET_X_SIZE];\n"
                                "    static float y[NET_Y_SIZE];\n"
                                "    int length = argc > 1 ? atoi(argv[1]) : 0, n = NET_Y_SIZE;\n"
                                "    if (fread(x, sizeof *x, NET_X_SIZE, stdin) == 0)\n"
                                "        return 1;\n"
                                "#ifdef NET_MAX_LENGTH\n"
                                "    static net_workspace w;\n"
                                "    if (net_run_length_in(&w, x, NET_MIN_LENGTH - 1, y) != 0 ||\n"
                                "        net_run_length(x, NET_MAX_LENGTH + 1, y) != 0 || y[0] != 0)\n"
                                "        return 2;\n"
                                "    if (length > 0 && net_run_length_in(&w, x, NET_MAX_LENGTH, y) != NET_Y_SIZE)\n"
                                "        return 3;\n"
                                "    if (length > 0)\n"
                                "        n = net_run_length_in(&w, x, length, y);\n"
                                "#endif\n"
                                "    if (length == 0)\n"
                                "        net_run(x, y);\n"
                                "    fwrite(y, sizeof *y, (size_t)n, stdout);\n"
                                "    return 0;\n"
                                "}\n";

static void put_file(const char *name, const void *data, size_t n)
{
    char path[PATH];
    FILE *f = fopen(in_folder(name, path), "wb");

    ck_assert(f && fwrite(data, 1, n, f) == n);
    ck_assert_int_eq(fclose(f), 0);
}

/* With NET_BATCH as in the header if batch is 0. */
static void compile(bool integers, int64_t batch)
{
    char flags[128], command[PATH];

    snprintf(flags, sizeof flags, batch ? "-DTYPE=%s -DNET_BATCH=%lld" : "-DTYPE=%s", integers ? "int64_t" : "float",
             (long long)batch);
    snprintf(command, sizeof command, "%%s " STRICT " %s -o '%%2$s/net' '%%2$s/main.c' '%%2$s/net.c' -lm", flags);
    ck_assert(shell(command, compiler("CC", "cc")));
}

/* Asserts that the program computes what m does for x. length 0: by net_run. */
static void check_run(int i, fr_module *m, fr_tensor *x, int length)
{
    static float got[NUMBERS];
    char path[PATH], command[PATH];
    fr_tensor *y = fr_forward(m, x);
    FILE *f;

    ck_assert_msg(y && fr_numel(y) < NUMBERS, "%s", fr_error_message());
    put_file("x", fr_data(x), (size_t)fr_numel(x) * (fr_dtype_of(x) == FR_I64 ? sizeof(int64_t) : sizeof(float)));
    snprintf(command, sizeof command, "%%2$s/net %d < %%2$s/x > %%2$s/y", length);
    ck_assert(shell(command, ""));
    f = fopen(in_folder("y", path), "rb");
    ck_assert(f && fread(got, sizeof *got, NUMBERS, f) == (size_t)fr_numel(y));
    fclose(f);
    for (int64_t k = 0; k < fr_numel(y); k++) {
        double expected = fr_at(y, k), bound = (models[i].int8 ? 0.05 : 2e-6) * fmax(1, fabs(expected));

        ck_assert_msg(fabs((double)got[k] - expected) <= bound, "model %d, length %d, value %lld: %.9g, expected %.9g",
                      i, length, (long long)k, (double)got[k], expected);
    }
}

static fr_module *export_model(int i, fr_export_c_report *report)
{
    fr_export_c_options options = { .open_batch = true, .open_length = models[i].time >= 0, .int8 = models[i].int8 };
    fr_module *m = make(i);
    char path[PATH];

    fr_train(m, false);
    ck_assert_msg(fr_export_c_with(m, input(i, EXAMPLE_BATCH, STEPS), in_folder("net.c", path), &options, report),
                  "model %d: %s", i, fr_error_message());
    put_file("main.c", main_text, sizeof main_text - 1);
    return m;
}

START_TEST(any_batch_and_length)
{
    static const int64_t batches[] = { 0, 1, 5 };
    FR_SCOPE;
    fr_export_c_report report;
    fr_module *m;
    char path[PATH], line[256];

    fr_manual_seed(1);
    m = export_model(_i, &report);
    for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
        int64_t batch = batches[b] ? batches[b] : EXAMPLE_BATCH;

        compile(models[_i].symbols > 0, batches[b]);
        check_run(_i, m, input(_i, batch, STEPS), 0);
        for (int length = (int)models[_i].min; models[_i].time >= 0 && length <= STEPS; length++)
            check_run(_i, m, input(_i, batch, length), length);
    }
    ck_assert_int_eq(report.min_length, models[_i].min);
    snprintf(line, sizeof line,
             "printf '#include \"net.h\"\\nchar ok[sizeof(net_workspace) == %lld ? 1 : -1];' > '%%2$s/h.c' && %%1$s "
             "-fsyntax-only '%%2$s/h.c'",
             (long long)(report.workspace_bytes ? report.workspace_bytes : 4));
    ck_assert(shell(line, compiler("CC", "cc")));
    ck_assert(shell("! %1$s -DNET_BATCH=0 -fsyntax-only '%2$s/net.c' 2>/dev/null", compiler("CC", "cc")));
    /* The same text each time. */
    ck_assert(shell("mv '%2$s/net.c' '%2$s/first.c'", ""));
    ck_assert(fr_export_c_with(
        m, input(_i, EXAMPLE_BATCH, STEPS), in_folder("net.c", path),
        &(fr_export_c_options){ .open_batch = true, .open_length = models[_i].time >= 0, .int8 = models[_i].int8 },
        NULL));
    ck_assert(shell("cmp '%2$s/net.c' '%2$s/first.c'", ""));
    fr_module_free(m);
}
END_TEST

/* Without open_batch the length is still that of the steps, and not of the samples. */
START_TEST(length_alone)
{
    FR_SCOPE;
    char path[PATH];
    fr_module *m;

    fr_manual_seed(1);
    if (models[_i].time < 0)
        return;
    m = make(_i);
    fr_train(m, false);
    ck_assert_msg(fr_export_c_with(m, input(_i, EXAMPLE_BATCH, STEPS), in_folder("net.c", path),
                                   &(fr_export_c_options){ .open_length = true }, NULL),
                  "model %d: %s", _i, fr_error_message());
    put_file("main.c", main_text, sizeof main_text - 1);
    compile(models[_i].symbols > 0, 0);
    for (int length = (int)models[_i].min; length <= STEPS; length += 3)
        check_run(_i, m, input(_i, EXAMPLE_BATCH, length), length);
    fr_module_free(m);
}
END_TEST
int main(void)
{
    TCase *open = tcase_create("open");

    tcase_set_timeout(open, 120);
    tcase_add_checked_fixture(open, make_folder, remove_folder);
    tcase_add_loop_test(open, any_batch_and_length, 0, MODELS);
    tcase_add_loop_test(open, length_alone, 0, MODELS);
    return run_tests("export_c_batch", open);
}
