/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The ten mistakes mended. The handler is on: the program would end at the first error. */
#include <frond.h>

#include <stdio.h>

static fr_tensor *escaped(void)
{
    FR_SCOPE;
    return fr_escape(fr_ones(FR_SHAPE(2)));
}

int main(void)
{
    FR_SCOPE;
    fr_tensor *x = fr_ones(FR_SHAPE(4, 3)), *labels = fr_full_of(FR_SHAPE(4), 2, FR_I64); /* 5: 0 to 2 */
    fr_tensor *w = fr_requires_grad(fr_ones(FR_SHAPE(2))), *c = fr_ones(FR_SHAPE(2));
    double state = 1;

    fr_matmul(x, fr_ones(FR_SHAPE(3, 2)));                                         /* 1: inner sizes are equal */
    fr_add(x, fr_unsqueeze(fr_cast(labels, FR_F32), 1));                           /* 2: one dtype */
    fr_mse(fr_squeeze(fr_ones(FR_SHAPE(4, 1)), 1), fr_ones(FR_SHAPE(4)), FR_MEAN); /* 3: one shape */
    fr_bce_with_logits(fr_full(FR_SHAPE(4), 1.5), fr_ones(FR_SHAPE(4)), FR_MEAN);  /* 4: it takes logits */
    fr_cross_entropy(x, labels, FR_MEAN);                                          /* 5 */
    fr_backward(fr_sum(fr_mul(w, c)));                                             /* 6: one number */
    fr_backward(fr_sum(fr_mul(w, c)));                                             /* 7: a new graph */

    fr_tensor *kept = fr_clone(c), *loss = fr_sum(fr_mul(w, kept)); /* 8: a copy is kept */

    fr_copy(c, fr_zeros(FR_SHAPE(2)));
    fr_backward(loss);
    fr_exp(escaped()); /* 9 */
    for (int step = 0; step < 30; step++) {
        FR_SCOPE;
        fr_tensor *next = fr_mul_scalar(fr_sum(w), state);

        fr_backward(next);
        state = fr_item(next) / 2; /* 10: a number, or fr_detach */
    }
    printf("no message\n");
    return 0;
}
