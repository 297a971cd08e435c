/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What a graph keeps, and who lets go of it. Backward needs values that forward computed; the graph holds them until
 * they have been used, or until nothing refers to the graph.
 *
 * You will see it in bytes, for a chain of ops: recorded, checkpointed, kept by a reference, detached. Then truncated
 * back-propagation: a sequence too long to be differentiated at once is learned window by window, the state carried on
 * without its history. PyTorch prints the same three losses for the same seed (tests/golden/make_truncated_bptt.py). */
#include <frond.h>

#include <stdio.h>

enum { N = 1000, STEPS = 400, WINDOW = 20, HIDDEN = 16, EPOCHS = 30 };

static fr_tensor *four_ops(fr_tensor *const *in, void *unused)
{
    FR_SCOPE;
    fr_tensor *y = in[0];

    (void)unused;
    for (int i = 0; i < 4; i++)
        y = fr_tanh(y);
    return fr_escape(y); /* the other three end with this scope, unless a graph holds them */
}

static fr_tensor *sixteen_ops(fr_tensor *x, bool checkpoint)
{
    FR_SCOPE;
    for (int i = 0; i < 4; i++)
        x = checkpoint ? fr_checkpoint(four_ops, &x, 1, NULL) : four_ops(&x, NULL);
    return fr_escape(x);
}

/* Bytes of values that are alive now, and at most since the last report, without those that were there before. */
static void report(const char *what, size_t before)
{
    printf("%-41s %6zu now, %6zu at most\n", what, fr_live_bytes() - before, fr_peak_bytes() - before);
    fr_reset_peak_bytes();
}

static void measure(fr_tensor *x, bool checkpoint, size_t before)
{
    FR_SCOPE;
    fr_tensor *y = sixteen_ops(x, checkpoint);

    report(checkpoint ? "the same, checkpointed every four:" : "sixteen ops, recorded:", before);
    fr_backward(fr_sum(y));
    report(checkpoint ? "after backward, which ran them again:" : "after backward:", before);
    fr_zero_grad(x);
}

static void show_memory(void)
{
    fr_tensor *x = fr_requires_grad(fr_ones(FR_SHAPE(N))), *kept = NULL;
    size_t before = fr_live_bytes();

    measure(x, false, before);
    measure(x, true, before);
    {
        FR_SCOPE;
        fr_assign(&kept, sixteen_ops(x, false)); /* a reference: the scope's end does not end it */
    }
    report("the result kept, and with it its history:", before);
    {
        FR_SCOPE;
        fr_assign(&kept, fr_detach(kept));
    }
    report("detached:", before);
    fr_assign(&kept, NULL);
    report("let go of:", before);
}

/* One pass over the signal (STEPS+1,1,1); the mean loss of its windows. */
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

    printf("bytes of values; a tensor of %d has %d:\n", N, 8 * N);
    show_memory();

    FR_AUTO(fr_module) model = fr_module_new("Forecast", 0, NULL);
    fr_module *lstm = fr_module_add(model, "lstm", fr_nn_lstm(1, HIDDEN, NULL));
    fr_module *head = fr_module_add(model, "head", fr_nn_linear(HIDDEN, 1, NULL));
    FR_AUTO(fr_optim) adam = fr_adam(model, &(fr_adam_options){ .lr = 0.01 });
    fr_tensor *t = fr_arange(0, STEPS + 1, 1, FR_F64);
    fr_tensor *wave = fr_mul(fr_sin(fr_mul_scalar(t, 0.2)), fr_cos(fr_mul_scalar(t, 0.03)));
    fr_tensor *signal = fr_reshape(wave, FR_SHAPE(STEPS + 1, 1, 1));

    printf("\na wave whose height rises and falls, learned in windows of %d steps:\n", WINDOW);
    for (int epoch = 1; epoch <= EPOCHS; epoch++) {
        double loss = run_epoch(lstm, head, adam, signal);

        if (epoch % 10 == 0)
            printf("epoch %d  loss %.5e\n", epoch, loss);
    }
    return 0;
}

/* Exercises
 *
 * 1. Replace tanh by fr_mul_scalar(y, 0.5) in the chain of ops. Why does the recorded chain keep so much less?
 * 2. Take fr_recurrent_keep's cut away: keep the state by fr_ref, with its history. What does the second fr_backward
 *    say? How large does the graph grow if backward is called only at the end of the epoch? */
