/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Parts that are built on recording and backward: forward mode and its mix with reverse mode, derivatives of whole
 * functions, checkpoints, adding and removing hooks, anomalies, reports about graphs. check_ops tests the forward mode
 * of single ops. */
#include "testing.h"

#include "core/tensor.h"
#include "core/thread.h"

#include <frond/op.h>
#include <pthread.h>
#include <setjmp.h>

static void assert_values(const char *what, const fr_tensor *t, int n, const double *expected)
{
    ck_assert_msg(t != NULL, "%s is NULL: %s", what, fr_error_message() ? fr_error_message() : "");
    ck_assert_msg(fr_numel(t) == n, "%s has %d values, expected %d", what, (int)fr_numel(t), n);
    for (int i = 0; i < n; i++)
        ck_assert_msg(fabs(fr_at(t, i) - expected[i]) < 1e-9, "%s: value %d is %.17g, expected %.17g", what, i,
                      fr_at(t, i), expected[i]);
}

#define assert_values(t, ...)                                                                                          \
    assert_values(#t, t, (int)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)), (double[]){ __VA_ARGS__ })

static fr_tensor *vector(int n, const double *values)
{
    return fr_tensor_from(FR_SHAPE(n), values, FR_F64);
}

#define vector(...) vector((int)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)), (double[]){ __VA_ARGS__ })
#define leaf(...)   fr_requires_grad(vector(__VA_ARGS__))

/* --- Forward mode ------------------------------------------------------------------------------------------------- */

/* x^3 sum(y), for each value of x */
static fr_tensor *cube(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_mul(fr_mul(in[0], fr_square(in[0])), fr_sum(in[1]));
}

START_TEST(tangents_of_a_function)
{
    FR_SCOPE;
    fr_tensor *xs[] = { vector(1, 2), vector(3, 4) }, *ts[] = { vector(1, 10), vector(1, -2) }, *y, *dy;

    ck_assert(fr_jvp(cube, xs, ts, 2, NULL, &y, &dy));
    assert_values(y, 7, 56);
    assert_values(dy, 3 * 7 - 1, 12 * 7 * 10 - 8);
    ck_assert(!fr_wants_grad(y) && !fr_wants_grad(dy));
    ts[0] = NULL;
    ck_assert(fr_jvp(cube, xs, ts, 2, NULL, &y, &dy));
    assert_values(dy, -1, -8);
    ts[1] = NULL;
    ck_assert(fr_jvp(cube, xs, ts, 2, NULL, &y, &dy));
    assert_values(dy, 0, 0);
}
END_TEST

typedef struct {
    fr_function *f;
    int n;
} inner_function;

/* The derivative of f by in[0], in direction 1. */
static fr_tensor *slope(fr_tensor *const *in, void *user)
{
    const inner_function *g = user;
    fr_tensor *ts[2] = { fr_ones_like(in[0]), NULL }, *y, *dy;

    return fr_jvp(g->f, in, ts, g->n, NULL, &y, &dy) ? dy : NULL;
}

static fr_tensor *slope_of_slope(fr_tensor *const *in, void *user)
{
    inner_function g = { .f = cube, .n = 2 };
    fr_tensor *ts[2] = { fr_ones_like(in[0]), NULL }, *y, *dy;

    (void)user;
    return fr_jvp(slope, in, ts, 2, &g, &y, &dy) ? dy : NULL;
}

START_TEST(levels_nest)
{
    FR_SCOPE;
    inner_function g = { .f = cube, .n = 2 };
    fr_tensor *xs[] = { vector(1, 2), vector(1) }, *ts[] = { vector(1, 1), NULL }, *y, *dy;

    ck_assert(fr_jvp(slope, xs, ts, 2, &g, &y, &dy));
    assert_values(y, 3, 12);
    assert_values(dy, 6, 12);
    ck_assert(fr_jvp(slope_of_slope, xs, ts, 2, NULL, &y, &dy));
    assert_values(y, 6, 12);
    assert_values(dy, 6, 6);
}
END_TEST

static fr_tensor *sum_with_user(fr_tensor *const *in, void *user)
{
    return fr_add(in[0], user);
}

/* x times d(x + y)/dy, which is x. Its derivative by x is 1; it would be 2 if the two tangents were confused. */
static fr_tensor *confusing(fr_tensor *const *in, void *user)
{
    fr_tensor *one = fr_ones_like(in[0]), *y, *dy;

    (void)user;
    return fr_jvp(sum_with_user, &one, &one, 1, in[0], &y, &dy) ? fr_mul(in[0], dy) : NULL;
}

START_TEST(levels_are_told_apart)
{
    FR_SCOPE;
    fr_tensor *x = vector(5), *t = vector(1), *y, *dy;

    ck_assert(fr_jvp(confusing, &x, &t, 1, NULL, &y, &dy));
    assert_values(y, 5);
    assert_values(dy, 1);
}
END_TEST

/* The gradient of sum(tanh(in[0])^2 in[1]) by in[0]; user points to the flags. */
static fr_tensor *gradient_within(fr_tensor *const *in, void *user)
{
    fr_tensor *x = fr_is_leaf(in[0]) ? fr_requires_grad(in[0]) : in[0], *dx;
    fr_tensor *y = fr_sum(fr_mul(fr_square(fr_tanh(x)), in[1]));

    return fr_gradients(y, &x, 1, &dx, *(int *)user) ? dx : NULL;
}

START_TEST(forward_over_reverse)
{
    for (int flags = 0; flags <= FR_CREATE_GRAPH; flags += FR_CREATE_GRAPH) {
        FR_SCOPE;
        fr_tensor *xs[] = { leaf(0.3, -0.7), vector(2, 3) }, *ts[] = { vector(1, 2), NULL }, *y, *dy;
        double u = tanh(0.3), v = tanh(-0.7);

        ck_assert_msg(fr_jvp(gradient_within, xs, ts, 2, &flags, &y, &dy), "%s", fr_error_message());
        assert_values(y, 4 * u * (1 - u * u), 6 * v * (1 - v * v));
        assert_values(dy, 4 * (1 - u * u) * (1 - 3 * u * u), 12 * (1 - v * v) * (1 - 3 * v * v));
    }
}
END_TEST

static fr_tensor *tangent_of_cube(fr_tensor *const *in, void *user)
{
    fr_tensor *y, *dy;

    (void)user;
    return fr_jvp(cube, in, in + 2, 2, NULL, &y, &dy) ? fr_mul(dy, y) : NULL;
}

static fr_tensor *linear_tangent(fr_tensor *const *in, void *user)
{
    fr_tensor *y, *dy;

    return fr_jvp(user, in, in + 3, 3, NULL, &y, &dy) ? dy : NULL;
}

static fr_tensor *gru_of(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_gru(in[0], NULL, in[1], in[2], NULL, NULL, NULL).out;
}

/* Tangents are recorded, for ops with a jvp and for an op that has only a definition. */
START_TEST(reverse_over_forward)
{
    FR_SCOPE;
    fr_tensor *xs[] = { leaf(1, 2), leaf(3, 4), leaf(1, 10), leaf(1, -2) }, *w[6];

    ck_assert_msg(fr_gradcheck(tangent_of_cube, xs, 4, NULL), "%s", fr_error_message());
    ck_assert_msg(fr_gradgradcheck(tangent_of_cube, xs, 4, NULL), "%s", fr_error_message());
    fr_set_default_dtype(FR_F64);
    for (int i = 0; i < 6; i++)
        w[i] = fr_requires_grad(fr_randn(i % 3 == 0 ? FR_SHAPE(2, 1, 2) : FR_SHAPE(3, i % 3 == 1 ? 2 : 1)));
    ck_assert_msg(fr_gradcheck(linear_tangent, w, 6, gru_of), "%s", fr_error_message());
    fr_set_default_dtype(FR_F32);
}
END_TEST

static fr_tensor *without_history(fr_tensor *const *in, void *user)
{
    FR_NO_GRAD;

    (void)user;
    return fr_mul(fr_detach(in[0]), in[0]);
}

START_TEST(what_drops_tangents)
{
    FR_SCOPE;
    fr_tensor *x = leaf(3), *t = vector(1), *y, *dy;

    ck_assert(fr_jvp(without_history, &x, &t, 1, NULL, &y, &dy));
    assert_values(dy, 3);
    ck_assert(!fr_wants_grad(dy));
}
END_TEST

static fr_tensor *backward_within(fr_tensor *const *in, void *user)
{
    return fr_backward(fr_sum(fr_mul(in[0], user))) ? in[0] : NULL;
}

static fr_tensor *copy_within(fr_tensor *const *in, void *user)
{
    FR_NO_GRAD;

    return fr_copy(user, in[0]);
}

static fr_tensor *give_null(fr_tensor *const *in, void *user)
{
    (void)in;
    (void)user;
    return NULL;
}

START_TEST(misuse_of_jvp)
{
    FR_SCOPE;
    fr_tensor *x = vector(1, 2), *t = vector(1, 1), *wrong = vector(1, 2, 3), *count = fr_arange(0, 2, 1, FR_I64);
    fr_tensor *w = leaf(1, 2), *y = x, *dy = x;

    ck_assert(!fr_jvp(backward_within, &x, &t, 1, w, &y, &dy));
    assert_failed("backward", "inside fr_jvp", "fr_gradients");
    ck_assert(!y && !dy && !fr_grad(w));
    ck_assert(!fr_jvp(copy_within, &x, &t, 1, vector(0, 0), &y, &dy));
    assert_failed("copy", "from has a tangent");
    ck_assert(!fr_jvp(give_null, &x, &t, 1, NULL, &y, &dy));
    assert_failed("jvp", "gave NULL");
    ck_assert(!fr_jvp(cube, &x, &wrong, 1, NULL, &y, &dy));
    assert_failed("jvp", "tangent 0", "(3,)", "(2,)");
    ck_assert(!fr_jvp(cube, &count, &count, 1, NULL, &y, &dy));
    assert_failed("jvp", "int64");
    ck_assert(!fr_jvp(NULL, &x, &t, 1, NULL, &y, &dy));
    assert_failed("jvp", "function");
    ck_assert(!fr_jvp(cube, &x, NULL, 1, NULL, &y, &dy));
    assert_failed("jvp", "tangents");
    ck_assert(!fr_jvp(cube, &x, &t, 1, NULL, NULL, &dy));
    assert_failed("jvp", "y and dy");
    ck_assert(!fr_jvp(cube, (fr_tensor *[]){ NULL }, &t, 1, NULL, &y, &dy));
    assert_failed("jvp", "NULL");
}
END_TEST

/* A user's op y = x^2: once with a jvp, which can be made wrong, once with a kernel only. */
static bool square_infer(fr_op_call *call)
{
    call->out[0] = fr_meta_of(call->in[0]);
    return true;
}

static void square_forward(fr_op_call *call)
{
    for (int64_t i = 0; i < fr_numel(call->in[0]); i++)
        ((double *)fr_data(call->result[0]))[i] = pow(fr_at(call->in[0], i), 2);
}

static void square_backward(fr_op_call *call)
{
    call->grad_in[0] = fr_mul(call->grad_out[0], fr_mul_scalar(call->in[0], 2));
}

static void square_kernel(fr_op_call *call)
{
    (void)call;
}

static enum { RIGHT, SHAPE, FAILS } square_does;

static void square_jvp(fr_op_call *call)
{
    fr_tensor *dy = fr_mul(call->tangent_in[0], fr_mul_scalar(call->in[0], 2));

    if (square_does == FAILS)
        fr_op_fail(call, "on purpose");
    call->tangent_out[0] = square_does == SHAPE ? fr_sum(dy) : dy;
}

static fr_tensor *apply_user_op(fr_tensor *const *in, void *user)
{
    return fr_apply(user, in, NULL);
}

START_TEST(ops_of_the_user)
{
    FR_SCOPE;
    fr_op op = { .name = "user_square",
                 .inputs = 1,
                 .outputs = 1,
                 .infer = square_infer,
                 .forward = square_forward,
                 .backward = square_backward,
                 .jvp = square_jvp };
    fr_tensor *x = vector(1, 2), *t = vector(1, 10), *y, *dy;

    ck_assert(fr_jvp(apply_user_op, &x, &t, 1, &op, &y, &dy));
    assert_values(dy, 2, 40);
    square_does = SHAPE;
    ck_assert(!fr_jvp(apply_user_op, &x, &t, 1, &op, &y, &dy));
    assert_failed("user_square", "its jvp", "()", "(2,)");
    square_does = FAILS;
    ck_assert(!fr_jvp(apply_user_op, &x, &t, 1, &op, &y, &dy));
    assert_failed("user_square", "on purpose");
    square_does = RIGHT;
    op.jvp = NULL;
    ck_assert(fr_jvp(apply_user_op, &x, &t, 1, &op, &y, &dy));
    assert_values(dy, 2, 40);
    op.backward = NULL;
    op.backward_kernel = square_kernel;
    ck_assert(!fr_jvp(apply_user_op, &x, &t, 1, &op, &y, &dy));
    assert_failed("user_square", "kernel alone");
    op.backward_kernel = NULL;
    ck_assert(fr_jvp(apply_user_op, &x, &t, 1, &op, &y, &dy));
    assert_values(dy, 0, 0);
}
END_TEST

enum { WIDE = 10000, DEEP = 50 };

static fr_tensor *chain(fr_tensor *const *in, void *user)
{
    fr_tensor *y = fr_ref(in[0]);

    (void)user;
    for (int i = 0; i < DEEP; i++) {
        FR_SCOPE;
        fr_tensor *next = fr_ref(fr_tanh(fr_mul_scalar(y, 1.01)));

        fr_unref(y);
        y = next;
    }
    return fr_hold("test", y);
}

/* The values and tangents of a step are freed with it. */
START_TEST(forward_mode_keeps_nothing)
{
    FR_SCOPE;
    fr_tensor *x = fr_ones(FR_SHAPE(WIDE)), *y, *dy;

    fr_reset_peak_bytes();
    ck_assert(fr_jvp(chain, &x, &x, 1, NULL, &y, &dy));
    ck_assert_uint_lt(fr_peak_bytes(), 12 * WIDE * sizeof(float));
}
END_TEST

static jmp_buf away;

static fr_tensor *jump(fr_tensor *const *in, void *user)
{
    fr_square(in[0]);
    if (user)
        longjmp(away, 1);
    return in[0];
}

START_TEST(a_jump_out_of_jvp)
{
    FR_SCOPE;
    fr_tensor *x = vector(2), *volatile kept = x, *y, *dy;

    {
        int scope = fr_scope_begin();

        if (setjmp(away) == 0) {
            int inner = fr_scope_begin();

            (void)inner;
            fr_level_begin(fr_thread_self(), "test");
            fr_tangent_set("test", x, fr_thread_self()->levels.current, x);
            jump(&x, &x);
        }
        fr_scope_end(scope);
    }
    ck_assert_ptr_null(fr_thread_self()->levels.current);
    ck_assert_ptr_null(fr_thread_self()->levels.open);
    x = kept;
    ck_assert_ptr_null(x->tangents);
    ck_assert(fr_jvp(jump, &x, &x, 1, NULL, &y, &dy));
    assert_values(dy, 2);
}
END_TEST

static void *jvp_in_thread(void *user)
{
    for (int i = 0; i < 200; i++) {
        FR_SCOPE;
        fr_tensor *xs[] = { user, vector(1) }, *ts[] = { vector(1, 1), NULL }, *y, *dy;

        if (!fr_jvp(cube, xs, ts, 2, NULL, &y, &dy) || fabs(fr_at(dy, 1) - 12) > 1e-9)
            return user;
    }
    return NULL;
}

START_TEST(jvp_in_threads)
{
    FR_SCOPE;
    fr_tensor *x = leaf(1, 2);
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, jvp_in_thread, x), 0);
    for (int i = 0; i < 2; i++) {
        void *failed;

        pthread_join(threads[i], &failed);
        ck_assert_ptr_null(failed);
    }
}
END_TEST

