/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* expand: y is x broadcast to a shape; the repeated dims have stride 0. Backward sums dy over them. */
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
FR_RUN(run_eight, fr_expand(in[0], (fr_shape){ 8, { -1, 2, -1, 2, -1, 1, -1, 3 } }))

const fr_op fr_expand_op = {
    FR_VIEW_OP,
    .name = "expand",
    .formula = "y = x, repeated",
    .shapes = "(*) -> (**)",
    .attributes_size = sizeof(fr_shape),
    FR_CASES({ "rows", "n(3,1)", "a.expand(2, 3, -1)", run }, { "dims", "n(1,4)", "a.expand(2, 3, -1)", run },
             { "scalar", "n()", "a.expand(0, 2, 3)", run_nothing },
             { "to nothing", "n(1,2,3)", "a.expand(0, 2, 3)", run_nothing },
             { "of nothing", "n(3,0)", "a.expand(2, 3, -1)", run },
             { "eight dims", "n(2,1,2,1,2,1,2,1)", "a.expand(-1, 2, -1, 2, -1, 1, -1, 3)", run_eight },
             { "sizes", "n(4,3)", NULL, run, { "expand", "(4, 3)", "(2, 3, -1)" } },
             { "fewer", "n(1,1,1,1)", NULL, run, { "expand", "(1, 1, 1, 1)", "(2, 3, -1)" } },
             { "new dim", "n(2,3)", NULL, run_new, { "expand", "(2, 3)", "(-1, 2, 3)" } })
};

fr_tensor *fr_expand(fr_tensor *t, fr_shape shape)
{
    return fr_apply(&fr_expand_op, &t, &shape);
}
