/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What comes of a sweep: the figures of its runs, from their metrics.csv, as a table, as sweep.csv and as pictures. */
#include "sweep.h"

#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- The figures of a run ----------------------------------------------------------------------------------------- */

/* Of training or of validation. */
typedef struct {
    bool there;
    bool lowest; /* the last row of loss was the lowest so far */
    double figures[FIGURES];
} part;

static void take_row(sweep *s, part *p, const char *group, double epoch, double value)
{
    bool loss = strcmp(group, "loss") == 0;

    p->there = true;
    if (loss && (p->lowest = value < p->figures[LOSS])) {
        p->figures[LOSS] = value;
        p->figures[EPOCH] = epoch;
    } else if (!loss && p->lowest) {
        p->figures[SCORE] = value;
        s->rmse = strcmp(group, "rmse") == 0;
    }
}

void sweep_read_figures(sweep *s, sweep_run *r)
{
    part parts[2] = { { .figures[LOSS] = HUGE_VAL }, { .figures[LOSS] = HUGE_VAL } };
    char *path = path_in(r->dir, "metrics.csv"), line[256], group[16], name[16], epoch[32], value[32];
    FILE *file = fopen(path, "re");
    const part *p;

    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "%31[^,],%15[^/,]/%15[^,],%31[^,]", epoch, group, name, value) == 4)
            take_row(s, &parts[strcmp(name, "validation") == 0], group, strtod(epoch, NULL), strtod(value, NULL));
    if (file)
        fclose(file);
    p = &parts[parts[1].there];
    s->validated = parts[1].there;
    r->done = isfinite(p->figures[LOSS]);
    if (!r->done && !(r->error = strdup("there is no finite loss in its metrics.csv")))
        die("out of memory");
    memcpy(r->figures, p->figures, SECONDS * sizeof *r->figures);
    free(path);
}

/* --- Combinations ------------------------------------------------------------------------------------------------- */

/* Of each figure there are mean and deviation, but of the last the mean alone. */
enum { RUNS, FAILURES, MEANS, COLUMNS = MEANS + 2 * FIGURES - 1 };

/* The runs of a combination, with all seeds. */
typedef struct {
    int64_t first, end;
    double columns[COLUMNS + 1]; /* NaN where there are too few runs */
} row;

static row make_row(const sweep *s, int64_t first)
{
    row c = { .first = first, .end = first + sweep_values(s, SEED) };

    c.columns[RUNS] = (double)(c.end - first);
    for (int f = 0; f < FIGURES; f++) {
        double done = 0, mean = 0, squares = 0;

        for (const sweep_run *r = &s->runs[first]; r < &s->runs[c.end]; r++)
            if (r->done) { /* Welford's recurrence: equal values have no deviation, whatever is rounded */
                double difference = r->figures[f] - mean;

                mean += difference / ++done;
                squares += difference * (r->figures[f] - mean);
            }
        c.columns[FAILURES] = c.columns[RUNS] - done;
        c.columns[MEANS + 2 * f] = done > 0 ? mean : NAN;
        c.columns[MEANS + 2 * f + 1] = done > 1 ? sqrt(squares / (done - 1)) : NAN;
    }
    return c;
}

/* A qsort function: fewest failures first, then by loss, then as given. */
static int compare_rows(const void *a, const void *b)
{
    const row *x = a, *y = b;

    for (int i = FAILURES; i <= MEANS; i++)
        if (x->columns[i] < y->columns[i] || x->columns[i] > y->columns[i])
            return x->columns[i] < y->columns[i] ? -1 : 1;
    return x->first < y->first ? -1 : 1;
}

/* The next setting after i that varies, other than the seed; SETTINGS: there is none. */
static int next_varying(const sweep *s, int i)
{
    do
        i++;
    while (i < SETTINGS && (i == SEED || sweep_values(s, i) < 2));
    return i;
}

/* --- The table ---------------------------------------------------------------------------------------------------- */

/* As CSV, or in columns with the best row marked. */
typedef struct {
    FILE *file;
    bool csv;
    const char *separator; /* before the next cell */
} table;

static void FR_PRINTF(3, 4) put(table *t, int width, const char *format, ...)
{
    char text[NAME_MAX + 1];
    va_list values;

    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    fprintf(t->file, "%s%-*s", t->separator, t->csv ? 0 : width, text);
    t->separator = t->csv ? "," : "  ";
}

/* The width of setting i in the table. */
static int width(const sweep *s, int i)
{
    size_t w = strlen(settings_table[i].name);

    for (size_t k = 0; k < json_array_size(s->lists[i]); k++)
        if (json_string_length(json_array_get(s->lists[i], k)) > w)
            w = json_string_length(json_array_get(s->lists[i], k));
    return (int)w;
}

/* c is NULL for the head. */
static void put_row(table *t, const sweep *s, const row *c)
{
    const char *score = s->rmse ? "rmse" : "accuracy", *score_std = s->rmse ? "rmse_std" : "accuracy_std";
    const char *names[] = { "runs", "failed", "loss", "loss_std", score, score_std, "epoch", "epoch_std", "seconds" };

    for (int i = -1; (i = next_varying(s, i)) < SETTINGS;)
        put(t, width(s, i), "%s", c ? sweep_value(s, i, c->first) : settings_table[i].name);
    for (int i = 0; i < COLUMNS; i++) {
        int w = i == COLUMNS - 1 ? 0 : i < MEANS ? 6 : i < MEANS + 4 ? 12 : 9;

        if (!c)
            put(t, w, "%s", names[i]);
        else if (isnan(c->columns[i]))
            put(t, w, "%s", t->csv ? "" : "-");
        else
            put(t, w, t->csv ? "%.9g" : "%.4g", c->columns[i]);
    }
    fputc('\n', t->file);
}

