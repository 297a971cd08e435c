/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* cross_entropy: of logits x (B,C), (B,C,...) or (C),
 *
 *     l = -sum(q log_softmax(x)) = sum(q (log(sum(exp(x))) - x)), q = w ((1 - s) p + s/C)
 *
 * over the classes, with class weights w, label smoothing s, and the target p: given probabilities, or 1 for the class
 * that is given and else 0. The derivative of log(sum(exp(x))) is softmax(x), so that
 *
 *     dl/dx = sum(q) softmax(x) - q, which is softmax(x) - p without weights and smoothing
 *     dl/dp = (1 - s) w (log(sum(exp(x))) - x)
 *
 * (C. M. Bishop, "Pattern Recognition and Machine Learning", 2006, section 4.3.4.) A second result (...,2) keeps the
 * two parts of log(sum(exp(x))) for backward. */
#include "ops/loss/classification.h"
#include "ops/reduce/softmax.h"

static bool infer(fr_op_call *call)
{
    if (!fr_infer_classification(call, "logits", true))
        return false;
    call->out[1] = call->out[0];
    call->out[1].shape.dim[call->out[1].shape.ndim++] = 2;
    return true;
}

static void forward(fr_op_call *call)
{
    const fr_tensor *x = call->in[0];
    fr_tensor *l = call->result[0], *parts = call->result[1];
    fr_dtype dtype = fr_dtype_of(x);
    fr_class_target t = fr_class_target_of(call);

    if (l->numel == 0 || (t.classes && !fr_check_classes(call)))
        return;
    if (!fr_reduce_array(fr_logsumexp_parts_reducer(dtype), t.sizes, 0, x->origin, parts->origin)) {
        fr_fail_memory("cross_entropy");
        call->failed = true;
        return;
    }
    t.parts = parts->origin;
    fr_cross_entropy_forward(dtype, &t, l->origin);
}

static void backward_kernel(fr_op_call *call)
{
    fr_dtype dtype = fr_dtype_of(call->in[0]);
    const void *dl = call->grad_out[0]->origin;
    fr_class_target t = fr_class_target_of(call);

    t.parts = call->result[1]->origin;
    if (call->needs[0])
        fr_cross_entropy_logits_backward(dtype, &t, dl, call->grad_in[0]->origin);
    if (call->needs[1])
        fr_cross_entropy_target_backward(dtype, &t, dl, call->grad_in[1]->origin);
}

static void definition(fr_op_call *call)
{
    const fr_classification_attributes *a = call->attributes;
    fr_tensor *x = call->in[0], *p = call->in[1];
    int dim = fr_class_dim(&x->shape).dim;
    fr_tensor *log_p = fr_log_softmax(x, dim);

    if (p->dtype == FR_I64) {
        call->result[0] = fr_nll_definition(call, log_p);
        return;
    }
    if (a->label_smoothing > 0)
        p = fr_add_scalar(fr_mul_scalar(p, 1 - a->label_smoothing), a->label_smoothing / (double)fr_dim(x, dim));
    call->result[0] = fr_neg(fr_sum_dim(fr_mul(p, fr_weigh_classes(call, log_p)), dim, false));
}

static const char share_text[] =
    "/* What a class should get: p, or 1 for the class that is given, spread in part over all n. NaN for no class. */\n"
    "static float share(float smoothing, int n, const int64_t *class, const float *p, int k)\n"
    "{\n"
    "    if (class && (*class < 0 || *class >= n))\n"
    "        return NAN;\n"
    "    return (1 - smoothing) * (class ? (float)(*class == k) : *p) + smoothing / (float)n;\n"
    "}\n";
static const char c_text[] =
    "/* For each row of x (outer,n,inner) the sum of share (log(sum(exp(x))) - x). */\n"
    "static void cross_entropy(int outer, int n, int inner, float smoothing, const float *x, const int64_t *classes, "
    "const float *p, float *l)\n"
    "{\n"
    "    for (int i = 0; i < outer * inner; i++) {\n"
    "        const int first = i / inner * n * inner + i % inner;\n"
    "        float most, sum = 0, log_sum = logf(sum_exp(n, inner, x + first, &most));\n"
    "        const int64_t class = classes ? classes[i] : -1;\n"
    "        const int alone = smoothing == 0 && class >= 0 && class < n;\n"
    "\n"
    "        for (int k = alone ? (int)class : 0; k < (alone ? (int)class + 1 : n); k++) {\n"
    "            const int at = first + k * inner;\n"
    "            const float q = share(smoothing, n, classes ? classes + i : NULL, p ? p + at : NULL, k);\n"
    "\n"
    "            sum += q == 0 ? 0 : q * (log_sum + (most - x[at]));\n"
    "        }\n"
    "        l[i] = sum;\n"
    "    }\n"
    "}\n";
