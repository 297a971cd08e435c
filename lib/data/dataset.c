/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Datasets: rows of tensors that are in memory, and rows that a function of the user makes. */
#include "core/options.h"
#include "core/shape.h"
#include "core/tensor.h"
#include "core/thread.h"
#include "data/source.h"

#include <frond/op.h>
#include <stdlib.h>

/* --- Sources and datasets ----------------------------------------------------------------------------------------- */

void *fr_source_new(const char *what, size_t size)
{
    fr_source *s = calloc(1, size);

    if (!s)
        return fr_fail_memory(what);
    atomic_init(&s->refs, 1);
    return s;
}

void fr_source_unref(fr_source *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) > 1)
        return;
    s->end(s);
    free(s);
}

fr_dataset *fr_dataset_of_source(const char *what, fr_source *s)
{
    fr_dataset *d = s ? fr_object_new(sizeof *d) : NULL;

    if (s && !d) {
        fr_source_unref(s);
        return fr_fail_memory(what);
    }
    if (d)
        d->source = s;
    return d;
}

static void release(void *object)
{
    fr_source_unref(((fr_dataset *)object)->source);
}

void fr_dataset_free(fr_dataset *d)
{
    fr_object_end("dataset_free", d, "dataset", release);
}

int64_t fr_dataset_rows(const fr_dataset *d)
{
    return fr_is_given("dataset_rows", d, "dataset") ? d->source->rows : -1;
}

fr_tensor *fr_new_rows(const char *what, const fr_shape *row, fr_dtype dtype, int64_t n)
{
    fr_shape shape = { .ndim = row->ndim + 1, .dim = { n } };
    int64_t numel;

    for (int i = 0; i < row->ndim; i++)
        shape.dim[i + 1] = row->dim[i];
    return fr_shape_check(what, &shape, dtype, &numel) ? fr_tensor_alloc(what, &shape, dtype) : NULL;
}

/* --- Rows of tensors ---------------------------------------------------------------------------------------------- */

typedef struct {
    fr_source source;
    fr_tensor **tensors; /* the user's tensors, detached */
} tensor_source;

static bool copy_rows(const fr_source *s, const char *what, const int64_t *rows, int64_t n, fr_tensor **batch)
{
    const tensor_source *ts = (const tensor_source *)s;

    for (int i = 0; i < s->count; i++) {
        const fr_tensor *t = ts->tensors[i];
        fr_shape shape = t->shape;

        shape.dim[0] = n;
        batch[i] = fr_tensor_alloc(what, &shape, (fr_dtype)t->dtype);
        if (!batch[i])
            return false;
        fr_copy_rows(batch[i], t, rows);
    }
    return true;
}

static void end_tensors(fr_source *s)
{
    tensor_source *ts = (tensor_source *)s;

    for (int i = 0; i < s->count; i++)
        fr_unref(ts->tensors[i]);
    free(ts->tensors);
}

static bool check_tensors(const char *what, fr_tensor *const *tensors, int n)
{
    char text[FR_SHAPE_TEXT], other[FR_SHAPE_TEXT];

    if (!fr_check_argument(what, tensors, "tensors"))
        return false;
    if (n < 1)
        return fr_fail(what, "%d tensors given, expected 1 or more", n);
    for (int i = 0; i < n; i++) {
        if (!fr_check_argument(what, tensors[i], "a tensor"))
            return false;
        if (tensors[i]->shape.ndim == 0)
            return fr_fail(what, "tensor %d is a scalar: it has no rows", i);
        if (tensors[i]->shape.dim[0] != tensors[0]->shape.dim[0])
            return fr_fail(what, "tensor %d is of shape %s, tensor 0 of %s: their first dims differ", i,
                           fr_shape_text(&tensors[i]->shape, text), fr_shape_text(&tensors[0]->shape, other));
    }
    return true;
}

fr_source *fr_tensor_source(const char *what, fr_tensor *const *tensors, int n)
{
    tensor_source *ts = check_tensors(what, tensors, n) ? fr_source_new(what, sizeof *ts) : NULL;

    if (!ts)
        return NULL;
    ts->source.rows = tensors[0]->shape.dim[0];
    ts->source.make = copy_rows;
    ts->source.end = end_tensors;
    ts->tensors = calloc((size_t)n, sizeof *ts->tensors);
    if (!ts->tensors)
        fr_fail_memory(what);
    while (ts->tensors && ts->source.count < n) {
        const fr_tensor *t = tensors[ts->source.count];
        fr_tensor *shared = fr_tensor_share(what, t, &t->shape, t->stride, 0);

        if (!shared)
            break;
        ts->tensors[ts->source.count++] = shared;
    }
    if (ts->source.count == n)
        return &ts->source;
    fr_source_unref(&ts->source);
    return NULL;
}

