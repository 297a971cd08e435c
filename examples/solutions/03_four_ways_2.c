/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reverse mode gives all 1,000 derivatives of one result in one run, forward mode takes 1,000 runs. With one input and
 * 1,000 results it is the other way round. Times differ from machine to machine, so this prints which is less. */
#include <frond.h>

#include <stdio.h>
#include <time.h>

enum { N = 1000 };

static fr_tensor *sum_of_squares(fr_tensor *const *in, void *runs)
{
    ++*(int *)runs;
    return fr_sum(fr_square(in[0]));
}

int main(void)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64);

    fr_tensor *x = fr_requires_grad(fr_arange(0, N, 1, FR_F64)), *gradient;
    fr_tensor *unit = fr_eye(N), *by_columns = fr_zeros(FR_SHAPE(N));
    int forward_runs = 0, reverse_runs = 0;
    clock_t start = clock();

    fr_gradients(sum_of_squares(&x, &reverse_runs), &x, 1, &gradient, 0);

    clock_t middle = clock();

    for (int i = 0; i < N; i++) {
        FR_SCOPE;
        FR_NO_GRAD;
        fr_tensor *direction = fr_select(unit, 0, i), *y, *dy;

        fr_jvp(sum_of_squares, &x, &direction, 1, &forward_runs, &y, &dy);
        fr_copy(fr_select(by_columns, 0, i), dy);
    }

    clock_t end = clock();

    printf("runs: reverse %d, forward %d; the same derivatives: %s; reverse is faster: %s\n", reverse_runs,
           forward_runs, fr_equal(gradient, by_columns) ? "yes" : "no", middle - start < end - middle ? "yes" : "no");
    return 0;
}
