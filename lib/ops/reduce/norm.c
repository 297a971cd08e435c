/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* norm: y = sum(|x|^p)^(1/p), of all values or along a dim. p is 2 unless given. The limits are the number of values
 * other than 0 for p = 0, the largest |x| for p = inf, and the smallest for p = -inf.
 *
 * By the chain rule dy/dx = y^(1-p) |x|^(p-1) sign(x) = sign(x) (|x| / y)^(p-1); for p = 2 that is x / y. The quotient
 * comes first: powers of y alone, and dy / y, would overflow for values near 0. Where x or y is 0 the gradient is 0, a
 * subgradient for p >= 1 and PyTorch's choice. For p = inf and -inf all x whose |x| equals y share it evenly.
 *
 * pairwise_distance and cosine_similarity are composed of norms. */
#include "ops/reduce/max_min.h"

#include <frond/autograd.h>

#define REDUCER euclidean
#define STATE   double
#define INIT    0
#define STEP    (s + (double)x * (double)x)
#define MERGE   (s + o)
#define RESULT  ((T)sqrt(s))
#include "kernels/make_reducer.h"

/* The larger of two |x|, or for p = -inf the smaller; NaN beats all. s may be that of several x. */
FR_INLINE double better(double s, double x, double p)
{
    return x != x || (p > 0 ? x > s : x < s) ? x : s;
}

FR_INLINE double step(double s, double x, double p)
{
    return isinf(p) ? better(s, x, p) : s + (p == 0 ? x != 0 : p == 1 ? x : pow(x, p));
}

FR_INLINE double finish(double s, double p)
{
    return isinf(p) || p == 0 || p == 1 ? s : pow(s, 1 / p);
}

#define REDUCER norm
#define STATE   double
#define INIT    (p == -INFINITY ? INFINITY : 0)
#define STEP    step(s, fabs((double)x), p)
#define MERGE   (isinf(p) ? better(s, o, p) : s + o)
#define RESULT  ((T)finish(s, p))
#include "kernels/make_reducer.h"

static double p_of(const fr_op_call *call)
{
    return ((const fr_reduce_attributes *)call->attributes)->p;
}

/* No values have no norm where p is negative or inf, as in PyTorch. */
static bool infer(fr_op_call *call)
{
    double p = p_of(call);

    if (isnan(p))
        return fr_op_fail(call, "p is nan, expected a number");
    return p < 0 || isinf(p) ? fr_infer_max_min(call) : fr_infer_reduced(call);
}

static void forward(fr_op_call *call)
{
    fr_reduce_forward(call, 0, p_of(call) == 2 ? euclidean_reducer : norm_reducer);
}

static const char c_text[] = "/* sum(|x|^p)^(1/p) of each of (outer,n,inner); NaN where there is one. */\n"
                             "static void norm(int outer, int n, int inner, double p, const float *x, float *y)\n"
                             "{\n"
                             "    for (int i = 0; i < outer * inner; i++) {\n"
                             "        const float *at = x + i / inner * n * inner + i % inner;\n"
                             "        double s = isinf(p) && p < 0 ? INFINITY : 0;\n"
                             "\n"
                             "        for (int k = 0; k < n; k++) {\n"
                             "            const double a = fabs(at[k * inner]);\n"
                             "\n"
                             "            if (isinf(p))\n"
                             "                s = a != a || (p > 0 ? a > s : a < s) ? a : s;\n"
                             "            else\n"
                             "                s += p == 0 ? a != 0 : pow(a, p);\n"
                             "        }\n"
                             "        y[i] = (float)(isinf(p) || p == 0 ? s : pow(s, 1 / p));\n"
                             "    }\n"
                             "}\n";

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    double p = p_of(call);
    char argument[40];

    if (p == 2)
        return fr_c_reduce(w, call, "0", "s + x * x", "sqrt(s)");
    if (isinf(p))
        snprintf(argument, sizeof argument, "%sINFINITY, ", p < 0 ? "-" : "");
    else
        snprintf(argument, sizeof argument, "%.17g, ", p);
    return fr_c_reduce_by(w, call, "norm", c_text, argument);
}

static void backward(fr_op_call *call)
{
    double p = p_of(call);
    fr_tensor *x = call->in[0], *y = fr_keepdim(call, call->result[0]), *g = fr_keepdim(call, call->grad_out[0]);

    if (isinf(p)) {
        call->grad_in[0] = fr_mul(fr_sign(x), fr_share_gradient(call, fr_abs(x)));
    } else if (p == 2) {
        call->grad_in[0] = fr_mul(fr_div_or_zero(x, y), g);
    } else if (p == 1) {
        call->grad_in[0] = fr_mul(fr_sign(x), g);
    } else if (p == 0) {
        call->grad_in[0] = fr_zeros_like(x);
    } else {
        fr_tensor *quotient = fr_div_or_zero(fr_abs(x), y), *slope = fr_pow_scalar(quotient, p - 1);

        call->grad_in[0] = fr_mul(fr_mul(fr_sign(x), fr_masked_fill(slope, fr_eq_scalar(quotient, 0), 0)), g);
    }
}

