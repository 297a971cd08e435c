/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A word language model whose embedding and output layer share one weight learns a licence by heart. */
#include <frond.h>

#include <stdio.h>
#include <string.h>

enum { MAX_WORDS = 1000, COLUMNS = 4 };

/* The text as numbers of words, (T,COLUMNS): parts that are read at the same time. */
static fr_tensor *read_words(const char *path, int64_t *vocabulary)
{
    char words[MAX_WORDS][64];
    int64_t text[MAX_WORDS], n = 0;
    FILE *file = fopen(path, "r");

    if (!file)
        return perror(path), NULL;
    for (*vocabulary = 0; n < MAX_WORDS && fscanf(file, "%63s", words[*vocabulary]) == 1; n++) {
        for (text[n] = 0; strcmp(words[text[n]], words[*vocabulary]) != 0; text[n]++)
            continue;
        *vocabulary += text[n] == *vocabulary;
    }
    fclose(file);
    return fr_transpose(fr_tensor_from(FR_SHAPE(COLUMNS, n / COLUMNS), text, FR_I64), 0, 1);
}

int main(void)
{
    FR_SCOPE;
    int64_t words = 0;
    fr_tensor *columns = read_words("LICENSE", &words);
    fr_tensor *inputs = fr_index(columns, ":-1"), *targets = fr_index(columns, "1:");

    fr_manual_seed(0);

    FR_AUTO(fr_module) model = fr_module_new("WordLM", 0, NULL);
    fr_module *encoder = fr_module_add(model, "encoder", fr_nn_embedding(words, 32, NULL));
    fr_module *rnn =
        fr_module_add(model, "rnn", fr_nn_lstm(32, 32, &(fr_recurrent_options){ .num_layers = 2, .dropout = 0.1 }));
    fr_module *decoder = fr_module_add(model, "decoder", fr_nn_linear(32, words, NULL));

    fr_module_share(model, "decoder.weight", fr_module_find(model, "encoder.weight"));

    FR_AUTO(fr_optim) optimizer = fr_adam(model, &(fr_adam_options){ .lr = 0.01 });

    FR_FOR_STEPS (epoch, 10) {
        fr_recurrent state = { 0 };
        double total = 0, steps = 0;

        for (int start = 0; start < fr_dim(inputs, 0); start += 12, steps++) {
            fr_tensor *x = fr_index(inputs, "%d:%d", start, start + 12);
            fr_recurrent y = fr_recurrent_forward(rnn, fr_forward(encoder, x), &state);
            fr_tensor *logits = fr_forward(decoder, y.out), *next = fr_index(targets, "%d:%d", start, start + 12);
            fr_tensor *loss = fr_cross_entropy(fr_flatten(logits, 0, 1), fr_flatten(next, 0, 1), FR_MEAN);

            state = (fr_recurrent){ .h = fr_detach(y.h), .c = fr_detach(y.c) };
            fr_optim_zero_grad(optimizer);
            fr_backward(loss);
            fr_clip_grad_norm(model, 0.25);
            fr_optim_step(optimizer);
            total += fr_item(loss);
        }
        printf("epoch %2d  loss %.3f\n", epoch + 1, total / steps);
    }
    return 0;
}
