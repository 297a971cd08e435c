/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What cannot be captured, and says why and where; errors at a replay; functions that fail, and jumps out of them. */
#include "testing.h"

#include <setjmp.h>

static int calls;

static fr_tensor *tanh_of(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_tanh(in[0]);
}

/* --- What cannot be captured -------------------------------------------------------------------------------------- */

static fr_module *net;
static fr_optim *optim;
static fr_loader *loader;
static fr_tensor *kept, *w;

static fr_tensor *looks_by_item(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_item(fr_sum(in[0])) > 0 ? fr_neg(in[0]) : in[0];
}

static fr_tensor *looks_by_at(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_mul_scalar(in[0], fr_at(in[0], 0));
}

static fr_tensor *looks_by_data(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_data(in[0]) ? fr_neg(in[0]) : NULL;
}

static fr_tensor *looks_by_equal(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_equal(in[0], fr_zeros_like(in[0])) ? in[0] : fr_neg(in[0]);
}

static fr_tensor *forward_hook(fr_module *m, fr_tensor *x, fr_tensor *y, void *user)
{
    (void)m, (void)x, (void)user;
    return y;
}

static fr_tensor *has_module_hook(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_forward(net, in[0]);
}

static fr_tensor *gradient_hook(fr_tensor *gradient, void *user)
{
    (void)user;
    return gradient;
}

static fr_tensor *has_gradient_hook(fr_tensor *const *in, void *user)
{
    fr_tensor *y = fr_mul(in[0], w);

    (void)user;
    fr_on_gradient(y, gradient_hook, NULL);
    fr_backward(fr_sum(y));
    return y;
}

static fr_tensor *has_checkpoint(fr_tensor *const *in, void *user)
{
    return fr_checkpoint(tanh_of, in, 1, user);
}

static fr_tensor *takes_a_batch(fr_tensor *const *in, void *user)
{
    fr_tensor *const *batch = fr_loader_next(loader);

    (void)user;
    return fr_add(in[0], batch ? batch[0] : NULL);
}

static fr_tensor *loss_of_net(void *user)
{
    (void)user;
    return fr_sum(fr_square(fr_module_parameters(net, &(int){ 0 })[0]));
}

static fr_tensor *has_closure(fr_tensor *const *in, void *user)
{
    fr_optim_step_closure(optim, loss_of_net, user);
    return fr_neg(in[0]);
}

static fr_tensor *has_sizes_of_values(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_nonzero(in[0]);
}

static fr_tensor *keeps_a_result(fr_tensor *const *in, void *user)
{
    (void)user;
    fr_unref(kept);
    kept = fr_ref(fr_neg(in[0]));
    return fr_tanh(kept);
}

static fr_tensor *reads_what_nobody_wrote(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_add(in[0], fr_empty_like(in[0]));
}

static fr_tensor *reads_a_sum_of_runs(fr_tensor *const *in, void *user)
{
    (void)user;
    fr_backward(fr_sum(fr_mul(in[0], w)));
    return fr_neg(fr_grad(w));
}

static fr_tensor *gives_nothing(fr_tensor *const *in, void *user)
{
    (void)in, (void)user;
    return NULL;
}

static fr_tensor *nothing(fr_tensor *const *in, void *user)
{
    FR_AUTO(fr_captured) c = fr_capture(tanh_of, user);

    (void)in;
    return fr_captured_run(c, NULL, 1);
}

static fr_tensor *looks_at_a_norm(fr_tensor *const *in, void *user)
{
    (void)user;
    fr_module_grad_norm(net);
    return fr_tanh(in[0]);
}

static fr_tensor *sets_lr(fr_tensor *const *in, void *user)
{
    (void)user;
    fr_optim_set_lr(optim, 0.5);
    return fr_tanh(in[0]);
}

/* The error is cleared, but the function still looked. */
static fr_tensor *looks_and_forgets(fr_tensor *const *in, void *user)
{
    (void)user;
    fr_item(fr_sum(in[0]));
    fr_error_clear();
    return fr_tanh(in[0]);
}

static fr_tensor *goes_forward(fr_tensor *const *in, void *user)
{
    fr_tensor *tangent = fr_ones_like(in[0]), *y, *dy = NULL;

    (void)user;
    fr_jvp(tanh_of, in, &tangent, 1, NULL, &y, &dy);
    return dy;
}

static const struct {
    fr_function *f;
    const char *error;
} refused[] = {
    { looks_at_a_norm, "module_grad_norm: a value is looked at" },
    { sets_lr, "optim_set_lr: cannot be captured" },
    { looks_and_forgets, "cleared the error" },
    { goes_forward, "jvp: cannot be captured" },
    { nothing, "inputs" },
    { looks_by_item, "item: a value is looked at in a captured function" },
    { looks_by_at, "at: a value is looked at in a captured function" },
    { looks_by_data, "data: a value is looked at in a captured function" },
    { looks_by_equal, "equal: a value is looked at in a captured function" },
    { has_module_hook, "a hook of a module: cannot be captured" },
    { has_gradient_hook, "a gradient hook: cannot be captured" },
    { has_checkpoint, "checkpoint: cannot be captured" },
    { takes_a_batch, "loader_next: cannot be captured" },
    { has_closure, "optim_step_closure: cannot be captured" },
    { has_sizes_of_values, "nonzero: a value is looked at in a captured function" },
    { keeps_a_result, "the result of neg, of shape (3,), is kept outside of the function" },
    { reads_what_nobody_wrote, "add reads values of shape (3,) that were made in the function, but not by ops" },
    { reads_a_sum_of_runs, "neg reads a gradient of shape (3,) that earlier runs have added to" },
    { gives_nothing, "captured_run: the function gave NULL" },
};

