/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Writes a recorded graph as TensorBoard's GraphDef (tensorflow/core/framework/graph.proto), one packed GraphDef for
 * each node: protobuf reads several messages of one type in a row as one with the repeated fields of all. */
#include <config.h>

#include "log/event_file.h"

#include "core/utf8.h"
#include "graph/history.h"
#include "log/tensorboard.pb-c.h"

#include <stdlib.h>

/* Names of nodes are paths, as in "encoder/rnn/tanh.3": TensorBoard draws a box for each module. Names of parameters
 * have no dots left, so a name that ends in ".NUMBER" cannot be a parameter's. */
enum { NAME_SIZE = 512 };

typedef struct {
    const char *what;
    fr_history history;
    const fr_named_tensor *state; /* of the module, or NULL */
    int states;
    size_t constants; /* number of constants so far */
    uint8_t *bytes;   /* of the GraphDef */
    size_t size, capacity;
} writer;

/* --- Bytes -------------------------------------------------------------------------------------------------------- */

static bool reserve(writer *w, size_t n)
{
    size_t capacity = 2 * (w->size + n);
    uint8_t *bytes;

    if (w->size + n <= w->capacity)
        return true;
    bytes = realloc(w->bytes, capacity);
    if (!bytes)
        return fr_fail_memory(w->what);
    w->bytes = bytes;
    w->capacity = capacity;
    return true;
}

static bool put_part(writer *w, const Frond__Tensorboard__GraphDef *part)
{
    if (!reserve(w, frond__tensorboard__graph_def__get_packed_size(part)))
        return false;
    w->size += frond__tensorboard__graph_def__pack(part, w->bytes + w->size);
    return true;
}

static bool put_version(writer *w)
{
    Frond__Tensorboard__VersionDef version = FROND__TENSORBOARD__VERSION_DEF__INIT;
    Frond__Tensorboard__GraphDef part = FROND__TENSORBOARD__GRAPH_DEF__INIT;

    version.producer = 22; /* as PyTorch's SummaryWriter writes */
    part.versions = &version;
    return put_part(w, &part);
}

/* --- Names -------------------------------------------------------------------------------------------------------- */

/* The name of leaf in the module, "rnn.weight_ih_l0"; NULL if it has none that can be written. */
static const char *parameter_name(const writer *w, const fr_tensor *leaf)
{
    for (int i = 0; i < w->states; i++)
        if (w->state[i].tensor == leaf)
            return strlen(w->state[i].name) < NAME_SIZE && fr_is_utf8(w->state[i].name) ? w->state[i].name : NULL;
    return NULL;
}

static void replace_dots(char *name)
{
    for (; *name; name++)
        if (*name == '.')
            *name = '/';
}

static void leaf_name(const writer *w, const fr_tensor *leaf, char name[NAME_SIZE])
{
    const char *parameter = parameter_name(w, leaf);

    if (!parameter) {
        snprintf(name, NAME_SIZE, "leaf.%zu", fr_history_index(&w->history, leaf) + 1);
        return;
    }
    snprintf(name, NAME_SIZE, "%s", parameter);
    replace_dots(name);
}

/* The path of the module in which node was recorded, "encoder/rnn"; if that is not known, of the module of its first
 * parameter; else "". */
static void module_path(const writer *w, const fr_node *node, char path[FR_PATH_TEXT])
{
    fr_module_path_text(node->module_path, path);
    for (int i = 0; i < node->inputs && !*path; i++) {
        const char *name = node->edges[i].leaf ? parameter_name(w, node->edges[i].leaf) : NULL;
        const char *end = name ? strrchr(name, '.') : NULL;

        if (end && end - name < FR_PATH_TEXT) {
            memcpy(path, name, (size_t)(end - name));
            path[end - name] = '\0';
        }
    }
    if (!fr_is_utf8(path))
        *path = '\0';
    replace_dots(path);
}

static void node_name(const writer *w, const fr_node *node, char name[NAME_SIZE])
{
    char path[FR_PATH_TEXT];

    module_path(w, node, path);
    snprintf(name, NAME_SIZE, "%s%s%.100s.%zu", path, *path ? "/" : "", node->op->name,
             fr_history_index(&w->history, node) + 1);
}

/* --- A node ------------------------------------------------------------------------------------------------------- */

