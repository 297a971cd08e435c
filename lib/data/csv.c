/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reads sequences from .csv and .tsv files: one sequence a row, of any length, with a label in one column or without
 * labels. What the options leave open is told from all rows: the separator, whether the first row has names, which
 * column has the labels. */
#include <config.h>

#include "core/options.h"
#include "core/thread.h"
#include "data/csv_table.h"
#include "data/row_format.h"

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
 * an index is. */
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
    return texts > 1 && texts + 1 >= t->rows[0].fields;
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

/* What may be labels: texts, or whole numbers of which some are alike and some are not. */
typedef struct {
    fr_label_set set; /* of the texts so far, unless they are fractions or too many to be labels */
    bool texts, fractions, many;
} column_look;

/* What is told from the rows, one after the other. */
typedef struct {
    const fr_csv_options *options;
    bool header;
    int64_t rows, least, most; /* fields of a row */
    column_look first, last;
} teller;

enum { MANY = 1 << 20 }; /* different labels; more take memory for nothing */

/* False if memory runs out. */
static bool look_at(column_look *c, const char *field)
{
    double number;

    if (fr_is_missing(field))
        return true;
    if (!fr_parse_number(field, &number))
        c->texts = true;
    else if (trunc(number) != number)
        c->fractions = true;
    c->many = c->many || c->set.count >= MANY;
    return c->fractions || c->many || fr_label_set_add(&c->set, field) >= 0;
}

static int64_t count_kinds(const column_look *c)
{
    return !c->fractions && !c->many && c->set.count > 1 ? (int64_t)c->set.count : INT64_MAX;
}

static bool is_asked(const fr_csv_options *o)
{
    return o->label || o->no_label || o->label_last;
}

static bool look_at_row(teller *k, const fr_csv_table *t, const fr_csv_row *row)
{
    return is_asked(k->options) ||
           (look_at(&k->first, get_field(t, row, 1)) && look_at(&k->last, get_field(t, row, LAST)));
}

/* Takes note of a row of t, whose first row is still there. False with an error. The first row waits for the second: a
 * single one is data. */
static bool tell(teller *k, const fr_line_reader *lines, const fr_csv_table *t, const fr_csv_row *row)
{
    bool ok = true;

    k->least = k->rows == 0 || row->fields < k->least ? row->fields : k->least;
    k->most = row->fields > k->most ? row->fields : k->most;
    k->rows++;
    if (k->rows == 1)
        k->header = k->options->header;
    if (k->rows == 2)
        k->header = k->header || is_header(t);
    if (k->rows == 2 && !k->header)
        ok = look_at_row(k, t, &t->rows[0]);
    if (k->rows > 1)
        ok = ok && look_at_row(k, t, row);
    return ok || fr_line_reader_fail(lines, "out of memory");
}

static void end_teller(teller *k)
{
    fr_label_set_free(&k->first.set);
    fr_label_set_free(&k->last.set);
}

/* The column that a header calls so, or the one of the first and the last that has texts, or else whole numbers of
 * fewer kinds than the other; the first if both may be it, as in the UCR archive. */
