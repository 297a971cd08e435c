/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The graphs of an ONNX model as a tree: unpacked, their nodes with their ops, and which of them are needed. Graphs
 * inside nodes come as bytes and are unpacked here, to a limited depth: a file could nest them without end. */
#include <config.h>

#include "core/error.h"
#include "files/error_list.h"
#include "onnx/import_model.h"

#include <stdlib.h>

static const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

void fr_import_free_graph(fr_import_graph *g)
{
    for (size_t i = 0; g && g->nodes && i < g->proto->n_node; i++) {
        free(g->nodes[i].inputs);
        fr_import_free_graph(g->nodes[i].bodies[0]);
        fr_import_free_graph(g->nodes[i].bodies[1]);
    }
    if (!g)
        return;
    if (g->outer)
        fr_import_free_unpacked(g->proto);
    json_decref(g->indices);
    free(g->nodes);
    free(g->inputs);
    free(g->input_index);
    free(g->output_index);
    free(g);
}

/* What the parts of the graph will take, besides the values: modules and tensors, names, nodes. */
static int64_t memory_of_parts(const fr_graph_proto *g)
{
    enum { EACH_VALUE = 192, EACH_TENSOR = 1024, EACH_MODULE = 1024 };
    size_t modules = 0, values = g->n_initializer + g->n_input;

    for (size_t i = 0; i < g->n_node; i++)
        values += g->node[i]->n_output;
    for (size_t i = 0; i < g->n_initializer; i++)
        for (const char *c = g->initializer[i]->name; c && *c; c++)
            modules += *c == '.';
    return (int64_t)(values * EACH_VALUE + g->n_initializer * EACH_TENSOR + modules * EACH_MODULE +
                     g->n_node * sizeof(fr_import_node));
}

bool fr_import_is_onnx_domain(const char *domain)
{
    return !domain || !domain[0] || strcmp(domain, "ai.onnx") == 0;
}

/* Unpacks the graphs that are attributes of the node. */
static bool make_bodies(fr_import_graph *g, fr_import_node *node, const char *where, fr_import_memory *memory)
{
    for (size_t i = 0; i < node->proto->n_attribute; i++) {
        const fr_attribute_proto *a = node->proto->attribute[i];
        struct fr_import_graph **body = &node->bodies[a->name && strcmp(a->name, "else_branch") == 0];
        fr_graph_proto *proto;

        if (!a->has_g)
            continue;
        if (*body)
            return fr_fail(where, "node %.80s has too many graphs", fr_import_node_name(node->proto));
        proto = fr_import_unpack_graph(where, &a->g, memory);
        *body = proto ? fr_import_make_graph(proto, g, where, memory) : NULL;
        if (!*body)
            return false;
    }
    return true;
}

fr_import_graph *fr_import_make_graph(fr_graph_proto *proto, fr_import_graph *outer, const char *where,
                                      fr_import_memory *memory)
{
    enum { DEEPEST = 8 };
    fr_import_graph *g = fr_import_want(memory, memory_of_parts(proto)) ? calloc(1, sizeof *g) : NULL;
    int depth = 0;
    bool ok = g != NULL;

    for (const fr_import_graph *o = outer; o; o = o->outer)
        depth++;
    if (!g) {
        if (outer)
            fr_import_free_unpacked(proto);
        return memory->used > memory->limit ? fr_import_fail_want(memory, where) : fr_fail_memory(where);
    }
    *g = (fr_import_graph){ .proto = proto,
                            .outer = outer,
                            .indices = json_object(),
                            .nodes = calloc(proto->n_node + 1, sizeof *g->nodes),
                            .inputs = calloc(proto->n_input + 1, sizeof *g->inputs),
                            .input_index = calloc(proto->n_input + 1, sizeof *g->input_index),
                            .output_index = calloc(proto->n_output + 1, sizeof *g->output_index) };
    ok = (g->indices && g->nodes && g->inputs && g->input_index && g->output_index) || fr_fail_memory(where);
    if (ok && depth > DEEPEST)
        ok = fr_fail(where, "graphs inside nodes are nested more than %d deep", DEEPEST);
    for (size_t i = 0; ok && i < proto->n_node; i++) {
        const fr_node_proto *p = proto->node[i];

        g->nodes[i].proto = p;
        g->nodes[i].op = fr_import_is_onnx_domain(p->domain) && p->op_type ? fr_import_find_op(p->op_type) : NULL;
        for (int k = 0; k < FR_IMPORT_MAX_OUTPUTS; k++)
            g->nodes[i].outputs[k] = -1;
        ok = make_bodies(g, &g->nodes[i], where, memory);
    }
    if (ok)
        return g;
    fr_import_free_graph(g);
    return NULL;
}

/* Marks the nodes that an output needs, and adds to names what they read. False if memory runs out. */
static bool mark_needed(fr_import_graph *g, json_t *names)
{
    const fr_graph_proto *p = g->proto;
    bool ok = names != NULL;

    for (size_t i = 0; ok && i < p->n_output; i++)
        ok = !p->output[i]->name || json_object_set_new_nocheck(names, p->output[i]->name, json_true()) == 0;
    for (size_t i = p->n_node; ok && i-- > 0;) {
        fr_import_node *node = &g->nodes[i];

        for (size_t k = 0; k < node->proto->n_output; k++)
            node->needed = node->needed || json_object_get(names, node->proto->output[k]);
        for (size_t k = 0; ok && node->needed && k < node->proto->n_input; k++)
            ok = json_object_set_new_nocheck(names, node->proto->input[k], json_true()) == 0;
        for (int k = 0; ok && node->needed && k < 2; k++)
            ok = !node->bodies[k] || mark_needed(node->bodies[k], names);
    }
    return ok;
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

/* Adds the needed nodes whose ops, or attributes of them, frond does not have. */
static void list_unknown(const fr_import_graph *g, fr_error_list *list)
{
    for (size_t i = 0; i < g->proto->n_node; i++) {
        const fr_import_node *node = &g->nodes[i];
        const fr_node_proto *p = node->proto;
        const char *domain = text_or_empty(p->domain);

        if (!node->needed)
            continue;
        if (!node->op)
            fr_error_list_add(list, "%.80s%s%.80s (node %.80s)", domain, domain[0] ? "." : "",
                              text_or_empty(p->op_type), fr_import_node_name(p));
        for (size_t k = 0; node->op && k < p->n_attribute; k++)
            if (!has_word(node->op->attributes, text_or_empty(p->attribute[k]->name)))
                fr_error_list_add(list, "%.80s with %.40s (node %.80s)", p->op_type,
                                  text_or_empty(p->attribute[k]->name), fr_import_node_name(p));
        for (int k = 0; k < 2; k++)
            if (node->bodies[k])
                list_unknown(node->bodies[k], list);
    }
}

bool fr_import_check_ops(fr_import_graph *g, const char *where)
{
    fr_error_list list = { 0 };
    json_t *names = json_object();
    bool ok = mark_needed(g, names) || fr_fail_memory(where);

    json_decref(names);
    list_unknown(g, &list);
    return ok && !fr_error_list_fail(&list, where, "ops that frond cannot run");
}
