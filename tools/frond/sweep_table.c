/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What comes of a sweep: the figures of its runs, from their metrics.csv, as a table, as sweep.csv and as pictures. */
#include "sweep.h"

#include <errno.h>
#include <math.h>
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
        s->score = strcmp(group, "rmse") == 0 ? "rmse" : "accuracy";
    }
}

void sweep_read_figures(sweep *s, sweep_run *r)
{
    part parts[2] = { { .figures[LOSS] = HUGE_VAL }, { .figures[LOSS] = HUGE_VAL } };
    char *dir = path_in(s->common.dir, r->name), *path = path_in(dir, "metrics.csv"), line[256], group[16], name[16];
    FILE *file = fopen(path, "re");
    const part *p;
    double epoch, value;

    if (!file)
        die("%s: cannot be read: %s", path, strerror(errno));
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "%lf,%15[^/,]/%15[^,],%lf", &epoch, group, name, &value) == 4)
            take_row(s, &parts[strcmp(name, "validation") == 0], group, epoch, value);
    fclose(file);
    p = &parts[parts[1].there];
    s->validated = parts[1].there;
    r->done = isfinite(p->figures[LOSS]);
    if (!r->done && !(r->error = strdup("its loss was never finite")))
        die("out of memory");
    memcpy(r->figures, p->figures, SECONDS * sizeof *r->figures);
    free(path);
    free(dir);
}

/* --- Combinations ------------------------------------------------------------------------------------------------- */

/* The runs of a combination, with all seeds. */
typedef struct {
    int64_t first, runs, failed;
    double mean[FIGURES], deviation[FIGURES]; /* the latter NaN for fewer than two */
} row;

static row make_row(const sweep *s, int64_t first)
{
    row c = { .first = first, .runs = s->lists[SEED].count };
    double done;

    for (int64_t i = first; i < first + c.runs; i++)
        c.failed += !s->runs[i].done;
    done = (double)(c.runs - c.failed);
    for (int f = 0; f < FIGURES; f++) {
        double sum = 0, squares = 0;

        for (int64_t i = first; i < first + c.runs; i++)
            sum += s->runs[i].done ? s->runs[i].figures[f] : 0;
        c.mean[f] = sum / done;
        for (int64_t i = first; i < first + c.runs; i++)
            squares += s->runs[i].done ? pow(s->runs[i].figures[f] - c.mean[f], 2) : 0;
        c.deviation[f] = done > 1 ? sqrt(squares / (done - 1)) : NAN;
    }
    return c;
}

/* A qsort function: what never failed first, then by loss, then as given. */
static int compare_rows(const void *a, const void *b)
{
    const row *x = a, *y = b;

    if (x->failed != y->failed)
        return x->failed < y->failed ? -1 : 1;
    if (x->failed < x->runs && x->mean[LOSS] != y->mean[LOSS])
        return x->mean[LOSS] < y->mean[LOSS] ? -1 : 1;
    return x->first < y->first ? -1 : 1;
}

/* The next setting after i that varies, other than the seed; SETTINGS: there is none. */
static int next_varying(const sweep *s, int i)
{
    do
        i++;
    while (i < SETTINGS && (i == SEED || s->lists[i].count < 2));
    return i;
}

/* --- The table ---------------------------------------------------------------------------------------------------- */

enum { COLUMN = 24 }; /* width of those with "0.1234 +- 0.0123" */

/* Of the column of setting i. */
static int width(const sweep *s, int i)
{
    size_t w = strlen(settings_table[i].name);

    for (int64_t k = 0; k < s->lists[i].count; k++)
        if (strlen(s->lists[i].values[k]) > w)
            w = strlen(s->lists[i].values[k]);
    return (int)w + 2;
}

static void print_figure(double mean, double deviation)
{
    char text[COLUMN];

    snprintf(text, sizeof text, isnan(deviation) ? "%.5g" : "%.5g +- %.2g", mean, deviation);
    printf("%-*s", COLUMN, text);
}

static void print_table(const sweep *s, const row *rows, int64_t count)
{
    fputs("  ", stdout);
    for (int i = -1; (i = next_varying(s, i)) < SETTINGS;)
        printf("%-*s", width(s, i), settings_table[i].name);
    printf("%-*s%-*s%-7sseconds\n", COLUMN, s->validated ? "validation loss" : "training loss", COLUMN, s->score,
           "epoch");
    for (int64_t k = 0; k < count; k++) {
        const row *c = &rows[k];

        fputs(k == 0 && !c->failed ? "* " : "  ", stdout);
        for (int i = -1; (i = next_varying(s, i)) < SETTINGS;)
            printf("%-*s", width(s, i), sweep_value(s, i, c->first));
        if (c->failed < c->runs) {
            print_figure(c->mean[LOSS], c->deviation[LOSS]);
            print_figure(c->mean[SCORE], c->deviation[SCORE]);
            printf("%-7.1f%.1f", c->mean[EPOCH], c->mean[SECONDS]);
        }
        if (c->failed)
            printf("%s%lld of %lld failed", c->failed < c->runs ? "  " : "", (long long)c->failed, (long long)c->runs);
        putchar('\n');
    }
}

