/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Decoding: writing sequences with a step function, greedily, at random or by beam search. N prompts, W beams of each,
 * V tokens to choose from. */
#include "core/options.h"
#include "nn/module.h"
#include "ops/op.h"

#include <frond/autograd.h>
#include <frond/decoding.h>
#include <inttypes.h>

/* --- Filtering logits -------------------------------------------------------------------------------------------- */

static bool check_filter(const char *what, double temperature, int64_t top_k, double top_p)
{
    if (!(temperature > 0 && temperature < INFINITY))
        return fr_fail(what, "temperature is %g, expected a number above 0", temperature);
    if (top_k < 0)
        return fr_fail(what, "top_k is %" PRId64 ", expected 0 or more", top_k);
    return (top_p >= 0 && top_p <= 1) || fr_fail(what, "top_p is %g, expected 0 to 1", top_p);
}

/* Sorted, a token is left out if those before it already make up top_p; the order is then undone. */
static fr_tensor *nucleus(fr_tensor *logits, double top_p)
{
    fr_extreme sorted = fr_sort(logits, -1, true);
    fr_tensor *p = fr_softmax(sorted.values, -1), *before = fr_sub(fr_cumsum(p, -1), p);
    fr_tensor *out = fr_gather(fr_ge_scalar(before, top_p), -1, fr_argsort(sorted.indices, -1, false));

    return fr_masked_fill(logits, out, -INFINITY);
}

static fr_tensor *filtered(fr_tensor *logits, double temperature, int64_t top_k, double top_p)
{
    int64_t tokens = logits->shape.ndim > 0 ? logits->shape.dim[logits->shape.ndim - 1] : 0;

    logits = fr_div_scalar(logits, temperature);
    if (top_k > 0 && top_k < tokens) {
        fr_tensor *least = fr_select(fr_topk(logits, top_k, -1, true).values, -1, -1);

        logits = fr_masked_fill(logits, fr_lt(logits, fr_unsqueeze(least, -1)), -INFINITY);
    }
    return top_p > 0 && top_p < 1 ? nucleus(logits, top_p) : logits;
}

fr_tensor *fr_filter_logits(fr_tensor *logits, double temperature, int64_t top_k, double top_p)
{
    const char *what = "filter_logits";
    fr_composition c = fr_compose(what);
    fr_tensor *y = NULL;

    if (fr_check_argument(what, logits, "logits") && check_filter(what, temperature, top_k, top_p)) {
        if (logits->shape.ndim < 1)
            fr_fail(what, "a scalar given, expected (..., V)");
        else
            y = filtered(logits, temperature, top_k, top_p);
    }
    return fr_composed(c, y);
}

/* --- What both searches do --------------------------------------------------------------------------------------- */

static bool check_search(const char *what, fr_decode_step *step, const fr_tensor *prompt, int64_t max_new_tokens,
                         void *const *reserved)
{
    char text[FR_SHAPE_TEXT];

    if (!step)
        return fr_fail(what, "step is NULL");
    if (!fr_check_argument(what, prompt, "prompt") || !fr_check_reserved(what, reserved))
        return false;
    if (prompt->dtype != FR_I64 || prompt->shape.ndim != 2 || prompt->numel == 0)
        return fr_fail(what, "prompt %s, %s: expected (N, L) int64, both 1 or more",
                       fr_shape_text(&prompt->shape, text), fr_dtype_name(fr_dtype_of(prompt)));
    return (max_new_tokens >= 0 && max_new_tokens <= INT32_MAX) ||
           fr_fail(what, "max_new_tokens is %" PRId64 ", expected 0 to %d", max_new_tokens, INT32_MAX);
}

/* The logits of the next token (N,V), checked. */
static fr_tensor *next_logits(const char *what, fr_decode_step *step, fr_tensor *tokens, fr_tensor *rows, void *user)
{
    fr_tensor *logits = step(tokens, rows, user);
    char text[FR_SHAPE_TEXT];

    if (!logits)
        return fr_failed_before(fr_thread_self()) ? NULL : fr_fail(what, "step returned NULL");
    if (logits->dtype == FR_I64 || logits->shape.ndim != 2 || logits->shape.dim[0] != tokens->shape.dim[0] ||
        logits->shape.dim[1] < 1)
        return fr_fail(what, "step returned %s, %s: expected logits (%" PRId64 ", V)",
                       fr_shape_text(&logits->shape, text), fr_dtype_name(fr_dtype_of(logits)), tokens->shape.dim[0]);
    return logits;
}

