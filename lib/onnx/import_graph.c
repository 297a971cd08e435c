/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reading the graph of an ONNX model: each name of a value becomes an index, each node finds its op, and what frond
 * cannot run is refused. Nodes that no output needs are passed over. Graphs inside nodes are read likewise: the values
 * of all graphs stand in one array. */
#include <config.h>

#include "core/error.h"
#include "core/thread.h"
#include "nn/module.h"
#include "onnx/import_model.h"

#include <stdio.h>
#include <stdlib.h>

static const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

/* --- Values and their names -------------------------------------------------------------------------------------- */

/* The index of a value of the graph or of one around it; -1: there is none so far. */
static int find_value(const fr_import_graph *g, const char *name)
{
    const json_t *found = NULL;

    for (; name && g && !found; g = g->outer)
        found = json_object_get(g->indices, name);
    return found ? (int)json_integer_value(found) : -1;
}

/* Adds a value, for which there is room. -1 with an error if its name is taken. */
static int add_value(fr_onnx_model *model, fr_import_graph *g, const char *where, const char *name)
{
    if (!name || !name[0] || json_object_get(g->indices, name))
        return fr_fail(where, "the value %.80s is made twice, or has no name", text_or_empty(name)), -1;
    if (json_object_set_new_nocheck(g->indices, name, json_integer(model->value_count)) != 0)
        return fr_fail_memory(where), -1;
    model->names[model->value_count] = name;
    return model->value_count++;
}

/* --- Initializers ------------------------------------------------------------------------------------------------ */

/* The submodule that the part of name before its last dot names, made where it is missing; *last is the rest of name.
 * NULL if a module cannot be named so. */
static fr_module *submodule_for(fr_module *m, const char *name, const char **last)
{
    const char *dot;

    for (*last = name; m && (dot = strchr(*last, '.')); *last = dot + 1) {
        char part[256];
        size_t length = (size_t)(dot - *last);
        fr_module *child = fr_module_child(m, *last, length);

        if (length == 0 || length >= sizeof part)
            return NULL;
        memcpy(part, *last, length);
        part[length] = '\0';
        if (!child && fr_module_has(m, part))
            return NULL;
        m = child ? child : fr_module_add(m, part, fr_module_new("Module", 0, NULL));
    }
    return m;
}

/* Makes t a parameter or buffer of m, under its name if a module allows it, else as initializer_INDEX. */
static bool add_to_module(fr_module *m, const char *where, const char *name, fr_tensor *t, bool buffer, int index)
{
    unsigned failures = fr_thread_self()->errors.failures;
    const char *last;
    char numbered[32];
    fr_module *owner = submodule_for(m, name, &last);

    if (fr_thread_self()->errors.failures != failures)
        return false;
    if (!owner || !*last || fr_module_has(owner, last)) {
        snprintf(numbered, sizeof numbered, "initializer_%d", index);
        owner = m;
        last = numbered;
    }
    if (!buffer)
        t->requires_grad = true;
    return fr_module_register(where, owner, last, t, buffer);
}

/* True if name is the running mean or variance of a batch norm: a buffer, not a parameter. */
static bool is_running_statistic(const fr_graph_proto *g, const char *name)
{
    enum { MEAN = 3, VARIANCE = 4 }; /* inputs of BatchNormalization */

    for (size_t i = 0; i < g->n_node; i++)
        if (g->node[i]->op_type && strcmp(g->node[i]->op_type, "BatchNormalization") == 0)
            for (size_t k = MEAN; k < g->node[i]->n_input && k <= VARIANCE; k++)
                if (strcmp(g->node[i]->input[k], name) == 0)
                    return true;
    return false;
}

/* Frees the values in the file's form: the tensor has them. */
static void drop_values(fr_tensor_proto *p)
{
    free(p->raw_data.data);
    free(p->float_data);
    free(p->double_data);
    free(p->int32_data);
    free(p->int64_data);
    p->raw_data = (ProtobufCBinaryData){ 0 };
    p->float_data = NULL;
    p->double_data = NULL;
    p->int32_data = NULL;
    p->int64_data = NULL;
    p->n_float_data = p->n_double_data = p->n_int32_data = p->n_int64_data = 0;
}

static bool read_initializers(fr_module *m, fr_onnx_model *model, fr_import_graph *graph, const char *where)
{
    const fr_graph_proto *g = graph->proto;

    for (size_t i = 0; i < g->n_initializer; i++) {
        const char *name = g->initializer[i]->name;
        int index = add_value(model, graph, where, name);
        fr_tensor *t = index >= 0 ? fr_import_tensor(where, g->initializer[i], model->folder) : NULL;
        bool ok = t && add_to_module(m, where, name, t, t->dtype == FR_I64 || is_running_statistic(g, name), index);

        if (ok) {
            model->values[index] = t;
            model->types[index] = g->initializer[i]->data_type;
            model->weight_bytes += (int64_t)t->storage->bytes;
        }
        fr_unref(t);
        if (!ok)
            return false;
        drop_values(g->initializer[i]);
    }
    return true;
}

