/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Optimisers and clipping: compared with PyTorch (golden/make_optim.py), and checks of what their comments promise. */
#include "testing.h"

#include <stdarg.h>

enum { STEPS = 100 };

typedef struct {
    const char *name; /* begins with the name of its kind */
    fr_sgd_options sgd;
    fr_adam_options adam; /* for adamw too */
    fr_rmsprop_options rmsprop;
    fr_adagrad_options adagrad;
    fr_adadelta_options adadelta;
    fr_nadam_options nadam;
    fr_radam_options radam;
    fr_rprop_options rprop;
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
    { .name = "adam_amsgrad", .adam = { .lr = 0.01, .beta2 = 0.5, .weight_decay = 0.1, .amsgrad = true } },
    { .name = "adam_groups", .adam = { .lr = 0.01, .weight_decay = 0.1 } },
    { .name = "adamw" },
    { .name = "adamw_zero_decay", .adam = { .lr = 0.01, .weight_decay = FR_ZERO } },
    { .name = "adamw_decay", .adam = { .lr = 0.01, .beta1 = 0.4, .beta2 = 0.7, .weight_decay = 0.5 } },
    { .name = "adamw_maximize", .adam = { .lr = 0.01, .weight_decay = 0.1, .maximize = true } },
    { .name = "adamw_amsgrad", .adam = { .lr = 0.01, .beta2 = 0.5, .amsgrad = true } },
    { .name = "rmsprop" },
    { .name = "rmsprop_lr", .rmsprop = { .lr = 0.05, .alpha = 0.3, .eps = 0.1 } },
    { .name = "rmsprop_momentum", .rmsprop = { .momentum = 0.9, .weight_decay = 0.1 } },
    { .name = "rmsprop_centered", .rmsprop = { .centered = true, .maximize = true } },
    { .name = "rmsprop_both", .rmsprop = { .centered = true, .alpha = 0.4, .momentum = 0.5 } },
    { .name = "rmsprop_groups", .rmsprop = { .momentum = 0.5 } },
    { .name = "adagrad" },
    { .name = "adagrad_lr", .adagrad = { .lr = 0.05, .lr_decay = 0.1, .weight_decay = 0.1 } },
    { .name = "adagrad_start", .adagrad = { .initial_accumulator_value = 0.7, .eps = 0.1 } },
    { .name = "adagrad_maximize", .adagrad = { .maximize = true } },
    { .name = "adadelta" },
    { .name = "adadelta_lr", .adadelta = { .lr = 0.3, .rho = 0.5, .eps = 1e-3, .weight_decay = 0.1 } },
    { .name = "adadelta_maximize", .adadelta = { .maximize = true } },
    { .name = "nadam" },
    { .name = "nadam_lr",
      .nadam = { .lr = 0.05, .beta1 = 0.4, .beta2 = 0.7, .weight_decay = 0.1, .momentum_decay = 0.3 } },
    { .name = "nadam_decoupled",
      .nadam = { .weight_decay = 0.1, .eps = 0.1, .decoupled_weight_decay = true, .maximize = true } },
    { .name = "radam" },
    { .name = "radam_lr", .radam = { .lr = 0.05, .beta1 = 0.4, .beta2 = 0.9, .weight_decay = 0.1 } },
    { .name = "radam_decoupled",
      .radam = { .weight_decay = 0.1, .eps = 0.1, .decoupled_weight_decay = true, .maximize = true } },
    { .name = "rprop" },
    { .name = "rprop_etas",
      .rprop = { .lr = 0.3,
                 .etaminus = 0.3,
                 .etaplus = 1.9,
                 .step_size_min = 0.05,
                 .step_size_max = 0.5,
                 .maximize = true } },
};
enum { CASES = sizeof cases / sizeof cases[0] };

static bool is_kind(const optim_case *c, const char *kind)
{
    size_t length = strlen(kind);

    return strncmp(c->name, kind, length) == 0 && (c->name[length] == '\0' || c->name[length] == '_');
}

static fr_optim *make_optim(const optim_case *c, fr_module *m)
{
    return is_kind(c, "sgd")        ? fr_sgd(m, &c->sgd)
           : is_kind(c, "adam")     ? fr_adam(m, &c->adam)
           : is_kind(c, "adamw")    ? fr_adamw(m, &c->adam)
           : is_kind(c, "rmsprop")  ? fr_rmsprop(m, &c->rmsprop)
           : is_kind(c, "adagrad")  ? fr_adagrad(m, &c->adagrad)
           : is_kind(c, "adadelta") ? fr_adadelta(m, &c->adadelta)
           : is_kind(c, "nadam")    ? fr_nadam(m, &c->nadam)
           : is_kind(c, "radam")    ? fr_radam(m, &c->radam)
                                    : fr_rprop(m, &c->rprop);
}

