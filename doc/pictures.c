/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Computes what the pictures of the manual show. "pictures graph.dot" prints a graph for Graphviz, "pictures" numbers
 * for gnuplot (pictures.gp): blocks apart by two empty lines, each under a comment with its name. */
#include <frond.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

static fr_tensor *curve(fr_tensor *x)
{
    return fr_mul(x, fr_sin(x));
}

/* The error of a central difference against the step, for values of that dtype. */
static void differences(const char *name, fr_dtype dtype)
{
    printf("\n\n# %s\n", name);
    for (double e = 0; e >= -14; e -= 0.25) {
        FR_SCOPE;
        fr_tensor *x = fr_requires_grad(fr_cast(fr_scalar(1), FR_F64)), *exact;
        fr_tensor *at = fr_cast(fr_detach(x), dtype);
        double h = pow(10, e);
        double rise = fr_item(curve(fr_add_scalar(at, h))) - fr_item(curve(fr_sub_scalar(at, h)));

        fr_gradients(curve(x), &x, 1, &exact, 0);
        printf("%g %g\n", h, fabs(rise / (2 * h) - fr_item(exact)));
    }
}

/* How much of the last output's gradient comes to the input of each step. */
static void flow(const char *name, fr_module *layer)
{
    enum { STEPS = 40, ROWS = 64 };
    fr_tensor *x = fr_requires_grad(fr_randn(FR_SHAPE(STEPS, ROWS, 4))), *g;

    fr_gradients(fr_sum(fr_select(fr_forward(layer, x), 0, -1)), &x, 1, &g, 0);
    printf("\n\n# flow_%s\n", name);
    for (int t = 0; t < STEPS; t++)
        printf("%d %g\n", STEPS - 1 - t, fr_item(fr_norm(fr_select(g, 0, t))) / sqrt(ROWS));
    fr_module_free(layer);
}

/* An LSTM whose forget gates are open at first. */
static fr_module *open_lstm(void)
{
    fr_module *lstm = fr_nn_lstm(4, 32, NULL);
    fr_tensor *bias = fr_detach(fr_module_find(lstm, "bias_hh_l0")); /* i, f, g, o */

    fr_init_constant(fr_slice(bias, 0, 32, 64, 1), 3);
    return lstm;
}

/* Two classes of points, each in a moon; (N,2) and (N,1). */
static void moons(fr_tensor **points, fr_tensor **labels)
{
    enum { N = 60 };
    fr_tensor *angle = fr_mul_scalar(fr_rand(FR_SHAPE(N)), 3.14159265), *x = fr_cos(angle), *y = fr_sin(angle);
    fr_tensor *upper = FR_STACK(1, x, y),
              *lower = FR_STACK(1, fr_sub_scalar(fr_neg(x), -1), fr_sub_scalar(fr_neg(y), -0.5));

    *points = fr_add(FR_CAT(0, upper, lower), fr_mul_scalar(fr_randn(FR_SHAPE(2 * N, 2)), 0.12));
    *labels = FR_CAT(0, fr_zeros(FR_SHAPE(N, 1)), fr_ones(FR_SHAPE(N, 1)));
}

static fr_module *classifier(void)
{
    return FR_SEQUENTIAL(fr_nn_linear(2, 16, NULL), fr_nn_tanh(), fr_nn_linear(16, 16, NULL), fr_nn_tanh(),
                         fr_nn_linear(16, 1, NULL));
}

/* Trains model, frees the optimiser, and prints the losses under this name, or nothing. */
static void train(fr_module *model, fr_optim *optimiser, const char *name)
{
    FR_SCOPE;
    fr_tensor *x, *y;

    fr_manual_seed(1);
    moons(&x, &y);
    if (name)
        printf("\n\n# loss_%s\n", name);
    for (int step = 0; step < 300; step++) {
        FR_SCOPE;
        fr_tensor *loss = fr_bce_with_logits(fr_forward(model, x), y, FR_MEAN);

        if (name)
            printf("%d %g\n", step, fr_item(loss));
        fr_optim_zero_grad(optimiser);
        fr_backward(loss);
        fr_optim_step(optimiser);
    }
    fr_optim_free(optimiser);
}

static void losses(void)
{
    for (int i = 0; i < 3; i++) {
        fr_manual_seed(0);
        FR_AUTO(fr_module) model = classifier();
        fr_optim *optimiser = i == 0   ? fr_sgd(model, &(fr_sgd_options){ .lr = 0.1 })
                              : i == 1 ? fr_sgd(model, &(fr_sgd_options){ .lr = 0.1, .momentum = 0.9 })
                                       : fr_adam(model, &(fr_adam_options){ .lr = 0.01 });

        train(model, optimiser, (const char *[]){ "SGD", "momentum", "Adam" }[i]);
    }
}

