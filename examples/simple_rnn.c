/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Trains a SimpleRNN on generated sequences or on a file, tests it and predicts with it; --help lists the options. */
#include "simple_rnn_options.h"

#ifdef FR_HAVE_MPI
#include <frond/distributed.h>
#endif

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GENERATED = 1000, LENGTH = 10, EVALUATED_ROWS = 256 };

/* x (N,T,D); y (N,1) of 0 and 1, or NULL; lengths (N), or NULL if all are T; the names of the two labels. The scope of
 * main holds the tensors. */
typedef struct {
    fr_tensor *x, *y, *lengths;
    const char *names[2];
    fr_sequences *file;
} sequences;

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

static void fail(const char *message, void *user)
{
    const char *place = strstr(message, "   ["); /* in this program, which says nothing to its user */

    (void)user;
    fprintf(stderr, "simple_rnn: %.*s\n", (int)(place ? place - message : (long)strlen(message)), message);
    exit(EXIT_FAILURE);
}

/* --- Data -------------------------------------------------------------------------------------------------------- */

static void fail_for_labels(const char *path, const fr_sequences *file)
{
    char text[512];
    size_t used = 0;
    int n = fr_sequences_label_count(file);

    for (int i = 0; i < n && used < sizeof text - 1; i++)
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? ", " : "", fr_sequences_label_text(file, i));
    fprintf(stderr, "simple_rnn: %s: expected two labels, found %d: %s\n", path, n, n ? text : "none");
    exit(EXIT_FAILURE);
}

/* label: the column of labels, or NULL. labelled: exits unless the file has two labels. */
static sequences read_sequences(const char *path, const char *label, bool labelled)
{
    fr_sequences *file = fr_read_sequences(path, &(fr_csv_options){ .label = label });
    fr_tensor *lengths = fr_sequences_lengths(file);
    sequences s = { .x = fr_sequences_x(file), .names = { "0", "1" }, .file = file };
    bool two = fr_sequences_label_count(file) == 2;

    if (labelled && !two)
        fail_for_labels(path, file);
    for (int i = 0; two && i < 2; i++)
        s.names[i] = fr_sequences_label_text(file, i);
    if (two)
        s.y = fr_unsqueeze(fr_cast(fr_sequences_labels(file), fr_default_dtype()), 1);
    for (int64_t i = 0; i < fr_numel(lengths) && !s.lengths; i++)
        if ((int64_t)fr_at(lengths, i) != fr_dim(s.x, 1))
            s.lengths = lengths;
    return s;
}

/* x is N(0,1); y tells whether the sum of the sequence is above 0. */
static sequences generate(void)
{
    fr_tensor *x = fr_randn(FR_SHAPE(GENERATED, LENGTH, 1));

    return (sequences){ .x = x, .y = fr_gt(fr_sum_dim(x, 1, false), fr_scalar(0)), .names = { "0", "1" } };
}

/* --- Model ------------------------------------------------------------------------------------------------------- */

/* Finds cell, layers, sizes and directions from the shapes of the weights in a file. */
static void describe_model(const char *path, simple_rnn_options *o)
{
    fr_tensors *file = fr_load(path);
    fr_tensor *w_ih = fr_tensors_find(file, "rnn.weight_ih_l0"), *w_hh = fr_tensors_find(file, "rnn.weight_hh_l0");
    char name[64];

    if (!w_ih || !w_hh || fr_ndim(w_ih) != 2 || fr_ndim(w_hh) != 2 || fr_dim(w_hh, 1) < 1) {
        fprintf(stderr, "simple_rnn: %s: not the weights of a SimpleRNN\n", path);
        exit(EXIT_FAILURE);
    }

    int64_t gates = fr_dim(w_hh, 0) / fr_dim(w_hh, 1);

    o->input = fr_dim(w_ih, 1);
    o->hidden = fr_dim(w_hh, 1);
    o->cell = gates == 4 ? SIMPLE_LSTM : gates == 3 ? SIMPLE_GRU : SIMPLE_RNN;
    o->bidirectional = fr_tensors_find(file, "rnn.weight_ih_l0_reverse") != NULL;
    for (o->layers = 1; o->layers < 1000; o->layers++) {
        snprintf(name, sizeof name, "rnn.weight_ih_l%d", o->layers);
        if (!fr_tensors_find(file, name))
            break;
    }
    fr_tensors_free(file);
}

static fr_tensor *run_model(fr_module *model, fr_tensor *x, fr_tensor *lengths)
{
    return lengths ? simple_rnn_forward_lengths(model, x, lengths) : fr_forward(model, x);
}

