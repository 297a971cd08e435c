/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A loaded ONNX model: reading it, and running its nodes. */
#ifndef FROND_ONNX_LOAD_H
#define FROND_ONNX_LOAD_H

#include "core/base.h"

#include <frond/nn.h>

#ifdef HAVE_PROTOBUF_C

#include "onnx/onnx.pb-c.h"

typedef Frond__Onnx__ModelProto fr_onnx_model;
typedef Frond__Onnx__NodeProto fr_onnx_node_message;
typedef Frond__Onnx__TensorProto fr_onnx_tensor_message;
typedef Frond__Onnx__AttributeProto fr_onnx_attribute_message;

struct fr_onnx_run_call;

enum { FR_ONNX_OUTPUTS = 16 };

/* One of ONNX's ops. Without run it is unary or binary; with it they, and along, are what run works with. */
typedef struct {
    const char *type;
    fr_tensor *(*unary)(fr_tensor *);
    fr_tensor *(*binary)(fr_tensor *, fr_tensor *);
    fr_tensor *(*along)(fr_tensor *, int dim, bool keepdim);
    bool (*run)(struct fr_onnx_run_call *c); /* sets out[0..outputs-1]; false with an error */
} fr_onnx_kind;

/* One run of a node. Inputs that are left out are NULL. */
typedef struct fr_onnx_run_call {
    const fr_onnx_node_message *node;
    const fr_onnx_kind *kind;
    fr_tensor *const *in;
    int inputs, outputs;
    int64_t operator_set; /* version */
    fr_tensor *out[FR_ONNX_OUTPUTS];
} fr_onnx_run_call;

/* onnx_nodes.c: NULL: frond cannot run it. */
const fr_onnx_kind *fr_onnx_find_kind(const char *type);

/* onnx_read.c: a new tensor, one reference. */
fr_tensor *fr_onnx_read_tensor(const char *where, const fr_onnx_tensor_message *p);
/* The module of a file's bytes. */
fr_module *fr_onnx_read(const char *where, const uint8_t *bytes, size_t size);

#endif
#endif
