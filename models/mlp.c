/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
#include "mlp.h"

typedef struct {
    fr_module *layers, *dropout;
} mlp;

static fr_tensor *forward(fr_module *self, fr_tensor *x)
{
    mlp *net = fr_self(self);
    int last = fr_module_children(net->layers) - 1;

    for (int i = 0; i < last; i++)
        x = fr_forward(net->dropout, fr_relu(fr_forward(fr_module_at(net->layers, i), x)));
    return fr_forward(fr_module_at(net->layers, last), x);
}

fr_module *mlp_new(const mlp_options *o)
{
    fr_module *self = fr_module_new("MLP", sizeof(mlp), forward), *layers[MLP_LAYERS];
    mlp *net = fr_self(self);
    int n = 0;

    if (!net)
        return NULL;
    for (; n < MLP_LAYERS && o->sizes[n + 1]; n++)
        layers[n] = fr_nn_linear(o->sizes[n], o->sizes[n + 1], NULL);
    net->layers = fr_module_add(self, "layers", fr_nn_module_list(n, layers));
    net->dropout = fr_module_add(self, "dropout", fr_nn_dropout(o->dropout));
    if (net->layers && net->dropout)
        return self;
    fr_module_free(self);
    return NULL;
}
