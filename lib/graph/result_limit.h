/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A limit on the bytes that the results of ops take in all, for a model that was read from a file: a graph of a few
 * bytes can double its values at every node. */
#ifndef FROND_GRAPH_RESULT_LIMIT_H
#define FROND_GRAPH_RESULT_LIMIT_H

#include "core/thread.h"

#include <frond/op.h>

/* A part of fr_graph_state. */
typedef struct {
    int64_t limit; /* 0: none */
    int64_t used;
} fr_result_limit;

/* From now on this thread's ops count their results, and fail before they allocate more than limit bytes. Returns what
 * held before, for fr_result_limit_end. Errors must be deferred in between, so that a handler cannot leave early. */
fr_result_limit fr_result_limit_begin(fr_thread *th, int64_t limit);
void fr_result_limit_end(fr_thread *th, fr_result_limit before);

/* Counts the results of a call, whose shapes were inferred. False with an error if they are too large. */
bool fr_result_limit_count(fr_thread *th, const fr_op_call *call);
/* Counts bytes that are allocated without an op. what: for the error, like "range". */
bool fr_result_limit_count_bytes(fr_thread *th, const char *what, int64_t bytes);

#endif
