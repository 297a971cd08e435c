/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Adam: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015; with amsgrad: Reddi, Kale and Kumar, "On the
 * Convergence of Adam and Beyond", 2018. AdamW: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019.
 * kernels/adam.c has the formulas. */
#include "optim/optim.h"

static unsigned needed_states(const void *options)
{
    return ((const fr_adam_options *)options)->amsgrad ? 7 : 3;
}

static const fr_optim_option adam_options[] = {
    { FR_OPTIM_FIELD(fr_adam_options, lr), .default_value = 1e-3, .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_adam_options, beta1), .default_value = 0.9, .limit = 1 },
    { FR_OPTIM_FIELD(fr_adam_options, beta2), .default_value = 0.999, .limit = 1 },
    { FR_OPTIM_FIELD(fr_adam_options, eps), .default_value = 1e-8, .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_adam_options, weight_decay), .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_adam_options, maximize), .flag = true },
    { FR_OPTIM_FIELD(fr_adam_options, amsgrad), .flag = true },
    { NULL },
};

/* The same but for weight_decay's default. */
static const fr_optim_option adamw_options[] = {
    { FR_OPTIM_FIELD(fr_adamw_options, lr), .default_value = 1e-3, .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_adamw_options, beta1), .default_value = 0.9, .limit = 1 },
    { FR_OPTIM_FIELD(fr_adamw_options, beta2), .default_value = 0.999, .limit = 1 },
    { FR_OPTIM_FIELD(fr_adamw_options, eps), .default_value = 1e-8, .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_adamw_options, weight_decay), .default_value = 1e-2, .limit = INFINITY },
    { FR_OPTIM_FIELD(fr_adamw_options, maximize), .flag = true },
    { FR_OPTIM_FIELD(fr_adamw_options, amsgrad), .flag = true },
    { NULL },
};

static const fr_optim_kind adam_kind = { .name = "adam",
                                         .states = { "exp_avg", "exp_avg_sq", "max_exp_avg_sq" },
                                         .options = adam_options,
                                         .size = sizeof(fr_adam_options),
                                         .reserved = offsetof(fr_adam_options, reserved),
                                         .needed_states = needed_states,
                                         .update = fr_adam_update };

static const fr_optim_kind adamw_kind = { .name = "adamw",
                                          .states = { "exp_avg", "exp_avg_sq", "max_exp_avg_sq" },
                                          .options = adamw_options,
                                          .size = sizeof(fr_adamw_options),
                                          .reserved = offsetof(fr_adamw_options, reserved),
                                          .needed_states = needed_states,
                                          .update = fr_adamw_update };

fr_optim *fr_adam(fr_module *m, const fr_adam_options *options)
{
    return fr_optim_make(&adam_kind, m, options);
}

fr_optim *fr_adamw(fr_module *m, const fr_adamw_options *options)
{
    return fr_optim_make(&adamw_kind, m, options);
}