static void open_things(void)
{
    w = fr_requires_grad(fr_ones(FR_SHAPE(3)));
    net = fr_nn_linear(3, 3, NULL);
    optim = fr_lbfgs(net, NULL);
    fr_module_on_forward(net, forward_hook, NULL);
    loader = fr_loader_new((fr_tensor *[]){ w }, 1, NULL);
}

static void close_things(void)
{
    fr_loader_free(loader);
    fr_optim_free(optim);
    fr_module_free(net);
    fr_unref(kept);
    kept = NULL;
}

START_TEST(refusals)
{
    FR_SCOPE;
    fr_tensor *x = fr_ones(FR_SHAPE(3));
    FR_AUTO(fr_captured) c = fr_capture(refused[_i].f, NULL);
    FR_AUTO(fr_captured) after = fr_capture(tanh_of, NULL);

    open_things();
    for (int i = 0; i < 2; i++)
        assert_refused(fr_captured_run(c, &x, 1), refused[_i].error, "check_capture_refused.c:");
    for (int i = 0; i < 2; i++)
        ck_assert(fr_equal(fr_captured_run(after, &x, 1), fr_tanh(x)));
    ck_assert(fr_item(fr_sum(x)) == 3);
    close_things();
}
END_TEST

/* --- Errors at a replay ------------------------------------------------------------------------------------------- */

static fr_tensor *bce(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_bce(in[0], fr_ones_like(in[0]), FR_MEAN);
}

static fr_tensor *classes(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_cross_entropy(fr_ones(FR_SHAPE(3, 4)), in[0], FR_MEAN);
}

static fr_tensor *words(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_embedding(in[0], fr_ones(FR_SHAPE(4, 2)), NULL);
}

static fr_tensor *one_hot(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_one_hot(in[0], 4);
}

static fr_tensor *scatter(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_scatter(fr_zeros(FR_SHAPE(4)), 0, in[0], fr_ones(FR_SHAPE(3)));
}

static fr_tensor *rows(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_index_select(fr_ones(FR_SHAPE(4, 2)), 0, in[0]);
}

static fr_tensor *lengths(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_recurrent_forward_lengths(net, fr_ones(FR_SHAPE(4, 3, 2)), NULL, in[0]).out;
}

static fr_tensor *lengths_of_an_op(fr_tensor *const *in, void *user)
{
    fr_tensor *ones = fr_ones(FR_SHAPE(2, 2));

    (void)user;
    return fr_rnn(fr_ones(FR_SHAPE(4, 3, 2)), NULL, ones, ones, NULL, NULL, &(fr_recurrence){ .lengths = in[0] }).out;
}

static const struct {
    fr_function *f;
    fr_dtype dtype;
    double good, bad;
} failing[] = {
    { bce, FR_F32, 0.5, 2 },   { classes, FR_I64, 3, 4 }, { words, FR_I64, 3, -1 },  { one_hot, FR_I64, 3, 9 },
    { scatter, FR_I64, 3, 4 }, { rows, FR_I64, 3, 4 },    { lengths, FR_I64, 3, 5 }, { lengths_of_an_op, FR_I64, 3, 5 },
};

/* Without the function's name, which is the op's at a replay, and the line. */
static void copy_message(char *to, size_t size)
{
    const char *message = strstr(strstr(fr_error_message(), ": ") + 2, ": "), *end = strstr(message, "   [");

    ck_assert_ptr_nonnull(strstr(message, "check_capture_refused.c:"));
    snprintf(to, size, "%.*s", end ? (int)(end - message) : (int)strlen(message), message);
    fr_error_clear();
}

START_TEST(errors_of_a_replay)
{
    FR_SCOPE;
    fr_function *f = failing[_i].f;
    fr_tensor *good = fr_cast(fr_full(FR_SHAPE(3), failing[_i].good), failing[_i].dtype);
    fr_tensor *bad = fr_cast(fr_full(FR_SHAPE(3), failing[_i].bad), failing[_i].dtype);
    FR_AUTO(fr_captured) c = fr_capture(f, NULL);
    char eager[400], captured[400];

    net = fr_nn_gru(2, 2, NULL);
    ck_assert(fr_equal(fr_captured_run(c, &good, 1), f(&good, NULL)));
    for (int i = 0; i < 2; i++) {
        ck_assert_ptr_null(f(&bad, NULL));
        copy_message(eager, sizeof eager);
        ck_assert_ptr_null(fr_captured_run(c, &bad, 1));
        copy_message(captured, sizeof captured);
        ck_assert_str_eq(captured, eager);
        ck_assert(fr_equal(fr_captured_run(c, &good, 1), f(&good, NULL)));
    }
    fr_module_free(net);
}
END_TEST

