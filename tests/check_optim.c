/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Optimisers and clipping, against PyTorch (golden/make_optim.py) and by what they promise. */
#include "testing.h"

#include <stdarg.h>

enum { STEPS = 100 };

typedef struct {
    const char *name;
    fr_sgd_options sgd;
    fr_adam_options adam;
} optim_case;

static const optim_case cases[] = {
    { .name = "sgd" },
    { .name = "sgd_lr", .sgd = { .lr = 0.05 } },
    { .name = "sgd_momentum", .sgd = { .lr = 0.01, .momentum = 0.9 } },
    { .name = "sgd_dampening", .sgd = { .lr = 0.01, .momentum = 0.9, .dampening = 0.3 } },
    { .name = "sgd_nesterov", .sgd = { .lr = 0.01, .momentum = 0.8, .nesterov = true } },
    { .name = "sgd_decay", .sgd = { .lr = 0.01, .weight_decay = 0.1 } },
    { .name = "sgd_maximize", .sgd = { .lr = 0.01, .momentum = 0.5, .weight_decay = 0.1, .maximize = true } },
    { .name = "adam" },
    { .name = "adam_lr", .adam = { .lr = 0.05 } },
    { .name = "adam_betas", .adam = { .lr = 0.01, .beta1 = 0.4, .beta2 = 0.7 } },
    { .name = "adam_zero_betas", .adam = { .lr = 0.01, .beta1 = FR_ZERO, .beta2 = FR_ZERO } },
    { .name = "adam_eps", .adam = { .lr = 0.01, .eps = 0.1 } },
    { .name = "adam_zero_eps", .adam = { .lr = 0.01, .eps = FR_ZERO } },
    { .name = "adam_decay", .adam = { .lr = 0.01, .weight_decay = 0.1 } },
    { .name = "adam_maximize", .adam = { .lr = 0.01, .weight_decay = 0.1, .maximize = true } },
};
enum { CASES = sizeof cases / sizeof cases[0] };

static fr_tensors *golden;

static void load_golden(void)
{
    golden = fr_load(test_file("golden/optim.safetensors"));
    ck_assert_msg(golden != NULL, "%s", fr_error_message());
}

static void free_golden(void)
{
    fr_tensors_free(golden);
}

static fr_tensor *find(const char *format, ...) FR_PRINTF(1, 2);
static fr_tensor *find(const char *format, ...)
{
    char name[128];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);

    fr_tensor *t = fr_tensors_find(golden, name);

    ck_assert_msg(t != NULL, "no %s in the golden file", name);
    return t;
}

static fr_tensor *same(fr_module *m, fr_tensor *x)
{
    (void)m;
    return x;
}

static fr_module *pair(fr_tensor *a, fr_tensor *b)
{
    fr_module *m = fr_module_new("Pair", 0, same);

    fr_module_param(m, "a", a);
    fr_module_param(m, "b", b);
    return m;
}

/* Values to start from; with gaps they are every other column of a larger tensor. */
static fr_tensor *start(const char *which, fr_dtype dtype, bool gaps)
{
    fr_tensor *t = fr_clone(fr_cast(find("start.%s", which), dtype));
    fr_shape shape = fr_shape_of(t);

    if (!gaps)
        return t;
    shape.dim[shape.ndim - 1] *= 2;
    return fr_copy(fr_slice(fr_cast(fr_zeros(shape), dtype), -1, 0, shape.dim[shape.ndim - 1], 2), t);
}

static void give_gradient(fr_tensor *parameter, const char *which, int step)
{
    fr_tensor *g = fr_select(find("gradients.%s", which), 0, step - 1);

    fr_backward_with(parameter, fr_cast(g, fr_dtype_of(parameter)), 0);
}

/* SGD rounds as PyTorch does, to the last bit. Adam does but for PyTorch's square root, which is that of a library of
 * vector functions and one unit off for one value in a hundred. */
static void compare(const optim_case *c, const char *which, int step, const fr_tensor *got)
{
    bool f32 = fr_dtype_of(got) == FR_F32;
    fr_tensor *expected = find("%s.%s.%s.%d", c->name, f32 ? "f32" : "f64", which, step);
    char what[128];

    snprintf(what, sizeof what, "%s, %s after %d steps", c->name, which, step);
    if (strncmp(c->name, "sgd", 3) == 0)
        ck_assert_msg(fr_equal(got, expected), "%s", what);
    assert_close(what, got, expected, f32 ? 1e-6 : 1e-12, f32 ? 1e-7 : 1e-14);
}

