/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Training steps, captured and by themselves, from the same seed and with new data at each step: bit for bit the same
 * losses, parameters, buffers, gradients and states of the optimiser. */
#include "testing.h"

#include "optim/optim.h" /* after <frond.h>: it turns the call sites off */

enum { STEPS = 10, INPUTS = 3, MOST = 1024 };

/* When gradients are dropped: by the step, first or last, or by who runs it, before every third run. */
typedef enum { FIRST, LAST, OUTSIDE } zeroing;

typedef struct trainer {
    fr_module *net;
    fr_optim *optim;
    fr_scheduler *schedule;
    fr_ema *average;
    double clip; /* 0: none */
    zeroing zero;
    fr_tensor *(*loss)(struct trainer *t, fr_tensor *const *in);
    int (*draw)(fr_tensor **in); /* the inputs of a step; returns their number */
} trainer;

static fr_tensor *step(fr_tensor *const *in, void *user)
{
    trainer *t = user;
    fr_tensor *loss;

    if (t->zero == FIRST)
        fr_optim_zero_grad(t->optim);
    loss = t->loss(t, in);
    fr_backward(loss);
    if (t->clip > 0)
        fr_clip_grad_norm(t->net, t->clip);
    fr_optim_step(t->optim);
    if (t->schedule)
        fr_scheduler_step(t->schedule);
    if (t->average)
        fr_ema_update(t->average);
    if (t->zero == LAST)
        fr_optim_zero_grad(t->optim);
    return loss;
}

/* --- Models ------------------------------------------------------------------------------------------------------- */

static int draw_points(fr_tensor **in)
{
    in[0] = fr_randn(FR_SHAPE(16, 8));
    in[1] = fr_randn(FR_SHAPE(16, 4));
    return 2;
}

static fr_tensor *squares(trainer *t, fr_tensor *const *in)
{
    return fr_mse(fr_forward(t->net, in[0]), in[1], FR_MEAN);
}

static fr_module *mlp(void)
{
    return FR_SEQUENTIAL(fr_nn_linear(8, 32, NULL), fr_nn_relu(), fr_nn_dropout(0.2), fr_nn_linear(32, 4, NULL));
}

static void mlp_adam(trainer *t)
{
    *t = (trainer){ .net = mlp(), .loss = squares, .draw = draw_points };
    t->optim = fr_adam(t->net, &(fr_adam_options){ .lr = 0.01, .weight_decay = 0.1 });
    t->average = fr_ema_new(t->net, 0.9);
}

static void sgd_clip_schedule(trainer *t)
{
    *t = (trainer){ .net = mlp(), .loss = squares, .draw = draw_points, .clip = 0.1, .zero = LAST };
    t->optim = fr_sgd(t->net, &(fr_sgd_options){ .lr = 0.1, .momentum = 0.9, .nesterov = true });
    t->schedule = fr_cosine_annealing_lr(t->optim, 7, 0.01);
}

static void accumulated(trainer *t)
{
    mlp_adam(t);
    t->zero = OUTSIDE;
}

static void frozen(trainer *t)
{
    mlp_adam(t);
    fr_module_freeze(fr_module_at(t->net, 0), true);
}

static int draw_sequences(fr_tensor **in)
{
    in[0] = fr_randn(FR_SHAPE(6, 7, 5)); /* (N,T,I) */
    in[1] = fr_rand(FR_SHAPE(6, 8));
    in[2] = fr_randint(1, 8, FR_SHAPE(6));
    return 3;
}

static fr_tensor *last_states(trainer *t, fr_tensor *const *in)
{
    fr_tensor *h = fr_recurrent_forward_lengths(t->net, in[0], NULL, in[2]).h;

    return fr_bce(fr_sigmoid(fr_select(h, 0, -1)), in[1], FR_MEAN);
}

static void lstm_lengths(trainer *t)
{
    fr_recurrent_options o = { .num_layers = 2, .dropout = 0.3, .batch_first = true };

    *t = (trainer){ .net = fr_nn_lstm(5, 8, &o), .loss = last_states, .draw = draw_sequences };
    t->optim = fr_rmsprop(t->net, NULL);
}

static fr_tensor *all_states(trainer *t, fr_tensor *const *in)
{
    return fr_mean(fr_square(fr_sub(fr_recurrent_forward(t->net, in[0], NULL).out, fr_mean(in[1]))));
}

static void gru_both_ways(trainer *t)
{
    fr_recurrent_options o = { .num_layers = 2, .dropout = 0.3, .bidirectional = true };

    *t = (trainer){ .net = fr_nn_gru(5, 8, &o), .loss = all_states, .draw = draw_sequences };
    t->optim = fr_adamw(t->net, NULL);
}

