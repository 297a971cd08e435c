/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Atomic replacement of a file. The new file is written under a temporary name in the same folder and synced to the
 * disk, then renamed, then its folder is synced: a program that is killed and a machine that loses power leave the old
 * file or the complete new one. All files of frond are written so, except those that grow.
 *
 * A killed program leaves its temporary file. The next one that replaces a file in that folder removes it. Names of
 * temporary files are random, so that no two writers ever share one; and a writer holds a lock on its file until it has
 * renamed it, so that no living writer, in whatever process or machine, loses its file. */
#include <config.h>

#include "files/replace_file.h"

#include "core/error.h"
#include "core/thread.h"

#include <frond/io.h>

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "frond-"
#define DIGITS "0123456789abcdef"
#define SUFFIX ".tmp"
enum { NAME_SIZE = sizeof PREFIX DIGITS SUFFIX, NAMES_TRIED = 100 };

/* --- Files of killed programs ------------------------------------------------------------------------------------- */

static bool is_temporary(const char *name)
{
    size_t digits = sizeof PREFIX - 1, suffix = digits + sizeof DIGITS - 1;

    return strlen(name) == NAME_SIZE - 1 && memcmp(name, PREFIX, digits) == 0 &&
           strspn(name + digits, DIGITS) == sizeof DIGITS - 1 && strcmp(name + suffix, SUFFIX) == 0;
}

/* Removes a temporary file of this user that nobody writes to: its writer would hold a lock. */
static void remove_abandoned(int folder, const char *name)
{
    int fd = openat(folder, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC); /* on NFS a lock needs O_RDWR */
    struct stat status;

    if (fd < 0)
        return;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
        flock(fd, LOCK_EX | LOCK_NB) == 0)
        unlinkat(folder, name, 0);
    close(fd);
}

/* What cannot be removed stays for the next time. */
static void sweep(const char *folder)
{
    DIR *entries = opendir(folder);
    const struct dirent *entry;

    if (!entries)
        return;
    while ((entry = readdir(entries)))
        if (is_temporary(entry->d_name))
            remove_abandoned(dirfd(entries), entry->d_name);
    closedir(entries);
}

/* --- Beginning ---------------------------------------------------------------------------------------------------- */

/* Fills in r->path and status->st_mode: the old file's mode, or 0 if there is no old file. */
static bool resolve_path(fr_replacement *r, const char *path, struct stat *status)
{
    bool exists = stat(path, status) == 0;

    if (!exists && errno != ENOENT)
        return fr_fail(r->where, "%s", strerror(errno));
    if (exists && !S_ISREG(status->st_mode))
        return fr_fail(r->where, "is there already and is not a regular file");
    if (!exists)
        status->st_mode = 0;
    r->path = exists ? realpath(path, NULL) : strdup(path);
    if (!r->path)
        fr_fail(r->where, "%s", strerror(errno));
    return r->path != NULL;
}

/* The path of a file beside path; that of their folder if name is ".". To be freed; NULL with an error. */
static char *beside(const char *where, const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash + 1 - path) : 0;
    size_t size = (size_t)folder + strlen(name) + 1;
    char *result = malloc(size);

    if (!result)
        return fr_fail_memory(where);
    snprintf(result, size, "%.*s%s", folder, path, name);
    return result;
}

/* Locks the new file until it is closed. False if another program takes it for abandoned and removes it. Where
 * there are no locks, nobody removes it. */
static bool lock(int fd)
{
    struct stat status;
    int result;

    do
        result = flock(fd, LOCK_EX | LOCK_NB);
    while (fr_interrupted(result));
    if (result != 0)
        return errno != EWOULDBLOCK;
    return fstat(fd, &status) != 0 || status.st_nlink > 0;
}

/* Creates r->temporary and fills in r->fd. mkstemp would not do: only the owner can read its files, whatever the umask.
 */
static bool create_temporary(fr_replacement *r)
{
    for (int i = 0; i < NAMES_TRIED; i++) {
        char name[NAME_SIZE];
        uint64_t random;

        if (getentropy(&random, sizeof random) != 0)
            break;
        snprintf(name, sizeof name, PREFIX "%016" PRIx64 SUFFIX, random);
        free(r->temporary);
        r->temporary = beside(r->where, r->path, name);
        if (!r->temporary)
            return false;
        r->fd = fr_file_descriptor(r->temporary, O_WRONLY | O_CREAT | O_EXCL);
        if (r->fd < 0 && errno != EEXIST)
            break;
        if (r->fd >= 0 && lock(r->fd))
            return true;
        if (r->fd >= 0) {
            unlink(r->temporary);
            close(r->fd);
        }
        r->fd = -1;
    }
    return fr_fail(r->where, "cannot create a file beside it: %s", strerror(errno));
}

