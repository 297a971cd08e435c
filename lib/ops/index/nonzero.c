/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* nonzero: where t is not 0, row by row the index of each such value. It is an op, so that a model that depends on it
 * is known as one whose sizes depend on values: such a model has no C or ONNX form. masked_select picks by it. */
#include "core/recorder.h"
#include "ops/index/gather.h"

static bool infer(fr_op_call *call)
{
    const fr_tensor *t = call->in[0];
    int64_t count = 0;

    if (!fr_may_look(fr_thread_self(), call->op->name))
        return false;
    for (int64_t i = 0; i < t->numel; i++)
        count += fr_value_at(t, i) != 0;
    call->out[0] = (fr_meta){ .shape = { 2, { count, t->shape.ndim } }, .dtype = FR_I64 };
    return true;
}

static void forward(fr_op_call *call)
{
    const fr_tensor *t = call->in[0];
    int64_t *row = (int64_t *)(void *)call->result[0]->origin;
    int ndim = t->shape.ndim;

    for (int64_t i = 0; i < t->numel; i++) {
        int64_t rest = i;

        if (fr_value_at(t, i) == 0)
            continue;
        for (int d = ndim - 1; d >= 0; rest /= t->shape.dim[d--])
            row[d] = rest % t->shape.dim[d];
        row += ndim;
    }
}

FR_RUN(run, fr_nonzero(in[0]))
FR_RUN(run_argwhere, fr_argwhere(fr_transpose(in[0], 0, 1)))

const fr_op fr_nonzero_op = {
    .name = "nonzero",
    .formula = "the indices of all values that are not 0, a row for each",
    .shapes = "(*) -> (K,D)",
    .inputs = 1,
    .outputs = 1,
    .dtypes = FR_ANY,
    .infer = infer,
    .forward = forward,
    FR_CASES({ "floats", "b(3,4)", "a.nonzero()", run, .no_grad = true },
             { "int64", "i3(2,3,4)", "a.nonzero()", run, .no_grad = true },
             { "vector", "i2(9)", "a.nonzero()", run, .no_grad = true },
             { "nan", "v0,nan,-0.0,inf(4)", "a.nonzero()", run, .no_grad = true },
             { "scalar", "n()", "a.nonzero()", run, .no_grad = true },
             { "scalar 0", "v0()", "a.nonzero()", run, .no_grad = true },
             { "none", "n(0,3)", "a.nonzero()", run, .no_grad = true },
             { "argwhere", "i2(3,4)", "torch.argwhere(a.T)", run_argwhere, .no_grad = true }),
};

static fr_tensor *nonzero(const char *what, fr_tensor *t)
{
    fr_composition c = fr_compose(what);

    /* fr_op.infer reads the values as they lie. */
    return fr_composed(c, fr_check_argument(what, t, "t")
                              ? fr_apply(&fr_nonzero_op, (fr_tensor *[]){ fr_contiguous(t) }, NULL)
                              : NULL);
}

fr_tensor *fr_nonzero(fr_tensor *t)
{
    return nonzero("nonzero", t);
}

fr_tensor *fr_argwhere(fr_tensor *t)
{
    return nonzero("argwhere", t);
}

static fr_tensor *masked_select(fr_tensor *t, fr_tensor *mask)
{
    char x[FR_SHAPE_TEXT], y[FR_SHAPE_TEXT];
    fr_shape both;

    if (!fr_shape_broadcast(&t->shape, &mask->shape, &both))
        return fr_fail("masked_select", "%s and mask %s do not broadcast", fr_shape_text(&t->shape, x),
                       fr_shape_text(&mask->shape, y));
    return fr_index_select(fr_reshape(fr_expand(t, both), (fr_shape){ 1, { fr_shape_numel(&both) } }), 0,
                           fr_true_places(mask, &both));
}

fr_tensor *fr_masked_select(fr_tensor *t, fr_tensor *mask)
{
    fr_composition c = fr_compose("masked_select");
    bool ok = fr_check_argument("masked_select", t, "t") && fr_check_argument("masked_select", mask, "mask");

    return fr_composed(c, ok ? masked_select(t, mask) : NULL);
}
