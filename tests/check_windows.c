/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Convolutions and pools: layers compared with PyTorch's values and printouts (golden/make_windows.py has the same
 * tables), and ops at sizes at which the work is cut into blocks, slices and tiles. check_ops checks small sizes. */
#include "core/shape.h"
#include "core/tensor.h"
#undef FR_NO_CALL_SITES
#include "testing.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

/* --- Layers against PyTorch --------------------------------------------------------------------------------------- */

enum { PARAMETER_SEED = 7 };

static fr_module *conv1d(void)
{
    return fr_nn_conv1d(3, 4, 3, NULL);
}

static fr_module *conv1d_all(void)
{
    return fr_nn_conv1d(
        4, 6, 2,
        &(fr_conv_options){
            .stride = FR_SHAPE(2), .padding = FR_SHAPE(1), .dilation = FR_SHAPE(2), .groups = 2, .no_bias = true });
}

static fr_module *conv1d_same(void)
{
    return fr_nn_conv1d(2, 3, 4, &(fr_conv_options){ .same = true });
}

static fr_module *conv2d(void)
{
    return fr_nn_conv2d(2, 3, FR_SHAPE(2), NULL);
}

static fr_module *conv2d_all(void)
{
    return fr_nn_conv2d(
        2, 4, FR_SHAPE(2, 3),
        &(fr_conv_options){
            .stride = FR_SHAPE(2, 1), .padding = FR_SHAPE(0, 1), .dilation = FR_SHAPE(1, 2), .groups = 2 });
}

static fr_module *conv_transpose1d(void)
{
    return fr_nn_conv_transpose1d(
        3, 4, 3,
        &(fr_conv_transpose_options){ .stride = FR_SHAPE(2), .padding = FR_SHAPE(1), .output_padding = FR_SHAPE(1) });
}

static fr_module *conv_transpose2d(void)
{
    return fr_nn_conv_transpose2d(4, 6, FR_SHAPE(2, 3),
                                  &(fr_conv_transpose_options){ .stride = FR_SHAPE(3, 1),
                                                                .padding = FR_SHAPE(0, 1),
                                                                .output_padding = FR_SHAPE(2, 0),
                                                                .dilation = FR_SHAPE(2),
                                                                .groups = 2,
                                                                .no_bias = true });
}

static fr_module *max_pool1d(void)
{
    return fr_nn_max_pool1d(3,
                            &(fr_max_pool_options){ .stride = FR_SHAPE(2), .padding = FR_SHAPE(1), .ceil_mode = true });
}

static fr_module *max_pool2d(void)
{
    return fr_nn_max_pool2d(FR_SHAPE(2, 3), NULL);
}

static fr_module *avg_pool1d(void)
{
    return fr_nn_avg_pool1d(
        3, &(fr_avg_pool_options){ .stride = FR_SHAPE(2), .padding = FR_SHAPE(1), .exclude_pad = true });
}

static fr_module *avg_pool2d(void)
{
    return fr_nn_avg_pool2d(FR_SHAPE(2), &(fr_avg_pool_options){ .stride = FR_SHAPE(2, 1), .divisor_override = 3 });
}

static fr_module *adaptive_avg_pool1d(void)
{
    return fr_nn_adaptive_avg_pool1d(3);
}

#define MAKER(NAME, ...)                                                                                               \
    static fr_module *NAME(void)                                                                                       \
    {                                                                                                                  \
        return __VA_ARGS__;                                                                                            \
    }

MAKER(adaptive_avg_pool2d, fr_nn_adaptive_avg_pool2d(FR_SHAPE(2, -1)))
MAKER(adaptive_max_pool1d, fr_nn_adaptive_max_pool1d(3))
MAKER(adaptive_max_pool2d, fr_nn_adaptive_max_pool2d(FR_SHAPE(2)))
MAKER(upsample, fr_nn_upsample(&(fr_interpolate_options){ .scale_factor = 2 }))
MAKER(upsample_linear,
      fr_nn_upsample(&(fr_interpolate_options){ .size = FR_SHAPE(5), .mode = FR_LINEAR, .align_corners = true }))
