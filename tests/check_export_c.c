/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Exported C: compiled by $CC as strict C99, it computes what the library computes, as a whole and step by step. */
#include "exported.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "char_lm.h"
#include "forecaster.h"
#include "mlp.h"
#include "sequence_classifier.h"
#include "simple_rnn.h"
#include "tcn.h"
#include "transformer.h"

#include "core/scope.h"
#include "core/tensor.h"

/* --- Running what was exported ------------------------------------------------------------------------------------ */

/* Writes main.c: a program that reads x and writes y and, if steps > 0, the y of each step. */
static void write_main(const fr_tensor *x, const fr_tensor *y, int64_t steps, int64_t step_y)
{
    const char *type = fr_dtype_of(x) == FR_I64 ? "int64_t" : "float";
    char path[PATH];
    FILE *f = fopen(in_folder("main.c", path), "w");

    ck_assert_ptr_nonnull(f);
    fprintf(f, "#include \"net.h\"\n#include <stdio.h>\n\nint main(void)\n{\n    static %s x[%lld];\n", type,
            (long long)fr_numel(x));
    fprintf(f, "    static float y[%lld];\n\n", (long long)fr_numel(y));
    fprintf(f, "    if (fread(x, sizeof *x, %lld, stdin) != %lld)\n        return 1;\n", (long long)fr_numel(x),
            (long long)fr_numel(x));
    fprintf(f, "    net_run(x, y);\n    net_run(x, y);\n    fwrite(y, sizeof *y, %lld, stdout);\n",
            (long long)fr_numel(y));
    if (steps > 0) {
        fprintf(f, "    {\n        static net_state state;\n        static float one[%lld];\n        int k, t;\n\n",
                (long long)step_y);
        fprintf(f, "        for (k = 0; k < 2; k++) {\n            net_reset(&state);\n");
        fprintf(f, "            for (t = 0; t < %lld; t++) {\n                net_step(&state, x + t * %lld, one);\n",
                (long long)steps, (long long)(fr_numel(x) / steps));
        fprintf(f, "                if (k == 1)\n                    fwrite(one, sizeof *one, %lld, stdout);\n",
                (long long)step_y);
        fprintf(f, "            }\n        }\n    }\n");
    }
    fprintf(f, "    return 0;\n}\n");
    ck_assert_int_eq(fclose(f), 0);
}

static void write_x(const fr_tensor *x)
{
    char path[PATH];
    FILE *f = fopen(in_folder("x", path), "wb");
    size_t size = fr_dtype_of(x) == FR_I64 ? 8 : 4;

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(fr_data((fr_tensor *)x), size, (size_t)fr_numel(x), f), fr_numel(x));
    ck_assert_int_eq(fclose(f), 0);
}

static void compare(const float *got, const fr_tensor *y, int64_t from, int64_t n, double bound)
{
    for (int64_t i = 0; i < n; i++) {
        double expected = fr_at(y, from + i), error = fabs((double)got[i] - expected);
        bool nan = isnan(expected) && isnan(got[i]);

        ck_assert_msg(nan || error <= bound * fmax(1, fabs(expected)), "value %lld: %.9g, expected %.9g",
                      (long long)(from + i), (double)got[i], expected);
    }
}

/* True if there is a C++ compiler. main finds out before the tests run, and prints a note if there is none. */
static bool have_cxx;

static void compile(void)
{
    ck_assert(shell("%s " STRICT " -o '%2$s/net' '%2$s/main.c' '%2$s/net.c' -lm", compiler("CC", "cc")));
    ck_assert(!have_cxx ||
              shell("cd '%2$s' && printf '#include \"net.h\"\\nint main() { net_workspace w; (void)w; }\\n' > h.cc && "
                    "%1$s -Wall -Wextra -pedantic -Werror -fsyntax-only h.cc",
                    compiler("CXX", "c++")));
    ck_assert(shell("%2$s/net < %2$s/x > %2$s/y", ""));
}

/* Exports m and asserts that the code computes what m computes, within bound. If steps > 0, the code must also run step
 * by step, in that many steps. */
/* Of the constant arrays that the file defines: lines as "static const float net_weight[24] = {". */
static int64_t constant_bytes(const char *path)
{
    static const struct {
        const char *line;
        int64_t size;
    } types[] = { { "static const float %*[a-z0-9_][%lld] =", sizeof(float) },
                  { "static const int64_t %*[a-z0-9_][%lld] =", sizeof(int64_t) },
                  { "static const int8_t %*[a-z0-9_][%lld] =", sizeof(int8_t) } };
    FILE *f = fopen(path, "r");
    char line[512];
    int64_t bytes = 0;

    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof line, f))
        for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
            long long n;

            if (sscanf(line, types[i].line, &n) == 1)
                bytes += n * types[i].size;
        }
    fclose(f);
    return bytes;
}

