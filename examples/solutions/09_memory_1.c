/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* tanh's backward needs its result, so each op keeps 8,000 bytes. The backward of y = x / 2 needs no value at all. */
#include <frond.h>

#include <stdio.h>

static fr_tensor *by_tanh(fr_tensor *t)
{
    return fr_tanh(t);
}

static fr_tensor *by_half(fr_tensor *t)
{
    return fr_mul_scalar(t, 0.5);
}

static void measure(const char *name, fr_tensor *(*op)(fr_tensor *t), fr_tensor *x)
{
    FR_SCOPE;
    size_t before = fr_live_bytes();
    fr_tensor *y = NULL;

    fr_assign(&y, x);
    for (int i = 0; i < 16; i++) {
        FR_SCOPE;
        fr_assign(&y, op(y));
    }
    printf("sixteen times %s: %zu bytes\n", name, fr_live_bytes() - before);
    fr_assign(&y, NULL);
}

int main(void)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64);

    fr_tensor *x = fr_requires_grad(fr_ones(FR_SHAPE(1000)));

    measure("tanh(y)", by_tanh, x);
    measure("y / 2", by_half, x);
    return 0;
}
