/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Normalisation and embedding: layers compared with PyTorch (golden/make_norm.py has the same table), kernels of both
 * dtypes compared with the formulas in float64 for many sizes, writes in place, and the calls that are refused. */
#include "testing.h"

#include <limits.h>
#include <unistd.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

enum { SEED = 7, BATCHES = 3, MAX_PARAMETERS = 2 };

/* --- Layers against PyTorch --------------------------------------------------------------------------------------- */

#define MAKER(NAME, ...)                                                                                               \
    static fr_module *NAME(void)                                                                                       \
    {                                                                                                                  \
        return __VA_ARGS__;                                                                                            \
    }

MAKER(layer_norm, fr_nn_layer_norm(FR_SHAPE(4), NULL))
MAKER(layer_norm_two_dims, fr_nn_layer_norm(FR_SHAPE(3, 4), &(fr_layer_norm_options){ .eps = 0.25 }))
MAKER(layer_norm_no_bias, fr_nn_layer_norm(FR_SHAPE(4), &(fr_layer_norm_options){ .no_bias = true }))
MAKER(layer_norm_plain, fr_nn_layer_norm(FR_SHAPE(4), &(fr_layer_norm_options){ .no_elementwise_affine = true }))
MAKER(layer_norm_no_eps, fr_nn_layer_norm(FR_SHAPE(1), &(fr_layer_norm_options){ .eps = FR_ZERO }))
MAKER(rms_norm, fr_nn_rms_norm(FR_SHAPE(4), NULL))
MAKER(rms_norm_eps, fr_nn_rms_norm(FR_SHAPE(3, 4), &(fr_rms_norm_options){ .eps = 0.25 }))
MAKER(rms_norm_plain, fr_nn_rms_norm(FR_SHAPE(4), &(fr_rms_norm_options){ .no_elementwise_affine = true }))
MAKER(rms_norm_no_eps, fr_nn_rms_norm(FR_SHAPE(1), &(fr_rms_norm_options){ .eps = FR_ZERO }))
MAKER(batch_norm1d, fr_nn_batch_norm1d(3, NULL))
MAKER(batch_norm1d_length, fr_nn_batch_norm1d(3, &(fr_nn_batch_norm_options){ .momentum = 0.3, .eps = 0.25 }))
MAKER(batch_norm1d_cumulative, fr_nn_batch_norm1d(3, &(fr_nn_batch_norm_options){ .cumulative = true }))
MAKER(batch_norm1d_fixed, fr_nn_batch_norm1d(3, &(fr_nn_batch_norm_options){ .momentum = FR_ZERO }))
MAKER(batch_norm1d_no_bias, fr_nn_batch_norm1d(3, &(fr_nn_batch_norm_options){ .no_bias = true }))
MAKER(batch_norm1d_plain, fr_nn_batch_norm1d(3, &(fr_nn_batch_norm_options){ .no_affine = true }))
MAKER(batch_norm1d_untracked, fr_nn_batch_norm1d(3, &(fr_nn_batch_norm_options){ .no_track_running_stats = true }))
MAKER(batch_norm2d, fr_nn_batch_norm2d(3, NULL))
MAKER(batch_norm2d_cumulative,
      fr_nn_batch_norm2d(2, &(fr_nn_batch_norm_options){ .cumulative = true, .no_affine = true }))
MAKER(batch_norm2d_bare,
      fr_nn_batch_norm2d(1, &(fr_nn_batch_norm_options){
                                .eps = 1e-3, .momentum = 1, .no_affine = true, .no_track_running_stats = true }))
MAKER(group_norm, fr_nn_group_norm(2, 4, NULL))
MAKER(group_norm_plain, fr_nn_group_norm(3, 3, &(fr_nn_group_norm_options){ .eps = 0.25, .no_affine = true }))
MAKER(group_norm_no_bias, fr_nn_group_norm(1, 4, &(fr_nn_group_norm_options){ .no_bias = true }))
MAKER(instance_norm1d, fr_nn_instance_norm1d(3, NULL))
MAKER(instance_norm1d_tracked,
      fr_nn_instance_norm1d(3, &(fr_nn_instance_norm_options){ .momentum = 0.3, .track_running_stats = true }))
MAKER(instance_norm2d, fr_nn_instance_norm2d(3, &(fr_nn_instance_norm_options){
                                                    .eps = 0.25, .affine = true, .track_running_stats = true }))
