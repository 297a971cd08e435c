/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX nodes that frond reads: models of one node, made here, with values by hand from the specification of ONNX's ops
 * (onnx.ai/onnx/operators), and nodes that are refused. check_onnx.c has whole models. */
#include <config.h>

#include "testing.h"

#ifdef HAVE_PROTOBUF_C

#include "check_onnx_text.h"

enum { MAX_INPUTS = 9, MAX_ATTRIBUTES = 4 };

/* Tensors and attributes are written as in check_onnx_text.h. in[0] is the model's input, the others are initializers,
 * "" is left out;
 * "-" as in[0]: the node takes no input. y is what output number `output` of the node is; NULL: the node is refused
 * with the message. */
typedef struct {
    const char *op, *attributes, *in[MAX_INPUTS], *y, *message;
    int output, outputs, opset;
} node_case;

/* --- Models of one node ------------------------------------------------------------------------------------------ */

static const char path[] = "check_onnx_nodes.onnx";

/* Writes the model of a case, with outputs y0, y1, ... of its node. */
static void write_case(const node_case *c)
{
    static const char *const names[MAX_INPUTS] = { "x", "w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8" };
    static const char *const outputs[] = { "y0", "y1", "y2" };
    static tensor_text tensors[MAX_INPUTS];
    static attribute_text attributes[MAX_ATTRIBUTES];
    PROTO(ModelProto) model = FROND__ONNX__MODEL_PROTO__INIT;
    PROTO(OperatorSetIdProto) opset = FROND__ONNX__OPERATOR_SET_ID_PROTO__INIT;
    PROTO(GraphProto) graph = FROND__ONNX__GRAPH_PROTO__INIT;
    PROTO(NodeProto) node = FROND__ONNX__NODE_PROTO__INIT;
    PROTO(ValueInfoProto) x = FROND__ONNX__VALUE_INFO_PROTO__INIT, y = FROND__ONNX__VALUE_INFO_PROTO__INIT;
    PROTO(TensorProto) * initializers[MAX_INPUTS];
    PROTO(AttributeProto) * pointers[MAX_ATTRIBUTES];
    char *in[MAX_INPUTS];

    memset(attributes, 0, sizeof attributes);
    for (const char *text = c->attributes; *text;
         pointers[node.n_attribute] = &attributes[node.n_attribute].proto, node.n_attribute++)
        text = read_attribute(text, &attributes[node.n_attribute]);
    for (int i = 0; i < MAX_INPUTS && c->in[i] && *c->in[i] != '-'; i++) {
        in[node.n_input++] = (char *)(*c->in[i] ? names[i] : "");
        if (i > 0 && *c->in[i])
            initializers[graph.n_initializer++] = tensor_proto(c->in[i], names[i], &tensors[i]);
    }
    node.op_type = (char *)c->op;
    node.name = (char *)"it";
    node.input = in;
    node.n_output = c->outputs < 0 ? 0 : c->outputs ? (size_t)c->outputs : 1;
    node.output = (char **)outputs;
    node.attribute = pointers;
    x.name = (char *)names[0];
    y.name = (char *)outputs[c->output];
    graph.initializer = initializers;
    graph.n_node = graph.n_input = graph.n_output = 1;
    graph.node = (PROTO(NodeProto) *[]){ &node };
    graph.input = (PROTO(ValueInfoProto) *[]){ &x };
    graph.output = (PROTO(ValueInfoProto) *[]){ &y };
    opset.has_version = true;
    opset.version = c->opset ? c->opset : FR_ONNX_OPSET_VERSION;
    model.n_opset_import = 1;
    model.opset_import = (PROTO(OperatorSetIdProto) *[]){ &opset };
    model.graph = &graph;
    write_model(path, &model);
}

/* --- Cases ------------------------------------------------------------------------------------------------------- */

