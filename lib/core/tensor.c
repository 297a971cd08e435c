/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Tensors: storage, reference counts, views, and functions that look at them. */
#include "core/tensor.h"

#include "core/live_tensors.h"
#include "core/recorder.h"
#include "core/shape.h"
#include "core/thread.h"

#include <frond/op.h>
#include <math.h>
#include <stdlib.h>

/* --- Storage ----------------------------------------------------------------------------------------------------- */

/* Storage is one block: a header of one cache line, then the values, which are so aligned for any vector. Values that
 * fit into the rest of the header's cache line stand there. */
enum { STORAGE_HEADER = 64 };
_Static_assert(sizeof(fr_storage) <= STORAGE_HEADER, "values would overlap the header");

static fr_storage *storage_alloc(size_t bytes)
{
    size_t at = bytes <= STORAGE_HEADER - sizeof(fr_storage) ? sizeof(fr_storage) : STORAGE_HEADER;
    fr_storage *s = bytes <= SIZE_MAX - at ? fr_alloc(at + bytes) : NULL;

    if (!s)
        return NULL;
    *s = (fr_storage){ .refs = 1, .bytes = bytes, .block = at + bytes };
    s->data = (char *)s + at;
    fr_count_live(&fr_thread_self()->uncounted, 0, (int64_t)bytes);
    return s;
}

static void storage_unref(fr_storage *s)
{
    if (!fr_refcount_drop(&s->refs))
        return;
    fr_count_live(&fr_thread_self()->uncounted, 0, -(int64_t)s->bytes);
    if (s->release)
        s->release(s->data, s->user);
    fr_free(s, s->block ? s->block : STORAGE_HEADER);
}

/* --- Making and freeing ------------------------------------------------------------------------------------------ */

/* True if the values lie row-major without gaps; dims of size 1 may have any stride. */
static bool is_row_major(const fr_tensor *t)
{
    int64_t step = 1;

    if (t->numel == 0)
        return true;
    for (int i = t->shape.ndim - 1; i >= 0; i--) {
        if (t->shape.dim[i] != 1 && t->stride[i] != step)
            return false;
        step *= t->shape.dim[i];
    }
    return true;
}

/* Copies size by size. The sizes have often just been written one by one; reading them as one vector would have to wait
 * for these writes. */
static void copy_shape(fr_shape *to, const fr_shape *from)
{
    to->ndim = from->ndim;
    for (int i = 0; i < from->ndim; i++)
        to->dim[i] = from->dim[i];
}

/* A contiguous tensor over storage, whose reference it takes over; NULL if memory runs out. */
static fr_tensor *tensor_with(fr_storage *storage, const fr_shape *shape, fr_dtype dtype, int64_t numel)
{
    fr_thread *th = fr_thread_self();
    fr_tensor *t = fr_header_alloc(&th->headers);

    if (!t) {
        storage_unref(storage);
        return NULL;
    }
    atomic_init(&t->refs, 1);
    t->made = th->sites.current;
    t->dtype = (uint8_t)dtype;
    t->requires_grad = false;
    t->contiguous = true;
    t->output = 0;
    t->numel = numel;
    copy_shape(&t->shape, shape);
    t->origin = storage->data;
    t->storage = storage;
    t->producer = NULL;
    t->grad = NULL;
    t->hooks = NULL;
    t->tangents = NULL;
    if (fr_is_tracking())
        fr_track_made(t);
    fr_count_live(&th->uncounted, 1, 0);
    return t;
}

fr_tensor *fr_tensor_alloc(const char *what, const fr_shape *shape, fr_dtype dtype)
{
    int64_t numel;

    if (!fr_shape_check(what, shape, dtype, &numel))
        return NULL;

    fr_storage *s = storage_alloc((size_t)numel * fr_dtype_size(dtype));
    fr_tensor *t = s ? tensor_with(s, shape, dtype, numel) : NULL;

    if (!t)
        return fr_fail_memory(what);
    fr_shape_strides(shape, t->stride);
    return t;
}

/* A storage over memory that is not its own, with one reference. */
static fr_storage *storage_over(void *memory, size_t bytes)
{
    fr_storage *s = fr_alloc(STORAGE_HEADER);

    if (!s)
        return NULL;
    *s = (fr_storage){ .refs = 1, .bytes = bytes, .data = memory };
    fr_count_live(&fr_thread_self()->uncounted, 0, (int64_t)bytes);
    return s;
}

bool fr_tensor_move(fr_tensor *t, void *memory, fr_tensor *moved)
{
    fr_storage *before = t->storage, *s = moved ? moved->storage : storage_over(memory, before->bytes);

    if (!s)
        return fr_fail_memory("tensor_move");
    if (moved)
        fr_refcount_add(&s->refs);
    t->origin = (char *)s->data + (t->origin - (char *)before->data);
    t->storage = s;
    storage_unref(before);
    return true;
}

