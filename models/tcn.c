/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
#include "tcn.h"

typedef struct {
    int64_t reach; /* how far back a convolution looks */
    fr_module *conv1, *conv2, *shortcut, *dropout;
} block;

typedef struct {
    fr_module *blocks, *head;
} tcn;

/* The convolution with zeros put before x only, so that no step sees a later one. */
static fr_tensor *causal(block *net, fr_module *conv, fr_tensor *x)
{
    fr_tensor *y = fr_forward(conv, fr_pad(x, (int64_t[]){ net->reach, 0 }, 2, 0));

    return fr_forward(net->dropout, fr_relu(y));
}

/* x (B,C,T) -> (B,channels,T) */
static fr_tensor *block_forward(fr_module *self, fr_tensor *x)
{
    block *net = fr_self(self);
    fr_tensor *y = causal(net, net->conv2, causal(net, net->conv1, x));

    return fr_relu(fr_add(y, fr_forward(net->shortcut, x)));
}

static fr_module *block_new(const tcn_options *o, int64_t in, int64_t dilation)
{
    fr_module *self = fr_module_new("Block", sizeof(block), block_forward);
    block *net = fr_self(self);
    fr_conv_options dilated = { .dilation = FR_SHAPE(dilation) };

    if (!net)
        return NULL;
    net->reach = (o->kernel - 1) * dilation;
    net->conv1 = fr_module_add(self, "conv1", fr_nn_conv1d(in, o->channels, o->kernel, &dilated));
    net->conv2 = fr_module_add(self, "conv2", fr_nn_conv1d(o->channels, o->channels, o->kernel, &dilated));
    net->shortcut =
        fr_module_add(self, "shortcut", in == o->channels ? fr_nn_identity() : fr_nn_conv1d(in, o->channels, 1, NULL));
    net->dropout = fr_module_add(self, "dropout", fr_nn_dropout(o->dropout));
    if (net->conv1 && net->conv2 && net->shortcut && net->dropout)
        return self;
    fr_module_free(self);
    return NULL;
}

fr_tensor *tcn_forward_lengths(fr_module *self, fr_tensor *x, fr_tensor *lengths)
{
    FR_SCOPE;
    tcn *net = fr_self(self);
    fr_tensor *y = fr_forward(net->blocks, fr_transpose(x, 1, 2)); /* (B,channels,T) */

    if (!lengths)
        return fr_escape(fr_forward(net->head, fr_select(y, 2, -1)));

    fr_tensor *last = fr_reshape(fr_sub_scalar(lengths, 1), FR_SHAPE(fr_dim(x, 0), 1, 1));

    last = fr_gather(y, 2, fr_expand(last, FR_SHAPE(fr_dim(y, 0), fr_dim(y, 1), 1)));
    return fr_escape(fr_forward(net->head, fr_squeeze(last, 2)));
}

static fr_tensor *forward(fr_module *self, fr_tensor *x)
{
    return tcn_forward_lengths(self, x, NULL);
}

fr_module *tcn_new(const tcn_options *o)
{
    fr_module *self = fr_module_new("TCN", sizeof(tcn), forward), *blocks[TCN_BLOCKS];
    tcn *net = fr_self(self);
    int n = 0;

    if (!net)
        return NULL;
    for (; n < o->blocks && n < TCN_BLOCKS; n++)
        blocks[n] = block_new(o, n ? o->channels : o->variables, (int64_t)1 << n);
    net->blocks = fr_module_add(self, "blocks", fr_nn_sequential(n, blocks));
    net->head = fr_module_add(self, "head", fr_nn_linear(o->channels, o->classes, NULL));
    if (net->blocks && net->head)
        return self;
    fr_module_free(self);
    return NULL;
}
