/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A triplet net: a GRU puts recordings of one speaker near each other, and those of two speakers apart. */
#include <frond.h>

#include <stdio.h>

typedef struct {
    fr_module *gru, *head;
} embedder;

static fr_module *embedder_new(void)
{
    fr_module *self = fr_module_new("Embedder", sizeof(embedder), NULL);
    embedder *net = fr_self(self);

    net->gru = fr_module_add(self, "gru", fr_nn_gru(12, 24, NULL));
    net->head = fr_module_add(self, "head", fr_nn_linear(24, 8, NULL));
    return self;
}

static fr_tensor *embed(fr_module *self, fr_tensor *x, fr_tensor *lengths)
{
    embedder *net = fr_self(self);
    fr_recurrent y = fr_recurrent_forward_lengths(net->gru, x, NULL, lengths);
    fr_tensor *e = fr_forward(net->head, fr_select(y.h, 0, 0));

    return fr_div(e, fr_norm_dim(e, 1, true));
}

int main(void)
{
    FR_SCOPE;
    FR_AUTO(fr_sequences) file =
        fr_read_ts("examples/data/JapaneseVowels_TRAIN.ts"); /* thirty of each of nine speakers */
    fr_tensor *x = fr_transpose(fr_sequences_x(file), 0, 1), *lengths = fr_sequences_lengths(file); /* (T,270,12) */

    fr_manual_seed(0);

    FR_AUTO(fr_module) model = embedder_new();
    FR_AUTO(fr_optim) optimizer = fr_adam(model, &(fr_adam_options){ .lr = 0.01 });

    for (int step = 0; step <= 40; step++) {
        FR_SCOPE;
        fr_tensor *speaker = fr_randint(0, 9, FR_SHAPE(32)), *away = fr_randint(1, 9, FR_SHAPE(32));
        fr_tensor *speakers[] = { speaker, speaker, fr_remainder_scalar(fr_add(speaker, away), 9) }, *e[3];

        for (int i = 0; i < 3; i++)
            speakers[i] = fr_add(fr_mul_scalar(speakers[i], 30), fr_randint(0, 30, FR_SHAPE(32)));
        for (int i = 0; i < 3; i++)
            e[i] = embed(model, fr_index_select(x, 1, speakers[i]), fr_index_select(lengths, 0, speakers[i]));

        fr_tensor *loss = fr_triplet_margin(e[0], e[1], e[2], &(fr_triplet_margin_options){ .margin = 0.5 });

        fr_optim_zero_grad(optimizer);
        fr_backward(loss);
        fr_optim_step(optimizer);
        if (step % 10 == 0)
            printf("step %2d  loss %.4f\n", step, fr_item(loss));
    }
    return 0;
}
