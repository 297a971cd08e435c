/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Only the LSTM with a forget bias learns it in that time: for the others, what the first number does to the last
 * output is too little to notice at the start. (In 400 steps the RNN finds weights that stretch, and learns it too.) */
#include <frond.h>

#include <stdio.h>

enum { STEPS = 60, BATCH = 32, HIDDEN = 8 };

/* (T,count,1): the first number of each sequence is N(0,1), the others are a tenth of that. */
static fr_tensor *sequences(int64_t count)
{
    fr_tensor *first = fr_randn(FR_SHAPE(1, count, 1)), *others = fr_randn(FR_SHAPE(STEPS - 1, count, 1));

    return FR_CAT(0, first, fr_mul_scalar(others, 0.1));
}

/* The part of 500 new sequences whose first number's sign is told rightly. */
static double train(fr_module *recurrent)
{
    FR_SCOPE;
    FR_AUTO(fr_module) model = fr_module_new("FirstSign", 0, NULL);
    fr_module *head = fr_nn_linear(HIDDEN, 1, NULL);

    fr_module_add(model, "recurrent", recurrent);
    fr_module_add(model, "head", head);

    FR_AUTO(fr_optim) adam = fr_adam(model, &(fr_adam_options){ .lr = 0.01 });

    for (int step = 0; step < 200; step++) {
        FR_SCOPE;
        fr_tensor *x = sequences(BATCH), *y = fr_gt_scalar(fr_select(x, 0, 0), 0);
        fr_recurrent seq = fr_recurrent_forward(recurrent, x, NULL);

        fr_optim_zero_grad(adam);
        fr_backward(fr_bce_with_logits(fr_forward(head, fr_select(seq.out, 0, -1)), y, FR_MEAN));
        fr_clip_grad_norm(model, 1);
        fr_optim_step(adam);
    }

    FR_NO_GRAD;
    fr_tensor *x = sequences(500), *y = fr_gt_scalar(fr_select(x, 0, 0), 0);
    fr_recurrent seq = fr_recurrent_forward(recurrent, x, NULL);

    return fr_item(fr_mean(fr_eq(fr_gt_scalar(fr_forward(head, fr_select(seq.out, 0, -1)), 0), y)));
}

static fr_module *lstm_with_bias(double bias)
{
    fr_module *lstm = fr_nn_lstm(1, HIDDEN, NULL);

    FR_SCOPE;
    FR_NO_GRAD;
    fr_init_constant(fr_slice(fr_module_find(lstm, "bias_ih_l0"), 0, HIDDEN, 2 * HIDDEN, 1), bias); /* i, f, g, o */
    return lstm;
}

int main(void)
{
    FR_SCOPE;
    fr_manual_seed(0);
    printf("RNN                   %.1f of the answers are right\n", train(fr_nn_rnn(1, HIDDEN, NULL)));
    printf("LSTM                  %.1f\n", train(fr_nn_lstm(1, HIDDEN, NULL)));
    printf("LSTM, forget bias 4   %.1f\n", train(lstm_with_bias(4)));
    return 0;
}