MAKER(zero_pad1d, fr_nn_zero_pad1d(FR_DIMS(2)))
MAKER(zero_pad2d, fr_nn_zero_pad2d(FR_DIMS(1, 0, 2, -1)))
MAKER(constant_pad1d, fr_nn_constant_pad1d(FR_DIMS(1, 0), 3.5))
MAKER(constant_pad2d, fr_nn_constant_pad2d(FR_DIMS(1), -0.25))
MAKER(reflection_pad1d, fr_nn_reflection_pad1d(FR_DIMS(1, 2)))
MAKER(reflection_pad2d, fr_nn_reflection_pad2d(FR_DIMS(1, 2, 0, 1)))
MAKER(replication_pad1d, fr_nn_replication_pad1d(FR_DIMS(3, 1)))
MAKER(replication_pad2d, fr_nn_replication_pad2d(FR_DIMS(1, 2, 0, 1)))
MAKER(circular_pad1d, fr_nn_circular_pad1d(FR_DIMS(2)))
MAKER(circular_pad2d, fr_nn_circular_pad2d(FR_DIMS(1, 2, 0, 1)))
MAKER(unflatten, fr_nn_unflatten(1, FR_SHAPE(2, 3)))

static fr_module *flatten(void)
{
    return fr_nn_flatten(1, 2);
}

static fr_module *network(void)
{
    fr_module *layers[] = { fr_nn_conv2d(1, 4, FR_SHAPE(3), &(fr_conv_options){ .padding = FR_SHAPE(1) }),
                            fr_nn_relu(),
                            fr_nn_max_pool2d(FR_SHAPE(2), NULL),
                            fr_nn_conv2d(4, 2, FR_SHAPE(1, 2), NULL),
                            fr_nn_avg_pool2d(FR_SHAPE(3, 2), &(fr_avg_pool_options){ .stride = FR_SHAPE(1) }),
                            fr_nn_flatten(1, -1),
                            fr_nn_linear(2, 3, NULL) };

    return fr_nn_sequential(COUNT(layers), layers);
}

static const struct {
    const char *name;
    fr_module *(*make)(void);
} layers[] = { { "conv1d", conv1d },
               { "conv1d_all", conv1d_all },
               { "conv1d_same", conv1d_same },
               { "conv2d", conv2d },
               { "conv2d_all", conv2d_all },
               { "conv_transpose1d", conv_transpose1d },
               { "conv_transpose2d", conv_transpose2d },
               { "max_pool1d", max_pool1d },
               { "max_pool2d", max_pool2d },
               { "avg_pool1d", avg_pool1d },
               { "avg_pool2d", avg_pool2d },
               { "adaptive_avg_pool1d", adaptive_avg_pool1d },
               { "adaptive_avg_pool2d", adaptive_avg_pool2d },
               { "adaptive_max_pool1d", adaptive_max_pool1d },
               { "adaptive_max_pool2d", adaptive_max_pool2d },
               { "upsample", upsample },
               { "upsample_linear", upsample_linear },
               { "zero_pad1d", zero_pad1d },
               { "zero_pad2d", zero_pad2d },
               { "constant_pad1d", constant_pad1d },
               { "constant_pad2d", constant_pad2d },
               { "reflection_pad1d", reflection_pad1d },
               { "reflection_pad2d", reflection_pad2d },
               { "replication_pad1d", replication_pad1d },
               { "replication_pad2d", replication_pad2d },
               { "circular_pad1d", circular_pad1d },
               { "circular_pad2d", circular_pad2d },
               { "unflatten", unflatten },
               { "flatten", flatten },
               { "network", network } };

/* Returns all parameters of m, or their gradients, joined to one dim. */
static fr_tensor *flat(fr_module *m, bool gradients)
{
    fr_tensor *parts[8];
    int n;
    fr_tensor *const *parameters = fr_module_parameters(m, &n);

    ck_assert_int_le(n, COUNT(parts));
    for (int i = 0; i < n; i++)
        parts[i] = fr_reshape(gradients ? fr_grad(parameters[i]) : fr_detach(parameters[i]), FR_SHAPE(-1));
    return n > 0 ? fr_cat(parts, n, 0) : NULL;
}

