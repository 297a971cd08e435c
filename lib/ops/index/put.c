/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Writing by index, out of scatter.c's ops, whose cases have these as well: scatter, scatter_add, scatter_reduce,
 * index_add, index_copy, index_fill, index_put, masked_scatter; bincount. None changes its argument. */
#include "ops/index/gather.h"

#include "core/recorder.h"

/* --- scatter ----------------------------------------------------------------------------------------------------- */

/* The corner of src that index reaches; where src is too small all of it, which the op refuses. */
static fr_tensor *corner(fr_tensor *src, const fr_tensor *index)
{
    for (int i = 0; src && i < src->shape.ndim && src->shape.ndim == index->shape.ndim; i++)
        if (src->shape.dim[i] > index->shape.dim[i])
            src = fr_slice(src, i, 0, index->shape.dim[i], 1);
    return src;
}

static bool are_there(const char *what, const fr_tensor *t, const fr_tensor *index, const fr_tensor *src)
{
    return fr_check_argument(what, t, "t") && fr_check_argument(what, index, "index") &&
           fr_check_argument(what, src, "src");
}

fr_tensor *fr_scatter(fr_tensor *t, int dim, fr_tensor *index, fr_tensor *src)
{
    fr_composition c = fr_compose("scatter");
    bool ok = are_there("scatter", t, index, src);

    return fr_composed(c, ok ? fr_scatter_put(FR_PUT_SET, t, dim, index, corner(src, index)) : NULL);
}

/* value in t's dtype, as a tensor of any shape. */
static fr_tensor *number(const char *what, const fr_tensor *t, double value, fr_shape shape)
{
    if (!fr_check_whole(what, t, value))
        return NULL;
    return fr_expand(fr_full_of((fr_shape){ 0 }, value, (fr_dtype)t->dtype), shape);
}

fr_tensor *fr_scatter_scalar(fr_tensor *t, int dim, fr_tensor *index, double value)
{
    fr_composition c = fr_compose("scatter_scalar");
    fr_tensor *src = NULL;

    if (fr_check_argument("scatter_scalar", t, "t") && fr_check_argument("scatter_scalar", index, "index"))
        src = number("scatter_scalar", t, value, index->shape);
    return fr_composed(c, src ? fr_scatter_put(FR_PUT_SET, t, dim, index, src) : NULL);
}

fr_tensor *fr_scatter_add(fr_tensor *t, int dim, fr_tensor *index, fr_tensor *src)
{
    fr_composition c = fr_compose("scatter_add");
    bool ok = are_there("scatter_add", t, index, src);

    return fr_composed(c, ok ? fr_scatter_put(FR_PUT_ADD, t, dim, index, corner(src, index)) : NULL);
}

/* Where several values meet: how many there are, and 1 where there is none. */
static fr_tensor *divisors(fr_tensor *t, int dim, fr_tensor *index, bool include_self)
{
    fr_tensor *ones = number("scatter_reduce", t, 1, index->shape);
    fr_tensor *start = include_self ? fr_ones_like(t) : fr_zeros_like(t);

    return fr_maximum_scalar(fr_scatter_put(FR_PUT_ADD, start, dim, index, ones), 1);
}

static fr_tensor *scatter_reduce(fr_tensor *t, int dim, fr_tensor *index, fr_tensor *src, const char *reduce,
                                 bool include_self)
{
    static const struct {
        const char *name;
        fr_put put;
        double start;  /* without t */
        int64_t whole; /* the same for int64 */
    } ways[] = { { "sum", FR_PUT_ADD, 0, 0 },
                 { "prod", FR_PUT_PROD, 1, 1 },
                 { "mean", FR_PUT_ADD, 0, 0 },
                 { "amax", FR_PUT_AMAX, -INFINITY, INT64_MIN },
                 { "amin", FR_PUT_AMIN, INFINITY, INT64_MAX } };
    enum { WAYS = sizeof ways / sizeof *ways };
    bool mean = reduce && strcmp(reduce, "mean") == 0, whole = t->dtype == FR_I64;
    fr_tensor *from = t, *start;
    int i = 0;

    while (i < WAYS && !(reduce && strcmp(reduce, ways[i].name) == 0))
        i++;
    if (i == WAYS)
        return fr_fail("scatter_reduce", "reduce is \"%s\", expected sum, prod, mean, amax or amin",
                       reduce ? reduce : "(null)");
    if (mean && whole)
        return fr_fail("scatter_reduce", "the mean of int64, expected float32 or float64");
    if (!include_self) {
        start = whole ? fr_tensor_from((fr_shape){ 0 }, &ways[i].whole, FR_I64)
                      : fr_full_of((fr_shape){ 0 }, ways[i].start, (fr_dtype)t->dtype);
        from = fr_scatter_put(FR_PUT_SET, t, dim, index, fr_expand(start, index->shape));
    }
    from = from ? fr_scatter_put(ways[i].put, from, dim, index, corner(src, index)) : NULL;
    return from && mean ? fr_div(from, divisors(t, dim, index, include_self)) : from;
}

