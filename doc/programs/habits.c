/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What one writes every day in PyTorch, in frond: habits.py has the same. Both print the same lines. */
#include <frond.h>

#include <math.h>
#include <stdio.h>

static void tensors(void)
{
    fr_tensor *x = fr_zeros(FR_SHAPE(2, 3));
    fr_tensor *y = fr_tensor_from(FR_SHAPE(3), (float[]){ 1, 2, 3 }, FR_F32);
    fr_tensor *z = fr_add(x, fr_mul_scalar(y, 2));

    fr_print(z);
    printf("%d %.1f\n", (int)fr_dim(z, 1), fr_item(fr_sum(z)));
}

static void module(void)
{
    FR_AUTO(fr_module) net = FR_SEQUENTIAL(fr_nn_linear(2, 8, NULL), fr_nn_tanh(), fr_nn_linear(8, 1, NULL));

    fr_module_print(net);
}

static void step(void)
{
    FR_AUTO(fr_module) model = fr_nn_linear(2, 1, NULL);
    fr_tensor *x = fr_ones(FR_SHAPE(4, 2)), *y = fr_ones(FR_SHAPE(4, 1));
    FR_AUTO(fr_optim) opt = fr_adam(model, &(fr_adam_options){ .lr = 0.1 });

    for (int i = 0; i < 3; i++) {
        FR_SCOPE; /* all tensors of this step end here */
        fr_tensor *loss = fr_mse(fr_forward(model, x), y, FR_MEAN);

        fr_optim_zero_grad(opt);
        fr_backward(loss);
        fr_optim_step(opt);
        printf("%.4f\n", fr_item(loss));
    }
}

static void no_grad(void)
{
    fr_tensor *w = fr_requires_grad(fr_ones(FR_SHAPE(3))), *y;

    {
        FR_NO_GRAD; /* to the end of the block */
        y = fr_mul_scalar(w, 2);
    }
    printf("%s\n", fr_wants_grad(y) ? "True" : "False");
}

static void evaluate(void)
{
    FR_AUTO(fr_module) model = fr_nn_dropout(0.5);
    fr_tensor *x = fr_ones(FR_SHAPE(4));

    fr_train(model, false);
    FR_NO_GRAD;
    fr_print(fr_forward(model, x));
    fr_train(model, true);
}

static void loader(void)
{
    fr_tensor *x = fr_reshape(fr_arange(0, 6, 1, FR_F32), FR_SHAPE(6, 1));
    fr_tensor *y = fr_mul(x, x);
    FR_AUTO(fr_loader) data = fr_loader_new(FR_TENSORS(x, y), &(fr_loader_options){ .batch_size = 4 });

    FR_FOR_BATCHES (data, bx, by) {
        fr_print(fr_flatten(fr_sub(by, bx), 0, -1));
    }
}

static void indexing(void)
{
    fr_tensor *x = fr_reshape(fr_arange(0, 12, 1, FR_F32), FR_SHAPE(3, 4));

    fr_print(fr_index(x, "1"));
    fr_print(fr_index(x, ":, -1"));
    fr_print(fr_index(x, "::2, 1:3"));
    fr_print(fr_masked_select(x, fr_gt_scalar(x, 8)));
}

static void in_place(void)
{
    fr_tensor *w = fr_requires_grad(fr_ones(FR_SHAPE(3)));

    {
        FR_NO_GRAD;
        fr_copy(w, fr_mul_scalar(w, 0.5));
        fr_copy(w, fr_clamp(w, -INFINITY, 0.4));
    }
    fr_print(fr_detach(w));
}

static void dtypes(void)
{
    fr_tensor *n = fr_arange(0, 3, 1, FR_I64);
    fr_tensor *x = fr_ones(FR_SHAPE(3));

    fr_print(fr_add(fr_cast(n, FR_F32), x)); /* without the cast: an error */
    printf("%.12f\n", fr_at(fr_div_scalar(fr_cast(x, FR_F64), 3), 0));
}

static void detach(void)
{
    FR_AUTO(fr_module) rnn = fr_nn_rnn(1, 4, NULL);
    fr_tensor *x = fr_ones(FR_SHAPE(5, 2, 1));
    fr_recurrent y = { NULL };

    for (int window = 0; window < 2; window++) {
        y = fr_recurrent_forward(rnn, x, window ? &y : NULL);
        y.h = fr_detach(y.h);
    }
    printf("%d %s\n", (int)fr_dim(y.h, 2), fr_wants_grad(y.h) ? "True" : "False");
}

static void state(void)
{
    FR_AUTO(fr_module) a = fr_nn_linear(2, 1, NULL);
    FR_AUTO(fr_module) b = fr_nn_linear(2, 1, NULL);
    int n;

    fr_module_copy(b, a);

    const fr_named_tensor *all = fr_module_state(b, &n);

    for (int i = 0; i < n; i++)
        printf("%s %d\n", all[i].name, (int)fr_numel(all[i].tensor));
}

static void gradients(void)
{
    fr_tensor *x = fr_requires_grad(fr_scalar(2));
    fr_tensor *y = fr_pow_scalar(x, 3), *g, *g2;

    fr_gradients(y, &x, 1, &g, FR_CREATE_GRAPH);
    fr_gradients(g, &x, 1, &g2, 0);
    printf("%.1f %.1f\n", fr_item(g), fr_item(g2));
}

int main(void)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } cases[] = {
        { "tensors", tensors },   { "module", module }, { "step", step },         { "no_grad", no_grad },
        { "evaluate", evaluate }, { "loader", loader }, { "indexing", indexing }, { "in_place", in_place },
        { "dtypes", dtypes },     { "detach", detach }, { "state", state },       { "gradients", gradients },
    };

    fr_manual_seed(0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        FR_SCOPE;
        printf("== %s\n", cases[i].name);
        cases[i].run();
    }
    return 0;
}
