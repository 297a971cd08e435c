/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A bidirectional LSTM tells nine speakers apart by how they say two vowels. The recordings differ in length.
 *
 *     18_sequence_classifier [EPOCHS [TRAIN.ts TEST.ts]] */
#include "classify.h"
#include "sequence_classifier.h"

static fr_module *make(const fr_sequences *train, const fr_sequences *test)
{
    (void)test;
    return sequence_classifier_new(&(sequence_classifier_options){ .variables = fr_dim(fr_sequences_x(train), 2),
                                                                   .hidden = 32,
                                                                   .classes = fr_sequences_label_count(train),
                                                                   .dropout = 0.5 });
}

int main(int argc, char **argv)
{
    return classify(argc, argv,
                    &(classify_task){ .train = "examples/data/JapaneseVowels_TRAIN.ts",
                                      .test = "examples/data/JapaneseVowels_TEST.ts",
                                      .epochs = 40,
                                      .every = 10,
                                      .batch_size = 30,
                                      .lr = 0.005,
                                      .clip = 1,
                                      .make = make,
                                      .forward = sequence_classifier_forward });
}
