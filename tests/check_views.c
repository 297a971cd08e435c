/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Views and copies. Random chains of views are compared with a model without strides: plain arithmetic on indices tells
 * for each element of the view which element of the base it is. */
#include "core/shape.h"
#include "core/tensor.h"
#undef FR_NO_CALL_SITES
#include "testing.h"

#include <frond/op.h>
#include <limits.h>

enum { CHAINS = 400, STEPS = 8, MOST_VALUES = 1500 };

/* --- Random numbers for the tests' own choices ------------------------------------------------------------------- */

static uint64_t random_state;

/* Returns a random number in 0..n-1. */
static int64_t draw(int64_t n)
{
    random_state = random_state * 6364136223846793005U + 1442695040888963407U;
    return (int64_t)((random_state >> 33) % (uint64_t)n);
}

/* --- The model ---------------------------------------------------------------------------------------------------- */

typedef enum { PERMUTE, TRANSPOSE, SLICE, SELECT, EXPAND, UNSQUEEZE, SQUEEZE, RESHAPE, FLATTEN, KINDS } kind;

/* One view of a view. */
typedef struct {
    kind kind;
    fr_shape from, to;
    int dim, other, dims[FR_MAX_DIMS];
    int64_t start, stop, step;
} view;

typedef struct {
    fr_tensor *t;
    fr_shape shape;
    bool copied;                /* a reshape made a copy, so the storage is not the base's */
    int64_t base[MOST_VALUES];  /* for each element in row-major order, the element of the base */
    int64_t place[MOST_VALUES]; /* ... and its place in the storage */
    char text[512];             /* the chain, for messages */
} model;

static int64_t count(const fr_shape *s)
{
    int64_t n = 1;

    for (int i = 0; i < s->ndim; i++)
        n *= s->dim[i];
    return n;
}

static int64_t position_of(const fr_shape *s, const int64_t *index)
{
    int64_t position = 0;

    for (int i = 0; i < s->ndim; i++)
        position = position * s->dim[i] + index[i];
    return position;
}

static void index_of(const fr_shape *s, int64_t position, int64_t *index)
{
    for (int i = s->ndim - 1; i >= 0; i--) {
        index[i] = position % s->dim[i];
        position /= s->dim[i];
    }
}

/* Returns which element of the viewed tensor is the view's element at index. */
static int64_t source_of(const view *v, const int64_t *index)
{
    int64_t from[FR_MAX_DIMS] = { 0 };
    int lead = v->to.ndim - v->from.ndim;

    if (v->kind == RESHAPE || v->kind == FLATTEN)
        return position_of(&v->to, index);
    for (int i = 0; i < v->from.ndim; i++) {
        if (v->kind == SLICE)
            from[i] = i == v->dim ? v->start + index[i] * v->step : index[i];
        else if (v->kind == SELECT)
            from[i] = i == v->dim ? v->start : index[i - (i > v->dim)];
        else if (v->kind == EXPAND)
            from[i] = v->from.dim[i] == 1 ? 0 : index[i + lead];
        else if (v->kind == UNSQUEEZE)
            from[i] = index[i + (i >= v->dim)];
        else if (v->kind == SQUEEZE)
            from[i] = i == v->dim ? 0 : index[i - (i > v->dim)];
        else
            from[v->dims[i]] = index[i];
    }
    return position_of(&v->from, from);
}

/* --- Random views ------------------------------------------------------------------------------------------------- */

static void insert(fr_shape *s, int dim, int64_t size)
{
    for (int i = s->ndim++; i > dim; i--)
        s->dim[i] = s->dim[i - 1];
    s->dim[dim] = size;
}

static void drop(fr_shape *s, int dim)
{
    s->ndim--;
    for (int i = dim; i < s->ndim; i++)
        s->dim[i] = s->dim[i + 1];
}

/* Returns dim, or dim counted from the end, at random. */
static int either_way(int dim, int ndim)
{
    return draw(2) ? dim : dim - ndim;
}

