/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A transformer's encoder on the speakers of 10_sequence_classifier.c; what lies past a recording's end is masked.
 *
 *     12_transformer [EPOCHS [TRAIN.ts TEST.ts]] */
#include "transformer.h"

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
        fr_tensor *loss = fr_cross_entropy(transformer_forward(model, batch[0], batch[2]), batch[1], FR_MEAN);

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

    fr_tensor *logits = transformer_forward(model, fr_sequences_x(test), fr_sequences_lengths(test));

    return (int64_t)fr_item(fr_sum(fr_eq(fr_argmax(logits, 1, false), fr_sequences_labels(test))));
}

static int64_t longest(const fr_sequences *a, const fr_sequences *b)
{
    int64_t m = fr_dim(fr_sequences_x(a), 1), n = fr_dim(fr_sequences_x(b), 1);

    return m > n ? m : n;
}

int main(int argc, char **argv)
{
    FR_SCOPE;
    int epochs = argc > 1 ? atoi(argv[1]) : 50;
    fr_sequences *train = fr_read_ts(argc > 3 ? argv[2] : "examples/data/JapaneseVowels_TRAIN.ts");
    fr_sequences *test = fr_read_ts(argc > 3 ? argv[3] : "examples/data/JapaneseVowels_TEST.ts");

    fr_manual_seed(0);
    fr_module *model = transformer_new(&(transformer_options){ .variables = fr_dim(fr_sequences_x(train), 2),
                                                               .steps = longest(train, test),
                                                               .width = 32,
                                                               .heads = 4,
                                                               .layers = 2,
                                                               .classes = fr_sequences_label_count(train) });
    fr_optim *adam = fr_adam(model, &(fr_adam_options){ .lr = 0.002 });
    fr_tensor *columns[] = { fr_sequences_x(train), fr_sequences_labels(train), fr_sequences_lengths(train) };
    fr_loader *loader = fr_loader_new(columns, 3, &(fr_loader_options){ .batch_size = 30, .shuffle = true });

    printf("%lld parameters\n", (long long)fr_module_count(model));
    for (int epoch = 1; epoch <= epochs; epoch++) {
        double loss = run_epoch(model, adam, loader);

        if (epoch % 10 == 0 || epoch == epochs)
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
