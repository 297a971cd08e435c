/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Fuzzes fr_load_training. A file that is refused must not change the run. After a file that is accepted the run must
 * continue without undefined behaviour. */
#include <config.h>

#include "fuzz.h"

#include <frond.h>

#include "checkpoint/checkpoint.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    fr_module *m;
    fr_optim *optim;
    fr_loader *loader;
    fr_scheduler *s;
    bool metric; /* s uses one */
} run;

/* --- Optimisers and schedulers ----------------------------------------------------------------------------------- */

static void adam(run *r)
{
    r->optim = fr_adam(r->m, &(fr_adam_options){ .amsgrad = true });
    r->s = fr_cosine_annealing_lr(r->optim, 9, 0);
}

static void adamw(run *r)
{
    r->optim = fr_adamw(r->m, NULL);
    r->s = fr_one_cycle_lr(r->optim, 0.1, 20, NULL);
}

static void sgd(run *r)
{
    r->optim = fr_sgd(r->m, &(fr_sgd_options){ .momentum = 0.9 });
    r->s = fr_sequential_lr(r->optim,
                            (fr_scheduler *[]){ fr_linear_lr(r->optim, 0.5, 1, 5),
                                                fr_multi_step_lr(r->optim, (int64_t[]){ 2, 4 }, 2, 0.1) },
                            2, (int64_t[]){ 1 });
}

static void rmsprop(run *r)
{
    r->optim = fr_rmsprop(r->m, &(fr_rmsprop_options){ .centered = true, .momentum = 0.5 });
    r->s = fr_reduce_lr_on_plateau(r->optim, NULL);
    r->metric = true;
}

static void adagrad(run *r)
{
    r->optim = fr_adagrad(r->m, NULL);
    r->s = fr_step_lr(r->optim, 2, 0.5);
}

static void lbfgs(run *r)
{
    r->optim = fr_lbfgs(r->m, &(fr_lbfgs_options){ .max_iter = 2, .strong_wolfe = true });
    r->s = fr_polynomial_lr(r->optim, 3, 1);
}

static const struct {
    const char *tensor; /* a name that only files of this kind have */
    void (*make)(run *r);
} kinds[] = {
    { "optim.adam.groups", adam },       { "optim.adamw.groups", adamw },     { "optim.sgd.groups", sgd },
    { "optim.rmsprop.groups", rmsprop }, { "optim.adagrad.groups", adagrad }, { "optim.lbfgs.groups", lbfgs }
};

enum { KINDS = sizeof kinds / sizeof *kinds };

static int kind; /* of the run */

/* --- Runs -------------------------------------------------------------------------------------------------------- */

static run begin(void)
{
    FR_SCOPE;
    fr_tensor *x = fr_ones(FR_SHAPE(4, 2));
    run r = { .m = fr_nn_linear(2, 1, NULL) };

    r.loader = fr_loader_new(&x, 1, &(fr_loader_options){ .shuffle = true });
    kinds[kind].make(&r);
    return r;
}

typedef struct {
    fr_module *m;
    fr_tensor *x; /* NULL at the end of an epoch */
} batch_of_module;

static fr_tensor *loss_of(void *user)
{
    const batch_of_module *b = user;
    fr_tensor *loss = b->x ? fr_sum(fr_exp(fr_forward(b->m, b->x))) : fr_ones(FR_SHAPE());

    if (b->x)
        fr_backward(loss);
    return loss;
}

static void step(run *r)
{
    FR_SCOPE;
    fr_tensor *const *batch = fr_loader_next(r->loader);

    fr_optim_step_closure(r->optim, loss_of, &(batch_of_module){ r->m, batch ? batch[0] : NULL });
    if (r->metric)
        fr_scheduler_step_metric(r->s, 1);
    else
        fr_scheduler_step(r->s);
    fr_randn(FR_SHAPE(3));
}

static void end(run *r)
{
    fr_scheduler_free(r->s);
    fr_optim_free(r->optim);
    fr_loader_free(r->loader);
    fr_module_free(r->m);
}

static void resume(FILE *file)
{
    const char *where = "load_training: fuzz";
    run r = begin();
    double lr = fr_optim_lr(r.optim), weight = fr_at(fr_module_find(r.m, "weight"), 0);

    if (fr_checkpoint_restore(where, fr_safetensors_load_file(where, file), r.m, r.optim, r.loader))
        step(&r);
    else if (fr_optim_lr(r.optim) != lr || fr_at(fr_module_find(r.m, "weight"), 0) != weight)
        abort();
    end(&r);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    char path[64];

    (void)argc;
    (void)argv;
    fr_set_error_handler(NULL, NULL);
    for (kind = 0; kind < KINDS; kind++) {
        run r = begin();

        step(&r);
        snprintf(path, sizeof path, "corpus/training/%s", kinds[kind].tensor); /* in the corpus that run.sh names */
        fr_save_training(path, r.m, r.optim, r.loader);
        end(&r);
    }
    fr_error_clear();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    for (kind = KINDS - 1; kind > 0; kind--)
        if (memmem(bytes, size, kinds[kind].tensor, strlen(kinds[kind].tensor)))
            break;
    return fuzz_file(bytes, size, resume);
}
