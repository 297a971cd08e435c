/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Elementwise ops beyond the cases in their own files: int64 at its limits, arguments too large for vector code,
 * tensors large enough to be cut into tiles. */
#include "testing.h"

#include <inttypes.h>

/* --- int64 -------------------------------------------------------------------------------------------------------- */

static fr_tensor *whole(int64_t value)
{
    return fr_tensor_from(FR_SHAPE(1), &value, FR_I64);
}

static int64_t value_of(fr_tensor *t)
{
    ck_assert_msg(t != NULL, "%s", fr_error_message());
    ck_assert_int_eq(fr_dtype_of(t), FR_I64);
    return *(const int64_t *)fr_data(t);
}

START_TEST(int64_wraps)
{
    FR_SCOPE;
    fr_tensor *most = whole(INT64_MAX), *least = whole(INT64_MIN), *two = whole(2);

    ck_assert_int_eq(value_of(fr_add(most, two)), INT64_MIN + 1);
    ck_assert_int_eq(value_of(fr_sub(least, two)), INT64_MAX - 1);
    ck_assert_int_eq(value_of(fr_mul(most, two)), -2);
    ck_assert_int_eq(value_of(fr_add_scalar(most, 1)), INT64_MIN);
    ck_assert_int_eq(value_of(fr_sub_scalar(least, 1)), INT64_MAX);
    ck_assert_int_eq(value_of(fr_sub_scalar(whole(0), -0x1p63)), INT64_MIN);
    ck_assert_int_eq(value_of(fr_mul_scalar(most, -2)), 2);
    ck_assert_int_eq(value_of(fr_neg(least)), INT64_MIN);
    ck_assert_int_eq(value_of(fr_abs(least)), INT64_MIN);
    ck_assert_int_eq(value_of(fr_abs(whole(-7))), 7);
    ck_assert_int_eq(value_of(fr_square(whole(INT64_C(1) << 32))), 0);
}
END_TEST

START_TEST(int64_takes_whole_numbers)
{
    FR_SCOPE;
    fr_tensor *t = whole(5);

    ck_assert_ptr_null(fr_add_scalar(t, 0x1p63));
    assert_failed("add_scalar", "9.22337e+18", "int64");
    ck_assert_ptr_null(fr_mul_scalar(t, NAN));
    assert_failed("mul_scalar", "nan", "int64");
    ck_assert_ptr_null(fr_maximum_scalar(t, INFINITY));
    assert_failed("maximum_scalar", "inf", "int64");
    ck_assert_int_eq(value_of(fr_clamp(t, -INFINITY, INFINITY)), 5);
    ck_assert_int_eq(value_of(fr_clamp(whole(INT64_MAX), -INFINITY, INFINITY)), INT64_MAX);
    ck_assert_int_eq(value_of(fr_clamp(t, 7, INFINITY)), 7);
    ck_assert_int_eq(value_of(fr_clamp(t, -INFINITY, -3)), -3);
    ck_assert_ptr_null(fr_clamp(t, 0, 0.5));
    assert_failed("clamp", "0.5", "int64");
}
END_TEST

/* Returns the results of eq, ne, lt, le, gt and ge for x and value as six digits. */
static const char *compare(int64_t x, double value)
{
    static fr_tensor *(*const ops[])(fr_tensor *, double) = { (fr_eq_scalar), (fr_ne_scalar), (fr_lt_scalar),
                                                              (fr_le_scalar), (fr_gt_scalar), (fr_ge_scalar) };
    static char text[7];

    for (int i = 0; i < 6; i++)
        text[i] = value_of(ops[i](whole(x), value)) ? '1' : '0';
    return text;
}

START_TEST(int64_compares_exactly)
{
    const int64_t even = INT64_C(1) << 53;
    const char *const equal = "100101", *const less = "011100", *const greater = "010011", *const neither = "010000";
    FR_SCOPE;

    ck_assert_str_eq(compare(even, 0x1p53), equal);
    ck_assert_str_eq(compare(even + 1, 0x1p53), greater);
    ck_assert_str_eq(compare(-even - 1, -0x1p53), less);
    ck_assert_str_eq(compare(INT64_MAX, 0x1p63), less);
    ck_assert_str_eq(compare(INT64_MIN, -0x1p63), equal);
    ck_assert_str_eq(compare(INT64_MIN, -0x1.8p63), greater);
    ck_assert_str_eq(compare(2, 2.5), less);
    ck_assert_str_eq(compare(3, 2.5), greater);
    ck_assert_str_eq(compare(-2, -2.5), greater);
    ck_assert_str_eq(compare(-3, -2.5), less);
    ck_assert_str_eq(compare(0, -0.0), equal);
    ck_assert_str_eq(compare(0, 0.5), less);
    ck_assert_str_eq(compare(0, -0.5), greater);
    ck_assert_str_eq(compare(INT64_MAX, INFINITY), less);
    ck_assert_str_eq(compare(INT64_MIN, -INFINITY), greater);
    ck_assert_str_eq(compare(7, NAN), neither);
}
END_TEST

/* --- sin and cos beyond the limit of their vector code ------------------------------------------------------------ */

