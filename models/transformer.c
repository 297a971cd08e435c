/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
#include "transformer.h"

typedef struct {
    fr_module *project, *encoder, *head;
    fr_tensor *positions; /* (steps,width) */
} transformer;

/* x (B,T,width) -> (B,width): the mean over the steps within each row's length. past (B,T): 1 for the steps after it.
 */
static fr_tensor *mean_of_steps(fr_tensor *x, fr_tensor *past, fr_tensor *lengths)
{
    if (!lengths)
        return fr_mean_dim(x, 1, false);

    fr_tensor *sum = fr_sum_dim(fr_masked_fill(x, fr_unsqueeze(past, 2), 0), 1, false);

    return fr_div(sum, fr_unsqueeze(fr_cast(lengths, fr_dtype_of(x)), 1));
}

fr_tensor *transformer_forward(fr_module *model, fr_tensor *x, fr_tensor *lengths)
{
    FR_SCOPE;
    transformer *net = fr_self(model);
    int64_t steps = fr_dim(x, 1);
    fr_tensor *past = lengths ? fr_ge(fr_arange(0, (double)steps, 1, FR_I64), fr_unsqueeze(lengths, 1)) : NULL;
    fr_tensor *y = fr_add(fr_forward(net->project, x), fr_slice(net->positions, 0, 0, steps, 1));

    y = fr_transformer_encoder_forward(net->encoder, y, &(fr_attention_masks){ .key_padding_mask = past });
    return fr_escape(fr_forward(net->head, mean_of_steps(y, past, lengths)));
}

static fr_tensor *forward(fr_module *self, fr_tensor *x)
{
    return transformer_forward(self, x, NULL);
}

static fr_module *encoder_new(const transformer_options *o)
{
    fr_transformer_encoder_layer_options layer = { .dim_feedforward = 2 * o->width,
                                                   .dropout = o->dropout,
                                                   .batch_first = true };

    return fr_nn_transformer_encoder(fr_nn_transformer_encoder_layer(o->width, o->heads, &layer), o->layers, NULL);
}

fr_module *transformer_new(const transformer_options *o)
{
    FR_SCOPE;
    fr_module *self = fr_module_new("Transformer", sizeof(transformer), forward);
    transformer *net = fr_self(self);

    if (!self)
        return NULL;
    net->project = fr_module_add(self, "project", fr_nn_linear(o->variables, o->width, NULL));
    net->positions = fr_module_param(self, "positions", fr_zeros(FR_SHAPE(o->steps, o->width)));
    fr_init_normal(net->positions, 0, 0.1);
    net->encoder = fr_module_add(self, "encoder", encoder_new(o));
    net->head = fr_module_add(self, "head", fr_nn_linear(o->width, o->classes, NULL));
    if (net->project && net->positions && net->encoder && net->head)
        return self;
    fr_module_free(self);
    return NULL;
}
