/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* An op of your own: softsign, y = x / (1 + |x|). An op is one struct, given to fr_apply, as the library's own are. The
 * backward is written in ops, so second derivatives need no more code. fr_gradcheck tells whether it is right. */
#include <frond.h>
#include <frond/op.h>

#include <math.h>
#include <stdio.h>

static bool infer(fr_op_call *call)
{
    call->out[0] = fr_meta_of(call->in[0]); /* the same shape and dtype */
    return true;
}

static void forward(fr_op_call *call)
{
    FR_DISPATCH_FLOAT(call->in[0], T, {
        const T *x = fr_data(call->in[0]);
        T *y = fr_data(call->result[0]);

        for (int64_t i = 0; i < fr_numel(call->in[0]); i++)
            y[i] = x[i] / (1 + (T)fabs((double)x[i]));
    })
}

/* dy/dx = 1 / (1 + |x|)^2 */
static void backward(fr_op_call *call)
{
    fr_tensor *d = fr_add_scalar(fr_abs(call->in[0]), 1);

    call->grad_in[0] = fr_div(call->grad_out[0], fr_square(d));
}

static const fr_op softsign_op = {
    .name = "softsign",
    .formula = "y = x / (1 + |x|)",
    .shapes = "(*) -> (*)",
    .inputs = 1,
    .outputs = 1,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

static fr_tensor *softsign(fr_tensor *const *in, void *unused)
{
    (void)unused;
    return fr_apply(&softsign_op, in, NULL);
}

int main(void)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64); /* finite differences need the precision */

    fr_tensor *x = fr_requires_grad(fr_from_doubles(FR_SHAPE(4), (double[]){ -2, -0.5, 1, 4 }));

    fr_print(softsign(&x, NULL));
    printf("first derivatives %s\n", fr_gradcheck(softsign, &x, 1, NULL) ? "right" : "wrong");
    printf("second derivatives %s\n", fr_gradgradcheck(softsign, &x, 1, NULL) ? "right" : "wrong");
    return 0;
}
