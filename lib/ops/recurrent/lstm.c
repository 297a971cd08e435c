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

static const char c_text[] =
    "/* c = f c + i g, h = o tanh(c), of W_hr that where it is not NULL, step after step. */\n"
    "static void lstm$q(" FR_C_SIZES FR_C_WEIGHTS
    "const $t *w_hr{{, const float *hr_scale}}, const float *b_ih, const float *b_hh, float *out, float *h, "
    "float *restrict c, float *restrict z, float *restrict cells)\n"
    "{\n" FR_C_EACH_ROW "        float *const state = h + s % batch * size;\n"
    "        float *const cell = c + s % batch * hidden;\n"
    "\n"
    "        affine$q(4 * hidden, input, w_ih{{, ih_scale}}, b_ih, x + row * input, 0, z);\n"
    "        affine$q(4 * hidden, size, w_hh{{, hh_scale}}, b_hh, state, 1, z);\n"
    "        for (int j = 0; j < hidden; j++) {\n"
    "            const float i = sigmoid(z[j]), f = sigmoid(z[hidden + j]), g = tanh_of(z[2 * hidden + j]);\n"
    "\n"
    "            cell[j] = f * cell[j] + i * g;\n"
    "            z[j] = tanh_of(cell[j]);\n"
    "            z[4 * hidden + j] = sigmoid(z[3 * hidden + j]) * z[j];\n"
    "        }\n"
    "        for (int j = 0; cells && j < hidden; j++) { /* c, then tanh(c), for backward */\n"
    "            cells[row * hidden + j] = cell[j];\n"
    "            cells[(steps * batch + row) * hidden + j] = z[j];\n"
    "        }\n"
    "        if (w_hr)\n"
    "            affine$q(size, hidden, w_hr{{, hr_scale}}, NULL, z + 4 * hidden, 0, state);\n"
    "        for (int j = 0; !w_hr && j < size; j++)\n"
    "            state[j] = z[4 * hidden + j];\n" FR_C_ROW_OUT;

/* The gates are computed again; c and tanh(c) were kept. The loop stands in a function of its own, since compilers make
 * vector code of restrict parameters. */
static const char c_backward[] =
    "/* Of the sums z: dcell = dc + dh o (1 - tanh(c)^2), di = dcell g i (1 - i), df = dcell c f (1 - f) of the c\n"
    " * before, dg = dcell i (1 - g^2), do = dh tanh(c) o (1 - o); dcell f is left in dc. */\n"
    "static void lstm_gates_back(int n, const float *restrict z, const float *restrict c, const float *restrict "
    "tanh_c, const float *restrict dh, float *restrict dc, float *restrict di, float *restrict df, float *restrict dg, "
    "float *restrict d_o)\n"
    "{\n"
    "    for (int j = 0; j < n; j++) {\n"
    "        const float i = sigmoid(z[j]), f = sigmoid(z[n + j]), g = tanh_of(z[2 * n + j]);\n"
    "        const float o = sigmoid(z[3 * n + j]), dcell = dc[j] + dh[j] * o * (1 - tanh_c[j] * tanh_c[j]);\n"
    "\n"
    "        di[j] = dcell * g * i * (1 - i);\n"
    "        df[j] = (c ? dcell * c[j] : 0) * f * (1 - f);\n"
    "        dg[j] = dcell * i * (1 - g * g);\n"
    "        d_o[j] = dh[j] * tanh_c[j] * o * (1 - o);\n"
    "        dc[j] = dcell * f;\n"
    "    }\n"
    "}\n"
    "\n" FR_C_STEP_BACK(
        "lstm") "    const int before = p->reverse ? t + 1 : t - 1, all = p->batch * p->hidden;\n"
                "    const float *const c = before >= 0 && before < p->steps ? p->cells + before * all : "
                "p->c0;\n" FR_C_EACH_SAMPLE "        float *const d = p->d + b * 4 * n;\n"
                "\n"
                "        affine(4 * n, p->input, p->w_ih_columns, p->b_ih, p->x + row * p->input, 0, p->z);\n"
                "        affine(4 * n, h ? n : 0, p->w_hh_columns, p->b_hh, h ? h + b * n : NULL, 1, p->z);\n"
                "        lstm_gates_back(n, p->z, c ? c + b * n : NULL, p->cells + (p->steps * p->batch + row) * n, "
                "p->dh + b * "
                "n, p->dc + b * n, d, d + n, d + 2 * n, d + 3 * n);\n"
                "    }\n"
                "}\n";

extern const fr_op fr_lstm_op;

const fr_recurrent_cell fr_lstm_cell = {
    .op = &fr_lstm_op,
    .kernel = &fr_lstm_kernel,
    .gates_output = 3,
    .cells_output = 4,
    .step = step,
    .c_text = c_text,
    .c_scratch = 5,
    .step_back = "lstm_step_back",
    .c_backward = c_backward,
    .c_backward_scratch = 4,
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
