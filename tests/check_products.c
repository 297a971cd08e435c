/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Matrix products: how many products and copies an op makes, and values of sizes at which the kernels cut matrices in
 * parts. check_ops checks the ops' values. */
#include "kernels/gemm.h"
#include "core/shape.h"
#include "core/tensor.h"
#include "kernels/large_gemm.h"
#include "kernels/small_gemm.h"
#undef FR_NO_CALL_SITES
#include "testing.h"

/* The linker redirects the library's calls of these functions to the wrappers (--wrap). */
static int products, copies;

void __real_fr_gemm(fr_dtype dtype, bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const void *a,
                    int64_t lda, const void *b, int64_t ldb, bool add, void *c, int64_t ldc);
void __wrap_fr_gemm(fr_dtype dtype, bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const void *a,
                    int64_t lda, const void *b, int64_t ldb, bool add, void *c, int64_t ldc);
void __real_fr_multiply(const fr_product *p);
void __wrap_fr_multiply(const fr_product *p);
fr_tensor *__real_fr_tensor_copy(const char *what, const fr_tensor *t);
fr_tensor *__wrap_fr_tensor_copy(const char *what, const fr_tensor *t);

void __wrap_fr_gemm(fr_dtype dtype, bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const void *a,
                    int64_t lda, const void *b, int64_t ldb, bool add, void *c, int64_t ldc)
{
    products++;
    __real_fr_gemm(dtype, trans_a, trans_b, m, n, k, a, lda, b, ldb, add, c, ldc);
}

void __wrap_fr_multiply(const fr_product *p)
{
    products++;
    __real_fr_multiply(p);
}

fr_tensor *__wrap_fr_tensor_copy(const char *what, const fr_tensor *t)
{
    copies++;
    return __real_fr_tensor_copy(what, t);
}

static void expect(int expected_products, int expected_copies)
{
    ck_assert_int_eq(products, expected_products);
    ck_assert_int_eq(copies, expected_copies);
    products = copies = 0;
}

/* Batches times one matrix: one product for all rows, and one for each gradient. */
START_TEST(one_product_for_all_batches)
{
    FR_SCOPE;
    fr_tensor *x = fr_requires_grad(fr_randn(FR_SHAPE(4, 5, 3))), *w = fr_requires_grad(fr_randn(FR_SHAPE(3, 2)));
    fr_tensor *y;

    products = copies = 0;
    y = fr_matmul(x, w);
    expect(1, 0);
    ck_assert(fr_backward_with(y, fr_randn(FR_SHAPE(4, 5, 2)), 0));
    ck_assert_int_eq(products, 2);
}
END_TEST

/* Matrices whose rows or columns are contiguous are multiplied without a copy; others are copied. */
START_TEST(transposed_views_are_not_copied)
{
    FR_SCOPE;
    fr_tensor *a = fr_randn(FR_SHAPE(6, 4)), *b = fr_randn(FR_SHAPE(8, 6)), *bias = fr_randn(FR_SHAPE(8));

    products = copies = 0;
    fr_matmul(fr_transpose(a, 0, 1), fr_transpose(b, 0, 1));
    expect(1, 0);
    fr_matmul(fr_slice(fr_transpose(a, 0, 1), 1, 0, 3, 1), fr_slice(b, 0, 0, 3, 1));
    expect(1, 0);
    fr_linear(fr_transpose(a, 0, 1), b, bias);
    expect(1, 0);
    fr_linear(b, fr_transpose(a, 0, 1), fr_slice(bias, 0, 0, INT64_MAX, 2));
    expect(1, 0);
    fr_matmul(fr_slice(fr_transpose(a, 0, 1), 1, 0, INT64_MAX, 2), fr_slice(b, 0, 0, INT64_MAX, 3));
    expect(1, 0);
    fr_matmul(fr_slice(b, 1, 0, INT64_MAX, 2), fr_expand(fr_slice(b, 0, 0, 1, 1), FR_SHAPE(3, 6)));
    expect(1, 2);
}
END_TEST

/* Few rows and columns, but sums so long that threads share the work. */
START_TEST(long_sums)
{
    FR_SCOPE;
    int64_t n = (1 << 20) + 7;
    fr_tensor *a = fr_ones(FR_SHAPE(8, n));

    ck_assert(fr_equal(fr_matmul(a, fr_transpose(a, 0, 1)), fr_full(FR_SHAPE(8, 8), (double)n)));
}
END_TEST

/* --- Values ------------------------------------------------------------------------------------------------------- */

/* Sizes around those of the kernels' tiles and blocks. */
static const int64_t rows[] = { 1, 3, 7, 8, 13, 130, 517 }, columns[] = { 1, 15, 33, 64, 100 },
                     depths[] = { 1, 7, 300 };

enum {
    ROWS = sizeof rows / sizeof *rows,
    COLUMNS = sizeof columns / sizeof *columns,
    DEPTHS = sizeof depths / sizeof *depths
};

static double value_at(const fr_tensor *t, int64_t i)
{
    return t->dtype == FR_F64 ? ((const double *)t->origin)[i] : (double)((const float *)t->origin)[i];
}

