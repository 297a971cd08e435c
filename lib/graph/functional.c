/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Derivatives of whole functions, as in torch.autograd.functional. */
#include "core/integer.h"
#include "graph/jvp.h"
#include "graph/backward.h"

#include <frond/ops.h>

/* A call of one of these functions. Without FR_CREATE_GRAPH the user's function gets leaves of our own, with it views
 * whose history leads to the caller's tensors. */
typedef struct {
    const char *what;
    fr_thread *th;
    fr_function *f;
    void *user;
    int n, flags;
    fr_tensor *const *given;
    fr_tensor **xs, **grads; /* (n) each */
    fr_tensor *y;
} functional;

static bool take_inputs(functional *c)
{
    for (int i = 0; i < c->n; i++) {
        fr_tensor *x = c->given[i];

        if (x->dtype == FR_I64)
            return fr_fail(c->what, "x %d is int64, which has no derivatives: hand it over through user", i);
        if (c->flags & FR_CREATE_GRAPH && fr_tracked(x))
            c->xs[i] = fr_reshape(x, x->shape);
        else
            c->xs[i] = fr_requires_grad(fr_tangents_share(c->what, fr_detach(x), x));
        if (!c->xs[i])
            return false;
    }
    return true;
}

static bool take_value(functional *c)
{
    c->y = fr_call_function(c->what, c->f, c->xs, c->user);
    return c->y != NULL;
}

/* grads = dy . d y / d xs; zeros where y has no history. */
static bool pull_back(functional *c, fr_tensor *y, fr_tensor *dy, int flags)
{
    if (fr_tracked(y))
        return fr_gradients_of_many(c->what, &y, &dy, 1, c->xs, c->n, c->grads, flags);
    for (int i = 0; i < c->n; i++)
        if (!(c->grads[i] = fr_zeros_like(c->xs[i])))
            return false;
    return true;
}

/* A result for the caller, with its history if FR_CREATE_GRAPH asks for it. One reference. */
static fr_tensor *result(const functional *c, fr_tensor *t)
{
    if (!(c->flags & FR_CREATE_GRAPH))
        t = fr_tangents_share(c->what, fr_detach(t), t);
    return fr_ref(t);
}

typedef bool body(functional *c, void *arguments, fr_tensor **out);

/* Runs b in a scope of its own. b puts count results into out, one reference each; the caller's scope gets them. */
static bool run(functional *c, body *b, void *arguments, fr_tensor **out, int count)
{
    size_t bytes = 2 * (size_t)c->n * sizeof *c->xs;
    bool before = c->th->mode.no_grad, ok = false;
    int scope = -1;

    if (c->flags & ~FR_CREATE_GRAPH)
        return fr_fail(c->what, "flags %d: expected FR_CREATE_GRAPH or 0", c->flags);
    if (!(c->xs = fr_alloc(bytes)))
        return fr_fail_memory(c->what);
    c->grads = c->xs + c->n;
    scope = fr_scope_begin();
    c->th->mode.no_grad = false; /* until the scope ends */
    ok = scope >= 0 && take_inputs(c) && b(c, arguments, out);
    c->th->mode.no_grad = before;
    fr_scope_end(scope);
    fr_free(c->xs, bytes);
    for (int i = 0; i < count; i++) {
        if (!ok)
            fr_assign(&out[i], NULL);
        else
            ok = (out[i] = fr_hold(c->what, out[i])) != NULL;
    }
    for (int i = 0; i < count && !ok; i++)
        out[i] = NULL; /* those held go with the scope */
    return ok;
}

/* Checks the arguments that all these functions have, and clears out. */
static bool begin(functional *c, fr_tensor **out, int64_t count)
{
    if (!out)
        return fr_fail(c->what, "there is nowhere to put the results");
    if (!fr_check_function(c->what, c->f, c->given, c->n))
        return false;
    for (int64_t i = 0; i < count; i++)
        out[i] = NULL;
    return true;
}

