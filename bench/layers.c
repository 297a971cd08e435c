/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What real models are made of: each layer forward and backward of the sum of its result, at a small size, where the
 * cost of a call counts, at one that fits in the caches, and at a large one.
 *
 *     layers [THREADS [NAME...]]        names, or their first letters, of layers; by default all
 *
 * compare.py runs the same in PyTorch, by peer_torch.py. */
#include "bench.h"
#include "workloads.h"

#include <string.h>

enum { WIDTH = 256, SIZES = 3, LSTM_STEPS = 100 };

typedef struct {
    fr_tensor *x[3], *index;
    fr_module *module;
} inputs;

typedef struct {
    const char *name;
    int64_t sizes[SIZES]; /* what make takes */
    void (*make)(inputs *in, int64_t n);
    fr_tensor *(*forward)(const inputs *in);
} layer;

static fr_tensor *leaf(fr_shape shape)
{
    return fr_requires_grad(fr_randn(shape));
}

/* --- Inputs ---------------------------------------------------------------------------------------------------------
 * n is a number of values of which 256 make a row, or a size of the batch. */

static void rows(inputs *in, int64_t n)
{
    in->x[0] = leaf(FR_SHAPE(n / WIDTH, WIDTH));
}

static void two(inputs *in, int64_t n)
{
    rows(in, n);
    in->x[1] = leaf(FR_SHAPE(n / WIDTH, WIDTH));
}

static void and_row(inputs *in, int64_t n)
{
    rows(in, n);
    in->x[1] = leaf(FR_SHAPE(WIDTH));
}

static void and_column(inputs *in, int64_t n)
{
    rows(in, n);
    in->x[1] = leaf(FR_SHAPE(n / WIDTH, 1));
}

static void and_condition(inputs *in, int64_t n)
{
    two(in, n);
    in->index = fr_gt_scalar(fr_randn(FR_SHAPE(n / WIDTH, WIDTH)), 0);
}

static void and_affine(inputs *in, int64_t n)
{
    and_row(in, n);
    in->x[2] = leaf(FR_SHAPE(WIDTH));
}

static void cube(inputs *in, int64_t n)
{
    in->x[0] = leaf(FR_SHAPE(n, 64, WIDTH));
}

static void and_index(inputs *in, int64_t n)
{
    rows(in, n);
    in->index = fr_randint(0, WIDTH, FR_SHAPE(n / WIDTH, WIDTH));
}

static void and_rows_of_it(inputs *in, int64_t n)
{
    rows(in, n);
    in->index = fr_randint(0, n / WIDTH, FR_SHAPE(n / WIDTH));
}

static void words(inputs *in, int64_t n)
{
    in->x[0] = leaf(FR_SHAPE(10000, WIDTH));
    in->index = fr_randint(0, 10000, FR_SHAPE(n / WIDTH));
}

static void classes(inputs *in, int64_t n)
{
    rows(in, n);
    in->index = fr_randint(0, WIDTH, FR_SHAPE(n / WIDTH));
}

static void sequences(inputs *in, int64_t n)
{
    in->x[0] = leaf(FR_SHAPE(n, 64, 128));
}

static void images(inputs *in, int64_t n)
{
    in->x[0] = leaf(FR_SHAPE(n, 32, 28, 28));
}

static void conv1d(inputs *in, int64_t n)
{
    sequences(in, n);
    in->module = fr_nn_conv1d(64, 64, 3, &(fr_conv_options){ .padding = FR_SHAPE(1) });
}

static void depthwise_conv1d(inputs *in, int64_t n)
{
    sequences(in, n);
    in->module = fr_nn_conv1d(64, 64, 3, &(fr_conv_options){ .padding = FR_SHAPE(1), .groups = 64 });
}

static void conv2d(inputs *in, int64_t n)
{
    images(in, n);
    in->module = fr_nn_conv2d(32, 32, FR_SHAPE(3), &(fr_conv_options){ .padding = FR_SHAPE(1) });
}

static void conv2d_of_few_channels(inputs *in, int64_t n)
{
    in->x[0] = leaf(FR_SHAPE(n, 3, 28, 28));
    in->module = fr_nn_conv2d(3, 8, FR_SHAPE(3), &(fr_conv_options){ .padding = FR_SHAPE(1) });
}

static void strided_conv2d(inputs *in, int64_t n)
{
    images(in, n);
    in->module = fr_nn_conv2d(32, 64, FR_SHAPE(3), &(fr_conv_options){ .padding = FR_SHAPE(1), .stride = FR_SHAPE(2) });
}

