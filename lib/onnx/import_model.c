/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* An ONNX model as a module. Its bytes are unpacked and checked once, and each name of a value becomes an index. Nodes
 * that no output needs are passed over. Each forward then runs the others in their order, on an array of the values. */
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
    const char *folder; /* of the file, while it is read */
    fr_tensor **values; /* the initializers, borrowed from the module; NULL for all other values */
    int *types;         /* element types of the values; 0: unknown */
    int value_count;
    const fr_value_info_proto **inputs; /* that are no initializers */
    int *input_index, *output_index;    /* of the inputs, and of the graph's outputs */
    int input_count;
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
    int types[FR_IMPORT_MAX_OUTPUTS], in_types[MAX_INPUTS];
    fr_import_call c = { .node = node->proto,
                         .op = op,
                         .in = in,
                         .inputs = (int)node->proto->n_input,
                         .outputs = (int)node->proto->n_output,
                         .opset = model->opset,
                         .type = types,
                         .in_type = in_types };
    bool ok;

    for (int i = 0; i < c.outputs; i++)
        types[i] = node->outputs[i] >= 0 ? model->types[node->outputs[i]] : 0;
    for (int i = 0; i < c.inputs; i++) {
        in[i] = node->inputs[i] >= 0 ? values[node->inputs[i]] : NULL;
        in_types[i] = node->inputs[i] >= 0 ? model->types[node->inputs[i]] : 0;
    }
    if (!op->run && (c.inputs < 1 || !in[0] || (op->binary && (c.inputs != 2 || !in[1]))))
        return fr_fail("load_onnx", "node %.80s (%s): expected %s", fr_import_node_name(node->proto), op->type,
                       op->binary ? "two inputs" : "an input");
    if (op->run)
        ok = op->run(&c);
    else
        ok = fr_import_return(&c, op->binary ? op->binary(in[0], in[1]) : op->unary(in[0]));
    for (int i = 0; ok && i < FR_IMPORT_MAX_OUTPUTS; i++)
        if (node->outputs[i] >= 0 && c.out[i]) {
            values[node->outputs[i]] = fr_import_as_type(c.out[i], types[i]);
            ok = values[node->outputs[i]] != NULL;
        }
    return ok;
}

/* x as the value of input i; NULL with an error if it is not of the type and the fixed sizes that the file gives. Any
 * dtype is taken as bool. */
static fr_tensor *check_input(const onnx_model *model, int i, fr_tensor *x)
{
    const fr_value_info_proto *info = model->inputs[i];
    const Frond__Onnx__TensorTypeProto *type = info->type ? info->type->tensor_type : NULL;
    const Frond__Onnx__TensorShapeProto *shape = type ? type->shape : NULL;
    int element = model->types[model->input_index[i]], dtype = fr_import_dtype(element);
    char text[FR_SHAPE_TEXT];

    if (element > 0 && element != FR_ONNX_BOOL && dtype != x->dtype)
        return fr_fail("load_onnx", "input %.80s is %s, expected %s", info->name, fr_dtype_name((fr_dtype)x->dtype),
                       fr_dtype_name((fr_dtype)dtype));
    if (shape && shape->n_dim != (size_t)x->shape.ndim)
        return fr_fail("load_onnx", "input %.80s is %s, expected %zu dims", info->name, fr_shape_text(&x->shape, text),
                       shape->n_dim);
    for (int d = 0; shape && d < x->shape.ndim; d++)
        if (shape->dim[d]->has_dim_value && shape->dim[d]->dim_value != x->shape.dim[d])
            return fr_fail("load_onnx", "input %.80s is %s, and the file fixes dim %d to %lld", info->name,
                           fr_shape_text(&x->shape, text), d, (long long)shape->dim[d]->dim_value);
    return fr_import_as_type(element == FR_ONNX_BOOL ? fr_ne_scalar(x, 0) : x, element);
}

static bool run_nodes(const onnx_model *model, fr_tensor *const *inputs, fr_tensor **outputs, int m)
{
    fr_tensor **values = malloc((size_t)model->value_count * sizeof *values);
    bool ok = values || fr_fail_memory("load_onnx");

    if (ok)
        memcpy(values, model->values, (size_t)model->value_count * sizeof *values);
    for (int i = 0; ok && i < model->input_count; i++)
        ok = (values[model->input_index[i]] = check_input(model, i, inputs[i])) != NULL;
    for (size_t i = 0; ok && i < model->node_count; i++)
        ok = run_node(model, &model->nodes[i], values);
    for (int i = 0; ok && i < m; i++) {
        outputs[i] = values[model->output_index[i]];
        ok = outputs[i] ||
             fr_fail("load_onnx", "the model's output %.80s was not made", model->names[model->output_index[i]]);
    }
    free(values);
    return ok;
}

