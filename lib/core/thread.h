/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The state of this thread. */
#ifndef FROND_CORE_THREAD_H
#define FROND_CORE_THREAD_H

#include "core/error.h"
#include "core/memory.h"
#include "core/module_path.h"
#include "core/scope.h"
#include "core/tangent.h"

typedef struct fr_node fr_node;

/* A thread's changes to the numbers of live tensors and bytes that the process's counts may not know yet. */
enum { FR_UNCOUNTED_TENSORS = 64, FR_UNCOUNTED_BYTES = 4096 };

struct fr_thread {
    bool registered; /* memory.c: what it keeps is freed when the thread ends */
    /* tensor.c: what the process's counts have not been told yet. */
    int64_t counted_tensors, counted_bytes;
    /* scope.c: tensors held by the open scopes, innermost last, and those scopes. */
    struct fr_held *held;
    size_t held_count, held_capacity;
    struct fr_scope *scopes;
    int scope_count, scope_capacity;
    /* error.c */
    int defer;    /* > 0: the handler waits */
    bool pending; /* ... and has something to report */
    bool has_message;
    bool returned;     /* a failure was returned to the caller, who may pass its NULL on, and was not cleared */
    unsigned failures; /* so far */
    /* graph */
    bool no_grad;
    uint64_t clock; /* Lamport clock of recorded nodes */
    fr_node *dying; /* nodes to be freed when the one being freed is done */
    bool freeing;
    struct fr_level *level, *open_levels; /* forward mode: the innermost that ops carry tangents for; all open ones */
    bool probing, probe_found; /* checkpoint.c: though nothing is recorded, note whether anything would have been */
    bool anomaly;              /* fr_detect_anomaly; */
    bool in_backward;          /* ... but of the ops in a node's backward only what they lead to is looked at */
    struct fr_place *place;    /* of the module at work, whose it is; NULL: none */
    struct fr_trace *trace;    /* graph/trace.c: where ops are noted, or NULL */
    struct fr_growth *growth;  /* growth.c; NULL until the first backward */
    void (*free_growth)(struct fr_thread *);
    int64_t nodes, fewest_nodes; /* recorded here less freed here; the least since the last backward */
    /* error.c: calls written with the macros of <frond.h> that have not been entered, outermost first; and the one
     * that is running, to which those from site.outer on belong. */
    int site_count;
    fr_site site;
    fr_site sites[FR_SITE_DEPTH];
    char message[FR_MESSAGE_SIZE], latest[FR_MESSAGE_SIZE];
    fr_block_cache cache;
};

/* Looked up many times an op. A pointer in the static part of thread-local storage is read at once, where the struct
 * itself is too large for that part. */
#ifdef __ELF__
#define FR_STATIC_TLS __attribute__((tls_model("initial-exec")))
#else
#define FR_STATIC_TLS
#endif
extern _Thread_local fr_thread *fr_current_thread FR_STATIC_TLS;
/* This thread's first look-up. Never NULL: it aborts if memory runs out. */
fr_thread *fr_thread_begin(void);

static inline fr_thread *fr_thread_self(void)
{
    return FR_LIKELY(fr_current_thread != NULL) ? fr_current_thread : fr_thread_begin();
}

void fr_count_flush(fr_thread *th); /* tells the process's counts what this thread has counted */

#endif
