/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Compares gradients with central differences, element by element of the Jacobian.
 *
 * The gradients are taken at views of the caller's tensors, in the caller's layout. The differences are taken at
 * contiguous copies, which are perturbed. So a kernel that goes wrong on strided or expanded inputs is found too, and
 * the caller's values are never written. */
#include "graph/jvp.h"

#include <frond/ops.h>
#include <math.h>

static const double STEP = 1e-6, ABSOLUTE = 1e-5, RELATIVE = 1e-3; /* as <frond/autograd.h> says */

/* The element of the Jacobian with the largest error, as a multiple of the allowed error. */
typedef struct {
    double excess, expected, got;
    int input;
    int64_t element, output; /* row-major */
    int64_t wrong, of;       /* elements with more than the allowed error; all elements */
} worst_element;

typedef struct {
    fr_thread *th;
    const char *what, *label; /* the public function; what the function stands for, for the message */
    fr_function *f;
    void *user;
    int n, dy;                   /* inputs; which of them is to be called dy (-1: none) */
    fr_tensor **given, **copies; /* (n) the caller's values as views, and copied */
    fr_tensor **marked;          /* those of given that are checked */
    int marked_count;
    int64_t rows, columns; /* values of f; elements of all marked inputs */
    fr_tensor *jacobian;   /* (rows, columns) */
    fr_tensor *high, *low; /* f's values on either side */
    worst_element worst;
} checker;

/* f's result, held by the open scope; NULL with an error. */
static fr_tensor *evaluate(const checker *c, fr_tensor *const *in)
{
    fr_tensor *y = fr_call_function(c->what, c->f, in, c->user);

    if (y && y->dtype != FR_F64)
        return fr_fail(c->what, "the function gave %s, expected float64", fr_dtype_name((fr_dtype)y->dtype));
    return y;
}

static bool prepare_input(checker *c, int i, fr_tensor *x)
{
    if (!fr_check_argument(c->what, x, "an x"))
        return false;
    if (x->dtype == FR_F32)
        return fr_fail(c->what, "input %d is float32, expected float64 (or int64, which is not checked)", i);
    c->given[i] = fr_detach(x);
    c->copies[i] = fr_hold(c->what, fr_tensor_copy(c->what, x));
    if (!c->given[i] || !c->copies[i])
        return false;
    if (fr_tracked(x)) {
        c->marked[c->marked_count++] = fr_requires_grad(c->given[i]);
        fr_requires_grad(c->copies[i]);
        c->columns += x->numel;
    }
    return true;
}

static bool prepare_inputs(checker *c, fr_tensor *const *xs)
{
    for (int i = 0; i < c->n; i++)
        if (!prepare_input(c, i, xs[i]))
            return false;
    if (c->marked_count == 0)
        return fr_fail(c->what, "no x wants a gradient: mark those to check with fr_requires_grad");
    return true;
}

static bool prepare_results(checker *c, const fr_tensor *y)
{
    c->rows = y->numel;
    c->high = fr_hold(c->what, fr_tensor_alloc(c->what, &y->shape, FR_F64));
    c->low = fr_hold(c->what, fr_tensor_alloc(c->what, &y->shape, FR_F64));
    c->jacobian = fr_hold(c->what, fr_tensor_alloc(c->what, &(fr_shape){ 2, { c->rows, c->columns } }, FR_F64));
    if (!c->high || !c->low || !c->jacobian)
        return false;
    memset(c->jacobian->origin, 0, c->jacobian->storage->bytes);
    return true;
}

/* Row `row` of the Jacobian: the gradients for a dy of zeros with a 1 at element `row`. */
static bool fill_row(checker *c, fr_tensor *y, int64_t row, fr_tensor **gradients)
{
    fr_tensor *dy = fr_zeros_like(y);
    int64_t at = row * c->columns, stride[FR_MAX_DIMS];

    if (dy && c->rows > 0)
        ((double *)dy->origin)[row] = 1;
    if (!dy || !fr_gradients_with(y, dy, c->marked, c->marked_count, gradients, FR_RETAIN_GRAPH))
        return false;
    for (int i = 0; i < c->marked_count && c->rows > 0; i++) {
        const fr_shape *shape = &c->marked[i]->shape;
        fr_tensor *part;

        fr_shape_strides(shape, stride);
        part = fr_hold(c->what, fr_tensor_share(c->what, c->jacobian, shape, stride, at));
        if (!part)
            return false;
        fr_copy_values(part, gradients[i]);
        at += part->numel;
    }
    return true;
}

