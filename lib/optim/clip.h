/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The common norm of gradients, for clipping and for logs. */
#ifndef FROND_OPTIM_CLIP_H
#define FROND_OPTIM_CLIP_H

#include "core/base.h"

/* Computes the p-norm, p > 0, of the gradients of n parameters taken together, as fr_clip_grad_norm_with does, and the
 * dtype that it is rounded to. False with an error if memory runs out. */
bool fr_gradient_norm(const char *what, fr_tensor *const *parameters, int n, double p, double *norm, fr_dtype *dtype);

#endif