/* Puts b into its own group, with the options GROUPS of make_optim.py. */
static void make_groups(const optim_case *c, fr_optim *o, fr_tensor *b)
{
    int own = fr_optim_split(o, &b, 1);

    ck_assert_int_eq(own, 1);
    if (is_kind(c, "adam")) {
        ck_assert(fr_optim_set_group_lr(o, own, 0.03) && fr_optim_set(o, own, "weight_decay", 0));
        ck_assert(fr_optim_set(o, own, "beta1", 0.5) && fr_optim_set(o, own, "amsgrad", 1));
    } else {
        ck_assert(fr_optim_set(o, own, "momentum", 0) && fr_optim_set(o, own, "centered", 1));
        ck_assert(fr_optim_set(o, own, "eps", 0.01));
    }
}

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

/* Returns the initial values; with gaps they are every second column of a larger tensor. */
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

/* SGD equals PyTorch's to the last bit. The others differ by PyTorch's square root, which comes from a library of
 * vector functions and is off by one unit in the last place for one value in a hundred. */
static void compare(const optim_case *c, const char *which, int step, const fr_tensor *got)
{
    bool f32 = fr_dtype_of(got) == FR_F32;
    fr_tensor *expected = find("%s.%s.%s.%d", c->name, f32 ? "f32" : "f64", which, step);
    char what[128];

    snprintf(what, sizeof what, "%s, %s after %d steps", c->name, which, step);
    if (is_kind(c, "sgd"))
        ck_assert_msg(fr_equal(got, expected), "%s", what);
    assert_close(what, got, expected, f32 ? 1e-6 : 1e-12, f32 ? 1e-7 : 1e-14);
}

static void train(const optim_case *c, fr_dtype dtype, bool gaps)
{
    FR_SCOPE;
    fr_tensor *a = start("a", dtype, gaps), *b = start("b", dtype, gaps);
    fr_module *m = pair(a, b);
    fr_optim *o = make_optim(c, m);

    ck_assert_ptr_nonnull(o);
    if (strstr(c->name, "_groups"))
        make_groups(c, o, b);
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
    fr_optim *adamw = fr_adamw(m, NULL), *rmsprop = fr_rmsprop(m, NULL), *adagrad = fr_adagrad(m, NULL);

    ck_assert_double_eq(fr_optim_lr(sgd), 1e-3);
    ck_assert_double_eq(fr_optim_lr(adam), 1e-3);
    ck_assert_double_eq(fr_optim_lr(zero), 0);
    ck_assert(fr_optim_set_lr(adam, 0));
    ck_assert_double_eq(fr_optim_lr(adam), 0);
    ck_assert_double_nan(fr_optim_lr(NULL));
    ck_assert_double_eq(fr_optim_lr(adamw), 1e-3);
    ck_assert_double_eq(fr_optim_get(adamw, 0, "weight_decay"), 1e-2);
    ck_assert_double_eq(fr_optim_get(rmsprop, 0, "alpha"), 0.99);
    ck_assert_double_eq(fr_optim_lr(rmsprop), 1e-2);
    ck_assert_double_eq(fr_optim_lr(adagrad), 1e-2);
    fr_optim_free(sgd);
    fr_optim_free(adam);
    fr_optim_free(zero);
    fr_optim_free(adamw);
    fr_optim_free(rmsprop);
    fr_optim_free(adagrad);
    fr_module_free(m);
}
END_TEST

/* Returns the values of large parameters after three steps with this number of threads. */
static fr_tensor *train_large(const optim_case *c, int threads)
{
    int64_t n = 100003;
    fr_tensor *p = fr_reshape(fr_arange(1, (double)n + 1, 1, FR_F32), FR_SHAPE(n, 1));
    fr_module *m = pair(p, fr_zeros(FR_SHAPE(1)));
    fr_optim *o = make_optim(c, m);

    p = fr_module_find(m, "a");
    fr_set_num_threads(threads);
    for (int step = 0; step < 3; step++) {
        fr_backward(fr_sum(fr_sin(fr_mul(p, p))));
        ck_assert(fr_optim_step(o));
    }
    fr_set_num_threads(0);
    fr_optim_free(o);
    fr_module_free(m);
    return p;
}

