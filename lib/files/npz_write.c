/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Writing an npz file by libzip, uncompressed, into a file that then takes the place of the one before it. */
#include <config.h>

#include "core/tensor.h"
#include "core/thread.h"
#include "files/npy.h"
#include "files/npz.h"
#include "files/replace_file.h"

#include <errno.h>
#include <stdlib.h>
#include <zip.h>

/* --- Where libzip writes to -------------------------------------------------------------------------------------- */

typedef struct {
    fr_replacement *file;
    zip_error_t error;
} output;

static zip_int64_t failed(output *o, int kind)
{
    zip_error_set(&o->error, kind, errno);
    return -1;
}

static zip_int64_t seek(output *o, void *data, zip_uint64_t size)
{
    off_t at = ftello(o->file->file);
    zip_int64_t to = at < 0 ? -1 : zip_source_seek_compute_offset((zip_uint64_t)at, INT64_MAX, data, size, &o->error);

    return to < 0 || fseeko(o->file->file, (off_t)to, SEEK_SET) != 0 ? failed(o, ZIP_ER_SEEK) : 0;
}

/* A zip_source_callback: an archive that is not there yet, which nobody reads. fr_replace_finish is what commits it. */
static zip_int64_t serve(void *user, void *data, zip_uint64_t size, zip_source_cmd_t command)
{
    output *o = user;

    switch (command) {
    case ZIP_SOURCE_SUPPORTS:
        return ZIP_SOURCE_SUPPORTS_WRITABLE;
    case ZIP_SOURCE_ERROR:
        return zip_error_to_data(&o->error, data, size);
    case ZIP_SOURCE_STAT:
        return zip_error_set(&o->error, ZIP_ER_READ, ENOENT), -1;
    case ZIP_SOURCE_WRITE:
        return fr_replace_write(o->file, data, (size_t)size) ? (zip_int64_t)size : failed(o, ZIP_ER_WRITE);
    case ZIP_SOURCE_SEEK_WRITE:
        return seek(o, data, size);
    case ZIP_SOURCE_TELL_WRITE:
        return ftello(o->file->file);
    case ZIP_SOURCE_BEGIN_WRITE:
    case ZIP_SOURCE_COMMIT_WRITE:
    case ZIP_SOURCE_ROLLBACK_WRITE:
    case ZIP_SOURCE_FREE:
        return 0;
    default:
        return zip_error_set(&o->error, ZIP_ER_OPNOTSUPP, 0), -1;
    }
}

/* --- Members ----------------------------------------------------------------------------------------------------- */

/* The image must live until the archive is closed. */
static bool add_image(const char *where, zip_t *archive, const char *member, fr_npy_image *image)
{
    enum { FIRST_OF_1980 = 1 << 5 | 1 }; /* as NumPy has it: equal arrays make equal files */
    zip_buffer_fragment_t parts[] = { { (zip_uint8_t *)image->header, image->header_size },
                                      { (zip_uint8_t *)image->values->origin, image->values_size } };
    zip_source_t *source = zip_source_buffer_fragment_create(parts, 2, 0, NULL);
    zip_int64_t index = source ? zip_file_add(archive, member, source, ZIP_FL_ENC_UTF_8) : -1;

    if (!source)
        return fr_fail_memory(where);
    if (index < 0) {
        zip_source_free(source);
        return fr_fail(where, "the name \"%.80s\": %s", member, zip_strerror(archive));
    }
    if (zip_set_file_compression(archive, (zip_uint64_t)index, ZIP_CM_STORE, 0) != 0 ||
        zip_file_set_dostime(archive, (zip_uint64_t)index, 0, FIRST_OF_1980, 0) != 0)
        return fr_fail(where, "%s", zip_strerror(archive));
    return true;
}

static bool add(const char *where, zip_t *archive, const char *name, fr_tensor *t, fr_npy_image *image)
{
    char text[100];

    snprintf(text, sizeof text, "tensor \"%.80s\"", name);
    if (!fr_npz_check_name(where, name) || !fr_check_not_null(where, t, text))
        return false;

    char *member = malloc(strlen(name) + sizeof FR_NPZ_SUFFIX);
    bool ok = (member || fr_fail_memory(where)) && fr_npy_make(where, t, image) &&
              add_image(where, archive, strcat(strcpy(member, name), FR_NPZ_SUFFIX), image);

    free(member);
    return ok;
}

/* --- The archive ------------------------------------------------------------------------------------------------- */

static zip_t *open_archive(const char *where, output *o)
{
    zip_source_t *source = zip_source_function_create(serve, o, NULL);
    zip_t *archive = source ? zip_open_from_source(source, ZIP_CREATE | ZIP_TRUNCATE, NULL) : NULL;

    if (!archive) {
        zip_source_free(source);
        fr_fail_memory(where);
    }
    return archive;
}

/* libzip writes no archive without members. */
static bool write_empty(fr_replacement *file)
{
    static const char end_record[FR_NPZ_EMPTY] = "PK\5\6";

    return fr_replace_write(file, end_record, sizeof end_record);
}

static bool write_archive(fr_replacement *file, const char *const *names, fr_tensor *const *tensors, int n,
                          fr_npy_image *images)
{
    output o = { .file = file };
    zip_t *archive;
    unsigned failures = fr_thread_self()->errors.failures;
    bool ok = true;

    zip_error_init(&o.error);
    archive = open_archive(file->where, &o);
    if (!archive)
        return false;
    for (int i = 0; ok && i < n; i++)
        ok = names[i] ? add(file->where, archive, names[i], tensors[i], &images[i])
                      : (fr_fail(file->where, "name %d is NULL", i), false);
    if (ok && zip_close(archive) != 0) {
        ok = false;
        if (fr_thread_self()->errors.failures == failures)
            fr_fail(file->where, "cannot write: %s", zip_strerror(archive));
    }
    if (!ok)
        zip_discard(archive);
    zip_error_fini(&o.error);
    return ok;
}

bool fr_npz_write(const char *where, const char *path, const char *const *names, fr_tensor *const *tensors, int n)
{
    fr_replacement file;

    if (n < 0)
        return fr_fail(where, "%d tensors given", n);
    if (n > 0 && (!fr_check_not_null(where, names, "names") || !fr_check_not_null(where, tensors, "tensors")))
        return false;

    fr_npy_image *images = calloc((size_t)n + 1, sizeof *images);
    bool ok = images || fr_fail_memory(where);

    if (ok && (ok = fr_replace_begin(&file, where, path)))
        ok = fr_replace_finish(&file, n > 0 ? write_archive(&file, names, tensors, n, images) : write_empty(&file));
    for (int i = 0; images && i < n; i++)
        fr_npy_drop(&images[i]);
    free(images);
    return ok;
}
