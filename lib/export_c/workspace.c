/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Where in the workspace each buffer lies: buffers that no step needs together may share memory. Floats and integers
 * have an array each. */
#include "core/spans.h"
#include "export_c/writer.h"

#include <stdlib.h>

/* True if b lies in the workspace's array of integers, or of floats. */
static bool is_in_array(const fr_c_buffer *b, bool integers)
{
    return b->memory == FR_C_WORKSPACE && !b->is_output && b->first_step != SIZE_MAX &&
           (b->dtype == FR_I64) == integers;
}

/* Places the buffers of one array. *total: its values. */
static bool place(fr_c_function *fn, bool integers, int64_t *total)
{
    fr_span *spans = calloc(fn->buffer_count + 1, sizeof *spans);
    size_t n = 0;
    bool ok;

    for (size_t i = 0; i < fn->buffer_count && spans; i++) {
        const fr_c_buffer *b = &fn->buffers[i];

        if (is_in_array(b, integers))
            spans[n++] = (fr_span){ b->numel, b->first_step, b->last_step, 0 };
    }
    ok = spans && fr_spans_place(spans, n, total);
    n = 0;
    for (size_t i = 0; i < fn->buffer_count && ok; i++)
        if (is_in_array(&fn->buffers[i], integers))
            fn->buffers[i].offset = spans[n++].offset;
    free(spans);
    return ok;
}

bool fr_c_plan_workspace(fr_c_writer *w, fr_c_function *fn)
{
    return (place(fn, false, &fn->floats) && place(fn, true, &fn->integers)) || fr_c_out_of_memory(w);
}

/* The size of NAME_workspace, a struct of both arrays. */
int64_t fr_c_workspace_bytes(const fr_c_function *fn)
{
    int64_t bytes = fn->floats * (int64_t)sizeof(float);

    if (fn->integers > 0 && bytes % (int64_t)sizeof(int64_t) != 0)
        bytes += (int64_t)sizeof(float);
    return bytes + fn->integers * (int64_t)sizeof(int64_t);
}

int64_t fr_c_state_bytes(const fr_c_function *fn)
{
    int64_t bytes = 0;

    for (size_t i = 0; i < fn->buffer_count; i++)
        if (fn->buffers[i].memory == FR_C_STATE)
            bytes += fn->buffers[i].numel * (int64_t)sizeof(float);
    return bytes;
}
