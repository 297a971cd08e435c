/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Probability distributions, composed of ops. Each kind is a struct of functions; the public functions look it up,
 * check and call. Their cases stand with those of bernoulli. */
#include "core/random.h"
#include "ops/op.h"

#include <frond/autograd.h>
#include <frond/distributions.h>

#include <float.h>

/* What a kind of distribution can do. NULL: it cannot. */
typedef struct {
    const char *name;
    bool discrete; /* no rsample */
    /* A draw for each value of `like`, or, of a categorical, for each of shape and batch. */
    fr_tensor *(*draw)(const fr_distribution *d, fr_tensor *like);
    fr_tensor *(*log_prob)(const fr_distribution *d, fr_tensor *value);
    fr_tensor *(*entropy)(const fr_distribution *d);
    fr_tensor *(*mean)(const fr_distribution *d);
    fr_tensor *(*variance)(const fr_distribution *d);
    fr_tensor *(*divergence)(const fr_distribution *p, const fr_distribution *q);
} family;

/* --- Checks ------------------------------------------------------------------------------------------------------ */

/* True if `holds` is nowhere 0. Fails otherwise: "NAME has values that are not EXPECTED". */
static bool check_all(const char *what, fr_tensor *holds, const char *name, const char *expected)
{
    return holds && (fr_item(fr_count_nonzero(holds, FR_DIMS())) == (double)holds->numel ||
                     fr_fail(what, "%s has values that are not %s", name, expected));
}

static bool check_floats(const char *what, const fr_tensor *t, const char *name)
{
    return fr_check_argument(what, t, name) &&
           (t->dtype != FR_I64 || fr_fail(what, "%s is int64, expected float32 or float64; use fr_cast", name));
}

/* Expands two parameters to the shape that both broadcast to. */
static bool broadcast(const char *what, fr_tensor **a, const char *a_name, fr_tensor **b, const char *b_name)
{
    fr_shape shape;
    char x[FR_SHAPE_TEXT], y[FR_SHAPE_TEXT];

    if (!check_floats(what, *a, a_name) || !check_floats(what, *b, b_name))
        return false;
    if ((*a)->dtype != (*b)->dtype)
        return fr_fail(what, "%s is %s, %s %s: use fr_cast", a_name, fr_dtype_name(fr_dtype_of(*a)), b_name,
                       fr_dtype_name(fr_dtype_of(*b)));
    if (!fr_shape_broadcast(&(*a)->shape, &(*b)->shape, &shape))
        return fr_fail(what, "%s %s and %s %s do not broadcast", a_name, fr_shape_text(&(*a)->shape, x), b_name,
                       fr_shape_text(&(*b)->shape, y));
    *a = fr_expand(*a, shape);
    *b = fr_expand(*b, shape);
    return *a && *b;
}

/* The end of a maker: ends the composition and returns the distribution, if both of its tensors were made. */
static fr_distribution made(fr_composition c, bool ok, fr_distribution_kind kind, fr_tensor *a, fr_tensor *b)
{
    ok = ok && a && (b || kind == FR_EXPONENTIAL);
    fr_escape(ok ? b : NULL);
    a = fr_composed(c, ok ? a : NULL);
    return a ? (fr_distribution){ kind, a, b } : (fr_distribution){ kind, NULL, NULL };
}

/* --- Normal, Laplace, uniform, exponential ----------------------------------------------------------------------- */

static fr_tensor *normal_draw(const fr_distribution *d, fr_tensor *like)
{
    return fr_add(fr_mul(fr_randn_like(like), d->b), d->a);
}

static fr_tensor *normal_log_prob(const fr_distribution *d, fr_tensor *value)
{
    fr_tensor *square = fr_div(fr_square(fr_sub(value, d->a)), fr_mul_scalar(fr_square(d->b), 2));

    return fr_sub_scalar(fr_sub(fr_neg(square), fr_log(d->b)), 0.5 * log(2 * M_PI));
}

static fr_tensor *normal_entropy(const fr_distribution *d)
{
    return fr_add_scalar(fr_log(d->b), 0.5 + 0.5 * log(2 * M_PI));
}

static fr_tensor *first(const fr_distribution *d)
{
    return d->a;
}

static fr_tensor *normal_variance(const fr_distribution *d)
{
    return fr_square(d->b);
}

/* (r + ((loc_p - loc_q) / scale_q)^2 - 1 - log r) / 2, with the ratio r of the variances */
static fr_tensor *normal_divergence(const fr_distribution *p, const fr_distribution *q)
{
    fr_tensor *ratio = fr_square(fr_div(p->b, q->b)), *far = fr_square(fr_div(fr_sub(p->a, q->a), q->b));

    return fr_mul_scalar(fr_sub(fr_sub_scalar(fr_add(ratio, far), 1), fr_log(ratio)), 0.5);
}

