/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Rotary position embedding (Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021): the
 * pair (a, b) at position p becomes (a cos - b sin, b cos + a sin) of the angle p base^(-2i/D), which is a turn in its
 * plane, so that the product of a query and a key depends on the distance of their positions alone. */
#include "core/options.h"
#include "ops/op.h"

#include <frond/autograd.h>
#include <math.h>

static const char name[] = "rotary_embedding";

/* (T,D/2), in float64: angles of long sequences need it. */
static fr_tensor *angles(const fr_rotary_options *o, int64_t steps, int64_t pairs)
{
    double base = o->base > 0 ? o->base : 10000;
    fr_tensor *exponents = fr_cast(fr_arange(0, (double)pairs, 1, FR_I64), FR_F64);
    fr_tensor *speeds = fr_exp(fr_mul_scalar(exponents, -log(base) / (double)pairs));
    fr_tensor *positions = o->positions ? fr_detach(o->positions)
                                        : fr_add_scalar(fr_arange(0, (double)steps, 1, FR_I64), (double)o->offset);

    return fr_mul(fr_unsqueeze(fr_cast(positions, FR_F64), 1), speeds);
}

static fr_tensor *rotate(fr_tensor *x, const fr_rotary_options *o)
{
    int64_t steps = fr_dim(x, -2), pairs = fr_dim(x, -1) / 2, step = o->interleaved ? 2 : 1;
    fr_tensor *angle = angles(o, steps, pairs);
    fr_tensor *cosine = fr_cast(fr_cos(angle), fr_dtype_of(x)), *sine = fr_cast(fr_sin(angle), fr_dtype_of(x));
    fr_tensor *a = fr_slice(x, -1, 0, o->interleaved ? INT64_MAX : pairs, step);
    fr_tensor *b = fr_slice(x, -1, o->interleaved ? 1 : pairs, INT64_MAX, step);
    fr_tensor *turned[] = { fr_sub(fr_mul(a, cosine), fr_mul(b, sine)), fr_add(fr_mul(b, cosine), fr_mul(a, sine)) };

    return o->interleaved ? fr_view_as(fr_stack(turned, 2, -1), x) : fr_cat(turned, 2, -1);
}

static bool check(const fr_tensor *x, const fr_rotary_options *o)
{
    char text[FR_SHAPE_TEXT];
    int n = x->shape.ndim;

    if (n < 2 || x->shape.dim[n - 1] % 2 != 0 || x->shape.dim[n - 1] == 0)
        return fr_fail(name, "x %s, expected (..., T, D) with an even D of 2 or more", fr_shape_text(&x->shape, text));
    if (x->dtype == FR_I64)
        return fr_fail(name, "x is int64, expected float32 or float64");
    if (o->positions && (o->positions->shape.ndim != 1 || o->positions->shape.dim[0] != x->shape.dim[n - 2]))
        return fr_fail(name, "positions %s, expected (%lld,)", fr_shape_text(&o->positions->shape, text),
                       (long long)x->shape.dim[n - 2]);
    return (o->base >= 0 && isfinite(o->base)) || fr_fail(name, "base is %g, expected a number above 0", o->base);
}

fr_tensor *fr_rotary_embedding(fr_tensor *x, const fr_rotary_options *options)
{
    fr_composition c = fr_compose(name);
    fr_rotary_options o = options ? *options : (fr_rotary_options){ 0 };
    bool failed = options && !o.positions && fr_failed_before(fr_thread_self()); /* positions that failed to be made */
    bool ok = !failed && fr_check_argument(name, x, "x") && fr_check_reserved(name, o.reserved) &&
              (!o.positions || fr_check_argument(name, o.positions, "positions")) && check(x, &o);

    return fr_composed(c, ok ? rotate(x, &o) : NULL);
}
