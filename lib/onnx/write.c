/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A graph as a file: ONNX's messages, made of it and written by protobuf-c. */
#include <config.h>

#include "onnx/graph.h"
#include "files/replace_file.h"

#ifndef HAVE_PROTOBUF_C

bool fr_onnx_write(fr_onnx *g, const char *path)
{
    (void)path;
    return fr_fail(g->from->where, "ONNX files need protobuf-c, without which frond was built");
}

#else

#include "onnx/onnx.pb-c.h"
#include "files/dtype.h"

#include <frond/error.h>
#include <stdlib.h>

#define PROTO(NAME) Frond__Onnx__##NAME

/* Messages live in the graph's memory: an array of n pointers to new ones, or NULL. */
#define NEW(g, MESSAGE, INIT, n)                                                                                       \
    {                                                                                                                  \
        PROTO(MESSAGE) **all = fr_onnx_keep(g, ((n) + 1) * sizeof *all);                                               \
        for (size_t i = 0; all && i < (n); i++) {                                                                      \
            all[i] = fr_onnx_keep(g, sizeof **all);                                                                    \
            if (!all[i])                                                                                               \
                return NULL;                                                                                           \
            *all[i] = (PROTO(MESSAGE))INIT;                                                                            \
        }                                                                                                              \
        return all;                                                                                                    \
    }

static PROTO(TensorProto) * *new_tensors(fr_onnx *g, size_t n)
{
    NEW(g, TensorProto, FROND__ONNX__TENSOR_PROTO__INIT, n)
}

static PROTO(AttributeProto) * *new_attributes(fr_onnx *g, size_t n)
{
    NEW(g, AttributeProto, FROND__ONNX__ATTRIBUTE_PROTO__INIT, n)
}

static PROTO(NodeProto) * *new_nodes(fr_onnx *g, size_t n)
{
    NEW(g, NodeProto, FROND__ONNX__NODE_PROTO__INIT, n)
}

static PROTO(Dimension) * *new_dims(fr_onnx *g, size_t n)
{
    NEW(g, Dimension, FROND__ONNX__DIMENSION__INIT, n)
}

/* protobuf-c's structs have no const; packing changes nothing. */
static char *text_of(const char *text)
{
    return (char *)(uintptr_t)text;
}

static char **texts_of(const char *const *texts)
{
    return (char **)(uintptr_t)texts;
}

/* --- Parts ------------------------------------------------------------------------------------------------------- */

