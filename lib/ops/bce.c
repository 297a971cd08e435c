/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* bce: binary cross entropy of probabilities, l = -(y max(ln p, -100) + (1 - y) max(ln(1 - p), -100)),
 * dl/dp = (p - y) / max(p (1 - p), 1e-12). */
#include "ops/op_file.h"

static bool in_range(fr_op_call *call, const fr_tensor *t, const char *what)
{
    bool wrong = false;

    FR_DISPATCH_FLOAT(t, T, {
        const T *v = (const T *)t->origin;

        for (int64_t i = 0; i < t->numel; i++)
            wrong |= !(v[i] >= 0 && v[i] <= 1);
    })
    for (int64_t i = 0; wrong && i < t->numel; i++) {
        double v = t->dtype == FR_F64 ? ((const double *)t->origin)[i] : (double)((const float *)t->origin)[i];

        if (!(v >= 0 && v <= 1))
            return fr_op_fail(call, "%s %g at %lld is outside [0, 1]", what, v, (long long)i);
    }
    return true;
}

static bool infer(fr_op_call *call)
{
    const fr_tensor *p = call->in[0], *y = call->in[1];
    char a[FR_SHAPE_TEXT], b[FR_SHAPE_TEXT];

    call->out[0] = fr_meta_of(p);
    return fr_shape_equal(&p->shape, &y->shape) ||
           fr_op_fail(call, "prediction %s, target %s: shapes must be equal", fr_shape_text(&p->shape, a),
                      fr_shape_text(&y->shape, b));
}

static void forward(fr_op_call *call)
{
    const fr_tensor *prediction = call->in[0], *target = call->in[1];

    if (!in_range(call, prediction, "prediction") || !in_range(call, target, "target"))
        return;
    FR_DISPATCH_FLOAT(prediction, T, {
        const T *p = (const T *)prediction->origin, *y = (const T *)target->origin;
        T *l = (T *)call->result[0]->origin;

        for (int64_t i = 0; i < prediction->numel; i++) {
            T yes = (T)(sizeof(T) == 4 ? logf((float)p[i]) : log((double)p[i]));
            T no = (T)(sizeof(T) == 4 ? log1pf((float)-p[i]) : log1p((double)-p[i]));

            yes = yes < -100 ? -100 : yes;
            no = no < -100 ? -100 : no;
            l[i] = (y[i] - 1) * no - y[i] * yes;
        }
    })
}

static void backward(fr_op_call *call)
{
    fr_tensor *p = call->in[0], *y = call->in[1], *g = call->grad_out[0];
    fr_tensor *q = fr_add_scalar(fr_neg(p), 1);

    if (call->needs[0])
        call->grad_in[0] = fr_mul(g, fr_div(fr_sub(p, y), fr_clamp(fr_mul(p, q), 1e-12, INFINITY)));
    if (call->needs[1])
        call->grad_in[1] = fr_mul(g, fr_sub(fr_clamp(fr_log(q), -100, INFINITY), fr_clamp(fr_log(p), -100, INFINITY)));
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_bce(in[0], in[1], FR_MEAN);
}

static fr_tensor *run_none(fr_tensor *const *in)
{
    return fr_bce(in[0], in[1], FR_NONE);
}
#endif

const fr_op fr_bce_op = {
    .name = "bce",
    .formula = "l = -(y ln p + (1 - y) ln(1 - p))",
    .inputs = 2,
    .outputs = 1,
    .saves_inputs = 3,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    FR_CASES({ "mean", "u(5,1) b(5,1)", "torch.nn.functional.binary_cross_entropy(a, b)", run },
             { "none", "u(5) u(5)", "torch.nn.functional.binary_cross_entropy(a, b, reduction='none')", run_none },
             { "shapes", "u(32,1) b(32,1,1)", NULL, run, { "bce", "(32, 1)", "(32, 1, 1)" } })
};

fr_tensor *fr_bce(fr_tensor *p, fr_tensor *y, fr_reduction reduction)
{
    return fr_reduce_loss("bce", fr_apply(&fr_bce_op, (fr_tensor *[]){ p, y }, NULL), reduction);
}

fr_tensor *fr_reduce_loss(const char *what, fr_tensor *losses, fr_reduction reduction)
{
    if ((unsigned)reduction > FR_NONE)
        return fr_fail(what, "reduction %d is none of FR_MEAN, FR_SUM, FR_NONE", (int)reduction);
    return !losses || reduction == FR_NONE ? losses : reduction == FR_SUM ? fr_sum(losses) : fr_mean(losses);
}
