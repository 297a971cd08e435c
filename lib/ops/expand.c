/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* expand: broadcast to a shape, by strides of 0. */
#include "ops/op_file.h"

static bool infer(fr_op_call *call)
{
    const fr_tensor *t = call->in[0];
    const fr_shape *wanted = call->attributes;
    fr_meta *m = &call->out[0];
    int lead = wanted->ndim - t->shape.ndim;
    char from[FR_SHAPE_TEXT], to[FR_SHAPE_TEXT];

    m->dtype = fr_dtype_of(t);
    m->shape = *wanted;
    m->offset = 0;
    if (wanted->ndim > FR_MAX_DIMS)
        return fr_op_fail(call, "%d dimensions, expected at most %d", wanted->ndim, FR_MAX_DIMS);
    for (int i = 0; i < wanted->ndim; i++) {
        int64_t size = i < lead ? 1 : t->shape.dim[i - lead];

        if (wanted->dim[i] == -1 && i >= lead)
            m->shape.dim[i] = size;
        m->stride[i] = i < lead || (size == 1 && m->shape.dim[i] != 1) ? 0 : t->stride[i - lead];
        lead = size != 1 && m->shape.dim[i] != size ? -1 : lead;
        if (lead < 0)
            break;
    }
    return lead >= 0 || fr_op_fail(call, "%s does not broadcast to %s", fr_shape_text(&t->shape, from),
                                   fr_shape_text(wanted, to));
}

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_sum_to(call->grad_out[0], call->in_shape[0]);
}

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_expand(in[0], (fr_shape){ 3, { 2, 3, -1 } });
}
#endif

const fr_op fr_expand_op = {
    .name = "expand",
    .formula = "y = x, repeated",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = FR_SAVES_NOTHING,
    .attributes_size = sizeof(fr_shape),
    .dtypes = FR_ANY,
    .strided = true,
    .view = true,
    .infer = infer,
    .backward = backward,
    FR_CASES({ "rows", "n(3,1)", "a.expand(2, 3, -1)", run }, { "dims", "n(1,4)", "a.expand(2, 3, -1)", run })
};

fr_tensor *fr_expand(fr_tensor *t, fr_shape shape)
{
    return fr_apply(&fr_expand_op, &t, &shape);
}
