/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Initial values: compared with PyTorch's for the same seed (golden/make_init.py has the same tables), and the calls
 * that are refused. */
#include "testing.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

enum { SEED = 5 };

/* --- Against PyTorch ---------------------------------------------------------------------------------------------- */

#define CASE(NAME, ...)                                                                                                \
    static fr_tensor *NAME(fr_tensor *t)                                                                               \
    {                                                                                                                  \
        return __VA_ARGS__;                                                                                            \
    }

CASE(uniform, fr_init_uniform(t, -0.5, 2))
CASE(normal, fr_init_normal(t, 0.3, 0.7))
CASE(trunc_normal, fr_init_trunc_normal(t, 0, 1, -1, 1.5))
CASE(trunc_half, fr_init_trunc_normal(t, 0.5, 2, 0, INFINITY))
CASE(trunc_tail, fr_init_trunc_normal(t, 1, 2, 3, 4.5))
CASE(trunc_narrow, fr_init_trunc_normal(t, 0, 1, -0.1, 0.2))
CASE(constant, fr_init_constant(t, -1.1))
CASE(xavier_uniform, fr_init_xavier_uniform(t, 1.5))
CASE(xavier_normal, fr_init_xavier_normal(t, 1))
CASE(kaiming_uniform, fr_init_kaiming_uniform(t, NULL))
CASE(kaiming_uniform_out, fr_init_kaiming_uniform(t, &(fr_kaiming_options){ .a = 0.3, .fan_out = true }))
CASE(kaiming_normal, fr_init_kaiming_normal(t, &(fr_kaiming_options){ .nonlinearity = FR_GAIN_RELU }))
CASE(kaiming_normal_selu,
     fr_init_kaiming_normal(t, &(fr_kaiming_options){ .fan_out = true, .nonlinearity = FR_GAIN_SELU }))
CASE(orthogonal, fr_init_orthogonal(t, 1))
CASE(orthogonal_gain, fr_init_orthogonal(t, -0.5))

/* exact: equal to the last bit; the others compute logarithms of the draws or rotate them. */
static const struct {
    const char *name;
    fr_tensor *(*fill)(fr_tensor *t);
    bool exact, rotates;
} cases[] = {
    { "uniform", uniform, .exact = true },
    { "normal", normal },
    { "trunc_normal", trunc_normal },
    { "trunc_half", trunc_half },
    { "trunc_tail", trunc_tail, .exact = true },
    { "trunc_narrow", trunc_narrow, .exact = true },
    { "constant", constant, .exact = true },
    { "xavier_uniform", xavier_uniform, .exact = true },
    { "xavier_normal", xavier_normal },
    { "kaiming_uniform", kaiming_uniform, .exact = true },
    { "kaiming_uniform_out", kaiming_uniform_out, .exact = true },
    { "kaiming_normal", kaiming_normal },
    { "kaiming_normal_selu", kaiming_normal_selu },
    { "orthogonal", orthogonal, .rotates = true },
    { "orthogonal_gain", orthogonal_gain, .rotates = true },
};

static const char *const shapes[] = { "few", "tall", "wide", "kernels", "transposed", "none" };

static fr_tensor *empty(const char *shape)
{
    if (strcmp(shape, "transposed") == 0)
        return fr_transpose(fr_zeros(FR_SHAPE(4, 9)), 0, 1);
    if (strcmp(shape, "kernels") == 0)
        return fr_zeros(FR_SHAPE(4, 3, 2));
    return fr_zeros(strcmp(shape, "few") == 0    ? FR_SHAPE(3, 4)
                    : strcmp(shape, "tall") == 0 ? FR_SHAPE(9, 4)
                    : strcmp(shape, "wide") == 0 ? FR_SHAPE(4, 9)
                                                 : FR_SHAPE(0, 3));
}

/* A loop over dtypes and cases. */
START_TEST(fills_as_pytorch)
{
    FR_SCOPE;
    int which = _i % COUNT(cases);
    bool f64 = _i / COUNT(cases);
    fr_tensors *golden = fr_load(test_file("golden/init.safetensors"));
    double rtol = cases[which].exact ? 0 : cases[which].rotates ? 1e-5 : f64 ? 1e-14 : 1e-6;

    ck_assert(fr_set_default_dtype(f64 ? FR_F64 : FR_F32));
    for (int i = 0; i < COUNT(shapes); i++) {
        fr_tensor *t = empty(shapes[i]);
        char name[64];

        fr_manual_seed(SEED);
        ck_assert_ptr_eq(cases[which].fill(t), t);
        snprintf(name, sizeof name, "%s.%s.%s", f64 ? "f64" : "f32", cases[which].name, shapes[i]);
        assert_close(name, t, fr_tensors_find(golden, name), rtol, rtol);
        strcat(name, ".next");
        ck_assert_msg(fr_equal(fr_rand(FR_SHAPE(1)), fr_tensors_find(golden, name)), "%s", name);
    }
    ck_assert(fr_set_default_dtype(FR_F32));
    fr_tensors_free(golden);
}
END_TEST

