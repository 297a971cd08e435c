/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* frond train: trains a model, saves its best and its latest state, and can resume from the latter. */
#include "commands.h"
#include "program.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The progress of a run. It is a buffer of the saved module, so that it is saved together with the weights. */
typedef struct {
    double epoch;            /* number of complete epochs */
    double best, best_epoch; /* the lowest loss, and the epoch that reached it, from 1 */
    scores sum;              /* of the epoch that is under way, of all ranks */
} progress;

enum { PROGRESS_VALUES = sizeof(progress) / sizeof(double) };

typedef struct {
    run r;
    dataset data, validation; /* validation.x is NULL if there is none */
    fr_module *model, *saved; /* saved: contains model and progress */
    progress *progress;       /* in a buffer of saved */
    fr_optim *optim;
    fr_loader *loader;
    fr_logger *log;    /* NULL: another rank writes */
    fr_progress *bar;  /* of the whole run; NULL on a terminal, where each epoch has its own */
    char *best, *last; /* paths of the two files */
    char *new_dir;     /* of the run, if --output was not given */
    bool quiet, plots;
    bool writes;      /* files and lines; false: rank 0 does it */
    bool interrupted; /* on some rank */
} training;

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* --- Beginning ---------------------------------------------------------------------------------------------------- */

static fr_optim *optim_new(const settings *s, fr_module *model)
{
    double decay = s->weight_decay > 0 ? s->weight_decay : FR_ZERO;

    switch (s->optimizer) {
    case 0:
        return fr_adam(model, &(fr_adam_options){ .lr = s->lr, .weight_decay = decay });
    case 1:
        return fr_adamw(model, &(fr_adamw_options){ .lr = s->lr, .weight_decay = decay });
    case 2:
        return fr_sgd(model, &(fr_sgd_options){ .lr = s->lr, .weight_decay = decay });
    default:
        return fr_rmsprop(model, &(fr_rmsprop_options){ .lr = s->lr, .weight_decay = decay });
    }
}

/* Opens the run to resume, with the settings that were given on the command line. */
static run open_resumed_run(const train_arguments *a)
{
    run r = run_open(a->dir);

    for (int i = 0; i < SETTINGS; i++)
        if (a->given[i]) /* every setting with on_resume is an int64_t */
            memcpy((char *)&r.settings + settings_table[i].offset,
                   (const char *)&a->settings + settings_table[i].offset, sizeof(int64_t));
    return r;
}

/* What was found out about the data. */
static void print_data(const training *t)
{
    const settings *s = &t->r.settings;

    dataset_print_labels(&t->data, s->regression);
    if (t->validation.x && !s->validation_file)
        printf("validation: %lld of %lld sequences, by chance (--validation=0: none)\n",
               (long long)fr_dim(t->validation.x, 0), (long long)(fr_dim(t->validation.x, 0) + fr_dim(t->data.x, 0)));
}

/* Draws random numbers in the same order for a new and a resumed run: the seed makes the same split again. What was
 * drawn later is restored from last.safetensors. */
static void begin_data(training *t, const train_arguments *a)
{
    run *r = &t->r;

    *r = a->resume ? open_resumed_run(a) : (run){ .dir = a->dir, .settings = a->settings };
    fr_manual_seed((uint64_t)r->settings.seed);
    t->data = dataset_read(a->data, r->settings.labels, &r->settings, true);
    if (!a->resume && fr_sequences_label_column(t->data.file))
        r->settings.label = fr_sequences_label_column(t->data.file);
    if (!a->resume && a->split_unasked && fr_dim(t->data.x, 0) < FEW_SEQUENCES)
        r->settings.validation = 0;
    if (r->settings.validation_file)
        t->validation = dataset_read(r->settings.validation_file, NULL, &r->settings, true);
    else if (r->settings.validation > 0)
        t->validation = dataset_split(&t->data, r->settings.validation);
    if (!a->resume)
        run_from_json(r, dataset_describe(&t->data, &r->settings), a->data);
    dataset_prepare(&t->data, r, true);
    if (t->validation.x)
        dataset_prepare(&t->validation, r, true);
}

