/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Schedulers: compared with PyTorch (golden/make_schedulers.py) over 300 steps, and checks of what their comments
 * promise. */
#include "testing.h"

enum { STEPS = 300 };

static fr_tensors *golden;

static void load_golden(void)
{
    golden = fr_load(test_file("golden/schedulers.safetensors"));
    ck_assert_msg(golden != NULL, "%s", fr_error_message());
}

static void free_golden(void)
{
    fr_tensors_free(golden);
}

static fr_module *layer(void)
{
    fr_module *m = fr_module_new("Layer", 0, NULL);

    fr_module_param(m, "a", fr_ones(FR_SHAPE(3)));
    fr_module_param(m, "b", fr_ones(FR_SHAPE(2)));
    return m;
}

/* Makes two groups with the rates of make_schedulers.py. */
static void use_rates(fr_optim *o, fr_module *m)
{
    ck_assert_int_eq(fr_optim_split(o, (fr_tensor *[]){ fr_module_find(m, "b") }, 1), 1);
    ck_assert(fr_optim_set_group_lr(o, 0, 0.1) && fr_optim_set_group_lr(o, 1, 0.03));
}

/* --- The cases of make_schedulers.py ----------------------------------------------------------------------------- */

enum { MOST = 3 };

static double inverse(int64_t epoch, int group, void *user)
{
    (void)user;
    return 1 / (1 + (group + 1) * 0.1 * (double)epoch);
}

static double decaying(int64_t epoch, int group, void *user)
{
    (void)group;
    return exp(-*(double *)user * (double)epoch);
}

static void step(fr_optim *o, fr_scheduler **s)
{
    s[0] = fr_step_lr(o, 30, 0.5);
}

static void step_every(fr_optim *o, fr_scheduler **s)
{
    s[0] = fr_step_lr(o, 1, 0.97);
}

static void multi_step(fr_optim *o, fr_scheduler **s)
{
    s[0] = fr_multi_step_lr(o, (int64_t[]){ 3, 3, 50, 120 }, 4, 0.3);
}

static void multi_step_zero(fr_optim *o, fr_scheduler **s)
{
    s[0] = fr_multi_step_lr(o, (int64_t[]){ 0, 14 }, 2, 0.1);
}

static void exponential(fr_optim *o, fr_scheduler **s)
{
    s[0] = fr_exponential_lr(o, 0.98);
}

static void cosine(fr_optim *o, fr_scheduler **s)
{
    s[0] = fr_cosine_annealing_lr(o, 50, 0.001);
}

static void cosine_whole(fr_optim *o, fr_scheduler **s)
{
    s[0] = fr_cosine_annealing_lr(o, 300, 0);
}

static void cosine_one(fr_optim *o, fr_scheduler **s)
{
    s[0] = fr_cosine_annealing_lr(o, 1, 0);
}

static void linear(fr_optim *o, fr_scheduler **s)
{
    s[0] = fr_linear_lr(o, 1.0 / 3, 1, 5);
}

static void linear_down(fr_optim *o, fr_scheduler **s)
{
    s[0] = fr_linear_lr(o, 0.9, 0, 40);
}

static void constant(fr_optim *o, fr_scheduler **s)
{
    s[0] = fr_constant_lr(o, 0.25, 20);
}

static void lambda(fr_optim *o, fr_scheduler **s)
{
    s[0] = fr_lambda_lr(o, inverse, NULL);
}

static void polynomial(fr_optim *o, fr_scheduler **s)
{
    s[0] = fr_polynomial_lr(o, 250, 2.5);
}

static void polynomial_short(fr_optim *o, fr_scheduler **s)
{
    s[0] = fr_polynomial_lr(o, 5, 1);
}

static void restarts(fr_optim *o, fr_scheduler **s)
{
    s[0] = fr_cosine_annealing_warm_restarts(o, 17, 1, 0);
}

