/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Sharing memory over time: spans that are needed at different times may lie at one place. */
#ifndef FROND_CORE_SPANS_H
#define FROND_CORE_SPANS_H

#include "core/base.h"

/* Needed from time first to time last, both included. */
typedef struct {
    int64_t size;
    size_t first, last;
    int64_t offset;
} fr_span;

/* Sets all offsets, so that no two spans that are needed at one time overlap. *total: the size of it all. Larger spans
 * are placed first, of one size those that are needed earlier, and of these longer; each takes the lowest offset that
 * is free as long as it is needed. False, without an error, if memory runs out. */
bool fr_spans_place(fr_span *spans, size_t n, int64_t *total);

#endif
