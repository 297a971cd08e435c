/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Sequence to sequence with attention: two GRUs learn to say eight digits backwards. */
#include <frond.h>

#include <stdio.h>

enum { LENGTH = 8, DIGITS = 10 };

typedef struct {
    fr_module *embedding, *encoder, *decoder, *head;
} seq2seq;

/* x and y (T,B), logits (T,B,DIGITS) */
static fr_tensor *forward(const seq2seq *net, fr_tensor *x, fr_tensor *y)
{
    fr_recurrent encoded = fr_recurrent_forward(net->encoder, fr_forward(net->embedding, x), NULL); /* (T,B,32) */
    fr_recurrent state = { .h = fr_select(encoded.h, 0, 0) };
    fr_tensor *token = fr_full_like(fr_select(x, 0, 0), DIGITS), *logits[LENGTH];

    for (int t = 0; t < LENGTH; t++) {
        fr_tensor *scores = fr_einsum("tbh,bh->bt", FR_TENSORS(encoded.out, state.h));
        fr_tensor *context = fr_einsum("bt,tbh->bh", FR_TENSORS(fr_softmax(scores, 1), encoded.out));
        fr_tensor *input = FR_CAT(1, fr_forward(net->embedding, token), context);

        state = fr_cell_forward(net->decoder, input, &state);
        logits[t] = fr_forward(net->head, state.h);
        token = fr_select(y, 0, t);
    }
    return fr_stack(logits, LENGTH, 0);
}

int main(void)
{
    fr_manual_seed(0);

    FR_AUTO(fr_module) model = fr_module_new("Seq2Seq", sizeof(seq2seq), NULL);
    seq2seq *net = fr_self(model);

    net->embedding = fr_module_add(model, "embedding", fr_nn_embedding(DIGITS + 1, 16, NULL)); /* and a start */
    net->encoder = fr_module_add(model, "encoder", fr_nn_gru(16, 32, NULL));
    net->decoder = fr_module_add(model, "decoder", fr_nn_gru_cell(16 + 32, 32, NULL));
    net->head = fr_module_add(model, "head", fr_nn_linear(32, DIGITS, NULL));

    FR_AUTO(fr_optim) optimizer = fr_adam(model, &(fr_adam_options){ .lr = 0.005 });

    FR_FOR_STEPS (step, 61) {
        fr_tensor *x = fr_randint(0, DIGITS, FR_SHAPE(LENGTH, 32)), *y = fr_flip(x, 0);
        fr_tensor *loss = fr_cross_entropy(fr_flatten(forward(net, x, y), 0, 1), fr_flatten(y, 0, 1), FR_MEAN);

        fr_optim_zero_grad(optimizer);
        fr_backward(loss);
        fr_clip_grad_norm(model, 1);
        fr_optim_step(optimizer);
        if (step % 20 == 0)
            printf("step %2d  loss %.4f\n", step, fr_item(loss));
    }
    return 0;
}