/* --- Functions as a whole ----------------------------------------------------------------------------------------- */

static fr_tensor *energy(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_sum(fr_mul(fr_square(in[0]), in[1])); /* sum x^2 y */
}

START_TEST(products_with_vectors)
{
    FR_SCOPE;
    fr_tensor *xs[] = { vector(1, 2), vector(3, 4) }, *vs[] = { vector(1, 0), vector(0, 1) }, *y, *out[2];

    ck_assert(fr_vjp(cube, xs, 2, NULL, vector(1, 1), 0, &y, out));
    assert_values(y, 7, 56);
    assert_values(out[0], 21, 84);
    assert_values(out[1], 9, 9);
    ck_assert(fr_vjp(energy, xs, 2, NULL, NULL, 0, NULL, out));
    assert_values(out[0], 6, 16);
    ck_assert(fr_hvp(energy, xs, vs, 2, NULL, 0, &y, out));
    assert_values(y, 19);
    assert_values(out[0], 6, 4);
    assert_values(out[1], 2, 0);
    ck_assert(!fr_wants_grad(out[0]) && !fr_wants_grad(y));
}
END_TEST

/* The result has (2,3) values. For x (2) the Jacobian has more rows than columns and is computed by columns; for x (8)
 * it is computed by rows. */
static fr_tensor *outer_square(fr_tensor *const *in, void *user)
{
    fr_tensor *x = fr_slice(in[0], 0, 0, 2, 1);

    return fr_outer(fr_square(x), user);
}

