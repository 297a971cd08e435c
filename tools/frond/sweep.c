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

/* Whether setting i may have several values. A TEXT may have commas of its own. */
static bool may_vary(int i)
{
    return settings_table[i].kind != TEXT && settings_table[i].kind != FLAG;
}

/* --- Combinations ------------------------------------------------------------------------------------------------- */

int64_t sweep_values(const sweep *s, int i)
{
    return (int64_t)json_array_size(s->lists[i]);
}

const char *sweep_value(const sweep *s, int i, int64_t n)
{
    for (int k = SETTINGS - 1; k > i; k--)
        if (s->lists[k])
            n /= sweep_values(s, k);
    return json_string_value(json_array_get(s->lists[i], (size_t)(n % sweep_values(s, i))));
}

train_arguments sweep_arguments(const sweep *s, int64_t n, struct argp_state *state)
{
    train_arguments a = s->common;

    a.settings = settings_default();
    a.combination = s->runs[n].name;
    a.resume = a.plots = a.quiet = false;
    for (int i = 0; i < SETTINGS; i++)
        if ((a.given[i] = s->lists[i] != NULL))
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
        if (sweep_values(s, i) > 1 || i == SEED)
            fprintf(file, "%s=%s%s", settings_table[i].name, sweep_value(s, i, n), i == SEED ? "" : ",");
    if (fclose(file) != 0)
        die("out of memory");
    return o.text;
}

/* Makes all combinations and checks each. */
static void combine(sweep *s, struct argp_state *state)
{
    s->count = 1;
    for (int i = 0; i < SETTINGS; i++) {
        if (s->lists[i] && sweep_values(s, i) > RUNS_MAX / s->count)
            argp_error(state, "more than %d runs", RUNS_MAX);
        s->count *= s->lists[i] ? sweep_values(s, i) : 1;
    }
    s->runs = calloc((size_t)s->count, sizeof *s->runs);
    if (!s->runs)
        die("out of memory");
    for (int64_t n = 0; n < s->count; n++) {
        bool validates;

        s->runs[n].name = name_of(s, n);
        validates = sweep_arguments(s, n, state).settings.validation > 0;
        if (n == 0)
            s->validated = validates;
        if (validates != s->validated)
            argp_error(state, "--validation: losses with and without validation cannot be compared");
        if (strlen(s->runs[n].name) > NAME_MAX)
            argp_error(state, "%s: too long for the name of a directory", s->runs[n].name);
    }
}

/* --- sweep.json --------------------------------------------------------------------------------------------------- */

/* Compares an argument with that of the sweep in DIR. */
static void compare(const sweep *s, const char *name, struct argp_state *state)
{
    enum { HOW = JSON_ENCODE_ANY | JSON_COMPACT };
    const json_t *old = json_object_get(json_object_get(s->state, "arguments"), name);
    const json_t *now = json_object_get(s->arguments, name);

    if (old != now && !json_equal(old, now))
        argp_error(state, "%s: the sweep there has %s=%s, not %s", s->common.dir, name,
                   old ? json_dumps(old, HOW) : "(default)", now ? json_dumps(now, HOW) : "(default)");
}

/* Reads sweep.json, if DIR has one. With --resume arguments may be left out. */
static void read_state(sweep *s, struct argp_state *state)
{
    s->path = path_in(s->common.dir, "sweep.json");
    if (!s->common.resume && access(s->path, F_OK) != 0)
        return;
    s->state = read_json(s->path, "the state of a sweep");
    if (!json_is_object(json_object_get(s->state, "runs")))
        die("%s: not the state of a sweep", s->path);
    if (s->common.resume)
        json_object_update_missing(s->arguments, json_object_get(s->state, "arguments"));
    compare(s, "DATA", state);
    for (int i = 0; i < SETTINGS; i++)
        compare(s, settings_table[i].name, state);
}

