/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Fuzzes fr_load_onnx. */
#include <config.h>

#include "fuzz.h"
#include "io/onnx_load.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fr_set_error_handler(NULL, NULL);
    fr_module_free(fr_onnx_read("load_onnx: fuzz", bytes, size));
    fr_error_clear();
    if (fr_live_tensors() != 0)
        abort();
    return 0;
}