START_TEST(constants)
{
    FR_SCOPE;
    fr_tensor *t = fr_full(FR_SHAPE(2, 3), 7);

    ck_assert(fr_equal(fr_init_zeros(t), fr_zeros(FR_SHAPE(2, 3))));
    ck_assert(fr_equal(fr_init_ones(t), fr_ones(FR_SHAPE(2, 3))));
    ck_assert(fr_equal(fr_init_eye(fr_full(FR_SHAPE(3, 3), 7)), fr_eye(3)));
    ck_assert(fr_equal(fr_init_eye(t), fr_slice(fr_eye(3), 0, 0, 2, 1)));
    ck_assert(fr_equal(fr_init_eye(fr_transpose(t, 0, 1)), fr_slice(fr_eye(3), 1, 0, 2, 1)));
    ck_assert(fr_equal(t, fr_slice(fr_eye(3), 0, 0, 2, 1)));
    ck_assert(isnan(fr_at(fr_init_constant(t, NAN), 5)));
}
END_TEST

/* Values that lie between those of a view do not change. */
START_TEST(gaps_stay)
{
    FR_SCOPE;
    fr_tensor *t = fr_full(FR_SHAPE(4, 6), 7), *view = fr_slice(t, 1, 1, 6, 2);

    for (int i = 0; i < COUNT(cases); i++) {
        ck_assert_ptr_eq(cases[i].fill(view), view);
        for (int64_t k = 0; k < 24; k++)
            ck_assert_msg((fr_at(t, k) == 7) == (k % 2 == 0), "%s, value %lld", cases[i].name, (long long)k);
    }
}
END_TEST

START_TEST(gains_are_pytorchs)
{
    static const double expected[] = { 1.3867504905630728, 1, 1, 5.0 / 3, 1.4142135623730951, 0.75 };

    for (int i = FR_GAIN_LEAKY_RELU; i <= FR_GAIN_SELU; i++)
        ck_assert_double_eq(fr_calculate_gain((fr_nonlinearity)i, 0.2), expected[i]);
    ck_assert_double_nan(fr_calculate_gain((fr_nonlinearity)6, 0));
    assert_failed("calculate_gain", "6 is not an fr_nonlinearity");
    ck_assert_double_nan(fr_calculate_gain(FR_GAIN_LEAKY_RELU, NAN));
    assert_failed("calculate_gain", "param is nan");
}
END_TEST

static double orthogonality(fr_tensor *t)
{
    bool wide = fr_dim(t, 0) < fr_dim(t, 1);
    fr_tensor *rows = fr_cast(wide ? t : fr_transpose(t, 0, 1), FR_F64);
    fr_tensor *product = fr_matmul(rows, fr_transpose(rows, 0, 1));

    return fr_item(fr_max(fr_abs(fr_sub(product, fr_cast(fr_eye(fr_dim(rows, 0)), FR_F64)))));
}

START_TEST(orthogonal_matrices_are_orthogonal)
{
    FR_SCOPE;
    ck_assert_double_lt(orthogonality(fr_init_orthogonal(fr_zeros(FR_SHAPE(100, 100)), 1)), 2e-7);
    ck_assert_double_lt(orthogonality(fr_init_orthogonal(fr_cast(fr_zeros(FR_SHAPE(70, 100)), FR_F64), 1)), 1e-14);
    ck_assert_double_lt(orthogonality(fr_init_orthogonal(fr_zeros(FR_SHAPE(100, 30)), 1)), 2e-7);
}
END_TEST

/* --- Gradients ---------------------------------------------------------------------------------------------------- */

START_TEST(nothing_is_recorded)
{
    FR_SCOPE;
    fr_tensor *w = fr_requires_grad(fr_ones(FR_SHAPE(2, 2))), *y = fr_sum(fr_square(w));

    ck_assert_ptr_eq(fr_init_xavier_uniform(w, 1), w);
    ck_assert(fr_wants_grad(w) && fr_is_leaf(w));
    ck_assert(!fr_backward(y)); /* the graph had saved w's values */
    assert_failed("square", "changed");
    ck_assert(fr_backward(fr_sum(w)));
}
END_TEST

/* --- What is refused ---------------------------------------------------------------------------------------------- */

START_TEST(unfit_tensors_are_refused)
{
    FR_SCOPE;
    fr_tensor *w = fr_requires_grad(fr_ones(FR_SHAPE(2, 2)));

    for (int i = 0; i < COUNT(cases); i++) {
        ck_assert_ptr_null(cases[i].fill(NULL));
        assert_failed("init_", "tensor is NULL");
        ck_assert_ptr_null(cases[i].fill(fr_square(w)));
        assert_failed("init_", "a result of square");
        ck_assert_ptr_null(cases[i].fill(fr_randint(0, 3, FR_SHAPE(2, 2))));
        assert_failed("init_", "int64");
        ck_assert_ptr_null(cases[i].fill(fr_expand(fr_ones(FR_SHAPE(1, 2)), FR_SHAPE(2, 2))));
        assert_failed("init_", "expanded");
    }
}
END_TEST

