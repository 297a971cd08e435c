/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Fuzzes fr_read_csv: reads each input with everything told from it, and with each option. */
#include "fuzz.h"

#include "data/sequences.h"

static void read_csv(FILE *file)
{
    static const fr_csv_options options[] = {
        { 0 },
        { .label_last = true, .missing = FR_MISSING_MEAN },
        { .no_label = true, .missing = FR_MISSING_DROP },
        { .header = true, .separator = ';', .missing = FR_MISSING_PREVIOUS },
        { .label = "2", .separator = ' ' },
    };

    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        rewind(file);
        fr_sequences_free(fr_read_csv_file("read_csv: fuzz", file, &options[i]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_file(bytes, size, read_csv);
}
