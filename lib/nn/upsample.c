/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Upsample: fr_interpolate as a module. */
#include "nn/module.h"

#include "ops/op.h"
#include <inttypes.h>

static fr_tensor *forward(fr_module *m, fr_tensor *x)
{
    return fr_interpolate(x, fr_self(m));
}

static bool describe(fr_module *m, const fr_interpolate_options *o)
{
    static const char *const modes[] = {
        [FR_NEAREST] = "nearest", [FR_NEAREST_EXACT] = "nearest-exact", [FR_LINEAR] = "linear", [FR_BICUBIC] = "bicubic"
    };
    char text[FR_SHAPE_TEXT + 60], number[FR_SHAPE_TEXT];

    if (o->size.ndim == 1)
        snprintf(number, sizeof number, "%" PRId64, o->size.dim[0]);
    else if (o->size.ndim > 1)
        fr_shape_text(&o->size, number);
    else
        fr_number_text(o->scale_factor, number);
    snprintf(text, sizeof text, "%s=%s, mode='%s'", o->size.ndim ? "size" : "scale_factor", number, modes[o->mode]);
    return fr_module_describe(m, text);
}

fr_module *fr_nn_upsample(const fr_interpolate_options *options)
{
    const char *what = "nn_upsample";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_module *m = NULL;

    if (fr_check_argument(what, options, "options") && fr_check_interpolation(what, options))
        m = fr_module_new("Upsample", sizeof *options, forward);
    if (m) {
        *(fr_interpolate_options *)fr_self(m) = *options;
        m = fr_module_finish(m, describe(m, options));
    }
    fr_finish(th, before);
    return m;
}