static void begin_model(training *t)
{
    const settings *s = &t->r.settings;
    fr_tensor *rows[] = { t->data.x, t->data.lengths, t->data.y };
    progress start = { .best = HUGE_VAL };

    t->model = model_new(&t->r);
    t->saved = fr_module_new("Run", 0, NULL);
    fr_module_add(t->saved, "model", t->model);
    fr_tensor *buffer = fr_tensor_from(FR_SHAPE(PROGRESS_VALUES), &start, FR_F64);
    fr_module_buffer(t->saved, "progress", buffer);
    t->progress = fr_data(buffer);
    t->optim = optim_new(s, t->model);
    t->loader = fr_loader_new(rows, 3, &(fr_loader_options){ .batch_size = s->batch_size, .shuffle = true });
}

static void begin(training *t, const train_arguments *a)
{
    fr_log_options log = { .csv_only = !fr_log_has_events() };

    if (a->plots)
        fr_log_can_plot(a->dir ? a->dir : "runs");
    begin_data(t, a);
    begin_model(t);
    t->writes = fr_distributed_rank() == 0;
    t->quiet = a->quiet || !t->writes;
    t->plots = a->plots && t->writes;
    if (!a->dir && t->writes)
        t->r.dir = t->new_dir = run_new_dir();
    t->best = path_in(t->r.dir, "best.safetensors");
    t->last = path_in(t->r.dir, "last.safetensors");
    if (a->resume) {
        fr_load_training(t->last, t->saved, t->optim, t->loader);
        log.purge_step = (int64_t)t->progress->epoch + 1;
    } else if (t->writes) {
        run_create(&t->r);
        fr_save_training(t->last, t->saved, t->optim, t->loader);
        run_write(&t->r);
    }
    fr_optim_distributed(t->optim);
    fr_loader_distributed(t->loader);
    fr_batch_norm_distributed(t->model);
    if (t->writes)
        t->log = fr_log_open(t->r.dir, &log);
    if (!t->quiet && !a->resume)
        print_data(t);
}

static void end(training *t)
{
    fr_log_close(t->log);
    fr_loader_free(t->loader);
    fr_optim_free(t->optim);
    fr_module_free(t->saved);
    dataset_free(&t->data);
    if (t->r.settings.validation_file)
        dataset_free(&t->validation);
    run_close(&t->r);
    free(t->best);
    free(t->last);
    free(t->new_dir);
}

/* Saves the whole run. What was logged before gets to the disk before, since a resumed run goes on from here. */
static void save(training *t)
{
    if (!t->writes)
        return;
    fr_log_flush(t->log);
    fr_save_training(t->last, t->saved, t->optim, t->loader);
}

/* --- Training ----------------------------------------------------------------------------------------------------- */

/* Adds what all ranks have of this step, in the row that weighs 0 nothing, and whether one was interrupted. */
static void add_scores(training *t, fr_tensor *out, fr_tensor *y, double weight)
{
    struct {
        scores sum;
        double interrupted;
    } step = { .interrupted = interrupted };

    if (weight > 0)
        scores_add(&step.sum, &t->r, out, y);
    fr_all_reduce_values((double *)&step, sizeof step / sizeof(double));
    scores_add_sums(&t->progress->sum, &step.sum);
    t->interrupted = step.interrupted > 0;
}

