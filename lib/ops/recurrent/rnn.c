/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* rnn: h' = tanh(w_ih x + b_ih + w_hh h + b_hh), or relu (Elman, "Finding Structure in Time", 1990). The backward of a
 * step is derived in kernels/rnn.c, that of a sequence in kernels/recurrent_backward.c. */
#include "ops/recurrent/recurrent.h"

static fr_tensor *step(fr_recurrent_step *s)
{
    fr_tensor *z = fr_add(s->zx, s->zh);

    return s->relu ? fr_relu(z) : fr_tanh(z);
}

/* Text of both helpers: the parameters, and their bodies but for what becomes of a sum z[j]. */
#define PARAMETERS FR_C_SIZES FR_C_WEIGHTS "const float *b_ih, const float *b_hh, float *out, "
#define BUFFERS    "float *restrict h, float *restrict z)\n{\n"
#define STATE      "        float *const state = h + s % batch * size;\n\n"
#define ADD_INPUT  "        affine$q(hidden, input, w_ih{{, ih_scale}}, b_ih, x + row * input, 0, z);\n"
#define ADD_STATE  "        affine$q(hidden, size, w_hh{{, hh_scale}}, b_hh, state, 1, z);\n"
#define EACH_SUM   "        for (int j = 0; j < hidden; j++)\n"
#define UP_TO_SUMS PARAMETERS BUFFERS FR_C_EACH_ROW STATE ADD_INPUT ADD_STATE EACH_SUM

static const char c_text[] = "/* h = tanh(W_ih x + b_ih + W_hh h + b_hh), step after step. */\n"
                             "static void rnn$q(" UP_TO_SUMS "            state[j] = tanh_of(z[j]);\n" FR_C_ROW_OUT;
static const char c_text_relu[] =
    "/* h = relu(W_ih x + b_ih + W_hh h + b_hh), step after step. */\n"
    "static void rnn_relu$q(" UP_TO_SUMS "            state[j] = z[j] > 0 ? z[j] : 0;\n" FR_C_ROW_OUT;

#define ALL_VALUES                                                                                                     \
    "    const float *const out = p->out + t * p->batch * p->hidden;\n\n"                                              \
    "    (void)h;\n"                                                                                                   \
    "    for (int j = 0; j < p->batch * p->hidden; j++)\n"

static const char c_backward[] = "/* dz = dh (1 - h^2) of the new h. */\n" FR_C_STEP_BACK("rnn") ALL_VALUES
    "        p->d[j] = p->dh[j] * (1 - out[j] * out[j]);\n}\n";
static const char c_backward_relu[] = "/* dz = dh where the new h is not 0. */\n" FR_C_STEP_BACK("rnn_relu") ALL_VALUES
    "        p->d[j] = out[j] > 0 ? p->dh[j] : 0;\n}\n";

extern const fr_op fr_rnn_op;

const fr_recurrent_cell fr_rnn_cell = {
    .op = &fr_rnn_op,
    .kernel = &fr_rnn_kernel,
    .step = step,
    .c_text = c_text,
    .c_text_relu = c_text_relu,
    .c_scratch = 1,
    .step_back = "rnn_step_back",
    .c_backward = c_backward,
    .step_back_relu = "rnn_relu_step_back",
    .c_backward_relu = c_backward_relu,
};

FR_RUN(run, fr_rnn(in[0], in[1], in[2], in[3], in[4], in[5], NULL).out)
FR_RUN(run_relu, fr_rnn(in[0], in[1], in[2], in[3], in[4], in[5], &(fr_recurrence){ .relu = true }).h)

const fr_op fr_rnn_op = {
    FR_RECURRENT_OP,
    .name = "rnn",
    .formula = "h' = tanh(w_ih x + b_ih + w_hh h + b_hh)",
    .shapes = "(T,B,I) (B,H)? (H,I) (H,H) (H)? (H)? (B)? -> (T,B,H) (B,H)",
    .input_names = "x h0 w_ih w_hh b_ih b_hh lengths",
    .inputs = 7,
    .outputs = 2,
    .optional = FR_RECURRENT_OPTIONAL,
    .steps = &fr_recurrent_steps,
    .onnx_name = "RNN",
    FR_CASES({ "tanh", "n(3,2,4) n(2,5) n(5,4) n(5,5) n(5) n(5)", "rnn(a, b, c, d, e, f)[0]", run },
             { "relu", "n(3,2,4) n(2,5) n(5,4) n(5,5) n(5) n(5)", "rnn(a, b, c, d, e, f, relu=True)[1]", run_relu },
             { "shapes", "n(3,2,4) n(2,5) n(5,3) n(5,5) n(5) n(5)", NULL, run, { "rnn", "w_ih", "(5, 3)", "(5, 4)" } })
};

fr_recurrent fr_rnn(fr_tensor *x, fr_tensor *h0, fr_tensor *w_ih, fr_tensor *w_hh, fr_tensor *b_ih, fr_tensor *b_hh,
                    const fr_recurrence *options)
{
    return fr_recurrent_apply(&fr_rnn_cell, (fr_tensor *[]){ x, h0, w_ih, w_hh, b_ih, b_hh, NULL }, options, NULL);
}
