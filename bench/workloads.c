/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The recurrent workloads. */
#include "workloads.h"

#include <string.h>

const workload workloads[WORKLOADS] = {
    { "W1", SIMPLE_RNN, 1, 32, 32, 10, 1, 0 },         { "W2", SIMPLE_LSTM, 1, 32, 32, 10, 1, 0 },
    { "W3", SIMPLE_GRU, 1, 32, 32, 10, 1, 0 },         { "W4-rnn", SIMPLE_RNN, 64, 128, 64, 50, 2, 0 },
    { "W4-lstm", SIMPLE_LSTM, 64, 128, 64, 50, 2, 0 }, { "W4-gru", SIMPLE_GRU, 64, 128, 64, 50, 2, 0 },
    { "W5-rnn", SIMPLE_RNN, 512, 512, 64, 100, 3, 0 }, { "W5-lstm", SIMPLE_LSTM, 512, 512, 64, 100, 3, 0 },
    { "W5-gru", SIMPLE_GRU, 512, 512, 64, 100, 3, 0 },
};

bool is_wanted(const char *name, int words, char *const *word)
{
    bool wanted = words <= 0;

    for (int i = 0; i < words; i++)
        wanted |= strncmp(name, word[i], strlen(word[i])) == 0;
    return wanted;
}

void begin_run(const workload *w, run *r)
{
    fr_manual_seed(0);
    r->model =
        simple_rnn_new(&(simple_rnn_options){ w->input, w->hidden, 1, w->cell, w->layers ? w->layers : 1, false });
    r->adam = fr_adam(r->model, &(fr_adam_options){ .lr = 0.01 });
    r->x = fr_randn(FR_SHAPE(w->batch, w->steps, w->input));
    r->y = fr_gt_scalar(fr_sum_dim(fr_sum_dim(r->x, 2, false), 1, true), 0);
}

void end_run(run *r)
{
    fr_optim_free(r->adam);
    fr_module_free(r->model);
}

void train_step(void *argument)
{
    FR_SCOPE;
    run *r = argument;

    fr_optim_zero_grad(r->adam);
    fr_backward(fr_bce(fr_forward(r->model, r->x), r->y, FR_MEAN));
    fr_optim_step(r->adam);
}

void infer(void *argument)
{
    FR_SCOPE;
    FR_NO_GRAD;
    run *r = argument;

    fr_forward(r->model, r->x);
}

/* Returns the number of rows of the gates' weights. */
static int64_t gate_rows(const workload *w)
{
    static const int gates[] = { [SIMPLE_RNN] = 1, [SIMPLE_LSTM] = 4, [SIMPLE_GRU] = 3 };

    return gates[w->cell] * w->hidden;
}

int infer_products(const workload *w, gemm *p)
{
    int64_t all = w->steps * w->batch, rows = gate_rows(w);

    p[0] = (gemm){ all, rows, w->input, false, 1 };
    p[1] = (gemm){ w->batch, rows, w->hidden, false, w->steps - 1 }; /* the first state is 0 */
    p[2] = (gemm){ w->batch, 1, w->hidden, false, 1 };               /* the linear layer */
    return 3;
}

int train_products(const workload *w, gemm *p)
{
    int64_t all = w->steps * w->batch, rows = gate_rows(w);
    int n = infer_products(w, p);

    p[n++] = (gemm){ w->batch, w->hidden, 1, false, 1 };                    /* gradient of the linear layer's input */
    p[n++] = (gemm){ 1, w->hidden, w->batch, true, 1 };                     /* gradient of the linear layer's weights */
    p[n++] = (gemm){ w->batch, w->hidden, rows, false, w->steps - 1 };      /* gradients of the states */
    p[n++] = (gemm){ rows, w->hidden, all - w->batch, true, w->steps > 1 }; /* gradient of the recurrent weights */
    p[n++] = (gemm){ rows, w->input, all, true, 1 };                        /* gradient of the input's weights */
    return n;
}