static bool fill_tensor(fr_onnx *g, PROTO(TensorProto) * p, const char *name, fr_tensor *t)
{
    fr_tensor *values = fr_hold(g->from->where, fr_values_for_file(g->from->where, t)); /* until the file is written */

    p->dims = fr_onnx_keep(g, FR_MAX_DIMS * sizeof *p->dims);
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

static bool fill_strings(fr_onnx *g, PROTO(AttributeProto) * p, const fr_onnx_attribute *a)
{
    p->strings = fr_onnx_keep(g, (size_t)a->n * sizeof *p->strings + 1);
    if (!p->strings)
        return false;
    p->n_strings = (size_t)a->n;
    for (int i = 0; i < a->n; i++)
        p->strings[i] = (ProtobufCBinaryData){ strlen(a->strings[i]), (uint8_t *)text_of(a->strings[i]) };
    return true;
}

static bool fill_attribute(fr_onnx *g, PROTO(AttributeProto) * p, const fr_onnx_attribute *a)
{
    p->name = text_of(a->name);
    p->has_type = 1;
    p->type = a->type;
    switch (a->type) {
    case FR_ONNX_INT:
        p->has_i = 1;
        p->i = a->i;
        return true;
    case FR_ONNX_FLOAT:
        p->has_f = 1;
        p->f = (float)a->f;
        return true;
    case FR_ONNX_STRING:
        p->has_s = 1;
        p->s = (ProtobufCBinaryData){ strlen(a->strings[0]), (uint8_t *)text_of(a->strings[0]) };
        return true;
    case FR_ONNX_STRINGS:
        return fill_strings(g, p, a);
    case FR_ONNX_INTS:
        p->n_ints = (size_t)a->n;
        p->ints = (int64_t *)(uintptr_t)a->ints;
        return true;
    default: {
        PROTO(TensorProto) **t = new_tensors(g, 1);

        p->t = t ? t[0] : NULL;
        return p->t && fill_tensor(g, p->t, "", a->tensor);
    }
    }
}

static bool fill_node(fr_onnx *g, PROTO(NodeProto) * p, const fr_onnx_item *item)
{
    p->op_type = text_of(item->type);
    p->name = text_of(item->name);
    p->n_input = item->input_count;
    p->input = texts_of(item->inputs);
    p->n_output = item->output_count;
    p->output = texts_of(item->outputs);
    p->attribute = new_attributes(g, item->attribute_count);
    if (!p->attribute)
        return false;
    p->n_attribute = item->attribute_count;
    for (size_t i = 0; i < item->attribute_count; i++)
        if (!fill_attribute(g, p->attribute[i], &item->attributes[i]))
            return false;
    return true;
}

/* dim of x or y: its name where it is an open size of the input, its size where it is fixed, else nothing. */
static void fill_dim(const fr_onnx *g, PROTO(Dimension) * p, bool of_output, int dim)
{
    int64_t each[FR_ONNX_RUNS] = { 0 };
    fr_onnx_size size;

    for (int r = 0; r < FR_ONNX_RUNS; r++)
        if (g->from->runs[r].x)
            each[r] = (of_output ? g->from->runs[r].y : g->from->runs[r].x)->shape.dim[dim];
    if (!fr_onnx_explain(g->from, each, &size))
        return;
    if (fr_onnx_is_fixed(&size)) {
        p->has_dim_value = 1;
        p->dim_value = each[FR_ONNX_BASE];
    } else if (fr_onnx_is_dim(&size) >= 0) {
        p->dim_param = text_of(g->dim_name[fr_onnx_is_dim(&size)]);
    }
}

/* The graph's input or output. */
typedef struct {
    PROTO(ValueInfoProto) info, *list[1];
    PROTO(TypeProto) type;
    PROTO(TensorTypeProto) tensor;
    PROTO(TensorShapeProto) shape;
} end;

static bool fill_end(fr_onnx *g, end *e, const char *name, const fr_tensor *t, bool of_output)
{
    *e = (end){ .info = FROND__ONNX__VALUE_INFO_PROTO__INIT,
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
    e->shape.dim = new_dims(g, e->shape.n_dim);
    if (!e->shape.dim)
        return false;
    for (int d = 0; d < t->shape.ndim; d++)
        fill_dim(g, e->shape.dim[d], of_output, d);
    return true;
}

static bool fill_graph(fr_onnx *g, PROTO(GraphProto) * p)
{
    p->name = text_of("frond");
    p->node = new_nodes(g, g->item_count);
    p->initializer = new_tensors(g, g->initializer_count);
    if (!p->node || !p->initializer)
        return false;
    p->n_node = g->item_count;
    p->n_initializer = g->initializer_count;
    for (size_t i = 0; i < g->item_count; i++)
        if (!fill_node(g, p->node[i], &g->items[i]))
            return false;
    for (size_t i = 0; i < g->initializer_count; i++)
        if (!fill_tensor(g, p->initializer[i], g->initializers[i].name, g->initializers[i].tensor))
            return false;
    return true;
}

/* --- The file ---------------------------------------------------------------------------------------------------- */

typedef struct {
    ProtobufCBuffer base;
    fr_replacement r;
    bool ok;
} sink;

static void append(ProtobufCBuffer *base, size_t size, const uint8_t *bytes)
{
    sink *s = (sink *)(void *)base;

    s->ok = s->ok && fr_replace_write(&s->r, bytes, size);
}

static bool write_model(fr_onnx *g, const char *path, const PROTO(ModelProto) * model)
{
    size_t size = protobuf_c_message_get_packed_size(&model->base);
    sink s = { .base.append = append, .ok = true };

    if (size > INT32_MAX)
        return fr_fail(g->from->where, "the model takes %zu bytes, and the format holds at most 2147483647", size);
    if (!fr_replace_begin(&s.r, g->from->where, path))
        return false;
    protobuf_c_message_pack_to_buffer(&model->base, &s.base);
    return fr_replace_finish(&s.r, s.ok);
}

bool fr_onnx_write(fr_onnx *g, const char *path)
{
    PROTO(ModelProto) model = FROND__ONNX__MODEL_PROTO__INIT;
    PROTO(GraphProto) graph = FROND__ONNX__GRAPH_PROTO__INIT;
    PROTO(OperatorSetIdProto) set = FROND__ONNX__OPERATOR_SET_ID_PROTO__INIT, *sets[] = { &set };
    end input, output;

    if (!fill_graph(g, &graph) || !fill_end(g, &input, g->input, g->run->x, false) ||
        !fill_end(g, &output, g->output, g->run->y, true))
        return false;
    graph.n_input = graph.n_output = 1;
    graph.input = input.list;
    graph.output = output.list;
    set.domain = text_of("");
    set.has_version = model.has_ir_version = 1;
    set.version = FR_ONNX_OPSET;
    model.ir_version = FR_ONNX_IR;
    model.producer_name = text_of("frond");
    model.producer_version = text_of(fr_version());
    model.graph = &graph;
    model.n_opset_import = 1;
    model.opset_import = sets;
    return write_model(g, path, &model);
}

#endif
