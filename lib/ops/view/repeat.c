/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* repeat, tile and repeat_interleave: the values are seen as (outer,1,inner), expanded along the middle, and seen in
 * the shape that is wanted. Their cases stand in expand.c. */
#include "ops/view/view.h"

/* *product = the size of dim times n. Fails where that is no size. */
static bool multiply_dim(const char *what, const fr_shape *shape, int dim, int64_t n, int64_t *product)
{
    char text[FR_SHAPE_TEXT];

    return (n >= 0 && fr_mul_size(shape->dim[dim], n, product)) ||
           fr_fail(what, "dim %d of shape %s cannot be repeated %lld times", dim, fr_shape_text(shape, text),
                   (long long)n);
}

/* Repeats blocks of t, those of dims first, first + 1, ..., n times each. dim, which is multiplied by n, is first or
 * the dim before it. */
static fr_tensor *repeat_blocks(const char *what, fr_tensor *t, int dim, int first, int64_t n)
{
    if (!t)
        return NULL;

    fr_shape y = t->shape, blocks = { 3, { 1, 1, 1 } };

    if (!multiply_dim(what, &t->shape, dim, n, &y.dim[dim]))
        return NULL;
    if (n == 0)
        return fr_slice(t, dim, 0, 0, 1);
    if (t->numel == 0)
        return fr_reshape(t, y);
    for (int i = 0; i < t->shape.ndim; i++)
        blocks.dim[i < first ? 0 : 2] *= t->shape.dim[i];
    t = fr_reshape(t, blocks);
    blocks.dim[1] = n;
    return fr_reshape(fr_expand(t, blocks), y);
}

/* The counts are for the last dims of t, before which there may be new ones. */
static fr_tensor *repeated(const char *what, fr_tensor *t, const fr_shape *counts)
{
    int ndim = counts->ndim > t->shape.ndim ? counts->ndim : t->shape.ndim;
    int new = ndim - t->shape.ndim, first = ndim - counts->ndim;
    fr_shape from = { .ndim = ndim }, y;
    int64_t numel;

    for (int i = 0; i < ndim; i++)
        from.dim[i] = i < new ? 1 : t->shape.dim[i - new];
    y = from;
    for (int i = first; i < ndim; i++)
        if (!multiply_dim(what, &from, i, counts->dim[i - first], &y.dim[i]))
            return NULL;
    if (!fr_shape_check(what, &y, (fr_dtype)t->dtype, &numel))
        return NULL;
    t = fr_reshape(t, from);
    for (int i = first; i < ndim; i++)
        if (counts->dim[i - first] != 1)
            t = repeat_blocks(what, t, i, i, counts->dim[i - first]);
    return t;
}

fr_tensor *fr_repeat(fr_tensor *t, fr_shape counts)
{
    fr_composition c = fr_compose("repeat");
    fr_tensor *y = NULL;
    char given[FR_SHAPE_TEXT], text[FR_SHAPE_TEXT];

    if (!fr_check_argument("repeat", t, "t") || !fr_shape_check_ndim("repeat", &counts))
        y = NULL;
    else if (counts.ndim < t->shape.ndim)
        fr_fail("repeat", "counts %s for shape %s: there must be one for each dim", fr_shape_text(&counts, given),
                fr_shape_text(&t->shape, text));
    else
        y = repeated("repeat", t, &counts);
    return fr_composed(c, y);
}

fr_tensor *fr_tile(fr_tensor *t, fr_shape counts)
{
    fr_composition c = fr_compose("tile");
    bool ok = fr_check_argument("tile", t, "t") && fr_shape_check_ndim("tile", &counts);

    return fr_composed(c, ok ? repeated("tile", t, &counts) : NULL);
}

fr_tensor *fr_repeat_interleave(fr_tensor *t, int64_t repeats, int dim)
{
    fr_composition c = fr_compose("repeat_interleave");
    fr_tensor *y = NULL;
    char text[FR_SHAPE_TEXT];

    if (fr_check_argument("repeat_interleave", t, "t")) {
        int i = t->shape.ndim > 0 ? fr_shape_dim(&t->shape, dim) : -1;

        if (i < 0)
            fr_fail("repeat_interleave", "dim %d is out of range for shape %s", dim, fr_shape_text(&t->shape, text));
        else
            y = repeat_blocks("repeat_interleave", t, i, i + 1, repeats);
    }
    return fr_composed(c, y);
}
