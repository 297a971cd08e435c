/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Fuzzes fr_load_training. A file that is refused must not change the run. After a file that is accepted the run must
 * continue without undefined behaviour. */
#include "fuzz.h"

#include <frond.h>

#include "checkpoint/checkpoint.h"

#include <sys/stat.h>

static const char seed[] = "corpus/training/good"; /* in the corpus that run.sh names */

typedef struct {
    fr_module *m;
    fr_optim *optim;
    fr_loader *loader;
    fr_scheduler *s;
} run;

static run begin(void)
{
    FR_SCOPE;
    fr_tensor *x = fr_ones(FR_SHAPE(4, 2));
    run r = { .m = fr_nn_linear(2, 1, NULL) };

    r.loader = fr_loader_new(&x, 1, &(fr_loader_options){ .shuffle = true });
    r.optim = fr_adam(r.m, NULL);
    r.s = fr_cosine_annealing_lr(r.optim, 9, 0);
    return r;
}

static void step(run *r)
{
    FR_SCOPE;
    fr_tensor *const *batch = fr_loader_next(r->loader);

    if (batch)
        fr_backward(fr_sum(fr_forward(r->m, batch[0])));
    fr_optim_step(r->optim);
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
    struct stat status;

    (void)argc;
    (void)argv;
    if (stat("corpus/training", &status) == 0) {
        run r = begin();

        step(&r);
        fr_save_training(seed, r.m, r.optim, r.loader);
        end(&r);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_file(bytes, size, resume);
}
