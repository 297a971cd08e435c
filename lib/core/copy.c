/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Copying values between tensors of any strides and dtypes, and writing in place. */
#include "core/integer.h"
#include "core/loop.h"
#include "core/recorder.h"
#include "core/row.h"
#include "core/shape.h"
#include "core/threads.h"

#include <frond/op.h>
#include <stdlib.h>

/* --- Rows of values ----------------------------------------------------------------------------------------------- */

/* Converts m rows of n values. Steps are in bytes, from row to row and from value to value. */
typedef void convert_rows(int64_t m, int64_t n, char *to, int64_t to_row, int64_t to_step, const char *from,
                          int64_t from_row, int64_t from_step);

#define TO         float
#define TO_SUFFIX  _f32
#define CONVERT(x) (float)(x)
#include "core/convert_rows.h"
#define TO         double
#define TO_SUFFIX  _f64
#define CONVERT(x) (double)(x)
#include "core/convert_rows.h"
#define TO         int64_t
#define TO_SUFFIX  _i64
#define CONVERT(x) _Generic((x), int64_t : (x), default : fr_to_int64((double)(x)))
#include "core/convert_rows.h"

static convert_rows *const converters[3][3] = {
    [FR_F32] = { convert_f32_f32, convert_f32_f64, convert_f32_i64 },
    [FR_F64] = { convert_f64_f32, convert_f64_f64, convert_f64_i64 },
    [FR_I64] = { convert_i64_f32, convert_i64_f64, convert_i64_i64 },
};

/* --- Whole tensors ------------------------------------------------------------------------------------------------ */

typedef struct {
    convert_rows *convert, *copy; /* from the source's dtype, and from the result's own */
    int64_t size;                 /* of a value of the result, in bytes */
    bool streams;                 /* what has whole cache lines goes past the caches */
} convert_job;

/* Values of one dtype that become neighbours, from neighbours or from one value, where there is something faster than
 * the loop for every CPU. False if not. */
static bool copy_fast(const convert_job *j, int64_t m, int64_t n, char *to, int64_t to_row, const char *from,
                      int64_t from_row, int64_t from_step)
{
    enum { LONG = 1 << 12 }; /* bytes: shorter rows are no slower in a loop */
    size_t bytes = (size_t)(n * j->size);
    bool streams = j->streams && bytes < LONG && ((uintptr_t)to | (uintptr_t)to_row | bytes) % FR_LINE == 0;

    if (from_step != 0 && !streams && bytes < LONG)
        return false;
    for (; m > 0; m--, to += to_row, from += from_row)
        if (from_step == 0)
            fr_fill_row(to, from, (size_t)j->size, (size_t)n);
        else if (streams)
            fr_stream_row(to, from, bytes);
        else
            memcpy(to, from, bytes);
    if (streams)
        fr_streamed();
    return true;
}

/* The body of a loop over all dims but the last two, if there are two. Operand 0 is written, operand 1 is read. */
static void copy_rows(void *job, const fr_loop *l, char *const *at)
{
    static const int64_t none[2];
    const convert_job *j = job;
    int last = l->ndim - 1;
    int64_t m = last > 0 ? l->dim[last - 1] : 1, n = l->dim[last];
    const int64_t *row = last > 0 ? l->step[last - 1] : none, *step = l->step[last];
    bool neighbours = j->convert == j->copy && step[0] == j->size && (step[1] == j->size || step[1] == 0);

    if (!neighbours || !copy_fast(j, m, n, at[0], row[0], at[1], row[1], step[1]))
        j->convert(m, n, at[0], row[0], step[0], at[1], row[1], step[1]);
}

enum {
    EDGE = 64,
    BUFFER_ROW = EDGE + 1
}; /* values; one more, so that a column does not fall into one set of the cache */

/* The same in blocks, for a source whose neighbours lie along the last dim but one: a block is first read along that
 * dim and then written along the last one. */
