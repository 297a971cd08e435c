/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* frond info: lists the tensors in files, whose suffix tells the format, and the inputs, nodes and outputs of ONNX
 * models. */
#include "commands.h"
#include "program.h"

typedef struct {
    int64_t tensors, values, bytes;
} totals;

static void show_tensor(const char *name, const fr_tensor *t, totals *sum)
{
    fr_shape shape = fr_shape_of(t);
    int64_t bytes = fr_numel(t) * (fr_dtype_of(t) == FR_F32 ? 4 : 8);

    printf("  %-40s %-8s (", name, fr_dtype_name(fr_dtype_of(t)));
    for (int i = 0; i < shape.ndim; i++)
        printf("%s%lld", i ? ", " : "", (long long)shape.dim[i]);
    puts(")");
    *sum = (totals){ sum->tensors + 1, sum->values + fr_numel(t), sum->bytes + bytes };
}

static void show_tensors(fr_tensors *all, totals *sum)
{
    for (int i = 0; i < fr_tensors_count(all); i++)
        show_tensor(fr_tensors_name(all, i), fr_tensors_at(all, i), sum);
    fr_tensors_free(all);
}

static void show_safetensors(const char *path, totals *sum)
{
    show_tensors(fr_load(path), sum);
}

static void show_npz(const char *path, totals *sum)
{
    show_tensors(fr_load_npz(path), sum);
}

static void show_npy(const char *path, totals *sum)
{
    show_tensor("array", fr_load_npy(path), sum);
}

static void show_onnx(const char *path, totals *sum)
{
    fr_module *model = fr_load_onnx(path);
    int n;
    const fr_named_tensor *state = fr_module_state(model, &n);

    fr_module_print(model);
    for (int i = 0; i < n; i++)
        show_tensor(state[i].name, state[i].tensor, sum);
    fr_module_free(model);
}

static const struct {
    const char *suffix;
    void (*show)(const char *path, totals *sum);
} formats[] = {
    { ".safetensors", show_safetensors },
    { ".npz", show_npz },
    { ".npy", show_npy },
    { ".onnx", show_onnx },
};

static void show(const char *path)
{
    FR_SCOPE;
    totals sum = { 0 };

    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (has_suffix(path, formats[i].suffix)) {
            printf("%s\n", path);
            formats[i].show(path, &sum);
            printf("  %lld tensors, %lld values, %lld bytes\n", (long long)sum.tensors, (long long)sum.values,
                   (long long)sum.bytes);
            return;
        }
    die("%s: expected a name that ends in .safetensors, .npz, .npy or .onnx", path);
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    switch (key) {
    case ARGP_KEY_ARG:
        show(text);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "a file is missing");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int command_info(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse,
        .args_doc = "FILE...",
        .doc = "Shows names, dtypes and shapes of the tensors in .safetensors, .npz, .npy and "
               ".onnx files, and how many values and bytes they have. Dtypes are those "
               "that frond reads them as."
    };

    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, NULL);
    return 0;
}