static void conv2d_1x1(inputs *in, int64_t n)
{
    images(in, n);
    in->module = fr_nn_conv2d(32, 64, FR_SHAPE(1), NULL);
}

static void depthwise_conv2d(inputs *in, int64_t n)
{
    images(in, n);
    in->module = fr_nn_conv2d(32, 32, FR_SHAPE(3), &(fr_conv_options){ .padding = FR_SHAPE(1), .groups = 32 });
}

static void batch_norm2d(inputs *in, int64_t n)
{
    images(in, n);
    in->module = fr_nn_batch_norm2d(32, NULL);
}

static void linear(inputs *in, int64_t n)
{
    in->x[0] = leaf(FR_SHAPE(n, WIDTH));
    in->module = fr_nn_linear(WIDTH, WIDTH, NULL);
}

static void batches(inputs *in, int64_t n)
{
    in->x[0] = leaf(FR_SHAPE(n, 64, 64));
    in->x[1] = leaf(FR_SHAPE(n, 64, 64));
}

static void heads(inputs *in, int64_t batch, int64_t number, int64_t steps)
{
    for (int i = 0; i < 3; i++)
        in->x[i] = leaf(FR_SHAPE(batch, number, steps, WIDTH / number));
}

static void heads4(inputs *in, int64_t n)
{
    heads(in, n, 4, 64);
}

static void heads8(inputs *in, int64_t n)
{
    heads(in, n, 8, 64);
}

static void heads4_long(inputs *in, int64_t n)
{
    heads(in, n, 4, 512);
}

static void multihead_attention(inputs *in, int64_t n)
{
    cube(in, n);
    in->module = fr_nn_multihead_attention(WIDTH, 4, &(fr_multihead_attention_options){ .batch_first = true });
}

static void encoder_layer(inputs *in, int64_t n)
{
    fr_transformer_encoder_layer_options o = { .dim_feedforward = 4 * WIDTH, .dropout = FR_ZERO, .batch_first = true };

    cube(in, n);
    in->module = fr_nn_transformer_encoder_layer(WIDTH, 4, &o);
}

static void lstm(inputs *in, int64_t n)
{
    in->x[0] = leaf(FR_SHAPE(LSTM_STEPS, n, 64));
    in->module = fr_nn_lstm(64, 128, NULL);
}

/* The longest sequence has all steps, the mean one little more than half of them. */
static void lstm_and_lengths(inputs *in, int64_t n)
{
    lstm(in, n);
    in->index = fr_arange((double)LSTM_STEPS / (double)n, LSTM_STEPS + 1, (double)LSTM_STEPS / (double)n, FR_I64);
}

/* --- Layers ------------------------------------------------------------------------------------------------------- */

#define CALL(NAME, RESULT)                                                                                             \
    static fr_tensor *call_##NAME(const inputs *in)                                                                    \
    {                                                                                                                  \
        fr_tensor *const *x = in->x;                                                                                   \
                                                                                                                       \
        return RESULT;                                                                                                 \
    }

