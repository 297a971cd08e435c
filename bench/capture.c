/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Functions by themselves and captured (fr_capture), one after the other in one process: each row with a captured
 * function says how many times as fast it is.
 *
 *     capture [THREADS [NAME...]]
 *
 *     chain            x = x a + b, 500 times, on one value, forward and backward
 *     rnn, lstm        a layer of small ops that a user writes, forward and backward, and the library's op; W1 and W4
 *     W1, W2, W3       training steps of workloads.h
 *     crf              a BiLSTM-CRF's, 2 sentences of 16 words, 8 tags
 *     ode              a neural ODE's: 20 steps of Runge and Kutta, 20 starts, 50 units
 *     maml             one step of gradient descent within, second derivatives, 5 + 15 points, 40 units */
#include "bench.h"
#include "workloads.h"

enum { CHAIN = 500, TAGS = 8, WORDS = 16, PARAMETERS = 6 };

typedef struct {
    fr_function *step;
    fr_tensor *in[2];
    int inputs;
    fr_tensor *w[3]; /* of a layer that is written by hand: (I,gates H), (H,gates H), (gates H) */
    fr_module *model;
    fr_optim *optim;
    fr_captured *captured;
} job;

static void run_eager(void *argument)
{
    FR_SCOPE;
    job *j = argument;

    j->step(j->in, j);
}

static void run_captured(void *argument)
{
    FR_SCOPE;
    job *j = argument;

    fr_captured_run(j->captured, j->in, j->inputs);
}

/* Backward of loss, and a step if there is an optimiser. */
static fr_tensor *learn(const job *j, fr_tensor *loss)
{
    if (j->optim)
        fr_optim_zero_grad(j->optim);
    else if (j->model)
        fr_module_zero_grad(j->model);
    for (int i = 0; i < 3 && j->w[i]; i++)
        fr_zero_grad(j->w[i]);
    fr_backward(loss);
    if (j->optim)
        fr_optim_step(j->optim);
    return loss;
}

/* --- A chain ------------------------------------------------------------------------------------------------------ */

static fr_tensor *chain_step(fr_tensor *const *in, void *user)
{
    const job *j = user;
    fr_tensor *x = in[0];

    for (int i = 0; i < CHAIN; i++)
        x = fr_add(fr_mul(x, j->w[0]), j->w[1]);
    return learn(j, x);
}

static void chain(job *j, const workload *w)
{
    (void)w;
    j->step = chain_step;
    j->in[0] = fr_full(FR_SHAPE(1), 0.5);
    j->w[0] = fr_requires_grad(fr_full(FR_SHAPE(1), 0.999));
    j->w[1] = fr_requires_grad(fr_full(FR_SHAPE(1), 0.001));
}

/* --- Recurrent layers --------------------------------------------------------------------------------------------- */

/* x (T,B,I). The loss is the mean of the squares of all h. */
static fr_tensor *rnn_step(fr_tensor *const *in, void *user)
{
    const job *j = user;
    int64_t steps = fr_dim(in[0], 0);
    fr_tensor *h = fr_zeros(FR_SHAPE(fr_dim(in[0], 1), fr_dim(j->w[1], 0))), *loss = fr_scalar(0);

    for (int64_t t = 0; t < steps; t++) {
        h = fr_tanh(fr_add(fr_add(fr_matmul(fr_select(in[0], 0, t), j->w[0]), fr_matmul(h, j->w[1])), j->w[2]));
        loss = fr_add(loss, fr_mean(fr_square(h)));
    }
    return learn(j, loss);
}

static fr_tensor *lstm_step(fr_tensor *const *in, void *user)
{
    const job *j = user;
    int64_t steps = fr_dim(in[0], 0), n = fr_dim(j->w[1], 0);
    fr_tensor *h = fr_zeros(FR_SHAPE(fr_dim(in[0], 1), n)), *c = fr_zeros_like(h), *loss = fr_scalar(0);

    for (int64_t t = 0; t < steps; t++) {
        fr_tensor *z = fr_add(fr_add(fr_matmul(fr_select(in[0], 0, t), j->w[0]), fr_matmul(h, j->w[1])), j->w[2]);
        fr_tensor *i = fr_sigmoid(fr_slice(z, 1, 0, n, 1)), *f = fr_sigmoid(fr_slice(z, 1, n, 2 * n, 1));
        fr_tensor *g = fr_tanh(fr_slice(z, 1, 2 * n, 3 * n, 1)), *o = fr_sigmoid(fr_slice(z, 1, 3 * n, 4 * n, 1));

        c = fr_add(fr_mul(f, c), fr_mul(i, g));
        h = fr_mul(o, fr_tanh(c));
        loss = fr_add(loss, fr_mean(fr_square(h)));
    }
    return learn(j, loss);
}

