/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_weight_norm, fr_spectral_norm and fr_remove_parametrizations, compared with PyTorch
 * (golden/make_parametrizations.py): drawing, training, evaluation, files, copies and exports. */
#include "testing.h"

#include <limits.h>
#include <unistd.h>

static fr_tensors *golden;

static void set_up(void)
{
    golden = fr_load(test_file("golden/parametrizations.safetensors"));
    ck_assert_msg(golden != NULL, "%s", fr_error_message());
    fr_set_default_dtype(FR_F64);
}

static void tear_down(void)
{
    fr_set_default_dtype(FR_F32);
    fr_tensors_free(golden);
}

static fr_tensor *find(const char *name, const char *which, const char *parameter)
{
    char full[128];

    snprintf(full, sizeof full, "%s.%s%s", name, which, parameter);

    fr_tensor *t = fr_tensors_find(golden, full);

    ck_assert_msg(t != NULL, "no %s in the golden file", full);
    return t;
}

/* --- The modules of the golden file ------------------------------------------------------------------------------- */

static fr_module *weighted(fr_module *m, const char *name, int dim)
{
    ck_assert_msg(fr_weight_norm(m, name, dim), "%s", fr_error_message());
    return m;
}

static fr_module *spectral(fr_module *m, const char *name, int iterations, double eps, int dim)
{
    ck_assert_msg(fr_spectral_norm(m, name, iterations, eps, dim), "%s", fr_error_message());
    return m;
}

static const struct {
    const char *name, *parameter;
} cases[] = { { "linear", "weight" },        { "linear_all", "weight" },
              { "conv", "weight" },          { "bias", "bias" },
              { "rnn", "weight_hh_l0" },     { "spectral", "weight" },
              { "spectral_conv", "weight" }, { "spectral_transposed", "weight" },
              { "spectral_dim", "weight" },  { "spectral_bias", "bias" } };

static fr_module *make(int i)
{
    fr_manual_seed(11);
    switch (i) {
    case 0:
        return weighted(fr_nn_linear(3, 5, NULL), "weight", 0);
    case 1:
        return weighted(fr_nn_linear(3, 5, NULL), "weight", -1);
    case 2:
        return weighted(fr_nn_conv1d(2, 3, 2, NULL), "weight", 1);
    case 3:
        return weighted(fr_nn_linear(3, 5, NULL), "bias", 0);
    case 4:
        return weighted(weighted(fr_nn_lstm(3, 4, NULL), "weight_hh_l0", 0), "weight_ih_l0", 0);
    case 5:
        return spectral(fr_nn_linear(3, 5, NULL), "weight", 1, 1e-12, -1);
    case 6:
        return spectral(fr_nn_conv2d(2, 4, FR_SHAPE(3), NULL), "weight", 2, 1e-12, -1);
    case 7:
        return spectral(fr_nn_conv_transpose1d(2, 3, 3, NULL), "weight", 1, 1e-12, -1);
    case 8:
        return spectral(fr_nn_conv1d(20, 3, 2, NULL), "weight", 1, 1e-6, 2);
    default:
        return spectral(fr_nn_linear(3, 5, NULL), "bias", 1, 1e-12, 0);
    }
}

static void assert_state(const char *name, const char *which, fr_module *m)
{
    int n;
    const fr_named_tensor *state = fr_module_state(m, &n);

    ck_assert_int_gt(n, 1);
    for (int i = 0; i < n; i++)
        assert_close(state[i].name, state[i].tensor, find(name, which, state[i].name), 1e-11, 1e-13);
}

static fr_tensor *run(fr_module *m, fr_tensor *x)
{
    return strcmp(fr_module_type(m), "LSTM") == 0 ? fr_recurrent_forward(m, x, NULL).out : fr_forward(m, x);
}

