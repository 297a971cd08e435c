/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_backward_steps: a backward that shows each of its steps to a function of the user's. */
#include "graph/backward.h"
#include "graph/values.h"

typedef struct {
    fr_backward_step_fn *fn;
    void *user;
    fr_history history;
    fr_values values;
    bool stop, failed;
} walker;

static int64_t number_of(const walker *w, const fr_node *node)
{
    return node ? (int64_t)fr_history_index(&w->history, node) + 1 : 0;
}

static void at_node(void *user, const fr_node *node, fr_tensor *const *grad_out, fr_tensor *const *grad_in)
{
    walker *w = user;
    char path[FR_PATH_TEXT];
    size_t n = (size_t)node->inputs, m = (size_t)(node->outputs - node->op->internal);
    fr_backward_input *inputs = fr_alloc(n * sizeof *inputs + 1);
    fr_tensor **outputs = fr_alloc(m * sizeof(fr_tensor *));
    fr_backward_step step = { .op = node->op,
                              .number = number_of(w, node),
                              .inputs = node->inputs,
                              .outputs = (int)m,
                              .in = inputs,
                              .out = outputs,
                              .grad_out = grad_out,
                              .file = node->site.file,
                              .line = node->site.line,
                              .module_path = fr_module_path_text(node->module_path, path) };

    w->failed = w->stop = !inputs || !outputs;
    for (size_t i = 0; i < n && inputs; i++) {
        const fr_edge *e = &node->edges[i];

        inputs[i] = (fr_backward_input){ .value = fr_value_of_input(&w->values, e),
                                         .grad = grad_in[i],
                                         .leaf = e->leaf,
                                         .number = number_of(w, e->node),
                                         .output = e->output };
    }
    for (size_t i = 0; i < m && outputs; i++)
        outputs[i] = fr_value_of_output(&w->values, node, (int)i);
    if (!w->failed)
        w->stop = !w->fn(&step, w->user);
    fr_free(inputs, n * sizeof *inputs + 1);
    fr_free(outputs, m * sizeof(fr_tensor *));
}

static void at_leaf(void *user, const fr_tensor *leaf, const fr_tensor *gradient)
{
    walker *w = user;
    fr_tensor *g = (fr_tensor *)gradient;
    fr_backward_step step = { .leaf = leaf, .grad_out = &g, .module_path = "" };

    w->stop = !w->fn(&step, w->user);
}

static bool walk(walker *w, fr_tensor *t)
{
    const fr_observer observer = { .at_node = at_node, .at_leaf = at_leaf, .user = w, .stop = &w->stop };

    if (!fr_history_collect(&w->history, t))
        return fr_fail_memory("backward_steps");
    if (fr_history_is_walked(&w->history))
        return fr_fail("backward_steps", "a backward has been here and let go of the values it needed: come before, or "
                                         "with FR_RETAIN_GRAPH");
    return fr_values_find("backward_steps", &w->values, &w->history) &&
           fr_backward_observed("backward_steps", t, &observer) && (!w->failed || fr_fail_memory("backward_steps"));
}

bool fr_backward_steps(fr_tensor *t, fr_backward_step_fn *fn, void *user)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "backward_steps");
    walker w = { .fn = fn, .user = user };
    bool ok = false;

    if (!fr_check_argument("backward_steps", t, "tensor") || !fr_check_argument("backward_steps", fn, "fn"))
        ok = false;
    else if (!fr_tracked(t))
        fr_fail("backward_steps", "the tensor wants no gradient: there is nothing recorded to walk through");
    else
        ok = walk(&w, t);
    fr_values_free(&w.values);
    fr_history_free(&w.history);
    fr_finish(th, before);
    return ok;
}
