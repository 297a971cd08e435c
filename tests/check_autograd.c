/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Recording and backward: accumulation, second derivatives, hooks, error messages for misuse, long and shared graphs,
 * memory. check_ops tests the numbers of single ops. */
#include "testing.h"

#include <frond/op.h>
#include <pthread.h>
#include <setjmp.h>

static void assert_values(const char *what, const fr_tensor *t, int n, const double *expected)
{
    ck_assert_msg(t != NULL, "%s is NULL: %s", what, fr_error_message() ? fr_error_message() : "");
    ck_assert_msg(fr_numel(t) == n, "%s has %d values", what, (int)fr_numel(t));
    for (int i = 0; i < n; i++)
        ck_assert_msg(fabs(fr_at(t, i) - expected[i]) < 1e-12, "%s: value %d is %.17g, expected %.17g", what, i,
                      fr_at(t, i), expected[i]);
}

#define assert_values(t, ...)                                                                                          \
    assert_values(#t, t, (int)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)), (double[]){ __VA_ARGS__ })

static fr_tensor *leaf(fr_shape shape, const double *values)
{
    return fr_requires_grad(fr_tensor_from(shape, values, FR_F64));
}

#define leaf(...)                                                                                                      \
    leaf(FR_SHAPE((int64_t)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double))), (double[]){ __VA_ARGS__ })

static fr_tensor *constant(double a, double b)
{
    return fr_tensor_from(FR_SHAPE(2), (double[]){ a, b }, FR_F64);
}

/* --- A user's op that counts its calls --------------------------------------------------------------------------- */

typedef struct {
    int forward, backward, gradients; /* gradients: the number of gradients wanted */
    bool undefined_seen;              /* backward got NULL for an output's gradient */
    bool zeros_seen;                  /* backward got zeros for an output's gradient */
    int fail;                         /* backward: 1 fails, 2 calls an op that fails, 3 returns a wrong shape */
} counts;

static counts counted;

static bool count_infer(fr_op_call *call)
{
    for (int i = 0; i < call->outputs; i++)
        call->out[i] = fr_meta_of(call->in[0]);
    return true;
}

/* y0 = 2 a, y1 = 3 b */
static void count_forward(fr_op_call *call)
{
    counted.forward++;
    for (int k = 0; k < 2; k++) {
        const double *x = fr_data(call->in[k]);
        double *y = fr_data(call->result[k]);

        for (int64_t i = 0; i < fr_numel(call->in[k]); i++)
            y[i] = (2 + k) * x[i];
    }
}

static void count_backward(fr_op_call *call)
{
    counted.backward++;
    for (int k = 0; k < 2; k++) {
        fr_tensor *g = call->grad_out[k];

        counted.gradients += call->needs[k];
        counted.undefined_seen = counted.undefined_seen || !g;
        counted.zeros_seen = counted.zeros_seen || (g && fr_at(g, 0) == 0);
        if (counted.fail == 1)
            fr_op_fail(call, "on purpose");
        else if (counted.fail == 2)
            call->grad_in[k] = fr_add(g, fr_zeros(FR_SHAPE(9)));
        else if (counted.fail == 3)
            call->grad_in[k] = fr_sum(g);
        else if (call->needs[k])
            call->grad_in[k] = fr_mul_scalar(g, 2 + k);
    }
}

static const fr_op count_op = { .name = "count",
                                .inputs = 2,
                                .outputs = 2,
                                .saves_inputs = FR_SAVES_NOTHING,
                                .infer = count_infer,
                                .forward = count_forward,
                                .backward = count_backward };

static bool count(fr_tensor *a, fr_tensor *b, fr_tensor *y[2])
{
    return fr_apply_n(&count_op, (fr_tensor *[]){ a, b }, 2, NULL, y);
}

static void begin_counting(void)
{
    counted = (counts){ 0 };
}

/* --- Accumulation ------------------------------------------------------------------------------------------------ */

START_TEST(gradients_accumulate)
{
    FR_SCOPE;
    fr_tensor *x = leaf(1, 2, 3), *kept;

    ck_assert_ptr_null(fr_grad(x));
    ck_assert(fr_backward(fr_sum(fr_square(x))));
    assert_values(fr_grad(x), 2, 4, 6);
    ck_assert(fr_backward(fr_sum(x)));
    assert_values(fr_grad(x), 3, 5, 7);
    kept = fr_grad(x);
    fr_zero_grad(x);
    ck_assert_ptr_null(fr_grad(x));
    assert_values(kept, 3, 5, 7);
    ck_assert(fr_backward(fr_mean(x)));
    assert_values(fr_grad(x), 1.0 / 3, 1.0 / 3, 1.0 / 3);
    ck_assert(fr_is_contiguous(fr_grad(x))); /* although sum's backward returns an expanded view */
}
END_TEST

/* add passes the same gradient to both inputs: each leaf must get its own copy. */
START_TEST(leaves_share_no_gradient)
{
    FR_SCOPE;
    fr_tensor *a = leaf(1, 2), *b = leaf(3, 4), *dy = constant(5, 6), *y = fr_add(a, b);

    ck_assert(fr_backward_with(y, dy, 0));
    ck_assert_ptr_ne(fr_data(fr_grad(a)), fr_data(fr_grad(b)));
    ck_assert_ptr_ne(fr_data(fr_grad(a)), fr_data(dy));
    ck_assert(fr_backward(fr_sum(a)));
    assert_values(fr_grad(a), 6, 7);
    assert_values(fr_grad(b), 5, 6);
    assert_values(dy, 5, 6);
}
END_TEST

