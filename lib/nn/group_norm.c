/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* GroupNorm, InstanceNorm1d and InstanceNorm2d. */
#include "core/options.h"
#include "nn/module.h"

#include <frond/op.h>
#include <inttypes.h>
#include <math.h>

typedef struct {
    int64_t groups; /* of GroupNorm */
    int dims;       /* of InstanceNorm: those after the channels */
    double eps, momentum;
    fr_tensor *weight, *bias;
    fr_tensor *running_mean, *running_var; /* NULL without track_running_stats */
} norm;

static fr_tensor *group_forward(fr_module *m, fr_tensor *x)
{
    const norm *n = fr_self(m);

    return fr_group_norm(x, n->groups, n->weight, n->bias, n->eps);
}

/* An x without a batch is a batch of one. */
static fr_tensor *instance_forward(fr_module *m, fr_tensor *x)
{
    const norm *n = fr_self(m);
    fr_instance_norm_options o = { .momentum = n->momentum,
                                   .eps = n->eps,
                                   .no_input_stats = n->running_mean && !m->training };
    bool single = x->shape.ndim == n->dims + 1;
    fr_tensor *y;
    char text[FR_SHAPE_TEXT];

    if (!single && x->shape.ndim != n->dims + 2)
        return fr_fail(n->dims == 1 ? "instance_norm1d" : "instance_norm2d", "x %s, expected (N, C, %s) or (C, %s)",
                       fr_shape_text(&x->shape, text), n->dims == 1 ? "L" : "H, W", n->dims == 1 ? "L" : "H, W");
    y = fr_instance_norm(single ? fr_unsqueeze(x, 0) : x, n->running_mean, n->running_var, n->weight, n->bias, &o);
    return single ? fr_squeeze(y, 0) : y;
}

static bool fill(const char *what, fr_module *m, int64_t channels, bool affine, bool bias, bool tracked)
{
    norm *n = fr_self(m);
    fr_shape shape = { 1, { channels } };
    fr_dtype dtype = fr_default_dtype();

    if (affine && !(n->weight = fr_constant_parameter(what, m, "weight", shape, 1)))
        return false;
    if (bias && !(n->bias = fr_constant_parameter(what, m, "bias", shape, 0)))
        return false;
    return !tracked || ((n->running_mean = fr_constant_buffer(what, m, "running_mean", shape, dtype, 0)) &&
                        (n->running_var = fr_constant_buffer(what, m, "running_var", shape, dtype, 1)) &&
                        fr_constant_buffer(what, m, "num_batches_tracked", FR_SHAPE(), FR_I64, 0));
}

fr_module *fr_nn_group_norm(int64_t num_groups, int64_t num_channels, const fr_nn_group_norm_options *options)
{
    static const fr_nn_group_norm_options defaults;
    const char *what = "nn_group_norm";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    const fr_nn_group_norm_options *o = options ? options : &defaults;
    bool bias = !o->no_affine && !o->no_bias;
    char text[160], eps[FR_NUMBER_TEXT];
    fr_module *m = NULL;

    if (num_groups < 1 || num_channels < 0 || num_channels % num_groups != 0)
        fr_fail(what, "%" PRId64 " groups of %" PRId64 " channels, expected a divisor", num_groups, num_channels);
    else if (fr_check_reserved(what, o->reserved) && fr_check_option(what, "eps", fr_option(o->eps, 1e-5), INFINITY))
        m = fr_module_new("GroupNorm", sizeof(norm), group_forward);
    if (m)
        *(norm *)fr_self(m) = (norm){ .groups = num_groups, .eps = o->eps };
    snprintf(text, sizeof text, "%" PRId64 ", %" PRId64 ", eps=%s, affine=%s, bias=%s", num_groups, num_channels,
             fr_number_text(fr_option(o->eps, 1e-5), eps), o->no_affine ? "False" : "True", bias ? "True" : "False");
    m = fr_module_finish(m,
                         m && fill(what, m, num_channels, !o->no_affine, bias, false) && fr_module_describe(m, text));
    fr_finish(th, before);
    return m;
}

static fr_module *make(const char *what, const char *type, int dims, int64_t channels,
                       const fr_nn_instance_norm_options *options)
{
    static const fr_nn_instance_norm_options defaults;
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    const fr_nn_instance_norm_options *o = options ? options : &defaults;
    double momentum = fr_option(o->momentum, 0.1), eps = fr_option(o->eps, 1e-5);
    bool bias = o->affine && !o->no_bias;
    char text[200], e[FR_NUMBER_TEXT], p[FR_NUMBER_TEXT];
    fr_module *m = NULL;

    if (channels < 0)
        fr_fail(what, "num_features %" PRId64 ", expected 0 or more", channels);
    else if (!(momentum >= 0 && momentum <= 1))
        fr_fail(what, "momentum is %g, expected a number in [0, 1]", momentum);
    else if (fr_check_reserved(what, o->reserved) && fr_check_option(what, "eps", eps, INFINITY))
        m = fr_module_new(type, sizeof(norm), instance_forward);
    if (m)
        *(norm *)fr_self(m) = (norm){ .dims = dims, .eps = o->eps, .momentum = o->momentum };
    snprintf(text, sizeof text, "%" PRId64 ", eps=%s, momentum=%s, affine=%s, bias=%s, track_running_stats=%s",
             channels, fr_number_text(eps, e), fr_number_text(momentum, p), o->affine ? "True" : "False",
             bias ? "True" : "False", o->track_running_stats ? "True" : "False");
    m = fr_module_finish(m, m && fill(what, m, channels, o->affine, bias, o->track_running_stats) &&
                                fr_module_describe(m, text));
    fr_finish(th, before);
    return m;
}

fr_module *fr_nn_instance_norm1d(int64_t num_features, const fr_nn_instance_norm_options *options)
{
    return make("nn_instance_norm1d", "InstanceNorm1d", 1, num_features, options);
}

fr_module *fr_nn_instance_norm2d(int64_t num_features, const fr_nn_instance_norm_options *options)
{
    return make("nn_instance_norm2d", "InstanceNorm2d", 2, num_features, options);
}