static const node_case cases[] = {
    /* Shapes and constants */
    { "Shape", "", { "f(2,3)" }, "i(2):2,3" },
    { "Shape", "start=1", { "f(2,3)" }, "i(1):3" },
    { "Shape", "end=-1", { "f(2,3)" }, "i(1):2" },
    { "Shape", "start=-1 end=9", { "f(2,3)" }, "i(1):3" },
    { "Shape", "start=5", { "f(2,3)" }, "i(0)" },
    { "Size", "", { "f(2,3)" }, "i():6" },
    { "Constant", "value=f(2):1.5,2", { "-" }, "f(2):1.5,2" },
    { "Constant", "value=F(2):1.5,2", { "-" }, "f(2):1.5,2" },
    { "Constant", "value=d(1):0.1", { "-" }, "d(1):0.1" },
    { "Constant", "value=D(1):0.1", { "-" }, "d(1):0.1" },
    { "Constant", "value=I(2):5,-6", { "-" }, "i(2):5,-6" },
    { "Constant", "value=B(2):5,-6", { "-" }, "i(2):5,-6" },
    { "Constant", "value=I(0)", { "-" }, "i(0)" },
    { "Constant", "value_int=7", { "-" }, "i():7" },
    { "Constant", "value_float=2.5", { "-" }, "f():2.5" },
    { "Constant", "value_ints=[3,4]", { "-" }, "i(2):3,4" },
    { "Constant", "value_string='a'", { "-" }, NULL, "Constant with value_string" },
    { "Constant", "value=I(3):1,2", { "-" }, NULL, "has fewer values than its shape needs" },
    { "Constant", "value=I(1):1,2", { "-" }, NULL, "does not fit its shape and type" },
    { "Constant", "value=i(1):1,2", { "-" }, NULL, "16 bytes of values, expected 8" },
    { "Constant", "value=f(-1):1", { "-" }, NULL, "-1" },
    { "Constant", "value=f(1,1,1,1,1,1,1,1,1):1", { "-" }, NULL, "9 dims, expected at most 8" },
    { "ConstantOfShape", "value=I(1):3", { "i(2):2,1" }, "i(2,1):3,3" },
    { "ConstantOfShape", "", { "i(1):2" }, "f(2):0,0" },
    { "ConstantOfShape", "", { "i(9):1,1,1,1,1,1,1,1,1" }, NULL, "a shape is missing or has too many dims" },
    { "ConstantOfShape", "", { "f(1):2" }, NULL, "must be a short list of int64" },
    { "ConstantOfShape", "value=I(2):3", { "i(1):1" }, NULL, "has fewer values" },

    /* Other shapes */
    { "Reshape", "", { "f(2,3):1,2,3,4,5,6", "i(2):0,-1" }, "f(2,3):1,2,3,4,5,6" },
    { "Reshape", "", { "f(2,3):1,2,3,4,5,6", "i(1):-1" }, "f(6):1,2,3,4,5,6" },
    { "Reshape", "allowzero=1", { "f(0,3)", "i(2):3,0" }, "f(3,0)" },
    { "Reshape", "", { "f(2,3):1,2,3,4,5,6", "i(3):2,3,0" }, NULL, "reshape" },
    { "Reshape", "", { "f(2)", "" }, NULL, "node it (Reshape): an input is missing" },
    { "Expand", "", { "f(1,3):1,2,3", "i(2):2,1" }, "f(2,3):1,2,3,1,2,3" },
    { "Expand", "", { "f(2):1,2", "i(1):3" }, NULL, "the shapes do not broadcast" },
    { "Flatten", "", { "f(2,1,3):1,2,3,4,5,6" }, "f(2,3):1,2,3,4,5,6" },
    { "Flatten", "axis=0", { "f(2,1,3):1,2,3,4,5,6" }, "f(1,6):1,2,3,4,5,6" },
    { "Flatten", "axis=-2", { "f(2,1,3):1,2,3,4,5,6" }, "f(2,3):1,2,3,4,5,6" },
    { "Flatten", "axis=3", { "f(2,1,3):1,2,3,4,5,6" }, "f(6,1):1,2,3,4,5,6" },
    { "Flatten", "axis=4", { "f(2,1,3)" }, NULL, "an axis is out of range" },
    { "Flatten", "axis=-4", { "f(2,1,3)" }, NULL, "an axis is out of range" },
    { "Squeeze", "", { "f(1,2,1):1,2" }, "f(2):1,2" },
    { "Squeeze", "", { "f(1,2,1):1,2", "i(1):-1" }, "f(1,2):1,2" },
    { "Squeeze", "axes=[0]", { "f(1,2,1):1,2" }, "f(2,1):1,2", .opset = 11 },
    { "Squeeze", "", { "f(1,2,1):1,2", "i(1):3" }, NULL, "an axis is out of range" },
    { "Unsqueeze", "", { "f(2):1,2", "i(2):0,-1" }, "f(1,2,1):1,2" },
    { "Unsqueeze", "", { "f(2):1,2", "i(2):0,0" }, NULL, "an axis is out of range" },
    { "Unsqueeze", "", { "f(2):1,2", "i(1):2" }, NULL, "an axis is out of range" },
    { "Unsqueeze", "", { "f(2):1,2" }, NULL, "its axes are missing or too many" },
    { "Unsqueeze", "axes=[0,1,2,3,4,5,6,7]", { "f(2):1,2" }, NULL, "its axes are missing or too many" },
    { "Transpose", "", { "f(1,2):1,2" }, "f(2,1):1,2" },
    { "Transpose", "perm=[1,0]", { "f(2,2):1,2,3,4" }, "f(2,2):1,3,2,4" },
    { "Transpose", "perm=[0]", { "f(2,2)" }, NULL, "perm does not fit its input" },
    { "Transpose", "perm=[0,2]", { "f(2,2)" }, NULL, "an axis is out of range" },
    { "Transpose", "perm=[1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7]", { "f(2,2)" }, NULL, "" },

    /* Parts */
    { "Concat", "axis=-1", { "f(2,1):1,2", "f(2,2):3,4,5,6" }, "f(2,3):1,3,4,2,5,6" },
    { "Concat", "axis=0", { "f(1):1", "", "f(1):2" }, NULL, "an input is missing" },
    { "Concat", "axis=2", { "f(1):1", "f(1):2" }, NULL, "an axis is out of range" },
    { "Slice", "", { "f(5):0,1,2,3,4", "i(1):-3", "i(1):100" }, "f(3):2,3,4" },
    { "Slice", "", { "f(5):0,1,2,3,4", "i(1):0", "i(1):4", "i(1):0", "i(1):2" }, "f(2):0,2" },
    { "Slice", "", { "f(2,2):1,2,3,4", "i(1):1", "i(1):2", "i(1):-1" }, "f(2,1):2,4" },
    { "Slice", "", { "f(3):0,1,2", "i(1):-1", "i(1):-4", "i(1):0", "i(1):-1" }, "f(3):2,1,0" },
    { "Slice", "", { "f(3):0,1,2", "i(1):-1", "i(1):-3", "i(1):0", "i(1):-1" }, "f(2):2,1" },
    { "Slice", "", { "f(3):0,1,2", "i(1):-1", "i(1):-3", "i(1):0", "i(1):0" }, NULL, "slice" },
    { "Slice", "", { "f(5):0,1,2,3,4", "i(1):9", "i(1):-9", "i(1):0", "i(1):-2" }, "f(3):4,2,0" },
    { "Slice", "", { "f(3):0,1,2", "i(1):0", "i(1):2", "i(1):0", "i(1):-1" }, "f(0)" },
    { "Slice", "", { "f(3):0,1,2", "i(1):0", "i(2):1,1" }, NULL, "starts, ends, axes and steps differ in number" },
    { "Slice", "", { "f(3):0,1,2", "i(1):0", "i(1):1", "i(2):0,0" }, NULL, "differ in number" },
    { "Slice", "", { "f(3):0,1,2", "i(1):0", "i(1):1", "i(1):0", "i(2):1,1" }, NULL, "differ in number" },
    { "Slice", "", { "f(3):0,1,2", "i(1):0", "i(1):1", "i(1):1" }, NULL, "an axis is out of range" },
    { "Split", "", { "f(5):0,1,2,3,4" }, "f(3):0,1,2", .outputs = 2 },
    { "Split", "", { "f(5):0,1,2,3,4" }, "f(2):3,4", .outputs = 2, .output = 1 },
    { "Split", "axis=-1", { "f(1,3):0,1,2", "i(2):1,2" }, "f(1,2):1,2", .outputs = 2, .output = 1 },
    { "Split", "axis=1", { "f(3):0,1,2" }, NULL, "an axis is out of range", .outputs = 2 },
    { "Split", "", { "f(3):0,1,2", "i(2):-1,4" }, NULL, "the size of a part is negative", .outputs = 2 },
    { "Split", "", { "f(3):0,1,2", "i(2):1,1" }, NULL, "do not add up", .outputs = 2 },
    { "Split", "", { "f(3):0,1,2", "i(1):3" }, NULL, "do not add up", .outputs = 2 },
    { "Split", "", { "f():0" }, NULL, "its input is a scalar", .outputs = 2 },
    { "Range", "", { "i():1", "i():7", "i():3" }, "i(2):1,4" },
    { "Range", "", { "f():1", "f():0", "f():-0.5" }, "f(2):1,0.5" },
    { "Range", "", { "i():3", "i():1", "i():1" }, "i(0)" },
    { "Range", "", { "i():3", "i():1", "i():0" }, NULL, "its delta is 0" },
    { "Range", "", { "i():3", "i(2):1,2", "i():1" }, NULL, "an input must be a scalar" },
    { "Trilu", "", { "f(2,2):1,2,3,4" }, "f(2,2):1,2,0,4" },
    { "Trilu", "upper=0", { "f(2,2):1,2,3,4", "i():-1" }, "f(2,2):0,0,3,0" },

    /* Elements */
    { "Gather", "", { "f(3,2):1,2,3,4,5,6", "i(1,2):-1,0" }, "f(1,2,2):5,6,1,2" },
    { "Gather", "axis=1", { "f(2,2):1,2,3,4", "i():1" }, "f(2):2,4" },
    { "Gather", "axis=2", { "f(2,2)", "i():1" }, NULL, "an axis is out of range" },
    { "Gather", "", { "f():1", "i():0" }, NULL, "its input is a scalar" },
    { "Gather", "", { "f(2):1,2", "f():0" }, NULL, "its indices are not int64" },
    { "GatherElements", "axis=1", { "f(2,2):1,2,3,4", "i(2,1):-1,0" }, "f(2,1):2,3" },
    { "GatherElements", "axis=2", { "f(2,2)", "i(2,1):0,0" }, NULL, "an axis is out of range" },
    { "GatherElements", "", { "f():1", "i():0" }, NULL, "its input is a scalar" },
    { "ScatterElements", "axis=1", { "f(1,5):1,2,3,4,5", "i(1,2):1,-2", "f(1,2):1.5,2.5" }, "f(1,5):1,1.5,3,2.5,5" },
    { "ScatterElements", "reduction='max'", { "f(3):1,2,3", "i(2):0,2", "f(2):5,1" }, "f(3):5,2,3" },
    { "ScatterElements", "reduction='mean'", { "f(3)", "i(2):0,0", "f(2)" }, NULL, "its reduction" },
    { "ScatterElements", "", { "f():1", "i():0", "f():1" }, NULL, "its input is a scalar" },
    { "Pad", "", { "f(2):1,2", "i(2):1,2", "f():9" }, "f(5):9,1,2,9,9" },
    { "Pad", "mode='constant'", { "f(1,2):1,2", "i(4):0,1,1,0" }, "f(2,3):0,1,2,0,0,0" },
    { "Pad", "pads=[1,0] value=5.0", { "f(1):1" }, "f(2):5,1", .opset = 10 },
    { "Pad", "mode='reflect'", { "f(3):1,2,3", "i(2):2,1" }, "f(6):3,2,1,2,3,2" },
    { "Pad", "mode='edge'", { "f(2):1,2", "i(2):1,2" }, "f(5):1,1,2,2,2" },
    { "Pad", "mode='wrap'", { "f(2):1,2", "i(2):1,1" }, "f(4):2,1,2,1" },
    { "Pad", "mode='wrong'", { "f(2):1,2", "i(2):1,1" }, NULL, "node it (Pad): its mode is not supported" },
    { "Pad", "mode='edge'", { "f(2):1,2", "i(2):-3,1" }, NULL, "too much for this mode" },
    { "Pad", "", { "f(1,2):1,2", "i(2):1,1", "f():0", "i(1):-1" }, "f(1,4):0,1,2,0" },
    { "Pad", "", { "f(2):1,2", "i(1):1" }, NULL, "pads do not fit its input" },
    { "Where", "", { "i(2):1,0", "f(2):1,2", "f(1):9" }, "f(2):1,9" },
    { "Where", "", { "i(2):1,0", "f(2):1,2" }, NULL, "an input is missing" },
    { "IsNaN", "", { "f(2):nan,1" }, "i(2):1,0" },
    { "Identity", "", { "f(2):3,1" }, "f(2):3,1" },
    { "Identity", "", { "" }, NULL, "node it (Identity): expected an input" },
    { "Cast", "to=9", { "f(3):0.5,0,nan" }, "i(3):1,0,1" },
    { "Cast", "to=6", { "f(2):1.7,-1.7" }, "i(2):1,-1" },
    { "Cast", "to=11", { "f(1):0.5" }, "d(1):0.5" },
    { "Cast", "to=10", { "i(1):3" }, "f(1):3" },
    { "Cast", "", { "f(1):1" }, NULL, "it casts to a type that frond does not have" },
    { "Cast", "to=8", { "f(1):1" }, NULL, "it casts to a type that frond does not have" },
    { "Cast", "to=15", { "f(1):1" }, NULL, "it casts to a type that frond does not have" },
    { "Cast", "to=17", { "f(1):1" }, NULL, "it casts to a type that frond does not have" },

    { "Cast", "to=2", { "i(3):-1,300,7" }, "i(3):255,44,7" },
    { "Cast", "to=10", { "f(4):1.0001,2049,-70000,nan" }, "f(4):1,2048,-inf,nan" },
    { "Cast", "to=16", { "f(2):1.01,258" }, "f(2):1.0078125,258" },
    { "Cast", "to=13", { "i(1):-1" }, NULL, "uint64 is beyond what int64 holds" },
    { "CastLike", "", { "f(2):1.7,0", "i(1):0" }, "i(2):1,0" },
    { "Tile", "", { "f(1,2):1,2", "i(2):2,1" }, "f(2,2):1,2,1,2" },
    { "OneHot", "axis=0", { "i(2):-1,0", "i():3", "f(2):5,9" }, "f(3,2):5,9,5,5,9,5" },
    { "OneHot", "", { "i(1):4", "i():3", "f(2):5,9" }, "f(1,3):5,5,5" },
    { "Scatter", "axis=1", { "f(1,3):1,2,3", "i(1,1):1", "f(1,1):9" }, "f(1,3):1,9,3", .opset = 10 },
    { "ScatterND", "", { "f(4):1,2,3,4", "i(2,1):3,0", "f(2):9,8" }, "f(4):8,2,3,9" },
    { "ScatterND", "reduction='add'", { "f(2,2):1,2,3,4", "i(2,1):-1,-1", "f(2,2):1,1,2,2" }, "f(2,2):1,2,6,7" },
    { "ScatterND", "", { "f(2,2):1,2,3,4", "i(1,2):1,0", "f(1):9" }, "f(2,2):1,2,9,4" },
    { "ScatterND", "", { "f(2):1,2", "i(0,1)", "f(0)" }, "f(2):1,2" },
    { "ScatterND", "", { "f(4)", "i(1,1):4", "f(1):1" }, NULL, "node it (ScatterND): an index is out of range" },
    { "ScatterND", "", { "f(4)", "i(1,1):-5", "f(1):1" }, NULL, "an index is out of range" },
    { "ScatterND", "", { "f(4)", "i(1,2):0,0", "f(1):1" }, NULL, "its indices do not fit its input" },
    { "ScatterND", "", { "f(4)", "i():0", "f(1):1" }, NULL, "its indices do not fit its input" },
    { "ScatterND", "", { "f(4)", "f(1,1):0", "f(1):1" }, NULL, "its indices do not fit its input" },
    { "ScatterND", "", { "f(4)", "i(1,1):0", "f(2):1,1" }, NULL, "it has not an update for each index" },
    { "ScatterND", "reduction='mean'", { "f(4)", "i(1,1):0", "f(1):1" }, NULL, "its reduction is not supported" },
    { "ReverseSequence", "", { "f(3,1):1,2,3", "i(1):2" }, "f(3,1):2,1,3" },
    { "ReverseSequence", "", { "f(3,1):1,2,3", "i(1):4" }, NULL, "gather" },
    { "EyeLike", "k=1", { "f(2,3)" }, "f(2,3):0,1,0,0,0,1" },
    { "EyeLike", "dtype=7", { "f(2,2)" }, "i(2,2):1,0,0,1" },
    { "GatherND", "", { "f(2,2):1,2,3,4", "i(2,2):0,-1,1,0" }, "f(2):2,3" },
    { "GatherND", "batch_dims=1", { "f(2,2):1,2,3,4", "i(2,1):1,0" }, "f(2):2,3" },
    { "GatherND", "", { "f(2,2):1,2,3,4", "i(1,2):0,2" }, NULL, "an index is out of range" },
    { "NonZero", "", { "f(2,2):1,0,3,4" }, "i(2,3):0,1,1,0,0,1" },
    { "Compress", "axis=1", { "f(2,2):1,2,3,4", "i(2):0,1" }, "f(2,1):2,4" },

    /* Arithmetic */
    { "Einsum", "equation='i,i->'", { "f(2):1,2", "f(2):3,4" }, "f():11" },
    { "Div", "", { "i(1):1", "i(1):0" }, NULL, "int64 is divided by 0" },
    { "Mean", "", { "f(1):1", "f(1):2", "f(1):6" }, "f(1):3" },
    { "Pow", "", { "i(2):2,-3", "i(2):3,3" }, "i(2):8,-27" },
    { "Pow", "", { "i(1):3", "i(1):39" }, "i(1):4052555153018976267" },
    { "Pow", "", { "i(1):3", "f(1):39" }, NULL, "beyond 2^53" },
    { "Gemm", "", { "f(1,2):1,2", "f(2,1):3,4" }, "f(1,1):11" },
    { "Gemm", "", { "f(1,2):1,2", "f(2,1):3,4", "f(1):5" }, "f(1,1):16" },
    { "Gemm", "transA=1 transB=1", { "f(2,1):1,2", "f(1,2):3,4", "f(1,1):5" }, "f(1,1):16" },
    { "Gemm", "alpha=0.5 beta=2.0", { "f(1,2):1,2", "f(2,1):3,4", "f(1):5" }, "f(1,1):15.5" },
    { "Gemm", "alpha=0.5", { "f(1,2):1,2", "f(2,1):3,4", "f():5" }, "f(1,1):10.5" },
    { "Gemm", "", { "f(1,2):1,2" }, NULL, "an input is missing" },
    { "Max", "", { "f(2):1,5", "f(2):3,2", "f(2):2,2" }, "f(2):3,5" },
    { "Min", "", { "f(2):1,5" }, "f(2):1,5" },
    { "Sum", "", { "f(1):1", "f(1):2", "f(1):3" }, "f(1):6" },
    { "Sum", "", { "f(1):1", "", "f(1):3" }, NULL, "an input is missing" },
    { "Sum", "", { "f(2):1,1", "f(3):1,1,1", "f(1):3" }, NULL, "add" },
    { "Add", "", { "f(1):1" }, NULL, "node it (Add): expected two inputs" },
    { "Add", "", { "f(1):1", "" }, NULL, "node it (Add): expected two inputs" },
    { "Add", "", { "f(1):1", "f(1):1", "f(1):1" }, NULL, "node it (Add): expected two inputs" },
    { "Div", "", { "i(4):7,-7,7,-7", "i(4):2,2,-2,-2" }, "i(4):3,-3,-3,3" },
    { "Div", "", { "f(1):7", "f(1):2" }, "f(1):3.5" },
    { "Mod", "", { "i(4):5,-5,5,-5", "i(4):3,3,-3,-3" }, "i(4):2,1,-1,-2" },
    { "Mod", "fmod=1", { "i(4):5,-5,5,-5", "i(4):3,3,-3,-3" }, "i(4):2,-2,2,-2" },
    { "Mod", "fmod=1", { "f(4):5,-5,5,-5", "f(4):3,3,-3,-3" }, "f(4):2,-2,2,-2" },
    { "Mod", "", { "i(1):5", "i(1):0" }, NULL, "divided by 0" },
    { "Mod", "", { "i(1):5", "f(1):3" }, NULL, "dtypes differ" },
    { "Mod", "", { "i(1):5" }, NULL, "an input is missing" },
    { "Pow", "", { "f(2):2,3", "i(2):3,2" }, "f(2):8,9" },

    /* Logic and comparisons */
    { "And", "", { "i(4):0,0,2,1", "i(4):0,1,0,3" }, "i(4):0,0,0,1" },
    { "Or", "", { "i(4):0,0,2,1", "i(4):0,1,0,3" }, "i(4):0,1,1,1" },
    { "Xor", "", { "i(4):0,0,2,1", "i(4):0,1,0,3" }, "i(4):0,1,1,0" },
    { "Not", "", { "i(2):0,5" }, "i(2):1,0" },
    { "GreaterOrEqual", "", { "f(3):1,2,3", "f(1):2" }, "i(3):0,1,1" },
    { "LessOrEqual", "", { "f(3):1,2,3", "f(1):2" }, "i(3):1,1,0" },

    /* Activations */
    { "Gelu", "", { "f(2):1,-1" }, "f(2):0.841344746,-0.158655254" },
    { "Gelu", "approximate='tanh'", { "f(2):1,-1" }, "f(2):0.841191991,-0.158808009" },
    { "Gelu", "", { "" }, NULL, "an input is missing" },
    { "LeakyRelu", "", { "f(2):1,-1" }, "f(2):1,-0.01" },
    { "LeakyRelu", "alpha=0.5", { "f(2):1,-1" }, "f(2):1,-0.5" },
    { "LeakyRelu", "", { "" }, NULL, "an input is missing" },
    { "Elu", "", { "f(2):1,-1" }, "f(2):1,-0.632120559" },
    { "Elu", "alpha=2.0", { "f(2):1,-1" }, "f(2):1,-1.26424112" },
    { "Elu", "", { "" }, NULL, "an input is missing" },
    { "Selu", "", { "f(2):1,-1" }, "f(2):1.05070102,-1.11133074" },
    { "Selu", "alpha=2.0 gamma=3.0", { "f(2):1,-1" }, "f(2):3,-3.79272336" },
    { "Selu", "", { "" }, NULL, "an input is missing" },
    { "Celu", "alpha=2.0", { "f(2):1,-1" }, "f(2):1,-0.786938681" },
    { "Celu", "", { "" }, NULL, "an input is missing" },
    { "HardSigmoid", "", { "f(3):-5,1,5" }, "f(3):0,0.7,1" },
    { "HardSigmoid", "alpha=0.5 beta=0.25", { "f(2):1,-0.5" }, "f(2):0.75,0" },
    { "HardSigmoid", "", { "" }, NULL, "an input is missing" },
    { "HardSwish", "", { "f(4):-4,1,0,4" }, "f(4):0,0.666666667,0,4" },
    { "Mish", "", { "f(2):1,0" }, "f(2):0.865098388,0" },
    { "PRelu", "", { "f(2,2):1,-1,-2,2", "f(2):0.5,0.25" }, "f(2,2):1,-0.25,-1,2" },
    { "Softsign", "", { "f(2):1,-3" }, "f(2):0.5,-0.75" },
    { "Asin", "", { "f(3):0.5,-1,1" }, "f(3):0.523598776,-1.57079633,1.57079633" },
    { "Acos", "", { "f(3):0.5,-1,1" }, "f(3):1.04719755,3.14159265,0" },
    { "Asinh", "", { "f(2):-2,0.5" }, "f(2):-1.44363548,0.481211825" },
    { "Acosh", "", { "f(1):2" }, "f(1):1.31695790" },
    { "Atanh", "", { "f(2):-0.5,0.25" }, "f(2):-0.549306144,0.255412812" },
    { "Swish", "alpha=2.0", { "f(1):1" }, "f(1):0.880797078", .opset = 24 },
    { "Shrink", "lambd=1.5 bias=0.5", { "f(3):-2,1,2" }, "f(3):-1.5,0,1.5" },
    { "ThresholdedRelu", "alpha=2.0", { "f(2):2,3" }, "f(2):0,3" },
    { "IsInf", "detect_positive=0", { "f(3):inf,-inf,1" }, "i(3):0,1,0" },
    { "Hardmax", "", { "f(1,3):1,3,3" }, "f(1,3):0,1,0" },
    { "LpNormalization", "p=1", { "f(2):1,-3" }, "f(2):0.25,-0.75" },
    { "MeanVarianceNormalization", "axes=[0]", { "f(2):1,3" }, "f(2):-1,1" },
    { "ReduceMin", "", { "f():3" }, "f():3" },
    { "ReduceMin", "", { "f(0)" }, "f(1):inf" },
    { "ReduceLogSum", "", { "f(2):1,3" }, "f(1):1.38629436" },
    { "ReduceMean", "", { "i(3):-1,-2,-4" }, "i(1):-2" },
    { "ReduceMean", "axes=[1] keepdims=0", { "i(2,2):1,2,3,6" }, "i(2):1,4" },
    { "ReduceMean", "keepdims=0", { "i(2,2):1,2,3,5" }, "i():2" },
    { "ReduceL1", "", { "i(2):-1,3" }, "i(1):4" },
    { "ReduceSumSquare", "", { "f(2):1,3" }, "f(1):10" },
    { "ArgMax", "select_last_index=1", { "f(3):2,1,2" }, "i(1):2" },
    { "Clip", "", { "f(3):-5,0,5", "f():-1", "f():2" }, "f(3):-1,0,2" },
    { "Clip", "", { "f(3):-5,0,5", "", "f():2" }, "f(3):-5,0,2" },
    { "Clip", "min=-1.0 max=2.0", { "f(3):-5,0,5" }, "f(3):-1,0,2", .opset = 10 },
    { "Clip", "", { "f(1):1", "f(2):1,2" }, NULL, "an input must be a scalar" },
    { "Clip", "", { "f(1):1", "f():1", "f(2):1,2" }, NULL, "an input must be a scalar" },
    { "Softmax", "axis=0", { "f(2,2):0,1,0,1" }, "f(2,2):0.5,0.5,0.5,0.5" },
    { "Softmax", "axis=0", { "f(2,2):0,0,0,0" }, "f(2,2):0.25,0.25,0.25,0.25", .opset = 12 },
    { "LogSoftmax", "", { "f(2):0,0" }, "f(2):-0.693147181,-0.693147181" },
    { "LogSoftmax", "axis=0", { "f():7" }, "f():0", .opset = 12 },
    { "Softmax", "axis=1", { "f(2):0,0" }, NULL, "an axis is out of range" },

    /* Along an axis */
    { "TopK", "", { "f(4):3,1,4,2", "i(1):2" }, "f(2):4,3", .outputs = 2 },
    { "TopK", "", { "f(4):3,1,4,2", "i(1):2" }, "i(2):2,0", .outputs = 2, .output = 1 },
    { "TopK", "largest=0", { "f(4):3,1,4,2", "i(1):2" }, "f(2):1,2", .outputs = 2 },
    { "TopK", "axis=0 k=1", { "f(2,2):1,4,3,2" }, "f(1,2):3,4", .outputs = 2, .opset = 9 },
    { "TopK", "", { "f(2):1,4" }, NULL, "k must be one number", .outputs = 2 },
    { "TopK", "axis=1", { "f(2):1,4", "i(1):1" }, NULL, "an axis is out of range", .outputs = 2 },
    { "CumSum", "", { "f(3):1,2,3", "i():0" }, "f(3):1,3,6" },
    { "CumSum", "reverse=1", { "f(3):1,2,3", "i():-1" }, "f(3):6,5,3" },
    { "CumSum", "exclusive=1", { "f(3):1,2,3", "i():0" }, "f(3):0,1,3" },
    { "CumSum", "exclusive=1 reverse=1", { "f(3):1,2,3", "i():0" }, "f(3):5,3,0" },
    { "CumSum", "", { "f(3):1,2,3", "i(2):0,0" }, NULL, "its axis must be one number" },
    { "CumSum", "", { "f(3):1,2,3", "i():1" }, NULL, "an axis is out of range" },

    /* Convolutions and pools */
    { "Conv", "", { "f(1,1,3):1,2,3", "f(1,1,2):1,10" }, "f(1,1,2):21,32" },
    { "Conv", "pads=[1,0] auto_pad='NOTSET'", { "f(1,1,3):1,2,3", "f(1,1,2):1,10", "f(1):1" }, "f(1,1,3):11,22,33" },
    { "Conv", "strides=[2] auto_pad='VALID'", { "f(1,1,4):1,2,3,4", "f(1,1,2):1,10" }, "f(1,1,2):21,43" },
    { "Conv", "dilations=[2]", { "f(1,1,3):1,2,3", "f(1,1,2):1,10" }, "f(1,1,1):31" },
    { "Conv", "auto_pad='SAME_UPPER'", { "f(1,1,3):1,2,3", "f(1,1,2):1,10" }, "f(1,1,3):21,32,3" },
    { "Conv", "auto_pad='SAME_LOWER'", { "f(1,1,3):1,2,3", "f(1,1,2):1,10" }, "f(1,1,3):10,21,32" },
    { "Conv", "auto_pad='SAME'", { "f(1,1,3)", "f(1,1,2)" }, NULL, "its auto_pad is not supported" },
    { "Conv", "strides=[1,1]", { "f(1,1,3)", "f(1,1,2)" }, NULL, "strides, dilations or pads do not fit" },
    { "Conv", "dilations=[1,1]", { "f(1,1,3)", "f(1,1,2)" }, NULL, "strides, dilations or pads do not fit" },
    { "Conv", "pads=[1]", { "f(1,1,3)", "f(1,1,2)" }, NULL, "strides, dilations or pads do not fit" },
    { "Conv", "", { "f(1,1,1,1,1):1", "f(1,1,1,1,1):1" }, NULL, "must be (N, C, L) or (N, C, H, W)" },
    { "Conv", "", { "f(1,1,3)", "f(1,1,1,1):1" }, NULL, "must be (N, C, L) or (N, C, H, W)" },
    { "Conv", "", { "f(1,1,3)" }, NULL, "an input is missing" },
    { "MaxPool", "kernel_shape=[2]", { "f(1,1,3):1,3,2" }, "f(1,1,2):3,3" },
    { "MaxPool", "kernel_shape=[2,1]", { "f(1,1,2,2):1,2,3,0" }, "f(1,1,1,2):3,2" },
    { "MaxPool", "kernel_shape=[2]", { "f(1,1,3):1,3,2" }, "i(1,1,2):1,1", .outputs = 2, .output = 1 },
    { "MaxPool", "kernel_shape=[2]", { "f(1,1,3):1,1,2" }, "i(1,1,2):0,2", .outputs = 2, .output = 1 },
    { "MaxPool", "kernel_shape=[2] storage_order=1", { "f(1,1,3)" }, NULL, "storage_order", .outputs = 2 },
    { "MaxPool", "kernel_shape=[1,1,2]", { "f(1,1,1,1,3):1,3,2" }, "f(1,1,1,1,2):3,3" },
    { "MaxPool", "kernel_shape=[2]", { "i(1,1,3):1,3,2" }, "i(1,1,2):3,3" },
    { "MaxPool", "kernel_shape=[1,1,5]", { "f(1,1,1,1,3)" }, NULL, "its window does not fit its input" },
    { "MaxPool", "kernel_shape=[1,1,0]", { "f(1,1,1,1,3)" }, NULL, "its window does not fit its input" },
    { "MaxPool", "kernel_shape=[1,1,1] strides=[1,1,0]", { "f(1,1,1,1,3)" }, NULL, "its window does not fit" },
    { "MaxPool", "", { "f(1,1,3)" }, NULL, "with a size of kernel_shape for each dim" },
    { "MaxPool", "kernel_shape=[2]", { "f(1,3)" }, NULL, "with a size of kernel_shape for each dim" },
    { "MaxUnpool", "kernel_shape=[2] strides=[2]", { "f(1,1,2):5,6", "i(1,1,2):1,2" }, "f(1,1,4):0,5,6,0" },
    { "MaxUnpool", "kernel_shape=[2] strides=[2]", { "f(1,1,2):5,6", "i(1,1,2):1,4" }, NULL, "scatter" },
    { "MaxUnpool", "kernel_shape=[2] strides=[2]", { "f(1,1,2)", "i(1,1,2)", "i(3):1,1,5" }, NULL, "output shape" },
    { "MaxPool", "kernel_shape=[2] pads=[1]", { "f(1,1,3)" }, NULL, "strides, dilations or pads do not fit" },
    { "AveragePool", "kernel_shape=[2]", { "f(1,1,3):1,2,4" }, "f(1,1,2):1.5,3" },
    { "AveragePool", "kernel_shape=[2] pads=[1,1]", { "f(1,1,2):1,3" }, "f(1,1,3):1,2,3" },
    { "AveragePool", "kernel_shape=[2] pads=[1,0] count_include_pad=1", { "f(1,1,2):1,3" }, "f(1,1,2):0.5,2" },
    { "AveragePool", "kernel_shape=[2] pads=[1,0]", { "f(1,1,2):1,3" }, "f(1,1,2):1,2" },
    { "AveragePool", "kernel_shape=[2] dilations=[2]", { "f(1,1,3):1,2,4" }, "f(1,1,1):2.5" },
    { "AveragePool", "kernel_shape=[1,1] dilations=[1,2]", { "f(1,1,1,2):1,2" }, "f(1,1,1,2):1,2" },
    { "AveragePool",
      "kernel_shape=[2] strides=[2] pads=[1,0] ceil_mode=1",
      { "f(1,1,4):1,2,3,4" },
      "f(1,1,3):1,2.5,4" },
    { "LpPool", "kernel_shape=[2]", { "f(1,1,3):3,-4,3" }, "f(1,1,2):5,5" },
    { "LpPool", "kernel_shape=[2] pads=[1,0] p=1", { "f(1,1,2):3,-4" }, "f(1,1,2):3,7" },
    { "LpPool", "kernel_shape=[2] strides=[2] ceil_mode=1", { "f(1,1,3):3,-4,2" }, "f(1,1,2):5,2" },
    { "LpPool", "kernel_shape=[2] p=0", { "f(1,1,3)" }, NULL, "its p is below 1" },
    { "ConvTranspose", "output_shape=[3]", { "f(1,1,2):1,2", "f(1,1,1):1" }, "f(1,1,3):1,2,0" },
    { "ConvTranspose", "output_shape=[2]", { "f(1,1,2):1,2", "f(1,1,2):1,1" }, "f(1,1,2):3,2" },
    { "ConvTranspose", "auto_pad='SAME_LOWER'", { "f(1,1,2):1,2", "f(1,1,2):1,1" }, "f(1,1,2):3,2" },
    { "ConvTranspose", "auto_pad='SAME_UPPER'", { "f(1,1,2):1,2", "f(1,1,2):1,1" }, "f(1,1,2):1,3" },
    { "ConvTranspose",
      "auto_pad='SAME_UPPER' strides=[3]",
      { "f(1,1,2):1,2", "f(1,1,2):1,1" },
      NULL,
      "its stride leaves places" },
    { "ConvTranspose", "output_shape=[3,3]", { "f(1,1,2)", "f(1,1,1)" }, NULL, "output_shape does not fit" },
    { "ConvInteger", "", { "i(1,1,2):200,3", "i(1,1,2):2,1", "i():100" }, "i(1,1,1):103" },
    { "LRN", "size=1 alpha=1.0 beta=1.0 bias=0.0", { "f(1,2,1):2,4" }, "f(1,2,1):0.5,0.25" },
    { "LRN", "", { "f(1,2,1)" }, NULL, "and a size" },

    /* Resize */
    { "Resize", "mode='linear'", { "f(1,1,4):1,2,3,4", "", "f(3):1,1,0.5" }, "f(1,1,2):1.5,3.5" },
    { "Resize",
      "mode='linear' antialias=1",
      { "f(1,4):1,2,3,4", "", "f(2):1,0.5" },
      "f(1,2):1.625,3.375",
      .opset = 18 },
    { "Resize", "", { "f(3):1,2,3", "", "", "i(1):2" }, "f(2):1,3" },
    { "Resize", "axes=[1]", { "f(1,2):1,2", "", "f(1):2" }, "f(1,4):1,1,2,2", .opset = 18 },
    { "Resize",
      "coordinate_transformation_mode='asymmetric' nearest_mode='ceil'",
      { "i(2):1,2", "", "f(1):2" },
      "i(4):1,2,2,2" },
    { "Resize",
      "coordinate_transformation_mode='tf_crop_and_resize' mode='linear' extrapolation_value=9.0",
      { "f(3):1,2,3", "f(2):0.5,1.5", "", "i(1):2" },
      "f(2):2,9" },
    { "Resize", "", { "f(2):1,2", "", "f(1):0.25" }, "f(0)" },
    { "Resize", "mode='linear'", { "i(2):1,2", "", "f(1):2" }, NULL, "the mode is not for integers" },
    { "Resize", "", { "f(2)", "", "f(1):2", "i(1):4" }, NULL, "expected either scales or sizes" },
    { "Resize", "", { "f(2)", "", "f(1):-2" }, NULL, "a scale or size is out of range" },
    { "Resize", "", { "f(2)", "", "f(1):1e30" }, NULL, "a scale or size is out of range" },
    { "Resize", "", { "f(2)", "", "f(1):inf" }, NULL, "is not finite" },
    { "Resize", "", { "f(2)", "", "f(1):1e9" }, NULL, "FROND_MEMORY_LIMIT" },
    { "Resize", "", { "f(2,2)", "", "f(1):2" }, NULL, "expected as many scales" },
    { "Resize", "mode='wrong'", { "f(2)", "", "f(1):2" }, NULL, "its mode is not supported" },
    { "Upsample", "mode='nearest'", { "f(1,2):1,2", "f(2):1,2" }, "f(1,4):1,1,2,2", .opset = 9 },
    { "Resize", "mode='linear'", { "f(2):1,2", "f(1):2" }, "f(4):1,1.5,2,2", .opset = 10 },

    /* Values between pixels */
    { "GridSample", "align_corners=1", { "f(1,1,2,2):1,2,3,4", "f(1,1,1,2):0,0" }, "f(1,1,1,1):2.5" },
    { "GridSample", "align_corners=1", { "f(1,1,2,2):1,2,3,4", "f(1,1,1,2):2,2" }, "f(1,1,1,1):1" },
    { "GridSample",
      "align_corners=1 padding_mode='border'",
      { "f(1,1,2,2):1,2,3,4", "f(1,1,1,2):2,-9" },
      "f(1,1,1,1):2" },
    { "GridSample",
      "align_corners=1 padding_mode='reflection'",
      { "f(1,1,2,2):1,2,3,4", "f(1,1,1,2):2,2" },
      "f(1,1,1,1):2.5" },
    { "GridSample", "mode='nearest'", { "f(1,1,1,2):1,2", "f(1,1,1,2):0.6,0" }, "f(1,1,1,1):2" },
    { "GridSample", "", { "f(1,1,2,2)", "f(1,1,1,3)" }, NULL, "and a grid" },
    { "GridSample", "", { "f(1,1,0,2)", "f(1,1,1,2)" }, NULL, "neither empty" },
    { "GridSample", "", { "f(1,1,2,2):1,1,1,1", "f(1,1,1,2):nan,inf" }, NULL, "out of range" },
    { "AffineGrid", "align_corners=1", { "f(1,2,3):1,0,0,0,1,0", "i(4):1,1,1,2" }, "f(1,1,2,2):-1,0,1,0", .opset = 20 },
    { "AffineGrid", "", { "f(1,2,3)", "i(4):1,1,0,2" }, NULL, "a dim below 1", .opset = 20 },
    { "AffineGrid", "", { "f(1,2,3)", "i(3):1,1,2" }, NULL, "expected theta", .opset = 20 },

    /* Integers */
    { "BitShift", "direction='LEFT'", { "i(3):1,-1,3", "i(3):2,1,64" }, "i(3):4,-2,0" },
    { "BitShift", "direction='RIGHT'", { "i(3):-8,-1,9", "i(3):1,70,-1" }, "i(3):-4,-1,0" },
    { "BitwiseAnd", "", { "i(2):6,-1", "i(2):3,5" }, "i(2):2,5" },
    { "BitwiseOr", "", { "i(2):6,-1", "i(2):3,5" }, "i(2):7,-1" },
    { "BitwiseXor", "", { "i(2):6,-1", "i(2):3,5" }, "i(2):5,-6" },
    { "BitwiseNot", "", { "i(2):6,-1" }, "i(2):-7,0" },
    { "BitwiseAnd", "", { "f(1)", "i(1)" }, NULL, "expected two tensors of integers that broadcast" },
    { "BitwiseAnd", "", { "i(2)", "i(3)" }, NULL, "expected two tensors of integers that broadcast" },
    { "QuantizeLinear", "", { "f(5):-1,0.25,0.75,300,-300", "f():0.5", "B():3" }, "i(5):1,3,5,127,-128" },
    { "QuantizeLinear", "axis=0", { "f(2):4,4", "f(2):1,2", "B(2):0,1" }, "i(2):4,3" },
    { "QuantizeLinear", "axis=0 block_size=2", { "f(3):4,4,4", "f(2):1,2", "B(2):0,0" }, "i(3):4,4,2" },
    { "QuantizeLinear", "", { "f(1)", "f():0.5" }, NULL, "expected a zero point of an integer type" },
    { "QuantizeLinear", "", { "f(1)", "f():0.5", "i():0" }, NULL, "expected a zero point of an integer type" },
    { "QuantizeLinear", "axis=0", { "f(3)", "f(2):1,2", "B(2):0,1" }, NULL, "" },
    { "DequantizeLinear", "", { "i(1)", "f():0.5" }, NULL, "frond does not have the type of its input" },
    { "DynamicQuantizeLinear", "", { "f(2):-255,0" }, "i(2):0,255", .outputs = 3 },
    { "DynamicQuantizeLinear", "", { "f(2):-255,0" }, "i():255", .outputs = 3, .output = 2 },
    { "DynamicQuantizeLinear", "", { "f(2):0,510" }, "f():2", .outputs = 3, .output = 1 },
    { "DynamicQuantizeLinear", "", { "f(2):0,0" }, "i(2):0,0", .outputs = 3 },
    { "MatMulInteger", "", { "i(1,2):200,3", "i(2,1):2,5", "i():100", "i():1" }, "i(1,1):-288" },
    { "MatMulInteger", "", { "i(2,1):1,1", "i(1,1):1", "i(2):0,3" }, "i(2,1):1,-2" },

    /* Signals and states */
    { "DFT", "", { "f(1,2,1):1,2" }, "f(1,2,2):3,0,-1,0" },
    { "DFT", "inverse=1", { "f(1,2,2):3,0,-1,0" }, "f(1,2,2):1,0,2,0" },
    { "DFT", "onesided=1", { "f(1,4,1):1,2,3,4" }, "f(1,3,2):10,0,-2,2,-2,0" },
    { "DFT", "onesided=1 inverse=1", { "f(1,3,2):10,0,-2,2,-2,0" }, "f(1,4,1):1,2,3,4", .opset = 20 },
    { "DFT", "", { "f(1,2,1):1,2", "i():3", "i():-1" }, NULL, "an axis before that dim", .opset = 20 },
    { "DFT", "", { "f(1,2,1):1,2", "i():0" }, NULL, "its length is below 1" },
    { "STFT", "", { "f(1,4):1,2,3,4", "i():2", "", "i():2" }, "f(1,2,2,2):3,0,-1,0,7,0,-1,0" },
    { "STFT", "", { "f(1,4)", "i():0", "", "i():2" }, NULL, "and a step" },
    { "STFT", "", { "f(1,4)", "i():1", "", "i():5" }, NULL, "its frames do not fit" },
    { "HannWindow", "", { "i():4" }, "f(4):0,0.5,1,0.5" },
    { "HannWindow", "periodic=0", { "i():3" }, "f(3):0,1,0" },
    { "HannWindow", "", { "i():-4" }, NULL, "expected a size of 1 or more" },
    { "CausalConvWithState", "", { "f(1,1,3):1,2,3", "f(1,1,2):10,1" }, "f(1,1,3):1,12,23", .opset = 26 },
    { "LinearAttention",
      "update_rule='linear' q_num_heads=1 kv_num_heads=1 scale=1.0",
      { "f(1,2,1):1,2", "f(1,2,1):1,1", "f(1,2,1):3,4" },
      "f(1,2,1):3,14",
      .opset = 26 },
    { "LinearAttention", "", { "f(1,2,1)", "f(1,2,1)", "f(1,2,1)" }, NULL, "its heads or inputs", .opset = 26 },
    { "TensorScatter", "", { "f(1,3,1):1,2,3", "f(1,1,1):9", "i(1):2" }, "f(1,3,1):1,2,9", .opset = 24 },
    { "TensorScatter",
      "mode='circular'",
      { "f(1,3,1):1,2,3", "f(1,2,1):8,9", "i(1):2" },
      "f(1,3,1):9,2,8",
      .opset = 24 },
    { "TensorScatter", "", { "f(1,3,1)", "f(1,1,1):9", "i(1):3" }, NULL, "scatter", .opset = 24 },
    { "TensorScatter", "axis=0", { "f(1,3,1)", "f(1,1,1):9", "i(1):0" }, NULL, "that of the batch", .opset = 24 },
    { "SwiGLU", "alpha=0.0", { "f(1):2", "f(1):3" }, "f(1):3", .opset = 26 },

    /* Sequences and optional values */
    { "OptionalHasElement", "", { "f(1)" }, "i():1", .opset = 18 },
    { "OptionalHasElement", "", { "" }, "i():0", .opset = 18 },
    { "SequenceLength", "", { "f(1)" }, NULL, "expected a sequence" },
    { "SequenceConstruct", "", { "f(1)" }, NULL, "output y0 was not made" },
    { "GlobalAveragePool", "", { "f(1,2,2):1,3,5,8" }, "f(1,2,1):2,6.5" },
    { "GlobalMaxPool", "", { "f(1,1,2,2):1,3,4,2" }, "f(1,1,1,1):4" },
    { "GlobalMaxPool", "", { "" }, NULL, "an input is missing" },

    /* Norms and dropout */
    { "BatchNormalization", "epsilon=0.0", { "f(1,1):3", "f(1):2", "f(1):1", "f(1):1", "f(1):4" }, "f(1,1):3" },
    { "BatchNormalization", "", { "f(1,1):3", "f(1):2", "f(1):1", "f(1):1", "f(1):0" }, "f(1,1):1265.91113" },
    { "BatchNormalization",
      "training_mode=1",
      { "f(1,1):3", "f(1):2", "f(1):1", "f(1):1", "f(1):4" },
      NULL,
      "it is in training mode" },
    { "BatchNormalization",
      "",
      { "f(1,1):3", "f(1):2", "f(1):1", "f(1):1", "f(1):4" },
      NULL,
      "it is in training mode",
      .outputs = 3 },
    { "BatchNormalization", "", { "f(1,1):3", "f(1):2", "f(1):1", "f(1):1" }, NULL, "an input is missing" },
    { "LayerNormalization", "epsilon=0.0", { "f(1,2):1,3", "f(2):1,2" }, "f(1,2):-1,2" },
    { "LayerNormalization", "epsilon=3.0 axis=0", { "f(2):1,3", "f(2):1,2", "f(2):0,1" }, "f(2):-0.5,2" },
    { "LayerNormalization", "axis=2", { "f(1,2)", "f(2):1,1" }, NULL, "an axis is out of range" },
    { "RMSNormalization", "epsilon=0.0", { "f(1,2):3,4", "f(2):1,2" }, "f(1,2):0.848528137,2.2627417", .opset = 23 },
    { "GroupNormalization",
      "num_groups=1 epsilon=0.0",
      { "f(1,2):1,3", "f(2):1,2", "f(2):0,1" },
      "f(1,2):-1,3",
      .opset = 21 },
    { "InstanceNormalization", "epsilon=0.0", { "f(1,1,2):1,3", "f(1):2", "f(1):1" }, "f(1,1,2):-1,3" },
    { "NegativeLogLikelihoodLoss", "reduction='sum'", { "f(2,2):-1,-2,-3,-4", "i(2):1,0" }, "f():5" },
    { "SoftmaxCrossEntropyLoss", "", { "f(1,2):0,0", "i(1):1" }, "f():0.693147181" },
    { "Dropout", "", { "f(2):1,2" }, "f(2):1,2" },
    { "Dropout", "", { "f(2):1,2", "f():0.5", "i():0" }, "f(2):1,2" },
    { "Dropout", "", { "f(2):1,2", "f():0.5", "i():1" }, NULL, "it is in training mode" },
    { "Dropout", "", { "" }, NULL, "an input is missing" },

    /* Recurrent: of one value, with h' = act(x + 0 h) */
    { "RNN", "activations={Relu}", { "f(2,1,1):2,-1", "f(1,1,1):1", "f(1,1,1):0" }, "f(2,1,1,1):2,0" },
    { "RNN", "activations={Tanh}", { "f(1,1,1):1", "f(1,1,1):1", "f(1,1,1):0" }, "f(1,1,1,1):0.761594156" },
    { "RNN",
      "activations={Relu} direction='reverse'",
      { "f(2,1,1):2,3", "f(1,1,1):1", "f(1,1,1):1" },
      "f(2,1,1,1):5,3" },
    { "RNN", "activations={Sigmoid}", { "f(1,1,1)", "f(1,1,1)", "f(1,1,1)" }, NULL, "not supported" },
    { "RNN", "activations={Tanh,Tanh}", { "f(1,1,1)", "f(1,1,1)", "f(1,1,1)" }, NULL, "the number of its activations" },
    { "RNN",
      "activations={Relu,Tanh} direction='bidirectional'",
      { "f(1,1,1)", "f(2,1,1)", "f(2,1,1)" },
      NULL,
      "its activations are not supported" },
    { "RNN", "layout=1 activations={Relu}", { "f(1,2,1):2,3", "f(1,1,1):1", "f(1,1,1):1" }, "f(1,2,1,1):2,5" },
    { "RNN", "clip=1.0", { "f(1,1,1)", "f(1,1,1)", "f(1,1,1)" }, NULL, "RNN with clip" },
    { "LSTM", "input_forget=1", { "f(1,1,1)", "f(1,4,1)", "f(1,4,1)" }, NULL, "input_forget" },
    { "LSTM", "", { "f(1,1,1)", "f(1,4,1)", "f(1,4,1)", "", "", "", "", "f(1,3)" }, NULL, "peepholes" },
    { "GRU", "", { "f(1,1,1):1", "f(1,3,1):0,0,1", "f(1,3,1)" }, "f(1,1,1,1):0.380797078" },
    { "GRU",
      "",
      { "f(1,1,1)", "f(1,3,1)", "f(1,3,1):0,0,1", "f(1,6):0,0,0,0,0,2", "", "f(1,1,1):1" },
      "f(1,1,1,1):0.993307149" },
    { "GRU",
      "",
      { "f(1,1,1)", "f(1,6,1)", "f(1,6,2):0,0,0,0,0,0,0,0,0,1,1,0", "f(1,12):0,0,50,-50,0,0,0,0,0,0,0,0", "",
        "f(1,1,2):1,2" },
      "f(1,1,1,2):0.5,1.380797078" },
    { "GRU", "", { "f(0,1,1)", "f(1,3,1)", "f(1,3,1)" }, NULL, "" },
    { "GRU", "", { "f(1,1,2)", "f(1,3,1)", "f(1,3,1)" }, NULL, "linear" },
    { "RNN", "", { "f(1,1,1)", "f(2,1,1)", "f(1,1,1)" }, NULL, "its weights do not fit" },
    { "RNN", "", { "f(1,1,1)", "f(1,1,1)", "f(1,1)" }, NULL, "its weights do not fit" },
    { "RNN", "", { "f(1,1)", "f(1,1,1)", "f(1,1,1)" }, NULL, "its input is not (T, B, I)" },
    { "RNN", "", { "f(1,1,1)", "f(1,1,1)" }, NULL, "an input is missing" },
};

