/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A layer, a model, a loss and an optimiser of one's own, at work together: a highway network learns a curve. */
#include <frond.h>

#include <math.h>
#include <stdio.h>

/* Highway layer (Srivastava, Greff and Schmidhuber, 2015): y = g tanh(W x + b) + (1 - g) x, g = sigmoid(V x + c).
 * Where the gate g is closed, x passes as it is. */
typedef struct highway {
    fr_tensor *weight, *bias, *gate_weight, *gate_bias;
} highway;

/* x (*,N) -> (*,N) */
static fr_tensor *highway_forward(fr_module *self, fr_tensor *x)
{
    highway *l = fr_self(self);
    fr_tensor *gate = fr_sigmoid(fr_linear(x, l->gate_weight, l->gate_bias));
    fr_tensor *inner = fr_tanh(fr_linear(x, l->weight, l->bias));

    return fr_lerp(x, inner, gate); /* x + gate (inner - x) */
}

static fr_module *highway_new(int64_t size)
{
    FR_SCOPE;
    fr_module *self = fr_module_new("Highway", sizeof(highway), highway_forward);
    highway *l = fr_self(self);
    char text[32];

    if (!l)
        return NULL;
    l->weight = fr_module_param(self, "weight", fr_init_xavier_uniform(fr_zeros(FR_SHAPE(size, size)), 1));
    l->bias = fr_module_param(self, "bias", fr_zeros(FR_SHAPE(size)));
    l->gate_weight = fr_module_param(self, "gate_weight", fr_init_xavier_uniform(fr_zeros(FR_SHAPE(size, size)), 1));
    l->gate_bias = fr_module_param(self, "gate_bias", fr_full(FR_SHAPE(size), -1)); /* rather closed at first */
    snprintf(text, sizeof text, "size=%d", (int)size);
    if (l->weight && l->bias && l->gate_weight && l->gate_bias && fr_module_describe(self, text))
        return self;
    fr_module_free(self);
    return NULL;
}

/* The model needs no struct: its layers run one after the other. */
static fr_module *model_new(void)
{
    return FR_SEQUENTIAL(fr_nn_linear(1, 8, NULL), highway_new(8), highway_new(8), fr_nn_linear(8, 1, NULL));
}

/* log cosh of the error: its square near 0, its size far away. cosh overflows for large numbers, so this is
 * log cosh e = e + softplus(-2 e) - log 2. */
static fr_tensor *log_cosh_loss(fr_tensor *prediction, fr_tensor *target)
{
    fr_tensor *e = fr_sub(prediction, target);

    return fr_mean(fr_sub_scalar(fr_add(e, fr_softplus(fr_mul_scalar(e, -2))), log(2)));
}

/* Lion (Chen et al., 2023): each parameter goes by lr in the direction of the sign of a running mean of gradients. */
typedef struct lion {
    fr_module *model;
    fr_tensor *mean[32]; /* one for each parameter; references of our own */
} lion;

static void lion_step(lion *o, double lr)
{
    FR_SCOPE;
    FR_NO_GRAD;
    int n;
    fr_tensor *const *p = fr_module_parameters(o->model, &n);

    for (int i = 0; i < n; i++) {
        fr_tensor *g = fr_grad(p[i]);
        fr_tensor *m = o->mean[i] ? o->mean[i] : fr_zeros_like(p[i]);

        if (!g) /* none has come to it */
            continue;
        fr_copy(p[i], fr_sub(p[i], fr_mul_scalar(fr_sign(fr_lerp_scalar(m, g, 0.1)), lr)));
        fr_assign(&o->mean[i], fr_lerp_scalar(m, g, 0.01));
    }
}

static void lion_free(lion *o)
{
    for (size_t i = 0; i < sizeof o->mean / sizeof *o->mean; i++)
        fr_unref(o->mean[i]);
}

int main(void)
{
    FR_SCOPE;
    fr_manual_seed(0);
    FR_AUTO(fr_module) model = model_new();
    fr_tensor *x = fr_reshape(fr_linspace(-3, 3, 100), FR_SHAPE(100, 1)), *y = fr_sin(x);
    lion optimiser = { .model = model };

    fr_module_print(model);
    for (int step = 1; step <= 400; step++) {
        FR_SCOPE;
        fr_tensor *loss = log_cosh_loss(fr_forward(model, x), y);

        fr_module_zero_grad(model);
        fr_backward(loss);
        lion_step(&optimiser, 0.003);
        if (step % 100 == 0)
            printf("step %d  loss %.4f\n", step, fr_item(loss));
    }
    lion_free(&optimiser);
    return 0;
}
