/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* frond sweep: trains with all combinations of settings and compares them. This file reads the command line, makes the
 * combinations, and keeps sweep.json. */
#include "sweep.h"

#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { JOBS = FIRST_FREE_KEY, SEEDS, RUNS_MAX = 10000 };

static void *checked(void *pointer)
{
    if (!pointer)
        die("out of memory");
    return pointer;
}

/* --- Combinations ------------------------------------------------------------------------------------------------- */

const char *sweep_value(const sweep *s, int i, int64_t n)
{
    for (int k = SETTINGS - 1; k > i; k--)
        if (s->lists[k].count)
            n /= s->lists[k].count;
    return s->lists[i].values[n % s->lists[i].count];
}

train_arguments sweep_arguments(const sweep *s, int64_t n, struct argp_state *state)
{
    train_arguments a = s->common;

    a.settings = settings_default();
    a.combination = s->runs[n].name;
    a.resume = a.plots = a.quiet = false;
    for (int i = 0; i < SETTINGS; i++)
        if ((a.given[i] = s->lists[i].count > 0))
            settings_parse(&a.settings, i, sweep_value(s, i, n), state);
    arguments_check(&a, state);
    return a;
}

/* "lr=0.01,seed=0": the settings that vary, and the seed. */
static char *name_of(const sweep *s, int64_t n)
{
    output o;
    FILE *file = output_begin(&o);

    for (int i = 0; i < SETTINGS; i++)
        if (s->lists[i].count > 1 || i == SEED)
            fprintf(file, "%s=%s%s", settings_table[i].name, sweep_value(s, i, n), i == SEED ? "" : ",");
    if (fclose(file) != 0)
        die("out of memory");
    return o.text;
}

/* Cuts the text of setting i into values. What is a TEXT may have commas of its own. */
static void split(sweep *s, int i, struct argp_state *state)
{
    sweep_list *list = &s->lists[i];
    size_t commas = 0;

    for (const char *c = list->text; *c; c++)
        commas += *c == ',';
    list->values = checked(calloc(commas + 1, sizeof *list->values));
    list->copy = checked(strdup(list->text));
    if (settings_table[i].kind == TEXT || settings_table[i].kind == FLAG) {
        list->values[list->count++] = list->copy;
        return;
    }
    for (char *rest = list->copy, *value; (value = strsep(&rest, ","));) {
        value += strspn(value, " ");
        for (int64_t k = 0; k < list->count; k++)
            if (strcmp(list->values[k], value) == 0)
                argp_error(state, "--%s=%s: %s is there twice", settings_table[i].name, list->text, value);
        list->values[list->count++] = value;
    }
}

/* Makes all combinations and checks each. */
static void combine(sweep *s, struct argp_state *state)
{
    s->count = 1;
    for (int i = 0; i < SETTINGS; i++) {
        if (!s->lists[i].text)
            continue;
        split(s, i, state);
        if (s->lists[i].count > RUNS_MAX / s->count)
            argp_error(state, "more than %d runs", RUNS_MAX);
        s->count *= s->lists[i].count;
    }
    s->runs = checked(calloc((size_t)s->count, sizeof *s->runs));
    for (int64_t n = 0; n < s->count; n++) {
        bool validates;

        s->runs[n].name = name_of(s, n);
        validates = sweep_arguments(s, n, state).settings.validation > 0;
        if (n == 0)
            s->validated = validates;
        if (validates != s->validated)
            argp_error(state, "--validation=%s: losses with and without validation cannot be compared",
                       s->lists[find_setting("validation")].text);
        if (strlen(s->runs[n].name) > NAME_MAX)
            argp_error(state, "%s: too long for the name of a directory", s->runs[n].name);
    }
}

/* --- sweep.json --------------------------------------------------------------------------------------------------- */

/* Compares an argument with that of the sweep in DIR. With --resume it may be left out. */
static void compare(const sweep *s, const char *name, const char **text, struct argp_state *state)
{
    const char *old = json_string_value(json_object_get(json_object_get(s->state, "arguments"), name));

    if (s->common.resume && !*text)
        *text = old;
    if (!old != !*text || (old && strcmp(old, *text) != 0))
        argp_error(state, "%s: the sweep there has %s=%s, not %s", s->common.dir, name, old ? old : "(default)",
                   *text ? *text : "(default)");
}

