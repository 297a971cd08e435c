/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* For check_onnxruntime.py:
 *
 *     onnx_models FOLDER      writes every model of models/, in both float types, to FOLDER/NAME.onnx, an input of
 *                             other sizes than the example's to NAME.x.npy, and the model's result for it to NAME.y.npy
 *     onnx_models MODEL X Y   loads the file MODEL and writes its result for X to Y
 *
 * and for check_onnx_suite.py:
 *
 *     onnx_models --each      for each line "MODEL PREFIX N M" of its input loads the file MODEL, runs it on
 *                             PREFIX0.npy ... and writes its first M results to PREFIXy0.npy ...; writes "done" or what
 * is wrong */
#include "char_lm.h"
#include "forecaster.h"
#include "mlp.h"
#include "sequence_classifier.h"
#include "simple_rnn.h"
#include "tcn.h"
#include "transformer.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;
    fr_module *(*make)(void);
    fr_shape example, other;
    bool symbols; /* int64 instead of floats */
} model;

#define MODEL(NAME, ...)                                                                                               \
    static fr_module *NAME(void)                                                                                       \
    {                                                                                                                  \
        return __VA_ARGS__;                                                                                            \
    }

MODEL(rnn, simple_rnn_new(&(simple_rnn_options){ .input = 3, .hidden = 5, .output = 1 }))
MODEL(lstm, simple_rnn_new(&(simple_rnn_options){
                .input = 3, .hidden = 5, .output = 1, .cell = SIMPLE_LSTM, .layers = 2, .bidirectional = true }))
MODEL(gru, simple_rnn_new(&(simple_rnn_options){
               .input = 3, .hidden = 5, .output = 1, .cell = SIMPLE_GRU, .layers = 2, .bidirectional = true }))
MODEL(mlp, mlp_new(&(mlp_options){ .sizes = { 4, 8, 3 }, .dropout = 0.5 }))
MODEL(characters, char_lm_new(&(char_lm_options){ .symbols = 11, .embedding = 4, .hidden = 6 }))
MODEL(forecaster, forecaster_new(6))
MODEL(classifier, sequence_classifier_new(&(sequence_classifier_options){
                      .variables = 3, .hidden = 4, .classes = 5, .dropout = 0.2 }))
MODEL(tcn,
      tcn_new(&(tcn_options){ .variables = 3, .channels = 4, .kernel = 3, .classes = 5, .blocks = 3, .dropout = 0.2 }))
MODEL(transformer, transformer_new(&(transformer_options){
                       .variables = 3, .steps = 20, .width = 8, .heads = 2, .layers = 2, .classes = 5 }))

static const model models[] = {
    { "rnn", rnn, { 3, { 2, 4, 3 } }, { 3, { 5, 7, 3 } }, false },
    { "lstm", lstm, { 3, { 2, 4, 3 } }, { 3, { 5, 7, 3 } }, false },
    { "gru", gru, { 3, { 2, 4, 3 } }, { 3, { 1, 9, 3 } }, false },
    { "mlp", mlp, { 2, { 2, 4 } }, { 2, { 6, 4 } }, false },
    { "char_lm", characters, { 2, { 5, 2 } }, { 2, { 9, 3 } }, true },
    { "forecaster", forecaster, { 3, { 5, 2, 1 } }, { 3, { 8, 3, 1 } }, false },
    { "sequence_classifier", classifier, { 3, { 2, 4, 3 } }, { 3, { 5, 7, 3 } }, false },
    { "tcn", tcn, { 3, { 2, 9, 3 } }, { 3, { 5, 14, 3 } }, false },
    { "transformer", transformer, { 3, { 2, 9, 3 } }, { 3, { 5, 14, 3 } }, false },
};

static fr_tensor *input_of(const model *kind, fr_shape shape)
{
    return kind->symbols ? fr_randint(0, 11, shape) : fr_randn(shape);
}

static const char *path_of(const char *folder, const model *kind, const char *end)
{
    static char path[4096];

    snprintf(path, sizeof path, "%s/%s%s%s", folder, kind->name, fr_default_dtype() == FR_F64 ? "_f64" : "", end);
    return path;
}

/* The library's default error handler ends the program at a failure. */
static void write_files(const char *folder, const model *kind)
{
    FR_SCOPE;
    FR_NO_GRAD;
    fr_module *m = kind->make();
    fr_tensor *x = input_of(kind, kind->other);

    fr_export_onnx(m, input_of(kind, kind->example), path_of(folder, kind, ".onnx"));
    fr_train(m, false);
    fr_save_npy(path_of(folder, kind, ".x.npy"), x);
    fr_save_npy(path_of(folder, kind, ".y.npy"), fr_forward(m, x));
    fr_module_free(m);
}

static void run_model(char **files)
{
    FR_SCOPE;
    FR_NO_GRAD;
    fr_module *m = fr_load_onnx(files[0]);

    fr_save_npy(files[2], fr_forward(m, fr_load_npy(files[1])));
    fr_module_free(m);
}

/* One line of --each. False with an error. */
static bool run_case(const char *file, const char *prefix, int n, int m)
{
    enum { MOST = 64 };
    FR_SCOPE;
    FR_NO_GRAD;
    fr_module *module = fr_load_onnx(file);
    fr_tensor *in[MOST], *out[MOST];
    char path[4096];
    bool ok = module && n <= MOST && m <= MOST;

    for (int i = 0; i < n && ok; i++) {
        snprintf(path, sizeof path, "%s%d.npy", prefix, i);
        ok = (in[i] = fr_load_npy(path)) != NULL;
    }
    ok = ok && fr_onnx_forward(module, in, n, out, m);
    for (int i = 0; i < m && ok; i++) {
        snprintf(path, sizeof path, "%sy%d.npy", prefix, i);
        ok = fr_save_npy(path, out[i]);
    }
    fr_module_free(module);
    return ok;
}

static void run_each(void)
{
    char file[1024], prefix[1024];
    int n, m;

    fr_set_error_handler(NULL, NULL);
    while (scanf("%1023s %1023s %d %d", file, prefix, &n, &m) == 4) {
        puts(run_case(file, prefix, n, m) ? "done" : fr_error_message());
        fflush(stdout);
        fr_error_clear();
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--each") == 0) {
        run_each();
        return EXIT_SUCCESS;
    }
    if (argc == 4) {
        run_model(argv + 1);
        return EXIT_SUCCESS;
    }
    if (argc != 2)
        return EXIT_FAILURE;
    for (int type = FR_F32; type <= FR_F64; type++) {
        fr_set_default_dtype((fr_dtype)type);
        for (size_t i = 0; i < sizeof models / sizeof *models; i++)
            write_files(argv[1], &models[i]);
    }
    return EXIT_SUCCESS;
}
