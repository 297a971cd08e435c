/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* An optimiser of your own, from plain gradient descent to Adam in four steps, each of which cures a fault of the one
 * before. An optimiser is a few lines: it has state of the parameters' shape, and changes them under FR_NO_GRAD.
 *
 * You will see how far each comes in a narrow valley, x^2 / 2 + 50 y^2, and that the last is fr_adam itself. */
#include <frond.h>

#include <math.h>
#include <stdio.h>

enum { STEPS = 100 };

typedef struct {
    fr_tensor *p, *m, *v; /* parameter; mean (or sum) of its gradients; mean of their squares */
    double lr;
    int step; /* from 1 */
} optimiser;

/* into = keep into + (1 - keep) from */
static void average(fr_tensor *into, fr_tensor *from, double keep)
{
    fr_copy(into, fr_add(fr_mul_scalar(into, keep), fr_mul_scalar(from, 1 - keep)));
}

static void move(optimiser *o, fr_tensor *direction)
{
    fr_copy(o->p, fr_sub(o->p, fr_mul_scalar(direction, o->lr)));
}

/* 1: one rate for all. Too large for y before it is large enough for x. */
static void descent(optimiser *o, fr_tensor *g)
{
    move(o, g);
}

/* 2: goes on in the direction of the last steps: along the valley they add up, across it they cancel. */
static void momentum(optimiser *o, fr_tensor *g)
{
    fr_copy(o->m, fr_add(fr_mul_scalar(o->m, 0.9), g));
    move(o, o->m);
}

/* 3: a rate for each value: divides by how large its gradients are as a rule. But the mean of squares begins at 0, too
 * small, and so the first steps are many times too long: no harm in this valley, but in one among others. */
static void rmsprop(optimiser *o, fr_tensor *g)
{
    average(o->v, fr_square(g), 0.999);
    move(o, fr_div(g, fr_add_scalar(fr_sqrt(o->v), 1e-8)));
}

/* 4: both, and the means divided by the share that has come into them by now: 1 - keep^step. */
static void adam(optimiser *o, fr_tensor *g)
{
    average(o->m, g, 0.9);
    average(o->v, fr_square(g), 0.999);

    fr_tensor *m = fr_div_scalar(o->m, 1 - pow(0.9, o->step)), *v = fr_div_scalar(o->v, 1 - pow(0.999, o->step));

    move(o, fr_div(m, fr_add_scalar(fr_sqrt(v), 1e-8)));
}

/* p (2) -> () */
static fr_tensor *valley(fr_tensor *p)
{
    return fr_sum(fr_mul(fr_square(p), fr_from_doubles(FR_SHAPE(2), (double[]){ 0.5, 50 })));
}

static fr_tensor *start(void)
{
    return fr_requires_grad(fr_from_doubles(FR_SHAPE(2), (double[]){ 3, 1 }));
}

static fr_tensor *run(const char *name, void (*rule)(optimiser *o, fr_tensor *g), double lr)
{
    optimiser o = { .p = start(), .m = fr_zeros(FR_SHAPE(2)), .v = fr_zeros(FR_SHAPE(2)), .lr = lr };

    printf("%-19s %5.3f", name, lr);
    for (o.step = 1; o.step <= STEPS; o.step++) {
        FR_SCOPE;
        fr_tensor *g;

        fr_gradients(valley(o.p), &o.p, 1, &g, 0);

        FR_NO_GRAD;
        rule(&o, g);
        if (o.step == 1 || o.step == 10 || o.step == STEPS)
            printf("   (%6.3f, %6.3f)", fr_at(o.p, 0), fr_at(o.p, 1));
    }
    printf("\n");
    return o.p;
}

static fr_tensor *run_fr_adam(double lr)
{
    FR_AUTO(fr_module) holder = fr_module_new("Point", 0, NULL);
    fr_tensor *p = fr_module_param(holder, "p", start());
    FR_AUTO(fr_optim) o = fr_adam(holder, &(fr_adam_options){ .lr = lr });

    for (int step = 0; step < STEPS; step++) {
        FR_SCOPE;
        fr_optim_zero_grad(o);
        fr_backward(valley(p));
        fr_optim_step(o);
    }
    return p;
}

int main(void)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64);

    printf("the lowest point of x^2 / 2 + 50 y^2 is (0, 0). From (3, 1):\n"
           "                     rate     after 1 step         10 steps         100 steps\n");
    run("1 gradient descent", descent, 0.019);
    run("2 momentum", momentum, 0.019);
    run("3 divided by size", rmsprop, 0.1);

    fr_tensor *ours = run("4 Adam", adam, 0.1), *theirs = run_fr_adam(0.1);

    printf("fr_adam gives the same: %s\n", fr_item(fr_norm(fr_sub(ours, theirs))) < 1e-12 ? "yes" : "no");
    return 0;
}

/* Exercises
 *
 * 1. Make it AdamW: before each step take lr * 0.01 of the parameter off itself. Compare with fr_adamw.
 * 2. Turn the valley by 45 degrees: x and y become (x + y) / sqrt 2 and (x - y) / sqrt 2. Which of the four does not
 *    mind, and which do? Why? */