/* --- Products ----------------------------------------------------------------------------------------------------- */

/* out: y, then dxs. */
static bool vjp_body(functional *c, void *arguments, fr_tensor **out)
{
    fr_tensor *dy = arguments;

    if (!take_value(c))
        return false;
    if (!dy && c->y->numel != 1)
        return fr_fail(c->what, "the function gave %lld values: give their gradient", (long long)c->y->numel);
    if (dy && !fr_check_like(c->what, "gradient", 0, dy, c->y))
        return false;
    if (!pull_back(c, c->y, dy, c->flags))
        return false;
    out[0] = result(c, c->y);
    for (int i = 0; i < c->n && out[i]; i++)
        out[i + 1] = result(c, c->grads[i]);
    return out[c->n] != NULL;
}

/* Forward mode over reverse mode: the gradients are computed under a level of their own, with tangents vs of xs; the
 * gradients' tangents are the product. out: y, then hvs. */
static bool hvp_body(functional *c, void *arguments, fr_tensor **out)
{
    fr_tensor *const *vs = arguments;
    fr_level *outer = c->th->levels.current, *level = fr_level_begin_at(c->th, c->what, c->xs, vs, c->n);
    bool ok = level && take_value(c);

    if (ok && c->y->numel != 1)
        ok = fr_fail(c->what, "the function gave %lld values, expected a scalar", (long long)c->y->numel);
    ok = ok && pull_back(c, c->y, NULL, c->flags);
    c->th->levels.current = outer;
    if (ok)
        out[0] = result(c, c->y);
    ok = ok && out[0];
    for (int i = 0; i < c->n && ok; i++) {
        fr_tensor *product = fr_tangent_or_zeros(c->grads[i], level);

        ok = product && (out[i + 1] = result(c, product));
    }
    return ok;
}

/* Runs fr_vjp or fr_hvp. The results are y, which may not be wanted, and one for each x. */
static bool products(functional *c, body *b, void *arguments, fr_tensor **y, fr_tensor **out)
{
    size_t bytes = ((size_t)c->n + 1) * sizeof *out;
    fr_tensor **all = fr_alloc(bytes);
    bool ok = all != NULL;

    if (!all)
        fr_fail_memory(c->what);
    for (int i = 0; i <= c->n && all; i++)
        all[i] = NULL;
    ok = ok && run(c, b, arguments, all, c->n + 1);
    if (ok) {
        memcpy(out, all + 1, (size_t)c->n * sizeof *out);
        if (y)
            *y = all[0];
    }
    fr_free(all, bytes);
    return ok;
}

bool fr_vjp(fr_function *f, fr_tensor *const *xs, int n, void *user, fr_tensor *dy, int flags, fr_tensor **y,
            fr_tensor **dxs)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "vjp");
    functional c = { .what = "vjp", .th = th, .f = f, .user = user, .n = n, .flags = flags, .given = xs };
    bool ok = false;

    if (y)
        *y = NULL;
    if (begin(&c, dxs, n) && (dy || !fr_failed_before(th)))
        ok = products(&c, vjp_body, dy, y, dxs);
    fr_finish(th, before);
    return ok;
}

bool fr_hvp(fr_function *f, fr_tensor *const *xs, fr_tensor *const *vs, int n, void *user, int flags, fr_tensor **y,
            fr_tensor **hvs)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "hvp");
    functional c = { .what = "hvp", .th = th, .f = f, .user = user, .n = n, .flags = flags, .given = xs };
    bool ok = begin(&c, hvs, n);

    if (y)
        *y = NULL;
    if (ok && !vs)
        ok = fr_fail("hvp", "vs is NULL, expected an array of n tensors");
    for (int i = 0; i < n && ok; i++)
        ok = fr_check_argument("hvp", vs[i], "a v") && fr_check_like("hvp", "v", i, vs[i], xs[i]);
    ok = ok && products(&c, hvp_body, (void *)vs, y, hvs);
    fr_finish(th, before);
    return ok;
}