START_TEST(sines_of_large_values)
{
    const float x[] = { 1, 1e6F, 1.000001e6F, -1e7F, 3e38F, -0.5F, 1e30F };
    enum { N = sizeof x / sizeof *x };
    FR_SCOPE;
    fr_tensor *t = fr_tensor_from(FR_SHAPE(N), x, FR_F32), *s = fr_sin(t), *c = fr_cos(t);

    for (int i = 0; i < N; i++) {
        ck_assert_float_eq_tol((float)fr_at(s, i), (float)sin((double)x[i]), 1.2e-7F);
        ck_assert_float_eq_tol((float)fr_at(c, i), (float)cos((double)x[i]), 1.2e-7F);
    }
}
END_TEST

/* --- gelu in float32, by a polynomial of its own, against float64 by erf ------------------------------------------ */

START_TEST(gelu_is_accurate)
{
    FR_SCOPE;
    fr_tensor *x = fr_requires_grad(fr_linspace(-16, 16, 65537));
    fr_tensor *wide = fr_requires_grad(fr_cast(fr_detach(x), FR_F64)), *y[2], *g[2];

    for (int i = 0; i < 2; i++) {
        fr_tensor *from = i ? wide : x;

        y[i] = fr_gelu(from);
        ck_assert(fr_gradients(fr_sum(y[i]), &from, 1, &g[i], 0));
    }
    for (int64_t i = 0; i < fr_numel(x); i++) {
        double at = fr_at(x, i), unit = fmax(fabs(at), 1) * 0x1p-24;

        ck_assert_msg(fabs(fr_at(y[0], i) - fr_at(y[1], i)) <= 2 * unit, "gelu(%.9g) is %.9g", at, fr_at(y[0], i));
        ck_assert_msg(fabs(fr_at(g[0], i) - fr_at(g[1], i)) <= 4 * unit, "gelu'(%.9g) is %.9g", at, fr_at(g[0], i));
        ck_assert_msg((fr_at(y[0], i) > 0) == (at > 0), "gelu(%.9g) is %.9g", at, fr_at(y[0], i));
    }
}
END_TEST

/* --- Tiles: every value is right, for any number of threads ------------------------------------------------------- */

enum { ROWS = 500, COLUMNS = 301 }; /* two tiles and a part of a third; no tile ends at the end of a row */

/* Asserts that fr_sub(a, b) is right at every place. */
static void assert_difference(const char *what, fr_tensor *a, fr_tensor *b)
{
    FR_SCOPE;
    fr_tensor *y = fr_sub(a, b), *x[2];
    const float *values[3];

    ck_assert_msg(y != NULL, "%s: %s", what, fr_error_message());
    for (int i = 0; i < 2; i++) {
        x[i] = fr_contiguous(fr_expand(i ? b : a, fr_shape_of(y)));
        values[i] = fr_data(x[i]);
    }
    values[2] = fr_data(y);
    for (int64_t i = 0; i < fr_numel(y); i++)
        ck_assert_msg(values[2][i] == values[0][i] - values[1][i], "%s: value %" PRId64, what, i);
}

START_TEST(broadcasting_over_tiles)
{
    FR_SCOPE;
    fr_tensor *a = fr_randn(FR_SHAPE(ROWS, COLUMNS)), *row = fr_randn(FR_SHAPE(COLUMNS));
    fr_tensor *column = fr_randn(FR_SHAPE(ROWS, 1)), *scalar = fr_scalar(3);
    fr_tensor *turned = fr_transpose(fr_randn(FR_SHAPE(COLUMNS, ROWS)), 0, 1);
    fr_tensor *every_second = fr_slice(fr_randn(FR_SHAPE(ROWS, 2 * COLUMNS)), 1, 0, INT64_MAX, 2);

    fr_set_num_threads(_i);
    assert_difference("same", a, a);
    assert_difference("row", a, row);
    assert_difference("row first", row, a);
    assert_difference("column", a, column);
    assert_difference("column first", column, a);
    assert_difference("scalar", a, scalar);
    assert_difference("scalar first", scalar, a);
    assert_difference("transposed", a, turned);
    assert_difference("slice", every_second, a);
    assert_difference("outer", column, row);
    assert_difference("middle", fr_unsqueeze(a, 1), fr_randn(FR_SHAPE(3, 1)));
    fr_set_num_threads(0);
}
END_TEST

static fr_tensor *leaky(fr_tensor *t)
{
    return fr_leaky_relu(t, 0.25);
}

static fr_tensor *softmax_0(fr_tensor *t)
{
    return fr_softmax(t, 0);
}

static fr_tensor *softmax_1(fr_tensor *t)
{
    return fr_softmax(t, 1);
}

static fr_tensor *log_softmax_0(fr_tensor *t)
{
    return fr_log_softmax(t, 0);
}

static fr_tensor *log_softmax_1(fr_tensor *t)
{
    return fr_log_softmax(t, 1);
}

static fr_tensor *(*const tiled[])(fr_tensor *) = { (fr_tanh), (fr_exp),  leaky,         (fr_sin),     (fr_sqrt),
                                                    softmax_0, softmax_1, log_softmax_0, log_softmax_1 };

