/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Training without a loop of one's own. */
#ifndef FROND_FIT_H
#define FROND_FIT_H

#include <frond/data.h>
#include <frond/optim.h>

FR_BEGIN_DECLS

/* A loss of a prediction and a target, which fr_fit calls with FR_MEAN: fr_mse, fr_bce, fr_cross_entropy ... */
typedef fr_tensor *fr_loss_function(fr_tensor *x, fr_tensor *target, fr_reduction reduction);
/* Another number to watch: a tensor of one value, the mean over the rows, such as fr_accuracy. */
typedef fr_tensor *fr_metric_function(fr_tensor *x, fr_tensor *target);
/* The share of rows whose largest logit is that of their class, a tensor of the default dtype. logits (B,C) or
 * (B,C,...), target (B) or (B,...) int64. Fails for other shapes. */
fr_tensor *fr_accuracy(fr_tensor *logits, fr_tensor *target);

typedef struct {
    int64_t epochs; /* that were run */
    double loss;    /* of the last epoch: the mean over the training rows, each seen before the step that it led to */
    double validation_loss, metric; /* of the last epoch; NaN if there is none */
    double best_loss;               /* the least validation loss; without validation the least loss */
    int64_t best_epoch;             /* its epoch, counted from 1; 0 if there is none */
} fr_fit_result;

typedef struct {
    int64_t epochs;        /* default 10 */
    fr_loader *validation; /* measured after each epoch, in evaluation; NULL: none */
    /* The prediction for a batch; default: fr_forward(m, batch[0]). batch is that of fr_loader_next, and batch[1] is
     * the target. */
    fr_tensor *(*forward)(fr_module *m, fr_tensor *const *batch, void *user);
    fr_metric_function *metric; /* of the validation rows, without validation of the training rows; NULL: none */
    double clip_grad_norm;      /* 0: gradients are not clipped */
    fr_scheduler *scheduler; /* stepped after each epoch; fr_reduce_lr_on_plateau gets the loss that best_loss is of */
    int64_t patience;        /* stop after that many epochs without a better one; 0: never */
    bool keep_last;          /* keep the last weights, not those of the best epoch */
    int64_t every;           /* write a line after every so many epochs and after the last; default 1 */
    bool quiet;              /* write none */
    FILE *stream;            /* for the lines; default: standard error */
    bool (*on_epoch)(const fr_fit_result *so_far, void *user); /* called after each epoch; false stops */
    void *user;                                                /* for forward and on_epoch */
    fr_fit_result *result;                                     /* where to write the result, or NULL */
    void *reserved[8];
} fr_fit_options;

/* Trains m: in each epoch, for each batch of the loader, gradients are dropped, the loss of the prediction and batch[1]
 * computed, walked back, and o steps. With validation, m's parameters and buffers are at the end those of the best
 * epoch, unless keep_last. m is left in evaluation. options may be NULL.
 *
 * Where the loader is one of several processes' (fr_loader_shard), the losses are multiplied by fr_loader_weight, the
 * numbers are those of all processes together, and process 0 alone writes. Who gives m's parameters the mean of the
 * processes' gradients is <frond/distributed.h>.
 *
 * Returns false with an error if a call in it fails, if a loader has no batches or batches of one tensor, if a number
 * in the options is below 0 and if the loss of an epoch is not finite. Then m is as the last step left it. */
bool fr_fit(fr_module *m, fr_loss_function *loss, fr_optim *o, fr_loader *loader, const fr_fit_options *options);

FR_END_DECLS
#endif
