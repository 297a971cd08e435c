/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* z = sqrt(x^2 + y^2), with the derivatives x / z and y / z. At (0, 0) there is none: the backward gives 0 / 0, NaN. */
#include <frond.h>
#include <frond/op.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool infer(fr_op_call *call)
{
    fr_shape a = fr_shape_of(call->in[0]), b = fr_shape_of(call->in[1]);
    char text_a[FR_SHAPE_TEXT], text_b[FR_SHAPE_TEXT];

    if (a.ndim != b.ndim || memcmp(a.dim, b.dim, (size_t)a.ndim * sizeof *a.dim) != 0)
        return fr_op_fail(call, "x %s and y %s differ", fr_shape_text(&a, text_a), fr_shape_text(&b, text_b));
    call->out[0] = fr_meta_of(call->in[0]);
    return true;
}

static void forward(fr_op_call *call)
{
    FR_DISPATCH_FLOAT(call->in[0], T, {
        const T *x = fr_data(call->in[0]), *y = fr_data(call->in[1]);
        T *z = fr_data(call->result[0]);

        for (int64_t i = 0; i < fr_numel(call->in[0]); i++)
            z[i] = (T)sqrt((double)(x[i] * x[i] + y[i] * y[i]));
    })
}

static void backward(fr_op_call *call)
{
    for (int i = 0; i < 2; i++)
        if (call->needs[i])
            call->grad_in[i] = fr_mul(call->grad_out[0], fr_div(call->in[i], call->result[0]));
}

static fr_tensor *length(fr_tensor *const *in, void *unused)
{
    static const fr_op op = {
        .name = "length",
        .formula = "z = sqrt(x^2 + y^2)",
        .inputs = 2,
        .outputs = 1,
        .infer = infer,
        .forward = forward,
        .backward = backward,
    };

    (void)unused;
    return fr_apply(&op, in, NULL);
}

static void check(double x, double y)
{
    fr_tensor *in[] = { fr_requires_grad(fr_scalar(x)), fr_requires_grad(fr_scalar(y)) };
    bool right = fr_gradcheck(length, in, 2, NULL);

    printf("(%g, %g): %s\n", x, y, right ? "right" : fr_error_message());
    fr_error_clear();
}

int main(void)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64);
    fr_set_error_handler(NULL, NULL);
    check(3, 4);
    check(0, 0);
    return 0;
}