/* If y depends on no input the Jacobian stays 0. If y has no elements one backward is run all the same: it must not
 * fail.
 */
static bool fill_jacobian(checker *c, fr_tensor *y, fr_tensor **gradients)
{
    bool ok = true;

    for (int64_t row = 0; (row == 0 || row < c->rows) && fr_tracked(y) && ok; row++) {
        int scope = fr_scope_begin();

        ok = scope >= 0 && fill_row(c, y, row, gradients);
        fr_scope_end(scope);
    }
    return ok;
}

/* values = f(copies) as they are now. */
static bool evaluate_into(checker *c, fr_tensor *values)
{
    int scope = fr_scope_begin();
    fr_tensor *y = scope < 0 ? NULL : evaluate(c, c->copies);
    bool same = y && fr_shape_equal(&y->shape, &values->shape);
    char now[FR_SHAPE_TEXT], before[FR_SHAPE_TEXT];

    if (same)
        fr_copy_values(values, y);
    else if (y)
        fr_fail(c->what, "the function gave shape %s, before that %s", fr_shape_text(&y->shape, now),
                fr_shape_text(&values->shape, before));
    fr_scope_end(scope);
    return same;
}

/* Compares column `column` of the Jacobian, for this element of this input, with differences. */
static bool check_column(checker *c, int64_t column, int input, int64_t element)
{
    double *x = (double *)c->copies[input]->origin + element, at = *x, up = at + STEP, down = at - STEP;
    bool ok;

    *x = up;
    ok = evaluate_into(c, c->high);
    *x = down;
    ok = ok && evaluate_into(c, c->low);
    *x = at;
    for (int64_t row = 0; row < c->rows && ok; row++) {
        const double *high = (const double *)c->high->origin, *low = (const double *)c->low->origin;
        double expected = (high[row] - low[row]) / (up - down);
        double got = ((const double *)c->jacobian->origin)[row * c->columns + column];
        double excess = fabs(got - expected) / (ABSOLUTE + RELATIVE * fabs(expected));
        worst_element *w = &c->worst;

        w->of++;
        if (excess <= 1) /* not so for NaN */
            continue;
        w->wrong++;
        excess = isnan(excess) ? INFINITY : excess;
        if (excess > w->excess) {
            w->excess = excess;
            w->expected = expected;
            w->got = isnan(got) ? (double)NAN : got; /* without the sign that it has on some CPUs */
            w->input = input;
            w->element = element;
            w->output = row;
        }
    }
    return ok;
}

/* Writes row-major position `position` of shape as "(1, 2)". */
static const char *position_text(const fr_shape *shape, int64_t position, char text[FR_SHAPE_TEXT])
{
    fr_shape index = *shape;

    for (int i = shape->ndim - 1; i >= 0 && shape->dim[i] > 0; i--) {
        index.dim[i] = position % shape->dim[i];
        position /= shape->dim[i];
    }
    return fr_shape_text(&index, text);
}

static bool report(const checker *c)
{
    const worst_element *w = &c->worst;
    char in[FR_SHAPE_TEXT], out[FR_SHAPE_TEXT], name[32] = "dy";

    if (w->wrong == 0)
        return true;
    if (w->input != c->dy)
        snprintf(name, sizeof name, "input %d", w->input);
    fr_fail(c->what,
            "%sderivative of output element %s by %s element %s: expected %.9g (central difference), got %.9g; "
            "%lld of %lld derivatives are wrong, this one most",
            c->label, position_text(&c->high->shape, w->output, out), name,
            position_text(&c->copies[w->input]->shape, w->element, in), w->expected, w->got, (long long)w->wrong,
            (long long)w->of);
    return false;
}

static bool check_all(checker *c, fr_tensor *const *xs, fr_tensor **gradients)
{
    fr_tensor *y = prepare_inputs(c, xs) ? evaluate(c, c->given) : NULL;
    int64_t column = 0;

    if (!y || !prepare_results(c, y) || !fill_jacobian(c, y, gradients))
        return false;
    for (int i = 0; i < c->n; i++) {
        if (!c->copies[i]->requires_grad)
            continue;
        for (int64_t k = 0; k < c->copies[i]->numel; k++)
            if (!check_column(c, column++, i, k))
                return false;
    }
    return report(c);
}

