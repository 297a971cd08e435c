/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* lstm: i, f, o = sigmoid and g = tanh of w_ih x + b_ih + w_hh h + b_hh, c' = f c + i g, h' = o tanh(c') (Hochreiter
 * and Schmidhuber, "Long Short-Term Memory", 1997; Gers et al., "Learning to Forget", 2000). With a projection w_hr h'
 * takes the place of h' (Sak et al., 2014). The rows of the weights and biases are those of i, f, g and o, H each. The
 * backward of a step is derived in kernels/lstm.c, that of a sequence in kernels/recurrent_backward.c. */
#include "ops/recurrent/recurrent.h"

static fr_tensor *step(fr_recurrent_step *s)
{
    int64_t hidden = fr_dim(s->c, 1);
    fr_tensor *z = fr_add(s->zx, s->zh);
    fr_tensor *remembered = fr_mul(fr_sigmoid(fr_recurrent_gate(z, hidden, 1)), s->c), *normed;

    s->c = fr_add(remembered,
                  fr_mul(fr_sigmoid(fr_recurrent_gate(z, hidden, 0)), fr_tanh(fr_recurrent_gate(z, hidden, 2))));
    normed = s->norm ? fr_layer_norm(s->c, FR_SHAPE(hidden), s->norm->gain_c, s->norm->bias_c, 0) : s->c;
    return fr_mul(fr_sigmoid(fr_recurrent_gate(z, hidden, 3)), fr_tanh(normed));
}

/* The loops stand in functions of their own, since compilers make vector code of restrict parameters. */
static const char c_gates[] =
    "static void lstm_gates(int n, float *restrict i, float *restrict f, float *restrict g, float *restrict o)\n"
    "{\n"
    "    for (int j = 0; j < n; j++) {\n"
    "        i[j] = sigmoid(i[j]);\n"
    "        f[j] = sigmoid(f[j]);\n"
    "        g[j] = tanh_of(g[j]);\n"
    "        o[j] = sigmoid(o[j]);\n"
    "    }\n"
    "}\n";
static const char c_cell[] =
    "/* c = f c + i g, t = tanh(c), h = o t. */\n"
    "static void lstm_cell(int n, const float *restrict i, const float *restrict f, const float *restrict g, const "
    "float *restrict o, float *restrict c, float *restrict t, float *restrict h)\n"
    "{\n"
    "    for (int j = 0; j < n; j++) {\n"
    "        c[j] = f[j] * c[j] + i[j] * g[j];\n"
    "        t[j] = tanh_of(c[j]);\n"
    "        h[j] = o[j] * t[j];\n"
    "    }\n"
    "}\n";

/* room is for tanh(c), and for h before its projection. For a backward, cells holds c and tanh(c) of all steps, and z
 * the gates. */
static const char c_step[] =
    "        float *const gates = z + (kept ? t * 4 * hidden : 0);\n"
    "\n"
    "        affine$q(batch, 4 * hidden, input, w_ih{{, ih_scale}}, b_ih, x + t * input, 0, gates);\n"
    "        affine$q(batch, 4 * hidden, size, w_hh{{, hh_scale}}, b_hh, h, 1, gates);\n"
    "        for (int b = 0; b < batch; b++) {\n"
    "            float *const i = gates + b * 4 * hidden, *const f = i + hidden, *const g = f + hidden, *const o = g "
    "+ hidden;\n"
    "            float *const tanh_c = cells ? cells + (steps * batch + t + b) * hidden : room;\n"
    "            float *const new_h = out + (t + b) * size;\n"
    "\n"
    "            lstm_gates(hidden, i, f, g, o);\n"
    "            lstm_cell(hidden, i, f, g, o, c + b * hidden, tanh_c, w_hr ? room + hidden : new_h);\n"
    "            if (w_hr)\n"
    "                affine$q(1, size, hidden, w_hr{{, hr_scale}}, NULL, room + hidden, 0, new_h);\n"
    "        }\n"
    "        if (cells)\n"
    "            memcpy(cells + t * hidden, c, (size_t)(batch * hidden) * sizeof *c);\n";

static const char c_gates_back[] =
    "/* dcell = dc + dh o (1 - tanh(c)^2), di = dcell g i (1 - i), df = dcell c f (1 - f) of the c before,\n"
    " * dg = dcell i (1 - g^2), do = dh tanh(c) o (1 - o); dcell f is left in dc. d: di, df, dg, do, as z: i, f, g, o. "
    "*/\n"
    "static void lstm_gates_back(int n, const float *restrict z, const float *restrict c, const float *restrict "
    "tanh_c, const float *restrict dh, float *restrict dc, float *restrict di, float *restrict df, float *restrict dg, "
    "float *restrict d_o)\n"
    "{\n"
    "    for (int j = 0; j < n; j++) {\n"
    "        const float i = z[j], f = z[n + j], g = z[2 * n + j], o = z[3 * n + j];\n"
    "        const float dcell = dc[j] + dh[j] * o * (1 - tanh_c[j] * tanh_c[j]);\n"
    "\n"
    "        di[j] = dcell * g * i * (1 - i);\n"
    "        df[j] = (c ? dcell * c[j] : 0) * f * (1 - f);\n"
    "        dg[j] = dcell * i * (1 - g * g);\n"
    "        d_o[j] = dh[j] * tanh_c[j] * o * (1 - o);\n"
    "        dc[j] = dcell * f;\n"
    "    }\n"
    "}\n";

