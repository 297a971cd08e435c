/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reading the graph of an ONNX model: each name of a value becomes an index, each node finds its op, and what frond
 * cannot run is refused. Nodes that no output needs are passed over. */
#include <config.h>

#include "core/error.h"
#include "core/thread.h"
#include "files/error_list.h"
#include "nn/module.h"
#include "onnx/import_model.h"

#include <stdio.h>
#include <stdlib.h>

static const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

/* --- Values and their names -------------------------------------------------------------------------------------- */

/* The index of a value; -1: there is none so far. */
static int find_value(const fr_onnx_model *model, const char *name)
{
    const json_t *found = name ? json_object_get(model->indices, name) : NULL;

    return found ? (int)json_integer_value(found) : -1;
}

/* Adds a value, for which there is room. -1 with an error if its name is taken. */
static int add_value(fr_onnx_model *model, const char *where, const char *name)
{
    if (!name || !name[0] || find_value(model, name) >= 0)
        return fr_fail(where, "the value %.80s is made twice, or has no name", text_or_empty(name)), -1;
    if (json_object_set_new_nocheck(model->indices, name, json_integer(model->value_count)) != 0)
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

static bool read_initializers(fr_module *m, fr_onnx_model *model, const char *where)
{
    const fr_graph_proto *g = model->proto->graph;

    for (size_t i = 0; i < g->n_initializer; i++) {
        const char *name = g->initializer[i]->name;
        int index = add_value(model, where, name);
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

/* --- Input and nodes --------------------------------------------------------------------------------------------- */

/* Files of IR version 3 and older list the initializers as inputs too. */
static bool read_inputs(fr_onnx_model *model, const char *where)
{
    const fr_graph_proto *g = model->proto->graph;

    for (size_t i = 0; i < g->n_input; i++) {
        const fr_value_info_proto *info = g->input[i];
        int known = find_value(model, info->name), index;

        if (known >= 0 && model->values[known])
            continue;
        if ((index = add_value(model, where, info->name)) < 0)
            return false;
        if (info->type && !info->type->tensor_type)
            return fr_fail(where, "input %.80s is no tensor", info->name);
        model->types[index] = info->type ? info->type->tensor_type->elem_type : 0;
        if (model->types[index] != 0 && fr_import_dtype(model->types[index]) < 0)
            return fr_fail(where, "input %.80s has data type %d, which frond does not have", info->name,
                           model->types[index]);
        model->inputs[model->input_count] = info;
        model->input_index[model->input_count++] = index;
    }
    return true;
}

static bool read_outputs(fr_onnx_model *model, const char *where)
{
    const fr_graph_proto *g = model->proto->graph;

    for (size_t i = 0; i < g->n_output; i++)
        if ((model->output_index[i] = find_value(model, g->output[i]->name)) < 0)
            return fr_fail(where, "nothing makes the model's output %.80s", text_or_empty(g->output[i]->name));
    return true;
}

static int type_by_attribute(const fr_import_call *c)
{
    const fr_attribute_proto *value = fr_import_attribute(c, "value");

    if (value)
        return value->t ? value->t->data_type : 0;
    if (fr_import_attribute(c, "value_int") || fr_import_attribute(c, "value_ints"))
        return FR_ONNX_INT64;
    return (int)fr_import_int(c, c->op->dtype_attribute ? c->op->dtype_attribute : "", FR_ONNX_FLOAT);
}

/* Notes the element types of the node's outputs. */
static void set_types(fr_onnx_model *model, const fr_import_node *node, const fr_import_call *c)
{
    const fr_import_op *op = node->op;
    int first[3] = { 0 };

    for (int i = 0; i < 3 && i < c->inputs; i++)
        first[i] = node->inputs[i] >= 0 ? model->types[node->inputs[i]] : 0;
    for (int i = 0; i < c->outputs; i++) {
        int rule = i == 0 ? op->result : op->others;
        int type = rule > 0                         ? rule
                   : rule == FR_IMPORT_OF_INPUT_1   ? first[1]
                   : rule == FR_IMPORT_OF_INPUT_2   ? first[2]
                   : rule == FR_IMPORT_BY_ATTRIBUTE ? type_by_attribute(c)
                                                    : first[0];

        if (node->outputs[i] >= 0)
            model->types[node->outputs[i]] = type;
    }
}

static bool read_node_inputs(fr_onnx_model *model, const char *where, fr_import_node *node)
{
    const fr_node_proto *p = node->proto;

    for (size_t i = 0; i < p->n_input; i++) {
        node->inputs[i] = p->input[i][0] ? find_value(model, p->input[i]) : -1;
        if (node->inputs[i] < 0 && p->input[i][0])
            return fr_fail(where, "node %.80s reads %.80s, which nothing before it makes", fr_import_node_name(p),
                           p->input[i]);
    }
    return true;
}

static bool read_node(fr_onnx_model *model, const char *where, const fr_node_proto *p)
{
    fr_import_node *node = &model->nodes[model->node_count];

    *node = (fr_import_node){ .proto = p, .op = fr_import_find_op(p->op_type) };
    for (int i = 0; i < FR_IMPORT_MAX_OUTPUTS; i++)
        node->outputs[i] = -1;
    if (p->n_input > FR_IMPORT_MAX_INPUTS || p->n_output < 1 || p->n_output > FR_IMPORT_MAX_OUTPUTS)
        return fr_fail(where, "node %.80s has %zu inputs and %zu outputs, expected at most %d and 1 to %d",
                       fr_import_node_name(p), p->n_input, p->n_output, FR_IMPORT_MAX_INPUTS, FR_IMPORT_MAX_OUTPUTS);
    node->inputs = malloc((p->n_input + 1) * sizeof *node->inputs);
    model->node_count++;
    if (!node->inputs)
        return fr_fail_memory(where);
    if (!read_node_inputs(model, where, node))
        return false;
    for (size_t i = 0; i < p->n_output; i++)
        if (p->output[i][0] && (node->outputs[i] = add_value(model, where, p->output[i])) < 0)
            return false;

    fr_import_call c = {
        .node = p, .op = node->op, .inputs = (int)p->n_input, .outputs = (int)p->n_output, .opset = model->opset
    };

    set_types(model, node, &c);
    return !node->op->check || node->op->check(&c);
}

/* Marks the nodes that an output needs. False if memory runs out. */
static bool mark_needed(const fr_graph_proto *g, bool *needed)
{
    json_t *names = json_object();
    bool ok = names != NULL;

    for (size_t i = 0; ok && i < g->n_output; i++)
        ok = !g->output[i]->name || json_object_set_new_nocheck(names, g->output[i]->name, json_true()) == 0;
    for (size_t i = g->n_node; ok && i-- > 0;) {
        const fr_node_proto *p = g->node[i];

        for (size_t k = 0; k < p->n_output; k++)
            needed[i] = needed[i] || json_object_get(names, p->output[k]);
        for (size_t k = 0; ok && needed[i] && k < p->n_input; k++)
            ok = json_object_set_new_nocheck(names, p->input[k], json_true()) == 0;
    }
    json_decref(names);
    return ok;
}

/* --- The model --------------------------------------------------------------------------------------------------- */

static bool is_onnx_domain(const char *domain)
{
    return !domain || !domain[0] || strcmp(domain, "ai.onnx") == 0;
}

/* Each version of the operator set may change what an op means; frond's ops are written for these. */
static bool read_opset(fr_onnx_model *model, const char *where)
{
    enum { OLDEST = 7, NEWEST = 28 };
    const fr_model_proto *p = model->proto;
    int64_t version = 0;

    for (size_t i = 0; i < p->n_opset_import; i++)
        if (is_onnx_domain(p->opset_import[i]->domain))
            version = p->opset_import[i]->version;
    model->opset = version;
    if (version == 0)
        return fr_fail(where, "not an ONNX model: it names no version of ONNX's operator set");
    return (version >= OLDEST && version <= NEWEST) ||
           fr_fail(where, "version %lld of ONNX's operator set, expected %d to %d", (long long)version, OLDEST, NEWEST);
}

/* True if the list, of words between blanks, has the word. */
static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = list; length > 0 && at && (at = strstr(at, word)); at += length)
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

/* One error names all nodes whose ops, or attributes of them, frond does not have. */
static bool check_ops(const fr_graph_proto *g, const bool *needed, const char *where)
{
    fr_error_list c = { 0 };

    for (size_t i = 0; i < g->n_node; i++) {
        const fr_node_proto *p = g->node[i];
        const char *domain = text_or_empty(p->domain);
        const fr_import_op *op = is_onnx_domain(p->domain) && p->op_type ? fr_import_find_op(p->op_type) : NULL;

        if (!op && needed[i])
            fr_error_list_add(&c, "%.80s%s%.80s (node %.80s)", domain, domain[0] ? "." : "", text_or_empty(p->op_type),
                              fr_import_node_name(p));
        for (size_t k = 0; op && needed[i] && k < p->n_attribute; k++)
            if (!has_word(op->attributes, text_or_empty(p->attribute[k]->name)))
                fr_error_list_add(&c, "%.80s with %.40s (node %.80s)", p->op_type, text_or_empty(p->attribute[k]->name),
                                  fr_import_node_name(p));
    }
    return !fr_error_list_fail(&c, where, "ops that frond cannot run");
}

/* What the parts of the graph will take, besides the values: modules and tensors, names, nodes. */
static int64_t memory_of_parts(const fr_graph_proto *g, size_t values)
{
    enum { EACH_VALUE = 192, EACH_TENSOR = 1024, EACH_MODULE = 1024 };
    size_t modules = 0;

    for (size_t i = 0; i < g->n_initializer; i++)
        for (const char *c = g->initializer[i]->name; c && *c; c++)
            modules += *c == '.';
    return (int64_t)(values * EACH_VALUE + g->n_initializer * EACH_TENSOR + modules * EACH_MODULE +
                     g->n_node * sizeof(fr_import_node));
}

static bool allocate_model(fr_onnx_model *model, const char *where, fr_import_memory *memory)
{
    const fr_graph_proto *g = model->proto->graph;
    size_t max_values = g->n_initializer + g->n_input + 1;

    for (size_t i = 0; i < g->n_node; i++)
        max_values += g->node[i]->n_output;
    if (!fr_import_want(memory, memory_of_parts(g, max_values)))
        return fr_import_fail_want(memory, where);
    model->names = calloc(max_values, sizeof *model->names);
    model->values = calloc(max_values, sizeof *model->values);
    model->types = calloc(max_values, sizeof *model->types);
    model->inputs = calloc(g->n_input + 1, sizeof *model->inputs);
    model->input_index = calloc(g->n_input + 1, sizeof *model->input_index);
    model->output_index = calloc(g->n_output, sizeof *model->output_index);
    model->nodes = calloc(g->n_node + 1, sizeof *model->nodes);
    model->indices = json_object();
    return (model->names && model->values && model->types && model->inputs && model->input_index &&
            model->output_index && model->nodes && model->indices) ||
           fr_fail_memory(where);
}

static bool read_graph(fr_module *m, fr_onnx_model *model, const char *where, const bool *needed,
                       fr_import_memory *memory)
{
    const fr_graph_proto *g = model->proto->graph;

    if (!read_opset(model, where) || !check_ops(g, needed, where) || !allocate_model(model, where, memory) ||
        !read_initializers(m, model, where) || !read_inputs(model, where))
        return false;
    for (size_t i = 0; i < g->n_node; i++)
        if (needed[i] && !read_node(model, where, g->node[i]))
            return false;
    return read_outputs(model, where);
}

bool fr_import_read_graph(fr_module *m, fr_onnx_model *model, const char *where, fr_import_memory *memory)
{
    const fr_graph_proto *g = model->proto->graph;
    bool *needed, ok;

    if (!g || g->n_output < 1 || g->n_node > INT32_MAX / 8)
        return fr_fail(where, "not an ONNX model: it has no graph, or one without outputs");
    needed = calloc(g->n_node + 1, sizeof *needed);
    ok = needed && (mark_needed(g, needed) || fr_fail_memory(where)) && read_graph(m, model, where, needed, memory);
    free(needed);
    return ok || (needed ? false : fr_fail_memory(where));
}
