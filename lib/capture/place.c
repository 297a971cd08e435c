/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Where each result lies in the arena of a replay: results that are needed at different times share memory. */
#include "capture/capture.h"

#include "core/spans.h"

#include <stdlib.h>

/* True if a replay computes s and somebody outside of a group reads it. */
static bool is_in_arena(const fr_store *s)
{
    return !s->outside && !s->constant && s->group == SIZE_MAX && s->first != SIZE_MAX;
}

/* The steps of a group run block by block: to others it is as if they ran all at once. */
static size_t begin_of(const fr_replay *r, size_t step)
{
    size_t group = r->info[step].group;

    return group != SIZE_MAX ? group : step;
}

static size_t end_of(const fr_replay *r, size_t step)
{
    size_t group = r->info[step].group;

    return group != SIZE_MAX ? r->info[group].last : step;
}

static bool place(fr_replay *r, fr_span *spans)
{
    enum { LINE = 64 }; /* of the cache */
    size_t n = 0;

    for (size_t i = 0; i < r->store_count; i++) {
        const fr_store *s = &r->stores[i];
        int64_t bytes = (s->bytes + LINE - 1) / LINE * LINE;

        if (!is_in_arena(s))
            continue;
        spans[n++] = (fr_span){ bytes, begin_of(r, s->first), end_of(r, s->last), 0 };
        r->report.unshared_bytes += bytes;
    }
    if (!fr_spans_place(spans, n, &r->report.arena_bytes))
        return fr_fail_memory("captured_run");
    n = 0;
    for (size_t i = 0; i < r->store_count; i++)
        if (is_in_arena(&r->stores[i]))
            r->stores[i].offset = spans[n++].offset;
    return true;
}

bool fr_replay_place(fr_replay *r)
{
    fr_span *spans = calloc(r->store_count + 1, sizeof *spans);
    bool ok = spans ? place(r, spans) : fr_fail_memory("captured_run") != NULL;
    int64_t values = r->report.arena_bytes / (int64_t)sizeof(double) + 1;

    free(spans);
    r->arena = ok ? fr_tensor_alloc("captured_run", &(fr_shape){ 1, { values } }, FR_F64) : NULL;
    return r->arena != NULL;
}
