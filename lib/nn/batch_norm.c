/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* BatchNorm1d and BatchNorm2d. In training each channel is normalised by its mean and variance in the batch, which also
 * update the running ones. In evaluation it is normalised by the running ones, if there are any. */
#include "core/options.h"
#include "core/recorder.h"
#include "nn/module.h"

#include <frond/c_code.h>
#include <frond/op.h>
#include <inttypes.h>
#include <math.h>

typedef struct {
    const char *type, *maker, *op; /* op: what errors in forward name */
    const char *shapes;            /* of x */
    int min_dims, max_dims;
} kind;

static const kind kind_1d = { "BatchNorm1d", "nn_batch_norm1d", "batch_norm1d", "(N, C) or (N, C, L)", 2, 3 };
static const kind kind_2d = { "BatchNorm2d", "nn_batch_norm2d", "batch_norm2d", "(N, C, H, W)", 4, 4 };

typedef struct {
    const kind *of;
    int64_t channels;
    double eps, momentum; /* as in the options: 0 is the default */
    bool cumulative;
    fr_tensor *weight, *bias;
    fr_tensor *running_mean, *running_var, *batches; /* NULL without track_running_stats */
    fr_tensor *(*sum)(fr_tensor *t);                 /* over processes, if they share statistics; else NULL */
} batch_norm;

static bool check_input(const batch_norm *b, const fr_tensor *x)
{
    char text[FR_SHAPE_TEXT];

    if (x->shape.ndim >= b->of->min_dims && x->shape.ndim <= b->of->max_dims && x->shape.dim[1] == b->channels)
        return true;
    return fr_fail(b->of->op, "x %s, expected %s with C = %" PRId64, fr_shape_text(&x->shape, text), b->of->shapes,
                   b->channels);
}

static fr_tensor *forward(fr_module *m, fr_tensor *x);

static bool count_batch(const fr_action *a)
{
    ++*(int64_t *)a->into->origin;
    fr_storage_bump(a->into);
    return true;
}

static bool write_count(fr_c_writer *w, const fr_action *a)
{
    return fr_c_line(w, "++*%s;", fr_c_array(w, a->into, true));
}

/* --- Statistics of the batches of several processes --------------------------------------------------------------- */

/* running = (1 - momentum) running + momentum value */
static bool move_towards(fr_tensor *running, fr_tensor *value, double momentum)
{
    fr_tensor *moved =
        fr_add(fr_mul_scalar(running, 1 - momentum), fr_mul_scalar(fr_view_as(value, running), momentum));

    return fr_copy(running, moved) != NULL;
}

static bool update_running(const batch_norm *b, fr_tensor *mean, fr_tensor *variance, fr_tensor *n, double momentum)
{
    FR_NO_GRAD;
    fr_tensor *unbiased = fr_mul(variance, fr_div(n, fr_add_scalar(n, -1)));

    return move_towards(b->running_mean, mean, momentum) && move_towards(b->running_var, unbiased, momentum);
}

/* The formula of fr_batch_norm in ops, with sums over all processes' values of a channel. A channel is a row. */
static fr_tensor *normalise_together(const batch_norm *b, fr_tensor *x, const fr_batch_norm_options *o)
{
    int64_t channels = b->channels, n = x->shape.dim[0];
    fr_shape column = { 2, { channels, 1 } };
    fr_tensor *images = fr_reshape(x, FR_SHAPE(n, channels, -1));
    fr_tensor *rows = fr_reshape(fr_transpose(images, 0, 1), FR_SHAPE(channels, -1));

    if (!rows)
        return NULL;

    fr_tensor *own = fr_full(FR_SHAPE(1), (double)rows->shape.dim[1]);
    fr_tensor *sums = b->sum(fr_cat((fr_tensor *[]){ fr_sum_dim(rows, 1, false), fr_cast(own, fr_dtype_of(x)) }, 2, 0));
    fr_tensor *count = fr_slice(sums, 0, channels, channels + 1, 1);
    fr_tensor *mean = fr_reshape(fr_div(fr_slice(sums, 0, 0, channels, 1), count), column);
    fr_tensor *d = fr_sub(rows, mean);
    fr_tensor *variance = fr_div(b->sum(fr_sum_dim(fr_square(d), 1, true)), count);
    fr_tensor *y = fr_mul(d, fr_rsqrt(fr_add_scalar(variance, fr_option(o->eps, 1e-5))));

    y = b->weight ? fr_mul(y, fr_reshape(b->weight, column)) : y;
    y = b->bias ? fr_add(y, fr_reshape(b->bias, column)) : y;
    y = fr_view_as(fr_transpose(fr_reshape(y, FR_SHAPE(channels, n, -1)), 0, 1), x);
    if (y && b->batches && !update_running(b, mean, variance, count, fr_option(o->momentum, 0.1)))
        return NULL;
    return y;
}

