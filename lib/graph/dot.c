/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_graph_dot: writes the graph of a tensor as a picture, in Graphviz's language.
 *
 * The nodes come first, in the order in which they were made. Modules are clusters. When the next node belongs to
 * another module, clusters are closed and opened; one may be opened several times, since Graphviz joins the parts of
 * one name. Then come all edges. Names are numbers in this order, so the same graph gives the same text: n1 is an op,
 * n1_0 its step 0, i1 an input, m1 a module. */
#include "core/utf8.h"
#include "core/writer.h"
#include "graph/picture.h"

#include <inttypes.h>

enum { NAME_TEXT = 48, DEFAULT_MAX_NODES = 500 };

typedef struct {
    fr_writer w;
    fr_picture picture;
    fr_table clusters;    /* of modules: number + 1 */
    fr_module_path *open; /* the innermost cluster that is open */
    size_t next_input;    /* the first that has not been drawn */
} drawing;

/* --- Text --------------------------------------------------------------------------------------------------------- */

/* Writes text so that it may stand between quotes. Graphviz interprets backslashes and HTML entities in labels. */
static void put_text(drawing *d, const char *text)
{
    for (int size; *text; text += size) {
        size = fr_utf8_size(text);
        if (size == 0 || (unsigned char)*text < ' ' || *text == 0x7f)
            fr_put(&d->w, "?");
        else if (*text == '&')
            fr_put(&d->w, "&amp;");
        else
            fr_put(&d->w, "%s%.*s", *text == '"' || *text == '\\' ? "\\" : "", size, text);
        size = size ? size : 1;
    }
}

static void put_shape(drawing *d, const fr_shape *shape, fr_dtype dtype)
{
    char text[FR_SHAPE_TEXT];

    fr_put(&d->w, "%s", fr_shape_text(shape, text));
    if (dtype != FR_F32)
        fr_put(&d->w, " %s", fr_dtype_name(dtype));
}

/* Adds a line to a label, unless text is empty. */
static void put_line(drawing *d, const char *before, const char *text)
{
    if (text && *text)
        fr_put(&d->w, "\\n%s%s", before, text);
}

static void put_values(drawing *d, const fr_tensor *t)
{
    char text[FR_VALUES_TEXT];

    if (d->picture.o.values)
        put_line(d, "", fr_picture_values_text(t, text));
}

static void put_gradient(drawing *d, const void *of)
{
    put_line(d, "gradient ", of ? fr_table_find(&d->picture.gradients, of) : NULL);
}

/* --- Modules ------------------------------------------------------------------------------------------------------ */

static void indent(drawing *d)
{
    fr_put(&d->w, "    ");
    for (const fr_module_path *p = d->open; p; p = p->outer)
        fr_put(&d->w, "    ");
}

static bool open_cluster(drawing *d, fr_module_path *path)
{
    size_t number = (size_t)(uintptr_t)fr_table_find(&d->clusters, path);
    char text[FR_PATH_TEXT];

    indent(d);
    d->open = path;
    fr_put(&d->w, "subgraph cluster_m%zu {\n", number ? number : d->clusters.count + 1);
    if (number)
        return true;
    indent(d);
    fr_put(&d->w, "label=\"");
    if (path->name) {
        put_text(d, path->name);
        fr_put(&d->w, " (");
    }
    put_text(d, path->type);
    fr_put(&d->w, "%s\"; tooltip=\"", path->name ? ")" : "");
    put_text(d, fr_module_path_text(path, text));
    fr_put(&d->w, "\"; style=rounded; color=gray60;\n");
    return fr_table_put(&d->clusters, path, (void *)(uintptr_t)(d->clusters.count + 1));
}

/* Opens the clusters from the open one, which is around path, to path. Modules are nested no more than 256 deep, so
 * this may recurse. */
static bool open_clusters(drawing *d, fr_module_path *path)
{
    return !path || path == d->open || (open_clusters(d, path->outer) && open_cluster(d, path));
}

/* Closes and opens clusters so that what is written next stands in the one of path. False: out of memory. */
static bool go_to(drawing *d, fr_module_path *path)
{
    const fr_module_path *common = fr_module_path_common(d->open, path);

    while (d->open != common) {
        d->open = d->open->outer;
        indent(d);
        fr_put(&d->w, "}\n");
    }
    return open_clusters(d, path);
}