START_TEST(training_equals_pytorch)
{
    FR_SCOPE;
    const char *name = cases[_i].name;
    fr_module *m = make(_i);
    fr_tensor *x = fr_randn(fr_shape_of(find(name, "x", ""))), *losses = find(name, "losses", "");
    fr_optim *o = fr_sgd(m, &(fr_sgd_options){ .lr = 0.1, .momentum = 0.9 });

    assert_close("x", x, find(name, "x", ""), 0, 0);
    assert_state(name, "first.", m);
    for (int step = 0; step < 4; step++) {
        fr_optim_zero_grad(o);

        fr_tensor *loss = fr_mean(fr_square(fr_sub_scalar(run(m, x), 0.5)));

        ck_assert_msg(fr_backward(loss), "%s", fr_error_message());
        ck_assert(fr_optim_step(o));
        ck_assert_double_eq_tol(fr_item(loss), fr_at(losses, step), 1e-12);
    }
    assert_state(name, "last.", m);
    fr_train(m, false);
    assert_close("y", run(m, x), find(name, "y", ""), 1e-11, 1e-13);
    assert_state(name, "last.", m);
    if (_i == 4)
        ck_assert(fr_remove_parametrizations(m, "weight_ih_l0"));
    ck_assert(fr_remove_parametrizations(m, cases[_i].parameter));
    assert_close("removed", fr_module_find(m, cases[_i].parameter), find(name, "removed", ""), 1e-11, 1e-13);
    assert_close("y", fr_forward(m, x), find(name, "y", ""), 1e-11, 1e-13);
    ck_assert_int_eq(fr_module_children(m), 0);
    fr_optim_free(o);
    fr_module_free(m);
}
END_TEST

/* Each run has its own value; a later one in training does not change what an earlier one saved. */
START_TEST(several_runs_before_backward)
{
    FR_SCOPE;
    fr_module *m = make(_i);
    fr_tensor *x = fr_randn(fr_shape_of(find(cases[_i].name, "x", ""))), *one = run(m, x), *two = run(m, x);
    int n;

    ck_assert_msg(fr_backward(fr_sum(fr_square(fr_add(one, two)))), "%s", fr_error_message());

    fr_tensor *const *own = fr_module_parameters(m, &n);

    for (int i = 0; i < n; i++)
        ck_assert_ptr_nonnull(fr_grad(own[i]));
    fr_module_free(m);
}
END_TEST

static fr_tensor *scaled(fr_module *m, fr_tensor *x)
{
    return fr_mul(x, *(fr_tensor **)fr_self(m));
}

/* A module of one's own, with children, which follow the list that goes. */
START_TEST(own_modules)
{
    FR_SCOPE;
    fr_module *m = fr_module_new("Scaled", sizeof(fr_tensor *), scaled);
    fr_tensor *scale = *(fr_tensor **)fr_self(m) = fr_module_param(m, "scale", fr_ones(FR_SHAPE(3))), *y;
    int n;

    weighted(m, "scale", 0);
    fr_module_add(m, "a", fr_nn_linear(2, 2, NULL));
    fr_module_add(m, "b", fr_nn_linear(2, 2, NULL));
    fr_init_constant(fr_module_find(m, "parametrizations.scale.original0"), 7);
    y = fr_forward(m, fr_ones(FR_SHAPE(3)));
    ck_assert_double_eq(fr_at(y, 2), 7);
    ck_assert_double_eq(fr_at(scale, 2), 1);
    ck_assert(fr_remove_parametrizations(m, "scale"));
    ck_assert_double_eq(fr_at(scale, 2), 7);
    ck_assert(fr_module_state(m, &n)[0].tensor == scale);
    ck_assert_int_eq(n, 5);
    fr_module_free(m);
}
END_TEST

