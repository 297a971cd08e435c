/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What stands in a picture of a graph, for dot.c, which draws it. */
#ifndef FROND_GRAPH_PICTURE_H
#define FROND_GRAPH_PICTURE_H

#include "graph/made_of.h"

/* A tensor that no recorded op made. */
typedef struct {
    const fr_tensor *t; /* NULL: its values have been let go of */
    fr_shape shape;
    fr_dtype dtype;
    bool leaf;        /* a gradient is wanted */
    const char *name; /* in the options' module; borrowed from it; NULL: has none there */
    fr_place *place;  /* innermost module in which all ops are that read it; borrowed from their nodes; NULL: none */
    size_t reader;    /* index of the first of them */
} fr_picture_input;

typedef struct {
    fr_graph_dot_options o;
    fr_made_of m;
    size_t first;   /* nodes from here on are drawn */
    int64_t *steps; /* of each of those: as how many it is drawn; 0: as one */
    fr_picture_input *inputs;
    size_t input_count, input_capacity;
    fr_table input_places; /* from tensor or, where that is not known, edge: index + 1 */
    fr_table names;        /* from tensors */
    fr_table gradients;    /* from nodes and leaves: text, by malloc */
} fr_picture;

/* Fills p, of which o is set; false, with an error named after what and p to be freed all the same. */
bool fr_picture_take(const char *what, fr_picture *p, fr_tensor *t);
void fr_picture_free(fr_picture *p);

/* What e, which leads to no node, reads; NULL: an optional input that was left out. */
const fr_picture_input *fr_picture_input_of(const fr_picture *p, const fr_edge *e);
/* Dim 0 of what a step by step op reads; 0: node's op is none. */
int64_t fr_picture_steps(const fr_node *node);
bool fr_picture_is_reversed(const fr_node *node);
/* The value that goes along e from a node; NULL where the graph does not keep it or it has changed since. */
const fr_tensor *fr_picture_value(const fr_edge *e);

/* All values of a small tensor, of others the least, the mean and the greatest; "" for NULL and none. Returns text. */
const char *fr_picture_text(const fr_tensor *t, char text[FR_VALUES_TEXT]);

#endif