typedef struct {
    Frond__Tensorboard__TensorShapeProto proto, *pointer;
    Frond__Tensorboard__TensorShapeProto__Dim dims[FR_MAX_DIMS], *pointers[FR_MAX_DIMS];
} shape_message;

static void set_shape(shape_message *m, const fr_shape *shape)
{
    frond__tensorboard__tensor_shape_proto__init(&m->proto);
    m->pointer = &m->proto;
    m->proto.n_dim = (size_t)shape->ndim;
    m->proto.dim = m->pointers;
    for (int i = 0; i < shape->ndim; i++) {
        frond__tensorboard__tensor_shape_proto__dim__init(&m->dims[i]);
        m->dims[i].size = shape->dim[i];
        m->pointers[i] = &m->dims[i];
    }
}

/* The attributes of a node, which TensorBoard lists beside the graph. */
enum { ATTRIBUTES = 4 };
typedef struct {
    Frond__Tensorboard__AttrValue values[ATTRIBUTES];
    Frond__Tensorboard__AttrEntry entries[ATTRIBUTES], *pointers[ATTRIBUTES];
    size_t count;
} attributes;

static Frond__Tensorboard__AttrValue *add_attribute(attributes *a, const char *key,
                                                    Frond__Tensorboard__AttrValue__ValueCase kind)
{
    size_t i = a->count++;

    frond__tensorboard__attr_value__init(&a->values[i]);
    frond__tensorboard__attr_entry__init(&a->entries[i]);
    a->values[i].value_case = kind;
    a->entries[i].key = (char *)key;
    a->entries[i].value = &a->values[i];
    a->pointers[i] = &a->entries[i];
    return &a->values[i];
}

static void add_text(attributes *a, const char *key, const char *text)
{
    add_attribute(a, key, FROND__TENSORBOARD__ATTR_VALUE__VALUE_S)->s =
        (ProtobufCBinaryData){ strlen(text), (uint8_t *)text };
}

static void add_dtype(attributes *a, fr_dtype dtype)
{
    add_attribute(a, "T", FROND__TENSORBOARD__ATTR_VALUE__VALUE_TYPE)->type =
        dtype == FR_F32   ? FROND__TENSORBOARD__DATA_TYPE__DT_FLOAT
        : dtype == FR_F64 ? FROND__TENSORBOARD__DATA_TYPE__DT_DOUBLE
                          : FROND__TENSORBOARD__DATA_TYPE__DT_INT64;
}

/* The outputs' shapes, which TensorBoard writes on the edges. */
static void add_shapes(attributes *a, Frond__Tensorboard__AttrValue__ListValue *list,
                       Frond__Tensorboard__TensorShapeProto **shapes, size_t n)
{
    frond__tensorboard__attr_value__list_value__init(list);
    list->n_shape = n;
    list->shape = shapes;
    add_attribute(a, "_output_shapes", FROND__TENSORBOARD__ATTR_VALUE__VALUE_LIST)->list = list;
}

static bool put_node(writer *w, const char *name, const char *op, char **inputs, size_t n, attributes *a)
{
    Frond__Tensorboard__NodeDef node = FROND__TENSORBOARD__NODE_DEF__INIT, *nodes = &node;
    Frond__Tensorboard__GraphDef part = FROND__TENSORBOARD__GRAPH_DEF__INIT;
    Frond__Tensorboard__AttrEntry *pointers[ATTRIBUTES];

    memcpy(pointers, a->pointers, sizeof pointers);
    node.name = (char *)name;
    node.op = (char *)op;
    node.n_input = n;
    node.input = inputs;
    node.n_attr = a->count;
    node.attr = pointers;
    part.n_node = 1;
    part.node = &nodes;
    return put_part(w, &part);
}

/* Puts a node without inputs: a leaf or a constant. */
static bool put_leaf(writer *w, const char *name, const char *op, fr_dtype dtype, const fr_shape *shape)
{
    shape_message s;
    attributes a = { .count = 0 };
    Frond__Tensorboard__AttrValue__ListValue list;

    set_shape(&s, shape);
    add_dtype(&a, dtype);
    add_shapes(&a, &list, &s.pointer, 1);
    return put_node(w, name, op, NULL, 0, &a);
}

/* Writes to name the name of the node that input i comes from. A constant has none yet, so its node is put first. False
 * with an error. */
