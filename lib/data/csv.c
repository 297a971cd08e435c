/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reads sequences from .csv and .tsv files: one sequence a row, of any length, with a label in one column or without
 * labels. What the options leave open is told from the whole table: the separator, whether the first row has names,
 * which column has the labels. */
#include <config.h>

#include "core/options.h"
#include "core/thread.h"
#include "data/csv_table.h"
#include "data/sequences.h"

#include <math.h>
#include <stdlib.h>
#include <strings.h>

/* A column: from 1; NONE: there are no labels; LAST: the last one of each row; OPEN: not known yet. */
enum { NONE = 0, LAST = -1, OPEN = -2 };

static const char *get_field(const fr_csv_table *t, const fr_csv_row *row, int64_t column)
{
    const char *field = fr_csv_first(t, row);

    if (column == LAST)
        return fr_csv_last(t, row);
    for (int64_t i = column; i > 1; i--)
        field = fr_csv_next(field);
    return field;
}

/* --- The first row ------------------------------------------------------------------------------------------------ */

/* Names have no number among them, and a row of data beside its label nothing else. One name may be empty, as that of
 * an index is. A single row is data. */
static bool is_header(const fr_csv_table *t)
{
    const char *field = fr_csv_first(t, &t->rows[0]);
    int64_t texts = 0;
    double number;

    for (int64_t i = 0; i < t->rows[0].fields; i++, field = fr_csv_next(field)) {
        if (fr_parse_number(field, &number) || (*field && fr_is_missing(field)))
            return false;
        texts += *field != '\0';
    }
    return t->row_count > 1 && texts > 1 && texts + 1 >= t->rows[0].fields;
}

/* --- The column of labels ----------------------------------------------------------------------------------------- */

/* The column of that name in the first row, or OPEN. */
static int64_t find_name(const fr_csv_table *t, const char *name, bool any_case)
{
    const char *field = fr_csv_first(t, &t->rows[0]);

    for (int64_t i = 0; i < t->rows[0].fields; i++, field = fr_csv_next(field))
        if ((any_case ? strcasecmp : strcmp)(field, name) == 0)
            return i + 1;
    return OPEN;
}

/* What may be labels: texts, or whole numbers of which some are alike and some are not. *different counts them. False
 * with an error if memory runs out. */
static bool look_at_column(const fr_csv_table *t, size_t first_row, int64_t column, bool *texts, int64_t *different)
{
    fr_label_set set = { 0 };
    bool whole = true, ok = true;
    double number;

    *texts = false;
    for (size_t i = first_row; ok && i < t->row_count; i++) {
        const char *field = get_field(t, &t->rows[i], column);

        if (fr_is_missing(field))
            continue;
        if (!fr_parse_number(field, &number))
            *texts = true;
        else if (trunc(number) != number)
            whole = false;
        ok = fr_label_set_add(&set, field) >= 0;
    }
    *different = whole && set.count > 1 ? (int64_t)set.count : INT64_MAX;
    fr_label_set_free(&set);
    return ok;
}

/* The column that a header calls so, or the one of the first and the last that has texts, or else whole numbers of
 * fewer kinds than the other; the first if both may be it, as in the UCR archive. OPEN with an error. */
static int64_t tell_column(const fr_line_reader *lines, const fr_csv_table *t, bool header)
{
    static const char *const names[] = { "label", "class", "target", "y" };
    bool texts_first, texts_last;
    int64_t first, last, column = OPEN;

    for (size_t i = 0; header && column == OPEN && i < sizeof names / sizeof *names; i++)
        column = find_name(t, names[i], true);
    if (column != OPEN)
        return column;
    if (!look_at_column(t, header, 1, &texts_first, &first) || !look_at_column(t, header, LAST, &texts_last, &last))
        return fr_line_reader_fail(lines, "out of memory"), OPEN;
    if (texts_first != texts_last)
        return texts_first ? 1 : LAST;
    return last < first ? LAST : 1;
}

/* The column that the option `label` asks for; OPEN if there is none. */
static int64_t parse_column(const fr_csv_table *t, const char *text, bool header)
{
    char *end;
    long long number = strtoll(text, &end, 10);
    int64_t named = header ? find_name(t, text, false) : OPEN;

    if (named != OPEN)
        return named;
    if (strcasecmp(text, "first") == 0)
        return 1;
    if (strcasecmp(text, "last") == 0)
        return LAST;
    if (strcasecmp(text, "none") == 0)
        return NONE;
    return end > text && !*end && number >= 1 ? number : OPEN;
}

static bool choose_column(const fr_line_reader *lines, const fr_csv_table *t, const fr_csv_options *o, bool header,
                          int64_t *column)
{
    char quoted[FR_QUOTED_SIZE];

    if (o->label && (*column = parse_column(t, o->label, header)) == OPEN)
        return fr_fail(lines->where, "label %s: expected first, last, none, a column's number%s",
                       fr_quoted(o->label, quoted), header ? " or its name" : "; there is no row of names"),
               false;
    if (!o->label)
        *column = o->no_label ? NONE : o->label_last ? LAST : tell_column(lines, t, header);
    return *column != OPEN;
}

/* Writes what the option `label` would say. The number of a last column is the same in all rows. */
static void note_column(const fr_csv_table *t, int64_t column, char text[24])
{
    bool last = column == LAST || (column > 1 && t->row_count > 0);

    for (size_t i = 0; last && column != LAST && i < t->row_count; i++)
        last = t->rows[i].fields == column;
    if (last || column <= 1)
        strcpy(text, last ? "last" : column == 1 ? "first" : "none");
    else
        snprintf(text, 24, "%lld", (long long)column);
}

