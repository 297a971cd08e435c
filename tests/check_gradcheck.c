/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_gradcheck and fr_gradgradcheck: right gradients pass, wrong ones do not. */
#include "testing.h"

#include <frond/op.h>

/* --- An op whose backward can be made wrong ---------------------------------------------------------------------- */

typedef enum { RIGHT, ONE_WRONG, IS_NAN, SECOND_WRONG } flaw;

static bool cube_infer(fr_op_call *call)
{
    call->out[0] = fr_meta_of(call->in[0]);
    return true;
}

static void cube_forward(fr_op_call *call)
{
    const double *x = fr_data(call->in[0]);
    double *y = fr_data(call->result[0]);

    for (int64_t i = 0; i < fr_numel(call->in[0]); i++)
        y[i] = x[i] * x[i] * x[i];
}

static void cube_backward(fr_op_call *call)
{
    flaw how = *(const flaw *)call->attributes;
    fr_tensor *x = how == SECOND_WRONG ? fr_detach(call->in[0]) : call->in[0];
    fr_tensor *slope = fr_mul_scalar(fr_square(x), 3);

    if (how == ONE_WRONG || how == IS_NAN) {
        slope = fr_clone(fr_detach(slope));
        ((double *)fr_data(slope))[1] += how == IS_NAN ? NAN : 0.25;
    }
    call->grad_in[0] = fr_mul(call->grad_out[0], slope);
}

static const fr_op cube_op = { .name = "cube",
                               .inputs = 1,
                               .outputs = 1,
                               .saves_inputs = 1,
                               .attributes_size = sizeof(flaw),
                               .infer = cube_infer,
                               .forward = cube_forward,
                               .backward = cube_backward };

static fr_tensor *cube(fr_tensor *const *in, void *user)
{
    return fr_apply(&cube_op, &in[0], user);
}

static fr_tensor *f64(fr_shape shape, const double *values)
{
    return fr_tensor_from(shape, values, FR_F64);
}

static fr_tensor *three(void)
{
    return fr_requires_grad(f64(FR_SHAPE(3), (double[]){ 0.5, -1, 2 }));
}

/* --- Functions --------------------------------------------------------------------------------------------------- */

static fr_tensor *product(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_matmul(fr_tanh(in[0]), in[1]);
}

static fr_tensor *itself(fr_tensor *const *in, void *user)
{
    (void)user;
    return in[0];
}

static fr_tensor *nothing_of_it(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_ones_like(in[0]);
}

static fr_tensor *value_of(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_mul(fr_detach(in[0]), in[0]); /* detaches one factor, so its part of the gradient is missing */
}

static fr_tensor *total(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_sum(fr_mul(fr_square(in[0]), in[0]));
}

static fr_tensor *second_row(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_select(in[0], 0, fr_at(in[1], 0) > 0 ? 1 : 0);
}

static fr_tensor *in_float(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_cast(in[0], FR_F32);
}

static fr_tensor *fails(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_add(in[0], fr_zeros(FR_SHAPE(7)));
}

static fr_tensor *gives_null(fr_tensor *const *in, void *user)
{
    (void)in, (void)user;
    return NULL;
}

static fr_tensor *grows(fr_tensor *const *in, void *user)
{
    return fr_expand(in[0], FR_SHAPE(++*(int *)user, 3));
}

/* --- Right gradients --------------------------------------------------------------------------------------------- */

START_TEST(right_gradients_pass)
{
    FR_SCOPE;
    fr_tensor *a = f64(FR_SHAPE(2, 3), (double[]){ 0.1, 0.2, -0.3, 0.4, 0.5, 0.6 });
    fr_tensor *b = f64(FR_SHAPE(3, 2), (double[]){ 1, -2, 3, 4, 0.5, 0 });
    fr_tensor *xs[] = { fr_requires_grad(a), fr_requires_grad(b) };

    ck_assert(fr_gradcheck(product, xs, 2, NULL));
    ck_assert(fr_gradgradcheck(product, xs, 2, NULL));
    ck_assert(fr_gradcheck(cube, (fr_tensor *[]){ three() }, 1, &(flaw){ RIGHT }));
    ck_assert(fr_gradgradcheck(cube, (fr_tensor *[]){ three() }, 1, &(flaw){ RIGHT }));
}
END_TEST