/* --- Nodes -------------------------------------------------------------------------------------------------------- */

static void put_input(drawing *d, size_t i)
{
    const fr_picture_input *in = &d->picture.inputs[i];

    indent(d);
    fr_put(&d->w, "i%zu [label=\"", i + 1);
    if (in->name) {
        put_text(d, in->name);
        fr_put(&d->w, "\\n");
    }
    put_shape(d, &in->shape, in->dtype);
    put_values(d, in->t);
    put_gradient(d, in->t);
    if (in->leaf)
        fr_put(&d->w, "\", tooltip=\"leaf\", fillcolor=\"#cde8cd\"];\n");
    else
        fr_put(&d->w, "\", tooltip=\"constant\", style=\"dashed\"];\n");
}

/* Writes the inputs without a name, which belong to no module. */
static void put_nameless(drawing *d)
{
    for (size_t i = 0; i < d->picture.input_count; i++)
        if (!d->picture.inputs[i].name)
            put_input(d, i);
}

/* Writes the inputs with a name that the node at index is the first to read. */
static bool put_named(drawing *d, size_t index)
{
    for (; d->next_input < d->picture.input_count && d->picture.inputs[d->next_input].reader <= index;
         d->next_input++) {
        const fr_picture_input *in = &d->picture.inputs[d->next_input];

        if (!in->name)
            continue;
        if (!go_to(d, in->module_path))
            return false;
        put_input(d, d->next_input);
    }
    return true;
}

static int64_t steps_drawn(const drawing *d, size_t index)
{
    return d->picture.steps[index - d->picture.first];
}

static void put_tooltip(drawing *d, const fr_node *node)
{
    fr_put(&d->w, "\", tooltip=\"");
    put_text(d, node->op->formula ? node->op->formula : node->op->name);
    fr_put(&d->w, "\"");
}

/* Writes ", T = 5" for a recurrent op. */
static void put_length(drawing *d, const char *before, const fr_node *node)
{
    if (fr_picture_steps(node) > 0)
        fr_put(&d->w, "%sT = %" PRId64 "%s", before, fr_picture_steps(node),
               fr_picture_is_reversed(node) ? ", reversed" : "");
}

static void put_op(drawing *d, size_t index)
{
    const fr_node *node = d->picture.history.nodes[index];

    indent(d);
    fr_put(&d->w, "n%zu [label=\"", index + 1);
    put_text(d, node->op->name);
    put_length(d, "\\n", node);
    put_gradient(d, node);
    put_tooltip(d, node);
    fr_put(&d->w, "];\n");
}

/* Writes a recurrent op as a cluster of its steps and a node that collects their results. */
static void put_steps(drawing *d, size_t index)
{
    const fr_node *node = d->picture.history.nodes[index];

    indent(d);
    fr_put(&d->w, "subgraph cluster_n%zu {\n", index + 1);
    indent(d);
    fr_put(&d->w, "    graph [label=\"");
    put_text(d, node->op->name);
    put_length(d, ", ", node);
    put_gradient(d, node);
    put_tooltip(d, node);
    fr_put(&d->w, ", style=\"rounded,dashed\", color=gray60];\n");
    for (int64_t t = 0; t < steps_drawn(d, index); t++) {
        indent(d);
        fr_put(&d->w, "    n%zu_%" PRId64 " [label=\"", index + 1, t);
        put_text(d, node->op->name);
        fr_put(&d->w, "\\nt = %" PRId64, t);
        put_tooltip(d, node);
        fr_put(&d->w, "];\n");
    }
    indent(d);
    fr_put(&d->w, "    n%zu_out [label=\"out\", tooltip=\"all steps\", shape=plaintext, style=\"\"];\n", index + 1);
    indent(d);
    fr_put(&d->w, "}\n");
}