START_TEST(any_number_of_threads_gives_the_same_bits)
{
    FR_SCOPE;
    fr_tensor *one = train_large(&cases[_i], 1);

    ck_assert(fr_equal(train_large(&cases[_i], 2), one));
    ck_assert(fr_equal(train_large(&cases[_i], 5), one));
}
END_TEST

/* Threads share the work in tiles. Each value must be updated once, for any number of threads. */
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
    assert_refused(fr_adamw(m, &(fr_adamw_options){ .weight_decay = -1 }), "frond: adamw: ", "weight_decay is -1");
    assert_refused(fr_rmsprop(m, &(fr_rmsprop_options){ .alpha = 1 }), "frond: rmsprop: ", "alpha is 1", "[0, 1)");
    assert_refused(fr_rmsprop(m, &(fr_rmsprop_options){ .momentum = NAN }), "momentum is nan");
    assert_refused(fr_rmsprop(m, &(fr_rmsprop_options){ .reserved = { &here } }), "reserved[0]");
    assert_refused(fr_adagrad(m, &(fr_adagrad_options){ .lr_decay = -1 }), "frond: adagrad: ", "lr_decay is -1");
    assert_refused(fr_adagrad(m, &(fr_adagrad_options){ .initial_accumulator_value = INFINITY }),
                   "initial_accumulator_value is inf");
    assert_refused(fr_adagrad(m, &(fr_adagrad_options){ .reserved = { &here } }), "reserved[0]");
    assert_refused(fr_adadelta(m, &(fr_adadelta_options){ .rho = 1 }), "frond: adadelta: ", "rho is 1", "[0, 1)");
    assert_refused(fr_nadam(m, &(fr_nadam_options){ .momentum_decay = -1 }), "frond: nadam: ", "momentum_decay is -1");
    assert_refused(fr_radam(m, &(fr_radam_options){ .beta2 = 1 }), "frond: radam: ", "beta2 is 1", "[0, 1)");
    assert_refused(fr_rprop(m, &(fr_rprop_options){ .etaplus = 1 }), "frond: rprop: ", "etaplus 1", "1 < etaplus");
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
    assert_refused(fr_sgd(m, NULL), "sgd", "\"b\"", "(2, 3)", "expanded");
    fr_module_free(empty);
    fr_module_free(m);
}
END_TEST

/* --- With a closure ----------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    fr_lbfgs_options options;
} lbfgs_cases[] = {
    { "lbfgs", { .lr = 0.1 } },
    { "lbfgs_wolfe", { .strong_wolfe = true } },
    { "lbfgs_short", { .lr = 0.5, .max_iter = 3, .history_size = 2, .strong_wolfe = true } },
    { "lbfgs_few", { .max_iter = 10, .max_eval = 4, .tolerance_change = 1e-4, .strong_wolfe = true } },
    { "lbfgs_far", { .lr = 40, .max_iter = 4, .strong_wolfe = true } },
    { "lbfgs_waves", { .lr = 10, .max_iter = 5, .strong_wolfe = true } },
    { "lbfgs_maximize", { .lr = 0.05, .max_iter = 5, .maximize = true } },
    { "lbfgs_maximize_wolfe", { .maximize = true, .tolerance_grad = 1e-3, .strong_wolfe = true } },
};
enum { LBFGS_CASES = sizeof lbfgs_cases / sizeof lbfgs_cases[0], LBFGS_STEPS = 6 };

typedef struct {
    fr_module *m;
    fr_optim *o;
    fr_tensor *x, *a, *b, *y;
    double sign, waves;
    int calls, most; /* from call number `most` on it fails; 0: never */
} problem;

/* The loss of make_optim.py. */
static fr_tensor *problem_loss(void *user)
{
    problem *p = user;
    fr_tensor *left = fr_slice(p->x, 0, 0, -1, 1), *right = fr_slice(p->x, 0, 1, 4, 1);
    fr_tensor *valley = fr_add(fr_square(fr_sub(fr_ones_like(left), left)),
                               fr_mul_scalar(fr_square(fr_sub(right, fr_square(left))), 3));
    fr_tensor *curve = fr_sub(fr_mul(p->a, fr_tanh(fr_mul(p->b, p->y))), fr_mul_scalar(fr_sin(p->y), 2));
    fr_tensor *waves = fr_mul_scalar(fr_sum(fr_sin(fr_mul_scalar(p->x, 5))), p->waves);
    fr_tensor *sum = fr_add(fr_add(fr_sum(valley), fr_mean(fr_square(curve))), waves);
    fr_tensor *loss = fr_mul_scalar(sum, p->sign);

    if (++p->calls == p->most)
        return NULL;
    fr_optim_zero_grad(p->o);
    ck_assert(fr_backward(loss));
    return loss;
}

