/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Sheet 6: six small ops. Five of them have a wrong backward, which is to be found and mended. */
#include "course.h"

/* Task 1. The names of the five wrong ops, in any order. */
const char *const wrong_ops[OPS] = { "shift", "difference", "cube", "logistic", "project" };

/* Task 2. Whether the derivatives of f are right, by all of the inputs in[0], ..., in[n - 1]. */
bool is_right(fr_function *f, fr_tensor **in, int n, void *user)
{
    for (int i = 0; i < n; i++)
        fr_requires_grad(in[i]);
    return fr_gradcheck(f, in, n, user);
}

/* Tasks 3 to 7: the ops. */

/* shift: y = x + b, x (m,n), b (n) */
static fr_tensor *shift_forward(fr_tensor *const *in)
{
    return fr_add(in[0], in[1]);
}

static void shift_backward(fr_tensor *const *in, fr_tensor *g, fr_tensor **grad)
{
    (void)in;
    grad[0] = g;
    grad[1] = fr_sum_dim(g, 0, false);
}

/* difference: y = a^2 - b^2, a and b (m,n) */
static fr_tensor *difference_forward(fr_tensor *const *in)
{
    return fr_sub(fr_square(in[0]), fr_square(in[1]));
}

static void difference_backward(fr_tensor *const *in, fr_tensor *g, fr_tensor **grad)
{
    grad[0] = fr_mul(g, fr_mul_scalar(in[0], 2));
    grad[1] = fr_mul(g, fr_mul_scalar(in[1], -2));
}

/* ratio: y = a / b, a and b (m,n) */
static fr_tensor *ratio_forward(fr_tensor *const *in)
{
    return fr_div(in[0], in[1]);
}

static void ratio_backward(fr_tensor *const *in, fr_tensor *g, fr_tensor **grad)
{
    grad[0] = fr_div(g, in[1]);
    grad[1] = fr_neg(fr_mul(grad[0], fr_div(in[0], in[1])));
}

/* cube: y = x^3, x (m,n) */
static fr_tensor *cube_forward(fr_tensor *const *in)
{
    return fr_mul(in[0], fr_square(in[0]));
}

static void cube_backward(fr_tensor *const *in, fr_tensor *g, fr_tensor **grad)
{
    grad[0] = fr_mul_scalar(fr_mul(g, fr_square(in[0])), 3);
}

/* logistic: y = 1 / (1 + exp(-x)), x (m,n) */
static fr_tensor *logistic_forward(fr_tensor *const *in)
{
    return fr_sigmoid(in[0]);
}

static void logistic_backward(fr_tensor *const *in, fr_tensor *g, fr_tensor **grad)
{
    fr_tensor *y = fr_sigmoid(in[0]);

    grad[0] = fr_mul(g, fr_sub(y, fr_square(y)));
}

/* project: y = x W^T, x (m,n), W (n,n) */
static fr_tensor *project_forward(fr_tensor *const *in)
{
    return fr_matmul(in[0], fr_transpose(in[1], 0, 1));
}

static void project_backward(fr_tensor *const *in, fr_tensor *g, fr_tensor **grad)
{
    grad[0] = fr_matmul(g, in[1]);
    grad[1] = fr_matmul(fr_transpose(g, 0, 1), in[0]);
}

const small_op ops[OPS] = {
    { "shift", 2, shift_forward, shift_backward },
    { "difference", 2, difference_forward, difference_backward },
    { "ratio", 2, ratio_forward, ratio_backward },
    { "cube", 1, cube_forward, cube_backward },
    { "logistic", 1, logistic_forward, logistic_backward },
    { "project", 2, project_forward, project_backward },
};
