/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* batch_norm: for each channel y = (x - mean) / sqrt(variance + eps) weight + bias (Ioffe and Szegedy, "Batch
 * Normalization", 2015). In training, mean and variance are those of the channel in this batch, and the running ones
 * move towards them; in evaluation they are the running ones. kernels/batch_norm.h derives the gradients. The second
 * output (2,C), in float64, is the mean and the variance of each channel, the latter without Bessel's correction. */
#include "kernels/batch_norm.h"
#include "ops/norm/batch_norm.h"

#include <frond/autograd.h>

typedef fr_batch_norm_attributes attributes;

/* Fails unless t, an input beside x, is (C) and of x's dtype. NULL is fine. */
static bool check_per_channel(const fr_tensor *x, const fr_tensor *t, const char *name)
{
    fr_shape expected = { 1, { x->shape.dim[1] } };
    char p[FR_SHAPE_TEXT], q[FR_SHAPE_TEXT], r[FR_SHAPE_TEXT];

    if (t && !fr_shape_equal(&t->shape, &expected))
        return fr_fail("batch_norm", "%s %s, expected %s, the channels of x %s", name, fr_shape_text(&t->shape, p),
                       fr_shape_text(&expected, q), fr_shape_text(&x->shape, r));
    if (t && t->dtype != x->dtype)
        return fr_fail("batch_norm", "%s is %s, x %s; use fr_cast", name, fr_dtype_name((fr_dtype)t->dtype),
                       fr_dtype_name((fr_dtype)x->dtype));
    return true;
}

static bool infer(fr_op_call *call)
{
    static const char *const names[] = { "x", "weight", "bias", "running_mean", "running_var" };
    const attributes *a = call->attributes;
    const fr_tensor *x = call->in[X];
    char text[FR_SHAPE_TEXT];

    if (x->shape.ndim < 2)
        return fr_op_fail(call, "x %s, expected (N, C) or (N, C, ...)", fr_shape_text(&x->shape, text));
    for (int i = WEIGHT; i < INPUTS; i++)
        if (!check_per_channel(x, call->in[i], names[i]))
            return false;
    if (a->training && x->numel > 0 && x->numel == x->shape.dim[1])
        return fr_op_fail(call, "x %s: one value a channel has no variance to train with",
                          fr_shape_text(&x->shape, text));
    call->out[0] = fr_meta_of(x);
    call->out[1] = (fr_meta){ .shape = { 2, { 2, x->shape.dim[1] } }, .dtype = FR_F64 };
    return true;
}

int64_t fr_batch_norm_inner(const fr_shape *x)
{
    fr_shape inner = { .ndim = x->ndim - 2 };

    memcpy(inner.dim, x->dim + 2, (size_t)inner.ndim * sizeof *inner.dim);
    return fr_shape_numel(&inner);
}

static fr_batch_norm_args args_of(const fr_op_call *call)
{
    const attributes *a = call->attributes;
    const fr_tensor *x = call->in[X], *weight = call->in[WEIGHT], *bias = call->in[BIAS];

    return (fr_batch_norm_args){ .batch = x->shape.dim[0],
                                 .channels = x->shape.dim[1],
                                 .inner = fr_batch_norm_inner(&x->shape),
                                 .training = a->training,
                                 .eps = a->eps,
                                 .x = x->origin,
                                 .weight = weight ? weight->origin : NULL,
                                 .bias = bias ? bias->origin : NULL,
                                 .stats = (double *)call->result[1]->origin };
}

static void forward(fr_op_call *call)
{
    const fr_tensor *mean = call->in[RUNNING_MEAN], *variance = call->in[RUNNING_VAR];
    fr_batch_norm_args args = args_of(call);

    for (int64_t c = 0; c < args.channels; c++) {
        args.stats[c] = mean ? fr_value_at(mean, c) : 0;
        args.stats[args.channels + c] = variance ? fr_value_at(variance, c) : 0;
    }
    args.out = call->result[0]->origin;
    fr_normalise_channels(fr_dtype_of(call->in[X]), &args);
}

static void backward_kernel(fr_op_call *call)
{
    fr_batch_norm_args args = args_of(call);

    args.dy = call->grad_out[0]->origin;
    args.out = call->needs[X] ? call->grad_in[X]->origin : NULL;
    args.dweight = call->needs[WEIGHT] ? call->grad_in[WEIGHT]->origin : NULL;
    args.dbias = call->needs[BIAS] ? call->grad_in[BIAS]->origin : NULL;
    fr_normalise_channels(fr_dtype_of(call->in[X]), &args);
}

/* The formula in ops, with the channels as rows: (C, N times the values of an image). */
static void definition(fr_op_call *call)
{
    const attributes *a = call->attributes;
    fr_tensor *x = call->in[X], *weight = call->in[WEIGHT], *bias = call->in[BIAS];
    int64_t n = x->shape.dim[0], channels = x->shape.dim[1], inner = fr_batch_norm_inner(&x->shape);
    fr_shape column = { 2, { channels, 1 } }, pair = { 2, { 2, channels } };
    fr_tensor *rows = fr_transpose(fr_reshape(x, (fr_shape){ 3, { n, channels, inner } }), 0, 1), *d, *y;

    rows = fr_reshape(rows, (fr_shape){ 2, { channels, n * inner } });

    fr_tensor *mean = a->training ? fr_mean_dim(rows, 1, true) : fr_reshape(call->in[RUNNING_MEAN], column);

    d = fr_sub(rows, mean);

    fr_tensor *variance = a->training ? fr_mean_dim(fr_square(d), 1, true) : fr_reshape(call->in[RUNNING_VAR], column);

    y = fr_mul(d, fr_rsqrt(fr_add_scalar(variance, a->eps)));
    y = weight ? fr_mul(y, fr_reshape(weight, column)) : y;
    y = bias ? fr_add(y, fr_reshape(bias, column)) : y;
    y = fr_transpose(fr_reshape(y, (fr_shape){ 3, { channels, n, inner } }), 0, 1);
    call->result[0] = fr_reshape(y, x->shape);
    call->result[1] = fr_cast(fr_reshape(fr_cat((fr_tensor *[]){ mean, variance }, 2, 0), pair), FR_F64);
}

/* ONNX's BatchNormalization needs all five inputs. */
static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const attributes *a = call->attributes;

    if (a->training || !call->in[WEIGHT] || !call->in[BIAS])
        return fr_onnx_fail(g, "it is written in evaluation, with weight and bias, alone");
    fr_onnx_node(g, "BatchNormalization",
                 FR_ONNX_NAMES(fr_onnx_input(g, 0), fr_onnx_input(g, WEIGHT), fr_onnx_input(g, BIAS),
                               fr_onnx_input(g, RUNNING_MEAN), fr_onnx_input(g, RUNNING_VAR)),
                 FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    fr_onnx_float(g, "epsilon", a->eps);
    return true;
}

#ifdef FR_TESTS
enum { EVALUATION, TRAINING };

/* in: x, weight, bias, running mean, running variance. The running ones are copied before they change. */
static fr_tensor *run_with(fr_tensor *const *in, int training, double momentum, fr_tensor **mean, fr_tensor **variance)
{
    fr_batch_norm_options options = { .training = training, .momentum = momentum };

    *mean = fr_clone(fr_detach(in[3]));
    *variance = fr_clone(fr_detach(in[4]));
    return fr_batch_norm(in[0], *mean, *variance, in[1], in[2], &options);
}

static fr_tensor *run_training(fr_tensor *const *in)
{
    fr_tensor *mean, *variance;

    return run_with(in, TRAINING, 0, &mean, &variance);
}

static fr_tensor *run_evaluation(fr_tensor *const *in)
{
    fr_tensor *mean, *variance;

    return run_with(in, EVALUATION, 0, &mean, &variance);
}

static fr_tensor *run_mean(fr_tensor *const *in)
{
    fr_tensor *mean, *variance;

    return run_with(in, TRAINING, 0, &mean, &variance) ? mean : NULL;
}

static fr_tensor *run_variance(fr_tensor *const *in)
{
    fr_tensor *mean, *variance;

    return run_with(in, TRAINING, 0.3, &mean, &variance) ? variance : NULL;
}

static fr_tensor *run_momentum_0(fr_tensor *const *in)
{
    fr_tensor *mean, *variance;

    return run_with(in, TRAINING, FR_ZERO, &mean, &variance) ? variance : NULL;
}

static fr_tensor *run_momentum_1(fr_tensor *const *in)
{
    fr_tensor *mean, *variance;

    return run_with(in, TRAINING, 1, &mean, &variance) ? mean : NULL;
}

static fr_tensor *run_unchanged(fr_tensor *const *in)
{
    fr_tensor *mean, *variance;

    return run_with(in, EVALUATION, 0, &mean, &variance) ? mean : NULL;
}

static fr_tensor *run_plain_with(fr_tensor *const *in, fr_batch_norm_options options)
{
    options.training = true;
    return fr_batch_norm(in[0], NULL, NULL, NULL, NULL, &options);
}

FR_RUN(run_history,
       fr_batch_norm(in[0], fr_mul_scalar(in[1], 2), in[1], NULL, NULL, &(fr_batch_norm_options){ .training = true }))

static fr_tensor *run_expanded(fr_tensor *const *in)
{
    fr_tensor *once = fr_expand(fr_detach(in[1]), (fr_shape){ 1, { 3 } });

    return fr_batch_norm(in[0], once, once, NULL, NULL, &(fr_batch_norm_options){ .training = true });
}

static fr_tensor *run_double(fr_tensor *const *in)
{
    fr_tensor *twice = fr_cast(fr_detach(in[1]), FR_F64);

    return fr_batch_norm(in[0], twice, twice, NULL, NULL, &(fr_batch_norm_options){ .training = true });
}
#endif

FR_RUN(run_plain, run_plain_with(in, (fr_batch_norm_options){ 0 }))
FR_RUN(run_eps, run_plain_with(in, (fr_batch_norm_options){ .eps = 0.5 }))
FR_RUN(run_no_eps, fr_batch_norm(in[0], in[1], in[2], NULL, NULL, &(fr_batch_norm_options){ .eps = FR_ZERO }))
FR_RUN(run_training_no_eps, run_plain_with(in, (fr_batch_norm_options){ .eps = FR_ZERO }))
FR_RUN(run_negative_eps, run_plain_with(in, (fr_batch_norm_options){ .eps = -1 }))
FR_RUN(run_momentum, run_plain_with(in, (fr_batch_norm_options){ .momentum = 1.5 }))
FR_RUN(run_reserved, run_plain_with(in, (fr_batch_norm_options){ .reserved = { [2] = in[0] } }))
FR_RUN(run_transposed, run_plain_with((fr_tensor *[]){ fr_transpose(in[0], 0, 1) }, (fr_batch_norm_options){ 0 }))
FR_RUN(run_weight, fr_batch_norm(in[0], NULL, NULL, in[1], NULL, &(fr_batch_norm_options){ .training = true }))
FR_RUN(run_bias, fr_batch_norm(in[0], NULL, NULL, NULL, in[1], &(fr_batch_norm_options){ .training = true }))
FR_RUN(run_running, fr_batch_norm(in[0], in[1], in[2], NULL, NULL, NULL))
FR_RUN(run_one_alone, fr_batch_norm(in[0], in[1], NULL, NULL, NULL, &(fr_batch_norm_options){ .training = true }))
FR_RUN(run_without_running, fr_batch_norm(in[0], NULL, NULL, NULL, NULL, NULL))

#define RUNNING " v0.1,-0.2,0.3(3) v0.5,1,2(3)"
#define TORCH   "F.batch_norm(a, m := d.detach().clone(), v := e.detach().clone(), b, c, "

const fr_op fr_batch_norm_op = {
    .name = "batch_norm",
    .formula = "y = (x - mean) / sqrt(variance + eps) weight + bias, for each channel",
    .shapes = "(N,C,*) (C)? (C)? (C)? (C)? -> (N,C,*) (2,C)",
    .input_names = "x weight bias running_mean running_var",
    .inputs = INPUTS,
    .outputs = 2,
    .optional = 1U << WEIGHT | 1U << BIAS | 1U << RUNNING_MEAN | 1U << RUNNING_VAR,
    .saves_inputs = (1U << INPUTS) - 1,
    .saves_outputs = 2,
    .attributes_size = sizeof(attributes),
    .null_gradients = true,
    .infer = infer,
    .forward = forward,
    .backward_kernel = backward_kernel,
    .definition = definition,
    .c_code = fr_batch_norm_c_code,
    .c_backward = fr_batch_norm_c_backward,
    .onnx = onnx,
    FR_CASES(
        { "training", "n(5,3) n(3) n(3)" RUNNING, TORCH "True)", run_training },
        { "training, length", "n(2,3,4) n(3) n(3)" RUNNING, TORCH "True)", run_training },
        { "training, image", "n(2,3,2,5) n(3) n(3)" RUNNING, TORCH "True)", run_training },
        { "evaluation", "n(5,3) n(3) n(3)" RUNNING, TORCH "False)", run_evaluation },
        { "evaluation, image", "n(2,3,2,5) n(3) n(3)" RUNNING, TORCH "False)", run_evaluation },
        { "evaluation, one", "n(1,3) n(3) n(3)" RUNNING, TORCH "False)", run_evaluation },
        { "running mean", "n(2,3,4) n(3) n(3)" RUNNING, "(" TORCH "True), m)[1]", run_mean, .no_grad = true },
        { "running variance", "n(2,3,4) n(3) n(3)" RUNNING, "(" TORCH "True, 0.3), v)[1]", run_variance,
          .no_grad = true },
        { "momentum 0", "n(5,3) n(3) n(3)" RUNNING, "(" TORCH "True, 0.0), v)[1]", run_momentum_0, .no_grad = true },
        { "momentum 1", "n(5,3) n(3) n(3)" RUNNING, "(" TORCH "True, 1.0), m)[1]", run_momentum_1, .no_grad = true },
        { "unchanged", "n(5,3) n(3) n(3)" RUNNING, "(" TORCH "False), m)[1]", run_unchanged, .no_grad = true },
        { "unchanged by nothing", "n(0,3) n(3) n(3)" RUNNING, "(" TORCH "True), m)[1]", run_mean, .no_grad = true },
        { "plain", "n(5,3)", "F.batch_norm(a, None, None, training=True)", run_plain },
        { "weight", "n(5,3) n(3)", "F.batch_norm(a, None, None, b, training=True)", run_weight },
        { "bias", "n(5,3) n(3)", "F.batch_norm(a, None, None, None, b, training=True)", run_bias },
        { "eps", "n(5,3)", "F.batch_norm(a, None, None, training=True, eps=0.5)", run_eps },
        { "no eps, evaluation", "n(5,3) v1,2,3(3) v1,2,3(3)", "F.batch_norm(a, b.detach(), c.detach(), eps=0.0)",
          run_no_eps },
        { "running alone", "n(5,3) v1,2,3(3) v1,2,3(3)", "F.batch_norm(a, b.detach(), c.detach())", run_running },
        { "transposed", "n(3,5,2)", "F.batch_norm(a.transpose(0, 1), None, None, training=True)", run_transposed },
        { "no variance", "v0.5,1,0.5,1(2,2)", "F.batch_norm(a, None, None, training=True)", run_plain },
        { "infinite", "v1,inf,2,3,1,nan,2,3,1,2,3,4(3,4)", "F.batch_norm(a, None, None, training=True)", run_plain },
        { "no rows", "n(0,3) n(3) n(3)" RUNNING, TORCH "True)", run_training },
        { "no rows, evaluation", "n(0,3) n(3) n(3)" RUNNING, TORCH "False)", run_evaluation },
        { "no places", "n(2,3,0) n(3) n(3)" RUNNING, TORCH "True)", run_training },
        { "no channels", "n(2,0)", "F.batch_norm(a, None, None, training=True)", run_plain },
        { "one value", "n(1,3,1)", NULL, run_plain, { "batch_norm", "(1, 3, 1)", "one value a channel" } },
        { "vector", "n(3)", NULL, run_plain, { "batch_norm", "(3,)", "(N, C)" } },
        { "weight shape", "n(5,3) n(4)", NULL, run_weight, { "batch_norm", "weight (4,)", "(3,)" } },
        { "running shape", "n(5,3) n(3) n(4)", NULL, run_running, { "batch_norm", "running_var (4,)", "(3,)" } },
        { "running dtype", "n(5,3) v1,2,3(3)", NULL, run_double, { "batch_norm", "running_mean is float64" } },
        { "one alone", "n(5,3) n(3)", NULL, run_one_alone, { "batch_norm", "running_var is NULL" } },
        { "without running", "n(5,3)", NULL, run_without_running, { "batch_norm", "running_mean is NULL" } },
        { "history", "n(5,3) n(3)", NULL, run_history, { "batch_norm", "running_mean", "mul" } },
        { "expanded", "n(5,3) n(1)", NULL, run_expanded, { "batch_norm", "running_mean", "expanded" } },
        { "momentum", "n(5,3)", NULL, run_momentum, { "batch_norm", "momentum is 1.5", "[0, 1]" } },
        { "negative eps", "n(5,3)", NULL, run_negative_eps, { "batch_norm", "eps is -1" } },
        { "no eps", "n(5,3)", NULL, run_training_no_eps, { "batch_norm", "eps is 0", "training" } },
        { "reserved", "n(5,3)", NULL, run_reserved, { "batch_norm", "reserved[2]" } },
        { "int64", "i5(5,3)", NULL, run_plain, { "batch_norm", "int64", "float32" } }),
};

/* --- Running statistics ------------------------------------------------------------------------------------------- */

/* Fails unless t can be a running statistic of x's channels: it will be written in place. */
static bool check_running(const fr_tensor *x, const fr_tensor *t, const char *name)
{
    if (!fr_check_argument("batch_norm", t, name))
        return false;
    if (fr_has_history(t))
        return fr_fail("batch_norm", "%s is a result of %s, which changing it in place would break: use fr_detach",
                       name, t->producer->name);
    if (fr_repeats_values(t))
        return fr_fail("batch_norm", "%s is an expanded view, where several values share one place", name);
    return x->shape.ndim < 2 || check_per_channel(x, t, name);
}

/* For each channel: running = (1 - momentum) running + momentum correction value, with the values from number m of the
 * statistics on; a is the correction, b the momentum. */
static bool update(const fr_action *a)
{
    fr_tensor *running = a->into;
    const double *value = (const double *)a->from->origin + a->m;
    double correction = a->a, momentum = a->b;
    int64_t stride = fr_stride(running, 0);

    FR_DISPATCH_FLOAT(running, T, {
        T *r = (T *)running->origin;

        for (int64_t c = 0; c < running->numel; c++)
            r[c * stride] = (T)((1 - momentum) * (double)r[c * stride] + momentum * correction * value[c]);
    })
    fr_storage_bump(running);
    return true;
}

/* Normalises x by its own statistics. The running ones, if there are any, change last, when nothing can fail any more.
 * As in PyTorch, the running variance has Bessel's correction n / (n - 1). */
static fr_tensor *train(fr_tensor *const *in, const attributes *a, double momentum)
{
    fr_tensor *x = in[X], *mean = in[RUNNING_MEAN], *variance = in[RUNNING_VAR], *results[2], *y = NULL;

    if ((mean || variance) && !(check_running(x, mean, "running_mean") && check_running(x, variance, "running_var")))
        return NULL;
    if (fr_apply_n(&fr_batch_norm_op, (fr_tensor *[]){ x, in[WEIGHT], in[BIAS], NULL, NULL }, INPUTS, a, results))
        y = fr_escape(results[0]);
    if (y && mean && x->numel > 0) {
        fr_thread *th = fr_thread_self();
        fr_action change = {
            .run = update, .c_code = fr_batch_norm_write_update, .into = mean, .from = results[1], .a = 1, .b = momentum
        };
        int64_t channels = x->shape.dim[1];
        double n = (double)(x->numel / channels); /* NOLINT(bugprone-integer-division): it divides evenly */

        fr_act(th, &change);
        change.into = variance;
        change.m = channels;
        change.a = n / (n - 1);
        fr_act(th, &change);
    }
    return y;
}

/* Normalises x by the running statistics, which get no gradient. */
static fr_tensor *evaluate(fr_tensor *const *in, const attributes *a)
{
    fr_tensor *given[] = { in[X], in[WEIGHT], in[BIAS], NULL, NULL }, *results[2];

    if (!fr_check_argument("batch_norm", in[RUNNING_MEAN], "running_mean") ||
        !fr_check_argument("batch_norm", in[RUNNING_VAR], "running_var"))
        return NULL;
    given[RUNNING_MEAN] = fr_detach(in[RUNNING_MEAN]);
    given[RUNNING_VAR] = fr_detach(in[RUNNING_VAR]);
    return fr_apply_n(&fr_batch_norm_op, given, INPUTS, a, results) ? fr_escape(results[0]) : NULL;
}

fr_tensor *fr_batch_norm(fr_tensor *x, fr_tensor *running_mean, fr_tensor *running_var, fr_tensor *weight,
                         fr_tensor *bias, const fr_batch_norm_options *options)
{
    static const fr_batch_norm_options defaults;
    const char *what = "batch_norm";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    int scope = fr_scope_begin();
    const fr_batch_norm_options *o = options ? options : &defaults;
    double momentum = fr_option(o->momentum, 0.1);
    attributes a = { .training = o->training, .eps = fr_option(o->eps, 1e-5) };
    fr_tensor *in[] = { x, weight, bias, running_mean, running_var }, *y = NULL;

    if (scope < 0 || !fr_check_reserved(what, o->reserved) || !fr_check_option(what, "eps", a.eps, INFINITY) ||
        !fr_check_argument(what, x, "x")) {
    } else if (!(momentum >= 0 && momentum <= 1)) {
        fr_fail(what, "momentum is %g, expected a number in [0, 1]", momentum);
    } else if (o->training && a.eps == 0) {
        fr_fail(what, "eps is 0, expected more in training");
    } else {
        y = o->training ? train(in, &a, momentum) : evaluate(in, &a);
    }
    fr_scope_end(scope);
    fr_finish(th, before);
    return y;
}