/* A view of a gradient is a tensor of its own, but its values are another leaf's too. */
START_TEST(gradients_through_views_share_no_values)
{
    FR_SCOPE;
    fr_tensor *a = leaf(0, 0, 0, 0), *c = leaf(0, 0, 0, 0), *w = fr_detach(leaf(1, 2, 3, 4));
    fr_tensor *b = fr_requires_grad(fr_detach(fr_reshape(leaf(0, 0, 0, 0), FR_SHAPE(2, 2)))), *y;

    y = fr_add(fr_add(fr_reshape(a, FR_SHAPE(2, 2)), b), fr_reshape(c, FR_SHAPE(2, 2)));
    ck_assert(fr_backward(fr_sum(fr_mul(y, fr_reshape(w, FR_SHAPE(2, 2))))));
    ck_assert(fr_backward(fr_sum(b)));
    assert_values(fr_grad(a), 1, 2, 3, 4);
    assert_values(fr_reshape(fr_grad(b), FR_SHAPE(4)), 2, 3, 4, 5);
    assert_values(fr_grad(c), 1, 2, 3, 4);
}
END_TEST

/* Two leaves have views of one gradient; what comes to one of them later is not added to the other. */
START_TEST(sums_of_views_share_no_values)
{
    FR_SCOPE;
    fr_tensor *a = leaf(0, 0, 0, 0), *b = leaf(0, 0, 0, 0),
              *w = fr_reshape(fr_detach(leaf(1, 2, 3, 4)), FR_SHAPE(2, 2));
    fr_tensor *first = fr_sum(a), *y = fr_add(fr_reshape(a, FR_SHAPE(2, 2)), fr_reshape(b, FR_SHAPE(2, 2)));

    ck_assert(fr_backward(fr_add(fr_sum(fr_mul(y, w)), first)));
    assert_values(fr_grad(a), 2, 3, 4, 5);
    assert_values(fr_grad(b), 1, 2, 3, 4);
}
END_TEST

/* A gradient is changed in place when more is added to it: an op that had saved it finds out. */
START_TEST(a_saved_gradient_that_grows)
{
    FR_SCOPE;
    fr_tensor *x = leaf(1, 2), *w = leaf(3, 4), *y;

    ck_assert(fr_backward(fr_sum(x)));
    y = fr_sum(fr_mul(w, fr_grad(x)));
    ck_assert(fr_backward(fr_sum(x)));
    assert_refused(fr_backward(y), "mul", "has been changed in place");
}
END_TEST

static double lent[2];

static fr_tensor *lend_memory(fr_tensor *gradient, void *user)
{
    (void)user;
    lent[0] = lent[1] = 7;
    return fr_tensor_view(fr_shape_of(gradient), lent, FR_F64, NULL, NULL);
}

static fr_tensor *give_a_leaf(fr_tensor *gradient, void *user)
{
    (void)user;
    return fr_requires_grad(fr_ones_like(gradient));
}

/* A leaf keeps neither memory that belongs to a hook nor a leaf that a hook made. */
START_TEST(gradients_from_hooks_are_copied)
{
    FR_SCOPE;
    fr_tensor *a = leaf(1, 2), *b = leaf(1, 2);

    ck_assert(fr_on_gradient(a, lend_memory, NULL) && fr_on_gradient(b, give_a_leaf, NULL));
    ck_assert(fr_backward(fr_sum(fr_mul(a, b))));
    lent[0] = 9;
    assert_values(fr_grad(a), 7, 7);
    assert_values(fr_grad(b), 1, 1);
    ck_assert(!fr_wants_grad(fr_grad(b)));
}
END_TEST

START_TEST(a_leaf_is_its_own_gradient)
{
    FR_SCOPE;
    fr_tensor *x = leaf(4), *dx;

    ck_assert(fr_backward(x));
    ck_assert(fr_backward(x));
    assert_values(fr_grad(x), 2);
    ck_assert(fr_gradients(x, &x, 1, &dx, 0));
    assert_values(dx, 1);
    assert_values(fr_grad(x), 2);
}
END_TEST

START_TEST(one_tensor_twice)
{
    FR_SCOPE;
    fr_tensor *x = leaf(3, 5), *y = fr_mul(x, x), *z = fr_add(y, y);

    ck_assert(fr_backward(fr_sum(fr_mul(z, y)))); /* 2 x^4 */
    assert_values(fr_grad(x), 8 * 27, 8 * 125);
}
END_TEST

/* A chain of 30 diamonds has 2^30 paths; backward must visit each node once. */
START_TEST(diamonds)
{
    FR_SCOPE;
    fr_tensor *x = leaf(1), *y = x;

    for (int i = 0; i < 30; i++)
        y = fr_add(fr_mul_scalar(y, 0.5), fr_mul_scalar(y, 1.5));
    ck_assert(fr_backward(y));
    assert_values(fr_grad(x), 0x1p30);
}
END_TEST

START_TEST(unmarked_tensors_get_none)
{
    FR_SCOPE;
    fr_tensor *x = leaf(1, 2), *c = constant(3, 4), *y = fr_mul(c, c);

    ck_assert(!fr_wants_grad(y) && fr_is_leaf(y));
    y = fr_mul(x, c);
    ck_assert(fr_wants_grad(y) && !fr_is_leaf(y) && fr_is_leaf(x) && fr_wants_grad(x));
    ck_assert(fr_backward(fr_sum(y)));
    assert_values(fr_grad(x), 3, 4);
    ck_assert_ptr_null(fr_grad(c));
    ck_assert_ptr_null(fr_grad(y));
    ck_assert_ptr_null(fr_error_message());
}
END_TEST

/* --- Recording off ----------------------------------------------------------------------------------------------- */

START_TEST(no_grad_and_detach)
{
    FR_SCOPE;
    fr_tensor *x = leaf(2, 3), *y, *d = fr_detach(x);

    ck_assert_ptr_eq(fr_data(d), fr_data(x));
    ck_assert(!fr_wants_grad(d));
    ck_assert(fr_backward(fr_sum(fr_mul(x, d))));
    assert_values(fr_grad(x), 2, 3);
    {
        FR_NO_GRAD;
        ck_assert(!fr_grad_enabled());
        y = fr_square(x);
        ck_assert(!fr_wants_grad(y));
        {
            FR_NO_GRAD;
        }
        ck_assert(!fr_grad_enabled());
    }
    ck_assert(fr_grad_enabled());
    ck_assert(!fr_wants_grad(fr_add(y, y)));
    ck_assert(!fr_wants_grad(fr_detach(fr_square(x))));
}
END_TEST

