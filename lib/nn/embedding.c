/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Embedding: a row of the weight (num,dim) for each index. */
#include "nn/module.h"
#include "ops/op.h"

#include <inttypes.h>

typedef struct {
    fr_tensor *weight;
    fr_embedding_options options;
} embedding;

static fr_tensor *forward(fr_module *m, fr_tensor *x)
{
    const embedding *e = fr_self(m);

    return fr_embedding(x, e->weight, &e->options);
}

/* padding: the row for padding, which is zeros; -1: none. */
static bool fill(const char *what, fr_module *m, int64_t num, int64_t dim, int64_t padding)
{
    embedding *e = fr_self(m);
    size_t row = (size_t)dim * fr_dtype_size(fr_default_dtype());

    e->weight = fr_normal_parameter(what, m, "weight", FR_SHAPE(num, dim));
    if (!e->weight || padding < 0)
        return e->weight != NULL;
    memset(e->weight->origin + (size_t)padding * row, 0, row);
    e->options = (fr_embedding_options){ .padding = true, .padding_idx = padding };
    return true;
}

static bool describe(fr_module *m, int64_t num, int64_t dim, int64_t padding)
{
    char text[128];
    int used = snprintf(text, sizeof text, "%" PRId64 ", %" PRId64, num, dim);

    if (padding >= 0)
        snprintf(text + used, sizeof text - (size_t)used, ", padding_idx=%" PRId64, padding);
    return fr_module_describe(m, text);
}

fr_module *fr_nn_embedding(int64_t num, int64_t dim, const fr_embedding_options *options)
{
    const char *what = "nn_embedding";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    int64_t padding = -1;
    fr_module *m = NULL;

    if (num < 0 || dim < 0)
        fr_fail(what, "num %" PRId64 ", dim %" PRId64 ", expected 0 or more", num, dim);
    else if (fr_check_padding(what, options, num, &padding))
        m = fr_module_new("Embedding", sizeof(embedding), forward);
    m = fr_module_finish(m, m && fill(what, m, num, dim, padding) && describe(m, num, dim, padding));
    fr_finish(th, before);
    return m;
}