START_TEST(node)
{
    FR_SCOPE;
    const node_case *c = &cases[_i];
    const char *x = c->in[0] && strchr(c->in[0], '(') ? c->in[0] : "f():0";
    fr_tensor *y;

    snprintf(test_about, sizeof test_about, "%s %s of %s", c->op, c->attributes, x);
    write_case(c);

    fr_module *m = fr_load_onnx(path);

    unlink(path);
    ck_assert_msg(m || !c->y, "%s: %s", test_about, fr_error_message());
    y = m ? fr_forward(m, tensor_of(x)) : NULL; /* some are refused when they are loaded */
    if (c->y) {
        assert_near(test_about, y, tensor_of(c->y));
    } else {
        ck_assert_msg(!y, "%s: not refused", test_about);
        assert_failed(c->message);
    }
    fr_module_free(m);
}
END_TEST

/* What is wrong with the model, not with its node. */
static const node_case refused_models[] = {
    { "Relu", "", { "f(1)" }, NULL, "nothing makes the model's output y0", .outputs = -1 },
    { "Add", "", { "f(1)", "f(9):1" }, NULL, "w1 has fewer values than its shape needs" },
    { "Optional", "", { "f(1)" }, NULL, "ops that frond cannot run: Optional (node it)" },
    { "Relu", "alpha=1.0", { "f(1)" }, NULL, "ops that frond cannot run: Relu with alpha (node it)" },
    { "Relu", "", { "f(1)" }, NULL, "nothing makes the model's output y1", .output = 1 },
};

START_TEST(model_refused)
{
    write_case(&refused_models[_i]);
    assert_refused(fr_load_onnx(path), "load_onnx", path, refused_models[_i].message);
    unlink(path);
}
END_TEST

#endif

int main(void)
{
    TCase *nodes = tcase_create("nodes");

#ifdef HAVE_PROTOBUF_C
    tcase_add_loop_test(nodes, node, 0, sizeof cases / sizeof *cases);
    tcase_add_loop_test(nodes, model_refused, 0, sizeof refused_models / sizeof *refused_models);
#endif
    return run_tests("onnx_nodes", nodes);
}