static fr_tensor *find(fr_tensors *file, fr_dtype dtype, const char *layer, const char *key)
{
    snprintf(test_about, sizeof test_about, "%s.%s.%s", dtype == FR_F64 ? "f64" : "f32", layer, key);
    return fr_tensors_find(file, test_about);
}

static void check_layer(fr_tensors *file, fr_dtype dtype, const char *name, fr_module *m)
{
    FR_SCOPE;
    fr_tensor *x = fr_requires_grad(fr_clone(find(file, dtype, name, "x"))), *parameters = flat(m, false), *y;
    fr_tensor *expected = find(file, dtype, name, "parameters");

    ck_assert_msg((parameters != NULL) == (expected != NULL), "%s", test_about);
    if (parameters)
        assert_close(test_about, parameters, expected, 0, 0);
    y = fr_forward(m, x);
    expected = find(file, dtype, name, "out");
    assert_near(test_about, y, expected);
    ck_assert(fr_backward(fr_sum(fr_square(y))));
    expected = find(file, dtype, name, "x_grad");
    assert_near(test_about, fr_grad(x), expected);
    expected = find(file, dtype, name, "gradients");
    if (parameters)
        assert_near(test_about, flat(m, true), expected);
}

START_TEST(layers_equal_pytorch)
{
    fr_dtype dtype = _i % 2 ? FR_F64 : FR_F32;
    fr_tensors *file = fr_load(test_file("golden/windows.safetensors"));
    fr_module *m;

    ck_assert_ptr_nonnull(file);
    ck_assert(fr_set_default_dtype(dtype));
    fr_manual_seed(PARAMETER_SEED);
    m = layers[_i / 2].make();
    ck_assert_ptr_nonnull(m);
    check_layer(file, dtype, layers[_i / 2].name, m);
    fr_module_free(m);
    fr_tensors_free(file);
    ck_assert(fr_set_default_dtype(FR_F32));
}
END_TEST

static void print_all(FILE *file)
{
    for (int i = 0; i < COUNT(layers); i++)
        print_module(file, layers[i].make());
    print_module(file, fr_nn_conv2d(3, 6, FR_SHAPE(3),
                                    &(fr_conv_options){ .same = true, .dilation = FR_SHAPE(2), .groups = 3 }));
    print_module(file, fr_nn_conv2d(3, 6, FR_SHAPE(1), &(fr_conv_options){ .padding = FR_SHAPE(0, 1) }));
    print_module(file, fr_nn_max_pool1d(3, NULL));
    print_module(file, fr_nn_max_pool2d(FR_SHAPE(3), &(fr_max_pool_options){ .stride = FR_SHAPE(2, 1),
                                                                             .padding = FR_SHAPE(1, 0),
                                                                             .dilation = FR_SHAPE(2) }));
    print_module(file,
                 fr_nn_max_unpool1d(3, &(fr_max_unpool_options){ .stride = FR_SHAPE(2), .padding = FR_SHAPE(1) }));
    print_module(file, fr_nn_max_unpool2d(FR_SHAPE(2), NULL));
    print_module(file, fr_nn_max_unpool2d(FR_SHAPE(2, 3), &(fr_max_unpool_options){ .stride = FR_SHAPE(2, 1),
                                                                                    .padding = FR_SHAPE(0, 1) }));
    print_module(file, fr_nn_avg_pool1d(2, NULL));
    print_module(file, fr_nn_avg_pool2d(FR_SHAPE(2, 3), &(fr_avg_pool_options){ .padding = FR_SHAPE(1) }));
    print_module(file, fr_nn_flatten(1, -1));
}

START_TEST(prints_as_pytorch)
{
    FILE *got = tmpfile();

    ck_assert_ptr_nonnull(got);
    print_all(got);
    assert_same_lines(got, "golden/windows.txt");
}
END_TEST

