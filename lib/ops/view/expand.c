/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* expand: y is x broadcast to a shape; the repeated dims have stride 0. Backward sums dy over them. meshgrid expands
 * vectors, each along a dim of its own. */
#include "ops/view/view.h"

static bool infer(fr_op_call *call)
{
    const fr_tensor *t = call->in[0];
    const fr_shape *wanted = call->attributes;
    fr_meta *m = &call->out[0];
    char from[FR_SHAPE_TEXT], to[FR_SHAPE_TEXT];

    if (!fr_shape_check_ndim("expand", wanted))
        return false;

    int lead = wanted->ndim - t->shape.ndim; /* new dims in front */
    bool fits = lead >= 0;

    *m = (fr_meta){ .shape = *wanted, .dtype = fr_dtype_of(t) };
    for (int i = 0; fits && i < wanted->ndim; i++) {
        int64_t size = i < lead ? 1 : t->shape.dim[i - lead];

        if (wanted->dim[i] == -1 && i >= lead)
            m->shape.dim[i] = size;
        if (m->shape.dim[i] == size && i >= lead)
            m->stride[i] = t->stride[i - lead];
        fits = m->shape.dim[i] == size || (size == 1 && m->shape.dim[i] >= 0);
    }
    return fits ||
           fr_op_fail(call, "%s does not broadcast to %s", fr_shape_text(&t->shape, from), fr_shape_text(wanted, to));
}

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_op_sum_to(call->grad_out[0], &call->in_shape[0]);
}

static bool onnx(fr_onnx *g, const fr_op_call *call)
{
    (void)call;
    fr_onnx_node(g, "Expand", FR_ONNX_NAMES(fr_onnx_input(g, 0), fr_onnx_shape(g, 0)),
                 FR_ONNX_NAMES(fr_onnx_output(g, 0)));
    return true;
}

FR_RUN(run, fr_expand(in[0], (fr_shape){ 3, { 2, 3, -1 } }))
FR_RUN(run_nothing, fr_expand(in[0], (fr_shape){ 3, { 0, 2, 3 } }))
FR_RUN(run_new, fr_expand(in[0], (fr_shape){ 3, { -1, 2, 3 } }))
FR_RUN(run_repeat, fr_repeat(in[0], (fr_shape){ 3, { 2, 1, 3 } }))
FR_RUN(run_repeat_none, fr_repeat(in[0], (fr_shape){ 2, { 0, 2 } }))
FR_RUN(run_repeat_negative, fr_repeat(in[0], (fr_shape){ 2, { 1, -1 } }))
FR_RUN(run_tile, fr_tile(in[0], (fr_shape){ 2, { 2, 3 } }))
FR_RUN(run_interleave, fr_repeat_interleave(in[0], 3, -2))
FR_RUN(run_interleave_none, fr_repeat_interleave(in[0], 0, 0))
#ifdef FR_TESTS
static fr_tensor *run_meshgrid(fr_tensor *const *in)
{
    fr_tensor *grids[2];

    return fr_meshgrid(in, 2, grids) < 0 ? NULL : fr_sub(fr_square(grids[0]), grids[1]);
}
#endif
FR_RUN(run_eight, fr_expand(in[0], (fr_shape){ 8, { -1, 2, -1, 2, -1, 1, -1, 3 } }))