/* Backward through an existing graph works with recording off; second derivatives are recorded all the same. */
START_TEST(backward_under_no_grad)
{
    FR_SCOPE;
    fr_tensor *x = leaf(2), *y = fr_mul(fr_square(x), x), *dx, *ddx;
    {
        FR_NO_GRAD;
        ck_assert(fr_gradients(y, &x, 1, &dx, FR_CREATE_GRAPH));
        ck_assert(!fr_grad_enabled());
    }
    ck_assert(fr_gradients(dx, &x, 1, &ddx, 0));
    assert_values(ddx, 12);
    ck_assert(fr_grad_enabled());
}
END_TEST

/* --- fr_gradients ------------------------------------------------------------------------------------------------- */

START_TEST(gradients_touch_no_leaf)
{
    FR_SCOPE;
    fr_tensor *a = leaf(1, 2), *b = leaf(3, 4), *unused = leaf(5, 6, 7);
    fr_tensor *h = fr_mul(a, b), *y = fr_sum(fr_square(h)), *out[4];

    ck_assert(fr_gradients(y, (fr_tensor *[]){ a, h, unused, a }, 4, out, 0));
    assert_values(out[0], 2 * 3 * 3, 2 * 8 * 4);
    assert_values(out[1], 6, 16);
    assert_values(out[2], 0, 0, 0);
    assert_values(out[3], 18, 64);
    ck_assert(!fr_wants_grad(out[0]));
    ck_assert(!fr_grad(a) && !fr_grad(b) && !fr_grad(unused));
}
END_TEST

START_TEST(gradients_of_a_vector)
{
    FR_SCOPE;
    fr_tensor *x = leaf(1, 2), *y = fr_square(x), *out;

    ck_assert(fr_gradients_with(y, constant(10, 100), &x, 1, &out, FR_RETAIN_GRAPH));
    assert_values(out, 20, 400);
    ck_assert(fr_gradients_with(y, constant(1, 0), &x, 1, &out, 0));
    assert_values(out, 2, 0);
}
END_TEST

/* Backward runs only nodes that lead to an x, and computes only the gradients that are wanted. */
START_TEST(only_what_is_wanted_is_computed)
{
    FR_SCOPE;
    fr_tensor *a = leaf(1, 2), *b = leaf(3, 4), *c = constant(5, 6), *y[2], *z[2], *out;

    begin_counting();
    count(a, c, y);
    ck_assert(fr_backward(fr_sum(y[0])));
    ck_assert_int_eq(counted.gradients, 1); /* c wants none */
    begin_counting();
    count(a, b, y);
    count(b, b, z);
    ck_assert(fr_gradients(fr_sum(fr_add(y[0], z[0])), &a, 1, &out, 0));
    ck_assert_int_eq(counted.backward, 1); /* z does not lead to a */
    ck_assert_int_eq(counted.gradients, 1);
    assert_values(out, 2, 2);
    begin_counting();
    count(a, b, y);
    ck_assert(fr_gradients(fr_sum(y[0]), &y[0], 1, &out, 0));
    ck_assert_int_eq(counted.backward, 0); /* y is the x */
    begin_counting();
    {
        FR_NO_GRAD;
        count(a, b, y);
    }
    ck_assert(!fr_wants_grad(y[0]));
}
END_TEST

START_TEST(an_unused_output_arrives_as_zeros)
{
    FR_SCOPE;
    fr_tensor *a = leaf(1, 2), *b = leaf(3, 4), *y[2];
    fr_op null_op = count_op;

    begin_counting();
    count(a, b, y);
    ck_assert(fr_backward(fr_sum(y[1])));
    ck_assert(counted.zeros_seen && !counted.undefined_seen);
    assert_values(fr_grad(a), 0, 0);
    assert_values(fr_grad(b), 3, 3);
    begin_counting();
    null_op.null_gradients = true;
    fr_zero_grad(b);
    ck_assert(fr_apply_n(&null_op, (fr_tensor *[]){ constant(1, 2), b }, 2, NULL, y));
    ck_assert(fr_backward(fr_sum(y[1])));
    ck_assert(counted.undefined_seen);
    assert_values(fr_grad(b), 3, 3);
}
END_TEST

/* --- Retain, create ---------------------------------------------------------------------------------------------- */

START_TEST(a_retained_graph_can_be_walked_again)
{
    FR_SCOPE;
    fr_tensor *x = leaf(3), *y = fr_square(x), *dx;

    ck_assert(fr_backward_with(y, NULL, FR_RETAIN_GRAPH));
    ck_assert(fr_gradients(y, &x, 1, &dx, FR_CREATE_GRAPH)); /* FR_CREATE_GRAPH implies FR_RETAIN_GRAPH */
    ck_assert(fr_backward(y));
    assert_values(fr_grad(x), 12);
    ck_assert(!fr_backward(y));
    assert_failed("backward through square a second time");
}
END_TEST

/* y = sin(x) exp(x); y' = e^x (sin + cos), y'' = 2 e^x cos, y''' = 2 e^x (cos - sin) */
START_TEST(derivatives_of_derivatives)
{
    FR_SCOPE;
    double x0 = 0.7, e = exp(x0), s = sin(x0), c = cos(x0);
    fr_tensor *x = leaf(x0), *y = fr_mul(fr_sin(x), fr_exp(x)), *d[3];

    ck_assert(fr_gradients(y, &x, 1, &d[0], FR_CREATE_GRAPH));
    ck_assert(fr_gradients(d[0], &x, 1, &d[1], FR_CREATE_GRAPH));
    ck_assert(fr_gradients(d[1], &x, 1, &d[2], 0));
    assert_values(d[0], e * (s + c));
    assert_values(d[1], 2 * e * c);
    assert_values(d[2], 2 * e * (c - s));
}
END_TEST

