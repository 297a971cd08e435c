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

static const char c_step[] =
    "        float *const new_h = out + t * hidden;\n"
    "\n"
    "        affine$q(batch, hidden, input, w_ih{{, ih_scale}}, b_ih, x + t * input, 0, new_h);\n"
    "        affine$q(batch, hidden, size, w_hh{{, hh_scale}}, b_hh, h, 1, new_h);\n"
    "        for (int j = 0; !relu && j < batch * hidden; j++)\n"
    "            new_h[j] = tanh_of(new_h[j]);\n"
    "        for (int j = 0; relu && j < batch * hidden; j++)\n"
    "            new_h[j] = new_h[j] > 0 ? new_h[j] : 0;\n";

static const char c_step_back[] = "/* dz = dh (1 - h^2) of the new h; with relu dh where h is not 0. */\n"
                                  "static void rnn_step_back(const recurrent_pass *p, int t, const float *h)\n"
                                  "{\n"
                                  "    const float *const out = p->out + t * p->batch * p->hidden;\n"
                                  "\n"
                                  "    (void)h;\n"
                                  "    for (int j = 0; !p->relu && j < p->batch * p->hidden; j++)\n"
                                  "        p->d[j] = p->dh[j] * (1 - out[j] * out[j]);\n"
                                  "    for (int j = 0; p->relu && j < p->batch * p->hidden; j++)\n"
                                  "        p->d[j] = out[j] > 0 ? p->dh[j] : 0;\n"
                                  "}\n";

extern const fr_op fr_rnn_op;

const fr_recurrent_cell fr_rnn_cell = {
    .op = &fr_rnn_op,
    .kernel = &fr_rnn_kernel,
    .step = step,
    .c_comment = "h = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu",
    .c_parameters = ", int relu",
    .c_step = c_step,
    .c_step_back = c_step_back,
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