static void by_hand(job *j, const workload *w)
{
    int64_t rows = (w->cell == SIMPLE_LSTM ? 4 : 1) * w->hidden;
    fr_shape shapes[] = { FR_SHAPE(w->input, rows), FR_SHAPE(w->hidden, rows), FR_SHAPE(rows) };

    j->step = w->cell == SIMPLE_LSTM ? lstm_step : rnn_step;
    j->in[0] = fr_randn(FR_SHAPE(w->steps, w->batch, w->input));
    for (int i = 0; i < 3; i++)
        j->w[i] = fr_requires_grad(fr_mul_scalar(fr_randn(shapes[i]), 0.1));
}

static fr_tensor *op_step(fr_tensor *const *in, void *user)
{
    const job *j = user;

    return learn(j, fr_mul_scalar(fr_mean(fr_square(fr_recurrent_forward(j->model, in[0], NULL).out)),
                                  (double)fr_dim(in[0], 0)));
}

static void by_op(job *j, const workload *w)
{
    j->step = op_step;
    j->in[0] = fr_randn(FR_SHAPE(w->steps, w->batch, w->input));
    j->model = (w->cell == SIMPLE_LSTM ? fr_nn_lstm : fr_nn_rnn)(w->input, w->hidden, NULL);
}

/* --- Models ------------------------------------------------------------------------------------------------------- */

static fr_tensor *classifier_step(fr_tensor *const *in, void *user)
{
    const job *j = user;

    return learn(j, fr_bce(fr_forward(j->model, in[0]), in[1], FR_MEAN));
}

static void classifier(job *j, const workload *w)
{
    run r;

    begin_run(w, &r);
    *j = (job){ .step = classifier_step, .in = { r.x, r.y }, .inputs = 1, .model = r.model, .optim = r.adam };
}

/* Children: embedding, lstm, tags, crf. The sentences (T,N) and their tags. */
static fr_tensor *crf_step(fr_tensor *const *in, void *user)
{
    const job *j = user;
    fr_tensor *x = fr_forward(fr_module_at(j->model, 0), in[0]);
    fr_tensor *scores =
        fr_forward(fr_module_at(j->model, 2), fr_recurrent_forward(fr_module_at(j->model, 1), x, NULL).out);

    return learn(j, fr_neg(fr_crf_log_likelihood(fr_module_at(j->model, 3), scores, in[1], NULL, FR_SUM)));
}

static void crf(job *j, const workload *w)
{
    (void)w;
    j->step = crf_step;
    j->model = fr_module_new("BiLSTMCRF", 0, NULL);
    fr_module_add(j->model, "embedding", fr_nn_embedding(WORDS, 8, NULL));
    fr_module_add(j->model, "lstm", fr_nn_lstm(8, 8, &(fr_recurrent_options){ .bidirectional = true }));
    fr_module_add(j->model, "hidden2tag", fr_nn_linear(16, TAGS, NULL));
    fr_module_add(j->model, "crf", fr_nn_crf(TAGS, NULL));
    j->optim = fr_sgd(j->model, &(fr_sgd_options){ .lr = 0.01 });
    j->in[0] = fr_randint(0, WORDS, FR_SHAPE(WORDS, 2));
    j->in[1] = fr_randint(0, TAGS, FR_SHAPE(WORDS, 2));
}

static fr_tensor *runge_kutta(fr_module *f, fr_tensor *y, double dt)
{
    fr_tensor *k1 = fr_forward(f, y);
    fr_tensor *k2 = fr_forward(f, fr_add(y, fr_mul_scalar(k1, dt / 2)));
    fr_tensor *k3 = fr_forward(f, fr_add(y, fr_mul_scalar(k2, dt / 2)));
    fr_tensor *k4 = fr_forward(f, fr_add(y, fr_mul_scalar(k3, dt)));
    fr_tensor *sum = fr_add(fr_add(fr_add(k1, fr_mul_scalar(k2, 2)), fr_mul_scalar(k3, 2)), k4);

    return fr_add(y, fr_mul_scalar(sum, dt / 6));
}

static fr_tensor *ode_step(fr_tensor *const *in, void *user)
{
    const job *j = user;
    fr_tensor *y = in[0];

    for (int i = 0; i < 20; i++)
        y = runge_kutta(j->model, y, 0.025);
    return learn(j, fr_l1(y, in[1], FR_MEAN));
}

static void ode(job *j, const workload *w)
{
    (void)w;
    j->step = ode_step;
    j->model = FR_SEQUENTIAL(fr_nn_linear(2, 50, NULL), fr_nn_tanh(), fr_nn_linear(50, 2, NULL));
    j->optim = fr_rmsprop(j->model, NULL);
    j->in[0] = fr_randn(FR_SHAPE(20, 2));
    j->in[1] = fr_randn(FR_SHAPE(20, 2));
}

