/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Writes text files atomically: a file is written as a whole or not at all, and an old file is kept if the new one
 * cannot be written. */
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

/* flags: for open, in addition to those for writing. mode: of a new file. errno tells why it fails. */
static bool write_to(const output *o, const char *path, int flags, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, mode);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool ok = file && fwrite(o->text, 1, o->size, file) == o->size;

    return file && (fclose(file) == 0) & ok;
}

/* Writes a temporary file beside path and renames it. path is not a symbolic link. mode: of the old file; 0: there is
 * none. errno tells why it fails. */
static bool replace_file(const output *o, const char *path, mode_t mode)
{
    char *temporary;
    bool written, ok;

    if (asprintf(&temporary, "%s.%ld.tmp", path, (long)getpid()) < 0)
        die("out of memory");
    written = write_to(o, temporary, O_EXCL, 0666);
    ok = written && (mode == 0 || chmod(temporary, mode & 07777) == 0) && rename(temporary, path) == 0;
    if (!ok && (written || errno != EEXIST)) {
        int cause = errno;

        unlink(temporary);
        errno = cause;
    }
    free(temporary);
    return ok;
}

/* A file that is not a regular one, such as a device, is written to directly. */
static bool write_file(const output *o, const char *path)
{
    struct stat status;
    char *target;
    bool ok;

    if (stat(path, &status) != 0)
        return errno == ENOENT && replace_file(o, path, 0);
    if (!S_ISREG(status.st_mode))
        return write_to(o, path, 0, 0);
    target = realpath(path, NULL);
    ok = target && replace_file(o, target, status.st_mode);
    free(target);
    return ok;
}

void output_end(output *o, FILE *file, const char *path)
{
    if (fclose(file) != 0)
        die("out of memory");
    if (!path)
        fwrite(o->text, 1, o->size, stdout); /* main checks for errors */
    else if (!write_file(o, path))
        die("%s: cannot be written: %s", path, strerror(errno));
    free(o->text);
}
