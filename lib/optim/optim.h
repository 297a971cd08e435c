/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What an optimiser is made of. optim.c and step.c do for all of them what does not depend on the rule: they hold
 * parameters, their groups and state, walk them and make the public functions; training/ saves them. A new one is a
 * file with its fr_optim_kind and the function that makes it, its prototype, and its line in fragment.am. */
#ifndef FROND_OPTIM_OPTIM_H
#define FROND_OPTIM_OPTIM_H

#include "kernels/cpu.h"
#include "core/options.h"
#include "core/tensor.h"
#include "core/thread.h"

#include <frond/optim.h>
#include <math.h>

enum { FR_OPTIM_STATES = 3, FR_OPTIM_WHY = 160 };

/* A step's work on one parameter, or on a part of it: n values of it, of its gradient and of each state, all of one
 * dtype and without gaps. */
typedef struct {
    const void *options; /* of the parameter's group, defaults filled in */
    int64_t step;        /* of this parameter: 1, 2, ... */
    unsigned fresh;      /* bit k: state k is used for the first time; it holds zeros */
    fr_dtype dtype;
    int64_t n;
    void *p;
    const void *g;
    void *state[FR_OPTIM_STATES]; /* NULL where the options do without */
} fr_optim_update;

/* a b, rounded: compilers may fuse a plain product with the addition that it stands in, where PyTorch rounds both. */
#define FR_ROUNDED_PRODUCT(FMA, a, b) FMA(a, b, 0)

/* A field of the options struct: a double in [0, below), or a flag. */
typedef struct {
    const char *name;
    size_t offset;
    double otherwise; /* its default */
    double below;
    bool flag;
} fr_optim_option;

/* Entries of a table of them, which ends in one without a name. */
#define FR_OPTIM_NUMBER(type, field, otherwise, below)                                                                 \
    {                                                                                                                  \
#field, offsetof(type, field), otherwise, below, false                                                         \
    }
#define FR_OPTIM_FLAG(type, field)                                                                                     \
    {                                                                                                                  \
#field, offsetof(type, field), 0, 2, true                                                                      \
    }

typedef struct {
    const char *name;                      /* of the function that makes it, without fr_ */
    const char *states[FR_OPTIM_STATES];   /* their names in PyTorch, and in files */
    const fr_optim_option *options;        /* lr first */
    size_t size, reserved;                 /* of the options struct, and where its reserved fields are */
    unsigned (*uses)(const void *options); /* bit k: state k is needed */
    bool (*agree)(const void *options, char why[FR_OPTIM_WHY]); /* whether they do; NULL: always */
    void (*update)(const fr_optim_update *u);
} fr_optim_kind;

typedef struct {
    fr_tensor *parameter;
    fr_tensor *copy;                   /* its values without gaps, of a parameter that has them; else NULL */
    fr_tensor *state[FR_OPTIM_STATES]; /* each made by the first step that needs it */
    unsigned fresh;                    /* bit k: state k has been made, but no step taken with it */
    int64_t steps;                     /* so far */
    int group;
    char *name;
} fr_optim_slot;

typedef struct {
    void *options;     /* defaults filled in */
    double initial_lr; /* when its first scheduler was made; NaN: none was */
} fr_optim_group;

struct fr_optim {
    const fr_optim_kind *kind;
    fr_optim_slot *slots;
    fr_optim_group *groups;
    size_t count, capacity, group_count, group_capacity;
    fr_scheduler *schedulers; /* in order of creation */
};

/* What the public function that makes this kind does. */
fr_optim *fr_optim_make(const fr_optim_kind *kind, fr_module *m, const void *options);

const fr_optim_option *fr_optim_find_option(const fr_optim_kind *kind, const char *name); /* NULL if there is none */
void fr_option_write(void *options, const fr_optim_option *option, double value);         /* one that is known to fit */
double fr_optim_read(const fr_optim *o, int group, const fr_optim_option *option);
void fr_optim_write(fr_optim *o, int group, const fr_optim_option *option, double value);
bool fr_optim_fits(const fr_optim_option *option, double value);
double fr_optim_read_lr(const fr_optim *o, int group);
void fr_optim_write_lr(fr_optim *o, int group, double lr);
/* Whether o has that group; fails otherwise. */
bool fr_optim_check_group(const char *what, const fr_optim *o, int group);

#endif
