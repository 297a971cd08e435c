/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Files that the program writes itself: each is there as a whole or not at all, and one that was there before is not
 * lost where the new one cannot be written. */
#include "program.h"

#include <errno.h>
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

/* mode: fopen's */
static bool write_to(const output *o, const char *path, const char *mode)
{
    FILE *file = fopen(path, mode);
    bool ok = file && fwrite(o->text, 1, o->size, file) == o->size;

    return file && (fclose(file) == 0) & ok;
}

/* By way of a new file beside it; path is no symbolic link. */
static bool replace(const output *o, const char *path)
{
    char *part;
    bool written, ok;

    if (asprintf(&part, "%s.%ld.tmp", path, (long)getpid()) < 0)
        die("out of memory");
    written = write_to(o, part, "wx");
    ok = written && rename(part, path) == 0;
    if (!ok && (written || errno != EEXIST)) {
        int cause = errno;

        unlink(part);
        errno = cause;
    }
    free(part);
    return ok;
}

void output_end(output *o, FILE *file, const char *path)
{
    struct stat status;
    bool there = path && stat(path, &status) == 0;
    char *target = there && S_ISREG(status.st_mode) ? realpath(path, NULL) : NULL;

    if (fclose(file) != 0)
        die("out of memory");
    if (!path)
        fwrite(o->text, 1, o->size, stdout); /* main looks whether that went well */
    else if (!(there && !target ? write_to(o, path, "w") : replace(o, target ? target : path)))
        die("%s: cannot be written: %s", path, strerror(errno));
    free(target);
    free(o->text);
}
