/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Initial values of layers. A layer that makes its parameters in PyTorch's order draws PyTorch's numbers. */
#include "core/random.h"
#include "nn/module.h"

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
