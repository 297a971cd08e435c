/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Traces: lists of the ops that a thread runs, for code that counts them or writes them in another language. */
#ifndef FROND_GRAPH_TRACE_H
#define FROND_GRAPH_TRACE_H

#include "core/recorder.h"
#include "graph/node.h"

/* One call of an op. Tensors are held, so an address stands for one value as long as the trace lives.
 *
 * A trace of everything has two more kinds of steps. One is the backward_kernel of an op: then in[] holds the inputs,
 * the outputs and the gradients of the outputs, one after the other, NULL where they are not saved or not there, and
 * out[] the gradients of the inputs, NULL where none is wanted. (Such a trace has neither aliases nor runs.) The other
 * is an action, without op; in[] and out[] are then what it reads and writes. */
typedef struct {
    const fr_op *op;
    bool backward, recording; /* recording: as in fr_op_call */
    fr_action action;
    fr_site site;                /* of the call in the user's source */
    void *attributes;            /* a copy of op->attributes_size bytes; NULL: none */
    fr_module_path *module_path; /* of the module at work; NULL outside of any */
    int inputs, outputs;
    fr_shape *shapes;  /* backward: of the inputs of the op, saved or not; else NULL */
    unsigned *version; /* of the storage of each output when it was made */
    fr_tensor **in;    /* NULL: an optional input was left out. A detached tensor is replaced by its source */
    fr_tensor **out;   /* with whole_backwards also internal outputs; NULL: a gradient that is not wanted */
} fr_step;

/* A module has run and returned result. */
typedef struct {
    fr_module_path *module_path;
    fr_tensor *result;
} fr_module_run;

typedef struct fr_trace {
    fr_step *steps; /* in the order in which they ran */
    size_t count, capacity;
    fr_module_run *runs; /* in the order in which they ended */
    size_t run_count, run_capacity;
    struct fr_alias *aliases;
    size_t alias_count, alias_capacity;
    struct fr_trace *outer;
    bool whole_backwards; /* the backward of an op with a c_backward, or that cannot be computed in ops, is one step */
    bool failed;
    fr_recorder recorder; /* of a trace of everything */
} fr_trace;

/* From here to fr_trace_end each op of this thread is noted in t, whether it is recorded or not. Traces nest; only the
 * innermost one takes notes. */
void fr_trace_begin(fr_thread *th, fr_trace *t);
/* The same for a trace of everything. While it is the innermost one, values may not be looked at. */
void fr_trace_begin_all(fr_thread *th, fr_trace *t);
/* Ends t; must be called even if what was traced failed. False, with an error, if memory ran out. */
bool fr_trace_stop(fr_thread *th, const char *what, fr_trace *t);
/* The same, and also an error if a result was changed in place: a list of ops cannot say that. */
bool fr_trace_end(fr_thread *th, const char *what, fr_trace *t);
void fr_trace_free(fr_trace *t);
/* What a step holds, not s itself. */
void fr_step_free(fr_step *s);
/* The step among the first `before` that made value, as its output *output; NULL: none did. */
const fr_step *fr_trace_maker(const fr_trace *t, size_t before, const fr_tensor *value, int *output);

/* Actions of backward: into += from; leaf's gradient += from, or is from where there was none. */
bool fr_add_values(const fr_action *a);
bool fr_accumulate_gradient(const fr_action *a);

/* A step with an op as a call of it, forward or backward: all that the step holds; out and needs are NULL. */
fr_op_call fr_step_as_call(const fr_step *s);

/* For apply.c: call is done. For fr_detach: view is t. For modules: the one at path returned t. These callers look
 * first whether there is a trace. */
void fr_trace_note(fr_thread *th, const fr_op_call *call);
void fr_trace_alias(fr_thread *th, fr_tensor *view, fr_tensor *t);
void fr_trace_result(fr_thread *th, fr_module_path *path, fr_tensor *t);

/* --- trace_backward.c --------------------------------------------------------------------------------------------- */

/* For backward.c, where there is a recorder: the backward_kernel of call has run. */
void fr_trace_note_backward(fr_thread *th, const fr_op_call *call);

/* The others are for a trace with whole_backwards. */

/* True if the backward of op is to be noted as one step, with the gradients of its backward_kernel. */
bool fr_trace_takes_backward(const fr_thread *th, const fr_op *op);
/* Notes it: call is that of the kernel, grad_out are the gradients of node's outputs as they came (NULL: none did). */
void fr_trace_backward(fr_thread *th, const fr_node *node, const fr_op_call *call, fr_tensor *const *grad_out);
/* saved stands for t, as a detached tensor does: what backward reads is known by the result of the forward. The callers
 * look first whether there is a trace. */
void fr_trace_saved(fr_thread *th, fr_tensor *saved, fr_tensor *t);

#endif
