/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* linear: y = x W^T + b for x (...,I), W (O,I), b (O). */
#include "core/blas.h"
#include "ops/reduce.h"

static bool infer(fr_op_call *call)
{
    const fr_tensor *x = call->in[0], *w = call->in[1], *b = call->in[2];
    char p[FR_SHAPE_TEXT], q[FR_SHAPE_TEXT];

    call->out[0] = fr_meta_of(x);
    if (x->shape.ndim < 1 || w->shape.ndim != 2 || x->shape.dim[x->shape.ndim - 1] != w->shape.dim[1])
        return fr_op_fail(call, "x %s, weight %s: expected (..., I) and (O, I)", fr_shape_text(&x->shape, p),
                          fr_shape_text(&w->shape, q));
    if (b && (b->shape.ndim != 1 || b->shape.dim[0] != w->shape.dim[0]))
        return fr_op_fail(call, "weight %s, bias %s: expected (O, I) and (O,)", fr_shape_text(&w->shape, p),
                          fr_shape_text(&b->shape, q));
    call->out[0].shape.dim[x->shape.ndim - 1] = w->shape.dim[0];
    return true;
}

static void forward(fr_op_call *call)
{
    const fr_tensor *x = call->in[0], *w = call->in[1], *b = call->in[2];
    fr_tensor *y = call->result[0];
    int64_t out = w->shape.dim[0], in = w->shape.dim[1], rows = out ? y->numel / out : 0;
    size_t row = (size_t)out * fr_dtype_size((fr_dtype)y->dtype);

    for (int64_t i = 0; b && i < rows; i++)
        memcpy(y->origin + (size_t)i * row, b->origin, row);
    fr_gemm((fr_dtype)y->dtype, false, true, rows, out, in, x->origin, in, w->origin, in, b ? 1 : 0, y->origin, out);
}

static void backward_kernel(fr_op_call *call)
{
    const fr_tensor *x = call->in[0], *w = call->in[1], *g = call->grad_out[0];
    fr_dtype dtype = (fr_dtype)g->dtype;
    int64_t out = w->shape.dim[0], in = w->shape.dim[1], rows = out ? g->numel / out : 0;

    if (call->needs[0])
        fr_gemm(dtype, false, false, rows, in, out, g->origin, out, w->origin, in, 0, call->grad_in[0]->origin, in);
    if (call->needs[1])
        fr_gemm(dtype, true, false, out, in, rows, g->origin, out, x->origin, in, 0, call->grad_in[1]->origin, in);
    if (call->needs[2])
        fr_sum_rows("linear", dtype, rows, out, g->origin, call->grad_in[2]->origin);
}

static void definition(fr_op_call *call)
{
    fr_tensor *y = fr_matmul(call->in[0], fr_transpose(call->in[1], 0, 1));

    call->result[0] = call->in[2] ? fr_add(y, call->in[2]) : y;
}

FR_RUN(run, fr_linear(in[0], in[1], in[2]))
FR_RUN(run_without, fr_linear(in[0], in[1], NULL))

const fr_op fr_linear_op = {
    .name = "linear",
    .formula = "y = x W^T + b",
    .inputs = 3,
    .outputs = 1,
    .optional = 4,
    .saves_inputs = 7,
    .infer = infer,
    .forward = forward,
    .backward_kernel = backward_kernel,
    .definition = definition,
    FR_CASES({ "bias", "n(2,3,4) n(5,4) n(5)", "torch.nn.functional.linear(a, b, c)", run },
             { "vector", "n(4) n(5,4) n(5)", "torch.nn.functional.linear(a, b, c)", run },
             { "without", "n(3,4) n(5,4)", "torch.nn.functional.linear(a, b)", run_without },
             { "shapes", "n(4,3) n(5,2)", NULL, run_without, { "linear", "(4, 3)", "(5, 2)" } }),
};

fr_tensor *fr_linear(fr_tensor *x, fr_tensor *weight, fr_tensor *bias)
{
    return fr_apply(&fr_linear_op, (fr_tensor *[]){ x, weight, bias }, NULL);
}
