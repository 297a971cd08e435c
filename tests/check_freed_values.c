/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* FROND_CHECK=1: released tensors are remembered for long, and freed values are NaN. */
#include <config.h>

#include "testing.h"

#include "core/header_pool.h"
#include "core/memory.h"

/* A pointer that fr_data gave shows NaN after the release, of whatever dtype, and is not used again soon. Sanitizers
 * would stop the reads here, which is what they are for. */
START_TEST(values_are_nan)
{
    float *single;
    double *doubles;
    int64_t *whole;

    {
        FR_SCOPE;
        single = fr_data(fr_ones(FR_SHAPE(1000)));
        doubles = fr_data(fr_cast(fr_ones(FR_SHAPE(3)), FR_F64));
        whole = fr_data(fr_arange(0, 5, 1, FR_I64));
    }
    for (int round = 0; round < 2; round++) {
        FR_SCOPE;
        for (int i = 0; i < 1000; i++)
            ck_assert(isnan(single[i]));
        for (int i = 0; i < 3; i++)
            ck_assert(isnan(doubles[i]));
        for (int i = 0; i < 5; i++)
            ck_assert_int_eq(whole[i], -1);
        for (int i = 0; i < 100; i++) {
            ck_assert_ptr_ne(fr_data(fr_zeros(FR_SHAPE(1000))), single);
            ck_assert_ptr_ne(fr_data(fr_arange(0, 5, 1, FR_I64)), whole);
        }
    }
}
END_TEST

START_TEST(tensors_are_remembered)
{
    fr_tensor *t;
    {
        FR_SCOPE;
        t = fr_ones(FR_SHAPE(2));
    }
    for (int i = 0; i < 20; i++) {
        FR_SCOPE;
        for (int k = 0; k < FR_HEADERS_CHECKED / 21; k++)
            fr_zeros(FR_SHAPE());
    }
    fr_item(t);
    assert_failed("was released", "made by ones");
    fr_cache_trim();
    fr_item(t);
    assert_failed("was released", "made by ones");
}
END_TEST

/* Training still gives the same numbers, and what waits is freed on request. */
START_TEST(training)
{
    FR_SCOPE;
    fr_module *m = fr_nn_lstm(2, 3, NULL);
    fr_optim *o = fr_adam(m, NULL);
    double first = 0, last = 0;

    fr_manual_seed(0);
    for (int i = 0; i < 50; i++) {
        FR_SCOPE;
        fr_tensor *loss = fr_mean(fr_square(fr_forward(m, fr_ones(FR_SHAPE(5, 2, 2)))));

        fr_optim_zero_grad(o);
        fr_backward(loss);
        fr_optim_step(o);
        last = fr_item(loss);
        first = i ? first : last;
    }
    ck_assert(last < first);
    fr_optim_free(o);
    fr_module_free(m);
    fr_headers_empty();
    fr_freed_blocks_empty();
    fr_objects_empty();
}
END_TEST

int main(void)
{
    TCase *values = tcase_create("values");

    setenv("FROND_CHECK", "1", 1); /* before the first call of the library */
    if (!SANITIZED)
        tcase_add_test(values, values_are_nan);
    tcase_add_test(values, tensors_are_remembered);
    tcase_add_test(values, training);
    return run_tests("freed values", values);
}
