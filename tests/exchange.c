/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The program by which check_exchange.py runs frond:
 *
 *     exchange module NAME STATE X Y SAVED   loads STATE's values (-: none) into the module NAME of modules[], runs it
 *                                            in evaluation on "x" of X, writes the result to Y as "y" and the module to
 *                                            SAVED
 *     exchange npy FROM TO                   loads an array and saves it
 *     exchange npz FROM TO                   the same for an archive
 */
#include <frond.h>

#include <stdlib.h>
#include <string.h>

#define RECURRENT(kind, ...) return fr_nn_##kind(3, 4, &(fr_recurrent_options){ __VA_ARGS__ })

static fr_module *make_rnn(void)
{
    RECURRENT(rnn, .relu = true, .num_layers = 2);
}

static fr_module *make_lstm(void)
{
    RECURRENT(lstm, .num_layers = 2, .bidirectional = true, .proj_size = 2, .batch_first = true);
}

static fr_module *make_lstm_no_bias(void)
{
    RECURRENT(lstm, .no_bias = true);
}

static fr_module *make_gru(void)
{
    RECURRENT(gru, .num_layers = 2, .bidirectional = true);
}

static fr_module *make_rnn_cell(void)
{
    return fr_nn_rnn_cell(3, 4, NULL);
}

static fr_module *make_lstm_cell(void)
{
    return fr_nn_lstm_cell(3, 4, NULL);
}

static fr_module *make_gru_cell(void)
{
    return fr_nn_gru_cell(3, 4, &(fr_cell_options){ .no_bias = true });
}

static fr_module *make_linear(void)
{
    return fr_nn_linear(3, 5, NULL);
}

static fr_module *make_conv1d(void)
{
    return fr_nn_conv1d(4, 6, 3, NULL);
}

static fr_module *make_conv2d(void)
{
    return fr_nn_conv2d(4, 6, FR_SHAPE(3, 2), NULL);
}

static fr_module *make_embedding(void)
{
    return fr_nn_embedding(10, 3, NULL);
}

static fr_module *make_layer_norm(void)
{
    return fr_nn_layer_norm(FR_SHAPE(3), NULL);
}

static fr_module *make_rms_norm(void)
{
    return fr_nn_rms_norm(FR_SHAPE(3), NULL);
}

static fr_module *make_batch_norm1d(void)
{
    return fr_nn_batch_norm1d(3, NULL);
}

static fr_module *make_batch_norm2d(void)
{
    return fr_nn_batch_norm2d(4, NULL);
}

static fr_module *make_attention(void)
{
    return fr_nn_multihead_attention(4, 2, NULL);
}

static fr_module *make_encoder_layer(void)
{
    return fr_nn_transformer_encoder_layer(4, 2, &(fr_transformer_encoder_layer_options){ .dim_feedforward = 7 });
}

static fr_module *make_encoder(void)
{
    return fr_nn_transformer_encoder(make_encoder_layer(), 2, fr_nn_layer_norm(FR_SHAPE(4), NULL));
}

static fr_module *make_sequential(void)
{
    fr_module *layers[] = { fr_nn_linear(3, 4, NULL), fr_nn_tanh(), fr_nn_batch_norm1d(4, NULL),
                            fr_nn_linear(4, 2, NULL) };

    return fr_nn_sequential(4, layers);
}

static const struct {
    const char *name;
    fr_module *(*make)(void);
} modules[] = {
    { "rnn", make_rnn },
    { "lstm", make_lstm },
    { "lstm_no_bias", make_lstm_no_bias },
    { "gru", make_gru },
    { "rnn_cell", make_rnn_cell },
    { "lstm_cell", make_lstm_cell },
    { "gru_cell", make_gru_cell },
    { "linear", make_linear },
    { "conv1d", make_conv1d },
    { "conv2d", make_conv2d },
    { "embedding", make_embedding },
    { "layer_norm", make_layer_norm },
    { "rms_norm", make_rms_norm },
    { "batch_norm1d", make_batch_norm1d },
    { "batch_norm2d", make_batch_norm2d },
    { "attention", make_attention },
    { "encoder_layer", make_encoder_layer },
    { "encoder", make_encoder },
    { "sequential", make_sequential },
};

static bool run_module(char **argument)
{
    FR_SCOPE;
    fr_module *m = NULL;
    fr_tensors *x = fr_load(argument[2]);
    bool ok = x != NULL;

    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++)
        if (strcmp(modules[i].name, argument[0]) == 0)
            m = modules[i].make();
    ok = ok && m && (strcmp(argument[1], "-") == 0 || fr_load_into(m, argument[1]));
    if (ok) {
        fr_train(m, false);

        fr_tensor *y = fr_forward(m, fr_tensors_find(x, "x"));

        ok = y && fr_save_tensors(argument[3], (const char *[]){ "y" }, &y, 1) && fr_save(m, argument[4]);
    }
    fr_tensors_free(x);
    fr_module_free(m);
    return ok;
}

static bool copy_npy(char **argument)
{
    FR_SCOPE;

    return fr_save_npy(argument[1], fr_load_npy(argument[0]));
}

static bool copy_npz(char **argument)
{
    fr_tensors *ts = fr_load_npz(argument[0]);
    int n = ts ? fr_tensors_count(ts) : 0;
    const char **names = calloc((size_t)n + 1, sizeof *names);
    fr_tensor **tensors = calloc((size_t)n + 1, sizeof *tensors);
    bool ok = ts && names && tensors;

    for (int i = 0; ok && i < n; i++) {
        names[i] = fr_tensors_name(ts, i);
        tensors[i] = fr_tensors_at(ts, i);
    }
    ok = ok && fr_save_npz(argument[1], names, tensors, n);
    free(names);
    free(tensors);
    fr_tensors_free(ts);
    return ok;
}

int main(int count, char **argument)
{
    bool ok = false;

    if (count == 7 && strcmp(argument[1], "module") == 0)
        ok = run_module(argument + 2);
    else if (count == 4 && strcmp(argument[1], "npy") == 0)
        ok = copy_npy(argument + 2);
    else if (count == 4 && strcmp(argument[1], "npz") == 0)
        ok = copy_npz(argument + 2);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
