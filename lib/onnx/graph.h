/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* An ONNX graph while it is made of what a module computed.
 *
 * The module is run several times: with the example, for each dim of it with another size there, and with all open dims
 * changed at once. A graph is made of each of these runs; they must be the same. So whatever a size of the input got
 * into but through fr_onnx_sizes and fr_onnx_shape, which look at all runs at once, is found. */
#ifndef FROND_ONNX_GRAPH_H
#define FROND_ONNX_GRAPH_H

#include "core/file.h"
#include "core/hash_table.h"
#include "graph/trace.h"

#include <frond/nn.h>
#include <frond/onnx.h>

/* ONNX's numbers. */
enum { FR_ONNX_IR = 8, FR_ONNX_OPSET = 17 };
enum fr_onnx_attribute_type {
    FR_ONNX_FLOAT = 1,
    FR_ONNX_INT = 2,
    FR_ONNX_STRING = 3,
    FR_ONNX_TENSOR = 4,
    FR_ONNX_FLOATS = 6,
    FR_ONNX_INTS = 7,
    FR_ONNX_STRINGS = 8
};

typedef struct {
    const char *name;
    int type; /* INT, FLOAT, STRINGS (a string is one of them), INTS or TENSOR */
    int n;
    int64_t i;
    double f;
    const int64_t *ints;
    const char *const *strings;
    fr_tensor *tensor; /* a reference */
} fr_onnx_attribute;

typedef struct {
    const char *type, *name;
    const char *const *inputs, *const *outputs;
    size_t input_count, output_count;
    fr_onnx_attribute *attributes;
    size_t attribute_count, attribute_capacity;
} fr_onnx_item;

typedef struct {
    const char *name;
    fr_tensor *tensor; /* a reference */
} fr_onnx_initializer;

/* One forward. */
typedef struct {
    fr_tensor *x, *y; /* a reference to each; NULL: there was no such run */
    fr_trace trace;
} fr_onnx_run;

enum { FR_ONNX_BASE, FR_ONNX_ALL = FR_MAX_DIMS + 1, FR_ONNX_RUNS }; /* run 1 + d has another size of dim d */

/* What is the same for the graphs of all runs. */
typedef struct {
    const char *where; /* for errors */
    const fr_named_tensor *state;
    int state_count;
    fr_onnx_run runs[FR_ONNX_RUNS];
    bool open[FR_MAX_DIMS]; /* dims of the input whose size may change */
} fr_onnx_source;

struct fr_onnx {
    const fr_onnx_source *from;
    const fr_onnx_run *run;
    const fr_step *step;     /* at work */
    char path[FR_PATH_TEXT]; /* of its module */
    const char *input, *output;
    const char *dim_name[FR_MAX_DIMS];  /* of open dims */
    const char *dim_value[FR_MAX_DIMS]; /* their sizes as values of the graph, once asked for */
    fr_onnx_item *items;
    size_t item_count, item_capacity;
    fr_onnx_initializer *initializers;
    size_t initializer_count, initializer_capacity;
    fr_table names;    /* tensor -> name */
    fr_table read;     /* tensors that something needed reads */
    fr_table storages; /* storage -> itself where a step made it, the source where it was there before */
    bool *used;        /* whether the name of state[i] is taken */
    int serial;
    struct fr_onnx_block *blocks; /* memory that goes when the graph does */
    bool failed;
};

/* The graph of one run; what is not failed is whole. To be freed whatever it returns. */
bool fr_onnx_make(fr_onnx *g, const fr_onnx_source *from, const fr_onnx_run *run);
void fr_onnx_free(fr_onnx *g);
/* Whether both say the same; fails otherwise, naming where they begin to differ. */
bool fr_onnx_compare(const fr_onnx *a, const fr_onnx *b);

/* Memory of the graph, zeroed; a name made as by printf, unlike all others. NULL or "", g having failed. */
void *fr_onnx_keep(fr_onnx *g, size_t bytes);
const char *fr_onnx_name(fr_onnx *g, const char *format, ...) FR_PRINTF(2, 3);

/* How a number follows the sizes of the input: factor * the product of the open dims in product, or base + the sum of
 * slope[d] * dim d. */
typedef struct {
    unsigned product;
    int64_t base, factor, slope[FR_MAX_DIMS];
} fr_onnx_size;

/* That of a number that was values[r] in run r; false where none holds for all runs. */
bool fr_onnx_explain(const fr_onnx_source *from, const int64_t values[FR_ONNX_RUNS], fr_onnx_size *size);
/* The open dim that the number is, or -1. */
int fr_onnx_is_dim(const fr_onnx_size *size);
bool fr_onnx_is_fixed(const fr_onnx_size *size);

/* onnx_write.c: writes the file; false with an error. */
bool fr_onnx_write(fr_onnx *g, const char *path);

#endif
