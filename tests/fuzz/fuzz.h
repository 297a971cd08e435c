/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Common parts of the fuzzers: bytes as a file, the error handler off, and a check that no tensor leaks. */
#ifndef FROND_TESTS_FUZZ_H
#define FROND_TESTS_FUZZ_H

#include "core/base.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Ends an execution: no tensor may be alive. */
static inline int fuzz_end(void)
{
    fr_error_clear();
    if (fr_live_tensors() != 0)
        abort();
    return 0;
}

/* Calls read with a file that holds the bytes. */
static inline int fuzz_file(const uint8_t *bytes, size_t size, void (*read)(FILE *file))
{
    FILE *file = size > 0 ? fmemopen((void *)(uintptr_t)bytes, size, "rb") : NULL;

    if (!file)
        return -1;
    fr_set_error_handler(NULL, NULL);
    read(file);
    fclose(file);
    return fuzz_end();
}

#endif
