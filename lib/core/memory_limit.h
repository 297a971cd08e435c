/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* How much memory a file may ask for. A damaged or hostile file of a few bytes can ask for any amount, so what grows
 * faster than the file is checked before it is allocated: 64 MiB are always fine, and so is a multiple of what is there
 * already. FROND_MEMORY_LIMIT in the environment, a number of bytes, takes the place of both. */
#ifndef FROND_CORE_MEMORY_LIMIT_H
#define FROND_CORE_MEMORY_LIMIT_H

#include "core/base.h"

/* The multiples: for what is read from a file; for what is unpacked; for the results of a model from a file, as a
 * multiple of its weights and input. */
enum { FR_READ_MULTIPLE = 16, FR_UNPACK_MULTIPLE = 64, FR_FORWARD_MULTIPLE = 1024 };

/* The bytes that may be allocated for `there` bytes. */
int64_t fr_memory_limit(int64_t there, int64_t multiple);
/* Fails with "WHAT need NEEDED bytes" and how to raise the limit. Returns false. */
bool fr_fail_memory_limit(const char *where, const char *what, int64_t needed, int64_t limit);

#endif
