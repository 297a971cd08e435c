/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* TensorBoard's event files: one record for each call that logs something. */
#ifndef FROND_LOG_EVENT_FILE_H
#define FROND_LOG_EVENT_FILE_H

#include "log/histogram.h"
#include "log/logger.h"

/* Creates log->events in log->dir with the records that begin every event file. False with an error. */
bool fr_event_file_open(const char *what, fr_logger *log, int64_t purge_step);

/* Append a record to log->events, which must be open. False with an error. */
bool fr_event_file_add_scalar(const char *what, fr_logger *log, const char *name, int64_t step, double value);
bool fr_event_file_add_histogram(const char *what, fr_logger *log, const char *name, int64_t step, fr_histogram *h);
bool fr_event_file_add_graph_def(const char *what, fr_logger *log, uint8_t *packed_graph_def, size_t size);

/* The graph that computed t, as a GraphDef record (graph_def.c). m gives parameters their names; may be NULL. */
bool fr_event_file_add_graph(const char *what, fr_logger *log, const fr_tensor *t, fr_module *m);

#endif