static void restarts_longer(fr_optim *o, fr_scheduler **s)
{
    s[0] = fr_cosine_annealing_warm_restarts(o, 10, 3, 0.001);
}

static void sequential_restarts(fr_optim *o, fr_scheduler **s)
{
    fr_scheduler *parts[] = { fr_linear_lr(o, 0.05, 1, 10), fr_cosine_annealing_warm_restarts(o, 10, 2, 0) };

    s[0] = fr_sequential_lr(o, parts, 2, (int64_t[]){ 10 });
}

static void cycle(fr_optim *o, fr_scheduler **s)
{
    s[0] = fr_cyclic_lr(o, 0.01, 0.2, &(fr_cyclic_options){ .step_size_up = 20 });
}

static void cycle_halved(fr_optim *o, fr_scheduler **s)
{
    fr_cyclic_options options = {
        .step_size_up = 7, .step_size_down = 13, .triangular2 = true, .base_momentum = 0.5, .max_momentum = 0.7
    };

    s[0] = fr_cyclic_lr(o, 0.3, 0.1, &options);
}

static void cycle_adam(fr_optim *o, fr_scheduler **s)
{
    s[0] = fr_cyclic_lr(o, 0, 0.1, &(fr_cyclic_options){ .step_size_up = 50, .gamma = 0.99 });
}

static void one_cycle(fr_optim *o, fr_scheduler **s)
{
    s[0] = fr_one_cycle_lr(o, 0.2, STEPS, NULL);
}

static void one_cycle_short(fr_optim *o, fr_scheduler **s)
{
    s[0] = fr_one_cycle_lr(o, 0.2, STEPS, &(fr_one_cycle_options){ .pct_start = FR_ZERO, .keep_momentum = true });
}

static void one_cycle_linear(fr_optim *o, fr_scheduler **s)
{
    const double rates[] = { 0.2, 0.5 }, momenta[] = { 0.7, 0.8 };
    fr_one_cycle_options options = { .pct_start = 0.4,
                                     .linear = true,
                                     .three_phase = true,
                                     .max_momentum = 0.9,
                                     .div_factor = 10,
                                     .final_div_factor = 100,
                                     .max_lrs = rates,
                                     .base_momentums = momenta };

    s[0] = fr_one_cycle_lr(o, 0, STEPS + 1, &options);
}

static void one_cycle_adam(fr_optim *o, fr_scheduler **s)
{
    s[0] = fr_one_cycle_lr(o, 0.2, STEPS, &(fr_one_cycle_options){ .pct_start = 0.2, .three_phase = true });
}

static void chained(fr_optim *o, fr_scheduler **s)
{
    s[0] = fr_linear_lr(o, 0.1, 1, 25);
    s[1] = fr_exponential_lr(o, 0.99);
    s[2] = fr_step_lr(o, 100, 0.5);
}

static void chained_cosine(fr_optim *o, fr_scheduler **s)
{
    s[0] = fr_constant_lr(o, 0.5, 30);
    s[1] = fr_cosine_annealing_lr(o, 40, 0);
}

static void sequential(fr_optim *o, fr_scheduler **s)
{
    fr_scheduler *parts[] = { fr_linear_lr(o, 0.05, 1, 10), fr_cosine_annealing_lr(o, 100, 0), fr_step_lr(o, 9, 0.7) };

    s[0] = fr_sequential_lr(o, parts, 3, (int64_t[]){ 10, 110 });
}

static void sequential_cycle(fr_optim *o, fr_scheduler **s)
{
    fr_scheduler *parts[] = { fr_constant_lr(o, 0.5, 10), fr_one_cycle_lr(o, 0.3, 295, NULL) };

    s[0] = fr_sequential_lr(o, parts, 2, (int64_t[]){ 7 });
}

static void sequential_lambda(fr_optim *o, fr_scheduler **s)
{
    static double slope = 0.01;
    fr_scheduler *parts[] = { fr_exponential_lr(o, 0.9), fr_lambda_lr(o, decaying, &slope) };

    s[0] = fr_sequential_lr(o, parts, 2, (int64_t[]){ 20 });
}

