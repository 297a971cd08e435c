/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reads npz files with libzip. The sizes that an archive claims are checked against the size of the file before memory
 * is allocated: members may not overlap, deflate packs at most 1,032 bytes into one, and all values together may take
 * up to a limit. */
#include <config.h>

#include "core/error.h"
#include "core/memory_limit.h"
#include "files/npy.h"
#include "files/npz.h"
#include "files/values_place.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <zip.h>

/* --- One member -------------------------------------------------------------------------------------------------- */

static bool read_member(fr_byte_stream *s, void *into, size_t bytes)
{
    zip_file_t *file = s->handle;

    for (char *at = into; bytes > 0;) {
        zip_int64_t count = zip_fread(file, at, bytes);

        if (count < 0)
            return fr_fail(s->where, "cannot be unpacked: %s", zip_file_strerror(file));
        if (count == 0)
            return fr_fail(s->where, "unpacks to %zu bytes fewer than it should", bytes);
        at += count;
        bytes -= (size_t)count;
    }
    return true;
}

/* Fails if the member has more bytes. Reading past its end also makes libzip compare the checksum. */
static bool check_end(fr_byte_stream *s)
{
    char more;
    zip_int64_t count = zip_fread(s->handle, &more, 1);

    if (count < 0)
        return fr_fail(s->where, "cannot be unpacked: %s", zip_file_strerror(s->handle));
    return count == 0 || fr_fail(s->where, "unpacks to more bytes than it should");
}

static bool check_member(const char *where, const zip_stat_t *member)
{
    enum { DEFLATE_RATIO_MAX = 1032 };
    bool stored = member->comp_method == ZIP_CM_STORE;

    if (member->encryption_method != ZIP_EM_NONE)
        return fr_fail(where, "is encrypted");
    if (!stored && member->comp_method != ZIP_CM_DEFLATE)
        return fr_fail(where, "is packed by method %d, expected 0 (none) or 8 (deflate)", member->comp_method);
    if (stored ? member->size != member->comp_size : member->size / DEFLATE_RATIO_MAX > member->comp_size)
        return fr_fail(where, "says that %llu bytes unpack to %llu, which cannot be",
                       (unsigned long long)member->comp_size, (unsigned long long)member->size);
    return true;
}

static fr_tensor *read_tensor(const char *where, zip_t *archive, const zip_stat_t *member, int64_t limit,
                              bool *left_out)
{
    zip_file_t *file = zip_fopen_index(archive, member->index, 0);
    fr_byte_stream s = { where, file, read_member, (int64_t)member->size };

    if (!file)
        return fr_fail(where, "cannot be unpacked: %s", zip_strerror(archive));

    fr_tensor *t = fr_npy_read(&s, limit, left_out);

    if (t && !check_end(&s)) {
        fr_unref(t);
        t = NULL;
    }
    zip_fclose(file);
    return t;
}

/* Appends the member's array to ts, and takes its bytes off *limit. */
static bool read_item(const char *archive_where, zip_t *archive, const zip_stat_t *member, fr_tensors *ts,
                      int64_t *limit)
{
    size_t length = strlen(member->name), suffix = strlen(FR_NPZ_SUFFIX);
    fr_tensors_item *item = &ts->items[ts->count++];
    char where[FR_WHERE_SIZE];
    bool left_out = false;

    snprintf(where, sizeof where, "%s: \"%.80s\"", archive_where, member->name);
    if (length < suffix || strcmp(member->name + length - suffix, FR_NPZ_SUFFIX) != 0)
        return fr_fail(where, "is not an npy file");
    item->name = strndup(member->name, length - suffix);
    if (!item->name)
        return fr_fail_memory(where);
    if (!fr_npz_check_name(archive_where, item->name) || !check_member(where, member))
        return false;
    item->tensor = read_tensor(where, archive, member, *limit, &left_out);
    if (left_out) {
        free(item->name);
        item->name = NULL;
        ts->count--;
        return true;
    }
    *limit -= item->tensor ? (int64_t)item->tensor->storage->bytes : 0;
    return item->tensor != NULL;
}

/* --- All members ------------------------------------------------------------------------------------------------ */

static bool stat_member(const char *where, zip_t *archive, zip_int64_t i, zip_stat_t *member)
{
    enum {
        NEEDED = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD
    };

    if (zip_stat_index(archive, (zip_uint64_t)i, 0, member) != 0 || (member->valid & NEEDED) != NEEDED)
        return fr_fail(where, "member %lld: %s", (long long)i, zip_strerror(archive));
    return true;
}

