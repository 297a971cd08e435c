/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Flatten: joins the dims from `from` to `to`, as between convolutions and a linear layer. Unflatten: the reverse. */
#include "nn/module.h"

typedef struct {
    int from, to;
} dims;

static fr_tensor *forward(fr_module *m, fr_tensor *x)
{
    const dims *d = fr_self(m);

    return fr_flatten(x, d->from, d->to);
}

fr_module *fr_nn_flatten(int from, int to)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "nn_flatten");
    fr_module *m = fr_module_new("Flatten", sizeof(dims), forward);
    char text[80];

    if (m)
        *(dims *)fr_self(m) = (dims){ from, to };
    snprintf(text, sizeof text, "start_dim=%d, end_dim=%d", from, to);
    m = fr_module_finish(m, m && fr_module_describe(m, text));
    fr_finish(th, before);
    return m;
}

typedef struct {
    int dim;
    fr_shape sizes;
} cut;

static fr_tensor *unflatten(fr_module *m, fr_tensor *x)
{
    const cut *c = fr_self(m);

    return fr_unflatten(x, c->dim, c->sizes);
}

fr_module *fr_nn_unflatten(int dim, fr_shape sizes)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "nn_unflatten");
    fr_module *m = NULL;
    char text[FR_SHAPE_TEXT + 60], tuple[FR_SHAPE_TEXT];

    if (fr_shape_check_ndim("nn_unflatten", &sizes))
        m = fr_module_new("Unflatten", sizeof(cut), unflatten);
    if (m) {
        *(cut *)fr_self(m) = (cut){ dim, sizes };
        snprintf(text, sizeof text, "dim=%d, unflattened_size=%s", dim, fr_shape_text(&sizes, tuple));
        m = fr_module_finish(m, fr_module_describe(m, text));
    }
    fr_finish(th, before);
    return m;
}