/* A CRF has functions of its own. */
START_TEST(crf)
{
    FR_SCOPE;
    fr_module *m = fr_nn_crf(3, NULL), *other = fr_module_clone(m);
    fr_tensor *emissions = fr_randn(FR_SHAPE(4, 2, 3)), *tags = fr_randint(0, 3, FR_SHAPE(4, 2));

    weighted(m, "transitions", 1);
    fr_init_constant(fr_module_find(m, "parametrizations.transitions.original0"), 5);

    fr_tensor *v = fr_detach(fr_module_find(other, "transitions"));
    fr_tensor *w = fr_mul_scalar(fr_div(v, fr_norm_dims(v, 2, FR_SHAPE(0), true)), 5);
    FR_NO_GRAD;

    ck_assert_ptr_nonnull(fr_copy(fr_module_find(other, "transitions"), w));
    assert_close("likelihood", fr_crf_log_likelihood(m, emissions, tags, NULL, FR_NONE),
                 fr_crf_log_likelihood(other, emissions, tags, NULL, FR_NONE), 1e-12, 0);
    assert_close("decode", fr_crf_decode(m, emissions, NULL).scores, fr_crf_decode(other, emissions, NULL).scores,
                 1e-12, 0);
    fr_module_free(m);
    fr_module_free(other);
}
END_TEST

/* --- Files, copies, exports --------------------------------------------------------------------------------------- */

START_TEST(files_and_copies)
{
    FR_SCOPE;
    const char *path = "check_parametrize.safetensors";
    const fr_tensor *shape = find(cases[_i].name, "x", "");
    fr_module *m = make(_i), *copy = fr_module_clone(m), *other;
    fr_tensor *x = fr_randn(fr_shape_of(shape)), *y;
    int n;

    fr_train(m, false);
    fr_train(copy, false);
    y = run(m, x);
    assert_close("clone", run(copy, x), y, 0, 0);
    ck_assert(fr_save(copy, path));
    ck_assert(fr_module_scale(copy, 2)); /* of a parametrization that shares nothing with the first */
    assert_close("first", run(m, x), y, 0, 0);
    other = make(_i);
    fr_train(other, false);
    ck_assert(fr_module_scale(other, 0.3));
    ck_assert_msg(fr_load_into(other, path), "%s", fr_error_message());
    assert_close("loaded", run(other, x), y, 0, 0);
    unlink(path);

    fr_tensor *const *own = fr_module_parameters(m, &n), *others[8];

    for (int i = 0; i < n; i++)
        others[i] = fr_mul_scalar(own[i], 2);
    ck_assert_msg((y = fr_functional_call(m, others, n, x)) != NULL, "%s", fr_error_message());
    assert_close("functional_call", y, run(copy, x), 1e-12, 1e-14);
    fr_module_free(m);
    fr_module_free(copy);
    fr_module_free(other);
}
END_TEST

/* Reads what was exported as ONNX. check_export_c runs exported C. */
START_TEST(onnx)
{
    FR_SCOPE;
    const char *path = "check_parametrize.onnx";

    fr_set_default_dtype(FR_F32);

    fr_module *m = make(_i), *back;
    fr_tensor *x = fr_cast(find(cases[_i].name, "x", ""), FR_F32);

    fr_train(m, false);
    if (_i == 4) {
        assert_refused(fr_export_onnx(m, x, path), "LSTM: lstm: its weights are computed");
        fr_module_free(m);
        return;
    }
    ck_assert_msg(fr_export_onnx(m, x, path), "%s", fr_error_message());
    back = fr_load_onnx(path);
    ck_assert_msg(back != NULL, "%s", fr_error_message());
    assert_close("onnx", fr_forward(back, x), fr_forward(m, x), 1e-5, 1e-6);
    unlink(path);
    fr_module_free(m);
    fr_module_free(back);
}
END_TEST

/* --- What is refused ---------------------------------------------------------------------------------------------- */

static fr_tensor *through_a_name(fr_module *m, fr_tensor *x)
{
    return fr_mul(x, fr_module_find(m, "scale"));
}

