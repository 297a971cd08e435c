/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Sums over ranks, in their order, so that a sum has the same bits on each rank and in each run. */
#ifndef FROND_DISTRIBUTED_RANK_SUM_H
#define FROND_DISTRIBUTED_RANK_SUM_H

#include "distributed/group.h"

/* A sum that goes on beside other work. Of few values each rank gathers those of all ranks and sums them. Of many
 * each rank gets a slice from all ranks, sums it, and gives it to all: what it sends and receives is then twice the
 * values, for any number of ranks. */
typedef struct {
    fr_process_group *group;
    int channel; /* and the next: the second parts go there */
    fr_dtype dtype;
    int64_t n, slice; /* values; those of a slice: size x slice >= n */
    bool first;       /* rank 0's values instead of sums */
    char *values;     /* size x slice: this rank's, which become the sums */
    char *room;       /* for what comes from the others */
    size_t room_bytes;
    bool exchanging; /* many values: they are in the first part */
    void *request;   /* under way; NULL: none */
} fr_rank_sum;

/* How many values there must be room for in r->values, where the sum is of n. */
int64_t fr_rank_sum_padded(const fr_process_group *g, int64_t n);
/* Allocates the room; the caller has filled in the fields before it. False with an error. */
bool fr_rank_sum_prepare(const char *what, fr_rank_sum *r);
/* After a failure: whether nothing of it is under way any more, so that its memory may be freed. */
bool fr_rank_sum_is_over(fr_rank_sum *r);
void fr_rank_sum_free(fr_rank_sum *r);

/* Starts it. r->values may not change until it is over. False with an error. */
bool fr_rank_sum_start(const char *what, fr_rank_sum *r);
/* Starts the second part if the first is over. True if r is past the first part. The sums on a channel go in the
 * same order on all ranks: r may be asked when those before it are past theirs. *ok becomes false with an error. */
bool fr_rank_sum_advance(const char *what, fr_rank_sum *r, bool *ok);
/* Waits until it is over. False with an error. */
bool fr_rank_sum_finish(const char *what, fr_rank_sum *r);

/* A whole sum of n values, in place. first: they become rank 0's. False with an error. */
bool fr_reduce(const char *what, fr_process_group *g, fr_dtype dtype, int64_t n, void *values, bool first);

#endif