/* A gradient penalty: (d/dx (w x)^2 / 2)^2 = w^4 x^2; its derivative by w is 4 w^3 x^2. */
START_TEST(backward_through_a_gradient)
{
    FR_SCOPE;
    fr_tensor *w = leaf(2), *x = leaf(3), *y = fr_mul_scalar(fr_square(fr_mul(w, x)), 0.5), *dx;

    ck_assert(fr_gradients(y, &x, 1, &dx, FR_CREATE_GRAPH));
    ck_assert(fr_wants_grad(dx));
    ck_assert(fr_backward(fr_sum(fr_square(dx))));
    assert_values(fr_grad(w), 4 * 8 * 9);
    assert_values(fr_grad(x), 2 * 16 * 3);
}
END_TEST

/* A saved output keeps its history: tanh' = 1 - y^2, tanh'' = -2 y (1 - y^2). */
START_TEST(second_derivative_by_a_saved_output)
{
    FR_SCOPE;
    double t = tanh(0.4);
    fr_tensor *x = leaf(0.4), *dx, *ddx;

    ck_assert(fr_gradients(fr_tanh(x), &x, 1, &dx, FR_CREATE_GRAPH));
    ck_assert(fr_gradients(dx, &x, 1, &ddx, 0));
    assert_values(ddx, -2 * t * (1 - t * t));
}
END_TEST

/* --- Hooks ------------------------------------------------------------------------------------------------------- */

typedef struct {
    int order, seen[8];
    double value[8];
} hook_log;

typedef struct {
    hook_log *log;
    int name;
    double factor; /* 0: does not change the gradient */
} hook_user;

static fr_tensor *note_gradient(fr_tensor *gradient, void *user)
{
    const hook_user *h = user;

    ck_assert(!fr_grad_enabled());
    h->log->value[h->log->order] = fr_at(gradient, 0);
    h->log->seen[h->log->order++] = h->name;
    return h->factor != 0 ? fr_mul_scalar(gradient, h->factor) : NULL;
}

START_TEST(hooks_see_and_replace)
{
    FR_SCOPE;
    hook_log log = { 0 };
    fr_tensor *x = leaf(3), *h = fr_square(x), *y = fr_add(fr_mul_scalar(h, 2), h);
    hook_user on_y = { &log, 1, 0 }, on_h = { &log, 2, 10 }, on_h_too = { &log, 3, 0 }, on_x = { &log, 4, -1 };

    ck_assert(fr_on_gradient(x, note_gradient, &on_x));
    ck_assert(fr_on_gradient(h, note_gradient, &on_h));
    ck_assert(fr_on_gradient(h, note_gradient, &on_h_too));
    ck_assert(fr_on_gradient(y, note_gradient, &on_y));
    ck_assert(fr_backward(y));
    ck_assert_int_eq(log.order, 4);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(log.seen[i], i + 1); /* newest tensor first; hooks in the order they were added */
    ck_assert_double_eq(log.value[0], 1);
    ck_assert_double_eq(log.value[1], 3); /* the complete gradient */
    ck_assert_double_eq(log.value[2], 30);
    ck_assert_double_eq(log.value[3], 180);
    assert_values(fr_grad(x), -180);
}
END_TEST

/* A hook on one output of several is called for that output only, and not if it has no gradient. */
START_TEST(hooks_belong_to_one_output)
{
    FR_SCOPE;
    hook_log log = { 0 };
    hook_user first = { &log, 1, 0 }, second = { &log, 2, 0 };
    fr_tensor *a = leaf(1, 2), *b = leaf(3, 4), *y[2];

    begin_counting();
    count(a, b, y);
    ck_assert(fr_on_gradient(y[0], note_gradient, &first));
    ck_assert(fr_on_gradient(y[1], note_gradient, &second));
    ck_assert(fr_backward(fr_sum(y[1])));
    ck_assert_int_eq(log.order, 1);
    ck_assert_int_eq(log.seen[0], 2);
}
END_TEST

static fr_tensor *walk_again(fr_tensor *gradient, void *user)
{
    fr_tensor *const *graph = user, *out;

    (void)gradient;
    ck_assert(fr_backward(graph[0])); /* another graph, the same leaf */
    ck_assert(fr_gradients(graph[1], &graph[2], 1, &out, FR_RETAIN_GRAPH | FR_CREATE_GRAPH));
    ck_assert(!fr_grad_enabled());
    return fr_mul(out, gradient);
}

START_TEST(backward_within_a_hook)
{
    FR_SCOPE;
    fr_tensor *x = leaf(3), *h = fr_square(x), *user[] = { fr_mul_scalar(x, 100), fr_square(x), x };

    ck_assert(fr_on_gradient(h, walk_again, user));
    ck_assert(fr_backward(fr_mul_scalar(h, 2)));
    assert_values(fr_grad(x), 100 + 2 * 6 * 6);
    ck_assert(fr_grad_enabled());
}
END_TEST

static fr_tensor *wrong_shape(fr_tensor *gradient, void *user)
{
    (void)user;
    return fr_sum(gradient);
}

static fr_tensor *fails(fr_tensor *gradient, void *user)
{
    (void)user;
    return fr_add(gradient, fr_ones(FR_SHAPE(77)));
}

START_TEST(hooks_that_fail)
{
    FR_SCOPE;
    fr_tensor *x = leaf(1, 2);

    ck_assert(fr_on_gradient(x, wrong_shape, NULL));
    ck_assert(!fr_backward(fr_sum(x)));
    assert_failed("backward", "hook gave shape ()", "expected (2,), float64");
    ck_assert_ptr_null(fr_grad(x));
    x = leaf(1, 2);
    ck_assert(fr_on_gradient(x, fails, NULL));
    ck_assert(!fr_backward(fr_sum(x)));
    assert_failed("add", "dtypes differ");
    ck_assert_ptr_null(fr_grad(x));
    ck_assert(!fr_on_gradient(constant(1, 2), fails, NULL));
    assert_failed("on_gradient", "wants no gradient", "fr_requires_grad");
    ck_assert(!fr_on_gradient(x, NULL, NULL));
    assert_failed("on_gradient", "hook is NULL");
}
END_TEST

