/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The functions of <frond/onnx.h> that put nodes, attributes and constants into the graph and give values their names.
 * A failure is kept in g->failed: from then on names are "" and nothing more is added. */
#include <config.h>

#include "onnx/export.h"

#include <frond/ops.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* --- Memory and names -------------------------------------------------------------------------------------------- */

struct fr_onnx_block {
    struct fr_onnx_block *next;
    max_align_t bytes[];
};

bool fr_onnx_out_of_memory(fr_onnx *g)
{
    if (!g->failed)
        fr_fail_memory(g->export->where);
    g->failed = true;
    return false;
}

void *fr_onnx_alloc(fr_onnx *g, size_t bytes)
{
    struct fr_onnx_block *block = g->failed ? NULL : calloc(1, sizeof *block + bytes);

    if (!block) {
        fr_onnx_out_of_memory(g);
        return NULL;
    }
    block->next = g->blocks;
    g->blocks = block;
    return block->bytes;
}

static const char *copy_text(fr_onnx *g, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = fr_onnx_alloc(g, size);

    return copy ? memcpy(copy, text, size) : "";
}

/* Copies a list that ends with NULL, without the left out ("") names at its end. */
static const char *const *copy_list(fr_onnx *g, const char *const *list, size_t *count)
{
    const char **copy;

    for (*count = 0; list[*count];)
        ++*count;
    while (*count > 0 && list[*count - 1][0] == '\0')
        --*count;
    copy = fr_onnx_alloc(g, (*count + 1) * sizeof *copy);
    for (size_t i = 0; copy && i < *count; i++)
        copy[i] = copy_text(g, list[i]);
    return copy;
}

static bool is_state_name(const fr_onnx *g, const char *name)
{
    for (int i = 0; i < g->export->state_count; i++)
        if (strcmp(g->export->state[i].name, name) == 0)
            return true;
    return false;
}

/* Each name ends in a number of its own, so all differ. Only the names of parameters and buffers come from outside. */
const char *fr_onnx_unique_name(fr_onnx *g, const char *format, ...)
{
    char text[FR_PATH_TEXT + 128];
    size_t length;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text - 32, format, args);
    va_end(args);
    length = strlen(text);
    do
        snprintf(text + length, sizeof text - length, "_%d", g->next_number++);
    while (is_state_name(g, text));
    return copy_text(g, text);
}

const char *fr_onnx_name_beside_state(fr_onnx *g, const char *name)
{
    return is_state_name(g, name) ? fr_onnx_unique_name(g, "%s", name) : name;
}

bool fr_onnx_fail(fr_onnx *g, const char *format, ...)
{
    char text[512];
    va_list args;

    if (g->failed)
        return false;
    g->failed = true;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (g->step)
        fr_fail(g->export->where, "%s%s%s: %s", g->module_path, g->module_path[0] ? ": " : "", g->step->op->name, text);
    else
        fr_fail(g->export->where, "%s", text);
    return false;
}

void fr_onnx_free_graph(fr_onnx *g)
{
    for (size_t i = 0; i < g->node_count; i++) {
        for (size_t k = 0; k < g->nodes[i].attribute_count; k++)
            fr_unref(g->nodes[i].attributes[k].tensor);
        free(g->nodes[i].attributes);
    }
    for (size_t i = 0; i < g->initializer_count; i++)
        fr_unref(g->initializers[i].tensor);
    free(g->nodes);
    free(g->initializers);
    fr_table_free(&g->names);
    fr_table_free(&g->read);
    fr_table_free(&g->storages);
    while (g->blocks) {
        struct fr_onnx_block *next = g->blocks->next;

        free(g->blocks);
        g->blocks = next;
    }
}

/* --- Nodes ------------------------------------------------------------------------------------------------------- */

void fr_onnx_node(fr_onnx *g, const char *type, const char *const *inputs, const char *const *outputs)
{
    fr_onnx_graph_node node = { .type = copy_text(g, type) };

    node.name = fr_onnx_unique_name(g, "%s/%s", g->module_path, type);
    node.inputs = copy_list(g, inputs, &node.input_count);
    node.outputs = copy_list(g, outputs, &node.output_count);
    if (!g->failed && !fr_make_room(&g->nodes, sizeof *g->nodes, g->node_count, &g->node_capacity))
        fr_onnx_out_of_memory(g);
    if (!g->failed)
        g->nodes[g->node_count++] = node;
}

