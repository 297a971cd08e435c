/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Scopes inside the library; <frond/tensor.h> has what users see. */
#ifndef FROND_CORE_SCOPE_H
#define FROND_CORE_SCOPE_H

#include "core/call_site.h"

/* A part of fr_thread: the open scopes, innermost last, and the tensors that they hold. */
typedef struct {
    struct fr_held *held;
    size_t held_count, held_capacity;
    struct fr_scope *open;
    int count, capacity;
    const fr_site *ending; /* where the scope that is ending began; NULL: none is */
} fr_scope_stack;

/* Hands the caller's reference to the innermost scope and returns t. NULL passes through. If no scope is open it fails
 * and drops the reference. */
fr_tensor *fr_hold(const char *what, fr_tensor *t);
/* A reference to t for the caller. If t is among the last tensors given to the innermost scope, that scope's reference
 * is taken out of it; otherwise a new one is made. */
fr_tensor *fr_take(fr_thread *th, fr_tensor *t);
/* Frees the arrays of a thread that ends. */
void fr_scope_release(fr_scope_stack *s);

#endif
