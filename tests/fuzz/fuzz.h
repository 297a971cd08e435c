/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What the fuzzers share: bytes as a file, the handler off, and a balance of tensors. */
#ifndef FROND_TESTS_FUZZ_H
#define FROND_TESTS_FUZZ_H

#include "core/base.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Calls read with a file that holds the bytes; whatever it makes of them, nothing may stay alive. */
static inline int fuzz_file(const uint8_t *bytes, size_t size, void (*read)(FILE *file))
{
    FILE *file = size > 0 ? fmemopen((void *)(uintptr_t)bytes, size, "rb") : NULL;

    if (!file)
        return -1;
    fr_set_error_handler(NULL, NULL);
    read(file);
    fclose(file);
    fr_error_clear();
    if (fr_live_tensors() != 0)
        abort();
    return 0;
}

#endif
