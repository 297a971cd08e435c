/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's normalisations, dropout and losses, by frond's ops. */
#include <config.h>

#include "core/shape.h"
#include "onnx/import.h"

#include <frond/op.h>
#include <frond/ops.h>
#include <math.h>

/* --- Norms and dropout ------------------------------------------------------------------------------------------- */

static double epsilon(const fr_import_call *c)
{
    double eps = fr_import_float(c, "epsilon", 1e-5);

    return eps == 0 ? FR_ZERO : eps;
}

/* Outputs 1 and 2 of LayerNormalization: the mean and the inverse deviation over the dims. */
static void return_statistics(fr_import_call *c, fr_shape dims)
{
    fr_tensor *variance = fr_var_dims(c->in[0], dims, 0, true);

    c->out[1] = fr_mean_dims(c->in[0], dims, true);
    c->out[2] = fr_rsqrt(fr_add_scalar(variance, fr_import_float(c, "epsilon", 1e-5)));
}

/* A scale that is not of the normalized shape is multiplied with the result, as ONNX broadcasts it. */
static bool run_layer_norm(fr_import_call *c)
{
    bool rms = strcmp(c->op->type, "RMSNormalization") == 0;
    int dim = fr_import_axis_of_input(c, 2, -1);
    fr_shape normalized = { 0 }, dims = { 0 };
    fr_tensor *y;

    if (dim < 0)
        return false;
    for (int i = dim; i < c->in[0]->shape.ndim; i++) {
        dims.dim[dims.ndim++] = i;
        normalized.dim[normalized.ndim++] = c->in[0]->shape.dim[i];
    }

    fr_tensor *scale = c->in[1], *shift = fr_import_input(c, 2);
    bool fits = fr_shape_equal(&scale->shape, &normalized) && (!shift || fr_shape_equal(&shift->shape, &normalized));

    y = rms ? fr_rms_norm(c->in[0], normalized, fits ? scale : NULL, epsilon(c))
            : fr_layer_norm(c->in[0], normalized, fits ? scale : NULL, fits ? shift : NULL, epsilon(c));
    if (!fits)
        y = fr_mul(y, scale);
    if (!fits && shift)
        y = fr_add(y, shift);
    if (c->outputs > 1)
        return_statistics(c, dims);
    return fr_import_return(c, y);
}

/* InstanceNormalization is that of a group for each channel. Before operator set 21 scale and bias were of groups. */
static bool run_group_norm(fr_import_call *c)
{
    bool instances = strcmp(c->op->type, "InstanceNormalization") == 0;

    if (!fr_import_require(c, 3))
        return false;

    fr_tensor *x = c->in[0], *scale = c->in[1], *bias = c->in[2];
    int64_t channels = x->shape.ndim < 2 ? 0 : x->shape.dim[1], groups = fr_import_int(c, "num_groups", 0);

    groups = instances ? channels : groups;
    if (!instances && c->opset < 21 && groups > 0) {
        scale = fr_repeat_interleave(scale, channels / groups, 0);
        bias = fr_repeat_interleave(bias, channels / groups, 0);
    }
    return fr_import_return(c, fr_group_norm(x, groups, scale, bias, epsilon(c)));
}

static bool run_batch_norm(fr_import_call *c)
{
    if (!fr_import_require(c, 5))
        return false;
    for (int i = 1; i < c->outputs; i++) /* more outputs meant training mode before operator set 14 */
        if (c->node->output[i][0])
            return fr_import_fail(c, "it is in training mode");
    if (fr_import_int(c, "training_mode", 0))
        return fr_import_fail(c, "it is in training mode");
    return fr_import_return(c, fr_batch_norm(c->in[0], c->in[3], c->in[4], c->in[1], c->in[2],
                                             &(fr_batch_norm_options){ .eps = epsilon(c) }));
}

/* x / (bias + alpha / size times the sum of x^2 over `size` channels around)^beta */
static bool run_lrn(fr_import_call *c)
{
    int64_t size = fr_import_int(c, "size", 0);
    double alpha = fr_import_float(c, "alpha", 1e-4), beta = fr_import_float(c, "beta", 0.75);
    int64_t around[2 * FR_MAX_DIMS] = { 0 };
    fr_tensor *x = fr_import_input(c, 0), *sum;

    if (!fr_import_require(c, 1))
        return false;
    if (x->shape.ndim < 2 || size < 1 || size > INT32_MAX)
        return fr_import_fail(c, "expected x (N, C, ...) and a size");
    around[2 * (x->shape.ndim - 2)] = (size - 1) / 2;
    around[2 * (x->shape.ndim - 2) + 1] = size / 2;
    sum = fr_sum_dim(fr_unfold(fr_pad(fr_square(x), around, 2 * x->shape.ndim, 0), 1, size, 1), -1, false);
    sum = fr_add_scalar(fr_mul_scalar(sum, alpha / (double)size), fr_import_float(c, "bias", 1));
    return fr_import_return(c, fr_div(x, fr_pow_scalar(sum, beta)));
}

/* In evaluation dropout changes nothing. Since operator set 12 input 2 tells whether it is in training. */
static bool run_dropout(fr_import_call *c)
{
    const fr_tensor *training = fr_import_input(c, 2);

    if (!fr_import_require(c, 1))
        return false;
    if (training && training->numel > 0 && fr_at(training, 0) != 0)
        return fr_import_fail(c, "it is in training mode");
    c->out[1] = c->outputs > 1 ? fr_ones_like(c->in[0]) : NULL;
    return fr_import_return(c, c->in[0]);
}

/* --- Losses ------------------------------------------------------------------------------------------------------ */

/* Of log-probabilities or scores (N,C,...) and classes (N,...); output 1 of scores: the log-probabilities. */
static bool run_loss(fr_import_call *c)
{
    static const char *const reductions[] = { "mean", "sum", "none", NULL };
    static const fr_reduction known[] = { FR_MEAN, FR_SUM, FR_NONE };
    int reduction = fr_import_choice(c, "reduction", reductions);
    fr_nll_options o = { .weight = fr_import_input(c, 2), .ignore = true, .ignore_index = INT64_MIN };
    fr_tensor *x = fr_import_input(c, 0);

    if (reduction < 0 || !fr_import_require(c, 2))
        return false;
    o.reduction = known[reduction];
    o.ignore_index = fr_import_int(c, "ignore_index", INT64_MIN);
    if (strcmp(c->op->type, "SoftmaxCrossEntropyLoss") == 0)
        x = c->out[1] = fr_log_softmax(x, 1);
    return fr_import_return(c, fr_nll_with(x, c->in[1], &o));
}

/* --- The table --------------------------------------------------------------------------------------------------- */

#define LOSS "reduction ignore_index"

static const fr_import_op ops[] = {
    { "BatchNormalization", "epsilon momentum training_mode", .run = run_batch_norm },
    { "Dropout", "ratio seed", .others = FR_ONNX_BOOL, .run = run_dropout },
    { "GroupNormalization", "epsilon num_groups stash_type", .run = run_group_norm },
    { "InstanceNormalization", "epsilon", .run = run_group_norm },
    { "LRN", "alpha beta bias size", .run = run_lrn },
    { "LayerNormalization", "axis epsilon stash_type", .run = run_layer_norm },
    { "NegativeLogLikelihoodLoss", LOSS, .run = run_loss },
    { "RMSNormalization", "axis epsilon stash_type", .run = run_layer_norm },
    { "SoftmaxCrossEntropyLoss", LOSS, .run = run_loss },
};

const fr_import_op_table fr_import_nn_ops = { ops, sizeof ops / sizeof *ops };