START_TEST(results_of_any_shape)
{
    FR_SCOPE;
    fr_tensor *x = three(), *empty = fr_requires_grad(f64(FR_SHAPE(0, 3), NULL));
    fr_tensor *scalar = fr_requires_grad(f64(FR_SHAPE(), (double[]){ 1.5 }));

    ck_assert(fr_gradcheck(total, &x, 1, NULL));
    ck_assert(fr_gradgradcheck(total, &x, 1, NULL));
    ck_assert(fr_gradcheck(itself, &x, 1, NULL));
    ck_assert(fr_gradgradcheck(itself, &x, 1, NULL));
    ck_assert(fr_gradcheck(nothing_of_it, &x, 1, NULL));
    ck_assert(fr_gradgradcheck(nothing_of_it, &x, 1, NULL));
    ck_assert(fr_gradcheck(total, &empty, 1, NULL));
    ck_assert(fr_gradcheck(itself, &empty, 1, NULL));
    ck_assert(fr_gradgradcheck(total, &empty, 1, NULL));
    ck_assert(fr_gradcheck(total, &scalar, 1, NULL));
    ck_assert(fr_gradgradcheck(cube, &scalar, 1, &(flaw){ RIGHT }));
}
END_TEST

START_TEST(inputs_of_any_layout)
{
    FR_SCOPE;
    fr_tensor *base = f64(FR_SHAPE(3, 2), (double[]){ 1, -2, 3, 4, 0.5, 0.25 });
    fr_tensor *column = f64(FR_SHAPE(3, 1), (double[]){ 1, -2, 3 });
    fr_tensor *xs[] = { fr_requires_grad(fr_transpose(base, 0, 1)),
                        fr_requires_grad(fr_expand(column, FR_SHAPE(3, 4))) };

    ck_assert(fr_gradcheck(product, xs, 2, NULL));
    ck_assert(fr_gradgradcheck(product, xs, 2, NULL));
    ck_assert(fr_gradcheck(total, &xs[1], 1, NULL));
}
END_TEST

/* Only inputs that want a gradient are checked; others may be int64. A tensor with a history may be an x. No input
 * changes. */
START_TEST(inputs_stay_as_they_are)
{
    FR_SCOPE;
    fr_tensor *x = fr_requires_grad(f64(FR_SHAPE(2, 2), (double[]){ 1, 2, 3, 4 }));
    fr_tensor *index = fr_tensor_from(FR_SHAPE(1), (int64_t[]){ 1 }, FR_I64);
    fr_tensor *xs[] = { x, index }, *loss = fr_sum(fr_square(x)), *made = fr_square(x),
              *values = fr_clone(fr_detach(x));

    ck_assert(fr_gradcheck(second_row, xs, 2, NULL));
    ck_assert(fr_gradgradcheck(second_row, xs, 2, NULL));
    ck_assert(fr_gradcheck(total, &made, 1, NULL));
    ck_assert_ptr_null(fr_grad(x));
    ck_assert(fr_equal(fr_detach(x), values));
    ck_assert(fr_backward(loss)); /* the version of x, which the graph saved, has not changed */
    ck_assert(fr_equal(fr_grad(x), fr_mul_scalar(values, 2)));
    ck_assert(fr_gradgradcheck(total, &x, 1, NULL));
    ck_assert(fr_equal(fr_grad(x), fr_mul_scalar(values, 2)));
}
END_TEST

START_TEST(the_same_under_no_grad_and_without_drawing)
{
    FR_SCOPE;
    fr_tensor *x = three();
    double next;

    fr_manual_seed(3);
    next = fr_item(fr_rand(FR_SHAPE()));
    fr_manual_seed(3);
    {
        FR_NO_GRAD;
        ck_assert(fr_gradcheck(total, &x, 1, NULL));
        ck_assert(fr_gradgradcheck(total, &x, 1, NULL));
        ck_assert(!fr_grad_enabled());
    }
    ck_assert(fr_grad_enabled());
    ck_assert_double_eq(fr_item(fr_rand(FR_SHAPE())), next);
}
END_TEST

/* --- Wrong gradients ---------------------------------------------------------------------------------------------- */

