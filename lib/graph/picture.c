/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What the pictures of a graph show: ops, what they read, names, modules, gradients. */
#include "graph/picture.h"

#include "core/integer.h"
#include "core/options.h"
#include "graph/backward.h"

#include <frond/nn.h>
#include <math.h>
#include <stdlib.h>

enum { FEW_VALUES = 6 };

/* --- Values ------------------------------------------------------------------------------------------------------- */

fr_summary fr_picture_summary(const fr_tensor *t, int64_t from, int64_t n)
{
    fr_summary s = { .least = INFINITY, .most = -INFINITY };

    for (int64_t i = from; i < from + n; i++) {
        double x = fr_at(t, i);

        s.least = x < s.least || isnan(x) ? x : s.least; /* NaN stays: nothing is less */
        s.most = x > s.most || isnan(x) ? x : s.most;
        s.mean += x;
    }
    s.mean /= (double)n;
    return s;
}

const char *fr_picture_values_text(const fr_tensor *t, char text[FR_VALUES_TEXT])
{
    fr_summary s;

    text[0] = '\0';
    if (!t)
        return text;
    if (t->numel <= FEW_VALUES)
        return fr_values_text(t, text, FR_VALUES_TEXT);
    s = fr_picture_summary(t, 0, t->numel);
    snprintf(text, FR_VALUES_TEXT, "min %.4g, mean %.4g, max %.4g", s.least, s.mean, s.most);
    return text;
}

/* --- What is read ------------------------------------------------------------------------------------------------- */

static const void *key_of(const fr_edge *e)
{
    return e->leaf ? (const void *)e->leaf : e->saved ? (const void *)e->saved : (const void *)e;
}

const fr_picture_input *fr_picture_input_of(const fr_picture *p, const fr_edge *e)
{
    uintptr_t number = (uintptr_t)fr_table_find(&p->input_numbers, key_of(e));

    return number ? &p->inputs[number - 1] : NULL;
}

static bool add_input(fr_picture *p, const void *key, const fr_picture_input *input)
{
    if (!fr_make_room(&p->inputs, sizeof *p->inputs, p->input_count, &p->input_capacity))
        return false;
    p->inputs[p->input_count++] = *input;
    return fr_table_put(&p->input_numbers, key, (void *)(uintptr_t)p->input_count);
}

static bool read_edge(fr_picture *p, size_t reader, const fr_edge *e)
{
    fr_module_path *path = p->history.nodes[reader]->module_path;
    fr_picture_input input = { .t = e->leaf ? e->leaf : e->saved, .leaf = e->leaf != NULL, .reader = reader };
    uintptr_t known = (uintptr_t)fr_table_find(&p->input_numbers, key_of(e));

    if (e->node || e->meta.ndim < 0)
        return true;
    if (known) {
        fr_picture_input *i = &p->inputs[known - 1];

        i->module_path = fr_module_path_common(i->module_path, path);
        return true;
    }
    fr_metadata_shape(&e->meta, &input.shape);
    input.dtype = (fr_dtype)e->meta.dtype;
    input.name = input.t ? fr_table_find(&p->names, input.t) : NULL;
    input.module_path = path;
    return add_input(p, key_of(e), &input);
}

static bool read_inputs(fr_picture *p)
{
    const fr_tensor *t = p->history.t;

    if (!t->producer)
        return add_input(p, t,
                         &(fr_picture_input){ .t = t,
                                              .shape = t->shape,
                                              .dtype = (fr_dtype)t->dtype,
                                              .leaf = true,
                                              .name = fr_table_find(&p->names, t) });
    for (size_t i = p->first; i < p->history.node_count; i++)
        for (int k = 0; k < p->history.nodes[i]->inputs; k++)
            if (!read_edge(p, i, &p->history.nodes[i]->edges[k]))
                return false;
    return true;
}

bool fr_module_names(const char *what, fr_table *names, fr_module *m)
{
    int n = 0;
    const fr_named_tensor *state = m ? fr_module_state(m, &n) : NULL;

    for (int i = 0; i < n; i++)
        if (!fr_table_find(names, state[i].tensor) &&
            !fr_table_put(names, state[i].tensor, (void *)(uintptr_t)state[i].name))
            return fr_fail_memory(what);
    return state || !m;
}

/* --- Steps -------------------------------------------------------------------------------------------------------- */

int64_t fr_picture_steps(const fr_node *node)
{
    return node->op->steps && node->edges[0].meta.ndim > 0 ? node->edges[0].meta.dim[0] : 0;
}

bool fr_picture_is_reversed(const fr_node *node)
{
    return node->op->steps->reversed && node->op->steps->reversed(node->attributes);
}

