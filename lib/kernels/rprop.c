/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Rprop. With g = grad (negated to maximise), and for each value a step size, lr at first:
 *
 *     size = size (etaplus if g prev > 0, etaminus if g prev < 0, else 1), kept in [step_size_min, step_size_max]
 *     g = 0 if g prev < 0
 *     p = p - sign(g) size,  prev = g */
#ifndef T
#include "kernels/optim.h"

#include <tgmath.h>

#define KERNEL_FILE "kernels/rprop.c"
#include "kernels/instantiate.h"

void fr_rprop_update(const fr_optim_update *u)
{
    FR_KERNEL_FOR(u->dtype, rprop)(u, u->options);
}
#else
static void FN(rprop)(const fr_optim_update *u, const fr_rprop_options *o)
{
    T *restrict param = u->param, *restrict prev = u->state[FR_RPROP_PREV];
    T *restrict step_size = u->state[FR_RPROP_STEP_SIZE];
    const T *restrict grad = u->grad;
    const T sign = o->maximize ? -1 : 1, plus = (T)o->etaplus, minus = (T)o->etaminus;
    const T least = (T)o->step_size_min, most = (T)o->step_size_max;
    const bool fresh = u->fresh >> FR_RPROP_STEP_SIZE & 1;

    for (int64_t i = 0; i < u->n; i++) {
        T g = sign * grad[i], turn = g * prev[i];
        T size = (fresh ? (T)o->lr : step_size[i]) * (turn > 0 ? plus : turn < 0 ? minus : 1);
        size = size < least ? least : size;
        size = size > most ? most : size;
        g = turn < 0 ? 0 : g;
        param[i] -= g > 0 ? size : g < 0 ? -size : 0;
        step_size[i] = size;
        prev[i] = g;
    }
}
#endif
