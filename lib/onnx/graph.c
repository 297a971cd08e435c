/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The graph, piece by piece: the functions of <frond/onnx.h>, and what calls the ops' hooks. */
#include <config.h>

#include "files/complaints.h"
#include "onnx/graph.h"

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

static bool out_of_memory(fr_onnx *g)
{
    if (!g->failed)
        fr_fail_memory(g->from->where);
    g->failed = true;
    return false;
}

void *fr_onnx_keep(fr_onnx *g, size_t bytes)
{
    struct fr_onnx_block *block = g->failed ? NULL : calloc(1, sizeof *block + bytes);

    if (!block) {
        out_of_memory(g);
        return NULL;
    }
    block->next = g->blocks;
    g->blocks = block;
    return block->bytes;
}

static const char *copied(fr_onnx *g, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = fr_onnx_keep(g, size);

    return copy ? memcpy(copy, text, size) : "";
}

/* A list that is ended by NULL, copied but for what is left out at its end. */
static const char *const *copied_list(fr_onnx *g, const char *const *list, size_t *count)
{
    const char **copy;

    for (*count = 0; list[*count];)
        ++*count;
    while (*count > 0 && list[*count - 1][0] == '\0')
        --*count;
    copy = fr_onnx_keep(g, (*count + 1) * sizeof *copy);
    for (size_t i = 0; copy && i < *count; i++)
        copy[i] = copied(g, list[i]);
    return copy;
}

static bool names_state(const fr_onnx *g, const char *name)
{
    for (int i = 0; i < g->from->state_count; i++)
        if (strcmp(g->from->state[i].name, name) == 0)
            return true;
    return false;
}

/* Names that are made hold a number of their own; so they differ from each other. */
const char *fr_onnx_name(fr_onnx *g, const char *format, ...)
{
    char text[FR_PATH_TEXT + 128];
    size_t length;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text - 32, format, args);
    va_end(args);
    length = strlen(text);
    do
        snprintf(text + length, sizeof text - length, "_%d", g->serial++);
    while (names_state(g, text));
    return copied(g, text);
}

static const char *plain_name(fr_onnx *g, const char *name)
{
    return names_state(g, name) ? fr_onnx_name(g, "%s", name) : name;
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
        fr_fail(g->from->where, "%s%s%s: %s", g->path, g->path[0] ? ": " : "", g->step->op->name, text);
    else
        fr_fail(g->from->where, "%s", text);
    return false;
}

/* --- Nodes ------------------------------------------------------------------------------------------------------- */

void fr_onnx_node(fr_onnx *g, const char *type, const char *const *inputs, const char *const *outputs)
{
    fr_onnx_item item = { .type = copied(g, type) };

    item.name = fr_onnx_name(g, "%s/%s", g->path, type);
    item.inputs = copied_list(g, inputs, &item.input_count);
    item.outputs = copied_list(g, outputs, &item.output_count);
    if (!g->failed && !fr_make_room(&g->items, sizeof *g->items, g->item_count, &g->item_capacity))
        out_of_memory(g);
    if (!g->failed)
        g->items[g->item_count++] = item;
}

const char *fr_onnx_value(fr_onnx *g, const char *type, const char *const *inputs)
{
    const char *name = fr_onnx_name(g, "%s/%s_output", g->path, type);

    fr_onnx_node(g, type, inputs, FR_ONNX_NAMES(name));
    return name;
}

const char *fr_onnx_new_name(fr_onnx *g)
{
    return fr_onnx_name(g, "%s/%s", g->path, g->step ? g->step->op->name : "value");
}

const char *fr_onnx_bool(fr_onnx *g, const char *value)
{
    enum { BOOL = 9 };
    const char *cast = fr_onnx_value(g, "Cast", FR_ONNX_NAMES(value));

    fr_onnx_int(g, "to", BOOL);
    return cast;
}

static void add_attribute(fr_onnx *g, const char *name, fr_onnx_attribute a)
{
    fr_onnx_item *item = g->item_count && !g->failed ? &g->items[g->item_count - 1] : NULL;

    a.name = copied(g, name);
    if (item && !fr_make_room(&item->attributes, sizeof a, item->attribute_count, &item->attribute_capacity))
        out_of_memory(g);
    if (item && !g->failed)
        item->attributes[item->attribute_count++] = a;
    else
        fr_unref(a.tensor);
}

void fr_onnx_int(fr_onnx *g, const char *name, int64_t value)
{
    add_attribute(g, name, (fr_onnx_attribute){ .type = FR_ONNX_INT, .i = value });
}

