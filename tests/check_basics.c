/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Tensors, scopes and errors. */
#include "testing.h"

START_TEST(scope_frees_what_it_holds)
{
    size_t before = fr_live_tensors();
    {
        FR_SCOPE;
        fr_zeros(FR_SHAPE(2, 3));
        ck_assert_uint_eq(fr_live_tensors(), before + 1);
    }
    ck_assert_uint_eq(fr_live_tensors(), before);
}
END_TEST

START_TEST(message_names_the_line)
{
    FR_SCOPE;
    fr_tensor *a = fr_zeros(FR_SHAPE(4, 3)), *b = fr_zeros(FR_SHAPE(5, 2));
    char place[64];

    snprintf(place, sizeof place, "[%s:%d]", __FILE__, __LINE__ + 1);
    ck_assert_ptr_null(fr_add(fr_square(a), fr_add(a, b)));
    assert_failed("add", "(4, 3)", "(5, 2)", place);
}
END_TEST

int main(void)
{
    TCase *basics = tcase_create("basics");

    tcase_add_test(basics, scope_frees_what_it_holds);
    tcase_add_test(basics, message_names_the_line);
    return run_tests("basics", basics);
}
