/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A word language model whose embedding and output layer share one weight learns a licence by heart. */
#include <frond.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WORDS = 1000, COLUMNS = 4, STEPS = 12 };

typedef struct {
    fr_module *encoder, *rnn, *decoder;
} word_lm;

static fr_module *word_lm_new(int64_t words, int64_t size)
{
    fr_module *self = fr_module_new("WordLM", sizeof(word_lm), NULL);
    word_lm *net = fr_self(self);

    net->encoder = fr_module_add(self, "encoder", fr_nn_embedding(words, size, NULL));
    net->rnn =
        fr_module_add(self, "rnn", fr_nn_lstm(size, size, &(fr_recurrent_options){ .num_layers = 2, .dropout = 0.1 }));
    net->decoder = fr_module_add(self, "decoder", fr_nn_linear(size, words, NULL));
    fr_module_share(self, "decoder.weight", fr_module_find(self, "encoder.weight"));
    return self;
}

static fr_recurrent forward(fr_module *self, fr_tensor *x, const fr_recurrent *state)
{
    word_lm *net = fr_self(self);
    fr_recurrent y = fr_recurrent_forward(net->rnn, fr_forward(net->encoder, x), state);

    y.out = fr_forward(net->decoder, y.out);
    return y;
}

/* The text as numbers of words, (T,COLUMNS): parts that are read at the same time. */
static fr_tensor *read_words(const char *path, int64_t *vocabulary)
{
    char words[MAX_WORDS][64];
    int64_t text[MAX_WORDS], n = 0, word;
    FILE *file = fopen(path, "r");

    if (!file) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    *vocabulary = 0;
    while (n < MAX_WORDS && fscanf(file, "%63s", words[*vocabulary]) == 1) {
        for (word = 0; strcmp(words[word], words[*vocabulary]) != 0;)
            word++;
        *vocabulary += word == *vocabulary;
        text[n++] = word;
    }
    fclose(file);
    n /= COLUMNS;
    return fr_transpose(fr_tensor_from(FR_SHAPE(COLUMNS, n), text, FR_I64), 0, 1);
}

int main(void)
{
    FR_SCOPE;
    int64_t vocabulary;
    fr_tensor *columns = read_words("LICENSE", &vocabulary);
    int64_t last = fr_dim(columns, 0) - 1;

    fr_manual_seed(0);

    FR_AUTO(fr_module) model = word_lm_new(vocabulary, 32);
    FR_AUTO(fr_optim) optimizer = fr_adam(model, &(fr_adam_options){ .lr = 0.01 });

    for (int epoch = 1; epoch <= 10; epoch++) {
        FR_SCOPE;
        fr_recurrent state = { 0 };
        double total = 0;
        int steps = 0;

        for (int64_t start = 0; start < last; start += STEPS, steps++) {
            int64_t stop = start + STEPS < last ? start + STEPS : last;
            fr_recurrent y = forward(model, fr_slice(columns, 0, start, stop, 1), &state);
            fr_tensor *next = fr_slice(columns, 0, start + 1, stop + 1, 1);
            fr_tensor *loss = fr_cross_entropy(fr_flatten(y.out, 0, 1), fr_flatten(next, 0, 1), FR_MEAN);

            state = (fr_recurrent){ .h = fr_detach(y.h), .c = fr_detach(y.c) };
            fr_optim_zero_grad(optimizer);
            fr_backward(loss);
            fr_clip_grad_norm(model, 0.25);
            fr_optim_step(optimizer);
            total += fr_item(loss);
        }
        printf("epoch %2d  loss %.3f\n", epoch, total / steps);
    }
    return 0;
}
