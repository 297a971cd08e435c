/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Engines that carry bytes between the ranks of a group, for authors of one. libfrond-mpi has one for MPI. */
#ifndef FROND_TRANSPORT_H
#define FROND_TRANSPORT_H

#include <frond/error.h>

FR_BEGIN_DECLS

/* What a group asks of its engine. All calls come from the thread that began the group. Several requests may be under
 * way; on one channel all ranks start the same ones in the same order. */
enum { FR_CHANNELS = 5, FR_TRANSPORT_BYTES = 1 << 24 };
typedef struct fr_transport fr_transport;
struct fr_transport {
    int rank, size;
    /* Start a request: into gets `bytes` bytes from each rank, in the order of ranks. gather: all ranks get what this
     * rank has in from; exchange: rank r gets block r of the `size` blocks in from. bytes is at most
     * FR_TRANSPORT_BYTES, and from and into stay as they are until the request is done. NULL: it failed. */
    void *(*gather)(fr_transport *t, int channel, const void *from, void *into, size_t bytes);
    void *(*exchange)(fr_transport *t, int channel, const void *from, void *into, size_t bytes);
    int (*test)(fr_transport *t, void *request); /* 1: it is done, and freed; 0: not yet; -1: it failed */
    void (*end)(fr_transport *t);                /* frees t; no request is under way */
    void (*abort)(fr_transport *t);              /* ends the processes of all ranks, this one too */
    const char *error;                           /* why the last call failed, in the engine's words */
};

/* Begins a group in this thread; fr_distributed_finalize ends it, and the transport. timeout: how many seconds a rank
 * waits for others; 0: 1,800, as in PyTorch. False with an error, and t is still the caller's, if t->error is there,
 * which tells why the engine did not start; if the thread has a group already, if rank, size or a function of t make no
 * sense, or if timeout is below 0 or not finite. */
bool fr_distributed_begin(fr_transport *t, double timeout);

FR_END_DECLS
#endif
