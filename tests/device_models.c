/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Programs for a device, for check_device.sh:
 *
 *     device_models FOLDER     writes models as C to FOLDER/NAME.c, to FOLDER/NAME_main.c a main that prints what each
 *                              computes for an example, and to FOLDER/NAME.expected what the library computes: lines of
 *                              a value and how far the device may be from it */
#include "char_lm.h"
#include "mlp.h"
#include "simple_rnn.h"
#include "tcn.h"
#include "transformer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    const char *name;
    fr_module *(*make)(void);
    fr_shape shape;
    int64_t symbols; /* x is int64 below that; 0: floats */
    bool int8;
    int steps; /* NAME_step after so many comes to the same as NAME_run; 0: there is no such function */
} model;

static fr_module *make_gru(void)
{
    return simple_rnn_new(
        &(simple_rnn_options){ .input = 3, .hidden = 8, .output = 2, .cell = SIMPLE_GRU, .layers = 2 });
}

static fr_module *make_tcn(void)
{
    return tcn_new(
        &(tcn_options){ .variables = 2, .channels = 6, .blocks = 3, .kernel = 3, .classes = 4, .dropout = 0.1 });
}

static fr_module *make_transformer(void)
{
    return transformer_new(&(transformer_options){
        .variables = 3, .width = 8, .heads = 2, .layers = 2, .steps = 10, .classes = 4, .dropout = 0.1 });
}

static fr_module *make_char_lm(void)
{
    return char_lm_new(&(char_lm_options){ .symbols = 11, .embedding = 5, .hidden = 8 });
}

static fr_module *make_mlp(void)
{
    return mlp_new(&(mlp_options){ .sizes = { 6, 16, 8, 3 }, .dropout = 0.2 });
}

static const model models[] = {
    { "gru", make_gru, { 3, { 1, 7, 3 } }, 0, false, 7 },
    { "tcn", make_tcn, { 3, { 2, 9, 2 } }, 0, false, 0 },
    { "transformer", make_transformer, { 3, { 2, 7, 3 } }, 0, false, 0 },
    { "char_lm", make_char_lm, { 2, { 9, 2 } }, 11, false, 0 },
    { "mlp_int8", make_mlp, { 2, { 4, 6 } }, 0, true, 0 },
};

static FILE *open_in(const char *folder, const char *name, const char *end)
{
    char path[4096];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s%s", folder, name, end);
    f = fopen(path, "w");
    if (!f) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    return f;
}

static void write_main(FILE *f, const model *kind, const fr_tensor *x, const fr_tensor *y)
{
    const char *name = kind->name;
    long long n = fr_numel(y);

    fprintf(f, "#include \"%s.h\"\n#include <stdio.h>\n\nstatic const %s x[] = {\n", name,
            kind->symbols ? "int64_t" : "float");
    for (int64_t i = 0; i < fr_numel(x); i++)
        fprintf(f, kind->symbols ? "%.0f,\n" : "%.9eF,\n", fr_at(x, i));
    fprintf(f, "};\nstatic float y[%lld];\n\n", n);
    fprintf(f, "static void show(void)\n{\n    int i;\n    for (i = 0; i < %lld; i++)\n", n);
    fprintf(f, "        printf(\"%%.8e\\n\", (double)y[i]);\n}\n\n");
    fprintf(f, "int main(void)\n{\n    %s_run(x, y);\n    show();\n", name);
    if (kind->steps) {
        fprintf(f, "    {\n        static %s_state state;\n        int t;\n        %s_reset(&state);\n", name, name);
        fprintf(f, "        for (t = 0; t < %d; t++)\n            %s_step(&state, x + t * %lld, y);\n", kind->steps,
                name, (long long)(fr_numel(x) / kind->steps));
        fprintf(f, "        show();\n    }\n");
    }
    fprintf(f, "    return 0;\n}\n");
    fclose(f);
}

/* The library's default error handler ends the program at a failure. */
static void write_files(const char *folder, const model *kind)
{
    FR_SCOPE;
    FR_NO_GRAD;
    fr_export_c_report report;
    char path[4096];
    FR_AUTO(fr_module) m = kind->make();
    fr_tensor *x = kind->symbols ? fr_randint(0, kind->symbols, kind->shape) : fr_randn(kind->shape), *y;
    FILE *expected = open_in(folder, kind->name, ".expected");

    snprintf(path, sizeof path, "%s/%s.c", folder, kind->name);
    fr_export_c_with(m, x, path, &(fr_export_c_options){ .int8 = kind->int8 }, &report);
    fr_train(m, false);
    y = fr_forward(m, x);
    write_main(open_in(folder, kind->name, "_main.c"), kind, x, y);
    for (int again = 0; again <= (kind->steps > 0); again++)
        for (int64_t i = 0; i < fr_numel(y); i++)
            fprintf(expected, "%.8e %.2e\n", fr_at(y, i), 1e-6 * fmax(1, fabs(fr_at(y, i))) + report.int8_loss);
    fclose(expected);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return EXIT_FAILURE;
    fr_manual_seed(1);
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        write_files(argv[1], &models[i]);
    return EXIT_SUCCESS;
}
