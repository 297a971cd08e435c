/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* nll: negative log likelihood, l = -w[class] x[class], of log-probabilities x (B,C), (B,C,...) or (C), with class
 * weights w. poisson_nll, l = e^x - y x, and gaussian_nll, l = (ln var + (x - y)^2 / var) / 2, are composed of ops. */
#include "ops/loss/classification.h"

#include "core/recorder.h"

static bool infer(fr_op_call *call)
{
    return fr_infer_classification(call, "log-probabilities", false);
}

static void forward(fr_op_call *call)
{
    fr_class_target t = fr_class_target_of(call);

    if (fr_check_classes(call))
        fr_nll_forward(fr_dtype_of(call->in[0]), &t, call->result[0]->origin);
}

static void backward_kernel(fr_op_call *call)
{
    fr_class_target t = fr_class_target_of(call);

    fr_nll_backward(fr_dtype_of(call->in[0]), &t, call->grad_out[0]->origin, call->grad_in[0]->origin);
}

static void definition(fr_op_call *call)
{
    call->result[0] = fr_nll_definition(call, call->in[0]);
}

static const char c_text[] =
    "/* Of each row of x (outer,n,inner) the value of its class, negated; NaN for no class. */\n"
    "static void nll(int outer, int n, int inner, const float *x, const int64_t *classes, "
    "float *l)\n"
    "{\n"
    "    for (int i = 0; i < outer * inner; i++)\n"
    "        l[i] = classes[i] < 0 || classes[i] >= n\n"
    "                   ? NAN\n"
    "                   : -x[(i / inner * n + (int)classes[i]) * inner + i % inner];\n"
    "}\n";
static const char c_backward_text[] =
    "/* dx = -dl for the class of each row, else 0. */\n"
    "static void nll_backward(int outer, int n, int inner, const int64_t *classes, const float *dl, float *dx)\n"
    "{\n"
    "    memset(dx, 0, (size_t)(outer * n * inner) * sizeof *dx);\n"
    "    for (int i = 0; i < outer * inner; i++)\n"
    "        if (classes[i] >= 0 && classes[i] < n)\n"
    "            dx[(i / inner * n + (int)classes[i]) * inner + i % inner] = -dl[i];\n"
    "}\n";

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    fr_dim_sizes s = fr_class_target_of(call).sizes;
    const char *x = fr_c_in(w, call, 0), *classes = fr_c_in(w, call, 1), *l = fr_c_out(w, call, 0);

    if (!fr_c_can_classify(w, call))
        return false;
    fr_c_helper(w, "nll", c_text, false);
    return fr_c_line(w, "nll(%lld, %lld, %lld, %s, %s, %s);", (long long)s.outer, (long long)s.n, (long long)s.inner, x,
                     classes, l);
}

static bool c_backward(fr_c_writer *w, const fr_op_call *call)
{
    fr_reduce_attributes over = fr_class_dim(&call->grad_in[0]->shape);
    fr_dim_sizes s = fr_dim_sizes_of(&call->grad_in[0]->shape, &over);
    const char *classes = fr_c_in(w, call, 1), *dl = fr_c_grad_out(w, call, 0), *dx = fr_c_grad_in(w, call, 0);

    fr_c_helper(w, "nll_backward", c_backward_text, false);
    return fr_c_line(w, "nll_backward(%lld, %lld, %lld, %s, %s, %s);", (long long)s.outer, (long long)s.n,
                     (long long)s.inner, classes, dl, dx);
}

FR_RUN(run, fr_nll(in[0], in[1], FR_MEAN))
FR_RUN(run_sum, fr_nll(in[0], in[1], FR_SUM))
FR_RUN(run_none, fr_nll(in[0], in[1], FR_NONE))
FR_RUN(run_plain, fr_nll_with(in[0], in[1], NULL))
FR_RUN(run_weight, fr_nll_with(in[0], in[1], &(fr_nll_options){ .weight = fr_detach(in[2]) }))
FR_RUN(run_weight_sum, fr_nll_with(in[0], in[1], &(fr_nll_options){ .weight = fr_detach(in[2]), .reduction = FR_SUM }))
FR_RUN(run_ignore, fr_nll_with(in[0], in[1], &(fr_nll_options){ .ignore = true, .ignore_index = 1 }))
FR_RUN(run_ignore_weight,
       fr_nll_with(in[0], in[1], &(fr_nll_options){ .weight = fr_detach(in[2]), .ignore = true, .ignore_index = 0 }))
