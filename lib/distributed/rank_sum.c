/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Sums over ranks, in their order. */
#include "distributed/rank_sum.h"

#include "core/integer.h"
#include "core/memory.h"
#include "core/shape.h"
#include "kernels/accumulate.h"

#include <string.h>

/* What each rank gathers at most, in bytes, before slices are better: one message fewer against size / 2 times the
 * data. */
enum { FEW_BYTES = 1 << 17, PORTION = 1 << 22 };

static bool is_small(const fr_process_group *g, int64_t n, fr_dtype dtype)
{
    return n * (int64_t)fr_dtype_size(dtype) * g->transport->size <= FEW_BYTES;
}

int64_t fr_rank_sum_padded(const fr_process_group *g, int64_t n)
{
    int size = g->transport->size;

    return fr_divide_up(n, size) * size;
}

bool fr_rank_sum_prepare(const char *what, fr_rank_sum *r)
{
    int size = r->group->transport->size;
    int64_t room = is_small(r->group, r->n, r->dtype) ? r->n * size : fr_rank_sum_padded(r->group, r->n);

    r->slice = fr_divide_up(r->n, size);
    r->room_bytes = fr_bytes(room) * fr_dtype_size(r->dtype);
    r->room = fr_alloc(r->room_bytes);
    return r->room || fr_fail_memory(what);
}

bool fr_rank_sum_is_over(fr_rank_sum *r)
{
    fr_transport *t = r->group->transport;

    if (r->request && t && t->test(t, r->request) > 0)
        r->request = NULL;
    return !r->request;
}

void fr_rank_sum_free(fr_rank_sum *r)
{
    fr_free(r->room, r->room_bytes);
    r->room = NULL;
}

/* The first n values in the room = the sum of those from all ranks, n from each, or what is from rank 0. */
static void add_up(const fr_rank_sum *r, int64_t n)
{
    size_t bytes = (size_t)n * fr_dtype_size(r->dtype);

    for (int rank = 1; rank < r->group->transport->size && !r->first; rank++)
        fr_accumulate(r->dtype, n, r->room, r->room + (size_t)rank * bytes);
}

bool fr_rank_sum_start(const char *what, fr_rank_sum *r)
{
    fr_transport *t = r->group->transport;
    size_t value = fr_dtype_size(r->dtype);

    r->exchanging = !is_small(r->group, r->n, r->dtype);
    if (r->exchanging)
        r->request = t->exchange(t, r->channel, r->values, r->room, (size_t)r->slice * value);
    else
        r->request = t->gather(t, r->channel, r->values, r->room, (size_t)r->n * value);
    return r->request || fr_group_fail(what, r->group);
}

/* The slice is complete: it is summed and goes to all. */
static bool gather_slices(const char *what, fr_rank_sum *r)
{
    fr_transport *t = r->group->transport;

    add_up(r, r->slice);
    r->exchanging = false;
    r->request = t->gather(t, r->channel + 1, r->room, r->values, (size_t)r->slice * fr_dtype_size(r->dtype));
    return r->request || fr_group_fail(what, r->group);
}

bool fr_rank_sum_advance(const char *what, fr_rank_sum *r, bool *ok)
{
    fr_transport *t = r->group->transport;
    int done = r->exchanging ? t->test(t, r->request) : 0;

    if (done < 0)
        *ok = fr_group_fail(what, r->group);
    if (done > 0)
        *ok = gather_slices(what, r);
    return *ok && !r->exchanging;
}

bool fr_rank_sum_finish(const char *what, fr_rank_sum *r)
{
    bool sliced = !is_small(r->group, r->n, r->dtype);

    if (r->exchanging && !(fr_group_wait(what, r->group, r->request) && gather_slices(what, r)))
        return false;
    if (!fr_group_wait(what, r->group, r->request))
        return false;
    if (!sliced) {
        add_up(r, r->n);
        memcpy(r->values, r->room, (size_t)r->n * fr_dtype_size(r->dtype));
    }
    r->request = NULL;
    return true;
}

/* One portion. */
static bool reduce_portion(const char *what, fr_rank_sum *r, char *values)
{
    size_t bytes = (size_t)r->n * fr_dtype_size(r->dtype);
    bool ok;

    memcpy(r->values, values, bytes);
    ok = fr_rank_sum_start(what, r) && fr_rank_sum_finish(what, r);
    if (ok)
        memcpy(values, r->values, bytes);
    return ok;
}

bool fr_reduce(const char *what, fr_process_group *g, fr_dtype dtype, int64_t n, void *values, bool first)
{
    int64_t most = PORTION / (int64_t)fr_dtype_size(dtype), portion = n < most ? n : most;
    size_t bytes = (size_t)fr_rank_sum_padded(g, portion) * fr_dtype_size(dtype);
    char *copy;
    bool ok;

    if (g->transport->size == 1 || n == 0)
        return true;
    copy = fr_alloc(bytes);
    ok = copy || fr_fail_memory(what);

    for (int64_t at = 0; ok && at < n; at += portion) {
        fr_rank_sum r = { .group = g,
                          .channel = FR_VALUES,
                          .dtype = dtype,
                          .n = fr_least(portion, n - at),
                          .first = first,
                          .values = copy };

        ok = fr_rank_sum_prepare(what, &r) &&
             reduce_portion(what, &r, (char *)values + (size_t)at * fr_dtype_size(dtype));
        if (!g->abandoned) /* else a request may still write there */
            fr_rank_sum_free(&r);
    }
    if (!g->abandoned)
        fr_free(copy, bytes);
    return ok;
}
