/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* frond graph: draws what a model computes, for Graphviz, or as a page for a browser. */
#include "commands.h"
#include "program.h"

typedef struct {
    const char *path, *page;
    bool unroll, values;
} choices;

/* The page has its own picture, which is unrolled and has all values. */
static void write_graph(fr_module *model, fr_tensor *out, const choices *c)
{
    output o;
    FILE *file = output_begin(&o);

    if (c->page)
        fr_explain_html_with(file, out, &(fr_explain_html_options){ .module = model });
    else
        fr_graph_dot_with(file, out,
                          &(fr_graph_dot_options){ .module = model, .values = c->values, .unroll = c->unroll });
    output_end(&o, file, c->page ? c->page : c->path);
}

int command_graph(int argc, char **argv)
{
    const char *dir = NULL;
    choices c = { .path = NULL };
    const command_option options[] = {
        { "output", 'o', "FILE", "Write it there (standard output)", .text = &c.path },
        { "unroll", 'u', NULL, "Draw recurrent layers step by step", .flag = &c.unroll },
        { "values", 'v', NULL, "With the values of the input and of all results", .flag = &c.values },
        { "html", 'w', "FILE", "Write a page for a browser there instead, with each step of the derivative",
          .text = &c.page },
        { .name = NULL },
    };

    parse_command_line(argc, argv,
                       &(command_line){ .args_doc = "RUN",
                                        .doc = "Draws what the model in RUN, a directory of frond train, computes "
                                               "for one sequence of zeros. The output is for Graphviz (dot -Tsvg), or "
                                               "with --html for a browser.",
                                        .options = options,
                                        .paths = &dir,
                                        .paths_min = 1,
                                        .paths_max = 1 });
    if (c.page && (c.path || c.unroll || c.values))
        die("--html is given alone: the page has the steps and the values, and a file of its own");

    run r = run_open(dir);
    fr_module *model = model_load(&r);
    fr_tensor *out = fr_forward(model, fr_zeros(FR_SHAPE(1, r.steps, r.variables)));

    write_graph(model, out, &c);
    fr_module_free(model);
    run_close(&r);
    return 0;
}
