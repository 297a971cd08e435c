/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What errors call the inputs of an op. */
#ifndef FROND_GRAPH_ARGUMENT_NAME_H
#define FROND_GRAPH_ARGUMENT_NAME_H

#include <frond/op.h>

/* A public op function without fr_, and the names of its tensors, "x weight bias"; "ts[]" is an array of them. */
typedef struct {
    const char *function, *names;
} fr_argument_names;

/* All functions of <frond/ops.h>, then one without a name. It stands in argument_table.c, which
 * tools/argument_names.awk makes from the header. */
extern const fr_argument_names fr_argument_table[];

enum { FR_ARGUMENT_TEXT = 64 };
/* Returns text: "bias", or "ts[1]"; "input 1" for an op of a user that does not name its inputs. */
const char *fr_argument_name(const fr_op *op, int input, char text[FR_ARGUMENT_TEXT]);

#endif