/* The file decides what the nodes make: all their results together are limited. */
static bool run_limited(const onnx_model *model, fr_tensor *const *inputs, fr_tensor **outputs, int m)
{
    fr_thread *th = fr_thread_self();
    int64_t there = model->weight_bytes;

    for (int i = 0; i < model->input_count; i++)
        there += inputs[i]->numel * (int64_t)fr_dtype_size((fr_dtype)inputs[i]->dtype);

    fr_result_limit before = fr_result_limit_begin(th, fr_memory_limit(there, FR_FORWARD_MULTIPLE));
    bool ok = run_nodes(model, inputs, outputs, m);

    fr_result_limit_end(th, before);
    return ok;
}

static fr_tensor *forward(fr_module *m, fr_tensor *x)
{
    const onnx_model *model = fr_self(m);
    fr_thread *th = fr_thread_self();
    fr_tensor *y = NULL;

    fr_defer_errors(th);
    if (model->input_count != 1)
        fr_fail("load_onnx", "the model has %d inputs, which fr_onnx_forward takes", model->input_count);
    else if (!run_limited(model, &x, &y, 1))
        y = NULL;
    fr_report_errors(th);
    return y;
}

/* --- Several inputs and outputs ---------------------------------------------------------------------------------- */

static const onnx_model *model_of(const char *what, const fr_module *m)
{
    if (!fr_check_argument(what, m, "module"))
        return NULL;
    return m->forward == forward ? (const onnx_model *)(const void *)m->memory
                                 : fr_fail(what, "%s given, expected a module of fr_load_onnx", m->type);
}

int fr_import_model_count(const char *what, const fr_module *m, bool outputs)
{
    const onnx_model *model = model_of(what, m);

    return !model ? -1 : outputs ? (int)model->proto->graph->n_output : model->input_count;
}

const char *fr_import_model_name(const char *what, const fr_module *m, bool outputs, int i)
{
    const onnx_model *model = model_of(what, m);
    int n = !model ? 0 : outputs ? (int)model->proto->graph->n_output : model->input_count;

    if (!model)
        return NULL;
    if (i < 0 || i >= n)
        return fr_fail(what, "%d given, and there are %d", i, n);
    return model->names[outputs ? model->output_index[i] : model->input_index[i]];
}

static bool run_module(fr_thread *th, fr_module *m, const onnx_model *model, fr_tensor *const *inputs,
                       fr_tensor **outputs, int count)
{
    int scope = fr_scope_begin();
    bool ok = scope >= 0;

    ok = ok && fr_module_enter(th, m) && run_limited(model, inputs, outputs, count);
    for (int i = 0; ok && i < count; i++)
        ok = fr_escape(fr_module_leave(th, m, outputs[i])) != NULL;
    if (scope >= 0)
        fr_scope_end(scope);
    return ok;
}