static fr_tensor *draw_permute(view *v, fr_tensor *t)
{
    int given[FR_MAX_DIMS], n = v->from.ndim;

    for (int i = 0; i < n; i++)
        v->dims[i] = i;
    for (int i = n - 1; i > 0 && v->kind == PERMUTE; i--) {
        int j = (int)draw(i + 1), swapped = v->dims[i];

        v->dims[i] = v->dims[j];
        v->dims[j] = swapped;
    }
    if (v->kind == TRANSPOSE) {
        v->dims[v->dim] = v->other;
        v->dims[v->other] = v->dim;
    }
    for (int i = 0; i < n; i++) {
        v->to.dim[i] = v->from.dim[v->dims[i]];
        given[i] = either_way(v->dims[i], n);
    }
    return v->kind == PERMUTE ? fr_permute(t, given) : fr_transpose(t, either_way(v->dim, n), either_way(v->other, n));
}

static fr_tensor *draw_slice(view *v, fr_tensor *t)
{
    int64_t size = v->from.dim[v->dim], start = draw(2 * size + 5) - size - 2, stop = draw(2 * size + 5) - size - 2;
    int64_t n = 0;

    if (draw(3) == 0)
        stop = INT64_MAX;
    v->step = draw(4) == 0 ? INT64_MAX - draw(2) : 1 + draw(3);
    v->start = -1;
    for (int64_t i = 0; i < size; i++) {
        bool inside = (start < 0 ? i >= start + size : i >= start) && (stop < 0 ? i < stop + size : i < stop);

        if (inside && v->start < 0)
            v->start = i;
        if (inside && (i - v->start) % v->step == 0)
            n++;
    }
    v->to.dim[v->dim] = n;
    return fr_slice(t, either_way(v->dim, v->from.ndim), start, stop, v->step);
}

static fr_tensor *draw_expand(view *v, fr_tensor *t)
{
    fr_shape given;

    for (int i = 0; i < v->to.ndim; i++)
        if (v->to.dim[i] == 1)
            v->to.dim[i] = draw(4);
    if (v->to.ndim < FR_MAX_DIMS && draw(2))
        insert(&v->to, 0, 1 + draw(3));
    given = v->to;
    for (int i = v->to.ndim - v->from.ndim, k = 0; i < v->to.ndim; i++, k++)
        if (v->to.dim[i] == v->from.dim[k] && draw(2))
            given.dim[i] = -1;
    return fr_expand(t, given);
}

static fr_tensor *draw_reshape(view *v, fr_tensor *t)
{
    int64_t left = count(&v->from);
    fr_shape given;

    v->to.ndim = 0;
    if (left == 0)
        insert(&v->to, 0, 0);
    for (int64_t d = 2; left > 1 && v->to.ndim < 4; d += left % d != 0) /* the size's prime factors, in random order */
        if (left % d == 0) {
            insert(&v->to, (int)draw(v->to.ndim + 1), d);
            left /= d;
        }
    if (left > 1)
        insert(&v->to, (int)draw(v->to.ndim + 1), left);
    if (draw(2))
        insert(&v->to, (int)draw(v->to.ndim + 1), 1);
    given = v->to;
    if (given.ndim > 0 && count(&given) > 0 && draw(2))
        given.dim[draw(given.ndim)] = -1;
    return fr_reshape(t, given);
}

static fr_tensor *draw_flatten(view *v, fr_tensor *t)
{
    int a = v->dim < v->other ? v->dim : v->other, b = v->dim < v->other ? v->other : v->dim;

    for (int i = a; i < b; i++) {
        v->to.dim[a] *= v->to.dim[a + 1];
        drop(&v->to, a + 1);
    }
    return fr_flatten(t, either_way(a, v->from.ndim), either_way(b, v->from.ndim));
}

