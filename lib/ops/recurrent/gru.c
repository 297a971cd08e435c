/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* gru: r = sigmoid(w_ir x + b_ir + w_hr h + b_hr), z likewise, n = tanh(w_in x + b_in + r (w_hn h + b_hn)),
 * h' = (1 - z) n + z h (Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014, with the reset
 * after the product, as cuDNN and PyTorch have it). The rows of the weights and biases are those of r, z and n, H each.
 * The backward of a step is derived in kernels/gru.c, that of a sequence in kernels/recurrent_backward.c. */
#include "ops/recurrent/recurrent.h"

static fr_tensor *step(fr_recurrent_step *s)
{
    int64_t hidden = fr_dim(s->h, 1);
    fr_tensor *zx = s->zx, *zh = s->zh;
    fr_tensor *r = fr_sigmoid(fr_add(fr_recurrent_gate(zx, hidden, 0), fr_recurrent_gate(zh, hidden, 0)));
    fr_tensor *z = fr_sigmoid(fr_add(fr_recurrent_gate(zx, hidden, 1), fr_recurrent_gate(zh, hidden, 1)));
    fr_tensor *n = fr_tanh(fr_add(fr_recurrent_gate(zx, hidden, 2), fr_mul(r, fr_recurrent_gate(zh, hidden, 2))));

    return fr_add(n, fr_mul(z, fr_sub(s->h, n)));
}

static const char c_text[] =
    "/* h = (1 - u) n + u h, n = tanh(W_in x + b_in + r (W_hn h + b_hn)), step after step. */\n"
    "static void gru$q(" FR_C_SIZES FR_C_WEIGHTS
    "const float *b_ih, const float *b_hh, float *out, float *restrict h, float *restrict z)\n"
    "{\n" FR_C_EACH_ROW "        float *const state = h + s % batch * size, *const zh = z + 3 * hidden;\n"
    "\n"
    "        affine$q(3 * hidden, input, w_ih{{, ih_scale}}, b_ih, x + row * input, 0, z);\n"
    "        affine$q(3 * hidden, size, w_hh{{, hh_scale}}, b_hh, state, 0, zh);\n"
    "        for (int j = 0; j < hidden; j++) {\n"
    "            const float r = sigmoid(z[j] + zh[j]), u = sigmoid(z[hidden + j] + zh[hidden + j]);\n"
    "            const float n = tanh_of(z[2 * hidden + j] + r * zh[2 * hidden + j]);\n"
    "\n"
    "            state[j] = n + u * (state[j] - n);\n"
    "        }\n" FR_C_ROW_OUT;

/* The gates are computed again: of x and of the state before, which is there. The loop stands in a function of its own,
 * since compilers make vector code of restrict parameters. */
static const char c_backward[] =
    "/* Of the input's sums z and the state's, s, with u the update gate: dn = dh (1 - u) (1 - n^2), ds = dn r,\n"
    " * dr = dn s r (1 - r), du = dh (h - n) u (1 - u); dh u is left in dh. */\n"
    "static void gru_gates_back(int n, const float *restrict z, const float *restrict s, const float *restrict h, "
    "float *restrict dh, float *restrict dr, float *restrict du, float *restrict dn, float *restrict ds)\n"
    "{\n"
    "    for (int j = 0; j < n; j++) {\n"
    "        const float r = sigmoid(z[j] + s[j]), u = sigmoid(z[n + j] + s[n + j]);\n"
    "        const float fresh = tanh_of(z[2 * n + j] + r * s[2 * n + j]), before = h ? h[j] : 0;\n"
    "        const float slope = dh[j] * (1 - u) * (1 - fresh * fresh);\n"
    "\n"
    "        dr[j] = slope * s[2 * n + j] * r * (1 - r);\n"
    "        du[j] = dh[j] * (before - fresh) * u * (1 - u);\n"
    "        dn[j] = slope;\n"
    "        ds[j] = slope * r;\n"
    "        dh[j] *= u;\n"
    "    }\n"
    "}\n"
    "\n" FR_C_STEP_BACK("gru") FR_C_EACH_SAMPLE
    "        const float *const before = h ? h + b * n : NULL;\n"
    "        float *const s = p->z + 3 * n, *const d = p->d + b * 3 * n, *const ds = p->d_state + b * 3 * n;\n"
    "\n"
    "        affine(3 * n, p->input, p->w_ih_columns, p->b_ih, p->x + row * p->input, 0, p->z);\n"
    "        affine(3 * n, h ? n : 0, p->w_hh_columns, p->b_hh, before, 0, s);\n"
    "        gru_gates_back(n, p->z, s, before, p->dh + b * n, d, d + n, d + 2 * n, ds + 2 * n);\n"
    "        memcpy(ds, d, (size_t)(2 * n) * sizeof *d); /* r and u have one sum */\n"
    "    }\n"
    "}\n";

extern const fr_op fr_gru_op;

const fr_recurrent_cell fr_gru_cell = {
    .op = &fr_gru_op,
    .kernel = &fr_gru_kernel,
    .gates_output = 2,
    .step = step,
    .c_text = c_text,
    .c_scratch = 6,
    .step_back = "gru_step_back",
    .c_backward = c_backward,
    .c_backward_scratch = 6,
    .onnx_order = { 1, 0, 2 }, /* z, r, h */
};

FR_RUN(run, fr_gru(in[0], in[1], in[2], in[3], in[4], in[5], NULL).out)
FR_RUN(run_reverse, fr_gru(in[0], in[1], in[2], in[3], in[4], in[5], &(fr_recurrence){ .reverse = true }).h)

const fr_op fr_gru_op = {
    FR_RECURRENT_OP,
    .name = "gru",
    .formula = "h' = (1 - z) n + z h, n = tanh(w_in x + b_in + r (w_hn h + b_hn))",
    .shapes = "(T,B,I) (B,H)? (3H,I) (3H,H) (3H)? (3H)? (B)? -> (T,B,H) (B,H)",
    .input_names = "x h0 w_ih w_hh b_ih b_hh lengths",
    .inputs = 7,
    .outputs = 3,
    .internal = 1,
    .optional = FR_RECURRENT_OPTIONAL,
    .steps = &fr_recurrent_steps,
    .onnx_name = "GRU",
    FR_CASES(
        { "all steps", "n(3,2,4) n(2,5) n(15,4) n(15,5) n(15) n(15)", "gru(a, b, c, d, e, f)[0]", run },
        { "reverse", "n(3,2,4) n(2,5) n(15,4) n(15,5) n(15) n(15)", "gru(a, b, c, d, e, f, reverse=True)[1]",
          run_reverse },
        { "shapes", "n(3,2,4) n(2,6) n(15,4) n(15,5) n(15) n(15)", NULL, run, { "gru", "h0", "(2, 6)", "(2, 5)" } })
};

fr_recurrent fr_gru(fr_tensor *x, fr_tensor *h0, fr_tensor *w_ih, fr_tensor *w_hh, fr_tensor *b_ih, fr_tensor *b_hh,
                    const fr_recurrence *options)
{
    return fr_recurrent_apply(&fr_gru_cell, (fr_tensor *[]){ x, h0, w_ih, w_hh, b_ih, b_hh, NULL }, options, NULL);
}
