/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
#include "sequence_classifier.h"

typedef struct {
    fr_module *lstm, *dropout, *head;
} sequence_classifier;

/* h (2,B,H): the final states, forward at the end of each row, reverse at its beginning. */
static fr_tensor *classify(sequence_classifier *net, fr_tensor *h)
{
    fr_tensor *both = FR_CAT(1, fr_select(h, 0, 0), fr_select(h, 0, 1));

    return fr_forward(net->head, fr_forward(net->dropout, both));
}

fr_tensor *sequence_classifier_forward(fr_module *model, fr_tensor *x, fr_tensor *lengths)
{
    sequence_classifier *net = fr_self(model);

    return classify(net, fr_recurrent_forward_lengths(net->lstm, x, NULL, lengths).h);
}

static fr_tensor *forward(fr_module *self, fr_tensor *x)
{
    sequence_classifier *net = fr_self(self);

    return classify(net, fr_recurrent_forward(net->lstm, x, NULL).h);
}

fr_module *sequence_classifier_new(const sequence_classifier_options *o)
{
    fr_module *self = fr_module_new("SequenceClassifier", sizeof(sequence_classifier), forward);
    sequence_classifier *net = fr_self(self);
    fr_recurrent_options both_ways = { .batch_first = true, .bidirectional = true };

    if (!net)
        return NULL;
    net->lstm = fr_module_add(self, "lstm", fr_nn_lstm(o->variables, o->hidden, &both_ways));
    net->dropout = fr_module_add(self, "dropout", fr_nn_dropout(o->dropout));
    net->head = fr_module_add(self, "head", fr_nn_linear(2 * o->hidden, o->classes, NULL));
    if (net->lstm && net->dropout && net->head)
        return self;
    fr_module_free(self);
    return NULL;
}
