/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* rnn: h' = tanh(w_ih x + b_ih + w_hh h + b_hh), or relu (Elman, "Finding Structure in Time", 1990). The gates' array
 * is out itself: tanh is applied in place, and its derivative is 1 - h'^2. */
#include "ops/recurrent/recurrent.h"

static fr_tensor *step(fr_recurrent_step *s)
{
    fr_tensor *z = fr_add(s->zx, s->zh);

    return s->relu ? fr_relu(z) : fr_tanh(z);
}

#define C_TEXT(NAME, FUNCTION, OF_Z)                                                                                   \
    "/* h = " FUNCTION "(W_ih x + b_ih + W_hh h + b_hh), step after step. */\n"                                        \
    "static void " NAME "$q(int steps, int batch, int input, int hidden, int size, int reverse, const float *x, "      \
    "const $t *w_ih{{, const float *ih_scale}}, const $t *w_hh{{, const float *hh_scale}}, "                           \
    "const float *b_ih, const float *b_hh, float *out, float *restrict h, float *restrict z)\n"                        \
    "{\n"                                                                                                              \
    "    for (int s = 0; s < steps * batch; s++) {\n"                                                                  \
    "        const int row = (reverse ? steps - 1 - s / batch : s / batch) * batch + s % batch;\n"                     \
    "        float *const state = h + s % batch * size;\n"                                                             \
    "\n"                                                                                                               \
    "        affine$q(hidden, input, w_ih{{, ih_scale}}, b_ih, x + row * input, 0, z);\n"                              \
    "        affine$q(hidden, size, w_hh{{, hh_scale}}, b_hh, state, 1, z);\n"                                         \
    "        for (int j = 0; j < hidden; j++)\n"                                                                       \
    "            state[j] = " OF_Z ";\n"                                                                               \
    "        for (int j = 0; j < size; j++)\n"                                                                         \
    "            out[row * size + j] = state[j];\n"                                                                    \
    "    }\n"                                                                                                          \
    "}\n"

static const char c_text[] = C_TEXT("rnn", "tanh", "tanh_of(z[j])");
static const char c_text_relu[] = C_TEXT("rnn_relu", "relu", "z[j] > 0 ? z[j] : 0");

extern const fr_op fr_rnn_op;

const fr_recurrent_cell fr_rnn_cell = {
    .op = &fr_rnn_op,
    .gates = 1,
    .width = 1,
    .part = { { .gate = 0, .count = 1, .column = 0, .added = true } },
    .forward = fr_rnn_forward,
    .backward = fr_rnn_backward,
    .step = step,
    .c_text = c_text,
    .c_text_relu = c_text_relu,
    .c_room = 1,
};

FR_RUN(run, fr_rnn(in[0], in[1], in[2], in[3], in[4], in[5], NULL).out)
FR_RUN(run_relu, fr_rnn(in[0], in[1], in[2], in[3], in[4], in[5], &(fr_recurrence){ .relu = true }).h)

const fr_op fr_rnn_op = {
    .name = "rnn",
    .formula = "h' = tanh(w_ih x + b_ih + w_hh h + b_hh)",
    .shapes = "(T,B,I) (B,H)? (H,I) (H,H) (H)? (H)? (B)? -> (T,B,H) (B,H)",
    .inputs = 7,
    .outputs = 2,
    .optional = 1U << FR_H0 | 1U << FR_B_IH | 1U << FR_B_HH | 1U << FR_LENGTHS,
    .attributes_size = sizeof(fr_recurrent_attributes),
    .dtypes = FR_MIXED,
    .null_gradients = true,
    .infer = fr_recurrent_infer,
    .forward = fr_recurrent_forward_kernel,
    .backward_kernel = fr_recurrent_backward_kernel,
    .definition = fr_recurrent_definition,
    .c_code = fr_recurrent_c_code,
    .multiply_adds = fr_recurrent_multiply_adds,
    .steps = &fr_recurrent_steps,
    .onnx_name = "RNN",
    .onnx = fr_recurrent_onnx,
    FR_CASES({ "tanh", "n(3,2,4) n(2,5) n(5,4) n(5,5) n(5) n(5)", "rnn(a, b, c, d, e, f)[0]", run },
             { "relu", "n(3,2,4) n(2,5) n(5,4) n(5,5) n(5) n(5)", "rnn(a, b, c, d, e, f, relu=True)[1]", run_relu },
             { "shapes", "n(3,2,4) n(2,5) n(5,3) n(5,5) n(5) n(5)", NULL, run, { "rnn", "w_ih", "(5, 3)", "(5, 4)" } })
};

fr_recurrent fr_rnn(fr_tensor *x, fr_tensor *h0, fr_tensor *w_ih, fr_tensor *w_hh, fr_tensor *b_ih, fr_tensor *b_hh,
                    const fr_recurrence *how)
{
    return fr_recurrent_apply(&fr_rnn_cell, (fr_tensor *[]){ x, h0, w_ih, w_hh, b_ih, b_hh, NULL }, how, NULL);
}