/* Making a wrong layer fails, not only using it. */
START_TEST(bad_layers_are_refused)
{
    fr_conv_options third = { .groups = 3 }, strided = { .same = true, .stride = FR_SHAPE(2) };
    fr_max_pool_options padded = { .padding = FR_SHAPE(2) }, reserved = { .reserved = { [3] = &third } };
    fr_conv_transpose_options longer = { .output_padding = FR_SHAPE(1) };
    fr_avg_pool_options still = { .stride = FR_SHAPE(0) };

    assert_refused(fr_nn_conv1d(-1, 2, 3, NULL), "nn_conv1d: in -1, out 2");
    assert_refused(fr_nn_conv1d(1, -2, 3, NULL), "nn_conv1d: in 1, out -2");
    assert_refused(fr_nn_conv1d(1, 2, 0, NULL), "nn_conv1d: kernel_size is (0,), expected one number, 1 or more");
    assert_refused(fr_nn_conv1d(4, 3, 3, &third), "nn_conv1d: in 4, out 3", "divisible by groups, 3");
    assert_refused(fr_nn_conv1d(3, 4, 3, &third), "nn_conv1d: in 3, out 4", "divisible by groups, 3");
    assert_refused(fr_nn_conv1d(1, INT64_MAX / 2, 9, NULL), "nn_conv1d", "too large");
    assert_refused(fr_nn_conv2d(1, 2, FR_SHAPE(3), &strided), "nn_conv2d: same is for stride 1");
    assert_refused(fr_nn_conv2d(1, 2, FR_SHAPE(1, 2, 3), NULL), "nn_conv2d: kernel_size is (1, 2, 3)");
    assert_refused(fr_nn_conv2d(1, 2, (fr_shape){ 0 }, NULL), "nn_conv2d: kernel_size is ()");
    assert_refused(fr_nn_conv_transpose1d(1, 2, 3, &longer), "nn_conv_transpose1d: output_padding 1 for stride 1");
    assert_refused(fr_nn_max_pool1d(3, &padded), "nn_max_pool1d: padding 2 for a kernel of 3");
    assert_refused(fr_nn_max_pool2d(FR_SHAPE(3), &reserved), "nn_max_pool2d: reserved[3]");
    assert_refused(fr_nn_avg_pool1d(0, NULL), "nn_avg_pool1d: kernel_size is (0,)");
    assert_refused(fr_nn_avg_pool2d(FR_SHAPE(2), &still), "nn_avg_pool2d: stride is (0,)");
    assert_refused(fr_nn_adaptive_max_pool2d(FR_SHAPE(1, 2, 3)), "nn_adaptive_max_pool2d: output_size is (1, 2, 3)");
    assert_refused(fr_nn_reflection_pad2d(FR_DIMS(1, 2)), "nn_reflection_pad2d: padding is (1, 2)", "one number or 4");
    assert_refused(fr_nn_upsample(&(fr_interpolate_options){ .mode = FR_LINEAR }), "nn_upsample: expected either size");
    assert_refused(fr_nn_adaptive_avg_pool1d(-1), "nn_adaptive_avg_pool1d: output_size is (-1,)");
}
END_TEST

/* --- Convolutions of many values ---------------------------------------------------------------------------------- */

/* Arrays hold height and width; with one dim the height is 1. */
typedef struct {
    int dims;
    int64_t images, channels, outputs, groups, size[2], kernel[2], stride[2], padding[2], dilation[2];
} convolution;

