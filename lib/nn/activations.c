/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Activations and the identity as modules: one row of the table each. */
#include "nn/module.h"

/* One of the three functions is set. The printout is the description and the number or dim, if there is one. */
typedef struct {
    const char *type, *maker;
    fr_tensor *(*plain)(fr_tensor *x);
    fr_tensor *(*with_number)(fr_tensor *x, double number);
    fr_tensor *(*with_dim)(fr_tensor *x, int dim);
    const char *description;
} activation;

enum {
    IDENTITY,
    SIGMOID,
    TANH,
    RELU,
    LEAKY_RELU,
    ELU,
    GELU,
    SILU,
    SOFTPLUS,
    SOFTMAX,
    LOG_SOFTMAX,
    GELU_TANH,
    MISH,
    SELU,
    CELU,
    SOFTSIGN,
    LOG_SIGMOID,
    HARDSIGMOID,
    HARDSWISH,
    GLU
};

static fr_tensor *identity(fr_tensor *x)
{
    return x;
}

static const activation table[] = {
    [IDENTITY] = { "Identity", "nn_identity", .plain = identity },
    [SIGMOID] = { "Sigmoid", "nn_sigmoid", .plain = fr_sigmoid },
    [TANH] = { "Tanh", "nn_tanh", .plain = fr_tanh },
    [RELU] = { "ReLU", "nn_relu", .plain = fr_relu },
    [LEAKY_RELU] = { "LeakyReLU", "nn_leaky_relu", .with_number = fr_leaky_relu, .description = "negative_slope=" },
    [ELU] = { "ELU", "nn_elu", .with_number = fr_elu, .description = "alpha=" },
    [GELU] = { "GELU", "nn_gelu", .plain = fr_gelu, .description = "approximate='none'" },
    [SILU] = { "SiLU", "nn_silu", .plain = fr_silu },
    [SOFTPLUS] = { "Softplus", "nn_softplus", .plain = fr_softplus, .description = "beta=1.0, threshold=20.0" },
    [SOFTMAX] = { "Softmax", "nn_softmax", .with_dim = fr_softmax, .description = "dim=" },
    [LOG_SOFTMAX] = { "LogSoftmax", "nn_log_softmax", .with_dim = fr_log_softmax, .description = "dim=" },
    [GELU_TANH] = { "GELU", "nn_gelu_tanh", .plain = fr_gelu_tanh, .description = "approximate='tanh'" },
    [MISH] = { "Mish", "nn_mish", .plain = fr_mish },
    [SELU] = { "SELU", "nn_selu", .plain = fr_selu },
    [CELU] = { "CELU", "nn_celu", .with_number = fr_celu, .description = "alpha=" },
    [SOFTSIGN] = { "Softsign", "nn_softsign", .plain = fr_softsign },
    [LOG_SIGMOID] = { "LogSigmoid", "nn_logsigmoid", .plain = fr_logsigmoid },
    [HARDSIGMOID] = { "Hardsigmoid", "nn_hardsigmoid", .plain = fr_hardsigmoid },
    [HARDSWISH] = { "Hardswish", "nn_hardswish", .plain = fr_hardswish },
    [GLU] = { "GLU", "nn_glu", .with_dim = fr_glu, .description = "dim=" },
};

typedef struct {
    const activation *function;
    double number;
    int dim;
} settings;

static fr_tensor *forward(fr_module *m, fr_tensor *x)
{
    const settings *s = fr_self(m);

    if (s->function->with_number)
        return s->function->with_number(x, s->number);
    return s->function->with_dim ? s->function->with_dim(x, s->dim) : s->function->plain(x);
}

static bool describe(fr_module *m, const settings *s)
{
    char text[128], number[FR_NUMBER_TEXT] = "";

    if (!s->function->description)
        return true;
    if (s->function->with_number)
        fr_number_text(s->number, number);
    else if (s->function->with_dim)
        snprintf(number, sizeof number, "%d", s->dim);
    snprintf(text, sizeof text, "%s%s", s->function->description, number);
    return fr_module_describe(m, text);
}

