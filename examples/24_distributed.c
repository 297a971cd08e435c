/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Several processes train one model, each on its part of every batch. Four calls make a program do so: they have
 * "distributed" in their names. Whatever the number of processes, they print the same.
 *
 *     mpirun -n 2 examples/24_distributed */
#include <frond.h>
#include <frond/distributed.h>

#include <stdio.h>

int main(void)
{
    FR_SCOPE;
    fr_fit_result result;

    fr_distributed_init(NULL);
    fr_manual_seed(1); /* each process makes the same data and the same model */

    fr_tensor *x = fr_randn(FR_SHAPE(1000, 2)), *y = fr_sum_dim(fr_square(x), 1, true);
    fr_module *model = FR_SEQUENTIAL(fr_nn_linear(2, 32, NULL), fr_nn_tanh(), fr_nn_linear(32, 1, NULL));
    fr_optim *optim = fr_adam(model, &(fr_adam_options){ .lr = 0.01 });
    fr_loader *loader = fr_loader_new(FR_TENSORS(x, y), &(fr_loader_options){ .batch_size = 64, .shuffle = true });

    fr_optim_distributed(optim);   /* gradients become means over all processes */
    fr_loader_distributed(loader); /* of each 64 rows this process gets its part */
    fr_fit(model, fr_mse, optim, loader, &(fr_fit_options){ .epochs = 20, .quiet = true, .result = &result });
    if (fr_distributed_rank() == 0)
        printf("loss after %lld epochs: %.4f\n", (long long)result.epochs, result.loss);
    fr_loader_free(loader);
    fr_optim_free(optim);
    fr_module_free(model);
    fr_distributed_finalize();
    return 0;
}
