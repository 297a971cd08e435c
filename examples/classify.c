/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
#include "classify.h"

#include <stdio.h>
#include <stdlib.h>

/* One epoch; returns the mean loss of the batches. A batch is x, labels, lengths. */
static double run_epoch(const classify_task *task, fr_module *model, fr_optim *adam, fr_loader *loader)
{
    fr_tensor *const *batch;
    double sum = 0;

    fr_train(model, true);
    while ((batch = fr_loader_next(loader))) {
        FR_SCOPE;
        fr_tensor *loss = fr_cross_entropy(task->forward(model, batch[0], batch[2]), batch[1], FR_MEAN);

        fr_optim_zero_grad(adam);
        fr_backward(loss);
        if (task->clip > 0)
            fr_clip_grad_norm(model, task->clip);
        fr_optim_step(adam);
        sum += fr_item(loss);
    }
    return sum / (double)fr_loader_batches(loader);
}

static void train_on(const classify_task *task, fr_module *model, const fr_sequences *data, int epochs)
{
    FR_SCOPE;
    fr_optim *adam = fr_adam(model, &(fr_adam_options){ .lr = task->lr });
    fr_tensor *columns[] = { fr_sequences_x(data), fr_sequences_labels(data), fr_sequences_lengths(data) };
    fr_loader *loader =
        fr_loader_new(columns, 3, &(fr_loader_options){ .batch_size = task->batch_size, .shuffle = true });

    for (int epoch = 1; epoch <= epochs; epoch++) {
        double loss = run_epoch(task, model, adam, loader);

        if (epoch % task->every == 0 || epoch == epochs)
            printf("epoch %3d  loss %.3f\n", epoch, loss);
    }
    fr_loader_free(loader);
    fr_optim_free(adam);
}

static int64_t count_right(const classify_task *task, fr_module *model, const fr_sequences *data)
{
    FR_SCOPE;
    FR_NO_GRAD;
    fr_train(model, false);

    fr_tensor *logits = task->forward(model, fr_sequences_x(data), fr_sequences_lengths(data));

    return (int64_t)fr_item(fr_sum(fr_eq(fr_argmax(logits, 1, false), fr_sequences_labels(data))));
}

int classify(int argc, char **argv, const classify_task *task)
{
    int epochs = argc > 1 ? atoi(argv[1]) : task->epochs;
    fr_sequences *train = fr_read_ts(argc > 3 ? argv[2] : task->train);
    fr_sequences *test = fr_read_ts(argc > 3 ? argv[3] : task->test);

    fr_manual_seed(0);
    fr_module *model = task->make(train, test);

    printf("%lld parameters\n", (long long)fr_module_count(model));
    train_on(task, model, train, epochs);

    int64_t right = count_right(task, model, test), n = fr_numel(fr_sequences_labels(test));

    printf("test accuracy %.3f (%lld of %lld)\n", (double)right / (double)n, (long long)right, (long long)n);
    fr_module_free(model);
    fr_sequences_free(test);
    fr_sequences_free(train);
    return 0;
}
