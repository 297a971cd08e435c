/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reductions beyond the cases in their own files: sizes at which the walk cuts, folds or takes a shortcut, compared
 * with plain loops in double; many threads; many values. */
#include "testing.h"

#include "core/shape.h"
#include "core/tensor.h"

typedef struct {
    int64_t outer, n, inner;
} sizes;

/* One column for the plain loops; its values are `inner` apart. */
typedef struct {
    const fr_tensor *x;
    sizes s;
    int64_t first;
} column;

static double value(const column *c, int64_t i)
{
    int64_t at = c->first + i * c->s.inner;
    const void *x = c->x->origin;

    return c->x->dtype == FR_F32   ? (double)((const float *)x)[at]
           : c->x->dtype == FR_F64 ? ((const double *)x)[at]
                                   : (double)((const int64_t *)x)[at];
}

static double plain_sum(const column *c)
{
    double sum = 0;

    for (int64_t i = 0; i < c->s.n; i++)
        sum += value(c, i);
    return sum;
}

static double plain_mean(const column *c)
{
    return plain_sum(c) / (double)c->s.n;
}

static double plain_prod(const column *c)
{
    double product = 1;

    for (int64_t i = 0; i < c->s.n; i++)
        product *= value(c, i);
    return product;
}

static double plain_norm(const column *c)
{
    double sum = 0;

    for (int64_t i = 0; i < c->s.n; i++)
        sum += value(c, i) * value(c, i);
    return sqrt(sum);
}

static double plain_var(const column *c)
{
    double mean = plain_mean(c), sum = 0;

    for (int64_t i = 0; i < c->s.n; i++)
        sum += (value(c, i) - mean) * (value(c, i) - mean);
    return sum / (double)(c->s.n - 1);
}

static double plain_argmax(const column *c)
{
    int64_t best = 0;

    for (int64_t i = 1; i < c->s.n; i++)
        if (value(c, i) > value(c, best))
            best = i;
    return (double)best;
}

static double plain_argmin(const column *c)
{
    int64_t best = 0;

    for (int64_t i = 1; i < c->s.n; i++)
        if (value(c, i) < value(c, best))
            best = i;
    return (double)best;
}

static double plain_max(const column *c)
{
    return value(c, (int64_t)plain_argmax(c));
}

static double plain_min(const column *c)
{
    return value(c, (int64_t)plain_argmin(c));
}

static double plain_logsumexp(const column *c)
{
    double sum = 0;

    for (int64_t i = 0; i < c->s.n; i++)
        sum += exp(value(c, i));
    return log(sum);
}

static const struct reduction {
    const char *name;
    fr_tensor *(*along)(fr_tensor *t, int dim, bool keepdim);
    double (*plain)(const column *c);
    bool whole; /* takes int64 */
} REDUCTIONS[] = {
    { "sum", fr_sum_dim, plain_sum, true },      { "mean", fr_mean_dim, plain_mean, false },
    { "prod", fr_prod_dim, plain_prod, true },   { "norm", fr_norm_dim, plain_norm, false },
    { "var", fr_var_dim, plain_var, false },     { "max", fr_max_dim, plain_max, true },
    { "min", fr_min_dim, plain_min, true },      { "argmax", fr_argmax, plain_argmax, true },
    { "argmin", fr_argmin, plain_argmin, true }, { "logsumexp", fr_logsumexp_dim, plain_logsumexp, false },
};
enum { COUNT = sizeof REDUCTIONS / sizeof *REDUCTIONS };

static const sizes SIZES[] = {
    { 3, 2, 1 },     { 5, 31, 1 },     { 5, 32, 1 },  { 5, 33, 1 },    { 2, 4096, 1 },  { 2, 4097, 1 },
    { 1, 70001, 1 }, { 1, 131075, 1 }, { 4, 9, 7 },   { 4, 10, 7 },    { 3, 300, 7 },   { 1, 20000, 7 },
    { 2, 3, 64 },    { 2, 700, 65 },   { 2, 5, 300 }, { 1, 300, 512 }, { 1, 200, 513 }, { 1, 5, 1100 },
    { 40000, 2, 1 }, { 30000, 3, 2 },  { 1, 70, 1 },
};

/* Draws values with many ties, whose product stays in range. */
static fr_tensor *draw(fr_shape shape, fr_dtype dtype)
{
    fr_tensor *t;

    if (dtype == FR_I64)
        return fr_sub_scalar(fr_randint(0, 3, shape), 1);
    t = fr_rand(shape);
    return fr_cast(fr_add_scalar(fr_mul_scalar(fr_floor(fr_mul_scalar(t, 1000)), 1e-4), 0.95), dtype);
}