MAKER(instance_norm2d_no_bias,
      fr_nn_instance_norm2d(2, &(fr_nn_instance_norm_options){ .affine = true, .no_bias = true }))
MAKER(embedding, fr_nn_embedding(5, 4, NULL))
MAKER(embedding_few, fr_nn_embedding(3, 2, NULL))
MAKER(embedding_padding, fr_nn_embedding(5, 4, &(fr_embedding_options){ .padding = true }))
MAKER(embedding_padding_last, fr_nn_embedding(5, 4, &(fr_embedding_options){ .padding = true, .padding_idx = -1 }))

static const struct {
    const char *name;
    fr_module *(*make)(void);
} layers[] = {
    { "layer_norm", layer_norm },
    { "layer_norm_two_dims", layer_norm_two_dims },
    { "layer_norm_no_bias", layer_norm_no_bias },
    { "layer_norm_plain", layer_norm_plain },
    { "rms_norm", rms_norm },
    { "rms_norm_eps", rms_norm_eps },
    { "rms_norm_plain", rms_norm_plain },
    { "batch_norm1d", batch_norm1d },
    { "batch_norm1d_length", batch_norm1d_length },
    { "batch_norm1d_cumulative", batch_norm1d_cumulative },
    { "batch_norm1d_fixed", batch_norm1d_fixed },
    { "batch_norm1d_no_bias", batch_norm1d_no_bias },
    { "batch_norm1d_plain", batch_norm1d_plain },
    { "batch_norm1d_untracked", batch_norm1d_untracked },
    { "batch_norm2d", batch_norm2d },
    { "batch_norm2d_cumulative", batch_norm2d_cumulative },
    { "group_norm", group_norm },
    { "group_norm_plain", group_norm_plain },
    { "group_norm_no_bias", group_norm_no_bias },
    { "instance_norm1d", instance_norm1d },
    { "instance_norm1d_tracked", instance_norm1d_tracked },
    { "instance_norm2d", instance_norm2d },
    { "instance_norm2d_no_bias", instance_norm2d_no_bias },
    { "embedding", embedding },
    { "embedding_few", embedding_few },
    { "embedding_padding", embedding_padding },
    { "embedding_padding_last", embedding_padding_last },
};

/* A layer under test and its golden values. */
typedef struct {
    fr_module *m;
    fr_tensors *file;
    char prefix[64];
    double rtol, atol;
} subject;

static fr_tensor *find(const subject *s, const char *key)
{
    char name[128];

    snprintf(name, sizeof name, "%s.%s", s->prefix, key);
    return fr_tensors_find(s->file, name);
}

static void check_close(const subject *s, const char *key, int i, const fr_tensor *got, const fr_tensor *expected)
{
    char text[128];

    snprintf(text, sizeof text, "%s.%s %d", s->prefix, key, i);
    assert_close(text, got, expected, s->rtol, s->atol);
}

/* Returns all parameters, or their gradients, joined to one dim. */
static fr_tensor *flat(fr_module *m, bool gradients)
{
    fr_tensor *parts[MAX_PARAMETERS + 1] = { fr_zeros(FR_SHAPE(0)) };
    int n;
    fr_tensor *const *parameters = fr_module_parameters(m, &n);

    ck_assert_int_le(n, MAX_PARAMETERS);
    for (int i = 0; i < n; i++) {
        fr_tensor *t = gradients ? fr_grad(parameters[i]) : fr_detach(parameters[i]);

        parts[i + 1] = fr_reshape(t, FR_SHAPE(-1));
    }
    return fr_cat(parts, n + 1, 0);
}

static void zero_grad(fr_module *m)
{
    int n;
    fr_tensor *const *parameters = fr_module_parameters(m, &n);

    for (int i = 0; i < n; i++)
        fr_zero_grad(parameters[i]);
}

/* Changes the parameters as make_norm.py does: with 0 and 1 mistakes would not show. */
static void move_parameters(fr_module *m)
{
    FR_NO_GRAD;
    int n;
    fr_tensor *const *parameters = fr_module_parameters(m, &n);

    for (int i = 0; i < n; i++) {
        fr_tensor *steps = fr_arange(0, (double)fr_numel(parameters[i]), 1, fr_dtype_of(parameters[i]));

        steps = fr_view_as(fr_mul_scalar(steps, 0.125), parameters[i]);
        fr_copy(parameters[i], fr_add(parameters[i], steps));
    }
}

