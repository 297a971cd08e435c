/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Two heads. The scale is 1 / sqrt(2), not 1 / sqrt(4): E is the size of one head. */
#include <frond.h>

#include <math.h>
#include <stdio.h>

enum { STEPS = 5, SIZE = 4, HEADS = 2 };

/* (T,E) -> (heads,T,E/heads) */
static fr_tensor *split(fr_tensor *t)
{
    return fr_transpose(fr_reshape(t, FR_SHAPE(STEPS, HEADS, SIZE / HEADS)), 0, 1);
}

int main(void)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64);
    fr_manual_seed(0);

    fr_tensor *q = fr_randn(FR_SHAPE(STEPS, SIZE)), *k = fr_randn_like(q), *v = fr_randn_like(q), *head[HEADS];

    for (int i = 0; i < HEADS; i++) {
        int64_t from = i * SIZE / HEADS, size = SIZE / HEADS;
        fr_tensor *scores = fr_matmul(fr_narrow(q, 1, from, size), fr_transpose(fr_narrow(k, 1, from, size), 0, 1));

        head[i] = fr_matmul(fr_softmax(fr_div_scalar(scores, sqrt((double)size)), 1), fr_narrow(v, 1, from, size));
    }

    fr_tensor *joined = fr_cat(head, HEADS, 1);
    fr_tensor *fused = fr_scaled_dot_product_attention(split(q), split(k), split(v), NULL);
    fr_tensor *back = fr_reshape(fr_transpose(fused, 0, 1), FR_SHAPE(STEPS, SIZE));

    printf("two heads, by hand and fused: the same: %s\n",
           fr_item(fr_max(fr_abs(fr_sub(joined, back)))) < 1e-12 ? "yes" : "no");
    return 0;
}
