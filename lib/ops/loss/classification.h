/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Classification losses: what nll and cross_entropy share. Input 0 holds a value of each class for each row: (B,C),
 * (B,C,...) or (C). Its rows are what is left without C: (B), (B,...) or (). Input 1 is the target, the class of each
 * row, int64. Input 2, if given, is the weight of each class: (C). */
#ifndef FROND_OPS_LOSS_CLASSIFICATION_H
#define FROND_OPS_LOSS_CLASSIFICATION_H

#include "kernels/cross_entropy.h"
#include "ops/loss/loss.h"
#include "ops/reduce/reduce.h"

enum { FR_IGNORE_INDEX = -100 }; /* PyTorch's default */

typedef struct {
    int64_t ignore_index;   /* rows of this class do not count */
    bool has_ignore_index;  /* the caller gave it */
    double label_smoothing; /* the part of a row's target that is spread evenly over all classes, 0 to 1 */
} fr_classification_attributes;

/* The dim C of input 0's shape, as attributes of reductions. */
fr_reduce_attributes fr_class_dim(const fr_shape *shape);

/* infer: output 0 has the shape of the rows. name: of input 0, for errors. probabilities: the target may also be those,
 * of input 0's shape and dtype. */
bool fr_infer_classification(fr_op_call *call, const char *name, bool probabilities);
/* Fails for a class of the target that is not one of 0 to C-1 or ignored. */
bool fr_check_classes(fr_op_call *call);

/* The inputs, as kernels take them. */
fr_class_target fr_class_target_of(const fr_op_call *call);

/* For definitions, of log-probabilities of input 0's shape: these times the weight of each class, if there are weights;
 * and the losses of all rows, where the target is classes. */
fr_tensor *fr_weigh_classes(fr_op_call *call, fr_tensor *log_p);
fr_tensor *fr_nll_definition(fr_op_call *call, fr_tensor *log_p);

/* In C: false, with an error, for what makes the mean of the losses depend on the values of the target: class weights
 * and rows that do not count. */
bool fr_c_can_classify(fr_c_writer *w, const fr_op_call *call);

/* For fr_loss_options: the sum of the losses over the number of rows that count, or over the sum of the weights of
 * their classes; for a target of probabilities, over all rows. */
fr_tensor *fr_divide_by_classes(fr_tensor *sum, fr_tensor *const *in, int n, const void *attributes);

#endif
