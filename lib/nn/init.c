/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Initial values of layers. A layer that makes its parameters in PyTorch's order draws PyTorch's numbers. */
#include "core/random.h"
#include "nn/module.h"

#include <math.h>

/* Gives m the tensor, which may be NULL: then nothing else happens. */
static fr_tensor *hold(const char *what, fr_module *m, const char *name, fr_tensor *t, bool buffer)
{
    bool ok = t != NULL;

    if (ok) {
        t->requires_grad = !buffer;
        ok = fr_module_hold(what, m, name, t, buffer);
    }
    fr_unref(t);
    return ok ? t : NULL;
}

fr_tensor *fr_uniform_parameter(const char *what, fr_module *m, const char *name, fr_shape shape, double bound)
{
    fr_tensor *t = fr_tensor_alloc(what, &shape, fr_default_dtype());

    if (t)
        fr_fill_uniform(t, -bound, bound);
    return hold(what, m, name, t, false);
}

fr_tensor *fr_normal_parameter(const char *what, fr_module *m, const char *name, fr_shape shape)
{
    fr_tensor *t = fr_tensor_alloc(what, &shape, fr_default_dtype());

    if (t)
        fr_fill_normal(t);
    return hold(what, m, name, t, false);
}

fr_tensor *fr_constant_parameter(const char *what, fr_module *m, const char *name, fr_shape shape, double value)
{
    fr_tensor *t = fr_tensor_alloc(what, &shape, fr_default_dtype());

    if (t)
        fr_fill(t, value);
    return hold(what, m, name, t, false);
}

fr_tensor *fr_constant_buffer(const char *what, fr_module *m, const char *name, fr_shape shape, fr_dtype dtype,
                              double value)
{
    fr_tensor *t = fr_tensor_alloc(what, &shape, dtype);

    if (t)
        fr_fill(t, value);
    return hold(what, m, name, t, true);
}

/* The bound of both is 1/sqrt(fan in), but the weight's is computed as PyTorch does (kaiming_uniform_ with a =
 * sqrt(5)), so that the last bit is the same. */
bool fr_weight_and_bias(const char *what, fr_module *m, fr_shape shape, fr_tensor **weight, fr_tensor **bias)
{
    double fan_in = 1, slope = sqrt(5), root;

    for (int i = 1; i < shape.ndim; i++)
        fan_in *= (double)shape.dim[i];
    root = sqrt(fan_in > 0 ? fan_in : 1);
    *weight = fr_uniform_parameter(what, m, "weight", shape, sqrt(3) * (sqrt(2 / (1 + slope * slope)) / root));
    if (*weight && bias)
        *bias = fr_uniform_parameter(what, m, "bias", FR_SHAPE(shape.dim[0]), fan_in > 0 ? 1 / root : 0);
    return *weight && (!bias || *bias);
}
