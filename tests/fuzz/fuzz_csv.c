/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Fuzzes fr_read_csv: reads each input with the label first, last and absent, and with a header. */
#include "fuzz.h"

#include "data/sequences.h"

static void read_csv(FILE *file)
{
    static const fr_csv_options options[] = { { 0 }, { .label_last = true }, { .no_label = true }, { .header = true } };

    for (int i = 0; i < 3; i++) {
        rewind(file);
        fr_sequences_free(fr_read_csv_file("read_csv: fuzz", file, &options[i]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_file(bytes, size, read_csv);
}
