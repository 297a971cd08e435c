/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* diagonal, diag: of a matrix (m,n) that lies row by row, the neighbours on a diagonal are n + 1 apart. So a diagonal
 * is a slice with that step, and a matrix of a given diagonal comes of padding each value to n + 1. Their cases stand
 * in slice.c and pad.c. */
#include "ops/view/view.h"

/* Diagonal k of the last two dims. */
static fr_tensor *last_diagonal(fr_tensor *t, int64_t k)
{
    if (!t)
        return NULL;

    fr_shape rows = t->shape;
    int last = rows.ndim - 2;
    int64_t m = rows.dim[last], n = rows.dim[last + 1], start, count;

    rows.ndim--;
    fr_mul_size(m, n, &rows.dim[last]); /* overflows only beside a dim of size 0 */
    t = fr_reshape(t, rows);
    if (k >= n || k <= -m)
        return fr_slice(t, -1, 0, 0, 1);
    start = k < 0 ? -k * n : k;
    count = k < 0 ? fr_least(m + k, n) : fr_least(m, n - k);
    return fr_slice(t, -1, start, start + (count - 1) * (n + 1) + 1, n + 1);
}

static fr_tensor *diagonal(const char *what, fr_tensor *t, int64_t offset, int dim1, int dim2)
{
    const fr_shape dims = { 2, { dim1, dim2 } };
    int order[FR_MAX_DIMS], n = fr_dims_last(what, t, &dims, order);

    if (n == 0)
        return fr_fail(what, "a scalar has no diagonal");
    return n < 0 ? NULL : last_diagonal(fr_permute(t, order), offset);
}

fr_tensor *fr_diagonal(fr_tensor *t, int64_t offset, int dim1, int dim2)
{
    fr_composition c = fr_compose("diagonal");

    return fr_composed(c, fr_check_argument("diagonal", t, "t") ? diagonal("diagonal", t, offset, dim1, dim2) : NULL);
}

/* The matrix with the vector t on diagonal k, zeros elsewhere. */
static fr_tensor *diagonal_matrix(fr_tensor *t, int64_t k)
{
    int64_t n = t->numel, size, start, all;

    if (__builtin_add_overflow(n,
                               k == INT64_MIN ? INT64_MAX
                               : k < 0        ? -k
                                              : k,
                               &size) ||
        !fr_mul_size(size, size + 1, &all))
        return fr_fail("diag", "diagonal %lld of %lld values: too large", (long long)k, (long long)n);
    start = k < 0 ? -k * size : k;
    t = fr_pad(fr_reshape(t, (fr_shape){ 2, { n, 1 } }), (int64_t[]){ 0, size }, 2, 0);
    t = fr_reshape(t, (fr_shape){ 1, { n * (size + 1) } });
    t = fr_pad(t, (int64_t[]){ start, size * size - start - n * (size + 1) }, 2, 0);
    return fr_reshape(t, (fr_shape){ 2, { size, size } });
}

fr_tensor *fr_diag(fr_tensor *t, int64_t k)
{
    fr_composition c = fr_compose("diag");
    fr_tensor *y = NULL;
    char text[FR_SHAPE_TEXT];

    if (!fr_check_argument("diag", t, "t"))
        y = NULL;
    else if (t->shape.ndim == 1)
        y = diagonal_matrix(t, k);
    else if (t->shape.ndim == 2)
        y = diagonal("diag", t, k, 0, 1);
    else
        fr_fail("diag", "shape %s, expected one or two dims", fr_shape_text(&t->shape, text));
    return fr_composed(c, y);
}
