/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* frond export: writes a trained model for other programs. The suffix of the file's name chooses the format. */
#include "commands.h"
#include "program.h"

enum { INT8 = 256, OPEN_BATCH, OPEN_LENGTH };

typedef struct {
    const char *paths[2]; /* run, file */
    bool int8, open_batch, open_length;
} arguments;

static const struct argp_option options[] = {
    { "int8", INT8, NULL, 0, "In C: weights as 8-bit integers with a scale for each row; prints what that changes", 0 },
    { "open-batch", OPEN_BATCH, NULL, 0, "In C: as many sequences at once as a macro of the header says", 0 },
    { "open-length", OPEN_LENGTH, NULL, 0, "In C: a function for sequences with fewer steps too", 0 },
    { NULL, 0, NULL, 0, NULL, 0 },
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    arguments *a = state->input;

    switch (key) {
    case INT8:
        a->int8 = true;
        return 0;
    case OPEN_BATCH:
        a->open_batch = true;
        return 0;
    case OPEN_LENGTH:
        a->open_length = true;
        return 0;
    case ARGP_KEY_SUCCESS:
        if (!has_suffix(a->paths[1], ".onnx") && !has_suffix(a->paths[1], ".c"))
            argp_error(state, "%s: expected a name that ends in .onnx or .c", a->paths[1]);
        if (a->int8 && !has_suffix(a->paths[1], ".c"))
            argp_error(state, "--int8 is for .c alone");
        if ((a->open_batch || a->open_length) && !has_suffix(a->paths[1], ".c"))
            argp_error(state, "--open-batch and --open-length are for .c alone; in .onnx both are open");
        return 0;
    default:
        return parse_paths(key, text, state, a->paths, 2, 2);
    }
}

static void export_c(const arguments *a, fr_module *model, fr_tensor *example)
{
    fr_export_c_options o = { .int8 = a->int8, .open_batch = a->open_batch, .open_length = a->open_length };
    fr_export_c_report r;

    fr_export_c_with(model, example, a->paths[1], &o, &r);
    printf("weights %lld bytes, workspace %lld bytes, %lld multiply-adds\n", (long long)r.weight_bytes,
           (long long)r.workspace_bytes, (long long)r.multiply_adds);
    if (a->open_length)
        printf("for %lld to %lld steps\n", (long long)r.min_length, (long long)fr_dim(example, 1));
    if (r.state_bytes > 0)
        printf("step by step: state %lld bytes, stack %lld bytes\n", (long long)r.state_bytes, (long long)r.step_bytes);
    else
        printf("not step by step: %s\n", r.not_stepwise);
    if (a->int8)
        printf("int8 changes the outputs for a random sequence by up to %.3g\n", r.int8_loss);
}

int command_export(int argc, char **argv)
{
    static const struct argp argp = { .options = options,
                                      .parser = parse,
                                      .args_doc = "RUN FILE",
                                      .doc = "Writes the model in RUN, a directory of frond train, as ONNX (.onnx) or "
                                             "C (.c, with a header beside it).\vIts input is sequences of shape "
                                             "(batch, steps, variables); in C one sequence, with the steps of the "
                                             "longest in the training data. Its output is a logit for each class, or "
                                             "a number. If the run has --normalize, input and output are normalised "
                                             "with the means and deviations in model.json." };
    arguments a = { 0 };

    argp_parse(&argp, argc, argv, 0, NULL, &a);

    run r = run_open(a.paths[0]);
    fr_module *model = model_load(&r);
    fr_tensor *example;

    fr_manual_seed(0);
    example = fr_randn(FR_SHAPE(1, r.steps, r.variables));
    if (has_suffix(a.paths[1], ".c"))
        export_c(&a, model, example);
    else
        fr_export_onnx(model, example, a.paths[1]);
    fr_module_free(model);
    run_close(&r);
    return 0;
}
