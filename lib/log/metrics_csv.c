/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* metrics.csv: opened to append to, written row by row, and read for plots. */
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

/* Copies the header and the complete rows; if purge_step > 0, only those of earlier steps. */
static bool copy_rows(fr_replacement *r, FILE *file, int64_t purge_step)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    bool ok = true;

    for (bool first = true; ok && (length = getline(&line, &capacity, file)) > 0 && line[length - 1] == '\n';
         first = false)
        if (first || purge_step == 0 || strtoll(line, NULL, 10) < purge_step)
            ok = fr_replace_write(r, line, (size_t)length);
    if (ok && !feof(file))
        ok = fr_fail(r->where, "%s", strerror(errno));
    free(line);
    return ok;
}

/* Fails unless file, which is not empty, begins with the header. *complete: its last row ends with a newline. */
static bool check_file(const char *where, FILE *file, bool *complete)
{
    char line[sizeof header];

    if (!fgets(line, sizeof line, file) || strcmp(line, header) != 0)
        return fr_fail(where, "is there already and was not made by fr_log_open: "
                              "its first line is not step,name,value,wall_time");
    if (fseeko(file, -1, SEEK_END) != 0)
        return fr_fail(where, "%s", strerror(errno));
    *complete = getc(file) == '\n';
    return fseeko(file, 0, SEEK_SET) == 0 || fr_fail(where, "%s", strerror(errno));
}

/* Prepares the file of an earlier run to be appended to: drops an incomplete last row, and rows from purge_step on. */
static bool repair(const char *where, const char *path, int64_t purge_step)
{
    FILE *file = fr_file_open(where, path);
    bool complete = true, ok = file && check_file(where, file, &complete);
    fr_replacement r;

    if (ok && (!complete || purge_step > 0))
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
    bool exists = stat(path, &status) == 0, has_rows = exists && S_ISREG(status.st_mode) && status.st_size > 0;

    fr_file_where(what, path, where);
    if (!exists && errno != ENOENT)
        return fr_fail(where, "%s", strerror(errno));
    if (exists && options->must_be_new)
        return fr_fail(where, "is there already, and .must_be_new was given");
    if (has_rows && !repair(where, path, options->purge_step))
        return false;
    if (!fr_log_file_open(&log->metrics, 0))
        return fr_fail(where, "%s", strerror(errno));
    if (!has_rows)
        fputs(header, log->metrics.file);
    return fr_log_file_flush(what, &log->metrics);
}

/* --- Writing ------------------------------------------------------------------------------------------------------ */

/* As a CSV field (RFC 4180): in double quotes if it contains a comma or a quote, with quotes doubled. */
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

/* pandas, R and gnuplot all read NaN, Inf and -Inf. */
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

/* Cuts the name off *rest and unquotes it in place. NULL if its quotes do not match. */
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

/* Finds or adds the series of that name. NULL if memory runs out. */
static fr_series *find_or_add_series(fr_metrics *m, const char *name)
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
        return fr_line_reader_fail(lines, "not a row of step,name,value,wall_time");

    int64_t number = strtoll(step, &step_end, 10);
    double x = strtod(value, &value_end);

    if (step_end == step || *step_end || value_end == value || *value_end)
        return fr_line_reader_fail(lines, "step or value is not a number");
    s = find_or_add_series(m, name);
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