/* Returns a random view of t, of a kind that its shape allows, and describes it in *v. */
static fr_tensor *draw_view(view *v, fr_tensor *t)
{
    int n = v->from.ndim;

    v->to = v->from;
    for (;;) {
        v->kind = (kind)draw(KINDS);
        v->dim = n > 0 ? (int)draw(n) : 0;
        v->other = n > 0 ? (int)draw(n) : 0;
        if (v->kind == EXPAND)
            return draw_expand(v, t);
        if (v->kind == RESHAPE)
            return draw_reshape(v, t);
        if (v->kind == UNSQUEEZE && n < FR_MAX_DIMS) {
            v->dim = (int)draw(n + 1);
            insert(&v->to, v->dim, 1);
            return fr_unsqueeze(t, either_way(v->dim, n + 1));
        }
        if (n == 0 || v->kind == UNSQUEEZE)
            continue;
        if (v->kind == SQUEEZE && v->from.dim[v->dim] == 1) {
            drop(&v->to, v->dim);
            return fr_squeeze(t, either_way(v->dim, n));
        }
        if (v->kind == SELECT && v->from.dim[v->dim] > 0) {
            v->start = draw(v->from.dim[v->dim]);
            drop(&v->to, v->dim);
            return fr_select(t, either_way(v->dim, n), draw(2) ? v->start : v->start - v->from.dim[v->dim]);
        }
        if (v->kind == PERMUTE || v->kind == TRANSPOSE)
            return draw_permute(v, t);
        if (v->kind == SLICE)
            return draw_slice(v, t);
        if (v->kind == FLATTEN)
            return draw_flatten(v, t);
    }
}

/* --- Comparing a tensor with the model ---------------------------------------------------------------------------- */

/* True if strides can give these places: each is the first one plus a fixed amount for each step along a dim. */
static bool is_affine(const fr_shape *s, const int64_t *place)
{
    int64_t index[FR_MAX_DIMS], step[FR_MAX_DIMS] = { 0 }, n = count(s);

    for (int i = s->ndim - 1, inner = 1; i >= 0; inner *= (int)s->dim[i--])
        if (n > 0 && s->dim[i] > 1)
            step[i] = place[inner] - place[0];
    for (int64_t k = 0; k < n; k++) {
        int64_t expected = place[0];

        index_of(s, k, index);
        for (int i = 0; i < s->ndim; i++)
            expected += index[i] * step[i];
        if (place[k] != expected)
            return false;
    }
    return true;
}

/* The base's element i has the value i + 0.5. */
static void compare(const model *m)
{
    int64_t n = count(&m->shape);
    bool row_major = true;
    fr_tensor *row;

    ck_assert_msg(fr_shape_equal(&m->t->shape, &m->shape), "%s: shape", m->text);
    ck_assert_msg(fr_numel(m->t) == n, "%s: numel", m->text);
    row = fr_contiguous(m->t);
    ck_assert_msg(row && fr_is_contiguous(row), "%s: fr_contiguous", m->text);
    for (int64_t i = 0; i < n; i++) {
        double expected = (double)m->base[i] + 0.5;

        row_major = row_major && m->place[i] == m->place[0] + i;
        ck_assert_msg(fr_at(m->t, i) == expected, "%s: value %lld is %g, expected %g", m->text, (long long)i,
                      fr_at(m->t, i), expected);
        ck_assert_msg(((const double *)fr_data(row))[i] == expected, "%s: contiguous value %lld", m->text,
                      (long long)i);
    }
    ck_assert_msg(fr_is_contiguous(m->t) == row_major, "%s: fr_is_contiguous", m->text);
}

