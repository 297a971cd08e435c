/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What the pictures of a graph show: picture.c collects it, dot.c and explain_html.c write it. */
#ifndef FROND_GRAPH_PICTURE_H
#define FROND_GRAPH_PICTURE_H

#include "graph/values.h"

/* A tensor that ops read and that no recorded op made. */
typedef struct {
    const fr_tensor *t; /* NULL: its values have been freed */
    fr_shape shape;
    fr_dtype dtype;
    bool leaf;        /* a gradient is wanted */
    const char *name; /* in the options' module; borrowed from it; NULL: has none there */
    fr_module_path
        *module_path; /* innermost module in which all ops are that read it; borrowed from their nodes; NULL: none */
    size_t reader;    /* index of the first of them */
} fr_picture_input;

typedef struct {
    fr_graph_dot_options o;
    fr_history history;
    size_t first;   /* nodes from here on are drawn */
    int64_t *steps; /* of each of those: as how many it is drawn; 0: as one */
    fr_picture_input *inputs;
    size_t input_count, input_capacity;
    fr_table input_numbers; /* from tensor or, where that is not known, edge: index + 1 */
    fr_table names;         /* from tensors */
    fr_table gradients;     /* from nodes and leaves: text, by malloc */
} fr_picture;

/* False with an error unless t can be shown. Sets o->max_nodes to max_nodes if it is 0. */
bool fr_picture_check(const char *what, const FILE *file, const fr_tensor *t, fr_graph_dot_options *o, int max_nodes);
/* Fills p; p->o is set before. False with an error. p must be freed in any case. */
bool fr_picture_collect(const char *what, fr_picture *p, fr_tensor *t);
void fr_picture_free(fr_picture *p);

/* Fills names, from tensors: the names of m's parameters and buffers, borrowed from m. A tensor with several gets the
 * first; m may be NULL. False with an error. */
bool fr_module_names(const char *what, fr_table *names, fr_module *m);

/* The input behind e, an edge that leads to no node; NULL: an optional input that was left out. */
const fr_picture_input *fr_picture_input_of(const fr_picture *p, const fr_edge *e);
/* The number of steps (dim 0 of input 0) of a recurrent op; 0 for other ops. */
int64_t fr_picture_steps(const fr_node *node);
bool fr_picture_is_reversed(const fr_node *node);
/* Writes "h", "out" or "output 1", and returns it; "" if the op has only one. */
enum { FR_OUTPUT_TEXT = 32 };
const char *fr_picture_output_name(const fr_node *node, int output, char text[FR_OUTPUT_TEXT]);

/* Of the n > 0 values of t from the one at row-major index from. If one is NaN, all are. */
typedef struct {
    double least, mean, most;
} fr_summary;
fr_summary fr_picture_summary(const fr_tensor *t, int64_t from, int64_t n);

/* Writes all values of a small tensor, or "min ..., mean ..., max ..." of a larger one; "" for NULL. Returns text. */
enum { FR_VALUES_TEXT = 256 };
const char *fr_picture_values_text(const fr_tensor *t, char text[FR_VALUES_TEXT]);

#endif
