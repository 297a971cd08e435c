/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* An op of your own: softsign, y = x / (1 + |x|). An op is one struct, given to fr_apply, as the library's own are. The
 * backward is written in ops, so second derivatives need no more code.
 *
 * You will see how fr_gradcheck finds a backward with a mistake, and what it says; then the right one passes. */
#include <frond.h>
#include <frond/op.h>

#include <math.h>
#include <stdio.h>

static bool infer(fr_op_call *call)
{
    call->out[0] = fr_meta_of(call->in[0]); /* the same shape and dtype */
    return true;
}

static void forward(fr_op_call *call)
{
    FR_DISPATCH_FLOAT(call->in[0], T, {
        const T *x = fr_data(call->in[0]);
        T *y = fr_data(call->result[0]);

        for (int64_t i = 0; i < fr_numel(call->in[0]); i++)
            y[i] = x[i] / (1 + (T)fabs((double)x[i]));
    })
}

/* dy/dx = 1 / (1 + |x|)^2 */
static void backward(fr_op_call *call)
{
    fr_tensor *d = fr_add_scalar(fr_abs(call->in[0]), 1);

    call->grad_in[0] = fr_div(call->grad_out[0], fr_square(d));
}

/* The square is missing. */
static void wrong_backward(fr_op_call *call)
{
    call->grad_in[0] = fr_div(call->grad_out[0], fr_add_scalar(fr_abs(call->in[0]), 1));
}

static fr_op softsign_op = {
    .name = "softsign",
    .formula = "y = x / (1 + |x|)",
    .shapes = "(*) -> (*)",
    .inputs = 1,
    .outputs = 1,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

static fr_tensor *apply(fr_tensor *const *in, void *op)
{
    return fr_apply(op, in, NULL);
}

static void check(const char *which, fr_op *op, fr_tensor *x)
{
    bool first = fr_gradcheck(apply, &x, 1, op), second = first && fr_gradgradcheck(apply, &x, 1, op);

    printf("\n%s:\n%s\n", which, first && second ? "first and second derivatives are right" : fr_error_message());
    fr_error_clear();
}

int main(void)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64);     /* finite differences need the precision */
    fr_set_error_handler(NULL, NULL); /* fr_gradcheck's error is to be printed, not to end the program */

    fr_op wrong_op = softsign_op;
    fr_tensor *x = fr_requires_grad(fr_from_doubles(FR_SHAPE(4), (double[]){ -2, -0.5, 1, 4 }));

    printf("softsign of -2, -0.5, 1 and 4:\n");
    fr_print(apply(&x, &softsign_op));

    wrong_op.backward = wrong_backward;
    check("with the planted mistake", &wrong_op, x);
    check("mended", &softsign_op, x);
    return 0;
}

/* Exercises
 *
 * 1. Write the op of two inputs z = sqrt(x^2 + y^2), and check it. Let infer refuse unequal shapes (fr_op_fail), and
 *    backward skip what is not wanted (call->needs[i]). What does fr_gradcheck say at (0, 0)?
 * 2. Forward and backward agree, and yet both may be wrong: plant the same mistake in both. What does fr_gradcheck say
 *    then? So what else must a test compare? */