/* Adds one view to the chain: to the tensor, and to the model by the view's definition. */
static void extend(model *m)
{
    static const char *const names[KINDS] = { "permute",   "transpose", "slice",   "select", "expand",
                                              "unsqueeze", "squeeze",   "reshape", "flatten" };
    model before = *m;
    view v = { .from = m->shape };
    int64_t index[FR_MAX_DIMS], n;
    char text[FR_SHAPE_TEXT];
    size_t used = strlen(before.text);

    m->t = draw_view(&v, before.t);
    n = count(&v.to);
    if (n > MOST_VALUES) {
        m->t = before.t;
        return;
    }
    m->shape = v.to;
    snprintf(m->text + used, sizeof m->text - used, " > %s %s", names[v.kind], fr_shape_text(&v.to, text));
    for (int64_t i = 0; i < n; i++) {
        index_of(&v.to, i, index);
        m->base[i] = before.base[source_of(&v, index)];
        m->place[i] = before.place[source_of(&v, index)];
    }
    ck_assert_msg(m->t != NULL, "%s: %s", m->text, fr_error_message());
    if (m->t->storage != before.t->storage) {
        ck_assert_msg((v.kind == RESHAPE || v.kind == FLATTEN) && !is_affine(&v.to, m->place), "%s: a copy", m->text);
        m->copied = true;
        for (int64_t i = 0; i < n; i++)
            m->place[i] = i;
    } else if (n > 0) {
        ck_assert_msg(is_affine(&v.to, m->place), "%s: no view can be", m->text);
    }
    compare(m);
}

/* Starts a chain: a base of random shape with up to 5 dims, and its model, without any view. */
static void begin_chain(model *m, int seed)
{
    random_state = (uint64_t)seed * 0x9e3779b97f4a7c15U;
    *m = (model){ .shape = { .ndim = (int)draw(6) } };
    for (int i = 0; i < m->shape.ndim; i++)
        m->shape.dim[i] = draw(12) ? 1 + draw(4) : 0;
    fr_shape_text(&m->shape, m->text);
    m->t = fr_add_scalar(fr_arange(0, (double)count(&m->shape), 1, FR_F64), 0.5);
    m->t = fr_reshape(m->t, m->shape);
    for (int64_t i = 0; i < count(&m->shape); i++)
        m->base[i] = m->place[i] = i;
}

START_TEST(chains)
{
    FR_SCOPE;
    model m;

    begin_chain(&m, _i);
    for (int i = 0; i < STEPS; i++)
        extend(&m);
}
END_TEST

/* The gradient of sum(w view(x)) by x adds each weight to the base's element that it meets. This gradient, as a
 * function of w, has the view as its own gradient. */
START_TEST(gradients_of_chains)
{
    FR_SCOPE;
    double expected[MOST_VALUES] = { 0 };
    model m;
    fr_tensor *x, *w, *dx, *v, *dw;

    begin_chain(&m, _i);
    x = fr_requires_grad(fr_clone(m.t));
    m.t = x;
    for (int i = 0; i < STEPS; i++)
        extend(&m);
    w = fr_requires_grad(fr_cast(fr_randn(m.shape), FR_F64));
    for (int64_t i = 0; i < count(&m.shape); i++)
        expected[m.base[i]] += fr_at(w, i);
    ck_assert_msg(fr_gradients_with(m.t, w, &x, 1, &dx, FR_CREATE_GRAPH), "%s: %s", m.text, fr_error_message());
    for (int64_t i = 0; i < fr_numel(x); i++)
        ck_assert_msg(fabs(fr_at(dx, i) - expected[i]) < 1e-12, "%s: gradient %lld is %g, expected %g", m.text,
                      (long long)i, fr_at(dx, i), expected[i]);
    v = fr_cast(fr_randn(x->shape), FR_F64);
    ck_assert_msg(fr_gradients_with(dx, v, &w, 1, &dw, 0), "%s: %s", m.text, fr_error_message());
    for (int64_t i = 0; i < fr_numel(w); i++)
        ck_assert_msg(fr_at(dw, i) == fr_at(v, m.base[i]), "%s: second gradient %lld", m.text, (long long)i);
}
END_TEST

