/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A transformer's encoder on the speakers of 18_sequence_classifier.c. Steps past a recording's end are masked.
 *
 *     20_transformer [EPOCHS [TRAIN.ts TEST.ts]] */
#include "classify.h"
#include "transformer.h"

static fr_module *make(const fr_sequences *train, const fr_sequences *test)
{
    int64_t steps = fr_dim(fr_sequences_x(train), 1), others = fr_dim(fr_sequences_x(test), 1);

    return transformer_new(&(transformer_options){ .variables = fr_dim(fr_sequences_x(train), 2),
                                                   .steps = steps > others ? steps : others,
                                                   .width = 32,
                                                   .heads = 4,
                                                   .layers = 2,
                                                   .classes = fr_sequences_label_count(train) });
}

int main(int argc, char **argv)
{
    return classify(argc, argv,
                    &(classify_task){ .train = "examples/data/JapaneseVowels_TRAIN.ts",
                                      .test = "examples/data/JapaneseVowels_TEST.ts",
                                      .epochs = 50,
                                      .every = 10,
                                      .batch_size = 30,
                                      .lr = 0.002,
                                      .make = make,
                                      .forward = transformer_forward });
}
