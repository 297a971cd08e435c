/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Checkpoints, for backward.c. */
#ifndef FROND_GRAPH_CHECKPOINT_H
#define FROND_GRAPH_CHECKPOINT_H

#include "graph/node.h"

extern const fr_op fr_checkpoint_op;

/* Runs the checkpoint's function again, recorded, on the saved inputs. Its result is held by the open scope; its
 * history leads to those inputs and to everything else that the function used. NULL with an error. */
fr_tensor *fr_checkpoint_run_again(const char *what, fr_thread *th, const fr_node *node);

#endif