/* fr_copy into a chain of views writes exactly the base's elements that the chain shows. */
START_TEST(writes_through_chains)
{
    FR_SCOPE;
    double expected[MOST_VALUES];
    bool seen[MOST_VALUES] = { false }, repeats = false;
    model m;
    fr_tensor *base, *values;

    begin_chain(&m, _i);
    base = m.t;
    for (int i = 0; i < STEPS / 2; i++)
        extend(&m);
    if (m.copied)
        return;
    values = fr_cast(fr_randn(m.shape), FR_F64);
    for (int64_t i = 0; i < fr_numel(base); i++)
        expected[i] = fr_at(base, i);
    for (int64_t i = 0; i < count(&m.shape); i++) {
        repeats = repeats || seen[m.base[i]];
        seen[m.base[i]] = true;
        expected[m.base[i]] = fr_at(values, i);
    }
    if (repeats) {
        ck_assert_ptr_null(fr_copy(m.t, values));
        assert_failed("frond: copy: ", "expanded");
        return;
    }
    ck_assert_ptr_eq(fr_copy(m.t, values), m.t);
    for (int64_t i = 0; i < fr_numel(base); i++)
        ck_assert_msg(fr_at(base, i) == expected[i], "%s: base's value %lld", m.text, (long long)i);
}
END_TEST

/* --- Copies ------------------------------------------------------------------------------------------------------- */

/* All orders of dims, for shapes larger than one block of a transposing copy, from and to each dtype. */
START_TEST(permuted_copies)
{
    static const fr_shape shapes[] = { { 3, { 70, 1, 45 } }, { 3, { 3, 40, 50 } }, { 3, { 33, 2, 65 } } };
    static const int orders[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
    const fr_shape *s = &shapes[_i / 6];
    const int *order = orders[_i % 6];

    for (int from = FR_F32; from <= FR_I64; from++)
        for (int to = FR_F32; to <= FR_I64; to++) {
            FR_SCOPE;
            fr_tensor *t = fr_reshape(fr_arange(0, (double)count(s), 1, (fr_dtype)from), *s);
            fr_tensor *y = fr_clone(fr_cast(fr_permute(t, order), (fr_dtype)to));
            view v = { .kind = PERMUTE, .from = *s, .to = y->shape, .dims = { order[0], order[1], order[2] } };

            ck_assert_int_eq(fr_dtype_of(y), to);
            for (int64_t i = 0; i < fr_numel(y); i++) {
                int64_t index[FR_MAX_DIMS];

                index_of(&y->shape, i, index);
                ck_assert(fr_at(y, i) == (double)source_of(&v, index));
            }
        }
}
END_TEST

/* Rows of one value, and of neighbours, around the lengths at which copies change their way, with a gap of 1 between
 * them, which nothing may write to. */
START_TEST(copies_of_long_rows)
{
    static const int64_t lengths[] = { 1, 15, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 2051 };
    enum { ROWS = 3 };
    FR_SCOPE;
    fr_dtype dtype = (fr_dtype)_i;

    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        int64_t n = lengths[k], all = ROWS * (n + 1);
        fr_tensor *column = fr_reshape(fr_arange(7, 7 + ROWS, 1, dtype), FR_SHAPE(ROWS, 1));
        fr_tensor *values = fr_reshape(fr_arange(0, (double)all, 1, dtype), FR_SHAPE(ROWS, n + 1));
        fr_tensor *filled = fr_cast(fr_full(FR_SHAPE(ROWS, n + 1), -1), dtype), *copied = fr_clone(filled);

        ck_assert(fr_copy(fr_slice(filled, 1, 0, n, 1), fr_expand(column, FR_SHAPE(ROWS, n))));
        ck_assert(fr_copy(fr_slice(copied, 1, 1, n + 1, 1), fr_slice(values, 1, 0, n, 1)));
        for (int64_t i = 0; i < all; i++) {
            ck_assert(fr_at(filled, i) == (i % (n + 1) < n ? (double)(7 + i / (n + 1)) : -1));
            ck_assert(fr_at(copied, i) == (i % (n + 1) > 0 ? (double)(i - 1) : -1));
        }
    }
}
END_TEST