static fr_module *make(int which, double number, int dim)
{
    const activation *a = &table[which];
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, a->maker);
    fr_module *m = fr_module_new(a->type, sizeof(settings), forward);
    settings *s = fr_self(m);

    if (m)
        *s = (settings){ .function = a, .number = number, .dim = dim };
    m = fr_module_finish(m, m && describe(m, s));
    fr_finish(th, before);
    return m;
}

fr_module *fr_nn_identity(void)
{
    return make(IDENTITY, 0, 0);
}

fr_module *fr_nn_sigmoid(void)
{
    return make(SIGMOID, 0, 0);
}

fr_module *fr_nn_tanh(void)
{
    return make(TANH, 0, 0);
}

fr_module *fr_nn_relu(void)
{
    return make(RELU, 0, 0);
}

fr_module *fr_nn_leaky_relu(double negative_slope)
{
    return make(LEAKY_RELU, negative_slope, 0);
}

fr_module *fr_nn_elu(double alpha)
{
    return make(ELU, alpha, 0);
}

fr_module *fr_nn_gelu(void)
{
    return make(GELU, 0, 0);
}

fr_module *fr_nn_silu(void)
{
    return make(SILU, 0, 0);
}

fr_module *fr_nn_softplus(void)
{
    return make(SOFTPLUS, 0, 0);
}

fr_module *fr_nn_softmax(int dim)
{
    return make(SOFTMAX, 0, dim);
}

fr_module *fr_nn_log_softmax(int dim)
{
    return make(LOG_SOFTMAX, 0, dim);
}

fr_module *fr_nn_gelu_tanh(void)
{
    return make(GELU_TANH, 0, 0);
}

fr_module *fr_nn_mish(void)
{
    return make(MISH, 0, 0);
}

fr_module *fr_nn_selu(void)
{
    return make(SELU, 0, 0);
}

fr_module *fr_nn_celu(double alpha)
{
    return make(CELU, alpha, 0);
}

fr_module *fr_nn_softsign(void)
{
    return make(SOFTSIGN, 0, 0);
}

fr_module *fr_nn_logsigmoid(void)
{
    return make(LOG_SIGMOID, 0, 0);
}

fr_module *fr_nn_hardsigmoid(void)
{
    return make(HARDSIGMOID, 0, 0);
}

fr_module *fr_nn_hardswish(void)
{
    return make(HARDSWISH, 0, 0);
}

fr_module *fr_nn_glu(int dim)
{
    return make(GLU, 0, dim);
}

/* --- Those with more than one number ------------------------------------------------------------------------------ */

static fr_tensor *hardtanh(fr_module *m, fr_tensor *x)
{
    const double *limits = fr_self(m);

    return fr_hardtanh(x, limits[0], limits[1]);
}

fr_module *fr_nn_hardtanh(double min_val, double max_val)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "nn_hardtanh");
    fr_module *m = fr_module_new("Hardtanh", 2 * sizeof(double), hardtanh);
    char text[128], low[FR_NUMBER_TEXT], high[FR_NUMBER_TEXT];

    if (m)
        memcpy(fr_self(m), (double[]){ min_val, max_val }, 2 * sizeof(double));
    snprintf(text, sizeof text, "min_val=%s, max_val=%s", fr_number_text(min_val, low), fr_number_text(max_val, high));
    m = fr_module_finish(m, m && fr_module_describe(m, text));
    fr_finish(th, before);
    return m;
}

static fr_tensor *prelu(fr_module *m, fr_tensor *x)
{
    fr_tensor *const *weight = fr_self(m);

    return fr_prelu(x, *weight);
}

fr_module *fr_nn_prelu(int64_t num_parameters, double init)
{
    const char *what = "nn_prelu";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_module *m = NULL;
    fr_tensor **weight;
    char text[64];

    if (num_parameters < 1)
        fr_fail(what, "num_parameters %lld, expected 1 or more", (long long)num_parameters);
    else
        m = fr_module_new("PReLU", sizeof *weight, prelu);
    snprintf(text, sizeof text, "num_parameters=%lld", (long long)num_parameters);
    if (m) {
        weight = fr_self(m);
        *weight = fr_constant_parameter(what, m, "weight", FR_SHAPE(num_parameters), init);
        m = fr_module_finish(m, *weight && fr_module_describe(m, text));
    }
    fr_finish(th, before);
    return m;
}