FR_RUN(run_default, fr_nll(in[0], fr_cast(in[1], FR_I64), FR_MEAN))
FR_RUN(run_wanted, fr_nll_with(in[0], in[1], &(fr_nll_options){ .weight = fr_requires_grad(in[2]) }))
FR_RUN(run_reserved, fr_nll_with(in[0], in[1], &(fr_nll_options){ .reserved = { in[0] } }))

#define POISSON(...)  fr_poisson_nll(in[0], in[1], &(fr_poisson_nll_options){ __VA_ARGS__ })
#define GAUSSIAN(...) fr_gaussian_nll(in[0], in[1], in[2], &(fr_gaussian_nll_options){ __VA_ARGS__ })
FR_RUN(run_poisson, fr_poisson_nll(in[0], in[1], NULL))
FR_RUN(run_poisson_full, POISSON(.full = true, .reduction = FR_NONE))
FR_RUN(run_poisson_rate, POISSON(.no_log_input = true, .reduction = FR_SUM))
FR_RUN(run_poisson_eps, POISSON(.no_log_input = true, .eps = 0.1, .full = true))
FR_RUN(run_poisson_reserved, POISSON(.reserved[0] = in[0]))
FR_RUN(run_gaussian, fr_gaussian_nll(in[0], in[1], in[2], NULL))
FR_RUN(run_gaussian_full, GAUSSIAN(.full = true, .reduction = FR_NONE))
FR_RUN(run_gaussian_eps, GAUSSIAN(.eps = 0.5, .reduction = FR_SUM))

