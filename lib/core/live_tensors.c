/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Which tensors are alive and where they were made: a table of all tensors that were made while tracking is on. */
#include "core/live_tensors.h"

#include "core/hash_table.h"
#include "core/locks.h"
#include "core/tensor.h"
#include "core/thread.h"

#include <frond/op.h>
#include <stdlib.h>

/* One tensor. In the report, a group of tensors of one kind: then the first of them. */
typedef struct {
    const fr_tensor *tensor;
    const void *storage;
    fr_site made;    /* the call that made it */
    uint64_t number; /* in order of making */
    fr_shape shape;
    fr_dtype dtype;
    size_t bytes, count;
} entry;

/* Of the process; under the lock. */
typedef struct {
    fr_table entries;    /* tensor -> entry, malloc'd */
    uint64_t made, lost; /* lost: not noted, because memory ran out */
} registry;

atomic_bool fr_tracking;
static registry all;

/* --- Noting ------------------------------------------------------------------------------------------------------ */

void fr_track_made(const fr_tensor *t)
{
    entry *e = malloc(sizeof *e);

    if (e)
        *e = (entry){ .tensor = t,
                      .storage = t->storage,
                      .shape = t->shape,
                      .dtype = (fr_dtype)t->dtype,
                      .bytes = t->storage->bytes,
                      .count = 1 };
    fr_lock(FR_LOCK_LIVE_TENSORS);
    if (e && fr_table_put(&all.entries, t, e)) {
        e->number = all.made++;
        e = NULL;
    } else {
        all.lost++;
    }
    fr_unlock(FR_LOCK_LIVE_TENSORS);
    free(e);
}

void fr_track_freed(const fr_tensor *t)
{
    entry *e;

    fr_lock(FR_LOCK_LIVE_TENSORS);
    e = fr_table_find(&all.entries, t);
    if (e)
        fr_table_remove(&all.entries, t);
    fr_unlock(FR_LOCK_LIVE_TENSORS);
    free(e);
}

void fr_track_live(bool on)
{
    fr_lock(FR_LOCK_LIVE_TENSORS);
    atomic_store_explicit(&fr_tracking, on, memory_order_relaxed);
    if (!on) {
        for (size_t i = 0; i < all.entries.capacity; i++)
            free(all.entries.slots[i].value);
        fr_table_free(&all.entries);
        all = (registry){ 0 };
    }
    fr_unlock(FR_LOCK_LIVE_TENSORS);
}

void fr_track_from_environment(void)
{
    const char *value = getenv("FROND_TRACK_LIVE");

    if (value && *value && strcmp(value, "0") != 0)
        fr_track_live(true);
}

/* --- Reporting --------------------------------------------------------------------------------------------------- */

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int by_storage(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    int order = compare((uintptr_t)x->storage, (uintptr_t)y->storage);

    return order ? order : compare(x->number, y->number);
}

static const char *maker(const entry *e)
{
    return e->made.function ? e->made.function : "(unknown)";
}

static int by_kind(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    int order = strcmp(maker(x), maker(y));

    if (order == 0)
        order = strcmp(x->made.file ? x->made.file : "", y->made.file ? y->made.file : "");
    if (order == 0)
        order = x->made.line - y->made.line;
    if (order == 0)
        order = (int)x->dtype - (int)y->dtype;
    if (order == 0)
        order = x->shape.ndim - y->shape.ndim;
    for (int i = 0; i < x->shape.ndim && order == 0; i++)
        order = compare((uint64_t)x->shape.dim[i], (uint64_t)y->shape.dim[i]);
    return order;
}

static int by_bytes(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    int order = compare(y->bytes, x->bytes);

    if (order == 0)
        order = compare(y->count, x->count);
    return order ? order : compare(x->number, y->number);
}

/* Groups the entries by kind and returns the number of kinds. A storage's bytes count for the first tensor that uses
 * it.
 */
static size_t group(entry *entries, size_t n)
{
    size_t kinds = 0;

    qsort(entries, n, sizeof *entries, by_storage);
    for (size_t i = n; i-- > 1;)
        if (entries[i].storage == entries[i - 1].storage)
            entries[i].bytes = 0;
    qsort(entries, n, sizeof *entries, by_kind);
    for (size_t i = 0; i < n; i++) {
        if (kinds > 0 && by_kind(&entries[kinds - 1], &entries[i]) == 0) {
            entries[kinds - 1].bytes += entries[i].bytes;
            entries[kinds - 1].count++;
        } else {
            entries[kinds++] = entries[i];
        }
    }
    qsort(entries, kinds, sizeof *entries, by_bytes);
    return kinds;
}

static bool print(FILE *file, const entry *kinds, size_t count, size_t tensors, uint64_t lost)
{
    size_t alive = fr_live_tensors();
    bool ok = fprintf(file, "alive: %zu tensors, %zu bytes (at most %zu so far)\n", alive, fr_live_bytes(),
                      fr_peak_bytes()) >= 0;

    if (!fr_is_tracking())
        return fprintf(file, "where they were made is not noted: call fr_track_live(true) before, or set "
                             "FROND_TRACK_LIVE=1\n") >= 0 &&
               ok;
    if (alive > tensors)
        ok = fprintf(file, "%zu of them were made before tracking was on%s\n", alive - tensors,
                     lost > 0 ? ", or when memory had run out" : "") >= 0 &&
             ok;
    if (count > 0)
        ok = fprintf(file, "%12s %7s  %-16s %-20s %-8s made at\n", "bytes", "number", "function", "shape", "dtype") >=
                 0 &&
             ok;
    for (size_t i = 0; i < count; i++) {
        const entry *e = &kinds[i];
        char shape[FR_SHAPE_TEXT];

        ok = fprintf(file, "%12zu %7zu  %-16s %-20s %-8s %s", e->bytes, e->count, maker(e),
                     fr_shape_text(&e->shape, shape), fr_dtype_name(e->dtype),
                     e->made.file ? e->made.file : "(place unknown)\n") >= 0 &&
             ok;
        if (e->made.file)
            ok = fprintf(file, ":%d\n", e->made.line) >= 0 && ok;
    }
    return ok;
}

static bool report(FILE *file)
{
    entry *copy;
    size_t n = 0;
    uint64_t lost;
    bool ok;

    if (!fr_check_argument("live_report", file, "file"))
        return false;
    fr_lock(FR_LOCK_LIVE_TENSORS);
    copy = malloc((all.entries.count + 1) * sizeof *copy);
    for (size_t i = 0; copy && i < all.entries.capacity; i++) {
        if (!all.entries.slots[i].key)
            continue;
        copy[n] = *(const entry *)all.entries.slots[i].value;
        copy[n].made = copy[n].tensor->made; /* it is alive: fr_track_freed waits for the lock */
        n++;
    }
    lost = all.lost;
    fr_unlock(FR_LOCK_LIVE_TENSORS);
    if (!copy)
        return fr_fail_memory("live_report");
    ok = print(file, copy, group(copy, n), n, lost) || fr_fail("live_report", "the file cannot be written");
    free(copy);
    return ok;
}

bool fr_live_report(FILE *file)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "live_report");
    bool ok = report(file);

    fr_finish(th, before);
    return ok;
}