/* ONNX has ops for p = 1 and 2, and reductions for the limits. */
static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    double p = p_of(call);
    bool keepdim = ((const fr_reduce_attributes *)call->attributes)->keepdim;
    fr_dtype dtype = fr_dtype_of(call->in[0]);
    const char *x = fr_onnx_input(g, 0), *y = fr_onnx_output(g, 0), *sum, *part;

    if (p == 1 || p == 2) {
        fr_onnx_reduce_to(g, call, p == 1 ? "ReduceL1" : "ReduceL2", x, keepdim, y);
        return true;
    }
    part = fr_onnx_value(g, "Abs", FR_ONNX_NAMES(x));
    if (isinf(p)) {
        fr_onnx_reduce_to(g, call, p > 0 ? "ReduceMax" : "ReduceMin", part, keepdim, y);
        return true;
    }
    if (p == 0) {
        part = fr_onnx_value(g, "Cast", FR_ONNX_NAMES(fr_onnx_bool(g, x)));
        fr_onnx_int(g, "to", fr_onnx_dtype(dtype));
        fr_onnx_reduce_to(g, call, "ReduceSum", part, keepdim, y);
        return true;
    }
    sum = fr_onnx_new_name(g);
    part = fr_onnx_value(g, "Pow", FR_ONNX_NAMES(part, fr_onnx_number(g, dtype, p)));
    fr_onnx_reduce_to(g, call, "ReduceSum", part, keepdim, sum);
    fr_onnx_node(g, "Pow", FR_ONNX_NAMES(sum, fr_onnx_number(g, dtype, 1 / p)), FR_ONNX_NAMES(y));
    return true;
}

#define WITH(...) fr_norm_with(in[0], &(fr_norm_options){ __VA_ARGS__ })
FR_RUN(run, fr_norm(in[0]))
FR_RUN(run_dim, fr_norm_dim(in[0], 1, false))
FR_RUN(run_keepdim, fr_norm_dim(in[0], -1, true))
FR_RUN(run_strided, fr_norm_dim(fr_transpose(in[0], 0, 2), 1, false))
FR_RUN(run_plain, fr_norm_with(in[0], NULL))
FR_RUN(run_one, WITH(.p = 1, .along = true, .dim = 1))
FR_RUN(run_three, WITH(.p = 3, .along = true, .dim = -1, .keepdim = true))
FR_RUN(run_half, WITH(.p = 0.5))
FR_RUN(run_negative, WITH(.p = -1.5, .along = true, .dim = 1))
FR_RUN(run_count, WITH(.p = FR_ZERO, .along = true, .dim = 1))
FR_RUN(run_largest, WITH(.p = INFINITY, .along = true, .dim = 1))
FR_RUN(run_largest_all, WITH(.p = INFINITY, .keepdim = true))
FR_RUN(run_smallest, WITH(.p = -INFINITY, .along = true, .dim = 1))
FR_RUN(run_nan, WITH(.p = NAN))
FR_RUN(run_dims, fr_norm_dims(in[0], 2, (fr_shape){ 2, { 0, -1 } }, false))
FR_RUN(run_dims_kept, fr_norm_dims(in[0], -INFINITY, (fr_shape){ 2, { 2, 1 } }, true))
FR_RUN(run_dims_count, fr_norm_dims(in[0], 0, (fr_shape){ 2, { 0, -1 } }, false))

FR_RUN(run_distance, fr_pairwise_distance(in[0], in[1], 2, 1e-6, false))
FR_RUN(run_distance_one, fr_pairwise_distance(in[0], in[1], 1, 0.01, true))
FR_RUN(run_distance_count, fr_pairwise_distance(in[0], in[1], 0, 0, false))
FR_RUN(run_cosine, fr_cosine_similarity(in[0], in[1], 1, 1e-8))
FR_RUN(run_cosine_first, fr_cosine_similarity(in[0], in[1], 0, 1e-8))
FR_RUN(run_cosine_eps, fr_cosine_similarity(in[0], in[1], -1, 3))

