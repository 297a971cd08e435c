/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A training step written as C goes on from where the library is: with the optimiser's state, and at another learning
 * rate. */
#include "exported_training.h"

static fr_optim *sgd(fr_module *m)
{
    return fr_sgd(m, &(fr_sgd_options){ .lr = 0.02, .momentum = 0.9, .dampening = 0.2 });
}

static fr_optim *adam(fr_module *m)
{
    return fr_adam(m, &(fr_adam_options){ .lr = 3e-3, .amsgrad = true });
}

/* Two groups; the second one without amsgrad. */
static fr_optim *adamw(fr_module *m)
{
    fr_optim *o = fr_adamw(m, &(fr_adamw_options){ .lr = 3e-3, .weight_decay = 0.3, .amsgrad = true });

    ck_assert(fr_optim_split(o, fr_module_parameters(m, &(int){ 0 }), 2) == 1 && fr_optim_set(o, 1, "lr", 1e-3));
    ck_assert(fr_optim_set(o, 1, "amsgrad", 0));
    return o;
}

static fr_optim *(*const optimisers[])(fr_module *m) = { sgd, adam, adamw };
enum { OPTIMISERS = sizeof optimisers / sizeof *optimisers, BEFORE = 7 };

/* The library makes some steps first, some of them without the first layer: its parameters are behind. */
START_TEST(an_optimiser_goes_on)
{
    FR_SCOPE;
    job j = mlp_job();
    fr_export_c_report fresh, begun;

    j.optimiser = optimisers[_i](j.m);
    ck_assert(export_job(&j, &fresh));
    for (int i = 0; i < BEFORE; i++) {
        ck_assert(fr_module_freeze(fr_module_at(j.m, 0), i < 3));
        train_in_library(&j, i);
    }
    ck_assert(export_job(&j, &begun));
    ck_assert_int_eq(begun.weight_bytes, fresh.weight_bytes + begun.optimiser_bytes);
    ck_assert_int_eq(begun.workspace_bytes, fresh.workspace_bytes);
    check_trains(&j);
    free_job(&j);
}
END_TEST

/* Of a parameter that has had no step the state begins anew, as in the library. */
START_TEST(an_unfrozen_layer_begins)
{
    FR_SCOPE;
    job j = mlp_job();

    j.optimiser = optimisers[_i](j.m);
    ck_assert(fr_module_freeze(fr_module_at(j.m, 0), true));
    for (int i = 0; i < BEFORE; i++)
        train_in_library(&j, i);
    ck_assert(fr_module_freeze(fr_module_at(j.m, 0), false));
    check_trains(&j);
    free_job(&j);
}
END_TEST

START_TEST(the_rate_changes)
{
    FR_SCOPE;
    job j = mlp_job();

    j.optimiser = optimisers[_i](j.m);
    j.later_lr = 5e-4;
    check_trains(&j);
    free_job(&j);
}
END_TEST

/* The rate is the one that the scheduler has come to. */
START_TEST(a_scheduler_has_set_the_rate)
{
    FR_SCOPE;
    job j = mlp_job();
    fr_scheduler *s;

    j.optimiser = optimisers[_i](j.m);
    s = fr_step_lr(j.optimiser, 2, 0.5);
    for (int i = 0; i < 4; i++) {
        train_in_library(&j, i);
        ck_assert(fr_scheduler_step(s));
    }
    check_trains(&j);
    free_job(&j);
}
END_TEST

int main(void)
{
    TCase *exported = tcase_create("exported");

    tcase_set_timeout(exported, 60);
    tcase_add_checked_fixture(exported, make_folder, remove_folder);
    tcase_add_loop_test(exported, an_optimiser_goes_on, 0, OPTIMISERS);
    tcase_add_loop_test(exported, an_unfrozen_layer_begins, 0, OPTIMISERS);
    tcase_add_loop_test(exported, the_rate_changes, 0, OPTIMISERS);
    tcase_add_loop_test(exported, a_scheduler_has_set_the_rate, 0, OPTIMISERS);
    return run_tests("export_continued", exported);
}
