/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Two LSTM cells learn sine waves by L-BFGS, all data at once. */
#include <frond.h>

#include <stdio.h>

enum { WAVES = 12, STEPS = 60 };

typedef struct {
    fr_module *lstm1, *lstm2, *linear;
} sequence;

static fr_tensor *forward(fr_module *self, fr_tensor *x)
{
    sequence *net = fr_self(self);
    fr_tensor *outputs[STEPS];
    fr_recurrent state1 = { 0 }, state2 = { 0 };
    int steps = (int)fr_dim(x, 1);

    for (int t = 0; t < steps; t++) {
        state1 = fr_cell_forward(net->lstm1, fr_narrow(x, 1, t, 1), &state1);
        state2 = fr_cell_forward(net->lstm2, state1.h, &state2);
        outputs[t] = fr_forward(net->linear, state2.h);
    }
    return fr_cat(outputs, steps, 1);
}

static fr_module *sequence_new(void)
{
    fr_module *self = fr_module_new("Sequence", sizeof(sequence), forward);
    sequence *net = fr_self(self);

    net->lstm1 = fr_module_add(self, "lstm1", fr_nn_lstm_cell(1, 16, NULL));
    net->lstm2 = fr_module_add(self, "lstm2", fr_nn_lstm_cell(16, 16, NULL));
    net->linear = fr_module_add(self, "linear", fr_nn_linear(16, 1, NULL));
    return self;
}

typedef struct {
    fr_module *model;
    fr_tensor *waves;
} task;

static fr_tensor *closure(void *user)
{
    task *t = user;
    fr_tensor *loss = fr_mse(fr_forward(t->model, fr_index(t->waves, ":, :-1")), fr_index(t->waves, ":, 1:"), FR_MEAN);

    fr_module_zero_grad(t->model);
    fr_backward(loss);
    return loss;
}

int main(void)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64);
    fr_manual_seed(0);

    fr_tensor *starts = fr_cast(fr_randint(-80, 80, FR_SHAPE(WAVES, 1)), FR_F64);
    fr_tensor *times = fr_arange(0, STEPS, 1, FR_F64);
    FR_AUTO(fr_module) model = sequence_new();
    task t = { model, fr_sin(fr_div_scalar(fr_add(times, starts), 8)) };
    FR_AUTO(fr_optim) optimizer = fr_lbfgs(model, &(fr_lbfgs_options){ .lr = 0.8, .max_iter = 10 });

    for (int step = 0; step < 4; step++)
        printf("step %d  loss %.4f\n", step, fr_optim_step_closure(optimizer, closure, &t));
    return 0;
}