static const convolution large[] = {
    { 2, 7, 6, 8, 2, { 43, 95 }, { 3, 5 }, { 1, 2 }, { 2, 1 }, { 2, 1 } }, /* blocks, and slices of two images */
    { 1, 3, 2, 4, 1, { 1, 20011 }, { 1, 7 }, { 1, 1 }, { 0, 3 }, { 1, 1 } },
    { 2, 5, 20, 6, 1, { 61, 60 }, { 1, 1 }, { 1, 1 }, { 0, 0 }, { 1, 1 } },   /* the window is one value */
    { 1, 40, 32, 64, 32, { 1, 50 }, { 1, 3 }, { 1, 1 }, { 0, 1 }, { 1, 1 } }, /* many units in a tile */
    { 1, 2, 912, 520, 1, { 1, 10 }, { 1, 9 }, { 1, 3 }, { 0, 1 }, { 1, 1 } }, /* no slices: too many weights */
    { 2, 3, 8, 8, 8, { 28, 28 }, { 3, 3 }, { 1, 1 }, { 1, 1 }, { 1, 1 } },    /* a filter for each channel: */
    { 2, 2, 3, 6, 3, { 7, 37 }, { 3, 4 }, { 1, 1 }, { 2, 3 }, { 1, 2 } },     /* two, */
    { 2, 2, 3, 3, 3, { 15, 9 }, { 2, 3 }, { 2, 1 }, { 1, 0 }, { 1, 1 } },     /* every second line, */
    { 2, 2, 3, 6, 3, { 16, 31 }, { 5, 3 }, { 1, 2 }, { 2, 1 }, { 1, 3 } },    /* every second column, */
    { 2, 1, 2, 2, 2, { 5, 3 }, { 3, 3 }, { 1, 1 }, { 1, 1 }, { 1, 1 } },      /* lines shorter than vectors, */
    { 1, 2, 3, 3, 3, { 1, 101 }, { 1, 3 }, { 1, 1 }, { 0, 2 }, { 1, 1 } },    /* one long line, */
    { 1, 2, 3, 6, 3, { 1, 64 }, { 1, 4 }, { 1, 1 }, { 0, 3 }, { 1, 2 } },     /* for two filters */
    { 2, 2, 16, 8, 1, { 14, 11 }, { 3, 3 }, { 2, 2 }, { 1, 1 }, { 1, 1 } },   /* planes of every second value */
    { 2, 2, 4, 8, 1, { 23, 38 }, { 3, 3 }, { 2, 2 }, { 1, 1 }, { 1, 1 } },    /* of many columns */
    { 2, 3, 10, 18, 2, { 13, 21 }, { 3, 5 }, { 1, 1 }, { 1, 4 }, { 1, 2 } },  /* dweight by taps, */
    { 1, 2, 8, 9, 1, { 1, 9001 }, { 1, 7 }, { 1, 1 }, { 0, 6 }, { 1, 1 } },   /* in blocks, */
    { 2, 1, 5, 33, 1, { 9, 9 }, { 3, 3 }, { 1, 1 }, { 0, 0 }, { 1, 1 } },     /* without padding */
    { 2, 1, 2, 600, 1, { 20, 31 }, { 3, 5 }, { 1, 1 }, { 1, 2 }, { 1, 1 } },  /* many terms, in blocks within lines */
};

static fr_shape shape_of(const convolution *c, int64_t first, int64_t second, const int64_t *size)
{
    return c->dims == 1 ? FR_SHAPE(first, second, size[1]) : FR_SHAPE(first, second, size[0], size[1]);
}

static fr_shape option_of(const convolution *c, const int64_t *values)
{
    return c->dims == 1 ? FR_SHAPE(values[1]) : FR_SHAPE(values[0], values[1]);
}

static fr_tensor *convolve(const convolution *c, fr_tensor *x, fr_tensor *w, fr_tensor *bias)
{
    fr_conv_options options = { .stride = option_of(c, c->stride),
                                .padding = option_of(c, c->padding),
                                .dilation = option_of(c, c->dilation),
                                .groups = c->groups };

    return c->dims == 1 ? fr_conv1d(x, w, bias, &options) : fr_conv2d(x, w, bias, &options);
}

typedef struct {
    fr_tensor *x, *w, *bias, *g, *y, *dx, *dw; /* bias: may be NULL */
} values;

/* Computes the part of one row of outputs that comes from the kernel's row `tap` and one channel, and its gradients. */
static void plain_row(const convolution *c, const values *v, int64_t image, int64_t output, int64_t channel,
                      int64_t line, int64_t tap)
{
    int64_t in = c->channels / c->groups, out = fr_dim(v->y, -1), lines = c->dims == 1 ? 1 : fr_dim(v->y, 2);
    int64_t group = output / (c->outputs / c->groups), row = line * c->stride[0] - c->padding[0] + tap * c->dilation[0];
    int64_t at = ((image * c->channels + group * in + channel) * c->size[0] + row) * c->size[1];
    int64_t weights = ((output * in + channel) * c->kernel[0] + tap) * c->kernel[1];
    int64_t to = ((image * c->outputs + output) * lines + line) * out;
    const double *x = fr_data(v->x), *w = fr_data(v->w), *g = fr_data(v->g);
    double *y = fr_data(v->y), *dx = fr_data(v->dx), *dw = fr_data(v->dw);

    if (row < 0 || row >= c->size[0])
        return;
    for (int64_t place = 0; place < out; place++) {
        for (int64_t next = 0; next < c->kernel[1]; next++) {
            int64_t column = place * c->stride[1] - c->padding[1] + next * c->dilation[1];

            if (column < 0 || column >= c->size[1])
                continue;
            y[to + place] += w[weights + next] * x[at + column];
            dx[at + column] += w[weights + next] * g[to + place];
            dw[weights + next] += x[at + column] * g[to + place];
        }
    }
}

