/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Rprop: Riedmiller and Braun, "A Direct Adaptive Method for Faster Backpropagation Learning: The RPROP Algorithm",
 * 1993. kernels/rprop.c has the formulas. */
#include "optim/optim.h"

static unsigned needed_states(const void *options)
{
    (void)options;
    return 1U << FR_RPROP_PREV | 1U << FR_RPROP_STEP_SIZE;
}

static bool is_consistent(const void *options, char error[FR_OPTIM_ERROR])
{
    const fr_rprop_options *o = options;

    snprintf(error, FR_OPTIM_ERROR, "etaminus %g and etaplus %g, expected 0 < etaminus < 1 < etaplus", o->etaminus,
             o->etaplus);
    return o->etaminus > 0 && o->etaplus > 1;
}

static const fr_optim_option rprop_options[] = {
    { FR_OPTIM_FIELD(fr_rprop_options, lr), .default_value = 1e-2, .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_rprop_options, etaminus), .default_value = 0.5, .limit = 1 },
    { FR_OPTIM_FIELD(fr_rprop_options, etaplus), .default_value = 1.2, .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_rprop_options, step_size_min), .default_value = 1e-6, .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_rprop_options, step_size_max), .default_value = 50, .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_rprop_options, maximize), .flag = true },
    { NULL },
};

static const fr_optim_kind rprop_kind = { .name = "rprop",
                                          .states = { [FR_RPROP_PREV] = "prev", [FR_RPROP_STEP_SIZE] = "step_size" },
                                          .options = rprop_options,
                                          .size = sizeof(fr_rprop_options),
                                          .reserved = offsetof(fr_rprop_options, reserved),
                                          .needed_states = needed_states,
                                          .consistent = is_consistent,
                                          .update = fr_rprop_update };

fr_optim *fr_rprop(fr_module *m, const fr_rprop_options *options)
{
    return fr_optim_make(&rprop_kind, m, options);
}
