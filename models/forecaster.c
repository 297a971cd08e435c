/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
#include "forecaster.h"

typedef struct {
    fr_module *gru, *head;
} forecaster;

fr_recurrent forecaster_forward(fr_module *model, fr_tensor *x, const fr_recurrent *state)
{
    forecaster *net = fr_self(model);
    fr_recurrent y = fr_recurrent_forward(net->gru, x, state);

    y.out = fr_forward(net->head, y.out);
    return y;
}

static fr_tensor *forward(fr_module *self, fr_tensor *x)
{
    return forecaster_forward(self, x, NULL).out;
}

fr_tensor *forecaster_roll_out(fr_module *model, fr_tensor *x, int64_t steps)
{
    FR_SCOPE;
    fr_recurrent y = forecaster_forward(model, x, NULL);
    fr_tensor *next = fr_slice(y.out, 0, -1, INT64_MAX, 1), *all = next;

    while (fr_dim(all, 0) < steps && y.out) {
        y = forecaster_forward(model, next, &y);
        next = y.out;
        all = FR_CAT(0, all, next);
    }
    return fr_escape(all);
}

fr_module *forecaster_new(int64_t hidden)
{
    fr_module *self = fr_module_new("Forecaster", sizeof(forecaster), forward);
    forecaster *net = fr_self(self);

    if (!net)
        return NULL;
    net->gru = fr_module_add(self, "gru", fr_nn_gru(1, hidden, NULL));
    net->head = fr_module_add(self, "head", fr_nn_linear(hidden, 1, NULL));
    if (net->gru && net->head)
        return self;
    fr_module_free(self);
    return NULL;
}
