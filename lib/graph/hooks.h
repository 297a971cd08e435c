/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Gradient hooks, for those that put them on and for backward.c. */
#ifndef FROND_GRAPH_HOOKS_H
#define FROND_GRAPH_HOOKS_H

#include "graph/node.h"

/* As fr_on_gradient, of a t that wants a gradient; release(user) is called when the hook goes. */
bool fr_hook_add(const char *what, fr_tensor *t, fr_gradient_hook *call, void *user, void (*release)(void *user));
/* Frees those taken off that are not being called. */
void fr_hooks_sweep(fr_hook **list);

#endif