static void check_exported(fr_module *m, fr_tensor *x, int64_t steps, double bound, const fr_export_c_options *options,
                           fr_export_c_report *report)
{
    static float got[MOST];
    char path[PATH];
    fr_tensor *y;
    int64_t step_y;
    FILE *f;

    fr_train(m, false);
    y = fr_forward(m, x);
    ck_assert_msg(y && fr_numel(y) <= MOST, "%s", fr_error_message());
    step_y = steps > 0 && fr_ndim(y) == 3 ? fr_numel(y) / steps : fr_numel(y);
    ck_assert_msg(fr_export_c_with(m, x, in_folder("net.c", path), options, report), "%s", fr_error_message());
    ck_assert_msg((report->state_bytes > 0) == (steps > 0), "steps: %s", report->not_stepwise);
    ck_assert_int_eq(report->weight_bytes, constant_bytes(path));
    write_main(x, y, steps, step_y);
    write_x(x);
    compile();
    f = fopen(in_folder("y", path), "rb");
    ck_assert(f && fread(got, sizeof *got, (size_t)fr_numel(y), f) == (size_t)fr_numel(y));
    compare(got, y, 0, fr_numel(y), bound);
    for (int64_t t = 0; t < steps; t++) {
        ck_assert_uint_eq(fread(got, sizeof *got, (size_t)step_y, f), step_y);
        if (step_y < fr_numel(y) || t == steps - 1)
            compare(got, y, step_y < fr_numel(y) ? t * step_y : 0, step_y, bound);
    }
    ck_assert_int_eq(fgetc(f), EOF);
    fclose(f);
}

/* --- The models --------------------------------------------------------------------------------------------------- */

static fr_module *simple(simple_rnn_cell cell, int layers, bool both)
{
    return simple_rnn_new(&(simple_rnn_options){
        .cell = cell, .input = 3, .hidden = 8, .output = 2, .layers = layers, .bidirectional = both });
}

static fr_module *make_rnn(void)
{
    return simple(SIMPLE_RNN, 1, false);
}

static fr_module *make_lstm(void)
{
    return simple(SIMPLE_LSTM, 2, false);
}

static fr_module *make_gru(void)
{
    return simple(SIMPLE_GRU, 2, false);
}

static fr_module *make_both_ways(void)
{
    return simple(SIMPLE_GRU, 2, true);
}

static fr_module *make_mlp(void)
{
    return mlp_new(&(mlp_options){ .sizes = { 6, 16, 8, 3 }, .dropout = 0.2 });
}

static fr_module *make_char_lm(void)
{
    return char_lm_new(&(char_lm_options){ .symbols = 11, .embedding = 5, .hidden = 8 });
}

static fr_module *make_forecaster(void)
{
    return forecaster_new(8);
}

static fr_module *make_classifier(void)
{
    return sequence_classifier_new(
        &(sequence_classifier_options){ .variables = 3, .hidden = 6, .classes = 4, .dropout = 0.1 });
}

static fr_module *make_tcn(void)
{
    return tcn_new(
        &(tcn_options){ .variables = 2, .channels = 6, .blocks = 3, .kernel = 3, .classes = 4, .dropout = 0.1 });
}

static fr_module *make_transformer(void)
{
    return transformer_new(&(transformer_options){
        .variables = 3, .width = 8, .heads = 2, .layers = 2, .steps = 10, .classes = 4, .dropout = 0.1 });
}

static fr_module *make_projected(void)
{
    return fr_nn_lstm(3, 8, &(fr_recurrent_options){ .num_layers = 2, .proj_size = 4, .no_bias = true });
}

static fr_module *make_relu(void)
{
    return fr_nn_rnn(3, 8, &(fr_recurrent_options){ .relu = true });
}

static fr_module *make_convolutions(void)
{
    fr_conv_options strided = { .stride = FR_SHAPE(2, 1), .padding = FR_SHAPE(1, 2), .groups = 2 };

    return fr_nn_sequential(
        7, (fr_module *[]){ fr_nn_conv2d(2, 4, FR_SHAPE(3, 3), &strided), fr_nn_batch_norm2d(4, NULL), fr_nn_gelu(),
                            fr_nn_max_pool2d(FR_SHAPE(2, 2), &(fr_max_pool_options){ .padding = FR_SHAPE(1, 1) }),
                            fr_nn_avg_pool2d(FR_SHAPE(2, 2), NULL), fr_nn_flatten(1, -1), fr_nn_log_softmax(1) });
}

static const struct {
    fr_module *(*make)(void);
    fr_shape x;
    int64_t symbols;
    int64_t steps;
} models[] = {
    { make_rnn, { 3, { 1, 7, 3 } }, 0, 7 },
    { make_lstm, { 3, { 1, 7, 3 } }, 0, 7 },
    { make_gru, { 3, { 1, 7, 3 } }, 0, 7 },
    { make_both_ways, { 3, { 2, 7, 3 } }, 0, 0 },
    { make_mlp, { 2, { 4, 6 } }, 0, 0 },
    { make_char_lm, { 2, { 9, 2 } }, 11, 9 },
    { make_forecaster, { 3, { 6, 2, 1 } }, 0, 6 },
    { make_classifier, { 3, { 2, 5, 3 } }, 0, 0 },
    { make_tcn, { 3, { 2, 9, 2 } }, 0, 0 },
    { make_transformer, { 3, { 2, 7, 3 } }, 0, 0 },
    { make_projected, { 3, { 5, 2, 3 } }, 0, 5 },
    { make_relu, { 3, { 5, 2, 3 } }, 0, 5 },
    { make_convolutions, { 4, { 2, 2, 7, 5 } }, 0, 0 },
};
enum { MODELS = sizeof models / sizeof *models };

static fr_tensor *example(int i)
{
    return models[i].symbols ? fr_randint(0, models[i].symbols, models[i].x) : fr_randn(models[i].x);
}

