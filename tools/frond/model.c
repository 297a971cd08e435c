/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The models that can be trained: each is made from a run's settings and runs on sequences of different lengths. */
#include "program.h"

#include "sequence_classifier.h"
#include "simple_rnn.h"
#include "tcn.h"
#include "transformer.h"

#include <stdlib.h>

static fr_module *make_simple_rnn(const run *r)
{
    const settings *s = &r->settings;

    return simple_rnn_new(&(simple_rnn_options){ .input = r->variables,
                                                 .hidden = s->hidden,
                                                 .output = run_outputs(r),
                                                 .cell = (simple_rnn_cell)s->cell,
                                                 .layers = s->layers ? (int)s->layers : 1,
                                                 .bidirectional = s->bidirectional,
                                                 .logits = true });
}

static fr_module *make_sequence_classifier(const run *r)
{
    const settings *s = &r->settings;

    return sequence_classifier_new(&(sequence_classifier_options){
        .variables = r->variables, .hidden = s->hidden, .classes = run_outputs(r), .dropout = s->dropout });
}

static fr_module *make_tcn(const run *r)
{
    const settings *s = &r->settings;

    if (s->layers > TCN_BLOCKS)
        die("a tcn of %lld layers: expected at most %d", (long long)s->layers, TCN_BLOCKS);
    return tcn_new(&(tcn_options){ .variables = r->variables,
                                   .channels = s->hidden,
                                   .kernel = s->kernel,
                                   .classes = run_outputs(r),
                                   .blocks = s->layers ? (int)s->layers : 3,
                                   .dropout = s->dropout });
}

static fr_module *make_transformer(const run *r)
{
    const settings *s = &r->settings;

    return transformer_new(&(transformer_options){ .variables = r->variables,
                                                   .steps = r->steps,
                                                   .width = s->hidden,
                                                   .heads = s->heads,
                                                   .layers = s->layers ? (int)s->layers : 1,
                                                   .classes = run_outputs(r),
                                                   .dropout = s->dropout > 0 ? s->dropout : FR_ZERO });
}

/* In the order of the choices of the setting "model". */
static const struct {
    fr_module *(*make)(const run *r);
    fr_tensor *(*forward)(fr_module *model, fr_tensor *x, fr_tensor *lengths);
} models[] = {
    { make_simple_rnn, simple_rnn_forward_lengths },
    { make_sequence_classifier, sequence_classifier_forward },
    { make_tcn, tcn_forward_lengths },
    { make_transformer, transformer_forward },
};

fr_module *model_new(const run *r)
{
    return models[r->settings.model].make(r);
}

fr_module *model_load(const run *r)
{
    fr_module *model = model_new(r);
    char *path = path_in(r->dir, "best.safetensors");

    fr_load_into(model, path);
    fr_train(model, false);
    free(path);
    return model;
}

fr_tensor *model_forward(const run *r, fr_module *model, fr_tensor *x, fr_tensor *lengths)
{
    return models[r->settings.model].forward(model, x, lengths);
}