const char *fr_onnx_value(fr_onnx *g, const char *type, const char *const *inputs)
{
    const char *name = fr_onnx_unique_name(g, "%s/%s_output", g->module_path, type);

    fr_onnx_node(g, type, inputs, FR_ONNX_NAMES(name));
    return name;
}

const char *fr_onnx_new_name(fr_onnx *g)
{
    return fr_onnx_unique_name(g, "%s/%s", g->module_path, g->step ? g->step->op->name : "value");
}

const char *fr_onnx_bool(fr_onnx *g, const char *value)
{
    const char *cast = fr_onnx_value(g, "Cast", FR_ONNX_NAMES(value));

    fr_onnx_int(g, "to", FR_ONNX_BOOL);
    return cast;
}

/* Adds a, whose tensor it takes over, to the node that was added last. */
static void add_attribute(fr_onnx *g, const char *name, fr_onnx_attribute a)
{
    fr_onnx_graph_node *node = g->node_count && !g->failed ? &g->nodes[g->node_count - 1] : NULL;

    a.name = copy_text(g, name);
    if (node && !fr_make_room(&node->attributes, sizeof a, node->attribute_count, &node->attribute_capacity))
        fr_onnx_out_of_memory(g);
    if (node && !g->failed)
        node->attributes[node->attribute_count++] = a;
    else
        fr_unref(a.tensor);
}

void fr_onnx_int(fr_onnx *g, const char *name, int64_t value)
{
    add_attribute(g, name, (fr_onnx_attribute){ .type = FR_ONNX_ATTRIBUTE_INT, .i = value });
}

void fr_onnx_float(fr_onnx *g, const char *name, double value)
{
    add_attribute(g, name, (fr_onnx_attribute){ .type = FR_ONNX_ATTRIBUTE_FLOAT, .f = value });
}

void fr_onnx_strings(fr_onnx *g, const char *name, const char *const *values)
{
    fr_onnx_attribute a = { .type = FR_ONNX_ATTRIBUTE_STRINGS };
    size_t n;

    a.strings = copy_list(g, values, &n);
    a.n = (int)n;
    add_attribute(g, name, a);
}

void fr_onnx_string(fr_onnx *g, const char *name, const char *value)
{
    fr_onnx_attribute a = { .type = FR_ONNX_ATTRIBUTE_STRING, .n = 1 };
    size_t n;

    a.strings = copy_list(g, FR_ONNX_NAMES(value), &n);
    add_attribute(g, name, a);
}

void fr_onnx_ints(fr_onnx *g, const char *name, int n, const int64_t *values)
{
    fr_onnx_attribute a = { .type = FR_ONNX_ATTRIBUTE_INTS, .n = n };
    int64_t *copy = fr_onnx_alloc(g, (size_t)n * sizeof *copy);

    if (copy && n > 0)
        memcpy(copy, values, (size_t)n * sizeof *copy);
    a.ints = copy;
    add_attribute(g, name, a);
}

/* --- Constants --------------------------------------------------------------------------------------------------- */

/* Adds t, whose reference it takes over, as a Constant node; NULL: t could not be made. */
static const char *add_constant(fr_onnx *g, fr_tensor *t)
{
    const char *name = fr_onnx_value(g, "Constant", FR_ONNX_NAMES(NULL));

    if (!t)
        g->failed = true;
    add_attribute(g, "value", (fr_onnx_attribute){ .type = FR_ONNX_ATTRIBUTE_TENSOR, .tensor = t });
    return name;
}

const char *fr_onnx_number(fr_onnx *g, fr_dtype dtype, double value)
{
    fr_tensor *t = g->failed ? NULL : fr_tensor_alloc(g->export->where, &(fr_shape){ 0 }, dtype);

    if (t)
        fr_fill(t, value);
    return add_constant(g, t);
}

const char *fr_onnx_int64s(fr_onnx *g, int n, const int64_t *values)
{
    fr_tensor *t = g->failed ? NULL : fr_tensor_alloc(g->export->where, &(fr_shape){ 1, { n } }, FR_I64);

    if (t && n > 0)
        memcpy(t->origin, values, (size_t)n * sizeof *values);
    return add_constant(g, t);
}

