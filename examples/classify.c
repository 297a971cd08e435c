/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
#include "classify.h"

#include <stdio.h>
#include <stdlib.h>

/* A batch is x, labels, lengths. */
static fr_tensor *forward(fr_module *model, fr_tensor *const *batch, void *user)
{
    const classify_task *task = user;

    return task->forward(model, batch[0], batch[2]);
}

static bool train_on(classify_task *task, fr_module *model, const fr_sequences *data, int epochs)
{
    FR_AUTO(fr_optim) adam = fr_adam(model, &(fr_adam_options){ .lr = task->lr });
    FR_AUTO(fr_loader) loader =
        fr_loader_new(FR_TENSORS(fr_sequences_x(data), fr_sequences_labels(data), fr_sequences_lengths(data)),
                      &(fr_loader_options){ .batch_size = task->batch_size, .shuffle = true });

    return fr_fit(model, fr_cross_entropy, adam, loader,
                  &(fr_fit_options){ .epochs = epochs,
                                     .forward = forward,
                                     .clip_grad_norm = task->clip,
                                     .every = task->every,
                                     .stream = stdout,
                                     .user = task });
}

static int64_t count_right(const classify_task *task, fr_module *model, const fr_sequences *data)
{
    FR_SCOPE;
    FR_NO_GRAD;
    fr_tensor *logits = task->forward(model, fr_sequences_x(data), fr_sequences_lengths(data));

    return (int64_t)fr_item(fr_sum(fr_eq(fr_argmax(logits, 1, false), fr_sequences_labels(data))));
}

int classify(int argc, char **argv, classify_task *task)
{
    int epochs = argc > 1 ? atoi(argv[1]) : task->epochs;
    FR_AUTO(fr_sequences) train = fr_read_ts(argc > 3 ? argv[2] : task->train);
    FR_AUTO(fr_sequences) test = fr_read_ts(argc > 3 ? argv[3] : task->test);

    fr_manual_seed(0);
    FR_AUTO(fr_module) model = task->make(train, test);

    printf("%lld parameters\n", (long long)fr_module_count(model));
    if (!train_on(task, model, train, epochs))
        return EXIT_FAILURE;

    int64_t right = count_right(task, model, test), n = fr_numel(fr_sequences_labels(test));

    printf("test accuracy %.3f (%lld of %lld)\n", (double)right / (double)n, (long long)right, (long long)n);
    return 0;
}
