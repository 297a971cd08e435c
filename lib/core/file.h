/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Opening files to read, and naming them in messages. */
#ifndef FROND_CORE_FILE_H
#define FROND_CORE_FILE_H

#include "core/base.h"

/* Room for fr_fail's first argument where that names a function, a file and a place in it. */
enum { FR_WHERE_SIZE = 400 };

/* "what: path", for fr_fail; of a long path its end. Returns where; at least 120 bytes of it are left. */
const char *fr_file_where(const char *what, const char *path, char where[FR_WHERE_SIZE]);

/* Opens path to read bytes. NULL with an error, for a folder as well. */
FILE *fr_file_open(const char *where, const char *path);

#endif
