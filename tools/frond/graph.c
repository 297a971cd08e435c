/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* frond graph: draws what a model computes, with Graphviz. */
#include "commands.h"
#include "program.h"

int command_graph(int argc, char **argv)
{
    const char *dir = NULL, *path = NULL;
    bool unroll = false, values = false;
    const command_option options[] = {
        { "output", 'o', "FILE", "Write it there (standard output)", .text = &path },
        { "unroll", 'u', NULL, "Draw recurrent layers step by step", .flag = &unroll },
        { "values", 'v', NULL, "With the values of the input and of all results", .flag = &values },
        { .name = NULL },
    };

    parse_command_line(argc, argv,
                       &(command_line){ .args_doc = "RUN",
                                        .doc = "Draws what the model in RUN, a directory of frond train, computes "
                                               "for one sequence of zeros. The output is for Graphviz (dot -Tsvg).",
                                        .options = options,
                                        .paths = &dir,
                                        .paths_min = 1,
                                        .paths_max = 1 });

    run r = run_open(dir);
    fr_module *model = model_load(&r);
    fr_tensor *out = fr_forward(model, fr_zeros(FR_SHAPE(1, r.steps, r.variables)));
    output o;
    FILE *file = output_begin(&o);

    fr_graph_dot_with(file, out, &(fr_graph_dot_options){ .module = model, .values = values, .unroll = unroll });
    output_end(&o, file, path);
    fr_module_free(model);
    run_close(&r);
    return 0;
}