static void compare(const struct reduction *r, const fr_tensor *x, sizes s, const fr_tensor *y)
{
    double tolerance = x->dtype == FR_F32 ? 2e-7 : x->dtype == FR_F64 ? 1e-12 : 0;

    if (r->plain == plain_prod && x->dtype == FR_F64)
        tolerance = 1e-10; /* rounding errors add up, in the plain loop too */
    if (r->plain == plain_logsumexp)
        tolerance *= 5;
    ck_assert_int_eq(fr_numel(y), s.outer * s.inner);
    for (int64_t i = 0; i < s.outer * s.inner; i++) {
        column c = { x, s, i / s.inner * s.n * s.inner + i % s.inner };
        double expected = r->plain(&c), got = fr_at(y, i);

        ck_assert_msg(fabs(got - expected) <= tolerance * fabs(expected),
                      "%s of (%lld,%lld,%lld), %s: %lld is %.17g, "
                      "expected %.17g",
                      r->name, (long long)s.outer, (long long)s.n, (long long)s.inner,
                      fr_dtype_name((fr_dtype)x->dtype), (long long)i, got, expected);
    }
}

START_TEST(sizes_of_all_kinds)
{
    const struct reduction *r = &REDUCTIONS[_i];

    fr_manual_seed(1);
    for (size_t k = 0; k < sizeof SIZES / sizeof *SIZES; k++) {
        for (fr_dtype d = FR_F32; d <= (r->whole ? FR_I64 : FR_F64); d++) {
            FR_SCOPE;
            sizes s = SIZES[k];
            fr_tensor *x = draw(FR_SHAPE(s.outer, s.n, s.inner), d);

            compare(r, x, s, r->along(x, 1, false));
        }
    }
}
END_TEST

static void assert_same_bits(const char *what, const fr_tensor *a, const fr_tensor *b)
{
    ck_assert_msg(memcmp(fr_data(a), fr_data(b), (size_t)a->numel * fr_dtype_size((fr_dtype)a->dtype)) == 0,
                  "%s: another result on several threads", what);
}

START_TEST(any_number_of_threads)
{
    static const sizes many[] = { { 1, 1000003, 1 }, { 300, 3000, 1 }, { 2, 3000, 200 }, { 1, 40, 20000 } };

    for (int k = 0; k < 4; k++) {
        FR_SCOPE;
        sizes s = many[k];
        fr_tensor *x = fr_randn(FR_SHAPE(s.outer, s.n, s.inner)), *one[COUNT], *sums;

        fr_set_num_threads(1);
        for (int i = 0; i < COUNT; i++)
            one[i] = REDUCTIONS[i].along(x, 1, true);
        sums = fr_cumsum(x, 1);
        fr_set_num_threads(3);
        for (int i = 0; i < COUNT; i++)
            assert_same_bits(REDUCTIONS[i].name, one[i], REDUCTIONS[i].along(x, 1, true));
        assert_same_bits("cumsum", sums, fr_cumsum(x, 1));
    }
    fr_set_num_threads(0);
}
END_TEST

/* Along rows and columns, from the front and, for the gradient, from the back; whole numbers, so that sums are exact.
 */
START_TEST(cumulative_sums)
{
    static const sizes all[] = { { 9, 1, 1 }, { 9, 7, 1 }, { 5, 16, 1 }, { 9, 41, 1 }, { 2, 9, 3 }, { 1, 5, 600 } };
    FR_SCOPE;
    sizes s = all[_i];
    fr_shape shape = FR_SHAPE(s.outer, s.n, s.inner);
    fr_tensor *x = fr_requires_grad(fr_cast(fr_randint(-99, 100, shape), FR_F32)), *dx;
    fr_tensor *g = fr_cast(fr_randint(-99, 100, shape), FR_F32), *y = fr_cumsum(x, 1);

    ck_assert(fr_gradients_with(y, g, &x, 1, &dx, 0));
    for (int64_t i = 0; i < fr_numel(x); i++) {
        int64_t place = i / s.inner % s.n;
        double front = 0, back = 0;

        for (int64_t k = 0; k <= place; k++)
            front += fr_at(x, i - k * s.inner);
        for (int64_t k = place; k < s.n; k++)
            back += fr_at(g, i + (k - place) * s.inner);
        ck_assert(fr_at(y, i) == front);
        ck_assert(fr_at(dx, i) == back);
    }
    ck_assert(fr_equal(fr_cumsum(fr_cast(x, FR_I64), 1), fr_cast(y, FR_I64)));
    ck_assert(fr_equal(fr_cumsum(fr_cast(x, FR_F64), 1), fr_cast(y, FR_F64)));
}
END_TEST

