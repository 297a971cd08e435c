/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A loaded ONNX model, between the files that read it, run it and describe it. */
#ifndef FROND_ONNX_IMPORT_MODEL_H
#define FROND_ONNX_IMPORT_MODEL_H

#include "onnx/import.h"

#ifdef HAVE_PROTOBUF_C

#include <jansson.h>

enum { FR_IMPORT_MAX_INPUTS = 64 };

/* A node; one that no output needs has no inputs and outputs here. */
typedef struct fr_import_node {
    const fr_node_proto *proto;
    const fr_import_op *op; /* NULL: frond cannot run it */
    bool needed;
    int *inputs; /* indices of values; -1: left out */
    int outputs[FR_IMPORT_MAX_OUTPUTS];
    struct fr_import_graph *bodies[2]; /* of If: then and else; of Loop and Scan: the one; else NULL */
} fr_import_node;

/* The graph of a model, or one inside a node, which sees the values of those around it. */
typedef struct fr_import_graph {
    fr_graph_proto *proto;
    struct fr_import_graph *outer;
    json_t *indices;                    /* name -> index of a value, a hash table; NULL when the model is complete */
    fr_import_node *nodes;              /* proto->n_node */
    const fr_value_info_proto **inputs; /* that are no initializers */
    int *input_index, *output_index;    /* of the inputs, and of the graph's outputs */
    int input_count;
} fr_import_graph;

typedef struct {
    fr_model_proto *proto;
    fr_import_graph *graph;
    const char *folder; /* of the file, while it is read */
    const char **names; /* of the values of all graphs, borrowed from their protos */
    fr_tensor **values; /* the initializers, borrowed from the module; NULL for all other values */
    int *types;         /* element types of the values; 0: unknown */
    int value_count;
    int64_t opset;        /* version */
    int64_t weight_bytes; /* of the initializers */
} fr_onnx_model;

/* A sequence of tensors of the scope. */
typedef struct fr_import_sequence {
    struct fr_import_sequence *next; /* the one that was made before it */
    int64_t n;
    fr_tensor *tensors[];
} fr_import_sequence;

/* A value of a forward: a tensor or a sequence. */
typedef struct {
    fr_tensor *tensor;
    const fr_import_sequence *sequence;
} fr_import_value;

/* One forward that goes on; at load there are no values. */
struct fr_import_run {
    const fr_onnx_model *model;
    fr_import_value *values;
    fr_import_sequence *made; /* the last of those to free */
};

/* What may still be allocated, and why there is no more: protobuf-c does not tell either from a bad file. */
typedef struct {
    int64_t limit, used;
    bool out_of_memory;
} fr_import_memory;

/* import_model.c: notes that `bytes` are wanted; false if they are too many. fr_import_fail_want then says so. */
bool fr_import_want(fr_import_memory *memory, int64_t bytes);
void *fr_import_fail_want(const fr_import_memory *memory, const char *where);

/* A graph of its bytes, which fr_import_free_unpacked frees. NULL with an error. */
fr_graph_proto *fr_import_unpack_graph(const char *where, const ProtobufCBinaryData *bytes, fr_import_memory *memory);
void fr_import_free_unpacked(fr_graph_proto *proto);

/* import_graph.c: reads the graphs of model->proto into model, the initializers into m. False with an error. */
bool fr_import_read_model(fr_module *m, fr_onnx_model *model, const char *where, fr_import_memory *memory);
/* import_tree.c: a graph and those inside it, of nodes that know their ops but no values yet. Owns proto, also on
 * failure, if there is a graph around it. NULL with an error. */
fr_import_graph *fr_import_make_graph(fr_graph_proto *proto, fr_import_graph *outer, const char *where,
                                      fr_import_memory *memory);
/* Marks the nodes that an output needs; fails with one error that names those that frond cannot run. */
bool fr_import_check_ops(fr_import_graph *g, const char *where);
bool fr_import_is_onnx_domain(const char *domain);
/* Frees the graph and those inside it, but not the proto of the outermost. */
void fr_import_free_graph(fr_import_graph *g);
/* The element types of the node's outputs and inputs; 0: unknown. */
void fr_import_types(const fr_onnx_model *model, const fr_import_node *node, int *types, int *in_types);
/* import_run.c: runs a graph inside the node with values for all its inputs; out gets all its outputs. */
bool fr_import_run_body(fr_import_call *c, int which, const fr_import_value *in, fr_import_value *out);
/* Makes value output i. */
void fr_import_return_value(fr_import_call *c, int i, fr_import_value value);
/* The forward of the module, whose self is a model. */
fr_tensor *fr_import_forward(fr_module *m, fr_tensor *x);
/* import_describe.c: gives m the text that fr_module_print shows. False with an error. */
bool fr_import_describe(fr_module *m, const char *where);

#endif
#endif
