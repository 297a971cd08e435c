/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Two LSTM cells learn sine waves by L-BFGS, all data at once. */
#include <frond.h>

#include <stdio.h>

enum { STEPS = 60 };

typedef struct {
    fr_module *lstm1, *lstm2, *linear;
    fr_tensor *waves; /* what it learns: (12,STEPS) */
} sequence;

/* (12,STEPS-1) -> the same: of each wave the next values */
static fr_tensor *forward(const sequence *net, fr_tensor *x)
{
    fr_tensor *outputs[STEPS - 1];
    fr_recurrent state1 = { 0 }, state2 = { 0 };

    for (int t = 0; t < STEPS - 1; t++) {
        state1 = fr_cell_forward(net->lstm1, fr_narrow(x, 1, t, 1), &state1);
        state2 = fr_cell_forward(net->lstm2, state1.h, &state2);
        outputs[t] = fr_forward(net->linear, state2.h);
    }
    return fr_cat(outputs, STEPS - 1, 1);
}

static fr_tensor *closure(void *model)
{
    sequence *net = fr_self(model);
    fr_tensor *loss = fr_mse(forward(net, fr_index(net->waves, ":, :-1")), fr_index(net->waves, ":, 1:"), FR_MEAN);

    fr_module_zero_grad(model);
    fr_backward(loss);
    return loss;
}

int main(void)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64);
    fr_manual_seed(0);

    fr_tensor *starts = fr_cast(fr_randint(-80, 80, FR_SHAPE(12, 1)), FR_F64), *times = fr_arange(0, STEPS, 1, FR_F64);
    FR_AUTO(fr_module) model = fr_module_new("Sequence", sizeof(sequence), NULL);
    sequence *net = fr_self(model);

    net->waves = fr_sin(fr_div_scalar(fr_add(times, starts), 8));
    net->lstm1 = fr_module_add(model, "lstm1", fr_nn_lstm_cell(1, 16, NULL));
    net->lstm2 = fr_module_add(model, "lstm2", fr_nn_lstm_cell(16, 16, NULL));
    net->linear = fr_module_add(model, "linear", fr_nn_linear(16, 1, NULL));

    FR_AUTO(fr_optim) optimizer = fr_lbfgs(model, &(fr_lbfgs_options){ .lr = 0.8, .max_iter = 10 });

    for (int step = 0; step < 4; step++)
        printf("step %d  loss %.4f\n", step, fr_optim_step_closure(optimizer, closure, model));
    return 0;
}
