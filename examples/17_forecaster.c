/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Forecasts airline passengers from how the numbers changed before: one month ahead, and two years at once.
 *
 *     17_forecaster [EPOCHS [SERIES.csv]] */
#include "forecaster.h"

#include <stdio.h>
#include <stdlib.h>

enum { HELD_OUT = 24, SEASON = 12 };

static fr_tensor *part(fr_tensor *t, int64_t from, int64_t to)
{
    return fr_slice(t, 0, from, to, 1);
}

/* The mean absolute error in percent. Both arguments are logarithms. */
static double error_of(fr_tensor *logs, fr_tensor *passengers)
{
    return 100 * fr_item(fr_mean(fr_div(fr_abs(fr_sub(fr_exp(logs), passengers)), passengers)));
}

static void train(fr_module *model, fr_tensor *z, int epochs)
{
    FR_AUTO(fr_optim) adam = fr_adam(model, &(fr_adam_options){ .lr = 0.01 });
    int64_t n = fr_dim(z, 0) - 1;

    for (int epoch = 1; epoch <= epochs; epoch++) {
        FR_SCOPE;
        /* Noise, so that the model does not memorise the series. */
        fr_tensor *x = fr_add(part(z, 0, n), fr_mul_scalar(fr_randn(FR_SHAPE(n, 1, 1)), 0.3));
        fr_tensor *loss = fr_mse(fr_forward(model, x), part(z, 1, n + 1), FR_MEAN);

        fr_optim_zero_grad(adam);
        fr_backward(loss);
        fr_clip_grad_norm(model, 1);
        fr_optim_step(adam);
        if (epoch % 50 == 0)
            printf("epoch %3d  loss %.3f\n", epoch, fr_item(loss));
    }
}

int main(int argc, char **argv)
{
    FR_SCOPE;
    int epochs = argc > 1 ? atoi(argv[1]) : 300;
    FR_AUTO(fr_sequences) file = fr_read_csv(argc > 2 ? argv[2] : "examples/data/AirPassengers.csv", NULL);
    fr_tensor *passengers = fr_sequences_x(file), *logs = fr_log(passengers); /* (N,1,1) */
    int64_t months = fr_dim(logs, 0), n = months - 1 - HELD_OUT;
    fr_tensor *change = fr_sub(part(logs, 1, months), part(logs, 0, months - 1));
    fr_tensor *mean = fr_mean(part(change, 0, n)), *std = fr_std(part(change, 0, n));
    fr_tensor *z = fr_div(fr_sub(change, mean), std), *true_values = part(passengers, n + 1, months);

    fr_manual_seed(0);
    FR_AUTO(fr_module) model = forecaster_new(32);

    printf("%lld parameters, %lld months to learn from, %d held out\n", (long long)fr_module_count(model), (long long)n,
           HELD_OUT);
    train(model, part(z, 0, n), epochs);

    FR_NO_GRAD;
    fr_tensor *expected = part(fr_forward(model, part(z, 0, n + HELD_OUT - 1)), n - 1, INT64_MAX);
    fr_tensor *step = fr_add(fr_mul(expected, std), mean), *before = part(logs, n, months - 1);
    fr_tensor *rolled = fr_add(fr_mul(forecaster_roll_out(model, part(z, 0, n), HELD_OUT), std), mean);
    fr_tensor *last_year = part(change, n - SEASON, n), *first = part(logs, n, n + 1);
    fr_tensor *naive = FR_CAT(0, last_year, last_year);

    printf("a month ahead: error %.1f %%, seasonal naive %.1f %%\n", error_of(fr_add(before, step), true_values),
           error_of(fr_add(before, part(change, n - SEASON, n + HELD_OUT - SEASON)), true_values));
    printf("1 to %d months ahead: error %.1f %%, seasonal naive %.1f %%\n", HELD_OUT,
           error_of(fr_add(first, fr_cumsum(rolled, 0)), true_values),
           error_of(fr_add(first, fr_cumsum(naive, 0)), true_values));
    return 0;
}
