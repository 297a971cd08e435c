/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Opening files to read, and naming them in messages. */
#include <config.h>

#include "core/file.h"

#include "core/error.h"

#include <errno.h>
#include <sys/stat.h>

enum { PATH_SHOWN = 250 };

const char *fr_file_where(const char *what, const char *path, char where[FR_WHERE_SIZE])
{
    size_t length = path ? strlen(path) : 0;

    if (length > PATH_SHOWN)
        snprintf(where, FR_WHERE_SIZE, "%.20s: ...%s", what, path + length - PATH_SHOWN);
    else
        snprintf(where, FR_WHERE_SIZE, "%.20s: %s", what, path ? path : "(null)");
    return where;
}

FILE *fr_file_open(const char *where, const char *path)
{
    struct stat status;

    if (!path)
        return fr_fail(where, "path is NULL");

    FILE *file = fopen(path, "rbe");

    if (!file)
        return fr_fail(where, "%s", strerror(errno));
    if (fstat(fileno(file), &status) == 0 && S_ISDIR(status.st_mode)) {
        fclose(file);
        return fr_fail(where, "%s", strerror(EISDIR));
    }
    return file;
}
