/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Adadelta: Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012. kernels/adadelta.c has the formulas. */
#include "optim/optim.h"

static unsigned needed_states(const void *options)
{
    (void)options;
    return 3;
}

static const fr_optim_option adadelta_options[] = {
    { FR_OPTIM_FIELD(fr_adadelta_options, lr), .default_value = 1, .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_adadelta_options, rho), .default_value = 0.9, .limit = 1 },
    { FR_OPTIM_FIELD(fr_adadelta_options, eps), .default_value = 1e-6, .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_adadelta_options, weight_decay), .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_adadelta_options, maximize), .flag = true },
    { NULL },
};

static const fr_optim_kind adadelta_kind = { .name = "adadelta",
                                             .states = { "square_avg", "acc_delta" },
                                             .options = adadelta_options,
                                             .size = sizeof(fr_adadelta_options),
                                             .reserved = offsetof(fr_adadelta_options, reserved),
                                             .needed_states = needed_states,
                                             .update = fr_adadelta_update };

fr_optim *fr_adadelta(fr_module *m, const fr_adadelta_options *options)
{
    return fr_optim_make(&adadelta_kind, m, options);
}