static void plateau(fr_optim *o, fr_scheduler **s)
{
    s[0] = fr_reduce_lr_on_plateau(o, NULL);
}

static void plateau_max(fr_optim *o, fr_scheduler **s)
{
    const double least[] = { 0.01, 0.001 };
    fr_plateau_options options = { .max = true,
                                   .factor = 0.5,
                                   .patience = 3,
                                   .threshold = 0.05,
                                   .absolute = true,
                                   .cooldown = 4,
                                   .min_lrs = least,
                                   .eps = 1e-3 };

    s[0] = fr_reduce_lr_on_plateau(o, &options);
}

static void plateau_impatient(fr_optim *o, fr_scheduler **s)
{
    fr_plateau_options options = { .max = true, .factor = 0.9, .no_patience = true, .threshold = 0.3, .min_lr = 0.002 };

    s[0] = fr_reduce_lr_on_plateau(o, &options);
}

static void plateau_abs(fr_optim *o, fr_scheduler **s)
{
    s[0] = fr_reduce_lr_on_plateau(
        o, &(fr_plateau_options){ .factor = 0.7, .patience = 5, .threshold = 0.2, .absolute = true });
}

#define CASE(name)                                                                                                     \
    {                                                                                                                  \
#name, name                                                                                                    \
    }
static const struct {
    const char *name;
    void (*make)(fr_optim *o, fr_scheduler **s); /* makes at most MOST schedulers; each is stepped */
} cases[] = {
    CASE(step),
    CASE(step_every),
    CASE(multi_step),
    CASE(multi_step_zero),
    CASE(exponential),
    CASE(cosine),
    CASE(cosine_whole),
    CASE(cosine_one),
    CASE(linear),
    CASE(linear_down),
    CASE(constant),
    CASE(lambda),
    CASE(polynomial),
    CASE(polynomial_short),
    CASE(restarts),
    CASE(restarts_longer),
    CASE(sequential_restarts),
    CASE(cycle),
    CASE(cycle_halved),
    CASE(cycle_adam),
    CASE(one_cycle),
    CASE(one_cycle_short),
    CASE(one_cycle_linear),
    CASE(one_cycle_adam),
    CASE(chained),
    CASE(chained_cosine),
    CASE(sequential),
    CASE(sequential_cycle),
    CASE(sequential_lambda),
    CASE(plateau),
    CASE(plateau_max),
    CASE(plateau_impatient),
    CASE(plateau_abs),
};
enum { CASES = sizeof cases / sizeof *cases };

/* --- Against PyTorch --------------------------------------------------------------------------------------------- */

static fr_tensor *find(const char *name, const char *what)
{
    char text[64];

    snprintf(text, sizeof text, "%s.%s", name, what);
    return fr_tensors_find(golden, text);
}

/* Compares the rates with row `row` of the golden case. Rates that are 0 up to rounding are compared absolutely. */
static void compare(const char *name, const fr_optim *o, int64_t row, int64_t epoch)
{
    fr_tensor *rates = find(name, "lr"), *momenta = find(name, "momentum");
    const char *momentum = strstr(name, "adam") ? "beta1" : "momentum";

    for (int g = 0; g < 2; g++) {
        double expected = fr_at(rates, 2 * row + g), got = fr_optim_group_lr(o, g);

        ck_assert_msg(fabs(got - expected) <= 1e-12 * fabs(expected) + 1e-17,
                      "%s, group %d, epoch %lld: %.17g, not %.17g", name, g, (long long)epoch, got, expected);
        if (momenta)
            ck_assert_double_eq_tol(fr_optim_get(o, g, momentum), fr_at(momenta, 2 * row + g), 1e-12);
    }
}