static bool put_nodes(drawing *d)
{
    if (d->picture.first > 0)
        fr_put(&d->w, "    more [label=\"%zu earlier op%s\\nleft out\", shape=plaintext, style=\"\"];\n",
               d->picture.first, d->picture.first == 1 ? " is" : "s are");
    put_nameless(d);
    if (!d->picture.history.t->producer)
        return put_named(d, 0);
    for (size_t i = d->picture.first; i < d->picture.history.node_count; i++) {
        if (!put_named(d, i) || !go_to(d, d->picture.history.nodes[i]->module_path))
            return false;
        if (steps_drawn(d, i))
            put_steps(d, i);
        else
            put_op(d, i);
    }
    return go_to(d, NULL);
}

/* --- Edges -------------------------------------------------------------------------------------------------------- */

/* The index of the step that is computed first, or last. */
static int64_t step_at(const drawing *d, size_t index, bool last)
{
    return fr_picture_is_reversed(d->picture.history.nodes[index]) == last ? 0 : steps_drawn(d, index) - 1;
}

/* The name of what an edge from this output of the node at index begins at. */
static const char *tail_of(const drawing *d, size_t index, int output, char name[NAME_TEXT])
{
    if (index < d->picture.first)
        snprintf(name, NAME_TEXT, "more");
    else if (steps_drawn(d, index) == 0)
        snprintf(name, NAME_TEXT, "n%zu", index + 1);
    else if (output == 0)
        snprintf(name, NAME_TEXT, "n%zu_out", index + 1);
    else
        snprintf(name, NAME_TEXT, "n%zu_%" PRId64, index + 1, step_at(d, index, true));
    return name;
}

/* Writes the output's name, as "h ", if the op has several. */
static void put_output_name(drawing *d, const fr_node *node, int output)
{
    char text[FR_OUTPUT_TEXT];
    const char *name = fr_picture_output_name(node, output, text);

    put_text(d, name);
    fr_put(&d->w, "%s", *name ? " " : "");
}

/* Writes the shape without its first `without` dims, and the dtype. */
static void put_metadata(drawing *d, const fr_metadata *meta, int without)
{
    fr_shape shape = { .ndim = meta->ndim - without };

    for (int i = 0; i < shape.ndim; i++)
        shape.dim[i] = meta->dim[i + without];
    put_shape(d, &shape, (fr_dtype)meta->dtype);
}

/* The value that goes along e; NULL if the graph does not keep it or it has changed since. A picture computes none. */
static const fr_tensor *kept_value(const fr_edge *e)
{
    const fr_node_output *r = e->node ? &e->node->results[e->output] : NULL;

    if (e->saved || e->leaf)
        return fr_if_unchanged(e->saved ? e->saved : e->leaf, &e->meta);
    return r ? fr_if_unchanged(r->saved, &r->meta) : NULL;
}

/* Writes the beginning of an edge's attributes: its label. one_step: of input 0 of a recurrent op, a single step. */
static void put_label(drawing *d, const fr_edge *e, bool one_step)
{
    fr_put(&d->w, " [label=\"");
    if (e->node)
        put_output_name(d, e->node, e->output);
    put_metadata(d, &e->meta, one_step);
    if (e->node && !one_step)
        put_values(d, kept_value(e));
    fr_put(&d->w, "\"");
}

/* Writes the edges of input k to the steps: input 0 goes to each step, a state to the first one, a weight to their
 * cluster.
 */
static void put_edge_to_steps(drawing *d, size_t index, int k, const char *tail)
{
    const fr_node *node = d->picture.history.nodes[index];
    const fr_op_steps *s = node->op->steps;
    bool state = (s->state[0].name && s->state[0].input == k) || (s->state[1].name && s->state[1].input == k);

    for (int64_t t = 0; k == 0 && t < steps_drawn(d, index); t++) {
        fr_put(&d->w, "    %s -> n%zu_%" PRId64, tail, index + 1, t);
        put_label(d, &node->edges[k], true);
        fr_put(&d->w, "];\n");
    }
    if (k == 0)
        return;
    fr_put(&d->w, "    %s -> n%zu_%" PRId64, tail, index + 1, step_at(d, index, false));
    put_label(d, &node->edges[k], false);
    if (state)
        fr_put(&d->w, "];\n");
    else
        fr_put(&d->w, ", lhead=cluster_n%zu];\n", index + 1);
}

