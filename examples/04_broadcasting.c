/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Tensors and broadcasting. Where one shape has size 1 or no dim, its value serves for all of the other's. A value that
 * served several times gets a gradient from each of them, and these add up, as always: so the gradient of broadcasting
 * is a sum.
 *
 * You will see both on a small table, and then a straight line that is fitted to 100 points by gradient descent: its
 * slope and offset are scalars, and their gradients sums over all points. */
#include <frond.h>

#include <stdio.h>

static void show_sums(void)
{
    fr_tensor *column = fr_requires_grad(fr_from_doubles(FR_SHAPE(2, 1), (double[]){ 10, 20 }));
    fr_tensor *row = fr_requires_grad(fr_from_doubles(FR_SHAPE(3), (double[]){ 1, 2, 3 }));
    fr_tensor *table = fr_mul(column, row); /* (2,1) and (3) make (2,3) */

    printf("a column (2,1) times a row (3) is a table (2,3):\n");
    fr_print(fr_detach(table));
    fr_backward(fr_sum(table));
    printf("the sum of the table by the column: its row's 1 + 2 + 3 for each\n");
    fr_print(fr_grad(column));
    printf("and by the row: its column's 10 + 20 for each\n");
    fr_print(fr_grad(row));
}

static void fit_a_line(void)
{
    fr_tensor *x = fr_randn(FR_SHAPE(100)), *noise = fr_mul_scalar(fr_randn(FR_SHAPE(100)), 0.1);
    fr_tensor *y = fr_add(fr_add_scalar(fr_mul_scalar(x, 3), 1), noise); /* 3 x + 1 + noise */
    fr_tensor *slope = fr_requires_grad(fr_scalar(0)), *offset = fr_requires_grad(fr_scalar(0));

    for (int step = 0; step < 60; step++) {
        FR_SCOPE; /* frees what the step made when it ends */
        fr_tensor *loss = fr_mse(fr_add(fr_mul(x, slope), offset), y, FR_MEAN), *gradient[2];

        fr_gradients(loss, (fr_tensor *[]){ slope, offset }, 2, gradient, 0);

        FR_NO_GRAD; /* the update of a leaf is not recorded */
        fr_copy(slope, fr_sub(slope, fr_mul_scalar(gradient[0], 0.1)));
        fr_copy(offset, fr_sub(offset, fr_mul_scalar(gradient[1], 0.1)));
        if (step % 20 == 0)
            printf("step %2d  loss %.4f\n", step, fr_item(loss));
    }
    printf("y = %.2f x + %.2f\n", fr_item(slope), fr_item(offset));
}

int main(void)
{
    FR_SCOPE;
    fr_manual_seed(0);

    show_sums();
    printf("\na line through points of y = 3 x + 1:\n");
    fit_a_line();
    return 0;
}

/* Exercises
 *
 * 1. Subtract from a table (3,2) the mean of each column, by fr_mean_dim and broadcasting. What is the gradient of the
 *    sum of the result's squares? What that of the sum of the result, and why?
 * 2. Fit a parabola: y = x^2 - 2 x + 1. Instead of three scalars take coefficients (3) and a table (100,3) of the
 *    powers of x; what broadcasts, and along which dim must the product be summed? */
