/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Runs. A run is a directory with best.safetensors, last.safetensors and model.json, from which the model is made. */
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Bytes of weights that any run may have, and of model.json; values of a sequence. */
enum { ALWAYS_FINE = 1 << 26, DESCRIPTION_MAX = 1 << 24, STEPS_MAX = 1 << 28, LAYERS_MAX = 10000 };

/* A tensor (n) from a JSON array of n finite numbers; NULL for null. */
static fr_tensor *tensor_from_json(const json_t *array, int64_t n, const char *path)
{
    if (json_is_null(array))
        return NULL;
    if ((int64_t)json_array_size(array) != n)
        die("%s: expected %lld numbers for normalisation", path, (long long)n);

    fr_tensor *t = fr_zeros(FR_SHAPE(n));
    float *value = fr_data(t);

    for (int64_t i = 0; i < n; i++) {
        value[i] = (float)json_number_value(json_array_get(array, (size_t)i));
        if (!isfinite(value[i]))
            die("%s: a number for normalisation is not finite", path);
    }
    return t;
}

void run_from_json(run *r, json_t *json, const char *path)
{
    json_t *chosen, *mean, *deviation, *labels;
    json_int_t variables, steps, shortest = 0, longest = 0;
    json_error_t error;

    if (json_unpack_ex(json, &error, 0, "{s:o, s:I, s:I, s?[I, I], s:o, s:o, s:o, s:F, s:F}", "settings", &chosen,
                       "variables", &variables, "steps", &steps, "lengths", &shortest, &longest, "labels", &labels,
                       "mean", &mean, "deviation", &deviation, "target_mean", &r->target_mean, "target_deviation",
                       &r->target_deviation) != 0)
        die("%s: not the description of a run: %s", path, error.text);
    if (variables < 1 || variables > INT_MAX || steps < 1 || steps > INT_MAX)
        die("%s: variables and steps must be 1 or more", path);
    settings_from_json(&r->settings, chosen, path);
    if (!r->settings.regression && json_array_size(labels) < 2)
        die("%s: expected two labels or more", path);
    for (size_t i = 0; i < json_array_size(labels); i++)
        if (!json_is_string(json_array_get(labels, i)))
            die("%s: labels must be strings", path);
    r->json = json;
    r->variables = variables;
    r->steps = steps;
    r->shortest = shortest;
    r->longest = longest;
    r->labels = labels;
    r->mean = tensor_from_json(mean, variables, path);
    r->deviation = tensor_from_json(deviation, variables, path);
}

/* -1: there is none. */
static int64_t size_of_file(const char *dir, const char *name)
{
    char *path = path_in(dir, name);
    struct stat status;
    int64_t size = stat(path, &status) == 0 ? (int64_t)status.st_size : -1;

    free(path);
    return size;
}

/* Dies if model.json is damaged so that it asks for far more memory than the run's weights take. Every model has a
 * matrix (hidden,variables), and one (hidden,hidden) in each layer; the transformer has one (steps,hidden) as well, and
 * a tcn has `kernel` of each. */
static void check_sizes(const run *r, const char *path)
{
    const settings *s = &r->settings;
    double hidden = (double)s->hidden, layers = s->layers ? (double)s->layers : 1, steps = (double)r->steps;
    double least = 4 * hidden * ((double)r->variables + hidden * layers);
    double best = (double)size_of_file(r->dir, "best.safetensors"),
           last = (double)size_of_file(r->dir, "last.safetensors");

    if (strcmp(setting_choice(s, "model"), "transformer") == 0)
        least += 4 * hidden * steps;
    if (strcmp(setting_choice(s, "model"), "tcn") == 0)
        least *= (double)s->kernel;
    if (least > fmax(best, last) + ALWAYS_FINE)
        die("%s: describes a model with weights of %.0f bytes or more, its files have %.0f", path, least,
            fmax(best, last));
    if (layers > LAYERS_MAX)
        die("%s: describes a model of %.0f layers, expected at most %d", path, layers, LAYERS_MAX);
    if (steps * (double)r->variables > STEPS_MAX)
        die("%s: sequences of %.0f steps of %lld variables are too long", path, steps, (long long)r->variables);
}

