/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* CRF: a linear-chain conditional random field (Lafferty, McCallum and Pereira, 2001). T steps, B rows, K tags.
 *
 *     score(y) = start[y_1] + sum over t of emissions[t, y_t] + sum over t > 1 of transitions[y_(t-1), y_t] + end[y_T]
 *     log p(y) = score(y) - log of the sum over all y' of exp(score(y'))
 *
 * Neither the sum over all K^T rows of tags nor the best of them needs more than a table (B,K) that goes from step to
 * step: what all ways to end in a tag sum to (the forward algorithm), or the score of the best one (Viterbi's). */
#include "core/options.h"
#include "core/recorder.h"
#include "nn/module.h"
#include "ops/op.h"

#include <frond/autograd.h>
#include <inttypes.h>

typedef struct {
    int64_t tags;
    bool batch_first;
    fr_tensor *start, *end, *transitions; /* borrowed from the module */
} crf;

static fr_tensor *forward(fr_module *m, fr_tensor *x)
{
    (void)m;
    (void)x;
    return fr_fail("forward", "a CRF has no forward: use fr_crf_log_likelihood or fr_crf_decode");
}

fr_module *fr_nn_crf(int64_t num_tags, const fr_crf_options *options)
{
    const char *what = "nn_crf";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_crf_options o = options ? *options : (fr_crf_options){ 0 };
    fr_module *m = NULL;
    char text[64];

    if (num_tags < 1)
        fr_fail(what, "num_tags is %" PRId64 ", expected 1 or more", num_tags);
    else if (fr_check_reserved(what, o.reserved))
        m = fr_module_new("CRF", sizeof(crf), forward);
    if (m) {
        crf *c = fr_self(m);

        *c = (crf){ .tags = num_tags, .batch_first = o.batch_first };
        c->start = fr_uniform_parameter(what, m, "start_transitions", FR_SHAPE(num_tags), 0.1);
        c->end = c->start ? fr_uniform_parameter(what, m, "end_transitions", FR_SHAPE(num_tags), 0.1) : NULL;
        c->transitions =
            c->end ? fr_uniform_parameter(what, m, "transitions", FR_SHAPE(num_tags, num_tags), 0.1) : NULL;
        snprintf(text, sizeof text, "num_tags=%" PRId64 "%s", num_tags, o.batch_first ? ", batch_first=True" : "");
        m = fr_module_finish(m, c->transitions && fr_module_describe(m, text));
    }
    fr_finish(th, before);
    return m;
}

/* --- What both functions read ------------------------------------------------------------------------------------ */

typedef struct {
    const crf *crf;
    int64_t steps, rows;
    fr_tensor *emissions; /* (T,B,K) */
    fr_tensor *tags;      /* (T,B); NULL for decode */
    fr_tensor *lengths;   /* (B) */
    fr_tensor *past;      /* (T,B): 1 past a row's length */
} problem;

static bool check_tensor(const char *what, const char *name, const fr_tensor *t, const fr_shape *shape, fr_dtype dtype)
{
    char a[FR_SHAPE_TEXT], b[FR_SHAPE_TEXT];

    return (t->dtype == dtype && fr_shape_equal(&t->shape, shape)) ||
           fr_fail(what, "%s %s, %s: expected %s, %s", name, fr_shape_text(&t->shape, a), fr_dtype_name(fr_dtype_of(t)),
                   fr_shape_text(shape, b), fr_dtype_name(dtype));
}

static bool check_lengths(const fr_action *a)
{
    for (int64_t b = 0; b < a->from->numel; b++) {
        int64_t length = (int64_t)fr_at(a->from, b);

        if (length < 1 || length > a->n)
            return fr_fail(a->function, "length %" PRId64 " of row %" PRId64 ", expected 1 to %" PRId64, length, b,
                           a->n);
    }
    return true;
}

static bool check_problem(const char *what, problem *p, fr_module *m, fr_tensor *emissions, fr_tensor *lengths)
{
    char text[FR_SHAPE_TEXT];

    if (!fr_check_argument(what, m, "module") || !fr_check_argument(what, emissions, "emissions") ||
        (lengths ? !fr_check_argument(what, lengths, "lengths") : fr_failed_before(fr_thread_self())))
        return false;
    if (m->forward != forward)
        return fr_fail(what, "%s is no CRF", m->type);
    p->crf = fr_self(m);
    if (emissions->shape.ndim != 3 || emissions->shape.dim[2] != p->crf->tags || emissions->numel == 0)
        return fr_fail(what, "emissions %s, expected %s with K = %" PRId64 ", T and B 1 or more",
                       fr_shape_text(&emissions->shape, text), p->crf->batch_first ? "(B, T, K)" : "(T, B, K)",
                       p->crf->tags);
    p->emissions = p->crf->batch_first ? fr_transpose(emissions, 0, 1) : emissions;
    p->steps = emissions->shape.dim[p->crf->batch_first];
    p->rows = emissions->shape.dim[!p->crf->batch_first];
    p->lengths = lengths ? lengths : fr_full_of(FR_SHAPE(p->rows), (double)p->steps, FR_I64);
    if (!p->emissions || !p->lengths || !check_tensor(what, "lengths", p->lengths, &FR_SHAPE(p->rows), FR_I64) ||
        !fr_act(fr_thread_self(),
                &(fr_action){ .run = check_lengths, .function = what, .from = p->lengths, .n = p->steps }))
        return false;
    p->past = fr_ge(fr_unsqueeze(fr_arange(0, (double)p->steps, 1, FR_I64), 1), p->lengths);
    return p->past && fr_module_enter(fr_thread_self(), m);
}

/* s where a row has ended before step t, else next: (B,K) */
static fr_tensor *advance(const problem *p, int64_t t, fr_tensor *s, fr_tensor *next)
{
    return fr_where(fr_unsqueeze(fr_select(p->past, 0, t), 1), s, next);
}

/* The scores of all pairs of a tag before step t and one at t: (B,K,K) */
static fr_tensor *pairs(const problem *p, fr_tensor *s)
{
    return fr_add(fr_unsqueeze(s, 2), p->crf->transitions);
}

/* --- Log-likelihood ---------------------------------------------------------------------------------------------- */

/* The score of the tags: (B) */
static fr_tensor *score_of_tags(const problem *p)
{
    const crf *c = p->crf;
    fr_tensor *tags = fr_masked_fill(p->tags, p->past, 0);
    fr_tensor *from = fr_slice(tags, 0, 0, -1, 1), *to = fr_slice(tags, 0, 1, INT64_MAX, 1);
    fr_tensor *moves = fr_add(fr_mul_scalar(from, (double)c->tags), to);
    fr_tensor *last = fr_gather(tags, 0, fr_unsqueeze(fr_sub_scalar(p->lengths, 1), 0));
    fr_tensor *emitted = fr_squeeze(fr_gather(p->emissions, 2, fr_unsqueeze(tags, 2)), 2);
    fr_tensor *moved = fr_index_select(fr_flatten(c->transitions, 0, 1), 0, fr_flatten(moves, 0, 1));

    emitted = fr_sum_dim(fr_masked_fill(emitted, p->past, 0), 0, false);
    moved = moves ? fr_reshape(moved, moves->shape) : NULL;
    moved = fr_sum_dim(fr_masked_fill(moved, fr_slice(p->past, 0, 1, INT64_MAX, 1), 0), 0, false);
    return fr_add(fr_add(emitted, moved), fr_add(fr_index_select(c->start, 0, fr_select(tags, 0, 0)),
                                                 fr_index_select(c->end, 0, fr_select(last, 0, 0))));
}

/* The logarithm of the sum of exp(score) over all rows of tags: (B) */
static fr_tensor *log_sum_of_all(const problem *p)
{
    fr_tensor *s = fr_add(p->crf->start, fr_select(p->emissions, 0, 0));

    for (int64_t t = 1; t < p->steps; t++)
        s = advance(p, t, s, fr_add(fr_logsumexp_dim(pairs(p, s), 1, false), fr_select(p->emissions, 0, t)));
    return fr_logsumexp_dim(fr_add(s, p->crf->end), 1, false);
}

fr_tensor *fr_crf_log_likelihood(fr_module *m, fr_tensor *emissions, fr_tensor *tags, fr_tensor *lengths,
                                 fr_reduction reduction)
{
    const char *what = "crf_log_likelihood";
    fr_composition c = fr_compose(what);
    problem p = { 0 };
    fr_tensor *l = NULL;

    if ((unsigned)reduction > FR_NONE)
        fr_fail(what, "reduction %d is none of FR_MEAN, FR_SUM, FR_NONE", (int)reduction);
    else if (fr_check_argument(what, tags, "tags") && check_problem(what, &p, m, emissions, lengths)) {
        const bool first = p.crf->batch_first;

        if (check_tensor(what, "tags", tags, &FR_SHAPE(first ? p.rows : p.steps, first ? p.steps : p.rows), FR_I64)) {
            p.tags = first ? fr_transpose(tags, 0, 1) : tags;
            l = fr_sub(score_of_tags(&p), log_sum_of_all(&p));
        }
    }
    if (l && reduction != FR_NONE)
        l = reduction == FR_MEAN ? fr_mean(l) : fr_sum(l);
    return fr_composed(c, l);
}

/* --- Viterbi ----------------------------------------------------------------------------------------------------- */

/* One step: the best score of each tag at t, (B,K); back gets the tag before it. */
static fr_tensor *best_step(const problem *p, int64_t t, fr_tensor *s, int64_t *back)
{
    FR_SCOPE;
    fr_extreme best = fr_max_dim_indices(pairs(p, s), 1, false);

    if (!best.indices)
        return NULL;
    memcpy(back, fr_data(best.indices), (size_t)best.indices->numel * sizeof *back);
    return fr_escape(advance(p, t, s, fr_add(best.values, fr_select(p->emissions, 0, t))));
}

/* Follows back from the last tags. */
static void trace_back(const problem *p, const int64_t *back, const fr_tensor *last, int64_t *tags)
{
    for (int64_t b = 0; b < p->rows; b++) {
        int64_t tag = (int64_t)fr_at(last, b);

        for (int64_t t = (int64_t)fr_at(p->lengths, b) - 1; t >= 0; t--) {
            tags[t * p->rows + b] = tag;
            tag = back[(t * p->rows + b) * p->crf->tags + tag];
        }
    }
}

static fr_crf_path best_path(const problem *p)
{
    fr_tensor *back = fr_zeros_of(FR_SHAPE(p->steps, p->rows, p->crf->tags), FR_I64);
    fr_tensor *tags = fr_full_of(FR_SHAPE(p->steps, p->rows), -1, FR_I64);
    fr_tensor *s = fr_add(p->crf->start, fr_select(p->emissions, 0, 0));
    fr_extreme last;

    if (!back || !tags)
        return (fr_crf_path){ NULL, NULL };
    for (int64_t t = 1; t < p->steps && s; t++)
        s = best_step(p, t, s, (int64_t *)fr_data(back) + t * p->rows * p->crf->tags);
    last = fr_max_dim_indices(fr_add(s, p->crf->end), 1, false);
    if (!last.indices)
        return (fr_crf_path){ NULL, NULL };
    trace_back(p, fr_data(back), last.indices, fr_data(tags));
    tags = p->crf->batch_first ? fr_contiguous(fr_transpose(tags, 0, 1)) : tags;
    return (fr_crf_path){ tags, tags ? last.values : NULL };
}

fr_crf_path fr_crf_decode(fr_module *m, fr_tensor *emissions, fr_tensor *lengths)
{
    const char *what = "crf_decode";
    fr_composition c = fr_compose(what);
    int no_grad = fr_no_grad_begin();
    problem p = { 0 };
    fr_crf_path path = { NULL, NULL };

    if (fr_not_captured(c.th, what) && check_problem(what, &p, m, emissions, lengths))
        path = best_path(&p);
    fr_no_grad_end(no_grad);
    fr_escape(path.scores);
    path.tags = fr_composed(c, path.tags);
    return path;
}