const char *fr_picture_output_name(const fr_node *node, int output, char text[FR_OUTPUT_TEXT])
{
    const fr_op_steps *s = node->op->steps;

    snprintf(text, FR_OUTPUT_TEXT, s && output == 0 ? "out" : "output %d", output);
    for (int i = 0; s && i < 2; i++)
        if (s->state[i].name && s->state[i].output == output)
            snprintf(text, FR_OUTPUT_TEXT, "%s", s->state[i].name);
    return node->outputs - node->op->internal == 1 ? "" : text;
}

/* Chooses which recurrent ops are drawn step by step: as many as max_nodes leaves room for. */
static bool choose_steps(fr_picture *p)
{
    int64_t drawn = (int64_t)(p->history.node_count - p->first), room = p->o.max_nodes - drawn;

    p->steps = calloc((size_t)drawn + 1, sizeof *p->steps);
    for (int64_t i = 0; p->steps && p->o.unroll && i < drawn; i++) {
        int64_t steps = fr_picture_steps(p->history.nodes[p->first + (size_t)i]);

        if (steps == 0 || steps > room)
            continue;
        p->steps[i] = steps;
        room -= steps;
    }
    return p->steps != NULL;
}

/* --- Gradients ---------------------------------------------------------------------------------------------------- */

typedef struct {
    fr_picture *p;
    bool failed;
} collector;

static void collect(collector *c, const void *of, fr_tensor *const *gradients, int n)
{
    char all[4 * FR_VALUES_TEXT] = "", text[FR_VALUES_TEXT], *copy;
    size_t used = 0;

    for (int i = 0; i < n && used < sizeof all; i++)
        if (*fr_picture_values_text(gradients[i], text))
            used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", used ? "; " : "", text);
    if (c->failed || used == 0 || fr_table_find(&c->p->gradients, of))
        return;
    copy = strdup(all);
    c->failed = !copy || !fr_table_put(&c->p->gradients, of, copy);
    if (c->failed)
        free(copy);
}

static void at_node(void *user, const fr_node *node, fr_tensor *const *grad_out, fr_tensor *const *grad_in)
{
    collector *c = user;

    (void)grad_in;
    if (fr_history_index(&c->p->history, node) >= c->p->first)
        collect(c, node, grad_out, node->outputs - node->op->internal);
}

static void at_leaf(void *user, const fr_tensor *leaf, const fr_tensor *gradient)
{
    collect(user, leaf, &(fr_tensor *){ (fr_tensor *)gradient }, 1);
}

/* By a backward that changes nothing. If one has already run through the graph, the gradients that the leaves have. */
static bool take_gradients(const char *what, fr_picture *p, fr_tensor *t)
{
    collector c = { .p = p };
    const fr_observer observer = { .at_node = at_node, .at_leaf = at_leaf, .user = &c };

    if (!p->o.gradients)
        return true;
    if (!fr_history_is_walked(&p->history)) {
        if (!fr_backward_observed(what, t, &observer))
            return false;
    } else {
        for (size_t i = 0; i < p->input_count; i++)
            if (p->inputs[i].leaf && p->inputs[i].t->grad)
                at_leaf(&c, p->inputs[i].t, p->inputs[i].t->grad);
    }
    return !c.failed || fr_fail_memory(what);
}

/* --- All of it ---------------------------------------------------------------------------------------------------- */

bool fr_picture_check(const char *what, const FILE *file, const fr_tensor *t, fr_graph_dot_options *o, int max_nodes)
{
    if (!fr_check_argument(what, file, "file") || !fr_check_argument(what, t, "tensor") ||
        !fr_check_reserved(what, o->reserved))
        return false;
    if (o->max_nodes < 0)
        return fr_fail(what, "max_nodes is %d, expected 1 or more (0: %d)", o->max_nodes, max_nodes);
    if (o->max_nodes == 0)
        o->max_nodes = max_nodes;
    return fr_tracked(t) || fr_fail(what, "the tensor wants no gradient: there is nothing recorded to show");
}

bool fr_picture_collect(const char *what, fr_picture *p, fr_tensor *t)
{
    if (!fr_history_collect(&p->history, t))
        return fr_fail_memory(what);
    p->first = p->history.node_count - (size_t)fr_least((int64_t)p->history.node_count, p->o.max_nodes);
    if (!fr_module_names(what, &p->names, p->o.module))
        return false;
    if (!choose_steps(p) || !read_inputs(p))
        return fr_fail_memory(what);
    return take_gradients(what, p, t);
}

void fr_picture_free(fr_picture *p)
{
    for (size_t i = 0; i < p->gradients.capacity; i++)
        if (p->gradients.slots[i].key)
            free(p->gradients.slots[i].value);
    fr_history_free(&p->history);
    fr_table_free(&p->input_numbers);
    fr_table_free(&p->names);
    fr_table_free(&p->gradients);
    free(p->inputs);
    free(p->steps);
}
