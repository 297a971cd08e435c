/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Products that are matrix products of other shapes: bmm, baddbmm, tensordot; and cdist. Their cases stand in matmul.c.
 */
#include "ops/op.h"

static bool are_batches(const char *what, fr_tensor *a, fr_tensor *b)
{
    char x[FR_SHAPE_TEXT], z[FR_SHAPE_TEXT];

    return (a->shape.ndim == 3 && b->shape.ndim == 3 && a->shape.dim[0] == b->shape.dim[0] &&
            a->shape.dim[2] == b->shape.dim[1]) ||
           fr_fail(what, "%s x %s, expected (B,N,M) x (B,M,P)", fr_shape_text(&a->shape, x),
                   fr_shape_text(&b->shape, z));
}

fr_tensor *fr_bmm(fr_tensor *a, fr_tensor *b)
{
    fr_composition c = fr_compose("bmm");
    bool ok = fr_check_argument("bmm", a, "a") && fr_check_argument("bmm", b, "b") && are_batches("bmm", a, b);

    return fr_composed(c, ok ? fr_matmul(a, b) : NULL);
}

/* beta t + alpha product. For beta 0, t counts for nothing but its shape, even where it is NaN. */
static fr_tensor *added(fr_tensor *t, fr_tensor *product, double beta, double alpha)
{
    char from[FR_SHAPE_TEXT], to[FR_SHAPE_TEXT];

    if (product && !fr_shape_broadcasts_to(&t->shape, &product->shape))
        return fr_fail("baddbmm", "%s does not broadcast to %s", fr_shape_text(&t->shape, from),
                       fr_shape_text(&product->shape, to));
    if (alpha != 1)
        product = fr_mul_scalar(product, alpha);
    if (beta == 0)
        return product;
    return fr_add(beta == 1 ? t : fr_mul_scalar(t, beta), product);
}

fr_tensor *fr_baddbmm(fr_tensor *t, fr_tensor *batch1, fr_tensor *batch2, double beta, double alpha)
{
    fr_composition c = fr_compose("baddbmm");
    bool ok = fr_check_argument("baddbmm", t, "t") && fr_check_argument("baddbmm", batch1, "batch1") &&
              fr_check_argument("baddbmm", batch2, "batch2") && are_batches("baddbmm", batch1, batch2);

    return fr_composed(c, ok ? added(t, fr_matmul(batch1, batch2), beta, alpha) : NULL);
}

/* The dims of t that are listed go to the end and are joined, as are the others. shape gets those at its end. */
static fr_tensor *as_matrix(fr_tensor *t, const fr_shape *dims, fr_shape *shape)
{
    int order[FR_MAX_DIMS], n = fr_dims_last("tensordot", t, dims, order), kept = t->shape.ndim - n;
    fr_shape matrix = { 2, { 1, 1 } };
    char text[FR_SHAPE_TEXT];

    if (n < 0)
        return NULL;
    if (shape->ndim + kept > FR_MAX_DIMS)
        return fr_fail("tensordot", "shape %s leaves more than %d dims", fr_shape_text(&t->shape, text), FR_MAX_DIMS);
    for (int i = 0; i < t->shape.ndim; i++) {
        int64_t size = t->shape.dim[order[i]], *joined = &matrix.dim[i >= kept];

        fr_mul_size(*joined, size, joined); /* overflows only beside a dim of size 0 */
        if (i < kept)
            shape->dim[shape->ndim++] = size;
    }
    return fr_reshape(fr_permute(t, order), matrix);
}

static fr_tensor *tensordot(fr_tensor *a, fr_tensor *b, const fr_shape *dims_a, const fr_shape *dims_b)
{
    fr_shape y = { 0 };
    fr_tensor *left = as_matrix(a, dims_a, &y), *right = left ? as_matrix(b, dims_b, &y) : NULL;
    char x[FR_SHAPE_TEXT], z[FR_SHAPE_TEXT];
    bool match = dims_a->ndim == dims_b->ndim;

    if (!left || !right)
        return NULL;
    for (int i = 0; match && i < dims_a->ndim; i++)
        match = fr_dim(a, (int)dims_a->dim[i]) == fr_dim(b, (int)dims_b->dim[i]);
    if (!match)
        return fr_fail("tensordot", "dims %s of the first and %s of the second have different sizes",
                       fr_shape_text(dims_a, x), fr_shape_text(dims_b, z));
    return fr_reshape(fr_matmul(left, fr_transpose(right, 0, 1)), y);
}

fr_tensor *fr_tensordot(fr_tensor *a, fr_tensor *b, fr_shape dims_a, fr_shape dims_b)
{
    fr_composition c = fr_compose("tensordot");
    bool ok = fr_check_argument("tensordot", a, "a") && fr_check_argument("tensordot", b, "b");

    return fr_composed(c, ok ? tensordot(a, b, &dims_a, &dims_b) : NULL);
}

static fr_tensor *cdist(fr_tensor *x1, fr_tensor *x2, double p)
{
    const fr_shape *a = &x1->shape, *b = &x2->shape;
    char x[FR_SHAPE_TEXT], z[FR_SHAPE_TEXT];

    if (a->ndim < 2 || b->ndim < 2 || a->dim[a->ndim - 1] != b->dim[b->ndim - 1])
        return fr_fail("cdist", "%s and %s, expected (...,P,M) and (...,R,M)", fr_shape_text(a, x),
                       fr_shape_text(b, z));
    if (!(p >= 0))
        return fr_fail("cdist", "p is %g, expected 0 or more", p);
    return fr_norm_dims(fr_sub(fr_unsqueeze(x1, -2), fr_unsqueeze(x2, -3)), p, (fr_shape){ 1, { -1 } }, false);
}

fr_tensor *fr_cdist(fr_tensor *x1, fr_tensor *x2, double p)
{
    fr_composition c = fr_compose("cdist");
    bool ok = fr_check_argument("cdist", x1, "x1") && fr_check_argument("cdist", x2, "x2");

    return fr_composed(c, ok ? cdist(x1, x2, p) : NULL);
}