/* --- Misuse ------------------------------------------------------------------------------------------------------ */

START_TEST(misuse_of_backward)
{
    FR_SCOPE;
    fr_tensor *x = leaf(1, 2), *c = constant(1, 2), *out = x;

    ck_assert(!fr_backward(fr_square(x)));
    assert_failed("backward", "(2,) is not a scalar", "fr_backward_with", "check_autograd.c");
    ck_assert(!fr_backward(fr_sum(c)));
    assert_failed("backward", "wants no gradient", "fr_requires_grad", "FR_NO_GRAD");
    ck_assert(!fr_backward(NULL));
    assert_failed("backward", "tensor is NULL");
    ck_assert(!fr_backward_with(fr_square(x), fr_ones(FR_SHAPE(2)), 0));
    assert_failed("(2,), float32", "(2,), float64");
    ck_assert(!fr_backward_with(fr_square(x), fr_tensor_from(FR_SHAPE(1), (double[]){ 1 }, FR_F64), 0));
    assert_failed("(1,), float64");
    ck_assert(!fr_backward_with(fr_sum(x), NULL, FR_CREATE_GRAPH));
    assert_failed("FR_RETAIN_GRAPH", "fr_gradients for FR_CREATE_GRAPH");
    ck_assert(!fr_gradients(fr_sum(x), &c, 1, &out, 0));
    assert_failed("gradients", "x 0 wants no gradient");
    ck_assert_ptr_null(out);
    ck_assert(!fr_gradients(fr_sum(c), &x, 1, &out, 0));
    assert_failed("gradients", "y wants no gradient");
    ck_assert(!fr_gradients_with(c, c, &x, 1, &out, 0));
    assert_failed("gradients_with", "y wants no gradient");
    ck_assert(!fr_gradients(fr_square(x), &x, 1, &out, 0));
    assert_failed("gradients", "not a scalar", "fr_gradients_with");
    ck_assert(!fr_gradients(fr_sum(x), &x, 1, &out, 8));
    assert_failed("gradients", "flags 8");
    ck_assert(!fr_gradients(fr_sum(x), &x, -1, &out, 0));
    assert_failed("gradients", "n >= 0");
    ck_assert_ptr_null(fr_requires_grad(fr_square(x)));
    assert_failed("requires_grad", "a result of square, not a leaf", "fr_detach");
    ck_assert_ptr_null(fr_requires_grad(fr_arange(0, 2, 1, FR_I64)));
    assert_failed("requires_grad", "int64");
    ck_assert_ptr_null(fr_grad(x));
}
END_TEST

/* The message first gives the advice for the usual cause: a state that was kept across steps. */
START_TEST(walking_twice)
{
    FR_SCOPE;
    fr_tensor *w = leaf(2), *state = leaf(1);
    const char *detach, *retain;

    state = fr_tanh(fr_mul(w, state));
    ck_assert(fr_backward(fr_square(state)));
    ck_assert(!fr_backward(fr_square(fr_mul(w, state))));
    detach = strstr(fr_error_message(), "fr_detach");
    retain = strstr(fr_error_message(), "FR_RETAIN_GRAPH");
    ck_assert(detach && retain && detach < retain);
    assert_failed("backward through tanh a second time", "kept across steps");
}
END_TEST

START_TEST(a_value_changed_in_place)
{
    FR_SCOPE;
    fr_tensor *x = leaf(1, 2), *c = constant(3, 4), *y = fr_mul(x, c), *t;

    fr_copy(c, constant(5, 6));
    ck_assert(!fr_backward(fr_sum(y)));
    assert_failed("input 1 of mul, of shape (2,)", "changed in place", "version 1, saved at 0", "fr_clone");
    t = fr_tanh(x);
    fr_touch(fr_detach(t)); /* views and detached tensors share the storage's version */
    ck_assert(!fr_backward(fr_sum(t)));
    assert_failed("output 0 of tanh");
    y = fr_add(x, c); /* saves nothing */
    fr_touch(c);
    ck_assert(fr_backward(fr_sum(y)));
    y = fr_mul(x, c);
    {
        FR_NO_GRAD;
        fr_copy(fr_slice(x, 0, 0, 1, 1), fr_cast(fr_scalar(0), FR_F64));
    }
    ck_assert(!fr_backward(fr_sum(fr_square(y))));
    assert_failed("input 0 of mul");
    assert_values(fr_grad(x), 1, 1);
}
END_TEST

START_TEST(a_backward_that_fails)
{
    static const char *const expected[] = {
        NULL, "count: on purpose", "add: dtypes differ",
        "count gave input 0 a gradient of shape (), float64, expected (2,), float64"
    };
    FR_SCOPE;

    for (int how = 1; how <= 3; how++) {
        fr_tensor *a = leaf(1, 2), *b = leaf(3, 4), *y[2], *out[2];

        begin_counting();
        counted.fail = how;
        count(a, b, y);
        ck_assert(!fr_backward(fr_sum(fr_add(y[0], b))));
        assert_failed(expected[how]);
        ck_assert(!fr_grad(a) && !fr_grad(b)); /* neither has part of a gradient */
        count(a, b, y);
        ck_assert(!fr_gradients(fr_sum(y[0]), (fr_tensor *[]){ a, b }, 2, out, FR_CREATE_GRAPH));
        assert_failed(expected[how]);
        ck_assert(!out[0] && !out[1]);
    }
    begin_counting();
}
END_TEST

/* --- The user's op without some of its functions ----------------------------------------------------------------- */

