/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
#include "char_lm.h"

typedef struct {
    fr_module *embedding, *lstm, *head;
} char_lm;

fr_recurrent char_lm_forward(fr_module *model, fr_tensor *x, const fr_recurrent *state)
{
    char_lm *net = fr_self(model);
    fr_recurrent y = fr_recurrent_forward(net->lstm, fr_forward(net->embedding, x), state);

    y.out = fr_forward(net->head, y.out);
    return y;
}

static fr_tensor *forward(fr_module *self, fr_tensor *x)
{
    return char_lm_forward(self, x, NULL).out;
}

/* How many of the cumulated probabilities lie below a uniform number. */
fr_tensor *char_lm_draw(fr_tensor *logits, double temperature)
{
    FR_NO_GRAD;
    fr_tensor *p = fr_softmax(fr_div_scalar(logits, temperature), 0);
    fr_tensor *below = fr_cast(fr_le(fr_cumsum(p, 0), fr_rand(FR_SHAPE(1))), FR_I64);

    /* Rounding may leave the last sum below 1. */
    return fr_clamp(fr_sum_dim(below, 0, true), 0, (double)(fr_numel(logits) - 1));
}

fr_module *char_lm_new(const char_lm_options *o)
{
    fr_module *self = fr_module_new("CharLM", sizeof(char_lm), forward);
    char_lm *net = fr_self(self);

    if (!net)
        return NULL;
    net->embedding = fr_module_add(self, "embedding", fr_nn_embedding(o->symbols, o->embedding, NULL));
    net->lstm = fr_module_add(self, "lstm", fr_nn_lstm(o->embedding, o->hidden, NULL));
    net->head = fr_module_add(self, "head", fr_nn_linear(o->hidden, o->symbols, NULL));
    if (net->embedding && net->lstm && net->head)
        return self;
    fr_module_free(self);
    return NULL;
}
