/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Probability distributions, like torch.distributions. A distribution is a small struct that points to its parameters;
 * these belong to the scope that was open when it was made, and it is gone with them. Nothing is to be freed:
 *
 *     fr_distribution policy = fr_dist_categorical(NULL, logits);
 *     fr_tensor *action = fr_dist_sample(&policy, FR_SHAPE());
 *     fr_tensor *loss = fr_mean(fr_neg(fr_mul(fr_dist_log_prob(&policy, action), reward)));
 *
 * Draws are PyTorch's for the same seed. Everything but fr_dist_sample has gradients. Parameters and values broadcast
 * and have one dtype, float32 or float64. All functions fail for a distribution that could not be made. */
#ifndef FROND_DISTRIBUTIONS_H
#define FROND_DISTRIBUTIONS_H

#include <frond/ops.h>

FR_BEGIN_DECLS

typedef enum { FR_NORMAL, FR_LAPLACE, FR_UNIFORM, FR_EXPONENTIAL, FR_BERNOULLI, FR_CATEGORICAL } fr_distribution_kind;
typedef struct {
    fr_distribution_kind kind;
    fr_tensor *a, *b; /* loc and scale; low and high; rate; probs and logits. NULL in both: it could not be made */
} fr_distribution;

/* Make a distribution of each value of the (broadcast) parameters. They fail for a scale or rate that is not above 0,
 * for low not below high, and for parameters that do not broadcast. */
fr_distribution fr_dist_normal(fr_tensor *loc, fr_tensor *scale);
fr_distribution fr_dist_laplace(fr_tensor *loc, fr_tensor *scale);
fr_distribution fr_dist_uniform(fr_tensor *low, fr_tensor *high);
fr_distribution fr_dist_exponential(fr_tensor *rate);
/* One of probs and logits is given, the other is NULL. Bernoulli: probs in [0,1] or their logits. Categorical: rows
 * (...,C) of probabilities, which are divided by their sum, or of unnormalised logarithms; its values are classes
 * (...). They fail for probabilities out of range. Afterwards a holds the probabilities and b the (normalised)
 * logits. */
fr_distribution fr_dist_bernoulli(fr_tensor *probs, fr_tensor *logits);
fr_distribution fr_dist_categorical(fr_tensor *probs, fr_tensor *logits);

/* Draw `shape` values of each distribution: (shape, that of the parameters); FR_SHAPE() for one. sample has no
 * gradient; of a categorical it is int64. rsample is made of the parameters and passes gradients on to them; it fails
 * for bernoulli and categorical, which have none. */
fr_tensor *fr_dist_sample(const fr_distribution *d, fr_shape shape);
fr_tensor *fr_dist_rsample(const fr_distribution *d, fr_shape shape);

/* The logarithm of the probability (density) of value, which broadcasts with the parameters; classes of any dtype.
 * Where value is impossible it is -inf, but fails for a class out of range and for bernoulli values but 0 and 1. */
fr_tensor *fr_dist_log_prob(const fr_distribution *d, fr_tensor *value);

fr_tensor *fr_dist_entropy(const fr_distribution *d); /* the entropy, in nats */
/* The Kullback-Leibler divergence of p from q, which are of one kind; fails for two kinds. Infinite where p may give
 * what q can't. */
fr_tensor *fr_dist_kl_divergence(const fr_distribution *p, const fr_distribution *q);

/* These fail for a categorical, which has none. */
fr_tensor *fr_dist_mean(const fr_distribution *d);
fr_tensor *fr_dist_variance(const fr_distribution *d);
fr_tensor *fr_dist_stddev(const fr_distribution *d);

FR_END_DECLS
#endif
