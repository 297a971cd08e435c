/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The conditional random field and decoding, against all there is: all rows of tags, all sequences of tokens. */
#include "testing.h"

#include <math.h>

static void use_float64(void)
{
    fr_set_default_dtype(FR_F64);
}

static void use_float32(void)
{
    fr_set_default_dtype(FR_F32);
}

/* --- The conditional random field --------------------------------------------------------------------------------- */

enum { STEPS = 4, ROWS = 3, TAGS = 3 };

static fr_module *make_crf(bool batch_first, int seed)
{
    fr_manual_seed((uint64_t)seed);

    fr_module *m = fr_nn_crf(TAGS, &(fr_crf_options){ .batch_first = batch_first });
    int n;
    fr_tensor *const *parameters = fr_module_parameters(m, &n);

    for (int i = 0; i < n; i++)
        fr_init_normal(parameters[i], 0, 1);
    return m;
}

/* The score of row b's tags, of which the first are the digits of `code`, by the definition. */
static double score_of(fr_module *m, fr_tensor *emissions, int64_t b, int64_t length, int64_t code)
{
    fr_tensor *start = fr_module_find(m, "start_transitions"), *end = fr_module_find(m, "end_transitions");
    fr_tensor *moves = fr_module_find(m, "transitions");
    int64_t before = -1;
    double score = 0;

    for (int64_t t = 0; t < length; t++, code /= TAGS) {
        int64_t tag = code % TAGS;

        score += fr_at(emissions, (t * ROWS + b) * TAGS + tag);
        score += before < 0 ? fr_at(start, tag) : fr_at(moves, before * TAGS + tag);
        before = tag;
    }
    return score + fr_at(end, before);
}

static int64_t count_of(int64_t length)
{
    return (int64_t)pow(TAGS, (double)length);
}

static const int64_t LENGTHS[ROWS] = { 4, 1, 3 };

START_TEST(likelihood_is_that_among_all_tags)
{
    FR_SCOPE;
    fr_module *m = make_crf(_i % 2, _i);
    fr_tensor *emissions = fr_randn(FR_SHAPE(STEPS, ROWS, TAGS)), *tags = fr_randint(0, TAGS, FR_SHAPE(STEPS, ROWS));
    fr_tensor *lengths = fr_tensor_from(FR_SHAPE(ROWS), LENGTHS, FR_I64), *l, *all;
    double sum = 0;

    ((int64_t *)fr_data(tags))[3 * ROWS + 1] = -100; /* past the row's length */
    l = fr_crf_log_likelihood(m, _i % 2 ? fr_transpose(emissions, 0, 1) : emissions,
                              _i % 2 ? fr_transpose(tags, 0, 1) : tags, lengths, FR_NONE);
    for (int64_t b = 0; b < ROWS; b++) {
        double total = 0;
        int64_t code = 0;

        for (int64_t k = 0; k < count_of(LENGTHS[b]); k++)
            total += exp(score_of(m, emissions, b, LENGTHS[b], k));
        for (int64_t t = LENGTHS[b] - 1; t >= 0; t--)
            code = code * TAGS + (int64_t)fr_at(tags, t * ROWS + b);
        ck_assert_double_eq_tol(fr_at(l, b), score_of(m, emissions, b, LENGTHS[b], code) - log(total), 1e-12);
        sum += fr_at(l, b);
    }
    if (_i % 2 == 0) {
        all = fr_crf_log_likelihood(m, emissions, tags, lengths, FR_SUM);
        ck_assert_double_eq_tol(fr_item(all), sum, 1e-12);
        all = fr_crf_log_likelihood(m, emissions, tags, lengths, FR_MEAN);
        ck_assert_double_eq_tol(fr_item(all), sum / ROWS, 1e-12);
    }
    fr_module_free(m);
}
END_TEST

typedef struct {
    fr_module *m;
    fr_tensor *tags, *lengths;
} crf_case;

static fr_tensor *likelihood(fr_tensor *const *in, void *user)
{
    crf_case *c = user;

    return fr_crf_log_likelihood(c->m, in[0], c->tags, c->lengths, FR_NONE);
}