START_TEST(a_model_computes_the_same)
{
    FR_SCOPE;
    fr_export_c_report report;
    fr_module *m;

    fr_manual_seed(1);
    m = models[_i].make();
    check_exported(m, example(_i), models[_i].steps, 1e-6, NULL, &report);
    ck_assert(report.weight_bytes > 0 || _i == MODELS - 1);
    fr_module_free(m);
}
END_TEST

/* Weights in 8 bits are off by at most 1/254 of the largest in their row; the code computes exactly with these weights.
 */
START_TEST(int8_loses_little_and_says_how_much)
{
    FR_SCOPE;
    fr_export_c_report report;
    fr_module *m;

    fr_manual_seed(1);
    m = models[_i].make();
    check_exported(m, example(_i), models[_i].steps, 0.05, &(fr_export_c_options){ .int8 = true }, &report);
    printf("model %d: int8 loses %.2g, %lld bytes of constants\n", _i, report.int8_loss,
           (long long)report.weight_bytes);
    ck_assert(report.int8_loss > 0 && report.int8_loss < 0.05);
    fr_module_free(m);
}
END_TEST

/* The functions of the gates, for values at the limits of float and where their results become 1. */
static fr_tensor *gates(fr_module *m, fr_tensor *x)
{
    (void)m;
    return fr_cat((fr_tensor *[]){ fr_sigmoid(x), fr_tanh(x), fr_mul_scalar(fr_tanh(x), 1e38) }, 3, 0);
}

START_TEST(gates_are_right_at_the_edges)
{
    static const float edges[] = { 0,    -0.0F, 1e-45F, -1e-39F, 1e-20F, 0.3F,  -0.6F,    2,         -9,  9.1F, 17,
                                   -17,  -86,   87,     -87.5F,  -104,   3e38F, -3e38F,   1e-4F,     -20, 20,   88.8F,
                                   -200, 9,     10,     -10,     10.01F, 5,     INFINITY, -INFINITY, NAN, -NAN };
    enum { N = sizeof edges / sizeof *edges };
    FR_SCOPE;
    fr_export_c_report report;
    fr_module *m = fr_module_new("Gates", 0, gates);
    fr_tensor *x = fr_zeros(FR_SHAPE(N));

    memcpy(fr_data(x), edges, sizeof edges);
    check_exported(m, x, 0, 2.5e-7, NULL, &report);
    fr_module_free(m);
}
END_TEST

START_TEST(saturated_cells_compute_the_same)
{
    static const float scales[] = { 300, 1e-38F };
    FR_SCOPE;
    fr_export_c_report report;
    fr_module *m;

    fr_manual_seed(3);
    m = simple(_i % 3 == 0 ? SIMPLE_RNN : _i % 3 == 1 ? SIMPLE_LSTM : SIMPLE_GRU, 2, false);
    check_exported(m, fr_mul_scalar(fr_randn(FR_SHAPE(1, 6, 3)), (double)scales[_i / 3]), 6, 1e-6, NULL, &report);
    fr_module_free(m);
}
END_TEST

/* --- Ops ---------------------------------------------------------------------------------------------------------- */

static fr_tensor *arithmetic(fr_module *m, fr_tensor *x)
{
    fr_tensor *row = fr_sum_dim(x, 0, true), *column = fr_mean_dim(x, -1, true), *y = fr_sub(fr_mul(x, row), column);

    (void)m;
    y = fr_add(y, fr_where(fr_gt(x, column), fr_sigmoid(x), fr_elu(x, 0.7)));
    y = fr_add(y, fr_add(fr_softplus(x), fr_add(fr_silu(x), fr_leaky_relu(x, 0.1))));
    y = fr_add(y, fr_add(fr_clamp(x, -0.5, 0.25), fr_add(fr_erf(x), fr_pow_scalar(fr_abs(x), 1.5))));
    y = fr_add(y, fr_div(fr_sin(x), fr_add_scalar(fr_square(fr_cos(x)), 1)));
    return fr_add(y, fr_maximum(fr_expm1(x), fr_minimum(fr_neg(x), fr_floor(x))));
}

static fr_tensor *functions(fr_module *m, fr_tensor *x)
{
    fr_tensor *y = fr_add(fr_ceil(x), fr_add(fr_round(x), fr_trunc(fr_mul_scalar(x, 3))));

    (void)m;
    y = fr_add(y, fr_add(fr_atan(x), fr_atan2(x, fr_add_scalar(fr_square(x), 1))));
    y = fr_add(y, fr_add(fr_tan(fr_sin(x)), fr_mul(fr_sinh(fr_sin(x)), fr_cosh(fr_cos(x)))));
    y = fr_add(y, fr_add(fr_log2(fr_add_scalar(fr_abs(x), 1)), fr_logaddexp(x, fr_neg(x))));
    y = fr_add(y, fr_add(fr_remainder_scalar(x, -0.75), fr_remainder(x, fr_add_scalar(fr_abs(x), 0.5))));
    y = fr_add(y, fr_add(fr_hardswish(x), fr_add(fr_hardsigmoid(x), fr_hardtanh(x, -1, 1))));
    y = fr_add(y, fr_add(fr_mish(x), fr_add(fr_selu(x), fr_celu(x, 1.3))));
    y = fr_add(y, fr_add(fr_softsign(x), fr_add(fr_logsigmoid(x), fr_gelu_tanh(x))));
    return fr_add(y, fr_add(fr_lerp(x, y, fr_sin(x)), fr_nan_to_num(y, 0, INFINITY, -INFINITY)));
}

