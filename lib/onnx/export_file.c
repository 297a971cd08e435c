/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A graph as a file: the messages of onnx.proto are filled from it, and protobuf-c writes them. */
#include <config.h>

#include "onnx/export.h"
#include "files/replace_file.h"

#ifndef HAVE_PROTOBUF_C

bool fr_onnx_write_file(fr_onnx *g, const char *path)
{
    (void)path;
    return fr_fail(g->export->where, FR_ONNX_NO_PROTOBUF);
}

#else

#include "files/dtype.h"

#include <frond/error.h>
#include <stdlib.h>

/* An array of pointers to n new messages of a type, in the graph's memory; NULL without memory. */
static void *new_messages(fr_onnx *g, const ProtobufCMessageDescriptor *type, size_t n)
{
    void **messages = fr_onnx_alloc(g, (n + 1) * sizeof *messages);

    for (size_t i = 0; messages && i < n; i++) {
        messages[i] = fr_onnx_alloc(g, type->sizeof_message);
        if (!messages[i])
            return NULL;
        protobuf_c_message_init(type, messages[i]);
    }
    return messages;
}

/* protobuf-c's structs have no const, but packing a message changes nothing in it. */
static char *text_of(const char *text)
{
    return (char *)(uintptr_t)text;
}

static char **texts_of(const char *const *texts)
{
    return (char **)(uintptr_t)texts;
}

static ProtobufCBinaryData bytes_of(const char *text)
{
    return (ProtobufCBinaryData){ strlen(text), (uint8_t *)text_of(text) };
}

/* --- Nodes and tensors ------------------------------------------------------------------------------------------- */

static bool fill_tensor(fr_onnx *g, fr_tensor_proto *p, const char *name, fr_tensor *t)
{
    fr_tensor *values =
        fr_hold(g->export->where, fr_values_for_file(g->export->where, t)); /* until the file is written */

    p->dims = fr_onnx_alloc(g, FR_MAX_DIMS * sizeof *p->dims);
    if (!values || !p->dims)
        return false;
    p->n_dims = (size_t)t->shape.ndim;
    memcpy(p->dims, t->shape.dim, p->n_dims * sizeof *p->dims);
    p->name = text_of(name);
    p->has_data_type = p->has_raw_data = 1;
    p->data_type = (int32_t)fr_onnx_dtype((fr_dtype)t->dtype);
    p->raw_data.len = (size_t)t->numel * fr_dtype_size((fr_dtype)t->dtype);
    p->raw_data.data = (uint8_t *)values->origin;
    return true;
}

static bool fill_strings(fr_onnx *g, fr_attribute_proto *p, const fr_onnx_attribute *a)
{
    p->strings = fr_onnx_alloc(g, (size_t)a->n * sizeof *p->strings + 1);
    if (!p->strings)
        return false;
    p->n_strings = (size_t)a->n;
    for (int i = 0; i < a->n; i++)
        p->strings[i] = bytes_of(a->strings[i]);
    return true;
}

static bool fill_attribute(fr_onnx *g, fr_attribute_proto *p, const fr_onnx_attribute *a)
{
    p->name = text_of(a->name);
    p->has_type = 1;
    p->type = a->type;
    switch (a->type) {
    case FR_ONNX_ATTRIBUTE_INT:
        p->has_i = 1;
        p->i = a->i;
        return true;
    case FR_ONNX_ATTRIBUTE_FLOAT:
        p->has_f = 1;
        p->f = (float)a->f;
        return true;
    case FR_ONNX_ATTRIBUTE_STRING:
        p->has_s = 1;
        p->s = bytes_of(a->strings[0]);
        return true;
    case FR_ONNX_ATTRIBUTE_STRINGS:
        return fill_strings(g, p, a);
    case FR_ONNX_ATTRIBUTE_INTS:
        p->n_ints = (size_t)a->n;
        p->ints = (int64_t *)(uintptr_t)a->ints;
        return true;
    default: {
        fr_tensor_proto **t = new_messages(g, &frond__onnx__tensor_proto__descriptor, 1);

        p->t = t ? t[0] : NULL;
        return p->t && fill_tensor(g, p->t, "", a->tensor);
    }
    }
}

static bool fill_node(fr_onnx *g, fr_node_proto *p, const fr_onnx_graph_node *node)
{
    p->op_type = text_of(node->type);
    p->name = text_of(node->name);
    p->n_input = node->input_count;
    p->input = texts_of(node->inputs);
    p->n_output = node->output_count;
    p->output = texts_of(node->outputs);
    p->attribute = new_messages(g, &frond__onnx__attribute_proto__descriptor, node->attribute_count);
    if (!p->attribute)
        return false;
    p->n_attribute = node->attribute_count;
    for (size_t i = 0; i < node->attribute_count; i++)
        if (!fill_attribute(g, p->attribute[i], &node->attributes[i]))
            return false;
    return true;
}

/* --- The graph --------------------------------------------------------------------------------------------------- */

/* The graph's input or output: the messages it is made of. */
typedef struct {
    Frond__Onnx__ValueInfoProto info, *list[1];
    Frond__Onnx__TypeProto type;
    Frond__Onnx__TensorTypeProto tensor;
    Frond__Onnx__TensorShapeProto shape;
} endpoint;