START_TEST(likelihood_has_gradients)
{
    FR_SCOPE;
    crf_case c = { make_crf(false, 7), fr_randint(0, TAGS, FR_SHAPE(STEPS, ROWS)),
                   fr_tensor_from(FR_SHAPE(ROWS), LENGTHS, FR_I64) };
    fr_tensor *emissions = fr_requires_grad(fr_randn(FR_SHAPE(STEPS, ROWS, TAGS))), *moves;

    ck_assert(fr_gradcheck(likelihood, &emissions, 1, &c));
    moves = fr_module_find(c.m, "transitions");
    fr_backward(fr_crf_log_likelihood(c.m, emissions, c.tags, NULL, FR_SUM));
    for (int64_t k = 0; k < TAGS * TAGS; k++) { /* central differences */
        double *value = (double *)fr_data(moves) + k, before = *value, high, low;

        *value = before + 1e-6;
        fr_touch(moves);
        high = fr_item(fr_crf_log_likelihood(c.m, emissions, c.tags, NULL, FR_SUM));
        *value = before - 1e-6;
        low = fr_item(fr_crf_log_likelihood(c.m, emissions, c.tags, NULL, FR_SUM));
        *value = before;
        ck_assert_double_eq_tol(fr_at(fr_grad(moves), k), (high - low) / 2e-6, 1e-7);
    }
    fr_module_free(c.m);
}
END_TEST

START_TEST(decode_finds_the_best_of_all_tags)
{
    FR_SCOPE;
    fr_module *m = make_crf(_i % 2, _i);
    fr_tensor *emissions = fr_randn(FR_SHAPE(STEPS, ROWS, TAGS));
    fr_tensor *lengths = fr_tensor_from(FR_SHAPE(ROWS), LENGTHS, FR_I64);
    fr_crf_path path = fr_crf_decode(m, _i % 2 ? fr_transpose(emissions, 0, 1) : emissions, lengths);

    ck_assert(!fr_wants_grad(path.scores));
    for (int64_t b = 0; b < ROWS; b++) {
        int64_t best = 0;

        for (int64_t k = 1; k < count_of(LENGTHS[b]); k++)
            if (score_of(m, emissions, b, LENGTHS[b], k) > score_of(m, emissions, b, LENGTHS[b], best))
                best = k;
        ck_assert_double_eq_tol(fr_at(path.scores, b), score_of(m, emissions, b, LENGTHS[b], best), 1e-12);
        for (int64_t t = 0; t < STEPS; t++, best /= TAGS)
            ck_assert_double_eq(fr_at(path.tags, _i % 2 ? b * STEPS + t : t * ROWS + b),
                                t < LENGTHS[b] ? (double)(best % TAGS) : -1);
    }
    fr_module_free(m);
}
END_TEST

START_TEST(unfit_tags_are_refused)
{
    FR_SCOPE;
    fr_module *m = make_crf(false, 7), *other = fr_nn_relu();
    fr_tensor *e = fr_randn(FR_SHAPE(STEPS, ROWS, TAGS)), *tags = fr_full_of(FR_SHAPE(STEPS, ROWS), TAGS, FR_I64);
    fr_tensor *fit = fr_zeros_of(FR_SHAPE(STEPS, ROWS), FR_I64);

    assert_refused(fr_crf_log_likelihood(m, e, tags, NULL, FR_SUM), "crf_log_likelihood", "3");
    assert_refused(fr_crf_log_likelihood(m, e, fr_transpose(fit, 0, 1), NULL, FR_SUM), "tags (3, 4)", "(4, 3)");
    assert_refused(fr_crf_log_likelihood(m, e, fit, fr_full_of(FR_SHAPE(ROWS), 5, FR_I64), FR_SUM),
                   "length 5 of row 0");
    assert_refused(fr_crf_log_likelihood(m, e, fit, NULL, FR_BATCHMEAN), "reduction 3");
    assert_refused(fr_crf_decode(m, fr_randn(FR_SHAPE(2, 2, 2)), NULL).tags, "crf_decode", "(2, 2, 2)", "K = 3");
    assert_refused(fr_crf_decode(other, e, NULL).tags, "crf_decode", "ReLU is no CRF");
    assert_refused(fr_forward(m, e), "fr_crf_decode");
    assert_refused(fr_nn_crf(0, NULL), "nn_crf", "num_tags is 0");
    fr_module_free(m);
    fr_module_free(other);
}
END_TEST

/* --- Filtering ---------------------------------------------------------------------------------------------------- */