static void step(training *t, fr_tensor *const *batch)
{
    FR_SCOPE;
    const settings *s = &t->r.settings;
    double weight = fr_loader_weight(t->loader);

    fr_optim_zero_grad(t->optim);

    fr_tensor *out = model_forward(&t->r, t->model, batch[0], batch[1]);
    fr_tensor *loss = s->regression ? fr_mse(out, batch[2], FR_MEAN) : fr_cross_entropy(out, batch[2], FR_MEAN);

    if (!isfinite(fr_item(loss)))
        die("the loss became %g in epoch %.0f; a smaller --lr or --clip may help", fr_item(loss),
            t->progress->epoch + 1);
    if (t->log && t->progress->epoch == 0 && t->progress->sum.rows == 0)
        fr_log_graph(t->log, loss, t->model);
    fr_backward(weight == 1 ? loss : fr_mul_scalar(loss, weight));
    if (s->clip > 0)
        fr_clip_grad_norm(t->model, s->clip);
    fr_optim_step(t->optim);
    add_scores(t, out, batch[2], weight);
}

static fr_progress *new_bar(const training *t, double epochs)
{
    return fr_progress_new("train", (int64_t)epochs * fr_loader_batches(t->loader),
                           &(fr_progress_options){ .quiet = t->quiet });
}

/* Runs the rest of the epoch. False if it was interrupted before its end. */
static bool run_epoch(training *t)
{
    double rows = (double)fr_dim(t->data.x, 0);
    fr_progress *own = t->bar ? NULL : new_bar(t, 1), *bar = own ? own : t->bar;
    fr_tensor *const *batch;

    fr_train(t->model, true);
    while (!(t->interrupted && t->progress->sum.rows < rows) && (batch = fr_loader_next(t->loader))) {
        step(t, batch);
        fr_progress_value(bar, "loss", scores_loss(&t->progress->sum));
        fr_progress_step(bar, 1);
    }
    fr_progress_end(own);
    return t->progress->sum.rows == rows;
}

static void log_scores(training *t, const char *part, const scores *s)
{
    int64_t epoch = (int64_t)t->progress->epoch;
    char name[64];

    if (!t->log)
        return;
    snprintf(name, sizeof name, "loss/%s", part);
    fr_log_scalar(t->log, name, epoch, scores_loss(s));
    snprintf(name, sizeof name, t->r.settings.regression ? "rmse/%s" : "accuracy/%s", part);
    fr_log_scalar(t->log, name, epoch,
                  t->r.settings.regression ? sqrt(s->squared_error / s->rows) : s->correct / s->rows);
}

static void print_epoch(const training *t, const scores *validation)
{
    printf("Epoch %.0f/%lld: ", t->progress->epoch, (long long)t->r.settings.epochs);
    scores_print(stdout, &t->r, &t->progress->sum);
    if (validation) {
        fputs("; validation ", stdout);
        scores_print(stdout, &t->r, validation);
    }
    putchar('\n');
    fflush(stdout);
}

/* Each rank computes a part. */
static scores validate(training *t)
{
    FR_SCOPE;
    int64_t n = fr_dim(t->validation.x, 0), rank = fr_distributed_rank(), size = fr_distributed_size();
    int64_t begin = n * rank / size, end = n * (rank + 1) / size;
    dataset part = t->validation;
    scores sum;

    part.x = fr_slice(part.x, 0, begin, end, 1);
    part.lengths = fr_slice(part.lengths, 0, begin, end, 1);
    part.y = fr_slice(part.y, 0, begin, end, 1);
    sum = scores_of(&t->r, t->model, &part);
    fr_all_reduce_values((double *)&sum, sizeof sum / sizeof(double));
    return sum;
}

static void finish_epoch(training *t)
{
    progress *p = t->progress;
    bool validated = t->validation.x != NULL;
    scores validation = validated ? validate(t) : p->sum;
    double loss = scores_loss(&validation);

    p->epoch++;
    log_scores(t, "train", &p->sum);
    if (validated)
        log_scores(t, "validation", &validation);
    if (t->log)
        fr_log_module(t->log, (int64_t)p->epoch, t->model);
    if (!t->quiet)
        print_epoch(t, validated ? &validation : NULL);
    if (loss < p->best) {
        p->best = loss;
        p->best_epoch = p->epoch;
        if (t->writes)
            fr_save(t->model, t->best);
    }
    p->sum = (scores){ 0 };
    save(t);
}