static bool resolve_input(writer *w, const fr_node *node, int i, char name[NAME_SIZE])
{
    const fr_edge *e = &node->edges[i];
    fr_shape shape;
    char path[FR_PATH_TEXT];

    if (e->node) {
        node_name(w, e->node, name);
        if (e->output > 0)
            snprintf(name + strlen(name), NAME_SIZE - strlen(name), ":%d", e->output);
        return true;
    }
    if (e->leaf) {
        leaf_name(w, e->leaf, name);
        return true;
    }
    module_path(w, node, path);
    snprintf(name, NAME_SIZE, "%s%sconstant.%zu", path, *path ? "/" : "", ++w->constants);
    fr_metadata_shape(&e->meta, &shape);
    return put_leaf(w, name, "Constant", (fr_dtype)e->meta.dtype, &shape);
}

/* Puts an op's node. The arrays are working memory: names and inputs one for each input, shapes and pointers for each
 * output. */
static bool fill_and_put_op(writer *w, const fr_node *node, char (*names)[NAME_SIZE], char **inputs,
                            shape_message *shapes, Frond__Tensorboard__TensorShapeProto **pointers)
{
    int n = 0, outputs = node->outputs - node->op->internal;
    attributes a = { .count = 0 };
    Frond__Tensorboard__AttrValue__ListValue list;
    char name[NAME_SIZE], source[300];
    fr_shape shape;

    for (int i = 0; i < node->inputs; i++) {
        if (node->edges[i].meta.ndim < 0) /* an optional input that was not given */
            continue;
        if (!resolve_input(w, node, i, names[n]))
            return false;
        inputs[n] = names[n];
        n++;
    }
    for (int i = 0; i < outputs; i++) {
        fr_metadata_shape(&node->results[i].meta, &shape);
        set_shape(&shapes[i], &shape);
        pointers[i] = shapes[i].pointer;
    }
    add_dtype(&a, (fr_dtype)node->results[0].meta.dtype);
    add_shapes(&a, &list, pointers, (size_t)outputs);
    if (node->op->formula)
        add_text(&a, "formula", node->op->formula);
    if (node->site.file) {
        snprintf(source, sizeof source, "%.250s:%d", node->site.file, node->site.line);
        add_text(&a, "source", source);
    }
    node_name(w, node, name);
    return put_node(w, name, node->op->name, inputs, (size_t)n, &a);
}

static bool put_op(writer *w, const fr_node *node)
{
    size_t inputs = (size_t)node->inputs + 1, outputs = (size_t)node->outputs + 1;
    char(*names)[NAME_SIZE] = calloc(inputs, sizeof *names);
    char **input = calloc(inputs, sizeof *input);
    shape_message *shapes = calloc(outputs, sizeof *shapes);
    Frond__Tensorboard__TensorShapeProto **pointers = calloc(outputs, sizeof *pointers);
    bool allocated = names && input && shapes && pointers;
    bool ok = allocated ? fill_and_put_op(w, node, names, input, shapes, pointers) : (fr_fail_memory(w->what), false);

    free(names);
    free(input);
    free(shapes);
    free(pointers);
    return ok;
}

static bool put_graph(writer *w)
{
    char name[NAME_SIZE];
    bool ok = put_version(w);

    for (size_t i = 0; ok && i < w->history.leaf_count; i++) {
        const fr_tensor *leaf = w->history.leaves[i];

        leaf_name(w, leaf, name);
        ok = put_leaf(w, name, parameter_name(w, leaf) ? "Parameter" : "Leaf", (fr_dtype)leaf->dtype, &leaf->shape);
    }
    for (size_t i = 0; ok && i < w->history.node_count; i++)
        ok = put_op(w, w->history.nodes[i]);
    return ok;
}

bool fr_event_file_add_graph(const char *what, fr_logger *log, const fr_tensor *t, fr_module *m)
{
    writer w = { .what = what };
    bool ok = true;

    if (m)
        ok = (w.state = fr_module_state(m, &w.states)) != NULL;
    if (ok && !fr_history_collect(&w.history, t))
        ok = fr_fail_memory(what);
    ok = ok && put_graph(&w) && fr_event_file_add_graph_def(what, log, w.bytes, w.size);
    fr_history_free(&w.history);
    free(w.bytes);
    return ok;
}