/* Runs forward and backward for batch i. After the last batch the first one comes again. */
static void check_batch(const subject *s, int i)
{
    fr_tensor *x = fr_clone(fr_select(find(s, "x"), 0, i % BATCHES)), *y;

    if (fr_dtype_of(x) != FR_I64)
        fr_requires_grad(x);
    y = fr_forward(s->m, x);
    check_close(s, "y", i, y, fr_select(find(s, "y"), 0, i));
    if (fr_wants_grad(y))
        ck_assert(fr_backward(fr_sum(fr_mul(y, find(s, "w")))));
    if (fr_wants_grad(x))
        check_close(s, "dx", i, fr_grad(x), fr_select(find(s, "dx"), 0, i));
}

static void check_buffers(const subject *s)
{
    int n;
    const fr_named_tensor *state = fr_module_state(s->m, &n);

    for (int i = 0; i < n; i++)
        if (state[i].buffer)
            check_close(s, state[i].name, 0, state[i].tensor, find(s, state[i].name));
}

static subject open_subject(int layer, fr_dtype dtype)
{
    subject s = { .file = fr_load(test_file("golden/norm.safetensors")),
                  .rtol = dtype == FR_F64 ? 1e-10 : 1e-5,
                  .atol = dtype == FR_F64 ? 1e-12 : 2e-6 };

    ck_assert_ptr_nonnull(s.file);
    snprintf(s.prefix, sizeof s.prefix, "%s.%s", dtype == FR_F64 ? "f64" : "f32", layers[layer].name);
    ck_assert(fr_set_default_dtype(dtype));
    fr_manual_seed(SEED);
    s.m = layers[layer].make();
    ck_assert_msg(s.m != NULL, "%s: %s", s.prefix, fr_error_message());
    return s;
}

static void close_subject(const subject *s)
{
    fr_module_free(s->m);
    fr_tensors_free(s->file);
    ck_assert(fr_set_default_dtype(FR_F32));
}

/* A loop over dtypes and layers. */
START_TEST(layers_equal_pytorch)
{
    FR_SCOPE;
    subject s = open_subject(_i % COUNT(layers), _i / COUNT(layers) ? FR_F64 : FR_F32);
    fr_tensor *gradients = find(&s, "gradients");

    check_close(&s, "parameters", 0, flat(s.m, false), find(&s, "parameters"));
    move_parameters(s.m);
    for (int i = 0; i <= BATCHES; i++) {
        if (i >= BATCHES - 1) {
            check_close(&s, "gradients", i, flat(s.m, true), fr_select(gradients, 0, i - BATCHES + 1));
            zero_grad(s.m);
        }
        fr_train(s.m, i < BATCHES);
        check_batch(&s, i);
    }
    check_close(&s, "gradients", BATCHES + 1, flat(s.m, true), fr_select(gradients, 0, 2));
    check_buffers(&s);
    close_subject(&s);
}
END_TEST

START_TEST(prints_as_pytorch)
{
    FILE *got = tmpfile();

    ck_assert_ptr_nonnull(got);
    for (int i = 0; i < COUNT(layers); i++)
        print_module(got, layers[i].make());
    print_module(got, layer_norm_no_eps());
    print_module(got, rms_norm_no_eps());
    print_module(got, batch_norm2d_bare());
    assert_same_lines(got, "golden/norm.txt");
}
END_TEST

/* A layer's state is saved and loaded into another layer, which then computes the same. */
START_TEST(state_is_saved_and_loaded)
{
    FR_SCOPE;
    char path[64];
    subject s = open_subject(_i, FR_F32);
    fr_module *other = layers[_i].make();
    fr_tensor *x = fr_select(find(&s, "x"), 0, 0);
    int n;
    const fr_named_tensor *state = fr_module_state(s.m, &n);

    snprintf(path, sizeof path, "check_norm.%ld.tmp", (long)getpid());
    move_parameters(s.m);
    ck_assert_ptr_nonnull(fr_forward(s.m, x));
    ck_assert(fr_save(s.m, path));
    ck_assert(fr_load_into(other, path));
    unlink(path);
    for (int i = 0; i < n; i++)
        ck_assert_msg(fr_equal(state[i].tensor, fr_module_find(other, state[i].name)), "%s: %s", s.prefix,
                      state[i].name);
    fr_train(s.m, false);
    fr_train(other, false);
    ck_assert(fr_equal(fr_forward(s.m, x), fr_forward(other, x)));
    fr_module_free(other);
    close_subject(&s);
}
END_TEST

/* --- Kernels compared with formulas ------------------------------------------------------------------------------- */

