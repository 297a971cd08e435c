/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The kernels of a pointwise loss, which kernels/make_loss.h makes. */
#ifndef FROND_KERNELS_LOSS_H
#define FROND_KERNELS_LOSS_H

#include "core/base.h"

/* Kernels for n values of each array; attributes are two numbers. */
typedef struct {
    /* Writes the losses l. Returns false if a value is not valid. */
    bool (*forward)(int64_t n, const void *x, const void *y, const void *w, void *l, const double *attributes);
    /* Write the gradients of x, y and w to out; NULL: w has none. */
    void (*backward[3])(int64_t n, const void *dl, const void *x, const void *y, const void *w, void *out,
                        const double *attributes);
} fr_loss_kernels;

#endif