static void train(const optim_case *c, fr_dtype dtype, bool gaps)
{
    FR_SCOPE;
    fr_tensor *a = start("a", dtype, gaps), *b = start("b", dtype, gaps);
    fr_module *m = pair(a, b);
    fr_optim *o = strncmp(c->name, "sgd", 3) == 0 ? fr_sgd(m, &c->sgd) : fr_adam(m, &c->adam);

    ck_assert_ptr_nonnull(o);
    ck_assert(fr_is_contiguous(a) != gaps);
    for (int step = 1; step <= STEPS; step++) {
        FR_SCOPE;

        fr_optim_zero_grad(o);
        give_gradient(a, "a", step);
        if (step % 4 != 1)
            give_gradient(b, "b", step);
        if (strstr(c->name, "_lr") && step == 50)
            ck_assert(fr_optim_set_lr(o, 0.001));
        ck_assert(fr_optim_step(o));
        if (step == 1 || step == 2 || step == 10 || step == 100) {
            compare(c, "a", step, a);
            compare(c, "b", step, b);
        }
    }
    fr_optim_free(o);
    fr_module_free(m);
}

START_TEST(trains_as_pytorch)
{
    train(&cases[_i], FR_F32, false);
    train(&cases[_i], FR_F64, false);
}
END_TEST

START_TEST(parameters_may_have_gaps)
{
    train(&cases[_i], FR_F32, true);
    train(&cases[_i], FR_F64, true);
}
END_TEST

START_TEST(defaults_are_pytorchs)
{
    FR_SCOPE;
    fr_module *m = pair(start("a", FR_F32, false), start("b", FR_F32, false));
    fr_optim *sgd = fr_sgd(m, NULL), *adam = fr_adam(m, NULL), *zero = fr_adam(m, &(fr_adam_options){ .lr = FR_ZERO });

    ck_assert_double_eq(fr_optim_lr(sgd), 1e-3);
    ck_assert_double_eq(fr_optim_lr(adam), 1e-3);
    ck_assert_double_eq(fr_optim_lr(zero), 0);
    ck_assert(fr_optim_set_lr(adam, 0));
    ck_assert_double_eq(fr_optim_lr(adam), 0);
    ck_assert_double_nan(fr_optim_lr(NULL));
    fr_optim_free(sgd);
    fr_optim_free(adam);
    fr_optim_free(zero);
    fr_module_free(m);
}
END_TEST

/* Work is shared among threads in tiles; each value must be met once, whatever their number. */
START_TEST(large_parameters_are_met_whole)
{
    FR_SCOPE;
    int64_t n = 100003;
    fr_tensor *p = fr_zeros(FR_SHAPE(n));
    fr_module *m = pair(p, fr_zeros(FR_SHAPE(0, 4)));
    fr_optim *o = fr_sgd(m, &(fr_sgd_options){ .lr = 1, .momentum = 0.5 });
    fr_tensor *g = fr_arange(0, (double)n, 1, FR_F32);

    for (int threads = 1; threads <= 3; threads++) {
        fr_set_num_threads(threads);
        fr_backward_with(p, g, 0);
        ck_assert(fr_optim_step(o));
        fr_optim_zero_grad(o);
    }
    fr_set_num_threads(0);
    for (int64_t i = 0; i < n; i++) /* 1 + 1.5 + 1.75 */
        ck_assert_msg(fr_at(p, i) == -4.25 * (double)i, "value %lld is %g", (long long)i, fr_at(p, i));
    fr_optim_free(o);
    fr_module_free(m);
}
END_TEST

START_TEST(a_step_is_a_write_in_place)
{
    FR_SCOPE;
    fr_tensor *p = fr_ones(FR_SHAPE(3));
    fr_module *m = pair(p, fr_ones(FR_SHAPE(2)));
    fr_optim *o = fr_adam(m, NULL);
    fr_tensor *stale = fr_sum(fr_mul(p, p));

    fr_backward(fr_sum(p));
    ck_assert(fr_optim_step(o));
    ck_assert(fr_is_leaf(p));
    ck_assert(!fr_backward(stale));
    assert_failed("mul", "changed");
    fr_optim_free(o);
    fr_module_free(m);
}
END_TEST