static fr_tensor *views(fr_module *m, fr_tensor *x)
{
    fr_tensor *y = fr_permute(x, (int[]){ 2, 0, 1 });

    (void)m;
    y = fr_cat((fr_tensor *[]){ fr_slice(y, 1, 1, 3, 1), fr_flip(fr_slice(y, 1, 0, INT64_MAX, 2), 0) }, 2, 1);
    y = fr_pad(y, (int64_t[]){ 1, -1, 0, 2 }, 4, 0.5);
    y = fr_add(y, fr_tril(fr_expand(fr_select(y, 0, 1), fr_shape_of(y)), 1));
    return fr_reshape(fr_transpose(y, 0, 2), FR_SHAPE(-1));
}

static fr_tensor *reductions(fr_module *m, fr_tensor *x)
{
    fr_tensor *parts[] = { fr_sum(x),
                           fr_mean(x),
                           fr_prod(x),
                           fr_max(x),
                           fr_min(x),
                           fr_var(x),
                           fr_std(x),
                           fr_norm(x),
                           fr_logsumexp(x),
                           fr_sum(fr_max_dim(x, 1, false)),
                           fr_sum(fr_square(fr_logsumexp_dim(x, 0, true))),
                           fr_sum(fr_square(fr_std_dim(x, 1, false))) };

    (void)m;
    return fr_stack(parts, (int)(sizeof parts / sizeof *parts), 0);
}

static fr_tensor *normalised(fr_module *m, fr_tensor *x)
{
    fr_tensor *y = fr_layer_norm(x, FR_SHAPE(4), NULL, NULL, 0);

    (void)m;
    y = fr_add(y, fr_rms_norm(x, FR_SHAPE(3, 4), NULL, 0));
    y = fr_add(y, fr_softmax(x, 1));
    return fr_scaled_dot_product_attention(y, x, fr_log_softmax(x, -1), &(fr_attention_options){ .is_causal = true });
}

static fr_tensor *picked(fr_module *m, fr_tensor *x)
{
    fr_tensor *flat = fr_reshape(x, FR_SHAPE(-1)), *turned = fr_transpose(x, 0, 2), *y = fr_cumsum(x, 1);
    fr_extreme last = fr_max_dim_indices(x, -1, true), middle = fr_min_dim_indices(turned, 1, false);
    fr_extreme sorted = fr_sort(turned, 0, false), top = fr_topk(x, 2, 1, true);
    fr_tensor *rows = fr_argmax(turned, 2, false), *order = fr_argsort(x, 2, true);
    fr_tensor *parts[] = {
        fr_reshape(fr_add(y, fr_gather(x, -1, order)), FR_SHAPE(-1)),
        fr_reshape(fr_gather(turned, 1, fr_unsqueeze(middle.indices, 1)), FR_SHAPE(-1)),
        fr_reshape(fr_mul(last.values, fr_cast(fr_eq_scalar(last.indices, 2), FR_F32)), FR_SHAPE(-1)),
        fr_reshape(fr_mul(sorted.values, fr_cast(fr_gt_scalar(sorted.indices, 1), FR_F32)), FR_SHAPE(-1)),
        fr_reshape(fr_add(top.values, fr_gather(x, 1, top.indices)), FR_SHAPE(-1)),
        fr_reshape(fr_gather(turned, 2, fr_unsqueeze(rows, 2)), FR_SHAPE(-1)),
        fr_index_select(flat, 0, fr_reshape(fr_argmin(x, 0, false), FR_SHAPE(-1))),
        fr_reshape(fr_cumsum(turned, -1), FR_SHAPE(-1))
    };

    (void)m;
    return fr_cat(parts, (int)(sizeof parts / sizeof *parts), 0);
}

/* Values alone, indices alone, and both. NaN beside others: the last is taken. */
static fr_tensor *pooled(fr_module *m, fr_tensor *x)
{
    fr_tensor *odd = fr_sqrt(fr_add_scalar(x, 1));
    fr_max_pool_options dense = { .stride = FR_SHAPE(1), .padding = FR_SHAPE(1) };
    fr_extreme y = fr_max_pool2d_with_indices(x, FR_SHAPE(3, 2), &dense);
    fr_extreme row = fr_max_pool1d_with_indices(x, 2, NULL);
    fr_tensor *indices = fr_max_pool2d_with_indices(odd, FR_SHAPE(3, 2), &dense).indices;
    fr_tensor *parts[] = { fr_reshape(y.values, FR_SHAPE(-1)), fr_reshape(fr_cast(indices, FR_F32), FR_SHAPE(-1)),
                           fr_reshape(fr_max_unpool1d(row.values, row.indices, 2, NULL), FR_SHAPE(-1)),
                           fr_reshape(fr_cast(y.indices, FR_F32), FR_SHAPE(-1)) };

    (void)m;
    return fr_cat(parts, (int)(sizeof parts / sizeof *parts), 0);
}

static fr_tensor *norms(fr_module *m, fr_tensor *x)
{
    static const double ps[] = { 1, 3, 0.5, -1.5, FR_ZERO, INFINITY, -INFINITY, 2 };
    fr_tensor *parts[sizeof ps / sizeof *ps];

    (void)m;
    for (size_t i = 0; i < sizeof ps / sizeof *ps; i++)
        parts[i] = fr_norm_with(x, &(fr_norm_options){ .p = ps[i], .along = true, .dim = i % 2 ? 1 : -1 });
    for (size_t i = 0; i < sizeof ps / sizeof *ps; i++)
        parts[i] = fr_reshape(parts[i], FR_SHAPE(-1));
    return fr_cat(parts, (int)(sizeof parts / sizeof *parts), 0);
}

