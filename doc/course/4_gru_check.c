/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Grades sheet 4. */
#include "grade.h"

enum { T = 4, B = 2, I = 3, H = 5 };

static gru_weights weights_of(fr_module *cell)
{
    return (gru_weights){ fr_module_find(cell, "weight_ih"), fr_module_find(cell, "weight_hh"),
                          fr_module_find(cell, "bias_ih"), fr_module_find(cell, "bias_hh") };
}

/* Compares the values of two results, and the gradients of x, h and the weights. */
static bool same_results(fr_tensor *given, fr_tensor *expected, fr_tensor *x, fr_tensor *h, const gru_weights *w)
{
    fr_tensor *inputs[] = { x, h, w->weight_ih, w->weight_hh, w->bias_ih, w->bias_hh }, *got[6] = { NULL }, *want[6];
    const char *names[] = { "gradient of x",         "gradient of h",       "gradient of weight_ih",
                            "gradient of weight_hh", "gradient of bias_ih", "gradient of bias_hh" };

    if (!same("new h", given, expected))
        return false;
    fr_gradients(fr_sum(fr_square(given)), inputs, 6, got, 0);
    fr_gradients(fr_sum(fr_square(expected)), inputs, 6, want, 0);
    for (int i = 0; i < 6; i++)
        if (!same(names[i], got[i], want[i]))
            return false;
    return true;
}

static bool cell(void)
{
    FR_AUTO(fr_module) module = fr_nn_gru_cell(I, H, NULL);
    gru_weights w = weights_of(module);
    fr_tensor *x = random_leaf(FR_SHAPE(B, I)), *h = random_leaf(FR_SHAPE(B, H));

    return same_results(gru_cell(x, h, &w), fr_cell_forward(module, x, &(fr_recurrent){ .h = h }).h, x, h, &w);
}

/* The student's own cell, right or not, step by step. */
static bool sequence(void)
{
    FR_AUTO(fr_module) module = fr_nn_gru_cell(I, H, NULL);
    gru_weights w = weights_of(module);
    fr_tensor *x = random_leaf(FR_SHAPE(T, B, I)), *h0 = random_leaf(FR_SHAPE(B, H)), *h = h0, *steps[T];

    for (int t = 0; t < T; t++)
        steps[t] = h = gru_cell(fr_select(x, 0, t), h, &w);
    if (!h) {
        puts("your gru_cell, which this task is compared with, returns NULL");
        return false;
    }
    return same_results(gru_run(x, h0, &w), fr_stack(steps, T, 0), x, h0, &w);
}

int main(void)
{
    return grade("4_gru", (task[]){ { "a step, equal to fr_nn_gru_cell", 6, cell }, { "a sequence", 4, sequence } }, 2);
}
