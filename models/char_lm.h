/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* CharLM, a language model of characters: an embedding, an LSTM, and a linear layer that gives the logits of the next
 * character. */
#ifndef FROND_MODELS_CHAR_LM_H
#define FROND_MODELS_CHAR_LM_H

#include <frond.h>

typedef struct {
    int64_t symbols, embedding, hidden;
} char_lm_options;

/* NULL with an error. To be freed with fr_module_free. */
fr_module *char_lm_new(const char_lm_options *options);

/* x (T,B) int64 -> out: the logits (T,B,symbols) of the symbol that follows each; h and c: the state after the last
 * one. state: the initial state; NULL: zeros. */
fr_recurrent char_lm_forward(fr_module *model, fr_tensor *x, const fr_recurrent *state);

/* start (T) int64 -> (T + steps) int64: start and then steps symbols, each drawn from softmax(logits / temperature).
 * The lower the temperature, the likelier are the likely ones. */
fr_tensor *char_lm_sample(fr_module *model, fr_tensor *start, int64_t steps, double temperature);

#endif
