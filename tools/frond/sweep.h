/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What the files of `frond sweep` share: the runs of a sweep, how they are run, and what comes of them. */
#ifndef FROND_SWEEP_H
#define FROND_SWEEP_H

#include "program.h"

#include <sys/types.h>

/* What the epoch with the lowest loss had, and how long the run took. */
enum { LOSS, SCORE, EPOCH, SECONDS, FIGURES };

typedef struct {
    char *name; /* "lr=0.01,seed=0" */
    char *dir;  /* its directory, of that name in the sweep's */
    pid_t pid;  /* 0: it is not running */
    bool done;
    char *error;    /* why it failed; NULL: it did not */
    double started; /* when this process began, by the monotonic clock */
    double figures[FIGURES];
} sweep_run;

/* Runs are numbered like an array with a dimension for each list in the order of settings_table. The seed is the last,
 * so runs that differ by it alone stand together. */
typedef struct {
    train_arguments common;
    json_t *arguments;       /* in sweep.json: DATA, and for each setting that was given a list of texts */
    json_t *lists[SETTINGS]; /* these lists, borrowed; NULL: not given */
    int64_t jobs, seeds;     /* 0: not given */
    sweep_run *runs;
    int64_t count;
    json_t *state; /* sweep.json: the arguments, and what has become of which run; NULL: the sweep is new */
    char *path;    /* of it */
    char *new_dir; /* if --output was not given */
    bool resumed;
    bool stopping;  /* Ctrl-C */
    bool validated; /* losses are of validation */
    bool rmse;      /* the score is this, not the accuracy */
} sweep;

enum { SEED = SETTINGS - 1 }; /* the index of the setting */

int64_t sweep_values(const sweep *s, int i); /* of setting i; 0: not given */
/* The value of setting i in a run. */
const char *sweep_value(const sweep *s, int i, int64_t n);
/* The arguments of a run, which are checked: they are wrong only where state is given. */
train_arguments sweep_arguments(const sweep *s, int64_t n, struct argp_state *state);
void sweep_record(sweep *s, const sweep_run *r); /* in sweep.json */

/* Runs all that are not done, several at a time; or, after Ctrl-C, until those that run have saved what they have. */
void sweep_run_all(sweep *s);

/* Reads the figures of a run that is done; if there are none it has failed. */
void sweep_read_figures(sweep *s, sweep_run *r);
/* Prints the table, and writes sweep.csv and, with --plots, pictures. */
void sweep_report(sweep *s);

#endif
