/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What a scheduler is made of. scheduler.c does for all of them what does not depend on the formula. All that a
 * scheduler was made with and that it counts is numbers, so that training/ can save any of them. */
#ifndef FROND_OPTIM_SCHEDULER_H
#define FROND_OPTIM_SCHEDULER_H

#include "optim/optim.h"

enum { FR_SCHEDULER_STATES = 3 };

/* Of one group. */
typedef struct {
    double base; /* what formulas start from; NaN: to be taken from the group at the next epoch */
    double last; /* what was set last */
    double next; /* scratch: what is about to be set */
} fr_rate;

typedef struct {
    const char *name;                        /* of the function that makes it, without fr_ */
    size_t size;                             /* of the struct that begins with an fr_scheduler */
    const char *states[FR_SCHEDULER_STATES]; /* names of what it counts besides epochs, if anything */
    /* The rate of group at epoch, where it is lr: at epoch 0 the one to begin from, else the last. NULL: step does it.
     */
    double (*rate)(const fr_scheduler *s, int64_t epoch, int group, double lr);
    void (*also)(fr_scheduler *s, int group);        /* what else to set in the group; may be NULL */
    bool (*step)(const char *what, fr_scheduler *s); /* NULL: rate, of the next epoch */
    bool wants_metric;
    void (*release)(fr_scheduler *s); /* may be NULL */
} fr_scheduler_kind;

struct fr_scheduler {
    const fr_scheduler_kind *kind;
    fr_optim *optim;    /* NULL once that was freed */
    fr_scheduler *next; /* of the optimiser's */
    bool is_part;       /* of a sequential one, which owns it */
    int64_t epoch;      /* -1: has not begun */
    size_t groups;      /* those that settings were given for one by one; 0: any number */
    fr_rate *rates;     /* of each group */
    double states[FR_SCHEDULER_STATES];
    double *settings; /* what it was made with */
    int setting_count;
};

/* A scheduler of o with these settings, copied, in o's list; nothing set yet. NULL with an error. */
fr_scheduler *fr_scheduler_new(const fr_scheduler_kind *kind, fr_optim *o, const double *settings, int count);
/* Ends the making of s: sets what epoch 0 has. Gives s, or NULL with s freed. */
fr_scheduler *fr_scheduler_begin(fr_scheduler *s);
/* The same for a kind whose only part is its formula, in the function that makes it. */
fr_scheduler *fr_scheduler_make(const fr_scheduler_kind *kind, fr_optim *o, const double *settings, int count);

/* What the rate of an epoch is computed from: at hand, what the scheduler began with, what the group began with. */
typedef enum { FR_FROM_NOW, FR_FROM_BASE, FR_FROM_INITIAL } fr_rate_from;

/* Sets rates and whatever else the kind sets as they are at epoch. On failure nothing has changed. */
bool fr_scheduler_move(const char *what, fr_scheduler *s, int64_t epoch, fr_rate_from from);
/* Notes the rates of all groups as those that s set last. */
void fr_scheduler_note(fr_scheduler *s);
/* Whether s may be stepped: it is no part of another and its optimiser is there; and has the groups it was made for. */
bool fr_scheduler_check(const char *what, const fr_scheduler *s);
bool fr_scheduler_check_groups(const char *what, const fr_scheduler *s);
/* s and, if it has any, its parts; NULL is fine. */
void fr_scheduler_destroy(fr_scheduler *s);

/* Whether a count or a number lies in a range that has both ends; fails otherwise. */
bool fr_check_count(const char *what, const char *name, int64_t value, int64_t least);
bool fr_check_between(const char *what, const char *name, double value, double least, double most);

/* Settings of a group, where the last `width` repeat once for each, or stand there once for all. */
const double *fr_scheduler_of_group(const fr_scheduler *s, int group, int first, int width);

/* --- For the optimiser: false without error where memory runs out ------------------------------------------------- */

bool fr_schedulers_make_room(fr_optim *o, size_t groups);
void fr_schedulers_let_go(fr_optim *o); /* o is about to be freed */

#endif
