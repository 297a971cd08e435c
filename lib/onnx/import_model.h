/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A loaded ONNX model, between the files that read it, run it and describe it. */
#ifndef FROND_ONNX_IMPORT_MODEL_H
#define FROND_ONNX_IMPORT_MODEL_H

#include "onnx/import.h"

#ifdef HAVE_PROTOBUF_C

#include <jansson.h>

enum { FR_IMPORT_MAX_INPUTS = 64 };

typedef struct {
    const fr_node_proto *proto;
    const fr_import_op *op;
    int *inputs; /* indices of values; -1: left out */
    int outputs[FR_IMPORT_MAX_OUTPUTS];
} fr_import_node;

typedef struct {
    fr_model_proto *proto;
    const char **names; /* of the values, borrowed from proto */
    json_t *indices;    /* name -> index, a hash table; NULL when the model is complete */
    const char *folder; /* of the file, while it is read */
    fr_tensor **values; /* the initializers, borrowed from the module; NULL for all other values */
    int *types;         /* element types of the values; 0: unknown */
    int value_count;
    const fr_value_info_proto **inputs; /* that are no initializers */
    int *input_index, *output_index;    /* of the inputs, and of the graph's outputs */
    int input_count;
    int64_t opset;        /* version */
    int64_t weight_bytes; /* of the initializers */
    fr_import_node *nodes;
    size_t node_count;
} fr_onnx_model;

/* What may still be allocated, and why there is no more: protobuf-c does not tell either from a bad file. */
typedef struct {
    int64_t limit, used;
    bool out_of_memory;
} fr_import_memory;

/* import_model.c: notes that `bytes` are wanted; false if they are too many. fr_import_fail_want then says so. */
bool fr_import_want(fr_import_memory *memory, int64_t bytes);
void *fr_import_fail_want(const fr_import_memory *memory, const char *where);

/* import_graph.c: reads the graph of model->proto into model, its initializers into m. False with an error. */
bool fr_import_read_graph(fr_module *m, fr_onnx_model *model, const char *where, fr_import_memory *memory);
/* import_run.c: the forward of the module, whose self is a model. */
fr_tensor *fr_import_forward(fr_module *m, fr_tensor *x);
/* import_describe.c: gives m the text that fr_module_print shows. False with an error. */
bool fr_import_describe(fr_module *m, const char *where);

#endif
#endif
