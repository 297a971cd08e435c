/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Rows of values of one type, copied or filled: with what the CPU and the C library have for it, which loops for every
 * CPU do not reach. */
#ifndef FROND_CORE_ROW_H
#define FROND_CORE_ROW_H

#include "core/base.h"

/* n times a value of `size` bytes, 4 or 8, at an address for values of that size. */
void fr_fill_row(void *to, const void *value, size_t size, size_t n);

/* As memcpy for each of several rows, whose steps are in bytes: from a row's first byte on, with the widest vectors.
 * memcpy reads the end of a row first, and CPUs foresee only what ascends: rows of 768 bytes take it a third longer,
 * from memory. */
void fr_copy_each_row(int64_t rows, int64_t bytes, char *to, int64_t to_step, const char *from, int64_t from_step);

/* As memcpy, but past the caches, for a part of a result that no cache can hold: a plain write would first read what it
 * overwrites. It is of whole cache lines. Other threads see it after fr_streamed. */
enum { FR_LINE = 64 };
void fr_stream_row(void *to, const void *from, size_t bytes);
void fr_streamed(void);

#endif
