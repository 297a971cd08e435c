/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Dropout: in training it zeroes each value with probability p and scales the others by 1 / (1 - p). */
#include "nn/module.h"

bool fr_check_dropout(const char *what, double p)
{
    return (p >= 0 && p <= 1) || fr_fail(what, "dropout probability %g, expected 0 to 1", p);
}

static fr_tensor *forward(fr_module *m, fr_tensor *x)
{
    const double *p = fr_self(m);

    return m->training && *p > 0 ? fr_dropout(x, *p) : x;
}

fr_module *fr_nn_dropout(double p)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "nn_dropout");
    char text[80], number[FR_NUMBER_TEXT];
    fr_module *m = fr_check_dropout("nn_dropout", p) ? fr_module_new("Dropout", sizeof p, forward) : NULL;

    if (m) {
        *(double *)fr_self(m) = p;
        snprintf(text, sizeof text, "p=%s, inplace=False", fr_number_text(p, number));
        m = fr_module_finish(m, fr_module_describe(m, text));
    }
    fr_finish(th, before);
    return m;
}
