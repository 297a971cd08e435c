/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Stochastic gradient descent, with momentum and Nesterov momentum. kernels/sgd.c has the formulas. */
#include "optim/optim.h"

static unsigned needed_states(const void *options)
{
    return ((const fr_sgd_options *)options)->momentum != 0;
}

static bool is_consistent(const void *options, char error[FR_OPTIM_ERROR])
{
    const fr_sgd_options *o = options;

    snprintf(error, FR_OPTIM_ERROR, "nesterov with momentum %g and dampening %g, expected momentum > 0 and dampening 0",
             o->momentum, o->dampening);
    return !o->nesterov || (o->momentum > 0 && o->dampening == 0);
}

static const fr_optim_option sgd_options[] = {
    { FR_OPTIM_FIELD(fr_sgd_options, lr), .default_value = 1e-3, .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_sgd_options, momentum), .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_sgd_options, dampening), .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_sgd_options, weight_decay), .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_sgd_options, nesterov), .flag = true },
    { FR_OPTIM_FIELD(fr_sgd_options, maximize), .flag = true },
    { NULL },
};

static const fr_optim_kind sgd_kind = { .name = "sgd",
                                        .states = { "momentum_buffer" },
                                        .options = sgd_options,
                                        .size = sizeof(fr_sgd_options),
                                        .reserved = offsetof(fr_sgd_options, reserved),
                                        .needed_states = needed_states,
                                        .consistent = is_consistent,
                                        .update = fr_sgd_update };

fr_optim *fr_sgd(fr_module *m, const fr_sgd_options *options)
{
    return fr_optim_make(&sgd_kind, m, options);
}
