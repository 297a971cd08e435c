/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* NAdam: Dozat, "Incorporating Nesterov Momentum into Adam", 2016. kernels/nadam.c has the formulas. */
#include "optim/optim.h"

static unsigned needed_states(const void *options)
{
    (void)options;
    return 3;
}

static const fr_optim_option nadam_options[] = {
    { FR_OPTIM_FIELD(fr_nadam_options, lr), .default_value = 2e-3, .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_nadam_options, beta1), .default_value = 0.9, .limit = 1 },
    { FR_OPTIM_FIELD(fr_nadam_options, beta2), .default_value = 0.999, .limit = 1 },
    { FR_OPTIM_FIELD(fr_nadam_options, eps), .default_value = 1e-8, .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_nadam_options, weight_decay), .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_nadam_options, momentum_decay), .default_value = 4e-3, .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_nadam_options, decoupled_weight_decay), .flag = true },
    { FR_OPTIM_FIELD(fr_nadam_options, maximize), .flag = true },
    { NULL },
};

static const fr_optim_kind nadam_kind = { .name = "nadam",
                                          .states = { "exp_avg", "exp_avg_sq" },
                                          .options = nadam_options,
                                          .size = sizeof(fr_nadam_options),
                                          .reserved = offsetof(fr_nadam_options, reserved),
                                          .needed_states = needed_states,
                                          .update = fr_nadam_update };

fr_optim *fr_nadam(fr_module *m, const fr_nadam_options *options)
{
    return fr_optim_make(&nadam_kind, m, options);
}
