/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Gates: LSTM and GRU written out in small ops, and why they help. An LSTM carries a cell c from step to step,
 * c' = f c + i g, without a matrix and without tanh: on its way back the gradient of c is multiplied by the forget gate
 * f alone, a number that can be close to 1. Its inventors called this the constant error carousel.
 *
 * You will see that the written-out cells give what the library's fused ops give, and how much of the gradient of c is
 * left after 100 steps: one part in 1e30 or four fifths, depending on the bias of the forget gate. */
#include <frond.h>

#include <math.h>
#include <stdio.h>

enum { STEPS = 100, BATCH = 2, INPUT = 3, HIDDEN = 4 };

/* x (B,I), h and c (B,H); w_ih (4H,I), w_hh (4H,H): the weights of the four gates below each other */
static void lstm_step(fr_tensor *x, fr_tensor **h, fr_tensor **c, fr_tensor *w_ih, fr_tensor *w_hh, fr_tensor *b)
{
    fr_tensor *sums = fr_add(fr_linear(x, w_ih, b), fr_linear(*h, w_hh, NULL)), *part[4];

    fr_chunk(sums, 4, 1, part, 4);

    fr_tensor *i = fr_sigmoid(part[0]), *f = fr_sigmoid(part[1]), *g = fr_tanh(part[2]), *o = fr_sigmoid(part[3]);

    *c = fr_add(fr_mul(f, *c), fr_mul(i, g)); /* keeps part of what it knew, takes in part of what is new */
    *h = fr_mul(o, fr_tanh(*c));              /* shows part of it */
}

/* The same with three gates and no cell: h' = (1 - z) n + z h */
static void gru_step(fr_tensor *x, fr_tensor **h, fr_tensor *w_ih, fr_tensor *w_hh, fr_tensor *b)
{
    fr_tensor *from_x[3], *from_h[3];

    fr_chunk(fr_linear(x, w_ih, b), 3, 1, from_x, 3);
    fr_chunk(fr_linear(*h, w_hh, NULL), 3, 1, from_h, 3);

    fr_tensor *r = fr_sigmoid(fr_add(from_x[0], from_h[0])), *z = fr_sigmoid(fr_add(from_x[1], from_h[1]));
    fr_tensor *n = fr_tanh(fr_add(from_x[2], fr_mul(r, from_h[2])));

    *h = fr_add(n, fr_mul(z, fr_sub(*h, n)));
}

static double difference(fr_tensor *a, fr_tensor *b)
{
    return fr_item(fr_max(fr_abs(fr_sub(a, b))));
}

static void compare(int gates, const char *name)
{
    fr_tensor *x = fr_randn(FR_SHAPE(STEPS, BATCH, INPUT)), *h = fr_zeros(FR_SHAPE(BATCH, HIDDEN)), *c = h;
    fr_tensor *w_ih = fr_requires_grad(fr_randn(FR_SHAPE(gates * HIDDEN, INPUT)));
    fr_tensor *w_hh = fr_requires_grad(fr_randn(FR_SHAPE(gates * HIDDEN, HIDDEN)));
    fr_tensor *b = fr_randn(FR_SHAPE(gates * HIDDEN)), *ours[2], *fused[2];
    fr_recurrent y = gates == 4 ? fr_lstm(x, NULL, NULL, w_ih, w_hh, b, NULL, NULL, NULL)
                                : fr_gru(x, NULL, w_ih, w_hh, b, NULL, NULL);

    for (int t = 0; t < STEPS; t++)
        if (gates == 4)
            lstm_step(fr_select(x, 0, t), &h, &c, w_ih, w_hh, b);
        else
            gru_step(fr_select(x, 0, t), &h, w_ih, w_hh, b);
    fr_gradients(fr_sum(h), (fr_tensor *[]){ w_ih, w_hh }, 2, ours, 0);
    fr_gradients(fr_sum(y.h), (fr_tensor *[]){ w_ih, w_hh }, 2, fused, 0);
    printf("%-4s written out and fused, after %d steps: the same state: %s, the same gradients: %s\n", name, STEPS,
           difference(h, y.h) < 1e-12 ? "yes" : "no",
           difference(ours[0], fused[0]) + difference(ours[1], fused[1]) < 1e-10 ? "yes" : "no");
}

/* What of d c[100] / d c[0] is left, in an LSTM with small weights and this bias of the forget gate. */
static void ride_the_carousel(double bias)
{
    fr_tensor *x = fr_randn(FR_SHAPE(STEPS, 1, 1)), *w_ih = fr_mul_scalar(fr_randn(FR_SHAPE(4, 1)), 0.01);
    fr_tensor *w_hh = fr_mul_scalar(fr_randn(FR_SHAPE(4, 1)), 0.01);
    fr_tensor *b = fr_from_doubles(FR_SHAPE(4), (double[]){ 0, bias, 0, 0 }); /* the gates i, f, g, o */
    fr_tensor *c0 = fr_requires_grad(fr_zeros(FR_SHAPE(1, 1))), *gradient;
    fr_recurrent y = fr_lstm(x, NULL, c0, w_ih, w_hh, b, NULL, NULL, NULL);

    fr_gradients(fr_sum(y.c), &c0, 1, &gradient, 0);
    printf("%4g %10.4f %16.1e %14.1e\n", bias, 1 / (1 + exp(-bias)), fr_item(gradient),
           pow(1 / (1 + exp(-bias)), STEPS));
}

int main(void)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64);
    fr_manual_seed(0);

    compare(4, "LSTM");
    compare(3, "GRU");
    printf("\nbias   sigmoid   d c[100] / d c[0]   sigmoid^100\n");
    for (int bias = 0; bias <= 6; bias += 2)
        ride_the_carousel(bias);
    return 0;
}

/* Exercises
 *
 * 1. Do the same for the GRU, whose state is kept by z: which bias must be large? Print d h[100] / d h[0].
 * 2. What does a network see of its inputs before it has learned anything? For an RNN, an LSTM and an LSTM with a
 *    forget bias of 4, print the gradient of the last output by the inputs of steps 0, 20, 40 and 59 of 60. */
