/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* RMSprop: Hinton, lecture 6 of "Neural Networks for Machine Learning", 2012; centered: Graves, "Generating Sequences
 * With Recurrent Neural Networks", 2013. kernels/rmsprop.c has the formulas. */
#include "optim/optim.h"

static unsigned needed_states(const void *options)
{
    const fr_rmsprop_options *o = options;

    return 1U << FR_RMSPROP_SQUARE_AVG | (unsigned)o->centered << FR_RMSPROP_GRAD_AVG |
           (unsigned)(o->momentum > 0) << FR_RMSPROP_MOMENTUM_BUFFER;
}

static const fr_optim_option rmsprop_options[] = {
    { FR_OPTIM_FIELD(fr_rmsprop_options, lr), .default_value = 1e-2, .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_rmsprop_options, alpha), .default_value = 0.99, .limit = 1 },
    { FR_OPTIM_FIELD(fr_rmsprop_options, eps), .default_value = 1e-8, .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_rmsprop_options, weight_decay), .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_rmsprop_options, momentum), .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_rmsprop_options, centered), .flag = true },
    { FR_OPTIM_FIELD(fr_rmsprop_options, maximize), .flag = true },
    { NULL },
};

static const fr_optim_kind rmsprop_kind = { .name = "rmsprop",
                                            .states = { [FR_RMSPROP_SQUARE_AVG] = "square_avg",
                                                        [FR_RMSPROP_GRAD_AVG] = "grad_avg",
                                                        [FR_RMSPROP_MOMENTUM_BUFFER] = "momentum_buffer" },
                                            .options = rmsprop_options,
                                            .size = sizeof(fr_rmsprop_options),
                                            .reserved = offsetof(fr_rmsprop_options, reserved),
                                            .needed_states = needed_states,
                                            .update = fr_rmsprop_update };

fr_optim *fr_rmsprop(fr_module *m, const fr_rmsprop_options *options)
{
    return fr_optim_make(&rmsprop_kind, m, options);
}