/* Gives c memory and a scope to work in. */
static bool check(checker *c, fr_tensor *const *xs)
{
    size_t bytes = (size_t)c->n * 4 * sizeof(fr_tensor *);
    fr_tensor **room = fr_alloc(bytes);
    int scope = room ? fr_scope_begin() : -1;
    bool ok = false;

    c->th = fr_thread_self();
    if (!room) {
        fr_fail_memory(c->what);
    } else if (scope >= 0) {
        c->given = room;
        c->copies = room + c->n;
        c->marked = c->copies + c->n;
        c->th->mode.no_grad = false; /* until the scope ends */
        ok = check_all(c, xs, c->marked + c->n);
    }
    fr_scope_end(scope);
    fr_free(room, bytes);
    return ok;
}

static bool check_arguments(const char *what, fr_function *f, fr_tensor *const *xs, int n)
{
    if (!f || !xs || n < 0)
        return fr_fail(what, "expected a function and an array of n >= 0 inputs");
    return true;
}

bool fr_gradcheck(fr_function *f, fr_tensor *const *xs, int n, void *user)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "gradcheck");
    checker c = { .what = "gradcheck", .label = "", .f = f, .user = user, .n = n, .dy = -1 };
    bool ok = check_arguments(c.what, f, xs, n) && check(&c, xs);

    fr_finish(th, before);
    return ok;
}

/* --- Second derivatives: the gradients of f, as functions of its inputs and dy ------------------------------------ */

typedef struct {
    fr_function *f;
    void *user;
    int n, by; /* inputs of f; the one that f is differentiated by */
} gradient_function;

/* The gradient by input `by`, as a function of f's inputs and dy, which follows them in `in`. */
static fr_tensor *gradient_of(fr_tensor *const *in, void *user)
{
    const gradient_function *g = user;
    fr_tensor *y = g->f(in, g->user), *gradient;

    if (y && !fr_tracked(y))
        return fr_zeros_like(in[g->by]);
    return fr_gradients_with(y, in[g->n], &in[g->by], 1, &gradient, FR_CREATE_GRAPH) ? gradient : NULL;
}

/* A dy of the shape of f's result: values of both signs, not near 0, the same at each call. */
static fr_tensor *make_dy(const checker *c, fr_tensor *const *xs)
{
    fr_tensor *y = evaluate(c, xs), *dy = y ? fr_zeros_like(y) : NULL;

    for (int64_t i = 0; dy && i < dy->numel; i++)
        ((double *)dy->origin)[i] = (i % 2 ? -1 : 1) * (0.5 + fmod((double)i * 0.6180339887, 1));
    return dy ? fr_requires_grad(dy) : NULL;
}

/* Checks the gradients one after another; with_dy has room for xs and dy. */
static bool check_gradients(checker *c, fr_tensor *const *xs, int n, fr_tensor **with_dy)
{
    gradient_function g = { .f = c->f, .user = c->user, .n = n };
    char label[48];
    bool checked = false;

    for (int i = 0; i < n; i++)
        if (!fr_check_argument(c->what, with_dy[i] = xs[i], "an x"))
            return false;
    if (!(with_dy[n] = make_dy(c, xs)))
        return false;
    for (g.by = 0; g.by < n; g.by++) {
        checker one = { .what = c->what, .label = label, .f = gradient_of, .user = &g, .n = n + 1, .dy = n };

        if (!fr_tracked(xs[g.by]))
            continue;
        checked = true;
        snprintf(label, sizeof label, "gradient by input %d: ", g.by);
        if (!check(&one, with_dy))
            return false;
    }
    if (!checked)
        return fr_fail(c->what, "no x wants a gradient: mark those to check with fr_requires_grad");
    return true;
}

bool fr_gradgradcheck(fr_function *f, fr_tensor *const *xs, int n, void *user)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "gradgradcheck");
    checker c = { .th = th, .what = "gradgradcheck", .f = f, .user = user };
    bool ok = check_arguments(c.what, f, xs, n);
    size_t bytes = ok ? ((size_t)n + 1) * sizeof *xs : 0;
    fr_tensor **with_dy = ok ? fr_alloc(bytes) : NULL;
    int scope = ok && with_dy ? fr_scope_begin() : -1;

    if (ok && !with_dy)
        fr_fail_memory(c.what);
    ok = scope >= 0 && check_gradients(&c, xs, n, with_dy);
    fr_scope_end(scope);
    fr_free(with_dy, bytes);
    fr_finish(th, before);
    return ok;
}