/* A token stays if those that are more probable have less than top_p together. */
START_TEST(the_nucleus_is_the_fewest_that_reach_top_p)
{
    enum { TOKENS = 12 };
    FR_SCOPE;
    fr_tensor *logits, *p, *y;

    fr_manual_seed(_i);
    logits = fr_mul_scalar(fr_randn(FR_SHAPE(5, TOKENS)), 1.5);
    p = fr_softmax(fr_div_scalar(logits, 0.8), -1);
    y = fr_filter_logits(logits, 0.8, 0, 0.05 + 0.1 * _i);
    for (int64_t at = 0; at < 5 * TOKENS; at++) {
        double before = 0;

        for (int64_t k = at / TOKENS * TOKENS; k < (at / TOKENS + 1) * TOKENS; k++)
            before += fr_at(p, k) > fr_at(p, at) ? fr_at(p, k) : 0;
        if (before < 0.05 + 0.1 * _i)
            ck_assert_double_eq(fr_at(y, at), fr_at(logits, at) / 0.8);
        else
            ck_assert_double_eq(fr_at(y, at), -INFINITY);
    }
}
END_TEST

START_TEST(top_k_keeps_the_largest)
{
    FR_SCOPE;
    fr_tensor *logits = fr_from_doubles(FR_SHAPE(2, 4), (double[]){ 3, 1, 2, 0, 1, 5, 5, 5 });
    fr_tensor *y = fr_filter_logits(logits, 1, 2, 0);

    assert_close("top_k", y,
                 fr_from_doubles(FR_SHAPE(2, 4), (double[]){ 3, -INFINITY, 2, -INFINITY, -INFINITY, 5, 5, 5 }), 0, 0);
    assert_close("all", fr_filter_logits(logits, 1, 9, 1), logits, 0, 0);
    assert_refused(fr_filter_logits(logits, 0, 0, 0), "filter_logits", "temperature is 0");
    assert_refused(fr_filter_logits(logits, 1, -1, 0), "filter_logits", "top_k is -1");
    assert_refused(fr_filter_logits(logits, 1, 0, 1.5), "filter_logits", "top_p is 1.5");
    assert_refused(fr_filter_logits(fr_scalar(1), 1, 0, 0), "filter_logits", "scalar");
}
END_TEST

/* --- Searching ---------------------------------------------------------------------------------------------------- */

enum { VOCABULARY = 3, NEW = 4, END = 0 };

/* The next token depends on the last two. */
static fr_tensor *bigram(fr_tensor *tokens, fr_tensor *rows, void *user)
{
    fr_tensor *last = fr_select(tokens, 1, -1), *before = fr_select(tokens, 1, -2);

    (void)rows;
    return fr_index_select(user, 0, fr_add(fr_mul_scalar(before, VOCABULARY), last));
}

static fr_tensor *make_bigram(void)
{
    fr_manual_seed(5);
    return fr_mul_scalar(fr_randn(FR_SHAPE(VOCABULARY * VOCABULARY, VOCABULARY)), 1.5);
}

static fr_tensor *make_prompt(void)
{
    return fr_tensor_from(FR_SHAPE(2, 2), (int64_t[]){ 1, 2, 2, 1 }, FR_I64);
}

/* The score of the new tokens, base VOCABULARY, after a prompt; NaN if tokens but END follow an END. */
static double score_of_tokens(fr_tensor *log_p, int64_t before, int64_t last, int64_t code, double alpha)
{
    double sum = 0, length = 0;
    bool over = false;

    for (int i = 0; i < NEW; i++, code /= VOCABULARY) {
        int64_t token = code % VOCABULARY;

        if (over && token != END)
            return NAN;
        if (over)
            continue;
        sum += fr_at(log_p, (before * VOCABULARY + last) * VOCABULARY + token);
        length++;
        over = token == END;
        before = last;
        last = token;
    }
    return sum / pow((5 + length) / 6, alpha);
}

START_TEST(beams_as_wide_as_all_find_the_best_of_all)
{
    FR_SCOPE;
    fr_tensor *table = make_bigram(), *log_p = fr_log_softmax(table, -1), *prompt = make_prompt();
    double alpha = _i * 0.8;
    fr_beams y = fr_beam_search(
        bigram, table, prompt,
        &(fr_beam_options){
            .beams = 81, .max_new_tokens = NEW, .has_end = true, .end_token = END, .length_alpha = alpha });
    int64_t width = fr_dim(y.tokens, 1);

    for (int64_t n = 0; n < 2; n++)
        for (int64_t rank = 0, last_code = -1; rank < 5; rank++) {
            double best = -INFINITY, above = rank ? fr_at(y.scores, n * width + rank - 1) - 1e-12 : INFINITY;
            int64_t code = -1;

            for (int64_t k = 0; k < 81; k++) {
                double score =
                    score_of_tokens(log_p, (int64_t)fr_at(prompt, 2 * n), (int64_t)fr_at(prompt, 2 * n + 1), k, alpha);

                if (score > best && score < above && k != last_code) {
                    best = score;
                    code = k;
                }
            }
            last_code = code;
            ck_assert_double_eq_tol(fr_at(y.scores, n * width + rank), best, 1e-12);
            for (int i = 0; i < NEW; i++, code /= VOCABULARY)
                ck_assert_double_eq(fr_at(y.tokens, (n * width + rank) * (2 + NEW) + 2 + i),
                                    (double)(code % VOCABULARY));
        }
}
END_TEST

