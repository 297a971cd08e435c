/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* linear: y = x W^T + b for x (...,I), W (O,I), b (O). All rows of x as one matrix: dx = dy W and dW = dy^T x,
 * which matmul.c derives, and db = the sum of dy over the rows, as b is added to each. */
#include "ops/linear/gemm_operand.h"
#include "ops/reduce/reduce.h"

#include <frond/c_code.h>

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

static int64_t count_rows(const fr_shape *x)
{
    fr_shape lead = *x;

    lead.ndim--;
    return fr_shape_numel(&lead);
}

static void forward(fr_op_call *call)
{
    const fr_tensor *b = call->in[2];
    fr_tensor *y = call->result[0];
    fr_matrix x = { 0 }, w = { 0 };
    bool dense = b && b->contiguous;

    if (b && !dense)
        fr_copy_values(y, b);
    if (fr_matrix_open_rows(call, call->in[0], &x) && fr_matrix_open(call, call->in[1], &w))
        fr_multiply(&(fr_product){ .dtype = (fr_dtype)y->dtype,
                                   .add = b && !dense,
                                   .m = count_rows(&y->shape),
                                   .n = w.t->shape.dim[0],
                                   .k = w.t->shape.dim[1],
                                   .a = x.t->origin,
                                   .b = w.t->origin,
                                   .bias = dense ? b->origin : NULL,
                                   .a_row = x.transposed ? 1 : x.lead,
                                   .a_column = x.transposed ? x.lead : 1,
                                   .b_row = w.transposed ? w.lead : 1,
                                   .b_column = w.transposed ? 1 : w.lead,
                                   .c = y->origin,
                                   .ldc = w.t->shape.dim[0] });
    fr_matrix_close(&x);
    fr_matrix_close(&w);
}

static void backward_kernel(fr_op_call *call)
{
    const fr_tensor *x = call->in[0], *w = call->in[1], *g = call->grad_out[0];
    fr_dtype dtype = (fr_dtype)g->dtype;
    int64_t out = w->shape.dim[0], in = w->shape.dim[1], rows = count_rows(&x->shape);

    if (call->needs[0])
        fr_gemm(dtype, false, false, rows, in, out, g->origin, out, w->origin, in, false, call->grad_in[0]->origin, in);
    if (call->needs[1])
        fr_gemm(dtype, true, false, out, in, rows, g->origin, out, x->origin, in, false, call->grad_in[1]->origin, in);
    if (call->needs[2])
        fr_sum_rows("linear", dtype, rows, out, g->origin, call->grad_in[2]->origin);
}

static void definition(fr_op_call *call)
{
    fr_tensor *y = fr_matmul(call->in[0], fr_transpose(call->in[1], 0, 1));

    call->result[0] = call->in[2] ? fr_add(y, call->in[2]) : y;
}

static void jvp(fr_op_call *call)
{
    fr_tensor *dx = call->tangent_in[0], *dw = call->tangent_in[1], *db = call->tangent_in[2];
    fr_tensor *dy = dx ? fr_linear(dx, call->in[1], db) : db ? fr_expand(db, call->result[0]->shape) : NULL;
    fr_tensor *by_weight = dw ? fr_linear(call->in[0], dw, NULL) : NULL;

    call->tangent_out[0] = dy && by_weight ? fr_add(dy, by_weight) : dy ? dy : by_weight;
}

static int64_t multiply_adds(const fr_op_call *call)
{
    return call->result[0]->numel * call->in[1]->shape.dim[1];
}

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    const fr_shape *weight = &call->in[1]->shape;
    bool by_columns, int8 = fr_c_int8(w, call, 2);
    int64_t rows = count_rows(&call->in[0]->shape);
    const char *x = fr_c_in(w, call, 0), *matrix = fr_c_matrix(w, call, 1, rows, &by_columns), *b = fr_c_in(w, call, 2);
    const char *y = fr_c_out(w, call, 0);

    fr_c_affine(w, by_columns, int8);
    fr_c_takes_rows(w, 1);
    return fr_c_line(w, "affine%s%s(%lld, %lld, %lld, %s, %s, %s%s, %s);", by_columns ? "" : "_rows",
                     int8 ? "_int8" : "", (long long)rows, (long long)weight->dim[0], (long long)weight->dim[1], matrix,
                     b, x, by_columns ? ", 0" : "", y);
}

static const char c_backward_text[] =
    "/* dx = dy W, dW = dy^T x, db = the sum of dy's rows: dx (rows,in), dw (out,in), db (out), or NULL. */\n"
    "static void linear_backward(int rows, int in, int out, const float *x, const float *w, const float *dy, float "
    "*dx, float *dw, float *db)\n"
    "{\n"
    "    if (dx)\n"
    "        affine(rows, in, out, w, NULL, dy, 0, dx); /* W is W^T by columns */\n"
    "    if (dw) {\n"
    "        memset(dw, 0, (size_t)(out * in) * sizeof *dw);\n"
    "        add_outer(rows, out, in, dy, x, dw);\n"
    "    }\n"
    "    if (db) {\n"
    "        memset(db, 0, (size_t)out * sizeof *db);\n"
    "        add_rows(rows, out, dy, db);\n"
    "    }\n"
    "}\n";