typedef enum { LAYER, RMS, BATCH, BATCH_EVALUATION } operation;
enum { X, WEIGHT, BIAS, INPUTS };

/* A problem: x = offset + spread N(0,1) with this shape. Channels are dim 1 of x, rows are its last dim. */
typedef struct {
    operation what;
    fr_shape shape;
    double offset, spread;
} problem;

/* Rows shorter and longer than the kernels' lanes, in one tile and in several. Channels with one value per image, with
 * a few, and with more than one piece; more channels than one group. A mean that is a million times the spread. */
static const problem problems[] = {
    { LAYER, { 2, { 4, 1 } }, 0, 1 },
    { LAYER, { 2, { 5, 16 } }, 0, 1 },
    { LAYER, { 2, { 2000, 3 } }, 1, 1 },
    { LAYER, { 3, { 30, 11, 1000 } }, 0, 1 },
    { LAYER, { 2, { 7, 4099 } }, 0, 1 },
    { LAYER, { 2, { 1, 100001 } }, 0, 1 },
    { LAYER, { 2, { 70, 50 } }, 10000, 0.01 },
    { LAYER, { 2, { 35, 1000 } }, 3, 1e-6 },
    { RMS, { 2, { 4, 1 } }, 0, 1 },
    { RMS, { 2, { 2000, 3 } }, 1, 1 },
    { RMS, { 3, { 30, 11, 1000 } }, 0, 1 },
    { RMS, { 2, { 9, 500 } }, 10000, 0.01 },
    { BATCH, { 2, { 1000, 200 } }, 0, 1 },
    { BATCH, { 2, { 3, 700 } }, 0, 1 },
    { BATCH, { 3, { 40, 7, 700 } }, 0, 1 },
    { BATCH, { 4, { 64, 61, 3, 3 } }, 1, 1 },
    { BATCH, { 4, { 1, 3, 40, 50 } }, 0, 1 },
    { BATCH, { 2, { 70, 50 } }, 10000, 0.01 },
    { BATCH, { 3, { 2, 5, 300 } }, 3, 1e-6 },
    { BATCH_EVALUATION, { 4, { 64, 61, 3, 3 } }, 1, 1 },
    { BATCH_EVALUATION, { 3, { 40, 7, 700 } }, 0, 1 },
    { BATCH_EVALUATION, { 2, { 70, 50 } }, 10000, 0.01 },
};

static bool by_channel(const problem *p)
{
    return p->what == BATCH || p->what == BATCH_EVALUATION;
}

/* Returns a running statistic with this value for each channel, close to that of x. */
static fr_tensor *running(const problem *p, double value, fr_dtype dtype)
{
    return fr_cast(fr_full(FR_SHAPE(p->shape.dim[1]), value), dtype);
}

static fr_tensor *run(const problem *p, fr_tensor *const *in)
{
    fr_dtype dtype = fr_dtype_of(in[X]);
    fr_batch_norm_options options = { .training = p->what == BATCH };

    if (p->what == LAYER)
        return fr_layer_norm(in[X], fr_shape_of(in[WEIGHT]), in[WEIGHT], in[BIAS], 0);
    if (p->what == RMS)
        return fr_rms_norm(in[X], fr_shape_of(in[WEIGHT]), in[WEIGHT], 1e-6);
    return fr_batch_norm(in[X], running(p, p->offset, dtype), running(p, p->spread * p->spread, dtype), in[WEIGHT],
                         in[BIAS], &options);
}

/* Returns the formula's result in float64. Channels are turned into rows. */
static fr_tensor *formula(const problem *p, fr_tensor *const *in)
{
    fr_tensor *x = in[X], *weight = in[WEIGHT], *bias = in[BIAS], *mean, *variance;
    int64_t n = fr_dim(x, 0), channels = fr_dim(x, 1);

    if (by_channel(p)) {
        x = fr_reshape(fr_transpose(fr_reshape(x, FR_SHAPE(n, channels, -1)), 0, 1), FR_SHAPE(channels, -1));
        weight = fr_unsqueeze(weight, -1);
        bias = fr_unsqueeze(bias, -1);
    }
    mean = p->what == RMS                ? fr_cast(fr_scalar(0), FR_F64)
           : p->what == BATCH_EVALUATION ? fr_cast(fr_scalar(p->offset), FR_F64)
                                         : fr_mean_dim(x, -1, true);
    x = fr_sub(x, mean);
    variance = p->what == BATCH_EVALUATION ? fr_square(fr_cast(fr_scalar(p->spread), FR_F64))
                                           : fr_mean_dim(fr_square(x), -1, true);
    x = fr_div(x, fr_sqrt(fr_add_scalar(variance, p->what == RMS ? 1e-6 : 1e-5)));
    x = fr_mul(x, weight);
    x = p->what == RMS ? x : fr_add(x, bias);
    if (by_channel(p))
        x = fr_transpose(fr_reshape(x, FR_SHAPE(channels, n, -1)), 0, 1);
    return fr_reshape(x, p->shape);
}

