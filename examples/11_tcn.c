/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A temporal convolutional network on the days of 07_mlp.c, hour by hour.
 *
 *     11_tcn [EPOCHS [TRAIN.ts TEST.ts]] */
#include "tcn.h"

#include <stdio.h>
#include <stdlib.h>

/* The mean loss of the batches. */
static double run_epoch(fr_module *model, fr_optim *adam, fr_loader *loader)
{
    fr_tensor *const *batch;
    double sum = 0;

    fr_train(model, true);
    while ((batch = fr_loader_next(loader))) {
        FR_SCOPE;
        fr_tensor *loss = fr_cross_entropy(fr_forward(model, batch[0]), batch[1], FR_MEAN);

        fr_optim_zero_grad(adam);
        fr_backward(loss);
        fr_optim_step(adam);
        sum += fr_item(loss);
    }
    return sum / (double)fr_loader_batches(loader);
}

static int64_t count_right(fr_module *model, const fr_sequences *test)
{
    FR_SCOPE;
    FR_NO_GRAD;
    fr_train(model, false);

    fr_tensor *logits = fr_forward(model, fr_sequences_x(test));

    return (int64_t)fr_item(fr_sum(fr_eq(fr_argmax(logits, 1, false), fr_sequences_labels(test))));
}

int main(int argc, char **argv)
{
    FR_SCOPE;
    int epochs = argc > 1 ? atoi(argv[1]) : 100;
    fr_sequences *train = fr_read_ts(argc > 3 ? argv[2] : "examples/data/ItalyPowerDemand_TRAIN.ts");
    fr_sequences *test = fr_read_ts(argc > 3 ? argv[3] : "examples/data/ItalyPowerDemand_TEST.ts");

    fr_manual_seed(0);
    fr_module *model = tcn_new(&(tcn_options){ .variables = fr_dim(fr_sequences_x(train), 2),
                                               .channels = 16,
                                               .kernel = 3,
                                               .classes = fr_sequences_label_count(train),
                                               .blocks = 3,
                                               .dropout = 0.1 });
    fr_optim *adam = fr_adam(model, &(fr_adam_options){ .lr = 0.003 });
    fr_tensor *columns[] = { fr_sequences_x(train), fr_sequences_labels(train) };
    fr_loader *loader = fr_loader_new(columns, 2, &(fr_loader_options){ .batch_size = 16, .shuffle = true });

    printf("%lld parameters\n", (long long)fr_module_count(model));
    for (int epoch = 1; epoch <= epochs; epoch++) {
        double loss = run_epoch(model, adam, loader);

        if (epoch % 20 == 0 || epoch == epochs)
            printf("epoch %3d  loss %.3f\n", epoch, loss);
    }

    int64_t right = count_right(model, test), n = fr_numel(fr_sequences_labels(test));

    printf("test accuracy %.3f (%lld of %lld)\n", (double)right / (double)n, (long long)right, (long long)n);
    fr_loader_free(loader);
    fr_optim_free(adam);
    fr_module_free(model);
    fr_sequences_free(test);
    fr_sequences_free(train);
    return 0;
}