START_TEST(same_rates_as_pytorch)
{
    FR_SCOPE;
    const char *name = cases[_i].name;
    fr_module *m = layer();
    fr_optim *o = strstr(name, "adam") ? fr_adam(m, NULL) : fr_sgd(m, &(fr_sgd_options){ .momentum = 0.9 });
    fr_scheduler *s[MOST] = { NULL };
    fr_tensor *metrics = fr_tensors_find(golden, "metrics"), *shown = fr_tensors_find(golden, "shown");
    int64_t row = 0;

    use_rates(o, m);
    cases[_i].make(o, s);
    ck_assert_msg(s[0] != NULL, "%s", fr_error_message());
    for (int64_t epoch = 0; epoch <= STEPS; epoch++) {
        for (int i = 0; i < MOST && s[i] && epoch > 0; i++)
            ck_assert(strncmp(name, "plateau", 7) == 0 ? fr_scheduler_step_metric(s[i], fr_at(metrics, epoch - 1))
                                                       : fr_scheduler_step(s[i]));
        if ((double)epoch == fr_at(shown, row))
            compare(name, o, row++, epoch);
    }
    ck_assert_int_eq(row, fr_numel(shown));
    for (int i = MOST; i-- > 0;)
        fr_scheduler_free(s[i]);
    fr_optim_free(o);
    fr_module_free(m);
}
END_TEST

/* --- What they promise ------------------------------------------------------------------------------------------- */

START_TEST(may_be_freed_in_any_order)
{
    FR_SCOPE;
    fr_module *m = layer();
    fr_optim *o = fr_sgd(m, NULL);
    fr_scheduler *a = fr_exponential_lr(o, 0.5), *b = fr_step_lr(o, 2, 0.5), *s[MOST];

    fr_scheduler_free(a);
    ck_assert(fr_scheduler_step(b));
    sequential(o, s);
    fr_optim_free(o);
    ck_assert(!fr_scheduler_step(b));
    assert_failed("scheduler_step", "step_lr", "freed", "check_schedulers.c");
    ck_assert_double_nan(fr_scheduler_lr(b, 0));
    assert_failed("scheduler_lr", "freed");
    fr_scheduler_free(b);
    fr_scheduler_free(s[0]);
    fr_scheduler_free(NULL);
    fr_module_free(m);
}
END_TEST

/* The second scheduler starts from the rate before the first one, as PyTorch's initial_lr. */
START_TEST(says_what_it_set_last)
{
    FR_SCOPE;
    fr_module *m = layer();
    fr_optim *o = fr_sgd(m, &(fr_sgd_options){ .lr = 1 });
    fr_scheduler *a = fr_constant_lr(o, 0.5, 2), *b = fr_exponential_lr(o, 0.5);

    ck_assert_double_eq(fr_scheduler_lr(a, 0), 0.5);
    ck_assert(fr_scheduler_step(a) && fr_scheduler_step(b));
    ck_assert_double_eq(fr_scheduler_lr(a, 0), 0.5);
    ck_assert_double_eq(fr_scheduler_lr(b, 0), 0.25);
    ck_assert_double_eq(fr_optim_lr(o), 0.25);
    ck_assert_double_nan(fr_scheduler_lr(a, 1));
    assert_failed("scheduler_lr", "group 1, but the optimiser has 1", "check_schedulers.c");
    ck_assert_double_nan(fr_scheduler_lr(NULL, 0));
    assert_failed("scheduler_lr", "NULL");
    fr_scheduler_free(a);
    fr_scheduler_free(b);
    fr_optim_free(o);
    fr_module_free(m);
}
END_TEST