const fr_op fr_norm_op = {
    FR_REDUCTION_OP("norm", infer),
    .formula = "y = sum(|x|^p)^(1/p)",
    .saves_inputs = 1,
    .saves_outputs = 1,
    .backward = backward,
    .onnx = onnx,
    FR_CASES(
        { "all", "n(5,37)", "a.norm()", run }, { "dim", "n(2,7,3)", "a.norm(dim=1)", run_dim },
        { "inner", "n(2,50,3)", "a.norm(dim=1)", run_dim },
        { "keepdim", "n(2,131)", "a.norm(dim=-1, keepdim=True)", run_keepdim },
        { "strided", "n(2,3,4)", "a.transpose(0, 2).norm(dim=1)", run_strided },
        { "zero", "v0,0,3,4(2,2)", "a.norm(dim=1)", run_dim }, { "scalar", "n()", "a.norm()", run },
        { "infinite", "v1,inf,nan,1(2,2)", "a.norm(dim=1)", run_dim }, { "empty", "n(0,3)", "a.norm()", run },
        { "empty dim", "n(3,0)", "a.norm(dim=1)", run_dim }, { "empty other", "n(0,3)", "a.norm(dim=1)", run_dim },
        { "plain options", "n(5,37)", "a.norm()", run_plain },
        { "p 1", "n(2,70,3)", "torch.linalg.vector_norm(a, 1, 1)", run_one },
        { "p 1, kinks", "v0,-2,nan,0,inf,-0.0(2,3)", "torch.linalg.vector_norm(a, 1, 1)", run_one },
        { "p 3", "n(5,37)", "torch.linalg.vector_norm(a, 3, -1, keepdim=True)", run_three },
        { "p 3, zero", "v0,0,0,2,0,-1,0,nan,1,0,inf,1(4,3)", "torch.linalg.vector_norm(a, 3, -1, keepdim=True)",
          run_three },
        { "p 1/2", "n(3,4)", "torch.linalg.vector_norm(a, 0.5)", run_half },
        { "p 1/2, zero", "v1,0,-4(3)", "torch.linalg.vector_norm(a, 0.5)", run_half },
        { "p negative", "n(3,4)", "torch.linalg.vector_norm(a, -1.5, 1)", run_negative },
        { "p negative, zero", "v1,0,-2,-1,nan,2,inf,1,2(3,3)", "torch.linalg.vector_norm(a, -1.5, 1)", run_negative },
        { "p 0", "v0,-2,nan,0,inf,-0.0(2,3)", "torch.linalg.vector_norm(a, 0, 1)", run_count },
        { "p inf", "u(3,70)", "torch.linalg.vector_norm(a, float('inf'), 1)", run_largest },
        { "p inf, ties", "v1,-2,2,0,0,0,1,nan,2(3,3)", "torch.linalg.vector_norm(a, float('inf'), 1)", run_largest },
        { "p inf of all", "v0.5,-3,2,1(2,2)", "torch.linalg.vector_norm(a, float('inf'), keepdim=True)",
          run_largest_all },
        { "p -inf", "u(3,5)", "torch.linalg.vector_norm(a, float('-inf'), 1)", run_smallest },
        { "p -inf, ties", "v1,-1,2,0,3,0,1,nan,2(3,3)", "torch.linalg.vector_norm(a, float('-inf'), 1)", run_smallest },
        { "p of none", "n(3,0)", NULL, run_largest, { "norm", "(3, 0)", "dim 1" } },
        { "p nan", "n(3)", NULL, run_nan, { "norm", "p is nan" } },
        { "dims", "n(3,4,5)", "torch.linalg.vector_norm(a, 2, (0, -1))", run_dims },
        { "dims kept", "n(3,4,5)", "torch.linalg.vector_norm(a, float('-inf'), (2, 1), keepdim=True)", run_dims_kept },
        { "dims, p 0", "v0,-2,nan,0,inf,-0.0(2,1,3)", "torch.linalg.vector_norm(a, 0, (0, -1))", run_dims_count },
        { "dims range", "n(2,3)", NULL, run_dims_kept, { "norm_dims", "dim 2", "(2, 3)" } },
        { "eight dims", "n(2,3,2,1,2,1,2,3)", "a.norm(dim=1)", run_dim },
        { "int64", "i5(3)", NULL, run, { "norm", "int64" } },
        { "pairwise_distance", "n(5,4) n(5,4)", "F.pairwise_distance(a, b)", run_distance },
        { "pairwise_distance, p 1", "n(3,4) n(4)", "F.pairwise_distance(a, b, 1, 0.01, True)", run_distance_one },
        { "pairwise_distance, p 0", "v1,2,3,4(2,2) v1,1,3,4(2,2)", "F.pairwise_distance(a, b, 0, 0)",
          run_distance_count },
        { "pairwise_distance, equal", "v1,2(1,2) v1,2(1,2)", "F.pairwise_distance(a, b)", run_distance },
        { "pairwise_distance, empty", "n(0,4) n(0,4)", "F.pairwise_distance(a, b)", run_distance },
        { "pairwise_distance, shapes", "n(3,4) n(3)", NULL, run_distance, { "pairwise_distance", "(3, 4)", "(3,)" } },
        { "cosine_similarity", "n(5,4) n(5,4)", "F.cosine_similarity(a, b)", run_cosine },
        { "cosine_similarity, broadcast", "n(2,1,4) n(3,1)", "F.cosine_similarity(a, b)", run_cosine },
        { "cosine_similarity, one dim", "n(4) n(4)", "F.cosine_similarity(a, b, 0)", run_cosine_first },
        { "cosine_similarity, zero", "v0,0,1,2,1e-9,0(3,2) v1,2,0,0,1,1(3,2)", "F.cosine_similarity(a, b)",
          run_cosine },
        { "cosine_similarity, eps", "v1,-1,0.5,4(2,2) v2,1,-3,1(2,2)", "F.cosine_similarity(a, b, -1, 3)",
          run_cosine_eps },
        { "cosine_similarity, empty", "n(0,4) n(0,4)", "F.cosine_similarity(a, b)", run_cosine },
        { "cosine_similarity, shapes", "n(3,4) n(3)", NULL, run_cosine, { "cosine_similarity", "(3, 4)", "(3,)" } },
        { "cosine_similarity, dim", "n(4) n(4)", NULL, run_cosine, { "cosine_similarity", "dim 1", "(4,)" } },
        { "range", "n(4)", NULL, run_dim, { "norm", "dim 1", "(4,)" } }),
};

