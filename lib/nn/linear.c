/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Linear: y = x W^T + b. */
#include "core/options.h"
#include "nn/module.h"

#include <inttypes.h>

typedef struct {
    fr_tensor *weight, *bias;
} linear;

static fr_tensor *forward(fr_module *m, fr_tensor *x)
{
    const linear *l = fr_self(m);

    return fr_linear(x, l->weight, l->bias);
}

static bool describe(fr_module *m, int64_t in, int64_t out, bool bias)
{
    char text[128];

    snprintf(text, sizeof text, "in_features=%" PRId64 ", out_features=%" PRId64 ", bias=%s", in, out,
             bias ? "True" : "False");
    return fr_module_describe(m, text);
}

fr_module *fr_linear_new(const char *what, const char *type, int64_t in, int64_t out, bool bias)
{
    fr_module *m = NULL;

    if (in < 0 || out < 0)
        fr_fail(what, "in %" PRId64 ", out %" PRId64 ", expected 0 or more", in, out);
    else
        m = fr_module_new(type, sizeof(linear), forward);

    linear *l = fr_self(m);

    return fr_module_finish(
        m, m && fr_weight_and_bias(what, m, FR_SHAPE(out, in), out, &l->weight, bias ? &l->bias : NULL) &&
               describe(m, in, out, bias));
}

fr_module *fr_nn_linear(int64_t in, int64_t out, const fr_linear_options *options)
{
    const char *what = "nn_linear";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_module *m = NULL;

    if (!options || fr_check_reserved(what, options->reserved))
        m = fr_linear_new(what, "Linear", in, out, !options || !options->no_bias);
    fr_finish(th, before);
    return m;
}
