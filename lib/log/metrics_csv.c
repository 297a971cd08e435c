/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* metrics.csv: opened to be gone on with, written row by row, read again for plots. */
#include <config.h>

#include "log/metrics_csv.h"

#include "data/line_reader.h"
#include "files/replace_file.h"
#include "nn/module.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char header[] = "step,name,value,wall_time\n";

/* --- Opening ------------------------------------------------------------------------------------------------------ */

/* Copies the header and those rows that are whole and, unless purge_step is 0, of steps before it. */
static bool copy_rows(fr_replacement *r, FILE *file, int64_t purge_step)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    bool ok = true;

    for (bool first = true; ok && (length = getline(&line, &room, file)) > 0 && line[length - 1] == '\n'; first = false)
        if (first || purge_step == 0 || strtoll(line, NULL, 10) < purge_step)
            ok = fr_replace_write(r, line, (size_t)length);
    if (ok && !feof(file))
        ok = fr_fail(r->where, "%s", strerror(errno));
    free(line);
    return ok;
}

/* Whether file, which holds something, begins with the header; *whole: and ends with a whole row. */
static bool look_at(const char *where, FILE *file, bool *whole)
{
    char line[sizeof header];

    if (!fgets(line, sizeof line, file) || strcmp(line, header) != 0)
        return fr_fail(where, "is there already and was not made by fr_log_open: "
                              "its first line is not step,name,value,wall_time");
    if (fseeko(file, -1, SEEK_END) != 0)
        return fr_fail(where, "%s", strerror(errno));
    *whole = getc(file) == '\n';
    rewind(file);
    return true;
}

/* Makes what an earlier run has left at path fit to be gone on with. */
static bool take_over(const char *where, const char *path, int64_t purge_step)
{
    FILE *file = fr_file_open(where, path);
    bool whole = true, ok = file && look_at(where, file, &whole);
    fr_replacement r;

    if (ok && (!whole || purge_step > 0))
        ok = fr_replace_begin(&r, where, path) && fr_replace_finish(&r, copy_rows(&r, file, purge_step));
    if (file)
        fclose(file);
    return ok;
}

bool fr_metrics_open(const char *what, fr_logger *log, const fr_log_options *options)
{
    char where[FR_WHERE_SIZE];
    const char *path = log->metrics.path;
    struct stat status;
    bool there = stat(path, &status) == 0, rows = there && S_ISREG(status.st_mode) && status.st_size > 0;

    fr_file_where(what, path, where);
    if (there && options->must_be_new)
        return fr_fail(where, "is there already, and .must_be_new was given");
    if (rows && !take_over(where, path, options->purge_step))
        return false;
    log->metrics.file = fopen(path, "ae");
    if (!log->metrics.file)
        return fr_fail(where, "%s", strerror(errno));
    if (!rows)
        fputs(header, log->metrics.file);
    return fr_log_file_flush(what, &log->metrics);
}

/* --- Writing ------------------------------------------------------------------------------------------------------ */

/* As RFC 4180 has it. */
static void put_name(FILE *file, const char *name)
{
    bool quoted = strpbrk(name, ",\"") != NULL;

    if (quoted)
        putc('"', file);
    for (; *name; name++) {
        if (*name == '"')
            putc('"', file);
        putc(*name, file);
    }
    if (quoted)
        putc('"', file);
}

/* NaN and Inf in the letters that pandas, R and gnuplot all take. */
static const char *value_text(double value, char text[FR_NUMBER_TEXT])
{
    if (isfinite(value))
        return fr_number_text(value, text);
    return isnan(value) ? "NaN" : value > 0 ? "Inf" : "-Inf";
}

bool fr_metrics_write(const char *what, fr_logger *log, const char *name, int64_t step, double value)
{
    locale_t before = uselocale(log->c_locale);
    char text[FR_NUMBER_TEXT];

    fprintf(log->metrics.file, "%lld,", (long long)step);
    put_name(log->metrics.file, name);
    fprintf(log->metrics.file, ",%s,%.6f\n", value_text(value, text), log->clock());
    uselocale(before);
    return fr_log_file_flush(what, &log->metrics);
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

/* Cuts the name off *rest, in place; NULL where the quotes do not match. */
static char *take_name(char **rest)
{
    char *name = *rest, *to = name, *from = name;

    if (*name != '"')
        return strsep(rest, ",");
    for (from++; *from && (*from != '"' || from[1] == '"'); from++) {
        from += *from == '"';
        *to++ = *from;
    }
    if (*from != '"' || from[1] != ',')
        return NULL;
    *to = '\0';
    *rest = from + 2;
    return name;
}

/* The series of that name, made where there is none. NULL: out of memory. */
static fr_series *series_of(fr_metrics *m, const char *name)
{
    char *copy;

    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->items[i].name, name) == 0)
            return &m->items[i];
    copy = strdup(name);
    if (!copy || !fr_make_room(&m->items, sizeof *m->items, m->count, &m->capacity)) {
        free(copy);
        return NULL;
    }
    m->items[m->count] = (fr_series){ .name = copy };
    return &m->items[m->count++];
}

static bool add_row(const fr_line_reader *lines, fr_metrics *m, char *rest)
{
    const char *step = strsep(&rest, ","), *name = rest ? take_name(&rest) : NULL;
    const char *value = name ? strsep(&rest, ",") : NULL;
    char *step_end, *value_end;
    fr_series *s;

    if (!value || !rest)
        return fr_line_reader_fail(lines, "no row of step,name,value,wall_time");

    int64_t number = strtoll(step, &step_end, 10);
    double x = strtod(value, &value_end);

    if (step_end == step || *step_end || value_end == value || *value_end)
        return fr_line_reader_fail(lines, "step or value is no number");
    s = series_of(m, name);
    if (!s || !fr_make_room(&s->steps, sizeof *s->steps, s->count, &s->step_capacity) ||
        !fr_make_room(&s->values, sizeof *s->values, s->count, &s->value_capacity))
        return fr_line_reader_fail(lines, "out of memory");
    s->steps[s->count] = number;
    s->values[s->count++] = x;
    return true;
}

bool fr_metrics_read(const char *what, const fr_logger *log, fr_metrics *m)
{
    char where[FR_WHERE_SIZE];
    FILE *file = fr_file_open(fr_file_where(what, log->metrics.path, where), log->metrics.path);
    fr_line_reader lines;
    bool ok = file && fr_line_reader_begin(&lines, where, file);
    char *text;

    *m = (fr_metrics){ .count = 0 };
    if (ok) {
        fr_line_reader_next(&lines); /* the header */
        while (ok && (text = fr_line_reader_next(&lines)))
            ok = add_row(&lines, m, text);
        ok = ok && !lines.failed;
        fr_line_reader_end(&lines);
    }
    if (file)
        fclose(file);
    return ok;
}

void fr_metrics_free(fr_metrics *m)
{
    for (size_t i = 0; i < m->count; i++) {
        free(m->items[i].name);
        free(m->items[i].steps);
        free(m->items[i].values);
    }
    free(m->items);
}
