/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Fuzzes fr_load. */
#include "fuzz.h"

#include "files/safetensors.h"

static void read_tensors(FILE *file)
{
    fr_tensors_free(fr_safetensors_load_file("load: fuzz", file));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_file(bytes, size, read_tensors);
}
