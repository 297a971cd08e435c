/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A variational autoencoder of days: the power demand of Italy in 24 hours. */
#include <frond.h>

#include <stdio.h>

typedef struct {
    fr_module *fc1, *fc21, *fc22, *fc3, *fc4;
} vae;

static fr_module *vae_new(void)
{
    fr_module *self = fr_module_new("VAE", sizeof(vae), NULL);
    vae *net = fr_self(self);

    net->fc1 = fr_module_add(self, "fc1", fr_nn_linear(24, 16, NULL));
    net->fc21 = fr_module_add(self, "fc21", fr_nn_linear(16, 3, NULL));
    net->fc22 = fr_module_add(self, "fc22", fr_nn_linear(16, 3, NULL));
    net->fc3 = fr_module_add(self, "fc3", fr_nn_linear(3, 16, NULL));
    net->fc4 = fr_module_add(self, "fc4", fr_nn_linear(16, 24, NULL));
    return self;
}

static fr_tensor *decode(fr_module *self, fr_tensor *z)
{
    vae *net = fr_self(self);

    return fr_forward(net->fc4, fr_relu(fr_forward(net->fc3, z)));
}

static fr_tensor *loss_of(fr_module *self, fr_tensor *x)
{
    vae *net = fr_self(self);
    fr_tensor *h = fr_relu(fr_forward(net->fc1, x));
    fr_tensor *mu = fr_forward(net->fc21, h), *logvar = fr_forward(net->fc22, h);
    fr_tensor *z = fr_add(mu, fr_mul(fr_randn_like(mu), fr_exp(fr_mul_scalar(logvar, 0.5))));
    fr_tensor *kl = fr_sub(fr_sub(fr_add_scalar(logvar, 1), fr_square(mu)), fr_exp(logvar));

    return fr_add(fr_mse(decode(self, z), x, FR_SUM), fr_mul_scalar(fr_sum(kl), -0.5));
}

int main(void)
{
    FR_SCOPE;
    FR_AUTO(fr_sequences) file = fr_read_ts("examples/data/ItalyPowerDemand_TRAIN.ts");
    fr_tensor *days = fr_flatten(fr_sequences_x(file), 1, 2); /* (67,24) */

    fr_manual_seed(0);

    FR_AUTO(fr_module) model = vae_new();
    FR_AUTO(fr_optim) optimizer = fr_adam(model, &(fr_adam_options){ .lr = 0.01 });
    FR_AUTO(fr_loader) loader =
        fr_loader_new(FR_TENSORS(days), &(fr_loader_options){ .batch_size = 16, .shuffle = true });

    for (int epoch = 1; epoch < 7; epoch++) {
        double total = 0;

        FR_FOR_BATCHES (loader, x) {
            fr_tensor *loss = loss_of(model, x);

            fr_optim_zero_grad(optimizer);
            fr_backward(loss);
            fr_optim_step(optimizer);
            total += fr_item(loss);
        }
        printf("epoch %d  loss %.3f\n", epoch, total / (double)fr_dim(days, 0));
    }
    return 0;
}