/* expected (m,n) = before + A B, by the formula. */
static void multiply_by_formula(const fr_product *p, const fr_tensor *a, const fr_tensor *b, const fr_tensor *before,
                                double *expected)
{
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++) {
            double sum = p->add ? value_at(before, i * p->ldc + j) : 0;

            for (int64_t l = 0; l < p->k; l++)
                sum += value_at(a, i * p->a_row + l * p->a_column) * value_at(b, l * p->b_row + j * p->b_column);
            expected[i * p->n + j] = sum;
        }
}

/* A value is a sum of products below 1. Beside C nothing may be written. */
static void compare_product(const fr_product *p, const fr_tensor *before, const fr_tensor *c, const double *expected,
                            const char *by)
{
    double bound = (p->dtype == FR_F64 ? 1e-15 : 1e-6) * (double)(p->k + 1);

    for (int64_t i = 0; i < p->m; i++) {
        for (int64_t j = 0; j < p->n; j++)
            ck_assert_msg(fabs(value_at(c, i * p->ldc + j) - expected[i * p->n + j]) <= bound,
                          "%s: %lldx%lldx%lld at %lld,%lld: %g, expected %g", by, (long long)p->m, (long long)p->k,
                          (long long)p->n, (long long)i, (long long)j, value_at(c, i * p->ldc + j),
                          expected[i * p->n + j]);
        for (int64_t j = p->n; j < p->ldc; j++)
            ck_assert(value_at(c, i * p->ldc + j) == value_at(before, i * p->ldc + j));
    }
}

/* c's rows have 3 values more than C's. trans: bit 0 A, bit 1 B. */
static fr_product product_of(int64_t m, int64_t n, int64_t k, int trans, bool add, const fr_tensor *a,
                             const fr_tensor *b, const fr_tensor *c)
{
    return (fr_product){ .dtype = (fr_dtype)c->dtype,
                         .m = m,
                         .n = n,
                         .k = k,
                         .a = a->origin,
                         .b = b->origin,
                         .c = c->origin,
                         .a_row = trans & 1 ? 1 : k,
                         .a_column = trans & 1 ? m : 1,
                         .b_row = trans & 2 ? 1 : n,
                         .b_column = trans & 2 ? k : 1,
                         .add = add,
                         .ldc = n + 3 };
}

static fr_tensor *random_values(int64_t n, fr_dtype dtype)
{
    return fr_cast(fr_rand(FR_SHAPE(n)), dtype);
}

/* With a bias: C's rows begin as it. */
static void check_bias(fr_product p, const fr_tensor *a, const fr_tensor *b, const fr_tensor *before, fr_tensor *c)
{
    fr_tensor *bias = random_values(p.n, (fr_dtype)c->dtype), *start = fr_clone((fr_tensor *)before);
    double *expected = fr_data(fr_cast(fr_zeros(FR_SHAPE(p.m, p.n)), FR_F64));

    fr_copy(fr_slice(start, 1, 0, p.n, 1), bias);
    p.add = true;
    multiply_by_formula(&p, a, b, start, expected);
    p.add = false;
    p.bias = bias->origin;
    fr_multiply(&p);
    compare_product(&p, before, c, expected, "with bias");
}

/* By the kernels, by what fr_multiply chooses, which may be a BLAS, and with B packed before. trans: bit 0 A, bit 1 B.
 */
static void check_product(fr_dtype dtype, int64_t m, int64_t n, int64_t k, int trans, bool add)
{
    FR_SCOPE;
    fr_tensor *a = fr_cast(fr_rand(FR_SHAPE(m, k)), dtype), *b = fr_cast(fr_rand(FR_SHAPE(k, n)), dtype);
    fr_tensor *before = fr_cast(fr_rand(FR_SHAPE(m, n + 3)), dtype), *c = fr_clone(before);
    double *expected = fr_data(fr_cast(fr_zeros(FR_SHAPE(m, n)), FR_F64));
    fr_product p = product_of(m, n, k, trans, add, a, b, c);
    void *packed = aligned_alloc(64, ((size_t)fr_packed_bytes(dtype, k, n) + 63) / 64 * 64);

    multiply_by_formula(&p, a, b, before, expected);
    fr_multiply_here(&p);
    compare_product(&p, before, c, expected, "kernel");
    fr_copy(c, before);
    fr_multiply(&p);
    compare_product(&p, before, c, expected, "fr_multiply");
    fr_copy(c, before);
    if (!add)
        check_bias(p, a, b, before, c);
    fr_copy(c, before);
    fr_pack(dtype, k, n, p.b, p.b_row, p.b_column, packed);
    fr_multiply_packed(dtype, m, n, k, p.a, p.a_row, p.a_column, packed, NULL, add, p.c, p.ldc);
    compare_product(&p, before, c, expected, "packed");
    free(packed);
}