/* Parts of 16 MB of a larger result, of rows that are whole cache lines and of such that are not. */
START_TEST(copies_past_the_caches)
{
    static const int64_t widths[] = { 256, 255, 48 };
    FR_SCOPE;
    const int64_t width = widths[_i], rows = (1 << 22) / width + 1, all = 2 * rows * width;
    fr_tensor *t = fr_reshape(fr_arange(0, (double)all, 1, FR_F32), FR_SHAPE(rows, 2 * width));
    fr_tensor *left = fr_contiguous(fr_slice(t, 1, 0, width, 1));
    fr_tensor *right = fr_contiguous(fr_slice(t, 1, width, 2 * width, 1));
    fr_tensor *again = FR_CAT(1, left, right);
    const float *values[] = { fr_data(left), fr_data(right), fr_data(again) };

    for (int64_t i = 0; i < all; i++) {
        int64_t row = i / (2 * width), column = i % (2 * width);

        if (values[2][i] != (float)i || values[column / width][row * width + column % width] != (float)i)
            ck_abort_msg("value %lld of rows of %lld", (long long)i, (long long)width);
    }
}
END_TEST

START_TEST(casts_to_int64)
{
    static const double values[] = { NAN, INFINITY, -INFINITY, 1e19, -1e19, 0x1p63, -0x1p63, 2.9, -2.9, -0.0 };
    static const int64_t expected[] = { INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN,
                                        INT64_MIN, INT64_MIN, 2,         -2,        0 };
    FR_SCOPE;
    fr_tensor *wide = fr_tensor_from(FR_SHAPE(10), values, FR_F64), *narrow = fr_cast(wide, FR_F32);
    const int64_t *from_wide = fr_data(fr_cast(wide, FR_I64)), *from_narrow = fr_data(fr_cast(narrow, FR_I64));

    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(from_wide[i], expected[i]);
        ck_assert_int_eq(from_narrow[i], expected[i]);
    }
}
END_TEST

START_TEST(copies_and_storage)
{
    FR_SCOPE;
    fr_tensor *t = fr_arange(0, 6, 1, FR_F32), *m = fr_reshape(t, FR_SHAPE(2, 3)), *columns = fr_transpose(m, 0, 1);

    ck_assert_ptr_eq(m->storage, t->storage);
    ck_assert_ptr_ne(fr_clone(t)->storage, t->storage);
    ck_assert_ptr_eq(fr_contiguous(t)->storage, t->storage);
    ck_assert_ptr_ne(fr_contiguous(columns)->storage, t->storage);
    ck_assert_ptr_eq(fr_cast(columns, FR_F32)->storage, t->storage);
    ck_assert_ptr_ne(fr_cast(columns, FR_F64)->storage, t->storage);
    ck_assert_ptr_eq(fr_view_as(t, m)->storage, t->storage);
}
END_TEST

START_TEST(copies_onto_itself)
{
    FR_SCOPE;
    fr_tensor *t = fr_arange(0, 6, 1, FR_F64), *square = fr_reshape(fr_arange(0, 9, 1, FR_F64), FR_SHAPE(3, 3));

    fr_copy(fr_slice(t, 0, 1, 6, 1), fr_slice(t, 0, 0, 5, 1));
    for (int i = 0; i < 6; i++)
        ck_assert(fr_at(t, i) == (i ? i - 1 : 0));
    fr_copy(square, fr_transpose(square, 0, 1));
    for (int i = 0; i < 9; i++)
        ck_assert(fr_at(square, i) == i % 3 * 3 + i / 3);
    fr_copy(square, fr_select(square, 0, 1));
    for (int i = 0; i < 9; i++)
        ck_assert(fr_at(square, i) == i % 3 * 3 + 1);
}
END_TEST

