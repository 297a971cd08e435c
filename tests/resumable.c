/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A training run as a user writes it, which goes on where it was saved last; check_kills.sh kills it. It uses only the
 * public interface.
 *
 *     resumable DIR: DIR/run.safetensors, DIR/metrics.csv, and when done DIR/weights.safetensors */
#include <frond.h>

#include <stdlib.h>
#include <unistd.h>

enum { EPOCHS = 40 };

typedef struct {
    fr_module *model;
    fr_optim *optim;
    fr_loader *loader;
    fr_logger *log;
    int64_t *epoch; /* number of complete epochs: in a buffer of the model, so that it is saved */
} run;

static run begin(const char *dir, const char *saved)
{
    bool resume = access(saved, F_OK) == 0;
    fr_module *parts[] = { fr_nn_linear(4, 16, NULL), fr_nn_dropout(0.2), fr_nn_tanh(), fr_nn_linear(16, 1, NULL) };
    run r = { .model = fr_nn_sequential(4, parts) };
    fr_tensor *x = fr_randn(FR_SHAPE(64, 4)), *y = fr_sum_dim(x, 1, true);
    fr_tensor *epoch = fr_module_buffer(r.model, "epoch", fr_tensor_from(FR_SHAPE(1), (int64_t[]){ 0 }, FR_I64));

    r.epoch = fr_data(epoch);
    r.optim = fr_adam(r.model, NULL);
    r.loader = fr_loader_new((fr_tensor *[]){ x, y }, 2, &(fr_loader_options){ .batch_size = 16, .shuffle = true });
    if (resume)
        fr_load_training(saved, r.model, r.optim, r.loader);
    r.log = fr_log_open(dir, &(fr_log_options){ .csv_only = true, .purge_step = *r.epoch + 1 });
    return r;
}

static void run_epoch(run *r)
{
    fr_tensor *const *batch;
    double loss = 0;

    while ((batch = fr_loader_next(r->loader))) {
        FR_SCOPE;
        fr_tensor *error = fr_mse(fr_forward(r->model, batch[0]), batch[1], FR_MEAN);

        fr_optim_zero_grad(r->optim);
        fr_backward(error);
        fr_optim_step(r->optim);
        loss += fr_item(error);
    }
    ++*r->epoch;
    fr_log_scalar(r->log, "loss", *r->epoch, loss);
}

int main(int argc, char **argv)
{
    FR_SCOPE;
    char saved[512], weights[512];

    if (argc != 2)
        return 2;
    snprintf(saved, sizeof saved, "%s/run.safetensors", argv[1]);
    snprintf(weights, sizeof weights, "%s/weights.safetensors", argv[1]);
    fr_manual_seed(1);

    run r = begin(argv[1], saved);

    while (*r.epoch < EPOCHS) {
        run_epoch(&r);
        fr_log_flush(r.log);
        fr_save_training(saved, r.model, r.optim, r.loader);
    }
    fr_save(r.model, weights);
    fr_log_close(r.log);
    fr_loader_free(r.loader);
    fr_optim_free(r.optim);
    fr_module_free(r.model);
    return 0;
}
