/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
#include "simple_rnn_options.h"

#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    CELL = 256,
    LAYERS,
    LABEL,
    BIDIRECTIONAL,
    HIDDEN,
    EPOCHS,
    BATCH_SIZE,
    LR,
    SEED,
    CLIP,
    DATA,
    TEST,
    SAVE,
    LOAD,
    PREDICT,
    THREADS,
    DISTRIBUTED
};

static const struct argp_option table[] = {
    { NULL, 0, NULL, 0, "Model:", 1 },
    { "cell", CELL, "rnn|lstm|gru", 0, "The recurrent cell (rnn)", 0 },
    { "layers", LAYERS, "N", 0, "Recurrent layers (1)", 0 },
    { "bidirectional", BIDIRECTIONAL, NULL, 0, "Read each sequence from both ends", 0 },
    { "hidden", HIDDEN, "N", 0, "Hidden size (32)", 0 },
    { NULL, 0, NULL, 0, "Training:", 2 },
    { "epochs", EPOCHS, "N", 0, "Passes over the data (10)", 0 },
    { "batch-size", BATCH_SIZE, "N", 0, "Sequences to a step (32)", 0 },
    { "lr", LR, "X", 0, "Learning rate of Adam (0.01)", 0 },
    { "clip", CLIP, "X", 0, "Scale gradients down to this norm (no)", 0 },
    { "seed", SEED, "N", 0, "Seed of the generator (0)", 0 },
    { "threads", THREADS, "N", 0, "Threads; results do not depend on it (OMP_NUM_THREADS, else all cores)", 0 },
    { "distributed", DISTRIBUTED, NULL, 0, "Train together with the other processes that mpirun has started", 0 },
    { NULL, 0, NULL, 0, "Files (sequences: .ts, .csv or .tsv; weights: .safetensors):", 3 },
    { "data", DATA, "FILE", 0, "Train on these sequences of two classes instead of generated ones", 0 },
    { "test", TEST, "FILE", 0, "Report the accuracy on these when trained", 0 },
    { "predict", PREDICT, "FILE", 0, "Print a probability and a label for each of these when trained", 0 },
    { "label", LABEL, "COLUMN|NAME|first|last|none", 0, "Which column of a .csv or .tsv has the labels (told from it)",
      0 },
    { "save", SAVE, "FILE", 0, "Write the weights there when trained", 0 },
    { "load", LOAD, "FILE", 0,
      "Begin with these weights, which say cell, layers and hidden size; without --data they are not trained", 0 },
    { NULL, 0, NULL, 0, NULL, 0 }
};

static long integer(const char *text, const char *option, long least, struct argp_state *state)
{
    char *end;
    long value;

    errno = 0;
    value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < least || value > INT_MAX)
        argp_error(state, "--%s=%s: expected a whole number of %ld or more, below 2^31", option, text, least);
    return value;
}

static double positive(const char *text, const char *option, struct argp_state *state)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end || !(value > 0) || isinf(value))
        argp_error(state, "--%s=%s: expected a number above 0", option, text);
    return value;
}

static simple_rnn_cell cell_of(const char *text, struct argp_state *state)
{
    static const char *const names[] = { [SIMPLE_RNN] = "rnn", [SIMPLE_LSTM] = "lstm", [SIMPLE_GRU] = "gru" };

    for (int i = 0; i < 3; i++)
        if (strcmp(text, names[i]) == 0)
            return (simple_rnn_cell)i;
    argp_error(state, "--cell=%s: expected rnn, lstm or gru", text);
    return SIMPLE_RNN;
}

static void parse_model(int key, const char *text, struct argp_state *state, program_options *o)
{
    o->model_given = true;
    switch (key) {
    case CELL:
        o->model.cell = cell_of(text, state);
        break;
    case LAYERS:
        o->model.layers = (int)integer(text, "layers", 1, state);
        break;
    case HIDDEN:
        o->model.hidden = integer(text, "hidden", 1, state);
        break;
    default:
        o->model.bidirectional = true;
    }
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    program_options *o = state->input;

    switch (key) {
    case CELL:
    case LAYERS:
    case BIDIRECTIONAL:
    case HIDDEN:
        parse_model(key, text, state, o);
        break;
    case EPOCHS:
        o->epochs = integer(text, "epochs", 0, state);
        break;
    case BATCH_SIZE:
        o->batch_size = integer(text, "batch-size", 1, state);
        break;
    case LR:
        o->lr = positive(text, "lr", state);
        break;
    case CLIP:
        o->clip = positive(text, "clip", state);
        break;
    case SEED:
        o->seed = integer(text, "seed", 0, state);
        break;
    case THREADS:
        o->threads = (int)integer(text, "threads", 1, state);
        break;
    case DISTRIBUTED:
        o->distributed = true;
        break;
    case DATA:
        o->data = text;
        break;
    case TEST:
        o->test = text;
        break;
    case PREDICT:
        o->predict = text;
        break;
    case LABEL:
        o->label = text;
        break;
    case SAVE:
        o->save = text;
        break;
    case LOAD:
        o->load = text;
        break;
    case ARGP_KEY_ARG:
        argp_error(state, "%s: not an option", text);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static void print_version(FILE *file, struct argp_state *state)
{
    (void)state;
    fprintf(file, "simple_rnn (frond) %s\n", fr_version());
}

void parse_options(int argc, char **argv, program_options *o)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .doc = "Trains SimpleRNN, a classifier of sequences into two classes, and prints what the PyTorch program of "
               "the same "
               "seed prints.\vWithout --data it learns whether the numbers of a generated sequence sum to more than 0.",
    };

    argp_program_version_hook = print_version;
    argp_err_exit_status = 2;
    *o = (program_options){
        .model = { .hidden = 32, .output = 1, .layers = 1 }, .epochs = 10, .batch_size = 32, .lr = 0.01
    };
    argp_parse(&argp, argc, argv, 0, NULL, o);
}