CALL(module, fr_forward(in->module, x[0]))
CALL(lengths, fr_recurrent_forward_lengths(in->module, x[0], NULL, in->index).out)
CALL(relu, fr_relu(x[0]))
CALL(leaky_relu, fr_leaky_relu(x[0], 0.01))
CALL(gelu, fr_gelu(x[0]))
CALL(silu, fr_silu(x[0]))
CALL(softplus, fr_softplus(x[0]))
CALL(tanh, fr_tanh(x[0]))
CALL(sigmoid, fr_sigmoid(x[0]))
CALL(exp, fr_exp(x[0]))
CALL(square, fr_square(x[0]))
CALL(clamp, fr_clamp(x[0], -1, 1))
CALL(dropout, fr_dropout(x[0], 0.1))
CALL(add, fr_add(x[0], x[1]))
CALL(mul, fr_mul(x[0], x[1]))
CALL(div, fr_div(x[0], x[1]))
CALL(maximum, fr_maximum(x[0], x[1]))
CALL(where, fr_where(in->index, x[0], x[1]))
CALL(sum, x[0])
CALL(mean, fr_mean(x[0]))
CALL(sum_dim0, fr_sum_dim(x[0], 0, false))
CALL(sum_dim1, fr_sum_dim(x[0], 1, false))
CALL(mean_dim1, fr_mean_dim(x[0], 1, false))
CALL(max_dim1, fr_max_dim(x[0], 1, false))
CALL(var_dim1, fr_var_dim(x[0], 1, false))
CALL(norm, fr_norm(x[0]))
CALL(logsumexp_dim1, fr_logsumexp_dim(x[0], 1, false))
CALL(cumsum, fr_cumsum(x[0], 1))
CALL(softmax, fr_softmax(x[0], 1))
CALL(log_softmax, fr_log_softmax(x[0], 1))
CALL(layer_norm, fr_layer_norm(x[0], FR_SHAPE(WIDTH), x[1], x[2], 1e-5))
CALL(rms_norm, fr_rms_norm(x[0], FR_SHAPE(WIDTH), x[1], 1e-5))
CALL(transpose, fr_contiguous(fr_transpose(x[0], 0, 1)))
CALL(permute, fr_contiguous(fr_permute(x[0], ((int[]){ 0, 2, 1 }))))
CALL(swap_first, fr_contiguous(fr_permute(x[0], ((int[]){ 1, 0, 2 }))))
CALL(cat, fr_cat((fr_tensor *[]){ x[0], x[1] }, 2, 1))
CALL(stack, fr_stack((fr_tensor *[]){ x[0], x[1] }, 2, 0))
CALL(pad, fr_pad(x[0], (int64_t[]){ 1, 1 }, 2, 0))
CALL(slice, fr_contiguous(fr_slice(x[0], 1, 32, 224, 1)))
CALL(gather, fr_gather(x[0], 1, in->index))
CALL(index_select, fr_index_select(x[0], 0, in->index))
CALL(embedding, fr_embedding(in->index, x[0], NULL))
CALL(cross_entropy, fr_cross_entropy(x[0], in->index, FR_MEAN))
CALL(mse, fr_mse(x[0], fr_detach(x[1]), FR_MEAN))
CALL(bce_with_logits, fr_bce_with_logits(x[0], in->index, FR_MEAN))
CALL(max_pool2d, fr_max_pool2d(x[0], FR_SHAPE(2), NULL))
CALL(avg_pool2d, fr_avg_pool2d(x[0], FR_SHAPE(2), NULL))
CALL(matmul, fr_matmul(x[0], x[1]))
CALL(matmul_transposed, fr_matmul(x[0], fr_transpose(x[1], 1, 2)))
CALL(attention, fr_scaled_dot_product_attention(x[0], x[1], x[2], NULL))
CALL(causal_attention, fr_scaled_dot_product_attention(x[0], x[1], x[2], &(fr_attention_options){ .is_causal = true }))

#define VALUES                                                                                                         \
    {                                                                                                                  \
        1 << 10, 1 << 18, 1 << 22                                                                                      \
    }
#define BATCH                                                                                                          \
    {                                                                                                                  \
        1, 16, 128                                                                                                     \
    }

