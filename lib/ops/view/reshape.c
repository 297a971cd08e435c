/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* reshape: the same values, row-major, in another shape; squeeze, unsqueeze, flatten and view_as are reshapes too. */
#include "ops/view/view.h"

/* shape: wanted, with its -1 replaced by the size that is left. Fails if t's values do not fit. */
static bool resolve(const fr_tensor *t, const fr_shape *wanted, fr_shape *shape)
{
    char from[FR_SHAPE_TEXT], to[FR_SHAPE_TEXT];
    int64_t numel;
    int unknown = -1;

    *shape = *wanted;
    for (int i = 0; i < shape->ndim && i < FR_MAX_DIMS; i++) {
        if (shape->dim[i] != -1)
            continue;
        if (unknown >= 0)
            return fr_fail("reshape", "%s has more than one -1", fr_shape_text(wanted, to));
        unknown = i;
        shape->dim[i] = 1;
    }
    if (!fr_shape_check("reshape", shape, (fr_dtype)t->dtype, &numel))
        return false;
    if (unknown >= 0 && numel == 0 && t->numel == 0)
        return fr_fail("reshape", "%s to %s: any size would do for -1", fr_shape_text(&t->shape, from),
                       fr_shape_text(wanted, to));
    if (unknown >= 0 && numel > 0) {
        shape->dim[unknown] = t->numel / numel;
        numel *= shape->dim[unknown];
    }
    return numel == t->numel || fr_fail("reshape", "%s has %lld values, which do not fit in %s",
                                        fr_shape_text(&t->shape, from), (long long)t->numel, fr_shape_text(wanted, to));
}

/* The strides with which shape views t's values. False if there are none: where dims of t that shape joins or splits
 * have gaps between them. */
static bool view_strides(const fr_tensor *t, const fr_shape *shape, int64_t *stride)
{
    int j = shape->ndim - 1; /* the last dim of shape without its stride */
    int64_t covered = 1, chunk = 1, base = 1;

    fr_shape_strides(shape, stride);
    if (t->contiguous)
        return true;
    for (int i = t->shape.ndim - 1; i >= 0; i--) {
        if (chunk == 1 && covered == 1)
            base = t->stride[i];
        chunk *= t->shape.dim[i];
        if (i > 0 && (t->shape.dim[i - 1] == 1 || t->stride[i - 1] == chunk * base))
            continue; /* the next dim goes on where this one ends */
        while (j >= 0 && (covered < chunk || shape->dim[j] == 1)) {
            stride[j] = covered * base;
            covered *= shape->dim[j--];
        }
        if (covered != chunk)
            return false;
        covered = chunk = 1;
    }
    return j < 0;
}

static bool infer(fr_op_call *call)
{
    fr_meta *m = &call->out[0];

    m->dtype = fr_dtype_of(call->in[0]);
    m->offset = 0;
    return resolve(call->in[0], call->attributes, &m->shape) && view_strides(call->in[0], &m->shape, m->stride);
}

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_reshape(call->grad_out[0], call->in_shape[0]);
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    fr_onnx_node(g, "Reshape", FR_ONNX_NAMES(fr_onnx_input(g, 0), fr_onnx_reshaped(g)),
                 FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    if (fr_numel(call->result[0]) == 0) /* otherwise a size of 0 stands for that of the input */
        fr_onnx_int(g, "allowzero", 1);
    return true;
}

FR_RUN(run, fr_reshape(in[0], (fr_shape){ 2, { -1, 6 } }))
FR_RUN(run_strided, fr_reshape(fr_permute(in[0], (int[]){ 2, 0, 1 }), (fr_shape){ 2, { 4, -1 } }))
FR_RUN(run_copied, fr_reshape(fr_permute(in[0], (int[]){ 2, 0, 1 }), (fr_shape){ 2, { 3, 8 } }))
FR_RUN(run_nothing, fr_reshape(in[0], (fr_shape){ 3, { 5, 0, 2 } }))
FR_RUN(run_scalar, fr_reshape(in[0], (fr_shape){ 0 }))
FR_RUN(run_as, fr_view_as(in[0], in[1]))
FR_RUN(run_squeeze, fr_squeeze(fr_squeeze(in[0], -2), 0))
FR_RUN(run_unsqueeze, fr_unsqueeze(fr_unsqueeze(in[0], -1), 0))
FR_RUN(run_flatten, fr_flatten(in[0], 1, -1))
FR_RUN(run_unflatten, fr_unflatten(in[0], 1, FR_SHAPE(2, -1)))
FR_RUN(run_unflatten_more, fr_unflatten(in[0], 0, FR_SHAPE(1, 1, 1, 1, 1, 1, 1, 3)))
FR_RUN(run_wrong, fr_reshape(in[0], (fr_shape){ 2, { 5, 5 } }))
FR_RUN(run_open, fr_reshape(in[0], (fr_shape){ 2, { -1, 0 } }))
FR_RUN(run_twice, fr_reshape(in[0], (fr_shape){ 2, { -1, -1 } }))
FR_RUN(run_overflow, fr_reshape(fr_transpose(in[0], 0, 1), (fr_shape){ 2, { INT64_MAX, 12 } }))
FR_RUN(run_squeeze_range, fr_squeeze(in[0], 2))