void fr_tensor_lay_out(fr_tensor *t, const fr_shape *shape, const int64_t *stride)
{
    t->shape = *shape;
    memcpy(t->stride, stride, (size_t)shape->ndim * sizeof *stride);
    t->contiguous = is_row_major(t);
}

fr_tensor *fr_tensor_share(const char *what, const fr_tensor *t, const fr_shape *shape, const int64_t *stride,
                           int64_t offset)
{
    int64_t numel;

    if (!fr_shape_check(what, shape, t->dtype, &numel))
        return NULL;
    atomic_fetch_add_explicit(&t->storage->refs, 1, memory_order_relaxed);

    fr_tensor *view = tensor_with(t->storage, shape, t->dtype, numel);

    if (!view)
        return fr_fail_memory(what);
    fr_tensor_lay_out(view, shape, stride);
    view->origin = t->origin;
    if (numel > 0) /* without values offset may lie outside of the memory */
        view->origin += offset * (int64_t)fr_dtype_size((fr_dtype)t->dtype);
    return view;
}

fr_tensor *fr_tensor_view(fr_shape shape, void *memory, fr_dtype dtype, fr_release *release, void *user)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "tensor_view");
    int64_t numel;
    fr_tensor *t = NULL;
    fr_storage *s = NULL;

    if (!fr_shape_check("tensor_view", &shape, dtype, &numel)) {
    } else if (!memory && numel > 0) {
        fr_fail("tensor_view", "memory is NULL");
    } else if ((uintptr_t)memory % fr_dtype_size(dtype) != 0) {
        fr_fail("tensor_view", "memory at %p is not aligned for %s", memory, fr_dtype_name(dtype));
    } else if (!(s = storage_over(memory, (size_t)numel * fr_dtype_size(dtype)))) {
        fr_fail_memory("tensor_view");
    }
    if (s) {
        s->release = release;
        s->user = user;
        t = tensor_with(s, &shape, dtype, numel);
        if (t)
            fr_shape_strides(&shape, t->stride);
        else
            fr_fail_memory("tensor_view");
        t = fr_hold("tensor_view", t);
    } else if (release) {
        release(memory, user);
    }
    fr_finish(th, before);
    return t;
}

fr_tensor *fr_ref(fr_tensor *t)
{
    if (!fr_is_given("ref", t, "tensor"))
        return NULL;
    fr_refcount_add(&t->refs);
    return t;
}

void fr_hooks_free(fr_hook *hooks)
{
    for (fr_hook *h = hooks, *next; h; h = next) {
        next = h->next;
        if (h->release)
            h->release(h->user);
        fr_free(h, sizeof *h);
    }
}

/* Release functions of the user may run here, for this tensor's memory or for what its history held. Their errors are
 * reported at the end. */
static void tensor_free(fr_tensor *t)
{
    fr_producer *producer = t->producer;
    fr_thread *th = fr_thread_self();
    fr_storage *storage = t->storage;
    bool may_fail = producer || t->hooks || t->tangents || storage->release;

    if (may_fail)
        fr_defer_errors(th);
    if (fr_is_tracking())
        fr_track_freed(t);
    if (t->tangents)
        fr_tangents_drop(t);
    fr_life_end(th, (fr_life *)(void *)t);
    storage_unref(storage);
    fr_unref(t->grad);
    fr_hooks_free(t->hooks);
    fr_header_free(&th->headers, t);
    fr_count_live(&th->uncounted, -1, 0);
    if (producer && fr_refcount_drop(&producer->refs))
        producer->release(producer);
    if (may_fail)
        fr_report_errors(th);
}

void fr_unref(fr_tensor *t)
{
    int refs = t ? atomic_load_explicit(&t->refs, memory_order_acquire) : 0;

    if (refs == 1 || (refs > 1 && fr_refcount_drop(&t->refs)))
        tensor_free(t);
    else if (FR_UNLIKELY(t && refs <= 0))
        fr_fail_released("unref", t, "tensor");
}

void fr_assign(fr_tensor **slot, fr_tensor *t)
{
    fr_tensor *old;

    if (FR_UNLIKELY(!slot)) {
        fr_check_argument("assign", slot, "slot");
        return;
    }
    if (t) {
        if (!fr_is_given("assign", t, "tensor"))
            return;
        fr_refcount_add(&t->refs);
    }
    old = *slot;
    *slot = t;
    if (old)
        fr_unref(old);
}

/* Only the last reference, and a tensor that was released, need the place of the call. */
fr_tensor *fr_ref_at(fr_tensor *t, const char *file, int line)
{
    if (FR_LIKELY(!t || fr_is_alive(t)))
        return fr_ref(t);

    fr_thread *th = fr_thread_self();
    fr_site before = (fr_call_site("ref", file, line), fr_begin(th, "ref"));

    fr_ref(t);
    fr_finish(th, before);
    return NULL;
}