/* loc - scale sign(u) log(1 - |u|), u uniform in [-1 + eps, 1) */
static fr_tensor *laplace_draw(const fr_distribution *d, fr_tensor *like)
{
    fr_tensor *u = fr_empty_like(like);

    if (!u)
        return NULL;
    fr_fill_uniform(u, u->dtype == FR_F64 ? DBL_EPSILON - 1 : (double)FLT_EPSILON - 1, 1);
    return fr_sub(d->a, fr_mul(fr_mul(d->b, fr_sign(u)), fr_log1p(fr_neg(fr_abs(u)))));
}

static fr_tensor *laplace_log_prob(const fr_distribution *d, fr_tensor *value)
{
    return fr_sub(fr_neg(fr_log(fr_mul_scalar(d->b, 2))), fr_div(fr_abs(fr_sub(value, d->a)), d->b));
}

static fr_tensor *laplace_entropy(const fr_distribution *d)
{
    return fr_add_scalar(fr_log(fr_mul_scalar(d->b, 2)), 1);
}

static fr_tensor *laplace_variance(const fr_distribution *d)
{
    return fr_mul_scalar(fr_square(d->b), 2);
}

/* -log r + |loc_p - loc_q| / scale_q + r exp(-|loc_p - loc_q| / scale_p) - 1, with the ratio r of the scales */
static fr_tensor *laplace_divergence(const fr_distribution *p, const fr_distribution *q)
{
    fr_tensor *ratio = fr_div(p->b, q->b), *far = fr_abs(fr_sub(p->a, q->a));
    fr_tensor *last = fr_mul(ratio, fr_exp(fr_neg(fr_div(far, p->b))));

    return fr_sub_scalar(fr_add(fr_sub(fr_div(far, q->b), fr_log(ratio)), last), 1);
}

static fr_tensor *width(const fr_distribution *d)
{
    return fr_sub(d->b, d->a);
}

static fr_tensor *uniform_draw(const fr_distribution *d, fr_tensor *like)
{
    return fr_add(d->a, fr_mul(fr_rand_like(like), width(d)));
}

static fr_tensor *uniform_log_prob(const fr_distribution *d, fr_tensor *value)
{
    fr_tensor *inside = fr_mul(fr_ge(value, d->a), fr_lt(value, d->b)), *l = fr_neg(fr_log(width(d)));

    return fr_where(inside, l, l ? fr_full_like(l, -INFINITY) : NULL);
}

static fr_tensor *uniform_entropy(const fr_distribution *d)
{
    return fr_log(width(d));
}

static fr_tensor *uniform_mean(const fr_distribution *d)
{
    return fr_mul_scalar(fr_add(d->a, d->b), 0.5);
}

static fr_tensor *uniform_variance(const fr_distribution *d)
{
    return fr_div_scalar(fr_square(width(d)), 12);
}

static fr_tensor *uniform_divergence(const fr_distribution *p, const fr_distribution *q)
{
    fr_tensor *outside = fr_add(fr_gt(q->a, p->a), fr_lt(q->b, p->b));

    return fr_masked_fill(fr_log(fr_div(width(q), width(p))), outside, INFINITY);
}

static fr_tensor *exponential_draw(const fr_distribution *d, fr_tensor *like)
{
    return fr_div(fr_exponential_like("dist_sample", like), d->a);
}

static fr_tensor *exponential_log_prob(const fr_distribution *d, fr_tensor *value)
{
    return fr_masked_fill(fr_sub(fr_log(d->a), fr_mul(d->a, value)), fr_lt_scalar(value, 0), -INFINITY);
}

static fr_tensor *exponential_entropy(const fr_distribution *d)
{
    return fr_add_scalar(fr_neg(fr_log(d->a)), 1);
}

static fr_tensor *exponential_mean(const fr_distribution *d)
{
    return fr_reciprocal(d->a);
}

static fr_tensor *exponential_variance(const fr_distribution *d)
{
    return fr_reciprocal(fr_square(d->a));
}

/* r - 1 - log r, with r = rate_q / rate_p */
static fr_tensor *exponential_divergence(const fr_distribution *p, const fr_distribution *q)
{
    fr_tensor *ratio = fr_div(q->a, p->a);

    return fr_sub_scalar(fr_sub(ratio, fr_log(ratio)), 1);
}

/* --- Bernoulli, categorical -------------------------------------------------------------------------------------- */