/* (N,1): 1 where the last token of a row is `end`. */
static fr_tensor *ended(fr_tensor *tokens, int64_t end)
{
    return fr_eq_scalar(fr_slice(tokens, 1, -1, INT64_MAX, 1), (double)end);
}

static bool all_of(fr_tensor *t)
{
    return fr_item(fr_min(t)) != 0;
}

/* --- Greedy, or at random ---------------------------------------------------------------------------------------- */

static fr_tensor *choose(fr_tensor *logits, const fr_generate_options *o)
{
    if (!o->sample)
        return fr_argmax(logits, -1, true);
    return fr_multinomial(fr_softmax(filtered(logits, fr_option(o->temperature, 1), o->top_k, o->top_p), -1), 1, true);
}

static fr_tensor *generate(fr_decode_step *step, void *user, fr_tensor *tokens, const fr_generate_options *o)
{
    int64_t most = o->max_new_tokens ? o->max_new_tokens : 20;
    int scope = fr_scope_begin();

    for (int64_t i = 0; i < most && tokens && !(i > 0 && o->has_end && all_of(ended(tokens, o->end_token))); i++) {
        fr_tensor *rows = i > 0 ? fr_arange(0, (double)tokens->shape.dim[0], 1, FR_I64) : NULL;
        fr_tensor *logits = next_logits("generate", step, tokens, rows, user);
        fr_tensor *next = logits ? choose(logits, o) : NULL;

        if (i > 0 && o->has_end)
            next = fr_masked_fill(next, ended(tokens, o->end_token), (double)o->end_token);
        tokens = next ? fr_cat((fr_tensor *[]){ tokens, next }, 2, 1) : NULL;
        scope = fr_scope_restart(scope, tokens);
    }
    tokens = fr_escape(tokens);
    fr_scope_end(scope);
    return tokens;
}

fr_tensor *fr_generate(fr_decode_step *step, void *user, fr_tensor *prompt, const fr_generate_options *options)
{
    const char *what = "generate";
    fr_generate_options o = options ? *options : (fr_generate_options){ 0 };
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    int no_grad = fr_no_grad_begin();
    fr_tensor *tokens = NULL;

    if (check_search(what, step, prompt, o.max_new_tokens, o.reserved) &&
        check_filter(what, fr_option(o.temperature, 1), o.top_k, o.top_p))
        tokens = generate(step, user, prompt, &o);
    fr_no_grad_end(no_grad);
    fr_finish(th, before);
    return tokens;
}

/* --- Beam search ------------------------------------------------------------------------------------------------- */

/* B beams of each prompt: one at first, W later. */
typedef struct {
    fr_tensor *tokens;  /* (N B,L) */
    fr_tensor *sums;    /* (N,B): log-probabilities */
    fr_tensor *lengths; /* (N,B): new tokens, with the end, in the dtype of sums */
    fr_tensor *scores;  /* (N,B), the largest first */
    fr_tensor *rows;    /* (N B): which of the beams before each goes on from; NULL at first */
} beams;

/* Log-probabilities (N B,V) of the next token, 0 of the end and -inf of others where a beam has ended. */
static fr_tensor *log_probs_of_next(const beams *b, fr_tensor *logits, const fr_beam_options *o)
{
    fr_tensor *log_p = fr_log_softmax(logits, -1), *token, *stay;

    if (!b->rows || !o->has_end)
        return log_p;
    token = fr_arange(0, (double)logits->shape.dim[1], 1, FR_I64);
    stay = fr_masked_fill(fr_zeros_like(log_p), fr_ne_scalar(token, (double)o->end_token), -INFINITY);
    return fr_where(ended(b->tokens, o->end_token), stay, log_p);
}

/* (N,B): new tokens with the next one, which a beam that has ended does not count. logits and log_p: of the next one.
 */