void fr_unref_at(fr_tensor *t, const char *file, int line)
{
    if (!t || atomic_load_explicit(&t->refs, memory_order_relaxed) > 1) {
        fr_unref(t);
        return;
    }

    fr_thread *th = fr_thread_self();
    fr_site before = (fr_call_site("unref", file, line), fr_begin(th, "unref"));

    fr_unref(t);
    fr_finish(th, before);
}

void fr_assign_at(fr_tensor **slot, fr_tensor *t, const char *file, int line)
{
    fr_thread *th = fr_thread_self();
    fr_site before = (fr_call_site("assign", file, line), fr_begin(th, "assign"));

    fr_assign(slot, t);
    fr_finish(th, before);
}

/* --- Looking ----------------------------------------------------------------------------------------------------- */

int fr_ndim(const fr_tensor *t)
{
    return fr_is_given("ndim", t, "tensor") ? t->shape.ndim : -1;
}

int64_t fr_dim(const fr_tensor *t, int dim)
{
    int i = fr_is_given("dim", t, "tensor") && t->shape.ndim > 0 ? fr_shape_dim(&t->shape, dim) : -1;

    return i < 0 ? -1 : t->shape.dim[i];
}

int64_t fr_numel(const fr_tensor *t)
{
    return fr_is_given("numel", t, "tensor") ? t->numel : -1;
}

fr_shape fr_shape_of(const fr_tensor *t)
{
    return fr_is_given("shape_of", t, "tensor") ? t->shape : (fr_shape){ .ndim = -1 };
}

fr_dtype fr_dtype_of(const fr_tensor *t)
{
    return fr_is_given("dtype_of", t, "tensor") ? (fr_dtype)t->dtype : fr_default_dtype();
}

bool fr_is_contiguous(const fr_tensor *t)
{
    return fr_is_given("is_contiguous", t, "tensor") && t->contiguous;
}

int64_t fr_stride(const fr_tensor *t, int dim)
{
    int i = fr_is_given("stride", t, "tensor") && t->shape.ndim > 0 ? fr_shape_dim(&t->shape, dim) : -1;

    return i < 0 ? 0 : t->stride[i];
}

void *fr_origin(const fr_tensor *t)
{
    return fr_is_given("origin", t, "tensor") ? t->origin : NULL;
}

void *fr_data(const fr_tensor *t)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "data");
    void *data = NULL;

    if (!fr_check_argument("data", t, "tensor") || !fr_may_look(th, "data")) {
    } else if (!t->contiguous) {
        char text[FR_SHAPE_TEXT];

        fr_fail("data", "the tensor of shape %s is not contiguous: take fr_contiguous of it",
                fr_shape_text(&t->shape, text));
    } else {
        data = t->origin;
    }
    fr_finish(th, before);
    return data;
}

int64_t fr_offset_of(const fr_tensor *t, int64_t index)
{
    int64_t offset = 0;

    if (t->contiguous)
        return index;
    for (int i = t->shape.ndim - 1; i >= 0; i--) {
        offset += index % t->shape.dim[i] * t->stride[i];
        index /= t->shape.dim[i];
    }
    return offset;
}

double fr_at(const fr_tensor *t, int64_t index)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "at");
    double value = NAN;

    if (!fr_check_tensor("at", t) || !fr_may_look(th, "at")) {
    } else if (index < -t->numel || index >= t->numel) {
        char text[FR_SHAPE_TEXT];

        fr_fail("at", "index %lld is out of range for shape %s of %lld values", (long long)index,
                fr_shape_text(&t->shape, text), (long long)t->numel);
    } else {
        value = fr_value_at(t, fr_offset_of(t, index < 0 ? index + t->numel : index));
    }
    fr_finish(th, before);
    return value;
}

double fr_item(const fr_tensor *t)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "item");
    double value = NAN;

    if (!fr_check_tensor("item", t) || !fr_may_look(th, "item")) {
    } else if (t->numel != 1) {
        char text[FR_SHAPE_TEXT];

        fr_fail("item", "a tensor of shape %s has not just one value", fr_shape_text(&t->shape, text));
    } else {
        value = fr_value_at(t, 0);
    }
    fr_finish(th, before);
    return value;
}

bool fr_equal(const fr_tensor *a, const fr_tensor *b)
{
    if (!fr_is_given("equal", a, "a") || !fr_is_given("equal", b, "b") || a->dtype != b->dtype ||
        !fr_shape_equal(&a->shape, &b->shape) || !fr_may_look(fr_thread_self(), "equal"))
        return false;
    for (int64_t i = 0; i < a->numel; i++) {
        int64_t x = fr_offset_of(a, i), y = fr_offset_of(b, i);

        if (a->dtype == FR_I64 ? ((const int64_t *)a->origin)[x] != ((const int64_t *)b->origin)[y]
                               : fr_value_at(a, x) != fr_value_at(b, y))
            return false;
    }
    return true;
}
