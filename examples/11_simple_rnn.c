/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* SimpleRNN, as one writes it in PyTorch: 11_simple_rnn.py beside this file is the same program, line for line. It
 * learns to tell whether the sum of ten numbers is above 0.
 *
 * You will see the loss of each epoch and one prediction. The Python prints the same, digit for digit: the same seed
 * gives the same initial values, the same data and the same order of batches. */
#include <frond.h>

#include <stdio.h>

typedef struct {
    fr_module *rnn, *fc;
} simple_rnn;

/* x (B,T,1) -> (B,1) */
static fr_tensor *forward(fr_module *self, fr_tensor *x)
{
    simple_rnn *net = fr_self(self);
    fr_recurrent seq = fr_recurrent_forward(net->rnn, x, NULL);

    return fr_sigmoid(fr_forward(net->fc, fr_index(seq.out, ":, -1, :")));
}

static fr_module *simple_rnn_new(int64_t input_size, int64_t hidden_size, int64_t output_size)
{
    fr_module *self = fr_module_new("SimpleRNN", sizeof(simple_rnn), forward);
    simple_rnn *net = fr_self(self);

    net->rnn =
        fr_module_add(self, "rnn", fr_nn_rnn(input_size, hidden_size, &(fr_recurrent_options){ .batch_first = true }));
    net->fc = fr_module_add(self, "fc", fr_nn_linear(hidden_size, output_size, NULL));
    return self;
}

int main(void)
{
    FR_SCOPE;
    fr_manual_seed(0);

    FR_AUTO(fr_module) model = simple_rnn_new(1, 32, 1);
    FR_AUTO(fr_optim) optimizer = fr_adam(model, &(fr_adam_options){ .lr = 0.01 });

    fr_tensor *X = fr_randn(FR_SHAPE(1000, 10, 1));
    fr_tensor *Y = fr_gt_scalar(fr_sum_dim(X, 1, false), 0);
    FR_AUTO(fr_loader) loader =
        fr_loader_new(FR_TENSORS(X, Y), &(fr_loader_options){ .batch_size = 32, .shuffle = true });

    fr_module_print(model);
    for (int epoch = 1; epoch <= 5; epoch++) {
        double total = 0;

        FR_FOR_BATCHES (loader, x, y) {
            fr_optim_zero_grad(optimizer);
            fr_tensor *loss = fr_bce(fr_forward(model, x), y, FR_MEAN);
            fr_backward(loss);
            fr_optim_step(optimizer);
            total += fr_item(loss);
        }
        printf("Epoch [%d/5], Loss: %.4f\n", epoch, total / (double)fr_loader_batches(loader));
    }

    fr_tensor *test = fr_randn(FR_SHAPE(1, 10, 1));
    printf("Prediction: %.4f\n", fr_item(fr_forward(model, test)));
    return 0;
}

/* Exercises
 *
 * 1. Let the network end in the logit, and take fr_bce_with_logits. Is the loss of the first epoch the same? Why?
 * 2. Keep the weights with fr_save, load them into a second model with fr_load_into, and see that both predict the
 * same. Which names are in the file? Load it in Python with safetensors. */
