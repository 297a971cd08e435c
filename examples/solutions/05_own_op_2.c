/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* y = x / (2 + |x|), differentiated rightly, passes: fr_gradcheck holds the backward against the forward, not against
 * what was meant. So a test compares values too, with a second definition: here one made of the library's ops. */
#include <frond.h>
#include <frond/op.h>

#include <math.h>
#include <stdio.h>

static bool infer(fr_op_call *call)
{
    call->out[0] = fr_meta_of(call->in[0]);
    return true;
}

static void forward(fr_op_call *call)
{
    const double *x = fr_data(call->in[0]);
    double *y = fr_data(call->result[0]);

    for (int64_t i = 0; i < fr_numel(call->in[0]); i++)
        y[i] = x[i] / (2 + fabs(x[i]));
}

static void backward(fr_op_call *call)
{
    fr_tensor *d = fr_add_scalar(fr_abs(call->in[0]), 2);

    call->grad_in[0] = fr_div(fr_mul_scalar(call->grad_out[0], 2), fr_square(d));
}

static fr_tensor *softsign(fr_tensor *const *in, void *unused)
{
    static const fr_op op = {
        .name = "softsign", .inputs = 1, .outputs = 1, .infer = infer, .forward = forward, .backward = backward
    };

    (void)unused;
    return fr_apply(&op, in, NULL);
}

int main(void)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64);

    fr_tensor *x = fr_requires_grad(fr_from_doubles(FR_SHAPE(3), (double[]){ -2, 1, 4 }));
    fr_tensor *meant = fr_div(x, fr_add_scalar(fr_abs(x), 1));

    printf("fr_gradcheck: %s\n", fr_gradcheck(softsign, &x, 1, NULL) ? "right" : "wrong");
    printf("difference from what was meant: %.4f\n", fr_item(fr_max(fr_abs(fr_sub(softsign(&x, NULL), meant)))));
    return 0;
}
