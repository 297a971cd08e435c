/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Cross-entropy of logits and negative log likelihood of log-probabilities. x is (outer,n,inner): n classes of each of
 * outer * inner rows. */
#ifndef FROND_KERNELS_CROSS_ENTROPY_H
#define FROND_KERNELS_CROSS_ENTROPY_H

#include "core/base.h"
#include "kernels/dim_sizes.h"

typedef struct {
    fr_dim_sizes sizes; /* of x */
    const void *x;
    const int64_t *classes;    /* the target, (outer,inner): each row's class; or NULL, and then */
    const void *probabilities; /* the target is this, of x's shape */
    const void *weight;        /* (n), the weight of each class; or NULL */
    int64_t ignore_index;      /* rows of this class do not count */
    double label_smoothing;
    const void *parts; /* cross-entropy: (outer,inner,2) as fr_logsumexp_parts_reducer makes it */
} fr_class_target;

/* l (outer,inner): the losses of all rows. */
void fr_cross_entropy_forward(fr_dtype dtype, const fr_class_target *t, void *l);
/* dx and dp (outer,n,inner): the gradients of logits and of probabilities; dl (outer,inner) is that of l. */
void fr_cross_entropy_logits_backward(fr_dtype dtype, const fr_class_target *t, const void *dl, void *dx);
void fr_cross_entropy_target_backward(fr_dtype dtype, const fr_class_target *t, const void *dl, void *dp);

/* The same for nll, whose target is classes, without smoothing. */
void fr_nll_forward(fr_dtype dtype, const fr_class_target *t, void *l);
void fr_nll_backward(fr_dtype dtype, const fr_class_target *t, const void *dl, void *dx);

#endif