static const char c_backward_text[] =
    "/* dx = dl (softmax(x) sum(share) - share) */\n"
    "static void cross_entropy_backward(int outer, int n, int inner, float smoothing, const float *x, const int64_t "
    "*classes, const float *p, const float *dl, float *dx)\n"
    "{\n"
    "    for (int i = 0; i < outer * inner; i++) {\n"
    "        const int first = i / inner * n * inner + i % inner;\n"
    "        const int64_t class = classes ? classes[i] : 0;\n"
    "        float most, all = !classes ? smoothing : class >= 0 && class < n ? 1 : NAN;\n"
    "        const float sum = sum_exp(n, inner, x + first, &most), even = smoothing / (float)n;\n"
    "\n"
    "        for (int k = 0; p && k < n * inner; k += inner)\n"
    "            all += (1 - smoothing) * p[first + k];\n"
    "        for (int k = 0; k < n * inner; k += inner)\n"
    "            dx[first + k] = dl[i] * (exp_minus(most - x[first + k]) / sum * all - even);\n"
    "        for (int k = 0; p && k < n * inner; k += inner)\n"
    "            dx[first + k] -= dl[i] * (1 - smoothing) * p[first + k];\n"
    "        if (classes && class >= 0 && class < n)\n"
    "            dx[first + class * inner] -= dl[i] * (1 - smoothing);\n"
    "    }\n"
    "}\n";

/* "outer, n, inner, smoothing, x, classes, p": the target is one of the last two, the other is NULL. */
static const char *c_arguments(fr_c_writer *w, const fr_op_call *call)
{
    const fr_classification_attributes *a = call->attributes;
    fr_dim_sizes s = fr_class_target_of(call).sizes;
    const char *x = fr_c_in(w, call, 0), *target = fr_c_in(w, call, 1);
    bool classes = call->in[1]->dtype == FR_I64;

    return fr_c_format(w, "%lld, %lld, %lld, %s, %s, %s, %s", (long long)s.outer, (long long)s.n, (long long)s.inner,
                       fr_c_number(w, a->label_smoothing, FR_F32), x, classes ? target : "NULL",
                       classes ? "NULL" : target);
}

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    if (!fr_c_can_classify(w, call))
        return false;
    fr_c_sum_exp(w);
    fr_c_helper(w, "share", share_text, false);
    fr_c_helper(w, "cross_entropy", c_text, false);
    return fr_c_line(w, "cross_entropy(%s, %s);", c_arguments(w, call), fr_c_out(w, call, 0));
}

static bool c_backward(fr_c_writer *w, const fr_op_call *call)
{
    if (call->grad_in[1])
        return fr_c_fail(w, "a target that wants a gradient");
    fr_c_sum_exp(w);
    fr_c_helper(w, "cross_entropy_backward", c_backward_text, false);
    return fr_c_line(w, "cross_entropy_backward(%s, %s, %s);", c_arguments(w, call), fr_c_grad_out(w, call, 0),
                     fr_c_grad_in(w, call, 0));
}

FR_RUN(run, fr_cross_entropy(in[0], in[1], FR_MEAN))
FR_RUN(run_sum, fr_cross_entropy(in[0], in[1], FR_SUM))
FR_RUN(run_none, fr_cross_entropy(in[0], in[1], FR_NONE))
FR_RUN(run_classes, fr_cross_entropy(in[0], fr_cast(in[1], FR_I64), FR_MEAN))
FR_RUN(run_softmax, fr_cross_entropy(in[0], fr_softmax(in[1], 1), FR_MEAN))

#define WITH(...) fr_cross_entropy_with(in[0], in[1], &(fr_cross_entropy_options){ __VA_ARGS__ })
FR_RUN(run_plain, fr_cross_entropy_with(in[0], in[1], NULL))
FR_RUN(run_weight, WITH(.weight = fr_detach(in[2])))
FR_RUN(run_weight_none, WITH(.weight = fr_detach(in[2]), .reduction = FR_NONE))
FR_RUN(run_ignore, WITH(.ignore = true, .ignore_index = 1))
FR_RUN(run_ignore_beyond, fr_cross_entropy_with(in[0], fr_cast(in[1], FR_I64),
                                                &(fr_cross_entropy_options){ .ignore = true, .ignore_index = 255 }))
