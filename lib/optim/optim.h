/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Optimisers from inside. A rule, such as Adam, is one file with an fr_optim_kind and the public function that makes
 * the optimiser; its arithmetic is a kernel. optim.c and step.c do the rest for all rules: parameters, groups, options,
 * states, steps. checkpoint/ saves and loads them. */
#ifndef FROND_OPTIM_OPTIM_H
#define FROND_OPTIM_OPTIM_H

#include "core/options.h"
#include "core/tensor.h"
#include "core/thread.h"
#include "kernels/optim.h"

#include <frond/optim.h>
#include <math.h>

enum { FR_OPTIM_ERROR = 160 }; /* room for what fr_optim_kind.consistent writes */

/* A field of an options struct: a double in [0, limit); a bool; or an int64_t of 1 or more, where 0 is the default. */
typedef struct {
    const char *name;
    size_t offset;
    double default_value, limit;
    bool flag, count;
} fr_optim_option;

/* The first two members of an entry. A table of entries ends with { NULL }. */
#define FR_OPTIM_FIELD(type, field) .name = #field, .offset = offsetof(type, field)

typedef struct {
    const char *name;                    /* of the function that makes it, without fr_ */
    const char *states[FR_OPTIM_STATES]; /* their names in PyTorch and in checkpoints */
    const fr_optim_option *options;      /* lr is the first */
    size_t size;                         /* of the options struct */
    size_t reserved;                     /* the offset of its reserved fields */
    /* Bit k is set if these options need state k. */
    unsigned (*needed_states)(const void *options);
    /* False, with the reason in error, for options that exclude each other. NULL: none do. */
    bool (*consistent)(const void *options, char error[FR_OPTIM_ERROR]);
    void (*update)(const fr_optim_update *u);
    /* Instead of update, for a rule that calls the closure itself and sees all parameters, in one group, as a whole:
     * makes a step and returns the loss before it; NaN if it fails. */
    double (*step)(fr_optim *o, fr_closure *closure, void *user);
    /* True if such a rule can go on from these tensors of a checkpoint as o->shared. */
    bool (*check_shared)(const fr_optim *o, fr_tensor *const *shared, size_t count);
} fr_optim_kind;

/* A parameter and what the optimiser holds for it. */
typedef struct {
    fr_tensor *parameter;
    fr_tensor *copy;                   /* contiguous, if the parameter is not; else NULL */
    fr_tensor *state[FR_OPTIM_STATES]; /* each is made by the first step that needs it */
    unsigned fresh;                    /* bit k: state k was made, but no step has used it yet */
    int64_t steps;                     /* taken so far */
    int group;
    char *name;
} fr_optim_slot;

typedef struct {
    void *options;     /* with the defaults filled in */
    double initial_lr; /* lr when the group's first scheduler was made; NaN: there was none */
} fr_optim_group;

struct fr_optim {
    fr_life life;
    const fr_optim_kind *kind;
    fr_optim_slot *slots;
    fr_optim_group *groups;
    size_t count, capacity; /* of slots */
    size_t group_count, group_capacity;
    fr_scheduler *schedulers; /* a list, in order of creation */
    fr_tensor **shared;       /* state that belongs to all parameters together; a reference to each */
    size_t shared_count, shared_capacity;
    fr_tensor **buffers; /* of the modules that the parameters are from; a reference to each */
    size_t buffer_count, buffer_capacity;
    struct fr_averaging *averaging; /* of the gradients over processes (distributed/averaging.c); NULL: there is none */
    void (*end_averaging)(struct fr_averaging *a);
};

/* A new optimiser for all parameters of m, with a copy of options (NULL: the defaults). NULL with an error. */
fr_optim *fr_optim_make(const fr_optim_kind *kind, fr_module *m, const void *options);

/* Appends n tensors to o->shared. False with an error, and nothing changed. */
bool fr_optim_share(const char *what, fr_optim *o, fr_tensor *const *ts, int n);

/* --- step.c ------------------------------------------------------------------------------------------------------- */

/* Calls closure, in a scope of its own and recording unless no_grad, for the loss. False with an error. */
bool fr_call_closure(const char *what, fr_closure *closure, void *user, bool no_grad, double *loss);

/* --- options.c ---------------------------------------------------------------------------------------------------- */

/* Replaces zeros by the defaults and checks all options. False with an error. */
bool fr_optim_set_defaults(const fr_optim_kind *kind, void *options);
const fr_optim_option *fr_optim_find_option(const fr_optim_kind *kind, const char *name); /* NULL: there is none */
bool fr_option_is_valid(const fr_optim_option *option, double value);
/* These write without a check: value is valid. */
void fr_option_write(void *options, const fr_optim_option *option, double value);
void fr_optim_write(fr_optim *o, int group, const fr_optim_option *option, double value);
void fr_optim_write_lr(fr_optim *o, int group, double lr);
double fr_optim_read(const fr_optim *o, int group, const fr_optim_option *option);
double fr_optim_read_lr(const fr_optim *o, int group);
/* True if o has that group; fails otherwise. */
bool fr_optim_check_group(const char *what, const fr_optim *o, int group);

#endif
