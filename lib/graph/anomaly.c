/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Anomaly detection: the first NaN or Inf that an op or a backward computes is an error that says where it came from.
 */
#include "graph/anomaly.h"

#include "core/writer.h"

#include <math.h>

void fr_detect_anomaly(bool on)
{
    fr_thread_self()->graph->anomaly = on;
}

/* The row-major index of t's first value that is not finite, or -1. */
static int64_t find_not_finite(const fr_tensor *t)
{
    if (t->dtype == FR_I64)
        return -1;
    for (int64_t i = 0; i < t->numel; i++)
        if (!isfinite(fr_value_at(t, fr_offset_of(t, i))))
            return i;
    return -1;
}

static const char *name_of(const fr_tensor *t, int64_t index)
{
    return isnan(fr_value_at(t, fr_offset_of(t, index))) ? "NaN" : "Inf";
}

/* A text, filled as far as it has room. */
typedef struct {
    char text[FR_MESSAGE_SIZE / 2];
    size_t used;
} message;

/* Adds "(2, 3), (3,) with Inf at 1, NULL". */
static void put_tensors(message *m, fr_tensor *const *ts, int n)
{
    char text[FR_SHAPE_TEXT];

    for (int i = 0; i < n; i++) {
        const fr_tensor *t = ts[i];
        int64_t at = t ? find_not_finite(t) : -1;

        FR_APPEND(m, "%s%s", i ? ", " : "", t ? fr_shape_text(&t->shape, text) : "NULL");
        if (at >= 0)
            FR_APPEND(m, " with %s at %lld", name_of(t, at), (long long)at);
    }
}

bool fr_check_results(fr_thread *th, fr_op_call *call)
{
    for (int o = 0; o < call->outputs - call->op->internal && !call->op->view; o++) {
        const fr_tensor *y = call->result[o];
        int64_t at = find_not_finite(y);
        char shape[FR_SHAPE_TEXT], path[FR_PATH_TEXT];
        message inputs = { .used = 0 };

        if (at < 0)
            continue;
        put_tensors(&inputs, call->in, call->inputs);
        fr_module_path_text(th->module_path, path);
        return fr_op_fail(call, "%s at %lld of output %d, of shape %s, from inputs %s%s%s%s", name_of(y, at),
                          (long long)at, o, fr_shape_text(&y->shape, shape), inputs.text, *path ? ", in module \"" : "",
                          path, *path ? "\"" : "");
    }
    return true;
}

bool fr_check_gradients(const char *what, const fr_node *node, fr_tensor *const *grad_out, fr_tensor *const *grad_in)
{
    for (int i = 0; i < node->inputs; i++) {
        const fr_tensor *g = grad_in[i];
        int64_t at = g ? find_not_finite(g) : -1;
        char shape[FR_SHAPE_TEXT], path[FR_PATH_TEXT];
        message m = { .used = 0 };

        if (at < 0)
            continue;
        FR_APPEND(&m, "%s at %lld of the gradient that %s gives its input %d, of shape %s, from gradients ",
                  name_of(g, at), (long long)at, node->op->name, i, fr_shape_text(&g->shape, shape));
        put_tensors(&m, grad_out, node->outputs);
        if (node->module_path)
            FR_APPEND(&m, ", in module \"%s\"", fr_module_path_text(node->module_path, path));
        if (node->site.file)
            FR_APPEND(&m, "; %s was called at %s:%d", node->op->name, node->site.file, node->site.line);
        return fr_fail(what, "%s", m.text);
    }
    return true;
}