/* --- Matrices ----------------------------------------------------------------------------------------------------- */

/* Zeros of t's shape with a 1 at row-major position `at`. */
static fr_tensor *one_hot(const fr_tensor *t, int64_t at)
{
    fr_tensor *hot = fr_zeros_like(t);

    if (hot && hot->dtype == FR_F64)
        ((double *)hot->origin)[at] = 1;
    else if (hot)
        ((float *)hot->origin)[at] = 1;
    return hot;
}

static bool join_shapes(const char *what, const fr_shape *a, const fr_shape *b, fr_shape *both)
{
    char x[FR_SHAPE_TEXT], y[FR_SHAPE_TEXT];

    *both = *a;
    if (a->ndim + b->ndim > FR_MAX_DIMS)
        return fr_fail(what, "derivatives of shape %s by shape %s would have %d dims, expected at most %d",
                       fr_shape_text(a, x), fr_shape_text(b, y), a->ndim + b->ndim, FR_MAX_DIMS);
    memcpy(both->dim + a->ndim, b->dim, (size_t)b->ndim * sizeof *b->dim);
    both->ndim += b->ndim;
    return true;
}

/* The rows or columns of a Jacobian, as they are computed. */
typedef struct {
    fr_tensor **slices;
    int64_t count;
} slices;

/* The Jacobian of y by x, of y's shape followed by x's, from its rows (the gradients of each element of y) or its
 * columns (the tangents of y for each element of x). */
static fr_tensor *put_together(const functional *c, const slices *s, const fr_tensor *y, const fr_tensor *x,
                               bool columns)
{
    fr_shape shape;
    fr_tensor *t;

    if (!join_shapes(c->what, &y->shape, &x->shape, &shape))
        return NULL;
    if (s->count == 0 || s->count > INT32_MAX) {
        t = s->count == 0 ? fr_hold(c->what, fr_tensor_alloc(c->what, &shape, (fr_dtype)y->dtype))
                          : fr_fail(c->what, "%lld derivatives, expected at most %d", (long long)s->count, INT32_MAX);
        return result(c, t);
    }
    t = fr_stack(s->slices, (int)s->count, 0);
    if (t && columns) {
        t = fr_reshape(t, FR_SHAPE(x->numel, y->numel));
        t = t ? fr_contiguous(fr_transpose(t, 0, 1)) : NULL;
    }
    return t ? result(c, fr_reshape(t, shape)) : NULL;
}

static int64_t count_columns(const functional *c)
{
    int64_t columns = 0;

    for (int i = 0; i < c->n; i++)
        columns += c->xs[i]->numel;
    return columns;
}

/* tables[i] = d y / d xs[i], one reference each, row by row: the gradients of one element of y after the other. */
static bool by_rows(functional *c, fr_tensor *y, fr_tensor **tables)
{
    int64_t rows = y->numel, entries;
    size_t bytes;
    fr_tensor **room;
    bool ok = true;

    if (!fr_mul_size(rows, c->n, &entries) || !fr_mul_size(entries, (int64_t)sizeof *room, &entries))
        return fr_fail_memory(c->what);
    bytes = (size_t)entries;
    if (!(room = fr_alloc(bytes)))
        return fr_fail_memory(c->what);
    for (int64_t row = 0; row < rows && ok; row++) {
        ok = pull_back(c, y, one_hot(y, row), c->flags ? c->flags : FR_RETAIN_GRAPH);
        for (int i = 0; i < c->n && ok; i++)
            room[i * rows + row] = c->grads[i];
    }
    for (int i = 0; i < c->n && ok; i++) {
        slices s = { .slices = room + i * rows, .count = rows };

        ok = (tables[i] = put_together(c, &s, y, c->xs[i], false)) != NULL;
    }
    fr_free(room, bytes);
    return ok;
}

