/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Fuzzes fr_load_npz. */
#include "fuzz.h"
#include "seeds.h"
#include "zipped.h"

static void read_archive(FILE *file)
{
    fr_tensors_free(read_zipped(file));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    put_seeds("npz.", "corpus/npz");
    put_seeds("bad.", "corpus/npz");
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_file(bytes, size, read_archive);
}