/* Reads sweep.json, if DIR has one. */
static void read_state(sweep *s, struct argp_state *state)
{
    s->path = path_in(s->common.dir, "sweep.json");
    if (!s->common.resume && access(s->path, F_OK) != 0)
        return;
    s->state = read_json(s->path, "the state of a sweep");
    if (!json_is_object(json_object_get(s->state, "arguments")) || !json_is_object(json_object_get(s->state, "runs")))
        die("%s: not the state of a sweep", s->path);
    compare(s, "DATA", &s->common.data, state);
    for (int i = 0; i < SETTINGS; i++)
        compare(s, settings_table[i].name, &s->lists[i].text, state);
}

void sweep_record(sweep *s, const sweep_run *r)
{
    json_t *entry = json_pack("{s:b, s:f, s:s*}", "done", r->done, "seconds", r->figures[SECONDS], "error", r->error);

    if (json_object_set_new(json_object_get(s->state, "runs"), r->name, entry) != 0)
        die("out of memory");
    write_json(s->state, s->path);
}

/* The state of a new sweep. */
static json_t *new_state(const sweep *s)
{
    json_t *arguments = json_object();
    int failed = json_object_set_new(arguments, "DATA", json_string(s->common.data));

    for (int i = 0; i < SETTINGS; i++)
        if (s->lists[i].text)
            failed |= json_object_set_new(arguments, settings_table[i].name, json_string(s->lists[i].text));
    if (failed)
        die("out of memory, or a name that is not UTF-8");
    return checked(json_pack("{s:o, s:{}}", "arguments", arguments, "runs"));
}

/* Waits until no process of another sweep is left in DIR: each holds the lock as long as it runs. */
static int lock(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), result;

    if (fd < 0)
        die("%s: cannot be opened: %s", dir, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) /* there are file systems without locks */
        return fd;
    fprintf(stderr, "frond: %s: waiting for runs of a sweep to end\n", dir);
    do
        result = flock(fd, LOCK_EX);
    while (result != 0 && errno == EINTR);
    return fd;
}

/* What became of the runs of a sweep so far. One that failed is tried again. */
static void take_over(sweep *s)
{
    json_t *now = read_json(s->path, "the state of a sweep"), *runs = json_object_get(now, "runs");

    if (json_object_set(s->state, "runs", runs) != 0)
        die("%s: not the state of a sweep", s->path);
    json_decref(now);
    for (int64_t i = 0; i < s->count; i++) {
        sweep_run *r = &s->runs[i];
        const json_t *entry = json_object_get(runs, r->name);

        r->figures[SECONDS] = json_number_value(json_object_get(entry, "seconds"));
        r->done = json_is_true(json_object_get(entry, "done"));
        if (r->done)
            sweep_read_figures(s, r);
    }
}

/* --- The command line --------------------------------------------------------------------------------------------- */

/* Makes --seeds the list of seeds. */
static void count_seeds(sweep *s, struct argp_state *state)
{
    sweep_list *list = &s->lists[SEED];
    settings first = settings_default();
    output o;
    FILE *file;

    if (!s->seeds && (list->text || s->common.resume))
        return;
    if (list->text)
        settings_parse(&first, SEED, list->text, state);
    file = output_begin(&o);
    for (int64_t i = 0; i < (s->seeds ? s->seeds : 1); i++)
        fprintf(file, "%s%lld", i ? "," : "", (long long)(first.seed + i));
    if (fclose(file) != 0)
        die("out of memory");
    list->text = s->seed_text = o.text;
}

static void check(sweep *s, struct argp_state *state)
{
    if (!s->common.data && !s->common.resume)
        argp_error(state, "an argument is missing");
    count_seeds(s, state);
    if (s->common.dir)
        read_state(s, state);
    if (!s->common.data || !s->lists[SEED].text)
        die("%s: not the state of a sweep", s->path);
    combine(s, state);
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    sweep *s = state->input;
    int i = arguments_setting(key);

    if (i >= 0) {
        s->lists[i].text = text ? text : "";
        return 0;
    }
    switch (key) {
    case JOBS:
        s->jobs = parse_whole_number(text, "jobs", 1, state);
        return 0;
    case SEEDS:
        s->seeds = parse_whole_number(text, "seeds", 1, state);
        if (s->seeds > RUNS_MAX)
            argp_error(state, "--seeds=%s: more than %d runs", text, RUNS_MAX);
        return 0;
    case ARGP_KEY_SUCCESS:
        check(s, state);
        return 0;
    default:
        return arguments_parse(&s->common, key, text, state);
    }
}