/* Draws inputs of this dtype and returns a gradient of the result. All are drawn in float32, so that both dtypes get
 * the same numbers. */
static fr_tensor *draw(const problem *p, fr_dtype dtype, fr_tensor **in)
{
    int ndim = p->shape.ndim;
    fr_shape each = FR_SHAPE(p->shape.dim[by_channel(p) ? 1 : ndim - 1]);

    fr_manual_seed(SEED);
    in[X] = fr_add_scalar(fr_mul_scalar(fr_randn(p->shape), p->spread), p->offset);
    in[WEIGHT] = fr_add_scalar(fr_rand(each), 0.5);
    in[BIAS] = fr_randn(each);
    for (int i = 0; i < INPUTS; i++)
        in[i] = fr_requires_grad(fr_clone(fr_cast(in[i], dtype)));
    return fr_cast(fr_randn(p->shape), dtype);
}

/* Puts y and the gradients of all inputs into results. The gradient of RMS's missing bias is zeros. */
static void differentiate(fr_tensor *y, fr_tensor *dy, fr_tensor *const *in, fr_tensor **results)
{
    ck_assert_msg(y != NULL, "%s: %s", test_about, fr_error_message());
    results[INPUTS] = y;
    ck_assert_msg(fr_gradients_with(y, dy, in, INPUTS, results, 0), "%s: %s", test_about, fr_error_message());
}

static void compare(const char *what, fr_tensor *const *got, fr_tensor *const *expected, fr_dtype dtype)
{
    static const char *const names[] = { "dx", "dweight", "dbias", "y" };
    char text[512];

    for (int i = 0; i <= INPUTS; i++) {
        snprintf(text, sizeof text, "%s: %s, %s", test_about, what, names[i]);
        assert_near(text, got[i], fr_cast(expected[i], dtype));
    }
}

/* The formula itself is exact to 1e-12 only if the mean is not large. */
START_TEST(kernels_equal_formulas)
{
    FR_SCOPE;
    const problem *p = &problems[_i];
    fr_tensor *in[INPUTS], *dy, *got[INPUTS + 1], *expected[INPUTS + 1];

    snprintf(test_about, sizeof test_about, "problem %d", _i);
    dy = draw(p, FR_F64, in);
    differentiate(formula(p, in), dy, in, expected);
    if (p->offset <= 1 && p->spread >= 1) {
        differentiate(run(p, in), dy, in, got);
        compare("float64", got, expected, FR_F64);
    }
    dy = draw(p, FR_F32, in);
    differentiate(run(p, in), dy, in, got);
    compare("float32", got, expected, FR_F32);
}
END_TEST

/* An input's gradient is the same if it alone is computed or all are. */
START_TEST(gradients_alone)
{
    FR_SCOPE;
    const problem *p = &problems[_i];
    fr_tensor *in[INPUTS], *dy = draw(p, FR_F32, in), *all[INPUTS + 1], *one;

    differentiate(run(p, in), dy, in, all);
    for (int i = 0; i < INPUTS; i++) {
        ck_assert(fr_gradients_with(run(p, in), dy, &in[i], 1, &one, 0));
        ck_assert_msg(fr_equal(one, all[i]), "problem %d, input %d", _i, i);
    }
}
END_TEST

START_TEST(threads_change_nothing)
{
    FR_SCOPE;
    const problem *p = &problems[_i];
    fr_tensor *in[INPUTS], *dy = draw(p, FR_F32, in), *one[INPUTS + 1], *three[INPUTS + 1];

    fr_set_num_threads(1);
    differentiate(run(p, in), dy, in, one);
    fr_set_num_threads(3);
    differentiate(run(p, in), dy, in, three);
    fr_set_num_threads(0);
    for (int i = 0; i <= INPUTS; i++)
        ck_assert_msg(fr_equal(one[i], three[i]), "problem %d, result %d", _i, i);
}
END_TEST