static void copy_blocks(void *job, const fr_loop *l, char *const *at)
{
    const convert_job *j = job;
    const int64_t *row = l->step[l->ndim - 2], *step = l->step[l->ndim - 1];
    int64_t m = l->dim[l->ndim - 2], n = l->dim[l->ndim - 1];
    _Alignas(64) char buffer[EDGE * BUFFER_ROW * sizeof(int64_t)];

    for (int64_t i = 0; i < m; i += EDGE)
        for (int64_t k = 0; k < n; k += EDGE) {
            int64_t rows = m - i < EDGE ? m - i : EDGE, columns = n - k < EDGE ? n - k : EDGE;

            j->convert(columns, rows, buffer, BUFFER_ROW * j->size, j->size, at[1] + i * row[1] + k * step[1], step[1],
                       row[1]);
            j->copy(rows, columns, at[0] + i * row[0] + k * step[0], row[0], step[0], buffer, j->size,
                    BUFFER_ROW * j->size);
        }
}

/* A transposed source is read fastest along a dim other than the last. Makes that dim the last but one, for
 * copy_blocks. False if the source is read fastest along the last dim, so that copy_rows is right. */
static bool arrange_blocks(fr_loop *l)
{
    int last = l->ndim - 1, closest = last;
    fr_loop before = *l;

    for (int i = 0; i < last; i++)
        if (l->step[i][1] != 0 && llabs(l->step[i][1]) < llabs(l->step[closest][1]))
            closest = i;
    if (closest == last)
        return false;
    for (int i = closest; i < last; i++) {
        int from = i == last - 1 ? closest : i + 1;

        l->dim[i] = before.dim[from];
        memcpy(l->step[i], before.step[from], sizeof l->step[i]);
    }
    return true;
}

void fr_copy_values(fr_tensor *into, const fr_tensor *from)
{
    enum {
        SMALL = 1 << 10, /* values that memcpy copies before the loop has begun */
        LARGE = 16 << 20 /* bytes: with what they are copied from they fill the largest cache of most cores */
    };
    int64_t size = (int64_t)fr_dtype_size((fr_dtype)into->dtype);
    convert_job job = { converters[into->dtype][from->dtype], converters[into->dtype][into->dtype], size,
                        into->numel >= LARGE / size };
    fr_loop l;

    if (into->numel == 0) /* origin may be NULL */
        return;
    if (into->numel <= SMALL && into->contiguous && from->contiguous && into->numel == from->numel &&
        into->dtype == from->dtype) {
        memcpy(into->origin, from->origin, (size_t)(into->numel * size));
        return;
    }
    fr_loop_begin(&l, &into->shape);
    fr_loop_add(&l, into);
    fr_loop_add(&l, from);
    fr_loop_sort(&l, 0);
    fr_loop_join(&l);
    fr_loop_run_tiles(&l, l.ndim > 1 ? 2 : 1, 0, arrange_blocks(&l) ? copy_blocks : copy_rows, &job);
}

/* Rows of a copy, all of one shape. */
typedef struct {
    fr_tensor into, from; /* a row of each */
    const int64_t *rows;
    int64_t count, per_tile, into_step, from_step; /* in bytes */
} rows_job;

static void copy_some_rows(void *job, int64_t tile)
{
    const rows_job *j = job;
    fr_tensor row = j->into, source = j->from;

    for (int64_t i = tile * j->per_tile; i < j->count && i < (tile + 1) * j->per_tile; i++) {
        row.origin = j->into.origin + i * j->into_step;
        source.origin = j->from.origin + j->rows[i] * j->from_step;
        fr_copy_values(&row, &source);
    }
}