static void double_kernel(fr_op_call *call)
{
    const double *g = fr_data(call->grad_out[0]);
    double *dx = fr_data(call->grad_in[0]);

    for (int64_t i = 0; i < fr_numel(call->grad_in[0]); i++)
        dx[i] = 2 * g[i];
}

static void one_forward(fr_op_call *call)
{
    memset(fr_data(call->result[0]), 0, (size_t)fr_numel(call->result[0]) * sizeof(double));
}

START_TEST(an_op_with_a_kernel_alone)
{
    FR_SCOPE;
    fr_op op = { .name = "double",
                 .inputs = 1,
                 .outputs = 1,
                 .infer = count_infer,
                 .forward = one_forward,
                 .backward_kernel = double_kernel };
    fr_tensor *x = leaf(1, 2), *dx;

    ck_assert(fr_backward(fr_sum(fr_apply(&op, &x, NULL))));
    assert_values(fr_grad(x), 2, 2);
    ck_assert(!fr_gradients(fr_sum(fr_apply(&op, &x, NULL)), &x, 1, &dx, FR_CREATE_GRAPH));
    assert_failed("double", "backward_kernel alone");
}
END_TEST

static void failing_definition(fr_op_call *call)
{
    call->result[0] = fr_mul_scalar(call->in[0], 2);
    fr_op_fail(call, "no way back");
}

START_TEST(a_definition_that_fails)
{
    FR_SCOPE;
    fr_op op = { .name = "defined",
                 .inputs = 1,
                 .outputs = 1,
                 .saves_inputs = 1,
                 .infer = count_infer,
                 .forward = one_forward,
                 .definition = failing_definition };
    fr_tensor *x = leaf(1, 2);

    ck_assert(!fr_backward(fr_sum(fr_apply(&op, &x, NULL))));
    assert_failed("defined: no way back");
    ck_assert_ptr_null(fr_grad(x));
}
END_TEST

START_TEST(an_op_without_backward_records_nothing)
{
    FR_SCOPE;
    fr_op op = { .name = "plain", .inputs = 1, .outputs = 1, .infer = count_infer, .forward = one_forward };
    fr_tensor *x = leaf(1, 2);

    ck_assert(!fr_wants_grad(fr_apply(&op, &x, NULL)));
    ck_assert(!fr_backward(fr_sum(fr_apply(&op, &x, NULL))));
    assert_failed("backward: the tensor wants no gradient", "an op without a backward");
}
END_TEST

START_TEST(malformed_ops)
{
    FR_SCOPE;
    fr_op op = { .name = "mine", .inputs = 1, .outputs = 1, .infer = count_infer, .forward = one_forward };
    fr_tensor *x = leaf(1, 2), *out[1];

    op.forward = NULL;
    ck_assert_ptr_null(fr_apply(&op, &x, NULL));
    assert_failed("frond: mine: ", "forward", "check_autograd.c");
    op.forward = one_forward;
    op.infer = NULL;
    ck_assert_ptr_null(fr_apply(&op, &x, NULL));
    assert_failed("frond: mine: ", "infer");
    op.infer = count_infer;
    ck_assert(!fr_apply_n(&op, &x, 2, NULL, out));
    assert_failed("2 inputs given, expected 1");
    ck_assert_ptr_null(fr_apply(&op, &x, out));
    assert_failed("frond: mine: attributes given, but the op's attributes_size is 0");
    op.inputs = -1;
    ck_assert_ptr_null(fr_apply(&op, &x, NULL));
    assert_failed("fr_apply_n");
    ck_assert(!fr_apply_n(&op, &x, -1, NULL, out));
    assert_failed("-1 inputs");
    ck_assert_ptr_null(fr_apply(NULL, &x, NULL));
    assert_failed("op is NULL");
}
END_TEST

/* --- Long graphs ------------------------------------------------------------------------------------------------- */

enum { OPS = SANITIZED ? 100000 : 1000000 };

/* A chain of this many ops. */
static fr_tensor *long_chain(fr_tensor *const *x, void *user)
{
    FR_SCOPE;
    fr_tensor *minus = fr_tensor_from(FR_SHAPE(1), (double[]){ -1 }, FR_F64), *y = fr_ref(*x);

    (void)user;
    for (int i = 0; i < OPS; i++) {
        FR_SCOPE;
        fr_assign(&y, i % 2 ? fr_neg(y) : fr_mul(y, minus)); /* mul saves, neg does not */
    }

    fr_tensor *escaped = fr_escape(y);

    fr_unref(y);
    return escaped;
}

static bool walk_back(void)
{
    fr_tensor *x = leaf(3), *y = long_chain(&x, NULL), *out;

    return fr_gradients(y, &x, 1, &out, FR_RETAIN_GRAPH) && fr_backward(y) && fr_item(out) == 1 &&
           fr_item(fr_grad(x)) == 1;
}

/* The gradient of the gradient's graph, which has as many nodes again. */
static bool walk_back_twice(void)
{
    fr_tensor *x = leaf(3), *y = fr_square(long_chain(&x, NULL)), *dx, *ddx;

    return fr_gradients(y, &x, 1, &dx, FR_CREATE_GRAPH) && fr_gradients(dx, &x, 1, &ddx, 0) && fr_item(dx) == 6 &&
           fr_item(ddx) == 2;
}

static bool walk_forward(void)
{
    fr_tensor *x = leaf(3), *t = fr_detach(leaf(2)), *y, *dy;

    return fr_jvp(long_chain, &x, &t, 1, NULL, &y, &dy) && fr_item(dy) == 2 && fr_backward(y);
}

static bool tell(void)
{
    fr_tensor *x = leaf(3), *y = long_chain(&x, NULL);
    FILE *nowhere = fopen("/dev/null", "w");
    bool ok = nowhere && fr_explain(nowhere, y) && fr_graph_dot(nowhere, y);

    if (nowhere)
        fclose(nowhere);
    return ok;
}

typedef struct {
    bool (*walk)(void);
    bool ok;
} long_walk;

