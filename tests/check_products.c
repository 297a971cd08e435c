/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Matrix products: how many products and copies an op makes. check_ops checks the values. */
#include "kernels/gemm.h"
#include "core/tensor.h"
#undef FR_NO_CALL_SITES
#include "testing.h"

/* The linker redirects the library's calls of these functions to the wrappers (--wrap). */
static int products, copies;

void __real_fr_gemm(fr_dtype dtype, bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const void *a,
                    int64_t lda, const void *b, int64_t ldb, bool add, void *c, int64_t ldc);
void __wrap_fr_gemm(fr_dtype dtype, bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const void *a,
                    int64_t lda, const void *b, int64_t ldb, bool add, void *c, int64_t ldc);
fr_tensor *__real_fr_tensor_copy(const char *what, const fr_tensor *t);
fr_tensor *__wrap_fr_tensor_copy(const char *what, const fr_tensor *t);

void __wrap_fr_gemm(fr_dtype dtype, bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const void *a,
                    int64_t lda, const void *b, int64_t ldb, bool add, void *c, int64_t ldc)
{
    products++;
    __real_fr_gemm(dtype, trans_a, trans_b, m, n, k, a, lda, b, ldb, add, c, ldc);
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

int main(void)
{
    TCase *matrices = tcase_create("matrices");

    tcase_add_test(matrices, one_product_for_all_batches);
    tcase_add_test(matrices, transposed_views_are_not_copied);
    tcase_add_test(matrices, long_sums);
    return run_tests("products", matrices);
}
