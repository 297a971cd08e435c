/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Fuzzes fr_read_ts. */
#include "fuzz.h"

#include "data/sequences.h"

static void read_ts(FILE *file)
{
    fr_sequences_free(fr_read_ts_file("read_ts: fuzz", file));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_file(bytes, size, read_ts);
}
