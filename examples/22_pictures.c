/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A model as a table, and the graph of one result as a picture: save the lines from "digraph" on as net.dot and run
 * dot -Tsvg net.dot >net.svg. */
#include <frond.h>

#include <stdio.h>

static fr_tensor *last_step(fr_module *self, fr_tensor *x)
{
    fr_tensor *out = fr_forward(fr_module_at(self, 0), x); /* (T,B,H) */

    return fr_forward(fr_module_at(self, 1), fr_select(out, 0, -1));
}

int main(void)
{
    FR_SCOPE;
    fr_module *net = fr_module_new("Net", 0, last_step);
    fr_tensor *x = fr_ones(FR_SHAPE(5, 2, 3)), *loss; /* (T,B,I) */

    fr_module_add(net, "rnn", fr_nn_gru(3, 4, NULL));
    fr_module_add(net, "head", FR_SEQUENTIAL(fr_nn_linear(4, 1, NULL), fr_nn_sigmoid()));
    fr_module_summary(stdout, net, x);
    putchar('\n');
    loss = fr_bce(fr_forward(net, x), fr_ones(FR_SHAPE(2, 1)), FR_MEAN);
    fr_graph_dot_with(stdout, loss, &(fr_graph_dot_options){ .module = net });
    fr_module_free(net);
    return 0;
}
