/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The ONNX file format: its numbers and, where frond is built with protobuf-c, its messages (onnx.proto).
 *
 * This folder, a module to a file:
 *     export.c                   fr_export_onnx: runs the module with inputs of several sizes
 *     export_graph.c             the graph of one run: calls the hooks of its ops; compares the graphs of two runs
 *     export_builder.c           what the hooks call (<frond/onnx.h>): nodes, attributes, constants, names
 *     export_dynamic_shapes.c    the numbers among them that depend on the sizes of the input
 *     export_file.c              the graph as a file
 * and a file to a module:
 *     import.c                   fr_load_onnx: reads the file
 *     import_model.c             unpacks the model and makes a module
 *     import_tree.c              its graph and those inside nodes: which nodes are needed, and has frond their ops
 *     import_graph.c             reads the values, initializers and nodes of a graph
 *     import_run.c               runs its nodes: the module's forward
 *     import_describe.c          what fr_module_print shows
 *     import_tensor.c            the values of initializers and constants
 *     import_types.c             element types that frond has no dtype for
 *     import_node.c              inputs and attributes of a node, for the ops
 *     import_*_ops.c             what each ONNX op computes, by frond's ops; one table a file, grouped as in ONNX's
 *                                docs
 */
#ifndef FROND_ONNX_FORMAT_H
#define FROND_ONNX_FORMAT_H

#include <stdint.h>

/* What frond writes. */
enum { FR_ONNX_IR_VERSION = 8, FR_ONNX_OPSET_VERSION = 17 };

/* AttributeProto.AttributeType */
enum {
    FR_ONNX_ATTRIBUTE_FLOAT = 1,
    FR_ONNX_ATTRIBUTE_INT = 2,
    FR_ONNX_ATTRIBUTE_STRING = 3,
    FR_ONNX_ATTRIBUTE_TENSOR = 4,
    FR_ONNX_ATTRIBUTE_INTS = 7,
    FR_ONNX_ATTRIBUTE_STRINGS = 8
};

/* TensorProto.DataType */
enum {
    FR_ONNX_FLOAT = 1,
    FR_ONNX_UINT8 = 2,
    FR_ONNX_INT8 = 3,
    FR_ONNX_UINT16 = 4,
    FR_ONNX_INT16 = 5,
    FR_ONNX_INT32 = 6,
    FR_ONNX_INT64 = 7,
    FR_ONNX_BOOL = 9,
    FR_ONNX_FLOAT16 = 10,
    FR_ONNX_DOUBLE = 11,
    FR_ONNX_UINT32 = 12,
    FR_ONNX_UINT64 = 13,
    FR_ONNX_BFLOAT16 = 16
};

#ifdef HAVE_PROTOBUF_C

#include "onnx/onnx.pb-c.h"

typedef Frond__Onnx__ModelProto fr_model_proto;
typedef Frond__Onnx__GraphProto fr_graph_proto;
typedef Frond__Onnx__NodeProto fr_node_proto;
typedef Frond__Onnx__AttributeProto fr_attribute_proto;
typedef Frond__Onnx__TensorProto fr_tensor_proto;
typedef Frond__Onnx__ValueInfoProto fr_value_info_proto;

#else

#define FR_ONNX_NO_PROTOBUF "ONNX files need protobuf-c, and this frond was built without it"

#endif
#endif
