/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The inside of a logger. */
#ifndef FROND_LOG_LOGGER_H
#define FROND_LOG_LOGGER_H

#include "core/file.h"

#include <frond/log.h>
#include <locale.h>

/* A file that is only added to. */
typedef struct {
    char *path;
    FILE *file;  /* NULL: not open */
    off_t whole; /* its bytes when it was last whole */
} fr_log_file;

struct fr_logger {
    char *dir;
    fr_log_file metrics, events; /* events: none with .csv_only */
    locale_t c_locale;           /* numbers are written in */
    double (*clock)(void);       /* seconds since 1970 */
};

/* "dir/name", to be freed; NULL with an error. */
char *fr_log_path(const char *what, const char *dir, const char *name);
/* Hands on what f has been given. False with an error, and without what got through of it, so that what is added later
 * can be read. */
bool fr_log_file_flush(const char *what, fr_log_file *f);
/* fr_log_scalar for those who have checked name; what: the function at work. */
bool fr_log_add_scalar(const char *what, fr_logger *log, const char *name, int64_t step, double value);

#endif