static const char c_step_back[] =
    "static void lstm_step_back(const recurrent_pass *p, int t, const float *h)\n"
    "{\n"
    "    const int n = p->hidden, batch = p->batch, before = p->reverse ? t + 1 : t - 1;\n"
    "    const float *const c = before >= 0 && before < p->steps ? p->cells + before * batch * n : p->c0;\n"
    "    const float *const tanh_c = p->cells + (p->steps + t) * batch * n;\n"
    "    const float *const gates = p->gates ? p->gates + t * batch * 4 * n : p->z;\n"
    "\n"
    "    if (!p->gates) {\n"
    "        affine(batch, 4 * n, p->input, p->w_ih_columns, p->b_ih, p->x + t * batch * p->input, 0, p->z);\n"
    "        affine(batch, 4 * n, h ? n : 0, p->w_hh_columns, p->b_hh, h ? h : p->x, 1, p->z);\n"
    "    }\n"
    "    for (int b = 0; b < batch; b++) {\n"
    "        float *const d = p->d + b * 4 * n;\n"
    "\n"
    "        if (!p->gates) {\n"
    "            float *const z = p->z + b * 4 * n;\n"
    "\n"
    "            lstm_gates(n, z, z + n, z + 2 * n, z + 3 * n);\n"
    "        }\n"
    "        lstm_gates_back(n, gates + b * 4 * n, c ? c + b * n : NULL, tanh_c + b * n, p->dh + b * n, p->dc + b * "
    "n, d, d + n, d + 2 * n, d + 3 * n);\n"
    "    }\n"
    "}\n";

extern const fr_op fr_lstm_op;

const fr_recurrent_cell fr_lstm_cell = {
    .op = &fr_lstm_op,
    .kernel = &fr_lstm_kernel,
    .gates_output = 3,
    .cells_output = 4,
    .step = step,
    .c_gates = c_gates,
    .c_cell = c_cell,
    .c_comment = "c = f c + i g, h = o tanh(c), of W_hr that where it is not NULL",
    .c_parameters =
        ", const $t *w_hr{{, const float *hr_scale}}, float *c, float *z, int kept, float *room, float *cells",
    .c_step = c_step,
    .c_sums = 4,
    .c_gates_back = c_gates_back,
    .c_step_back = c_step_back,
    .onnx_order = { 0, 3, 1, 2 }, /* i, o, f, c */
};

FR_RUN(run, fr_lstm(in[0], in[1], in[2], in[3], in[4], in[5], in[6], NULL, NULL).out)
FR_RUN(run_cell, fr_lstm(in[0], in[1], in[2], in[3], in[4], in[5], in[6], in[7], NULL).c)

const fr_op fr_lstm_op = {
    FR_RECURRENT_OP,
    .name = "lstm",
    .formula = "c' = f c + i g, h' = o tanh(c'); i, f, o = sigmoid and g = tanh of w_ih x + b_ih + w_hh h + b_hh",
    .shapes = "(T,B,I) (B,P)? (4H,I) (4H,P) (4H)? (4H)? (B)? (B,H)? (P,H)? -> (T,B,P) (B,P) (B,H)",
    .input_names = "x h0 w_ih w_hh b_ih b_hh lengths c0 w_hr",
    .inputs = 9,
    .outputs = 5,
    .internal = 2,
    .optional = FR_RECURRENT_OPTIONAL | 1U << FR_C0 | 1U << FR_W_HR,
    .steps = &fr_recurrent_steps_c,
    .onnx_name = "LSTM",
    FR_CASES({ "all steps", "n(3,2,4) n(2,5) n(2,5) n(20,4) n(20,5) n(20) n(20)", "lstm(a, b, c, d, e, f, g)[0]", run },
             { "projected", "n(3,2,4) n(2,3) n(2,5) n(20,4) n(20,3) n(20) n(20) n(3,5)",
               "lstm(a, b, c, d, e, f, g, h)[2]", run_cell },
             { "shapes", "n(3,2,4) n(2,5) n(3,5) n(20,4) n(20,5) n(20) n(20)", NULL, run, { "lstm", "c0", "(3, 5)" } })
};

fr_recurrent fr_lstm(fr_tensor *x, fr_tensor *h0, fr_tensor *c0, fr_tensor *w_ih, fr_tensor *w_hh, fr_tensor *b_ih,
                     fr_tensor *b_hh, fr_tensor *w_hr, const fr_recurrence *options)
{
    return fr_recurrent_apply(&fr_lstm_cell, (fr_tensor *[]){ x, h0, w_ih, w_hh, b_ih, b_hh, NULL, c0, w_hr }, options,
                              NULL);
}