/* A number; nothing if there is none, as pandas and R write it. */
static void write_figure(FILE *file, double value)
{
    fputc(',', file);
    if (!isnan(value))
        fprintf(file, "%.9g", value);
}

static void write_csv(const sweep *s, const row *rows, int64_t count)
{
    char *path = path_in(s->common.dir, "sweep.csv");
    output o;
    FILE *file = output_begin(&o);

    for (int i = -1; (i = next_varying(s, i)) < SETTINGS;)
        fprintf(file, "%s,", settings_table[i].name);
    fprintf(file, "runs,failed,loss,loss_std,%s,%s_std,epoch,seconds\n", s->score, s->score);
    for (int64_t k = 0; k < count; k++) {
        const row *c = &rows[k];

        for (int i = -1; (i = next_varying(s, i)) < SETTINGS;)
            fprintf(file, "%s,", sweep_value(s, i, c->first));
        fprintf(file, "%lld,%lld", (long long)c->runs, (long long)c->failed);
        write_figure(file, c->mean[LOSS]);
        write_figure(file, c->deviation[LOSS]);
        write_figure(file, c->mean[SCORE]);
        write_figure(file, c->deviation[SCORE]);
        write_figure(file, c->mean[EPOCH]);
        write_figure(file, c->mean[SECONDS]);
        fputc('\n', file);
    }
    output_end(&o, file, path);
    free(path);
}

/* --- Pictures ----------------------------------------------------------------------------------------------------- */

/* The curves of the best combination, a line for each seed. Names of runs have no quote in them. */
static void script_curves(FILE *file, const sweep *s, const row *best)
{
    const char *separator = "plot ";

    fputs("set output 'best.'.kind\nset xlabel 'epoch'\nset ylabel 'loss'\n", file);
    for (int64_t i = best->first; i < best->first + best->runs; i++) {
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
    const sweep_list *list = &s->lists[i];

    fprintf(file, "set xlabel '%s'\nset xrange [-0.5:%lld.5]\nset xtics (", settings_table[i].name,
            (long long)list->count - 1);
    for (int64_t k = 0; k < list->count; k++)
        fprintf(file, "%s'%s' %lld", k ? ", " : "", list->values[k], (long long)k);
    fputs(")\nplot '-' using 1:2:3 with yerrorbars pointtype 7 notitle\n", file);
    for (int64_t k = 0; k < count; k++)
        for (int64_t value = 0; value < list->count && rows[k].failed < rows[k].runs; value++)
            if (list->values[value] == sweep_value(s, i, rows[k].first))
                fprintf(file, "%lld,%.9g,%.9g\n", (long long)value, rows[k].mean[LOSS],
                        isnan(rows[k].deviation[LOSS]) ? 0 : rows[k].deviation[LOSS]);
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
        fprintf(file, panels ? "set output 'settings.'.kind\nset multiplot layout 1,%d\n" : "", panels);
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
        if (chdir(s->common.dir) == 0)
            execlp("gnuplot", "gnuplot", "-d", "sweep.gnuplot", (char *)NULL);
        _exit(FAILED);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
        die("%s: gnuplot failed", path);
    free(path);
}

/* Where the best run of the best combination is. */
static void print_best(const sweep *s, const row *c)
{
    const sweep_run *best = NULL;

    for (int64_t i = c->first; i < c->first + c->runs; i++)
        if (s->runs[i].done && !(best && best->figures[LOSS] <= s->runs[i].figures[LOSS]))
            best = &s->runs[i];
    if (best)
        printf("Best: epoch %.0f, loss %.4f, in %s/%s/best.safetensors\n", best->figures[EPOCH], best->figures[LOSS],
               s->common.dir, best->name);
}

void sweep_report(sweep *s)
{
    int64_t count = s->count / s->lists[SEED].count;
    row *rows = calloc((size_t)count, sizeof *rows);

    if (!rows)
        die("out of memory");
    for (int64_t k = 0; k < count; k++)
        rows[k] = make_row(s, k * s->lists[SEED].count);
    qsort(rows, (size_t)count, sizeof *rows, compare_rows);
    if (!s->score)
        s->score = "accuracy";
    print_table(s, rows, count);
    print_best(s, &rows[0]);
    write_csv(s, rows, count);
    if (s->common.plots && rows[0].failed < rows[0].runs)
        draw(s, rows, count);
    free(rows);
}