void fr_batch_norm_share(fr_module *m, fr_tensor *(*sum)(fr_tensor *t))
{
    for (fr_module *each = m; each; each = fr_module_next(m, each))
        if (each->forward == forward)
            ((batch_norm *)fr_self(each))->sum = sum;
}

/* --- The module --------------------------------------------------------------------------------------------------- */

/* A batch counts only if the op succeeds. */
static fr_tensor *forward(fr_module *m, fr_tensor *x)
{
    const batch_norm *b = fr_self(m);
    int64_t *batches = b->batches ? (int64_t *)b->batches->origin : NULL;
    fr_batch_norm_options options = { .training = m->training || !batches, .momentum = b->momentum, .eps = b->eps };
    fr_tensor *y;

    if (!check_input(b, x))
        return NULL;
    if (batches && b->cumulative && m->training &&
        !fr_not_repeated(fr_thread_self(), b->of->op, "a cumulative average has another momentum in each call"))
        return NULL;
    if (batches && b->cumulative)
        options.momentum = 1 / (double)(*batches + 1);
    if (b->sum && m->training)
        y = normalise_together(b, x, &options);
    else
        y = fr_batch_norm(x, b->running_mean, b->running_var, b->weight, b->bias, &options);
    if (y && batches && m->training)
        fr_act(fr_thread_self(), &(fr_action){ .run = count_batch, .into = b->batches, .c_code = write_count });
    return y;
}

static bool check(const kind *of, int64_t channels, const fr_nn_batch_norm_options *o)
{
    double momentum = fr_option(o->momentum, 0.1);

    if (channels < 0)
        return fr_fail(of->maker, "num_features %" PRId64 ", expected 0 or more", channels);
    if (!fr_check_reserved(of->maker, o->reserved) ||
        !fr_check_option(of->maker, "eps", fr_option(o->eps, 1e-5), INFINITY))
        return false;
    if (!(momentum >= 0 && momentum <= 1))
        return fr_fail(of->maker, "momentum is %g, expected a number in [0, 1]", momentum);
    return o->momentum == 0 || !o->cumulative ||
           fr_fail(of->maker, "momentum %g and cumulative exclude each other", momentum);
}

static bool fill(fr_module *m, const kind *of, int64_t channels, const fr_nn_batch_norm_options *o)
{
    batch_norm *b = fr_self(m);
    bool bias = !o->no_affine && !o->no_bias;
    fr_shape shape = { 1, { channels } };

    *b = (batch_norm){
        .of = of, .channels = channels, .eps = o->eps, .momentum = o->momentum, .cumulative = o->cumulative
    };
    if (!o->no_affine && !(b->weight = fr_constant_parameter(of->maker, m, "weight", shape, 1)))
        return false;
    if (bias && !(b->bias = fr_constant_parameter(of->maker, m, "bias", shape, 0)))
        return false;
    if (o->no_track_running_stats)
        return true;
    return (b->running_mean = fr_constant_buffer(of->maker, m, "running_mean", shape, fr_default_dtype(), 0)) &&
           (b->running_var = fr_constant_buffer(of->maker, m, "running_var", shape, fr_default_dtype(), 1)) &&
           (b->batches = fr_constant_buffer(of->maker, m, "num_batches_tracked", FR_SHAPE(), FR_I64, 0));
}

static bool describe(fr_module *m)
{
    const batch_norm *b = fr_self(m);
    char text[256], eps[FR_NUMBER_TEXT], momentum[FR_NUMBER_TEXT] = "None";

    if (!b->cumulative)
        fr_number_text(fr_option(b->momentum, 0.1), momentum);
    snprintf(text, sizeof text, "%" PRId64 ", eps=%s, momentum=%s, affine=%s, bias=%s, track_running_stats=%s",
             b->channels, fr_number_text(fr_option(b->eps, 1e-5), eps), momentum, b->weight ? "True" : "False",
             b->bias ? "True" : "False", b->batches ? "True" : "False");
    return fr_module_describe(m, text);
}

static fr_module *make(const kind *of, int64_t channels, const fr_nn_batch_norm_options *options)
{
    static const fr_nn_batch_norm_options defaults;
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, of->maker);
    const fr_nn_batch_norm_options *o = options ? options : &defaults;
    fr_module *m = NULL;

    if (check(of, channels, o))
        m = fr_module_new(of->type, sizeof(batch_norm), forward);
    m = fr_module_finish(m, m && fill(m, of, channels, o) && describe(m));
    fr_finish(th, before);
    return m;
}

fr_module *fr_nn_batch_norm1d(int64_t num_features, const fr_nn_batch_norm_options *options)
{
    return make(&kind_1d, num_features, options);
}

fr_module *fr_nn_batch_norm2d(int64_t num_features, const fr_nn_batch_norm_options *options)
{
    return make(&kind_2d, num_features, options);
}