/* A beam's score is that of its own tokens, with their own length. */
START_TEST(beams_keep_their_scores)
{
    FR_SCOPE;
    fr_tensor *table = make_bigram(), *log_p = fr_log_softmax(table, -1), *prompt = make_prompt();
    fr_beams y = fr_beam_search(
        bigram, table, prompt,
        &(fr_beam_options){
            .beams = _i, .max_new_tokens = NEW, .has_end = true, .end_token = END, .length_alpha = 0.8 });

    ck_assert_int_eq(fr_dim(y.tokens, 1), _i);
    for (int64_t n = 0; n < 2; n++)
        for (int64_t beam = 0; beam < _i; beam++) {
            int64_t code = 0;

            for (int i = NEW - 1; i >= 0; i--)
                code = code * VOCABULARY + (int64_t)fr_at(y.tokens, (n * _i + beam) * (2 + NEW) + 2 + i);
            ck_assert_double_eq_tol(
                fr_at(y.scores, n * _i + beam),
                score_of_tokens(log_p, (int64_t)fr_at(prompt, 2 * n), (int64_t)fr_at(prompt, 2 * n + 1), code, 0.8),
                1e-12);
            ck_assert(beam == 0 || fr_at(y.scores, n * _i + beam) <= fr_at(y.scores, n * _i + beam - 1));
        }
}
END_TEST

typedef struct {
    fr_module *embed, *gru, *out;
    fr_recurrent state;
} net;

/* Reads all tokens anew at each step. */
static fr_tensor *without_state(fr_tensor *tokens, fr_tensor *rows, void *user)
{
    net *n = user;
    fr_recurrent y = fr_recurrent_forward(n->gru, fr_forward(n->embed, tokens), NULL);

    (void)rows;
    return fr_forward(n->out, fr_select(y.out, 1, -1));
}

/* Reads the last and keeps the state. */
static fr_tensor *with_state(fr_tensor *tokens, fr_tensor *rows, void *user)
{
    net *n = user;
    fr_tensor *x = rows ? fr_slice(tokens, 1, -1, INT64_MAX, 1) : tokens;
    fr_recurrent before = { .h = rows ? fr_index_select(n->state.h, 1, rows) : NULL };
    fr_recurrent y = fr_recurrent_forward(n->gru, fr_forward(n->embed, x), &before);

    fr_recurrent_keep(&n->state, &y);
    return fr_forward(n->out, fr_select(y.out, 1, -1));
}

static net make_net(void)
{
    fr_manual_seed(11);
    net n = { .embed = fr_nn_embedding(7, 6, NULL),
              .gru = fr_nn_gru(6, 8, &(fr_recurrent_options){ .batch_first = true }),
              .out = fr_nn_linear(8, 7, NULL) };

    fr_init_normal(fr_module_find(n.out, "weight"), 0, 1.5);
    return n;
}

static void free_net(net *n)
{
    fr_recurrent_keep(&n->state, NULL);
    fr_module_free(n->embed);
    fr_module_free(n->gru);
    fr_module_free(n->out);
}

START_TEST(a_state_follows_its_beam)
{
    FR_SCOPE;
    net n = make_net();
    fr_beam_options o = { .beams = 3, .max_new_tokens = 8, .has_end = true, .end_token = 6 };
    fr_beams all = fr_beam_search(without_state, &n, make_prompt(), &o);
    fr_beams last = fr_beam_search(with_state, &n, make_prompt(), &o);
    fr_generate_options g = { .sample = true, .max_new_tokens = 9, .temperature = 0.7, .top_k = 5, .top_p = 0.9 };
    fr_tensor *x, *y;

    ck_assert(fr_equal(all.tokens, last.tokens));
    assert_near("scores", last.scores, all.scores);
    fr_manual_seed(2);
    x = fr_generate(without_state, &n, make_prompt(), &g);
    fr_manual_seed(2);
    y = fr_generate(with_state, &n, make_prompt(), &g);
    ck_assert(fr_equal(x, y));
    ck_assert_int_eq(fr_dim(x, 1), 11);
    free_net(&n);
}
END_TEST