START_TEST(jacobians_either_way)
{
    FR_SCOPE;
    fr_tensor *few = vector(1, 2), *many = vector(1, 2, 0, 0, 0, 0, 0, 0), *w = vector(1, 2, 3), *by_columns, *by_rows;

    ck_assert(fr_jacobian(outer_square, &few, 1, w, 0, &by_columns));
    ck_assert(fr_jacobian(outer_square, &many, 1, w, 0, &by_rows));
    ck_assert_int_eq(fr_ndim(by_columns), 3);
    ck_assert(fr_dim(by_columns, 0) == 2 && fr_dim(by_columns, 1) == 3 && fr_dim(by_columns, 2) == 2);
    assert_values(by_columns, 2, 0, 4, 0, 6, 0, 0, 4, 0, 8, 0, 12);
    ck_assert(fr_dim(by_rows, 2) == 8);
    assert_close("rows", fr_contiguous(fr_slice(by_rows, 2, 0, 2, 1)), by_columns, 0, 1e-12);
}
END_TEST

START_TEST(hessians)
{
    FR_SCOPE;
    fr_tensor *xs[] = { vector(1, 2), vector(3, 4) }, *h[4];

    ck_assert(fr_hessian(energy, xs, 2, NULL, 0, h));
    assert_values(h[0], 6, 0, 0, 8);
    assert_values(h[1], 2, 0, 0, 4);
    assert_values(h[2], 2, 0, 0, 4);
    assert_values(h[3], 0, 0, 0, 0);
    ck_assert_int_eq(fr_ndim(h[1]), 2);
}
END_TEST

/* Derivatives made with FR_CREATE_GRAPH have a history, which reaches the caller's leaves. */
START_TEST(derivatives_with_history)
{
    FR_SCOPE;
    fr_tensor *xs[] = { leaf(1, 2), leaf(3, 4) }, *h[4], *out[2], *dx;

    ck_assert(fr_hessian(energy, xs, 2, NULL, FR_CREATE_GRAPH, h));
    ck_assert(fr_gradients(fr_sum(h[0]), &xs[1], 1, &dx, 0));
    assert_values(dx, 2, 2);
    ck_assert(fr_jacobian(cube, xs, 2, NULL, FR_CREATE_GRAPH, out));
    ck_assert(fr_gradients(fr_sum(out[0]), &xs[0], 1, &dx, 0));
    assert_values(dx, 42, 84);
    ck_assert(fr_hvp(energy, xs, (fr_tensor *[]){ vector(1, 1), vector(0, 0) }, 2, NULL, FR_CREATE_GRAPH, NULL, out));
    ck_assert(fr_gradients(fr_sum(out[0]), &xs[1], 1, &dx, 0));
    assert_values(dx, 2, 2);
}
END_TEST