/* Functions that are made of others. */
static fr_tensor *composed(fr_module *m, fr_tensor *x)
{
    fr_tensor *halves[2] = { NULL };
    int n = fr_chunk(x, 2, 1, halves, 2);
    fr_tensor *parts[] = { fr_einsum("bij,bkj->bik", (fr_tensor *[]){ x, x }, 2),
                           fr_cdist(x, x, 1),
                           fr_cumprod(x, 2),
                           fr_roll(x, FR_DIMS(1, -1), FR_DIMS(0, 2)),
                           fr_unfold(x, 2, 2, 1),
                           fr_repeat(halves[n - 1], FR_DIMS(1, 2, 2)),
                           fr_repeat_interleave(x, 2, 1),
                           fr_rot90(x, 1, 0, 2),
                           fr_diagonal(x, 1, 1, 2),
                           fr_diag(fr_index(x, "0, ::-1, 1"), 1),
                           fr_sum_dims(x, FR_DIMS(0, 2), true),
                           fr_amax(x, FR_DIMS(0, 1), false),
                           fr_pad_mode(x, (int64_t[]){ 1, 2 }, 2, FR_REFLECT),
                           fr_interpolate(x, &(fr_interpolate_options){ .size = FR_SHAPE(7), .mode = FR_LINEAR }),
                           fr_adaptive_max_pool1d(x, 3),
                           fr_adaptive_avg_pool2d(x, FR_SHAPE(2, 3)),
                           fr_group_norm(x, 1, NULL, NULL, 0),
                           fr_instance_norm(x, NULL, NULL, NULL, NULL, NULL),
                           fr_conv_transpose1d(x, fr_full(FR_SHAPE(3, 2, 2), 0.5), fr_full(FR_SHAPE(2), 0.25),
                                               &(fr_conv_transpose_options){ .stride = FR_SHAPE(2) }),
                           fr_conv_transpose2d(x, fr_reshape(fr_arange(1, 9, 1, FR_F32), FR_SHAPE(2, 1, 2, 2)), NULL,
                                               &(fr_conv_transpose_options){ .stride = FR_SHAPE(2, 3),
                                                                             .padding = FR_SHAPE(1, 0),
                                                                             .output_padding = FR_SHAPE(1, 2),
                                                                             .dilation = FR_SHAPE(1, 2),
                                                                             .groups = 2 }) };

    (void)m;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        parts[i] = fr_flatten(parts[i], 0, -1);
    return fr_cat(parts, (int)(sizeof parts / sizeof *parts), 0);
}

static fr_tensor *written(fr_module *m, fr_tensor *x)
{
    fr_tensor *turned = fr_transpose(x, 0, 2), *order = fr_argsort(x, 1, false), *most = fr_argmax(x, 2, true);
    fr_tensor *one = fr_select(fr_squeeze(most, -1), 0, 1), *part = fr_slice(x, 2, 1, 2, 1);
    fr_tensor *parts[] = { fr_scatter(x, 1, order, fr_exp(x)),
                           fr_scatter_add(turned, 1, fr_transpose(order, 0, 2), turned),
                           fr_scatter_scalar(x, -1, most, 0.5),
                           fr_scatter_reduce(x, 2, most, part, "prod", true),
                           fr_scatter_reduce(x, 2, most, part, "mean", false),
                           fr_scatter_reduce(x, 2, fr_expand(most, FR_SHAPE(2, 3, 4)), x, "amax", false),
                           fr_scatter_reduce(x, 2, fr_expand(most, FR_SHAPE(2, 3, 4)), x, "amin", true),
                           fr_index_add(turned, 0, one, fr_slice(turned, 0, 1, INT64_MAX, 1), -0.5),
                           fr_index_put(x, (fr_tensor *[]){ fr_select(fr_argmin(x, 0, false), 1, 0) }, 1,
                                        fr_exp(fr_select(x, 0, 0)), true),
                           fr_logical_xor(fr_gt_scalar(x, 0), x),
                           fr_all_dim(fr_lt_scalar(x, 1), -1, false) };

    (void)m;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        parts[i] = fr_reshape(parts[i], FR_SHAPE(-1));
    return fr_cat(parts, (int)(sizeof parts / sizeof *parts), 0);
}

/* Recurrent weights that are also read in another order, that are part of another tensor, or that are computed from x.
 */
static fr_tensor *weights(fr_module *m, fr_tensor *x)
{
    fr_tensor *w = fr_mul_scalar(fr_tril(fr_ones(FR_SHAPE(4, 4)), 1), 0.2),
              *parts = fr_cat((fr_tensor *[]){ w, w }, 2, 0);
    fr_tensor *product = fr_matmul(fr_transpose(x, 1, 2), x), *y = fr_rnn(x, NULL, w, w, NULL, NULL, NULL).out;

    (void)m;
    y = fr_rnn(y, NULL, fr_slice(parts, 0, 2, 6, 1), fr_transpose(w, 0, 1), NULL, NULL, NULL).out;
    y = fr_rnn(y, NULL, w, fr_select(product, 0, 0), NULL, NULL, NULL).out;
    return fr_linear(fr_matmul(y, w), fr_cat((fr_tensor *[]){ w, w, w }, 3, 0), NULL);
}