static void *take_walk(void *user)
{
    FR_SCOPE;
    long_walk *w = user;

    w->ok = w->walk();
    return NULL;
}

/* Forward, whatever walks the graph, and freeing it work for a million ops on a stack of 128 KiB. */
START_TEST(a_million_ops)
{
    static bool (*const walks[])(void) = { walk_back, walk_back_twice, walk_forward, tell };
    long_walk w = { .walk = walks[_i] };
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    ck_assert_int_eq(pthread_attr_setstacksize(&attributes, 128 * 1024), 0);
    ck_assert_int_eq(pthread_create(&thread, &attributes, take_walk, &w), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    ck_assert(w.ok);
}
END_TEST

/* --- Memory ------------------------------------------------------------------------------------------------------ */

static void train(int steps)
{
    FR_SCOPE;
    fr_tensor *w = fr_requires_grad(fr_ones(FR_SHAPE(8, 8))), *b = fr_requires_grad(fr_zeros(FR_SHAPE(8)));

    for (int i = 0; i < steps; i++) {
        FR_SCOPE;
        fr_tensor *x = fr_ones(FR_SHAPE(4, 8));
        fr_tensor *loss = fr_mean(fr_square(fr_tanh(fr_linear(fr_tanh(fr_linear(x, w, b)), w, b))));
        fr_tensor *d[2];

        ck_assert(fr_gradients(loss, (fr_tensor *[]){ w, b }, 2, d, FR_CREATE_GRAPH));
        ck_assert(fr_backward(fr_add(loss, fr_sum(fr_square(d[0])))));
        fr_zero_grad(w);
    }
}

START_TEST(steps_leave_nothing)
{
    size_t tensors = fr_live_tensors(), bytes = fr_live_bytes();

    train(3);
    ck_assert_uint_eq(fr_live_tensors(), tensors);
    ck_assert_uint_eq(fr_live_bytes(), bytes);
}
END_TEST

/* The scope frees values that backward does not read; backward frees those that it reads. */
START_TEST(dead_values_die)
{
    FR_SCOPE;
    fr_tensor *x = fr_requires_grad(fr_ones(FR_SHAPE(1000))), *y;
    size_t before = fr_live_bytes();
    {
        FR_SCOPE;
        y = fr_escape(fr_sum(fr_tanh(fr_add(fr_mul_scalar(x, 2), x))));
    }
    ck_assert_uint_eq(fr_live_bytes(), before + 4 + 4000); /* tanh's output */
    ck_assert(fr_backward(y));
    ck_assert_uint_eq(fr_live_bytes(), before + 4 + 4000); /* x's gradient */
}
END_TEST

static jmp_buf back;

static void jump(const char *message, void *user)
{
    (void)message, (void)user;
    longjmp(back, 1);
}

/* A handler may jump out of backward, from an op, a hook or gradcheck's function: nothing is left half done. */
START_TEST(jumps_out_of_backward)
{
    FR_SCOPE;
    size_t tensors = fr_live_tensors(), bytes = fr_live_bytes();

    fr_set_error_handler(jump, NULL);
    for (volatile int how = 0; how < 6; how++) {
        volatile int scope = fr_scope_begin();

        if (setjmp(back) == 0) {
            fr_tensor *a = leaf(1, 2), *b = leaf(3, 4), *y[2], *out;

            begin_counting();
            counted.fail = how < 3 ? how + 1 : 0;
            count(fr_square(a), fr_square(b), y);
            if (how == 3)
                fr_on_gradient(a, fails, NULL);
            if (how == 4)
                fr_on_gradient(a, wrong_shape, NULL);
            if (how == 5)
                fr_gradients(fr_sum(fr_add(y[0], y[1])), (fr_tensor *[]){ a, constant(1, 2) }, 2, &out, 0);
            else
                fr_backward(fr_sum(fr_add(y[0], y[1])));
            ck_abort_msg("no jump, %d", how);
        }
        ck_assert(fr_error_message() != NULL);
        fr_error_clear();
        fr_scope_end(scope);
        ck_assert(fr_grad_enabled());
        ck_assert_uint_eq(fr_live_tensors(), tensors);
        ck_assert_uint_eq(fr_live_bytes(), bytes);
    }
    begin_counting();
}
END_TEST

/* --- Threads ----------------------------------------------------------------------------------------------------- */

enum { THREADS = 4, ROUNDS = 200 };

typedef struct {
    fr_tensor *w, *b, *x;
    double result;
    bool ok;
} shared_model;

static fr_tensor *shared_forward(const shared_model *m)
{
    return fr_mean(fr_tanh(fr_linear(fr_tanh(fr_linear(m->x, m->w, m->b)), m->w, m->b)));
}

static void *infer(void *user)
{
    shared_model *m = user;

    m->ok = true;
    for (int i = 0; i < ROUNDS; i++) {
        FR_SCOPE;
        FR_NO_GRAD;
        m->result = fr_item(shared_forward(m));
    }
    return NULL;
}

static void *differentiate(void *user)
{
    shared_model *m = user;

    m->ok = true;
    for (int i = 0; i < ROUNDS; i++) {
        FR_SCOPE;
        m->ok = m->ok && fr_backward(shared_forward(m));
    }
    return NULL;
}

static void *walk_shared(void *user)
{
    shared_model *m = user;

    m->ok = true;
    for (int i = 0; i < ROUNDS; i++) {
        FR_SCOPE;
        fr_tensor *out;

        m->ok = m->ok && fr_gradients(m->x, &m->w, 1, &out, FR_RETAIN_GRAPH);
        m->result = fr_at(out, 3);
    }
    return NULL;
}

static void run_threads(void *(*f)(void *), const shared_model *m, shared_model copies[THREADS])
{
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        copies[i] = *m;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, f, &copies[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert(copies[i].ok);
    }
}

static shared_model make_model(void)
{
    fr_manual_seed(1);
    return (shared_model){ .w = fr_requires_grad(fr_randn(FR_SHAPE(6, 6))),
                           .b = fr_requires_grad(fr_randn(FR_SHAPE(6))),
                           .x = fr_randn(FR_SHAPE(3, 6)) };
}

START_TEST(threads_share_a_model)
{
    FR_SCOPE;
    shared_model m = make_model(), copies[THREADS];
    double alone = fr_item(shared_forward(&m));
    size_t tensors = fr_live_tensors(), bytes = fr_live_bytes();

    run_threads(infer, &m, copies);
    for (int i = 0; i < THREADS; i++)
        ck_assert_double_eq(copies[i].result, alone);
    ck_assert_uint_eq(fr_live_tensors(), tensors);
    ck_assert_uint_eq(fr_live_bytes(), bytes);
}
END_TEST

/* Several threads have their own graphs over the same leaves; each adds its part of the gradient. */
START_TEST(threads_share_leaves)
{
    FR_SCOPE;
    shared_model m = make_model(), copies[THREADS];
    fr_tensor *one;

    ck_assert(fr_backward(shared_forward(&m)));
    one = fr_clone(fr_grad(m.w));
    fr_zero_grad(m.w);
    run_threads(differentiate, &m, copies);
    assert_close("sum", fr_grad(m.w), fr_mul_scalar(one, THREADS * ROUNDS), 1e-4, 1e-5);
}
END_TEST

START_TEST(threads_share_a_graph)
{
    FR_SCOPE;
    shared_model m = make_model(), copies[THREADS];
    fr_tensor *out;

    m.x = shared_forward(&m);
    ck_assert(fr_gradients(m.x, &m.w, 1, &out, FR_RETAIN_GRAPH));
    run_threads(walk_shared, &m, copies);
    for (int i = 0; i < THREADS; i++)
        ck_assert_double_eq(copies[i].result, fr_at(out, 3));
}
END_TEST

typedef struct {
    fr_tensor *from, *made;
} handed;

static void *extend(void *user)
{
    FR_SCOPE;
    handed *h = user;

    h->made = fr_ref(fr_square(h->from));
    return NULL;
}

/* A new node's number is larger than its inputs' numbers, also in a thread whose clock is behind. */
START_TEST(a_graph_grows_in_several_threads)
{
    FR_SCOPE;
    fr_tensor *x = leaf(1.1), *y = x;

    for (int i = 0; i < 5000; i++)
        fr_square(x); /* advances this thread's clock */
    for (int i = 0; i < 4; i++) {
        pthread_t thread;
        handed h = { fr_mul_scalar(y, 1), NULL };

        ck_assert_int_eq(pthread_create(&thread, NULL, extend, &h), 0);
        pthread_join(thread, NULL);
        y = fr_add(h.made, fr_mul(h.made, h.from));
        fr_unref(h.made);
    }
    ck_assert(fr_backward(y));
    /* y = t^2 + t^3, four times in a row */
    double value = 1.1, slope = 1;

    for (int i = 0; i < 4; i++) {
        slope *= 2 * value + 3 * value * value;
        value = value * value + value * value * value;
    }
    ck_assert_double_eq_tol(fr_item(fr_grad(x)) / slope, 1, 1e-12);
}
END_TEST

int main(void)
{
    TCase *first = tcase_create("first"), *second = tcase_create("second"), *hooks = tcase_create("hooks");
    TCase *wrong = tcase_create("misuse"), *ops = tcase_create("ops"), *memory = tcase_create("memory");
    TCase *threads = tcase_create("threads");

    tcase_add_test(first, gradients_accumulate);
    tcase_add_test(first, leaves_share_no_gradient);
    tcase_add_test(first, gradients_through_views_share_no_values);
    tcase_add_test(first, sums_of_views_share_no_values);
    tcase_add_test(first, a_saved_gradient_that_grows);
    tcase_add_test(first, gradients_from_hooks_are_copied);
    tcase_add_test(first, a_leaf_is_its_own_gradient);
    tcase_add_test(first, one_tensor_twice);
    tcase_add_test(first, diamonds);
    tcase_add_test(first, unmarked_tensors_get_none);
    tcase_add_test(first, no_grad_and_detach);
    tcase_add_test(first, backward_under_no_grad);
    tcase_add_test(first, gradients_touch_no_leaf);
    tcase_add_test(first, gradients_of_a_vector);
    tcase_add_test(first, only_what_is_wanted_is_computed);
    tcase_add_test(first, an_unused_output_arrives_as_zeros);
    tcase_add_test(second, a_retained_graph_can_be_walked_again);
    tcase_add_test(second, derivatives_of_derivatives);
    tcase_add_test(second, backward_through_a_gradient);
    tcase_add_test(second, second_derivative_by_a_saved_output);
    tcase_add_test(hooks, hooks_see_and_replace);
    tcase_add_test(hooks, hooks_belong_to_one_output);
    tcase_add_test(hooks, backward_within_a_hook);
    tcase_add_test(hooks, hooks_that_fail);
    tcase_add_test(wrong, misuse_of_backward);
    tcase_add_test(wrong, walking_twice);
    tcase_add_test(wrong, a_value_changed_in_place);
    tcase_add_test(wrong, a_backward_that_fails);
    tcase_add_test(ops, an_op_with_a_kernel_alone);
    tcase_add_test(ops, a_definition_that_fails);
    tcase_add_test(ops, an_op_without_backward_records_nothing);
    tcase_add_test(ops, malformed_ops);
    tcase_add_loop_test(memory, a_million_ops, 0, 4);
    tcase_add_test(memory, steps_leave_nothing);
    tcase_add_test(memory, dead_values_die);
    tcase_add_test(memory, jumps_out_of_backward);
    tcase_add_test(threads, threads_share_a_model);
    tcase_add_test(threads, threads_share_leaves);
    tcase_add_test(threads, threads_share_a_graph);
    tcase_add_test(threads, a_graph_grows_in_several_threads);
    return run_tests("autograd", first, second, hooks, wrong, ops, memory, threads);
}
