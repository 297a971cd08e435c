/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The C library's calls that touch files, each with the errors that it may have on a disk that is full or broken, or
 * when a signal arrives. */
#include "fault_shim.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

fault_state faults;

enum { DESCRIPTORS = 64, PATH_SIZE = 256, SHORT = -2, NO_ERROR = 0 };
static char paths[DESCRIPTORS][PATH_SIZE]; /* of open descriptors that count */

/* The next definition of the function: the C library's. A cast from void * to a function is none of C's. */
#define REAL(name)                                                                                                     \
    static __typeof__(&name) real;                                                                                     \
    if (!real)                                                                                                         \
        *(void **)&real = dlsym(RTLD_NEXT, #name);

/* --- Which call fails, and how ------------------------------------------------------------------------------------ */

static bool counts(const char *path)
{
    return faults.inside && path && strstr(path, faults.inside);
}

static const char *path_of(int fd)
{
    return fd >= 0 && fd < DESCRIPTORS && paths[fd][0] ? paths[fd] : NULL;
}

int fault_open_descriptors(void)
{
    int n = 0;

    for (int fd = 0; fd < DESCRIPTORS; fd++)
        n += paths[fd][0] != '\0';
    return n;
}

static void note(const char *call, const char *path, const char *other)
{
    int left = (int)(sizeof faults.log - faults.log_used);
    int size;

    if (!counts(path))
        return;
    size = snprintf(faults.log + faults.log_used, (size_t)left, "%s %s %s\n", call, path, other);
    faults.log_used += size < left ? (unsigned)size : 0;
}

/* Counts a call for path. Returns the error that it is to fail with, SHORT, or NO_ERROR. errors: those that it may
 * have, up to the 0. */
static int fault(const char *call, const char *path, const int *errors)
{
    if (!counts(path) || ++faults.calls != faults.at)
        return NO_ERROR;
    if (faults.kind == FAULT_KILL)
        raise(SIGKILL);
    for (int i = 0; i < faults.kind; i++)
        if (*errors++ == NO_ERROR)
            return NO_ERROR;
    if (*errors == NO_ERROR)
        return NO_ERROR;
    faults.retried = *errors == SHORT || *errors == EINTR;
    snprintf(faults.failed, sizeof faults.failed, "%s %s: %s", call, path,
             *errors == SHORT ? "short count" : strerror(*errors));
    if (*errors != SHORT)
        errno = *errors;
    return *errors;
}

/* The errors, the most telling first. */
#define FAULT(call, path, ...) fault(call, path, (const int[]){ __VA_ARGS__, NO_ERROR })

/* --- Descriptors -------------------------------------------------------------------------------------------------- */

static int note_open(int fd, const char *path, int flags)
{
    if (fd >= 0 && fd < DESCRIPTORS) {
        snprintf(paths[fd], PATH_SIZE, "%s", counts(path) ? path : "");
        if (flags & O_CREAT)
            note("create", path, "");
    }
    return fd;
}

int open(const char *path, int flags, ...)
{
    REAL(open)
    va_list arguments;
    mode_t mode;

    va_start(arguments, flags);
    mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (flags & O_CREAT ? FAULT("open", path, ENOSPC, EMFILE, EINTR, EIO) : FAULT("open", path, EIO, EMFILE, EINTR))
        return -1;
    return note_open(real(path, flags, mode), path, flags);
}

/* Used for folders' entries alone. */
int openat(int folder, const char *path, int flags, ...)
{
    REAL(openat)
    return FAULT("openat", path_of(folder), EIO, EMFILE) ? -1
                                                         : note_open(real(folder, path, flags), path_of(folder), 0);
}

int close(int fd)
{
    REAL(close)
    int error = FAULT("close", path_of(fd), EIO, EINTR);
    int result = real(fd);

    if (fd >= 0 && fd < DESCRIPTORS)
        paths[fd][0] = '\0';
    if (error)
        errno = error;
    return error ? -1 : result;
}

ssize_t read(int fd, void *into, size_t bytes)
{
    REAL(read)
    int error = FAULT("read", path_of(fd), EIO, EINTR, SHORT);

    return error == SHORT ? real(fd, into, bytes > 1 ? bytes / 2 : bytes) : error ? -1 : real(fd, into, bytes);
}

ssize_t pread(int fd, void *into, size_t bytes, off_t at)
{
    REAL(pread)
    int error = FAULT("pread", path_of(fd), EIO, EINTR, SHORT);

    return error == SHORT ? real(fd, into, bytes > 1 ? bytes / 2 : bytes, at) : error ? -1 : real(fd, into, bytes, at);
}

ssize_t write(int fd, const void *from, size_t bytes)
{
    REAL(write)
    int error = FAULT("write", path_of(fd), ENOSPC, EINTR, SHORT, EIO);

    if (error && error != SHORT)
        return -1;
    note("write", path_of(fd), "");
    return real(fd, from, error == SHORT && bytes > 1 ? bytes / 2 : bytes);
}

/* It only pretends to sync, which takes long. */
int fsync(int fd)
{
    if (FAULT("fsync", path_of(fd), EIO, ENOSPC, EINTR))
        return -1;
    note("fsync", path_of(fd), "");
    return 0;
}

int ftruncate(int fd, off_t size)
{
    REAL(ftruncate)
    return FAULT("ftruncate", path_of(fd), EIO, EINTR) ? -1 : real(fd, size);
}

off_t lseek(int fd, off_t offset, int whence)
{
    REAL(lseek)
    return FAULT("lseek", path_of(fd), EIO) ? -1 : real(fd, offset, whence);
}

int fstat(int fd, struct stat *status)
{
    REAL(fstat)
    return FAULT("fstat", path_of(fd), EIO) ? -1 : real(fd, status);
}

int fchmod(int fd, mode_t mode)
{
    REAL(fchmod)
    return FAULT("fchmod", path_of(fd), EIO) ? -1 : real(fd, mode);
}

int flock(int fd, int operation)
{
    REAL(flock)
    return FAULT("flock", path_of(fd), ENOLCK, EINTR, EWOULDBLOCK) ? -1 : real(fd, operation);
}

/* --- Paths -------------------------------------------------------------------------------------------------------- */

int stat(const char *path, struct stat *status)
{
    REAL(stat)
    return FAULT("stat", path, EIO) ? -1 : real(path, status);
}

int access(const char *path, int mode)
{
    REAL(access)
    return FAULT("access", path, EIO) ? -1 : real(path, mode);
}

char *realpath(const char *path, char *resolved)
{
    REAL(realpath)
    return FAULT("realpath", path, EIO) ? NULL : real(path, resolved);
}

int mkdir(const char *path, mode_t mode)
{
    REAL(mkdir)
    int result = FAULT("mkdir", path, ENOSPC, EIO) ? -1 : real(path, mode);

    if (result == 0)
        note("mkdir", path, "");
    return result;
}

int rename(const char *from, const char *to)
{
    REAL(rename)
    int result = FAULT("rename", from, EIO, ENOSPC) ? -1 : real(from, to);

    if (result == 0)
        note("rename", from, to);
    return result;
}

int unlink(const char *path)
{
    REAL(unlink)
    int result = FAULT("unlink", path, EIO) ? -1 : real(path);

    if (result == 0)
        note("unlink", path, "");
    return result;
}

DIR *opendir(const char *path)
{
    REAL(opendir)
    DIR *folder = FAULT("opendir", path, EMFILE, EIO) ? NULL : real(path);

    if (folder)
        note_open(dirfd(folder), path, 0);
    return folder;
}

struct dirent *readdir(DIR *folder)
{
    REAL(readdir)
    return FAULT("readdir", path_of(dirfd(folder)), EIO) ? NULL : real(folder);
}

int closedir(DIR *folder)
{
    REAL(closedir)
    note_open(dirfd(folder), "", 0);
    return real(folder);
}

/* --- Preloaded ---------------------------------------------------------------------------------------------------- */

static void write_file(const char *variable, const char *text, size_t size)
{
    const char *path = getenv(variable);
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;

    if (fd >= 0) {
        (void)!write(fd, text, size);
        close(fd);
    }
}

__attribute__((constructor)) static void begin(void)
{
    if (!getenv(FAULT_INSIDE))
        return;
    faults.at = strtol(getenv(FAULT_AT) ? getenv(FAULT_AT) : "0", NULL, 10);
    faults.kind = (int)strtol(getenv(FAULT_KIND) ? getenv(FAULT_KIND) : "0", NULL, 10);
    faults.inside = getenv(FAULT_INSIDE);
}

__attribute__((destructor)) static void end(void)
{
    char text[sizeof faults.failed + 64];
    int size = snprintf(text, sizeof text, "%ld %d %s", faults.calls, faults.retried, faults.failed);

    faults.inside = NULL;
    write_file(FAULT_REPORT, text, (size_t)size);
    write_file(FAULT_LOG, faults.log, faults.log_used);
}
