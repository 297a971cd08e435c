/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Losses of classes: what nll and cross_entropy share. Input 0 holds for each row a value of each class, (B,C),
 * (B,C,...) or (C); rows, (B), (B,...) or (), are what is left without C. Input 1 is the target: each row's class,
 * int64. Input 2, which may be missing, weighs the classes: (C). */
#ifndef FROND_OPS_LOSS_CLASS_LOSS_H
#define FROND_OPS_LOSS_CLASS_LOSS_H

#include "ops/loss/loss.h"
#include "ops/reduce/reduce.h"

enum { FR_IGNORED_CLASS = -100 }; /* PyTorch's default */

typedef struct {
    int64_t ignored;  /* rows of this class do not count */
    bool ignores;     /* ... and it was given */
    double smoothing; /* how much of a row's target is spread evenly over all classes, 0..1 */
} fr_class_attributes;

/* The dim C of such an input, as an attribute of reductions. */
fr_over fr_over_classes(const fr_shape *shape);

/* infer: output 0 is of the rows' shape. name: of input 0, for errors; probabilities: the target may also be those, of
 * input 0's shape and dtype. */
bool fr_infer_classes(fr_op_call *call, const char *name, bool probabilities);
/* Whether each class of the target is one of 0..n-1 or ignored; if not the call fails. */
bool fr_check_classes(fr_op_call *call, int64_t n);

/* Where row i's first class lies in input 0; the others are split->inner further on each. */
static inline int64_t fr_first_class(const fr_split *split, int64_t i)
{
    return i / split->inner * split->n * split->inner + i % split->inner;
}

/* For definitions, of log-probabilities of input 0's shape: each times its class's weight, if there are weights; and
 * the losses. */
fr_tensor *fr_weighted(fr_op_call *call, fr_tensor *logs);
fr_tensor *fr_class_losses(fr_op_call *call, fr_tensor *logs);

/* fr_loss_how.count: the number of rows that count, or the sum of their classes' weights; with probabilities the number
 * of rows, whatever they weigh. in[] went through the op, so classes are in range. */
double fr_count_rows(fr_tensor *const *in, int n, const void *attributes);

#endif