static bool is_out_of_patience(const training *t)
{
    int64_t patience = t->r.settings.patience;

    return patience > 0 && t->progress->epoch - t->progress->best_epoch >= (double)patience;
}

static bool is_over(const training *t)
{
    return t->progress->epoch >= (double)t->r.settings.epochs || is_out_of_patience(t);
}

/* False if it was interrupted. */
static bool run_epochs(training *t)
{
    if (!isatty(STDERR_FILENO))
        t->bar = new_bar(t, (double)t->r.settings.epochs - t->progress->epoch);
    while (!is_over(t) && !t->interrupted)
        if (run_epoch(t))
            finish_epoch(t);
    fr_progress_end(t->bar);
    return is_over(t);
}

static int run_training(training *t)
{
    if (!is_over(t) && !run_epochs(t)) {
        save(t);
        if (t->writes)
            fprintf(stderr, "frond: interrupted in epoch %.0f; saved: --resume goes on with it\n",
                    t->progress->epoch + 1);
        return FAILED;
    }
    if (!t->writes)
        return 0;
    if (is_out_of_patience(t))
        printf("No lower loss in %lld epochs.\n", (long long)t->r.settings.patience);
    printf("Best: epoch %.0f, %s loss %.4f, in %s\n", t->progress->best_epoch,
           t->validation.x ? "validation" : "training", t->progress->best, t->best);
    if (t->plots)
        fr_log_plot(t->log);
    return 0;
}

/* The first Ctrl-C ends training after the current step, the second ends the program. */
static void catch_interrupts(void)
{
    struct sigaction action = { .sa_handler = interrupt, .sa_flags = (int)(SA_RESETHAND | SA_RESTART) };

    sigaction(SIGINT, &action, NULL);
}

int train(const train_arguments *a)
{
    training t = { 0 };
    int status;

    if (a->distributed)
        distributed_begin();
    if (a->threads || !a->distributed) /* a rank has taken its share of the threads */
        fr_set_num_threads(a->threads);
    begin(&t, a);
    catch_interrupts();
    status = run_training(&t);
    end(&t);
    fr_distributed_finalize();
    return status;
}

enum { DISTRIBUTED = FIRST_FREE_KEY };

static error_t parse(int key, char *text, struct argp_state *state)
{
    train_arguments *a = state->input;
    int i = arguments_setting(key);

    if (i >= 0) {
        a->given[i] = true;
        settings_parse(&a->settings, i, text, state);
        return 0;
    }
    switch (key) {
    case DISTRIBUTED:
        a->distributed = true;
        return 0;
    case ARGP_KEY_SUCCESS:
        arguments_check(a, state);
        return 0;
    default:
        return arguments_parse(a, key, text, state);
    }
}

int command_train(int argc, char **argv)
{
    train_arguments a = { .settings = settings_default(), .paths_min = 1 };
    struct argp_option options[ARGUMENTS + 2] = {
        [ARGUMENTS] = { "distributed", DISTRIBUTED, NULL, 0,
                        "Train together with the other processes that mpirun has started", 0 },
    };
    const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "DATA",
        .doc = "Trains a model on the labelled sequences in DATA (.ts, .csv, .tsv, .npz with arrays X and y, or "
               ".npy) and "
               "saves it in a directory."
               "\vThe directory gets model.json; best.safetensors, from the epoch with the lowest validation loss or, "
               "without validation, the lowest training loss; last.safetensors for --resume; and the run's log. For "
               "each epoch metrics.csv has the loss, accuracy or RMSE, and the norm of the gradients. TensorBoard "
               "(tensorboard --logdir DIR) shows these, histograms of weights and gradients, and the graph. Ctrl-C "
               "ends a run after the current step and saves it."
    };

    arguments_options(options);
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    return train(&a);
}