START_TEST(a_wrong_gradient_is_named)
{
    FR_SCOPE;
    fr_tensor *x = three(), *square = fr_requires_grad(f64(FR_SHAPE(2, 2), (double[]){ 1, 2, 3, 4 }));

    ck_assert(!fr_gradcheck(cube, &x, 1, &(flaw){ ONE_WRONG }));
    assert_failed("gradcheck: derivative of output element (1,) by input 0 element (1,): expected 3", "got 3.25;",
                  "1 of 9 derivatives");
    ck_assert(!fr_gradcheck(cube, &x, 1, &(flaw){ IS_NAN }));
    assert_failed("by input 0 element (1,): expected 0", "got nan", "3 of 9"); /* 0 times NaN is NaN */
    ck_assert(!fr_gradcheck(value_of, &square, 1, NULL));
    assert_failed("output element (1, 1) by input 0 element (1, 1): expected 8", "got 4;", "4 of 16");
}
END_TEST

START_TEST(a_wrong_second_derivative_is_named)
{
    FR_SCOPE;
    fr_tensor *x = three();

    ck_assert(fr_gradcheck(cube, &x, 1, &(flaw){ SECOND_WRONG }));
    ck_assert(!fr_gradgradcheck(cube, &x, 1, &(flaw){ SECOND_WRONG }));
    assert_failed("gradgradcheck: gradient by input 0: derivative of output element", "by input 0 element", "got 0;",
                  "3 of 18");
    ck_assert(!fr_gradgradcheck(cube, &x, 1, &(flaw){ ONE_WRONG }));
    assert_failed("gradgradcheck: gradient by input 0", "input 0 element");
}
END_TEST

START_TEST(misuse)
{
    FR_SCOPE;
    fr_tensor *x = three(), *unmarked = f64(FR_SHAPE(3), (double[]){ 1, 2, 3 }), *null = NULL;
    fr_tensor *single = fr_requires_grad(fr_zeros(FR_SHAPE(3)));
    int calls = 0;

    ck_assert(!fr_gradcheck(itself, &unmarked, 1, NULL));
    assert_failed("gradcheck", "no x wants a gradient", "fr_requires_grad", "check_gradcheck.c");
    ck_assert(!fr_gradgradcheck(itself, &unmarked, 1, NULL));
    assert_failed("gradgradcheck", "no x wants a gradient");
    ck_assert(!fr_gradcheck(itself, &single, 1, NULL));
    assert_failed("input 0 is float32, expected float64");
    ck_assert(!fr_gradcheck(itself, &null, 1, NULL));
    assert_failed("gradcheck", "NULL");
    ck_assert(!fr_gradgradcheck(itself, &null, 1, NULL));
    assert_failed("gradgradcheck", "NULL");
    ck_assert(!fr_gradcheck(NULL, &x, 1, NULL));
    assert_failed("gradcheck", "expected a function");
    ck_assert(!fr_gradcheck(in_float, &x, 1, NULL));
    assert_failed("gradcheck", "the function gave float32");
    ck_assert(!fr_gradcheck(fails, &x, 1, NULL));
    assert_failed("add: dtypes differ");
    ck_assert(!fr_gradgradcheck(fails, &x, 1, NULL));
    assert_failed("add: dtypes differ");
    ck_assert(!fr_gradcheck(gives_null, &x, 1, NULL));
    assert_failed("gradcheck", "the function gave NULL");
    ck_assert(!fr_gradcheck(grows, &x, 1, &calls));
    assert_failed("gradcheck", "the function gave shape (2, 3), before that (1, 3)");
}
END_TEST

int main(void)
{
    TCase *right = tcase_create("right"), *wrong = tcase_create("wrong");

    tcase_add_test(right, right_gradients_pass);
    tcase_add_test(right, results_of_any_shape);
    tcase_add_test(right, inputs_of_any_layout);
    tcase_add_test(right, inputs_stay_as_they_are);
    tcase_add_test(right, the_same_under_no_grad_and_without_drawing);
    tcase_add_test(wrong, a_wrong_gradient_is_named);
    tcase_add_test(wrong, a_wrong_second_derivative_is_named);
    tcase_add_test(wrong, misuse);
    return run_tests("gradcheck", right, wrong);
}
