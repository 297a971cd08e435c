/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* group_norm (Wu and He, "Group Normalization", 2018) and instance_norm, which is that of one channel a group: a
 * group's values lie side by side, so they are layer_norm of rows. Their cases stand in layer_norm.c. */
#include "core/options.h"
#include "ops/op.h"

#include <frond/autograd.h>
#include <inttypes.h>

/* (C) as (C,1,...), which broadcasts to x (N,C,...). */
static fr_tensor *per_channel(const fr_tensor *x, fr_tensor *t)
{
    fr_shape aligned = { x->shape.ndim - 1, { t->numel, 1, 1, 1, 1, 1, 1 } };

    return fr_reshape(t, aligned);
}

static bool check(const char *what, const fr_tensor *x, const fr_tensor *t, const char *name)
{
    char p[FR_SHAPE_TEXT], q[FR_SHAPE_TEXT];

    if (!t)
        return true;
    return fr_check_argument(what, t, name) &&
           ((t->shape.ndim == 1 && t->numel == x->shape.dim[1]) ||
            fr_fail(what, "%s %s, expected one number for each channel of x %s", name, fr_shape_text(&t->shape, p),
                    fr_shape_text(&x->shape, q)));
}

/* x (N,C,...), whose groups are each normalised, times weight, plus bias. */
static fr_tensor *normalised(const char *what, fr_tensor *x, int64_t groups, fr_tensor *weight, fr_tensor *bias,
                             double eps)
{
    fr_shape rows = { 3, { x->shape.dim[0], groups, x->shape.dim[1] / groups } };
    fr_tensor *y;

    if (!check(what, x, weight, "weight") || !check(what, x, bias, "bias"))
        return NULL;
    for (int i = 2; i < x->shape.ndim; i++)
        rows.dim[2] *= x->shape.dim[i];
    y = fr_reshape(fr_layer_norm(fr_reshape(x, rows), FR_SHAPE(rows.dim[2]), NULL, NULL, eps), x->shape);
    y = weight && y ? fr_mul(y, per_channel(x, weight)) : y;
    return bias && y ? fr_add(y, per_channel(x, bias)) : y;
}

fr_tensor *fr_group_norm(fr_tensor *x, int64_t num_groups, fr_tensor *weight, fr_tensor *bias, double eps)
{
    const char *what = "group_norm";
    fr_composition c = fr_compose(what);
    char text[FR_SHAPE_TEXT];
    fr_tensor *y = NULL;

    if (!fr_check_argument(what, x, "x"))
        y = NULL;
    else if (x->shape.ndim < 2)
        fr_fail(what, "x %s, expected (N, C) or (N, C, ...)", fr_shape_text(&x->shape, text));
    else if (num_groups < 1 || x->shape.dim[1] % num_groups != 0)
        fr_fail(what, "%" PRId64 " groups of the channels of x %s", num_groups, fr_shape_text(&x->shape, text));
    else
        y = normalised(what, x, num_groups, weight, bias, eps);
    return fr_composed(c, y);
}

/* Moves the running statistics towards the means, over the images, of the mean and variance of each channel. */
static bool move_running(fr_tensor *x, fr_tensor *mean, fr_tensor *variance, double momentum)
{
    int no_grad = fr_no_grad_begin();
    fr_shape inner = { .ndim = x->shape.ndim - 2 };

    for (int i = 0; i < inner.ndim; i++)
        inner.dim[i] = 2 + i;
    x = fr_detach(x);

    fr_tensor *m = fr_lerp_scalar(mean, fr_mean_dim(fr_mean_dims(x, inner, false), 0, false), momentum);
    fr_tensor *v = fr_lerp_scalar(variance, fr_mean_dim(fr_var_dims(x, inner, 1, false), 0, false), momentum);
    bool ok = fr_copy(mean, m) && fr_copy(variance, v);

    fr_no_grad_end(no_grad);
    return ok;
}

static fr_tensor *instances(const char *what, fr_tensor *x, fr_tensor *mean, fr_tensor *variance, fr_tensor *weight,
                            fr_tensor *bias, const fr_instance_norm_options *o)
{
    double momentum = fr_option(o->momentum, 0.1);
    fr_tensor *y;
    char text[FR_SHAPE_TEXT];

    if (!fr_check_reserved(what, o->reserved))
        return NULL;
    if (x->shape.ndim < 3 || x->shape.dim[1] == 0)
        return fr_fail(what, "x %s, expected (N, C, ...) with one channel or more", fr_shape_text(&x->shape, text));
    if (!(momentum >= 0 && momentum <= 1))
        return fr_fail(what, "momentum is %g, expected a number in [0, 1]", momentum);
    if (o->no_input_stats)
        return fr_batch_norm(x, mean, variance, weight, bias, &(fr_batch_norm_options){ .eps = o->eps });
    if ((mean == NULL) != (variance == NULL))
        return fr_fail(what, "running_mean and running_var: one of them is NULL");
    if (x->shape.dim[0] != 0 && x->numel == x->shape.dim[0] * x->shape.dim[1])
        return fr_fail(what, "x %s: one value a channel has no variance", fr_shape_text(&x->shape, text));
    if (!check(what, x, mean, "running_mean") || !check(what, x, variance, "running_var"))
        return NULL;
    y = normalised(what, x, x->shape.dim[1], weight, bias, o->eps);
    return y && mean && x->numel > 0 && !move_running(x, mean, variance, momentum) ? NULL : y;
}

fr_tensor *fr_instance_norm(fr_tensor *x, fr_tensor *running_mean, fr_tensor *running_var, fr_tensor *weight,
                            fr_tensor *bias, const fr_instance_norm_options *options)
{
    static const fr_instance_norm_options defaults;
    const char *what = "instance_norm";
    fr_composition c = fr_compose(what);
    const fr_instance_norm_options *o = options ? options : &defaults;

    return fr_composed(
        c, fr_check_argument(what, x, "x") ? instances(what, x, running_mean, running_var, weight, bias, o) : NULL);
}
