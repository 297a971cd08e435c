/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The group of this thread, and what its ranks do together. A function that all ranks call begins with fr_meet: there
 * they find out whether all are in the same function, with the same sizes, before any data goes. */
#ifndef FROND_DISTRIBUTED_GROUP_H
#define FROND_DISTRIBUTED_GROUP_H

#include "core/thread.h"

#include <frond/process_group.h>
#include <frond/transport.h>

/* Exchanges and gathers of different kinds overlap, so each has a channel. A sum has two: the one it is given and
 * the next. */
enum { FR_MEETINGS, FR_VALUES, FR_GRADIENTS = FR_VALUES + 2 };

typedef enum {
    FR_MEET_BARRIER,
    FR_MEET_FINALIZE,
    FR_MEET_VALUES,
    FR_MEET_TENSOR,
    FR_MEET_BROADCAST,
    FR_MEET_OPTIM,
    FR_MEET_BACKWARD
} fr_meeting_kind;

/* What each rank tells the others. */
typedef struct {
    uint64_t kind;
    uint64_t fingerprint; /* of what must be the same on all ranks */
    uint64_t lacking;     /* backward: how many parameters have no gradient here */
    uint64_t not_finite;  /* backward: whether the gradient that all look at is not finite here */
} fr_meeting;

typedef struct fr_process_group {
    fr_transport *transport;
    double timeout;   /* seconds */
    fr_meeting *told; /* by each rank at the last meeting; then what this one tells */
    bool broken;      /* it failed: ranks may be in different places */
    bool abandoned;   /* a request that was waited for is still under way: what it reads and writes stays */
    int refs;         /* one for the thread while it is in the group, one for each fr_averaging */
    int averagings;   /* made so far */
} fr_process_group;

/* False with an error if the group of th failed before. True also where there is none. */
bool fr_group_is_whole(const char *what, const fr_thread *th);
void fr_group_unref(fr_process_group *g);
/* Tells all ranks and waits for what they tell, which is in g->told. False with an error if one is elsewhere or has
 * another fingerprint. differs: what is wrong then, "the numbers of values differ". */
bool fr_meet(const char *what, fr_process_group *g, const fr_meeting *mine, const char *differs);
/* Waits for the request. False with an error, and the group is broken. */
bool fr_group_wait(const char *what, fr_process_group *g, void *request);
/* The same for a request that could not be started or has failed. */
bool fr_group_fail(const char *what, fr_process_group *g);

/* hash = the hash of bytes that follow those of hash; begins with FR_FINGERPRINT (FNV-1a, 64 bits). */
#define FR_FINGERPRINT 0xcbf29ce484222325U
uint64_t fr_fingerprint(uint64_t hash, const void *bytes, size_t n);

#endif
