/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What an optimiser is made of. optim.c does for all of them what does not depend on the rule: it holds parameters and
 * state, walks them and makes the public functions. A new one is a file with its fr_optim_kind and the function that
 * makes it, its prototype, and its line in fragment.am. */
#ifndef FROND_OPTIM_OPTIM_H
#define FROND_OPTIM_OPTIM_H

#include "core/cpu.h"
#include "core/internal.h"

#include <frond/optim.h>

enum { FR_OPTIM_STATES = 2 }; /* at most, for each parameter */

/* A step's work on one parameter, or on a part of it: n values of it, of its gradient and of each state, all of one
 * dtype and without gaps. States are 0 before the first step. */
typedef struct {
    const void *options; /* as fr_optim_new was given them */
    double lr;
    int64_t step; /* of this parameter: 1, 2, ... */
    fr_dtype dtype;
    int64_t n;
    void *p;
    const void *g;
    void *state[FR_OPTIM_STATES]; /* NULL from fr_optim_new's states on */
} fr_optim_update;

typedef struct {
    const char *name; /* of the function that makes it, without fr_ */
    size_t options_size;
    void (*update)(const fr_optim_update *u);
} fr_optim_kind;

/* An optimiser of m's parameters that keeps so many states for each; options are copied. NULL with an error for NULL, a
 * module without parameters, and one whose values overlap. */
fr_optim *fr_optim_new(const fr_optim_kind *kind, fr_module *m, int states, double lr, const void *options);

#endif
