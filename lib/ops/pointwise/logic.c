/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Masks: 0 is false, all else is true, in any dtype. Their cases stand in ne.c. */
#include "ops/op.h"

/* 1 where t is true, in the given dtype. */
static fr_tensor *truth(fr_tensor *t, const fr_tensor *like)
{
    return fr_cast(fr_ne_scalar(t, 0), (fr_dtype)like->dtype);
}

static fr_tensor *of_both(const char *name, fr_tensor *a, fr_tensor *b, fr_tensor *(*op)(fr_tensor *, fr_tensor *))
{
    fr_composition c = fr_compose(name);
    bool ok = fr_check_argument(name, a, "a") && fr_check_argument(name, b, "b");

    return fr_composed(c, ok ? op(truth(a, a), truth(b, a)) : NULL);
}

fr_tensor *fr_logical_and(fr_tensor *a, fr_tensor *b)
{
    return of_both("logical_and", a, b, fr_mul);
}

fr_tensor *fr_logical_or(fr_tensor *a, fr_tensor *b)
{
    return of_both("logical_or", a, b, fr_maximum);
}

fr_tensor *fr_logical_xor(fr_tensor *a, fr_tensor *b)
{
    return of_both("logical_xor", a, b, fr_ne);
}

#define OF_ONE(NAME, EXPR)                                                                                             \
    fr_tensor *fr_##NAME(fr_tensor *t)                                                                                 \
    {                                                                                                                  \
        fr_composition c = fr_compose(#NAME);                                                                          \
                                                                                                                       \
        return fr_composed(c, fr_check_argument(#NAME, t, "t") ? EXPR : NULL);                                         \
    }

OF_ONE(logical_not, fr_eq_scalar(t, 0))
OF_ONE(isnan, fr_ne(t, t))
OF_ONE(isinf, fr_eq_scalar(fr_abs(t), INFINITY))
OF_ONE(isfinite, fr_lt_scalar(fr_abs(t), INFINITY))

/* Counted, so that no values are taken for what they are. */
OF_ONE(any, fr_ne_scalar(fr_sum(truth(t, t)), 0))
OF_ONE(all, fr_eq_scalar(fr_sum(fr_eq_scalar(t, 0)), 0))

fr_tensor *fr_any_dim(fr_tensor *t, int dim, bool keepdim)
{
    fr_composition c = fr_compose("any_dim");
    bool ok = fr_check_argument("any_dim", t, "t");

    return fr_composed(c, ok ? fr_ne_scalar(fr_sum_dim(truth(t, t), dim, keepdim), 0) : NULL);
}

fr_tensor *fr_all_dim(fr_tensor *t, int dim, bool keepdim)
{
    fr_composition c = fr_compose("all_dim");
    bool ok = fr_check_argument("all_dim", t, "t");

    return fr_composed(c, ok ? fr_eq_scalar(fr_sum_dim(fr_eq_scalar(t, 0), dim, keepdim), 0) : NULL);
}
