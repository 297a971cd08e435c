/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* var: the variance y = sum((x - m)^2) / (n - correction) with the mean m, of all values or along a dim. The correction
 * is 1 unless given (Bessel's).
 *
 * dy/dx[i] = 2 sum_k((x[k] - m) (d[k = i] - 1/n)) / (n - correction), with d = 1 where its index says so and else 0.
 * Deviations from the mean add up to 0, so that 2 (x[i] - m) / (n - correction) is left. */
#include "ops/reduce/variance.h"

#define REDUCER var
#define STATE   fr_moments
#define INIT    ((fr_moments){ 0 })
#define STEP    fr_moments_add(s, (double)x)
#define MERGE   fr_moments_merge(s, o)
#define RESULT  ((T)fr_moments_variance(s, p))
#include "kernels/make_reducer.h"

static void forward(fr_op_call *call)
{
    fr_reduce_forward(call, 0, var_reducer);
}

/* --- Shared with std --------------------------------------------------------------------------------------------- */

bool fr_infer_variance(fr_op_call *call)
{
    double correction = ((const fr_reduce_attributes *)call->attributes)->p;

    if (!isfinite(correction))
        return fr_op_fail(call, "correction is %g, expected a finite number", correction);
    return fr_infer_reduced(call);
}

fr_tensor *fr_apply_variance(const char *what, const fr_op *op, fr_tensor *t, const fr_variance_options *options)
{
    static const fr_variance_options defaults;
    const fr_variance_options *o = options ? options : &defaults;
    fr_reduce_attributes a = {
        .dim = o->dim, .all = !o->along, .keepdim = o->keepdim, .p = fr_option(o->correction, 1)
    };

    return fr_apply_reduction(what, op, t, a, o->reserved);
}

const char *fr_onnx_variance(fr_onnx *g, const fr_op_call *call)
{
    const fr_reduce_attributes *a = call->attributes;
    fr_dtype dtype = fr_dtype_of(call->in[0]);
    const char *x = fr_onnx_input(g, 0), *mean = fr_onnx_new_name(g), *v = fr_onnx_new_name(g), *d, *n, *left;

    fr_onnx_reduce_to(g, call, "ReduceMean", x, true, mean);
    d = fr_onnx_value(g, "Sub", FR_ONNX_NAMES(x, mean));
    fr_onnx_reduce_to(g, call, "ReduceMean", fr_onnx_value(g, "Mul", FR_ONNX_NAMES(d, d)), a->keepdim, v);
    if (a->p == 0)
        return v;
    n = fr_onnx_value(
        g, "Div",
        FR_ONNX_NAMES(fr_onnx_value(g, "Size", FR_ONNX_NAMES(x)), fr_onnx_value(g, "Size", FR_ONNX_NAMES(v))));
    n = fr_onnx_value(g, "Cast", FR_ONNX_NAMES(n));
    fr_onnx_int(g, "to", fr_onnx_dtype(dtype));
    left = fr_onnx_value(g, "Sub", FR_ONNX_NAMES(n, fr_onnx_number(g, dtype, a->p)));
    left = fr_onnx_value(g, "Max", FR_ONNX_NAMES(left, fr_onnx_number(g, dtype, 0)));
    return fr_onnx_value(g, "Mul", FR_ONNX_NAMES(v, fr_onnx_value(g, "Div", FR_ONNX_NAMES(n, left))));
}

bool fr_c_variance(fr_c_writer *w, const fr_op_call *call, bool root)
{
    static const char text[] =
        "/* The variance of each of (outer,n,inner), or its root, the standard deviation. */\n"
        "static void variance(int outer, int n, int inner, double correction, int root, const float *x, float *y)\n"
        "{\n"
        "    for (int i = 0; i < outer * inner; i++) {\n"
        "        const float *at = x + i / inner * n * inner + i % inner;\n"
        "        double mean = 0, square = 0, v;\n"
        "\n"
        "        for (int k = 0; k < n; k++)\n"
        "            mean += at[k * inner];\n"
        "        mean /= n;\n"
        "        for (int k = 0; k < n; k++)\n"
        "            square += (at[k * inner] - mean) * (at[k * inner] - mean);\n"
        "        v = square / (n > correction ? n - correction : 0);\n"
        "        y[i] = (float)(root ? sqrt(v) : v);\n"
        "    }\n"
        "}\n";
    char more[48];

    snprintf(more, sizeof more, "%.17g, %d, ", ((const fr_reduce_attributes *)call->attributes)->p, root);
    return fr_c_reduce_by(w, call, "variance", text, more);
}

/* If the correction is greater than n, PyTorch divides by 0 over all values, but by n - correction along a dim. */
fr_tensor *fr_var_gradient(const fr_op_call *call, fr_tensor *g, fr_tensor *std)
{
    const fr_reduce_attributes *a = call->attributes;
    fr_tensor *x = call->in[0], *mean = a->all ? fr_mean(x) : fr_mean_dim(x, a->dim, true);
    double left = (double)fr_dim_sizes_of(&call->in_shape[0], a).n - a->p;

    fr_tensor *deviation = fr_sub(x, mean);

    if (std)
        deviation = fr_div_or_zero(deviation, fr_keepdim(call, std));
    g = fr_mul_scalar(g, (std ? 1 : 2) / (a->all && left < 0 ? 0 : left));
    return fr_mul(fr_keepdim(call, g), deviation);
}

/* --- var --------------------------------------------------------------------------------------------------------- */

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    fr_onnx_node(g, "Identity", FR_ONNX_NAMES(fr_onnx_variance(g, call)), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    return fr_c_variance(w, call, false);
}

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_var_gradient(call, call->grad_out[0], NULL);
}

