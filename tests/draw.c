/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Draws a graph of the given kind, for check_dot.sh:
 *
 *     draw folded|unrolled|values|walked|freed|limited|escaped|leaf */
#include <frond.h>

#include <string.h>

static fr_module *make_net(const char *name)
{
    fr_module *m = fr_module_new("Net", 0, NULL), *layers = fr_nn_sequential(0, NULL);

    fr_module_add(m, name, layers);
    fr_module_add(layers, "rnn", fr_nn_lstm(2, 3, &(fr_recurrent_options){ .bidirectional = true }));
    fr_module_add(layers, "head", fr_nn_linear(6, 1, NULL));
    return m;
}

int main(int argc, char **argv)
{
    FR_SCOPE;
    const char *kind = argc > 1 ? argv[1] : "";
    bool escaped = strcmp(kind, "escaped") == 0;
    fr_module *m = make_net(escaped ? "<b>\"\\N\\\" & &amp;\n\xff\xc3\xa9{|}" : "layers");
    fr_graph_dot_options o = { .module = m };
    fr_tensor *y = fr_sum(fr_forward(fr_module_at(m, 0), fr_ones(FR_SHAPE(4, 1, 2))));
    bool ok;

    o.unroll = strcmp(kind, "unrolled") == 0;
    o.values = o.gradients = strcmp(kind, "values") == 0;
    o.max_nodes = strcmp(kind, "limited") == 0 ? 2 : 0;
    if (strcmp(kind, "walked") == 0)
        fr_backward(y);
    if (strcmp(kind, "leaf") == 0)
        y = fr_module_find(m, "layers.head.weight");
    if (strcmp(kind, "freed") == 0) {
        fr_module_free(m);
        o.module = m = NULL;
    }
    ok = fr_graph_dot_with(stdout, y, &o);
    fr_module_free(m);
    return ok ? 0 : 1;
}