const fr_op fr_expand_op = {
    FR_VIEW_OP,
    .name = "expand",
    .formula = "y = x, repeated",
    .derivative = "dL/dx = the sum of dL/dy over the copies",
    .shapes = "(*) -> (**)",
    .attributes_size = sizeof(fr_shape),
    FR_CASES(
        { "rows", "n(3,1)", "a.expand(2, 3, -1)", run }, { "dims", "n(1,4)", "a.expand(2, 3, -1)", run },
        { "scalar", "n()", "a.expand(0, 2, 3)", run_nothing },
        { "to nothing", "n(1,2,3)", "a.expand(0, 2, 3)", run_nothing },
        { "of nothing", "n(3,0)", "a.expand(2, 3, -1)", run },
        { "eight dims", "n(2,1,2,1,2,1,2,1)", "a.expand(-1, 2, -1, 2, -1, 1, -1, 3)", run_eight },
        { "repeat", "n(2,3)", "a.repeat(2, 1, 3)", run_repeat },
        { "repeat three", "n(2,3,2)", "a.repeat(2, 1, 3)", run_repeat },
        { "repeat nothing", "n(2,0)", "a.repeat(2, 1, 3)", run_repeat },
        { "repeat none", "n(2,3)", "a.repeat(0, 2)", run_repeat_none },
        { "repeat fewer", "n(2,3,4)", NULL, run_repeat_none, { "repeat", "(0, 2)", "(2, 3, 4)" } },
        { "repeat negative", "n(2,3)", NULL, run_repeat_negative, { "repeat", "dim 1", "-1" } },
        { "tile", "n(4,2,3)", "a.tile(2, 3)", run_tile }, { "tile more", "n(3)", "a.tile(2, 3)", run_tile },
        { "repeat_interleave", "n(2,3)", "a.repeat_interleave(3, -2)", run_interleave },
        { "interleave inner", "n(2,3,4)", "a.repeat_interleave(3, -2)", run_interleave },
        { "interleave none", "n(2,3)", "a.repeat_interleave(0, 0)", run_interleave_none },
        { "interleave scalar", "n()", NULL, run_interleave_none, { "repeat_interleave", "dim 0", "()" } },
        { "meshgrid", "n(3) n(4)", "(lambda x, y: x * x - y)(*torch.meshgrid(a, b, indexing='ij'))", run_meshgrid },
        { "meshgrid scalar", "n() n(2)", "(lambda x, y: x * x - y)(*torch.meshgrid(a, b, indexing='ij'))",
          run_meshgrid },
        { "meshgrid dims", "n(3) n(2,3)", NULL, run_meshgrid, { "meshgrid", "ts[1]", "(2, 3)" } },
        { "sizes", "n(4,3)", NULL, run, { "expand", "(4, 3)", "(2, 3, -1)" } },
        { "fewer", "n(1,1,1,1)", NULL, run, { "expand", "(1, 1, 1, 1)", "(2, 3, -1)" } },
        { "new dim", "n(2,3)", NULL, run_new, { "expand", "(2, 3)", "(-1, 2, 3)" } })
};

fr_tensor *fr_expand(fr_tensor *t, fr_shape shape)
{
    return fr_apply(&fr_expand_op, &t, &shape);
}

/* True if all of ts are there and have at most one dim. */
static bool check_axes(fr_tensor *const *ts, int n, fr_tensor **grids)
{
    char name[32], text[FR_SHAPE_TEXT];

    if (n < 1 || n > FR_MAX_DIMS || !ts || !grids)
        return fr_fail("meshgrid", "%d vectors, expected 1 to %d", ts && grids ? n : 0, FR_MAX_DIMS);
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "ts[%d]", i);
        if (!fr_check_argument("meshgrid", ts[i], name))
            return false;
        if (ts[i]->shape.ndim > 1)
            return fr_fail("meshgrid", "%s has shape %s, expected one dim", name, fr_shape_text(&ts[i]->shape, text));
    }
    return true;
}

int fr_meshgrid(fr_tensor *const *ts, int n, fr_tensor **grids)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "meshgrid");
    bool ok = check_axes(ts, n, grids);
    fr_shape whole = { .ndim = n };

    for (int i = 0; i < n && ok; i++)
        whole.dim[i] = ts[i]->numel;
    for (int i = 0; i < n && ok; i++) {
        fr_shape along = { .ndim = n };

        for (int k = 0; k < n; k++)
            along.dim[k] = k == i ? whole.dim[i] : 1;
        grids[i] = fr_expand(fr_reshape(ts[i], along), whole);
        ok = grids[i] != NULL;
    }
    fr_finish(th, before);
    return ok ? n : -1;
}
