/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* CharLM: a language model of characters: embedding, LSTM, a linear layer that gives the next one's logits. */
#ifndef FROND_MODELS_CHAR_LM_H
#define FROND_MODELS_CHAR_LM_H

#include <frond.h>

typedef struct {
    int64_t symbols, embedding, hidden;
} char_lm_options;

/* NULL where it fails; freed with fr_module_free. */
fr_module *char_lm_new(const char_lm_options *options);

/* x (T,B) int64 -> out: logits (T,B,symbols) of what follows each; h and c: the state to go on from. state: where to
 * begin; NULL: zeros. */
fr_recurrent char_lm_forward(fr_module *model, fr_tensor *x, const fr_recurrent *state);

/* start (T) int64, followed by steps symbols that are drawn one after another from softmax(logits / temperature): the
 * lower it is, the more cautious. (T + steps) int64. */
fr_tensor *char_lm_sample(fr_module *model, fr_tensor *start, int64_t steps, double temperature);

#endif