/* A row or channel of equal values becomes 0 (plus the bias), with gradient 0. */
START_TEST(equal_values_become_zero)
{
    FR_SCOPE;
    fr_tensor *x = fr_requires_grad(fr_full(FR_SHAPE(30, 50), 0.1)), *zeros = fr_zeros(FR_SHAPE(30, 50)), *dx, *y;

    for (int rows = 0; rows < 2; rows++) {
        y = rows ? fr_layer_norm(x, FR_SHAPE(50), NULL, NULL, 0)
                 : fr_batch_norm(x, NULL, NULL, NULL, NULL, &(fr_batch_norm_options){ .training = true });
        assert_close("y", y, zeros, 0, 1e-12);
        ck_assert(fr_gradients(fr_sum(y), &x, 1, &dx, 0));
        assert_close("dx", dx, zeros, 0, 1e-4);
    }
    x = fr_requires_grad(fr_randn(FR_SHAPE(3, 1)));
    y = fr_layer_norm(x, FR_SHAPE(1), NULL, NULL, 0);
    ck_assert(fr_gradients(fr_sum(y), &x, 1, &dx, 0));
    ck_assert(fr_equal(dx, fr_zeros(FR_SHAPE(3, 1))));
}
END_TEST

/* --- Running statistics ------------------------------------------------------------------------------------------- */

static const fr_batch_norm_options training = { .training = true };

/* Several batches may go forward before the first backward. */
START_TEST(training_twice_before_backward)
{
    FR_SCOPE;
    fr_module *m = batch_norm1d();
    fr_tensor *a = fr_requires_grad(fr_randn(FR_SHAPE(5, 3))), *b = fr_requires_grad(fr_randn(FR_SHAPE(5, 3)));
    fr_tensor *both = fr_add(fr_forward(m, a), fr_forward(m, b)), *da, *alone;

    ck_assert(fr_gradients(fr_sum(fr_square(fr_slice(both, 0, 0, 2, 1))), &a, 1, &da, FR_RETAIN_GRAPH));
    ck_assert(fr_gradients(fr_sum(fr_square(fr_slice(both, 0, 0, 2, 1))), &a, 1, &alone, FR_CREATE_GRAPH));
    assert_close("da", da, alone, 1e-4, 1e-5);
    ck_assert_double_eq(fr_item(fr_module_find(m, "num_batches_tracked")), 2);
    fr_module_free(m);
}
END_TEST

/* Evaluation saves the running statistics for backward, which fails if they have changed since. */
START_TEST(a_change_is_found_out)
{
    FR_SCOPE;
    fr_module *m = batch_norm1d();
    fr_tensor *x = fr_requires_grad(fr_randn(FR_SHAPE(5, 3))), *y;

    fr_train(m, false);
    y = fr_forward(m, x);
    fr_train(m, true);
    ck_assert_ptr_nonnull(fr_forward(m, x));
    ck_assert(!fr_backward(fr_sum(y)));
    assert_failed("backward", "of batch_norm", "changed in place");
    fr_module_free(m);
}
END_TEST

/* Running statistics may be views, which are written to; one that wants a gradient still does so afterwards. */
START_TEST(running_statistics_may_be_views)
{
    FR_SCOPE;
    fr_tensor *both = fr_ones(FR_SHAPE(3, 2)), *x = fr_randn(FR_SHAPE(6, 3)), *mean = fr_zeros(FR_SHAPE(3));
    fr_tensor *variance = fr_ones(FR_SHAPE(3)), *column = fr_select(both, 1, 1);

    fr_requires_grad(variance);
    ck_assert_ptr_nonnull(fr_batch_norm(x, column, variance, NULL, NULL, &training));
    ck_assert_ptr_nonnull(fr_batch_norm(x, mean, fr_ones(FR_SHAPE(3)), NULL, NULL, &training));
    assert_close("mean", column, fr_add_scalar(mean, 0.9), 0, 1e-6);
    ck_assert(fr_equal(fr_select(both, 1, 0), fr_ones(FR_SHAPE(3))));
    ck_assert(fr_is_leaf(variance));
    assert_close("variance", fr_detach(variance), fr_add_scalar(fr_mul_scalar(fr_var_dim(x, 0, false), 0.1), 0.9), 0,
                 1e-6);
}
END_TEST