/* Returns f(x) and, in *gradient, the gradient of sum(f(x) w) by x. */
static fr_tensor *value_and_gradient(fr_tensor *(*f)(fr_tensor *), fr_tensor *x, fr_tensor *w, fr_tensor **gradient)
{
    fr_tensor *leaf = fr_requires_grad(fr_clone(x)), *y = f(leaf);

    ck_assert_msg(fr_gradients_with(y, w, &leaf, 1, gradient, 0), "%s", fr_error_message());
    return fr_detach(y);
}

/* The gradient of a mean is one number, of which a short row serves for all; with FR_NONE each loss has its own. */
START_TEST(losses_over_tiles)
{
    FR_SCOPE;
    enum { N = 2 * (1 << 14) + 777 };
    fr_tensor *x = fr_requires_grad(fr_randn(FR_SHAPE(N))), *y = fr_requires_grad(fr_randn(FR_SHAPE(N)));
    fr_tensor *leaves[] = { x, y }, *of_sum[2], *of_each[2];

    ck_assert(fr_gradients(fr_mse(x, y, FR_SUM), leaves, 2, of_sum, 0));
    ck_assert(fr_gradients_with(fr_mse(x, y, FR_NONE), fr_ones(FR_SHAPE(N)), leaves, 2, of_each, 0));
    for (int i = 0; i < N; i++)
        ck_assert(fr_at(of_sum[0], i) == (double)(2 * ((float)fr_at(x, i) - (float)fr_at(y, i))));
    for (int i = 0; i < 2; i++)
        ck_assert(fr_equal(of_sum[i], of_each[i]));
}
END_TEST

START_TEST(threads_change_nothing)
{
    FR_SCOPE;
    fr_tensor *x = fr_rand(FR_SHAPE(ROWS, COLUMNS)), *w = fr_randn(FR_SHAPE(ROWS, COLUMNS)), *g, *h;

    fr_set_num_threads(1);
    fr_tensor *one = value_and_gradient(tiled[_i], x, w, &g);

    fr_set_num_threads(2);
    fr_tensor *two = value_and_gradient(tiled[_i], x, w, &h);

    fr_set_num_threads(0);
    ck_assert(fr_equal(one, two));
    ck_assert(fr_equal(g, h));
}
END_TEST

/* A part of a large tensor has the same results as that part alone. */
START_TEST(tiles_are_as_small_work)
{
    FR_SCOPE;
    fr_tensor *x = fr_rand(FR_SHAPE(ROWS, COLUMNS)), *w = fr_randn(FR_SHAPE(ROWS, COLUMNS)), *g, *h;
    bool columns = tiled[_i] == softmax_0 || tiled[_i] == log_softmax_0; /* these work on columns, not on rows */
    int dim = columns ? 1 : 0;
    fr_tensor *all = value_and_gradient(tiled[_i], x, w, &g);

    for (int64_t at = 0; at < fr_dim(x, dim); at += 43) {
        FR_SCOPE;
        fr_tensor *part = fr_slice(x, dim, at, at + 43, 1), *part_w = fr_slice(w, dim, at, at + 43, 1);
        fr_tensor *y = value_and_gradient(tiled[_i], part, part_w, &h);

        assert_close("value", y, fr_slice(all, dim, at, at + 43, 1), 4e-7, 0);
        assert_close("gradient", h, fr_slice(g, dim, at, at + 43, 1), 4e-6, 1e-7);
    }
}
END_TEST

/* Rows longer than a tile, and many short rows. */
START_TEST(softmax_of_long_and_short_rows)
{
    const int64_t shapes[][2] = { { 2, 70001 }, { 70001, 2 } };
    FR_SCOPE;
    fr_tensor *x = fr_zeros(FR_SHAPE(shapes[_i][0], shapes[_i][1]));

    for (int dim = 0; dim < 2; dim++) {
        double n = (double)shapes[_i][dim];

        assert_close("softmax", fr_softmax(x, dim), fr_full_like(x, 1 / n), 2e-6, 0);
        assert_close("log_softmax", fr_log_softmax(x, dim), fr_full_like(x, -log(n)), 1e-6, 0);
    }
}
END_TEST

int main(void)
{
    TCase *whole_numbers = tcase_create("int64"), *large = tcase_create("large");
    int functions = sizeof tiled / sizeof *tiled;

    tcase_add_test(whole_numbers, int64_wraps);
    tcase_add_test(whole_numbers, int64_takes_whole_numbers);
    tcase_add_test(whole_numbers, int64_compares_exactly);
    tcase_add_test(large, sines_of_large_values);
    tcase_add_test(large, gelu_is_accurate);
    tcase_add_loop_test(large, broadcasting_over_tiles, 1, 3);
    tcase_add_test(large, losses_over_tiles);
    tcase_add_loop_test(large, threads_change_nothing, 0, functions);
    tcase_add_loop_test(large, tiles_are_as_small_work, 0, functions);
    tcase_add_loop_test(large, softmax_of_long_and_short_rows, 0, 2);
    return run_tests("elementwise", whole_numbers, large);
}