static void put_table(FILE *file, bool csv, const sweep *s, const row *rows, int64_t count)
{
    put_row(&(table){ file, csv, csv ? "" : "  " }, s, NULL);
    for (int64_t k = 0; k < count; k++)
        put_row(&(table){ file, csv, csv ? "" : k == 0 && rows[k].columns[FAILURES] == 0 ? "* " : "  " }, s, &rows[k]);
}

static void write_csv(const sweep *s, const row *rows, int64_t count)
{
    char *path = path_in(s->common.dir, "sweep.csv");
    output o;
    FILE *file = output_begin(&o);

    put_table(file, true, s, rows, count);
    output_end(&o, file, path);
    free(path);
}

/* Where the best run of the best combination is. */
static void print_best(const sweep *s, const row *c)
{
    const sweep_run *best = NULL;

    for (const sweep_run *r = &s->runs[c->first]; r < &s->runs[c->end]; r++)
        if (r->done && !(best && best->figures[LOSS] <= r->figures[LOSS]))
            best = r;
    if (best)
        printf("Best: epoch %.0f, %s loss %.4f, in %s/best.safetensors\n", best->figures[EPOCH],
               s->validated ? "validation" : "training", best->figures[LOSS], best->dir);
}

/* --- Pictures ----------------------------------------------------------------------------------------------------- */

/* The curves of the best combination, a line for each seed. Names of runs have no quote in them. */
static void script_curves(FILE *file, const sweep *s, const row *best)
{
    const char *separator = "plot ";

    fputs("set output 'best.'.kind\nset xlabel 'epoch'\nset ylabel 'loss'\n", file);
    for (int64_t i = best->first; i < best->end; i++) {
        if (!s->runs[i].done)
            continue;
        fprintf(file,
                "%s'%s/metrics.csv' using 1:(strcol(2) eq 'loss/%s' ? $3 : NaN) with linespoints title '%s' "
                "noenhanced",
                separator, s->runs[i].name, s->validated ? "validation" : "train", s->runs[i].name);
        separator = ", ";
    }
    fputc('\n', file);
}

/* The loss of all combinations against setting i. */
static void script_setting(FILE *file, const sweep *s, int i, const row *rows, int64_t count)
{
    const json_t *list = s->lists[i];
    int values = (int)json_array_size(list);

    fprintf(file, "set xlabel '%s'\nset xrange [-0.5:%d.5]\nset xtics (", settings_table[i].name, values - 1);
    for (int k = 0; k < values; k++)
        fprintf(file, "%s'%s' %d", k ? ", " : "", json_string_value(json_array_get(list, (size_t)k)), k);
    fputs(")\nplot '-' using 1:2:3 with yerrorbars pointtype 7 notitle\n", file);
    for (const row *c = rows; c < rows + count && !isnan(c->columns[MEANS]); c++)
        for (int k = 0; k < values; k++)
            if (json_string_value(json_array_get(list, (size_t)k)) == sweep_value(s, i, c->first))
                fprintf(file, "%d,%.9g,%.9g\n", k, c->columns[MEANS], fmax(c->columns[MEANS + 1], 0)); /* NaN: 0 */
    fputs("e\n", file);
}

static void write_script(const sweep *s, const char *path, const row *rows, int64_t count)
{
    int panels = 0;
    output o;
    FILE *file = output_begin(&o);

    for (int i = -1; (i = next_varying(s, i)) < SETTINGS;)
        panels++;
    for (int svg = 0; svg < 2; svg++) {
        fputs("reset\nset grid\nset datafile separator ','\nset datafile missing NaN\n", file);
        fputs(
            svg ? "kind = 'svg'\nset terminal svg size 960,600 dynamic background 'white'\n"
                : "kind = 'png'\nif (strstrt(GPVAL_TERMINALS, 'pngcairo') > 0) { set terminal pngcairo size 960,600 } "
                  "else { set terminal png size 960,600 }\n",
            file);
        script_curves(file, s, &rows[0]);
        if (panels)
            fprintf(file, "set output 'settings.'.kind\nset multiplot layout 1,%d\n", panels);
        for (int i = -1; (i = next_varying(s, i)) < SETTINGS;)
            script_setting(file, s, i, rows, count);
        fputs("unset multiplot\nunset output\n", file);
    }
    output_end(&o, file, path);
}

/* Draws best.png, settings.png and the same as .svg. */
static void draw(const sweep *s, const row *rows, int64_t count)
{
    char *path = path_in(s->common.dir, "sweep.gnuplot");
    int status = 0;
    pid_t pid;

    write_script(s, path, rows, count);
    pid = fork();
    if (pid == 0) {
        if (chdir(s->common.dir) == 0 && freopen("/dev/null", "w", stderr)) /* it warns of single points */
            execlp("gnuplot", "gnuplot", "-d", "sweep.gnuplot", (char *)NULL);
        _exit(FAILED);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
        die("%s: gnuplot failed; run in that folder it says why", path);
    free(path);
}

void sweep_report(sweep *s)
{
    int64_t count = s->count / sweep_values(s, SEED);
    row *rows = calloc((size_t)count, sizeof *rows);

    if (!rows)
        die("out of memory");
    for (int64_t k = 0; k < count; k++)
        rows[k] = make_row(s, k * sweep_values(s, SEED));
    qsort(rows, (size_t)count, sizeof *rows, compare_rows);
    put_table(stdout, false, s, rows, count);
    print_best(s, &rows[0]);
    write_csv(s, rows, count);
    if (s->common.plots && !isnan(rows[0].columns[MEANS]))
        draw(s, rows, count);
    free(rows);
}