FR_RUN(run_smooth, WITH(.label_smoothing = 0.1))
FR_RUN(run_smooth_whole, WITH(.label_smoothing = 1, .reduction = FR_SUM))
FR_RUN(run_smooth_over, WITH(.label_smoothing = 1.5))
FR_RUN(run_all, WITH(.weight = fr_detach(in[2]), .label_smoothing = 0.2, .ignore = true))
FR_RUN(run_all_none, WITH(.weight = fr_detach(in[2]), .label_smoothing = 0.2, .ignore = true, .reduction = FR_NONE))
FR_RUN(run_smooth_weight, WITH(.weight = fr_detach(in[2]), .label_smoothing = 0.2))
FR_RUN(run_wanted, WITH(.weight = in[2]))

const fr_op fr_cross_entropy_op = {
    .name = "cross_entropy",
    .formula = "l = w[class] (log(sum(exp(x))) - x[class])",
    .derivative = "dL/dx = w[class] (softmax(x) - one_hot(class)) dL/dl",
    .shapes =
        "(N,C,*) (N,*) (C)? -> () or (N,*); (N,C,*) (N,C,*) (C)? -> () or (N,*); (C) () (C)? -> (); (C) (C) (C)? -> ()",
    .input_names = "logits target weight",
    .inputs = -1,
    .outputs = 2,
    .internal = 1,
    .saves_inputs = 7,
    .saves_outputs = 2,
    .attributes_size = sizeof(fr_classification_attributes),
    .dtypes = FR_MIXED,
    .null_gradients = true,
    .infer = infer,
    .forward = forward,
    .backward_kernel = backward_kernel,
    .definition = definition,
    .c_code = c_code,
    .c_backward = c_backward,
    FR_CASES(
        { "mean", "n(5,3) i3(5)", "F.cross_entropy(a, b)", run },
        { "sum", "n(5,100) i100(5)", "F.cross_entropy(a, b, reduction='sum')", run_sum },
        { "none", "n(5,3) i3(5)", "F.cross_entropy(a, b, reduction='none')", run_none },
        { "places", "n(2,3,4,5) i3(2,4,5)", "F.cross_entropy(a, b)", run },
        { "one row", "n(7) i7()", "F.cross_entropy(a, b, reduction='none')", run_none },
        { "probabilities", "n(5,7) n(5,7)", "F.cross_entropy(a, b.softmax(1))", run_softmax },
        { "weights", "n(5,7) u(5,7)", "F.cross_entropy(a, b, reduction='none')", run_none },
        { "probabilities of places", "n(2,3,4) u(2,3,4)", "F.cross_entropy(a, b)", run },
        { "probabilities of one row", "n(3) u(3)", "F.cross_entropy(a, b)", run },
        { "large", "v10000,-10000,9999,-10000,-10001,-10000(2,3) i3(2)", "F.cross_entropy(a, b, reduction='none')",
          run_none },
        { "infinite", "v-inf,0,1,inf,0,1,nan,0,1(3,3) i3(3)", "F.cross_entropy(a, b, reduction='none')", run_none },
        { "no options", "n(5,3) i3(5)", "F.cross_entropy(a, b)", run_plain },
        { "weight", "n(5,3) i3(5) v0.5,1.25,2(3)", "F.cross_entropy(a, b, c.detach())", run_weight },
        { "weight of places", "n(2,3,4,5) i3(2,4,5) v0.5,1.25,2(3)",
          "F.cross_entropy(a, b, c.detach(), reduction='none')", run_weight_none },
        { "weight of probabilities", "n(5,3) u(5,3) v0.5,1.25,2(3)", "F.cross_entropy(a, b, c.detach())", run_weight },
        { "ignore", "n(9,3) i3(9)", "F.cross_entropy(a, b, ignore_index=1)", run_ignore },
        { "default ignored", "n(4,3) v-100,2,-100,0(4)", "F.cross_entropy(a, b.detach().long())", run_classes },
        { "ignored beyond", "n(4,3) v255,2,255,0(4)", "F.cross_entropy(a, b.detach().long(), ignore_index=255)",
          run_ignore_beyond },
        { "default not ignored",
          "n(2,3) v-100,255(2)",
          NULL,
          run_ignore_beyond,
          { "cross_entropy", "class -100 at 0" } },
        { "all ignored", "v0,1,2,3,4,5(2,3) v-100,-100(2)", "F.cross_entropy(a, b.detach().long())", run_classes },
        { "smoothing", "n(5,3) i3(5)", "F.cross_entropy(a, b, label_smoothing=0.1)", run_smooth },
        { "all smooth", "n(2,3,4) i3(2,4)", "F.cross_entropy(a, b, label_smoothing=1.0, reduction='sum')",
          run_smooth_whole },
        { "smoothed probabilities", "n(2,3,4) u(2,3,4)", "F.cross_entropy(a, b, label_smoothing=0.1)", run_smooth },
        { "smoothed, weighted probabilities", "n(2,3,4) u(2,3,4) v0.5,1.25,2(3)",
          "F.cross_entropy(a, b, c.detach(), label_smoothing=0.2)", run_smooth_weight },
        { "all options", "n(2,3,9) i3(2,9) v0.5,1.25,2(3)",
          "F.cross_entropy(a, b, c.detach(), ignore_index=0, label_smoothing=0.2)", run_all },
        { "all options, none", "n(9,3) i3(9) v0.5,1.25,2(3)",
          "F.cross_entropy(a, b, c.detach(), ignore_index=0, label_smoothing=0.2, reduction='none')", run_all_none },
        { "eight dims", "n(2,3,2,1,2,1,2,1) i3(2,2,1,2,1,2,1)", "F.cross_entropy(a, b, label_smoothing=0.1)",
          run_smooth },
        { "no rows", "n(0,3) i3(0)", "F.cross_entropy(a, b)", run },
        { "no places", "n(2,3,0) i3(2,0)", "F.cross_entropy(a, b, reduction='sum')", run_sum },
        { "class", "n(2,3) v1,3(2)", NULL, run_classes, { "cross_entropy", "class 3 at 1", "3 classes" } },
        { "shapes", "n(2,3) i3(3)", NULL, run, { "cross_entropy", "(2, 3)", "(3,)" } },
        { "logits", "i3(2,3) i3(2)", NULL, run, { "cross_entropy", "int64" } },
        { "weight's shape",
          "n(2,3) i3(2) u(2)",
          NULL,
          run_weight,
          { "cross_entropy", "weight (2,)", "expected (3,)" } },
        { "weight's gradient", "n(2,3) i3(2) u(3)", NULL, run_wanted, { "cross_entropy", "weight", "fr_detach" } },
        { "smoothing above 1",
          "n(2,3) i3(2)",
          NULL,
          run_smooth_over,
          { "cross_entropy", "label_smoothing is 1.5", "[0, 1]" } },
        { "ignored probabilities", "n(2,3) u(2,3)", NULL, run_ignore, { "cross_entropy", "ignore_index 1" } },
        { "scalar", "n() i1()", NULL, run, { "cross_entropy", "()" } }),
};

