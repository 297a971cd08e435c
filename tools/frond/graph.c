/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* frond graph: what a model computes, as a picture for Graphviz. */
#include "commands.h"
#include "program.h"

typedef struct {
    const char *run, *output;
    bool values, unroll;
} arguments;

static const struct argp_option options[] = {
    { "output", 'o', "FILE", 0, "Write it there (standard output)", 0 },
    { "unroll", 'u', NULL, 0, "Draw recurrent layers step by step", 0 },
    { "values", 'v', NULL, 0, "With the values of the input and of all results", 0 },
    { NULL, 0, NULL, 0, NULL, 0 },
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    arguments *a = state->input;

    switch (key) {
    case 'o':
        a->output = text;
        return 0;
    case 'u':
        a->unroll = true;
        return 0;
    case 'v':
        a->values = true;
        return 0;
    default:
        return parse_paths(key, text, state, &a->run, 1, 1);
    }
}

int command_graph(int argc, char **argv)
{
    static const struct argp argp = { .options = options,
                                      .parser = parse,
                                      .args_doc = "RUN",
                                      .doc = "Draws what the model that frond train keeps in the directory RUN "
                                             "computes of one sequence of zeros, in the language of Graphviz (dot "
                                             "-Tsvg)." };
    arguments a = { 0 };

    argp_parse(&argp, argc, argv, 0, NULL, &a);

    run r = run_open(a.run);
    fr_module *model = model_load(&r);
    fr_tensor *out = fr_forward(model, fr_zeros(FR_SHAPE(1, r.steps, r.variables)));
    output o;
    FILE *file = output_begin(&o);

    fr_graph_dot_with(file, out, &(fr_graph_dot_options){ .module = model, .values = a.values, .unroll = a.unroll });
    output_end(&o, file, a.output);
    fr_module_free(model);
    run_close(&r);
    return 0;
}
