/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A training step captured: a recurrent cell that is written out in small ops learns to remember, first by itself, then
 * captured, from the same seed. */
#include <frond.h>

#include <stdio.h>

enum { STEPS = 20, BATCH = 16, HIDDEN = 32, TRAINING = 41 };

typedef struct {
    fr_module *model; /* from x and h to a gate and a new state; from h to the answer */
    fr_optim *optim;
} trainer;

/* h' = g h + (1 - g) tanh(...): how much is kept is learned. */
static fr_tensor *cell(fr_module *inner, fr_tensor *x, fr_tensor *h)
{
    fr_tensor *z = fr_forward(inner, FR_CAT(1, x, h));
    fr_tensor *gate = fr_sigmoid(fr_slice(z, 1, 0, HIDDEN, 1));

    return fr_lerp(fr_tanh(fr_slice(z, 1, HIDDEN, 2 * HIDDEN, 1)), h, gate);
}

/* x (T,B,1) and y (B,1) -> loss */
static fr_tensor *step(fr_tensor *const *in, void *user)
{
    trainer *t = user;
    fr_tensor *h = fr_zeros(FR_SHAPE(BATCH, HIDDEN));

    for (int i = 0; i < STEPS; i++)
        h = cell(fr_module_at(t->model, 0), fr_select(in[0], 0, i), h);

    fr_tensor *loss = fr_mse(fr_forward(fr_module_at(t->model, 1), h), in[1], FR_MEAN);

    fr_optim_zero_grad(t->optim);
    fr_backward(loss);
    fr_optim_step(t->optim);
    return loss;
}

/* The sequence's first value is to be told at its end. Puts the losses into losses[]. */
static void train(bool captured, double *losses)
{
    fr_manual_seed(0);

    FR_AUTO(fr_module) model =
        FR_MODULE_LIST(fr_nn_linear(1 + HIDDEN, 2 * HIDDEN, NULL), fr_nn_linear(HIDDEN, 1, NULL));
    FR_AUTO(fr_optim) optim = fr_adam(model, &(fr_adam_options){ .lr = 0.01 });
    trainer t = { model, optim };
    FR_AUTO(fr_captured) c = fr_capture(step, &t);

    FR_FOR_STEPS (i, TRAINING) {
        fr_tensor *x = fr_randn(FR_SHAPE(STEPS, BATCH, 1)), *in[] = { x, fr_select(x, 0, 0) };
        fr_tensor *loss = captured ? fr_captured_run(c, in, 2) : step(in, &t);

        losses[i] = fr_item(loss);
    }
}

int main(void)
{
    double eager[TRAINING], captured[TRAINING];

    train(false, eager);
    train(true, captured);
    for (int i = 0; i < TRAINING; i += 10)
        printf("step %2d  loss %.3f  captured %.3f  %s\n", i, eager[i], captured[i],
               eager[i] == captured[i] ? "the same bits" : "different");
    return 0;
}