/* The probabilities (N,1), computed a few rows at a time. */
static fr_tensor *evaluate(fr_module *model, const sequences *s)
{
    FR_NO_GRAD;
    int64_t n = fr_dim(s->x, 0);
    fr_tensor *all = fr_zeros(FR_SHAPE(n, 1));

    fr_train(model, false);
    for (int64_t i = 0; i < n; i += EVALUATED_ROWS) {
        FR_SCOPE;
        int64_t end = i + EVALUATED_ROWS;
        fr_tensor *lengths = s->lengths ? fr_slice(s->lengths, 0, i, end, 1) : NULL;

        fr_copy(fr_slice(all, 0, i, end, 1), run_model(model, fr_slice(s->x, 0, i, end, 1), lengths));
    }
    return all;
}

/* --- Training ---------------------------------------------------------------------------------------------------- */

static void show_progress(int64_t epoch, int64_t epochs, int64_t step, int64_t steps)
{
    enum { WIDTH = 30 };
    int done = (int)(step * WIDTH / steps);

    if (isatty(STDERR_FILENO) && fr_distributed_rank() == 0)
        fprintf(stderr, "\rEpoch [%lld/%lld] [%.*s%*s] %lld/%lld%s", (long long)epoch, (long long)epochs, done,
                "##############################", WIDTH - done, "", (long long)step, (long long)steps,
                step == steps ? "\r\033[K" : "");
}

/* weight: of this process's part of the batch. Returns the loss of the batch. */
static double train_step(fr_module *model, fr_optim *adam, fr_tensor *const *batch, bool ragged, double clip,
                         double weight)
{
    FR_SCOPE;
    fr_optim_zero_grad(adam);

    fr_tensor *loss = fr_bce(run_model(model, batch[0], ragged ? batch[2] : NULL), batch[1], FR_MEAN);

    if (weight != 1)
        loss = fr_mul_scalar(loss, weight);
    fr_backward(loss);
    if (clip > 0)
        fr_clip_grad_norm(model, clip);
    fr_optim_step(adam);

    double sums[] = { fr_item(loss), interrupted };

    fr_all_reduce_values(sums, 2);
    if (sums[1] > 0)
        interrupted = 1;
    return sums[0] / fr_distributed_size();
}

static void train(fr_module *model, const sequences *s, const program_options *o)
{
    fr_optim *adam = fr_adam(model, &(fr_adam_options){ .lr = o->lr });
    fr_loader *loader = fr_loader_new((fr_tensor *[]){ s->x, s->y, s->lengths }, s->lengths ? 3 : 2,
                                      &(fr_loader_options){ .batch_size = o->batch_size, .shuffle = true });
    int64_t steps = fr_loader_batches(loader);

    fr_optim_distributed(adam);
    fr_loader_distributed(loader);
    fr_train(model, true);
    for (int64_t epoch = 1; epoch <= o->epochs && !interrupted; epoch++) {
        fr_tensor *const *batch;
        double loss = 0;

        for (int64_t step = 1; !interrupted && (batch = fr_loader_next(loader)); step++) {
            loss = train_step(model, adam, batch, s->lengths != NULL, o->clip, fr_loader_weight(loader));
            show_progress(epoch, o->epochs, step, steps);
        }
        if (!interrupted && fr_distributed_rank() == 0)
            printf("Epoch [%lld/%lld], Loss: %.4f\n", (long long)epoch, (long long)o->epochs, loss);
        fflush(stdout);
    }
    fr_loader_free(loader);
    fr_optim_free(adam);
}

/* --- Results ----------------------------------------------------------------------------------------------------- */

static void check_variables(const char *path, const sequences *s, const simple_rnn_options *model)
{
    if (fr_dim(s->x, 2) == model->input)
        return;
    fprintf(stderr, "simple_rnn: %s: %lld variables to a step, the model has %lld\n", path, (long long)fr_dim(s->x, 2),
            (long long)model->input);
    exit(EXIT_FAILURE);
}

static void print_predictions(fr_module *model, const sequences *s, const char *const *names)
{
    fr_tensor *p = evaluate(model, s);

    for (int64_t i = 0; i < fr_numel(p); i++)
        printf("%.4f %s\n", fr_at(p, i), names[fr_at(p, i) > 0.5]);
}

static void print_accuracy(fr_module *model, const sequences *s)
{
    fr_tensor *right = fr_eq(fr_gt_scalar(evaluate(model, s), 0.5), s->y);
    int64_t n = fr_numel(right), count = (int64_t)fr_item(fr_sum(right));

    printf("Test accuracy: %.4f (%lld/%lld)\n", (double)count / (double)n, (long long)count, (long long)n);
}

static bool same_names(const sequences *a, const sequences *b)
{
    return strcmp(a->names[0], b->names[0]) == 0 && strcmp(a->names[1], b->names[1]) == 0;
}

/* The files of --data, --test and --predict. They are read before training, so that a wrong one costs no time. */
typedef struct {
    sequences data, test, predict;
} inputs;