/* Finds the lists in s->arguments. Those from a damaged sweep.json may be no lists. */
static void find_lists(sweep *s)
{
    bool ok;

    s->common.data = json_string_value(json_object_get(s->arguments, "DATA"));
    for (int i = 0; i < SETTINGS; i++)
        s->lists[i] = json_object_get(s->arguments, settings_table[i].name);
    ok = s->common.data && s->lists[SEED];
    for (int i = 0; i < SETTINGS; i++) {
        ok = ok && (!s->lists[i] || sweep_values(s, i) == 1 || (sweep_values(s, i) > 1 && may_vary(i)));
        for (size_t k = 0; k < json_array_size(s->lists[i]); k++)
            ok = ok && json_is_string(json_array_get(s->lists[i], k));
    }
    if (!ok)
        die("%s: not the state of a sweep", s->path);
}

void sweep_record(sweep *s, const sweep_run *r)
{
    json_t *entry = json_pack("{s:b, s:f}", "done", r->done, "seconds", r->figures[SECONDS]);

    if (r->error)
        json_object_set_new(entry, "error", json_string(r->error)); /* left out if it is not UTF-8 */
    if (json_object_set_new(json_object_get(s->state, "runs"), r->name, entry) != 0)
        die("out of memory");
    write_json(s->state, s->path);
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

static void append(json_t *list, json_t *text)
{
    if (json_array_append_new(list, text) != 0)
        die("out of memory, or an argument that is not UTF-8");
}

/* The values of setting i: "0.001,0.01". */
static json_t *cut(const char *text, int i, struct argp_state *state)
{
    json_t *list = json_array(), *value;

    for (const char *end;; text = end + 1) {
        end = may_vary(i) ? strchrnul(text, ',') : text + strlen(text);
        text += may_vary(i) ? strspn(text, " ") : 0;
        value = json_stringn(text, (size_t)(end - text));
        for (size_t k = 0; k < json_array_size(list); k++)
            if (json_equal(json_array_get(list, k), value))
                argp_error(state, "--%s: %s is there twice", settings_table[i].name, json_string_value(value));
        append(list, value);
        if (!*end)
            return list;
    }
}

/* Makes --seeds the list of seeds. */
static void count_seeds(sweep *s, struct argp_state *state)
{
    const json_t *given = json_object_get(s->arguments, "seed");
    settings first = settings_default();
    char text[32];
    json_t *list;

    if (!s->seeds && (given || s->common.resume))
        return;
    if (json_array_size(given) > 1)
        argp_error(state, "--seeds counts from one --seed");
    if (given)
        settings_parse(&first, SEED, json_string_value(json_array_get(given, 0)), state);
    list = json_array();
    for (int64_t i = 0; i < (s->seeds ? s->seeds : 1); i++, first.seed++) {
        snprintf(text, sizeof text, "%lld", (long long)first.seed);
        append(list, json_string(text));
    }
    json_object_set_new(s->arguments, "seed", list);
}

static void check(sweep *s, struct argp_state *state)
{
    if (!s->common.data && !s->common.resume)
        argp_error(state, "an argument is missing");
    if (s->common.data && json_object_set_new(s->arguments, "DATA", json_string(s->common.data)) != 0)
        die("out of memory, or a name that is not UTF-8");
    count_seeds(s, state);
    if (s->common.dir)
        read_state(s, state);
    find_lists(s);
    combine(s, state);
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    sweep *s = state->input;
    int i = arguments_setting(key);

    if (i >= 0) {
        json_object_set_new(s->arguments, settings_table[i].name, cut(text ? text : "", i, state));
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
        s->state = json_pack("{s:O, s:{}}", "arguments", s->arguments, "runs");
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
    for (int64_t i = 0; i < s->count; i++) {
        free(s->runs[i].name);
        free(s->runs[i].dir);
        free(s->runs[i].error);
    }
    free(s->runs);
    free(s->path);
    free(s->new_dir);
    json_decref(s->state);
    json_decref(s->arguments);
}

int command_sweep(int argc, char **argv)
{
    sweep s = { .arguments = json_object() };
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
