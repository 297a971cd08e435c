/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Fuzzes fr_read_ts, with missing values refused and filled in. */
#include "fuzz.h"

#include "data/sequences.h"

static void read_ts(FILE *file)
{
    fr_sequences_free(fr_read_ts_file("read_ts: fuzz", file, FR_MISSING_REFUSE));
    rewind(file);
    fr_sequences_free(fr_read_ts_file("read_ts: fuzz", file, FR_MISSING_MEAN));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_file(bytes, size, read_ts);
}
