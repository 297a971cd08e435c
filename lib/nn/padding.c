/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ZeroPad, ConstantPad, ReflectionPad, ReplicationPad and CircularPad, of one dim and of two. */
#include "nn/module.h"

#include <frond/op.h>

typedef struct {
    int64_t pads[4]; /* before and after the last dim, then the dim before it */
    int n;
    bool constant;
    double value;         /* if it is constant */
    fr_padding_mode mode; /* if it is not */
} border;

static fr_tensor *forward(fr_module *m, fr_tensor *x)
{
    const border *p = fr_self(m);

    return p->constant ? fr_pad(x, p->pads, p->n, p->value) : fr_pad_mode(x, p->pads, p->n, p->mode);
}

/* p: all but the pads. with_value: the value is printed. */
static fr_module *make(const char *what, const char *type, const fr_shape *given, border p, bool with_value)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_shape all = { .ndim = p.n };
    fr_module *m = NULL;
    char text[FR_SHAPE_TEXT + 64], tuple[FR_SHAPE_TEXT], number[FR_NUMBER_TEXT];

    if (given->ndim != 1 && given->ndim != p.n)
        fr_fail(what, "padding is %s, expected one number or %d",
                fr_shape_check_ndim(what, given) ? fr_shape_text(given, tuple) : "no list", p.n);
    else
        m = fr_module_new(type, sizeof(border), forward);
    if (m) {
        for (int i = 0; i < p.n; i++)
            p.pads[i] = all.dim[i] = given->dim[given->ndim > 1 ? i : 0];
        *(border *)fr_self(m) = p;
        fr_shape_text(&all, tuple);
        if (with_value)
            snprintf(text, sizeof text, "padding=%s, value=%s", tuple, fr_number_text(p.value, number));
        else
            snprintf(text, sizeof text, "%s", tuple);
        m = fr_module_finish(m, fr_module_describe(m, text));
    }
    fr_finish(th, before);
    return m;
}

fr_module *fr_nn_zero_pad1d(fr_shape sizes)
{
    return make("nn_zero_pad1d", "ZeroPad1d", &sizes, (border){ .n = 2, .constant = true }, false);
}

fr_module *fr_nn_zero_pad2d(fr_shape sizes)
{
    return make("nn_zero_pad2d", "ZeroPad2d", &sizes, (border){ .n = 4, .constant = true }, false);
}

fr_module *fr_nn_constant_pad1d(fr_shape sizes, double value)
{
    return make("nn_constant_pad1d", "ConstantPad1d", &sizes, (border){ .n = 2, .constant = true, .value = value },
                true);
}

fr_module *fr_nn_constant_pad2d(fr_shape sizes, double value)
{
    return make("nn_constant_pad2d", "ConstantPad2d", &sizes, (border){ .n = 4, .constant = true, .value = value },
                true);
}

fr_module *fr_nn_reflection_pad1d(fr_shape sizes)
{
    return make("nn_reflection_pad1d", "ReflectionPad1d", &sizes, (border){ .n = 2, .mode = FR_REFLECT }, false);
}

fr_module *fr_nn_reflection_pad2d(fr_shape sizes)
{
    return make("nn_reflection_pad2d", "ReflectionPad2d", &sizes, (border){ .n = 4, .mode = FR_REFLECT }, false);
}

fr_module *fr_nn_replication_pad1d(fr_shape sizes)
{
    return make("nn_replication_pad1d", "ReplicationPad1d", &sizes, (border){ .n = 2, .mode = FR_REPLICATE }, false);
}

fr_module *fr_nn_replication_pad2d(fr_shape sizes)
{
    return make("nn_replication_pad2d", "ReplicationPad2d", &sizes, (border){ .n = 4, .mode = FR_REPLICATE }, false);
}

fr_module *fr_nn_circular_pad1d(fr_shape sizes)
{
    return make("nn_circular_pad1d", "CircularPad1d", &sizes, (border){ .n = 2, .mode = FR_CIRCULAR }, false);
}

fr_module *fr_nn_circular_pad2d(fr_shape sizes)
{
    return make("nn_circular_pad2d", "CircularPad2d", &sizes, (border){ .n = 4, .mode = FR_CIRCULAR }, false);
}