START_TEST(greedy_is_a_beam_of_one)
{
    FR_SCOPE;
    net n = make_net();
    fr_tensor *x = fr_generate(without_state, &n, make_prompt(),
                               &(fr_generate_options){ .max_new_tokens = 12, .has_end = true, .end_token = 3 });
    fr_beams y =
        fr_beam_search(without_state, &n, make_prompt(),
                       &(fr_beam_options){ .beams = 1, .max_new_tokens = 12, .has_end = true, .end_token = 3 });

    ck_assert(fr_equal(x, fr_select(y.tokens, 1, 0)));
    ck_assert_int_eq(fr_dim(fr_generate(without_state, &n, make_prompt(), NULL), 1), 22);
    free_net(&n);
}
END_TEST

START_TEST(draws_are_multinomials)
{
    FR_SCOPE;
    fr_tensor *table = make_bigram(), *tokens = make_prompt(), *drawn;

    fr_manual_seed(4);
    drawn = fr_generate(bigram, table, tokens,
                        &(fr_generate_options){ .sample = true, .max_new_tokens = 30, .top_k = 2, .temperature = 1.3 });
    fr_manual_seed(4);
    for (int i = 0; i < 30; i++) {
        fr_tensor *p = fr_softmax(fr_filter_logits(bigram(tokens, NULL, table), 1.3, 2, 0), -1);

        tokens = fr_cat((fr_tensor *[]){ tokens, fr_multinomial(p, 1, true) }, 2, 1);
    }
    ck_assert(fr_equal(drawn, tokens));
}
END_TEST

static fr_tensor *fails(fr_tensor *tokens, fr_tensor *rows, void *user)
{
    (void)rows;
    (void)user;
    return fr_matmul(fr_ones(FR_SHAPE(2, 3)), fr_ones(FR_SHAPE(2, fr_dim(tokens, 0))));
}

static fr_tensor *gives_a_vector(fr_tensor *tokens, fr_tensor *rows, void *user)
{
    (void)rows;
    (void)user;
    return fr_ones(FR_SHAPE(fr_dim(tokens, 0)));
}

START_TEST(unfit_searches_are_refused)
{
    FR_SCOPE;
    fr_tensor *prompt = make_prompt();

    assert_refused(fr_generate(NULL, NULL, prompt, NULL), "generate", "step is NULL");
    assert_refused(fr_generate(fails, NULL, prompt, NULL), "matmul", "(2, 3)");
    assert_refused(fr_generate(gives_a_vector, NULL, prompt, NULL), "generate", "step returned (2,)", "(2, V)");
    assert_refused(fr_generate(bigram, NULL, fr_ones(FR_SHAPE(2, 2)), NULL), "generate", "prompt (2, 2), float64");
    assert_refused(fr_generate(bigram, NULL, prompt, &(fr_generate_options){ .top_p = -1 }), "top_p is -1");
    assert_refused(fr_beam_search(fails, NULL, prompt, NULL).tokens, "matmul", "(2, 3)");
    assert_refused(fr_beam_search(bigram, NULL, prompt, &(fr_beam_options){ .beams = -1 }).scores, "beam_search", "-1");
    assert_refused(fr_beam_search(bigram, NULL, prompt, &(fr_beam_options){ .length_alpha = NAN }).tokens,
                   "length_alpha");
}
END_TEST

int main(void)
{
    TCase *crf = tcase_create("crf"), *decoding = tcase_create("decoding");

    tcase_add_checked_fixture(crf, use_float64, use_float32);
    tcase_add_checked_fixture(decoding, use_float64, use_float32);
    tcase_add_loop_test(crf, likelihood_is_that_among_all_tags, 0, 20);
    tcase_add_test(crf, likelihood_has_gradients);
    tcase_add_loop_test(crf, decode_finds_the_best_of_all_tags, 0, 20);
    tcase_add_test(crf, unfit_tags_are_refused);
    tcase_add_loop_test(decoding, the_nucleus_is_the_fewest_that_reach_top_p, 0, 10);
    tcase_add_test(decoding, top_k_keeps_the_largest);
    tcase_add_loop_test(decoding, beams_as_wide_as_all_find_the_best_of_all, 0, 3);
    tcase_add_loop_test(decoding, beams_keep_their_scores, 2, 9);
    tcase_add_test(decoding, a_state_follows_its_beam);
    tcase_add_test(decoding, greedy_is_a_beam_of_one);
    tcase_add_test(decoding, draws_are_multinomials);
    tcase_add_test(decoding, unfit_searches_are_refused);
    return run_tests("sequences", crf, decoding);
}