/* --- Rows --------------------------------------------------------------------------------------------------------- */

/* Finds the label of a row; false with an error if there is none. */
static bool find_label(const fr_line_reader *lines, const fr_csv_table *t, const fr_csv_row *row, int64_t column,
                       const char **label)
{
    char name[40];

    if (column > row->fields)
        return fr_line_reader_fail(lines, "the label in column %lld is missing; the separator is a %s",
                                   (long long)column, fr_csv_separator_name(t->separator));
    snprintf(name, sizeof name,
             column == 1      ? "the first column"
             : column == LAST ? "the last column"
                              : "column %lld",
             (long long)column);
    *label = get_field(t, row, column);
    if (!**label)
        return fr_line_reader_fail(lines, "the label in %s is missing", name);
    if (row->fields == 1)
        return fr_line_reader_fail(lines, "a label without values; the separator is a %s",
                                   fr_csv_separator_name(t->separator));
    return true;
}

static bool add_row(fr_sequence_builder *b, const fr_line_reader *lines, const fr_csv_table *t, const fr_csv_row *row,
                    int64_t column)
{
    int64_t n = row->fields - (column != NONE), place = 0;
    const char *field = fr_csv_first(t, row), *label = NULL;

    if (column != NONE && !find_label(lines, t, row, column, &label))
        return false;
    for (int64_t i = 1; i <= row->fields; i++, field = fr_csv_next(field))
        if (field != label && !fr_sequence_builder_add_value(b, lines, field, "column", i))
            return false;
    if (!fr_sequence_builder_fill(b, lines, n))
        return false;
    if (column != NONE && !b->drop && (place = fr_label_set_add(&b->texts, label)) < 0)
        return fr_line_reader_fail(lines, "out of memory");
    return fr_sequence_builder_end_row(b, lines, n, place);
}

static bool add_rows(fr_sequence_builder *b, fr_line_reader *lines, const fr_csv_table *t, const fr_csv_options *o)
{
    bool header = o->header || is_header(t);
    char hint[40];
    int64_t column;

    if (!choose_column(lines, t, o, header, &column))
        return false;
    snprintf(hint, sizeof hint, "; the separator is a %s", fr_csv_separator_name(t->separator));
    b->hint = hint;
    b->variables = 1;
    b->labelled = b->texts_grow = column != NONE;
    b->missing = o->missing;
    note_column(t, column, b->label_column);

    bool ok = true;

    for (size_t i = header; ok && i < t->row_count; i++) {
        lines->number = t->rows[i].line;
        ok = add_row(b, lines, t, &t->rows[i], column);
    }
    b->hint = NULL;
    return ok;
}

typedef struct {
    const fr_csv_options *options;
    char separator; /* 0: depends on the first line */
} csv_format;

static bool parse_csv(fr_line_reader *lines, fr_sequence_builder *b, const void *format)
{
    const csv_format *f = format;
    fr_csv_table table = { .separator = f->separator };
    bool ok = fr_csv_table_read(&table, lines) && (table.row_count == 0 || add_rows(b, lines, &table, f->options));

    fr_csv_table_free(&table);
    return ok;
}

fr_sequences *fr_read_csv_file(const char *where, FILE *file, const fr_csv_options *options)
{
    return fr_sequences_read(where, file, parse_csv, &(csv_format){ options, options->separator });
}

static bool is_tsv(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot && strcasecmp(dot, ".tsv") == 0;
}

bool fr_csv_no_label(const fr_csv_options *o)
{
    return o->no_label || (o->label && strcasecmp(o->label, "none") == 0);
}

bool fr_csv_check_options(const char *where, const fr_csv_options *o, bool npy)
{
    char quoted[FR_QUOTED_SIZE];

    if (!fr_check_reserved(where, o->reserved))
        return false;
    if (o->labels && !npy)
        return fr_fail(where, "labels %s: only an .npy has its labels in another file", fr_quoted(o->labels, quoted)),
               false;
    if (o->labels && fr_csv_no_label(o))
        return fr_fail(where, "labels %s given, and that there are none", fr_quoted(o->labels, quoted)), false;
    if (o->label_last && o->no_label)
        return fr_fail(where, "both label_last and no_label given"), false;
    if (o->label && (o->label_last || o->no_label))
        return fr_fail(where, "both label and label_last or no_label given"), false;
    if (o->separator && !strchr(",;\t ", o->separator))
        return fr_fail(where, "separator '%c': expected ',', ';', a tab or a blank", o->separator), false;
    if ((int)o->missing < FR_MISSING_REFUSE || o->missing > FR_MISSING_DROP)
        return fr_fail(where, "missing %d: expected a value of fr_missing", (int)o->missing), false;
    return true;
}

fr_sequences *fr_csv_read_path(const char *what, const char *path, const fr_csv_options *options)
{
    const fr_csv_options *o = options ? options : &(fr_csv_options){ 0 };
    char where[FR_WHERE_SIZE], separator = o->separator;

    if (!fr_csv_check_options(fr_file_where(what, path, where), o, false))
        return NULL;
    if (!separator && path && is_tsv(path))
        separator = '\t';
    return fr_sequences_read_path(what, path, parse_csv, &(csv_format){ o, separator });
}

fr_sequences *fr_read_csv(const char *path, const fr_csv_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "read_csv");
    fr_sequences *s = fr_csv_read_path("read_csv", path, options);

    fr_finish(th, before);
    return s;
}