static fr_tensor *itself(fr_module *m, fr_tensor *x)
{
    (void)m;
    return fr_transpose(x, 0, 1);
}

static fr_tensor *constant(fr_module *m, fr_tensor *x)
{
    (void)m;
    return fr_exp(fr_ones(fr_shape_of(x)));
}

START_TEST(ops_compute_the_same)
{
    static fr_tensor *(*const forwards[])(
        fr_module *, fr_tensor *) = { arithmetic, functions, views, reductions, normalised, weights, picked,
                                      composed,   written,   norms, itself,     constant,   pooled };
    FR_SCOPE;
    fr_export_c_report report;
    fr_module *m = fr_module_new("Ops", 0, forwards[_i]);

    fr_manual_seed(2);
    check_exported(m, fr_randn(FR_SHAPE(2, 3, 4)), 0, 1e-6, NULL, &report);
    fr_module_free(m);
}
END_TEST

START_TEST(computed_parameters)
{
    FR_SCOPE;
    fr_export_c_report report;
    fr_module *layers[] = { fr_nn_linear(4, 5, NULL), fr_nn_conv1d(5, 2, 2, NULL), fr_nn_lstm(5, 3, NULL) };

    ck_assert(fr_weight_norm(layers[0], "weight", 0) && fr_spectral_norm(layers[1], "weight", 1, 1e-12, -1) &&
              fr_weight_norm(layers[2], "weight_hh_l0", 0));
    fr_tensor *x = fr_randn(_i == 0 ? FR_SHAPE(3, 4) : _i == 1 ? FR_SHAPE(5, 5) : FR_SHAPE(6, 1, 5));

    check_exported(layers[_i], x, _i == 2 ? 6 : 0, 1e-6, NULL, &report);
    for (int i = 0; i < 3; i++)
        fr_module_free(layers[i]);
}
END_TEST

/* --- Failures and names ------------------------------------------------------------------------------------------- */

static fr_tensor *unknown(fr_module *m, fr_tensor *x)
{
    fr_tensor *drawn = fr_bernoulli(fr_bernoulli(fr_sigmoid(x)));

    (void)m;
    return fr_mul(drawn, fr_cast(fr_multinomial(fr_sigmoid(x), 1, true), FR_F32));
}

/* Uses a tensor that shares an op's values but was made by no op. */
static fr_tensor *behind_the_back(fr_module *m, fr_tensor *x)
{
    fr_tensor *y = fr_exp(x);

    (void)m;
    return fr_add(y, fr_hold("test", fr_tensor_share("test", y, &y->shape, y->stride, 0)));
}

/* Dropout in training has no C form: the export puts the module in evaluation, and back afterwards. */
START_TEST(in_evaluation_whatever_it_was)
{
    FR_SCOPE;
    char path[PATH];
    fr_module *drop = fr_nn_dropout(0.5);

    in_folder("drop.c", path);
    ck_assert(fr_export_c(drop, fr_randn(FR_SHAPE(3)), path));
    ck_assert(fr_module_training(drop));
    fr_module_free(drop);
}
END_TEST

START_TEST(failures_name_op_and_module_and_leave_no_file)
{
    FR_SCOPE;
    char path[PATH];
    fr_module *inner = fr_module_new("Sum", 0, unknown), *m = fr_nn_sequential(1, &inner);
    fr_module *identity = fr_nn_identity(), *hidden = fr_module_new("Hidden", 0, behind_the_back);
    fr_tensor *x = fr_randn(FR_SHAPE(3));

    in_folder("bad.c", path);
    ck_assert(!fr_export_c(m, x, path));
    assert_failed("export_c", "cannot be written in C: op bernoulli in module 0: it has no C form (fr_op.c_code); op "
                              "multinomial in module 0:");
    ck_assert(!fr_export_c(hidden, x, path));
    assert_failed("export_c", "module Hidden", "(3,)", "no op gave it");
    ck_assert(!fr_export_c(m, x, NULL));
    assert_failed("export_c", "path is NULL");
    ck_assert(!fr_export_c(m, x, "net.txt"));
    assert_failed("export_c", "net.txt", ".c");
    ck_assert(!fr_export_c(NULL, x, path));
    assert_failed("export_c", "module");
    ck_assert(!fr_export_c(m, NULL, path));
    assert_failed("export_c", "example");
    ck_assert(!fr_export_c(identity, fr_cast(x, FR_F64), path));
    assert_failed("export_c", "float64");
    ck_assert(!fr_export_c_with(identity, x, path, &(fr_export_c_options){ .name = "2 net" }, NULL));
    assert_failed("export_c_with", "2 net");
    ck_assert(!is_there("bad.c") && !is_there("bad.h"));
    fr_module_free(m);
    fr_module_free(hidden);
    fr_module_free(identity);
}
END_TEST

/* The ways to mix the steps: reducing, sorting or summing along their dim. The dims after it have size 1. */
static int way;

static fr_tensor *over_steps(fr_module *m, fr_tensor *x)
{
    fr_tensor *y = fr_forward(fr_module_at(m, 0), x);

    switch (way) {
    case 0:
        return fr_mean_dim(y, 1, false);
    case 1:
        return fr_softmax(y, 1);
    case 2:
        return fr_sort(y, 1, false).values;
    case 3:
        return fr_max_dim(y, -2, false);
    default:
        return fr_cumsum(y, 1);
    }
}