/* The members may not have more bytes in all than the archive. If they overlapped (a "zip bomb"), a small archive could
 * unpack to far more. */
static bool check_sizes(const char *where, zip_t *archive, int count, uint64_t archive_size)
{
    uint64_t left = archive_size;
    zip_stat_t member;

    for (int i = 0; i < count; i++) {
        if (!stat_member(where, archive, i, &member))
            return false;
        if (member.comp_size > left)
            return fr_fail(where, "its members have more bytes than the file");
        left -= member.comp_size;
    }
    return true;
}

static fr_tensors *read_all(const char *where, zip_t *archive, uint64_t archive_size)
{
    zip_int64_t count = zip_get_num_entries(archive, 0);
    int64_t limit = fr_memory_limit((int64_t)archive_size, FR_UNPACK_MULTIPLE);
    zip_stat_t member;

    if (count < 0 || count >= INT_MAX)
        return fr_fail(where, "%lld members", (long long)count);
    if (!check_sizes(where, archive, (int)count, archive_size))
        return NULL;

    fr_tensors *ts = fr_tensors_new(where, (int)count);
    bool ok = ts != NULL;

    for (zip_int64_t i = 0; ok && i < count; i++)
        ok = stat_member(where, archive, i, &member) && read_item(where, archive, &member, ts, &limit);
    if (!ok) {
        fr_tensors_free(ts);
        return NULL;
    }
    fr_tensors_sort(ts);
    return ts;
}

/* --- The archive ------------------------------------------------------------------------------------------------- */

static void fail_open(const char *where, zip_error_t *error)
{
    if (zip_error_code_zip(error) == ZIP_ER_EXISTS) /* found by ZIP_CHECKCONS */
        fr_fail(where, "the name of a member is there twice");
    else
        fr_fail(where, "not an npz file: %s", zip_error_strerror(error));
    zip_error_fini(error);
}

/* Opens the archive of *size bytes, and frees source if it fails: then NULL with an error. */
static zip_t *open_archive(const char *where, zip_source_t *source, uint64_t *size)
{
    zip_stat_t info;
    zip_error_t error;
    zip_t *archive = NULL;

    zip_error_init(&error);
    if (zip_source_stat(source, &info) != 0 || !(info.valid & ZIP_STAT_SIZE))
        zip_error_set(&error, ZIP_ER_READ, 0);
    else if (info.size < FR_NPZ_SIZE_MIN) /* libzip takes an empty file for an archive without members */
        zip_error_set(&error, ZIP_ER_NOZIP, 0);
    else
        archive = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error);
    *size = info.size;
    if (!archive) {
        zip_source_free(source);
        fail_open(where, &error);
    }
    return archive;
}

fr_tensors *fr_npz_read(const char *where, zip_source_t *source)
{
    uint64_t size;
    zip_t *archive = open_archive(where, source, &size);
    fr_tensors *ts = archive ? read_all(where, archive, size) : NULL;

    if (archive)
        zip_discard(archive);
    return ts;
}

/* --- The file that libzip reads from ----------------------------------------------------------------------------- */

typedef struct {
    FILE *file;
    zip_stat_t stat; /* with the size */
    zip_error_t error;
} input;

static zip_int64_t read_bytes(input *in, void *into, zip_uint64_t size)
{
    size_t count = fread(into, 1, (size_t)size, in->file);

    if (!ferror(in->file))
        return (zip_int64_t)count;
    zip_error_set(&in->error, ZIP_ER_READ, errno);
    return -1;
}

static zip_int64_t seek(input *in, void *data, zip_uint64_t size)
{
    off_t at = ftello(in->file);
    zip_int64_t to =
        at < 0 ? -1 : zip_source_seek_compute_offset((zip_uint64_t)at, in->stat.size, data, size, &in->error);

    if (to >= 0 && fseeko(in->file, (off_t)to, SEEK_SET) == 0)
        return 0;
    zip_error_set(&in->error, ZIP_ER_SEEK, errno);
    return -1;
}