fr_dataset *fr_dataset_tensors(fr_tensor *const *tensors, int n)
{
    const char *what = "dataset_tensors";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_dataset *d = fr_dataset_of_source(what, fr_tensor_source(what, tensors, n));

    fr_finish(th, before);
    return d;
}

/* --- Rows that a function makes ----------------------------------------------------------------------------------- */

typedef struct {
    fr_source source;
    fr_dataset_options options; /* its lists are copies in `shapes` and `dtypes` */
    fr_shape *shapes;
    fr_dtype *dtypes;
} function_source;

/* Calls the function for each row; at[i] goes through the rows of tensor i. */
static bool call_for_rows(const function_source *fs, const char *what, const int64_t *rows, int64_t n,
                          fr_tensor *const *batch, void **at)
{
    for (int64_t k = 0; k < n; k++) {
        for (int i = 0; i < fs->source.count; i++)
            at[i] = batch[i]->origin + k * (batch[i]->numel / n) * (int64_t)fr_dtype_size((fr_dtype)batch[i]->dtype);
        if (!fs->options.row(rows[k], at, fs->options.user) || fr_thread_self()->errors.pending)
            return fr_fail(what, "row %lld: the dataset's function failed", (long long)rows[k]);
    }
    return true;
}

static bool make_rows(const fr_source *s, const char *what, const int64_t *rows, int64_t n, fr_tensor **batch)
{
    const function_source *fs = (const function_source *)s;
    void **at = calloc((size_t)s->count, sizeof *at);
    bool ok = at != NULL || fr_fail_memory(what);

    for (int i = 0; ok && i < s->count; i++) {
        batch[i] = fr_new_rows(what, &fs->shapes[i], fs->dtypes[i], n);
        ok = batch[i] != NULL;
        if (ok)
            fr_fill(batch[i], 0);
    }
    ok = ok && call_for_rows(fs, what, rows, n, batch, at);
    free(at);
    return ok;
}

static void end_function(fr_source *s)
{
    function_source *fs = (function_source *)s;

    if (fs->options.release)
        fs->options.release(fs->options.user);
    free(fs->shapes);
    free(fs->dtypes);
}

static bool check_options(const char *what, const fr_dataset_options *o)
{
    if (!fr_check_argument(what, o, "options") || !fr_check_reserved(what, o->reserved))
        return false;
    if (o->rows < 0 || o->count < 1)
        return fr_fail(what, "%lld rows of %d tensors, expected 0 or more of 1 or more", (long long)o->rows, o->count);
    if (!o->row)
        return fr_fail(what, "row is NULL, expected a function");
    for (int i = 0; i < o->count; i++) {
        int64_t numel;

        if (o->shapes && o->shapes[i].ndim >= FR_MAX_DIMS)
            return fr_fail(what, "tensor %d: a row of %d dims, expected at most %d", i, o->shapes[i].ndim,
                           FR_MAX_DIMS - 1);
        if (!fr_shape_check(what, o->shapes ? &o->shapes[i] : &(fr_shape){ 0 }, o->dtypes ? o->dtypes[i] : FR_F64,
                            &numel))
            return false;
    }
    return true;
}

static fr_source *make_function_source(const char *what, const fr_dataset_options *o)
{
    function_source *fs = check_options(what, o) ? fr_source_new(what, sizeof *fs) : NULL;

    if (!fs)
        return NULL;
    fs->source.rows = o->rows;
    fs->source.count = o->count;
    fs->source.make = make_rows;
    fs->source.end = end_function;
    fs->shapes = calloc((size_t)o->count, sizeof *fs->shapes);
    fs->dtypes = calloc((size_t)o->count, sizeof *fs->dtypes);
    if (!fs->shapes || !fs->dtypes) {
        fr_source_unref(&fs->source);
        return fr_fail_memory(what);
    }
    for (int i = 0; i < o->count; i++) {
        fs->dtypes[i] = o->dtypes ? o->dtypes[i] : fr_default_dtype();
        if (o->shapes)
            fs->shapes[i] = o->shapes[i];
    }
    fs->options = *o;
    fs->options.release = NULL; /* until there is a dataset: before, `user` stays the caller's */
    return &fs->source;
}

fr_dataset *fr_dataset_new(const fr_dataset_options *options)
{
    const char *what = "dataset_new";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_dataset *d = fr_dataset_of_source(what, make_function_source(what, options));

    if (d)
        ((function_source *)d->source)->options.release = options->release;
    fr_finish(th, before);
    return d;
}

bool fr_dataset_fail(const char *message)
{
    const char *what = "dataset_fail";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);

    if (fr_check_argument(what, message, "message"))
        fr_fail("dataset", "%s", message);
    fr_finish(th, before);
    return false;
}