static inputs read_inputs(program_options *o)
{
    const char *data = o->data, *test = o->test, *label = o->label;
    inputs in = { .data.names = { "0", "1" } };

    if (data) {
        in.data = read_sequences(data, label, true);
        if (fr_sequences_label_column(in.data.file))
            label = fr_sequences_label_column(in.data.file); /* the other files are laid out alike */
        if (o->load)
            check_variables(data, &in.data, &o->model);
        o->model.input = fr_dim(in.data.x, 2);
    }
    if (test) {
        in.test = read_sequences(test, label, true);
        check_variables(test, &in.test, &o->model);
    }
    if (test && data && !same_names(&in.data, &in.test)) {
        fprintf(stderr, "simple_rnn: %s: labels %s and %s, those of %s are %s and %s\n", test, in.test.names[0],
                in.test.names[1], data, in.data.names[0], in.data.names[1]);
        exit(EXIT_FAILURE);
    }
    if (o->predict) {
        in.predict = read_sequences(o->predict, o->label ? o->label : label, false);
        check_variables(o->predict, &in.predict, &o->model);
    }
    return in;
}

static void print_label_column(const fr_sequences *file)
{
    const char *column = fr_sequences_label_column(file);

    if (column)
        printf(column[0] <= '9' ? "label: column %s, 2 classes\n" : "label: %s column, 2 classes\n", column);
}

static void free_inputs(inputs *in)
{
    fr_sequences_free(in->data.file);
    fr_sequences_free(in->test.file);
    fr_sequences_free(in->predict.file);
}

static void show_results(fr_module *model, const inputs *in, bool training, const program_options *o)
{
    const sequences *named = o->data ? &in->data : o->test ? &in->test : &in->predict;

    if (training && !o->data) {
        fr_tensor *unseen = fr_randn(FR_SHAPE(1, LENGTH, 1));

        printf("Prediction: %.4f\n", fr_item(fr_forward(model, unseen)));
    }
    if (o->predict)
        print_predictions(model, &in->predict, named->names);
    if (o->test)
        print_accuracy(model, &in->test);
}

static void finish(fr_module *model, const inputs *in, bool training, const program_options *o)
{
    if (o->save)
        fr_save(model, o->save);
    if (interrupted)
        fprintf(stderr, "simple_rnn: interrupted%s%s\n", o->save ? ", weights saved to " : "", o->save ? o->save : "");
    else
        show_results(model, in, training, o);
}

/* Exits if no file can be made beside the one to be saved. */
static void check_can_save(const char *path)
{
    const char *slash = strrchr(path, '/');
    int length = slash ? (int)(slash + 1 - path) : 0;
    char folder[4096];

    snprintf(folder, sizeof folder, "%.*s.", length, path);
    if (access(folder, W_OK) == 0)
        return;
    fprintf(stderr, "simple_rnn: --save=%s: %s\n", path, strerror(errno));
    exit(EXIT_FAILURE);
}

/* The first Ctrl-C ends training after the current step, the second one ends the program. */
static void watch_interrupts(void)
{
    struct sigaction action = { .sa_handler = interrupt, .sa_flags = (int)(SA_RESETHAND | SA_RESTART) };

    sigaction(SIGINT, &action, NULL);
}

static void finish_output(void)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "simple_rnn: standard output: %s\n", strerror(errno));
        exit(EXIT_FAILURE);
    }
}

/* Begins the group of the processes that mpirun has started. */
static void begin_group(void)
{
#ifdef FR_HAVE_MPI
    fr_distributed_init(NULL);
#else
    fprintf(stderr, "simple_rnn: --distributed: frond was built without MPI (configure --with-mpi)\n");
    exit(EXIT_FAILURE);
#endif
}

int main(int argc, char **argv)
{
    FR_SCOPE;
    program_options o;
    inputs in;
    bool training, stopped;

    parse_options(argc, argv, &o);
    training = o.data || !o.load;
    fr_set_error_handler(fail, NULL);
    if (o.distributed)
        begin_group();
    if (o.threads || !o.distributed) /* a rank has taken its share of the threads */
        fr_set_num_threads(o.threads);
    fr_manual_seed((uint64_t)o.seed);
    o.model.input = 1;
    if (o.load && !o.model_given)
        describe_model(o.load, &o.model);
    in = read_inputs(&o);
    if (o.save)
        check_can_save(o.save);

    fr_module *model = simple_rnn_new(&o.model);

    if (o.load)
        fr_load_into(model, o.load);
    if (training && !in.data.file)
        in.data = generate();
    if (training && in.data.file && fr_distributed_rank() == 0)
        print_label_column(in.data.file);
    watch_interrupts();
    if (training)
        train(model, &in.data, &o);
    stopped = interrupted;
    if (fr_distributed_rank() == 0) /* all have the same model */
        finish(model, &in, training, &o);
    fr_distributed_finalize();
    free_inputs(&in);
    fr_module_free(model);
    finish_output();
    return stopped ? 128 + SIGINT : 0;
}
