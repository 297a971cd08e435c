/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A training step written as C goes on: from the optimiser's state, at another learning rate, and from the states in
 * which recurrent layers were left. */
#include "exported_training.h"

#include "char_lm.h"
#include "forecaster.h"

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

/* --- States of recurrent layers ---------------------------------------------------------------------------------- */

/* Of logits (...,classes). */
static fr_tensor *cross_entropy(fr_tensor *y, fr_tensor *target, fr_reduction reduction)
{
    return fr_cross_entropy(fr_flatten(y, 0, 1), fr_flatten(target, 0, 1), reduction);
}

static fr_module *make_char_lm(void)
{
    return char_lm_new(&(char_lm_options){ .symbols = 11, .embedding = 5, .hidden = 8 });
}

static fr_module *make_forecaster(void)
{
    return forecaster_new(8);
}

static fr_module *make_rnn(void)
{
    return fr_nn_rnn(1, 6, &(fr_recurrent_options){ .relu = true });
}

static fr_module *make_lstms(void)
{
    return fr_nn_lstm(1, 6, &(fr_recurrent_options){ .num_layers = 2 });
}

static const struct {
    fr_module *(*make)(void);
    fr_recurrent (*stream)(fr_module *m, fr_tensor *x, const fr_recurrent *state);
    fr_loss_function *loss;
    fr_shape x, target;
    int64_t symbols; /* 0: numbers */
    int64_t state;   /* values */
} streams[] = {
    { make_char_lm, char_lm_forward, cross_entropy, { 2, { 6, 3 } }, { 2, { 6, 3 } }, 11, 2 * 3 * 8 },
    { make_char_lm, char_lm_forward, cross_entropy, { 2, { 30, 1 } }, { 2, { 30, 1 } }, 11, 2 * 8 },
    { make_forecaster, forecaster_forward, fr_mse, { 3, { 5, 2, 1 } }, { 3, { 5, 2, 1 } }, 0, 2 * 8 },
    { make_forecaster, forecaster_forward, fr_mse, { 3, { 40, 1, 1 } }, { 3, { 40, 1, 1 } }, 0, 8 },
    { make_rnn, fr_recurrent_forward, fr_mse, { 3, { 4, 2, 1 } }, { 3, { 4, 2, 6 } }, 0, 2 * 6 },
    { make_lstms, fr_recurrent_forward, fr_mse, { 3, { 4, 2, 1 } }, { 3, { 4, 2, 6 } }, 0, 2 * 2 * 2 * 6 },
};
enum { STREAMS = sizeof streams / sizeof *streams };

/* The windows of a stream, one after the other, with the state carried on: 50, and after a new beginning 50 more. */
START_TEST(a_stream_is_learnt_the_same)
{
    FR_SCOPE;
    fr_recurrent state = { 0 };
    job j = { .loss = streams[_i].loss, .stream = streams[_i].stream, .state = &state };
    fr_export_c_report report;

    fr_manual_seed(1);
    j.m = streams[_i].make();
    for (int k = 0; k < BATCHES; k++) {
        j.x[k] = streams[_i].symbols ? fr_randint(0, streams[_i].symbols, streams[_i].x) : fr_randn(streams[_i].x);
        j.target[k] =
            streams[_i].symbols ? fr_randint(0, streams[_i].symbols, streams[_i].target) : fr_rand(streams[_i].target);
    }
    j.optimiser = fr_sgd(j.m, &(fr_sgd_options){ .lr = 0.01, .momentum = 0.5 });
    check_trains(&j);
    ck_assert(export_job(&j, &report));
    ck_assert_int_eq(report.state_bytes, streams[_i].state * (int64_t)sizeof(float));
    fr_recurrent_keep(&state, NULL);
    free_job(&j);
}
END_TEST

static fr_tensor *last_of(fr_tensor *y, fr_tensor *target, fr_reduction reduction)
{
    return fr_mse(fr_slice(y, 2, 0, 1, 1), target, reduction);
}

START_TEST(states_that_cannot_be_carried_are_named)
{
    FR_SCOPE;
    const struct {
        fr_module *m;
        const char *error;
    } bad[] = {
        { fr_nn_rnn(1, 6, &(fr_recurrent_options){ .bidirectional = true }), "rnn in module RNN goes backwards" },
        { fr_nn_gru(1, 6, &(fr_recurrent_options){ .learn_initial = true }), "has an initial state of its own" },
        { fr_nn_linear(1, 1, NULL), "no recurrent layer has a state" },
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fr_tensor *x = fr_randn(FR_SHAPE(4, 2, 1));
        fr_optim *o = fr_sgd(bad[i].m, NULL);
        fr_export_c_training training = { .loss = last_of, .target = x, .optimiser = o, .carry_state = true };
        char path[PATH];

        ck_assert(!fr_export_c_with(bad[i].m, x, in_folder("net.c", path),
                                    &(fr_export_c_options){ .training = &training }, NULL));
        assert_failed("export_c_with", bad[i].error);
        fr_optim_free(o);
        fr_module_free(bad[i].m);
    }
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
    tcase_add_loop_test(exported, a_stream_is_learnt_the_same, 0, STREAMS);
    tcase_add_test(exported, states_that_cannot_be_carried_are_named);
    return run_tests("export_continued", exported);
}
