/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The graph of one run: the steps of its trace that lead to the output, each written by the hook of its op; and the
 * comparison of two graphs. */
#include <config.h>

#include "files/error_list.h"
#include "onnx/export.h"

/* --- Building ---------------------------------------------------------------------------------------------------- */

static bool is_needed(const fr_onnx *g, const fr_step *s)
{
    for (int o = 0; o < s->outputs; o++)
        if (fr_table_find(&g->read, s->out[o]))
            return true;
    return false;
}

/* Notes all tensors that are read on the way to the output, from the output back. */
static void find_read(fr_onnx *g)
{
    const fr_trace *t = &g->run->trace;

    fr_onnx_put(g, &g->read, g->run->y, g);
    for (size_t i = t->count; i-- > 0 && !g->failed;) {
        const fr_step *s = &t->steps[i];
        bool needed = is_needed(g, s);

        for (int k = 0; needed && k < s->inputs; k++)
            if (s->in[k])
                fr_onnx_put(g, &g->read, s->in[k], g);
    }
}

/* An op that is one ONNX op with the same inputs and output. */
static bool write_same_op(fr_onnx *g)
{
    fr_onnx_node(g, g->step->op->onnx_name, fr_onnx_inputs(g), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return !g->failed;
}

/* Names the step's outputs and notes their storages as written by a step. */
static void name_outputs(fr_onnx *g)
{
    const fr_step *s = g->step;

    for (int o = 0; o < s->outputs; o++) {
        fr_onnx_put(g, &g->names, s->out[o],
                    s->out[o] == g->run->y ? g->output : fr_onnx_unique_name(g, "%s/%s", g->module_path, s->op->name));
        fr_onnx_put(g, &g->storages, s->out[o]->storage, s->out[o]->storage);
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
    fr_module_path_text(s->module_path, g->module_path);
    for (int i = 0; i < s->inputs; i++)
        if (s->in[i] && !fr_table_find(&g->names, s->in[i]))
            fr_onnx_note_constant(g, s->in[i]);
    name_outputs(g);
    if (g->failed)
        return false;
    if (s->op->onnx ? s->op->onnx(g, &call) && !g->failed : write_same_op(g))
        return true;
    return failures == fr_thread_self()->errors.failures && fr_onnx_fail(g, "this call cannot be written as ONNX");
}

/* The module may return what no op made: its input or a parameter. */
static void write_output(fr_onnx *g)
{
    const char *name = fr_onnx_tensor_name(g, g->run->y);

    if (!g->failed && strcmp(name, g->output) != 0)
        fr_onnx_node(g, "Identity", FR_ONNX_NAMES(name), FR_ONNX_NAMES(g->output));
}

static bool is_free_dim_name(const fr_onnx *g, const char *name)
{
    for (int d = 0; d < FR_MAX_DIMS; d++)
        if (g->dim_name[d] && strcmp(g->dim_name[d], name) == 0)
            return false;
    return true;
}

/* Open dims that no op named. */
static void name_dims(fr_onnx *g)
{
    static const char *const usual[] = { "batch", "time", "dim2", "dim3", "dim4", "dim5", "dim6", "dim7" };

    for (int d = 0; d < FR_MAX_DIMS; d++)
        for (int k = 0; k < FR_MAX_DIMS && g->export->open[d] && !g->dim_name[d]; k++)
            if (is_free_dim_name(g, usual[k]))
                g->dim_name[d] = usual[k];
}

/* One error names all ops that cannot be written. */
static bool check_ops(fr_onnx *g)
{
    fr_error_list c = { 0 };
    char path[FR_PATH_TEXT];

    for (size_t i = 0; i < g->run->trace.count; i++) {
        const fr_step *s = &g->run->trace.steps[i];

        if (!s->op->onnx && !s->op->onnx_name && is_needed(g, s)) {
            fr_module_path_text(s->module_path, path);
            fr_error_list_add(&c, "%s%s%s", path, path[0] ? ": " : "", s->op->name);
        }
    }
    return !fr_error_list_fail(&c, g->export->where, "ops that cannot be written as ONNX");
}

bool fr_onnx_build_graph(fr_onnx *g, const fr_onnx_export *e, const fr_onnx_run *run)
{
    *g = (fr_onnx){ .export = e, .run = run };
    g->state_name_used = fr_onnx_alloc(g, (size_t)e->state_count + 1);
    g->input = fr_onnx_name_beside_state(g, "input");
    g->output = fr_onnx_name_beside_state(g, "output");
    fr_onnx_put(g, &g->names, run->x, g->input);
    fr_onnx_put(g, &g->storages, run->x->storage, run->x->storage);
    find_read(g);
    g->failed = g->failed || !check_ops(g);
    for (size_t i = 0; i < run->trace.count && !g->failed; i++)
        if (is_needed(g, &run->trace.steps[i]) && !write_step(g, &run->trace.steps[i]))
            g->failed = true;
    g->step = NULL;
    g->module_path[0] = '\0';
    write_output(g);
    name_dims(g);
    return !g->failed;
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
    /* NaN equals itself here. NOLINTNEXTLINE(*-memory-comparison,cert-exp42-c,cert-flp37-c) */
    bool same_f = memcmp(&a->f, &b->f, sizeof a->f) == 0;

    if (strcmp(a->name, b->name) != 0 || a->type != b->type || a->n != b->n || a->i != b->i || !same_f ||
        !same_tensors(a->tensor, b->tensor))
        return false;
    if (a->type == FR_ONNX_ATTRIBUTE_INTS)
        return a->n == 0 || memcmp(a->ints, b->ints, (size_t)a->n * sizeof *a->ints) == 0;
    return !a->strings || same_lists(a->strings, (size_t)a->n, b->strings, (size_t)b->n);
}

static bool same_nodes(const fr_onnx_graph_node *a, const fr_onnx_graph_node *b)
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

bool fr_onnx_check_same(const fr_onnx *a, const fr_onnx *b)
{
    const char *where = a->export->where;

    for (size_t i = 0; i < a->node_count && i < b->node_count; i++)
        if (!same_nodes(&a->nodes[i], &b->nodes[i]))
            return fr_fail(where,
                           "node %s holds a number that depends on a size of the input in a way that cannot be "
                           "written" FR_ONNX_FIX,
                           a->nodes[i].name);
    for (size_t i = 0; i < a->initializer_count && i < b->initializer_count; i++)
        if (!same_tensors(a->initializers[i].tensor, b->initializers[i].tensor))
            return fr_fail(where,
                           "the constant %s depends on a size of the input in a way that cannot be written" FR_ONNX_FIX,
                           a->initializers[i].name);
    return (a->node_count == b->node_count && a->initializer_count == b->initializer_count) ||
           fr_fail(where, "the graph has other nodes for another size of the input" FR_ONNX_FIX);
}
