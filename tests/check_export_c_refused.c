/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Models and examples whose number of samples or of time steps cannot be open: errors say why. */
#include "exported.h"

static fr_tensor *mixes_samples(fr_module *m, fr_tensor *x)
{
    (void)m;
    return fr_sub(x, fr_mean_dim(fr_exp(x), 0, true));
}

static fr_tensor *counts_samples(fr_module *m, fr_tensor *x)
{
    (void)m;
    return fr_mul_scalar(x, (double)fr_dim(x, 0));
}

static fr_tensor *sums_samples(fr_module *m, fr_tensor *x)
{
    (void)m;
    return fr_sum_dim(fr_tanh(x), 0, false);
}

static fr_tensor *pools(fr_module *m, fr_tensor *x)
{
    (void)m;
    return fr_avg_pool1d(fr_transpose(x, 1, 2), 2, NULL);
}

static fr_tensor *counts_steps(fr_module *m, fr_tensor *x)
{
    (void)m;
    return fr_mul_scalar(x, 1.0 / (double)fr_dim(x, 1));
}

/* The ops are others from three steps down. */
static fr_tensor *branches(fr_module *m, fr_tensor *x)
{
    (void)m;
    return fr_dim(x, 1) > 7 ? fr_tanh(fr_exp(x)) : fr_exp(fr_tanh(x));
}

static fr_tensor *late_constant(fr_module *m, fr_tensor *x)
{
    int64_t n = fr_dim(x, 1);

    (void)m;
    return fr_add(fr_exp(x), fr_reshape(fr_arange(-(double)n, 0, 1, FR_F32), FR_SHAPE(n, 1)));
}

static const struct {
    fr_tensor *(*forward)(fr_module *m, fr_tensor *x);
    bool length;
    const char *pieces[3];
} refused[] = {
    { mixes_samples, false, { "(4,)", "holds samples", "mean in module 0 does not treat each alone" } },
    { counts_samples, false, { "(4,)", "mul_scalar in module 0" } },
    { sums_samples, false, { "sum in module 0" } },
    { pools, true, { "avg_pool1d in module 0 has sizes that are not sums and products" } },
    { counts_steps, true, { "the code of 0: mul_scalar: ", "for 9 and 8" } },
    { branches, true, { "exp in module 0 is not called alike" } },
    { late_constant, true, { "add in module 0 has an input that does not depend on x" } },
};
enum { REFUSED = sizeof refused / sizeof *refused };

START_TEST(refusals_name_op_and_module)
{
    FR_SCOPE;
    char path[PATH];
    fr_module *inner = fr_module_new("Inner", 0, refused[_i].forward), *m = fr_nn_sequential(1, &inner);

    ck_assert(!fr_export_c_with(
        m, fr_randn(refused[_i].length ? FR_SHAPE(1, 9, 1) : FR_SHAPE(4)), in_folder("net.c", path),
        &(fr_export_c_options){ .open_batch = !refused[_i].length, .open_length = refused[_i].length }, NULL));
    assert_failed("export_c_with", refused[_i].pieces[0], refused[_i].pieces[1] ? refused[_i].pieces[1] : "",
                  refused[_i].pieces[2] ? refused[_i].pieces[2] : "");
    ck_assert(access(path, F_OK) != 0);
    fr_module_free(m);
}
END_TEST

START_TEST(bad_examples)
{
    FR_SCOPE;
    char path[PATH];
    fr_module *rnn = fr_nn_rnn(3, 5, NULL), *tanh = fr_nn_tanh(), *head = fr_nn_linear(2, 2, NULL);
    fr_export_c_options batch = { .open_batch = true }, length = { .open_length = true }, both = batch;
    fr_export_c_report report;

    in_folder("net.c", path);
    ck_assert(!fr_export_c_with(tanh, fr_randn(FR_SHAPE()), path, &batch, NULL));
    assert_failed("export_c_with", "no dim of x, (), holds samples: it has no dims");
    ck_assert(!fr_export_c_with(tanh, fr_randn(FR_SHAPE()), path, &length, NULL));
    assert_failed("the number of steps in x, (), cannot be open", "no dim that could hold them");
    ck_assert(!fr_export_c_with(rnn, fr_randn(FR_SHAPE(4, 1, 3)), path, &length, NULL));
    assert_failed("(4, 1, 3)", "dim 0 has size 4, which is too few to compare with fewer");
    ck_assert(!fr_export_c_with(rnn, fr_randn(FR_SHAPE(7, 3)), path, &batch, NULL));
    assert_failed("no dim of x, (7, 3), holds samples", "rnn in module");
    both.open_length = true; /* the shape is the example's, not that of one sample */
    ck_assert(!fr_export_c_with(rnn, fr_randn(FR_SHAPE(4, 2, 3)), path, &both, NULL));
    assert_failed("the number of steps in x, (4, 2, 3), cannot be open", "too few to compare");
    /* The error of another op is a part of this one, without a second beginning and place. */
    ck_assert(!fr_export_c_with(head, fr_randn(FR_SHAPE(2)), path, &batch, NULL));
    ck_assert(!strstr(strstr(fr_error_message(), "frond: ") + 1, "frond: "));
    ck_assert(strchr(fr_error_message(), '[') == strrchr(fr_error_message(), '['));
    assert_failed("no dim of x, (2,), holds samples: linear", "expected (..., I)");
    ck_assert(access(path, F_OK) != 0);
    /* NAME_step takes one sample. */
    ck_assert(fr_export_c_with(rnn, fr_randn(FR_SHAPE(7, 4, 3)), path, &batch, &report));
    ck_assert_int_eq(report.state_bytes, 5 * (int64_t)sizeof(float));
    ck_assert_int_eq(report.min_length, 0);
    ck_assert(fr_export_c_with(rnn, fr_randn(FR_SHAPE(5, 4, 3)), path, &length, &report));
    ck_assert_int_eq(report.state_bytes, 4 * 5 * (int64_t)sizeof(float));
    ck_assert_int_eq(report.min_length, 1);
    fr_module_free(rnn);
    fr_module_free(tanh);
    fr_module_free(head);
}
END_TEST

int main(void)
{
    TCase *open = tcase_create("open");

    tcase_set_timeout(open, 120);
    tcase_add_checked_fixture(open, make_folder, remove_folder);
    tcase_add_loop_test(open, refusals_name_op_and_module, 0, REFUSED);
    tcase_add_test(open, bad_examples);
    return run_tests("export_c_refused", open);
}
