/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The loader: rows of datasets in batches, in the same order as PyTorch's DataLoader.
 *
 * At the start of each epoch PyTorch draws 63 bits for its worker processes, even if it has none. If it shuffles, it
 * draws 63 more to seed a separate generator for the permutation. Generators use only the low 32 bits of a seed. */
#include "data/loader.h"

#include "core/integer.h"
#include "core/options.h"
#include "core/random.h"
#include "core/recorder.h"
#include "core/tensor.h"
#include "core/thread.h"
#include "data/prefetch.h"

#include <frond/op.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

/* --- Making and freeing ------------------------------------------------------------------------------------------ */

static bool check_options(const char *what, const fr_loader_options *o)
{
    if (!fr_check_reserved(what, o->reserved))
        return false;
    if (o->batch_size < 0)
        return fr_fail(what, "batch_size is %lld, expected 1 or more", (long long)o->batch_size);
    if (o->prefetch_factor < 0)
        return fr_fail(what, "prefetch_factor is %lld, expected 0 or more", (long long)o->prefetch_factor);
    if (o->shuffle_buffer < 0)
        return fr_fail(what, "shuffle_buffer is %lld, expected 0 or more", (long long)o->shuffle_buffer);
    return o->shuffle || !o->shuffle_buffer ||
           fr_fail(what, "shuffle_buffer is %lld, expected 0 without shuffle", (long long)o->shuffle_buffer);
}

static void release_batch(int count, fr_tensor **batch)
{
    for (int i = 0; i < count; i++)
        fr_assign(&batch[i], NULL);
}

static void release(void *object)
{
    fr_loader *l = object;

    fr_prefetch_stop(l->ahead);
    if (l->batch)
        release_batch(l->count, l->batch);
    for (int i = 0; i < l->source_count; i++)
        fr_source_unref(l->sources[i]);
    free(l->sources);
    free(l->batch);
    fr_order_free(l->order);
}

/* Takes a reference to each source. */
static bool fill_in(const char *what, fr_loader *l, fr_source *const *sources, int n)
{
    int64_t buffer = !l->shuffle ? 1 : l->shuffle_buffer ? l->shuffle_buffer : l->rows;

    for (int i = 0; i < n; i++) {
        if (sources[i]->count > INT_MAX - l->count)
            return fr_fail(what, "more tensors in a batch than frond can count");
        l->count += sources[i]->count;
    }
    l->sources = calloc((size_t)n, sizeof *l->sources);
    l->batch = calloc((size_t)l->count, sizeof *l->batch);
    l->order = fr_order_new(l->rows, buffer, fr_least(l->rows, l->batch_size));
    if (!l->sources || !l->batch || !l->order)
        return fr_fail_memory(what);
    for (; l->source_count < n; l->source_count++) {
        l->sources[l->source_count] = sources[l->source_count];
        atomic_fetch_add(&sources[l->source_count]->refs, 1);
    }
    return true;
}

/* A loader of n sources with the same number of rows. */
static fr_loader *make_loader(const char *what, fr_source *const *sources, int n, const fr_loader_options *o)
{
    fr_loader *l = fr_object_new(sizeof *l);

    if (!l)
        return fr_fail_memory(what);
    l->rows = sources[0]->rows;
    l->batch_size = o->batch_size ? o->batch_size : 1;
    l->prefetch_factor = o->prefetch_factor;
    l->shuffle = o->shuffle;
    l->shuffle_buffer = fr_least(o->shuffle_buffer, l->rows);
    l->drop_last = o->drop_last;
    l->weight = 1;
    if (fill_in(what, l, sources, n))
        return l;
    release(l);
    fr_object_free(l);
    return NULL;
}

fr_loader *fr_loader_new(fr_tensor *const *tensors, int n, const fr_loader_options *options)
{
    const char *what = "loader_new";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_loader_options o = options ? *options : (fr_loader_options){ 0 };
    fr_source *s = check_options(what, &o) ? fr_tensor_source(what, tensors, n) : NULL;
    fr_loader *l = s ? make_loader(what, &s, 1, &o) : NULL;

    fr_source_unref(s);
    fr_finish(th, before);
    return l;
}

static bool check_datasets(const char *what, fr_dataset *const *datasets, int n)
{
    if (!fr_check_argument(what, datasets, "datasets"))
        return false;
    if (n < 1)
        return fr_fail(what, "%d datasets given, expected 1 or more", n);
    for (int i = 0; i < n; i++) {
        if (!fr_check_argument(what, datasets[i], "a dataset"))
            return false;
        if (datasets[i]->source->rows != datasets[0]->source->rows)
            return fr_fail(what, "dataset %d has %lld rows, dataset 0 has %lld", i,
                           (long long)datasets[i]->source->rows, (long long)datasets[0]->source->rows);
    }
    return true;
}