void fr_copy_rows(fr_tensor *into, const fr_tensor *from, const int64_t *rows)
{
    enum { TILE = 1 << 16 }; /* values */
    rows_job j = { .into = *into, .from = *from, .rows = rows, .count = into->shape.dim[0] };

    if (into->numel == 0)
        return;
    j.into.numel = j.from.numel = into->numel / j.count;
    j.into.shape.ndim = j.from.shape.ndim = into->shape.ndim - 1;
    for (int i = 0; i < j.into.shape.ndim; i++) {
        j.into.shape.dim[i] = j.from.shape.dim[i] = into->shape.dim[i + 1];
        j.into.stride[i] = into->stride[i + 1];
        j.from.stride[i] = from->stride[i + 1];
    }
    j.into_step = j.into.numel * (int64_t)fr_dtype_size((fr_dtype)into->dtype);
    j.from_step = from->stride[0] * (int64_t)fr_dtype_size((fr_dtype)from->dtype);
    j.per_tile = TILE / (j.into.numel < TILE ? j.into.numel : TILE);
    fr_run_tiles((j.count - 1) / j.per_tile + 1, copy_some_rows, &j);
}

fr_tensor *fr_tensor_copy(const char *what, const fr_tensor *t)
{
    fr_tensor *copy = fr_tensor_alloc(what, &t->shape, t->dtype);

    if (copy)
        fr_act(fr_thread_self(),
               &(fr_action){ .run = fr_copy_action, .into = copy, .from = (fr_tensor *)t, .pure = true });
    return copy;
}

/* --- Writing in place --------------------------------------------------------------------------------------------- */

/* The two may be views of one storage that overlap. */
static bool copy_in_place(const fr_action *a)
{
    fr_tensor *source = a->from->storage == a->into->storage ? fr_tensor_copy("copy", a->from) : NULL;

    if (a->from->storage == a->into->storage && !source)
        return false;
    fr_copy_values(a->into, source ? source : a->from);
    fr_storage_bump(a->into);
    fr_unref(source);
    return true;
}

bool fr_copy_noted(fr_thread *th, fr_tensor *into, const fr_tensor *from)
{
    return fr_act(th, &(fr_action){ .run = copy_in_place, .into = into, .from = (fr_tensor *)from, .pure = true });
}

bool fr_repeats_values(const fr_tensor *t)
{
    for (int i = 0; i < t->shape.ndim; i++)
        if (t->numel > 0 && t->shape.dim[i] > 1 && t->stride[i] == 0)
            return true;
    return false;
}

static fr_tensor *copy_into(fr_thread *th, fr_tensor *into, const fr_tensor *from)
{
    char to_text[FR_SHAPE_TEXT], from_text[FR_SHAPE_TEXT];

    if (!fr_check_argument("copy", into, "into") || !fr_check_argument("copy", from, "from"))
        return NULL;
    if (into->dtype != from->dtype)
        return fr_fail("copy", "into is %s, from is %s: dtypes must be equal", fr_dtype_name(into->dtype),
                       fr_dtype_name(from->dtype));
    if (into->producer || from->producer)
        return fr_fail("copy", "%s has a history, which copying in place would break: use fr_detach or FR_NO_GRAD",
                       into->producer ? "into" : "from");
    if (!th->mode.no_grad && (into->requires_grad || from->requires_grad))
        return fr_fail("copy", "%s wants a gradient: copy under FR_NO_GRAD", into->requires_grad ? "into" : "from");
    if (into->tangents || from->tangents)
        return fr_fail("copy", "%s has a tangent of fr_jvp, which copying in place would lose: use fr_detach",
                       into->tangents ? "into" : "from");
    if (fr_repeats_values(into))
        return fr_fail("copy",
                       "into is an expanded view, where several values share one place: copy into fr_clone of it");
    if (!fr_shape_broadcasts_to(&from->shape, &into->shape))
        return fr_fail("copy", "%s does not broadcast to %s", fr_shape_text(&from->shape, from_text),
                       fr_shape_text(&into->shape, to_text));

    return fr_copy_noted(th, into, from) ? into : NULL;
}

fr_tensor *fr_copy(fr_tensor *into, const fr_tensor *from)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "copy");

    into = copy_into(th, into, from);
    fr_finish(th, before);
    return into;
}

fr_tensor *fr_touch(fr_tensor *t)
{
    if (!fr_is_given("touch", t, "tensor"))
        return NULL;
    fr_storage_bump(t);
    return t;
}
