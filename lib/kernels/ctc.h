/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Connectionist temporal classification: the probability of a row's labels, summed over all ways to write them in its
 * time steps with repeats and blanks between; and its gradient. A. Graves, S. Fernández, F. Gomez, J. Schmidhuber,
 * "Connectionist temporal classification", 2006. */
#ifndef FROND_KERNELS_CTC_H
#define FROND_KERNELS_CTC_H

#include "core/base.h"

/* N rows, T steps, C classes. All lengths and labels have been checked. */
typedef struct {
    int64_t steps, rows, classes, blank;
    int64_t width;                 /* of targets (N,S), padded; -1: targets stand one after another */
    const void *log_probs;         /* (T,N,C) */
    const int64_t *targets;        /* (N,S), or as many as target_lengths add up to */
    const int64_t *input_lengths;  /* (N), 0..T */
    const int64_t *target_lengths; /* (N) */
    bool zero_infinity;            /* a loss that is infinite counts as 0, as does its gradient */
} fr_ctc;

/* Fills losses (N), and alpha for backward, with room for T values for each of the 2 target + N labels and blanks. */
void fr_ctc_forward(fr_dtype dtype, const fr_ctc *c, void *losses, void *alpha);
/* dx (T,N,C), of dl (N). False: out of memory. */
bool fr_ctc_backward(fr_dtype dtype, const fr_ctc *c, const void *alpha, const void *dl, void *dx);

#endif
