/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* With its history the state leads back into the window before, whose saved values are gone after its backward: an
 * error, which says so. One backward at the end of the epoch is right, and keeps all windows until then. */
#include <frond.h>

#include <stdio.h>

enum { STEPS = 400, WINDOW = 20 };

static fr_tensor *window_loss(fr_module *lstm, fr_tensor *signal, int at, fr_recurrent *state)
{
    *state = fr_recurrent_forward(lstm, fr_slice(signal, 0, at, at + WINDOW, 1), state);
    return fr_mse(state->out, fr_slice(signal, 0, at + 1, at + WINDOW + 1, 1), FR_MEAN);
}

int main(void)
{
    FR_SCOPE; /* holds all states, as fr_ref would */
    fr_set_default_dtype(FR_F64);
    fr_set_error_handler(NULL, NULL);
    fr_manual_seed(1);

    FR_AUTO(fr_module) lstm = fr_nn_lstm(1, 1, NULL);
    fr_tensor *signal = fr_reshape(fr_sin(fr_arange(0, STEPS + 1, 1, FR_F64)), FR_SHAPE(STEPS + 1, 1, 1));
    fr_recurrent state = { 0 };

    fr_backward(window_loss(lstm, signal, 0, &state));
    fr_backward(window_loss(lstm, signal, WINDOW, &state));
    printf("%s\n", fr_error_message());
    fr_error_clear();

    size_t before = fr_live_bytes(), first = 0;
    fr_tensor *sum = fr_scalar(0);

    state = (fr_recurrent){ 0 };
    for (int at = 0; at < STEPS; at += WINDOW) {
        sum = fr_add(sum, window_loss(lstm, signal, at, &state));
        if (at == 0)
            first = fr_live_bytes() - before;
    }
    printf("all %d windows take %.0f times the memory of one\n", STEPS / WINDOW,
           (double)(fr_live_bytes() - before) / (double)first);
    printf("backward through all: %s\n", fr_backward(sum) ? "right" : fr_error_message());
    return 0;
}
