/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Truncated back-propagation through time: a sequence that is too long to be differentiated at once is learned window
 * by window. The state is carried from one window to the next, without its history.
 *
 * From the same seed PyTorch prints the same, digit for digit (tests/golden/make_truncated_bptt.py):
 *
 *     epoch 10  loss 5.97413e-04
 *     epoch 20  loss 2.92350e-04
 *     epoch 30  loss 2.69945e-04 */
#include <frond.h>

#include <stdio.h>

enum { STEPS = 400, WINDOW = 20, HIDDEN = 16, EPOCHS = 30 };

/* (STEPS + 1,1,1): a wave whose amplitude rises and falls */
static fr_tensor *make_signal(void)
{
    fr_tensor *t = fr_arange(0, STEPS + 1, 1, FR_F64);

    t = fr_mul(fr_sin(fr_mul_scalar(t, 0.2)), fr_cos(fr_mul_scalar(t, 0.03)));
    return fr_reshape(t, FR_SHAPE(STEPS + 1, 1, 1));
}

/* One pass over the signal; the mean loss of its windows. */
static double run_epoch(fr_module *lstm, fr_module *head, fr_optim *adam, fr_tensor *signal)
{
    fr_recurrent state = { 0 }; /* zeros */
    double sum = 0;

    for (int at = 0; at < STEPS; at += WINDOW) {
        FR_SCOPE;
        fr_tensor *x = fr_slice(signal, 0, at, at + WINDOW, 1), *next = fr_slice(signal, 0, at + 1, at + WINDOW + 1, 1);

        fr_recurrent y = fr_recurrent_forward(lstm, x, &state); /* starts where the last window ended */
        fr_recurrent_keep(&state, &y);                          /* cuts off the history */

        fr_tensor *loss = fr_mse(fr_forward(head, y.out), next, FR_MEAN);

        fr_optim_zero_grad(adam);
        fr_backward(loss);
        fr_optim_step(adam);
        sum += fr_item(loss);
    }
    fr_recurrent_keep(&state, NULL); /* releases it */
    return sum / (STEPS / WINDOW);
}

int main(void)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64);
    fr_manual_seed(1);

    FR_AUTO(fr_module) model = fr_module_new("Forecast", 0, NULL);
    fr_module *lstm = fr_module_add(model, "lstm", fr_nn_lstm(1, HIDDEN, NULL));
    fr_module *head = fr_module_add(model, "head", fr_nn_linear(HIDDEN, 1, NULL));
    FR_AUTO(fr_optim) adam = fr_adam(model, &(fr_adam_options){ .lr = 0.01 });
    fr_tensor *signal = make_signal();

    for (int epoch = 1; epoch <= EPOCHS; epoch++) {
        double loss = run_epoch(lstm, head, adam, signal);

        if (epoch % 10 == 0)
            printf("epoch %d  loss %.5e\n", epoch, loss);
    }
    return 0;
}
