/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ne: y = 1 where a != b, else 0, in the dtype of a; broadcasting. No gradient. */
#include "ops/elementwise.h"

FR_BINARY_ANY(ne, a != b)
FR_UNARY_ANY(ne_scalar, x != p[0])

#ifdef FR_TESTS
static fr_tensor *run(fr_tensor *const *in)
{
    return fr_ne(in[0], in[1]);
}

static fr_tensor *run_scalar(fr_tensor *const *in)
{
    return fr_ne_scalar(in[0], 2);
}
#endif

const fr_op fr_ne_op = {
    .name = "ne",
    .formula = "y = a != b",
    .inputs = 2,
    .outputs = 1,
    .dtypes = FR_ANY,
    .strided = true,
    .infer = fr_infer_broadcast,
    .forward = ne_forward,
    FR_CASES({ "same", "i3(3,4) i3(3,4)", "(a != b).to(a.dtype)", run, .no_grad = true },
             { "broadcast", "n(2,1,4) n(3,1)", "(a != b).to(a.dtype)", run, .no_grad = true },
             { "shapes", "n(4,3) n(5,2)", NULL, run, { "ne", "(4, 3)", "(5, 2)" } })
};

fr_tensor *fr_ne(fr_tensor *a, fr_tensor *b)
{
    return fr_apply(&fr_ne_op, (fr_tensor *[]){ a, b }, NULL);
}

const fr_op fr_ne_scalar_op = {
    .name = "ne_scalar",
    .formula = "y = x != value",
    .inputs = 1,
    .outputs = 1,
    .attributes_size = 2 * sizeof(double),
    .dtypes = FR_ANY,
    .infer = fr_infer_same,
    .forward = ne_scalar_forward,
    FR_CASES({ "value", "i4(3,4)", "(a != 2).to(a.dtype)", run_scalar, .no_grad = true })
};

fr_tensor *fr_ne_scalar(fr_tensor *t, double value)
{
    return fr_apply(&fr_ne_scalar_op, &t, (double[2]){ value });
}