static int64_t tell_column(const teller *k, const fr_csv_table *t)
{
    static const char *const names[] = { "label", "class", "target", "y" };
    int64_t column = OPEN;

    for (size_t i = 0; k->header && column == OPEN && i < sizeof names / sizeof *names; i++)
        column = find_name(t, names[i], true);
    if (column != OPEN)
        return column;
    if (k->first.texts != k->last.texts)
        return k->first.texts ? 1 : LAST;
    return count_kinds(&k->last) < count_kinds(&k->first) ? LAST : 1;
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

static bool choose_column(const fr_line_reader *lines, const fr_csv_table *t, const teller *k, int64_t *column)
{
    const fr_csv_options *o = k->options;
    char quoted[FR_QUOTED_SIZE];

    if (o->label && (*column = parse_column(t, o->label, k->header)) == OPEN)
        return fr_fail(lines->where, "label %s: expected first, last, none, a column's number%s",
                       fr_quoted(o->label, quoted), k->header ? " or its name" : "; there is no row of names"),
               false;
    if (!o->label)
        *column = o->no_label ? NONE : o->label_last ? LAST : tell_column(k, t);
    return true;
}

/* Writes what the option `label` would say. The number of a last column is the same in all rows. */
static void note_column(const teller *k, int64_t column, char text[24])
{
    if (column == LAST || (column > 1 && k->least == column && k->most == column))
        strcpy(text, "last");
    else if (column <= 1)
        strcpy(text, column == 1 ? "first" : "none");
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

/* What is known of a file before its rows are read. */
typedef struct {
    char separator;
    bool header;
    int64_t column;
    fr_missing missing;
    char hint[40];
} csv_format;

/* Tells the format from all rows, which k has seen, and the first of which is in t. False with an error. */
static bool make_format(const fr_line_reader *lines, const fr_csv_table *t, teller *k, fr_sequence_builder *b,
                        csv_format *f)
{
    if (k->rows == 1 && !k->header && !look_at_row(k, t, &t->rows[0]))
        return fr_line_reader_fail(lines, "out of memory");
    *f = (csv_format){ .separator = t->separator, .header = k->header, .missing = k->options->missing };
    if (!choose_column(lines, t, k, &f->column))
        return false;
    snprintf(f->hint, sizeof f->hint, "; the separator is a %s", fr_csv_separator_name(f->separator));
    note_column(k, f->column, b->label_column);
    return true;
}

static void prepare(fr_sequence_builder *b, const csv_format *f)
{
    b->hint = f->hint;
    b->variables = 1;
    b->labelled = b->texts_grow = f->column != NONE;
    b->missing = f->missing;
}

static bool add_rows(fr_sequence_builder *b, fr_line_reader *lines, const fr_csv_table *t, const csv_format *f)
{
    bool ok = true;

    prepare(b, f);
    for (size_t i = f->header; ok && i < t->row_count; i++) {
        lines->number = t->rows[i].line;
        ok = add_row(b, lines, t, &t->rows[i], f->column);
    }
    b->hint = NULL;
    return ok;
}

typedef struct {
    const fr_csv_options *options;
    char separator; /* 0: depends on the first line */
} csv_given;

static bool parse_csv(fr_line_reader *lines, fr_sequence_builder *b, const void *given)
{
    const csv_given *g = given;
    fr_csv_table table = { .separator = g->separator };
    teller k = { .options = g->options };
    csv_format format;
    bool ok = fr_csv_table_read(&table, lines);

    for (size_t i = 0; ok && i < table.row_count; i++)
        ok = tell(&k, lines, &table, &table.rows[i]);
    if (ok && k.rows > 0)
        ok = make_format(lines, &table, &k, b, &format) && add_rows(b, lines, &table, &format);
    end_teller(&k);
    fr_csv_table_free(&table);
    return ok;
}

/* --- Row by row --------------------------------------------------------------------------------------------------- */

/* Reads the file once to tell its format, keeping the first row alone. */
static bool tell_format(fr_line_reader *lines, fr_sequence_builder *b, const fr_csv_options *o, csv_format *f)
{
    fr_csv_table table = { .separator = fr_csv_separator(lines->where, o) };
    teller k = { .options = o };
    bool more = true, ok = true;

    while (ok && more) {
        ok = fr_csv_table_read_row(&table, lines, &more);
        if (ok && more)
            ok = tell(&k, lines, &table, &table.rows[table.row_count - 1]);
        if (table.row_count > 1)
            fr_csv_table_cut(&table, 1);
    }
    if (ok && k.rows == 0)
        ok = fr_fail(lines->where, "there is no sequence in it");
    ok = ok && make_format(lines, &table, &k, b, f);
    end_teller(&k);
    fr_csv_table_free(&table);
    return ok;
}

/* Reads the next row into an empty table. */
static bool next_row(const csv_format *f, fr_line_reader *lines, fr_csv_table *t, bool *more)
{
    *t = (fr_csv_table){ .separator = f->separator, .told = true };
    return fr_csv_table_read_row(t, lines, more);
}

static void *begin_rows(fr_line_reader *lines, fr_sequence_builder *b, const fr_csv_options *o)
{
    csv_format *f = calloc(1, sizeof *f);
    fr_csv_table t = { 0 };
    bool more, ok;

    if (!f)
        return fr_fail_memory(lines->where);
    ok = tell_format(lines, b, o, f) && fr_line_reader_rewind(lines) && (!f->header || next_row(f, lines, &t, &more));
    fr_csv_table_free(&t);
    if (ok)
        return f;
    free(f);
    return NULL;
}

static bool read_next(void *state, fr_line_reader *lines, fr_sequence_builder *b, fr_row_place *place, bool *more)
{
    const csv_format *f = state;
    fr_csv_table t;
    bool ok = next_row(f, lines, &t, more);

    if (ok && *more) {
        prepare(b, f);
        *place = (fr_row_place){ t.begin, lines->bytes - t.begin, t.rows[0].line };
        lines->number = t.rows[0].line;
        ok = add_row(b, lines, &t, &t.rows[0], f->column);
    }
    fr_csv_table_free(&t);
    return ok;
}

const fr_row_format fr_csv_rows = { begin_rows, read_next, free };

/* --- Files -------------------------------------------------------------------------------------------------------- */

fr_sequences *fr_read_csv_file(const char *where, FILE *file, const fr_csv_options *options)
{
    return fr_sequences_read(where, file, parse_csv, &(csv_given){ options, options->separator });
}

char fr_csv_separator(const char *path, const fr_csv_options *o)
{
    const char *dot = path ? strrchr(path, '.') : NULL;

    return o->separator ? o->separator : dot && strcasecmp(dot, ".tsv") == 0 ? '\t' : '\0';
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
    char where[FR_WHERE_SIZE];

    if (!fr_csv_check_options(fr_file_where(what, path, where), o, false))
        return NULL;
    return fr_sequences_read_path(what, path, parse_csv, &(csv_given){ o, fr_csv_separator(path, o) });
}

fr_sequences *fr_read_csv(const char *path, const fr_csv_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "read_csv");
    fr_sequences *s = fr_csv_read_path("read_csv", path, options);

    fr_finish(th, before);
    return s;
}
