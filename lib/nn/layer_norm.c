/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* LayerNorm and RMSNorm: they normalise over the last dims of x. */
#include "core/options.h"
#include "nn/module.h"

#include <frond/op.h>
#include <math.h>

typedef struct {
    fr_shape shape;
    double eps; /* as in the options: 0 is the default */
    fr_tensor *weight, *bias;
} norm;

static fr_tensor *layer_forward(fr_module *m, fr_tensor *x)
{
    const norm *n = fr_self(m);

    return fr_layer_norm(x, n->shape, n->weight, n->bias, n->eps);
}

static fr_tensor *rms_forward(fr_module *m, fr_tensor *x)
{
    const norm *n = fr_self(m);

    return fr_rms_norm(x, n->shape, n->weight, n->eps);
}

static bool check(const char *what, fr_shape shape, double eps)
{
    int64_t numel;

    if (!fr_shape_check(what, &shape, fr_default_dtype(), &numel))
        return false;
    if (shape.ndim == 0)
        return fr_fail(what, "the shape is (), expected one dim or more");
    return fr_check_option(what, "eps", fr_option(eps, 0), INFINITY);
}

static bool fill(const char *what, fr_module *m, fr_shape shape, double eps, bool weight, bool bias)
{
    norm *n = fr_self(m);

    n->shape = shape;
    n->eps = eps;
    if (weight)
        n->weight = fr_constant_parameter(what, m, "weight", shape, 1);
    if (bias && n->weight)
        n->bias = fr_constant_parameter(what, m, "bias", shape, 0);
    return (n->weight || !weight) && (n->bias || !bias);
}

/* eps and bias as text; bias is "" for RMSNorm. */
static bool describe(fr_module *m, const char *eps, const char *bias)
{
    const norm *n = fr_self(m);
    char text[FR_SHAPE_TEXT + 128], shape[FR_SHAPE_TEXT];

    snprintf(text, sizeof text, "%s, eps=%s, elementwise_affine=%s%s", fr_shape_text(&n->shape, shape), eps,
             n->weight ? "True" : "False", bias);
    return fr_module_describe(m, text);
}

fr_module *fr_nn_layer_norm(fr_shape shape, const fr_layer_norm_options *options)
{
    static const fr_layer_norm_options defaults;
    const char *what = "nn_layer_norm";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    const fr_layer_norm_options *o = options ? options : &defaults;
    bool weight = !o->no_elementwise_affine, bias = weight && !o->no_bias;
    char eps[FR_NUMBER_TEXT];
    fr_module *m = NULL;

    fr_number_text(fr_option(o->eps, 1e-5), eps);
    if (fr_check_reserved(what, o->reserved) && check(what, shape, o->eps))
        m = fr_module_new("LayerNorm", sizeof(norm), layer_forward);
    m = fr_module_finish(m, m && fill(what, m, shape, o->eps, weight, bias) &&
                                describe(m, eps, bias ? ", bias=True" : ", bias=False"));
    fr_finish(th, before);
    return m;
}

fr_module *fr_nn_rms_norm(fr_shape shape, const fr_rms_norm_options *options)
{
    static const fr_rms_norm_options defaults;
    const char *what = "nn_rms_norm";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    const fr_rms_norm_options *o = options ? options : &defaults;
    char eps[FR_NUMBER_TEXT] = "None";
    fr_module *m = NULL;

    if (o->eps != 0)
        fr_number_text(fr_option(o->eps, 0), eps);
    if (fr_check_reserved(what, o->reserved) && check(what, shape, o->eps))
        m = fr_module_new("RMSNorm", sizeof(norm), rms_forward);
    m = fr_module_finish(m,
                         m && fill(what, m, shape, o->eps, !o->no_elementwise_affine, false) && describe(m, eps, ""));
    fr_finish(th, before);
    return m;
}
