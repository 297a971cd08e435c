/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reads sequences from .csv and .tsv files: one sequence a row, of any length, with a label in one column or without
 * labels. What the options leave open is told from all rows: the separator, whether the first row has names, which
 * column has the labels. */
#include <config.h>

#include "core/options.h"
#include "core/thread.h"
#include "data/csv_teller.h"
#include "data/row_format.h"

#include <math.h>
#include <stdlib.h>
#include <strings.h>

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
             column == 1             ? "the first column"
             : column == FR_CSV_LAST ? "the last column"
                                     : "column %lld",
             (long long)column);
    *label = fr_csv_field(t, row, column);
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
    int64_t n = row->fields - (column != FR_CSV_NONE), place = 0;
    const char *field = fr_csv_first(t, row), *label = NULL;

    if (column != FR_CSV_NONE && !find_label(lines, t, row, column, &label))
        return false;
    for (int64_t i = 1; i <= row->fields; i++, field = fr_csv_next(field))
        if (field != label && !fr_sequence_builder_add_value(b, lines, field, "column", i))
            return false;
    if (!fr_sequence_builder_fill(b, lines, n))
        return false;
    if (column != FR_CSV_NONE && !b->drop && (place = fr_label_set_add(&b->texts, label)) < 0)
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
static bool make_format(const fr_line_reader *lines, const fr_csv_table *t, fr_csv_teller *k, fr_sequence_builder *b,
                        csv_format *f)
{
    *f = (csv_format){ .separator = t->separator, .header = k->header, .missing = k->options->missing };
    if (!fr_csv_choose_column(k, lines, t, &f->column))
        return false;
    snprintf(f->hint, sizeof f->hint, "; the separator is a %s", fr_csv_separator_name(f->separator));
    fr_csv_note_column(k, f->column, b->label_column);
    return true;
}

static void prepare(fr_sequence_builder *b, const csv_format *f)
{
    b->hint = f->hint;
    b->variables = 1;
    b->labelled = b->texts_grow = f->column != FR_CSV_NONE;
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
    fr_csv_teller k = { .options = g->options };
    csv_format format;
    bool ok = fr_csv_table_read(&table, lines);

    for (size_t i = 0; ok && i < table.row_count; i++)
        ok = fr_csv_tell(&k, lines, &table, &table.rows[i]);
    ok = ok && (k.rows == 0 || make_format(lines, &table, &k, b, &format));
    fr_csv_teller_end(&k); /* its texts take as much memory as the rows will */
    ok = ok && (k.rows == 0 || add_rows(b, lines, &table, &format));
    fr_csv_table_free(&table);
    return ok;
}

/* --- Row by row --------------------------------------------------------------------------------------------------- */

/* Reads the file once to tell its format, keeping the first row alone. */
static bool tell_format(fr_line_reader *lines, fr_sequence_builder *b, const fr_csv_options *o, csv_format *f)
{
    fr_csv_table table = { .separator = fr_csv_separator(lines->where, o) };
    fr_csv_teller k = { .options = o };
    bool more = true, ok = true;

    while (ok && more) {
        ok = fr_csv_table_read_row(&table, lines, &more);
        if (ok && more)
            ok = fr_csv_tell(&k, lines, &table, &table.rows[table.row_count - 1]);
        if (table.row_count > 1)
            fr_csv_table_cut(&table, 1);
    }
    if (ok && k.rows == 0)
        ok = fr_fail(lines->where, "there is no sequence in it");
    ok = ok && make_format(lines, &table, &k, b, f);
    fr_csv_teller_end(&k);
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
