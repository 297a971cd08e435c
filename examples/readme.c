/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The model that README shows. */
#include <frond.h>

#include <stdio.h>

typedef struct {
    fr_module *rnn, *fc;
} classifier;

/* x (B,T,1) -> (B,1), the probability that each sequence is of the class 1 */
static fr_tensor *forward(fr_module *self, fr_tensor *x)
{
    classifier *net = fr_self(self);
    fr_recurrent seq = fr_recurrent_forward(net->rnn, x, NULL);

    return fr_sigmoid(fr_forward(net->fc, fr_select(seq.out, 1, -1))); /* out[:, -1, :] */
}

int main(void)
{
    FR_SCOPE;
    fr_manual_seed(0);

    FR_AUTO(fr_module) model = fr_module_new("Classifier", sizeof(classifier), forward);
    classifier *net = fr_self(model);

    net->rnn = fr_module_add(model, "rnn", fr_nn_gru(1, 16, &(fr_recurrent_options){ .batch_first = true }));
    net->fc = fr_module_add(model, "fc", fr_nn_linear(16, 1, NULL));
    fr_module_print(model);

    FR_AUTO(fr_optim) adam = fr_adam(model, &(fr_adam_options){ .lr = 0.02 });
    fr_tensor *x = fr_randn(FR_SHAPE(500, 8, 1)), *y = fr_gt_scalar(fr_sum_dim(x, 1, false), 0); /* is the sum > 0? */

    for (int step = 1; step <= 100; step++) {
        FR_SCOPE;
        fr_tensor *loss = fr_bce(fr_forward(model, x), y, FR_MEAN);

        fr_optim_zero_grad(adam);
        fr_backward(loss);
        fr_optim_step(adam);
        if (step % 25 == 0)
            printf("step %3d  loss %.4f\n", step, fr_item(loss));
    }
    return 0;
}
