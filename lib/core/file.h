/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Opening files, making what was written durable, and naming files in messages. */
#ifndef FROND_CORE_FILE_H
#define FROND_CORE_FILE_H

#include "core/base.h"

#include <errno.h>
#include <sys/types.h>

/* True if a signal interrupted a system call, which is then to be made again. */
static inline bool fr_interrupted(ssize_t result)
{
    return result == -1 && errno == EINTR;
}

/* Size of a text for fr_fail's first argument that names a function, a file and a place in it. */
enum { FR_WHERE_SIZE = 400 };

/* Writes "what: path" for fr_fail, of a long path only the end, and returns where. At least 120 bytes stay free. */
const char *fr_file_where(const char *what, const char *path, char where[FR_WHERE_SIZE]);

/* open(2) with O_CLOEXEC, and mode 0666 for a new file; made again if it was interrupted. -1 with errno. */
int fr_file_descriptor(const char *path, int flags);
/* A stream on a descriptor, which fclose closes. Unlike one of fdopen, it makes interrupted calls again and completes
 * short counts; it has no fileno. NULL if memory runs out: then fd stays open. */
FILE *fr_file_stream(int fd, const char *mode);
/* Opens path for reading: -1 with an error; a folder is an error, too. */
int fr_file_open_descriptor(const char *where, const char *path);
/* The same as a stream. NULL with an error. */
FILE *fr_file_open(const char *where, const char *path);
/* pread(2), made again if it was interrupted or gave less: bytes read, fewer than asked for at the file's end; -1 with
 * errno. */
ssize_t fr_file_read_at(int fd, void *into, size_t bytes, int64_t at);

/* Waits until the bytes of fd are on the disk. True also if fd is on no disk, as a pipe is. False with errno. */
bool fr_file_sync(int fd);
/* Waits until the names in a folder are on the disk. False with an error. A folder that may be written but not read
 * cannot be synced: true. */
bool fr_folder_sync(const char *where, const char *folder);

#endif
