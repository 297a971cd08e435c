/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The inside of a logger. */
#ifndef FROND_LOG_LOGGER_H
#define FROND_LOG_LOGGER_H

#include "core/file.h"
#include "core/life.h"

#include <frond/log.h>
#include <locale.h>

/* A file that is only appended to. */
typedef struct {
    char *path;
    FILE *file; /* NULL: not open */
    int fd;     /* its descriptor */
    off_t size; /* in bytes, without what was not written completely; -1: unknown */
} fr_log_file;

struct fr_logger {
    fr_life life;
    char *dir;
    fr_log_file metrics, events; /* metrics.csv; the event file, not open with .csv_only */
    locale_t c_locale;           /* for a decimal point in numbers */
    double (*clock)(void);       /* seconds since 1970 */
};

/* "dir/name", to be freed; NULL with an error. */
char *fr_log_path(const char *what, const char *dir, const char *name);
/* Opens f, whose path is set, to append to it. flags: for open, in addition. False with errno. */
bool fr_log_file_open(fr_log_file *f, int flags);
/* Flushes f. If that fails, fails and cuts f back to the last complete row or record, so that those that are appended
 * later can still be read. */
bool fr_log_file_flush(const char *what, fr_log_file *f);
/* fr_log_scalar with a name that was checked; what: the public function, for errors. */
bool fr_log_add_scalar(const char *what, fr_logger *log, const char *name, int64_t step, double value);

#endif