START_TEST(groups_may_come_later)
{
    FR_SCOPE;
    fr_module *m = layer();
    fr_tensor *x = fr_ones(FR_SHAPE(1)), *b = fr_module_find(m, "b");
    fr_optim *o = fr_sgd(m, &(fr_sgd_options){ .lr = 1 });
    fr_scheduler *s = fr_lambda_lr(o, inverse, NULL);

    ck_assert(fr_scheduler_step(s));
    ck_assert_int_eq(fr_optim_add_parameters(o, &x, 1), 1);
    ck_assert(fr_optim_set_group_lr(o, 1, 14) && fr_scheduler_step(s));
    ck_assert_double_eq(fr_optim_group_lr(o, 0), 1 / 1.2);
    ck_assert_double_eq(fr_optim_group_lr(o, 1), 10);
    ck_assert_int_eq(fr_optim_split(o, &b, 1), 2); /* the new group keeps the base of group 0 */
    ck_assert_double_eq(fr_scheduler_lr(s, 2), 1 / 1.2);
    ck_assert(fr_scheduler_step(s));
    ck_assert_double_eq_tol(fr_optim_group_lr(o, 2), 1 / 1.9, 1e-15);
    fr_scheduler_free(s);
    fr_optim_free(o);
    fr_module_free(m);
}
END_TEST

START_TEST(settings_for_each_group_want_as_many)
{
    FR_SCOPE;
    fr_module *m = layer();
    fr_tensor *x = fr_ones(FR_SHAPE(1)), *y = fr_ones(FR_SHAPE(1));
    fr_optim *o = fr_sgd(m, NULL);
    double one = 0.1;
    fr_scheduler *cycle = fr_one_cycle_lr(o, 0, 9, &(fr_one_cycle_options){ .max_lrs = &one });
    fr_scheduler *plateau_each = fr_reduce_lr_on_plateau(o, &(fr_plateau_options){ .min_lrs = &one });
    fr_scheduler *parts = fr_sequential_lr(o, &cycle, 1, NULL);

    ck_assert_int_eq(fr_optim_add_parameters(o, &x, 1), 1);
    ck_assert(!fr_scheduler_step(parts));
    assert_failed("one_cycle_lr was made for 1 groups, the optimiser has 2");
    ck_assert(!fr_scheduler_step_metric(plateau_each, 1));
    assert_failed("reduce_lr_on_plateau was made for 1 groups");
    fr_scheduler_free(plateau_each);
    fr_scheduler_free(parts);
    ck_assert_int_eq(fr_optim_add_parameters(o, &y, 1), 2);
    fr_optim_free(o);
    fr_module_free(m);
}
END_TEST

static double becomes_bad(int64_t epoch, int group, void *user)
{
    return epoch >= 2 && group == 1 ? *(double *)user : 1 + (double)epoch;
}

START_TEST(a_failed_step_changes_nothing)
{
    static double bad[] = { NAN, -1, INFINITY };
    FR_SCOPE;
    fr_module *m = layer();

    for (int i = 0; i < 3; i++) {
        fr_optim *o = fr_sgd(m, NULL);

        use_rates(o, m);

        fr_scheduler *s = fr_lambda_lr(o, becomes_bad, &bad[i]);

        ck_assert(fr_scheduler_step(s));
        for (int again = 0; again < 2; again++) {
            ck_assert(!fr_scheduler_step(s));
            assert_failed("scheduler_step", "group 1 at epoch 2 of the lambda_lr", "check_schedulers.c");
            ck_assert_double_eq(fr_optim_group_lr(o, 0), 0.2);
            ck_assert_double_eq(fr_optim_group_lr(o, 1), 0.06);
        }
        fr_scheduler_free(s);
        fr_optim_free(o);
    }
    fr_module_free(m);
}
END_TEST

