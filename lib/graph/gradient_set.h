/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Leaves whose gradients somebody changes together before fr_backward accumulates them: lib/distributed, which takes
 * their means over processes. */
#ifndef FROND_GRAPH_GRADIENT_SET_H
#define FROND_GRAPH_GRADIENT_SET_H

#include "core/thread.h"
#include "core/tensor.h"

typedef struct fr_gradient_set fr_gradient_set;
struct fr_gradient_set {
    int n;
    fr_tensor **leaves;
    fr_tensor **gradients; /* room for n; within a pass: what has come to each leaf, contiguous; NULL: nothing has */
    /* A pass reaches the first of the leaves. False with an error. */
    bool (*begin)(fr_gradient_set *s, const char *what);
    /* gradients[i] is complete. It may be looked at, and changed in `finish`. False with an error. */
    bool (*ready)(fr_gradient_set *s, const char *what, int i);
    /* The walk is over: the last change of gradients before they are accumulated. False with an error: then no leaf
     * accumulates anything. */
    bool (*finish)(fr_gradient_set *s, const char *what);
    /* The pass is over, but for accumulating. ok: it went well, for all sets; now leaves may be changed otherwise. */
    void (*end)(fr_gradient_set *s, bool ok);
    int number;            /* of several sets that with lower numbers finishes first */
    fr_gradient_set *next; /* that the pass has met */
};

/* Makes the set's leaves know it; from then on it must lie where it is until fr_gradient_set_detach. False with an
 * error and nothing changed. */
bool fr_gradient_set_attach(const char *what, fr_gradient_set *s);
void fr_gradient_set_detach(fr_gradient_set *s);

/* --- For the pass ------------------------------------------------------------------------------------------------- */

/* The gradient of a leaf is complete: tells its sets, and lists in `met` those that are new. False with an error. */
bool fr_gradient_sets_note(const char *what, fr_gradient_set **met, const fr_tensor *leaf, fr_tensor *gradient);
/* Ends the pass for all sets in the list; ok: the walk went well. False if it did not, or with an error. */
bool fr_gradient_sets_finish(const char *what, fr_gradient_set *met, bool ok);

#endif