static fr_tensor *next_lengths(const beams *b, const fr_tensor *logits, fr_tensor *log_p, const fr_beam_options *o)
{
    fr_tensor *one = fr_ones_like(fr_select(log_p, 2, 0));

    if (!b->lengths)
        return one;
    if (o->has_end)
        one = fr_sub(one, fr_cast(fr_view_as(ended(b->tokens, o->end_token), one), fr_dtype_of(logits)));
    return fr_add(b->lengths, one);
}

/* The W best ways to go on become the beams. A way's score is sum / ((5 + length) / 6)^length_alpha (Wu et al.,
 * "Google's neural machine translation system", 2016). best counts the ways of a prompt's beams, token by token. */
static bool extend(beams *b, fr_tensor *logits, const fr_beam_options *o, int64_t width)
{
    int64_t tokens = logits->shape.dim[1], n = b->tokens->shape.dim[0];
    int64_t prompts = b->sums ? b->sums->shape.dim[0] : n, each = n / prompts;
    fr_tensor *log_p = fr_reshape(log_probs_of_next(b, logits, o), FR_SHAPE(prompts, each, tokens));
    fr_tensor *sums = b->sums ? fr_add(log_p, fr_unsqueeze(b->sums, 2)) : log_p, *scores, *best, *token, *beam;
    fr_tensor *lengths = next_lengths(b, logits, log_p, o);
    fr_extreme top;

    scores = fr_pow_scalar(fr_div_scalar(fr_add_scalar(fr_unsqueeze(lengths, 2), 5), 6), o->length_alpha);
    scores = fr_flatten(fr_div(sums, scores), 1, 2);
    top = fr_topk(scores, fr_least(width, each * tokens), -1, true);
    best = top.indices;
    token = fr_remainder_scalar(best, (double)tokens);
    beam = fr_cast(fr_div_scalar(fr_cast(fr_sub(best, token), FR_F64), (double)tokens), FR_I64);
    b->rows = fr_flatten(fr_add(beam, fr_unsqueeze(fr_arange(0, (double)n, (double)each, FR_I64), 1)), 0, 1);
    b->tokens =
        fr_cat((fr_tensor *[]){ fr_index_select(b->tokens, 0, b->rows), fr_reshape(token, FR_SHAPE(-1, 1)) }, 2, 1);
    b->sums = fr_gather(fr_flatten(sums, 1, 2), 1, best);
    b->lengths = fr_gather(lengths, 1, beam);
    b->scores = top.values;
    return b->tokens && b->sums && b->lengths && b->scores;
}

static bool search(beams *b, fr_decode_step *step, void *user, const fr_beam_options *o)
{
    int64_t most = o->max_new_tokens ? o->max_new_tokens : 20, width = o->beams ? o->beams : 4;

    for (int64_t i = 0; i < most && !(i > 0 && o->has_end && all_of(ended(b->tokens, o->end_token))); i++) {
        FR_SCOPE;
        fr_tensor *logits = next_logits("beam_search", step, b->tokens, b->rows, user);

        if (!logits || !extend(b, logits, o, width))
            return false;
        fr_escape(b->tokens);
        fr_escape(b->sums);
        fr_escape(b->lengths);
        fr_escape(b->scores);
        fr_escape(b->rows);
    }
    return true;
}

fr_beams fr_beam_search(fr_decode_step *step, void *user, fr_tensor *prompt, const fr_beam_options *options)
{
    const char *what = "beam_search";
    fr_beam_options o = options ? *options : (fr_beam_options){ 0 };
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    int no_grad = fr_no_grad_begin(), scope = fr_scope_begin();
    beams b = { .tokens = prompt };
    fr_beams found = { NULL, NULL };
    bool ok = check_search(what, step, prompt, o.max_new_tokens, o.reserved);

    if (ok && o.beams < 0)
        ok = fr_fail(what, "beams is %" PRId64 ", expected 0 or more", o.beams);
    if (ok && !isfinite(o.length_alpha))
        ok = fr_fail(what, "length_alpha is %g, expected a finite number", o.length_alpha);
    if (ok && search(&b, step, user, &o)) {
        found.tokens = fr_escape(fr_reshape(b.tokens, FR_SHAPE(b.sums->shape.dim[0], b.sums->shape.dim[1], -1)));
        found.scores = found.tokens ? fr_escape(b.scores) : NULL;
    }
    fr_scope_end(scope);
    fr_no_grad_end(no_grad);
    fr_finish(th, before);
    return found;
}
