/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The RNN and the LSTM as they are made see the last steps alone. To learn from the first one they must find weights
 * that remember, and nothing tells them which. With the bias the first step counts from the start. */
#include <frond.h>

#include <stdio.h>

enum { STEPS = 60, HIDDEN = 16 };

static void show(const char *name, fr_module *recurrent)
{
    FR_SCOPE;
    fr_manual_seed(0);

    fr_tensor *x = fr_requires_grad(fr_randn(FR_SHAPE(STEPS, 1, 1))), *gradient;
    fr_recurrent y = fr_recurrent_forward(recurrent, x, NULL);

    fr_gradients(fr_sum(y.h), &x, 1, &gradient, 0);
    printf("%-20s", name);
    for (int t = 0; t <= STEPS; t += 20)
        printf(" %8.0e", fr_item(fr_norm(fr_select(gradient, 0, t < STEPS ? t : STEPS - 1))));
    printf("\n");
}

int main(void)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64);
    fr_manual_seed(0);

    FR_AUTO(fr_module) rnn = fr_nn_rnn(1, HIDDEN, NULL);
    FR_AUTO(fr_module) lstm = fr_nn_lstm(1, HIDDEN, NULL);

    printf("step                        0       20       40       59\n");
    show("RNN", rnn);
    show("LSTM", lstm);

    {
        FR_NO_GRAD; /* for the view of the bias's part of f; the gates are in the order i, f, g, o */
        fr_init_constant(fr_slice(fr_module_find(lstm, "bias_ih_l0"), 0, HIDDEN, 2 * HIDDEN, 1), 4);
    }
    show("LSTM, forget bias 4", lstm);
    return 0;
}
