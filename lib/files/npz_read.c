/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reading an npz file by libzip. What the archive says of its members' sizes is held against the size of the file
 * before memory is asked for: members may not share bytes, and deflate packs no more than 1,032 bytes into one. */
#include <config.h>

#include "core/error.h"
#include "files/npy.h"
#include "files/npz.h"

#include <limits.h>
#include <stdlib.h>
#include <zip.h>

/* --- One member -------------------------------------------------------------------------------------------------- */

static bool read_member(fr_source *s, void *into, size_t bytes)
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

/* Reading on makes libzip compare the sum of all that was read. */
static bool check_end(fr_source *s)
{
    char more;
    zip_int64_t count = zip_fread(s->handle, &more, 1);

    if (count < 0)
        return fr_fail(s->where, "cannot be unpacked: %s", zip_file_strerror(s->handle));
    return count == 0 || fr_fail(s->where, "unpacks to more bytes than it should");
}

static bool check_member(const char *where, const zip_stat_t *member)
{
    enum { DEFLATE_MOST = 1032 };
    bool stored = member->comp_method == ZIP_CM_STORE;

    if (member->encryption_method != ZIP_EM_NONE)
        return fr_fail(where, "is encrypted");
    if (!stored && member->comp_method != ZIP_CM_DEFLATE)
        return fr_fail(where, "is packed by method %d, expected 0 (none) or 8 (deflate)", member->comp_method);
    if (stored ? member->size != member->comp_size : member->size / DEFLATE_MOST > member->comp_size)
        return fr_fail(where, "says that %llu bytes unpack to %llu, which cannot be",
                       (unsigned long long)member->comp_size, (unsigned long long)member->size);
    return true;
}

static fr_tensor *unpack(const char *where, zip_t *archive, const zip_stat_t *member)
{
    zip_file_t *file = zip_fopen_index(archive, member->index, 0);
    fr_source s = { where, file, read_member, (int64_t)member->size };

    if (!file)
        return fr_fail(where, "cannot be unpacked: %s", zip_strerror(archive));

    fr_tensor *t = fr_npy_read(&s);

    if (t && !check_end(&s)) {
        fr_unref(t);
        t = NULL;
    }
    zip_fclose(file);
    return t;
}

/* Appends the member. */
static bool read_array(const char *archive_where, zip_t *archive, const zip_stat_t *member, fr_tensors *ts)
{
    size_t length = strlen(member->name), suffix = strlen(FR_NPZ_SUFFIX);
    fr_tensors_item *item = &ts->items[ts->count++];
    char where[FR_WHERE_SIZE];

    snprintf(where, sizeof where, "%s: \"%.80s\"", archive_where, member->name);
    if (length < suffix || strcmp(member->name + length - suffix, FR_NPZ_SUFFIX) != 0)
        return fr_fail(where, "is no npy file");
    item->name = strndup(member->name, length - suffix);
    if (!item->name)
        return fr_fail_memory(where);
    if (!fr_npz_check_name(archive_where, item->name) || !check_member(where, member))
        return false;
    item->tensor = unpack(where, archive, member);
    return item->tensor != NULL;
}

/* --- All of them ------------------------------------------------------------------------------------------------- */

static bool look_at(const char *where, zip_t *archive, zip_int64_t i, zip_stat_t *member)
{
    enum {
        NEEDED = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD
    };

    if (zip_stat_index(archive, (zip_uint64_t)i, 0, member) != 0 || (member->valid & NEEDED) != NEEDED)
        return fr_fail(where, "member %lld: %s", (long long)i, zip_strerror(archive));
    return true;
}

/* Whether the members' bytes together are no more than the archive's: overlapping ones may unpack to far more. */
static bool check_sizes(const char *where, zip_t *archive, int count, uint64_t archive_size)
{
    uint64_t left = archive_size;
    zip_stat_t member;

    for (int i = 0; i < count; i++) {
        if (!look_at(where, archive, i, &member))
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
    zip_stat_t member;

    if (count < 0 || count >= INT_MAX)
        return fr_fail(where, "%lld members", (long long)count);
    if (!check_sizes(where, archive, (int)count, archive_size))
        return NULL;

    fr_tensors *ts = fr_tensors_new(where, (int)count);
    bool ok = ts != NULL;

    for (zip_int64_t i = 0; ok && i < count; i++)
        ok = look_at(where, archive, i, &member) && read_array(where, archive, &member, ts);
    if (!ok) {
        fr_tensors_free(ts);
        return NULL;
    }
    fr_tensors_sort(ts);
    return ts;
}

/* --- The archive ------------------------------------------------------------------------------------------------- */

static fr_tensors *refuse(const char *where, zip_error_t *error)
{
    if (zip_error_code_zip(error) == ZIP_ER_EXISTS) /* ZIP_CHECKCONS looks for that */
        fr_fail(where, "the name of a member is there twice");
    else
        fr_fail(where, "no npz file: %s", zip_error_strerror(error));
    zip_error_fini(error);
    return NULL;
}

fr_tensors *fr_npz_read(const char *where, zip_source_t *source)
{
    zip_stat_t whole;
    zip_error_t error;
    zip_t *archive = NULL;

    zip_error_init(&error);
    if (zip_source_stat(source, &whole) != 0 || !(whole.valid & ZIP_STAT_SIZE))
        zip_error_set(&error, ZIP_ER_READ, 0);
    else if (whole.size < FR_NPZ_EMPTY) /* libzip takes a file without bytes for an archive without members */
        zip_error_set(&error, ZIP_ER_NOZIP, 0);
    else
        archive = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error);
    if (!archive) {
        zip_source_free(source);
        return refuse(where, &error);
    }

    fr_tensors *ts = read_all(where, archive, whole.size);

    zip_discard(archive);
    return ts;
}

fr_tensors *fr_npz_read_file(const char *where, FILE *file)
{
    zip_error_t error;
    zip_source_t *source;

    zip_error_init(&error);
    source = zip_source_filep_create(file, 0, -1, &error);
    if (!source) {
        fclose(file);
        return refuse(where, &error);
    }
    return fr_npz_read(where, source);
}