fr_tensor *fr_cross_entropy(fr_tensor *logits, fr_tensor *target, fr_reduction reduction)
{
    return fr_apply_loss("cross_entropy", &fr_cross_entropy_op, (fr_tensor *[3]){ logits, target },
                         &(fr_classification_attributes){ .ignore_index = FR_IGNORE_INDEX },
                         &(fr_loss_options){ .reduction = reduction, .divide = fr_divide_by_classes });
}

fr_tensor *fr_cross_entropy_with(fr_tensor *logits, fr_tensor *target, const fr_cross_entropy_options *options)
{
    static const fr_cross_entropy_options defaults;
    const fr_cross_entropy_options *o = options ? options : &defaults;
    fr_classification_attributes attributes = { .ignore_index = o->ignore ? o->ignore_index : FR_IGNORE_INDEX,
                                                .has_ignore_index = o->ignore,
                                                .label_smoothing = fr_option(o->label_smoothing, 0) };

    return fr_apply_loss("cross_entropy_with", &fr_cross_entropy_op, (fr_tensor *[3]){ logits, target, o->weight },
                         &attributes,
                         &(fr_loss_options){ .reduction = o->reduction,
                                             .divide = fr_divide_by_classes,
                                             .reserved = o->reserved,
                                             .missing = !o->weight });
}
