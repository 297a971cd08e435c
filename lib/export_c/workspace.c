/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Where in the workspace each buffer lies. Two buffers may share memory unless some step needs both. The largest buffer
 * is placed first; each takes the lowest offset that is free in all steps in which it is needed. Floats and integers
 * have an array each. */
#include "core/integer.h"
#include "export_c/writer.h"

static bool is_in_workspace(const fr_c_buffer *b)
{
    return b->memory == FR_C_WORKSPACE && !b->is_output && b->first_step != SIZE_MAX;
}

/* Larger buffers are placed first, those of one size in their order. */
static bool is_placed_before(const fr_c_function *fn, size_t i, size_t j)
{
    int64_t a = fn->buffers[i].numel, b = fn->buffers[j].numel;

    return a > b || (a == b && i < j);
}

/* True if both are needed at the same time, in one array, and lie on each other. */
static bool overlap(const fr_c_buffer *a, const fr_c_buffer *b)
{
    bool same_array = (a->dtype == FR_I64) == (b->dtype == FR_I64);
    bool same_time = a->first_step <= b->last_step && b->first_step <= a->last_step;

    return same_array && same_time && a->offset < b->offset + b->numel && b->offset < a->offset + a->numel;
}

static void place_buffer(const fr_c_function *fn, size_t index)
{
    fr_c_buffer *b = &fn->buffers[index];
    bool moved = true;

    b->offset = 0;
    while (moved) {
        moved = false;
        for (size_t i = 0; i < fn->buffer_count; i++) {
            const fr_c_buffer *other = &fn->buffers[i];

            if (!is_in_workspace(other) || !is_placed_before(fn, i, index) || !overlap(other, b))
                continue;
            b->offset = other->offset + other->numel;
            moved = true;
        }
    }
}

/* The size of the largest buffers that are smaller than limit; 0: there are none. */
static int64_t largest_below(const fr_c_function *fn, int64_t limit)
{
    int64_t size = 0;

    for (size_t i = 0; i < fn->buffer_count; i++)
        if (is_in_workspace(&fn->buffers[i]) && fn->buffers[i].numel < limit)
            size = fr_most(size, fn->buffers[i].numel);
    return size;
}

void fr_c_plan_workspace(fr_c_function *fn)
{
    fn->floats = fn->integers = 0;
    for (int64_t size = largest_below(fn, INT64_MAX); size > 0; size = largest_below(fn, size)) {
        for (size_t i = 0; i < fn->buffer_count; i++) {
            fr_c_buffer *b = &fn->buffers[i];
            int64_t *total = b->dtype == FR_I64 ? &fn->integers : &fn->floats;

            if (!is_in_workspace(b) || b->numel != size)
                continue;
            place_buffer(fn, i);
            *total = fr_most(*total, b->offset + b->numel);
        }
    }
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
