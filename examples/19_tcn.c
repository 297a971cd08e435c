/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A temporal convolutional network on the days of 15_mlp.c, hour by hour.
 *
 *     19_tcn [EPOCHS [TRAIN.ts TEST.ts]] */
#include "classify.h"
#include "tcn.h"

static fr_module *make(const fr_sequences *train, const fr_sequences *test)
{
    (void)test;
    return tcn_new(&(tcn_options){ .variables = fr_dim(fr_sequences_x(train), 2),
                                   .channels = 16,
                                   .kernel = 3,
                                   .classes = fr_sequences_label_count(train),
                                   .blocks = 3,
                                   .dropout = 0.1 });
}

static fr_tensor *forward(fr_module *model, fr_tensor *x, fr_tensor *lengths)
{
    (void)lengths; /* all are equal */
    return fr_forward(model, x);
}

int main(int argc, char **argv)
{
    return classify(argc, argv,
                    &(classify_task){ .train = "examples/data/ItalyPowerDemand_TRAIN.ts",
                                      .test = "examples/data/ItalyPowerDemand_TEST.ts",
                                      .epochs = 100,
                                      .every = 20,
                                      .batch_size = 16,
                                      .lr = 0.003,
                                      .make = make,
                                      .forward = forward });
}
