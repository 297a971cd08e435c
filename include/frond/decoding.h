/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Writing sequences with a model: greedily, at random, or by beam search. A model is a function that gives the logits
 * of the next token. A model without a state, such as a GPT, reads all tokens so far; a recurrent one reads the last
 * and keeps its state behind user:
 *
 *     static fr_tensor *step(fr_tensor *tokens, fr_tensor *rows, void *user)
 *     {
 *         net *n = user;
 *         fr_tensor *x = rows ? fr_slice(tokens, 1, -1, INT64_MAX, 1) : tokens;    the prompt at first
 *         fr_recurrent before = { .h = rows ? fr_index_select(n->state.h, 1, rows) : NULL };
 *         fr_recurrent y = fr_recurrent_forward(n->gru, fr_forward(n->embed, x), &before);
 *
 *         fr_recurrent_keep(&n->state, &y);
 *         return fr_forward(n->out, fr_select(y.out, 1, -1));
 *     }
 */
#ifndef FROND_DECODING_H
#define FROND_DECODING_H

#include <frond/ops.h>

FR_BEGIN_DECLS

/* tokens (N,L) int64: all tokens so far of N sequences. rows (N) int64: sequence i goes on from sequence rows[i] of the
 * call before; NULL in the first call. Returns the logits (N,V) of the next token, or NULL, which ends the search in
 * failure. It runs without recording; put the model in evaluation before. */
typedef fr_tensor *fr_decode_step(fr_tensor *tokens, fr_tensor *rows, void *user);

/* Divides logits (...,V) by temperature (above 0) and puts -inf in place of all but the top_k largest (0: all stay; of
 * a tie with the last all stay), and then of all but the nucleus: the fewest of the most probable whose probabilities
 * add up to top_p or more (0 or 1: all stay). Fails for a top_k below 0 and a top_p outside 0 to 1. Holtzman et al.,
 * "The curious case of neural text degeneration", 2020. */
fr_tensor *fr_filter_logits(fr_tensor *logits, double temperature, int64_t top_k, double top_p);

typedef struct {
    int64_t max_new_tokens; /* default 20 */
    bool has_end;           /* end_token ends a sequence, which is then filled up with it */
    int64_t end_token;
    bool sample;        /* draws tokens by fr_multinomial; false: takes the most probable one */
    double temperature; /* of fr_filter_logits; default 1 */
    int64_t top_k;      /* of fr_filter_logits */
    double top_p;       /* of fr_filter_logits */
    void *reserved[8];
} fr_generate_options;
/* Continues the N sequences of prompt (N,L) int64, L of 1 or more: returns (N,L + at most max_new_tokens), fewer where
 * all have ended before. options may be NULL. */
fr_tensor *fr_generate(fr_decode_step *step, void *user, fr_tensor *prompt, const fr_generate_options *options);

typedef struct {
    int64_t beams;          /* W; default 4 */
    int64_t max_new_tokens; /* default 20 */
    bool has_end;           /* as in fr_generate_options; a sequence that has ended stays while it is among the best */
    int64_t end_token;
    double length_alpha; /* the score is the log-probability / ((5 + new tokens) / 6)^length_alpha; default 0 */
    void *reserved[8];
} fr_beam_options;
typedef struct {
    fr_tensor *tokens, *scores; /* (N,W,L'), and (N,W), the best first; both are NULL if the call fails */
} fr_beams;
/* Beam search: of each prompt the W continuations of the highest score that are found by keeping the W best at each
 * step; fewer than W if there are not as many. Wu et al., "Google's neural machine translation system", 2016, for the
 * score. */
fr_beams fr_beam_search(fr_decode_step *step, void *user, fr_tensor *prompt, const fr_beam_options *options);

FR_END_DECLS
#endif
