/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* permute: y's dim i is x's dim dims[i]; transpose swaps two of them, movedim moves one. Backward permutes dy back. */
#include "ops/view/view.h"

typedef struct {
    int given; /* how many dims were given, as far as it is known; FR_MAX_DIMS at most */
    int dims[FR_MAX_DIMS];
} attributes;

static bool infer(fr_op_call *call)
{
    const fr_tensor *t = call->in[0];
    const attributes *a = call->attributes;
    fr_meta *m = &call->out[0];
    unsigned seen = 0;
    char text[FR_SHAPE_TEXT];

    *m = fr_meta_of(t);
    m->offset = 0;
    if (a->given < t->shape.ndim)
        return a->given == 0 ? fr_op_fail(call, "dims is NULL")
                             : fr_op_fail(call, "%d dims given, expected %d for shape %s", a->given, t->shape.ndim,
                                          fr_shape_text(&t->shape, text));
    for (int i = 0; i < t->shape.ndim; i++) {
        int from = fr_op_dim(call, a->dims[i]);

        if (from < 0)
            return false;
        if (seen & 1U << from)
            return fr_op_fail(call, "dim %d is named twice", from);
        seen |= 1U << from;
        m->shape.dim[i] = t->shape.dim[from];
        m->stride[i] = t->stride[from];
    }
    return true;
}

static void backward(fr_op_call *call)
{
    const attributes *a = call->attributes;
    int n = call->in_shape[0].ndim, back[FR_MAX_DIMS];

    for (int i = 0; i < n; i++)
        back[(a->dims[i] + n) % n] = i;
    call->grad_in[0] = fr_permute(call->grad_out[0], back);
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    const attributes *a = call->attributes;
    const fr_shape *shape = &call->in[0]->shape;
    int64_t dims[FR_MAX_DIMS];

    for (int i = 0; i < shape->ndim; i++)
        dims[i] = fr_shape_dim(shape, a->dims[i]);
    fr_onnx_node(g, "Transpose", FR_ONNX_NAMES(fr_onnx_input(g, 0)), FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    fr_onnx_ints(g, "perm", shape->ndim, dims);
    return true;
}

FR_RUN(run, fr_permute(in[0], (int[]){ 2, 0, -2 }))
FR_RUN(run_transpose, fr_transpose(in[0], 0, -1))
FR_RUN(run_movedim, fr_movedim(in[0], 0, -2))
FR_RUN(run_movedim_back, fr_movedim(in[0], -1, 1))
FR_RUN(run_movedim_scalar, fr_movedim(in[0], 0, -1))
FR_RUN(run_movedim_range, fr_movedim(in[0], 0, 2))
FR_RUN(run_null, fr_permute(in[0], NULL))
FR_RUN(run_range, fr_permute(in[0], (int[]){ 0, 2 }))
FR_RUN(run_transpose_range, fr_transpose(in[0], 0, -3))
FR_RUN(run_twice, fr_permute(in[0], (int[]){ 1, 1 }))

const fr_op fr_permute_op = {
    FR_VIEW_OP,
    .name = "permute",
    .formula = "y's dim i is x's dim dims[i]",
    .derivative = "dL/dx = dL/dy with its dims put back",
    .shapes = "(*) -> (**)",
    .attributes_size = sizeof(attributes),
    FR_CASES({ "three", "n(2,3,4)", "a.permute(2, 0, 1)", run },
             { "transpose", "n(2,3,4)", "a.transpose(0, 2)", run_transpose },
             { "scalar", "n()", "a.transpose(0, -1)", run_transpose }, { "empty", "n(2,0)", "a.T", run_transpose },
             { "int64", "i9(2,3)", "a.T", run_transpose }, { "no dims", "n()", "a", run_null },
             { "eight dims", "n(2,3,4,1,2,1,2,1)", "a.transpose(0, -1)", run_transpose },
             { "movedim", "n(2,3,4,5)", "a.movedim(0, -2)", run_movedim },
             { "movedim back", "n(2,3,4,5)", "a.movedim(-1, 1)", run_movedim_back },
             { "movedim scalar", "n()", "a.movedim(0, -1)", run_movedim_scalar },
             { "movedim range", "n(2,3)", NULL, run_movedim_range, { "movedim", "0 and 2", "(2, 3)" } },
             { "null", "n(2,3)", NULL, run_null, { "permute", "dims", "NULL" } },
             { "range", "n(2,3)", NULL, run_range, { "permute", "dim 2", "(2, 3)" } },
             { "transpose range", "n(2,3)", NULL, run_transpose_range, { "transpose", "-3", "(2, 3)" } },
             { "twice", "n(2,3)", NULL, run_twice, { "permute", "twice" } })
};

fr_tensor *fr_permute_sized(size_t size, fr_tensor *t, const int *dims)
{
    attributes a = { .given = dims ? (int)fr_least((int64_t)(size / sizeof *dims), FR_MAX_DIMS) : 0 };

    if (t && dims && a.given >= t->shape.ndim)
        memcpy(a.dims, dims, (size_t)t->shape.ndim * sizeof *dims);
    return fr_apply(&fr_permute_op, &t, &a);
}

fr_tensor *fr_permute(fr_tensor *t, const int *dims)
{
    return fr_permute_sized(SIZE_MAX, t, dims);
}

fr_tensor *fr_transpose(fr_tensor *t, int dim0, int dim1)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "transpose");
    fr_tensor *view = NULL;
    char text[FR_SHAPE_TEXT];

    if (fr_check_argument("transpose", t, "t")) {
        int i = fr_shape_dim(&t->shape, dim0), j = fr_shape_dim(&t->shape, dim1), dims[FR_MAX_DIMS];

        for (int k = 0; k < FR_MAX_DIMS; k++)
            dims[k] = k == i ? j : k == j ? i : k;
        if (i < 0 || j < 0)
            fr_fail("transpose", "dims %d and %d: out of range for shape %s", dim0, dim1,
                    fr_shape_text(&t->shape, text));
        else
            view = fr_permute(t, dims);
    }
    fr_finish(th, before);
    return view;
}

