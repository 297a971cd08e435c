/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Attention: each step of a sequence looks at the others, and takes from them in proportion to how well its query fits
 * their keys: softmax(q k^T / sqrt(E)) v. An RNN passes on what it knows from step to step, through as many matrices;
 * here any two steps are one product apart, and so are their gradients.
 *
 * You will see the weights of five steps that may not look ahead, that the fused op gives the same values and
 * gradients, and that order means nothing to attention unless something tells it the positions. */
#include <frond.h>

#include <math.h>
#include <stdio.h>

enum { STEPS = 5, SIZE = 4 };

/* q (T,E), k (T,E) -> (T,T): row i tells how much step i takes from each; a row adds up to 1 */
static fr_tensor *attention_weights(fr_tensor *q, fr_tensor *k, bool causal)
{
    fr_tensor *scores = fr_div_scalar(fr_matmul(q, fr_transpose(k, 0, 1)), sqrt(SIZE));

    if (causal) /* -infinity above the diagonal: exp makes it 0 */
        scores = fr_masked_fill(scores, fr_triu(fr_ones_like(scores), 1), -INFINITY);
    return fr_softmax(scores, 1);
}

static double difference(fr_tensor *a, fr_tensor *b)
{
    return fr_item(fr_max(fr_abs(fr_sub(a, b))));
}

static fr_tensor *random_steps(void)
{
    return fr_requires_grad(fr_randn(FR_SHAPE(STEPS, SIZE)));
}

int main(void)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64);
    fr_manual_seed(0);

    fr_tensor *qkv[] = { random_steps(), random_steps(), random_steps() }, *ours[3], *fused[3];
    fr_tensor *weights = attention_weights(qkv[0], qkv[1], true), *y = fr_matmul(weights, qkv[2]);
    fr_tensor *z =
        fr_scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], &(fr_attention_options){ .is_causal = true });

    printf("what each of %d steps takes from each, without looking ahead:\n", STEPS);
    fr_print(fr_detach(weights));

    fr_gradients(fr_sum(fr_square(y)), qkv, 3, ours, 0);
    fr_gradients(fr_sum(fr_square(z)), qkv, 3, fused, 0);
    printf("\nthe fused op gives the same values: %s", difference(y, z) < 1e-12 ? "yes" : "no");
    for (int i = 0; i < 3; i++)
        printf(", gradient of %c: %s", "qkv"[i], difference(ours[i], fused[i]) < 1e-12 ? "yes" : "no");

    /* Keys and values in another order: the last step's result, which looks at all, stays what it was. */
    fr_tensor *order = fr_randperm(STEPS);
    fr_tensor *k = fr_index_select(qkv[1], 0, order), *v = fr_index_select(qkv[2], 0, order);
    fr_tensor *mixed = fr_matmul(attention_weights(qkv[0], k, false), v);

    printf("\n\nthe steps that are looked at, in another order, give the last step the same: %s\n",
           difference(fr_select(mixed, 0, -1), fr_select(y, 0, -1)) < 1e-12 ? "yes" : "no");
    return 0;
}

/* Exercises
 *
 * 1. Two heads: cut q, k and v (5,4) into two of size 2 each, attend in each, join the results. Give the same to
 *    fr_scaled_dot_product_attention as (2,5,2). Is the scale the same?
 * 2. Gradients over a distance: in 07_through_time.c the gradient that reaches the first of 40 states was 1e-4. Give
 *    attention 40 steps, and print the norm of the gradient of the last result by each step's value. */