START_TEST(lives_longer_than_its_module)
{
    FR_SCOPE;
    fr_tensor *p = fr_ones(FR_SHAPE(1));
    fr_module *m = pair(p, fr_ones(FR_SHAPE(2)));
    fr_optim *o = fr_sgd(m, &(fr_sgd_options){ .lr = 0.5 });

    fr_module_free(m);
    fr_backward(p);
    ck_assert(fr_optim_step(o));
    ck_assert_double_eq(fr_item(p), 0.5);
    fr_optim_free(o);
    fr_optim_free(NULL);
    fr_optim_zero_grad(NULL);
}
END_TEST

#define assert_refused(call, ...)                                                                                      \
    do {                                                                                                               \
        ck_assert(!(call));                                                                                            \
        assert_failed(__VA_ARGS__);                                                                                    \
    } while (0)

START_TEST(bad_options_are_refused)
{
    FR_SCOPE;
    fr_module *m = pair(fr_ones(FR_SHAPE(1)), fr_ones(FR_SHAPE(2)));
    fr_optim *o = fr_sgd(m, NULL);
    int here;

    assert_refused(fr_sgd(m, &(fr_sgd_options){ .lr = -1 }), "frond: sgd: ", "lr is -1", "[0, inf)", "check_optim.c");
    assert_refused(fr_sgd(m, &(fr_sgd_options){ .lr = NAN }), "lr is nan", "[0, inf)");
    assert_refused(fr_sgd(m, &(fr_sgd_options){ .momentum = -0.5 }), "momentum is -0.5");
    assert_refused(fr_sgd(m, &(fr_sgd_options){ .dampening = INFINITY }), "dampening is inf");
    assert_refused(fr_sgd(m, &(fr_sgd_options){ .weight_decay = -2 }), "weight_decay is -2");
    assert_refused(fr_sgd(m, &(fr_sgd_options){ .nesterov = true }), "nesterov", "momentum 0");
    assert_refused(fr_sgd(m, &(fr_sgd_options){ .momentum = 0.9, .dampening = 0.1, .nesterov = true }), "nesterov",
                   "dampening 0.1");
    assert_refused(fr_sgd(m, &(fr_sgd_options){ .reserved = { [7] = &here } }), "reserved[7]");
    assert_refused(fr_adam(m, &(fr_adam_options){ .lr = -1 }), "frond: adam: ", "lr is -1", "check_optim.c");
    assert_refused(fr_adam(m, &(fr_adam_options){ .beta1 = 1 }), "beta1 is 1", "[0, 1)");
    assert_refused(fr_adam(m, &(fr_adam_options){ .beta2 = -0.1 }), "beta2 is -0.1", "[0, 1)");
    assert_refused(fr_adam(m, &(fr_adam_options){ .eps = -1 }), "eps is -1");
    assert_refused(fr_adam(m, &(fr_adam_options){ .weight_decay = NAN }), "weight_decay is nan");
    assert_refused(fr_adam(m, &(fr_adam_options){ .reserved = { &here } }), "reserved[0]");
    assert_refused(fr_optim_set_lr(o, -3), "optim_set_lr", "lr is -3");
    ck_assert_double_eq(fr_optim_lr(o), 1e-3);
    assert_refused(fr_optim_set_lr(NULL, 1), "optim_set_lr", "NULL");
    assert_refused(fr_optim_step(NULL), "optim_step", "NULL");
    assert_refused(fr_adam(NULL, NULL), "adam", "NULL");
    fr_optim_free(o);
    fr_module_free(m);
}
END_TEST

START_TEST(parameters_must_be_there_and_their_own)
{
    FR_SCOPE;
    fr_module *empty = fr_module_new("Empty", 0, same);
    fr_module *m = pair(fr_ones(FR_SHAPE(1)), fr_expand(fr_ones(FR_SHAPE(2, 1)), FR_SHAPE(2, 3)));

    assert_refused(fr_sgd(empty, NULL), "sgd", "no parameters");
    assert_refused(fr_sgd(m, NULL), "sgd", "parameter 1", "(2, 3)", "expanded");
    fr_module_free(empty);
    fr_module_free(m);
}
END_TEST

/* --- Clipping ---------------------------------------------------------------------------------------------------- */

static fr_module *with_gradients(fr_dtype a, fr_dtype b)
{
    fr_tensor *ga = fr_cast(find("clip.a"), a), *gb = fr_cast(find("clip.b"), b);
    fr_module *m = pair(fr_zeros_like(ga), fr_zeros_like(gb));

    fr_backward_with(fr_module_find(m, "a"), ga, 0);
    fr_backward_with(fr_module_find(m, "b"), gb, 0);
    return m;
}