/* In the caller's scope. */
static problem make_problem(const fr_lbfgs_options *options, fr_dtype dtype)
{
    problem p = { .m = fr_module_new("Problem", 0, NULL), .sign = options->maximize ? -1 : 1 };

    p.x = fr_cast(fr_tensor_from(FR_SHAPE(4), (double[]){ -1, 0.7, 0.3, -0.4 }, FR_F64), dtype);
    p.a = fr_cast(fr_tensor_from(FR_SHAPE(1), (double[]){ 0.5 }, FR_F64), dtype);
    p.b = fr_cast(fr_tensor_from(FR_SHAPE(1), (double[]){ 0.2 }, FR_F64), dtype);
    p.y = fr_cast(find("lbfgs.points"), dtype);
    fr_module_param(p.m, "x", p.x);
    fr_module_param(p.m, "a", p.a);
    fr_module_param(p.m, "b", p.b);
    p.o = fr_lbfgs(p.m, options);
    ck_assert_ptr_nonnull(p.o);
    return p;
}

static void end_problem(const problem *p)
{
    fr_optim_free(p->o);
    fr_module_free(p->m);
}

/* Rounding grows on the way, so float32 is compared only as closely as PyTorch's float32 and float64 have agreed up to
   this step: later losses may come near each other again by chance. */
static void compare_lbfgs(const char *name, fr_dtype dtype, int step, double loss)
{
    fr_tensor *f32 = find("%s.f32.losses", name), *f64 = find("%s.f64.losses", name);
    double expected = fr_at(dtype == FR_F32 ? f32 : f64, step), tolerance = 1e-8;

    for (int i = 0; i <= step && dtype == FR_F32; i++)
        tolerance = fmax(tolerance, 1e-6 + 10 * fabs(fr_at(f32, i) / fr_at(f64, i) - 1));
    ck_assert_msg(fabs(loss / expected - 1) <= tolerance, "%s: loss %d is %.17g, expected %.17g", name, step, loss,
                  expected);
}

START_TEST(lbfgs_goes_as_pytorchs)
{
    const char *name = lbfgs_cases[_i].name;

    for (int i = 0; i < 2; i++) {
        FR_SCOPE;
        fr_dtype dtype = i ? FR_F64 : FR_F32;
        problem p = make_problem(&lbfgs_cases[_i].options, dtype);

        p.waves = strcmp(name, "lbfgs_waves") == 0 ? 3 : 0;
        for (int step = 0; step < LBFGS_STEPS; step++)
            compare_lbfgs(name, dtype, step, fr_optim_step_closure(p.o, problem_loss, &p));
        ck_assert_int_eq(p.calls, (int)fr_item(find("%s.%s.evals", name, i ? "f64" : "f32")));
        if (i)
            assert_close(name, p.x, find("%s.f64.x", name), 1e-7, 1e-9);
        end_problem(&p);
    }
}
END_TEST

START_TEST(a_closure_serves_every_optimiser)
{
    FR_SCOPE;
    problem p = make_problem(&(fr_lbfgs_options){ 0 }, FR_F64), q = make_problem(&(fr_lbfgs_options){ 0 }, FR_F64);

    fr_optim_free(p.o);
    fr_optim_free(q.o);
    p.o = fr_adam(p.m, NULL);
    q.o = fr_adam(q.m, NULL);

    double loss = fr_optim_step_closure(p.o, problem_loss, &p);

    ck_assert_double_eq(loss, fr_item(problem_loss(&q)));
    ck_assert(fr_optim_step(q.o));
    ck_assert(fr_equal(p.x, q.x));
    ck_assert_int_eq(p.calls, 1);
    end_problem(&p);
    end_problem(&q);
}
END_TEST

static fr_tensor *no_loss(void *user)
{
    return user;
}

