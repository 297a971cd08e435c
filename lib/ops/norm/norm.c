/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What layer_norm and rms_norm share. */
#include "ops/norm/norm.h"

#include "kernels/row_norm.h"

static int64_t row_size(const fr_op_call *call)
{
    const fr_row_norm_attributes *a = call->attributes;

    return fr_shape_numel(&a->shape);
}

static int64_t row_count(const fr_op_call *call)
{
    const fr_row_norm_attributes *a = call->attributes;
    fr_shape lead = call->in[0]->shape;

    lead.ndim -= a->shape.ndim;
    return fr_shape_numel(&lead);
}

bool fr_row_norm_infer(fr_op_call *call)
{
    static const char *const names[] = { "x", "weight", "bias" };
    const fr_row_norm_attributes *a = call->attributes;
    const fr_shape *x = &call->in[0]->shape, *normalized = &a->shape;
    char is[FR_SHAPE_TEXT], expected[FR_SHAPE_TEXT];

    if (!fr_shape_check_ndim(call->op->name, normalized))
        return false;

    int lead = x->ndim - normalized->ndim;
    bool fits = normalized->ndim >= 1 && lead >= 0;

    for (int i = 0; fits && i < normalized->ndim; i++)
        fits = x->dim[lead + i] == normalized->dim[i];
    if (!fits)
        return fr_op_fail(call, "x %s, normalized shape %s: expected one or more of the last dims of x",
                          fr_shape_text(x, is), fr_shape_text(normalized, expected));
    for (int i = 1; i < call->inputs; i++)
        if (call->in[i] && !fr_shape_equal(&call->in[i]->shape, normalized))
            /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): inputs are 3 at most */
            return fr_op_fail(call, "%s %s, expected the normalized shape, %s", names[i],
                              fr_shape_text(&call->in[i]->shape, is), fr_shape_text(normalized, expected));
    call->out[0] = fr_meta_of(call->in[0]);
    call->out[1] = (fr_meta){ .shape = { 2, { row_count(call), 2 } }, .dtype = FR_F64 };
    return fr_check_option(call->op->name, "eps", a->eps, INFINITY);
}

static fr_row_norm_args args_of(const fr_op_call *call)
{
    const fr_row_norm_attributes *a = call->attributes;
    const fr_tensor *weight = call->in[1], *bias = call->inputs > 2 ? call->in[2] : NULL;

    return (fr_row_norm_args){ .rows = row_count(call),
                               .n = row_size(call),
                               .centred = a->centred,
                               .eps = a->eps,
                               .x = call->in[0]->origin,
                               .weight = weight ? weight->origin : NULL,
                               .bias = bias ? bias->origin : NULL,
                               .stats = (double *)call->result[1]->origin };
}

void fr_row_norm_forward(fr_op_call *call)
{
    fr_row_norm_args args = args_of(call);

    args.y = call->result[0]->origin;
    fr_normalise_rows(fr_dtype_of(call->in[0]), &args);
}

void fr_row_norm_backward(fr_op_call *call)
{
    fr_row_norm_args args = args_of(call);
    void **grads[3] = { &args.dx, &args.dweight, &args.dbias };

    args.dy = call->grad_out[0]->origin;
    for (int i = 0; i < call->inputs; i++)
        if (call->needs[i])
            /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): inputs are 3 at most */
            *grads[i] = call->grad_in[i]->origin;
    if (!fr_normalise_rows_backward(fr_dtype_of(call->in[0]), &args))
        call->failed = !fr_fail_memory(call->op->name);
}

/* The formula in ops, with x as (rows,n). */
void fr_row_norm_definition(fr_op_call *call)
{
    const fr_row_norm_attributes *a = call->attributes;
    fr_tensor *x = call->in[0], *weight = call->in[1], *bias = call->inputs > 2 ? call->in[2] : NULL;
    fr_tensor *rows = fr_reshape(x, (fr_shape){ 2, { row_count(call), row_size(call) } });
    fr_tensor *y;

    if (a->centred)
        rows = fr_sub(rows, fr_mean_dim(rows, 1, true));
    y = fr_mul(rows, fr_rsqrt(fr_add_scalar(fr_mean_dim(fr_square(rows), 1, true), a->eps)));
    y = fr_reshape(y, x->shape);
    y = weight ? fr_mul(y, weight) : y;
    call->result[0] = bias ? fr_add(y, bias) : y;
}

/* --- C ------------------------------------------------------------------------------------------------------------ */

static const char rows_text[] =
    "/* Each row of x (rows,n) brought to mean 0 (where centred) and mean square 1, times weight, plus bias; those may "
    "be NULL. */\n"
    "static void normalise_rows(int rows, int n, int centred, double eps, const float *x, const float *weight,\n"
    "                           const float *bias, float *y)\n"
    "{\n"
    "    for (int i = 0; i < rows; i++, x += n, y += n) {\n"
    "        double mean = 0, square = 0, scale;\n"
    "\n"
    "        for (int j = 0; centred && j < n; j++)\n"
    "            mean += x[j];\n"
    "        mean /= n;\n"
    "        for (int j = 0; j < n; j++)\n"
    "            square += (x[j] - mean) * (x[j] - mean);\n"
    "        scale = 1 / sqrt(square / n + eps);\n"
    "        for (int j = 0; j < n; j++)\n"
    "            y[j] = (float)((x[j] - mean) * scale) * (weight ? weight[j] : 1) + (bias ? bias[j] : 0);\n"
    "    }\n"
    "}\n";

bool fr_row_norm_c_code(fr_c_writer *w, const fr_op_call *call)
{
    const fr_row_norm_attributes *a = call->attributes;
    const char *x = fr_c_in(w, call, 0), *weight = fr_c_in(w, call, 1), *bias = fr_c_in(w, call, 2);
    const char *y = fr_c_out(w, call, 0);

    fr_c_helper(w, "normalise_rows", rows_text, false);
    fr_c_takes_rows(w, a->shape.ndim);
    return fr_c_line(w, "normalise_rows(%lld, %lld, %d, %.17g, %s, %s, %s, %s);", (long long)row_count(call),
                     (long long)row_size(call), a->centred, a->eps, x, weight, bias, y);
}