static bool begin(fr_replacement *r, const char *path)
{
    struct stat status;
    char *folder;

    if (!path)
        return fr_fail(r->where, "path is NULL");
    if (!resolve_path(r, path, &status) || !(folder = beside(r->where, r->path, ".")))
        return false;
    sweep(folder);
    free(folder);
    if (!create_temporary(r))
        return false;
    if (status.st_mode && fchmod(r->fd, status.st_mode & 07777) != 0)
        return fr_fail(r->where, "cannot keep its mode: %s", strerror(errno));
    r->file = fr_file_stream(r->fd, "wb");
    return r->file || fr_fail_memory(r->where);
}

/* --- Ending ------------------------------------------------------------------------------------------------------- */

/* Closes the new file, whose bytes are on the disk by now or not wanted, and removes it unless it is in place. */
static void end(fr_replacement *r)
{
    if (r->fd >= 0 && r->temporary)
        unlink(r->temporary);
    if (r->file)
        fclose(r->file);
    else if (r->fd >= 0)
        close(r->fd);
    free(r->path);
    free(r->temporary);
    *r = (fr_replacement){ .fd = -1 };
}

static bool sync_new(fr_replacement *r)
{
    if (ferror(r->file)) /* a write failed whose result the caller did not check */
        return fr_fail(r->where, "cannot write all of it: the disk is full, or failed");
    if (fflush(r->file) != 0 || !fr_file_sync(r->fd))
        return fr_fail(r->where, "cannot write: %s", strerror(errno));
    return true;
}

static bool put_in_place(fr_replacement *r)
{
    if (rename(r->temporary, r->path) != 0)
        return fr_fail(r->where, "cannot put the written file in place: %s", strerror(errno));
    free(r->temporary);
    r->temporary = NULL;
    return true;
}

static bool sync_folder(const fr_replacement *r)
{
    char *folder = beside(r->where, r->path, ".");
    bool ok = folder && fr_folder_sync(r->where, folder);

    free(folder);
    return ok;
}

bool fr_replace_begin(fr_replacement *r, const char *where, const char *path)
{
    *r = (fr_replacement){ .where = where, .fd = -1 };
    if (begin(r, path))
        return true;
    end(r);
    return false;
}

bool fr_replace_write(fr_replacement *r, const void *bytes, size_t count)
{
    if (count > 0 && fwrite(bytes, 1, count, r->file) != count)
        return fr_fail(r->where, "cannot write: %s", strerror(errno));
    return true;
}

bool fr_replace_finish(fr_replacement *r, bool ok)
{
    ok = ok && sync_new(r) && put_in_place(r) && sync_folder(r);
    end(r);
    return ok;
}

/* --- Two files ---------------------------------------------------------------------------------------------------- */

/* Opens the old file, which can be read even after it was replaced. *old is NULL if there is none. */
static bool open_old(const fr_replacement *r, FILE **old)
{
    int fd = fr_file_descriptor(r->path, O_RDONLY);

    *old = fd >= 0 ? fr_file_stream(fd, "rb") : NULL;
    if (*old || (fd < 0 && errno == ENOENT))
        return true;
    fr_fail(r->where, "cannot keep the old file: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return false;
}

static bool copy_all(fr_replacement *to, FILE *from)
{
    char bytes[4096];
    size_t count;

    while ((count = fread(bytes, 1, sizeof bytes, from)) > 0)
        if (!fr_replace_write(to, bytes, count))
            return false;
    return !ferror(from) || fr_fail(to->where, "%s", strerror(errno));
}

/* Puts the old file back at r's path. NULL: there was none. */
static bool restore(const fr_replacement *r, FILE *old)
{
    char where[FR_WHERE_SIZE + 40];
    fr_replacement again;

    snprintf(where, sizeof where, "%s: cannot put the old file back", r->where);
    if (!old)
        return unlink(r->path) == 0 || fr_fail(where, "%s", strerror(errno));
    return fr_replace_begin(&again, where, r->path) && fr_replace_finish(&again, copy_all(&again, old));
}

bool fr_replace_finish_both(fr_replacement *first, fr_replacement *second, bool ok)
{
    FILE *old = NULL;

    ok = ok && sync_new(first) && sync_new(second) && open_old(first, &old) && put_in_place(first);
    if (ok && !put_in_place(second)) {
        restore(first, old);
        ok = false;
    }
    ok = ok && sync_folder(first) && sync_folder(second);
    if (old)
        fclose(old);
    end(first);
    end(second);
    return ok;
}

/* --- For programs ------------------------------------------------------------------------------------------------- */

static bool replace_file(const char *what, const char *path, const void *bytes, size_t count)
{
    char where[FR_WHERE_SIZE];
    fr_replacement r;

    if (count > 0 && !fr_check_argument(what, bytes, "bytes"))
        return false;
    return fr_replace_begin(&r, fr_file_where(what, path, where), path) &&
           fr_replace_finish(&r, fr_replace_write(&r, bytes, count));
}

bool fr_replace_file(const char *path, const void *bytes, size_t count)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "replace_file");
    bool ok = replace_file("replace_file", path, bytes, count);

    fr_finish(th, before);
    return ok;
}