/* Summed one after another in float32 the result would be off by 1e-2 and more. */
START_TEST(many_values)
{
    FR_SCOPE;
    int64_t n = 10000000;
    fr_tensor *x = fr_rand(FR_SHAPE(n)), *row = fr_reshape(x, FR_SHAPE(n / 4, 4));
    column all = { x, { 1, n, 1 }, 0 };
    double sum = plain_sum(&all);

    ck_assert(fabs(fr_item(fr_sum(x)) - sum) <= 1e-7 * sum);
    ck_assert(fabs(fr_item(fr_mean(x)) - sum / (double)n) <= 2e-7 * sum / (double)n);
    ck_assert(fabs(fr_item(fr_var(x)) - 1.0 / 12) <= 1e-4);
    for (int64_t j = 0; j < 4; j++) {
        column c = { x, { 1, n / 4, 4 }, j };

        ck_assert(fabs(fr_at(fr_sum_dim(row, 0, false), j) - plain_sum(&c)) <= 1e-7 * sum / 4);
    }
}
END_TEST

/* The bound that the public header states, for values of both signs of which few are large, and for ones beside numbers
 * whose sum with 1 is no float32. */
START_TEST(error_of_a_sum)
{
    static const sizes all[] = { { 1, 1000003, 1 }, { 9, 4096, 1 }, { 3, 5000, 7 }, { 1, 3000, 513 }, { 700, 6, 9 } };
    FR_SCOPE;
    sizes s = all[_i / 2];
    fr_shape shape = FR_SHAPE(s.outer, s.n, s.inner);
    fr_tensor *x = fr_randn(shape), *y;

    x = _i % 2 ? fr_mul(x, fr_exp(fr_mul_scalar(fr_randn(shape), 3)))
               : fr_add_scalar(fr_mul_scalar(fr_cast(fr_le_scalar(fr_rand(shape), 0.03), FR_F32), 0x1p24), 1);
    y = fr_sum_dim(x, 1, false);
    for (int64_t i = 0; i < s.outer * s.inner; i++) {
        column c = { x, s, i / s.inner * s.n * s.inner + i % s.inner };
        double absolute = 0;

        for (int64_t k = 0; k < s.n; k++)
            absolute += fabs(value(&c, k));
        ck_assert(fabs(fr_at(y, i) - plain_sum(&c)) <= 3 * 0x1p-24 * absolute);
    }
}
END_TEST

/* The first of a tie and the first NaN are found wherever the walk cuts. */
START_TEST(first_of_a_tie)
{
    static const int64_t lengths[] = { 3, 40, 4096, 5000, 200000 };

    for (int k = 0; k < 5; k++) {
        FR_SCOPE;
        int64_t n = lengths[k];
        fr_tensor *x = fr_zeros(FR_SHAPE(n)), *wide = fr_zeros(FR_SHAPE(n, 3));

        ck_assert(fr_item(fr_argmax(x, 0, false)) == 0 && fr_item(fr_argmin(x, 0, false)) == 0);
        fr_copy(fr_select(x, 0, n - 1), fr_scalar(1));
        fr_copy(fr_select(x, 0, n / 2), fr_scalar(1));
        ck_assert_int_eq((int64_t)fr_item(fr_argmax(x, 0, false)), n / 2);
        fr_copy(fr_select(x, 0, n - 1), fr_scalar(NAN));
        ck_assert_int_eq((int64_t)fr_item(fr_argmin(x, 0, false)), n - 1);
        fr_copy(fr_slice(x, 0, n - 2, n, 1), fr_scalar(NAN));
        ck_assert_int_eq((int64_t)fr_item(fr_argmax(x, 0, false)), n - 2);
        ck_assert(isnan(fr_item(fr_max(x))) && isnan(fr_item(fr_min(x))) && isnan(fr_item(fr_max_dim(x, 0, false))));
        ck_assert(fr_at(fr_argmax(wide, 0, false), 2) == 0);
        fr_copy(fr_slice(fr_select(wide, 1, 1), 0, n - 2, n, 1), fr_scalar(NAN));
        ck_assert_int_eq((int64_t)fr_at(fr_argmin(wide, 0, false), 1), n - 2);
        ck_assert(fr_at(fr_argmin(wide, 0, false), 0) == 0);
    }
}
END_TEST

/* --- sum_to ------------------------------------------------------------------------------------------------------- */