const fr_op fr_reshape_op = {
    FR_VIEW_OP,
    .name = "reshape",
    .formula = "y = x in another shape",
    .derivative = "dL/dx = dL/dy in the shape of x",
    .shapes = "(*) -> (**)",
    .attributes_size = sizeof(fr_shape),
    FR_CASES({ "contiguous", "n(3,4)", "a.reshape(-1, 6)", run },
             { "strided", "n(2,3,4)", "a.permute(2, 0, 1).reshape(4, -1)", run_strided },
             { "copied", "n(2,3,4)", "a.permute(2, 0, 1).reshape(3, 8)", run_copied },
             { "nothing", "n(0,3)", "a.reshape(5, 0, 2)", run_nothing },
             { "rows of nothing", "n(0,3)", "a.reshape(-1, 6)", run },
             { "to scalar", "n(1,1)", "a.reshape(())", run_scalar }, { "int64", "i9(3,4)", "a.reshape(-1, 6)", run },
             { "as", "n(3,4) n(2,6)", "a.view_as(b)", run_as },
             { "squeeze", "n(2,1,3)", "a.squeeze(-2).squeeze(0)", run_squeeze },
             { "squeeze two", "n(1,2,1,3)", "a.squeeze(-2).squeeze(0)", run_squeeze },
             { "unsqueeze", "n(2,3)", "a.unsqueeze(-1).unsqueeze(0)", run_unsqueeze },
             { "unsqueeze scalar", "n()", "a.unsqueeze(-1).unsqueeze(0)", run_unsqueeze },
             { "flatten", "n(2,3,4)", "a.flatten(1, -1)", run_flatten },
             { "eight dims", "n(2,1,2,1,2,1,2,3)", "a.flatten(1, -1)", run_flatten },
             { "wrong", "n(4,3)", NULL, run_wrong, { "reshape", "(4, 3)", "(5, 5)" } },
             { "remainder", "n(4)", NULL, run, { "reshape", "(4,)", "(-1, 6)" } },
             { "open", "n(0,3)", NULL, run_open, { "reshape", "(0, 3)", "(-1, 0)" } },
             { "open twice", "n(3)", NULL, run_twice, { "reshape", "(-1, -1)" } },
             { "overflow", "n(3,4)", NULL, run_overflow, { "reshape", "9223372036854775807" } },
             { "squeeze range", "n(2,3)", NULL, run_squeeze_range, { "squeeze", "dim 2", "(2, 3)" } },
             { "unsqueeze more", "n(1,1,1,1,1,1,1)", NULL, run_unsqueeze, { "unsqueeze", "at most 8" } },
             { "unflatten", "n(2,6,3)", "a.unflatten(1, (2, -1))", run_unflatten },
             { "unflatten last", "n(2,6)", "a.unflatten(1, (2, -1))", run_unflatten },
             { "unflatten odd", "n(2,5)", NULL, run_unflatten, { "unflatten", "(2, 5)" } },
             { "unflatten range", "n(5)", NULL, run_unflatten, { "unflatten", "dim 1", "(5,)" } },
             { "unflatten more", "n(3,5)", NULL, run_unflatten_more, { "unflatten", "more than 8" } },
             { "flatten order", "n(3)", NULL, run_flatten, { "flatten", "1 to -1", "(3,)" } })
};

/* For a t that is not contiguous: a view if strides allow it, else a view of a copy. */
static fr_tensor *reshape_strided(fr_tensor *t, const fr_shape *wanted)
{
    int64_t stride[FR_MAX_DIMS];
    fr_shape shape;

    if (!resolve(t, wanted, &shape))
        return NULL;
    if (!view_strides(t, &shape, stride))
        t = fr_clone(t);
    return fr_apply(&fr_reshape_op, &t, &shape);
}

fr_tensor *fr_reshape(fr_tensor *t, fr_shape shape)
{
    if (!t || t->contiguous)
        return fr_apply(&fr_reshape_op, &t, &shape);

    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "reshape");
    fr_tensor *view = reshape_strided(t, &shape);

    fr_finish(th, before);
    return view;
}