fr_tensor *fr_scatter_reduce(fr_tensor *t, int dim, fr_tensor *index, fr_tensor *src, const char *reduce,
                             bool include_self)
{
    fr_composition c = fr_compose("scatter_reduce");
    bool ok = are_there("scatter_reduce", t, index, src);

    return fr_composed(c, ok ? scatter_reduce(t, dim, index, src, reduce, include_self) : NULL);
}

/* --- Whole slices, with one index for each ----------------------------------------------------------------------- */

/* Puts the slices of source to those of t that index names. */
static fr_tensor *put_slices(const char *what, fr_put put, fr_tensor *t, int dim, fr_tensor *index, fr_tensor *source)
{
    int i = t->shape.ndim > 0 ? fr_shape_dim(&t->shape, dim) : -1;
    char got[FR_SHAPE_TEXT], expected[FR_SHAPE_TEXT];

    if (i < 0)
        return fr_fail(what, "dim %d is out of range for shape %s", dim, fr_shape_text(&t->shape, got));
    index = fr_index_along(what, index, i, t->shape);
    if (index && source && !fr_shape_equal(&source->shape, &index->shape))
        return fr_fail(what, "the source has shape %s, expected %s", fr_shape_text(&source->shape, got),
                       fr_shape_text(&index->shape, expected));
    return index && source ? fr_scatter_put(put, t, i, index, source) : NULL;
}

fr_tensor *fr_index_add(fr_tensor *t, int dim, fr_tensor *index, fr_tensor *source, double alpha)
{
    fr_composition c = fr_compose("index_add");
    fr_tensor *y = NULL;

    if (are_there("index_add", t, index, source))
        y = put_slices("index_add", FR_PUT_ADD, t, dim, index, alpha == 1 ? source : fr_mul_scalar(source, alpha));
    return fr_composed(c, y);
}

fr_tensor *fr_index_copy(fr_tensor *t, int dim, fr_tensor *index, fr_tensor *source)
{
    fr_composition c = fr_compose("index_copy");
    bool ok = are_there("index_copy", t, index, source);

    return fr_composed(c, ok ? put_slices("index_copy", FR_PUT_SET, t, dim, index, source) : NULL);
}

fr_tensor *fr_index_fill(fr_tensor *t, int dim, fr_tensor *index, double value)
{
    fr_composition c = fr_compose("index_fill");
    fr_tensor *source = NULL;
    fr_shape shape;

    if (fr_check_argument("index_fill", t, "t") && fr_check_argument("index_fill", index, "index")) {
        int i = fr_shape_dim(&t->shape, dim);

        shape = t->shape;
        if (i >= 0)
            shape.dim[i] = index->numel;
        source = number("index_fill", t, value, shape);
    }
    return fr_composed(c, source ? put_slices("index_fill", FR_PUT_SET, t, dim, index, source) : NULL);
}

/* --- Several indices, one for each of the first dims ------------------------------------------------------------- */

/* The row-major number of the place in the first n dims that the indices name together. */
static fr_tensor *joined(const fr_tensor *t, fr_tensor *const *indices, int n)
{
    fr_tensor *all = NULL;

    for (int i = 0; i < n; i++) {
        fr_tensor *index = indices[i], *from_end;
        int64_t size = t->shape.dim[i];

        if (!fr_check_argument("index_put", index, "an index"))
            return NULL;
        if (index->dtype == FR_I64) {
            from_end = fr_add_scalar(index, (double)size);
            index = fr_where(fr_lt_scalar(index, 0), from_end, index);
        }
        if (!index || !fr_check_index("index_put", index, i, size))
            return NULL;
        all = all ? fr_add(fr_mul_scalar(all, (double)size), index) : index;
        if (!all)
            return NULL;
    }
    return all;
}

static fr_tensor *index_put(fr_tensor *t, fr_tensor *const *indices, int n, fr_tensor *values, bool accumulate)
{
    fr_shape places = { 2, { 1, 1 } }, rows = places, given;
    char got[FR_SHAPE_TEXT], expected[FR_SHAPE_TEXT];
    fr_tensor *index;

    if (!indices || n < 1 || n > t->shape.ndim)
        return fr_fail("index_put", "%d indices for shape %s", n, fr_shape_text(&t->shape, got));
    index = joined(t, indices, n);
    if (!index)
        return NULL;
    given = index->shape;
    for (int i = 0; i < t->shape.ndim; i++) {
        places.dim[i >= n] *= t->shape.dim[i];
        if (i >= n && given.ndim++ < FR_MAX_DIMS)
            given.dim[given.ndim - 1] = t->shape.dim[i];
    }
    if (given.ndim > FR_MAX_DIMS)
        return fr_fail("index_put", "the index and shape %s have more than %d dims together",
                       fr_shape_text(&t->shape, got), FR_MAX_DIMS);
    if (!fr_shape_broadcasts_to(&values->shape, &given))
        return fr_fail("index_put", "the values %s do not broadcast to %s", fr_shape_text(&values->shape, got),
                       fr_shape_text(&given, expected));
    rows = (fr_shape){ 2, { index->numel, places.dim[1] } };
    return fr_reshape(put_slices("index_put", accumulate ? FR_PUT_ADD : FR_PUT_SET, fr_reshape(t, places), 0,
                                 fr_reshape(index, (fr_shape){ 1, { index->numel } }),
                                 fr_reshape(fr_expand(values, given), rows)),
                      t->shape);
}

