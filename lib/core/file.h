/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Opening files to read, and naming them in messages. */
#ifndef FROND_CORE_FILE_H
#define FROND_CORE_FILE_H

#include "core/base.h"

/* Size of a text for fr_fail's first argument that names a function, a file and a place in it. */
enum { FR_WHERE_SIZE = 400 };

/* Writes "what: path" for fr_fail, of a long path only the end, and returns where. At least 120 bytes stay free. */
const char *fr_file_where(const char *what, const char *path, char where[FR_WHERE_SIZE]);

/* Opens path for reading bytes. NULL with an error; a folder is an error, too. */
FILE *fr_file_open(const char *where, const char *path);

#endif
