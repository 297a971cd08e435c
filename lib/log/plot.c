/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Draws metrics.csv with gnuplot. One script with the numbers and a plot for each group of names goes to gnuplot's
 * standard input, without a shell. A group is the part of a name before the first "/". */
#include <config.h>

#include "core/thread.h"
#include "files/replace_file.h"
#include "log/metrics_csv.h"

#include <errno.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

typedef struct {
    char where[FR_WHERE_SIZE];
    fr_replacement replacement;
} plot_file;

/* The plots that one run of gnuplot makes. */
typedef struct {
    const char *what, *dir;
    FILE *script;
    plot_file *files; /* with room for two for each series */
    size_t count;
} drawing;

/* --- The script --------------------------------------------------------------------------------------------------- */

/* In single quotes, where gnuplot interprets nothing but a doubled quote. */
static void put_quoted(FILE *script, const char *text)
{
    putc('\'', script);
    for (; *text; text++) {
        if (*text == '\'')
            putc('\'', script);
        putc(*text, script);
    }
    putc('\'', script);
}

static size_t group_length(const char *name)
{
    return strcspn(name, "/");
}

static bool same_group(const char *a, const char *b)
{
    size_t n = group_length(a);

    return n == group_length(b) && memcmp(a, b, n) == 0;
}

static bool has_finite(const fr_series *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (isfinite(s->values[i]))
            return true;
    return false;
}

/* The numbers of series n as a data block called $dN. A row without a number makes a gap in the line. */
static void put_data(FILE *script, const fr_series *s, size_t n)
{
    fprintf(script, "$d%zu << EOD\n", n);
    for (size_t i = 0; i < s->count; i++)
        fprintf(script, isfinite(s->values[i]) ? "%lld %.17g\n" : "%lld NaN\n", (long long)s->steps[i], s->values[i]);
    fputs("EOD\n", script);
}

/* The file DIR/GROUP.SUFFIX of the group to which the series `name` belongs: begins to replace it, and has gnuplot draw
 * the temporary file. False with an error. */
static bool put_output(drawing *d, const char *name, const char *suffix)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    plot_file *p = &d->files[d->count];
    char file[256], *path;
    size_t n = group_length(name), max = sizeof file - sizeof ".png";

    n = n < max ? n : max;
    for (size_t i = 0; i < n; i++)
        file[i] = strchr(allowed, name[i]) ? name[i] : '_';
    snprintf(file + n, sizeof file - n, ".%s", suffix);
    path = fr_log_path(d->what, d->dir, file);
    if (!path || !fr_replace_begin(&p->replacement, fr_file_where(d->what, path, p->where), path)) {
        free(path);
        return false;
    }
    d->count++;
    fputs("set output ", d->script);
    put_quoted(d->script, p->replacement.temporary);
    putc('\n', d->script);
    free(path);
    return true;
}

static void put_plot(FILE *script, const fr_metrics *m, size_t first)
{
    enum { POINTS_MAX = 200 }; /* more points cannot be told apart: only the line is drawn */
    const char *separator = "plot ";

    for (size_t i = first; i < m->count; i++) {
        const fr_series *s = &m->items[i];

        if (!same_group(s->name, m->items[first].name) || !has_finite(s))
            continue;
        fprintf(script, "%s$d%zu using 1:2 with %s title ", separator, i,
                s->count > POINTS_MAX ? "lines" : "linespoints pointtype 7 pointsize 0.3");
        put_quoted(script, s->name);
        fputs(" noenhanced", script);
        separator = ", ";
    }
    putc('\n', script);
}

/* The plots, .png and .svg, of the group whose first series is `first`. */
static bool put_group(drawing *d, const fr_metrics *m, size_t first)
{
    FILE *script = d->script;
    const char *name = m->items[first].name;

    fputs("if (strstrt(GPVAL_TERMINALS, 'pngcairo') > 0) { set terminal pngcairo size 960,600 } "
          "else { set terminal png size 960,600 }\n",
          script);
    if (!put_output(d, name, "png"))
        return false;
    put_plot(script, m, first);
    fputs("set terminal svg size 960,600 dynamic background 'white'\n", script);
    if (!put_output(d, name, "svg"))
        return false;
    put_plot(script, m, first);
    fputs("unset output\n", script);
    return true;
}

/* False with an error. */
static bool put_script(drawing *d, const fr_logger *log, const fr_metrics *m)
{
    locale_t before = uselocale(log->c_locale);
    bool ok = true;

    fputs("set grid\nset xlabel 'step'\n", d->script);
    for (size_t i = 0; i < m->count; i++)
        put_data(d->script, &m->items[i], i);
    for (size_t i = 0; ok && i < m->count; i++) {
        bool done = false; /* with an earlier series of its group */

        for (size_t k = 0; k < i && !done; k++)
            done = has_finite(&m->items[k]) && same_group(m->items[k].name, m->items[i].name);
        if (done || !has_finite(&m->items[i]))
            continue;
        ok = put_group(d, m, i);
    }
    uselocale(before);
    return ok;
}

