/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What this thread computes, op by op, for those who count it or write it down in another language. */
#ifndef FROND_GRAPH_TRACE_H
#define FROND_GRAPH_TRACE_H

#include "graph/node.h"

/* One run of an op. Tensors are held, so that one address is one value for as long as the trace lives. */
typedef struct {
    const fr_op *op;
    void *attributes; /* a copy, op->attributes_size bytes; NULL: none were given */
    fr_place *place;  /* of the module at work; NULL outside of any */
    int inputs, outputs;
    unsigned *version; /* of the storage of each output when it was made */
    fr_tensor **in;    /* NULL where an optional input was left out; a detached tensor is the one it was taken of */
    fr_tensor **out;   /* those handed out */
} fr_step;

/* A module has run: where it stands, and what it gave. */
typedef struct {
    fr_place *place;
    fr_tensor *result;
} fr_module_run;

typedef struct fr_trace {
    fr_step *steps; /* in order: what a step reads was made before, by a step or by none */
    size_t count, capacity;
    fr_module_run *runs; /* in the order in which they ended */
    size_t run_count, run_capacity;
    struct fr_alias *aliases;
    size_t alias_count, alias_capacity;
    struct fr_trace *outer;
    bool failed;
} fr_trace;

/* From here to fr_trace_end each op of this thread is noted in t, whether it is recorded or not. Traces nest: the
 * innermost alone is written. */
void fr_trace_begin(fr_thread *th, fr_trace *t);
/* False, with an error named after what: memory ran out. To be called also where what was traced failed. */
bool fr_trace_stop(fr_thread *th, const char *what, fr_trace *t);
/* The same, and an error also where a result was changed in place, which no list of ops says. */
bool fr_trace_end(fr_thread *th, const char *what, fr_trace *t);
void fr_trace_free(fr_trace *t);
/* Which of the first `before` steps made value, as its *output; NULL: none did. */
const fr_step *fr_trace_maker(const fr_trace *t, size_t before, const fr_tensor *value, int *output);

/* For apply.c: call is done. For fr_detach: view is t. For modules: the one at place gave t. All ask th->trace first.
 */
void fr_trace_note(fr_thread *th, const fr_op_call *call);
void fr_trace_alias(fr_thread *th, fr_tensor *view, fr_tensor *t);
void fr_trace_result(fr_thread *th, fr_place *place, fr_tensor *t);

#endif
