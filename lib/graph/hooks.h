/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Gradient hooks inside the library. */
#ifndef FROND_GRAPH_HOOKS_H
#define FROND_GRAPH_HOOKS_H

#include "graph/node.h"

/* fr_on_gradient for a t that is known to want a gradient. release(user) is called when the hook is freed. */
bool fr_hook_add(const char *what, fr_tensor *t, fr_gradient_hook *call, void *user, void (*release)(void *user));
/* Frees the hooks of the list that were removed and are not being called. */
void fr_hooks_sweep(fr_hook **list);

#endif
