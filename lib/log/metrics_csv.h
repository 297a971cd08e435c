/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* metrics.csv: opened to be gone on with, written row by row, read again for plots. */
#ifndef FROND_LOG_METRICS_CSV_H
#define FROND_LOG_METRICS_CSV_H

#include "log/logger.h"

/* Opens log->metrics, whose path is set. False with an error. */
bool fr_metrics_open(const char *what, fr_logger *log, const fr_log_options *options);
bool fr_metrics_write(const char *what, fr_logger *log, const char *name, int64_t step, double value);

/* One name and its numbers, by row. */
typedef struct {
    char *name;
    int64_t *steps;
    double *values;
    size_t count, step_capacity, value_capacity;
} fr_series;

typedef struct {
    fr_series *items; /* in the order of the names in the file */
    size_t count, capacity;
} fr_metrics;

/* Reads the file of log->metrics. False with an error; fr_metrics_free is due in either case. */
bool fr_metrics_read(const char *what, const fr_logger *log, fr_metrics *m);
void fr_metrics_free(fr_metrics *m);

#endif
