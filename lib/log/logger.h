/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The inside of a logger. */
#ifndef FROND_LOG_LOGGER_H
#define FROND_LOG_LOGGER_H

#include "core/file.h"

#include <frond/log.h>
#include <locale.h>

struct fr_logger {
    char *dir, *metrics_path, *events_path; /* events_path: NULL with .csv_only */
    FILE *metrics, *events;                 /* events: likewise */
    locale_t c_locale;                      /* numbers are written in */
    double (*clock)(void);                  /* seconds since 1970 */
};

/* "dir/name", to be freed; NULL with an error. */
char *fr_log_path(const char *what, const char *dir, const char *name);
/* Hands on what file, of that path, has been given; false with an error. */
bool fr_log_written(const char *what, const char *path, FILE *file);
/* fr_log_scalar for those who have checked name; what: the function at work. */
bool fr_log_number(const char *what, fr_logger *log, const char *name, int64_t step, double value);

#endif