fr_tensor *fr_index_put(fr_tensor *t, fr_tensor *const *indices, int n, fr_tensor *values, bool accumulate)
{
    fr_composition c = fr_compose("index_put");
    bool ok = fr_check_argument("index_put", t, "t") && fr_check_argument("index_put", values, "values");

    return fr_composed(c, ok ? index_put(t, indices, n, values, accumulate) : NULL);
}

/* --- By a mask --------------------------------------------------------------------------------------------------- */

fr_tensor *fr_true_places(fr_tensor *mask, const fr_shape *shape)
{
    fr_tensor *all = fr_reshape(fr_expand(mask, *shape), (fr_shape){ 1, { fr_shape_numel(shape) } });

    return fr_flatten(fr_nonzero(all), 0, 1);
}

static fr_tensor *masked_scatter(fr_tensor *t, fr_tensor *mask, fr_tensor *source)
{
    char x[FR_SHAPE_TEXT], y[FR_SHAPE_TEXT];
    fr_shape all = { 1, { t->numel } }, given = { 1, { source->numel } };
    fr_tensor *index;

    if (!fr_shape_broadcasts_to(&mask->shape, &t->shape))
        return fr_fail("masked_scatter", "mask %s does not broadcast to %s", fr_shape_text(&mask->shape, x),
                       fr_shape_text(&t->shape, y));
    index = fr_true_places(mask, &t->shape);
    if (index && index->numel > source->numel)
        return fr_fail("masked_scatter", "the mask is true at %lld places, the source has %lld values",
                       (long long)index->numel, (long long)source->numel);
    if (!index)
        return NULL;
    source = fr_slice(fr_reshape(source, given), 0, 0, index->numel, 1);
    return fr_reshape(put_slices("masked_scatter", FR_PUT_SET, fr_reshape(t, all), 0, index, source), t->shape);
}

fr_tensor *fr_masked_scatter(fr_tensor *t, fr_tensor *mask, fr_tensor *source)
{
    fr_composition c = fr_compose("masked_scatter");
    bool ok = fr_check_argument("masked_scatter", t, "t") && fr_check_argument("masked_scatter", mask, "mask") &&
              fr_check_argument("masked_scatter", source, "source");

    return fr_composed(c, ok ? masked_scatter(t, mask, source) : NULL);
}

/* --- bincount ---------------------------------------------------------------------------------------------------- */

static fr_tensor *bincount(fr_tensor *t, fr_tensor *weights, int64_t minlength)
{
    char x[FR_SHAPE_TEXT], y[FR_SHAPE_TEXT];
    fr_shape bins = { 1, { minlength } };

    if (t->dtype != FR_I64 || t->shape.ndim != 1)
        return fr_fail("bincount", "%s of shape %s given, expected int64 of one dim", fr_dtype_name((fr_dtype)t->dtype),
                       fr_shape_text(&t->shape, x));
    if (weights && !fr_shape_equal(&weights->shape, &t->shape))
        return fr_fail("bincount", "the weights have shape %s, expected %s", fr_shape_text(&weights->shape, x),
                       fr_shape_text(&t->shape, y));
    if (minlength < 0)
        return fr_fail("bincount", "minlength is %lld", (long long)minlength);
    if (t->numel > 0) {
        fr_tensor *most = fr_may_look(fr_thread_self(), "bincount") ? fr_max(t) : NULL;
        int64_t last = most ? *(const int64_t *)(const void *)most->origin : -1;

        if (!most || !fr_check_index("bincount", t, 0, last < INT64_MAX ? last + 1 : last))
            return NULL;
        bins.dim[0] = fr_most(minlength, last + 1);
    }
    return fr_scatter_zeros(weights ? weights : fr_ones_like(t), bins, 0, t);
}

fr_tensor *fr_bincount(fr_tensor *t, fr_tensor *weights, int64_t minlength)
{
    fr_composition c = fr_compose("bincount");
    bool ok = fr_check_argument("bincount", t, "t") && (!weights || fr_check_argument("bincount", weights, "weights"));

    return fr_composed(c, ok ? bincount(t, weights, minlength) : NULL);
}