START_TEST(lbfgs_fails_as_a_whole)
{
    FR_SCOPE;
    problem p = make_problem(&(fr_lbfgs_options){ .strong_wolfe = true, .max_iter = 3 }, FR_F64);
    fr_tensor *x;

    assert_refused(fr_optim_step(p.o), "optim_step", "lbfgs", "fr_optim_step_closure");
    assert_refused(!isnan(fr_optim_step_closure(p.o, NULL, NULL)), "optim_step_closure", "closure is NULL");
    assert_refused(!isnan(fr_optim_step_closure(NULL, problem_loss, &p)), "optim_step_closure", "optimiser is NULL");
    assert_refused(!isnan(fr_optim_step_closure(p.o, no_loss, NULL)), "closure's result is NULL");
    assert_refused(!isnan(fr_optim_step_closure(p.o, no_loss, fr_ones(FR_SHAPE(2)))), "2 values, expected 1");
    assert_refused(fr_optim_split(p.o, &p.a, 1) >= 0, "optim_split", "lbfgs has one group");
    assert_refused(fr_optim_set(p.o, 0, "max_iter", 0), "max_iter is 0", "whole number");
    assert_refused(fr_optim_set(p.o, 0, "history_size", 1.5), "history_size is 1.5");
    assert_refused(fr_lbfgs(p.m, &(fr_lbfgs_options){ .max_eval = -1 }), "lbfgs", "max_eval is -1");
    ck_assert(fr_optim_set(p.o, 0, "max_eval", 0));

    x = fr_clone(p.x);
    p.most = 2; /* in the first line search */
    assert_refused(!isnan(fr_optim_step_closure(p.o, problem_loss, &p)), "closure's result is NULL");
    ck_assert(fr_equal(p.x, fr_detach(x)));
    p.most = 0;
    ck_assert(isfinite(fr_optim_step_closure(p.o, problem_loss, &p)));
    end_problem(&p);
}
END_TEST

START_TEST(lbfgs_leaves_frozen_parameters)
{
    FR_SCOPE;
    problem p = make_problem(&(fr_lbfgs_options){ .strong_wolfe = true, .max_iter = 3 }, FR_F64);

    ck_assert(isfinite(fr_optim_step_closure(p.o, problem_loss, &p)));

    fr_tensor *x = fr_clone(fr_detach(p.x));
    fr_module *holder = fr_module_new("Holder", 0, NULL);
    double a = fr_item(p.a);

    fr_module_param(holder, "x", p.x);
    ck_assert(fr_module_freeze(holder, true));
    ck_assert(isfinite(fr_optim_step_closure(p.o, problem_loss, &p)));
    ck_assert(fr_equal(p.x, x));
    ck_assert(fr_item(p.a) != a);
    fr_module_free(holder);
    end_problem(&p);
}
END_TEST

/* --- Groups ------------------------------------------------------------------------------------------------------ */

/* Makes a module with the parameters a (3) and b (2), which are all 1. */
static fr_module *make_pair(void)
{
    return pair(fr_ones(FR_SHAPE(3)), fr_ones(FR_SHAPE(2)));
}

START_TEST(groups_have_options_of_their_own)
{
    FR_SCOPE;
    fr_module *m = make_pair(), *head = make_pair();
    fr_tensor *single = fr_requires_grad(fr_ones(FR_SHAPE(1))), *b = fr_module_find(m, "b");
    fr_optim *o = fr_sgd(m, &(fr_sgd_options){ .lr = 1 });

    ck_assert_int_eq(fr_optim_groups(o), 1);
    ck_assert_int_eq(fr_optim_add_group(o, head), 1);
    ck_assert_int_eq(fr_optim_add_parameters(o, &single, 1), 2);
    ck_assert_int_eq(fr_optim_split(o, &b, 1), 3);
    ck_assert_int_eq(fr_optim_groups(o), 4);
    ck_assert(fr_optim_set_group_lr(o, 1, 0.5) && fr_optim_set(o, 2, "lr", 0.25) && fr_optim_set(o, 3, "maximize", 1));
    ck_assert_double_eq(fr_optim_lr(o), 1);
    ck_assert_double_eq(fr_optim_group_lr(o, 1), 0.5);
    ck_assert_double_eq(fr_optim_get(o, 3, "maximize"), 1);
    fr_backward(fr_add(fr_add(fr_sum(fr_module_find(m, "a")), fr_sum(b)),
                       fr_add(fr_sum(single), fr_sum(fr_module_find(head, "a")))));
    ck_assert(fr_optim_step(o));
    ck_assert_double_eq(fr_at(fr_module_find(m, "a"), 0), 0);
    ck_assert_double_eq(fr_at(b, 0), 2);
    ck_assert_double_eq(fr_at(single, 0), 0.75);
    ck_assert_double_eq(fr_at(fr_module_find(head, "a"), 0), 0.5);
    ck_assert_double_eq(fr_at(fr_module_find(head, "b"), 0), 1);
    ck_assert(fr_optim_set_lr(o, 3));
    for (int group = 0; group < 4; group++)
        ck_assert_double_eq(fr_optim_group_lr(o, group), 3);
    fr_module_free(head);
    fr_optim_free(o);
    fr_module_free(m);
}
END_TEST

