/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Schedulers from inside. A rule, such as StepLR, is one file with an fr_scheduler_kind and the public function that
 * makes the scheduler; scheduler.c does the rest for all rules. What a scheduler was made with and what it counts are
 * plain numbers, so that checkpoint/ can save any kind.
 *
 * Most rules compute the next lr from the current one, as PyTorch's do: so the last bits agree, and the effects of
 * several schedulers of one optimiser multiply. */
#ifndef FROND_OPTIM_SCHEDULER_H
#define FROND_OPTIM_SCHEDULER_H

#include "optim/optim.h"

enum { FR_SCHEDULER_STATES = 3 };

/* The learning rates of one group. */
typedef struct {
    double base; /* what rules start from; NaN: the next epoch takes it from the group */
    double last; /* what the scheduler set last */
    double next; /* what it is about to set */
} fr_group_lr;

typedef struct {
    const char *name;                        /* of the function that makes it, without fr_ */
    size_t size;                             /* of its struct, which begins with an fr_scheduler */
    const char *states[FR_SCHEDULER_STATES]; /* names of what it counts besides epochs; NULL: no more */
    /* The group's lr at epoch. lr: at epoch 0 the one to start from, later the current one. NULL: step sets it. */
    double (*get_lr)(const fr_scheduler *s, int64_t epoch, int group, double lr);
    void (*set_momentum)(fr_scheduler *s, int group); /* NULL: it leaves momentum alone */
    bool (*step)(const char *what, fr_scheduler *s);  /* NULL: sets what get_lr gives for the next epoch */
    bool wants_metric;
    void (*release)(fr_scheduler *s); /* frees what the struct adds to fr_scheduler; NULL: nothing */
} fr_scheduler_kind;

struct fr_scheduler {
    fr_life life;
    const fr_scheduler_kind *kind;
    fr_optim *optim;    /* NULL once it was freed */
    fr_scheduler *next; /* in the optimiser's list */
    bool is_part;       /* a sequential_lr owns it */
    int64_t epoch;      /* -1: not begun */
    size_t groups;      /* the settings are for each of so many groups; 0: for all together */
    fr_group_lr *lrs;   /* one for each group */
    double states[FR_SCHEDULER_STATES];
    double *settings; /* what it was made with */
    int setting_count;
};

/* A scheduler with a copy of these settings, in o's list. It has set nothing yet. NULL with an error. */
fr_scheduler *fr_scheduler_new(const fr_scheduler_kind *kind, fr_optim *o, const double *settings, int count);
/* Sets the learning rates of epoch 0. Returns s; NULL, with s freed, on failure and for NULL. */
fr_scheduler *fr_scheduler_begin(fr_scheduler *s);
/* Both, for a kind whose struct is a plain fr_scheduler. */
fr_scheduler *fr_scheduler_make(const fr_scheduler_kind *kind, fr_optim *o, const double *settings, int count);

/* The lr that get_lr is given: the group's current one, the scheduler's base, or the group's when its first scheduler
 * was made. */
typedef enum { FR_LR_CURRENT, FR_LR_BASE, FR_LR_INITIAL } fr_lr_from;

/* Goes to epoch and sets what the kind has for it in all groups. On failure nothing has changed. */
bool fr_scheduler_set_epoch(const char *what, fr_scheduler *s, int64_t epoch, fr_lr_from from);
/* Notes the current learning rates as those that s set last. */
void fr_scheduler_note_lrs(fr_scheduler *s);
/* True if s may be stepped: it is not part of another, and its optimiser lives. Fails otherwise. */
bool fr_scheduler_check(const char *what, const fr_scheduler *s);
/* True if the optimiser has the groups that s was made for. Fails otherwise. */
bool fr_scheduler_check_groups(const char *what, const fr_scheduler *s);
/* Frees s and its parts. NULL is fine. */
void fr_scheduler_destroy(fr_scheduler *s);

/* True if value is at least `least`; in [least, most]; in (0, 1]. Fails otherwise, naming it. */
bool fr_check_count(const char *what, const char *name, int64_t value, int64_t least);
bool fr_check_between(const char *what, const char *name, double value, double least, double most);
bool fr_check_factor(const char *what, const char *name, double value);

/* The option that cycles opposite to the lr: beta1 or momentum. NULL: there is neither. */
const fr_optim_option *fr_scheduler_momentum(const fr_optim_kind *kind);
/* True if there is one. Fails otherwise. */
bool fr_scheduler_check_momentum(const char *what, const fr_optim *o);

/* The `width` settings of a group. Those from index `first` on are either `width` for each group, or `width` for all.
 */
const double *fr_scheduler_group_settings(const fr_scheduler *s, int group, int first, int width);

/* --- For the optimiser -------------------------------------------------------------------------------------------- */

/* Makes room for that many groups. False, without an error, if memory runs out. */
bool fr_schedulers_make_room(fr_optim *o, size_t groups);
/* Tells o's schedulers that o is about to be freed. */
void fr_schedulers_detach(fr_optim *o);

#endif
