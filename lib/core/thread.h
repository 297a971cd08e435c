/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The state of this thread. Each part belongs to the module whose header declares it.
 *
 * A public function looks the state up once (fr_thread_self) and passes it on. */
#ifndef FROND_CORE_THREAD_H
#define FROND_CORE_THREAD_H

#include "core/error.h"
#include "core/grad_mode.h"
#include "core/header_pool.h"
#include "core/live_counts.h"
#include "core/memory.h"
#include "core/module_path.h"
#include "core/scope.h"
#include "core/tangent.h"

struct fr_thread {
    struct fr_graph_state *graph;         /* lib/graph's part (graph/state.h), behind this struct in the same block */
    const char *no_gradient;              /* why the last fr_grad gave NULL, for errors; NULL: it gave a gradient */
    fr_module_path *module_path;          /* of the module whose forward is running; NULL: none. Borrowed from it */
    const struct fr_stand_ins *stand_ins; /* what ops take for other tensors; NULL: nothing */
    struct fr_trace *trace;               /* the innermost one, where ops are noted (graph/trace.h); NULL: none */
    struct fr_recorder *recorder;         /* hears of what is done beside ops (core/recorder.h); NULL: nobody does */
    struct fr_recorder *listener;         /* the same, but it forbids nothing; a recorder is asked before it */
    struct fr_process_group *group;       /* that this thread trains with (distributed/group.h); NULL: none */
    fr_levels levels;
    fr_scope_stack scopes;
    fr_live_counts uncounted;
    fr_grad_mode mode;
    fr_call_sites sites;
    fr_error_state errors;
    fr_header_pool headers;
    fr_block_cache cache;
};

/* Read many times an op. A pointer fits the static part of thread-local storage, which is read without a call; the
 * struct would be too large for it. */
#ifdef __ELF__
#define FR_STATIC_TLS __attribute__((tls_model("initial-exec")))
#else
#define FR_STATIC_TLS
#endif
extern _Thread_local fr_thread *fr_current_thread FR_STATIC_TLS;
/* Makes the state at this thread's first look-up. Never NULL: it aborts if memory runs out. */
fr_thread *fr_thread_begin(void);

static inline fr_thread *fr_thread_self(void)
{
    return FR_LIKELY(fr_current_thread != NULL) ? fr_current_thread : fr_thread_begin();
}

/* What lib/graph tells about its part, which core does not know: its size, filled with zeros at the start, and what is
 * to be done when the thread ends. */
typedef struct {
    size_t size;
    void (*end)(struct fr_graph_state *graph);
} fr_thread_part;
extern const fr_thread_part fr_graph_thread_part;

#endif
