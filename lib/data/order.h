/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The order in which an epoch gives the rows 0 to rows - 1: they come one after the other into a buffer, of which each
 * time a random one is given out and the next one takes its place; at the end those that are left come out. A buffer of
 * one row gives the order of the file; one of all rows gives PyTorch's permutation (fr_randperm), draw for draw. The
 * buffer holds numbers of rows, not values: so rows that are read one after the other are near each other. */
#ifndef FROND_DATA_ORDER_H
#define FROND_DATA_ORDER_H

#include "core/base.h"

typedef struct fr_order fr_order;

/* A buffer of min(buffer, rows) rows; batch: the most rows that fr_order_rows is asked for. NULL, without an error: out
 * of memory. */
fr_order *fr_order_new(int64_t rows, int64_t buffer, int64_t batch);
void fr_order_free(fr_order *o); /* NULL is fine */
/* The n rows from place `next` on, next + n <= rows, in the epoch with this seed; borrowed until the next call. Draws
 * come from a generator of o's own. Any place may be asked for: unless it is where the last call ended, all draws
 * before it are made again. One thread at a time. */
const int64_t *fr_order_rows(fr_order *o, uint64_t seed, int64_t next, int64_t n);
/* Forgets where the last call ended: in a child of the process, a call in another thread may have been half done. */
void fr_order_forget(fr_order *o);

#endif
