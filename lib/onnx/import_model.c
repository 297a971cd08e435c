/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* An ONNX model as a module. Its bytes are unpacked and checked once, and each name of a value becomes an index. Each
 * forward then runs the nodes in their order, on an array of the values. */
#include <config.h>

#include "core/memory_limit.h"
#include "files/error_list.h"
#include "graph/result_limit.h"
#include "nn/module.h"
#include "onnx/import.h"

#include <frond/ops.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_INPUTS = 64 };

typedef struct {
    const fr_node_proto *proto;
    const fr_import_op *op;
    int *inputs; /* indices of values; -1: left out */
    int outputs[FR_IMPORT_MAX_OUTPUTS];
} model_node;

typedef struct {
    fr_model_proto *proto;
    const char **names; /* of the values, borrowed from proto */
    json_t *indices;    /* name -> index, a hash table; NULL when the model is complete */
    fr_tensor **values; /* the initializers, borrowed from the module; NULL for all other values */
    int value_count, input, output;
    int64_t opset;        /* version */
    int64_t weight_bytes; /* of the initializers */
    model_node *nodes;
    size_t node_count;
} onnx_model;

static const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

/* --- Forward ----------------------------------------------------------------------------------------------------- */

static bool run_node(const onnx_model *model, const model_node *node, fr_tensor **values)
{
    const fr_import_op *op = node->op;
    fr_tensor *in[MAX_INPUTS];
    fr_import_call c = { .node = node->proto,
                         .op = op,
                         .in = in,
                         .inputs = (int)node->proto->n_input,
                         .outputs = (int)node->proto->n_output,
                         .opset = model->opset };
    bool ok;

    for (int i = 0; i < c.inputs; i++)
        in[i] = node->inputs[i] >= 0 ? values[node->inputs[i]] : NULL;
    if (!op->run && (c.inputs < 1 || !in[0] || (op->binary && (c.inputs != 2 || !in[1]))))
        return fr_fail("load_onnx", "node %.80s (%s): expected %s", text_or_empty(node->proto->name), op->type,
                       op->binary ? "two inputs" : "an input");
    if (op->run)
        ok = op->run(&c);
    else
        ok = fr_import_return(&c, op->binary ? op->binary(in[0], in[1]) : op->unary(in[0]));
    for (int i = 0; ok && i < FR_IMPORT_MAX_OUTPUTS; i++)
        if (node->outputs[i] >= 0)
            values[node->outputs[i]] = c.out[i];
    return ok;
}

static fr_tensor *run_nodes(const onnx_model *model, fr_tensor *x)
{
    fr_tensor **values = malloc((size_t)model->value_count * sizeof *values), *y;
    bool ok = true;

    if (!values)
        return fr_fail_memory("load_onnx");
    memcpy(values, model->values, (size_t)model->value_count * sizeof *values);
    values[model->input] = x;
    for (size_t i = 0; ok && i < model->node_count; i++)
        ok = run_node(model, &model->nodes[i], values);
    y = ok ? values[model->output] : NULL;
    if (ok && !y)
        fr_fail("load_onnx", "the model's output %.80s was not made", model->names[model->output]);
    free(values);
    return y;
}

/* The file decides what the nodes make: all their results together are limited. */
static fr_tensor *forward(fr_module *m, fr_tensor *x)
{
    const onnx_model *model = fr_self(m);
    fr_thread *th = fr_thread_self();
    int64_t there = model->weight_bytes + x->numel * (int64_t)fr_dtype_size((fr_dtype)x->dtype);

    fr_defer_errors(th);

    fr_result_limit before = fr_result_limit_begin(th, fr_memory_limit(there, FR_FORWARD_MULTIPLE));
    fr_tensor *y = run_nodes(model, x);

    fr_result_limit_end(th, before);
    fr_report_errors(th);
    return y;
}

/* --- Memory of the file's parts ---------------------------------------------------------------------------------- */

/* What may still be allocated, and why there is no more: protobuf-c does not tell either from a bad file. */
typedef struct {
    int64_t limit, used;
    bool out_of_memory;
} import_memory;

