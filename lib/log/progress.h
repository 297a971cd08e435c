/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The inside of a progress bar. */
#ifndef FROND_LOG_PROGRESS_H
#define FROND_LOG_PROGRESS_H

#include "core/life.h"

#include <frond/log.h>

struct fr_progress {
    fr_life life;
    char *label;
    int64_t total, done;   /* steps; total 0: not known */
    FILE *stream;          /* NULL: quiet */
    bool terminal;         /* stream is one */
    double interval;       /* seconds between two lines */
    double (*clock)(void); /* seconds since an arbitrary moment */
    int (*width)(FILE *);  /* columns of the terminal */
    double began, shown;   /* shown: time of the last line; -HUGE_VAL: there was none */
    struct fr_progress_item {
        char *name;
        double value;
    } * items;
    size_t count, capacity;
};

#endif