void fr_onnx_float(fr_onnx *g, const char *name, double value)
{
    add_attribute(g, name, (fr_onnx_attribute){ .type = FR_ONNX_FLOAT, .f = value });
}

void fr_onnx_strings(fr_onnx *g, const char *name, const char *const *values)
{
    fr_onnx_attribute a = { .type = FR_ONNX_STRINGS };
    size_t n;

    a.strings = copied_list(g, values, &n);
    a.n = (int)n;
    add_attribute(g, name, a);
}

void fr_onnx_string(fr_onnx *g, const char *name, const char *value)
{
    fr_onnx_attribute a = { .type = FR_ONNX_STRING, .n = 1 };
    size_t n;

    a.strings = copied_list(g, FR_ONNX_NAMES(value), &n);
    add_attribute(g, name, a);
}

void fr_onnx_ints(fr_onnx *g, const char *name, int n, const int64_t *values)
{
    fr_onnx_attribute a = { .type = FR_ONNX_INTS, .n = n };
    int64_t *copy = fr_onnx_keep(g, (size_t)n * sizeof *copy);

    if (copy && n > 0)
        memcpy(copy, values, (size_t)n * sizeof *copy);
    a.ints = copy;
    add_attribute(g, name, a);
}

/* --- Constants --------------------------------------------------------------------------------------------------- */

/* t, one reference, as a Constant node; NULL: it could not be made. */
static const char *constant(fr_onnx *g, fr_tensor *t)
{
    const char *name = fr_onnx_value(g, "Constant", FR_ONNX_NAMES(NULL));

    if (!t)
        g->failed = true;
    add_attribute(g, "value", (fr_onnx_attribute){ .type = FR_ONNX_TENSOR, .tensor = t });
    return name;
}

const char *fr_onnx_number(fr_onnx *g, fr_dtype dtype, double value)
{
    fr_tensor *t = g->failed ? NULL : fr_tensor_alloc(g->from->where, &(fr_shape){ 0 }, dtype);

    if (t)
        fr_fill(t, value);
    return constant(g, t);
}

const char *fr_onnx_int64s(fr_onnx *g, int n, const int64_t *values)
{
    fr_tensor *t = g->failed ? NULL : fr_tensor_alloc(g->from->where, &(fr_shape){ 1, { n } }, FR_I64);

    if (t && n > 0)
        memcpy(t->origin, values, (size_t)n * sizeof *values);
    return constant(g, t);
}

int64_t fr_onnx_dtype(fr_dtype dtype)
{
    return dtype == FR_F32 ? 1 : dtype == FR_F64 ? 11 : 7;
}

/* Whose name is free gets its own, once. */
static const char *name_of_state(fr_onnx *g, int i)
{
    const char *name = g->from->state[i].name;

    if (g->used && g->used[i])
        return fr_onnx_name(g, "%s", name);
    if (g->used)
        g->used[i] = true;
    return name;
}

static int find_state(const fr_onnx *g, const fr_tensor *t)
{
    for (int i = 0; i < g->from->state_count; i++)
        if (g->from->state[i].tensor == t)
            return i;
    return -1;
}

static void add_initializer(fr_onnx *g, const char *name, fr_tensor *t)
{
    if (!g->failed &&
        !fr_make_room(&g->initializers, sizeof *g->initializers, g->initializer_count, &g->initializer_capacity))
        out_of_memory(g);
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
    name = state >= 0 ? name_of_state(g, state) : fr_onnx_name(g, "%s/weight", g->path);
    add_initializer(g, name, t);
    return name;
}

/* --- Values of the run ------------------------------------------------------------------------------------------- */

static void put(fr_onnx *g, fr_table *table, const void *key, const void *value)
{
    if (!g->failed && !fr_table_find(table, key) && !fr_table_put(table, key, (void *)(uintptr_t)value))
        out_of_memory(g);
}

/* What no step made must not have values that one did. */
static void check_leaf(fr_onnx *g, const fr_tensor *t)
{
    char text[FR_SHAPE_TEXT];

    if (fr_table_find(&g->storages, t->storage) == t->storage)
        fr_onnx_fail(g, "it reads a tensor %s that has the values of a result but was not made of it by an op",
                     fr_shape_text(&t->shape, text));
    put(g, &g->storages, t->storage, g->from);
}

/* A constant, under its name where it is the module's. */
static const char *name_of_leaf(fr_onnx *g, fr_tensor *t)
{
    int state = find_state(g, t);
    const char *name;

    check_leaf(g, t);
    name = state >= 0 ? name_of_state(g, state) : fr_onnx_name(g, "%s/constant", g->path);
    add_initializer(g, name, t);
    put(g, &g->names, t, name);
    return name;
}