/* Notes that `bytes` are wanted. False if they are too many. */
static bool want_memory(import_memory *memory, int64_t bytes)
{
    if (memory->used <= memory->limit)
        memory->used += bytes;
    return memory->used <= memory->limit;
}

static void *fail_want(const import_memory *memory, const char *where)
{
    return fr_fail_memory_limit(where, "what its bytes describe", memory->used, memory->limit), NULL;
}

static void *allocate(void *data, size_t size)
{
    enum { HEADER = 32 }; /* about what malloc adds to a small block */
    import_memory *memory = data;
    void *block = want_memory(memory, (int64_t)size + HEADER) ? malloc(size) : NULL;

    memory->out_of_memory = memory->out_of_memory || !block;
    return block;
}

static void deallocate(void *data, void *block)
{
    (void)data;
    free(block);
}

static void release(void *memory)
{
    onnx_model *model = memory;
    ProtobufCAllocator allocator = { NULL, deallocate, NULL };

    for (size_t i = 0; i < model->node_count; i++)
        free(model->nodes[i].inputs);
    free(model->nodes);
    free(model->names);
    free(model->values);
    if (model->proto)
        frond__onnx__model_proto__free_unpacked(model->proto, &allocator);
}

/* --- Values and their names -------------------------------------------------------------------------------------- */

/* The index of a value; -1: there is none so far. */
static int find_value(const onnx_model *model, const char *name)
{
    const json_t *found = name ? json_object_get(model->indices, name) : NULL;

    return found ? (int)json_integer_value(found) : -1;
}

/* Adds a value, for which there is room. -1 with an error if its name is taken. */
static int add_value(onnx_model *model, const char *where, const char *name)
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

