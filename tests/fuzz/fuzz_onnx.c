/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Fuzzes fr_load_onnx. */
#include <config.h>

#include "fuzz.h"
#include "onnx/import.h"

#include <frond/export.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Writes a first file for the corpus, a small model with a recurrent layer, if the folder exists. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    FR_SCOPE;
    fr_module *model = fr_nn_sequential(2, (fr_module *[]){ fr_nn_gru(2, 3, NULL), fr_nn_linear(3, 1, NULL) });

    (void)argc;
    (void)argv;
    fr_set_error_handler(NULL, NULL);
    fr_export_onnx(model, fr_zeros(FR_SHAPE(4, 1, 2)), "corpus/onnx/gru");
    fr_module_free(model);
    fr_error_clear();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fr_set_error_handler(NULL, NULL);
    fr_module_free(fr_import_model("load_onnx: fuzz", bytes, size));
    fr_error_clear();
    if (fr_live_tensors() != 0)
        abort();
    return 0;
}
