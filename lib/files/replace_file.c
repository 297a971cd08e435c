/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Writing a file so that its path names either what was there before or all of what was written: a temporary file in
 * the same folder is written, brought to the disk and renamed. */
#include <config.h>

#include "files/replace_file.h"

#include "core/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAMES_TRIED = 100 };

static void take_down(fr_replacement *r)
{
    free(r->path);
    free(r->temporary);
    *r = (fr_replacement){ 0 };
}

/* Opens path.PID-I.tmp for the first I that is free: not mkstemp, whose files are nobody else's to read. -1 on error.
 */
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

/* Fills in r->path and, where a file is there, its mode. */
static bool look_at_target(fr_replacement *r, const char *path, struct stat *status)
{
    bool there = stat(path, status) == 0;

    if (!there && errno != ENOENT)
        return fr_fail(r->where, "%s", strerror(errno));
    if (there && !S_ISREG(status->st_mode))
        return fr_fail(r->where, "is there already and no regular file");
    if (!there)
        status->st_mode = 0;
    r->path = there ? realpath(path, NULL) : strdup(path);
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

    int fd = look_at_target(r, path, &status) ? open_temporary(r) : -1;

    if (fd < 0) {
        take_down(r);
        return false;
    }
    if (status.st_mode && fchmod(fd, status.st_mode & 07777) != 0)
        fr_fail(where, "cannot keep its mode: %s", strerror(errno));
    else if (!(r->file = fdopen(fd, "wb")))
        fr_fail(where, "%s", strerror(errno));
    if (!r->file) {
        close(fd);
        unlink(r->temporary);
        take_down(r);
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

/* Brings what was written to the disk. */
static bool settle(fr_replacement *r, bool ok)
{
    if (ok && ferror(r->file)) /* of those who do not look at each write */
        ok = fr_fail(r->where, "cannot write all of it: the disk is full, or failed");
    else if (ok && (fflush(r->file) != 0 || fsync(fileno(r->file)) != 0))
        ok = fr_fail(r->where, "cannot write: %s", strerror(errno));
    if (fclose(r->file) != 0 && ok)
        ok = fr_fail(r->where, "cannot write: %s", strerror(errno));
    return ok;
}

static bool put_in_place(fr_replacement *r)
{
    return rename(r->temporary, r->path) == 0 ||
           fr_fail(r->where, "cannot put the written file in place: %s", strerror(errno));
}

bool fr_replace_finish(fr_replacement *r, bool ok)
{
    ok = settle(r, ok) && put_in_place(r);
    if (!ok)
        unlink(r->temporary);
    take_down(r);
    return ok;
}

/* A second name for the file that is there, by which it can be put back; its only one, where the file system has no
 * second names. NULL: there is no file, or with an error and !*ok. */
static char *keep_old(const fr_replacement *r, bool *ok)
{
    size_t size = strlen(r->temporary) + sizeof ".old";
    char *kept;

    if (access(r->path, F_OK) != 0)
        return NULL;
    kept = malloc(size);
    if (!kept) {
        *ok = fr_fail_memory(r->where);
        return NULL;
    }
    snprintf(kept, size, "%s.old", r->temporary);
    if (link(r->path, kept) == 0 || rename(r->path, kept) == 0)
        return kept;
    *ok = fr_fail(r->where, "cannot keep what is there: %s", strerror(errno));
    free(kept);
    return NULL;
}

/* Fails with why, once what was at first's path is there again; where it cannot be, the error says where it is. placed:
 * the new file is there. */
static bool put_back(const fr_replacement *first, const char *old, bool placed, const char *where, int why)
{
    if (!old && placed)
        unlink(first->path);
    if (old && rename(old, first->path) != 0)
        return fr_fail(where, "cannot put the written file in place: %s; what was at %s is now %s", strerror(why),
                       first->path, old);
    if (old)
        unlink(old); /* still there where both names were of one file */
    return fr_fail(where, "cannot put the written file in place: %s", strerror(why));
}

bool fr_replace_finish_both(fr_replacement *first, fr_replacement *second, bool ok)
{
    bool settled = settle(first, ok);
    char *old = NULL;

    ok = settle(second, settled);
    if (ok)
        old = keep_old(first, &ok);
    if (ok && rename(first->temporary, first->path) != 0)
        ok = put_back(first, old, false, first->where, errno);
    else if (ok && rename(second->temporary, second->path) != 0)
        ok = put_back(first, old, true, second->where, errno);
    if (!ok) {
        unlink(first->temporary);
        unlink(second->temporary);
    } else if (old) {
        unlink(old);
    }
    free(old);
    take_down(first);
    take_down(second);
    return ok;
}
