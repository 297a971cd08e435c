/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A training step of three whole models: zeroing gradients, forward, cross-entropy, backward, Adam.
 *
 *     models [THREADS [NAME...]]
 *
 *     convnet   images 28x28, two convolutions with pools, two linear layers; batch 64
 *     gpt       4 transformer layers, 256 wide, 4 heads, 64 steps, 256 words, causal; batch 16
 *     bigru     2 layers in both directions, 32 inputs, 128 hidden, up to 100 steps of different lengths; batch 32
 *
 * Each runs in a process of its own, so that the peak memory is its own. compare.py runs the same in PyTorch. */
#include "bench.h"
#include "workloads.h"

enum { CLASSES = 10, WORDS = 256, GPT_WIDTH = 256, GPT_STEPS = 64, GRU_INPUTS = 32, GRU_HIDDEN = 128, GRU_STEPS = 100 };

typedef struct {
    fr_module *net;
    fr_optim *adam;
    fr_tensor *x, *y, *lengths;
    fr_tensor *(*forward)(fr_module *net, fr_tensor *x, fr_tensor *lengths);
} model;

static fr_tensor *forward_net(fr_module *net, fr_tensor *x, fr_tensor *lengths)
{
    (void)lengths;
    return fr_forward(net, x);
}

static void convnet(model *m)
{
    fr_conv_options same = { .padding = FR_SHAPE(1) };
    fr_module *parts[] = { fr_nn_conv2d(1, 32, FR_SHAPE(3), &same),
                           fr_nn_relu(),
                           fr_nn_max_pool2d(FR_SHAPE(2), NULL),
                           fr_nn_conv2d(32, 64, FR_SHAPE(3), &same),
                           fr_nn_relu(),
                           fr_nn_max_pool2d(FR_SHAPE(2), NULL),
                           fr_nn_flatten(1, -1),
                           fr_nn_linear(64 * 7 * 7, 128, NULL),
                           fr_nn_relu(),
                           fr_nn_linear(128, CLASSES, NULL) };

    m->net = fr_nn_sequential(sizeof parts / sizeof *parts, parts);
    m->x = fr_randn(FR_SHAPE(64, 1, 28, 28));
    m->y = fr_randint(0, CLASSES, FR_SHAPE(64));
    m->forward = forward_net;
}

/* Children of the net: words, encoder, norm, head. x (B,T) int64 -> logits (B T, WORDS). */
static fr_tensor *forward_gpt(fr_module *net, fr_tensor *x, fr_tensor *lengths)
{
    fr_tensor *h = fr_add(fr_forward(fr_module_at(net, 0), x), fr_module_find(net, "positions"));

    (void)lengths;
    h = fr_transformer_encoder_forward(fr_module_at(net, 1), h, &(fr_attention_masks){ .is_causal = true });
    h = fr_forward(fr_module_at(net, 3), fr_forward(fr_module_at(net, 2), h));
    return fr_reshape(h, FR_SHAPE(-1, WORDS));
}

static void gpt(model *m)
{
    fr_transformer_encoder_layer_options o = {
        .dim_feedforward = 4 * GPT_WIDTH, .dropout = FR_ZERO, .gelu = true, .batch_first = true, .norm_first = true
    };

    m->net = fr_module_new("GPT", 0, NULL);
    fr_module_param(m->net, "positions", fr_randn(FR_SHAPE(GPT_STEPS, GPT_WIDTH)));
    fr_module_add(m->net, "words", fr_nn_embedding(WORDS, GPT_WIDTH, NULL));
    fr_module_add(m->net, "encoder",
                  fr_nn_transformer_encoder(fr_nn_transformer_encoder_layer(GPT_WIDTH, 4, &o), 4, NULL));
    fr_module_add(m->net, "norm", fr_nn_layer_norm(FR_SHAPE(GPT_WIDTH), NULL));
    fr_module_add(m->net, "head", fr_nn_linear(GPT_WIDTH, WORDS, NULL));
    m->x = fr_randint(0, WORDS, FR_SHAPE(16, GPT_STEPS));
    m->y = fr_randint(0, WORDS, FR_SHAPE(16 * GPT_STEPS));
    m->forward = forward_gpt;
}

/* The last layer's final states of both directions (B, 2 GRU_HIDDEN) -> logits. */
static fr_tensor *forward_bigru(fr_module *net, fr_tensor *x, fr_tensor *lengths)
{
    fr_tensor *h = fr_recurrent_forward_lengths(fr_module_at(net, 0), x, NULL, lengths).h;
    fr_tensor *both[] = { fr_select(h, 0, -2), fr_select(h, 0, -1) };

    return fr_forward(fr_module_at(net, 1), fr_cat(both, 2, 1));
}

static void bigru(model *m)
{
    fr_recurrent_options o = { .num_layers = 2, .bidirectional = true, .batch_first = true };
    int64_t lengths[32];

    for (int i = 0; i < 32; i++)
        lengths[i] = 5 + 37 * i % (GRU_STEPS - 4);
    m->net = fr_module_new("BiGRU", 0, NULL);
    fr_module_add(m->net, "gru", fr_nn_gru(GRU_INPUTS, GRU_HIDDEN, &o));
    fr_module_add(m->net, "head", fr_nn_linear(2 * GRU_HIDDEN, CLASSES, NULL));
    m->x = fr_randn(FR_SHAPE(32, GRU_STEPS, GRU_INPUTS));
    m->y = fr_randint(0, CLASSES, FR_SHAPE(32));
    m->lengths = fr_tensor_from(FR_SHAPE(32), lengths, FR_I64);
    m->forward = forward_bigru;
}

static const struct entry {
    const char *name;
    void (*make)(model *m);
} models[] = { { "convnet", convnet }, { "gpt", gpt }, { "bigru", bigru } };

static void step(void *argument)
{
    FR_SCOPE;
    model *m = argument;

    fr_optim_zero_grad(m->adam);
    fr_backward(fr_cross_entropy(m->forward(m->net, m->x, m->lengths), m->y, FR_MEAN));
    fr_optim_step(m->adam);
}

static void run_model(const void *argument)
{
    FR_SCOPE;
    const struct entry *e = argument;
    model m = { 0 };
    row r = { .work = e->name, .memory = true };

    fr_manual_seed(0);
    e->make(&m);
    m.adam = fr_adam(m.net, &(fr_adam_options){ .lr = 1e-3 });
    r.time = measure(step, &m, 1, 3);
    print_row(&r);
    fr_optim_free(m.adam);
    fr_module_free(m.net);
}

int main(int argc, char **argv)
{
    begin_bench(argc, argv, 1);
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        if (is_wanted(models[i].name, argc - 2, argv + 2))
            in_child(run_model, &models[i]);
    return 0;
}