START_TEST(a_cycle_ends)
{
    FR_SCOPE;
    fr_module *m = layer();
    fr_optim *o = fr_sgd(m, &(fr_sgd_options){ .momentum = 0.5 });
    fr_scheduler *s = fr_one_cycle_lr(
        o, 1, 3, &(fr_one_cycle_options){ .linear = true, .max_momentum = 0.99, .base_momentum = FR_ZERO });

    for (int i = 0; i < 3; i++)
        ck_assert(fr_scheduler_step(s));
    ck_assert_double_eq(fr_optim_lr(o), 0);                    /* PyTorch's is below 0 here */
    ck_assert_double_eq(fr_optim_get(o, 0, "momentum"), 0.99); /* PyTorch's goes above 1 here */
    ck_assert(!fr_scheduler_step(s));
    assert_failed("scheduler_step", "step 4, but the one_cycle_lr has 3");
    ck_assert_double_eq(fr_optim_lr(o), 0);
    fr_scheduler_free(s);
    s = fr_one_cycle_lr(
        o, 1, 2,
        &(fr_one_cycle_options){ .pct_start = 0.5, .linear = true, .max_momentum = 0.5, .base_momentum = FR_ZERO });
    ck_assert(fr_scheduler_step(s) && fr_scheduler_step(s));
    ck_assert_double_eq(fr_optim_get(o, 0, "momentum"), 0.5); /* and 1 here, which no momentum may be */
    fr_scheduler_free(s);
    s = fr_one_cycle_lr(o, 1, 1, NULL); /* the only step is the last one */
    ck_assert_double_eq(fr_optim_lr(o), 1.0 / 25 / 1e4);
    fr_scheduler_free(s);
    fr_optim_free(o);
    fr_module_free(m);
}
END_TEST