const fr_op fr_nll_op = {
    .name = "nll",
    .formula = "l = -w[class] x[class]",
    .derivative = "dL/dx = -w[class] dL/dl at the class, 0 elsewhere",
    .shapes = "(N,C,*) (N,*) (C)? -> () or (N,*); (C) () (C)? -> ()",
    .input_names = "x target weight",
    .inputs = -1,
    .outputs = 1,
    .saves_inputs = 7,
    .attributes_size = sizeof(fr_classification_attributes),
    .dtypes = FR_MIXED,
    .infer = infer,
    .forward = forward,
    .backward_kernel = backward_kernel,
    .definition = definition,
    .c_code = c_code,
    .c_backward = c_backward,
    FR_CASES({ "mean", "n(5,3) i3(5)", "F.nll_loss(a, b)", run },
             { "sum", "n(5,30) i30(5)", "F.nll_loss(a, b, reduction='sum')", run_sum },
             { "none", "n(5,3) i3(5)", "F.nll_loss(a, b, reduction='none')", run_none },
             { "places", "n(2,3,4,5) i3(2,4,5)", "F.nll_loss(a, b)", run },
             { "places, none", "n(2,3,4) i3(2,4)", "F.nll_loss(a, b, reduction='none')", run_none },
             { "one row", "n(7) i7()", "F.nll_loss(a, b, reduction='none')", run_none },
             { "no options", "n(5,3) i3(5)", "F.nll_loss(a, b)", run_plain },
             { "weight", "n(5,3) i3(5) v0.5,1.25,2(3)", "F.nll_loss(a, b, c.detach())", run_weight },
             { "weight, sum", "n(2,3,4) i3(2,4) v0.5,1.25,2(3)", "F.nll_loss(a, b, c.detach(), reduction='sum')",
               run_weight_sum },
             { "ignore", "n(9,3) i3(9)", "F.nll_loss(a, b, ignore_index=1)", run_ignore },
             { "ignore and weight", "n(2,3,9) i3(2,9) v0.5,1.25,2(3)", "F.nll_loss(a, b, c.detach(), ignore_index=0)",
               run_ignore_weight },
             { "default ignored", "n(4,3) v-100,2,-100,0(4)", "F.nll_loss(a, b.detach().long())", run_default },
             { "all ignored", "v0,1,2,3,4,5(2,3) v-100,-100(2)", "F.nll_loss(a, b.detach().long())", run_default },
             { "no rows", "n(0,3) i3(0)", "F.nll_loss(a, b)", run },
             { "class", "n(2,3) v1,3(2)", NULL, run_default, { "nll", "class 3 at 1", "3 classes" } },
             { "shapes", "n(2,3) i3(3)", NULL, run, { "nll", "(2, 3)", "(3,)" } },
             { "probabilities", "n(2,3) u(2,3)", NULL, run, { "nll", "float32", "expected classes (2,), int64" } },
             { "int64", "i3(2,3) i3(2)", NULL, run, { "nll", "int64" } },
             { "scalar", "n() i1()", NULL, run, { "nll", "()" } },
             { "weight's shape", "n(2,3) i3(2) u(2)", NULL, run_weight, { "nll", "weight (2,)", "expected (3,)" } },
             { "weight's gradient", "n(2,3) i3(2) u(3)", NULL, run_wanted, { "nll", "weight", "fr_detach" } },
             { "reserved", "n(2,3) i3(2)", NULL, run_reserved, { "nll_with", "reserved[0]" } },
             { "poisson", "n(5,3) u(5,3)", "F.poisson_nll_loss(a, b)", run_poisson },
             { "poisson, full", "n(5) v1,2,3,0.5,7(5)", "F.poisson_nll_loss(a, b, full=True, reduction='none')",
               run_poisson_full },
             { "poisson, rate", "u(5,3) u(5,3)", "F.poisson_nll_loss(a, b, log_input=False, reduction='sum')",
               run_poisson_rate },
             { "poisson, eps", "v0,1,2(3) v1,2,3(3)", "F.poisson_nll_loss(a, b, log_input=False, full=True, eps=0.1)",
               run_poisson_eps },
             { "poisson, none", "n(2) v0,0(2)", "F.poisson_nll_loss(a, b, full=True, reduction='none')",
               run_poisson_full, .no_grad = true },
             { "poisson, empty", "n(0,3) u(0,3)", "F.poisson_nll_loss(a, b)", run_poisson },
             { "poisson, shapes", "n(2,3) u(3)", NULL, run_poisson, { "poisson_nll", "(2, 3)", "(3,)" } },
             { "poisson, reserved", "n(3) u(3)", NULL, run_poisson_reserved, { "poisson_nll", "reserved[0]" } },
             { "gaussian", "n(5,3) n(5,3) u(5,3)", "F.gaussian_nll_loss(a, b, c)", run_gaussian },
             { "gaussian, full", "n(5,3) n(5,3) u(5,1)", "F.gaussian_nll_loss(a, b, c, full=True, reduction='none')",
               run_gaussian_full },
             { "gaussian, rows", "n(5,3) n(5,3) u(5)", "F.gaussian_nll_loss(a, b, c)", run_gaussian },
             { "gaussian, eps", "v0,1,2(3) v1,1,1(3) v0,0.25,2(3)",
               "F.gaussian_nll_loss(a, b, c, eps=0.5, reduction='sum')", run_gaussian_eps },
             { "gaussian, empty", "n(0,3) n(0,3) u(0,3)", "F.gaussian_nll_loss(a, b, c)", run_gaussian },
             { "gaussian, shapes", "n(2,3) n(3) u(2,3)", NULL, run_gaussian, { "gaussian_nll", "(2, 3)", "(3,)" } },
             { "gaussian, var", "n(2,3) n(2,3) u(3)", NULL, run_gaussian, { "gaussian_nll", "var (3,)", "(2, 3)" } },
             { "gaussian, negative", "n(2) n(2) v1,-1(2)", NULL, run_gaussian, { "gaussian_nll", "below 0" } }),
};

fr_tensor *fr_nll(fr_tensor *x, fr_tensor *target, fr_reduction reduction)
{
    return fr_apply_loss("nll", &fr_nll_op, (fr_tensor *[3]){ x, target },
                         &(fr_classification_attributes){ .ignore_index = FR_IGNORE_INDEX },
                         &(fr_loss_options){ .reduction = reduction, .divide = fr_divide_by_classes });
}

