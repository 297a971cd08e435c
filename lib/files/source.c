/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Bytes to be read from first to last: of a file, or of whatever else has a read function. */
#include <config.h>

#include "files/source.h"

#include "core/error.h"

#include <errno.h>

static bool read_file(fr_source *s, void *into, size_t bytes)
{
    FILE *file = s->handle;

    if (fread(into, 1, bytes, file) == bytes)
        return true;
    if (ferror(file))
        fr_fail(s->where, "%s", strerror(errno));
    else
        fr_fail(s->where, "the file became shorter while it was read");
    return false;
}

bool fr_source_of_file(fr_source *s, const char *where, FILE *file)
{
    off_t size = fseeko(file, 0, SEEK_END) == 0 ? ftello(file) : -1;

    if (size < 0 || fseeko(file, 0, SEEK_SET) != 0)
        return fr_fail(where, "cannot tell its size: %s", strerror(errno));
    *s = (fr_source){ where, file, read_file, (int64_t)size };
    return true;
}

bool fr_source_read(fr_source *s, void *into, size_t bytes)
{
    if (s->left < 0 || bytes > (uint64_t)s->left)
        return fr_fail(s->where, "%lld bytes are left, expected %zu", (long long)s->left, bytes);
    if (bytes > 0 && !s->read(s, into, bytes))
        return false;
    s->left -= (int64_t)bytes;
    return true;
}