static void put_edges(drawing *d, size_t index)
{
    const fr_node *node = d->picture.history.nodes[index];

    for (int k = 0; k < node->inputs; k++) {
        const fr_edge *e = &node->edges[k];
        const fr_picture_input *in = e->node ? NULL : fr_picture_input_of(&d->picture, e);
        char tail[NAME_TEXT];

        if (e->node)
            tail_of(d, fr_history_index(&d->picture.history, e->node), e->output, tail);
        else if (in)
            snprintf(tail, sizeof tail, "i%zu", (size_t)(in - d->picture.inputs) + 1);
        else
            continue;
        if (steps_drawn(d, index)) {
            put_edge_to_steps(d, index, k, tail);
            continue;
        }
        fr_put(&d->w, "    %s -> n%zu", tail, index + 1);
        put_label(d, e, false);
        fr_put(&d->w, "];\n");
    }
}

/* Writes the edges from step to step, and from each step to the node that collects their results. */
static void put_edges_between_steps(drawing *d, size_t index)
{
    const fr_node *node = d->picture.history.nodes[index];
    int back = fr_picture_is_reversed(node);

    for (int64_t t = 0; t < steps_drawn(d, index); t++) {
        for (int i = 0; t > 0 && i < 2 && node->op->steps->state[i].name; i++) {
            fr_put(&d->w, "    n%zu_%" PRId64 " -> n%zu_%" PRId64 " [label=\"", index + 1, t - !back, index + 1,
                   t - back);
            put_output_name(d, node, node->op->steps->state[i].output);
            put_metadata(d, &node->results[node->op->steps->state[i].output].meta, 0);
            fr_put(&d->w, "\"];\n");
        }
        fr_put(&d->w, "    n%zu_%" PRId64 " -> n%zu_out [label=\"", index + 1, t, index + 1);
        put_metadata(d, &node->results[0].meta, 1);
        fr_put(&d->w, "\"];\n");
    }
}

static void put_result(drawing *d)
{
    const fr_tensor *t = d->picture.history.t;
    char tail[NAME_TEXT];

    if (!t->producer)
        return;
    fr_put(&d->w, "    result [label=\"result\\n");
    put_output_name(d, fr_node_of(t), t->output);
    put_shape(d, &t->shape, (fr_dtype)t->dtype);
    put_values(d, t);
    fr_put(&d->w, "\", tooltip=\"what the graph is of\", peripheries=2, fillcolor=\"#fff2cc\"];\n    %s -> result;\n",
           tail_of(d, fr_history_index(&d->picture.history, fr_node_of(t)), t->output, tail));
}

/* --- All of it ---------------------------------------------------------------------------------------------------- */

static bool draw(const char *what, drawing *d)
{
    fr_put(&d->w, "digraph frond {\n"
                  "    graph [compound=true, fontname=\"Helvetica\", fontsize=11];\n"
                  "    node [shape=box, style=\"rounded,filled\", fillcolor=\"#dce6f5\", fontname=\"Helvetica\", "
                  "fontsize=11];\n"
                  "    edge [fontname=\"Helvetica\", fontsize=9, color=gray40];\n");
    if (!put_nodes(d))
        return fr_fail_memory(what);
    put_result(d);
    for (size_t i = d->picture.first; i < d->picture.history.node_count; i++) {
        put_edges(d, i);
        if (steps_drawn(d, i))
            put_edges_between_steps(d, i);
    }
    fr_put(&d->w, "}\n");
    return d->w.written >= 0 || fr_fail(what, "the file cannot be written");
}

static bool graph_dot(const char *what, FILE *file, fr_tensor *t, const fr_graph_dot_options *o)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    drawing d = { .w.file = file };
    bool ok;

    if (o)
        d.picture.o = *o;
    ok = fr_picture_check(what, file, t, &d.picture.o, DEFAULT_MAX_NODES) && fr_picture_collect(what, &d.picture, t) &&
         draw(what, &d);
    fr_picture_free(&d.picture);
    fr_table_free(&d.clusters);
    fr_finish(th, before);
    return ok;
}

bool fr_graph_dot(FILE *file, fr_tensor *t)
{
    return graph_dot("graph_dot", file, t, NULL);
}

bool fr_graph_dot_with(FILE *file, fr_tensor *t, const fr_graph_dot_options *options)
{
    return graph_dot("graph_dot_with", file, t, options);
}
