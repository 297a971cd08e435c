/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What losses share: the pointwise ones their loop over rows of values, and all of them the reduction. */
#ifndef FROND_OPS_LOSS_LOSS_H
#define FROND_OPS_LOSS_LOSS_H

#include "kernels/loss.h"
#include "ops/op.h"

#include <frond/autograd.h>
#include <frond/c_code.h>

/* --- The public functions ---------------------------------------------------------------------------------------- */

/* What a public function does with the losses that its op gives. */
typedef struct {
    fr_reduction reduction;
    bool batch_mean;       /* the function takes FR_BATCHMEAN too */
    fr_tensor *weight;     /* of each loss; broadcasts to the losses; or NULL */
    bool over_weights;     /* FR_MEAN divides by the sum of weight */
    fr_tensor *pos_weight; /* broadcasts to the prediction and becomes input 2; or NULL */
    /* FR_MEAN of the sum of the losses, by the op's n inputs and its attributes; NULL: over the number of losses. */
    fr_tensor *(*divide)(fr_tensor *sum, fr_tensor *const *in, int n, const void *attributes);
    void *const *reserved; /* the reserved fields of the caller's options; NULL: there are no options */
    bool missing;          /* a tensor of the caller's options is NULL: it was not given, or an earlier call failed */
} fr_loss_options;

/* Applies op for the public function `what`. op takes in[0] and in[1], or, if its inputs are -1, in[2] as well unless
 * that is NULL. */
fr_tensor *fr_apply_loss(const char *what, const fr_op *op, fr_tensor *const in[3], const void *attributes,
                         const fr_loss_options *options);

/* For a loss composed of ops: true if its inputs x and y are there and of one shape; the losses l, reduced, NULL if l
 * is. */
bool fr_check_loss_inputs(const char *what, const fr_tensor *x, const char *x_name, const fr_tensor *y,
                          const char *y_name);
fr_tensor *fr_reduce_losses(const char *what, fr_tensor *l, fr_reduction reduction, void *const *reserved);

/* --- Pointwise losses, of a prediction and a target of one shape -------------------------------------------------- */

/* What the entries of these ops have in common. The file defines the functions that are named here. */
#define FR_LOSS_OP(NAME, INFER)                                                                                        \
    .name = NAME, .shapes = "(*) (*) -> () or (*)", .inputs = 2, .outputs = 1, .saves_inputs = 3, .infer = INFER,      \
    .expanded_gradients = true, .forward = forward, .backward_kernel = backward_kernel, .definition = definition,      \
    .c_code = c_code

/* smooth_l1 with a beta of 0 is l1. */
extern const fr_op fr_l1_op;

/* infer: the target must have the prediction's shape, which is also that of the losses. */
bool fr_infer_loss(fr_op_call *call);

/* The kernels of a file, for a dtype: kernels/make_loss.h makes them. */
typedef const fr_loss_kernels *fr_loss_kernels_of(fr_dtype dtype);

/* Returns false if a value is not valid. */
bool fr_loss_forward(fr_op_call *call, fr_loss_kernels_of *kernels);
/* backward_kernel: the gradients of all inputs that need one. */
void fr_loss_backward(fr_op_call *call, fr_loss_kernels_of *kernels);

#endif