/* Opens a file or directory to read. -1 with errno. */
static int open_to_read(const char *path)
{
    int fd;

    do
        fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    return fd;
}

typedef struct {
    int fd, error; /* error: an errno, or 0 */
} json_source;

/* A json_load_callback_t. */
static size_t read_some(void *into, size_t size, void *user)
{
    json_source *s = user;
    ssize_t count;

    do
        count = read(s->fd, into, size);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        s->error = errno;
    return (size_t)count;
}

json_t *read_json(const char *path, const char *expected)
{
    json_source s = { .fd = open_to_read(path) };
    struct stat status;
    json_error_t error;
    json_t *json;

    if (s.fd < 0)
        die("%s: cannot be read: %s; expected %s", path, strerror(errno), expected);
    if (fstat(s.fd, &status) == 0 && status.st_size > DESCRIPTION_MAX)
        die("%s: has more than %d bytes: it is not %s", path, DESCRIPTION_MAX, expected);
    json = json_load_callback(read_some, &s, 0, &error);
    close(s.fd);
    if (s.error)
        die("%s: cannot be read: %s", path, strerror(s.error));
    if (!json)
        die("%s:%d: %s", path, error.line, error.text);
    return json;
}

void write_json(const json_t *json, const char *path)
{
    output o;
    FILE *file = output_begin(&o);

    if (json_dumpf(json, file, JSON_INDENT(2)) != 0 || fputc('\n', file) == EOF)
        die("out of memory");
    output_end(&o, file, path);
}

run run_open(const char *dir)
{
    run r = { .dir = dir };
    char *path = path_in(dir, "model.json");

    run_from_json(&r, read_json(path, "the directory of a run of frond train"), path);
    check_sizes(&r, path);
    free(path);
    return r;
}

/* Waits until the name of a new directory is on the disk. A parent that cannot be read cannot be synced. */
static void sync_parent(const char *dir)
{
    char *parent = path_in(dir, "..");
    int fd = open_to_read(parent), result = 0;

    if (fd < 0 && errno != EACCES)
        die("%s: cannot be synced: %s", parent, strerror(errno));
    if (fd >= 0)
        do
            result = fsync(fd);
        while (result != 0 && errno == EINTR);
    if (result != 0 && errno != EINVAL)
        die("%s: cannot be synced: %s", parent, strerror(errno));
    if (fd >= 0)
        close(fd);
    free(parent);
}

void make_dir(const char *dir)
{
    if (mkdir(dir, 0777) == 0)
        sync_parent(dir);
    else if (errno != EEXIST)
        die("%s: cannot be made: %s", dir, strerror(errno));
}

void run_create(const run *r)
{
    char *path = path_in(r->dir, "model.json");

    make_dir(r->dir);
    if (access(path, F_OK) == 0)
        die("%s: holds a run already; --resume goes on with it", r->dir);
    if (errno != ENOENT)
        die("%s: %s", path, strerror(errno));
    free(path);
}

char *run_new_dir(void)
{
    time_t now = time(NULL);
    char date[16], *dir;

    strftime(date, sizeof date, "%Y-%m-%d", localtime(&now));
    if (mkdir("runs", 0777) != 0 && errno != EEXIST)
        die("runs: cannot be made: %s", strerror(errno));
    for (int n = 1;; n++) {
        if (asprintf(&dir, "runs/%s-%d", date, n) < 0)
            die("out of memory");
        if (mkdir(dir, 0777) == 0)
            return dir;
        if (errno != EEXIST)
            die("%s: cannot be made: %s", dir, strerror(errno));
        free(dir);
    }
}

void run_write(const run *r)
{
    char *path = path_in(r->dir, "model.json");

    write_json(r->json, path);
    free(path);
}

void run_close(run *r)
{
    json_decref(r->json);
    *r = (run){ 0 };
}

int64_t run_outputs(const run *r)
{
    return r->settings.regression ? 1 : (int64_t)json_array_size(r->labels);
}

const char *run_label(const run *r, int64_t i)
{
    return json_string_value(json_array_get(r->labels, (size_t)i));
}
