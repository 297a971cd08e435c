/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Writes npz files with libzip, uncompressed. The file replaces the old one only when it is complete. */
#include <config.h>

#include "core/tensor.h"
#include "core/thread.h"
#include "files/npy.h"
#include "files/npz.h"
#include "files/replace_file.h"

#include <errno.h>
#include <stdlib.h>
#include <zip.h>

/* --- The file that libzip writes to ------------------------------------------------------------------------------ */

typedef struct {
    fr_replacement *file;
    zip_error_t error;
} output;

static zip_int64_t set_error(output *o, int code)
{
    zip_error_set(&o->error, code, errno);
    return -1;
}

static zip_int64_t seek(output *o, void *data, zip_uint64_t size)
{
    off_t at = ftello(o->file->file);
    zip_int64_t to = at < 0 ? -1 : zip_source_seek_compute_offset((zip_uint64_t)at, INT64_MAX, data, size, &o->error);

    return to < 0 || fseeko(o->file->file, (off_t)to, SEEK_SET) != 0 ? set_error(o, ZIP_ER_SEEK) : 0;
}

/* A zip_source_callback for an archive that does not exist yet and is only written. COMMIT_WRITE does nothing, since
 * fr_replace_finish puts the file in place. */
static zip_int64_t handle_command(void *user, void *data, zip_uint64_t size, zip_source_cmd_t command)
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
        return fr_replace_write(o->file, data, (size_t)size) ? (zip_int64_t)size : set_error(o, ZIP_ER_WRITE);
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

/* libzip reads npy when the archive is closed, so it must live until then. */
static bool add_bytes(const char *where, zip_t *archive, const char *member, fr_npy_encoded *npy)
{
    enum { JANUARY_1_1980 = 1 << 5 | 1 }; /* NumPy's date for all members, so that equal arrays make equal files */
    zip_buffer_fragment_t parts[] = { { (zip_uint8_t *)npy->header, npy->header_size },
                                      { (zip_uint8_t *)npy->values->origin, npy->values_size } };
    zip_source_t *source = zip_source_buffer_fragment_create(parts, 2, 0, NULL);
    zip_int64_t index = source ? zip_file_add(archive, member, source, ZIP_FL_ENC_UTF_8) : -1;

    if (!source)
        return fr_fail_memory(where);
    if (index < 0) {
        zip_source_free(source);
        return fr_fail(where, "the name \"%.80s\": %s", member, zip_strerror(archive));
    }
    if (zip_set_file_compression(archive, (zip_uint64_t)index, ZIP_CM_STORE, 0) != 0 ||
        zip_file_set_dostime(archive, (zip_uint64_t)index, 0, JANUARY_1_1980, 0) != 0)
        return fr_fail(where, "%s", zip_strerror(archive));
    return true;
}

static bool add_member(const char *where, zip_t *archive, const char *name, fr_tensor *t, fr_npy_encoded *npy)
{
    char text[100];

    snprintf(text, sizeof text, "tensor \"%.80s\"", name);
    if (!fr_npz_check_name(where, name) || !fr_check_argument(where, t, text))
        return false;

    char *member = malloc(strlen(name) + sizeof FR_NPZ_SUFFIX);

    if (!member)
        return fr_fail_memory(where);
    strcat(strcpy(member, name), FR_NPZ_SUFFIX);

    bool ok = fr_npy_encode(where, t, npy) && add_bytes(where, archive, member, npy);

    free(member);
    return ok;
}

/* --- The archive ------------------------------------------------------------------------------------------------- */

static zip_t *open_archive(const char *where, output *o)
{
    zip_source_t *source = zip_source_function_create(handle_command, o, NULL);
    zip_t *archive = source ? zip_open_from_source(source, ZIP_CREATE | ZIP_TRUNCATE, NULL) : NULL;

    if (!archive) {
        zip_source_free(source);
        fr_fail_memory(where);
    }
    return archive;
}

/* libzip removes an archive without members instead of writing it. */
static bool write_empty(fr_replacement *file)
{
    static const char end_record[FR_NPZ_SIZE_MIN] = "PK\5\6";

    return fr_replace_write(file, end_record, sizeof end_record);
}

static bool write_archive(fr_replacement *file, const char *const *names, fr_tensor *const *tensors, int n,
                          fr_npy_encoded *encoded)
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
        ok = names[i] ? add_member(file->where, archive, names[i], tensors[i], &encoded[i])
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
    if (n > 0 && (!fr_check_argument(where, names, "names") || !fr_check_argument(where, tensors, "tensors")))
        return false;

    fr_npy_encoded *encoded = calloc((size_t)n + 1, sizeof *encoded);
    bool ok = encoded || fr_fail_memory(where);

    if (ok && (ok = fr_replace_begin(&file, where, path)))
        ok = fr_replace_finish(&file, n > 0 ? write_archive(&file, names, tensors, n, encoded) : write_empty(&file));
    for (int i = 0; encoded && i < n; i++)
        fr_npy_encoded_free(&encoded[i]);
    free(encoded);
    return ok;
}