/* A failed call changes nothing. */
START_TEST(a_failure_changes_nothing)
{
    FR_SCOPE;
    fr_module *m = batch_norm1d();
    fr_tensor *mean = fr_zeros(FR_SHAPE(3)), *variance = fr_ones(FR_SHAPE(4)), *x = fr_randn(FR_SHAPE(5, 3));

    ck_assert_ptr_null(fr_batch_norm(x, mean, variance, NULL, NULL, &training));
    assert_failed("batch_norm", "running_var (4,)");
    ck_assert_ptr_null(fr_batch_norm(x, mean, fr_ones(FR_SHAPE(3)), variance, NULL, &training));
    assert_failed("batch_norm", "weight (4,)");
    ck_assert(fr_equal(mean, fr_zeros(FR_SHAPE(3))));
    ck_assert_ptr_null(fr_forward(m, fr_ones(FR_SHAPE(1, 3))));
    assert_failed("batch_norm", "(1, 3)", "one value a channel");
    ck_assert_double_eq(fr_item(fr_module_find(m, "num_batches_tracked")), 0);
    ck_assert(fr_equal(fr_module_find(m, "running_mean"), mean));
    fr_module_free(m);
}
END_TEST

/* --- Embedding ---------------------------------------------------------------------------------------------------- */

/* A row that is used thousands of times gets the same sum each time, for any number of threads. */
START_TEST(gradients_of_rows_are_added_in_order)
{
    FR_SCOPE;
    fr_tensor *index = fr_randint(0, 3, FR_SHAPE(50, 400)), *w = fr_requires_grad(fr_randn(FR_SHAPE(3, 40)));
    fr_tensor *dy = fr_randn(FR_SHAPE(50, 400, 40)), *first, *dw;
    fr_tensor *y = fr_embedding(index, w, NULL);

    ck_assert(fr_gradients_with(y, dy, &w, 1, &first, FR_RETAIN_GRAPH));
    for (int threads = 1; threads <= 3; threads++) {
        fr_set_num_threads(threads);
        ck_assert(fr_gradients_with(y, dy, &w, 1, &dw, FR_RETAIN_GRAPH));
        ck_assert(fr_equal(dw, first));
    }
    fr_set_num_threads(0);
}
END_TEST

START_TEST(padding_stays_in_training)
{
    FR_SCOPE;
    fr_module *m = embedding_padding_last();
    fr_optim *o = fr_adam(m, NULL);
    fr_tensor *index = fr_arange(0, 5, 1, FR_I64), *row = fr_select(fr_module_find(m, "weight"), 0, -1);

    ck_assert(fr_equal(row, fr_zeros(FR_SHAPE(4))));
    ck_assert(fr_backward(fr_sum(fr_square(fr_sub(fr_forward(m, index), fr_ones(FR_SHAPE(5, 4)))))));
    ck_assert(fr_optim_step(o));
    ck_assert(fr_equal(fr_select(fr_module_find(m, "weight"), 0, -1), fr_zeros(FR_SHAPE(4))));
    fr_optim_free(o);
    fr_module_free(m);
}
END_TEST

/* --- What is refused ---------------------------------------------------------------------------------------------- */

static void refuse(const fr_module *m, const char *what, const char *message)
{
    ck_assert_msg(m == NULL, "%s: %s: made", what, message);
    assert_failed(what, message);
}

