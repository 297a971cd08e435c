/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The loader: copies rows of several tensors into batches, in the same order as PyTorch's DataLoader.
 *
 * At the start of each epoch PyTorch draws 63 bits for its worker processes, even if it has none. If it shuffles, it
 * draws 63 more to seed a separate generator for the permutation. Generators use only the low 32 bits of a seed. */
#include "data/loader.h"

#include "core/options.h"
#include "core/random.h"
#include "core/recorder.h"
#include "core/tensor.h"
#include "core/thread.h"

#include <frond/op.h>
#include <math.h>
#include <stdlib.h>

/* --- Making and freeing ------------------------------------------------------------------------------------------ */

static bool check_arguments(fr_tensor *const *tensors, int n, const fr_loader_options *o)
{
    char text[FR_SHAPE_TEXT], other[FR_SHAPE_TEXT];

    if (!fr_check_argument("loader_new", tensors, "tensors") || !fr_check_reserved("loader_new", o->reserved))
        return false;
    if (n < 1)
        return fr_fail("loader_new", "%d tensors given, expected 1 or more", n);
    if (o->batch_size < 0)
        return fr_fail("loader_new", "batch_size is %lld, expected 1 or more", (long long)o->batch_size);
    for (int i = 0; i < n; i++) {
        if (!fr_check_argument("loader_new", tensors[i], "a tensor"))
            return false;
        if (tensors[i]->shape.ndim == 0)
            return fr_fail("loader_new", "tensor %d is a scalar: it has no rows", i);
        if (tensors[i]->shape.dim[0] != tensors[0]->shape.dim[0])
            return fr_fail("loader_new", "tensor %d is of shape %s, tensor 0 of %s: their first dims differ", i,
                           fr_shape_text(&tensors[i]->shape, text), fr_shape_text(&tensors[0]->shape, other));
    }
    return true;
}

static bool fill_in(fr_loader *l, fr_tensor *const *tensors, int n)
{
    l->tensors = calloc((size_t)n, sizeof *l->tensors);
    l->batch = calloc((size_t)n, sizeof *l->batch);
    l->order = calloc((size_t)l->rows + 1, sizeof *l->order);
    if (!l->tensors || !l->batch || !l->order)
        return fr_fail_memory("loader_new");
    for (int64_t i = 0; i < l->rows; i++)
        l->order[i] = i;
    for (; l->count < n; l->count++) {
        const fr_tensor *t = tensors[l->count];

        l->tensors[l->count] = fr_tensor_share("loader_new", t, &t->shape, t->stride, 0);
        if (!l->tensors[l->count])
            return false;
    }
    return true;
}

static fr_loader *make_loader(fr_tensor *const *tensors, int n, const fr_loader_options *o)
{
    fr_loader *l;

    if (!check_arguments(tensors, n, o))
        return NULL;
    l = fr_object_new(sizeof *l);
    if (!l)
        return fr_fail_memory("loader_new");
    l->rows = tensors[0]->shape.dim[0];
    l->batch_size = o->batch_size ? o->batch_size : 1;
    l->shuffle = o->shuffle;
    l->drop_last = o->drop_last;
    l->weight = 1;
    if (!fill_in(l, tensors, n)) {
        fr_loader_free(l);
        return NULL;
    }
    return l;
}

fr_loader *fr_loader_new(fr_tensor *const *tensors, int n, const fr_loader_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "loader_new");
    fr_loader_options o = options ? *options : (fr_loader_options){ 0 };
    fr_loader *l = make_loader(tensors, n, &o);

    fr_finish(th, before);
    return l;
}

static void release_batch(fr_loader *l)
{
    for (int i = 0; i < l->count; i++)
        fr_assign(&l->batch[i], NULL);
}

static void release(void *object)
{
    fr_loader *l = object;

    release_batch(l);
    for (int i = 0; i < l->count; i++)
        fr_unref(l->tensors[i]);
    free(l->tensors);
    free(l->batch);
    free(l->order);
}

void fr_loader_free(fr_loader *l)
{
    fr_object_end("loader_free", l, "loader", release);
}

/* --- Epochs ------------------------------------------------------------------------------------------------------ */

/* Gives all processes the seed of process 0, in two halves that a double holds. */
static bool agree_on_seed(const char *what, fr_loader *l)
{
    const double limit = (double)(UINT64_C(1) << 32);
    double half[2] = { 0 };

    if (l->shard.index == 0) {
        half[0] = (double)(l->seed >> 32);
        half[1] = (double)(l->seed & UINT32_MAX);
    }
    if (!l->shard.sum(half, 2, l->shard.user))
        return fr_fail(what, "the processes do not agree on an order: the shard's sum failed");
    for (int i = 0; i < 2; i++)
        if (!(half[i] >= 0 && half[i] < limit))
            return fr_fail(what, "the shard's sum is %g, expected a number in [0, %g)", half[i], limit);
    l->seed = (uint64_t)half[0] << 32 | (uint64_t)half[1];
    return true;
}

