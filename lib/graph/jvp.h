/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Forward mode, for apply.c and for functions that differentiate by it. */
#ifndef FROND_GRAPH_JVP_H
#define FROND_GRAPH_JVP_H

#include "graph/node.h"

/* True if an input of the call has a tangent of a level that ops carry tangents for. */
bool fr_has_tangents(const fr_thread *th, const fr_op_call *call);
/* Gives the results of a call their tangents of all these levels. The call has run, and has been recorded if it is to
 * be.
 */
bool fr_carry_tangents(fr_thread *th, fr_op_call *call);

/* Checks the arguments of a public function that takes a function of n tensors: none is NULL, n >= 1. */
bool fr_check_function(const char *what, fr_function *f, fr_tensor *const *xs, int n);
/* True if v has x's shape and dtype; fails otherwise, naming both. kind: "tangent". */
bool fr_check_like(const char *what, const char *kind, int i, const fr_tensor *v, const fr_tensor *x);
/* f's result, or NULL with an error. */
fr_tensor *fr_call_function(const char *what, fr_function *f, fr_tensor *const *xs, void *user);
/* Begins a level and sets the tangents that are not NULL; xs are views of the caller's own. */
fr_level *fr_level_begin_at(fr_thread *th, const char *what, fr_tensor *const *xs, fr_tensor *const *tangents, int n);
/* t's tangent of level; zeros if it has none. */
fr_tensor *fr_tangent_or_zeros(const fr_tensor *t, const fr_level *level);

#endif