START_TEST(bad_options_are_refused)
{
    fr_shape two = FR_SHAPE(2), negative = FR_SHAPE(2, -1), none = { 0 }, many = { .ndim = 9 };
    const char *layer = "nn_layer_norm", *rms = "nn_rms_norm", *batch = "nn_batch_norm1d", *embed = "nn_embedding";

    refuse(fr_nn_layer_norm(none, NULL), layer, "one dim or more");
    refuse(fr_nn_layer_norm(negative, NULL), layer, "(2, -1)");
    refuse(fr_nn_layer_norm(many, NULL), layer, "9");
    refuse(fr_nn_layer_norm(two, &(fr_layer_norm_options){ .eps = -1 }), layer, "eps is -1");
    refuse(fr_nn_layer_norm(two, &(fr_layer_norm_options){ .reserved = { &two } }), layer, "reserved[0]");
    refuse(fr_nn_rms_norm(none, NULL), rms, "one dim or more");
    refuse(fr_nn_rms_norm(two, &(fr_rms_norm_options){ .eps = NAN }), rms, "eps is nan");
    refuse(fr_nn_rms_norm(two, &(fr_rms_norm_options){ .reserved = { [7] = &two } }), rms, "reserved[7]");
    refuse(fr_nn_batch_norm1d(-1, NULL), batch, "num_features -1");
    refuse(fr_nn_batch_norm2d(-1, NULL), "nn_batch_norm2d", "num_features -1");
    refuse(fr_nn_batch_norm1d(2, &(fr_nn_batch_norm_options){ .eps = INFINITY }), batch, "eps is inf");
    refuse(fr_nn_batch_norm1d(2, &(fr_nn_batch_norm_options){ .momentum = 1.5 }), batch, "momentum is 1.5");
    refuse(fr_nn_batch_norm1d(2, &(fr_nn_batch_norm_options){ .momentum = 0.5, .cumulative = true }), batch,
           "momentum 0.5 and cumulative");
    refuse(fr_nn_batch_norm1d(2, &(fr_nn_batch_norm_options){ .reserved = { &two } }), batch, "reserved[0]");
    refuse(fr_nn_embedding(-1, 2, NULL), embed, "num -1");
    refuse(fr_nn_embedding(2, -1, NULL), embed, "dim -1");
    refuse(fr_nn_embedding(2, INT64_MAX / 2, NULL), embed, "too large");
    refuse(fr_nn_embedding(2, 3, &(fr_embedding_options){ .padding = true, .padding_idx = 2 }), embed, "-2 to 1");
    refuse(fr_nn_embedding(2, 3, &(fr_embedding_options){ .padding_idx = 1 }), embed, "not padding");
    refuse(fr_nn_embedding(2, 3, &(fr_embedding_options){ .reserved = { &two } }), embed, "reserved[0]");
}
END_TEST

static void refuse_x(fr_module *m, fr_tensor *x, const char *what, const char *message)
{
    ck_assert_ptr_null(fr_forward(m, x));
    assert_failed(what, message, "check_norm.c");
    fr_module_free(m);
}

START_TEST(bad_input_is_refused)
{
    FR_SCOPE;

    refuse_x(batch_norm1d(), fr_ones(FR_SHAPE(3)), "batch_norm1d", "x (3,), expected (N, C) or (N, C, L) with C = 3");
    refuse_x(batch_norm1d(), fr_ones(FR_SHAPE(2, 4)), "batch_norm1d", "x (2, 4), expected");
    refuse_x(batch_norm1d(), fr_ones(FR_SHAPE(2, 3, 4, 5)), "batch_norm1d", "x (2, 3, 4, 5), expected");
    refuse_x(batch_norm2d(), fr_ones(FR_SHAPE(2, 3, 4)), "batch_norm2d", "expected (N, C, H, W) with C = 3");
    refuse_x(batch_norm1d(), fr_cast(fr_ones(FR_SHAPE(2, 3)), FR_F64), "batch_norm", "float32");
    refuse_x(layer_norm(), fr_ones(FR_SHAPE(2, 3)), "layer_norm", "(2, 3)");
    refuse_x(rms_norm(), fr_ones(FR_SHAPE(2, 3)), "rms_norm", "(2, 3)");
    refuse_x(embedding(), fr_full(FR_SHAPE(2, 3), 1), "embedding", "float32, expected int64");
    refuse_x(embedding(), fr_arange(2, 6, 1, FR_I64), "embedding", "index 5 at (3,)");
}
END_TEST

int main(void)
{
    TCase *values = tcase_create("values"), *state = tcase_create("state"), *refused = tcase_create("refused");

    tcase_add_loop_test(values, layers_equal_pytorch, 0, 2 * COUNT(layers));
    tcase_add_test(values, prints_as_pytorch);
    tcase_add_loop_test(values, kernels_equal_formulas, 0, COUNT(problems));
    tcase_add_loop_test(values, gradients_alone, 0, COUNT(problems));
    tcase_add_loop_test(values, threads_change_nothing, 0, COUNT(problems));
    tcase_add_test(values, equal_values_become_zero);
    tcase_add_loop_test(state, state_is_saved_and_loaded, 0, COUNT(layers));
    tcase_add_test(state, training_twice_before_backward);
    tcase_add_test(state, a_change_is_found_out);
    tcase_add_test(state, running_statistics_may_be_views);
    tcase_add_test(state, a_failure_changes_nothing);
    tcase_add_test(state, gradients_of_rows_are_added_in_order);
    tcase_add_test(state, padding_stays_in_training);
    tcase_add_test(refused, bad_options_are_refused);
    tcase_add_test(refused, bad_input_is_refused);
    return run_tests("norm", values, state, refused);
}