fr_tensor *fr_norm(fr_tensor *t)
{
    return fr_apply(&fr_norm_op, &t, &(fr_reduce_attributes){ .all = true, .p = 2 });
}

fr_tensor *fr_norm_dim(fr_tensor *t, int dim, bool keepdim)
{
    return fr_apply_reduction("norm_dim", &fr_norm_op, t,
                              (fr_reduce_attributes){ .dim = dim, .keepdim = keepdim, .p = 2 }, NULL);
}

fr_tensor *fr_norm_with(fr_tensor *t, const fr_norm_options *options)
{
    static const fr_norm_options defaults;
    const fr_norm_options *o = options ? options : &defaults;
    fr_reduce_attributes a = { .dim = o->dim, .all = !o->along, .keepdim = o->keepdim, .p = fr_option(o->p, 2) };

    return fr_apply_reduction("norm_with", &fr_norm_op, t, a, o->reserved);
}

/* --- Distances --------------------------------------------------------------------------------------------------- */

static bool are_there(const char *what, const fr_tensor *x1, const fr_tensor *x2)
{
    return fr_check_argument(what, x1, "x1") && fr_check_argument(what, x2, "x2");
}

fr_tensor *fr_pairwise_distance(fr_tensor *x1, fr_tensor *x2, double p, double eps, bool keepdim)
{
    fr_composition c = fr_compose("pairwise_distance");
    fr_norm_options options = { .along = true, .dim = -1, .keepdim = keepdim, .p = p == 0 ? FR_ZERO : p };
    fr_tensor *d = are_there("pairwise_distance", x1, x2) ? fr_sub(x1, x2) : NULL;

    return fr_composed(c, fr_norm_with(fr_add_scalar(d, eps), &options));
}

fr_tensor *fr_raise(fr_tensor *t, double least)
{
    return fr_add(t, fr_detach(fr_relu(fr_add_scalar(fr_neg(t), least))));
}

static fr_tensor *cosine_of(fr_tensor *x1, fr_tensor *x2, int dim, double eps)
{
    char a[FR_SHAPE_TEXT], b[FR_SHAPE_TEXT];
    fr_shape both;

    if (!fr_shape_broadcast(&x1->shape, &x2->shape, &both))
        return fr_fail("cosine_similarity", "shapes %s and %s do not broadcast", fr_shape_text(&x1->shape, a),
                       fr_shape_text(&x2->shape, b));
    x1 = fr_expand(x1, both);
    x2 = fr_expand(x2, both);
    return fr_sum_dim(fr_mul(fr_div(x1, fr_raise(fr_norm_dim(x1, dim, true), eps)),
                             fr_div(x2, fr_raise(fr_norm_dim(x2, dim, true), eps))),
                      dim, false);
}

fr_tensor *fr_cosine_similarity(fr_tensor *x1, fr_tensor *x2, int dim, double eps)
{
    fr_composition c = fr_compose("cosine_similarity");

    return fr_composed(c, are_there("cosine_similarity", x1, x2) ? cosine_of(x1, x2, dim, eps) : NULL);
}

fr_tensor *fr_norm_dims(fr_tensor *t, double p, fr_shape dims, bool keepdim)
{
    return fr_apply_reduction_dims("norm_dims", &fr_norm_op, t, &dims, keepdim, p);
}
