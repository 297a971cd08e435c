/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_explain_html: a page in which a browser shows the chain rule at work, step by step.
 *
 * explain.html, .css and the explain*.js are the page; tools/page.awk makes explain_page.c of them. Into their midst
 * goes the graph, in JSON, which put_graph writes and explain_words.js reads:
 *
 *     { "modules": [ { "label": "rnn (LSTM)", "in": -1 }, ... ],         in: the module around it; -1: none
 *       "inputs": [ { "name": "rnn.weight", "leaf": true, "value": TENSOR }, ... ],
 *       "nodes": [ { "op": "mul", "formula": "y = a b", "module": 0, "site": "net.c:7",
 *                    "in": [ { "from": "n0" or "i0" or null, "output": 0, "name": "a", "symbol": "x" }, ... ],
 *                    "out": [ { "name": "", "value": TENSOR }, ... ],
 *                    "reversed": false, "steps": [ TENSOR, ... ] }, ... ],    output 0 at each step of a recurrent op
 *       "left_out": 0, "walked": false, "result": { "from": "n4", "output": 0 },
 *       "backward": [ { "node": 4, "arrived": [ TENSOR or null, ... ],        for each output
 *                       "sent": [ TENSOR or null, ... ],                      for each input in "in"
 *                       "steps": [ { "arrived": ..., "sent": ... }, ... ] },  of output 0 and input 0
 *                     { "input": 0, "arrived": [ TENSOR ] }, ... ] }
 *
 * A TENSOR is { "shape": [2], "dtype": "float32", "values": [1, "nan"] }, or has "range": [least, mean, greatest] if it
 * is large, or neither if its values are not known. */
#include "core/options.h"
#include "core/utf8.h"
#include "core/writer.h"
#include "graph/argument_name.h"
#include "graph/backward.h"
#include "graph/explain.h"
#include "graph/explain_page.h"
#include "graph/picture.h"
#include "graph/values.h"

#include <inttypes.h>
#include <math.h>

enum { MANY_VALUES = 64, DEFAULT_MAX_NODES = 200 };

typedef struct {
    fr_writer w;
    fr_picture picture;
    fr_values values;
    fr_table modules; /* number + 1 */
    const char *comma;
} page;

/* --- JSON --------------------------------------------------------------------------------------------------------- */

/* < is escaped because </script would end the element that the JSON stands in, and U+2028 since it ends a line in
 * JavaScript. What is no UTF-8 becomes U+FFFD. */
static void put_text(page *p, const char *text)
{
    fr_put(&p->w, "\"");
    for (int size; text && *text; text += size) {
        bool line = strncmp(text, "\xe2\x80\xa8", 3) == 0 || strncmp(text, "\xe2\x80\xa9", 3) == 0;

        size = fr_utf8_size(text);
        if (size == 0)
            fr_put(&p->w, "\\ufffd");
        else if (line)
            fr_put(&p->w, "\\u20%02x", (unsigned char)text[2] - 0x80);
        else if ((unsigned char)*text < ' ' || strchr("\"\\<\x7f", *text))
            fr_put(&p->w, "\\u%04x", (unsigned char)*text);
        else
            fr_put(&p->w, "%.*s", size, text);
        size = size ? size : 1;
    }
    fr_put(&p->w, "\"");
}

static void put_member(page *p, const char *name, const char *text)
{
    fr_put(&p->w, "\"%s\": ", name);
    put_text(p, text);
    fr_put(&p->w, ", ");
}