START_TEST(bad_settings_are_refused)
{
    FR_SCOPE;
    fr_module *m = layer();
    fr_optim *o = fr_sgd(m, NULL), *adagrad = fr_adagrad(m, NULL);
    int here;
    double below = -0.5;

    assert_refused(fr_step_lr(o, 0, 0.1), "frond: step_lr: ", "step_size is 0", "check_schedulers.c");
    assert_refused(fr_step_lr(o, 1, -1), "gamma is -1");
    assert_refused(fr_step_lr(NULL, 1, 1), "step_lr", "optimiser is NULL");
    assert_refused(fr_multi_step_lr(o, (int64_t[]){ 5, 4 }, 2, 0.1), "multi_step_lr", "a milestone is 4, expected 5");
    assert_refused(fr_multi_step_lr(o, (int64_t[]){ -1 }, 1, 0.1), "a milestone is -1");
    assert_refused(fr_multi_step_lr(o, NULL, 1, 0.1), "milestones is NULL");
    assert_refused(fr_multi_step_lr(o, NULL, -1, 0.1), "n is -1");
    assert_refused(fr_multi_step_lr(o, NULL, 0, NAN), "gamma is nan");
    assert_refused(fr_exponential_lr(o, INFINITY), "exponential_lr", "gamma is inf");
    assert_refused(fr_cosine_annealing_lr(o, 0, 0), "cosine_annealing_lr", "t_max is 0");
    assert_refused(fr_cosine_annealing_lr(o, 1, -1), "eta_min is -1");
    assert_refused(fr_linear_lr(o, 0, 1, 5), "linear_lr", "start_factor is 0", "(0, 1]");
    assert_refused(fr_linear_lr(o, 1.5, 1, 5), "start_factor is 1.5");
    assert_refused(fr_linear_lr(o, 1, -0.5, 5), "end_factor is -0.5", "[0, 1]");
    assert_refused(fr_linear_lr(o, 1, 1, INT64_MAX), "total_iters is 9223372036854775807", "2^53");
    assert_refused(fr_constant_lr(o, 0, 5), "constant_lr", "factor is 0", "(0, 1]");
    assert_refused(fr_constant_lr(o, NAN, 5), "factor is nan");
    assert_refused(fr_constant_lr(o, 1, 0), "total_iters is 0");
    assert_refused(fr_lambda_lr(o, NULL, NULL), "lambda_lr", "factor is NULL");
    assert_refused(fr_one_cycle_lr(o, -1, 5, NULL), "one_cycle_lr", "max_lr is -1");
    assert_refused(fr_one_cycle_lr(o, 1, 0, NULL), "total_steps is 0");
    assert_refused(fr_one_cycle_lr(o, 1, 5, &(fr_one_cycle_options){ .pct_start = 1.5 }), "pct_start is 1.5");
    assert_refused(fr_one_cycle_lr(o, 1, 5, &(fr_one_cycle_options){ .max_momentum = 1 }), "max_momentum is 1");
    assert_refused(fr_one_cycle_lr(o, 1, 5, &(fr_one_cycle_options){ .base_momentums = &below }),
                   "base_momentum is -0.5");
    assert_refused(fr_one_cycle_lr(o, 1, 5, &(fr_one_cycle_options){ .div_factor = FR_ZERO }), "div_factor is 0");
    assert_refused(fr_one_cycle_lr(o, 1, 5, &(fr_one_cycle_options){ .div_factor = 5e-324 }), "one_cycle_lr", "inf");
    assert_refused(fr_one_cycle_lr(o, 1, 5, &(fr_one_cycle_options){ .reserved = { &here } }), "reserved[0]");
    assert_refused(fr_polynomial_lr(o, 0, 1), "polynomial_lr", "total_iters is 0");
    assert_refused(fr_polynomial_lr(o, 1, -1), "power is -1");
    assert_refused(fr_cosine_annealing_warm_restarts(o, 0, 1, 0), "cosine_annealing_warm_restarts", "t_0 is 0");
    assert_refused(fr_cosine_annealing_warm_restarts(o, 1, 0, 0), "t_mult is 0");
    assert_refused(fr_cyclic_lr(o, 0.1, -1, &(fr_cyclic_options){ .keep_momentum = true }), "cyclic_lr",
                   "max_lr is -1");
    assert_refused(fr_cyclic_lr(o, 0.1, 1, &(fr_cyclic_options){ .step_size_up = -1 }), "step_size_up is -1");
    assert_refused(fr_cyclic_lr(adagrad, 0.1, 1, NULL), "adagrad has neither momentum nor beta1", "keep_momentum");
    assert_refused(fr_one_cycle_lr(adagrad, 1, 5, NULL), "adagrad has neither momentum nor beta1", "keep_momentum");
    assert_refused(fr_reduce_lr_on_plateau(o, &(fr_plateau_options){ .factor = 1 }), "reduce_lr_on_plateau",
                   "factor is 1");
    assert_refused(fr_reduce_lr_on_plateau(o, &(fr_plateau_options){ .patience = -1 }), "patience is -1");
    assert_refused(fr_reduce_lr_on_plateau(o, &(fr_plateau_options){ .cooldown = -1 }), "cooldown is -1");
    assert_refused(fr_reduce_lr_on_plateau(o, &(fr_plateau_options){ .threshold = -1 }), "threshold is -1");
    assert_refused(fr_reduce_lr_on_plateau(o, &(fr_plateau_options){ .min_lrs = &below }), "min_lr is -0.5");
    assert_refused(fr_reduce_lr_on_plateau(o, &(fr_plateau_options){ .eps = INFINITY }), "eps is inf");
    assert_refused(fr_reduce_lr_on_plateau(o, &(fr_plateau_options){ .reserved = { &here } }), "reserved[0]");
    ck_assert_double_eq(fr_optim_lr(o), 1e-3);
    fr_optim_free(adagrad);
    fr_optim_free(o);
    fr_module_free(m);
}
END_TEST

START_TEST(steps_are_of_their_kind)
{
    FR_SCOPE;
    fr_module *m = layer();
    fr_optim *o = fr_sgd(m, NULL);
    fr_scheduler *s = fr_step_lr(o, 1, 0.5), *p = fr_reduce_lr_on_plateau(o, NULL);

    assert_refused(fr_scheduler_step(p), "scheduler_step", "reduce_lr_on_plateau wants a metric", "check_schedulers.c");
    assert_refused(fr_scheduler_step_metric(s, 1), "scheduler_step_metric", "step_lr wants no metric");
    assert_refused(fr_scheduler_step(NULL), "scheduler is NULL");
    assert_refused(fr_scheduler_step_metric(NULL, 1), "scheduler is NULL");
    ck_assert_double_eq(fr_optim_lr(o), 1e-3);
    fr_scheduler_free(s);
    fr_scheduler_free(p);
    fr_optim_free(o);
    fr_module_free(m);
}
END_TEST

