/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The inside of a progress bar. */
#ifndef FROND_LOG_PROGRESS_H
#define FROND_LOG_PROGRESS_H

#include "core/base.h"

#include <frond/log.h>

struct fr_progress {
    char *label;
    int64_t total, done; /* total 0: not known */
    FILE *stream;        /* NULL: quiet */
    bool terminal;
    double interval;
    double (*clock)(void); /* seconds, from any moment on */
    int (*width)(FILE *);  /* columns of the terminal */
    double began, shown;   /* shown: when the last line was; -HUGE_VAL: none was */
    struct fr_progress_item {
        char *name;
        double value;
    } * items;
    size_t count, capacity;
};

#endif
