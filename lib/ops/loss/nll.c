/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* nll: negative log likelihood, l = -w[class] x[class], of log-probabilities x (B,C), (B,C,...) or (C), with class
 * weights w. */
#include "ops/loss/classification.h"

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

const fr_op fr_nll_op = {
    .name = "nll",
    .formula = "l = -w[class] x[class]",
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
             { "reserved", "n(2,3) i3(2)", NULL, run_reserved, { "nll_with", "reserved[0]" } }),
};

fr_tensor *fr_nll(fr_tensor *x, fr_tensor *target, fr_reduction reduction)
{
    return fr_apply_loss("nll", &fr_nll_op, (fr_tensor *[3]){ x, target },
                         &(fr_classification_attributes){ .ignore_index = FR_IGNORE_INDEX },
                         &(fr_loss_options){ .reduction = reduction, .divisor = fr_class_divisor });
}

fr_tensor *fr_nll_with(fr_tensor *x, fr_tensor *target, const fr_nll_options *options)
{
    static const fr_nll_options defaults;
    const fr_nll_options *o = options ? options : &defaults;
    fr_classification_attributes attributes = { .ignore_index = o->ignore ? o->ignore_index : FR_IGNORE_INDEX,
                                                .has_ignore_index = o->ignore };

    return fr_apply_loss(
        "nll_with", &fr_nll_op, (fr_tensor *[3]){ x, target, o->weight }, &attributes,
        &(fr_loss_options){
            .reduction = o->reduction, .divisor = fr_class_divisor, .reserved = o->reserved, .missing = !o->weight });
}