/* PyTorch's logarithms of probabilities are finite: these are kept from 0 and 1. */
static fr_tensor *kept_inside(fr_tensor *probs)
{
    double eps = probs && probs->dtype == FR_F64 ? DBL_EPSILON : (double)FLT_EPSILON;

    return fr_clamp(probs, eps, 1 - eps);
}

static fr_tensor *bernoulli_draw(const fr_distribution *d, fr_tensor *like)
{
    (void)d;
    return fr_bernoulli(like);
}

/* log(1 - p) + value logit */
static fr_tensor *bernoulli_log_prob(const fr_distribution *d, fr_tensor *value)
{
    fr_tensor *valid = fr_add(fr_eq_scalar(value, 0), fr_eq_scalar(value, 1));

    if (!check_all("dist_log_prob", valid, "value", "0 or 1"))
        return NULL;
    return fr_add(fr_logsigmoid(fr_neg(d->b)), fr_mul(value, d->b));
}

static fr_tensor *bernoulli_entropy(const fr_distribution *d)
{
    return fr_neg(fr_add(fr_logsigmoid(fr_neg(d->b)), fr_mul(d->a, d->b)));
}

static fr_tensor *bernoulli_variance(const fr_distribution *d)
{
    return fr_mul(d->a, fr_sub(fr_ones_like(d->a), d->a));
}

/* p (log p - log q), 0 where p is 0, infinite where q alone is */
static fr_tensor *divergence_of(fr_tensor *p, fr_tensor *log_p, fr_tensor *q, fr_tensor *log_q)
{
    fr_tensor *t = fr_masked_fill(fr_mul(p, fr_sub(log_p, log_q)), fr_eq_scalar(q, 0), INFINITY);

    return fr_masked_fill(t, fr_eq_scalar(p, 0), 0);
}

static fr_tensor *bernoulli_divergence(const fr_distribution *p, const fr_distribution *q)
{
    fr_tensor *one = divergence_of(p->a, fr_logsigmoid(p->b), q->a, fr_logsigmoid(q->b));
    fr_tensor *not_p = fr_add_scalar(fr_neg(p->a), 1), *not_q = fr_add_scalar(fr_neg(q->a), 1);

    return fr_add(one, divergence_of(not_p, fr_logsigmoid(fr_neg(p->b)), not_q, fr_logsigmoid(fr_neg(q->b))));
}

/* The draws of a row stand in a row of multinomial's result, but are wanted along the dims in front. */
static fr_tensor *categorical_draw(const fr_distribution *d, fr_tensor *like)
{
    fr_shape shape = like->shape;
    int64_t classes = d->a->shape.dim[d->a->shape.ndim - 1], rows = classes > 0 ? d->a->numel / classes : 0;

    shape.ndim--;
    return fr_reshape(fr_transpose(fr_multinomial(fr_reshape(d->a, FR_SHAPE(rows, classes)),
                                                  rows > 0 ? fr_shape_numel(&shape) / rows : 1, true),
                                   0, 1),
                      shape);
}

static fr_tensor *categorical_log_prob(const fr_distribution *d, fr_tensor *value)
{
    fr_shape batch = d->b->shape, shape;
    int64_t classes = batch.dim[--batch.ndim];
    char a[FR_SHAPE_TEXT], b[FR_SHAPE_TEXT];

    if (!fr_shape_broadcast(&batch, &value->shape, &shape) || shape.ndim == FR_MAX_DIMS)
        return fr_fail("dist_log_prob", "value %s does not broadcast with classes %s", fr_shape_text(&value->shape, a),
                       fr_shape_text(&batch, b));
    value = fr_unsqueeze(fr_expand(fr_cast(value, FR_I64), shape), -1);
    shape.dim[shape.ndim++] = classes;
    return fr_squeeze(fr_gather(fr_expand(d->b, shape), -1, value), -1);
}

static fr_tensor *categorical_entropy(const fr_distribution *d)
{
    fr_tensor *finite = fr_clamp(d->b, d->b->dtype == FR_F64 ? -DBL_MAX : -(double)FLT_MAX, INFINITY);

    return fr_neg(fr_sum_dim(fr_mul(finite, d->a), -1, false));
}

static fr_tensor *categorical_divergence(const fr_distribution *p, const fr_distribution *q)
{
    return fr_sum_dim(divergence_of(p->a, p->b, q->a, q->b), -1, false);
}

/* --- All of them ------------------------------------------------------------------------------------------------- */

