/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The common norm of gradients, which are clipped by it. */
#ifndef FROND_OPTIM_CLIP_H
#define FROND_OPTIM_CLIP_H

#include "core/base.h"

/* The p-norm, p > 0, of the gradients of n parameters together, as fr_clip_grad_norm_with has it, in the dtype that it
 * is rounded to. False with an error: out of memory. */
bool fr_gradient_norm(const char *what, fr_tensor *const *parameters, int n, double p, double *norm, fr_dtype *dtype);

#endif