static void check_clip(const char *name, fr_dtype a, fr_dtype b)
{
    static const char *const limits[] = { "0", "0.9", "1e9", "inf" };

    for (int i = 0; i < 4; i++) {
        FR_SCOPE;
        fr_module *m = with_gradients(a, b);
        double norm = fr_clip_grad_norm(m, strtod(limits[i], NULL));
        double expected = fr_item(find("clip.%s.%s.norm", name, limits[i]));

        ck_assert_double_eq_tol(norm, expected, 1e-14 * expected);
        for (int k = 0; k < 2; k++) {
            const char *which = k ? "b" : "a";
            fr_tensor *got = fr_grad(fr_module_find(m, which));
            fr_tensor *clipped = find("clip.%s.%s.%s", name, limits[i], which);

            if (b == FR_F32)
                ck_assert_msg(fr_equal(got, clipped), "%s to %s: %s", name, limits[i], which);
            assert_close(name, got, clipped, fr_dtype_of(got) == FR_F32 ? 1e-6 : 1e-12, 0);
        }
        fr_module_free(m);
    }
}

START_TEST(clips_as_pytorch)
{
    check_clip("f32", FR_F32, FR_F32);
    check_clip("f64", FR_F64, FR_F64);
    check_clip("both", FR_F32, FR_F64);
}
END_TEST

START_TEST(clipping_passes_odd_norms)
{
    FR_SCOPE;
    fr_module *m = pair(fr_ones(FR_SHAPE(3)), fr_ones(FR_SHAPE(2)));
    fr_tensor *a = fr_module_find(m, "a"), *b = fr_module_find(m, "b");

    ck_assert_double_eq(fr_clip_grad_norm(m, 1), 0); /* no gradient yet */
    fr_backward_with(a, fr_from_doubles(FR_SHAPE(3), (double[]){ 1, INFINITY, 2 }), 0);
    ck_assert_double_infinite(fr_clip_grad_norm(m, 1));
    ck_assert_double_eq(fr_at(fr_grad(a), 0), 0);
    ck_assert_double_nan(fr_at(fr_grad(a), 1));
    fr_backward_with(b, fr_ones(FR_SHAPE(2)), 0);
    ck_assert_double_nan(fr_clip_grad_norm(m, 1));
    ck_assert_double_nan(fr_at(fr_grad(b), 0));
    ck_assert(!(fr_clip_grad_norm(m, -1) == fr_clip_grad_norm(m, NAN)));
    assert_failed("clip_grad_norm", "max is -1", ">= 0", "check_optim.c");
    ck_assert_double_nan(fr_clip_grad_norm(NULL, 1));
    assert_failed("clip_grad_norm", "NULL");
    fr_module_free(m);
}
END_TEST

START_TEST(clipping_is_a_write_in_place)
{
    FR_SCOPE;
    fr_module *m = pair(fr_ones(FR_SHAPE(3)), fr_ones(FR_SHAPE(3)));
    fr_tensor *a = fr_module_find(m, "a"), *b = fr_module_find(m, "b");

    fr_backward(fr_sum(a));

    fr_tensor *stale = fr_sum(fr_mul(fr_grad(a), b));

    fr_clip_grad_norm(m, 0.1);
    ck_assert(!fr_backward(stale));
    assert_failed("mul", "changed");
    fr_module_free(m);
}
END_TEST

int main(void)
{
    TCase *optim = tcase_create("optim"), *clip = tcase_create("clip");

    tcase_add_unchecked_fixture(optim, load_golden, free_golden);
    tcase_add_loop_test(optim, trains_as_pytorch, 0, CASES);
    tcase_add_loop_test(optim, parameters_may_have_gaps, 0, CASES);
    tcase_add_test(optim, defaults_are_pytorchs);
    tcase_add_test(optim, large_parameters_are_met_whole);
    tcase_add_test(optim, a_step_is_a_write_in_place);
    tcase_add_test(optim, lives_longer_than_its_module);
    tcase_add_test(optim, bad_options_are_refused);
    tcase_add_test(optim, parameters_must_be_there_and_their_own);
    tcase_add_unchecked_fixture(clip, load_golden, free_golden);
    tcase_add_test(clip, clips_as_pytorch);
    tcase_add_test(clip, clipping_passes_odd_norms);
    tcase_add_test(clip, clipping_is_a_write_in_place);
    return run_tests("optim", optim, clip);
}
