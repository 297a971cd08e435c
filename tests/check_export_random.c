/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Dropout in a training step written as C: its masks are drawn on the device. */
#include "exported_training.h"

enum { N = 3000 };

/* y = dropout(w x); what is not dropped is a gradient of w too. */
static fr_tensor *drop(fr_module *self, fr_tensor *x)
{
    return fr_forward(fr_module_at(self, 0), fr_mul(fr_module_find(self, "w"), x));
}

static fr_module *dropping(fr_module *dropout, fr_shape shape)
{
    fr_module *m = fr_module_new("Dropping", 0, drop);

    fr_module_add(m, "dropout", dropout);
    fr_module_param(m, "w", fr_ones(shape));
    return m;
}

static fr_tensor *total(fr_tensor *y, fr_tensor *target, fr_reduction reduction)
{
    (void)target;
    (void)reduction;
    return fr_sum(y);
}

/* Of one step each with the seeds 0 to 39, and of a second step: w is 1 - the mask where x is 1. The loss is the sum of
 * the mask that the gradients have. The mean of the masks has a deviation of sqrt(p / (1 - p) / n). */
static const char main_c[] =
    "#include \"net.h\"\n#include <math.h>\n#include <string.h>\n"
    "static net_training s;\nenum { N = sizeof s.weights / sizeof(float), SEEDS = 40 };\nstatic float x[N], y[N], "
    "first[N], masks[SEEDS][N];\n\n"
    "static int step(float *mask)\n{\n    double sum = 0, loss;\n    int i;\n    float before[N];\n\n"
    "    memcpy(before, &s.weights, sizeof before);\n    loss = net_train(&s, x, x);\n"
    "    for (i = 0; i < N; i++) {\n        mask[i] = before[i] - ((float *)&s.weights)[i];\n"
    "        sum += mask[i] * before[i];\n"
    "        if (!(fabs(mask[i]) < 1e-6 || fabs(mask[i] - 1 / (1 - P)) < 1e-5))\n            return 0;\n    }\n"
    "    return fabs(loss - sum) < 1e-3 * N;\n}\n\n"
    "int main(void)\n{\n    double sum = 0, again = 0;\n    int i, k;\n\n"
    "    for (i = 0; i < N; i++)\n        x[i] = 1;\n"
    "    for (k = 0; k < SEEDS; k++) {\n        net_init(&s);\n        net_seed(&s, (uint64_t)k);\n"
    "        if (!step(masks[k]))\n            return 1;\n"
    "        for (i = 0; i < N; i++)\n            sum += masks[k][i];\n"
    "        if (k > 0 && memcmp(masks[k], masks[k - 1], sizeof *masks) == 0)\n            return 2;\n    }\n"
    "    if (!(fabs(sum / SEEDS / N - 1) < 4.5 * sqrt(P / (1 - P) / (VALUES * SEEDS))))\n        return 3;\n"
    "    for (i = 0; i < N; i++)\n        again += (masks[5][i] - 1) * (masks[6][i] - 1);\n"
    "    if (!(fabs(again / N) < 4.5 * P / (1 - P) / sqrt(VALUES)))\n        return 4;\n"
    "    net_init(&s);\n    if (!step(first) || memcmp(first, masks[0], sizeof first) != 0)\n        return 5;\n"
    "    if (!step(first) || memcmp(first, masks[0], sizeof first) == 0)\n        return 6;\n"
    "    net_init(&s);\n    net_predict(&s, x, y);\n"
    "    for (i = 0; i < N; i++)\n        if (y[i] != 1)\n            return 7;\n    return 0;\n}\n";

static const struct {
    fr_module *(*make)(double p);
    fr_shape x;
    double p;
    int values; /* that are drawn */
} dropouts[] = {
    { fr_nn_dropout, { 1, { N } }, 0.3, N },
    { fr_nn_dropout, { 2, { 60, 50 } }, 0.8, N },
    { fr_nn_dropout1d, { 3, { 30, 50, 2 } }, 0.5, N / 2 },
};

START_TEST(masks_are_drawn)
{
    FR_SCOPE;
    double p = dropouts[_i].p;
    fr_module *m = dropping(dropouts[_i].make(p), dropouts[_i].x);
    fr_optim *o = fr_sgd(m, &(fr_sgd_options){ .lr = 1 });
    fr_tensor *x = fr_ones(dropouts[_i].x), *before, *drawn;
    fr_export_c_training training = { .loss = total, .target = x, .optimiser = o };
    char path[PATH];
    FILE *f = fopen(in_folder("main.c", path), "w");

    ck_assert(f && fprintf(f, "#define P %g\n#define VALUES %d.0\n%s", p, dropouts[_i].values, main_c) > 0);
    ck_assert_int_eq(fclose(f), 0);
    fr_manual_seed(7);
    before = fr_rand(FR_SHAPE(3));
    fr_manual_seed(7);
    ck_assert_msg(
        fr_export_c_with(m, x, in_folder("net.c", path), &(fr_export_c_options){ .training = &training }, NULL), "%s",
        fr_error_message());
    drawn = fr_rand(FR_SHAPE(3));
    assert_near("generator", drawn, before);
    ck_assert(shell("%s " STRICT " -Wno-float-conversion -o '%2$s/net' '%2$s/main.c' '%2$s/net.c' -lm",
                    compiler("CC", "cc")));
    ck_assert(shell("%2$s/net", ""));
    fr_optim_free(o);
    fr_module_free(m);
}
END_TEST

static fr_tensor *add_noise(fr_module *self, fr_tensor *x)
{
    x = fr_module_training(self) ? fr_add(x, fr_randn(fr_shape_of(x))) : x;
    return fr_forward(fr_module_at(self, 0), x);
}

/* Noise would be the same in each step. */
START_TEST(other_random_numbers_are_refused)
{
    FR_SCOPE;
    job j = mlp_job();
    fr_module *noisy = fr_module_new("Noisy", 0, add_noise);

    if (_i) {
        fr_module_free(j.m);
        j.m = fr_nn_sequential(2, (fr_module *[]){ fr_nn_linear(6, 3, NULL), fr_nn_dropout(0.5) });
    }
    fr_module_add(noisy, "net", j.m);
    j.m = noisy;
    j.optimiser = fr_adam(j.m, NULL);
    ck_assert(!export_job(&j, NULL));
    assert_failed("export_c_with", "a step in training draws random numbers");
    free_job(&j);
}
END_TEST

/* Where the mask is no random number, and for inference. */
START_TEST(p_of_0_needs_no_generator)
{
    FR_SCOPE;
    job j = mlp_job();

    fr_module_free(j.m);
    j.m = fr_nn_sequential(3, (fr_module *[]){ fr_nn_linear(6, 5, NULL), fr_nn_dropout(0), fr_nn_linear(5, 3, NULL) });
    j.optimiser = fr_adam(j.m, NULL);
    check_trains(&j);
    free_job(&j);
}
END_TEST

int main(void)
{
    TCase *exported = tcase_create("exported");

    tcase_set_timeout(exported, 60);
    tcase_add_checked_fixture(exported, make_folder, remove_folder);
    tcase_add_loop_test(exported, masks_are_drawn, 0, sizeof dropouts / sizeof *dropouts);
    tcase_add_loop_test(exported, other_random_numbers_are_refused, 0, 2);
    tcase_add_test(exported, p_of_0_needs_no_generator);
    return run_tests("export_random", exported);
}
