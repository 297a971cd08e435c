/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What a tensor was made of: all recorded nodes behind it and their leaves, for those who describe a graph. */
#ifndef FROND_GRAPH_MADE_OF_H
#define FROND_GRAPH_MADE_OF_H

#include "core/hash_table.h"
#include "graph/node.h"

typedef struct {
    const fr_tensor *t;
    const fr_node **nodes; /* in the order in which they were made */
    size_t node_count, node_capacity;
    const fr_tensor **leaves; /* in the order in which nodes read them */
    size_t leaf_count, leaf_capacity;
    fr_table places; /* of nodes and leaves: index + 1 */
} fr_made_of;

/* Fills m; false, with m to be freed all the same: out of memory. */
bool fr_made_of_find(fr_made_of *m, const fr_tensor *t);
void fr_made_of_free(fr_made_of *m);
size_t fr_made_of_index(const fr_made_of *m, const void *node_or_leaf);
/* Whether a backward has let go of what it needs. */
bool fr_made_of_is_walked(const fr_made_of *m);

/* Values of up to FR_FEW_VALUES elements: "2" of a scalar, else "[1, 2]"; "" of more and for NULL. Returns text. */
enum { FR_FEW_VALUES = 6, FR_VALUES_TEXT = 128 };
const char *fr_values_text(const fr_tensor *t, char text[FR_VALUES_TEXT]);

#endif
