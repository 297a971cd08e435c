/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A module on its way to an ONNX file: the runs of the module and the graph that is made of each.
 *
 * The module runs several times: with the example, then for each dim of the example with another size of that dim, then
 * with all open dims changed at once. A graph is made of each run, and all graphs must be the same. So a number that
 * depends on a size of the input is noticed, unless it went through fr_onnx_sizes or fr_onnx_shape: these two look at
 * all runs and write ops that compute the number from the sizes. */
#ifndef FROND_ONNX_EXPORT_H
#define FROND_ONNX_EXPORT_H

#include "core/file.h"
#include "core/hash_table.h"
#include "graph/trace.h"
#include "onnx/format.h"

#include <frond/nn.h>
#include <frond/onnx.h>

/* Ends the errors about sizes. */
#define FR_ONNX_FIX "; fr_export_onnx_with can fix the size (static_batch, static_length)"

/* --- Runs -------------------------------------------------------------------------------------------------------- */

/* One forward of the module. */
typedef struct {
    fr_tensor *x, *y; /* input and output, a reference to each; NULL: this run was not made */
    fr_trace trace;
} fr_onnx_run;

/* The runs: the example; 1 + d, with another size of dim d; all open dims changed. */
enum { FR_ONNX_EXAMPLE_RUN, FR_ONNX_ALL_DIMS_RUN = FR_MAX_DIMS + 1, FR_ONNX_RUNS };

/* One call of fr_export_onnx: what the graphs of all runs share. */
typedef struct {
    const char *where; /* for errors: "export_onnx: PATH" */
    const fr_named_tensor *state;
    int state_count;
    fr_onnx_run runs[FR_ONNX_RUNS];
    bool static_batch, static_length; /* fr_export_onnx_options */
    bool open[FR_MAX_DIMS];           /* dims of the input whose size is left open in the file */
} fr_onnx_export;

/* --- The graph --------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    int type; /* FR_ONNX_ATTRIBUTE_INT, FLOAT, STRING (strings[0]), STRINGS, INTS or TENSOR */
    int n;    /* of ints or strings */
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
} fr_onnx_graph_node;

typedef struct {
    const char *name;
    fr_tensor *tensor; /* a reference */
} fr_onnx_initializer;

struct fr_onnx {
    const fr_onnx_export *export;
    const fr_onnx_run *run;
    const fr_step *step;                /* the step of the trace whose hook runs; NULL: none */
    char module_path[FR_PATH_TEXT];     /* of the step's module */
    const char *input, *output;         /* names of the graph's input and output */
    const char *dim_name[FR_MAX_DIMS];  /* of the input's open dims */
    const char *dim_value[FR_MAX_DIMS]; /* the value that holds the size of a dim, made when first asked for */
    fr_onnx_graph_node *nodes;
    size_t node_count, node_capacity;
    fr_onnx_initializer *initializers;
    size_t initializer_count, initializer_capacity;
    fr_table names;        /* tensor -> its name in the graph */
    fr_table read;         /* set of the tensors that are read on the way to the output */
    fr_table storages;     /* storage -> itself if it is the input's or a step wrote it; `export` for a constant */
    bool *state_name_used; /* [state_count] */
    int next_number;       /* of unique names */
    struct fr_onnx_block *blocks; /* memory that is freed with the graph */
    bool failed;
};

/* export_graph.c: the graph of one run; false with an error. Must be freed in both cases. */
bool fr_onnx_build_graph(fr_onnx *g, const fr_onnx_export *e, const fr_onnx_run *run);
void fr_onnx_free_graph(fr_onnx *g);
/* True if both graphs are the same; else an error names the first difference. */
bool fr_onnx_check_same(const fr_onnx *a, const fr_onnx *b);

/* export_builder.c: zeroed memory that is freed with the graph; NULL if the graph has failed. */
void *fr_onnx_alloc(fr_onnx *g, size_t bytes);
bool fr_onnx_out_of_memory(fr_onnx *g); /* false, with the error */
/* A name as by printf with a number behind it, unlike all other names of the graph; "" if the graph has failed. */
const char *fr_onnx_unique_name(fr_onnx *g, const char *format, ...) FR_PRINTF(2, 3);
/* name itself, or a unique name if a parameter or buffer has this one. */
const char *fr_onnx_name_beside_state(fr_onnx *g, const char *name);
/* The name of a tensor of the run. A constant becomes an initializer. */
const char *fr_onnx_tensor_name(fr_onnx *g, fr_tensor *t);
/* Notes that t is a constant; an error if a step wrote its storage. */
void fr_onnx_note_constant(fr_onnx *g, const fr_tensor *t);
/* table[key] = value, unless the key is there. */
void fr_onnx_put(fr_onnx *g, fr_table *table, const void *key, const void *value);

/* --- Numbers that depend on the sizes of the input (export_dynamic_shapes.c) ------------------------------------- */

/* product != 0: factor times the sizes of the dims whose bits are set in product.
 * product == 0: base plus the sum of slope[d] times the size of dim d. */
typedef struct {
    unsigned product;
    int64_t base, factor, slope[FR_MAX_DIMS];
} fr_onnx_size_formula;

/* The formula of a number that was values[r] in run r; false if there is none that holds for all runs. */
bool fr_onnx_find_formula(const fr_onnx_export *e, const int64_t values[FR_ONNX_RUNS], fr_onnx_size_formula *formula);
/* The dim whose size the number always is, or -1. */
int fr_onnx_formula_dim(const fr_onnx_size_formula *formula);
bool fr_onnx_formula_is_constant(const fr_onnx_size_formula *formula);

/* export_file.c: false with an error. */
bool fr_onnx_write_file(fr_onnx *g, const char *path);

#endif