static const layer layers[] = {
    { "relu", VALUES, rows, call_relu },
    { "leaky_relu", VALUES, rows, call_leaky_relu },
    { "gelu", VALUES, rows, call_gelu },
    { "silu", VALUES, rows, call_silu },
    { "softplus", VALUES, rows, call_softplus },
    { "tanh", VALUES, rows, call_tanh },
    { "sigmoid", VALUES, rows, call_sigmoid },
    { "exp", VALUES, rows, call_exp },
    { "square", VALUES, rows, call_square },
    { "clamp", VALUES, rows, call_clamp },
    { "dropout", VALUES, rows, call_dropout },
    { "add", VALUES, two, call_add },
    { "add row", VALUES, and_row, call_add },
    { "add column", VALUES, and_column, call_add },
    { "mul", VALUES, two, call_mul },
    { "mul row", VALUES, and_row, call_mul },
    { "mul column", VALUES, and_column, call_mul },
    { "div", VALUES, two, call_div },
    { "maximum", VALUES, two, call_maximum },
    { "where", VALUES, and_condition, call_where },
    { "sum", VALUES, rows, call_sum },
    { "mean", VALUES, rows, call_mean },
    { "sum dim 0", VALUES, rows, call_sum_dim0 },
    { "sum dim 1", VALUES, rows, call_sum_dim1 },
    { "sum middle dim", BATCH, cube, call_sum_dim1 },
    { "mean dim 1", VALUES, rows, call_mean_dim1 },
    { "max dim 1", VALUES, rows, call_max_dim1 },
    { "var dim 1", VALUES, rows, call_var_dim1 },
    { "norm", VALUES, rows, call_norm },
    { "logsumexp dim 1", VALUES, rows, call_logsumexp_dim1 },
    { "cumsum", VALUES, rows, call_cumsum },
    { "softmax", VALUES, rows, call_softmax },
    { "log_softmax", VALUES, rows, call_log_softmax },
    { "layer_norm", VALUES, and_affine, call_layer_norm },
    { "rms_norm", VALUES, and_row, call_rms_norm },
    { "batch_norm2d", BATCH, batch_norm2d, call_module },
    { "transpose", VALUES, rows, call_transpose },
    { "permute 0 2 1", BATCH, cube, call_permute },
    { "permute 1 0 2", BATCH, cube, call_swap_first },
    { "cat", VALUES, two, call_cat },
    { "stack", VALUES, two, call_stack },
    { "pad", VALUES, rows, call_pad },
    { "slice", VALUES, rows, call_slice },
    { "gather", VALUES, and_index, call_gather },
    { "index_select", VALUES, and_rows_of_it, call_index_select },
    { "embedding", VALUES, words, call_embedding },
    { "cross_entropy", VALUES, classes, call_cross_entropy },
    { "mse", VALUES, two, call_mse },
    { "bce_with_logits", VALUES, and_condition, call_bce_with_logits },
    { "max_pool2d", BATCH, images, call_max_pool2d },
    { "avg_pool2d", BATCH, images, call_avg_pool2d },
    { "conv1d", BATCH, conv1d, call_module },
    { "depthwise conv1d", BATCH, depthwise_conv1d, call_module },
    { "conv2d", BATCH, conv2d, call_module },
    { "conv2d of few channels", BATCH, conv2d_of_few_channels, call_module },
    { "conv2d stride 2", BATCH, strided_conv2d, call_module },
    { "conv2d 1x1", BATCH, conv2d_1x1, call_module },
    { "depthwise conv2d", BATCH, depthwise_conv2d, call_module },
    { "linear", { 1, 64, 4096 }, linear, call_module },
    { "batched matmul", BATCH, batches, call_matmul },
    { "batched matmul transposed", BATCH, batches, call_matmul_transposed },
    { "attention 4 heads", { 1, 8, 32 }, heads4, call_attention },
    { "attention 8 heads", { 1, 8, 32 }, heads8, call_attention },
    { "attention 512 steps", { 1, 2, 8 }, heads4_long, call_attention },
    { "causal attention 512 steps", { 1, 2, 8 }, heads4_long, call_causal_attention },
    { "multihead_attention", { 1, 8, 32 }, multihead_attention, call_module },
    { "transformer_encoder_layer", { 1, 8, 32 }, encoder_layer, call_module },
    { "lstm", { 4, 20, 100 }, lstm, call_module },
    { "lstm of different lengths", { 4, 20, 100 }, lstm_and_lengths, call_lengths },
};

/* --- Running ------------------------------------------------------------------------------------------------------ */

typedef struct {
    const layer *layer;
    inputs in;
} run_of_layer;

static void zero_gradients(const inputs *in)
{
    int n = 0;
    fr_tensor *const *parameters = in->module ? fr_module_parameters(in->module, &n) : NULL;

    for (int i = 0; i < n; i++)
        fr_zero_grad(parameters[i]);
    for (int i = 0; i < 3 && in->x[i]; i++)
        fr_zero_grad(in->x[i]);
}

/* The layer's result lives no longer than in PyTorch, where it dies when its sum is known: in a scope around the whole
 * step it would be one array more that takes up the cache (of 16 MB, leaky_relu takes 1.9 ms then, not 1.4). */
static fr_tensor *sum_of_result(const run_of_layer *r)
{
    FR_SCOPE;

    return fr_escape(fr_sum(r->layer->forward(&r->in)));
}

static void step(void *argument)
{
    FR_SCOPE;
    run_of_layer *r = argument;

    zero_gradients(&r->in);
    fr_backward(sum_of_result(r));
}

static void run_size(const layer *l, int64_t n)
{
    FR_SCOPE;
    char name[64];
    run_of_layer r = { .layer = l };

    fr_manual_seed(0);
    l->make(&r.in, n);
    snprintf(name, sizeof name, "%s %lld", l->name, (long long)n);
    print_row(&(row){ .work = name, .time = measure(step, &r, n < 2000 && n == l->sizes[0] ? 10 : 1, 0.2) });
    fr_module_free(r.in.module);
}

int main(int argc, char **argv)
{
    begin_bench(argc, argv, 1);
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        if (is_wanted(layers[i].name, argc - 2, argv + 2))
            for (int size = 0; size < SIZES; size++)
                run_size(&layers[i], layers[i].sizes[size]);
    return 0;
}