/* One column: the tangent of f's result if element `at` of x i has tangent 1 and all others have 0. */
static fr_tensor *column(functional *c, int i, int64_t at)
{
    fr_tensor *hot = one_hot(c->xs[i], at), *y, *tangent = NULL;
    fr_level *outer = c->th->levels.current,
             *level = hot ? fr_level_begin_at(c->th, c->what, &c->xs[i], &hot, 1) : NULL;

    y = level ? fr_call_function(c->what, c->f, c->xs, c->user) : NULL;
    c->th->levels.current = outer;
    if (y && fr_shape_equal(&y->shape, &c->y->shape))
        tangent = fr_tangent_or_zeros(y, level);
    else if (y)
        fr_fail(c->what, "the function gave another shape when it was run again");
    return tangent;
}

/* The same column by column. Each runs in a scope of its own, so that its level ends. */
static bool by_columns(functional *c, fr_tensor **tables)
{
    bool ok = true;

    for (int i = 0; i < c->n && ok; i++) {
        int64_t count = c->xs[i]->numel;
        size_t bytes = (size_t)count * sizeof(fr_tensor *);
        slices s = { .slices = fr_alloc(bytes), .count = count };

        if (!s.slices)
            return fr_fail_memory(c->what);
        for (int64_t at = 0; at < count && ok; at++) {
            int scope = fr_scope_begin();

            s.slices[at] = scope < 0 ? NULL : fr_escape(column(c, i, at));
            fr_scope_end(scope);
            ok = s.slices[at] != NULL;
        }
        ok = ok && (tables[i] = put_together(c, &s, c->y, c->xs[i], true));
        fr_free(s.slices, bytes);
    }
    return ok;
}

static bool is_float(const functional *c, const fr_tensor *y)
{
    return y->dtype != FR_I64 || fr_fail(c->what, "the function gave int64, which has no derivatives");
}

static bool jacobian_body(functional *c, void *arguments, fr_tensor **out)
{
    (void)arguments;
    if (!take_value(c) || !is_float(c, c->y))
        return false;
    return count_columns(c) < c->y->numel ? by_columns(c, out) : by_rows(c, c->y, out);
}

bool fr_jacobian(fr_function *f, fr_tensor *const *xs, int n, void *user, int flags, fr_tensor **out)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "jacobian");
    functional c = { .what = "jacobian", .th = th, .f = f, .user = user, .n = n, .flags = flags, .given = xs };
    bool ok = begin(&c, out, n) && run(&c, jacobian_body, NULL, out, n);

    fr_finish(th, before);
    return ok;
}

enum { MOST_INPUTS = 1000 };

/* The Hessian is the Jacobian of the gradients, row by row. arguments: room for n tensors. */
static bool hessian_body(functional *c, void *arguments, fr_tensor **out)
{
    fr_tensor **gradients = arguments;
    bool ok = take_value(c) && is_float(c, c->y);

    if (ok && c->y->numel != 1)
        ok = fr_fail(c->what, "the function gave %lld values, expected a scalar", (long long)c->y->numel);
    ok = ok && pull_back(c, c->y, NULL, FR_CREATE_GRAPH);
    if (ok)
        memcpy(gradients, c->grads, (size_t)c->n * sizeof *gradients);
    for (int i = 0; i < c->n && ok; i++)
        ok = by_rows(c, gradients[i], out + (int64_t)i * c->n);
    return ok;
}

bool fr_hessian(fr_function *f, fr_tensor *const *xs, int n, void *user, int flags, fr_tensor **out)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "hessian");
    functional c = { .what = "hessian", .th = th, .f = f, .user = user, .n = n, .flags = flags, .given = xs };
    bool ok = false;

    if (n > MOST_INPUTS) {
        fr_fail("hessian", "%d inputs, expected at most %d", n, MOST_INPUTS);
    } else if (begin(&c, out, (int64_t)n * n)) {
        fr_tensor *gradients[MOST_INPUTS];

        ok = run(&c, hessian_body, gradients, out, n * n);
    }
    fr_finish(th, before);
    return ok;
}