/* --- Inputs, outputs and nodes ----------------------------------------------------------------------------------- */

/* The type of input i of a graph inside a node that does not say it: that of the node's input. Loop gives the time and
 * a condition first. */
static int type_from_node(const fr_onnx_model *model, const fr_import_node *node, size_t i)
{
    if (i < 2 && strcmp(node->op->type, "Loop") == 0)
        return i == 0 ? FR_ONNX_INT64 : FR_ONNX_BOOL;
    return i < node->proto->n_input && node->inputs[i] >= 0 ? model->types[node->inputs[i]] : 0;
}

/* node: that the graph is in, or NULL. Files of IR version 3 and older list the initializers as inputs too. */
static bool read_inputs(fr_onnx_model *model, fr_import_graph *g, const char *where, const fr_import_node *node)
{
    for (size_t i = 0; i < g->proto->n_input; i++) {
        const fr_value_info_proto *info = g->proto->input[i];
        const json_t *known = info->name ? json_object_get(g->indices, info->name) : NULL;
        int index;

        if (known && model->values[json_integer_value(known)])
            continue;
        if ((index = add_value(model, g, where, info->name)) < 0)
            return false;
        if (!node && info->type && !info->type->tensor_type)
            return fr_fail(where, "input %.80s is no tensor", info->name);
        model->types[index] = info->type && info->type->tensor_type ? info->type->tensor_type->elem_type : 0;
        if (node && model->types[index] == 0)
            model->types[index] = type_from_node(model, node, i);
        if (model->types[index] != 0 && fr_import_dtype(model->types[index]) < 0)
            return fr_fail(where, "input %.80s has data type %d, which frond does not have", info->name,
                           model->types[index]);
        g->inputs[g->input_count] = info;
        g->input_index[g->input_count++] = index;
    }
    return true;
}

static bool read_outputs(const fr_import_graph *g, const char *where)
{
    for (size_t i = 0; i < g->proto->n_output; i++)
        if ((g->output_index[i] = find_value(g, g->proto->output[i]->name)) < 0)
            return fr_fail(where, "nothing makes the model's output %.80s", text_or_empty(g->proto->output[i]->name));
    return true;
}

/* That of the attribute; without it, float, or for FR_IMPORT_BY_ATTRIBUTE_OR_SAME that of input 0. */
static int type_by_attribute(const fr_import_call *c, int otherwise)
{
    const fr_attribute_proto *value = fr_import_attribute(c, "value");

    if (value)
        return value->t ? value->t->data_type : 0;
    if (fr_import_attribute(c, "value_int") || fr_import_attribute(c, "value_ints"))
        return FR_ONNX_INT64;
    return (int)fr_import_int(c, c->op->dtype_attribute ? c->op->dtype_attribute : "", otherwise);
}

/* That of output i of the body; Loop's has the condition before them. */
static int type_of_body(const fr_onnx_model *model, const fr_import_node *node, int i)
{
    const fr_import_graph *body = node->bodies[0];
    size_t from = (size_t)i + (strcmp(node->op->type, "Loop") == 0);

    return body && from < body->proto->n_output ? model->types[body->output_index[from]] : 0;
}

static int type_by_rule(const fr_onnx_model *model, const fr_import_call *c, int i)
{
    int rule = i == 0 ? c->op->result : i == 2 && c->op->third ? c->op->third : c->op->others;

    switch (rule) {
    case FR_IMPORT_BY_ATTRIBUTE:
        return type_by_attribute(c, FR_ONNX_FLOAT);
    case FR_IMPORT_BY_ATTRIBUTE_OR_SAME:
        return type_by_attribute(c, c->inputs > 0 ? c->in_type[0] : 0);
    case FR_IMPORT_OF_BODY:
        return type_of_body(model, c->self, i);
    default:
        return rule > 0 ? rule : -rule < c->inputs ? c->in_type[-rule] : 0;
    }
}

void fr_import_types(const fr_onnx_model *model, const fr_import_node *node, int *types, int *in_types)
{
    for (size_t i = 0; i < node->proto->n_output; i++)
        types[i] = node->outputs[i] >= 0 ? model->types[node->outputs[i]] : 0;
    for (size_t i = 0; i < node->proto->n_input; i++)
        in_types[i] = node->inputs[i] >= 0 ? model->types[node->inputs[i]] : 0;
}

/* Notes the element types of the node's outputs, and lets its op check what is known by now. */
static bool check_node(fr_onnx_model *model, const fr_import_node *node)
{
    int types[FR_IMPORT_MAX_OUTPUTS], in_types[FR_IMPORT_MAX_INPUTS];
    fr_import_call c = { .node = node->proto,
                         .op = node->op,
                         .inputs = (int)node->proto->n_input,
                         .outputs = (int)node->proto->n_output,
                         .opset = model->opset,
                         .type = types,
                         .in_type = in_types,
                         .run = &(struct fr_import_run){ .model = model },
                         .self = node };

    fr_import_types(model, node, types, in_types);
    for (int i = 0; i < c.outputs; i++) {
        types[i] = type_by_rule(model, &c, i);
        if (node->outputs[i] >= 0)
            model->types[node->outputs[i]] = types[i];
    }
    return !node->op->check || node->op->check(&c);
}

