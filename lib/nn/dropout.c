/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Dropout: in training it zeroes each value with probability p and scales the others by 1 / (1 - p). */
#include "nn/module.h"

bool fr_check_dropout(const char *what, double p)
{
    return (p >= 0 && p <= 1) || fr_fail(what, "dropout probability %g, expected 0 to 1", p);
}

typedef struct {
    double p;
    fr_tensor *(*apply)(fr_tensor *t, double p);
} dropout;

static fr_tensor *forward(fr_module *m, fr_tensor *x)
{
    const dropout *d = fr_self(m);

    return m->training && d->p > 0 ? d->apply(x, d->p) : x;
}

static fr_module *make(const char *what, const char *type, double p, fr_tensor *(*apply)(fr_tensor *t, double p))
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    char text[80], number[FR_NUMBER_TEXT];
    fr_module *m = fr_check_dropout(what, p) ? fr_module_new(type, sizeof(dropout), forward) : NULL;

    if (m) {
        *(dropout *)fr_self(m) = (dropout){ p, apply };
        snprintf(text, sizeof text, "p=%s, inplace=False", fr_number_text(p, number));
        m = fr_module_finish(m, fr_module_describe(m, text));
    }
    fr_finish(th, before);
    return m;
}

fr_module *fr_nn_dropout(double p)
{
    return make("nn_dropout", "Dropout", p, fr_dropout);
}

fr_module *fr_nn_dropout1d(double p)
{
    return make("nn_dropout1d", "Dropout1d", p, fr_dropout1d);
}

fr_module *fr_nn_dropout2d(double p)
{
    return make("nn_dropout2d", "Dropout2d", p, fr_dropout2d);
}

fr_module *fr_nn_alpha_dropout(double p)
{
    return make("nn_alpha_dropout", "AlphaDropout", p, fr_alpha_dropout);
}
