/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_load_onnx: the file's bytes, of which import_model.c makes a module. Without protobuf-c it fails. */
#include <config.h>

#include "onnx/import.h"

#include "core/call_site.h"
#include "core/error.h"
#include "core/thread.h"
#include "core/file.h"
#include "files/byte_stream.h"

#include <frond/export.h>
#include <stdlib.h>

#ifdef HAVE_PROTOBUF_C

static fr_module *read_file(const char *where, FILE *file)
{
    fr_module *m = NULL;
    uint8_t *bytes;
    size_t size;
    fr_byte_stream s;

    if (!fr_byte_stream_from_file(&s, where, file))
        return NULL;
    if (s.remaining > INT32_MAX)
        return fr_fail(where, "%lld bytes, and the format holds at most 2147483647", (long long)s.remaining);
    size = (size_t)s.remaining;
    bytes = malloc(size + 1);
    if (!bytes)
        return fr_fail_memory(where);
    if (fr_byte_stream_read(&s, bytes, size))
        m = fr_import_model(where, bytes, size);
    free(bytes);
    return m;
}

static fr_module *load_onnx(const char *where, const char *path)
{
    FILE *file = fr_file_open(where, path);
    fr_module *m = file ? read_file(where, file) : NULL;

    if (file)
        fclose(file);
    return m;
}

#else

static fr_module *load_onnx(const char *where, const char *path)
{
    (void)path;
    return fr_fail(where, FR_ONNX_NO_PROTOBUF);
}

#endif

fr_module *fr_load_onnx(const char *path)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "load_onnx");
    char where[FR_WHERE_SIZE];
    fr_module *m = NULL;

    if (fr_check_argument("load_onnx", path, "path"))
        m = load_onnx(fr_file_where("load_onnx", path, where), path);
    fr_finish(th, before);
    return m;
}