START_TEST(a_parameter_is_in_one_group)
{
    FR_SCOPE;
    fr_module *m = make_pair(), *other = make_pair(), *empty = fr_module_new("Empty", 0, same);
    fr_tensor *a = fr_module_find(m, "a"), *x = fr_ones(FR_SHAPE(1)), *twice[] = { x, x }, *with_null[] = { x, NULL };
    fr_optim *o = fr_adam(m, NULL);
    fr_tensor *whole = fr_cast(x, FR_I64), *result = fr_mul(a, a), *wide = fr_expand(x, FR_SHAPE(4));

    fr_module_param(other, "tied", a);
    assert_refused(fr_optim_add_group(o, other) >= 0, "optim_add_group", "\"tied\"", "group 0", "\"a\"",
                   "check_optim.c");
    assert_refused(fr_optim_add_parameters(o, (fr_tensor *[]){ x, a }, 2) >= 0, "optim_add_parameters",
                   "\"parameters[1]\"", "group 0", "\"a\"", "check_optim.c");
    assert_refused(fr_optim_add_parameters(o, twice, 2) >= 0, "\"parameters[1]\"", "group 1", "\"parameters[0]\"");
    assert_refused(fr_optim_add_parameters(o, with_null, 2) >= 0, "parameters[1] is NULL");
    assert_refused(fr_optim_add_parameters(o, &whole, 1) >= 0, "parameters[0]", "int64");
    assert_refused(fr_optim_add_parameters(o, &result, 1) >= 0, "parameters[0]", "mul");
    assert_refused(fr_optim_add_parameters(o, &wide, 1) >= 0, "parameters[0]", "expanded");
    assert_refused(fr_optim_add_parameters(o, &x, 0) >= 0, "0 parameters");
    assert_refused(fr_optim_add_parameters(o, NULL, 1) >= 0, "parameters is NULL");
    assert_refused(fr_optim_add_group(o, empty) >= 0, "no parameters");
    assert_refused(fr_optim_add_group(o, NULL) >= 0, "module is NULL");
    assert_refused(fr_optim_add_group(NULL, m) >= 0, "optimiser is NULL");
    assert_refused(fr_optim_split(o, twice, 2) >= 0, "optim_split", "parameters[0] is not in the optimiser",
                   "check_optim.c");
    assert_refused(fr_optim_split(o, (fr_tensor *[]){ a, a }, 2) >= 0, "\"a\" is given twice");
    assert_refused(fr_optim_split(o, with_null + 1, 1) >= 0, "parameters[0] is NULL");
    ck_assert_int_eq(fr_optim_groups(o), 1);
    ck_assert_int_eq(fr_optim_split(o, &a, 1), 1);
    assert_refused(fr_optim_split(o, (fr_tensor *[]){ a, fr_module_find(m, "b") }, 2) >= 0, "parameters[1] is \"b\"",
                   "group 0", "group 1");
    ck_assert_int_eq(fr_optim_groups(o), 2);
    ck_assert_int_eq(fr_optim_groups(NULL), -1);
    fr_optim_free(o);
    fr_module_free(empty);
    fr_module_free(other);
    fr_module_free(m);
}
END_TEST

START_TEST(options_are_checked_where_they_are_set)
{
    FR_SCOPE;
    fr_module *m = make_pair();
    fr_optim *o = fr_sgd(m, &(fr_sgd_options){ .momentum = 0.9, .nesterov = true });

    assert_refused(fr_optim_set(o, 0, "beta1", 0), "optim_set", "sgd", "\"beta1\"",
                   "lr, momentum, dampening, weight_decay, nesterov, maximize", "check_optim.c");
    assert_refused(fr_optim_set(o, 1, "lr", 0), "group 1, but the optimiser has 1");
    assert_refused(fr_optim_set(o, -1, "lr", 0), "group -1, but the optimiser has 1");
    assert_refused(fr_optim_set(o, 0, "lr", NAN), "lr is nan");
    assert_refused(fr_optim_set(o, 0, "maximize", 0.5), "maximize is 0.5", "0 or 1");
    assert_refused(fr_optim_set(o, 0, "momentum", 0), "nesterov with momentum 0");
    assert_refused(fr_optim_set(o, 0, NULL, 0), "option is NULL");
    assert_refused(fr_optim_set(NULL, 0, "lr", 0), "optimiser is NULL");
    assert_refused(fr_optim_set_group_lr(o, 0, -1), "optim_set_group_lr", "lr is -1", "check_optim.c");
    ck_assert_double_nan(fr_optim_get(o, 0, "nothing"));
    assert_failed("optim_get", "\"nothing\"", "check_optim.c");
    ck_assert_double_nan(fr_optim_group_lr(o, 2));
    assert_failed("optim_group_lr", "group 2, but the optimiser has 1", "check_optim.c");
    ck_assert_double_eq(fr_optim_get(o, 0, "momentum"), 0.9);
    ck_assert_double_eq(fr_optim_lr(o), 1e-3);
    fr_optim_free(o);
    fr_module_free(m);
}
END_TEST

