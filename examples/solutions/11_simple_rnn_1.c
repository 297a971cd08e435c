/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The losses are the same to the last printed digit: bce of the sigmoid and bce_with_logits are one function, as long
 * as no logit is so large that the sigmoid has no digits left (06_saturation.c). */
#include <frond.h>

#include <stdio.h>

typedef struct {
    fr_module *rnn, *fc;
} simple_rnn;

/* x (B,T,1) -> (B,1), logits */
static fr_tensor *forward(fr_module *self, fr_tensor *x)
{
    simple_rnn *net = fr_self(self);

    return fr_forward(net->fc, fr_select(fr_recurrent_forward(net->rnn, x, NULL).out, 1, -1));
}

static double first_epoch(bool logits)
{
    FR_SCOPE;
    fr_manual_seed(0);

    FR_AUTO(fr_module) model = fr_module_new("SimpleRNN", sizeof(simple_rnn), forward);
    simple_rnn *net = fr_self(model);

    net->rnn = fr_module_add(model, "rnn", fr_nn_rnn(1, 32, &(fr_recurrent_options){ .batch_first = true }));
    net->fc = fr_module_add(model, "fc", fr_nn_linear(32, 1, NULL));

    FR_AUTO(fr_optim) adam = fr_adam(model, &(fr_adam_options){ .lr = 0.01 });
    fr_tensor *X = fr_randn(FR_SHAPE(1000, 10, 1)), *Y = fr_gt_scalar(fr_sum_dim(X, 1, false), 0);
    FR_AUTO(fr_loader) loader =
        fr_loader_new(FR_TENSORS(X, Y), &(fr_loader_options){ .batch_size = 32, .shuffle = true });
    double total = 0;

    FR_FOR_BATCHES (loader, x, y) {
        fr_tensor *out = fr_forward(model, x);
        fr_tensor *loss = logits ? fr_bce_with_logits(out, y, FR_MEAN) : fr_bce(fr_sigmoid(out), y, FR_MEAN);

        fr_optim_zero_grad(adam);
        fr_backward(loss);
        fr_optim_step(adam);
        total += fr_item(loss);
    }
    return total / (double)fr_loader_batches(loader);
}

int main(void)
{
    printf("first epoch: bce %.4f, bce_with_logits %.4f\n", first_epoch(false), first_epoch(true));
    return 0;
}