static int draw_images(fr_tensor **in)
{
    in[0] = fr_randn(FR_SHAPE(4, 2, 6, 6));
    in[1] = fr_randn(FR_SHAPE(4, 3));
    return 2;
}

static void conv_batch_norm(trainer *t)
{
    *t = (trainer){ .loss = squares, .draw = draw_images };
    t->net = FR_SEQUENTIAL(fr_nn_conv2d(2, 4, FR_SHAPE(3), NULL), fr_nn_batch_norm2d(4, NULL), fr_nn_relu(),
                           fr_nn_max_pool2d(FR_SHAPE(2), NULL), fr_nn_flatten(1, -1), fr_nn_batch_norm1d(16, NULL),
                           fr_nn_linear(16, 3, NULL));
    t->optim = fr_sgd(t->net, &(fr_sgd_options){ .lr = 0.1 });
}

static int draw_words(fr_tensor **in)
{
    in[0] = fr_randint(0, 20, FR_SHAPE(5, 6));
    in[1] = fr_randint(0, 7, FR_SHAPE(5, 6));
    return 2;
}

static fr_tensor *words(trainer *t, fr_tensor *const *in)
{
    return fr_cross_entropy(fr_flatten(fr_forward(t->net, in[0]), 0, 1), fr_flatten(in[1], 0, 1), FR_MEAN);
}

static void embedding(trainer *t)
{
    *t = (trainer){ .loss = words, .draw = draw_words };
    t->net = FR_SEQUENTIAL(fr_nn_embedding(20, 8, NULL), fr_nn_layer_norm(FR_SHAPE(8), NULL), fr_nn_linear(8, 7, NULL));
    t->optim = fr_adagrad(t->net, NULL);
}

/* A leaky cell with a gate, 20 steps, of small ops. */
static fr_tensor *cell(trainer *t, fr_tensor *const *in)
{
    fr_tensor *w = fr_module_find(t->net, "0.weight"), *v = fr_module_find(t->net, "1.weight");
    fr_tensor *b = fr_module_find(t->net, "2.bias"), *h = fr_zeros(FR_SHAPE(16, 8)), *loss = fr_scalar(0);

    for (int i = 0; i < 20; i++) {
        fr_tensor *z = fr_add(fr_add(fr_matmul(in[0], w), fr_matmul(h, v)), b);
        fr_tensor *gate = fr_sigmoid(fr_slice(z, 1, 0, 8, 1));

        h = fr_add(fr_mul(gate, h), fr_mul(fr_sub(fr_ones_like(gate), gate), fr_tanh(fr_slice(z, 1, 8, 16, 1))));
        loss = fr_add(loss, fr_mean(fr_square(fr_sub(fr_slice(h, 1, 0, 4, 1), in[1]))));
    }
    return loss;
}

static void small_ops(trainer *t)
{
    *t = (trainer){ .loss = cell, .draw = draw_points, .clip = 1 };
    t->net = FR_SEQUENTIAL(fr_nn_linear(16, 8, NULL), fr_nn_linear(16, 8, NULL), fr_nn_linear(1, 16, NULL));
    t->optim = fr_adam(t->net, NULL);
}

/* The loss after one step of gradient descent within. */
static fr_tensor *after_a_step(trainer *t, fr_tensor *const *in)
{
    fr_tensor *inner = fr_mse(fr_forward(t->net, fr_index(in[0], ":5")), fr_index(in[1], ":5"), FR_MEAN);
    fr_tensor *const *p = fr_module_parameters(t->net, &(int){ 0 }), *grads[4], *adapted[4];

    fr_gradients(inner, p, 4, grads, FR_CREATE_GRAPH);
    for (int i = 0; i < 4; i++)
        adapted[i] = fr_sub(p[i], fr_mul_scalar(grads[i], 0.1));
    return fr_mse(fr_functional_call(t->net, adapted, 4, fr_index(in[0], "5:")), fr_index(in[1], "5:"), FR_MEAN);
}

static void maml(trainer *t)
{
    mlp_adam(t);
    t->loss = after_a_step;
}

static const struct {
    const char *name;
    void (*make)(trainer *t);
} models[] = {
    { "MLP, Adam, average", mlp_adam },
    { "SGD, clipping, schedule", sgd_clip_schedule },
    { "gradients of several runs", accumulated },
    { "frozen", frozen },
    { "LSTM, lengths", lstm_lengths },
    { "GRU, both ways", gru_both_ways },
    { "convolution, batch norm", conv_batch_norm },
    { "embedding", embedding },
    { "small ops", small_ops },
    { "MAML", maml },
};

/* --- Comparing ---------------------------------------------------------------------------------------------------- */

