/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Atomic replacement of a file: writes a temporary file in the same folder, flushes it to the disk and renames it. */
#include <config.h>

#include "files/replace_file.h"

#include "core/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAMES_TRIED = 100 };

static void free_replacement(fr_replacement *r)
{
    free(r->path);
    free(r->temporary);
    *r = (fr_replacement){ 0 };
}

/* Creates PATH.PID-I.tmp with the first I that is free. mkstemp would not do: only the owner can read its files,
 * whatever the umask. Returns a file descriptor, or -1 with an error. */
static int open_temporary(fr_replacement *r)
{
    size_t size = strlen(r->path) + 40;
    int fd = -1;

    r->temporary = malloc(size);
    if (!r->temporary)
        return fr_fail_memory(r->where), -1;
    for (int i = 0; fd < 0 && i < NAMES_TRIED; i++) {
        snprintf(r->temporary, size, "%s.%ld-%d.tmp", r->path, (long)getpid(), i);
        fd = open(r->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    if (fd < 0)
        fr_fail(r->where, "cannot create a file beside it: %s", strerror(errno));
    return fd;
}

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
        return fr_fail(r->where, "%s", strerror(errno));
    return true;
}

bool fr_replace_begin(fr_replacement *r, const char *where, const char *path)
{
    struct stat status;

    *r = (fr_replacement){ .where = where };
    if (!path)
        return fr_fail(where, "path is NULL");

    int fd = resolve_path(r, path, &status) ? open_temporary(r) : -1;

    if (fd < 0) {
        free_replacement(r);
        return false;
    }
    if (status.st_mode && fchmod(fd, status.st_mode & 07777) != 0)
        fr_fail(where, "cannot keep its mode: %s", strerror(errno));
    else if (!(r->file = fdopen(fd, "wb")))
        fr_fail(where, "%s", strerror(errno));
    if (!r->file) {
        close(fd);
        unlink(r->temporary);
        free_replacement(r);
        return false;
    }
    return true;
}

bool fr_replace_write(fr_replacement *r, const void *bytes, size_t count)
{
    if (count > 0 && fwrite(bytes, 1, count, r->file) != count)
        return fr_fail(r->where, "cannot write: %s", strerror(errno));
    return true;
}

/* Flushes the new file to the disk if ok, and closes it. */
static bool sync_and_close(fr_replacement *r, bool ok)
{
    if (ok && ferror(r->file)) /* a write failed whose result the caller did not check */
        ok = fr_fail(r->where, "cannot write all of it: the disk is full, or failed");
    else if (ok && (fflush(r->file) != 0 || fsync(fileno(r->file)) != 0))
        ok = fr_fail(r->where, "cannot write: %s", strerror(errno));
    if (fclose(r->file) != 0 && ok)
        ok = fr_fail(r->where, "cannot write: %s", strerror(errno));
    return ok;
}

static bool rename_temporary(fr_replacement *r)
{
    return rename(r->temporary, r->path) == 0 ||
           fr_fail(r->where, "cannot put the written file in place: %s", strerror(errno));
}

bool fr_replace_finish(fr_replacement *r, bool ok)
{
    ok = sync_and_close(r, ok) && rename_temporary(r);
    if (!ok)
        unlink(r->temporary);
    free_replacement(r);
    return ok;
}

/* Gives the old file a second name, by which it can be restored, or moves it there if the file system has no hard
 * links. Returns that name. NULL if there is no old file, or with an error, which sets *ok to false. */
static char *back_up(const fr_replacement *r, bool *ok)
{
    size_t size = strlen(r->temporary) + sizeof ".old";
    char *backup;

    if (access(r->path, F_OK) != 0)
        return NULL;
    backup = malloc(size);
    if (!backup) {
        *ok = fr_fail_memory(r->where);
        return NULL;
    }
    snprintf(backup, size, "%s.old", r->temporary);
    if (link(r->path, backup) == 0 || rename(r->path, backup) == 0)
        return backup;
    *ok = fr_fail(r->where, "cannot keep the old file: %s", strerror(errno));
    free(backup);
    return NULL;
}

/* Restores the file at first's path from its backup (NULL: there was no file) and fails with the errno `why`. If that
 * is impossible, the error names the backup. replaced: the new file is already at the path. */
static bool restore(const fr_replacement *first, const char *backup, bool replaced, const char *where, int why)
{
    if (!backup && replaced)
        unlink(first->path);
    if (backup && rename(backup, first->path) != 0)
        return fr_fail(where, "cannot put the written file in place: %s; what was at %s is now %s", strerror(why),
                       first->path, backup);
    if (backup)
        unlink(backup); /* rename leaves it where both names are of one file */
    return fr_fail(where, "cannot put the written file in place: %s", strerror(why));
}

bool fr_replace_finish_both(fr_replacement *first, fr_replacement *second, bool ok)
{
    char *backup = NULL;

    ok = sync_and_close(first, ok);
    ok = sync_and_close(second, ok);
    if (ok)
        backup = back_up(first, &ok);
    if (ok && rename(first->temporary, first->path) != 0)
        ok = restore(first, backup, false, first->where, errno);
    else if (ok && rename(second->temporary, second->path) != 0)
        ok = restore(first, backup, true, second->where, errno);
    if (!ok) {
        unlink(first->temporary);
        unlink(second->temporary);
    } else if (backup) {
        unlink(backup);
    }
    free(backup);
    free_replacement(first);
    free_replacement(second);
    return ok;
}