int fr_dims_last(const char *what, const fr_tensor *t, const fr_shape *dims, int order[FR_MAX_DIMS])
{
    int ndim = t->shape.ndim, listed[FR_MAX_DIMS], others = 0;
    unsigned seen = 0;
    char text[FR_SHAPE_TEXT];

    if (!fr_shape_check_ndim(what, dims))
        return -1;
    for (int i = 0; i < dims->ndim; i++) {
        int64_t dim = dims->dim[i];

        listed[i] = dim < -FR_MAX_DIMS || dim > FR_MAX_DIMS ? -1 : fr_shape_dim(&t->shape, (int)dim);
        if (listed[i] < 0)
            fr_fail(what, "dim %lld is out of range for shape %s", (long long)dim, fr_shape_text(&t->shape, text));
        else if (seen & 1U << listed[i])
            fr_fail(what, "dim %d is named twice", listed[i]);
        if (listed[i] < 0 || seen & 1U << listed[i])
            return -1;
        seen |= 1U << listed[i];
    }
    if (ndim == 0)
        return 0;
    for (int i = 0; i < ndim; i++)
        if (!(seen & 1U << i))
            order[others++] = i;
    memcpy(order + others, listed, (size_t)dims->ndim * sizeof *listed);
    return dims->ndim;
}

static fr_tensor *moved(fr_tensor *t, int from, int to)
{
    int dims[FR_MAX_DIMS], n = 0;

    for (int i = 0; i < t->shape.ndim; i++) {
        n += n == from;
        dims[i] = i == to ? from : n++;
    }
    return fr_permute(t, dims);
}

fr_tensor *fr_movedim(fr_tensor *t, int source, int destination)
{
    fr_composition c = fr_compose("movedim");
    fr_tensor *view = NULL;
    char text[FR_SHAPE_TEXT];

    if (fr_check_argument("movedim", t, "t")) {
        int from = fr_shape_dim(&t->shape, source), to = fr_shape_dim(&t->shape, destination);

        if (from < 0 || to < 0)
            fr_fail("movedim", "dims %d and %d: out of range for shape %s", source, destination,
                    fr_shape_text(&t->shape, text));
        else
            view = moved(t, from, to);
    }
    return fr_composed(c, view);
}
