/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* reshape: the same values, row-major, in another shape; and what is a reshape by another name. */
#include "ops/op_file.h"

/* shape with its -1 found; false with the call failed. */
static bool resolve(fr_op_call *call, const fr_shape *wanted, fr_shape *shape)
{
    const fr_tensor *t = call->in[0];
    char from[FR_SHAPE_TEXT], to[FR_SHAPE_TEXT];
    int64_t known = 1, numel;
    int open = -1;

    *shape = *wanted;
    for (int i = 0; i < shape->ndim && i < FR_MAX_DIMS; i++) {
        if (shape->dim[i] == -1 && open < 0)
            open = i;
        else if (shape->dim[i] < 0 || !fr_mul_size(known, shape->dim[i], &known))
            return fr_op_fail(call, "%s does not fit in %s", fr_shape_text(&t->shape, from),
                              fr_shape_text(wanted, to));
    }
    if (open >= 0)
        shape->dim[open] = known > 0 ? t->numel / known : 0;
    if (!fr_shape_check("reshape", shape, (fr_dtype)t->dtype, &numel))
        return false;
    return numel == t->numel || fr_op_fail(call, "%s has %lld values, which do not fit in %s",
                                           fr_shape_text(&t->shape, from), (long long)t->numel,
                                           fr_shape_text(wanted, to));
}

/* Strides of shape over t's values, where its dims that belong together lie without gaps. */
static bool view_strides(const fr_tensor *t, const fr_shape *shape, int64_t *stride)
{
    int j = shape->ndim - 1;
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
    if (!resolve(call, call->attributes, &m->shape))
        return false;
    return view_strides(call->in[0], &m->shape, m->stride) || fr_op_fail(call, "not a view");
}

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_reshape(call->grad_out[0], call->in_shape[0]);
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_reshape(in[0], (fr_shape){ 2, { -1, 6 } });
}

static fr_tensor *run_strided(fr_tensor *const *in)
{
    return fr_reshape(fr_permute(in[0], (int[]){ 2, 0, 1 }), (fr_shape){ 2, { 4, 6 } });
}

static fr_tensor *run_wrong(fr_tensor *const *in)
{
    return fr_reshape(in[0], (fr_shape){ 2, { 5, 5 } });
}
#endif

const fr_op fr_reshape_op = {
    .name = "reshape",
    .formula = "y = x",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = FR_SAVES_NOTHING,
    .attributes_size = sizeof(fr_shape),
    .dtypes = FR_ANY,
    .strided = true,
    .view = true,
    .infer = infer,
    .backward = backward,
    FR_CASES({ "contiguous", "n(3,4)", "a.reshape(-1, 6)", run },
             { "strided", "n(2,3,4)", "a.permute(2, 0, 1).reshape(4, 6)", run_strided },
             { "wrong", "n(4,3)", NULL, run_wrong, { "reshape", "(4, 3)", "(5, 5)" } })
};

fr_tensor *fr_reshape(fr_tensor *t, fr_shape shape)
{
    int64_t stride[FR_MAX_DIMS];
    bool regular = t && !t->contiguous;

    for (int i = 0; regular && i < shape.ndim; i++)
        regular = i < FR_MAX_DIMS && shape.dim[i] >= 0;
    if (t && !t->contiguous &&
        (!regular || fr_shape_numel(&shape) != t->numel || !view_strides(t, &shape, stride)))
        t = fr_clone(t);
    return fr_apply(&fr_reshape_op, &t, &shape);
}

fr_tensor *fr_view_as(fr_tensor *t, const fr_tensor *other)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "view_as");
    fr_tensor *view = fr_check_not_null("view_as", other, "other") ? fr_reshape(t, other->shape) : NULL;

    fr_finish(th, before);
    return view;
}

/* Runs on t's shape, to change it; false with an error where dim (or other) is out of range. */
typedef bool edit(fr_shape *shape, int dim, int other);

static fr_tensor *edited(const char *what, fr_tensor *t, int dim, int other, edit *change)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_tensor *view = NULL;

    if (fr_check_not_null(what, t, "input")) {
        fr_shape shape = t->shape;
        char text[FR_SHAPE_TEXT];

        if (change(&shape, dim, other))
            view = fr_reshape(t, shape);
        else
            fr_fail(what, "dim %d is out of range for shape %s", dim, fr_shape_text(&t->shape, text));
    }
    fr_finish(th, before);
    return view;
}

static void drop_dim(fr_shape *s, int dim)
{
    s->ndim--;
    memmove(s->dim + dim, s->dim + dim + 1, (size_t)(s->ndim - dim) * sizeof *s->dim);
}

static bool squeeze(fr_shape *s, int dim, int other)
{
    int i = fr_shape_dim(s, dim);

    (void)other;
    if (i >= 0 && s->ndim > 0 && s->dim[i] == 1)
        drop_dim(s, i);
    return i >= 0;
}

static bool unsqueeze(fr_shape *s, int dim, int other)
{
    int i = dim < 0 ? dim + s->ndim + 1 : dim;

    (void)other;
    if (i < 0 || i > s->ndim || s->ndim == FR_MAX_DIMS)
        return false;
    memmove(s->dim + i + 1, s->dim + i, (size_t)(s->ndim - i) * sizeof *s->dim);
    s->dim[i] = 1;
    s->ndim++;
    return true;
}

static bool flatten(fr_shape *s, int from, int to)
{
    int a = fr_shape_dim(s, from), b = fr_shape_dim(s, to);

    if (a < 0 || b < a)
        return false;
    if (s->ndim == 0)
        *s = (fr_shape){ 1, { 1 } };
    for (; b > a; b--) {
        s->dim[a] *= s->dim[a + 1];
        drop_dim(s, a + 1);
    }
    return true;
}

fr_tensor *fr_squeeze(fr_tensor *t, int dim)
{
    return edited("squeeze", t, dim, 0, squeeze);
}

fr_tensor *fr_unsqueeze(fr_tensor *t, int dim)
{
    return edited("unsqueeze", t, dim, 0, unsqueeze);
}

fr_tensor *fr_flatten(fr_tensor *t, int from, int to)
{
    return edited("flatten", t, from, to, flatten);
}