static void parse_sweep(sweep *s, int argc, char **argv)
{
    struct argp_option options[ARGUMENTS + 3] = {
        [ARGUMENTS] = { "seeds", SEEDS, "N", 0,
                        "N runs of each combination, with the seeds 0, 1, ... or from --seed on (1)", 1 },
        { "jobs", JOBS, "N", 0, "Runs at a time (OMP_NUM_THREADS, else as many as there are cores)", 0 },
    };
    const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "DATA",
        .doc = "Trains with all combinations of settings, and says which is best. A setting, other than a text or "
               "flag, may have several values: --lr=0.001,0.01 --hidden=16,32 --seeds=5 is 20 runs."
               "\vEach run is one of frond train in a directory of its own below DIR, named by the settings that "
               "vary, with all that it prints in output.txt. The table, also DIR/sweep.csv, has means and standard "
               "deviations over the seeds of the lowest validation loss (without validation, training loss), and of "
               "the accuracy or RMSE in that epoch. Combinations of which a run failed stand last. --threads is for "
               "each run; otherwise they share the cores. Ctrl-C ends the runs after their current step and saves "
               "them. The same command goes on, and so does --resume --output=DIR alone: what is done is not done "
               "again, and what failed is tried again."
    };

    arguments_options(options);
    argp_parse(&argp, argc, argv, 0, NULL, s);
}

/* --- The command -------------------------------------------------------------------------------------------------- */

/* Dies if the data cannot be read, before anything is made. */
static void check_data(const sweep *s)
{
    FR_SCOPE;
    const settings chosen = sweep_arguments(s, 0, NULL).settings;
    dataset data = dataset_read(s->common.data, chosen.labels, &chosen, true);

    dataset_free(&data);
    if (chosen.validation_file) {
        data = dataset_read(chosen.validation_file, NULL, &chosen, true);
        dataset_free(&data);
    }
}

/* Makes DIR and sweep.json, or finds what is done. Returns the descriptor that holds the lock. */
static int begin(sweep *s)
{
    char *model = path_in(s->common.dir, "model.json");
    int held;

    make_dir(s->common.dir);
    held = lock(s->common.dir);
    for (int64_t i = 0; i < s->count; i++)
        s->runs[i].dir = path_in(s->common.dir, s->runs[i].name);
    s->resumed = s->state != NULL;
    if (s->resumed) {
        take_over(s);
    } else {
        if (access(s->path, F_OK) == 0)
            die("%s: another sweep began there just now", s->common.dir);
        if (access(model, F_OK) == 0)
            die("%s: holds a run of frond train, which is no sweep", s->common.dir);
        s->state = new_state(s);
        write_json(s->state, s->path);
    }
    free(model);
    return held;
}

static int end(sweep *s)
{
    int64_t done = 0, failed = 0;

    for (int64_t i = 0; i < s->count; i++) {
        done += s->runs[i].done;
        failed += s->runs[i].error != NULL;
        if (s->runs[i].error)
            fprintf(stderr, "frond: %s: %s\n", s->runs[i].name, s->runs[i].error);
    }
    if (s->stopping)
        fprintf(stderr,
                "frond: interrupted; %lld of %lld runs are done, the others are saved: "
                "frond sweep --resume --output=%s goes on\n",
                (long long)done, (long long)s->count, s->common.dir);
    else
        sweep_report(s);
    if (failed)
        fprintf(stderr, "frond: %lld of %lld runs failed\n", (long long)failed, (long long)s->count);
    return s->stopping || failed ? FAILED : 0;
}

static void free_sweep(sweep *s)
{
    for (int i = 0; i < SETTINGS; i++) {
        free(s->lists[i].copy);
        free(s->lists[i].values);
    }
    for (int64_t i = 0; i < s->count; i++) {
        free(s->runs[i].name);
        free(s->runs[i].dir);
        free(s->runs[i].error);
    }
    free(s->runs);
    free(s->path);
    free(s->seed_text);
    free(s->new_dir);
    json_decref(s->state);
}

int command_sweep(int argc, char **argv)
{
    sweep s = { 0 };
    int held, status;

    parse_sweep(&s, argc, argv);
    if (s.common.plots)
        fr_log_can_plot(s.common.dir ? s.common.dir : "runs");
    check_data(&s);
    if (!s.common.dir) {
        s.common.dir = s.new_dir = run_new_dir();
        s.path = path_in(s.new_dir, "sweep.json");
    }
    held = begin(&s);
    sweep_run_all(&s);
    status = end(&s);
    close(held);
    free_sweep(&s);
    return status;
}
