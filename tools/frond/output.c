/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Files that the program writes itself: each is there as a whole or not at all, and one that was there before is not
 * lost where the new one cannot be written. */
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

FILE *output_begin(output *o)
{
    FILE *file = open_memstream(&o->text, &o->size);

    if (!file)
        die("out of memory");
    return file;
}

/* flags: beside those to write; mode: of a new file. */
static bool write_to(const output *o, const char *path, int flags, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, mode);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool ok = file && fwrite(o->text, 1, o->size, file) == o->size;

    return file && (fclose(file) == 0) & ok;
}

/* By way of a new file beside it; path is no symbolic link. mode: what the old file has; 0: there is none. */
static bool replace(const output *o, const char *path, mode_t mode)
{
    char *part;
    bool written, ok;

    if (asprintf(&part, "%s.%ld.tmp", path, (long)getpid()) < 0)
        die("out of memory");
    written = write_to(o, part, O_EXCL, 0666);
    ok = written && (mode == 0 || chmod(part, mode & 07777) == 0) && rename(part, path) == 0;
    if (!ok && (written || errno != EEXIST)) {
        int cause = errno;

        unlink(part);
        errno = cause;
    }
    free(part);
    return ok;
}

/* What is there and no regular file, such as a device, is written to as it is. */
static bool put(const output *o, const char *path)
{
    struct stat status;
    char *target;
    bool ok;

    if (stat(path, &status) != 0)
        return errno == ENOENT && replace(o, path, 0);
    if (!S_ISREG(status.st_mode))
        return write_to(o, path, 0, 0);
    target = realpath(path, NULL);
    ok = target && replace(o, target, status.st_mode);
    free(target);
    return ok;
}

void output_end(output *o, FILE *file, const char *path)
{
    if (fclose(file) != 0)
        die("out of memory");
    if (!path)
        fwrite(o->text, 1, o->size, stdout); /* main looks whether that went well */
    else if (!put(o, path))
        die("%s: cannot be written: %s", path, strerror(errno));
    free(o->text);
}