static const family families[] = {
    [FR_NORMAL] = { "normal", false, normal_draw, normal_log_prob, normal_entropy, first, normal_variance,
                    normal_divergence },
    [FR_LAPLACE] = { "laplace", false, laplace_draw, laplace_log_prob, laplace_entropy, first, laplace_variance,
                     laplace_divergence },
    [FR_UNIFORM] = { "uniform", false, uniform_draw, uniform_log_prob, uniform_entropy, uniform_mean, uniform_variance,
                     uniform_divergence },
    [FR_EXPONENTIAL] = { "exponential", false, exponential_draw, exponential_log_prob, exponential_entropy,
                         exponential_mean, exponential_variance, exponential_divergence },
    [FR_BERNOULLI] = { "bernoulli", true, bernoulli_draw, bernoulli_log_prob, bernoulli_entropy, first,
                       bernoulli_variance, bernoulli_divergence },
    [FR_CATEGORICAL] = { "categorical", true, categorical_draw, categorical_log_prob, categorical_entropy, NULL, NULL,
                         categorical_divergence },
};

/* What the kind of d can do; NULL, with an error, if d was not made. */
static const family *family_of(const char *what, const fr_distribution *d, const char *name)
{
    if (!fr_check_there(what, d, name))
        return NULL;
    if ((unsigned)d->kind >= sizeof families / sizeof *families)
        return fr_fail(what, "%s is of no kind of distribution: %d", name, (int)d->kind);
    if (!fr_check_argument(what, d->a, name) || (d->kind != FR_EXPONENTIAL && !fr_check_argument(what, d->b, name)))
        return NULL;
    if (d->kind == FR_CATEGORICAL && (d->a->shape.ndim < 1 || d->b->shape.ndim < 1))
        return fr_fail(what, "%s has no dim of classes", name);
    return &families[d->kind];
}

static fr_distribution location_and_scale(const char *what, fr_distribution_kind kind, fr_tensor *loc, fr_tensor *scale)
{
    fr_composition c = fr_compose(what);
    bool ok =
        broadcast(what, &loc, "loc", &scale, "scale") && check_all(what, fr_gt_scalar(scale, 0), "scale", "above 0");

    return made(c, ok, kind, loc, scale);
}

fr_distribution fr_dist_normal(fr_tensor *loc, fr_tensor *scale)
{
    return location_and_scale("dist_normal", FR_NORMAL, loc, scale);
}

fr_distribution fr_dist_laplace(fr_tensor *loc, fr_tensor *scale)
{
    return location_and_scale("dist_laplace", FR_LAPLACE, loc, scale);
}

fr_distribution fr_dist_uniform(fr_tensor *low, fr_tensor *high)
{
    const char *what = "dist_uniform";
    fr_composition c = fr_compose(what);
    bool ok = broadcast(what, &low, "low", &high, "high") && check_all(what, fr_lt(low, high), "low", "below high");

    return made(c, ok, FR_UNIFORM, low, high);
}

fr_distribution fr_dist_exponential(fr_tensor *rate)
{
    const char *what = "dist_exponential";
    fr_composition c = fr_compose(what);
    bool ok = check_floats(what, rate, "rate") && check_all(what, fr_gt_scalar(rate, 0), "rate", "above 0");

    return made(c, ok, FR_EXPONENTIAL, rate, NULL);
}

/* True if just one of the two is given, a float tensor; probabilities are from 0 to most. */
static bool check_given(const char *what, fr_tensor *probs, fr_tensor *logits, double most)
{
    if (probs && logits)
        return fr_check_argument(what, probs, "probs") && fr_check_argument(what, logits, "logits") &&
               fr_fail(what, "both probs and logits given, expected one of them");
    if (logits)
        return check_floats(what, logits, "logits");
    return check_floats(what, probs, "probs (and logits)") &&
           check_all(what, fr_mul(fr_ge_scalar(probs, 0), fr_le_scalar(probs, most)), "probs",
                     most == 1 ? "in [0, 1]" : "0 or more and finite");
}

fr_distribution fr_dist_bernoulli(fr_tensor *probs, fr_tensor *logits)
{
    fr_composition c = fr_compose("dist_bernoulli");
    bool ok = check_given("dist_bernoulli", probs, logits, 1);

    if (ok && logits)
        probs = fr_sigmoid(logits);
    else if (ok)
        logits = fr_sub(fr_log(kept_inside(probs)), fr_log1p(fr_neg(kept_inside(probs))));
    return made(c, ok, FR_BERNOULLI, probs, logits);
}