/* If the call fails, schedulers that belong to no other are freed. */
START_TEST(sequences_are_checked)
{
    FR_SCOPE;
    fr_module *m = layer();
    fr_optim *o = fr_sgd(m, NULL), *other = fr_sgd(m, NULL);
    fr_scheduler *s = fr_step_lr(o, 1, 0.5), *two[] = { s, fr_step_lr(o, 1, 0.5) }, *whole;
    int64_t at[] = { 5, 5 };

    assert_refused(fr_sequential_lr(o, (fr_scheduler *[]){ s, s }, 2, at), "sequential_lr",
                   "parts 0 and 1 are the same", "check_schedulers.c");
    two[0] = fr_step_lr(o, 1, 0.5);
    whole = fr_sequential_lr(o, two, 2, at);
    ck_assert_ptr_nonnull(whole);
    fr_scheduler_free(two[0]);
    assert_failed("scheduler_free", "step_lr is part of a sequential_lr");
    assert_refused(fr_scheduler_step(two[1]), "scheduler_step", "step_lr is part of a sequential_lr");
    assert_refused(fr_sequential_lr(o, two, 2, at), "part 0, a step_lr, is part of another");
    assert_refused(
        fr_sequential_lr(o, (fr_scheduler *[]){ fr_step_lr(o, 1, 1), fr_reduce_lr_on_plateau(o, NULL) }, 2, at),
        "part 1 is a reduce_lr_on_plateau");
    assert_refused(fr_sequential_lr(o, (fr_scheduler *[]){ fr_step_lr(other, 1, 1) }, 1, NULL), "part 0",
                   "another optimiser");
    assert_refused(fr_sequential_lr(o, (fr_scheduler *[]){ fr_step_lr(o, 0, 1) }, 1, NULL), "step_size is 0");
    assert_refused(
        fr_sequential_lr(o, (fr_scheduler *[]){ fr_step_lr(o, 1, 1), fr_step_lr(o, 1, 1), fr_step_lr(o, 1, 1) }, 3, at),
        "a milestone is 5, expected 6");
    assert_refused(fr_sequential_lr(o, (fr_scheduler *[]){ fr_step_lr(o, 1, 1), fr_step_lr(o, 1, 1) }, 2, NULL),
                   "milestones is NULL");
    assert_refused(fr_sequential_lr(o, NULL, 1, at), "parts is NULL");
    assert_refused(fr_sequential_lr(o, two, 0, at), "n is 0");
    fr_scheduler_free(whole);
    fr_optim_free(other);
    fr_optim_free(o);
    fr_module_free(m);
}
END_TEST

int main(void)
{
    TCase *pytorch = tcase_create("pytorch"), *promises = tcase_create("promises");

    tcase_add_unchecked_fixture(pytorch, load_golden, free_golden);
    tcase_add_loop_test(pytorch, same_rates_as_pytorch, 0, CASES);
    tcase_add_test(promises, may_be_freed_in_any_order);
    tcase_add_test(promises, says_what_it_set_last);
    tcase_add_test(promises, groups_may_come_later);
    tcase_add_test(promises, settings_for_each_group_want_as_many);
    tcase_add_test(promises, a_failed_step_changes_nothing);
    tcase_add_test(promises, a_cycle_ends);
    tcase_add_test(promises, bad_settings_are_refused);
    tcase_add_test(promises, steps_are_of_their_kind);
    tcase_add_test(promises, sequences_are_checked);
    return run_tests("schedulers", pytorch, promises);
}