static fr_tensor *as_matrix(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_expand(in[0], (fr_shape){ 8, { 1, 1, 1, 1, 1, 1, 1, 2 } });
}

START_TEST(misuse_of_functions)
{
    FR_SCOPE;
    fr_tensor *xs[] = { vector(1, 2), vector(3, 4) }, *out[4] = { xs[0] }, *count = fr_arange(0, 2, 1, FR_I64);

    ck_assert(!fr_hessian(cube, xs, 2, NULL, 0, out) && !out[0]);
    assert_failed("hessian", "2 values", "scalar");
    ck_assert(!fr_hvp(cube, xs, xs, 2, NULL, 0, NULL, out));
    assert_failed("hvp", "2 values", "scalar");
    ck_assert(!fr_vjp(cube, xs, 2, NULL, NULL, 0, NULL, out));
    assert_failed("vjp", "2 values");
    ck_assert(!fr_vjp(cube, xs, 2, NULL, vector(1), 0, NULL, out));
    assert_failed("vjp", "(1,)", "(2,)");
    ck_assert(!fr_jacobian(as_matrix, xs, 1, NULL, 0, out));
    assert_failed("jacobian", "9 dims", "8");
    ck_assert(!fr_jacobian(cube, &count, 1, NULL, 0, out));
    assert_failed("jacobian", "int64");
    ck_assert(!fr_jacobian(cube, xs, 2, NULL, FR_RETAIN_GRAPH, out));
    assert_failed("jacobian", "flags");
    ck_assert(!fr_jacobian(cube, xs, 2, NULL, 0, NULL));
    assert_failed("jacobian", "results");
    ck_assert(!fr_hvp(cube, xs, NULL, 2, NULL, 0, NULL, out));
    assert_failed("hvp", "vs is NULL");
}
END_TEST

START_TEST(results_need_a_scope)
{
    fr_tensor *xs[2], *y, *dx[2];

    {
        FR_SCOPE;
        xs[0] = fr_ref(vector(2));
        xs[1] = fr_ref(vector(3));
    }
    ck_assert(!fr_vjp(cube, xs, 2, NULL, NULL, 0, &y, dx) && !y && !dx[0]);
    assert_failed("vjp", "no scope is open");
    fr_unref(xs[0]);
    fr_unref(xs[1]);
}
END_TEST

/* --- Checkpoints -------------------------------------------------------------------------------------------------- */

static int runs, recorded_runs;

/* Several layers with the same weight, which user points to. */
static fr_tensor *layers(fr_tensor *const *in, void *user)
{
    fr_tensor *y = in[0];

    runs++;
    recorded_runs += fr_grad_enabled();
    for (int i = 0; i < 4; i++)
        y = fr_tanh(fr_mul(y, user));
    return y;
}

static void gradients_of_layers(bool checkpoint, fr_tensor *x, fr_tensor *w, int flags, fr_tensor **out)
{
    fr_tensor *xs[] = { x, w }, *y = x;

    for (int i = 0; i < 3; i++)
        y = checkpoint ? fr_checkpoint(layers, &y, 1, w) : layers(&y, w);
    ck_assert_msg(fr_gradients(fr_sum(y), xs, 2, out, flags), "%s", fr_error_message());
}

START_TEST(checkpoints_change_no_gradient)
{
    FR_SCOPE;
    fr_tensor *x = leaf(0.5, -1), *w = leaf(0.9, 1.1), *expected[2], *got[2], *twice[2];

    gradients_of_layers(false, x, w, FR_CREATE_GRAPH, expected);
    runs = recorded_runs = 0;
    gradients_of_layers(true, x, w, 0, got);
    ck_assert(runs == 6 && recorded_runs == 3);
    assert_close("x", got[0], expected[0], 1e-14, 0);
    assert_close("w", got[1], expected[1], 1e-14, 0);
    gradients_of_layers(true, x, w, FR_CREATE_GRAPH, got);
    ck_assert(fr_gradients(fr_sum(fr_add(got[0], got[1])), (fr_tensor *[]){ x, w }, 2, twice, 0));
    ck_assert(fr_gradients(fr_sum(fr_add(expected[0], expected[1])), (fr_tensor *[]){ x, w }, 2, expected, 0));
    assert_close("second, x", twice[0], expected[0], 1e-14, 0);
    assert_close("second, w", twice[1], expected[1], 1e-14, 0);
}
END_TEST

/* Leaves get their gradient also if x wants none; captured tensors that are neither x nor a leaf get theirs too. */
START_TEST(checkpoints_reach_what_was_captured)
{
    FR_SCOPE;
    fr_tensor *x = vector(2, 3), *w = leaf(1, 1), *captured = fr_mul_scalar(w, 0.5), *y, *plain;

    y = fr_checkpoint(layers, &x, 1, captured);
    ck_assert(fr_wants_grad(y));
    ck_assert(fr_backward(fr_sum(y)));
    plain = fr_grad(w);
    fr_zero_grad(w);
    ck_assert(fr_backward(fr_sum(layers(&x, fr_mul_scalar(w, 0.5)))));
    assert_close("captured", plain, fr_grad(w), 0, 0);
    ck_assert(!fr_wants_grad(fr_checkpoint(layers, &x, 1, vector(1, 1))));
    {
        FR_NO_GRAD;
        ck_assert(!fr_wants_grad(fr_checkpoint(layers, &x, 1, w)));
    }
    ck_assert(fr_gradients(fr_sum(fr_checkpoint(layers, &x, 1, w)), &w, 1, &y, 0));
    ck_assert(fr_at(y, 0) != 0);
}
END_TEST

enum { STACK = 8 };

static fr_tensor *wide_layers(fr_tensor *const *in, void *user)
{
    fr_tensor *y = in[0];

    for (int i = 0; i < STACK; i++) {
        FR_SCOPE;
        y = fr_escape(fr_tanh(fr_mul(y, user)));
    }
    return y;
}

static size_t peak_of_stack(bool checkpoint)
{
    FR_SCOPE;
    fr_tensor *x = fr_requires_grad(fr_full(FR_SHAPE(WIDE), 0.5)), *w = fr_requires_grad(fr_ones(FR_SHAPE(WIDE)));
    fr_tensor *y = x;

    fr_reset_peak_bytes();
    for (int i = 0; i < STACK; i++) {
        FR_SCOPE;
        y = fr_escape(checkpoint ? fr_checkpoint(wide_layers, &y, 1, w) : wide_layers(&y, w));
    }
    ck_assert(fr_backward(fr_sum(y)));
    return fr_peak_bytes();
}