fr_distribution fr_dist_categorical(fr_tensor *probs, fr_tensor *logits)
{
    const char *what = "dist_categorical";
    fr_composition c = fr_compose(what);
    bool ok = check_given(what, probs, logits, DBL_MAX);

    if (ok && (probs ? probs : logits)->shape.ndim < 1)
        ok = fr_fail(what, "a scalar given, expected (..., C)");
    if (ok && logits) {
        probs = fr_softmax(logits, -1);
        logits = fr_log_softmax(logits, -1);
    } else if (ok) {
        fr_tensor *sums = fr_sum_dim(probs, -1, true);

        ok = check_all(what, fr_gt_scalar(sums, 0), "the sum of probs", "above 0");
        probs = fr_div(probs, sums);
        logits = fr_log(kept_inside(probs));
    }
    return made(c, ok, FR_CATEGORICAL, probs, logits);
}

/* A draw for shape and d's own dims. */
static fr_tensor *draw(const char *what, const fr_distribution *d, const family *f, const fr_shape *shape)
{
    fr_shape all = *shape;
    int64_t numel;
    char a[FR_SHAPE_TEXT], b[FR_SHAPE_TEXT];

    if (!fr_shape_check(what, shape, FR_F64, &numel))
        return NULL;
    if (all.ndim + d->a->shape.ndim > FR_MAX_DIMS)
        return fr_fail(what, "%s of %s: more than %d dims", fr_shape_text(shape, a), fr_shape_text(&d->a->shape, b),
                       FR_MAX_DIMS);
    for (int i = 0; i < d->a->shape.ndim; i++)
        all.dim[all.ndim++] = d->a->shape.dim[i];

    fr_tensor *like = fr_expand(d->a, all);

    return like ? f->draw(d, like) : NULL;
}

fr_tensor *fr_dist_sample(const fr_distribution *d, fr_shape shape)
{
    fr_composition c = fr_compose("dist_sample");
    const family *f = family_of("dist_sample", d, "d");
    int no_grad = fr_no_grad_begin();
    fr_tensor *y = f ? draw("dist_sample", d, f, &shape) : NULL;

    fr_no_grad_end(no_grad);
    return fr_composed(c, y);
}

fr_tensor *fr_dist_rsample(const fr_distribution *d, fr_shape shape)
{
    fr_composition c = fr_compose("dist_rsample");
    const family *f = family_of("dist_rsample", d, "d");

    if (f && f->discrete)
        f = fr_fail("dist_rsample", "%s has no gradient: use fr_dist_sample", f->name);
    return fr_composed(c, f ? draw("dist_rsample", d, f, &shape) : NULL);
}

fr_tensor *fr_dist_log_prob(const fr_distribution *d, fr_tensor *value)
{
    fr_composition c = fr_compose("dist_log_prob");
    const family *f = family_of("dist_log_prob", d, "d");

    return fr_composed(c, f && fr_check_argument("dist_log_prob", value, "value") ? f->log_prob(d, value) : NULL);
}

fr_tensor *fr_dist_kl_divergence(const fr_distribution *p, const fr_distribution *q)
{
    fr_composition c = fr_compose("dist_kl_divergence");
    const family *f = family_of("dist_kl_divergence", p, "p"), *g = f ? family_of("dist_kl_divergence", q, "q") : NULL;

    if (g && f != g)
        g = fr_fail("dist_kl_divergence", "of %s from %s: expected two of one kind", f->name, g->name);
    return fr_composed(c, g ? f->divergence(p, q) : NULL);
}

/* f(d), for the public function of that name. */
static fr_tensor *property(const char *what, const fr_distribution *d, const family *f,
                           fr_tensor *(*compute)(const fr_distribution *d))
{
    return f && compute ? compute(d) : f ? fr_fail(what, "%s has none", f->name) : NULL;
}

fr_tensor *fr_dist_entropy(const fr_distribution *d)
{
    fr_composition c = fr_compose("dist_entropy");
    const family *f = family_of("dist_entropy", d, "d");

    return fr_composed(c, property("dist_entropy", d, f, f ? f->entropy : NULL));
}

fr_tensor *fr_dist_mean(const fr_distribution *d)
{
    fr_composition c = fr_compose("dist_mean");
    const family *f = family_of("dist_mean", d, "d");

    return fr_composed(c, property("dist_mean", d, f, f ? f->mean : NULL));
}

fr_tensor *fr_dist_variance(const fr_distribution *d)
{
    fr_composition c = fr_compose("dist_variance");
    const family *f = family_of("dist_variance", d, "d");

    return fr_composed(c, property("dist_variance", d, f, f ? f->variance : NULL));
}

fr_tensor *fr_dist_stddev(const fr_distribution *d)
{
    fr_composition c = fr_compose("dist_stddev");
    const family *f = family_of("dist_stddev", d, "d");

    return fr_composed(c, fr_sqrt(property("dist_stddev", d, f, f ? f->variance : NULL)));
}
