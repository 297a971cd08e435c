/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A loaded ONNX model as a module: its bytes are unpacked and checked once; each forward walks the nodes in their
 * order. Names of values become numbers. */
#include <config.h>

#include "files/complaints.h"
#include "onnx/call.h"
#include "files/stored.h"
#include "nn/module.h"

#include <frond/ops.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { INPUTS = 64 }; /* a node has no more */

typedef struct {
    const fr_onnx_node_message *node;
    const fr_onnx_kind *kind;
    int *inputs; /* values; -1: left out */
    int outputs[FR_ONNX_OUTPUTS];
} step;

typedef struct {
    fr_onnx_model *model;
    const char **names; /* of values, borrowed from model */
    json_t *numbers;    /* of names, while it is made: a hash table */
    fr_tensor **values; /* initializers, borrowed from the module; NULL for all others */
    int value_count, input, output;
    int64_t operator_set; /* version */
    step *steps;
    size_t step_count;
} loaded;

/* --- Tensors ----------------------------------------------------------------------------------------------------- */

static int kind_of(int type)
{
    static const int kinds[] = { -1,
                                 FR_STORED_F32,
                                 FR_STORED_U8,
                                 FR_STORED_I8,
                                 FR_STORED_U16,
                                 FR_STORED_I16,
                                 FR_STORED_I32,
                                 FR_STORED_I64,
                                 -1,
                                 FR_STORED_BOOL,
                                 FR_STORED_F16,
                                 FR_STORED_F64,
                                 FR_STORED_U32,
                                 FR_STORED_U64,
                                 -1,
                                 -1,
                                 FR_STORED_BF16 };

    return type >= 0 && (size_t)type < sizeof kinds / sizeof *kinds ? kinds[type] : -1;
}

static bool read_bytes(fr_source *s, void *into, size_t bytes)
{
    const char **at = s->handle;

    memcpy(into, *at, bytes);
    *at += bytes;
    return true;
}

static bool read_raw(const char *where, const fr_onnx_tensor_message *p, int kind, fr_tensor *t)
{
    const char *at = (const char *)p->raw_data.data;
    fr_source s = { .where = where, .handle = &at, .read = read_bytes, .left = (int64_t)p->raw_data.len };

    if ((uint64_t)t->numel * fr_stored_kinds[kind].size != p->raw_data.len)
        return fr_fail(where, "tensor %.80s has %zu bytes of values, and its shape wants others",
                       p->name ? p->name : "", p->raw_data.len);
    return t->numel == 0 || fr_stored_read(&s, (fr_stored)kind, false, t);
}

/* Values in a field of their own type; half floats are not read from there. */
static bool read_typed(const char *where, const fr_onnx_tensor_message *p, int kind, fr_tensor *t)
{
    bool small = kind == FR_STORED_BOOL || kind == FR_STORED_I8 || kind == FR_STORED_I16 || kind == FR_STORED_I32 ||
                 kind == FR_STORED_U8 || kind == FR_STORED_U16;
    size_t n = kind == FR_STORED_F32   ? p->n_float_data
               : kind == FR_STORED_F64 ? p->n_double_data
               : kind == FR_STORED_I64 ? p->n_int64_data
               : small                 ? p->n_int32_data
                                       : SIZE_MAX;

    if (n != (uint64_t)t->numel)
        return fr_fail(where, "tensor %.80s has not the values that its shape and type want", p->name ? p->name : "");
    for (size_t i = 0; small && i < n; i++)
        ((int64_t *)(void *)t->origin)[i] = p->int32_data[i];
    if (!small && n > 0)
        memcpy(t->origin,
               kind == FR_STORED_F32   ? (void *)p->float_data
               : kind == FR_STORED_F64 ? (void *)p->double_data
                                       : (void *)p->int64_data,
               n * fr_dtype_size((fr_dtype)t->dtype));
    return true;
}

