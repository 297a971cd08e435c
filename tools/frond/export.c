/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* frond export: a trained model for other programs, by what the file's name ends in. */
#include "commands.h"
#include "program.h"

static const struct {
    const char *suffix;
    bool (*write)(fr_module *m, fr_tensor *example, const char *path);
} formats[] = {
    { ".onnx", fr_export_onnx },
    { ".c", fr_export_c },
};

static void export_to(const char *path, fr_module *model, fr_tensor *example)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (has_suffix(path, formats[i].suffix)) {
            formats[i].write(model, example, path);
            return;
        }
    die("%s: expected a name that ends in .onnx or .c", path);
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    return parse_paths(key, text, state, state->input, 2, 2);
}

int command_export(int argc, char **argv)
{
    static const struct argp argp = { .parser = parse,
                                      .args_doc = "RUN FILE",
                                      .doc = "Writes the model that frond train keeps in the directory RUN as ONNX "
                                             "(.onnx) or C (.c).\vIt takes sequences of one length, (batch, steps, "
                                             "variables), and gives a logit for each class, or a number. Where the "
                                             "run has --normalize, it takes and gives what is normalised: model.json "
                                             "has the means and deviations." };
    const char *paths[2];

    argp_parse(&argp, argc, argv, 0, NULL, paths);

    run r = run_open(paths[0]);
    fr_module *model = model_load(&r);

    export_to(paths[1], model, fr_zeros(FR_SHAPE(1, r.steps, r.variables)));
    fr_module_free(model);
    run_close(&r);
    return 0;
}
