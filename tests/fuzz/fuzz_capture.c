/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Fuzzes captured functions: a random program gives the same by itself, captured, and captured without fusion. */
#include "capture_program.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const char *why;

    fr_set_error_handler(NULL, NULL);
    {
        FR_SCOPE;

        why = program_check(bytes, size);
    }
    if (why) {
        fprintf(stderr, "%s\n", why);
        abort();
    }
    return fuzz_end();
}