START_TEST(checkpoints_save_memory)
{
    size_t plain = peak_of_stack(false), saved = peak_of_stack(true);

    ck_assert_msg(saved < plain / 3, "%zu bytes at most with checkpoints, %zu without", saved, plain);
}
END_TEST

static fr_tensor *drop(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_dropout(fr_mul(in[0], in[0]), 0.5);
}

/* The second run draws the same mask as the first; after it the generator is as if it had not happened. */
START_TEST(checkpoints_draw_the_same)
{
    FR_SCOPE;
    fr_tensor *x = fr_requires_grad(fr_ones(FR_SHAPE(64))), *y, *dx;
    double next;

    fr_manual_seed(3);
    y = fr_checkpoint(drop, &x, 1, NULL);
    fr_rand(FR_SHAPE(5));
    ck_assert(fr_gradients_with(y, fr_ones_like(y), &x, 1, &dx, 0));
    assert_close("gradient", dx, fr_mul_scalar(fr_detach(y), 2), 0, 0);
    next = fr_item(fr_rand(FR_SHAPE(1)));
    fr_manual_seed(3);
    drop(&x, NULL);
    fr_rand(FR_SHAPE(5));
    ck_assert_double_eq(next, fr_item(fr_rand(FR_SHAPE(1))));
}
END_TEST

static fr_tensor *nested(fr_tensor *const *in, void *user)
{
    fr_tensor *y = fr_checkpoint(layers, in, 1, user);

    return fr_checkpoint(layers, &y, 1, user);
}

static fr_tensor *checkpointed_layers(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_checkpoint(layers, in, 1, in[1]);
}

START_TEST(checkpoints_nest_and_mix)
{
    FR_SCOPE;
    fr_tensor *x = leaf(0.5, -1), *w = leaf(0.9, 1.1), *xs[] = { x, w }, *got[2], *expected[2], *vs[2], *y, *dy, *dy2;

    ck_assert(fr_gradients(fr_sum(fr_checkpoint(nested, &x, 1, w)), xs, 2, got, 0));
    y = layers(&x, w);
    ck_assert(fr_gradients(fr_sum(layers(&y, w)), xs, 2, expected, 0));
    assert_close("x", got[0], expected[0], 1e-14, 0);
    assert_close("w", got[1], expected[1], 1e-14, 0);
    vs[0] = vector(1, 2);
    vs[1] = vector(3, 4);
    ck_assert(fr_jvp(checkpointed_layers, xs, vs, 2, NULL, &y, &dy));
    x = fr_detach(x);
    {
        fr_tensor *plain[2];

        ck_assert(fr_vjp(checkpointed_layers, xs, 2, NULL, vector(1, 1), 0, &y, plain));
        dy2 = fr_add(fr_mul(plain[0], vs[0]), fr_mul(plain[1], vs[1]));
    }
    assert_close("tangent", fr_sum(fr_detach(dy)), fr_sum(dy2), 1e-13, 0);
    ck_assert_msg(fr_gradcheck(checkpointed_layers, xs, 2, NULL), "%s", fr_error_message());
    ck_assert_msg(fr_gradgradcheck(checkpointed_layers, xs, 2, NULL), "%s", fr_error_message());
}
END_TEST

static fr_tensor *moody(fr_tensor *const *in, void *user)
{
    int *run = user;

    return (*run)++ == 0 ? fr_square(in[0]) : fr_sum(in[0]);
}

static fr_tensor *fails_later(fr_tensor *const *in, void *user)
{
    int *run = user;

    return (*run)++ == 0 ? fr_square(in[0]) : fr_add(in[0], vector(1, 2, 3));
}

static fr_tensor *itself(fr_tensor *const *in, void *user)
{
    (void)user;
    return in[0];
}

START_TEST(misuse_of_checkpoints)
{
    FR_SCOPE;
    fr_tensor *x = leaf(1, 2), *y, *many[32];
    int run = 0;

    y = fr_checkpoint(moody, &x, 1, &run);
    ck_assert(!fr_backward(fr_sum(y)));
    assert_failed("backward", "checkpoint", "()", "(2,)");
    run = 0;
    y = fr_checkpoint(fails_later, &x, 1, &run);
    ck_assert(!fr_backward(fr_sum(y)));
    assert_failed("add", "(2,)", "(3,)");
    ck_assert_ptr_null(fr_grad(x));
    y = fr_checkpoint(layers, &x, 1, vector(1, 1));
    fr_touch(x);
    ck_assert(!fr_backward(fr_sum(y)));
    assert_failed("backward", "input 0 of checkpoint", "changed in place");
    y = fr_checkpoint(layers, &x, 1, vector(1, 1));
    ck_assert(fr_backward_with(y, vector(1, 1), FR_RETAIN_GRAPH) && fr_backward_with(y, vector(1, 1), 0));
    ck_assert(!fr_backward_with(y, vector(1, 1), 0));
    assert_failed("second time");
    ck_assert(!fr_checkpoint(give_null, &x, 1, NULL));
    assert_failed("checkpoint", "gave NULL");
    ck_assert(!fr_checkpoint(NULL, &x, 1, NULL));
    assert_failed("checkpoint", "function");
    for (int i = 0; i < 32; i++)
        many[i] = x;
    ck_assert(!fr_checkpoint(layers, many, 32, NULL));
    assert_failed("checkpoint", "32", "31");
    fr_zero_grad(x);
    ck_assert(fr_backward(fr_sum(fr_checkpoint(itself, &x, 1, NULL))));
    assert_values(fr_grad(x), 1, 1);
}
END_TEST

/* --- Hooks -------------------------------------------------------------------------------------------------------- */

static fr_tensor *hooked;
static int calls;

static fr_tensor *count_call(fr_tensor *gradient, void *user)
{
    (void)gradient;
    calls += *(int *)user;
    return NULL;
}

/* A hook that removes itself and the next hook. */
static fr_tensor *take_off(fr_tensor *gradient, void *user)
{
    (void)gradient;
    ck_assert(fr_off_gradient(hooked, take_off, user) && fr_off_gradient(hooked, count_call, user));
    return NULL;
}