fr_tensor *fr_onnx_read_tensor(const char *where, const fr_onnx_tensor_message *p)
{
    const char *name = p->name ? p->name : "";
    int kind = p->has_data_type ? kind_of(p->data_type) : -1;
    fr_shape shape = { .ndim = (int)p->n_dims };
    int64_t numel;

    if (p->has_data_location && p->data_location != 0)
        return fr_fail(where, "tensor %.80s has its values in another file, which frond does not read", name);
    if (kind < 0)
        return fr_fail(where, "tensor %.80s is of a type (%d) that frond has not", name, p->data_type);
    if (p->n_dims > FR_MAX_DIMS)
        return fr_fail(where, "tensor %.80s has %zu dims, expected at most %d", name, p->n_dims, FR_MAX_DIMS);
    for (int i = 0; i < shape.ndim; i++)
        shape.dim[i] = p->dims[i];
    if (!fr_shape_check(where, &shape, fr_stored_kinds[kind].dtype, &numel))
        return NULL;

    /* What a file says it holds is not believed before it is seen to be there. */
    if (numel > (int64_t)(p->raw_data.len + p->n_float_data + p->n_double_data + p->n_int64_data + p->n_int32_data))
        return fr_fail(where, "tensor %.80s has fewer values than its shape wants", name);

    fr_tensor *t = fr_tensor_alloc(where, &shape, fr_stored_kinds[kind].dtype);

    if (t && !(p->has_raw_data ? read_raw(where, p, kind, t) : read_typed(where, p, kind, t))) {
        fr_unref(t);
        return NULL;
    }
    return t;
}

/* --- Running ----------------------------------------------------------------------------------------------------- */

static bool run_step(const loaded *l, const step *s, fr_tensor **values)
{
    fr_tensor *in[INPUTS];
    fr_onnx_run_call c = { .node = s->node,
                           .kind = s->kind,
                           .in = in,
                           .inputs = (int)s->node->n_input,
                           .outputs = (int)s->node->n_output,
                           .operator_set = l->operator_set };
    const char *name = s->node->name ? s->node->name : "";
    bool ok;

    for (int i = 0; i < c.inputs; i++)
        in[i] = s->inputs[i] >= 0 ? values[s->inputs[i]] : NULL;
    if (!s->kind->run && (c.inputs < 1 || !in[0] || (s->kind->binary && (c.inputs != 2 || !in[1]))))
        return fr_fail("load_onnx", "node %.80s (%s): its inputs are not what it takes", name, s->kind->type);
    if (s->kind->run)
        ok = s->kind->run(&c);
    else
        ok = fr_call_give(&c, s->kind->unary ? s->kind->unary(in[0]) : s->kind->binary(in[0], in[1]));
    for (int i = 0; ok && i < FR_ONNX_OUTPUTS; i++)
        if (s->outputs[i] >= 0)
            values[s->outputs[i]] = c.out[i];
    return ok;
}

static fr_tensor *forward(fr_module *m, fr_tensor *x)
{
    const loaded *l = fr_self(m);
    fr_tensor **values = malloc((size_t)l->value_count * sizeof *values), *y;
    bool ok = values != NULL;

    if (!ok)
        return fr_fail_memory("load_onnx");
    memcpy(values, l->values, (size_t)l->value_count * sizeof *values);
    values[l->input] = x;
    for (size_t i = 0; ok && i < l->step_count; i++)
        ok = run_step(l, &l->steps[i], values);
    y = ok ? values[l->output] : NULL;
    if (ok && !y)
        fr_fail("load_onnx", "the model's output %.80s was not made", l->names[l->output]);
    free(values);
    return y;
}

/* data: whether memory ran out, which protobuf-c does not tell from a bad file. */
static void *allocate(void *data, size_t size)
{
    void *block = malloc(size);

    *(bool *)data = *(bool *)data || !block;
    return block;
}

static void give_back(void *data, void *block)
{
    (void)data;
    free(block);
}

static void release(void *memory)
{
    loaded *l = memory;
    ProtobufCAllocator allocator = { allocate, give_back, NULL };

    for (size_t i = 0; i < l->step_count; i++)
        free(l->steps[i].inputs);
    free(l->steps);
    free(l->names);
    free(l->values);
    if (l->model)
        frond__onnx__model_proto__free_unpacked(l->model, &allocator);
}

/* --- Names ------------------------------------------------------------------------------------------------------- */

static int find_value(const loaded *l, const char *name)
{
    const json_t *found = name ? json_object_get(l->numbers, name) : NULL;

    return found ? (int)json_integer_value(found) : -1;
}