static fr_tensor *maml_step(fr_tensor *const *in, void *user)
{
    const job *j = user;
    fr_tensor *loss = fr_mse(fr_forward(j->model, fr_index(in[0], ":5")), fr_index(in[1], ":5"), FR_MEAN);
    fr_tensor *const *p = fr_module_parameters(j->model, &(int){ 0 }), *grads[PARAMETERS], *adapted[PARAMETERS];

    fr_gradients(loss, p, PARAMETERS, grads, FR_CREATE_GRAPH);
    for (int i = 0; i < PARAMETERS; i++)
        adapted[i] = fr_sub(p[i], fr_mul_scalar(grads[i], 0.01));
    return learn(j, fr_mse(fr_functional_call(j->model, adapted, PARAMETERS, fr_index(in[0], "5:")),
                           fr_index(in[1], "5:"), FR_MEAN));
}

static void maml(job *j, const workload *w)
{
    (void)w;
    j->step = maml_step;
    j->model = FR_SEQUENTIAL(fr_nn_linear(1, 40, NULL), fr_nn_relu(), fr_nn_linear(40, 40, NULL), fr_nn_relu(),
                             fr_nn_linear(40, 1, NULL));
    j->optim = fr_adam(j->model, NULL);
    j->in[0] = fr_randn(FR_SHAPE(20, 1));
    j->in[1] = fr_randn(FR_SHAPE(20, 1));
}

/* --- Measuring ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*make)(job *j, const workload *w);
    workload w;
} jobs[] = {
    { "chain of 1000", chain, { .cell = SIMPLE_RNN } },
    { "rnn W1 by hand", by_hand, { .cell = SIMPLE_RNN, .input = 1, .hidden = 32, .batch = 32, .steps = 10 } },
    { "rnn W1 op", by_op, { .cell = SIMPLE_RNN, .input = 1, .hidden = 32, .batch = 32, .steps = 10 } },
    { "rnn W4 by hand", by_hand, { .cell = SIMPLE_RNN, .input = 64, .hidden = 128, .batch = 64, .steps = 50 } },
    { "rnn W4 op", by_op, { .cell = SIMPLE_RNN, .input = 64, .hidden = 128, .batch = 64, .steps = 50 } },
    { "lstm W2 by hand", by_hand, { .cell = SIMPLE_LSTM, .input = 1, .hidden = 32, .batch = 32, .steps = 10 } },
    { "lstm W2 op", by_op, { .cell = SIMPLE_LSTM, .input = 1, .hidden = 32, .batch = 32, .steps = 10 } },
    { "lstm W4 by hand", by_hand, { .cell = SIMPLE_LSTM, .input = 64, .hidden = 128, .batch = 64, .steps = 50 } },
    { "lstm W4 op", by_op, { .cell = SIMPLE_LSTM, .input = 64, .hidden = 128, .batch = 64, .steps = 50 } },
    { "W1 train", classifier, { .cell = SIMPLE_RNN, .input = 1, .hidden = 32, .batch = 32, .steps = 10 } },
    { "W2 train", classifier, { .cell = SIMPLE_LSTM, .input = 1, .hidden = 32, .batch = 32, .steps = 10 } },
    { "W3 train", classifier, { .cell = SIMPLE_GRU, .input = 1, .hidden = 32, .batch = 32, .steps = 10 } },
    { "crf train", crf, { .cell = SIMPLE_RNN } },
    { "ode train", ode, { .cell = SIMPLE_RNN } },
    { "maml train", maml, { .cell = SIMPLE_RNN } },
};

static void measure_job(size_t i)
{
    FR_SCOPE;
    job j = { 0 };
    char name[64];
    row r = { .work = name };
    double eager;

    fr_manual_seed(0);
    jobs[i].make(&j, &jobs[i].w);
    j.inputs = j.in[1] ? 2 : 1;
    j.captured = fr_capture(j.step, &j);
    snprintf(name, sizeof name, "%s eager", jobs[i].name);
    r.time = measure(run_eager, &j, 1, 0.7);
    print_row(&r);
    eager = r.time.best;
    snprintf(name, sizeof name, "%s captured", jobs[i].name);
    r.time = measure(run_captured, &j, 1, 0.7);
    r.rate = eager / r.time.best;
    r.unit = "times eager";
    print_row(&r);
    fr_captured_free(j.captured);
    fr_optim_free(j.optim);
    fr_module_free(j.model);
}

int main(int argc, char **argv)
{
    begin_bench(argc, argv, 1);
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++)
        if (is_wanted(jobs[i].name, argc - 2, argv + 2))
            measure_job(i);
    return 0;
}
