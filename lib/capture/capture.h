/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Captured functions. One run of the function is traced, with everything that it does to values (fr_trace_begin_all). A
 * replay does the steps of that trace again, in the same memory. What happens to a trace, in this order:
 *
 *     capture.c        the public functions; finds the replay for the inputs at hand, or has one made
 *     record.c         runs the function, traced; finds out which memory belongs to the trace alone
 *     parts.c          gradients of slices are added where they belong
 *     analyse.c        which steps are constant, and which nobody reads
 *     fuse.c           which neighbouring steps run together, a few values at a time
 *     place.c          where each result lies: those needed at different times share memory
 *     instructions.c   the steps that are left, ready to run
 *     replay.c         runs them */
#ifndef FROND_CAPTURE_CAPTURE_H
#define FROND_CAPTURE_CAPTURE_H

#include "core/hash_table.h"
#include "graph/trace.h"
#include "ops/pointwise/pointwise.h"

#include <frond/capture.h>

/* A storage that steps read or write. */
typedef struct {
    const fr_storage *storage; /* as it was when captured; it may be gone */
    int64_t bytes;
    bool outside;       /* others have it too, or will: it stays where it is, and what is written there is wanted */
    bool gradient;      /* a leaf's */
    bool constant;      /* written once and for all, when it was captured */
    bool read;          /* so far, by a step that runs again */
    bool noted;         /* a step writes it, or it was made as a constant */
    bool written;       /* by the group that is being formed, ... */
    char *origin;       /* ... all of which uses it from here on */
    bool wanted;        /* a live step reads it, or it is outside */
    fr_tensor *moved;   /* one of its tensors that lies in the arena by now */
    int64_t tensors;    /* of the trace, over it */
    size_t first, last; /* the first step that writes it and the last one that uses it, of those that are live */
    size_t group;       /* if one group alone uses it: its first step; else SIZE_MAX */
    int64_t offset;     /* in the arena, or in the group's scratch memory; -1: it lies in neither */
} fr_store;

/* A tensor that steps use. */
typedef struct {
    fr_tensor *tensor;
    size_t store; /* its index */
} fr_held_tensor;

/* What is known of a step of the trace. */
typedef struct {
    bool dropped; /* constant, unread, or a view: does not run again */
    bool constant;
    fr_rows rows;    /* if it runs on rows of values */
    int64_t numel;   /* of the result of such a step; 0: it is none */
    size_t group;    /* the first step of its group, if it runs together with others; else SIZE_MAX */
    size_t last;     /* of the first step of a group: the group's last step */
    int64_t scratch; /* the same: bytes of scratch memory */
} fr_step_info;

/* A value or values of a fused step: `step` bytes from one to the next, 0 for a number that serves all. */
typedef struct {
    char *base;      /* or, in scratch memory, NULL */
    int64_t scratch; /* the offset there, in bytes */
    int64_t step;
} fr_operand;

typedef struct {
    fr_rows rows;          /* none of them: y += a */
    fr_operand a, b, c, y; /* unary: a -> y; binary: a, b -> y; gradient: a, input b, result c -> y */
    fr_dtype dtype;
} fr_fused;

typedef enum { FR_RUN_FORWARD, FR_RUN_BACKWARD, FR_RUN_ACTION, FR_RUN_FUSED } fr_instruction_kind;

typedef struct {
    fr_instruction_kind kind;
    const fr_step *step;
    fr_op_call call; /* forward and backward */
    void *block;     /* the call's arrays, or the fused steps */
    bool infer;      /* forward: infer looks at values */
    int64_t numel;   /* fused: values; */
    int64_t count;   /* how many steps; */
    int64_t scratch; /* bytes, for a block of all results that no other step reads */
} fr_instruction;

enum {
    FR_FUSED_BLOCK = 1 << 10,  /* values, */
    FR_GROUP_SCRATCH = 1 << 16 /* bytes, at most */
};

/* A step that adds to a leaf's gradient without dropping it before, the first one. */
typedef struct {
    size_t step;
    bool own; /* the leaf was made in the function: each run begins without a gradient */
} fr_gradient_sum;

/* A replay for inputs of certain sizes and dtypes. */
typedef struct fr_replay {
    struct fr_replay *next;
    bool orphan; /* its captured function was released before it was ready */
    int scopes;  /* that were open before it was recorded */
    int n;
    fr_tensor **xs; /* the function's own inputs */
    fr_tensor *y;
    fr_trace trace;
    fr_step_info *info; /* [trace.count] */
    fr_store *stores;
    size_t store_count, store_capacity;
    fr_held_tensor *tensors;
    size_t tensor_count, tensor_capacity;
    fr_table by_storage; /* maps a fr_storage to 1 + its index */
    fr_tensor *arena;
    fr_instruction *instructions;
    size_t count;
    fr_gradient_sum *sums;
    size_t sum_count;
    fr_captured_report report;
} fr_replay;

void fr_replay_analyse(fr_replay *r);
/* These return false with an error. */
bool fr_replay_record(fr_thread *th, fr_replay *r, fr_function *f, void *user, fr_tensor *const *xs);
bool fr_join_parts(fr_trace *t);
bool fr_replay_fuse(fr_replay *r, bool fuse); /* fuse false: without groups */
bool fr_replay_place(fr_replay *r);
bool fr_replay_build(fr_replay *r);
bool fr_replay_run(fr_thread *th, fr_replay *r, fr_tensor *const *xs);
void fr_replay_free(fr_replay *r);

/* Values of a block of a group whose steps have numel. */
static inline int64_t fr_block_of(int64_t numel)
{
    return numel < FR_FUSED_BLOCK ? numel : FR_FUSED_BLOCK;
}

/* Fails where s stands; format has the name of its op and t's shape. */
bool fr_step_fail(const fr_step *s, const char *format, const fr_tensor *t);
fr_store *fr_store_of(const fr_replay *r, const fr_tensor *t);
/* The call of a step, forward or backward, with arrays in *block, which the caller frees. False: out of memory. */
bool fr_step_call(const fr_step *s, fr_op_call *call, void **block);
/* Calls visit for each tensor that step s reads (write false) or writes. */
typedef void fr_visit(fr_replay *r, size_t step, fr_tensor *t, bool write);
void fr_step_visit(fr_replay *r, size_t step, fr_visit *visit);

#endif