START_TEST(unfit_numbers_are_refused)
{
    FR_SCOPE;
    fr_tensor *t = fr_ones(FR_SHAPE(2, 2)), *row = fr_ones(FR_SHAPE(4));
    fr_kaiming_options reserved = { .reserved = { [3] = t } }, slope = { .a = INFINITY };

    assert_refused(fr_init_uniform(t, 2, 1), "init_uniform", "low 2", "high 1");
    assert_refused(fr_init_uniform(t, -INFINITY, 1), "init_uniform", "low is -inf");
    assert_refused(fr_init_uniform(t, 0, NAN), "init_uniform", "high is nan");
    assert_refused(fr_init_uniform(t, -3e38, 3e38), "init_uniform", "from -3e+38 to 3e+38", "float32");
    assert_refused(fr_init_uniform(fr_cast(t, FR_F64), -1e308, 1e308), "init_uniform", "1e+308", "float64");
    assert_refused(fr_init_xavier_uniform(t, 1e39), "init_xavier_uniform", "float32");
    assert_refused(fr_init_normal(t, NAN, 1), "init_normal", "mean is nan");
    assert_refused(fr_init_normal(t, 0, -1), "init_normal", "std is -1", ">= 0");
    assert_refused(fr_init_trunc_normal(t, 0, 0, -1, 1), "init_trunc_normal", "std is 0", "> 0");
    assert_refused(fr_init_trunc_normal(t, 0, 1, 2, 1), "init_trunc_normal", "low 2", "high 1");
    assert_refused(fr_init_trunc_normal(t, 0, 1e-200, 1, 2), "init_trunc_normal", "from 1 to 2");
    assert_refused(fr_init_trunc_normal(t, 0, 1, 2, INFINITY), "init_trunc_normal", "high is inf");
    assert_refused(fr_init_trunc_normal(t, 0, 1, -INFINITY, -2), "init_trunc_normal", "low is -inf");
    assert_refused(fr_init_trunc_normal(t, 0, 1, NAN, 2), "init_trunc_normal", "nan");
    assert_refused(fr_init_trunc_normal(t, 0, 1e-4, 1, 2), "init_trunc_normal", "from 1 to 2", "std 0.0001");
    assert_refused(fr_init_trunc_normal(t, 0, 1, 1e39, 1e39), "init_trunc_normal", "from 1e+39 to 1e+39");
    assert_refused(fr_init_trunc_normal(t, 0, 1, 2, 3000), "init_trunc_normal", "from 2 to 3000");
    assert_refused(fr_init_trunc_normal(t, 0, 1e300, -1e308, 1e308), "init_trunc_normal", "to 1e+308");
    assert_refused(fr_init_trunc_normal(fr_ones(FR_SHAPE(16)), 1e10 + 511.9, 1, 1e10 + 512.1, INFINITY), "std 1");
    assert_refused(fr_init_trunc_normal(t, 0, 1, INFINITY, INFINITY), "init_trunc_normal", "low is inf");
    ck_assert_double_eq(fr_at(fr_init_trunc_normal(fr_ones(FR_SHAPE(4)), 0, 1, 40, 40), 3), 40);
    ck_assert(fabs(fr_at(fr_init_trunc_normal(fr_ones(FR_SHAPE(4)), 0, 1, -9, -8), 0) + 8.5) <= 0.5);
    assert_refused(fr_init_eye(row), "init_eye", "(4,)", "matrix");
    assert_refused(fr_init_eye(NULL), "init_eye", "NULL");
    assert_refused(fr_init_xavier_uniform(row, 1), "init_xavier_uniform", "(4,)", "2 dims or more");
    assert_refused(fr_init_xavier_normal(t, -1), "init_xavier_normal", "gain is -1");
    assert_refused(fr_init_kaiming_uniform(row, NULL), "init_kaiming_uniform", "(4,)", "2 dims or more");
    assert_refused(fr_init_kaiming_normal(t, &reserved), "init_kaiming_normal", "reserved[3]");
    assert_refused(fr_init_kaiming_normal(t, &slope), "calculate_gain", "param is inf");
    assert_refused(fr_init_orthogonal(row, 1), "init_orthogonal", "(4,)", "2 dims or more");
    assert_refused(fr_init_orthogonal(t, NAN), "init_orthogonal", "gain is nan");
    ck_assert(fr_equal(t, fr_ones(FR_SHAPE(2, 2))));
}
END_TEST

int main(void)
{
    TCase *values = tcase_create("values"), *refused = tcase_create("refused");

    tcase_add_loop_test(values, fills_as_pytorch, 0, 2 * COUNT(cases));
    tcase_add_test(values, constants);
    tcase_add_test(values, gaps_stay);
    tcase_add_test(values, gains_are_pytorchs);
    tcase_add_test(values, orthogonal_matrices_are_orthogonal);
    tcase_add_test(values, nothing_is_recorded);
    tcase_add_test(refused, unfit_tensors_are_refused);
    tcase_add_test(refused, unfit_numbers_are_refused);
    return run_tests("init", values, refused);
}