/* As in PyTorch, the momentum buffer starts with the gradient when momentum is switched on, and stays while it is off.
 */
START_TEST(options_may_change_on_the_way)
{
    FR_SCOPE;
    fr_tensor *p = fr_zeros(FR_SHAPE(1));
    fr_module *m = pair(p, fr_ones(FR_SHAPE(2)));
    fr_optim *o = fr_sgd(m, &(fr_sgd_options){ .lr = 1, .dampening = 0.5 });
    double momenta[] = { 0, 0.5, 0.5, 0, 0.5 }, expected[] = { -1, -2, -3, -4, -5 };

    fr_backward(p);
    for (int i = 0; i < 5; i++) { /* the momentum buffer: none, 1, 0.5 + 0.5, unchanged, 0.5 + 0.5 */
        ck_assert(fr_optim_set(o, 0, "momentum", momenta[i]) && fr_optim_step(o));
        ck_assert_double_eq(fr_item(p), expected[i]);
    }
    fr_optim_free(o);
    fr_module_free(m);
}
END_TEST

/* --- Accumulation ------------------------------------------------------------------------------------------------ */

/* A loss that is a sum over 12 rows: all at once or in parts of 4. */
START_TEST(gradients_accumulate_to_those_of_a_large_batch)
{
    FR_SCOPE;
    fr_set_default_dtype(FR_F64);
    fr_manual_seed(3);

    fr_module *m = fr_nn_linear(5, 2, NULL);
    fr_optim *o = fr_adam(m, NULL);
    fr_tensor *x = fr_randn(FR_SHAPE(12, 5)), *y = fr_randn(FR_SHAPE(12, 2)), *weight = fr_module_find(m, "weight");

    fr_set_default_dtype(FR_F32);
    fr_backward(fr_mse(fr_forward(m, x), y, FR_MEAN));

    fr_tensor *whole = fr_clone(fr_grad(weight));

    fr_optim_zero_grad(o);
    for (int part = 0; part < 3; part++) {
        fr_tensor *out = fr_forward(m, fr_slice(x, 0, 4 * part, 4 * part + 4, 1));

        fr_backward(fr_div_scalar(fr_mse(out, fr_slice(y, 0, 4 * part, 4 * part + 4, 1), FR_MEAN), 3));
    }
    assert_close("accumulated", fr_grad(weight), whole, 1e-13, 1e-15);
    ck_assert(fr_optim_step(o));
    fr_optim_free(o);
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

START_TEST(clips_by_other_norms)
{
    static const char *const orders[] = { "1", "3", "0.5", "inf" };

    for (int i = 0; i < 8; i++) {
        FR_SCOPE;
        fr_dtype dtype = i % 2 ? FR_F64 : FR_F32;
        const char *type = i % 2 ? "f64" : "f32", *order = orders[i / 2];
        double tolerance = i % 2 ? 1e-12 : 2e-6, expected = fr_item(find("clip.p%s.%s.norm", order, type));
        fr_module *m = with_gradients(dtype, dtype);

        ck_assert_double_eq_tol(fr_clip_grad_norm_with(m, 0.9, strtod(order, NULL), true), expected,
                                tolerance * expected);
        assert_close(order, fr_grad(fr_module_find(m, "b")), find("clip.p%s.%s.b", order, type), tolerance, 0);
        fr_module_free(m);
    }
}
END_TEST

START_TEST(clips_values)
{
    for (int i = 0; i < 2; i++) {
        FR_SCOPE;
        fr_dtype dtype = i ? FR_F64 : FR_F32;
        fr_tensor *g = fr_cast(find("clip.special"), dtype), *a = fr_zeros_like(g);
        fr_module *m = pair(a, fr_ones(FR_SHAPE(2)));

        fr_backward_with(a, g, 0);
        ck_assert(fr_clip_grad_value(m, INFINITY));
        assert_close("not clipped", fr_grad(a), g, 0, 0);

        fr_tensor *stale = fr_sum(fr_mul(fr_grad(a), fr_requires_grad(fr_ones_like(g))));

        ck_assert(fr_clip_grad_value(m, 0.7));
        assert_close("clipped", fr_grad(a), find("clip.value.%s", i ? "f64" : "f32"), 0, 0);
        ck_assert(!fr_backward(stale));
        assert_failed("mul", "changed");
        ck_assert(!fr_clip_grad_value(m, -1));
        assert_failed("clip_grad_value", "max is -1", "check_optim.c");
        ck_assert(!fr_clip_grad_value(NULL, 1));
        assert_failed("clip_grad_value", "module is NULL");
        fr_module_free(m);
    }
}
END_TEST

START_TEST(clipping_refuses_odd_norms_where_asked_to)
{
    FR_SCOPE;
    fr_module *m = pair(fr_ones(FR_SHAPE(3)), fr_ones(FR_SHAPE(2)));
    fr_tensor *a = fr_module_find(m, "a");
    const double orders[] = { 0.5, 1, 2, INFINITY };

    for (int i = 0; i < 4; i++) {
        fr_zero_grad(a);
        fr_backward_with(a, fr_from_doubles(FR_SHAPE(3), (double[]){ 1, NAN, 2 }), 0);
        ck_assert_double_nan(fr_clip_grad_norm_with(m, 0.1, orders[i], true));
        assert_failed("clip_grad_norm_with", "norm", "nan", "check_optim.c");
        ck_assert_double_eq(fr_at(fr_grad(a), 2), 2);
        ck_assert_double_nan(fr_clip_grad_norm_with(m, 0.1, orders[i], false));
        ck_assert_double_nan(fr_at(fr_grad(a), 2));
    }
    ck_assert_double_nan(fr_clip_grad_norm_with(m, 1, 0, false));
    assert_failed("p is 0", "> 0");
    ck_assert_double_nan(fr_clip_grad_norm_with(m, 1, NAN, false));
    assert_failed("p is nan");
    fr_module_free(m);
}
END_TEST

START_TEST(clipping_passes_odd_norms)
{
    FR_SCOPE;
    fr_module *m = pair(fr_ones(FR_SHAPE(3)), fr_ones(FR_SHAPE(2)));
    fr_tensor *a = fr_module_find(m, "a"), *b = fr_module_find(m, "b");

    ck_assert_double_eq(fr_clip_grad_norm(m, 1), 0); /* there is no gradient yet */
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
    TCase *optim = tcase_create("optim"), *groups = tcase_create("groups"), *clip = tcase_create("clip");

    tcase_add_unchecked_fixture(optim, load_golden, free_golden);
    tcase_add_loop_test(optim, trains_as_pytorch, 0, CASES);
    tcase_add_loop_test(optim, parameters_may_have_gaps, 0, CASES);
    tcase_add_test(optim, defaults_are_pytorchs);
    tcase_add_test(optim, large_parameters_are_met_whole);
    tcase_add_test(optim, a_step_is_a_write_in_place);
    tcase_add_test(optim, lives_longer_than_its_module);
    tcase_add_test(optim, bad_options_are_refused);
    tcase_add_test(optim, parameters_must_be_there_and_their_own);
    tcase_add_loop_test(optim, any_number_of_threads_gives_the_same_bits, 0, CASES);
    tcase_add_loop_test(optim, lbfgs_goes_as_pytorchs, 0, LBFGS_CASES);
    tcase_add_test(optim, a_closure_serves_every_optimiser);
    tcase_add_test(optim, lbfgs_fails_as_a_whole);
    tcase_add_test(optim, lbfgs_leaves_frozen_parameters);
    tcase_add_test(groups, groups_have_options_of_their_own);
    tcase_add_test(groups, a_parameter_is_in_one_group);
    tcase_add_test(groups, options_are_checked_where_they_are_set);
    tcase_add_test(groups, options_may_change_on_the_way);
    tcase_add_test(groups, gradients_accumulate_to_those_of_a_large_batch);
    tcase_add_unchecked_fixture(clip, load_golden, free_golden);
    tcase_add_test(clip, clips_as_pytorch);
    tcase_add_test(clip, clips_by_other_norms);
    tcase_add_test(clip, clips_values);
    tcase_add_test(clip, clipping_refuses_odd_norms_where_asked_to);
    tcase_add_test(clip, clipping_passes_odd_norms);
    tcase_add_test(clip, clipping_is_a_write_in_place);
    return run_tests("optim", optim, groups, clip);
}