START_TEST(what_looks_at_several_steps_is_no_step)
{
    FR_SCOPE;
    char path[PATH];
    fr_export_c_report report;
    fr_module *m = fr_module_new("OverSteps", 0, over_steps);

    way = _i;
    fr_module_add(m, "rnn", fr_nn_rnn(3, 1, &(fr_recurrent_options){ .batch_first = true }));
    ck_assert_msg(fr_export_c_with(m, fr_randn(FR_SHAPE(2, 5, 3)), in_folder("net.c", path), NULL, &report), "%s",
                  fr_error_message());
    ck_assert_int_eq(report.state_bytes, 0);
    ck_assert_ptr_nonnull(strstr(report.not_stepwise, "several steps"));
    fr_module_free(m);
}
END_TEST

/* --- Files that cannot be written --------------------------------------------------------------------------------- */

static int renames_until_failure; /* 0: no call fails */

/* Replaces the C library's function. */
int rename(const char *from, const char *to)
{
    if (renames_until_failure > 0 && --renames_until_failure == 0) {
        errno = EIO;
        return -1;
    }
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

static void put_text(const char *name, const char *text)
{
    char path[PATH];
    FILE *f = fopen(in_folder(name, path), "w");

    ck_assert(f && fputs(text, f) >= 0);
    ck_assert_int_eq(fclose(f), 0);
}

/* Asserts that the folder holds only pair.c with "old c" and pair.h with "old h"; or nothing if they were not there. */
static void assert_untouched(bool were_there)
{
    ck_assert(shell(were_there ? "test \"$(cd '%2$s' && ls && cat pair.c pair.h)\" = \"pair.c\npair.h\nold c\nold h\""
                               : "test -z \"$(ls '%2$s')\"",
                    ""));
}

/* The first or the second rename fails, with or without old files. */
START_TEST(a_failing_rename_loses_nothing)
{
    FR_SCOPE;
    char path[PATH];
    bool were_there = _i >= 2;
    fr_module *m = fr_nn_relu();

    if (were_there) {
        put_text("pair.c", "old c\n");
        put_text("pair.h", "old h\n");
    }
    renames_until_failure = 1 + _i % 2;
    ck_assert(!fr_export_c(m, fr_randn(FR_SHAPE(3)), in_folder("pair.c", path)));
    renames_until_failure = 0;
    assert_failed("export_c", _i % 2 ? "pair.h" : "pair.c", "cannot put the written file in place", strerror(EIO));
    assert_untouched(were_there);
    ck_assert(fr_export_c(m, fr_randn(FR_SHAPE(3)), path));
    fr_module_free(m);
}
END_TEST

/* The header or the source is longer than the limit for files. */
START_TEST(a_full_disk_loses_nothing)
{
    FR_SCOPE;
    char path[PATH];
    struct rlimit limit, small;
    fr_module *m = _i ? fr_nn_linear(100, 100, NULL) : fr_nn_relu();
    bool ok;

    put_text("pair.c", "old c\n");
    put_text("pair.h", "old h\n");
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = _i ? 50000 : 650;
    setrlimit(RLIMIT_FSIZE, &small);
    ok = fr_export_c(m, fr_randn(FR_SHAPE(100)), in_folder("pair.c", path));
    setrlimit(RLIMIT_FSIZE, &limit);
    ck_assert(!ok);
    assert_failed("export_c", _i ? "pair.c" : "pair.h", "cannot write");
    assert_untouched(true);
    fr_module_free(m);
}
END_TEST

START_TEST(a_folder_that_is_not_there_is_named)
{
    FR_SCOPE;
    char path[PATH];
    fr_module *m = fr_nn_relu();

    ck_assert(!fr_export_c(m, fr_randn(FR_SHAPE(3)), in_folder("none/net.c", path)));
    assert_failed("export_c", "none/net.c", strerror(ENOENT));
    ck_assert(!is_there("none"));
    fr_module_free(m);
}
END_TEST

/* If the header cannot be written, the source does not change. */
START_TEST(both_files_or_neither)
{
    FR_SCOPE;
    char path[PATH], blocked[PATH], command[3 * PATH];
    fr_module *m = fr_nn_relu();

    ck_assert_int_eq(mkdir(in_folder("pair.h", blocked), 0777), 0);
    ck_assert(!fr_export_c(m, fr_randn(FR_SHAPE(3)), in_folder("pair.c", path)));
    assert_failed("export_c", "not a regular file");
    ck_assert(!is_there("pair.c"));
    snprintf(command, sizeof command, "test $(ls '%s' | wc -l) = 1", folder);
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(rmdir(blocked), 0);
    ck_assert(fr_export_c(m, fr_randn(FR_SHAPE(3)), path));
    ck_assert(is_there("pair.c") && is_there("pair.h"));
    fr_module_free(m);
}
END_TEST

/* The first matrix is read in one order, the second by rows and by columns. */
static fr_tensor *named(fr_module *m, fr_tensor *x)
{
    int n;
    fr_tensor *const *w = fr_module_parameters(m, &n), *y = fr_linear(x, w[0], NULL);

    y = fr_add(fr_mul(fr_sigmoid(y), w[2]), w[3]);
    y = fr_rnn(fr_unsqueeze(y, 0), NULL, w[1], w[1], NULL, NULL, NULL).out;
    return fr_matmul(y, w[1]);
}

/* Parameters whose arrays would clash with types, with functions of the file, or with each other. */
START_TEST(names_that_clash_are_changed)
{
    static const char *const clashes[][3] = { { "size", "t", "w_scale" },       { "float", "of", "v_columns" },
                                              { "affine", "rows", "int8" },     { "add", "tile", "w_int8" },
                                              { "net", "workspace", "run_in" }, { "NET", "H", "X_SIZE" },
                                              { "NET", "BATCH", "sample" } };
    FR_SCOPE;
    char path[PATH], command[3 * PATH];

    for (int int8 = 0; int8 < 2; int8++) {
        fr_module *m = fr_module_new("Named", 0, named);

        fr_module_param(m, "w", fr_randn(FR_SHAPE(9, 9)));
        fr_module_param(m, "v", fr_randn(FR_SHAPE(9, 9)));
        fr_module_param(m, clashes[_i][1], fr_randn(FR_SHAPE(9)));
        fr_module_param(m, clashes[_i][2], fr_randn(FR_SHAPE(9)));
        ck_assert_msg(fr_export_c_with(m, fr_randn(FR_SHAPE(2, 9)), in_folder("net.c", path),
                                       &(fr_export_c_options){ .name = clashes[_i][0], .int8 = int8 }, NULL),
                      "%s", fr_error_message());
        snprintf(command, sizeof command, "cd '%s' && %s " STRICT " -c -o out.o net.c", folder, compiler("CC", "cc"));
        ck_assert_int_eq(system(command), 0);
        fr_module_free(m);
    }
}
END_TEST

/* A file may name a parameter so that it would end a comment of the C code. */
START_TEST(names_stay_in_comments)
{
    FR_SCOPE;
    char path[PATH], command[3 * PATH];
    fr_module *m = fr_module_new("*/ int evil(void); /*", 0, named);

    fr_module_param(m, "w", fr_randn(FR_SHAPE(9, 9)));
    fr_module_param(m, "v", fr_randn(FR_SHAPE(9, 9)));
    fr_module_param(m, "*/ int evil(void) { return 1; } /*", fr_randn(FR_SHAPE(9)));
    fr_module_param(m, "b\n", fr_randn(FR_SHAPE(9)));
    ck_assert_msg(fr_export_c_with(m, fr_randn(FR_SHAPE(2, 9)), in_folder("net.c", path),
                                   &(fr_export_c_options){ .name = "net" }, NULL),
                  "%s", fr_error_message());
    snprintf(command, sizeof command,
             "cd '%s' && %s " STRICT " -c -o out.o net.c && ! grep -q '[*]/ int evil' net.c net.h", folder,
             compiler("CC", "cc"));
    ck_assert_int_eq(system(command), 0);
    fr_module_free(m);
}
END_TEST

START_TEST(names_come_of_the_file)
{
    static const char *const files[][2] = { { "float.c", "float_run" },
                                            { "2 nets.c", "model_2_nets_run" },
                                            { "a--b_.c", "a_b_run" },
                                            { "--.c", "model_run" } };
    FR_SCOPE;
    char path[PATH], command[3 * PATH];
    fr_module *m = fr_nn_linear(3, 2, NULL);

    ck_assert(fr_export_c(m, fr_randn(FR_SHAPE(3)), in_folder(files[_i][0], path)));
    snprintf(command, sizeof command, "cd '%s' && %s " STRICT " -c -o out.o './%s' && grep -q 'void %s(' './%s'",
             folder, compiler("CC", "cc"), files[_i][0], files[_i][1], files[_i][0]);
    ck_assert_int_eq(system(command), 0);
    fr_module_free(m);
}
END_TEST

int main(void)
{
    TCase *exported = tcase_create("exported");

    have_cxx = shell("%s --version >/dev/null 2>&1", compiler("CXX", "c++"));
    if (!have_cxx)
        puts("not checked as C++: the headers of exported C, as there is no C++ compiler");
    tcase_set_timeout(exported, 60);
    tcase_add_checked_fixture(exported, make_folder, remove_folder);
    tcase_add_loop_test(exported, a_model_computes_the_same, 0, MODELS);
    tcase_add_loop_test(exported, int8_loses_little_and_says_how_much, 0, MODELS);
    tcase_add_test(exported, gates_are_right_at_the_edges);
    tcase_add_loop_test(exported, saturated_cells_compute_the_same, 0, 6);
    tcase_add_loop_test(exported, ops_compute_the_same, 0, 13);
    tcase_add_loop_test(exported, computed_parameters, 0, 3);
    tcase_add_test(exported, in_evaluation_whatever_it_was);
    tcase_add_test(exported, failures_name_op_and_module_and_leave_no_file);
    tcase_add_test(exported, both_files_or_neither);
    tcase_add_loop_test(exported, what_looks_at_several_steps_is_no_step, 0, 5);
    tcase_add_loop_test(exported, a_failing_rename_loses_nothing, 0, 4);
    tcase_add_loop_test(exported, a_full_disk_loses_nothing, 0, 2);
    tcase_add_test(exported, a_folder_that_is_not_there_is_named);
    tcase_add_test(exported, names_stay_in_comments);
    tcase_add_loop_test(exported, names_that_clash_are_changed, 0, 7);
    tcase_add_loop_test(exported, names_come_of_the_file, 0, 4);
    return run_tests("export_c", exported);
}