static bool read_initializers(fr_module *m, onnx_model *model, const char *where)
{
    const fr_graph_proto *g = model->proto->graph;

    for (size_t i = 0; i < g->n_initializer; i++) {
        const char *name = g->initializer[i]->name;
        int index = add_value(model, where, name);
        fr_tensor *t = index >= 0 ? fr_import_tensor(where, g->initializer[i]) : NULL;
        bool ok = t && add_to_module(m, where, name, t, t->dtype == FR_I64 || is_running_statistic(g, name), index);

        if (ok) {
            model->values[index] = t;
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
static bool read_input(onnx_model *model, const char *where)
{
    const fr_graph_proto *g = model->proto->graph;

    model->input = -1;
    for (size_t i = 0; i < g->n_input; i++) {
        int known = find_value(model, g->input[i]->name);

        if (known >= 0 && model->input < 0 && model->values[known])
            continue;
        if (model->input >= 0)
            return fr_fail(where, "the model has several inputs, expected one");
        model->input = add_value(model, where, g->input[i]->name);
        if (model->input < 0)
            return false;
    }
    return model->input >= 0 || fr_fail(where, "the model has no input");
}

static bool read_node_inputs(onnx_model *model, const char *where, model_node *node)
{
    const fr_node_proto *p = node->proto;

    for (size_t i = 0; i < p->n_input; i++) {
        node->inputs[i] = p->input[i][0] ? find_value(model, p->input[i]) : -1;
        if (node->inputs[i] < 0 && p->input[i][0])
            return fr_fail(where, "node %.80s reads %.80s, which nothing before it makes", text_or_empty(p->name),
                           p->input[i]);
    }
    return true;
}

static bool read_node(onnx_model *model, const char *where, const fr_node_proto *p)
{
    model_node *node = &model->nodes[model->node_count];

    *node = (model_node){ .proto = p, .op = fr_import_find_op(p->op_type) };
    for (int i = 0; i < FR_IMPORT_MAX_OUTPUTS; i++)
        node->outputs[i] = -1;
    if (p->n_input > MAX_INPUTS || p->n_output < 1 || p->n_output > FR_IMPORT_MAX_OUTPUTS)
        return fr_fail(where, "node %.80s has %zu inputs and %zu outputs, expected at most %d and 1 to %d",
                       text_or_empty(p->name), p->n_input, p->n_output, MAX_INPUTS, FR_IMPORT_MAX_OUTPUTS);
    node->inputs = malloc((p->n_input + 1) * sizeof *node->inputs);
    model->node_count++;
    if (!node->inputs)
        return fr_fail_memory(where);
    if (!read_node_inputs(model, where, node))
        return false;
    for (size_t i = 0; i < p->n_output; i++)
        if (p->output[i][0] && (node->outputs[i] = add_value(model, where, p->output[i])) < 0)
            return false;
    return true;
}

/* --- The model --------------------------------------------------------------------------------------------------- */

static bool is_onnx_domain(const char *domain)
{
    return !domain || !domain[0] || strcmp(domain, "ai.onnx") == 0;
}

/* Each version of the operator set may change what an op means; frond's ops are written for these. */
static bool read_opset(onnx_model *model, const char *where)
{
    enum { OLDEST = 9, NEWEST = 24 };
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

/* One error names all nodes whose ops frond does not have. */
static bool check_ops(const fr_graph_proto *g, const char *where)
{
    fr_error_list c = { 0 };

    for (size_t i = 0; i < g->n_node; i++) {
        const fr_node_proto *p = g->node[i];
        const char *domain = text_or_empty(p->domain);

        if (!is_onnx_domain(p->domain) || !p->op_type || !fr_import_find_op(p->op_type))
            fr_error_list_add(&c, "%.80s%s%.80s (node %.80s)", domain, domain[0] ? "." : "", text_or_empty(p->op_type),
                              text_or_empty(p->name));
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
                     g->n_node * sizeof(model_node));
}

static bool allocate_model(onnx_model *model, const char *where, import_memory *memory)
{
    const fr_graph_proto *g = model->proto->graph;
    size_t max_values = g->n_initializer + g->n_input + 1;

    for (size_t i = 0; i < g->n_node; i++)
        max_values += g->node[i]->n_output;
    if (!want_memory(memory, memory_of_parts(g, max_values)))
        return fail_want(memory, where);
    model->names = calloc(max_values, sizeof *model->names);
    model->values = calloc(max_values, sizeof *model->values);
    model->nodes = calloc(g->n_node + 1, sizeof *model->nodes);
    model->indices = json_object();
    return (model->names && model->values && model->nodes && model->indices) || fr_fail_memory(where);
}

static bool read_graph(fr_module *m, onnx_model *model, const char *where, import_memory *memory)
{
    const fr_graph_proto *g = model->proto->graph;

    if (!g || g->n_output < 1 || g->n_node > INT32_MAX / 8)
        return fr_fail(where, "not an ONNX model: it has no graph, or one without outputs");
    if (!read_opset(model, where) || !check_ops(g, where) || !allocate_model(model, where, memory) ||
        !read_initializers(m, model, where) || !read_input(model, where))
        return false;
    for (size_t i = 0; i < g->n_node; i++)
        if (!read_node(model, where, g->node[i]))
            return false;
    model->output = find_value(model, g->output[0]->name);
    return model->output >= 0 ||
           fr_fail(where, "nothing makes the model's output %.80s", text_or_empty(g->output[0]->name));
}

static fr_model_proto *unpack(const char *where, const uint8_t *bytes, size_t size, import_memory *memory)
{
    ProtobufCAllocator allocator = { allocate, deallocate, memory };
    fr_model_proto *proto = frond__onnx__model_proto__unpack(&allocator, size, bytes);

    if (!proto && memory->used > memory->limit)
        return fail_want(memory, where);
    if (!proto && memory->out_of_memory)
        return fr_fail_memory(where);
    return proto ? proto : fr_fail(where, "not an ONNX model, or one that is cut short (%zu bytes)", size);
}

fr_module *fr_import_model(const char *where, const uint8_t *bytes, size_t size)
{
    fr_module *m = fr_module_new("ONNX", sizeof(onnx_model), forward);
    onnx_model *model = m ? fr_self(m) : NULL;
    import_memory memory = { .limit = fr_memory_limit((int64_t)size, FR_READ_MULTIPLE) };

    if (!model)
        return NULL;
    m->release = release;
    model->proto = unpack(where, bytes, size, &memory);

    bool ok = model->proto && read_graph(m, model, where, &memory);

    json_decref(model->indices);
    model->indices = NULL;
    if (ok)
        return m;
    fr_module_destroy(m);
    return NULL;
}