/* A dim that has the same size in all runs gets it; one that is an open dim of the input gets that dim's name; the
 * others stay unknown. */
static void fill_dim(const fr_onnx *g, Frond__Onnx__Dimension *p, bool of_output, int dim)
{
    int64_t in_run[FR_ONNX_RUNS] = { 0 };
    fr_onnx_size_formula formula;

    for (int r = 0; r < FR_ONNX_RUNS; r++)
        if (g->export->runs[r].x)
            in_run[r] = (of_output ? g->export->runs[r].y : g->export->runs[r].x)->shape.dim[dim];
    if (!fr_onnx_find_formula(g->export, in_run, &formula))
        return;
    if (fr_onnx_formula_is_constant(&formula)) {
        p->has_dim_value = 1;
        p->dim_value = in_run[FR_ONNX_EXAMPLE_RUN];
    } else if (fr_onnx_formula_dim(&formula) >= 0) {
        p->dim_param = text_of(g->dim_name[fr_onnx_formula_dim(&formula)]);
    }
}

static bool fill_endpoint(fr_onnx *g, endpoint *e, const char *name, const fr_tensor *t, bool of_output)
{
    *e = (endpoint){ .info = FROND__ONNX__VALUE_INFO_PROTO__INIT,
                     .type = FROND__ONNX__TYPE_PROTO__INIT,
                     .tensor = FROND__ONNX__TENSOR_TYPE_PROTO__INIT,
                     .shape = FROND__ONNX__TENSOR_SHAPE_PROTO__INIT };
    e->list[0] = &e->info;
    e->info.name = text_of(name);
    e->info.type = &e->type;
    e->type.tensor_type = &e->tensor;
    e->tensor.shape = &e->shape;
    e->tensor.has_elem_type = 1;
    e->tensor.elem_type = (int32_t)fr_onnx_dtype((fr_dtype)t->dtype);
    e->shape.n_dim = (size_t)t->shape.ndim;
    e->shape.dim = new_messages(g, &frond__onnx__dimension__descriptor, e->shape.n_dim);
    if (!e->shape.dim)
        return false;
    for (int d = 0; d < t->shape.ndim; d++)
        fill_dim(g, e->shape.dim[d], of_output, d);
    return true;
}

static bool fill_graph(fr_onnx *g, fr_graph_proto *p)
{
    p->name = text_of("frond");
    p->node = new_messages(g, &frond__onnx__node_proto__descriptor, g->node_count);
    p->initializer = new_messages(g, &frond__onnx__tensor_proto__descriptor, g->initializer_count);
    if (!p->node || !p->initializer)
        return false;
    p->n_node = g->node_count;
    p->n_initializer = g->initializer_count;
    for (size_t i = 0; i < g->node_count; i++)
        if (!fill_node(g, p->node[i], &g->nodes[i]))
            return false;
    for (size_t i = 0; i < g->initializer_count; i++)
        if (!fill_tensor(g, p->initializer[i], g->initializers[i].name, g->initializers[i].tensor))
            return false;
    return true;
}

/* --- The file ---------------------------------------------------------------------------------------------------- */

/* protobuf-c's buffer, which writes to the file. */
typedef struct {
    ProtobufCBuffer base;
    fr_replacement file;
    bool ok;
} file_buffer;

static void append(ProtobufCBuffer *base, size_t size, const uint8_t *bytes)
{
    file_buffer *b = (file_buffer *)(void *)base;

    b->ok = b->ok && fr_replace_write(&b->file, bytes, size);
}

static bool write_model(fr_onnx *g, const char *path, const fr_model_proto *model)
{
    size_t size = protobuf_c_message_get_packed_size(&model->base);
    file_buffer b = { .base.append = append, .ok = true };

    if (size > INT32_MAX)
        return fr_fail(g->export->where, "the model takes %zu bytes, and the format holds at most 2147483647", size);
    if (!fr_replace_begin(&b.file, g->export->where, path))
        return false;
    protobuf_c_message_pack_to_buffer(&model->base, &b.base);
    return fr_replace_finish(&b.file, b.ok);
}

bool fr_onnx_write_file(fr_onnx *g, const char *path)
{
    fr_model_proto model = FROND__ONNX__MODEL_PROTO__INIT;
    fr_graph_proto graph = FROND__ONNX__GRAPH_PROTO__INIT;
    Frond__Onnx__OperatorSetIdProto opset = FROND__ONNX__OPERATOR_SET_ID_PROTO__INIT, *opsets[] = { &opset };
    endpoint input, output;

    if (!fill_graph(g, &graph) || !fill_endpoint(g, &input, g->input, g->run->x, false) ||
        !fill_endpoint(g, &output, g->output, g->run->y, true))
        return false;
    graph.n_input = graph.n_output = 1;
    graph.input = input.list;
    graph.output = output.list;
    opset.domain = text_of("");
    opset.has_version = model.has_ir_version = 1;
    opset.version = FR_ONNX_OPSET_VERSION;
    model.ir_version = FR_ONNX_IR_VERSION;
    model.producer_name = text_of("frond");
    model.producer_version = text_of(fr_version());
    model.graph = &graph;
    model.n_opset_import = 1;
    model.opset_import = opsets;
    return write_model(g, path, &model);
}

#endif