/* A new value; -1 with an error where the name is taken. There is room for all. */
static int add_value(loaded *l, const char *where, const char *name)
{
    if (!name || !name[0] || find_value(l, name) >= 0)
        return fr_fail(where, "the value %.80s is made twice, or has no name", name ? name : ""), -1;
    if (json_object_set_new_nocheck(l->numbers, name, json_integer(l->value_count)) != 0)
        return fr_fail_memory(where), -1;
    l->names[l->value_count] = name;
    return l->value_count++;
}

/* m's module under the part of the name before its last dot, and that part's end in *rest; NULL: there can be none. */
static fr_module *place_of(fr_module *m, const char *name, const char **rest)
{
    const char *dot;

    for (*rest = name; m && (dot = strchr(*rest, '.')); *rest = dot + 1) {
        char part[256];
        size_t length = (size_t)(dot - *rest);
        fr_module *child = fr_module_child(m, *rest, length);

        if (length == 0 || length >= sizeof part)
            return NULL;
        memcpy(part, *rest, length);
        part[length] = '\0';
        if (!child && fr_module_has(m, part))
            return NULL;
        m = child ? child : fr_module_add(m, part, fr_module_new("Module", 0, NULL));
    }
    return m;
}

/* Under its name, or, where modules' names do not allow it, a number. */
static bool hold(fr_module *m, const char *where, const char *name, fr_tensor *t, bool buffer, int number)
{
    unsigned failures = fr_thread_self()->errors.failures;
    const char *rest;
    char plain[32];
    fr_module *place = place_of(m, name, &rest);

    if (fr_thread_self()->errors.failures != failures)
        return false;
    if (!place || !*rest || fr_module_has(place, rest)) {
        snprintf(plain, sizeof plain, "initializer_%d", number);
        place = m;
        rest = plain;
    }
    if (!buffer)
        t->requires_grad = true;
    return fr_module_hold(where, place, rest, t, buffer);
}

/* --- Making it --------------------------------------------------------------------------------------------------- */

static bool is_own_domain(const char *domain)
{
    return !domain || !domain[0] || strcmp(domain, "ai.onnx") == 0;
}

static bool is_statistic(const Frond__Onnx__GraphProto *g, const char *name)
{
    for (size_t i = 0; i < g->n_node; i++)
        if (g->node[i]->op_type && strcmp(g->node[i]->op_type, "BatchNormalization") == 0)
            for (size_t k = 3; k < g->node[i]->n_input && k < 5; k++)
                if (strcmp(g->node[i]->input[k], name) == 0)
                    return true;
    return false;
}

static bool read_initializers(fr_module *m, loaded *l, const char *where)
{
    const Frond__Onnx__GraphProto *g = l->model->graph;

    for (size_t i = 0; i < g->n_initializer; i++) {
        const char *name = g->initializer[i]->name;
        int value = add_value(l, where, name);
        fr_tensor *t = value >= 0 ? fr_onnx_read_tensor(where, g->initializer[i]) : NULL;
        bool ok = t && hold(m, where, name, t, t->dtype == FR_I64 || is_statistic(g, name), value);

        if (ok)
            l->values[value] = t;
        fr_unref(t);
        if (!ok)
            return false;
    }
    return true;
}

static bool read_input(loaded *l, const char *where)
{
    const Frond__Onnx__GraphProto *g = l->model->graph;

    l->input = -1;
    for (size_t i = 0; i < g->n_input; i++) {
        if (find_value(l, g->input[i]->name) >= 0 && l->input < 0 && l->values[find_value(l, g->input[i]->name)])
            continue; /* old files list initializers too */
        if (l->input >= 0)
            return fr_fail(where, "the model has several inputs, expected one");
        l->input = add_value(l, where, g->input[i]->name);
        if (l->input < 0)
            return false;
    }
    return l->input >= 0 || fr_fail(where, "the model has no input");
}