/* Computes y, dx and dw from x, w and g with plain loops. */
static void plain_convolution(const convolution *c, values *v)
{
    v->y = fr_zeros_like(v->g);
    if (v->bias)
        v->y = fr_clone(fr_add(v->y, fr_reshape(v->bias, c->dims == 1 ? FR_SHAPE(-1, 1) : FR_SHAPE(-1, 1, 1))));
    v->dx = fr_zeros_like(v->x);
    v->dw = fr_zeros_like(v->w);
    for (int64_t image = 0; image < c->images; image++)
        for (int64_t output = 0; output < c->outputs; output++)
            for (int64_t channel = 0; channel < c->channels / c->groups; channel++)
                for (int64_t line = 0; line < (c->dims == 1 ? 1 : fr_dim(v->g, 2)); line++)
                    for (int64_t tap = 0; tap < c->kernel[0]; tap++)
                        plain_row(c, v, image, output, channel, line, tap);
}

static void differentiate(const convolution *c, values *v)
{
    fr_tensor *xs[] = { fr_requires_grad(fr_detach(v->x)), fr_requires_grad(fr_detach(v->w)) }, *out[2];

    v->y = convolve(c, xs[0], xs[1], v->bias);
    if (!v->g)
        v->g = fr_randn(v->y->shape);
    ck_assert(fr_gradients_with(v->y, v->g, xs, 2, out, 0));
    v->dx = out[0];
    v->dw = out[1];
}

static values draw(const convolution *c)
{
    return (values){ .x = fr_randn(shape_of(c, c->images, c->channels, c->size)),
                     .w = fr_randn(shape_of(c, c->outputs, c->channels / c->groups, c->kernel)) };
}

START_TEST(large_convolutions_equal_plain_loops)
{
    FR_SCOPE;
    values got, expected;

    ck_assert(fr_set_default_dtype(FR_F64));
    got = draw(&large[_i]);
    differentiate(&large[_i], &got);
    expected = got;
    plain_convolution(&large[_i], &expected);
    assert_near("y", got.y, expected.y);
    assert_near("dx", got.dx, expected.dx);
    assert_near("dw", got.dw, expected.dw);
    ck_assert(fr_set_default_dtype(FR_F32));
}
END_TEST

static fr_tensor *whole_numbers(fr_shape shape)
{
    return fr_cast(fr_randint(-3, 4, shape), FR_F64);
}

/* Sums of whole numbers are exact: float32 gives what plain loops give in float64. */
START_TEST(convolutions_of_float32)
{
    FR_SCOPE;
    const convolution *c = &large[_i];
    values got, exact = draw(c);

    exact.x = whole_numbers(exact.x->shape);
    exact.w = whole_numbers(exact.w->shape);
    exact.bias = whole_numbers(FR_SHAPE(c->outputs));
    exact.g = whole_numbers(convolve(c, exact.x, exact.w, NULL)->shape);
    plain_convolution(c, &exact);
    got = (values){ .x = fr_cast(exact.x, FR_F32),
                    .w = fr_cast(exact.w, FR_F32),
                    .bias = fr_cast(exact.bias, FR_F32),
                    .g = fr_cast(exact.g, FR_F32) };
    differentiate(c, &got);
    ck_assert(fr_equal(got.y, fr_cast(exact.y, FR_F32)));
    ck_assert(fr_equal(got.dx, fr_cast(exact.dx, FR_F32)));
    ck_assert(fr_equal(got.dw, fr_cast(exact.dw, FR_F32)));
}
END_TEST

