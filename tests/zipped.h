/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* npz archives in memory, for tests without a file that libzip could open. */
#ifndef FROND_TESTS_ZIPPED_H
#define FROND_TESTS_ZIPPED_H

#include "files/npz.h"

#include <stdlib.h>
#include <zip.h>

/* Reads the file's bytes as fr_load_npz does; returns NULL with an error if that fails. */
static inline fr_tensors *read_zipped(FILE *file)
{
    static char room[1 << 20];
    size_t size = fread(room, 1, sizeof room, file);
    zip_source_t *source = zip_source_buffer_create(room, size, 0, NULL);

    if (!source)
        abort();
    return fr_npz_read("load_npz: in memory", source);
}

#endif