/* A zip_source_callback. libzip's own sources cannot read a stream that has no fileno. */
static zip_int64_t handle_command(void *user, void *data, zip_uint64_t size, zip_source_cmd_t command)
{
    input *in = user;

    switch (command) {
    case ZIP_SOURCE_SUPPORTS:
        return ZIP_SOURCE_SUPPORTS_SEEKABLE;
    case ZIP_SOURCE_ERROR:
        return zip_error_to_data(&in->error, data, size);
    case ZIP_SOURCE_STAT:
        return memcpy(data, &in->stat, sizeof in->stat), (zip_int64_t)sizeof in->stat;
    case ZIP_SOURCE_OPEN:
        return fseeko(in->file, 0, SEEK_SET);
    case ZIP_SOURCE_READ:
        return read_bytes(in, data, size);
    case ZIP_SOURCE_SEEK:
        return seek(in, data, size);
    case ZIP_SOURCE_TELL:
        return ftello(in->file);
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE:
        return 0;
    default:
        return zip_error_set(&in->error, ZIP_ER_OPNOTSUPP, 0), -1;
    }
}

/* A source that reads from file through *in. NULL with an error; in->error is to be ended in either case. */
static zip_source_t *source_of_file(const char *where, FILE *file, input *in)
{
    fr_byte_stream s;
    zip_source_t *source;

    *in = (input){ .file = file };
    zip_error_init(&in->error);
    if (!fr_byte_stream_from_file(&s, where, file))
        return NULL;
    zip_stat_init(&in->stat);
    in->stat.size = (zip_uint64_t)s.remaining;
    in->stat.valid = ZIP_STAT_SIZE;
    source = zip_source_function_create(handle_command, in, NULL);
    if (!source)
        fr_fail_memory(where);
    return source;
}

fr_tensors *fr_npz_read_file(const char *where, FILE *file)
{
    input in;
    zip_source_t *source = source_of_file(where, file, &in);
    fr_tensors *ts = source ? fr_npz_read(where, source) : NULL;

    zip_error_fini(&in.error);
    return ts;
}

/* --- The place of values ------------------------------------------------------------------------------------------ */

/* libzip does not tell where a member begins. But one that is not packed is read as it lies there: after its header the
 * file is at its first value. Whether the header does lie before that is looked at, in case libzip reads ahead one day.
 */
static bool find_in_file(const char *where, FILE *file, zip_file_t *member, int64_t size, fr_values_place *place)
{
    fr_byte_stream s = { where, member, read_member, size };
    char magic[sizeof FR_NPY_MAGIC - 1];
    off_t at;

    if (!fr_npy_stream_find_values(&s, place))
        return false;
    at = ftello(file);
    if (at < place->begin || fseeko(file, at - place->begin, SEEK_SET) != 0 ||
        fread(magic, 1, sizeof magic, file) != sizeof magic || memcmp(magic, FR_NPY_MAGIC, sizeof magic) != 0)
        return fr_fail(where, "cannot tell where its values are");
    place->begin = at;
    return true;
}

static bool find_member(const char *where, zip_t *archive, FILE *file, const char *name, fr_values_place *place)
{
    char member_name[FR_WHERE_SIZE], member_where[FR_WHERE_SIZE];
    zip_int64_t index = -1;
    zip_stat_t member;
    zip_file_t *opened;
    bool ok;

    if (snprintf(member_name, sizeof member_name, "%s" FR_NPZ_SUFFIX, name) < (int)sizeof member_name)
        index = zip_name_locate(archive, member_name, 0);
    if (index < 0)
        return fr_fail(where, "there is no array \"%.80s\" in it", name);
    snprintf(member_where, sizeof member_where, "%.250s: \"%.80s\"", where, name);
    if (!stat_member(where, archive, index, &member) || !check_member(member_where, &member))
        return false;
    if (member.comp_method != ZIP_CM_STORE)
        return fr_fail(member_where,
                       "is packed: rows can be read only of what numpy.savez writes, not savez_compressed");
    opened = zip_fopen_index(archive, (zip_uint64_t)index, 0);
    if (!opened)
        return fr_fail(member_where, "cannot be read: %s", zip_strerror(archive));
    ok = find_in_file(member_where, file, opened, (int64_t)member.size, place);
    zip_fclose(opened);
    return ok;
}

bool fr_npz_find_values(const char *where, FILE *file, const char *name, fr_values_place *place)
{
    input in;
    uint64_t size;
    zip_source_t *source = source_of_file(where, file, &in);
    zip_t *archive = source ? open_archive(where, source, &size) : NULL;
    bool ok = archive && find_member(where, archive, file, name, place);

    if (archive)
        zip_discard(archive);
    zip_error_fini(&in.error);
    return ok;
}