/* The points, and what the trained model says of each place. */
static void regions(void)
{
    enum { SIDE = 41 };
    FR_AUTO(fr_module) model = classifier();
    fr_tensor *x, *y;

    train(model, fr_adam(model, &(fr_adam_options){ .lr = 0.02 }), NULL);
    fr_manual_seed(1);
    moons(&x, &y);
    printf("\n\n# points\n");
    for (int i = 0; i < fr_dim(x, 0); i++)
        printf("%g %g %g\n", fr_at(x, 2 * i), fr_at(x, 2 * i + 1), fr_at(y, i));
    printf("\n\n# region\n");
    for (int i = 0; i < SIDE * SIDE; i++) {
        FR_SCOPE;
        float at[] = { -1.6F + 4.2F * (float)(i / SIDE) / (SIDE - 1), -1.1F + 2.7F * (float)(i % SIDE) / (SIDE - 1) };
        fr_tensor *p = fr_sigmoid(fr_forward(model, fr_tensor_from(FR_SHAPE(1, 2), at, FR_F32)));

        printf("%s%g %g %g\n", i && i % SIDE == 0 ? "\n" : "", (double)at[0], (double)at[1], fr_item(p));
    }
}

/* softmax(q k^T / sqrt n), for q, k (L,n). */
static fr_tensor *weights_of(fr_tensor *q, fr_tensor *k)
{
    double n = (double)fr_dim(q, 1);

    return fr_softmax(fr_div_scalar(fr_matmul(q, fr_transpose(k, 0, 1)), sqrt(n)), 1);
}

/* Learns to turn sequences round: step t of the output is step LENGTH - 1 - t of the input, found by attention. */
static void attention(void)
{
    enum { LENGTH = 12, SIZE = 16 };
    FR_AUTO(fr_module) m = fr_module_new("Positions", 0, NULL);
    fr_tensor *q = fr_module_param(m, "query", fr_randn(FR_SHAPE(LENGTH, SIZE)));
    fr_tensor *k = fr_module_param(m, "key", fr_randn(FR_SHAPE(LENGTH, SIZE)));
    FR_AUTO(fr_optim) adam = fr_adam(m, &(fr_adam_options){ .lr = 0.03 });

    for (int step = 0; step < 100; step++) {
        FR_SCOPE;
        fr_tensor *x = fr_randn(FR_SHAPE(64, LENGTH, 1));

        fr_optim_zero_grad(adam);
        fr_backward(fr_mse(fr_matmul(weights_of(q, k), x), fr_flip(x, 1), FR_MEAN));
        fr_optim_step(adam);
    }

    fr_tensor *weights = weights_of(q, k);

    printf("\n\n# attention\n");
    for (int i = 0; i < LENGTH * LENGTH; i++)
        printf("%d %d %g\n", i % LENGTH, i / LENGTH, fr_at(weights, i));
}

static fr_tensor *shared(fr_tensor *a, fr_tensor *b)
{
    return fr_add(fr_mul(a, b), fr_tanh(a));
}

/* Of 02_graph, 03_four_ways and, in one dim and three steps, 07_through_time. */
static fr_tensor *engine(fr_tensor *a, fr_tensor *b)
{
    return fr_tanh(fr_add(fr_mul(a, b), fr_scalar(7)));
}

static fr_tensor *four_ways(fr_tensor *x, fr_tensor *y)
{
    return fr_add(fr_mul(fr_pow_scalar(x, 3), y), fr_div(x, y));
}

static fr_tensor *unrolled(fr_tensor *w, fr_tensor *h)
{
    for (int t = 0; t < 3; t++)
        h = fr_tanh(fr_mul(w, h));
    return h;
}

static const struct {
    const char *file;
    fr_tensor *(*function)(fr_tensor *a, fr_tensor *b);
    const char *names[2];
    double values[2];
} graphs[] = { { "graph.dot", shared, { "a", "b" }, { 2, 3 } },
               { "graph_engine.dot", engine, { "a", "b" }, { 2, -3 } },
               { "graph_four_ways.dot", four_ways, { "x", "y" }, { 3, 2 } },
               { "graph_unrolled.dot", unrolled, { "w", "h" }, { 0.8, 0.5 } } };

static int draw_graph(const char *file)
{
    for (size_t i = 0; i < sizeof graphs / sizeof *graphs; i++)
        if (strcmp(file, graphs[i].file) == 0) {
            FR_AUTO(fr_module) leaves = fr_module_new("graph", 0, NULL);
            fr_tensor *in[2];

            for (int k = 0; k < 2; k++)
                in[k] = fr_module_param(leaves, graphs[i].names[k], fr_scalar(graphs[i].values[k]));
            fr_graph_dot_with(stdout, graphs[i].function(in[0], in[1]),
                              &(fr_graph_dot_options){ .module = leaves, .values = true, .gradients = true });
            return 0;
        }
    fprintf(stderr, "pictures: there is no graph %s\n", file);
    return 1;
}

int main(int argc, char **argv)
{
    FR_SCOPE;
    fr_manual_seed(0);
    if (argc > 1)
        return draw_graph(argv[1]);
    differences("float32", FR_F32);
    differences("float64", FR_F64);
    flow("RNN", fr_nn_rnn(4, 32, NULL));
    flow("GRU", fr_nn_gru(4, 32, NULL));
    flow("LSTM", fr_nn_lstm(4, 32, NULL));
    flow("open", open_lstm());
    losses();
    regions();
    attention();
    return 0;
}
