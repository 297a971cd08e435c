/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Fuzzes fr_load_npy. */
#include "fuzz.h"
#include "seeds.h"

#include "files/npy.h"

static void read_array(FILE *file)
{
    fr_byte_stream s;

    if (fr_byte_stream_from_file(&s, "load_npy: fuzz", file))
        fr_unref(fr_npy_read(&s, INT64_MAX, NULL));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    put_seeds("read.", "corpus/npy");
    put_seeds("refused.", "corpus/npy");
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_file(bytes, size, read_array);
}