START_TEST(gradient_hooks_come_off)
{
    FR_SCOPE;
    fr_tensor *x = leaf(1, 2);
    int one = 1, ten = 10;

    hooked = x;
    calls = 0;
    ck_assert(fr_on_gradient(x, count_call, &one) && fr_on_gradient(x, take_off, &one));
    ck_assert(fr_on_gradient(x, count_call, &ten));
    ck_assert(fr_backward(fr_sum(x)));
    ck_assert_int_eq(calls, 11);
    ck_assert(fr_backward(fr_sum(x)));
    ck_assert_int_eq(calls, 21);
    ck_assert(!fr_off_gradient(x, take_off, &one));
    assert_failed("off_gradient", "no such hook");
    ck_assert(fr_off_gradient(x, count_call, &ten) && fr_backward(fr_sum(x)));
    ck_assert_int_eq(calls, 21);
}
END_TEST

typedef struct {
    int forward, backward;
    fr_module *module;
    double grad_in, grad_out, factor; /* grad_in: -1 for NULL; factor: of hooks' results, 0: they are NULL */
} seen;

static fr_tensor *see_forward(fr_module *m, fr_tensor *x, fr_tensor *y, void *user)
{
    seen *s = user;

    ck_assert(x && y);
    s->module = m;
    s->forward++;
    return s->factor != 0 ? fr_mul_scalar(y, s->factor) : NULL;
}

static fr_tensor *see_backward(fr_module *m, fr_tensor *grad_in, fr_tensor *grad_out, void *user)
{
    seen *s = user;

    s->module = m;
    s->backward++;
    s->grad_in = grad_in ? fr_at(grad_in, 0) : -1;
    s->grad_out = fr_at(grad_out, 0);
    return grad_in && s->factor != 0 ? fr_mul_scalar(grad_in, s->factor) : NULL;
}

START_TEST(module_hooks)
{
    FR_SCOPE;
    fr_module *inner = fr_nn_tanh(), *m = fr_nn_sequential(2, (fr_module *[]){ inner, fr_nn_sigmoid() });
    fr_tensor *x = fr_requires_grad(fr_zeros(FR_SHAPE(2))), *y;
    seen s = { 0 }, doubled = { .factor = 2 };

    ck_assert(fr_module_on_forward(inner, see_forward, &s) && fr_module_on_backward(inner, see_backward, &s));
    y = fr_forward(m, x);
    ck_assert(s.forward == 1 && s.module == inner && s.backward == 0);
    ck_assert(fr_backward(fr_sum(y)));
    ck_assert(s.backward == 1 && s.grad_in == 0.25 && s.grad_out == 0.25);
    ck_assert(fr_module_on_forward(inner, see_forward, &doubled) &&
              fr_module_on_backward(inner, see_backward, &doubled));
    fr_zero_grad(x);
    ck_assert(fr_backward(fr_sum(fr_forward(m, x))));
    ck_assert(s.backward == 2 && s.grad_in == 0.5 && s.grad_out == 0.25 && doubled.backward == 1);
    ck_assert_double_eq(fr_at(fr_grad(x), 0), 1);
    ck_assert(fr_backward(fr_sum(fr_mul(fr_forward(inner, fr_detach(x)), x)))); /* no gradient passes inner */
    ck_assert_int_eq(s.backward, 2);
    ck_assert(fr_module_off_forward(inner, see_forward, &s) && fr_module_off_backward(inner, see_backward, &s));
    ck_assert(fr_backward(fr_sum(fr_forward(m, x))));
    ck_assert(s.forward == 3 && s.backward == 2 && doubled.forward == 3 && doubled.backward == 2);
    ck_assert(!fr_module_off_forward(inner, see_forward, &s));
    assert_failed("module_off_forward", "Tanh", "no such hook");
    ck_assert(!fr_module_on_forward(inner, NULL, NULL));
    assert_failed("module_on_forward", "hook is NULL");
    ck_assert(!fr_module_on_backward(NULL, see_backward, NULL));
    assert_failed("module_on_backward", "NULL");
    y = fr_forward(m, x);
    fr_module_free(m);
    ck_assert(fr_backward(fr_sum(y))); /* hooks of a freed module are not called */
    ck_assert_int_eq(doubled.backward, 2);
}
END_TEST

START_TEST(backward_hooks_without_an_input_gradient)
{
    FR_SCOPE;
    fr_module *m = fr_nn_linear(2, 1, NULL);
    fr_tensor *x = fr_ones(FR_SHAPE(1, 2));
    seen s = { .factor = 2 };

    ck_assert(fr_module_on_backward(m, see_backward, &s));
    ck_assert(fr_backward(fr_sum(fr_forward(m, x))));
    ck_assert(s.backward == 1 && s.grad_in == -1 && s.grad_out == 1);
    ck_assert_double_eq(fr_at(fr_grad(fr_module_find(m, "bias")), 0), 1);
    fr_module_free(m);
}
END_TEST

/* The hooks keep no gradient after backward. */
START_TEST(backward_hooks_keep_nothing)
{
    FR_SCOPE;
    fr_module *m = fr_nn_tanh();
    fr_tensor *x = leaf(1, 2), *dy = vector(1, 1), *y, *dx;
    seen s = { 0 };
    size_t alive;

    ck_assert(fr_module_on_backward(m, see_backward, &s));
    ck_assert(fr_backward_with(fr_forward(m, x), dy, 0)); /* from now on x has its gradient tensor */
    y = fr_forward(m, x);
    alive = fr_live_tensors();
    ck_assert(fr_backward_with(y, dy, FR_RETAIN_GRAPH));
    ck_assert_uint_eq(fr_live_tensors(), alive);
    ck_assert(fr_gradients_with(y, dy, &x, 1, &dx, FR_CREATE_GRAPH));
    ck_assert_int_eq(s.backward, 3);
    fr_module_free(m);
}
END_TEST

/* --- Anomalies ---------------------------------------------------------------------------------------------------- */

static fr_tensor *root_of(fr_module *m, fr_tensor *x)
{
    (void)m;
    return fr_sqrt(x);
}

static fr_tensor *quotient(fr_module *m, fr_tensor *x)
{
    (void)m;
    return fr_div(x, fr_sub(x, x));
}