/* --- Functions that fail, and jumps ------------------------------------------------------------------------------- */

static fr_tensor *fails_at_first(fr_tensor *const *in, void *user)
{
    (void)user;
    return calls++ < 2 ? fr_matmul(in[0], in[0]) : fr_tanh(fr_neg(in[0]));
}

START_TEST(works_later)
{
    FR_SCOPE;
    fr_tensor *x = fr_randn(FR_SHAPE(3, 2));
    FR_AUTO(fr_captured) c = fr_capture(fails_at_first, NULL);

    calls = 0;
    assert_refused(fr_captured_run(c, &x, 1), "matmul: ");
    assert_refused(fr_captured_run(c, &x, 1), "matmul: ");
    for (int i = 0; i < 3; i++)
        ck_assert(fr_equal(fr_captured_run(c, &x, 1), fr_tanh(fr_neg(x))));
    ck_assert_int_eq(calls, 3);
}
END_TEST

static jmp_buf back;

static void jump(const char *message, void *user)
{
    (void)message, (void)user;
    longjmp(back, 1);
}

/* Runs c with x and jumps out of it. */
static void run_and_jump(fr_captured *c, fr_tensor *x)
{
    int scope = fr_scope_begin();

    fr_set_error_handler(jump, NULL);
    if (setjmp(back) == 0) {
        fr_captured_run(c, &x, 1);
        ck_abort_msg("no jump");
    }
    fr_set_error_handler(NULL, NULL);
    fr_scope_end(scope);
    fr_error_clear();
}

START_TEST(jumps_out)
{
    FR_SCOPE;
    fr_tensor *x = fr_randn(FR_SHAPE(3, 2));
    fr_captured *c = fr_capture(fails_at_first, NULL);

    calls = 0;
    run_and_jump(c, x);
    ck_assert(fr_item(fr_sum(fr_ones(FR_SHAPE(3)))) == 3); /* nobody takes notes */
    run_and_jump(c, x);
    for (int i = 0; i < 2; i++)
        ck_assert(fr_equal(fr_captured_run(c, &x, 1), fr_tanh(fr_neg(x))));
    calls = 0;
    fr_captured_reset(c);
    run_and_jump(c, x);
    fr_captured_free(c);
}
END_TEST

/* The same without a scope that ends: what the function had begun is ended when it is freed. */
/* Runs a function that is left by a jump, and releases it within a scope whose end puts back what it found. */
static void jump_and_release(void)
{
    FR_SCOPE;
    fr_tensor *x = fr_randn(FR_SHAPE(3, 2));
    fr_captured *c = fr_capture(fails_at_first, NULL);

    calls = 0;
    fr_set_error_handler(jump, NULL);
    if (setjmp(back) == 0) {
        fr_captured_run(c, &x, 1);
        ck_abort_msg("no jump");
    }
    fr_set_error_handler(NULL, NULL);
    fr_error_clear();
    {
        FR_SCOPE;
        fr_captured_free(c);
        ck_assert(fr_item(fr_sum(fr_ones(FR_SHAPE(3)))) == 3);
    }
    fr_ones(FR_SHAPE(3));
}

/* What was noted until the jump is freed by the next run. */
START_TEST(jumps_into_its_scope)
{
    FR_SCOPE;
    fr_tensor *x = fr_randn(FR_SHAPE(3, 2));
    FR_AUTO(fr_captured) after = fr_capture(tanh_of, NULL);

    jump_and_release();
    ck_assert(fr_equal(fr_captured_run(after, &x, 1), fr_tanh(x)));
    ck_assert(fr_item(fr_sum(fr_ones(FR_SHAPE(3)))) == 3);
}
END_TEST

static fr_tensor *sgd_step(fr_tensor *const *in, void *user)
{
    fr_optim_step(user);
    return fr_neg(in[0]);
}

START_TEST(freed_optimiser)
{
    USES_FREED
    FR_SCOPE;
    FR_AUTO(fr_module) m = fr_nn_linear(3, 3, NULL);
    fr_optim *o = fr_sgd(m, NULL);
    FR_AUTO(fr_captured) c = fr_capture(sgd_step, o);
    fr_tensor *x = fr_ones(FR_SHAPE(2));

    for (int i = 0; i < 2; i++)
        ck_assert(fr_captured_run(c, &x, 1));
    fr_optim_free(o);
    assert_refused(fr_captured_run(c, &x, 1), "optim_step: optimiser was released", "check_capture_refused.c:");
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("refused");

    tcase_add_loop_test(cases, refusals, 0, sizeof refused / sizeof *refused);
    tcase_add_loop_test(cases, errors_of_a_replay, 0, sizeof failing / sizeof *failing);
    tcase_add_test(cases, works_later);
    tcase_add_test(cases, jumps_out);
    tcase_add_test(cases, jumps_into_its_scope);
    tcase_add_test(cases, freed_optimiser);
    return run_tests("capture_refused", cases);
}
