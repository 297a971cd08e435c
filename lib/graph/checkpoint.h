/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Checkpoints, for backward.c. */
#ifndef FROND_GRAPH_CHECKPOINT_H
#define FROND_GRAPH_CHECKPOINT_H

#include "graph/node.h"

extern const fr_op fr_checkpoint_op;

/* What the checkpoint's function gives when it is run again, recorded, on the saved inputs: held by the open scope,
 * with a history that leads to those inputs and to all else that the function took from elsewhere. NULL with an error.
 */
fr_tensor *fr_checkpoint_run_again(const char *what, fr_thread *th, const fr_node *node);

#endif