/* Backward detects a write through one view if it saved another view of the same storage. */
START_TEST(versions_are_shared)
{
    FR_SCOPE;
    fr_tensor *base = fr_arange(0, 6, 1, FR_F32), *w = fr_requires_grad(fr_ones(FR_SHAPE(3)));
    fr_tensor *y = fr_sum(fr_mul(w, fr_slice(base, 0, 0, 3, 1)));

    fr_copy(fr_select(fr_reshape(base, FR_SHAPE(2, 3)), 0, 1), fr_zeros(FR_SHAPE(3)));
    ck_assert(!fr_backward(y));
    assert_failed("backward", "mul", "changed in place");
}
END_TEST

/* --- Limits ------------------------------------------------------------------------------------------------------- */

START_TEST(eight_dims)
{
    FR_SCOPE;
    fr_shape shape = { 8, { 2, 1, 2, 1, 2, 1, 2, 1 } };
    fr_tensor *t = fr_reshape(fr_arange(0, 16, 1, FR_F32), shape);
    fr_tensor *back = fr_permute(t, (const int[]){ 7, 6, 5, 4, 3, 2, 1, 0 });
    fr_tensor *all = fr_expand(back, FR_SHAPE(3, -1, 3, -1, 3, -1, 3, -1));

    for (int i = 0; i < 16; i++) /* the index's bits in reverse order */
        ck_assert(fr_at(back, i) == (i & 1) * 8 + (i & 2) * 2 + (i & 4) / 2 + (i & 8) / 8);
    ck_assert_int_eq(fr_numel(all), 16 * 81);
    ck_assert(fr_equal(fr_sum_to(all, back->shape), fr_mul_scalar(back, 81)));
    ck_assert_ptr_null(fr_unsqueeze(t, 0));
    assert_failed("frond: unsqueeze: ", "(2, 1, 2, 1, 2, 1, 2, 1)", "at most 8");
    ck_assert_ptr_null(fr_stack(&t, 1, 0));
    assert_failed("at most 8");
    ck_assert_ptr_null(fr_expand(t, (fr_shape){ 9, { 0 } }));
    assert_failed("frond: expand: ", "9 dimensions");
    ck_assert_ptr_null(fr_reshape(t, (fr_shape){ -1, { 0 } }));
    assert_failed("frond: reshape: ", "-1 dimensions");
    for (int k = 0; k < 4; k++) {
        static const int ndims[] = { INT_MIN, -1, 9, INT_MAX };
        fr_shape bad = { .ndim = ndims[k] };

        assert_refused(fr_expand(t, bad), "frond: expand: ", "dimensions, expected 0 to 8");
        assert_refused(fr_reshape(t, bad), "frond: reshape: ", "dimensions, expected 0 to 8");
        assert_refused(fr_sum_to(t, bad), "frond: sum_to: ", "dimensions, expected 0 to 8");
        assert_refused(fr_zeros(bad), "frond: zeros: ", "dimensions, expected 0 to 8");
        assert_refused(fr_layer_norm(t, bad, NULL, NULL, 0), "frond: layer_norm: ", "dimensions, expected 0 to 8");
        assert_refused(fr_rms_norm(t, bad, NULL, 0), "frond: rms_norm: ", "dimensions, expected 0 to 8");
        assert_refused(fr_nn_layer_norm(bad, NULL), "frond: nn_layer_norm: ", "dimensions, expected 0 to 8");
        assert_refused(fr_nn_conv2d(1, 1, bad, NULL), "frond: nn_conv2d: ", "kernel_size");
        assert_refused(fr_max_pool2d(t, bad, NULL), "frond: max_pool2d: ", "kernel_size");
        assert_refused(fr_avg_pool2d(t, bad, NULL), "frond: avg_pool2d: ", "kernel_size");
    }
    ck_assert_int_eq(fr_meta_of(NULL).shape.ndim, -1);
}
END_TEST