/* --- gnuplot ------------------------------------------------------------------------------------------------------ */

/* Starts gnuplot. Returns 0 or an errno. */
static int start_gnuplot(FILE *script, FILE *messages, pid_t *pid)
{
    char gnuplot[] = "gnuplot", no_settings[] = "-d";
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);

    if (error)
        return error;
    error = posix_spawn_file_actions_adddup2(&actions, fileno(script), STDIN_FILENO);
    if (!error)
        error = posix_spawn_file_actions_adddup2(&actions, fileno(messages), STDOUT_FILENO);
    if (!error)
        error = posix_spawn_file_actions_adddup2(&actions, fileno(messages), STDERR_FILENO);
    if (!error)
        error = posix_spawnp(pid, gnuplot, &actions, NULL, (char *[]){ gnuplot, no_settings, NULL }, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* The last line of gnuplot's output that is not blank. */
static void read_message(FILE *messages, char text[FR_MESSAGE_SIZE / 2])
{
    char line[FR_MESSAGE_SIZE / 2];

    *text = '\0';
    rewind(messages);
    while (fgets(line, sizeof line, messages)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[strspn(line, " \t")])
            strcpy(text, line + strspn(line, " \t"));
    }
}

static bool run_gnuplot(const char *what, FILE *script, FILE *messages)
{
    char text[FR_MESSAGE_SIZE / 2];
    int status, error;
    pid_t pid;

    if (fseeko(script, 0, SEEK_SET) != 0)
        return fr_fail(what, "cannot read a temporary file: %s", strerror(errno));
    error = start_gnuplot(script, messages, &pid);
    if (error)
        return fr_fail(what, "cannot run gnuplot, which draws the plots: %s", strerror(error));
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return fr_fail(what, "cannot wait for gnuplot: %s", strerror(errno));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    read_message(messages, text);
    if (WIFSIGNALED(status))
        return fr_fail(what, "gnuplot was killed by signal %d", WTERMSIG(status));
    return fr_fail(what, "gnuplot failed: %s", *text ? text : "it does not say why");
}

/* Runs gnuplot with a script that draws m. */
static bool draw(drawing *d, const fr_logger *log, const fr_metrics *m, FILE *messages)
{
    char where[FR_WHERE_SIZE];

    if (!put_script(d, log, m))
        return false;
    if (d->count == 0)
        return fr_fail(fr_file_where(d->what, log->metrics.path, where), "there is no number to draw yet");
    if (fflush(d->script) != 0 || ferror(d->script))
        return fr_fail(d->what, "cannot write a temporary file: %s", strerror(errno));
    return run_gnuplot(d->what, d->script, messages);
}

/* Draws m and puts the files in place. */
static bool plot(const char *what, const fr_logger *log, const fr_metrics *m, FILE *script, FILE *messages)
{
    drawing d = { .what = what, .dir = log->dir, .script = script };
    bool ok;

    d.files = calloc(2 * m->count + 1, sizeof *d.files);
    ok = d.files ? draw(&d, log, m, messages) : (fr_fail_memory(what), false);
    for (size_t i = 0; i < d.count; i++)
        ok = fr_replace_finish(&d.files[i].replacement, ok);
    free(d.files);
    return ok;
}

static bool plot_log(const char *what, const fr_logger *log)
{
    FILE *script = tmpfile(), *messages = script ? tmpfile() : NULL;
    fr_metrics m = { .count = 0 };
    bool ok = false;

    if (!messages)
        fr_fail(what, "cannot make a temporary file: %s", strerror(errno));
    else
        ok = fr_metrics_read(what, log, &m) && plot(what, log, &m, script, messages);
    fr_metrics_free(&m);
    if (messages)
        fclose(messages);
    if (script)
        fclose(script);
    return ok;
}

static bool check_dir(const char *what, const char *dir)
{
    return !strpbrk(dir, "\n\r") || fr_fail(what, "gnuplot cannot write to a directory whose name contains a newline");
}

bool fr_log_plot(fr_logger *log)
{
    static const char what[] = "log_plot";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = fr_check_argument(what, log, "log") && check_dir(what, log->dir) && plot_log(what, log);

    fr_finish(th, before);
    return ok;
}

/* Has gnuplot run an empty script. */
static bool try_gnuplot(const char *what)
{
    FILE *empty = tmpfile();
    bool ok = empty ? run_gnuplot(what, empty, empty)
                    : (fr_fail(what, "cannot make a temporary file: %s", strerror(errno)), false);

    if (empty)
        fclose(empty);
    return ok;
}

bool fr_log_can_plot(const char *dir)
{
    static const char what[] = "log_can_plot";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = fr_check_argument(what, dir, "dir") && check_dir(what, dir) && try_gnuplot(what);

    fr_finish(th, before);
    return ok;
}