static void assert_same_bits(const char *what, const fr_tensor *a, const fr_tensor *b)
{
    ck_assert(fr_shape_equal(&a->shape, &b->shape));
    ck_assert_msg(memcmp(fr_data(a), fr_data(b), (size_t)a->numel * fr_dtype_size((fr_dtype)a->dtype)) == 0,
                  "%s: another result", what);
}

START_TEST(convolutions_on_any_number_of_threads)
{
    FR_SCOPE;
    values one = draw(&large[_i]), many;

    fr_set_num_threads(1);
    differentiate(&large[_i], &one);
    fr_set_num_threads(3);
    many = one;
    differentiate(&large[_i], &many);
    fr_set_num_threads(0);
    assert_same_bits("y", one.y, many.y);
    assert_same_bits("dx", one.dx, many.dx);
    assert_same_bits("dw", one.dw, many.dw);
}
END_TEST

/* --- Pools of many values ----------------------------------------------------------------------------------------- */

static fr_tensor *max2d(fr_tensor *x)
{
    return fr_max_pool2d(x, FR_SHAPE(3, 2), &(fr_max_pool_options){ .stride = FR_SHAPE(2), .padding = FR_SHAPE(1) });
}

static fr_tensor *avg2d(fr_tensor *x)
{
    return fr_avg_pool2d(x, FR_SHAPE(3, 2), &(fr_avg_pool_options){ .stride = FR_SHAPE(2), .padding = FR_SHAPE(1) });
}

static fr_tensor *adaptive1d(fr_tensor *x)
{
    return fr_adaptive_avg_pool1d(fr_flatten(x, -2, -1), 77);
}

static fr_tensor *(*const pools[])(fr_tensor *x) = { max2d, avg2d, adaptive1d };

/* Returns y or, if gradient is true, the gradient of the sum of y^2 by x. */
static fr_tensor *pooled(int which, const fr_tensor *x, bool gradient)
{
    fr_tensor *leaf = fr_requires_grad(fr_detach(x)), *y = pools[which](leaf), *dx;

    if (!gradient)
        return y;
    ck_assert(fr_gradients(fr_sum(fr_square(y)), &leaf, 1, &dx, 0));
    return dx;
}

/* Images share tiles and threads, but the result for one image is the same as if it were alone. */
START_TEST(pools_of_many_images)
{
    bool gradient = _i % 2;

    for (int threads = 1; threads <= 3; threads += 2) {
        FR_SCOPE;
        fr_tensor *x = fr_randn(FR_SHAPE(13, 5, 40, 37)), *all;

        fr_set_num_threads(threads);
        all = pooled(_i / 2, x, gradient);
        fr_set_num_threads(1);
        for (int64_t i = 0; i < fr_dim(x, 0); i++)
            assert_same_bits("one image", pooled(_i / 2, fr_select(x, 0, i), gradient), fr_select(all, 0, i));
    }
    fr_set_num_threads(0);
}
END_TEST

/* --- Max unpools -------------------------------------------------------------------------------------------------- */

/* A module does what the function does. */
/* Planes of all widths, of few different values, some of them NaN: the first of equal values is taken, or else the last
 * NaN. Gradients tell the place. */
START_TEST(max_pools_by_two)
{
    FR_SCOPE;
    enum { PLANES = 3, LINES = 5 };
    const fr_dtype dtype = _i % 2 ? FR_F64 : FR_F32;
    const int64_t width = 2 + _i / 2, out = width / 2;
    fr_tensor *drawn = fr_cast(fr_randint(0, 6, FR_SHAPE(PLANES, LINES, width)), dtype);
    fr_tensor *x = fr_requires_grad(fr_masked_fill(drawn, fr_eq_scalar(drawn, 5), _i % 3 ? 4 : NAN));
    fr_tensor *y = fr_max_pool2d(x, FR_SHAPE(2), NULL),
              *g = fr_cast(fr_arange(1, 1 + (double)fr_numel(y), 1, FR_F64), dtype);
    fr_tensor *dx;

    ck_assert(fr_gradients_with(y, fr_reshape(g, y->shape), &x, 1, &dx, 0));
    for (int64_t i = 0; i < fr_numel(y); i++) {
        int64_t corner = i / (2 * out) * LINES * width + i / out % 2 * 2 * width + i % out * 2, best = corner;

        for (int k = 1; k < 4; k++) {
            int64_t at = corner + k / 2 * width + k % 2;

            best = fr_at(x, at) > fr_at(x, best) || isnan(fr_at(x, at)) ? at : best;
        }
        ck_assert(fr_at(y, i) == fr_at(x, best) || (isnan(fr_at(y, i)) && isnan(fr_at(x, best))));
        ck_assert(fr_at(dx, best) == (double)(i + 1));
    }
    ck_assert(fr_item(fr_sum(dx)) == fr_item(fr_sum(g)));
}
END_TEST