START_TEST(sum_to_any_shape)
{
    FR_SCOPE;
    fr_tensor *x = fr_randn(FR_SHAPE(2, 1, 3, 4, 5));

    for (int drop = 0; drop <= 5; drop++) {
        for (unsigned ones = 0; ones < 1U << (5 - drop); ones++) {
            FR_SCOPE;
            fr_shape to = { .ndim = 5 - drop };
            fr_tensor *y = x;

            for (int i = 0; i < drop; i++)
                y = fr_sum_dim(y, 0, false);
            for (int i = 0; i < to.ndim; i++) {
                to.dim[i] = ones & 1U << i ? 1 : fr_dim(y, i);
                if (ones & 1U << i)
                    y = fr_sum_dim(y, i, true);
            }
            assert_close("sum_to", fr_sum_to(x, to), y, 1e-6, 1e-6);
        }
    }
    ck_assert(fr_sum_to(x, x->shape) == x);
}
END_TEST

/* --- Derivatives that the ops' cases cannot compare with differences ---------------------------------------------- */

static fr_tensor *products(fr_tensor *const *in, void *user)
{
    return user ? fr_prod(in[0]) : fr_prod_dim(in[0], 1, false);
}

/* dy / y would overflow: for values near 0 the quotient x / y has to come first. */
START_TEST(gradients_near_zero)
{
    static const double ps[] = { 1.5, 2, 3 };
    static const double values[] = { 1e-38, 5e-39 };

    for (int k = 0; k < 4; k++) {
        FR_SCOPE;
        fr_tensor *x = fr_requires_grad(fr_from_doubles(FR_SHAPE(2), values));
        fr_tensor *y = k < 3 ? fr_norm_with(x, &(fr_norm_options){ .p = ps[k] }) : fr_std(x);

        ck_assert(fr_backward(fr_mul_scalar(y, 1000)));
        for (int i = 0; i < 2; i++) {
            double size = k < 3 ? pow(pow(1, ps[k]) + pow(0.5, ps[k]), 1 / ps[k]) : 1;
            double slope = k < 3 ? pow((i ? 0.5 : 1) / size, ps[k] - 1) : i ? -sqrt(0.5) : sqrt(0.5);

            ck_assert_double_eq_tol(fr_at(fr_grad(x), i), 1000 * slope, 0.01);
        }
    }
}
END_TEST

START_TEST(prod_with_zeros)
{
    FR_SCOPE;
    static const double values[] = { 2, 3, 0, 5, -1, 0, 0, 4, 3, 0, 0, 0, 1, 2, 3, 4 };
    fr_tensor *x;
    bool all = true;

    fr_set_default_dtype(FR_F64);
    x = fr_requires_grad(fr_from_doubles(FR_SHAPE(4, 4), values));
    ck_assert(fr_gradcheck(products, &x, 1, NULL));
    ck_assert(fr_gradgradcheck(products, &x, 1, NULL));
    x = fr_requires_grad(fr_from_doubles(FR_SHAPE(5), values));
    ck_assert(fr_gradgradcheck(products, &x, 1, &all));
    fr_set_default_dtype(FR_F32);
}
END_TEST

/* The kernel cuts its work at rows, slabs and blocks of rows. What ops compute is the same, bit by bit. */
START_TEST(gradient_of_logsumexp)
{
    FR_SCOPE;
    static const fr_shape shapes[] = { { 3, { 2, 8, 8 } },     { 3, { 1, 70000, 1 } }, { 3, { 3, 100, 1 } },
                                       { 3, { 2, 3, 70000 } }, { 3, { 2, 700, 100 } }, { 3, { 300, 5, 47 } } };
    fr_tensor *x = fr_requires_grad(fr_mul_scalar(fr_randn(shapes[_i]), 3)), *y, *weight;

    fr_set_num_threads(2);
    y = fr_logsumexp_dim(x, 1, true);
    weight = fr_randn(FR_SHAPE(fr_dim(y, 0), 1, fr_dim(y, 2)));
    fr_backward(fr_sum(fr_mul(y, weight)));
    ck_assert(fr_equal(fr_grad(x), fr_mul(weight, fr_exp(fr_sub(fr_detach(x), fr_detach(y))))));
    fr_set_num_threads(1);
}
END_TEST

int main(void)
{
    TCase *walk = tcase_create("walk"), *other = tcase_create("other");

    tcase_add_loop_test(walk, sizes_of_all_kinds, 0, COUNT);
    tcase_add_test(walk, any_number_of_threads);
    tcase_add_loop_test(walk, cumulative_sums, 0, 6);
    tcase_add_test(walk, many_values);
    tcase_add_loop_test(walk, error_of_a_sum, 0, 10);
    tcase_add_test(walk, first_of_a_tie);
    tcase_add_test(other, sum_to_any_shape);
    tcase_add_test(other, prod_with_zeros);
    tcase_add_test(other, gradients_near_zero);
    tcase_add_loop_test(other, gradient_of_logsumexp, 0, 6);
    return run_tests("reductions", walk, other);
}