static bool c_backward(fr_c_writer *w, const fr_op_call *call)
{
    const fr_shape *weight = &call->in[1]->shape;
    const char *x = fr_c_in(w, call, 0), *matrix = fr_c_in(w, call, 1), *dy = fr_c_grad_out(w, call, 0);
    const char *dx = fr_c_grad_in(w, call, 0), *dw = fr_c_grad_in(w, call, 1), *db = fr_c_grad_in(w, call, 2);

    fr_c_affine(w, true, false);
    fr_c_outer(w, count_rows(&call->in[0]->shape));
    fr_c_helper(w, "linear_backward", c_backward_text, false);
    return fr_c_line(w, "linear_backward(%lld, %lld, %lld, %s, %s, %s, %s, %s, %s);",
                     (long long)count_rows(&call->in[0]->shape), (long long)weight->dim[1], (long long)weight->dim[0],
                     x, matrix, dy, dx, dw, db);
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const char *x = fr_onnx_input(g, 0), *w = fr_onnx_input(g, 1), *b = fr_onnx_input(g, 2);
    const char *y = fr_onnx_output(g, 0), *turned, *product;

    if (call->in[0]->shape.ndim == 2) {
        fr_onnx_node(g, "Gemm", FR_ONNX_NAMES(x, w, b), FR_ONNX_NAMES(y));
        fr_onnx_int(g, "transB", 1);
        return true;
    }
    turned = fr_onnx_value(g, "Transpose", FR_ONNX_NAMES(w));
    fr_onnx_ints(g, "perm", 2, (const int64_t[]){ 1, 0 });
    if (!call->in[2]) {
        fr_onnx_node(g, "MatMul", FR_ONNX_NAMES(x, turned), FR_ONNX_NAMES(y));
        return true;
    }
    product = fr_onnx_value(g, "MatMul", FR_ONNX_NAMES(x, turned));
    fr_onnx_node(g, "Add", FR_ONNX_NAMES(product, b), FR_ONNX_NAMES(y));
    return true;
}

FR_RUN(run, fr_linear(in[0], in[1], in[2]))
FR_RUN(run_without, fr_linear(in[0], in[1], NULL))
FR_RUN(run_transposed,
       fr_linear(fr_transpose(in[0], 0, 1), fr_transpose(in[1], 0, 1), fr_slice(in[2], 0, 0, INT64_MAX, 2)))

const fr_op fr_linear_op = {
    .name = "linear",
    .formula = "y = x W^T + b",
    .derivative = "dL/dx = dL/dy W, dL/dW = (dL/dy)^T x, dL/db = the sum of dL/dy over the rows",
    .shapes = "(*,I) (O,I) (O)? -> (*,O)",
    .inputs = 3,
    .outputs = 1,
    .optional = 4,
    .saves_inputs = 7,
    .strided = true,
    .infer = infer,
    .forward = forward,
    .backward_kernel = backward_kernel,
    .definition = definition,
    .jvp = jvp,
    .c_code = c_code,
    .c_backward = c_backward,
    .multiply_adds = multiply_adds,
    .onnx = onnx,
    FR_CASES({ "bias", "n(2,3,4) n(5,4) n(5)", "F.linear(a, b, c)", run },
             { "vector", "n(4) n(5,4) n(5)", "F.linear(a, b, c)", run },
             { "without", "n(3,4) n(5,4)", "F.linear(a, b)", run_without },
             { "transposed", "n(4,3) n(4,5) n(9)", "F.linear(a.T, b.T, c[::2])", run_transposed },
             { "steps first", "n(4,3,2) n(2,5) n(9)", "F.linear(a.transpose(0, 1), b.T, c[::2])", run_transposed },
             { "no rows", "n(2,0,4) n(5,4) n(5)", "F.linear(a, b, c)", run },
             { "no inputs", "n(2,3,0) n(5,0) n(5)", "F.linear(a, b, c)", run },
             { "no inputs, no bias", "n(3,0) n(5,0)", "F.linear(a, b)", run_without },
             { "no outputs", "n(2,3,4) n(0,4) n(0)", "F.linear(a, b, c)", run },
             { "eight dims", "n(2,1,2,1,2,1,2,3) n(4,3) n(4)", "F.linear(a, b, c)", run },
             { "shapes", "n(4,3) n(5,2)", NULL, run_without, { "linear", "(4, 3)", "(5, 2)" } },
             { "scalar", "n() n(5,2)", NULL, run_without, { "linear", "()", "(5, 2)" } },
             { "bias shape", "n(4,3) n(5,3) n(4)", NULL, run, { "linear", "(5, 3)", "(4,)" } },
             { "int64", "i5(4,3) i5(5,3)", NULL, run_without, { "linear", "int64", "float32" } })
};

fr_tensor *fr_linear(fr_tensor *x, fr_tensor *weight, fr_tensor *bias)
{
    return fr_apply(&fr_linear_op, (fr_tensor *[]){ x, weight, bias }, NULL);
}