int64_t fr_onnx_dtype(fr_dtype dtype)
{
    return dtype == FR_F32 ? FR_ONNX_FLOAT : dtype == FR_F64 ? FR_ONNX_DOUBLE : FR_ONNX_INT64;
}

/* A name for an initializer that is made of a parameter or buffer: the first one gets its name. */
static const char *state_name(fr_onnx *g, int i)
{
    const char *name = g->export->state[i].name;

    if (g->state_name_used && g->state_name_used[i])
        return fr_onnx_unique_name(g, "%s", name);
    if (g->state_name_used)
        g->state_name_used[i] = true;
    return name;
}

static int find_state(const fr_onnx *g, const fr_tensor *t)
{
    for (int i = 0; i < g->export->state_count; i++)
        if (g->export->state[i].tensor == t)
            return i;
    return -1;
}

static void add_initializer(fr_onnx *g, const char *name, fr_tensor *t)
{
    if (!g->failed &&
        !fr_make_room(&g->initializers, sizeof *g->initializers, g->initializer_count, &g->initializer_capacity))
        fr_onnx_out_of_memory(g);
    if (!g->failed)
        g->initializers[g->initializer_count++] = (fr_onnx_initializer){ name, fr_ref(t) };
}

const char *fr_onnx_weight(fr_onnx *g, int i, fr_tensor *t)
{
    int state = find_state(g, g->step->in[i]);
    const char *name;

    if (!t) {
        g->failed = true;
        return "";
    }
    name = state >= 0 ? state_name(g, state) : fr_onnx_unique_name(g, "%s/weight", g->module_path);
    add_initializer(g, name, t);
    return name;
}

/* --- Tensors of the run ------------------------------------------------------------------------------------------ */

void fr_onnx_put(fr_onnx *g, fr_table *table, const void *key, const void *value)
{
    if (!g->failed && !fr_table_find(table, key) && !fr_table_put(table, key, (void *)(uintptr_t)value))
        fr_onnx_out_of_memory(g);
}

void fr_onnx_note_constant(fr_onnx *g, const fr_tensor *t)
{
    char text[FR_SHAPE_TEXT];

    if (fr_table_find(&g->storages, t->storage) == t->storage)
        fr_onnx_fail(g, "it reads a tensor %s that shares the values of a result, but no op made it of that result",
                     fr_shape_text(&t->shape, text));
    fr_onnx_put(g, &g->storages, t->storage, g->export);
}

/* Adds the constant t as an initializer. */
static const char *add_constant_tensor(fr_onnx *g, fr_tensor *t)
{
    int state = find_state(g, t);
    const char *name;

    fr_onnx_note_constant(g, t);
    name = state >= 0 ? state_name(g, state) : fr_onnx_unique_name(g, "%s/constant", g->module_path);
    add_initializer(g, name, t);
    fr_onnx_put(g, &g->names, t, name);
    return name;
}

const char *fr_onnx_tensor_name(fr_onnx *g, fr_tensor *t)
{
    const char *name = t && !g->failed ? fr_table_find(&g->names, t) : "";

    return name ? name : add_constant_tensor(g, t);
}

const char *fr_onnx_input(fr_onnx *g, int i)
{
    return i < g->step->inputs ? fr_onnx_tensor_name(g, g->step->in[i]) : "";
}

const char *const *fr_onnx_inputs(fr_onnx *g)
{
    static const char *const none[] = { NULL };
    const fr_step *s = g->step;
    const char **inputs = fr_onnx_alloc(g, ((size_t)s->inputs + 1) * sizeof *inputs);

    for (int i = 0; inputs && i < s->inputs; i++)
        inputs[i] = fr_onnx_input(g, i);
    return inputs ? inputs : none;
}

const char *fr_onnx_output(fr_onnx *g, int i)
{
    return fr_onnx_tensor_name(g, g->step->out[i]);
}

bool fr_onnx_is_read(fr_onnx *g, int i)
{
    return fr_table_find(&g->read, g->step->out[i]) != NULL;
}

bool fr_onnx_is_constant(fr_onnx *g, int i)
{
    fr_tensor *t = i < g->step->inputs ? g->step->in[i] : NULL;

    return t && fr_table_find(&g->storages, t->storage) != t->storage;
}
