/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A stream of bytes that is read once from beginning to end. */
#include <config.h>

#include "files/byte_stream.h"

#include "core/error.h"

#include <errno.h>

static bool read_file(fr_byte_stream *s, void *into, size_t bytes)
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

bool fr_byte_stream_from_file(fr_byte_stream *s, const char *where, FILE *file)
{
    off_t size = fseeko(file, 0, SEEK_END) == 0 ? ftello(file) : -1;

    if (size < 0 || fseeko(file, 0, SEEK_SET) != 0)
        return fr_fail(where, "cannot tell its size: %s", strerror(errno));
    *s = (fr_byte_stream){ where, file, read_file, (int64_t)size };
    return true;
}

bool fr_byte_stream_read(fr_byte_stream *s, void *into, size_t bytes)
{
    if (s->remaining < 0 || bytes > (uint64_t)s->remaining)
        return fr_fail(s->where, "%lld bytes are left, expected %zu", (long long)s->remaining, bytes);
    if (bytes > 0 && !s->read(s, into, bytes))
        return false;
    s->remaining -= (int64_t)bytes;
    return true;
}
