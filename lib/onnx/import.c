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
#include <string.h>

#ifdef HAVE_PROTOBUF_C

static fr_module *read_file(const char *where, FILE *file, const char *folder)
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
        m = fr_import_model(where, bytes, size, folder);
    free(bytes);
    return m;
}

static fr_module *load_onnx(const char *where, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = strdup(path);
    FILE *file = folder ? fr_file_open(where, path) : fr_fail_memory(where);
    fr_module *m = NULL;

    if (file) {
        folder[slash ? slash - path + 1 : 0] = '\0';
        m = read_file(where, file, folder);
        fclose(file);
    }
    free(folder);
    return m;
}

#else

static fr_module *load_onnx(const char *where, const char *path)
{
    (void)path;
    return fr_fail(where, FR_ONNX_NO_PROTOBUF);
}

/* Without the format no module is one of fr_load_onnx. */
static int fr_import_model_count(const char *what, const fr_module *m, bool outputs)
{
    (void)outputs;
    if (fr_check_argument(what, m, "module"))
        fr_fail(what, FR_ONNX_NO_PROTOBUF);
    return -1;
}

static const char *fr_import_model_name(const char *what, const fr_module *m, bool outputs, int i)
{
    (void)i;
    fr_import_model_count(what, m, outputs);
    return NULL;
}

static bool fr_import_model_run(fr_module *m, fr_tensor *const *inputs, int n, fr_tensor **outputs, int count)
{
    (void)inputs;
    (void)n;
    (void)outputs;
    (void)count;
    return fr_import_model_count("onnx_forward", m, true) >= 0;
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

bool fr_onnx_forward(fr_module *m, fr_tensor *const *inputs, int n, fr_tensor **outputs, int count)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "onnx_forward");
    bool ok = fr_import_model_run(m, inputs, n, outputs, count);

    fr_finish(th, before);
    return ok;
}

static int count_of(const char *what, const fr_module *m, bool outputs)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    int count = fr_import_model_count(what, m, outputs);

    fr_finish(th, before);
    return count;
}

int fr_onnx_input_count(const fr_module *m)
{
    return count_of("onnx_input_count", m, false);
}

int fr_onnx_output_count(const fr_module *m)
{
    return count_of("onnx_output_count", m, true);
}

static const char *name_of(const char *what, const fr_module *m, bool outputs, int i)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    const char *name = fr_import_model_name(what, m, outputs, i);

    fr_finish(th, before);
    return name;
}

const char *fr_onnx_input_name(const fr_module *m, int i)
{
    return name_of("onnx_input_name", m, false, i);
}

const char *fr_onnx_output_name(const fr_module *m, int i)
{
    return name_of("onnx_output_name", m, true, i);
}