START_TEST(anomalies)
{
    FR_SCOPE;
    fr_module *top = fr_module_new("Top", 0, NULL), *encoder = fr_nn_sequential(1, (fr_module *[]){ fr_nn_tanh() });
    fr_module *root = fr_module_add(encoder, "root", fr_module_new("Root", 0, root_of)), *bad;
    fr_tensor *x = fr_requires_grad(fr_zeros(FR_SHAPE(2, 2))), *y;

    fr_module_add(top, "encoder", encoder);
    bad = fr_module_add(encoder, "bad", fr_module_new("Bad", 0, quotient));
    ck_assert(fr_div(x, x) && !fr_error_message());
    fr_detect_anomaly(true);
    ck_assert(!fr_div(x, fr_zeros(FR_SHAPE(2))));
    assert_failed("frond: div: NaN at 0 of output 0, of shape (2, 2), from inputs (2, 2), (2,)", __FILE__);
    ck_assert(!fr_forward(encoder, x)); /* the quotient of 0 by 0 */
    assert_failed("div: NaN", "in module \"encoder.bad\"");
    (void)bad;
    y = fr_sum(fr_forward(root, x));
    ck_assert(!fr_backward(y));
    assert_failed("frond: backward: Inf at 0 of the gradient that sqrt gives its input 0, of shape (2, 2)",
                  "in module \"encoder.root\"", "sqrt was called at");
    ck_assert_ptr_null(fr_grad(x));
    fr_detect_anomaly(false);
    ck_assert(fr_backward(fr_sum(fr_forward(root, x))));
    fr_detect_anomaly(true);
    ck_assert(!fr_log(fr_full(FR_SHAPE(1), -1)));
    ck_assert_ptr_null(strstr(fr_error_message(), "in module"));
    ck_assert_ptr_null(fr_thread_self()->module_path);
    assert_failed("log: NaN");
    ck_assert(!fr_mul_scalar(fr_full(FR_SHAPE(3), INFINITY), 2));
    assert_failed("mul", "Inf", "(3,) with Inf at 0");
    fr_detect_anomaly(false);
    fr_module_free(top);
}
END_TEST

/* --- Reports ------------------------------------------------------------------------------------------------------ */

static char report[1 << 14];

static FILE *open_report(void)
{
    FILE *file = tmpfile();

    ck_assert_ptr_nonnull(file);
    return file;
}

static void read_report(FILE *file)
{
    rewind(file);
    report[fread(report, 1, sizeof report - 1, file)] = '\0';
    fclose(file);
}

static void assert_reported(const char *piece)
{
    ck_assert_msg(strstr(report, piece) != NULL, "\"%s\" is not in:\n%s", piece, report);
}

START_TEST(live_reports)
{
    FR_SCOPE;
    fr_tensor *before = fr_zeros(FR_SHAPE(1000)), *x;
    FILE *file = open_report();
    char line[64];

    ck_assert(fr_live_report(file));
    read_report(file);
    assert_reported("fr_track_live(true)");
    fr_track_live(true);
    x = fr_ones(FR_SHAPE(3, 7));
    for (int i = 0; i < 5; i++)
        fr_square(x);
    snprintf(line, sizeof line, "%s:%d\n", strrchr(__FILE__, '/') ? strrchr(__FILE__, '/') : __FILE__, __LINE__ - 1);
    for (int i = 0; i < 100; i++) {
        FR_SCOPE;
        fr_square(x);
        fr_transpose(x, 0, 1);
    }
    fr_transpose(x, 0, 1);
    ck_assert(fr_live_report(file = open_report()));
    read_report(file);
    assert_reported("1 of them were made before tracking was on");
    assert_reported("         420       5  square           (3, 7)               float32");
    assert_reported(line);
    assert_reported("          84       1  ones             (3, 7)");
    assert_reported("           0       1  permute          (7, 3)");
    ck_assert(strstr(report, "square") < strstr(report, "ones"));
    ck_assert_ptr_null(strstr(strstr(report, "square") + 1, "square"));
    fr_track_live(false);
    ck_assert(!fr_live_report(NULL));
    assert_failed("live_report", "NULL");
    file = fopen("/dev/full", "w");
    if (file) {
        setvbuf(file, NULL, _IONBF, 0);
        ck_assert(!fr_live_report(file));
        assert_failed("live_report", "cannot be written");
        fclose(file);
    }
    (void)before;
}
END_TEST

START_TEST(explanations)
{
    FR_SCOPE;
    fr_tensor *w = fr_requires_grad(fr_scalar(0.5)), *x = fr_requires_grad(fr_scalar(2)), *y;
    FILE *file = open_report();

    y = fr_mul(fr_add(fr_mul(w, x), fr_scalar(3)), w);
    ck_assert(fr_explain(file, y));
    read_report(file);
    assert_reported("3 recorded ops from 2 leaves");
    assert_reported("#1 = mul(a = 0.5, b = 2) = 1    by #1 = a b");
    assert_reported("#2 = add(#1 = 1, constant = 3) = 4");
    assert_reported("#3 = mul(#2 = 4, a = 0.5) = 2");
    assert_reported("to a: dL/d#3 * d#3/da = 1 * 4 = 4");
    assert_reported("to b: dL/d#1 * d#1/db = 0.5 * 0.5 = 0.25");
    assert_reported("so dL/da = 4 from #3 + 1 from #1 = 5");
    ck_assert_ptr_null(fr_grad(w));
    ck_assert(fr_backward(y)); /* a report does not use up the graph */
    ck_assert(fr_explain(file = open_report(), y));
    read_report(file);
    assert_reported("has been here");
    ck_assert(fr_explain(file = open_report(), fr_mul_scalar(fr_requires_grad(fr_ones(FR_SHAPE(2))), 3)));
    read_report(file);
    assert_reported("the sum of #1, so dL/d#1 is all ones");
    assert_reported("to a: dL/d#1 * d#1/da = [1, 1] * [3, 3] = [3, 3]");
    assert_reported("\n  a (2,) = [1, 1]\n");
    ck_assert(!fr_explain(stdout, fr_scalar(1)));
    assert_failed("explain", "nothing recorded");
    ck_assert(!fr_explain(NULL, y));
    assert_failed("explain", "file is NULL");
}
END_TEST

/* --- Growth ------------------------------------------------------------------------------------------------------- */

static char warning[1024];
static int warnings;

static void keep_warning(const char *message, void *user)
{
    (void)user;
    snprintf(warning, sizeof warning, "%s", message);
    warnings++;
}

typedef enum { GROWING_SEQUENCES, SUMMED_LOSSES, CARRIED_STATE, ONE_SCOPE } loop;

enum { TRAINING_STEPS = 60 };

static void *train(void *user)
{
    loop how = *(loop *)user;
    FR_SCOPE;
    fr_tensor *w = leaf(0.5), *h = fr_ref(vector(1)), *total = fr_ref(vector(0));

    for (int step = 0; step < TRAINING_STEPS; step++) {
        int scope = how == ONE_SCOPE ? -1 : fr_scope_begin();
        fr_tensor *y = how == CARRIED_STATE ? h : vector(1);

        for (int i = 0; i < (how == GROWING_SEQUENCES ? step : 3); i++)
            y = fr_tanh(fr_mul(y, w));
        y = fr_add(y, w);
        if (how == CARRIED_STATE)
            fr_assign(&h, y);
        if (how == SUMMED_LOSSES)
            fr_assign(&total, fr_add(total, y));
        if (!fr_backward_with(y, vector(1), how == CARRIED_STATE || how == SUMMED_LOSSES ? FR_RETAIN_GRAPH : 0))
            return user;
        fr_scope_end(scope);
    }
    fr_unref(h);
    fr_unref(total);
    return NULL;
}