START_TEST(values)
{
    enum { STEP = SANITIZED ? 3 : 1 };
    int64_t m = rows[_i % ROWS], n = columns[_i / ROWS % COLUMNS], k = depths[_i / ROWS / COLUMNS];

    fr_manual_seed(1);
    for (int form = _i % STEP; form < 16; form += STEP)
        check_product(form & 8 ? FR_F64 : FR_F32, m, n, k, form & 3, form & 4);
}
END_TEST

/* The kernel for small products computes each value as the sum in the same order: the same bits. Rows of A, B and C
 * have 2, 1 and 3 values between them; c's first and last 64 values are not C's. form: bits 0 and 1 as trans, 2 C is
 * added to, 3 bias is. */
static void check_small_product(fr_dtype dtype, int64_t m, int64_t n, int64_t k, int form)
{
    enum { BESIDE = 64 };
    FR_SCOPE;
    fr_tensor *a = random_values((m + 2) * (k + 2), dtype), *b = random_values((n + 2) * (k + 2), dtype);
    fr_tensor *c = random_values(2 * BESIDE + m * (n + 3), dtype), *expected = fr_clone(c);
    fr_tensor *sums = random_values(m, dtype), *expected_sums = fr_clone(sums);
    int64_t size = (int64_t)fr_dtype_size(dtype);
    fr_tensor *bias = random_values(n, dtype);
    fr_product p = product_of(m, n, k, form & 3, form & 12, a, b, expected);

    p.a_row += form & 1 ? 0 : 2;
    p.a_column += form & 1 ? 2 : 0;
    p.b_row += form & 2 ? 0 : 1;
    p.b_column += form & 2 ? 1 : 0;
    p.ldc = n == 1 && m % 2 == 1 ? 1 : n + 3; /* a column without gaps, too */
    p.sums = (form & 9) == 1 ? expected_sums->origin : NULL;
    p.c = expected->origin + BESIDE * size;
    for (int64_t i = 0; i < m && form & 8; i++)
        memcpy((char *)p.c + i * p.ldc * size, bias->origin, (size_t)(n * size));
    fr_multiply_here(&p);
    p.add = form & 4;
    p.bias = form & 8 ? bias->origin : NULL;
    p.sums = (form & 9) == 1 ? sums->origin : NULL;
    p.c = c->origin + BESIDE * size;
    fr_multiply_small(&p);
    ck_assert_msg(fr_equal(c, expected) && fr_equal(sums, expected_sums), "%lldx%lldx%lld, form %d", (long long)m,
                  (long long)k, (long long)n, form);
}

START_TEST(small_values)
{
    enum { STEP = SANITIZED ? 4 : 1 };

    fr_manual_seed(1);
    for (int64_t n = 1; n <= 33; n++)
        for (int64_t k = 1; k <= 33; k += STEP)
            for (int form = 0; form < 24; form++)
                check_small_product(form >= 12 ? FR_F64 : FR_F32, _i + 1, n, k, form % 12);
}
END_TEST

/* Large products are packed in other ways, but each value is the same sum in the same order: the same bits. Gradients
 * of biases, the sums of the rows of a transposed A, are computed beside. */
static void check_large_product(fr_dtype dtype, int64_t m, int64_t n, int64_t k, int trans, bool add)
{
    FR_SCOPE;
    fr_tensor *a = fr_cast(fr_rand(FR_SHAPE(m, k)), dtype), *b = fr_cast(fr_rand(FR_SHAPE(k, n)), dtype);
    fr_tensor *c = fr_cast(fr_rand(FR_SHAPE(m, n + 3)), dtype), *expected = fr_clone(c);
    fr_tensor *sums = fr_cast(fr_rand(FR_SHAPE(m)), dtype), *expected_sums = fr_clone(sums);
    fr_product p = product_of(m, n, k, trans, add, a, b, expected);

    p.sums = trans & 1 ? expected_sums->origin : NULL;
    fr_multiply_here(&p);
    p.c = c->origin;
    p.sums = trans & 1 ? sums->origin : NULL;
    ck_assert(fr_is_large(&p));
    ck_assert(fr_multiply_large(&p));
    ck_assert(fr_equal(c, expected));
    ck_assert(fr_equal(sums, expected_sums));
}

START_TEST(large_values)
{
    static const int64_t sizes[][3] = { { 513, 200, 1100 }, { 1030, 193, 401 }, { 700, 707, 137 } };
    const int64_t *size = sizes[_i];

    fr_manual_seed(1);
    for (int form = 0; form < 16; form++) {
        fr_set_num_threads(1 + form % 3);
        check_large_product(form & 8 ? FR_F64 : FR_F32, size[0], size[1], size[2], form & 3, form & 4);
    }
}
END_TEST

int main(void)
{
    TCase *matrices = tcase_create("matrices");

    tcase_add_test(matrices, one_product_for_all_batches);
    tcase_add_test(matrices, transposed_views_are_not_copied);
    tcase_add_test(matrices, long_sums);
    tcase_add_loop_test(matrices, values, 0, ROWS * COLUMNS * DEPTHS);
    tcase_add_loop_test(matrices, small_values, 0, 33);
    tcase_add_loop_test(matrices, large_values, 0, 3);
    return run_tests("products", matrices);
}
