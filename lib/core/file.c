/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Opening files, making what was written durable, and naming files in messages. */
#include <config.h>

#include "core/file.h"

#include "core/error.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* --- Streams ------------------------------------------------------------------------------------------------------ */

/* The descriptor of a stream is the value of its cookie. */
static int descriptor(void *cookie)
{
    return (int)(intptr_t)cookie;
}

static ssize_t read_some(void *cookie, char *into, size_t bytes)
{
    ssize_t count;

    do
        count = read(descriptor(cookie), into, bytes);
    while (fr_interrupted(count));
    return count;
}

/* Returns how many bytes were written: fewer than given are a failure. */
static ssize_t write_all(void *cookie, const char *from, size_t bytes)
{
    size_t done = 0;

    while (done < bytes) {
        ssize_t count = write(descriptor(cookie), from + done, bytes - done);

        if (count <= 0 && !fr_interrupted(count))
            break;
        done += count > 0 ? (size_t)count : 0;
    }
    return (ssize_t)done;
}

static int seek(void *cookie, off64_t *offset, int whence)
{
    off_t at = lseek(descriptor(cookie), (off_t)*offset, whence);

    *offset = at;
    return at < 0 ? -1 : 0;
}

static int close_descriptor(void *cookie)
{
    return close(descriptor(cookie)) == 0 || errno == EINTR ? 0 : -1; /* after EINTR it is closed, too */
}

int fr_file_descriptor(const char *path, int flags)
{
    int fd;

    do
        fd = open(path, flags | O_CLOEXEC, 0666);
    while (fr_interrupted(fd));
    return fd;
}

FILE *fr_file_stream(int fd, const char *mode)
{
    static const cookie_io_functions_t functions = {
        .read = read_some, .write = write_all, .seek = seek, .close = close_descriptor
    };

    return fopencookie((void *)(intptr_t)fd, mode, functions);
}

int fr_file_open_descriptor(const char *where, const char *path)
{
    struct stat status;
    int fd;

    if (!path)
        return fr_fail(where, "path is NULL"), -1;
    fd = fr_file_descriptor(path, O_RDONLY);
    if (fd < 0)
        return fr_fail(where, "%s", strerror(errno)), -1;
    if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
        close(fd);
        return fr_fail(where, "%s", strerror(EISDIR)), -1;
    }
    return fd;
}

ssize_t fr_file_read_at(int fd, void *into, size_t bytes, int64_t at)
{
    size_t done = 0;

    while (done < bytes) {
        ssize_t count = pread(fd, (char *)into + done, bytes - done, (off_t)(at + (int64_t)done));

        if (fr_interrupted(count))
            continue;
        if (count < 0)
            return -1;
        if (count == 0)
            break;
        done += (size_t)count;
    }
    return (ssize_t)done;
}

FILE *fr_file_open(const char *where, const char *path)
{
    int fd = fr_file_open_descriptor(where, path);
    FILE *file = fd >= 0 ? fr_file_stream(fd, "rb") : NULL;

    if (fd >= 0 && !file) {
        close(fd);
        fr_fail_memory(where);
    }
    return file;
}

/* --- To the disk -------------------------------------------------------------------------------------------------- */

bool fr_file_sync(int fd)
{
    int result;

    do
        result = fsync(fd);
    while (fr_interrupted(result));
    return result == 0 || errno == EINVAL;
}

bool fr_folder_sync(const char *where, const char *folder)
{
    int fd = fr_file_descriptor(folder, O_RDONLY | O_DIRECTORY);
    bool ok = fd >= 0 ? fr_file_sync(fd) : errno == EACCES;

    if (!ok)
        fr_fail(where, "the name in its folder may not outlast a loss of power: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return ok;
}