START_TEST(refused)
{
    FR_SCOPE;
    fr_module *m = weighted(fr_nn_linear(3, 5, NULL), "weight", 0), *named = fr_module_new("Named", 0, through_a_name);
    fr_module *attention = fr_nn_multihead_attention(4, 2, NULL);

    ck_assert_ptr_nonnull(fr_module_param(named, "scale", fr_ones(FR_SHAPE(3))));
    assert_refused(fr_weight_norm(m, "weight", 0), "weight_norm: no more \"weight\" in the Linear itself", "computed");
    assert_refused(fr_spectral_norm(m, "weight", 1, 1e-12, -1), "spectral_norm: no more \"weight\" in the Linear");
    assert_refused(fr_weight_norm(m, "gain", 0), "weight_norm: no parameter \"gain\" in the Linear");
    assert_refused(fr_weight_norm(m, "bias", 1), "weight_norm: dim is 1, expected 0 to 0");
    assert_refused(fr_weight_norm(named, "scale", 0), "the Named does not read \"scale\"");
    assert_refused(fr_weight_norm(fr_module_at(attention, 0), "weight", 0),
                   "weight_norm: the MultiheadAttention around the NonDynamically", "reads \"weight\" itself");
    assert_refused(fr_spectral_norm(m, "bias", 0, 1e-12, 0), "spectral_norm: n_power_iterations is 0");
    assert_refused(fr_spectral_norm(m, "bias", INT_MAX, 1e-12, 0), "expected 1 to 10000");
    assert_refused(fr_spectral_norm(m, "bias", 1, 0, 0), "spectral_norm: eps is 0");
    assert_refused(fr_spectral_norm(m, "bias", 1, 1, 1), "spectral_norm: dim 1 of a parameter of 1 dims");
    assert_refused(fr_remove_parametrizations(m, "bias"), "remove_parametrizations: no \"bias\"");
    ck_assert_ptr_null(fr_module_find(m, "weight"));
    fr_error_clear();
    fr_module_free(m);
    fr_module_free(named);
    fr_module_free(attention);
}
END_TEST

/* The layers of a stack are copies of the first one, with what its parameters are computed from. */
START_TEST(in_a_stack)
{
    FR_SCOPE;
    fr_module *layer = fr_nn_transformer_encoder_layer(4, 2, NULL);

    weighted(fr_module_at(layer, 1), "weight", 0); /* linear1 */

    fr_module *stack = fr_nn_transformer_encoder(layer, 2, NULL);
    fr_tensor *x = fr_randn(FR_SHAPE(3, 1, 4)), *y;

    ck_assert_msg(stack != NULL, "%s", fr_error_message());
    fr_train(stack, false);
    y = fr_forward(stack, x);
    assert_close("stack", y, fr_forward(layer, fr_forward(layer, x)), 0, 0);
    ck_assert_ptr_nonnull(fr_module_find(stack, "layers.1.linear1.parametrizations.weight.original0"));
    fr_module_free(stack);
}
END_TEST

START_TEST(printed)
{
    static const char expected[] = "ParametrizedLinear(\n"
                                   "  in_features=3, out_features=5, bias=True\n"
                                   "  (parametrizations): ModuleDict(\n"
                                   "    (weight): ParametrizationList(\n"
                                   "      (0): _SpectralNorm()\n"
                                   "    )\n"
                                   "  )\n"
                                   ")\n";
    char text[400] = "";
    FILE *file = fmemopen(text, sizeof text, "w");
    fr_module *m = make(5);

    ck_assert_int_gt(fr_module_fprint(file, m), 0);
    fclose(file);
    ck_assert_msg(strncmp(text, expected, strlen(expected)) == 0, "%s", text);
    fr_module_free(m);
}
END_TEST

int main(void)
{
    TCase *parametrized = tcase_create("parametrized");
    const int count = sizeof cases / sizeof *cases;

    tcase_add_checked_fixture(parametrized, set_up, tear_down);
    tcase_add_loop_test(parametrized, training_equals_pytorch, 0, count);
    tcase_add_loop_test(parametrized, several_runs_before_backward, 0, count);
    tcase_add_loop_test(parametrized, files_and_copies, 0, count);
    tcase_add_loop_test(parametrized, onnx, 0, count);
    tcase_add_test(parametrized, own_modules);
    tcase_add_test(parametrized, crf);
    tcase_add_test(parametrized, refused);
    tcase_add_test(parametrized, in_a_stack);
    tcase_add_test(parametrized, printed);
    return run_tests("parametrize", parametrized);
}