/* Sizes and offsets do not overflow, with or without values. */
START_TEST(huge_shapes)
{
    FR_SCOPE;
    int64_t huge = (int64_t)PTRDIFF_MAX / 32 + 1; /* 2^58 where addresses have 64 bits */
    fr_tensor *t = fr_zeros(FR_SHAPE(huge, 0)), *one = fr_zeros(FR_SHAPE(1, 1));

    ck_assert_int_eq(fr_dim(fr_slice(t, 0, huge - 3, INT64_MAX, 2), 0), 2);
    ck_assert_int_eq(fr_dim(fr_select(t, 0, huge - 1), 0), 0);
    ck_assert_int_eq(fr_dim(fr_clone(fr_transpose(t, 0, 1)), 1), huge);
    ck_assert_int_eq(fr_numel(fr_slice(fr_expand(one, FR_SHAPE(huge, 1)), 0, 5, INT64_MAX, huge)), 1);
    ck_assert_ptr_null(fr_expand(one, FR_SHAPE(huge, huge)));
    assert_failed("frond: expand: ", "too large");
    ck_assert_ptr_null(fr_cat((fr_tensor *[]){ t, t, t, t }, 4, 0));
    assert_failed("frond: cat: ", "too large");
}
END_TEST

/* Functions that call reshape or clone inside fail with their own name and line, and leave no noted place for the next
 * call. */
START_TEST(names_and_lines)
{
    FR_SCOPE;
    fr_tensor *t = fr_zeros(FR_SHAPE(2, 3)), *other = fr_zeros(FR_SHAPE(2));
    char place[64];

    ck_assert_ptr_null(fr_add(fr_cast(fr_contiguous(fr_reshape(fr_transpose(t, 0, 1), t->shape)), FR_F32), other));
    snprintf(place, sizeof place, "[%s:%d]", __FILE__, __LINE__ - 1);
    assert_failed("frond: add: (2, 3) and (2,)", place);
    ck_assert_ptr_null(fr_contiguous(NULL));
    snprintf(place, sizeof place, "[%s:%d]", __FILE__, __LINE__ - 1);
    assert_failed("frond: contiguous: ", "NULL", place);
    ck_assert_ptr_null(fr_squeeze(fr_stack(&t, 0, 1), 0));
    snprintf(place, sizeof place, "[%s:%d]", __FILE__, __LINE__ - 1);
    assert_failed("frond: stack: no tensors", place);
    ck_assert_ptr_null(fr_cat(NULL, 2, 0));
    assert_failed("frond: cat: no tensors");
    ck_assert_ptr_null(fr_view_as(t, NULL));
    assert_failed("frond: view_as: ", "NULL");
    ck_assert_ptr_null(fr_index_select(t, 0, fr_arange(0, 3, 1, FR_I64)));
    assert_failed("frond: index_select: index 2 at (2,)", "dim 0 of size 2");
}
END_TEST

int main(void)
{
    TCase *views = tcase_create("views"), *copies = tcase_create("copies"), *limits = tcase_create("limits");

    tcase_add_loop_test(views, chains, 0, CHAINS);
    tcase_add_loop_test(views, gradients_of_chains, 0, CHAINS);
    tcase_add_loop_test(views, writes_through_chains, 0, CHAINS);
    tcase_add_loop_test(copies, permuted_copies, 0, 18);
    tcase_add_loop_test(copies, copies_of_long_rows, FR_F32, FR_I64 + 1);
    tcase_add_loop_test(copies, copies_past_the_caches, 0, 3);
    tcase_add_test(copies, casts_to_int64);
    tcase_add_test(copies, copies_and_storage);
    tcase_add_test(copies, copies_onto_itself);
    tcase_add_test(copies, versions_are_shared);
    tcase_add_test(limits, eight_dims);
    tcase_add_test(limits, huge_shapes);
    tcase_add_test(limits, names_and_lines);
    return run_tests("views", views, copies, limits);
}