static bool read_node_inputs(const fr_import_graph *g, const char *where, fr_import_node *node)
{
    const fr_node_proto *p = node->proto;

    for (size_t i = 0; i < p->n_input; i++) {
        node->inputs[i] = p->input[i][0] ? find_value(g, p->input[i]) : -1;
        if (node->inputs[i] < 0 && p->input[i][0])
            return fr_fail(where, "node %.80s reads %.80s, which nothing before it makes", fr_import_node_name(p),
                           p->input[i]);
    }
    return true;
}

static bool read_graph(fr_module *m, fr_onnx_model *model, fr_import_graph *g, const char *where,
                       const fr_import_node *node);

static bool read_node(fr_module *m, fr_onnx_model *model, fr_import_graph *g, const char *where, fr_import_node *node)
{
    const fr_node_proto *p = node->proto;

    if (p->n_input > FR_IMPORT_MAX_INPUTS || p->n_output < 1 || p->n_output > FR_IMPORT_MAX_OUTPUTS)
        return fr_fail(where, "node %.80s has %zu inputs and %zu outputs, expected at most %d and 1 to %d",
                       fr_import_node_name(p), p->n_input, p->n_output, FR_IMPORT_MAX_INPUTS, FR_IMPORT_MAX_OUTPUTS);
    node->inputs = malloc((p->n_input + 1) * sizeof *node->inputs);
    if (!node->inputs)
        return fr_fail_memory(where);
    if (!read_node_inputs(g, where, node))
        return false;
    for (int i = 0; i < 2; i++)
        if (node->bodies[i] && !read_graph(m, model, node->bodies[i], where, node))
            return false;
    for (size_t i = 0; i < p->n_output; i++)
        if (p->output[i][0] && (node->outputs[i] = add_value(model, g, where, p->output[i])) < 0)
            return false;
    return check_node(model, node);
}

/* --- The model --------------------------------------------------------------------------------------------------- */

/* Each version of the operator set may change what an op means; frond's ops are written for these. */
static bool read_opset(fr_onnx_model *model, const char *where)
{
    enum { OLDEST = 7, NEWEST = 28 };
    const fr_model_proto *p = model->proto;
    int64_t version = 0;

    for (size_t i = 0; i < p->n_opset_import; i++)
        if (fr_import_is_onnx_domain(p->opset_import[i]->domain))
            version = p->opset_import[i]->version;
    model->opset = version;
    if (version == 0)
        return fr_fail(where, "not an ONNX model: it names no version of ONNX's operator set");
    return (version >= OLDEST && version <= NEWEST) ||
           fr_fail(where, "version %lld of ONNX's operator set, expected %d to %d", (long long)version, OLDEST, NEWEST);
}

/* The values that the graph and those inside it can have. */
static size_t count_values(const fr_import_graph *g)
{
    size_t n = g->proto->n_initializer + g->proto->n_input;

    for (size_t i = 0; i < g->proto->n_node; i++) {
        n += g->nodes[i].proto->n_output;
        for (int k = 0; k < 2; k++)
            n += g->nodes[i].bodies[k] ? count_values(g->nodes[i].bodies[k]) : 0;
    }
    return n;
}

static bool make_room(fr_onnx_model *model, const char *where)
{
    size_t values = count_values(model->graph) + 1;

    model->names = calloc(values, sizeof *model->names);
    model->values = calloc(values, sizeof *model->values);
    model->types = calloc(values, sizeof *model->types);
    return (model->names && model->values && model->types) || fr_fail_memory(where);
}

static bool read_graph(fr_module *m, fr_onnx_model *model, fr_import_graph *g, const char *where,
                       const fr_import_node *node)
{
    if (!read_initializers(m, model, g, where) || !read_inputs(model, g, where, node))
        return false;
    for (size_t i = 0; i < g->proto->n_node; i++)
        if (g->nodes[i].needed && !read_node(m, model, g, where, &g->nodes[i]))
            return false;
    if (!read_outputs(g, where))
        return false;
    json_decref(g->indices);
    g->indices = NULL;
    return true;
}

bool fr_import_read_model(fr_module *m, fr_onnx_model *model, const char *where, fr_import_memory *memory)
{
    fr_graph_proto *g = model->proto->graph;

    if (!g || g->n_output < 1 || g->n_node > INT32_MAX / 8)
        return fr_fail(where, "not an ONNX model: it has no graph, or one without outputs");
    return read_opset(model, where) && (model->graph = fr_import_make_graph(g, NULL, where, memory)) &&
           fr_import_check_ops(model->graph, where) && make_room(model, where) &&
           read_graph(m, model, model->graph, where, NULL);
}
