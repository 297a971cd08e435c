/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Writes the first files of a corpus from a golden file, which holds the bytes of each. */
#ifndef FROND_TESTS_SEEDS_H
#define FROND_TESTS_SEEDS_H

#include <frond.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Writes the files of $FROND_TESTS/golden/npy.safetensors whose names begin with kind to the folder, if it exists. */
static inline void put_seeds(const char *kind, const char *folder)
{
    const char *tests = getenv("FROND_TESTS");
    char path[4096];
    fr_tensors *ts;

    snprintf(path, sizeof path, "%s/golden/npy.safetensors", tests ? tests : ".");
    fr_set_error_handler(NULL, NULL);
    ts = fr_load(path);
    for (int i = 0; i < fr_tensors_count(ts); i++) {
        const fr_tensor *t = fr_tensors_at(ts, i);
        FILE *file;

        if (strncmp(fr_tensors_name(ts, i), kind, strlen(kind)) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s%d", folder, kind, i);
        if (!(file = fopen(path, "wb")))
            break;
        for (int64_t j = 0; j < fr_numel(t); j++)
            fputc((int)fr_at(t, j), file);
        fclose(file);
    }
    fr_tensors_free(ts);
    fr_error_clear();
}

#endif