FR_RUN(run, fr_var(in[0]))
FR_RUN(run_dim, fr_var_dim(in[0], 1, false))
FR_RUN(run_keepdim, fr_var_dim(in[0], -1, true))
FR_RUN(run_strided, fr_var_dim(fr_transpose(in[0], 0, 2), 1, false))
#define WITH(...) fr_var_with(in[0], &(fr_variance_options){ __VA_ARGS__ })
FR_RUN(run_plain, fr_var_with(in[0], NULL))
FR_RUN(run_biased, WITH(.along = true, .dim = 1, .correction = FR_ZERO))
FR_RUN(run_correction, WITH(.correction = 2.5, .keepdim = true))
FR_RUN(run_two, WITH(.along = true, .dim = 1, .correction = 2))
FR_RUN(run_added, WITH(.along = true, .dim = 1, .correction = -1))
FR_RUN(run_more, WITH(.along = true, .dim = 1, .correction = 2.5))
FR_RUN(run_nan, WITH(.correction = NAN))
FR_RUN(run_dims, fr_var_dims(in[0], (fr_shape){ 2, { 0, -1 } }, 1, false))
FR_RUN(run_dims_kept, fr_var_dims(in[0], (fr_shape){ 2, { 2, 1 } }, 0, true))
FR_RUN(run_dims_nan, fr_var_dims(in[0], (fr_shape){ 0 }, NAN, true))

const fr_op fr_var_op = {
    FR_REDUCTION_OP("var", fr_infer_variance),
    .formula = "y = sum((x - mean)^2) / (n - correction)",
    .derivative = "dL/dx = dL/dy 2 (x - mean) / (n - correction)",
    .saves_inputs = 1,
    .backward = backward,
    .onnx = onnx,
    FR_CASES({ "all", "n(5,37)", "a.var()", run }, { "dim", "n(2,7,3)", "a.var(1)", run_dim },
             { "inner", "n(2,50,3)", "a.var(1)", run_dim },
             { "keepdim", "n(2,131)", "a.var(-1, keepdim=True)", run_keepdim },
             { "strided", "n(2,3,4)", "a.transpose(0, 2).var(1)", run_strided },
             { "offset", "v1000000,1000001,1000002,1000004(4)", "a.var()", run },
             { "equal", "v0.1,0.1,0.1(3)", "a.var()", run }, { "one", "v2,3(2,1)", "a.var(1)", run_dim },
             { "scalar", "v2()", "a.var()", run }, { "infinite", "v1,inf,nan,1(2,2)", "a.var(1)", run_dim },
             { "empty", "n(0,3)", "a.var()", run }, { "empty dim", "n(3,0)", "a.var(1)", run_dim },
             { "empty other", "n(0,3)", "a.var(1)", run_dim },
             { "eight dims", "n(2,3,2,1,2,1,2,3)", "a.var(1)", run_dim },
             { "int64", "i5(3)", NULL, run, { "var", "int64" } }, { "plain options", "n(5,37)", "a.var()", run_plain },
             { "biased", "n(2,7,3)", "a.var(1, correction=0)", run_biased },
             { "biased, one", "v2,3(2,1)", "a.var(1, correction=0)", run_biased },
             { "correction", "n(5,7)", "a.var(dim=None, correction=2.5, keepdim=True)", run_correction },
             { "negative correction", "n(3,0)", "a.var(1, correction=-1)", run_added },
             { "correction of all", "v1,2,3,5(2,2)", "a.var(1, correction=2)", run_two },
             { "correction above n", "v1,2,3,5(2,2)", "a.var(1, correction=2.5)", run_more },
             { "correction nan", "n(4)", NULL, run_nan, { "var", "correction is nan", "finite" } },
             { "dims", "n(3,4,5)", "a.var((0, -1))", run_dims },
             { "dims kept", "n(3,4,5)", "a.var((2, 1), correction=0, keepdim=True)", run_dims_kept },
             { "dims range", "n(2,3)", NULL, run_dims_kept, { "var_dims", "dim 2", "(2, 3)" } },
             { "dims nan", "n(2,3)", NULL, run_dims_nan, { "var_dims", "nan" } },
             { "range", "n(4)", NULL, run_dim, { "var", "dim 1", "(4,)" } }),
};

fr_tensor *fr_var(fr_tensor *t)
{
    return fr_apply(&fr_var_op, &t, &(fr_reduce_attributes){ .all = true, .p = 1 });
}

fr_tensor *fr_var_dim(fr_tensor *t, int dim, bool keepdim)
{
    return fr_apply_reduction("var_dim", &fr_var_op, t,
                              (fr_reduce_attributes){ .dim = dim, .keepdim = keepdim, .p = 1 }, NULL);
}

fr_tensor *fr_var_with(fr_tensor *t, const fr_variance_options *options)
{
    return fr_apply_variance("var_with", &fr_var_op, t, options);
}

fr_tensor *fr_var_dims(fr_tensor *t, fr_shape dims, double correction, bool keepdim)
{
    return fr_apply_reduction_dims("var_dims", &fr_var_op, t, &dims, keepdim, correction);
}