START_TEST(unpools_as_the_functions)
{
    FR_SCOPE;
    fr_module *one = fr_nn_max_unpool1d(2, &(fr_max_unpool_options){ .stride = FR_SHAPE(3) });
    fr_module *two = fr_nn_max_unpool2d(FR_SHAPE(2, 3), NULL), *other = fr_nn_relu();
    fr_tensor *x = fr_randn(FR_SHAPE(2, 3, 4, 6)), *larger = fr_zeros(FR_SHAPE(2, 3, 5, 8));
    fr_extreme y = fr_max_pool2d_with_indices(x, FR_SHAPE(2, 3), NULL);
    fr_extreme row = fr_max_pool1d_with_indices(fr_select(x, 0, 0), 2, &(fr_max_pool_options){ .stride = FR_SHAPE(3) });

    assert_same_bits("2d", fr_max_unpool_forward(two, y.values, y.indices, (fr_shape){ 0 }),
                     fr_max_unpool2d(y.values, y.indices, FR_SHAPE(2, 3), NULL));
    assert_same_bits("whole", fr_max_unpool_forward(two, y.values, y.indices, fr_shape_of(larger)),
                     fr_max_unpool2d(y.values, y.indices, FR_SHAPE(2, 3),
                                     &(fr_max_unpool_options){ .output_size = FR_SHAPE(5, 8) }));
    assert_same_bits("1d", fr_max_unpool_forward(one, row.values, row.indices, FR_SHAPE(6)),
                     fr_max_unpool1d(row.values, row.indices, 2,
                                     &(fr_max_unpool_options){ .stride = FR_SHAPE(3), .output_size = FR_SHAPE(6) }));
    assert_refused(fr_forward(two, x), "MaxUnpool2d needs indices", "fr_max_unpool_forward");
    assert_refused(fr_max_unpool_forward(other, y.values, y.indices, FR_SHAPE(8)), "max_unpool_forward: ReLU given");
    assert_refused(fr_max_unpool_forward(one, y.values, y.indices, FR_SHAPE(8)), "max_unpool_forward: x (2, 3, 2, 2)");
    assert_refused(fr_nn_max_unpool1d(2, &(fr_max_unpool_options){ .output_size = FR_SHAPE(8) }),
                   "nn_max_unpool1d: output_size is for fr_max_unpool_forward");
    assert_refused(fr_nn_max_unpool2d(FR_SHAPE(2, 0), NULL), "nn_max_unpool2d: kernel_size is (2, 0)");
    fr_module_free(one);
    fr_module_free(two);
    fr_module_free(other);
}
END_TEST

int main(void)
{
    TCase *modules = tcase_create("layers"), *many = tcase_create("many values");

    tcase_add_loop_test(modules, layers_equal_pytorch, 0, 2 * COUNT(layers));
    tcase_add_test(modules, prints_as_pytorch);
    tcase_add_test(modules, bad_layers_are_refused);
    tcase_add_test(modules, unpools_as_the_functions);
    tcase_add_loop_test(many, large_convolutions_equal_plain_loops, 0, COUNT(large));
    tcase_add_loop_test(many, convolutions_of_float32, 0, COUNT(large));
    tcase_add_loop_test(many, max_pools_by_two, 0, 2 * 40);
    tcase_add_loop_test(many, convolutions_on_any_number_of_threads, 0, COUNT(large));
    tcase_add_loop_test(many, pools_of_many_images, 0, 2 * COUNT(pools));
    return run_tests("windows", modules, many);
}
