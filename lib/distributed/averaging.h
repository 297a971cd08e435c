/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Means of an optimiser's gradients over the ranks. */
#ifndef FROND_DISTRIBUTED_AVERAGING_H
#define FROND_DISTRIBUTED_AVERAGING_H

#include "distributed/rank_sum.h"
#include "graph/gradient_set.h"
#include "optim/optim.h"

typedef struct {
    fr_rank_sum sum;
    int64_t missing; /* values that the running backward has not brought yet */
    bool started;
} fr_portion;

/* The parameters and buffers of one dtype. */
typedef struct {
    fr_dtype dtype;
    int64_t n, portion; /* values; those of a portion, a multiple of the number of ranks */
    char *values;
    size_t bytes;
    fr_portion *portions;
} fr_gradient_array;

typedef struct {
    fr_gradient_array *array;
    int64_t at; /* value, from the array's beginning */
} fr_place;

typedef struct fr_averaging {
    fr_gradient_set set; /* of the optimiser's parameters */
    fr_process_group *group;
    fr_optim *optim;
    fr_tensor **buffer; /* the floating ones */
    int buffers;
    fr_gradient_array arrays[2]; /* of float32 and of float64 */
    fr_portion *portions;        /* of both */
    int count;
    fr_place *places; /* of the parameters, then of the buffers */
    fr_tensor **late; /* gradients of parameters that have one on other ranks alone; else NULL */
    bool running;     /* a backward that takes means, from the first gradient to the end */
    bool no_sync;
    bool unsynced; /* gradients have been accumulated that are this rank's alone */
} fr_averaging;

/* From now on gradients of o's parameters are means over the ranks. False with an error. */
bool fr_average_gradients(const char *what, fr_process_group *g, fr_optim *o);

#endif