static fr_loader *loader_over(const char *what, fr_dataset *const *datasets, int n, const fr_loader_options *o)
{
    fr_source **sources;
    fr_loader *l;

    if (!check_options(what, o) || !check_datasets(what, datasets, n))
        return NULL;
    sources = n > 0 ? calloc((size_t)n, sizeof *sources) : NULL; /* as checked, which gcc -O1 does not see */
    if (!sources)
        return fr_fail_memory(what);
    for (int i = 0; i < n; i++)
        sources[i] = datasets[i]->source;
    l = make_loader(what, sources, n, o);
    free(sources);
    return l;
}

fr_loader *fr_loader_over(fr_dataset *const *datasets, int n, const fr_loader_options *options)
{
    const char *what = "loader_over";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_loader *l = loader_over(what, datasets, n, options ? options : &(fr_loader_options){ 0 });

    fr_finish(th, before);
    return l;
}

void fr_loader_free(fr_loader *l)
{
    fr_object_end("loader_free", l, "loader", release);
}

/* --- Epochs ------------------------------------------------------------------------------------------------------ */

static void stop_ahead(fr_loader *l)
{
    if (!l->ahead)
        return;
    fr_prefetch_stop(l->ahead);
    l->ahead = NULL;
    fr_order_forget(l->order); /* in a child of the process the thread may have been at work in it */
}

void fr_loader_set_position(fr_loader *l, bool running, int64_t next, uint64_t seed)
{
    stop_ahead(l);
    l->running = running;
    l->next = next;
    l->seed = seed;
}

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
    l->running = true;
    l->next = 0;
    return true;
}

/* Where part i of n begins in m rows: i * m / n, which might overflow. */
static int64_t part_begin(int64_t m, int i, int n)
{
    return m / n * i + m % n * i / n;
}

/* This process's part of a batch of `rows` rows. Returns its rows, of which the first is number *begin of the batch. */
static int64_t get_part(const fr_loader *l, int64_t rows, int64_t *begin, double *weight)
{
    int64_t count;

    *begin = 0;
    *weight = 1;
    if (!l->shard.count)
        return rows;
    *begin = part_begin(rows, l->shard.index, l->shard.count);
    count = part_begin(rows, l->shard.index + 1, l->shard.count) - *begin;
    *weight = (double)count * l->shard.count / (double)rows;
    if (count > 0)
        return count;
    *begin = 0;
    return 1;
}

int64_t fr_loader_batch_rows(const fr_loader *l, int64_t next)
{
    int64_t rows = fr_least(l->rows - next, l->batch_size);

    return l->drop_last && rows < l->batch_size ? 0 : rows;
}

bool fr_loader_make(const char *what, const fr_loader *l, int64_t next, fr_tensor **batch)
{
    double weight;
    int64_t all = fr_loader_batch_rows(l, next), begin, n = get_part(l, all, &begin, &weight);
    const int64_t *rows = fr_order_rows(l->order, l->seed, next, all) + begin;
    int made = 0;

    for (int i = 0; i < l->source_count; made += l->sources[i++]->count)
        if (!l->sources[i]->make(l->sources[i], what, rows, n, batch + made))
            return release_batch(l->count, batch), false;
    return true;
}

/* Makes the batch at l->next, or takes it from the thread that has made it. */
static bool get_batch(const char *what, fr_loader *l)
{
    if (l->prefetch_factor > 0 && !fr_prefetch_is_running(l->ahead)) {
        stop_ahead(l);
        l->ahead = fr_prefetch_start(l);
    }
    if (!l->ahead) /* not asked for, or there are no more threads */
        return fr_loader_make(what, l, l->next, l->batch);
    if (fr_prefetch_take(l->ahead, l->batch))
        return true;
    stop_ahead(l);
    return false;
}

static fr_tensor *const *next_batch(const char *what, fr_loader *l, int n)
{
    int64_t rows, begin;

    if (!fr_check_argument(what, l, "loader"))
        return NULL;
    if (n > l->count)
        return fr_fail(what, "%d tensors asked for, but the loader's batches have %d", n, l->count);
    release_batch(l->count, l->batch); /* its memory is used again, unless the user keeps it */
    if (!l->running && !begin_epoch(what, l))
        return NULL;
    rows = fr_loader_batch_rows(l, l->next);
    if (rows == 0) {
        fr_loader_set_position(l, false, 0, l->seed);
        return NULL;
    }
    if (!get_batch(what, l))
        return NULL;
    get_part(l, rows, &begin, &l->weight);
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
        fr_loader_set_position(l, false, 0, l->seed);
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
    if (!fr_check_argument(what, s, "shard") || !fr_check_reserved(what, s->reserved))
        return false;
    if (s->index < 0 || s->index >= s->count)
        return fr_fail(what, "process %d of %d, expected 0 <= index < count", s->index, s->count);
    return s->sum || fr_fail(what, "sum is NULL, expected a function");
}

bool fr_loader_shard(fr_loader *l, const fr_shard *shard)
{
    const char *what = "loader_shard";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = fr_check_argument(what, l, "loader") && check_shard(what, shard);

    if (ok) {
        stop_ahead(l); /* those batches are of another part */
        l->shard = *shard;
    }
    fr_finish(th, before);
    return ok;
}

double fr_loader_weight(const fr_loader *l)
{
    return fr_is_given("loader_weight", l, "loader") ? l->weight : (double)NAN;
}
