/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fake_quantize: y = x as int8 would have it, with a scale for each row (dim 0): s round(x / s), s = max |x| / 127 of
 * the row. kernels/int8.h has it, and fr_export_c rounds in the same way. The derivative of round, 0 almost everywhere,
 * would stop all learning: the gradient goes straight through, dx = dy (Bengio, Léonard and Courville, "Estimating or
 * Propagating Gradients Through Stochastic Neurons", 2013). No value lies beyond the largest, so none is cut off. */
#include "kernels/int8.h"
#include "ops/op.h"

#include <frond/c_code.h>

static bool infer(fr_op_call *call)
{
    call->out[0] = fr_meta_of(call->in[0]);
    return call->in[0]->shape.ndim > 0 || fr_op_fail(call, "x (), expected one dim or more: dim 0 is that of the rows");
}

/* Values of a row; 0: there are no values. */
static int64_t row_size(const fr_tensor *x)
{
    return x->numel > 0 ? x->numel / x->shape.dim[0] : 0;
}

static void forward(fr_op_call *call)
{
    const fr_tensor *x = call->in[0];

    fr_round_to_int8(fr_dtype_of(x), x->shape.dim[0], row_size(x), x->origin, NULL, call->result[0]->origin);
}

static void backward(fr_op_call *call)
{
    call->grad_in[0] = call->grad_out[0];
}

static const char c_text[] =
    "/* y = scale q, where the rows of x (rows,n) are rounded to integers q from -127 to 127, each with its scale. */\n"
    "static void fake_quantize(int rows, int n, const float *x, float *y)\n"
    "{\n"
    "    for (int r = 0; r < rows; r++, x += n, y += n) {\n"
    "        float largest = 0, scale;\n"
    "\n"
    "        for (int i = 0; i < n; i++)\n"
    "            largest = fabsf(x[i]) > largest || isnan(x[i]) ? fabsf(x[i]) : largest;\n"
    "        scale = largest / 127 == 0 ? 1 : largest / 127;\n"
    "        for (int i = 0; i < n; i++) {\n"
    "            const float q = rintf(x[i] / scale);\n"
    "\n"
    "            y[i] = (q > 127 ? 127 : q < -127 ? -127 : q) * scale;\n"
    "        }\n"
    "    }\n"
    "}\n";

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    const fr_tensor *x = call->in[0];
    const char *values = fr_c_in(w, call, 0), *y = fr_c_out(w, call, 0);

    fr_c_helper(w, "fake_quantize", c_text, false);
    return fr_c_line(w, "fake_quantize(%lld, %lld, %s, %s);", (long long)x->shape.dim[0], (long long)row_size(x),
                     values, y);
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    fr_dtype dtype = fr_dtype_of(call->in[0]);
    const char *x = fr_onnx_input(g, 0), *most = fr_onnx_number(g, dtype, FR_MAX_INT8), *scale, *q;
    int64_t axes[FR_MAX_DIMS];
    int n = call->in[0]->shape.ndim - 1;

    for (int i = 0; i < n; i++)
        axes[i] = i + 1;
    scale = fr_onnx_value(g, "Abs", FR_ONNX_NAMES(x));
    if (n > 0) {
        scale = fr_onnx_value(g, "ReduceMax", FR_ONNX_NAMES(scale));
        fr_onnx_ints(g, "axes", n, axes);
    }
    scale = fr_onnx_value(g, "Div", FR_ONNX_NAMES(scale, most));
    q = fr_onnx_value(g, "Equal", FR_ONNX_NAMES(scale, fr_onnx_number(g, dtype, 0)));
    scale = fr_onnx_value(g, "Where", FR_ONNX_NAMES(q, fr_onnx_number(g, dtype, 1), scale));
    q = fr_onnx_value(g, "Round", FR_ONNX_NAMES(fr_onnx_value(g, "Div", FR_ONNX_NAMES(x, scale))));
    q = fr_onnx_value(g, "Clip", FR_ONNX_NAMES(q, fr_onnx_number(g, dtype, -FR_MAX_INT8), most));
    fr_onnx_node(g, "Mul", FR_ONNX_NAMES(q, scale), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

FR_RUN(run, fr_fake_quantize(in[0]))
FR_RUN(run_transposed, fr_fake_quantize(fr_transpose(in[0], 0, 1)))

#ifdef FR_TESTS
/* PyTorch's op has float32 scales alone, so the rows have maxima whose scale is a power of two. Of others the formula.
 */
static const char torch[] =
    "torch.fake_quantize_per_channel_affine(a, ((m := a.detach().abs().flatten(1).amax(1) / 127) + (m == 0)).float(), "
    "torch.zeros(len(a), dtype=torch.int32), 0, -127, 127)";
static const char formula[] =
    "torch.round(a / (s := (m := a.abs().flatten(1).amax(1) / 127) + (m == 0)).reshape(len(a), *[1] * (a.dim() - "
    "1))).clamp(-127, 127) * s.reshape(len(a), *[1] * (a.dim() - 1))";
#endif

const fr_op fr_fake_quantize_op = {
    .name = "fake_quantize",
    .formula = "y = s round(x / s), s = max |x| / 127 of each row",
    .derivative = "dL/dx = dL/dy",
    .shapes = "(O,*) -> (O,*)",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = FR_SAVES_NOTHING,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .c_code = c_code,
    .onnx = onnx,
    FR_CASES({ "matrix", "v1.984375,-0.3,0.7,0.25,-0.49609375,0.1,0.30078125,-0.2(2,4)", torch, run },
             { "ties", "v127,0.5,1.5,2.5,-0.5,-1.5,-126.5,126.5(1,8)", torch, run },
             { "zeros", "v0,-0.0,0,254,1,3(2,3)", torch, run },
             { "kernel", "v127,-3.25,4.75,10.5,1.984375,-1,0.5,0.3(2,1,2,2)", torch, run },
             { "vector", "v127,-1.984375,0,254(4)",
               "torch.fake_quantize_per_channel_affine(a, ((m := a.detach().abs() / 127) + (m == 0)).float(), "
               "torch.zeros(len(a), dtype=torch.int32), 0, -127, 127)",
               run },
             { "random", "n(5,37)", formula, run, .no_grad = true },
             { "random kernel", "n(3,2,4,3)", formula, run, .no_grad = true },
             { "transposed", "n(7,3)", "(torch.round(a / (s := a.abs().amax(0) / 127)) * s).T", run_transposed,
               .no_grad = true },
             { "infinite", "v1,inf,-2,3,1,nan,0,3,1,2,3,4,nan,inf,1,2(4,4)", formula, run, .no_grad = true },
             { "no rows", "n(0,4)", "a * 1", run }, { "no values", "n(4,0)", "a * 1", run },
             { "scalar", "n()", NULL, run, { "fake_quantize", "x ()", "one dim or more" } },
             { "int64", "i5(3,4)", NULL, run, { "fake_quantize", "int64", "float32" } }),
};

fr_tensor *fr_fake_quantize(fr_tensor *x)
{
    return fr_apply(&fr_fake_quantize_op, &x, NULL);
}
