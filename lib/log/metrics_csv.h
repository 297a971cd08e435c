/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* metrics.csv: opened to append to, written row by row, and read for plots. */
#ifndef FROND_LOG_METRICS_CSV_H
#define FROND_LOG_METRICS_CSV_H

#include "log/logger.h"

/* Opens log->metrics, whose path is set, to append to it. False with an error. */
bool fr_metrics_open(const char *what, fr_logger *log, const fr_log_options *options);
bool fr_metrics_write(const char *what, fr_logger *log, const char *name, int64_t step, double value);

/* The numbers that were logged under one name, in the order of the rows. */
typedef struct {
    char *name;
    int64_t *steps;
    double *values;
    size_t count, step_capacity, value_capacity;
} fr_series;

typedef struct {
    fr_series *items; /* in the order of their first rows */
    size_t count, capacity;
} fr_metrics;

/* Reads log->metrics. False with an error. fr_metrics_free must be called in either case. */
bool fr_metrics_read(const char *what, const fr_logger *log, fr_metrics *m);
void fr_metrics_free(fr_metrics *m);

#endif