static bool begin_epoch(const char *what, fr_loader *l)
{
    fr_random_u64(); /* PyTorch's draw for its workers */
    if (l->shuffle)
        l->seed = fr_random_u64();
    if (l->shuffle && l->shard.count && !agree_on_seed(what, l))
        return false;
    if (l->shuffle && !fr_randperm_seeded(l->seed, l->rows, l->order))
        return fr_fail_memory(what);
    l->running = true;
    l->next = 0;
    return true;
}

/* Copies rows order[first], order[first + 1], ... of each tensor. The last batch was released before, so that its
 * memory is used again unless the user keeps it. */
static bool fill_batch(const char *what, fr_loader *l, int64_t first, int64_t rows)
{
    for (int i = 0; i < l->count; i++) {
        const fr_tensor *t = l->tensors[i];
        fr_shape shape = t->shape;

        shape.dim[0] = rows;
        l->batch[i] = fr_tensor_alloc(what, &shape, (fr_dtype)t->dtype);
        if (!l->batch[i])
            return release_batch(l), false;
        fr_copy_rows(l->batch[i], t, l->order + first);
    }
    return true;
}

/* Where part i of n begins in m rows: i * m / n, which might overflow. */
static int64_t part_begin(int64_t m, int i, int n)
{
    return m / n * i + m % n * i / n;
}

/* This process's part of a batch of `rows` rows, which begins at `next`. Returns its rows. */
static int64_t get_part(const fr_loader *l, int64_t rows, int64_t *first, double *weight)
{
    int64_t begin, count;

    *first = l->next;
    *weight = 1;
    if (!l->shard.count)
        return rows;
    begin = part_begin(rows, l->shard.index, l->shard.count);
    count = part_begin(rows, l->shard.index + 1, l->shard.count) - begin;
    *weight = (double)count * l->shard.count / (double)rows;
    *first += count > 0 ? begin : 0;
    return count > 0 ? count : 1;
}

static fr_tensor *const *next_batch(const char *what, fr_loader *l, int n)
{
    if (!fr_check_argument(what, l, "loader"))
        return NULL;
    if (n > l->count)
        return fr_fail(what, "%d tensors asked for, but the loader's batches have %d", n, l->count);
    release_batch(l);
    if (!l->running && !begin_epoch(what, l))
        return NULL;

    int64_t left = l->rows - l->next, rows = left < l->batch_size ? left : l->batch_size;

    if (rows == 0 || (l->drop_last && rows < l->batch_size)) {
        l->running = false;
        return NULL;
    }

    int64_t first, part = get_part(l, rows, &first, &l->weight);

    if (!fill_batch(what, l, first, part))
        return NULL;
    l->next += rows;
    return l->batch;
}

static fr_tensor *const *begin_next_batch(const char *what, fr_loader *l, int n)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_tensor *const *batch = fr_not_captured(th, what) ? next_batch(what, l, n) : NULL;

    fr_finish(th, before);
    return batch;
}

fr_tensor *const *fr_loader_next(fr_loader *l)
{
    return begin_next_batch("loader_next", l, 0);
}

fr_tensor *const *fr_loader_next_of(fr_loader *l, int n)
{
    return begin_next_batch("loader_next_of", l, n);
}

void fr_loader_rewind(fr_loader *l)
{
    if (fr_is_given("loader_rewind", l, "loader"))
        l->running = false;
}

int64_t fr_loader_batches(const fr_loader *l)
{
    if (!fr_is_given("loader_batches", l, "loader"))
        return -1;
    return l->rows / l->batch_size + (!l->drop_last && l->rows % l->batch_size != 0);
}

/* --- Several processes -------------------------------------------------------------------------------------------- */

static bool check_shard(const char *what, const fr_shard *s)
{
    if (!fr_check_argument(what, s, "shard"))
        return false;
    if (s->index < 0 || s->index >= s->count)
        return fr_fail(what, "process %d of %d, expected 0 <= index < count", s->index, s->count);
    if (!s->sum)
        return fr_fail(what, "sum is NULL, expected a function");
    for (size_t i = 0; i < sizeof s->reserved / sizeof *s->reserved; i++)
        if (s->reserved[i])
            return fr_fail(what, "reserved[%zu] of the shard is not NULL: was it zeroed?", i);
    return true;
}

bool fr_loader_shard(fr_loader *l, const fr_shard *shard)
{
    const char *what = "loader_shard";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = fr_check_argument(what, l, "loader") && check_shard(what, shard);

    if (ok)
        l->shard = *shard;
    fr_finish(th, before);
    return ok;
}

double fr_loader_weight(const fr_loader *l)
{
    return fr_is_given("loader_weight", l, "loader") ? l->weight : (double)NAN;
}