fr_tensor *fr_view_as(fr_tensor *t, const fr_tensor *other)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "view_as");
    fr_tensor *view = NULL;

    if (fr_check_argument("view_as", t, "t") && fr_check_argument("view_as", other, "other"))
        view = fr_reshape(t, other->shape);
    fr_finish(th, before);
    return view;
}

/* Changes the shape; returns NULL, or why it cannot be changed. */
typedef const char *shape_change(fr_shape *shape, int dim, int other);

static fr_tensor *change_shape(const char *what, fr_tensor *t, int dim, int other, shape_change *change)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_tensor *view = NULL;

    if (fr_check_argument(what, t, "t")) {
        fr_shape shape = t->shape;
        const char *wrong = change(&shape, dim, other);
        char text[FR_SHAPE_TEXT];

        if (!wrong)
            view = fr_reshape(t, shape);
        else if (dim == other)
            fr_fail(what, "dim %d of shape %s: %s", dim, fr_shape_text(&t->shape, text), wrong);
        else
            fr_fail(what, "dims %d to %d of shape %s: %s", dim, other, fr_shape_text(&t->shape, text), wrong);
    }
    fr_finish(th, before);
    return view;
}

static void drop_dim(fr_shape *s, int dim)
{
    s->ndim--;
    memmove(s->dim + dim, s->dim + dim + 1, (size_t)(s->ndim - dim) * sizeof *s->dim);
}

static const char *squeeze(fr_shape *s, int dim, int other)
{
    int i = fr_shape_dim(s, dim);

    (void)other;
    if (i >= 0 && s->ndim > 0 && s->dim[i] == 1)
        drop_dim(s, i);
    return i < 0 ? "out of range" : NULL;
}

static const char *unsqueeze(fr_shape *s, int dim, int other)
{
    int i = dim < 0 ? dim + s->ndim + 1 : dim;

    (void)other;
    if (i < 0 || i > s->ndim)
        return "out of range";
    if (s->ndim == FR_MAX_DIMS)
        return "a tensor has at most 8 dims";
    memmove(s->dim + i + 1, s->dim + i, (size_t)(s->ndim - i) * sizeof *s->dim);
    s->dim[i] = 1;
    s->ndim++;
    return NULL;
}

static const char *flatten(fr_shape *s, int from, int to)
{
    int a = fr_shape_dim(s, from), b = fr_shape_dim(s, to);

    if (a < 0 || b < 0)
        return "out of range";
    if (b < a)
        return "the first lies behind the last";
    if (s->ndim == 0)
        *s = (fr_shape){ 1, { 1 } };
    for (; b > a; b--) {
        s->dim[a] *= s->dim[a + 1];
        drop_dim(s, a + 1);
    }
    return NULL;
}

fr_tensor *fr_squeeze(fr_tensor *t, int dim)
{
    return change_shape("squeeze", t, dim, dim, squeeze);
}

fr_tensor *fr_unsqueeze(fr_tensor *t, int dim)
{
    return change_shape("unsqueeze", t, dim, dim, unsqueeze);
}

fr_tensor *fr_flatten(fr_tensor *t, int from, int to)
{
    return change_shape("flatten", t, from, to, flatten);
}

static fr_tensor *unflattened(fr_tensor *t, int dim, const fr_shape *sizes)
{
    int i = t->shape.ndim > 0 ? fr_shape_dim(&t->shape, dim) : -1, more = sizes->ndim - 1;
    fr_shape y = t->shape;
    char text[FR_SHAPE_TEXT];

    if (i < 0)
        return fr_fail("unflatten", "dim %d is out of range for shape %s", dim, fr_shape_text(&t->shape, text));
    if (more < 0 || y.ndim + more > FR_MAX_DIMS)
        return fr_fail("unflatten", "dim %d of shape %s into %d: none, or more than %d dims", i,
                       fr_shape_text(&t->shape, text), sizes->ndim, FR_MAX_DIMS);
    memmove(y.dim + i + sizes->ndim, y.dim + i + 1, (size_t)(y.ndim - i - 1) * sizeof *y.dim);
    memcpy(y.dim + i, sizes->dim, (size_t)sizes->ndim * sizeof *y.dim);
    y.ndim += more;
    return fr_reshape(t, y);
}

fr_tensor *fr_unflatten(fr_tensor *t, int dim, fr_shape sizes)
{
    fr_composition c = fr_compose("unflatten");
    bool given = fr_check_argument("unflatten", t, "t") && fr_shape_check_ndim("unflatten", &sizes);

    return fr_composed(c, given ? unflattened(t, dim, &sizes) : NULL);
}