bool fr_import_model_run(fr_module *m, fr_tensor *const *inputs, int n, fr_tensor **outputs, int count)
{
    const char *what = "onnx_forward";
    const onnx_model *model = model_of(what, m);
    bool ok = model != NULL;
    int made = ok && count >= 1 && (size_t)count <= model->proto->graph->n_output ? count : 0;

    for (int i = 0; outputs && i < made; i++)
        outputs[i] = NULL;
    if (ok && n != model->input_count)
        ok = fr_fail(what, "%d inputs given, expected %d", n, model->input_count);
    if (ok && made == 0)
        ok = fr_fail(what, "%d outputs wanted, expected 1 to %zu", count, model->proto->graph->n_output);
    ok = ok && (n == 0 || fr_check_argument(what, inputs, "inputs")) && fr_check_argument(what, outputs, "outputs");
    for (int i = 0; ok && i < n; i++)
        ok = fr_check_argument(what, inputs[i], "input");
    ok = ok && run_module(fr_thread_self(), m, model, inputs, outputs, count);
    for (int i = 0; !ok && outputs && i < made; i++)
        outputs[i] = NULL;
    return ok;
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
    free(model->types);
    free(model->inputs);
    free(model->input_index);
    free(model->output_index);
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
static bool read_inputs(onnx_model *model, const char *where)
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

static bool read_outputs(onnx_model *model, const char *where)
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
static void set_types(onnx_model *model, const model_node *node, const fr_import_call *c)
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

static bool read_node_inputs(onnx_model *model, const char *where, model_node *node)
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

static bool read_node(onnx_model *model, const char *where, const fr_node_proto *p)
{
    model_node *node = &model->nodes[model->node_count];

    *node = (model_node){ .proto = p, .op = fr_import_find_op(p->op_type) };
    for (int i = 0; i < FR_IMPORT_MAX_OUTPUTS; i++)
        node->outputs[i] = -1;
    if (p->n_input > MAX_INPUTS || p->n_output < 1 || p->n_output > FR_IMPORT_MAX_OUTPUTS)
        return fr_fail(where, "node %.80s has %zu inputs and %zu outputs, expected at most %d and 1 to %d",
                       fr_import_node_name(p), p->n_input, p->n_output, MAX_INPUTS, FR_IMPORT_MAX_OUTPUTS);
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
static bool read_opset(onnx_model *model, const char *where)
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

static bool read_graph(fr_module *m, onnx_model *model, const char *where, const bool *needed, import_memory *memory)
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

static bool read_model(fr_module *m, onnx_model *model, const char *where, import_memory *memory)
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

/* --- What fr_module_print shows ---------------------------------------------------------------------------------- */

static void write_input(FILE *f, const onnx_model *model, int i)
{
    const fr_value_info_proto *info = model->inputs[i];
    const Frond__Onnx__TensorTypeProto *type = info->type ? info->type->tensor_type : NULL;
    int dtype = fr_import_dtype(model->types[model->input_index[i]]);

    fprintf(f, "input %.80s%s%s", info->name, dtype < 0 ? "" : ": ", dtype < 0 ? "" : fr_dtype_name((fr_dtype)dtype));
    for (size_t d = 0; type && type->shape && d < type->shape->n_dim; d++)
        if (type->shape->dim[d]->has_dim_value)
            fprintf(f, "%s%lld", d ? ", " : " (", (long long)type->shape->dim[d]->dim_value);
        else
            fprintf(f, "%s*", d ? ", " : " (");
    fprintf(f, "%s\n", type && type->shape && type->shape->n_dim ? ")" : "");
}

static void write_list(FILE *f, char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fprintf(f, "%s%.80s", i ? ", " : "", names[i]);
}

/* The inputs, with * for sizes that are open; the nodes, as in y = MatMul(x, weight); the outputs. */
static bool describe(fr_module *m, const char *where)
{
    const onnx_model *model = fr_self(m);
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    bool ok = f != NULL;

    for (int i = 0; ok && i < model->input_count; i++)
        write_input(f, model, i);
    for (size_t i = 0; ok && i < model->node_count; i++) {
        const fr_node_proto *p = model->nodes[i].proto;

        write_list(f, p->output, p->n_output);
        fprintf(f, " = %s(", p->op_type);
        write_list(f, p->input, p->n_input);
        fputs(")\n", f);
    }
    for (size_t i = 0; ok && i < model->proto->graph->n_output; i++)
        fprintf(f, "%soutput %.80s", i ? "\n" : "", model->names[model->output_index[i]]);
    ok = ok && !ferror(f);
    ok = (f && fclose(f) == 0 && ok) || fr_fail_memory(where);
    ok = ok && fr_module_describe(m, text);
    free(text);
    return ok;
}

/* --- Loading ------------------------------------------------------------------------------------------------------ */

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

fr_module *fr_import_model(const char *where, const uint8_t *bytes, size_t size, const char *folder)
{
    fr_module *m = fr_module_new("ONNX", sizeof(onnx_model), forward);
    onnx_model *model = m ? fr_self(m) : NULL;
    import_memory memory = { .limit = fr_memory_limit((int64_t)size, FR_READ_MULTIPLE) };

    if (!model)
        return NULL;
    m->release = release;
    model->folder = folder;
    model->proto = unpack(where, bytes, size, &memory);

    bool ok = model->proto && read_model(m, model, where, &memory) && describe(m, where);

    json_decref(model->indices);
    model->indices = NULL;
    model->folder = NULL;
    if (ok)
        return m;
    fr_module_destroy(m);
    return NULL;
}
