/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* clone: y = x, a contiguous copy. contiguous: a copy only if x is not contiguous, else a view. */
#include "ops/op.h"

#include <frond/c_code.h>

static void forward(fr_op_call *call)
{
    fr_copy_values(call->result[0], call->in[0]);
}

static bool c_code(fr_c_writer *w, const fr_op_call *call)
{
    return fr_c_pointwise(w, call, "x", NULL);
}

static void backward(fr_op_call *call)
{
    call->grad_in[0] = call->grad_out[0];
}

FR_RUN(run, fr_clone(fr_transpose(in[0], 0, -1)))
FR_RUN(run_contiguous, fr_contiguous(fr_transpose(fr_contiguous(in[0]), 0, 1)))

const fr_op fr_clone_op = { .name = "clone",
                            .formula = "y = x",
                            .shapes = "(*) -> (*)",
                            .inputs = 1,
                            .outputs = 1,
                            .saves_inputs = FR_SAVES_NOTHING,
                            .dtypes = FR_ANY,
                            .strided = true,
                            .infer = fr_infer_same,
                            .forward = forward,
                            .backward = backward,
                            .jvp = fr_jvp_linear,
                            .c_code = c_code,
                            .onnx_name = "Identity",
                            FR_CASES({ "transposed", "n(3,4)", "a.T.clone()", run },
                                     { "scalar", "n()", "a.clone()", run }, { "empty", "n(3,0)", "a.T.clone()", run },
                                     { "int64", "i9(3,4)", "a.T.clone()", run },
                                     { "contiguous", "n(3,4)", "a.T.contiguous()", run_contiguous }) };

fr_tensor *fr_clone(fr_tensor *t)
{
    return fr_apply(&fr_clone_op, &t, NULL);
}

fr_tensor *fr_contiguous(fr_tensor *t)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "contiguous");
    fr_tensor *y = NULL;

    if (fr_check_argument("contiguous", t, "t"))
        y = t->contiguous ? fr_reshape(t, t->shape) : fr_clone(t);
    fr_finish(th, before);
    return y;
}
