/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Adagrad: Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization",
 * JMLR 12, 2011. kernels/adagrad.c has the formulas. */
#include "optim/optim.h"

static unsigned needed_states(const void *options)
{
    (void)options;
    return 1;
}

static const fr_optim_option adagrad_options[] = {
    { FR_OPTIM_FIELD(fr_adagrad_options, lr), .default_value = 1e-2, .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_adagrad_options, lr_decay), .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_adagrad_options, weight_decay), .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_adagrad_options, initial_accumulator_value), .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_adagrad_options, eps), .default_value = 1e-10, .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_adagrad_options, maximize), .flag = true },
    { NULL },
};

static const fr_optim_kind adagrad_kind = { .name = "adagrad",
                                            .states = { "sum" },
                                            .options = adagrad_options,
                                            .size = sizeof(fr_adagrad_options),
                                            .reserved = offsetof(fr_adagrad_options, reserved),
                                            .needed_states = needed_states,
                                            .update = fr_adagrad_update };

fr_optim *fr_adagrad(fr_module *m, const fr_adagrad_options *options)
{
    return fr_optim_make(&adagrad_kind, m, options);
}
