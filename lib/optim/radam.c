/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* RAdam: Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", 2020. kernels/radam.c has the
 * formulas. */
#include "optim/optim.h"

static unsigned needed_states(const void *options)
{
    (void)options;
    return 3;
}

static const fr_optim_option radam_options[] = {
    { FR_OPTIM_FIELD(fr_radam_options, lr), .default_value = 1e-3, .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_radam_options, beta1), .default_value = 0.9, .limit = 1 },
    { FR_OPTIM_FIELD(fr_radam_options, beta2), .default_value = 0.999, .limit = 1 },
    { FR_OPTIM_FIELD(fr_radam_options, eps), .default_value = 1e-8, .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_radam_options, weight_decay), .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_radam_options, decoupled_weight_decay), .flag = true },
    { FR_OPTIM_FIELD(fr_radam_options, maximize), .flag = true },
    { NULL },
};

static const fr_optim_kind radam_kind = { .name = "radam",
                                          .states = { "exp_avg", "exp_avg_sq" },
                                          .options = radam_options,
                                          .size = sizeof(fr_radam_options),
                                          .reserved = offsetof(fr_radam_options, reserved),
                                          .needed_states = needed_states,
                                          .update = fr_radam_update };

fr_optim *fr_radam(fr_module *m, const fr_radam_options *options)
{
    return fr_optim_make(&radam_kind, m, options);
}