static const char *name_of(fr_onnx *g, fr_tensor *t)
{
    const char *name = t && !g->failed ? fr_table_find(&g->names, t) : "";

    return name ? name : name_of_leaf(g, t);
}

const char *fr_onnx_input(fr_onnx *g, int i)
{
    return i < g->step->inputs ? name_of(g, g->step->in[i]) : "";
}

const char *const *fr_onnx_inputs(fr_onnx *g)
{
    static const char *const none[] = { NULL };
    const fr_step *s = g->step;
    const char **inputs = fr_onnx_keep(g, ((size_t)s->inputs + 1) * sizeof *inputs);

    for (int i = 0; inputs && i < s->inputs; i++)
        inputs[i] = fr_onnx_input(g, i);
    return inputs ? inputs : none;
}

const char *fr_onnx_output(fr_onnx *g, int i)
{
    return name_of(g, g->step->out[i]);
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

/* --- Making it --------------------------------------------------------------------------------------------------- */

/* What steps read that lead to the output. */
static void find_read(fr_onnx *g)
{
    const fr_trace *t = &g->run->trace;

    put(g, &g->read, g->run->y, g);
    for (size_t i = t->count; i-- > 0 && !g->failed;) {
        const fr_step *s = &t->steps[i];
        bool needed = false;

        for (int o = 0; o < s->outputs; o++)
            needed = needed || fr_table_find(&g->read, s->out[o]);
        for (int k = 0; needed && k < s->inputs; k++)
            if (s->in[k])
                put(g, &g->read, s->in[k], g);
    }
}

static bool is_needed(const fr_onnx *g, const fr_step *s)
{
    for (int o = 0; o < s->outputs; o++)
        if (fr_table_find(&g->read, s->out[o]))
            return true;
    return false;
}

/* One ONNX op that takes and gives the same. */
static bool write_simple(fr_onnx *g)
{
    fr_onnx_node(g, g->step->op->onnx_name, fr_onnx_inputs(g), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return !g->failed;
}

/* Names of outputs stand in for the storages too: an op's output that is no view has one of its own. */
static void name_outputs(fr_onnx *g)
{
    const fr_step *s = g->step;

    for (int o = 0; o < s->outputs; o++) {
        put(g, &g->names, s->out[o],
            s->out[o] == g->run->y ? g->output : fr_onnx_name(g, "%s/%s", g->path, s->op->name));
        put(g, &g->storages, s->out[o]->storage, s->out[o]->storage);
    }
}

static bool write_step(fr_onnx *g, const fr_step *s)
{
    fr_op_call call = { .op = s->op,
                        .attributes = s->attributes,
                        .inputs = s->inputs,
                        .outputs = s->outputs,
                        .in = s->in,
                        .result = s->out };
    unsigned failures = fr_thread_self()->errors.failures;

    g->step = s;
    fr_module_path_text(s->module_path, g->path);
    for (int i = 0; i < s->inputs; i++)
        if (s->in[i] && !fr_table_find(&g->names, s->in[i]))
            check_leaf(g, s->in[i]);
    name_outputs(g);
    if (g->failed)
        return false;
    if (s->op->onnx ? s->op->onnx(g, &call) && !g->failed : write_simple(g))
        return true;
    return failures == fr_thread_self()->errors.failures && fr_onnx_fail(g, "this call cannot be written as ONNX");
}

/* What m gave back without an op: its input, a parameter. */
static void finish(fr_onnx *g)
{
    const char *name = name_of(g, g->run->y);

    if (!g->failed && strcmp(name, g->output) != 0)
        fr_onnx_node(g, "Identity", FR_ONNX_NAMES(name), FR_ONNX_NAMES(g->output));
}

static bool name_is_free(const fr_onnx *g, const char *name)
{
    for (int d = 0; d < FR_MAX_DIMS; d++)
        if (g->dim_name[d] && strcmp(g->dim_name[d], name) == 0)
            return false;
    return true;
}

static void name_dims(fr_onnx *g)
{
    static const char *const usual[] = { "batch", "time", "dim2", "dim3", "dim4", "dim5", "dim6", "dim7" };

    for (int d = 0; d < FR_MAX_DIMS; d++)
        for (int k = 0; k < FR_MAX_DIMS && g->from->open[d] && !g->dim_name[d]; k++)
            if (name_is_free(g, usual[k]))
                g->dim_name[d] = usual[k];
}

/* All ops that cannot be written, in one error. */
static bool check_ops(fr_onnx *g)
{
    fr_complaints c = { 0 };
    char path[FR_PATH_TEXT];

    for (size_t i = 0; i < g->run->trace.count; i++) {
        const fr_step *s = &g->run->trace.steps[i];

        if (!s->op->onnx && !s->op->onnx_name && is_needed(g, s)) {
            fr_module_path_text(s->module_path, path);
            fr_complain(&c, "%s%s%s", path, path[0] ? ": " : "", s->op->name);
        }
    }
    return !fr_complaints_fail(&c, g->from->where, "ops that cannot be written as ONNX");
}

bool fr_onnx_make(fr_onnx *g, const fr_onnx_source *from, const fr_onnx_run *run)
{
    *g = (fr_onnx){ .from = from, .run = run };
    g->used = fr_onnx_keep(g, (size_t)from->state_count + 1);
    g->input = plain_name(g, "input");
    g->output = plain_name(g, "output");
    put(g, &g->names, run->x, g->input);
    put(g, &g->storages, run->x->storage, run->x->storage);
    find_read(g);
    g->failed = g->failed || !check_ops(g);
    for (size_t i = 0; i < run->trace.count && !g->failed; i++)
        if (is_needed(g, &run->trace.steps[i]) && !write_step(g, &run->trace.steps[i]))
            g->failed = true;
    g->step = NULL;
    g->path[0] = '\0';
    finish(g);
    name_dims(g);
    return !g->failed;
}

void fr_onnx_free(fr_onnx *g)
{
    for (size_t i = 0; i < g->item_count; i++) {
        for (size_t k = 0; k < g->items[i].attribute_count; k++)
            fr_unref(g->items[i].attributes[k].tensor);
        free(g->items[i].attributes);
    }
    for (size_t i = 0; i < g->initializer_count; i++)
        fr_unref(g->initializers[i].tensor);
    free(g->items);
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

/* --- Comparing --------------------------------------------------------------------------------------------------- */

static bool same_lists(const char *const *a, size_t n, const char *const *b, size_t m)
{
    if (n != m)
        return false;
    for (size_t i = 0; i < n; i++)
        if (strcmp(a[i], b[i]) != 0)
            return false;
    return true;
}

static bool same_tensors(const fr_tensor *a, const fr_tensor *b)
{
    size_t size;

    if (a == b || !a || !b)
        return a == b;
    if (a->dtype != b->dtype || !fr_shape_equal(&a->shape, &b->shape))
        return false;
    size = fr_dtype_size((fr_dtype)a->dtype);
    for (int64_t i = 0; i < a->numel; i++)
        if (memcmp(a->origin + fr_offset_of(a, i) * (int64_t)size, b->origin + fr_offset_of(b, i) * (int64_t)size,
                   size) != 0)
            return false;
    return true;
}

static bool same_attributes(const fr_onnx_attribute *a, const fr_onnx_attribute *b)
{
    if (strcmp(a->name, b->name) != 0 || a->type != b->type || a->n != b->n || a->i != b->i ||
        memcmp(&a->f, &b->f, sizeof a->f) != 0 || !same_tensors(a->tensor, b->tensor))
        return false;
    if (a->type == FR_ONNX_INTS)
        return a->n == 0 || memcmp(a->ints, b->ints, (size_t)a->n * sizeof *a->ints) == 0;
    return !a->strings || same_lists(a->strings, (size_t)a->n, b->strings, (size_t)b->n);
}

static bool same_items(const fr_onnx_item *a, const fr_onnx_item *b)
{
    if (strcmp(a->type, b->type) != 0 || a->attribute_count != b->attribute_count ||
        !same_lists(a->inputs, a->input_count, b->inputs, b->input_count) ||
        !same_lists(a->outputs, a->output_count, b->outputs, b->output_count))
        return false;
    for (size_t i = 0; i < a->attribute_count; i++)
        if (!same_attributes(&a->attributes[i], &b->attributes[i]))
            return false;
    return true;
}

bool fr_onnx_compare(const fr_onnx *a, const fr_onnx *b)
{
    const char *where = a->from->where;

    for (size_t i = 0; i < a->item_count && i < b->item_count; i++)
        if (!same_items(&a->items[i], &b->items[i]))
            return fr_fail(where, "node %s holds something that depends on a size of the input and cannot follow it",
                           a->items[i].name);
    for (size_t i = 0; i < a->initializer_count && i < b->initializer_count; i++)
        if (!same_tensors(a->initializers[i].tensor, b->initializers[i].tensor))
            return fr_fail(where, "the constant %s depends on a size of the input and cannot follow it",
                           a->initializers[i].name);
    return (a->item_count == b->item_count && a->initializer_count == b->initializer_count) ||
           fr_fail(where, "it takes other nodes for another size of the input");
}