/* Each case has its own thread, because a thread warns only once. */
START_TEST(growing_graphs)
{
    static const char *const expected[] = {
        [SUMMED_LOSSES] = "takes a result",
        [CARRIED_STATE] = "takes a result",
        [ONE_SCOPE] = "begin each step with FR_SCOPE",
    };
    loop how = (loop)_i;
    pthread_t thread;
    void *failed;

    warnings = 0;
    fr_set_warning_handler(keep_warning, NULL);
    ck_assert_int_eq(pthread_create(&thread, NULL, train, &how), 0);
    pthread_join(thread, &failed);
    ck_assert_ptr_null(failed);
    ck_assert_int_eq(warnings, how == GROWING_SEQUENCES ? 0 : 1);
    if (warnings) {
        ck_assert_msg(strstr(warning, expected[how]) &&
                          strstr(warning, "frond: warning: backward: the graph has grown") && strstr(warning, __FILE__),
                      "%s", warning);
        if (how != ONE_SCOPE)
            ck_assert_msg(strstr(warning, how == SUMMED_LOSSES ? ": add at" : ": mul at"), "%s", warning);
    }
    warnings = 0;
    fr_set_warning_handler(NULL, NULL);
    ck_assert_int_eq(pthread_create(&thread, NULL, train, &how), 0);
    pthread_join(thread, &failed);
    ck_assert_int_eq(warnings, 0);
}
END_TEST

/* Steps that record nothing, all in one scope or each in its own, from which a number escapes. */
static void *evaluate(void *one_scope)
{
    FR_SCOPE;
    FR_NO_GRAD;
    fr_tensor *w = fr_ones(FR_SHAPE(64, 64));

    for (int i = 0; i < 3000; i++) {
        int scope = *(bool *)one_scope ? -1 : fr_scope_begin();
        fr_tensor *y = fr_sum(fr_tanh(fr_mul(w, w)));

        if (scope >= 0)
            fr_escape(y);
        fr_scope_end(scope);
    }
    return NULL;
}

START_TEST(growing_piles)
{
    bool one_scope = _i;
    pthread_t thread;

    warnings = 0;
    fr_set_warning_handler(keep_warning, NULL);
    ck_assert_int_eq(pthread_create(&thread, NULL, evaluate, &one_scope), 0);
    pthread_join(thread, NULL);
    fr_set_warning_handler(NULL, NULL);
    ck_assert_int_eq(warnings, one_scope);
    if (warnings)
        ck_assert_msg(strstr(warning, "pile up") && strstr(warning, "begin each step with FR_SCOPE") &&
                          strstr(warning, __FILE__),
                      "%s", warning);
}
END_TEST

/* fr_grad gives NULL without an error; who prints or uses that is told why. */
START_TEST(printing_no_gradient)
{
    FR_SCOPE;
    fr_tensor *w = leaf(1), *plain = vector(1), *y = fr_square(w);

    fr_print(fr_grad(w));
    assert_failed("frond: print: tensor is NULL", "fr_grad gave NULL", "no backward has reached its leaf");
    fr_item(fr_grad(w));
    assert_failed("frond: item: tensor is NULL", "no backward has reached its leaf");
    ck_assert_ptr_null(fr_add(w, fr_grad(w)));
    assert_failed("frond: add: b is NULL", "no backward has reached its leaf");
    fr_print(fr_grad(plain));
    assert_failed("mark it with fr_requires_grad");
    fr_print(fr_grad(y));
    assert_failed("the result of an op", "fr_gradients");
    {
        FR_NO_GRAD;

        fr_print(fr_grad(w));
        assert_failed("FR_NO_GRAD");
    }
    fr_print(NULL); /* the reason was told */
    assert_failed("frond: print: tensor is NULL");
    ck_assert_ptr_null(fr_grad(w));
    ck_assert(fr_backward(y));
    ck_assert_ptr_nonnull(fr_grad(w));
    fr_fprint(stdout, NULL);
    ck_assert_ptr_null(strstr(fr_error_message(), "fr_grad"));
    fr_error_clear();
}
END_TEST

int main(void)
{
    TCase *forward = tcase_create("forward"), *functions = tcase_create("functions");
    TCase *checkpoints = tcase_create("checkpoints"), *hooks = tcase_create("hooks"),
          *looking = tcase_create("looking");

    tcase_add_test(forward, tangents_of_a_function);
    tcase_add_test(forward, levels_nest);
    tcase_add_test(forward, levels_are_told_apart);
    tcase_add_test(forward, forward_over_reverse);
    tcase_add_test(forward, reverse_over_forward);
    tcase_add_test(forward, what_drops_tangents);
    tcase_add_test(forward, misuse_of_jvp);
    tcase_add_test(forward, ops_of_the_user);
    tcase_add_test(forward, forward_mode_keeps_nothing);
    tcase_add_test(forward, a_jump_out_of_jvp);
    tcase_add_test(forward, jvp_in_threads);
    tcase_add_test(functions, products_with_vectors);
    tcase_add_test(functions, jacobians_either_way);
    tcase_add_test(functions, hessians);
    tcase_add_test(functions, derivatives_with_history);
    tcase_add_test(functions, misuse_of_functions);
    tcase_add_test(functions, results_need_a_scope);
    tcase_add_test(checkpoints, checkpoints_change_no_gradient);
    tcase_add_test(checkpoints, checkpoints_reach_what_was_captured);
    tcase_add_test(checkpoints, checkpoints_save_memory);
    tcase_add_test(checkpoints, checkpoints_draw_the_same);
    tcase_add_test(checkpoints, checkpoints_nest_and_mix);
    tcase_add_test(checkpoints, misuse_of_checkpoints);
    tcase_add_test(hooks, gradient_hooks_come_off);
    tcase_add_test(hooks, module_hooks);
    tcase_add_test(hooks, backward_hooks_without_an_input_gradient);
    tcase_add_test(hooks, backward_hooks_keep_nothing);
    tcase_add_test(looking, anomalies);
    tcase_add_test(looking, live_reports);
    tcase_add_test(looking, explanations);
    tcase_add_test(looking, printing_no_gradient);
    tcase_add_loop_test(looking, growing_piles, 0, 2);
    tcase_add_loop_test(looking, growing_graphs, GROWING_SEQUENCES, ONE_SCOPE + 1);
    return run_tests("autograd_more", forward, functions, checkpoints, hooks, looking);
}
