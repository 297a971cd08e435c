/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Files on a disk that is full or broken, calls that a signal interrupts, and programs that are killed. Each scenario
 * runs many times; each time another one of its calls that touch files fails, with each error that it may have, or the
 * process is killed before it (fault_shim.c). Then the old files must be there or the complete new ones, a failure must
 * name a file, an interrupted or a short call must change nothing, no descriptor may stay open and no temporary file be
 * left; after a kill, once the scenario has run again. Another test reads the order of the calls: what is renamed was
 * synced before.
 *
 * FROND_FAULTS=all tries all errors for programs too, of which each run takes long. */
#include <config.h>

#include "fault_shim.h"
#include "log/event_file.h"

#include <frond.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[64];  /* the folder of the files that count */
static char aside[64]; /* of those that do not */
static bool all_errors;
static int complaints;

static const char *in(const char *folder, const char *name)
{
    static char text[4][512];
    static int next;
    char *path = text[next++ % 4];

    snprintf(path, sizeof text[0], "%s/%s", folder, name);
    return path;
}

static const char *at(const char *name)
{
    return in(root, name);
}

/* --- What is in the folder ---------------------------------------------------------------------------------------- */

typedef struct {
    char *name, *bytes;
    size_t size;
} file_copy;

typedef struct {
    file_copy files[64];
    int count;
} snapshot;

static snapshot *taken; /* by the walk that is under way */

static char *read_bytes(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *bytes = calloc(1, 1 << 20);

    if (!file || !bytes)
        abort();
    *size = fread(bytes, 1, (1 << 20) - 1, file);
    fclose(file);
    return bytes;
}

/* Of a row of metrics.csv drops the time. */
static void drop_times(char *text, size_t *size)
{
    char *to = text;

    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        char *cut = end;

        while (cut > line && *cut != ',')
            cut--;
        memmove(to, line, (size_t)(cut - line));
        to += cut - line;
        *to++ = '\n';
        if (end[1] && !strchr(end + 1, '\n')) { /* an incomplete row */
            *to++ = '!';
            break;
        }
    }
    *size = (size_t)(to - text);
}

/* Of an event file keeps a letter for each record, which is 12 bytes with the length n, n bytes, and 4 bytes. */
static void count_records(char *bytes, size_t *size)
{
    size_t from = 0, n = 0;

    while (from + 12 <= *size) {
        unsigned char low = (unsigned char)bytes[from], high = (unsigned char)bytes[from + 1];

        from += 16 + low + 256U * high;
        bytes[n++] = 'r';
    }
    if (from != *size)
        bytes[n++] = '!';
    *size = n;
}

static int take(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    file_copy *f = &taken->files[taken->count];

    (void)status, (void)walk;
    if (type != FTW_F)
        return 0;
    taken->count++;
    f->name = strdup(path);
    f->bytes = read_bytes(path, &f->size);
    if (strstr(path, "metrics.csv"))
        drop_times(f->bytes, &f->size);
    if (strstr(path, "tfevents")) {
        strcpy(strstr(f->name, "tfevents"), "tfevents");
        count_records(f->bytes, &f->size);
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const file_copy *)a)->name, ((const file_copy *)b)->name);
}

static void take_snapshot(snapshot *s)
{
    taken = s;
    s->count = 0;
    if (nftw(root, take, 8, FTW_PHYS) != 0)
        abort();
    qsort(s->files, (size_t)s->count, sizeof *s->files, by_name);
}

static void free_snapshot(snapshot *s)
{
    for (int i = 0; i < s->count; i++) {
        free(s->files[i].name);
        free(s->files[i].bytes);
    }
    s->count = 0;
}

static const file_copy *find(const snapshot *s, const char *name)
{
    for (int i = 0; i < s->count; i++)
        if (strcmp(s->files[i].name, name) == 0)
            return &s->files[i];
    return NULL;
}

enum { NO_TEMPORARY = 1, NO_EVENTS = 2 }; /* files that are left out */