static bool read_step(loaded *l, const char *where, const fr_onnx_node_message *node)
{
    step *s = &l->steps[l->step_count];

    *s = (step){ .node = node, .kind = fr_onnx_find_kind(node->op_type) };
    for (int i = 0; i < FR_ONNX_OUTPUTS; i++)
        s->outputs[i] = -1;
    if (node->n_input > INPUTS || node->n_output < 1 || node->n_output > FR_ONNX_OUTPUTS)
        return fr_fail(where, "node %.80s has %zu inputs and %zu outputs", node->name ? node->name : "", node->n_input,
                       node->n_output);
    s->inputs = malloc((node->n_input + 1) * sizeof *s->inputs);
    l->step_count++;
    if (!s->inputs)
        return fr_fail_memory(where);
    for (size_t i = 0; i < node->n_input; i++) {
        s->inputs[i] = node->input[i][0] ? find_value(l, node->input[i]) : -1;
        if (s->inputs[i] < 0 && node->input[i][0])
            return fr_fail(where, "node %.80s reads %.80s, which nothing before it makes", node->name ? node->name : "",
                           node->input[i]);
    }
    for (size_t i = 0; i < node->n_output; i++)
        if (node->output[i][0] && (s->outputs[i] = add_value(l, where, node->output[i])) < 0)
            return false;
    return true;
}

/* What ops mean changes with the version; these are those that the nodes are run by. */
static bool read_operator_set(loaded *l, const char *where)
{
    enum { OLDEST = 9, NEWEST = 24 };
    const fr_onnx_model *model = l->model;
    int64_t version = 0;

    for (size_t i = 0; i < model->n_opset_import; i++)
        if (is_own_domain(model->opset_import[i]->domain))
            version = model->opset_import[i]->version;
    l->operator_set = version;
    if (version == 0)
        return fr_fail(where, "no ONNX model: it names no version of ONNX's operator set");
    return (version >= OLDEST && version <= NEWEST) ||
           fr_fail(where, "version %lld of ONNX's operator set, expected %d to %d", (long long)version, OLDEST, NEWEST);
}

static bool check_ops(const Frond__Onnx__GraphProto *g, const char *where)
{
    fr_complaints c = { 0 };

    for (size_t i = 0; i < g->n_node; i++) {
        const fr_onnx_node_message *n = g->node[i];

        if (!is_own_domain(n->domain) || !n->op_type || !fr_onnx_find_kind(n->op_type))
            fr_complain(&c, "%.80s%s%.80s (node %.80s)", n->domain ? n->domain : "",
                        n->domain && n->domain[0] ? "." : "", n->op_type ? n->op_type : "", n->name ? n->name : "");
    }
    return !fr_complaints_fail(&c, where, "ops that frond cannot run");
}

static bool fill(fr_module *m, loaded *l, const char *where)
{
    const Frond__Onnx__GraphProto *g = l->model->graph;
    size_t most;

    if (!g || g->n_output < 1 || g->n_node > INT32_MAX / 8)
        return fr_fail(where, "no ONNX model: it has no graph, or one without outputs");
    if (!read_operator_set(l, where) || !check_ops(g, where))
        return false;
    most = g->n_initializer + g->n_input + 1;
    for (size_t i = 0; i < g->n_node; i++)
        most += g->node[i]->n_output;
    l->names = calloc(most, sizeof *l->names);
    l->values = calloc(most, sizeof *l->values);
    l->steps = calloc(g->n_node + 1, sizeof *l->steps);
    l->numbers = json_object();
    if (!l->names || !l->values || !l->steps || !l->numbers)
        return fr_fail_memory(where);
    if (!read_initializers(m, l, where) || !read_input(l, where))
        return false;
    for (size_t i = 0; i < g->n_node; i++)
        if (!read_step(l, where, g->node[i]))
            return false;
    l->output = find_value(l, g->output[0]->name);
    return l->output >= 0 ||
           fr_fail(where, "nothing makes the model's output %.80s", g->output[0]->name ? g->output[0]->name : "");
}

fr_module *fr_onnx_read(const char *where, const uint8_t *bytes, size_t size)
{
    fr_module *m = fr_module_new("ONNX", sizeof(loaded), forward);
    loaded *l = m ? fr_self(m) : NULL;
    bool ok, out_of_memory = false;
    ProtobufCAllocator allocator = { allocate, give_back, &out_of_memory };

    if (!l)
        return NULL;
    m->release = release;
    l->model = frond__onnx__model_proto__unpack(&allocator, size, bytes);
    if (!l->model && out_of_memory)
        fr_fail_memory(where);
    else if (!l->model)
        fr_fail(where, "no ONNX model, or one that is cut short (%zu bytes)", size);
    ok = l->model && fill(m, l, where);
    json_decref(l->numbers);
    l->numbers = NULL;
    if (ok)
        return m;
    fr_module_destroy(m);
    return NULL;
}