fr_tensor *fr_nll_with(fr_tensor *x, fr_tensor *target, const fr_nll_options *options)
{
    static const fr_nll_options defaults;
    const fr_nll_options *o = options ? options : &defaults;
    fr_classification_attributes attributes = { .ignore_index = o->ignore ? o->ignore_index : FR_IGNORE_INDEX,
                                                .has_ignore_index = o->ignore };

    return fr_apply_loss("nll_with", &fr_nll_op, (fr_tensor *[3]){ x, target, o->weight }, &attributes,
                         &(fr_loss_options){ .reduction = o->reduction,
                                             .divide = fr_divide_by_classes,
                                             .reserved = o->reserved,
                                             .missing = !o->weight });
}

/* --- Of other distributions -------------------------------------------------------------------------------------- */

/* Stirling's formula for log y!, 0 for y <= 1 */
static fr_tensor *log_factorial(fr_tensor *y)
{
    fr_tensor *few = fr_le_scalar(y, 1), *many = fr_masked_fill(y, few, 2), *logs = fr_log(many);
    fr_tensor *rest = fr_mul_scalar(fr_add_scalar(logs, log(2 * M_PI)), 0.5);

    return fr_masked_fill(fr_add(fr_sub(fr_mul(many, logs), many), rest), few, 0);
}

fr_tensor *fr_poisson_nll(fr_tensor *x, fr_tensor *y, const fr_poisson_nll_options *options)
{
    static const fr_poisson_nll_options defaults;
    const fr_poisson_nll_options *o = options ? options : &defaults;
    fr_composition c = fr_compose("poisson_nll");
    fr_tensor *l = NULL;

    if (fr_check_loss_inputs("poisson_nll", x, "x", y, "y")) {
        if (o->no_log_input)
            l = fr_sub(x, fr_mul(y, fr_log(fr_add_scalar(x, fr_option(o->eps, 1e-8)))));
        else
            l = fr_sub(fr_exp(x), fr_mul(y, x));
        if (o->full)
            l = fr_add(l, log_factorial(y));
    }
    return fr_composed(c, fr_reduce_losses("poisson_nll", l, o->reduction, o->reserved));
}

static bool check_variances(const fr_action *a)
{
    FR_SCOPE;
    FR_NO_GRAD;

    return !(fr_item(fr_sum(fr_lt_scalar(a->from, 0))) > 0) || fr_fail("gaussian_nll", "var has values below 0");
}

/* var may lack the last dim of x or have size 1 there */
static fr_tensor *gaussian_losses(fr_tensor *x, fr_tensor *y, fr_tensor *var, const fr_gaussian_nll_options *o)
{
    fr_shape row = x->shape;
    char a[FR_SHAPE_TEXT], b[FR_SHAPE_TEXT];
    fr_tensor *l;

    if (row.ndim > 0)
        row.dim[--row.ndim] = 1;
    if (row.ndim < x->shape.ndim && fr_shape_equal(&var->shape, &row))
        var = fr_unsqueeze(var, -1);
    row.ndim = x->shape.ndim;
    if (!fr_shape_equal(&var->shape, &x->shape) && !fr_shape_equal(&var->shape, &row))
        return fr_fail("gaussian_nll", "var %s, expected %s, or this without the last dim or with 1 there",
                       fr_shape_text(&var->shape, a), fr_shape_text(&x->shape, b));
    if (!fr_act(fr_thread_self(), &(fr_action){ .run = check_variances, .from = var }))
        return NULL;
    var = fr_raise(var, fr_option(o->eps, 1e-6));
    l = fr_mul_scalar(fr_add(fr_log(var), fr_div(fr_square(fr_sub(x, y)), var)), 0.5);
    return o->full ? fr_add_scalar(l, 0.5 * log(2 * M_PI)) : l;
}

fr_tensor *fr_gaussian_nll(fr_tensor *x, fr_tensor *y, fr_tensor *var, const fr_gaussian_nll_options *options)
{
    static const fr_gaussian_nll_options defaults;
    const fr_gaussian_nll_options *o = options ? options : &defaults;
    fr_composition c = fr_compose("gaussian_nll");
    fr_tensor *l = NULL;

    if (fr_check_loss_inputs("gaussian_nll", x, "x", y, "y") && fr_check_argument("gaussian_nll", var, "var"))
        l = gaussian_losses(x, y, var, o);
    return fr_composed(c, fr_reduce_losses("gaussian_nll", l, o->reduction, o->reserved));
}