static bool left_out(const file_copy *f, int without)
{
    return (without & NO_TEMPORARY && strstr(f->name, "/frond-") && strstr(f->name, ".tmp")) ||
           (without & NO_EVENTS && strstr(f->name, "tfevents"));
}

static bool same_file(const file_copy *a, const file_copy *b)
{
    return a && b && a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

/* The first name that is not the same in both, or NULL. */
static const char *difference(const snapshot *a, const snapshot *b, int without)
{
    for (int i = 0; i < a->count; i++)
        if (!left_out(&a->files[i], without) && !same_file(&a->files[i], find(b, a->files[i].name)))
            return a->files[i].name;
    for (int i = 0; i < b->count; i++)
        if (!left_out(&b->files[i], without) && !find(a, b->files[i].name))
            return b->files[i].name;
    return NULL;
}

/* After a kill: the first name, of a file or an old one, that is neither the old file nor the new one. Of two files
 * that are replaced one after the other, one may be old and one new. */
static const char *neither(const snapshot *s, const snapshot *old, const snapshot *new)
{
    for (int i = 0; i < s->count; i++) {
        const file_copy *f = &s->files[i];

        if (!left_out(f, NO_TEMPORARY) && !same_file(f, find(old, f->name)) && !same_file(f, find(new, f->name)))
            return f->name;
    }
    for (int i = 0; i < old->count; i++)
        if (!find(s, old->files[i].name))
            return old->files[i].name;
    return NULL;
}

/* For files that grow: the first name in s that is not a beginning of new's, and does not begin as old's. */
static const char *not_between(const snapshot *s, const snapshot *old, const snapshot *new)
{
    for (int i = 0; i < s->count; i++) {
        const file_copy *f = &s->files[i], *before = find(old, f->name), *after = find(new, f->name);

        if (!after || f->size > after->size || memcmp(f->bytes, after->bytes, f->size) != 0)
            return f->name;
        if (before && (before->size > f->size || memcmp(f->bytes, before->bytes, before->size) != 0))
            return f->name;
    }
    return NULL;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type;
    return walk->level == 0 ? 0 : remove(path);
}

static void empty_root(void)
{
    if (nftw(root, remove_one, 8, FTW_PHYS | FTW_DEPTH) != 0)
        abort();
}

static void copy_file(const char *from, const char *to)
{
    size_t size;
    char *bytes = read_bytes(from, &size);
    FILE *file = fopen(to, "wb");

    if (!file || fwrite(bytes, 1, size, file) != size)
        abort();
    fclose(file);
    free(bytes);
}

/* --- Scenarios of the library: each returns true if all of it succeeded ------------------------------------------- */

static fr_tensor *numbers(double first)
{
    return fr_arange(first, first + 3000, 1, FR_F32);
}

/* Writes what a scenario finds there, with other values than the scenario does. */
static double values_from;

static bool save_npy(void)
{
    return fr_save_npy(at("x.npy"), numbers(values_from));
}

static bool load_npy(void)
{
    return fr_equal(fr_load_npy(at("x.npy")), numbers(values_from));
}

static bool save_tensors(void)
{
    return fr_save_tensors(at("x.safetensors"), (const char *[]){ "x" }, (fr_tensor *[]){ numbers(values_from) }, 1);
}

static bool load_tensors(void)
{
    fr_tensors *all = fr_load(at("x.safetensors"));
    bool ok = all && fr_equal(fr_tensors_find(all, "x"), numbers(values_from));

    fr_tensors_free(all);
    return ok;
}

/* The only batch of d is as the scenarios save it. Frees d. */
static bool check_dataset(fr_dataset *d)
{
    fr_loader *l = d ? fr_loader_over(&d, 1, &(fr_loader_options){ .batch_size = 3000 }) : NULL;
    fr_tensor *const *batch = l ? fr_loader_next(l) : NULL;
    bool ok = batch && fr_equal(batch[0], numbers(values_from));

    fr_loader_free(l);
    fr_dataset_free(d);
    return ok;
}

static bool open_npy(void)
{
    return check_dataset(fr_open_npy(at("x.npy")));
}

static bool open_safetensors(void)
{
    return check_dataset(fr_open_safetensors(at("x.safetensors"), "x"));
}

#ifdef HAVE_LIBZIP
static bool open_npz(void)
{
    return check_dataset(fr_open_npz(at("x.npz"), "x"));
}

static bool save_npz(void)
{
    return fr_save_npz(at("x.npz"), (const char *[]){ "x", "y" },
                       (fr_tensor *[]){ numbers(values_from), fr_scalar(values_from) }, 2);
}

static bool load_npz(void)
{
    fr_tensors *all = fr_load_npz(at("x.npz"));
    bool ok = all && fr_equal(fr_tensors_find(all, "x"), numbers(values_from)) &&
              fr_equal(fr_tensors_find(all, "y"), fr_scalar(values_from));

    fr_tensors_free(all);
    return ok;
}
#endif

/* A link to a file with a mode of its own: both stay. */
static bool replace_linked(void)
{
    struct stat status;

    if (values_from == 0) {
        if (!fr_replace_file(at("target"), "old", 3) || chmod(at("target"), 0640) != 0)
            return false;
        return symlink("target", at("link")) == 0;
    }
    return fr_replace_file(at("link"), "the new one", 11) && lstat(at("target"), &status) == 0 &&
           (status.st_mode & 0777) == 0640;
}

static fr_module *make_model(void)
{
    int64_t hidden = values_from > 0 ? 4 : 5;
    fr_module *parts[] = { fr_nn_linear(3, hidden, NULL), fr_nn_tanh(), fr_nn_linear(hidden, 2, NULL) };
    fr_module *m = fr_nn_sequential(3, parts);

    fr_init_constant(fr_module_find(m, "0.weight"), values_from);
    fr_init_constant(fr_module_find(m, "0.bias"), values_from);
    fr_init_constant(fr_module_find(m, "2.weight"), values_from);
    fr_init_constant(fr_module_find(m, "2.bias"), values_from);
    return m;
}

static bool with_model(bool (*run)(fr_module *m))
{
    fr_module *m = make_model();
    bool ok = m && run(m);

    fr_module_free(m);
    return ok;
}

static bool export_c(fr_module *m)
{
    return fr_export_c(m, fr_ones(FR_SHAPE(1, 3)), at("x.c"));
}

static bool save_c(void)
{
    return with_model(export_c);
}

#ifdef HAVE_PROTOBUF_C
static bool export_onnx(fr_module *m)
{
    return fr_export_onnx(m, fr_ones(FR_SHAPE(1, 3)), at("x.onnx"));
}

static bool save_onnx(void)
{
    return with_model(export_onnx);
}

static bool load_onnx(void)
{
    fr_module *m = fr_load_onnx(at("x.onnx"));
    bool ok = m && fr_forward(m, fr_ones(FR_SHAPE(1, 3)));

    fr_module_free(m);
    return ok;
}
#endif

/* One step of a training run, then `end`, which saves or loads it. */
static bool train(bool (*end)(fr_module *m, fr_optim *o, fr_loader *l))
{
    fr_module *m = make_model();
    fr_optim *o = fr_adam(m, NULL);
    fr_tensor *x = fr_ones(FR_SHAPE(6, 3));
    fr_loader *l = fr_loader_new(&x, 1, &(fr_loader_options){ .batch_size = 2, .shuffle = true });
    fr_tensor *const *batch = fr_loader_next(l);
    bool ok = fr_backward(fr_sum(fr_forward(m, batch[0]))) && fr_optim_step(o) && end(m, o, l);

    fr_loader_free(l);
    fr_optim_free(o);
    fr_module_free(m);
    return ok;
}

static bool save_run(fr_module *m, fr_optim *o, fr_loader *l)
{
    return fr_save_training(at("run.safetensors"), m, o, l);
}

static bool load_run(fr_module *m, fr_optim *o, fr_loader *l)
{
    return fr_load_training(at("run.safetensors"), m, o, l);
}

static bool save_training(void)
{
    fr_manual_seed(1);
    return train(save_run);
}

static bool load_training(void)
{
    return train(load_run);
}

static bool write_sequences(void)
{
    return fr_replace_file(at("x.csv"), "a,1,2\nb,3,4,5\n", 14) &&
           fr_replace_file(at("x.ts"), "@classLabel true a b\n@data\n1,2:a\n3,4,5:b\n", 41);
}

static bool check_sequences(fr_sequences *s)
{
    bool ok =
        s && fr_equal(fr_sequences_x(s), fr_tensor_from(FR_SHAPE(2, 3, 1), (float[]){ 1, 2, 0, 3, 4, 5 }, FR_F32));

    fr_sequences_free(s);
    return ok;
}

static bool read_csv(void)
{
    return check_sequences(fr_read_csv(at("x.csv"), NULL));
}

static bool read_ts(void)
{
    return check_sequences(fr_read_ts(at("x.ts")));
}

static bool open_sequences(void)
{
    fr_dataset *d = fr_open_sequences((const char *[]){ at("x.csv"), at("x.ts") }, 2, NULL);
    fr_loader *l = d ? fr_loader_over(&d, 1, &(fr_loader_options){ .batch_size = 4 }) : NULL;
    fr_tensor *const *batch = l ? fr_loader_next(l) : NULL;
    bool ok = batch && fr_equal(fr_slice(batch[0], 0, 2, 4, 1),
                                fr_tensor_from(FR_SHAPE(2, 3, 1), (float[]){ 1, 2, 0, 3, 4, 5 }, FR_F32));

    fr_loader_free(l);
    fr_dataset_free(d);
    return ok;
}

static fr_logger *open_log(int64_t purge_step)
{
    return fr_log_open(at("logs/new"), &(fr_log_options){ .csv_only = !fr_log_has_events(), .purge_step = purge_step });
}

/* Three rows. */
static bool make_log(void)
{
    fr_logger *log = fr_log_open(at("logs/new"), &(fr_log_options){ .csv_only = true });
    bool ok = log && fr_log_scalar(log, "a", 1, 1) && fr_log_scalar(log, "a", 2, 2) && fr_log_scalar(log, "a", 3, 3);

    return fr_log_close(log) && ok;
}

static bool append_log(void)
{
    fr_logger *log = open_log(0);
    bool ok = log && fr_log_scalar(log, "b", 4, 4) && fr_log_scalar(log, "b", 5, 5) && fr_log_flush(log);

    return fr_log_close(log) && ok;
}

/* Drops the last row: replaces metrics.csv. */
static bool purge_log(void)
{
    fr_logger *log = fr_log_open(at("logs/new"), &(fr_log_options){ .csv_only = true, .purge_step = 3 });

    return log && fr_log_close(log);
}

static bool nothing(void)
{
    return true;
}

/* --- Scenarios of programs: argv, with the name of the program's folder in the build ----------------------------- */

static bool make_data(const char *path)
{
    FILE *file = fopen(path, "w");

    for (int i = 0; file && i < 12; i++)
        fprintf(file, "%s,%d,%d,%d\n", i % 2 ? "odd" : "even", i % 3, i % 5, i % 7);
    return file && fclose(file) == 0;
}

/* A trained run and its data, from those aside. */
static bool copy_run(void)
{
    if (mkdir(at("run"), 0777) != 0 || !make_data(at("data.csv")))
        return false;
    copy_file(in(aside, "run/model.json"), at("run/model.json"));
    copy_file(in(aside, "run/best.safetensors"), at("run/best.safetensors"));
    return true;
}

enum { WRITES = 1, GROWS = 2, RESUMES = 4, REFUSES = 8 }; /* kinds of scenarios; the last always fails */

/* prepare makes the old files; then act runs, or a program. In arguments of the form @NAME, @ stands for the folder. */
typedef struct {
    const char *name;
    bool (*prepare)(void);
    bool (*act)(void);
    int kind;
    const char *argv[16];
} scenario;

static const scenario scenarios[] = {
    { "save_npy", save_npy, save_npy, WRITES, { NULL } },
    { "load_npy", save_npy, load_npy, 0, { NULL } },
    { "save_tensors", save_tensors, save_tensors, WRITES, { NULL } },
    { "new file", nothing, save_tensors, WRITES, { NULL } },
    { "load", save_tensors, load_tensors, 0, { NULL } },
    { "open_npy", save_npy, open_npy, 0, { NULL } },
    { "open_safetensors", save_tensors, open_safetensors, 0, { NULL } },
#ifdef HAVE_LIBZIP
    { "save_npz", save_npz, save_npz, WRITES, { NULL } },
    { "load_npz", save_npz, load_npz, 0, { NULL } },
    { "open_npz", save_npz, open_npz, 0, { NULL } },
#endif
    { "replace_file", replace_linked, replace_linked, WRITES, { NULL } },
    { "export_c", save_c, save_c, WRITES, { NULL } },
    { "new export_c", nothing, save_c, WRITES, { NULL } },
#ifdef HAVE_PROTOBUF_C
    { "export_onnx", save_onnx, save_onnx, WRITES, { NULL } },
    { "load_onnx", save_onnx, load_onnx, 0, { NULL } },
#endif
    { "save_training", save_training, save_training, WRITES, { NULL } },
    { "load_training", save_training, load_training, 0, { NULL } },
    { "read_csv", write_sequences, read_csv, 0, { NULL } },
    { "read_ts", write_sequences, read_ts, 0, { NULL } },
    { "open_sequences", write_sequences, open_sequences, 0, { NULL } },
    { "new log", nothing, append_log, GROWS, { NULL } },
    { "log", make_log, append_log, GROWS, { NULL } },
    { "purged log", make_log, purge_log, WRITES, { NULL } },
    { "frond train",
      copy_run,
      NULL,
      RESUMES,
      { "tools/frond/frond", "train", "@data.csv", "--output", "@new", "--epochs", "1", "--hidden", "2", "--label",
        "first", "--quiet" } },
    { "frond train, again",
      copy_run,
      NULL,
      REFUSES,
      { "tools/frond/frond", "train", "@data.csv", "--output", "@run", "--label", "first", "--quiet" } },
    { "frond predict",
      copy_run,
      NULL,
      WRITES,
      { "tools/frond/frond", "predict", "@run", "@data.csv", "--output", "@table.csv" } },
    { "frond evaluate", copy_run, NULL, 0, { "tools/frond/frond", "evaluate", "@run", "@data.csv" } },
    { "frond graph", copy_run, NULL, WRITES, { "tools/frond/frond", "graph", "@run", "--output", "@model.dot" } },
    { "frond graph --html", copy_run, NULL, WRITES, { "tools/frond/frond", "graph", "@run", "--html", "@model.html" } },
    { "frond info", copy_run, NULL, 0, { "tools/frond/frond", "info", "@run/best.safetensors" } },
    { "frond export", copy_run, NULL, WRITES, { "tools/frond/frond", "export", "@run", "@model.c" } },
    { "simple_rnn",
      copy_run,
      NULL,
      WRITES,
      { "examples/simple_rnn", "--data", "@data.csv", "--epochs", "1", "--hidden", "2", "--test", "@data.csv",
        "--predict", "@data.csv", "--save", "@weights" } },
};
enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

/* --- One run of a scenario ---------------------------------------------------------------------------------------- */

typedef struct {
    fault_state faults;
    bool ok;
    char message[1024]; /* of a failure */
    int open;           /* descriptors that are still open */
} outcome;

static outcome *shared; /* with the child that runs the scenario */

static void run_library(const scenario *s, long call, int kind)
{
    faults = (fault_state){ .inside = root, .at = call, .kind = kind };
    {
        FR_SCOPE;
        values_from = s->kind ? 5 : 0; /* what is only read has the values of prepare */
        shared->ok = s->act();
    }
    faults.inside = NULL;
    shared->faults = faults;
    shared->open = fault_open_descriptors();
    snprintf(shared->message, sizeof shared->message, "%s", fr_error_message() ? fr_error_message() : "");
}

/* Does not return. */
static void run_program(const scenario *s, long call, int kind)
{
    char number[2][32], *argv[16] = { NULL };

    for (int i = 0; s->argv[i]; i++)
        argv[i] = strdup(s->argv[i][0] == '@' ? at(s->argv[i] + 1) : s->argv[i]);
    snprintf(number[0], sizeof number[0], "%ld", call);
    snprintf(number[1], sizeof number[1], "%d", kind);
    setenv("LD_PRELOAD", "tests/fault_shim.so", 1);
    setenv("OMP_NUM_THREADS", "1", 1);
    setenv(FAULT_INSIDE, root, 1);
    setenv(FAULT_AT, number[0], 1);
    setenv(FAULT_KIND, number[1], 1);
    setenv(FAULT_REPORT, in(aside, "report"), 1);
    setenv(FAULT_LOG, in(aside, "log"), 1);
    if (!freopen(in(aside, "out"), "w", stdout) || !freopen(in(aside, "err"), "w", stderr))
        _exit(126);
    execv(argv[0], argv);
    _exit(127);
}

/* What a program has left aside. */
static void read_outcome(outcome *o, int status)
{
    size_t size;
    char *report;

    o->ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    report = read_bytes(in(aside, "err"), &size);
    snprintf(o->message, sizeof o->message, "%s", report);
    free(report);
    if (access(in(aside, "report"), F_OK) == 0) { /* else it was killed */
        report = read_bytes(in(aside, "report"), &size);
        sscanf(report, "%ld %d %511[^\n]", &o->faults.calls, &o->faults.retried, o->faults.failed);
        free(report);
        report = read_bytes(in(aside, "log"), &size);
        snprintf(o->faults.log, sizeof o->faults.log, "%s", report);
        free(report);
    }
}

/* Returns the exit status, as waitpid does. */
static int run(const scenario *s, bool prepare, bool act, long call, int kind)
{
    pid_t pid;
    int status;

    *shared = (outcome){ .ok = true };
    unlink(in(aside, "report"));
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        if (prepare) {
            FR_SCOPE;
            values_from = 0;
            if (!s->prepare())
                abort();
        }
        if (act && s->act)
            run_library(s, call, kind);
        else if (act)
            run_program(s, call, kind);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        abort();
    if (act && !s->act)
        read_outcome(shared, status);
    return status;
}

/* --- What must hold after it -------------------------------------------------------------------------------------- */

static void complain(const scenario *s, long call, const char *what, const char *about)
{
    printf("%s, call %ld (%s): %s%s%s\n", s->name, call, shared->faults.failed[0] ? shared->faults.failed : "killed",
           what, about ? ": " : "", about ? about : "");
    complaints++;
}

/* Goes on after a failure or a kill, as a user would. */
static int run_again(const scenario *s)
{
    scenario again = *s;

    if (s->kind & RESUMES && access(at("new/model.json"), F_OK) == 0)
        memcpy(again.argv,
               (const char *[16]){ s->argv[0], "train", "@data.csv", "--output", "@new", "--resume", "--quiet" },
               sizeof again.argv);
    return run(&again, false, true, 0, 0);
}

static void check_files(const scenario *s, const snapshot *old, const snapshot *new, long call, bool killed)
{
    snapshot now;
    const char *wrong = NULL;

    take_snapshot(&now);
    if (!killed && shared->ok) {
        if ((wrong = difference(&now, new, 0)))
            complain(s, call, "succeeded, but not the new files", wrong);
    } else if (s->kind & GROWS) {
        if (!killed && (wrong = not_between(&now, old, new)))
            complain(s, call, "not the old rows and some of the new ones", wrong);
    } else if (!(s->kind & RESUMES)) {
        wrong = killed ? neither(&now, old, new) : difference(&now, old, 0);
        if (wrong && (killed || difference(&now, new, 0)))
            complain(s, call, "neither the old files nor the new ones", wrong);
    }
    free_snapshot(&now);
}

static void check_recovery(const scenario *s, const snapshot *new, long call)
{
    outcome before = *shared;
    snapshot now;
    const char *wrong;

    run_again(s);
    take_snapshot(&now);
    wrong = shared->ok ? difference(&now, new, s->kind & RESUMES ? NO_EVENTS : 0) : shared->message;
    shared->faults = before.faults;
    if (wrong)
        complain(s, call, "run again", wrong);
    free_snapshot(&now);
}

/* Runs the scenario with one fault. False if it has no such call, or the call no such error. */
static bool try_fault(const scenario *s, const snapshot *old, const snapshot *new, long call, int kind)
{
    int status;
    bool killed;

    empty_root();
    status = run(s, true, true, call, kind);
    killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && kind == FAULT_KILL;
    if (WIFSIGNALED(status) && !killed) {
        complain(s, call, "crashed", strsignal(WTERMSIG(status)));
        return true;
    }
    if (!killed && !shared->faults.failed[0])
        return false;
    if (!killed && !shared->ok && !strstr(shared->message, root))
        complain(s, call, "does not name the file", shared->message);
    if (!killed && !shared->ok && shared->faults.retried && !(s->kind & REFUSES))
        complain(s, call, "was not retried", shared->message);
    if (!killed && shared->open > 0)
        complain(s, call, "leaves a descriptor open", NULL);
    check_files(s, old, new, call, killed);
    if (killed ? s->kind & (WRITES | RESUMES) : !shared->ok && s->kind & RESUMES)
        check_recovery(s, new, call);
    return true;
}

/* --- The order of the calls --------------------------------------------------------------------------------------- */

typedef struct {
    char names[64][256];
    int count;
} name_set;

/* A path from the root's name on, without "/." at its end. */
static void shorten(char *path)
{
    char *from = strstr(path, root);
    size_t length;

    if (from)
        memmove(path, from, strlen(from) + 1);
    length = strlen(path);
    if (length > 2 && strcmp(path + length - 2, "/.") == 0)
        path[length - 2] = '\0';
}

static int index_of(const name_set *set, const char *name)
{
    for (int i = 0; i < set->count; i++)
        if (strcmp(set->names[i], name) == 0)
            return i;
    return -1;
}

static void add(name_set *set, const char *name)
{
    if (index_of(set, name) < 0)
        snprintf(set->names[set->count++], sizeof set->names[0], "%s", name);
}

static void drop(name_set *set, const char *name)
{
    int i = index_of(set, name);

    if (i >= 0)
        memmove(set->names[i], set->names[--set->count], sizeof set->names[0]);
}

/* The folder of a new name, or, for a folder's ".." that was synced, the parent's path. */
static void parent(const char *path, char *result)
{
    strcpy(result, path);
    if (strrchr(result, '/'))
        *strrchr(result, '/') = '\0';
}

/* What was written must be synced before it is renamed, and the folder after; what grows, before a checkpoint is in
 * place; at the end nothing may be left to sync but files that grow. */
static void check_order(const scenario *s)
{
    static name_set unsynced, folders;
    char *line = shared->faults.log, *next, call[16], from[512], to[512], folder[512];

    unsynced.count = folders.count = 0;
    for (; (next = strchr(line, '\n')); line = next + 1) {
        *next = to[0] = '\0';
        sscanf(line, "%15s %511s %511s", call, from, to);
        shorten(from);
        shorten(to);
        parent(from, folder);
        if (strcmp(call, "write") == 0) {
            add(&unsynced, from);
        } else if (strcmp(call, "fsync") == 0) {
            drop(&unsynced, from);
            drop(&folders, strcmp(from + strlen(folder), "/..") == 0 ? (parent(folder, from), from) : from);
        } else if (strcmp(call, "rename") == 0) {
            if (index_of(&unsynced, from) >= 0 || (strstr(to, "/last.safetensors") && unsynced.count > 0))
                complain(s, 0, "renamed before it, or what grows, was synced", from);
            add(&folders, folder);
        } else if (strcmp(call, "mkdir") == 0 || (strcmp(call, "create") == 0 && !strstr(from, ".tmp"))) {
            add(&folders, folder);
        }
    }
    if (folders.count > 0)
        complain(s, 0, "a folder was not synced", folders.names[0]);
    for (int i = 0; i < unsynced.count; i++)
        if (!strstr(unsynced.names[i], "/logs/"))
            complain(s, 0, "was not synced", unsynced.names[i]);
}

/* --- All faults of a scenario ------------------------------------------------------------------------------------- */

static long faults_tried, faults_right, kills_tried, kills_right;

static void try_call(const scenario *s, const snapshot *old, const snapshot *new, long call)
{
    enum { QUICK_KILLS = 7 }; /* of so many calls of a program, one kills it */
    bool quick = !s->act && !all_errors;
    int before = complaints;

    for (int kind = 0; (kind == 0 || !quick) && try_fault(s, old, new, call, kind); kind++) {
        faults_tried++;
        faults_right += complaints == before;
        before = complaints;
    }
    if (s->kind & (WRITES | RESUMES) && (!quick || call % QUICK_KILLS == 0)) {
        try_fault(s, old, new, call, FAULT_KILL);
        kills_tried++;
        kills_right += complaints == before;
    }
}

static void try_scenario(const scenario *s)
{
    snapshot old, new;
    long calls;

    empty_root();
    run(s, true, false, 0, 0);
    take_snapshot(&old);
    run(s, false, true, 0, 0);
    take_snapshot(&new);
    calls = shared->faults.calls;
    if (shared->ok != !(s->kind & REFUSES) || calls == 0)
        complain(s, 0, "without a fault", shared->message);
    check_order(s);
    for (long call = 1; call <= calls; call++)
        try_call(s, &old, &new, call);
    printf("%s: %ld calls\n", s->name, calls);
    free_snapshot(&old);
    free_snapshot(&new);
}

/* A run for the programs that need one. */
static void train_aside(void)
{
    char command[1024];

    snprintf(command, sizeof command,
             "tools/frond/frond train %s/data.csv --output %s/run --epochs 1 --hidden 2 --label first --quiet >%s/out",
             aside, aside, aside);
    if (!make_data(in(aside, "data.csv")) || system(command) != 0)
        abort();
}

int main(int argc, char **argv)
{
    all_errors = getenv("FROND_FAULTS") && strcmp(getenv("FROND_FAULTS"), "all") == 0;
    strcpy(root, "check_faults.XXXXXX");
    strcpy(aside, "check_aside.XXXXXX");
    if (!mkdtemp(root) || !mkdtemp(aside))
        abort();
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        abort();
    fr_set_error_handler(NULL, NULL);
    fr_set_num_threads(1);
    train_aside();
    for (int i = 0; i < SCENARIOS; i++)
        if (argc < 2 || strcmp(argv[1], scenarios[i].name) == 0)
            try_scenario(&scenarios[i]);
    printf("%ld of %ld faults, %ld of %ld kills\n", faults_right, faults_tried, kills_right, kills_tried);
    empty_root();
    rmdir(root);
    strcpy(root, aside);
    empty_root();
    rmdir(root);
    return complaints > 0;
}
