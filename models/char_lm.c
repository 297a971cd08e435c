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

/* Draws from softmax(logits / temperature), (1,symbols) -> (1,1): the symbol is the number of cumulated probabilities
 * that do not exceed a uniform number. */
static fr_tensor *draw(fr_tensor *logits, double temperature)
{
    fr_tensor *cumulated = fr_cumsum(fr_softmax(fr_div_scalar(logits, temperature), 1), 1);
    fr_tensor *reached = fr_sum_dim(fr_le(cumulated, fr_rand(FR_SHAPE(1))), 1, true);

    /* Rounding may leave the last of them, which should be 1, below the number. */
    return fr_cast(fr_clamp(reached, 0, (double)(fr_dim(logits, 1) - 1)), FR_I64);
}

fr_tensor *char_lm_sample(fr_module *model, fr_tensor *start, int64_t steps, double temperature)
{
    FR_SCOPE;
    FR_NO_GRAD;
    fr_tensor *text = fr_unsqueeze(start, 1), *next = text; /* (T,1): a batch of one */
    fr_recurrent y = { 0 };

    while (steps-- > 0 && text) {
        y = char_lm_forward(model, next, &y);
        next = draw(fr_select(y.out, 0, -1), temperature);
        text = FR_CAT(0, text, next);
    }
    return fr_escape(fr_squeeze(text, 1));
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
