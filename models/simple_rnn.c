/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
#include "simple_rnn.h"

typedef struct {
    fr_module *rnn, *fc;
    bool logits;
} simple_rnn;

/* out (B,T,D*H) -> (B,D*H): the last step of each row; without lengths out[:, -1, :]. */
static fr_tensor *last_step(fr_tensor *out, fr_tensor *lengths)
{
    if (!lengths)
        return fr_select(out, 1, -1);

    fr_shape all = fr_shape_of(out);
    fr_tensor *last = fr_reshape(fr_sub_scalar(lengths, 1), FR_SHAPE(all.dim[0], 1, 1));

    return fr_squeeze(fr_gather(out, 1, fr_expand(last, FR_SHAPE(all.dim[0], 1, all.dim[2]))), 1);
}

static fr_tensor *head(simple_rnn *net, fr_tensor *last)
{
    fr_tensor *y = fr_forward(net->fc, last);

    return net->logits ? y : fr_sigmoid(y);
}

fr_tensor *simple_rnn_forward_lengths(fr_module *model, fr_tensor *x, fr_tensor *lengths)
{
    FR_SCOPE;
    simple_rnn *net = fr_self(model);
    fr_recurrent seq = fr_recurrent_forward_lengths(net->rnn, x, NULL, lengths);

    return fr_escape(head(net, last_step(seq.out, lengths)));
}

static fr_tensor *forward(fr_module *self, fr_tensor *x)
{
    simple_rnn *net = fr_self(self);
    fr_recurrent seq = fr_recurrent_forward(net->rnn, x, NULL); /* NULL: the initial state is zeros */

    return head(net, last_step(seq.out, NULL));
}

static fr_module *recurrent_layer(const simple_rnn_options *o)
{
    fr_recurrent_options options = { .num_layers = o->layers, .batch_first = true, .bidirectional = o->bidirectional };

    switch (o->cell) {
    case SIMPLE_LSTM:
        return fr_nn_lstm(o->input, o->hidden, &options);
    case SIMPLE_GRU:
        return fr_nn_gru(o->input, o->hidden, &options);
    default:
        return fr_nn_rnn(o->input, o->hidden, &options);
    }
}

fr_module *simple_rnn_new(const simple_rnn_options *options)
{
    fr_module *self = fr_module_new("SimpleRNN", sizeof(simple_rnn), forward);
    simple_rnn *net = fr_self(self);

    if (!net)
        return NULL;
    net->logits = options->logits;
    net->rnn = fr_module_add(self, "rnn", recurrent_layer(options));
    net->fc = fr_module_add(self, "fc",
                            fr_nn_linear(options->hidden * (options->bidirectional ? 2 : 1), options->output, NULL));
    if (!net->rnn || !net->fc) {
        fr_module_free(self);
        return NULL;
    }
    return self;
}
