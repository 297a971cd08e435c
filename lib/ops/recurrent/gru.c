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

/* The loops stand in functions of their own, since compilers make vector code of restrict parameters. */
static const char c_gates[] =
    "/* Of the sums of the input, and those of the state: u is the update gate z, fresh is n. */\n"
    "static void gru_gates(int n, float *restrict r, float *restrict u, float *restrict fresh, const float *restrict "
    "state_r, const float *restrict state_u, const float *restrict state_n)\n"
    "{\n"
    "    for (int j = 0; j < n; j++) {\n"
    "        r[j] = sigmoid(r[j] + state_r[j]);\n"
    "        u[j] = sigmoid(u[j] + state_u[j]);\n"
    "        fresh[j] = tanh_of(fresh[j] + r[j] * state_n[j]);\n"
    "    }\n"
    "}\n";
static const char c_cell[] =
    "static void gru_cell(int n, const float *restrict u, const float *restrict fresh, const float *restrict h, float "
    "*restrict out)\n"
    "{\n"
    "    for (int j = 0; j < n; j++)\n"
    "        out[j] = fresh[j] + u[j] * (h[j] - fresh[j]);\n"
    "}\n";

/* For a backward z keeps the gates of all steps, and behind them the state's sums for n. */
static const char c_step[] =
    "        float *const gates = z + (kept ? t * 3 * hidden : 0);\n"
    "        float *const kept_n = z + (steps * batch * 3 + t) * hidden;\n"
    "\n"
    "        affine$q(batch, 3 * hidden, input, w_ih{{, ih_scale}}, b_ih, x + t * input, 0, gates);\n"
    "        affine$q(batch, 3 * hidden, size, w_hh{{, hh_scale}}, b_hh, h, 0, sums);\n"
    "        for (int b = 0; b < batch; b++) {\n"
    "            float *const r = gates + b * 3 * hidden, *const u = r + hidden, *const n = u + hidden;\n"
    "            const float *const state_r = sums + b * 3 * hidden, *const state_n = state_r + 2 * hidden;\n"
    "\n"
    "            gru_gates(hidden, r, u, n, state_r, state_r + hidden, state_n);\n"
    "            gru_cell(hidden, u, n, h + b * hidden, out + (t + b) * hidden);\n"
    "            if (kept)\n"
    "                memcpy(kept_n + b * hidden, state_n, (size_t)hidden * sizeof *z);\n"
    "        }\n";

static const char c_gates_back[] =
    "/* Of r, u and n in z, and s, the state's sums for n: dn = dh (1 - u) (1 - n^2), ds = dn r, dr = dn s r (1 - r),\n"
    " * du = dh (h - n) u (1 - u); dh u is left in dh. */\n"
    "static void gru_gates_back(int n, const float *restrict z, const float *restrict s, const float *restrict h, "
    "float *restrict dh, float *restrict dr, float *restrict du, float *restrict dn, float *restrict ds)\n"
    "{\n"
    "    for (int j = 0; j < n; j++) {\n"
    "        const float r = z[j], u = z[n + j], fresh = z[2 * n + j];\n"
    "        const float slope = dh[j] * (1 - u) * (1 - fresh * fresh);\n"
    "\n"
    "        dr[j] = slope * s[j] * r * (1 - r);\n"
    "        du[j] = dh[j] * ((h ? h[j] : 0) - fresh) * u * (1 - u);\n"
    "        dn[j] = slope;\n"
    "        ds[j] = slope * r;\n"
    "        dh[j] *= u;\n"
    "    }\n"
    "}\n";

static const char c_step_back[] =
    "static void gru_step_back(const recurrent_pass *p, int t, const float *h)\n"
    "{\n"
    "    const int n = p->hidden, batch = p->batch, rows = batch * 3 * n;\n"
    "    const float *const gates = p->gates ? p->gates + t * rows : p->z;\n"
    "    const float *const sums_n = p->gates ? p->gates + p->steps * rows + t * batch * n : p->z + rows + 2 * n;\n"
    "\n"
    "    if (!p->gates) {\n"
    "        affine(batch, 3 * n, p->input, p->w_ih_columns, p->b_ih, p->x + t * batch * p->input, 0, p->z);\n"
    "        affine(batch, 3 * n, h ? n : 0, p->w_hh_columns, p->b_hh, h ? h : p->x, 0, p->z + rows);\n"
    "    }\n"
    "    for (int b = 0; b < batch; b++) {\n"
    "        const float *const s = sums_n + b * (p->gates ? n : 3 * n);\n"
    "        float *const d = p->d + b * 3 * n, *const ds = p->d_state + b * 3 * n;\n"
    "\n"
    "        if (!p->gates) {\n"
    "            float *const z = p->z + b * 3 * n;\n"
    "\n"
    "            gru_gates(n, z, z + n, z + 2 * n, s - 2 * n, s - n, s);\n"
    "        }\n"
    "        gru_gates_back(n, gates + b * 3 * n, s, h ? h + b * n : NULL, p->dh + b * n, d, d + n, d + 2 * n, ds + 2 "
    "* n);\n"
    "        memcpy(ds, d, (size_t)(2 * n) * sizeof *d); /* r and u have one sum */\n"
    "    }\n"
    "}\n";

extern const fr_op fr_gru_op;

const fr_recurrent_cell fr_gru_cell = {
    .op = &fr_gru_op,
    .kernel = &fr_gru_kernel,
    .gates_output = 2,
    .step = step,
    .c_gates = c_gates,
    .c_cell = c_cell,
    .c_comment = "h = (1 - u) n + u h, n = tanh(W_in x + b_in + r (W_hn h + b_hn))",
    .c_parameters = ", float *z, int kept, float *sums",
    .c_step = c_step,
    .c_sums = 6, /* of the input, of the state */
    .c_gates_back = c_gates_back,
    .c_step_back = c_step_back,
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