/* What there is after each step, one after the other. */
typedef struct {
    fr_tensor *values[MOST];
    int count;
} history;

static void note(history *h, const fr_tensor *t)
{
    FR_NO_GRAD;

    ck_assert_int_lt(h->count, MOST);
    h->values[h->count++] = t ? fr_clone(fr_detach(t)) : NULL;
}

static void note_state(history *h, fr_module *m)
{
    int n;
    const fr_named_tensor *state = fr_module_state(m, &n);

    for (int i = 0; i < n; i++)
        note(h, state[i].tensor);
}

static void note_all(history *h, const trainer *t, const fr_tensor *loss)
{
    note(h, loss);
    note_state(h, t->net);
    if (t->average)
        note_state(h, fr_ema_module(t->average));
    for (size_t i = 0; i < t->optim->count; i++) {
        note(h, t->optim->slots[i].parameter->grad);
        for (int k = 0; k < FR_OPTIM_STATES; k++)
            note(h, t->optim->slots[i].state[k]);
    }
}

static void train(int model, const fr_capture_options *options, history *h)
{
    trainer t;
    fr_captured *c = options ? fr_capture_with(step, &t, options) : NULL;

    fr_manual_seed(7);
    models[model].make(&t);
    h->count = 0;
    for (int i = 0; i < STEPS; i++) {
        fr_tensor *in[INPUTS], *loss;
        int n = t.draw(in);

        if (t.zero == OUTSIDE && i % 3 == 1)
            fr_optim_zero_grad(t.optim);
        loss = c ? fr_captured_run(c, in, n) : step(in, &t);
        ck_assert_msg(loss != NULL, "%s: step %d: %s", models[model].name, i, fr_error_message());
        note_all(h, &t, loss);
    }
    fr_captured_free(c);
    fr_ema_free(t.average);
    fr_scheduler_free(t.schedule);
    fr_optim_free(t.optim);
    fr_module_free(t.net);
}

static void assert_same_history(const char *name, const history *a, const history *b)
{
    ck_assert_int_eq(a->count, b->count);
    for (int i = 0; i < a->count; i++) {
        const fr_tensor *x = a->values[i], *y = b->values[i];

        ck_assert_msg((!x && !y) || (x && y && x->numel == y->numel && x->dtype == y->dtype &&
                                     memcmp(x->origin, y->origin, x->storage->bytes) == 0),
                      "%s: value %d of %d, in step %d, is another one when captured", name, i, a->count,
                      i / (a->count / STEPS));
    }
}

START_TEST(steps_are_the_same)
{
    static const fr_capture_options options[] = { { 0 }, { .no_fusion = true } };
    static const fr_dtype dtypes[] = { FR_F32, FR_F64 };
    static history eager, captured;

    for (int d = 0; d < 2; d++)
        for (int threads = 1; threads <= 2; threads++) {
            FR_SCOPE;

            fr_set_default_dtype(dtypes[d]);
            fr_set_num_threads(threads);
            train(_i, NULL, &eager);
            for (int k = 0; k < 2; k++) {
                train(_i, &options[k], &captured);
                assert_same_history(models[_i].name, &eager, &captured);
            }
        }
    fr_set_num_threads(0);
    fr_set_default_dtype(FR_F32);
}
END_TEST

/* Work enough for several threads, and for several blocks of a group. */
static fr_tensor *much(fr_tensor *const *in, void *user)
{
    fr_tensor *w = user, *y = fr_mul(fr_tanh(fr_add(in[0], w)), fr_sigmoid(in[0]));

    fr_zero_grad(w);
    fr_backward(fr_sum(fr_square(y)));
    return fr_add(y, fr_grad(w));
}

START_TEST(large_tensors_on_several_threads)
{
    FR_SCOPE;
    fr_tensor *w = fr_requires_grad(fr_randn(FR_SHAPE(300000)));
    FR_AUTO(fr_captured) c = fr_capture(much, w);
    fr_captured_report report;

    for (int i = 0; i < 4; i++) {
        fr_tensor *x = fr_randn(FR_SHAPE(300000));

        fr_set_num_threads(i % 2 + 1);
        ck_assert(fr_equal(fr_captured_run(c, &x, 1), much(&x, w)));
    }
    fr_set_num_threads(0);
    ck_assert(fr_captured_info(c, &report));
    ck_assert_int_gt(report.fused, 4);
    ck_assert_int_le(report.arena_bytes, report.unshared_bytes);
}
END_TEST

int main(void)
{
    TCase *steps = tcase_create("steps");

    tcase_add_loop_test(steps, steps_are_the_same, 0, sizeof models / sizeof *models);
    tcase_add_test(steps, large_tensors_on_several_threads);
    return run_tests("capture", steps);
}
