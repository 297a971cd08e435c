/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A multilayer perceptron tells winter days from summer days by their power demand in 24 hours.
 *
 *     15_mlp [EPOCHS [TRAIN.ts TEST.ts]] */
#include "classify.h"
#include "mlp.h"

static fr_module *make(const fr_sequences *train, const fr_sequences *test)
{
    (void)test;
    return mlp_new(&(mlp_options){
        .sizes = { fr_dim(fr_sequences_x(train), 1), 64, 32, fr_sequences_label_count(train) }, .dropout = 0.2 });
}

static fr_tensor *forward(fr_module *model, fr_tensor *x, fr_tensor *lengths)
{
    (void)lengths; /* all are equal */
    return fr_forward(model, fr_flatten(x, 1, 2));
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