/* With the digits that give it back when it is read. JSON has no NaN. */
static void put_number(page *p, double x, fr_dtype dtype)
{
    if (isfinite(x))
        fr_put(&p->w, "%.*g", dtype == FR_F32 ? 9 : 17, x);
    else
        fr_put(&p->w, "\"%s\"", isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
}

static void begin_list(page *p, const char *name)
{
    fr_put(&p->w, "\"%s\": [", name);
    p->comma = "";
}

/* Before each entry. */
static void next(page *p)
{
    fr_put(&p->w, "%s", p->comma);
    p->comma = ", ";
}

static void put_shape(page *p, const int64_t *dim, int ndim, fr_dtype dtype)
{
    fr_put(&p->w, "{\"shape\": [");
    for (int i = 0; i < ndim; i++)
        fr_put(&p->w, "%s%" PRId64, i ? ", " : "", dim[i]);
    fr_put(&p->w, "], \"dtype\": \"%s\"", fr_dtype_name(dtype));
}

/* The n values of t from the one at index from. */
static void put_values(page *p, const fr_tensor *t, int64_t from, int64_t n)
{
    fr_dtype dtype = (fr_dtype)t->dtype;

    if (n <= MANY_VALUES) {
        fr_put(&p->w, ", \"values\": [");
        for (int64_t i = from; i < from + n; i++) {
            fr_put(&p->w, "%s", i > from ? ", " : "");
            put_number(p, fr_at(t, i), dtype);
        }
    } else {
        fr_summary s = fr_picture_summary(t, from, n);

        fr_put(&p->w, ", \"range\": [");
        put_number(p, s.least, dtype);
        fr_put(&p->w, ", ");
        put_number(p, s.mean, dtype);
        fr_put(&p->w, ", ");
        put_number(p, s.most, dtype);
    }
    fr_put(&p->w, "]");
}

static void put_tensor(page *p, const fr_tensor *t)
{
    if (!t) {
        fr_put(&p->w, "null");
        return;
    }
    put_shape(p, t->shape.dim, t->shape.ndim, (fr_dtype)t->dtype);
    put_values(p, t, 0, t->numel);
    fr_put(&p->w, "}");
}

/* t, or, if its values are not known, so that t is NULL, its shape and dtype. */
static void put_value(page *p, const int64_t *dim, int ndim, fr_dtype dtype, const fr_tensor *t)
{
    if (t) {
        put_tensor(p, t);
        return;
    }
    put_shape(p, dim, ndim, dtype);
    fr_put(&p->w, "}");
}

/* t[i] of t (T,...); null if t is NULL. */
static void put_step(page *p, const fr_tensor *t, int64_t i)
{
    if (!t) {
        fr_put(&p->w, "null");
        return;
    }
    put_shape(p, t->shape.dim + 1, t->shape.ndim - 1, (fr_dtype)t->dtype);
    put_values(p, t, i * (t->numel / t->shape.dim[0]), t->numel / t->shape.dim[0]);
    fr_put(&p->w, "}");
}

/* --- The graph ---------------------------------------------------------------------------------------------------- */

/* Writes the module and those around it, these first, unless they have been. Modules are nested no more than 256 deep.
 */
static bool put_module(page *p, fr_module_path *path)
{
    uintptr_t around;
    char text[FR_PATH_TEXT];

    if (!path || fr_table_find(&p->modules, path))
        return true;
    if (!put_module(p, path->outer) || !fr_table_put(&p->modules, path, (void *)(uintptr_t)(p->modules.count + 1)))
        return false;
    around = path->outer ? (uintptr_t)fr_table_find(&p->modules, path->outer) : 0;
    next(p);
    fr_put(&p->w, "\n  {");
    snprintf(text, sizeof text, path->name ? "%s (%s)" : "%s%s", path->name ? path->name : "", path->type);
    put_member(p, "label", text);
    fr_put(&p->w, "\"in\": %d}", (int)around - 1);
    return true;
}

/* Where the graph does not keep a constant, the edge to its first reader may know it. */
static const fr_tensor *value_of_input(const page *p, const fr_picture_input *in)
{
    const fr_node *reader = in->t ? NULL : p->picture.history.nodes[in->reader];

    for (int k = 0; reader && k < reader->inputs; k++) {
        const fr_edge *e = &reader->edges[k];

        if (!e->node && e->meta.ndim >= 0 && fr_picture_input_of(&p->picture, e) == in)
            return fr_value_of_input(&p->values, e);
    }
    return in->t;
}

static void put_input(page *p, const fr_picture_input *in)
{
    next(p);
    fr_put(&p->w, "\n  {");
    put_member(p, "name", in->name);
    fr_put(&p->w, "\"leaf\": %s, \"value\": ", in->leaf ? "true" : "false");
    put_value(p, in->shape.dim, in->shape.ndim, in->dtype, value_of_input(p, in));
    fr_put(&p->w, "}");
}

/* "from": "n3", "output": 0 */
static void put_from(page *p, const fr_node *node, int output, const fr_picture_input *in)
{
    size_t index = node ? fr_history_index(&p->picture.history, node) : 0;

    if (in)
        fr_put(&p->w, "\"from\": \"i%zu\"", (size_t)(in - p->picture.inputs));
    else if (node && index >= p->picture.first)
        fr_put(&p->w, "\"from\": \"n%zu\"", index - p->picture.first);
    else
        fr_put(&p->w, "\"from\": null");
    fr_put(&p->w, ", \"output\": %d", output);
}

static void put_edges(page *p, const fr_node *node)
{
    char text[FR_ARGUMENT_TEXT];

    begin_list(p, "in");
    for (int k = 0; k < node->inputs; k++) {
        const fr_edge *e = &node->edges[k];

        if (e->meta.ndim < 0) /* an optional input that was left out */
            continue;
        next(p);
        fr_put(&p->w, "{");
        put_member(p, "name", fr_argument_name(node->op, k, text));
        put_member(p, "symbol", fr_explain_symbol(node->op, k, text));
        put_from(p, e->node, e->output, e->node ? NULL : fr_picture_input_of(&p->picture, e));
        fr_put(&p->w, "}");
    }
    fr_put(&p->w, "]");
}

static void put_node(page *p, size_t i)
{
    const fr_node *node = p->picture.history.nodes[p->picture.first + i];
    char text[FR_MESSAGE_SIZE], formula[FR_EXPLAIN_TEXT];

    fr_put(&p->w, "%s\n  {", i ? "," : "");
    put_member(p, "op", node->op->name);
    put_member(p, "formula", fr_explain_numbers(node, formula));
    snprintf(text, sizeof text, "%s:%d", node->site.file ? node->site.file : "", node->site.line);
    put_member(p, "site", node->site.file ? text : "");
    fr_put(&p->w, "\"module\": %d, ",
           node->module_path ? (int)(uintptr_t)fr_table_find(&p->modules, node->module_path) - 1 : -1);
    put_edges(p, node);
    fr_put(&p->w, ",\n   ");
    begin_list(p, "out");
    for (int k = 0; k < node->outputs - node->op->internal; k++) {
        const fr_metadata *meta = &node->results[k].meta;

        next(p);
        fr_put(&p->w, "{");
        put_member(p, "name", fr_picture_output_name(node, k, text));
        fr_put(&p->w, "\"value\": ");
        put_value(p, meta->dim, meta->ndim, (fr_dtype)meta->dtype, fr_value_of_output(&p->values, node, k));
        fr_put(&p->w, "}");
    }
    fr_put(&p->w, "], \"reversed\": %s, ", node->op->steps && fr_picture_is_reversed(node) ? "true" : "false");
    begin_list(p, "steps");
    for (int64_t t = 0; t < p->picture.steps[i]; t++) {
        next(p);
        put_step(p, fr_value_of_output(&p->values, node, 0), t);
    }
    fr_put(&p->w, "]}");
}

/* --- Backward ----------------------------------------------------------------------------------------------------- */

static void at_node(void *user, const fr_node *node, fr_tensor *const *grad_out, fr_tensor *const *grad_in)
{
    page *p = user;
    size_t index = fr_history_index(&p->picture.history, node), i = index - p->picture.first;

    if (index >= p->picture.history.node_count || index < p->picture.first) /* a checkpoint's, or left out */
        return;
    next(p);
    fr_put(&p->w, "\n  {\"node\": %zu, \"arrived\": [", i);
    for (int k = 0; k < node->outputs - node->op->internal; k++) {
        fr_put(&p->w, "%s", k ? ", " : "");
        put_tensor(p, grad_out[k]);
    }
    fr_put(&p->w, "],\n   \"sent\": [");
    for (int k = 0, n = 0; k < node->inputs; k++) {
        if (node->edges[k].meta.ndim < 0)
            continue;
        fr_put(&p->w, "%s", n++ ? ", " : "");
        put_tensor(p, node->edges[k].node || node->edges[k].leaf ? grad_in[k] : NULL);
    }
    fr_put(&p->w, "], \"steps\": [");
    for (int64_t t = 0; t < p->picture.steps[i]; t++) {
        fr_put(&p->w, "%s{\"arrived\": ", t ? ", " : "");
        put_step(p, grad_out[0], t);
        fr_put(&p->w, ", \"sent\": ");
        put_step(p, grad_in[0], t);
        fr_put(&p->w, "}");
    }
    fr_put(&p->w, "]}");
}

static void at_leaf(void *user, const fr_tensor *leaf, const fr_tensor *gradient)
{
    page *p = user;
    const fr_edge e = { .leaf = (fr_tensor *)leaf };
    const fr_picture_input *in = fr_picture_input_of(&p->picture, &e);

    if (!in) /* only what was left out reads it */
        return;
    next(p);
    fr_put(&p->w, "\n  {\"input\": %zu, \"arrived\": [", (size_t)(in - p->picture.inputs));
    put_tensor(p, gradient);
    fr_put(&p->w, "]}");
}

/* --- All of it ---------------------------------------------------------------------------------------------------- */

static bool put_graph(page *p, fr_tensor *t)
{
    const fr_picture *picture = &p->picture;
    const fr_observer observer = { .at_node = at_node, .at_leaf = at_leaf, .user = p };
    bool walked = fr_history_is_walked(&picture->history);

    fr_put(&p->w, "{");
    begin_list(p, "modules");
    for (size_t i = picture->first; i < picture->history.node_count; i++)
        if (!put_module(p, picture->history.nodes[i]->module_path))
            return fr_fail_memory("explain_html");
    fr_put(&p->w, "],\n ");
    begin_list(p, "inputs");
    for (size_t i = 0; i < picture->input_count; i++)
        put_input(p, &picture->inputs[i]);
    fr_put(&p->w, "],\n \"nodes\": [");
    for (size_t i = 0; i < picture->history.node_count - picture->first; i++)
        put_node(p, i);
    fr_put(&p->w, "],\n \"left_out\": %zu, \"walked\": %s, \"result\": {", picture->first, walked ? "true" : "false");
    put_from(p, fr_node_of(t), t->output, t->producer ? NULL : picture->inputs);
    fr_put(&p->w, "},\n ");
    begin_list(p, "backward");
    if (!walked && !fr_backward_observed("explain_html", t, &observer))
        return false;
    fr_put(&p->w, "]}\n");
    return true;
}

static void put_lines(page *p, const char *const *line)
{
    for (; *line; line++)
        fr_put(&p->w, "%s", *line);
}

static bool put_page(page *p, fr_tensor *t)
{
    put_lines(p, fr_explain_page_before);
    if (!put_graph(p, t))
        return false;
    put_lines(p, fr_explain_page_after);
    return p->w.written >= 0 || fr_fail("explain_html", "the file cannot be written");
}

static bool explain_html(const char *what, FILE *file, fr_tensor *t, const fr_explain_html_options *o)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    page p = { .w.file = file, .picture.o.unroll = true };
    bool ok = !o || fr_check_reserved(what, o->reserved);

    if (o) {
        p.picture.o.module = o->module;
        p.picture.o.max_nodes = o->max_nodes;
    }
    ok = ok && fr_picture_check(what, file, t, &p.picture.o, DEFAULT_MAX_NODES) &&
         fr_picture_collect(what, &p.picture, t) && fr_values_find(what, &p.values, &p.picture.history) &&
         put_page(&p, t);
    fr_values_free(&p.values);
    fr_picture_free(&p.picture);
    fr_table_free(&p.modules);
    fr_finish(th, before);
    return ok;
}

bool fr_explain_html(FILE *file, fr_tensor *t)
{
    return explain_html("explain_html", file, t, NULL);
}

bool fr_explain_html_with(FILE *file, fr_tensor *t, const fr_explain_html_options *options)
{
    return explain_html("explain_html_with", file, t, options);
}
