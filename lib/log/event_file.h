/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* TensorBoard's event files: a record for each thing that is logged. */
#ifndef FROND_LOG_EVENT_FILE_H
#define FROND_LOG_EVENT_FILE_H

#include "log/histogram.h"
#include "log/logger.h"

/* Makes a new file for log->events in log->dir, with what stands at the beginning of one. False with an error. */
bool fr_event_file_open(const char *what, fr_logger *log, int64_t purge_step);

/* All want log->events to be open; false with an error. */
bool fr_event_file_add_scalar(const char *what, fr_logger *log, const char *name, int64_t step, double value);
bool fr_event_file_add_histogram(const char *what, fr_logger *log, const char *name, int64_t step, fr_histogram *h);
bool fr_event_file_add_graph_def(const char *what, fr_logger *log, uint8_t *graph_def,
                                 size_t size); /* a packed GraphDef */

/* graph.c: t's graph by fr_event_file_add_graph_def; m, for names, may be NULL. */
bool fr_event_file_add_graph(const char *what, fr_logger *log, const fr_tensor *t, fr_module *m);

#endif
