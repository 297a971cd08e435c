/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Tells from a table's rows whether the first has names, and which column has the labels. */
#include <config.h>

#include "data/csv_teller.h"

#include "core/error.h"
#include "data/sequences.h"

#include <math.h>
#include <stdlib.h>
#include <strings.h>

const char *fr_csv_field(const fr_csv_table *t, const fr_csv_row *row, int64_t column)
{
    const char *field = fr_csv_first(t, row);

    if (column == FR_CSV_LAST)
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

/* The column of that name in the first row, or FR_CSV_OPEN. */
static int64_t find_name(const fr_csv_table *t, const char *name, bool any_case)
{
    const char *field = fr_csv_first(t, &t->rows[0]);

    for (int64_t i = 0; i < t->rows[0].fields; i++, field = fr_csv_next(field))
        if ((any_case ? strcasecmp : strcmp)(field, name) == 0)
            return i + 1;
    return FR_CSV_OPEN;
}

enum { MANY = 1 << 20 }; /* different labels; more take memory for nothing */

/* False if memory runs out. */
static bool look_at(fr_csv_look *c, const char *field)
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

static int64_t count_kinds(const fr_csv_look *c)
{
    return !c->fractions && !c->many && c->set.count > 1 ? (int64_t)c->set.count : INT64_MAX;
}

static bool is_asked(const fr_csv_options *o)
{
    return o->label || o->no_label || o->label_last;
}

static bool look_at_row(fr_csv_teller *k, const fr_csv_table *t, const fr_csv_row *row)
{
    return is_asked(k->options) ||
           (look_at(&k->first, fr_csv_field(t, row, 1)) && look_at(&k->last, fr_csv_field(t, row, FR_CSV_LAST)));
}

/* The first row waits for the second: a single one is data. */
bool fr_csv_tell(fr_csv_teller *k, const fr_line_reader *lines, const fr_csv_table *t, const fr_csv_row *row)
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

void fr_csv_teller_end(fr_csv_teller *k)
{
    fr_label_set_free(&k->first.set);
    fr_label_set_free(&k->last.set);
}

/* The column that a header calls so, or the one of the first and the last that has texts, or else whole numbers of
 * fewer kinds than the other; the first if both may be it, as in the UCR archive. */
static int64_t tell_column(const fr_csv_teller *k, const fr_csv_table *t)
{
    static const char *const names[] = { "label", "class", "target", "y" };
    int64_t column = FR_CSV_OPEN;

    for (size_t i = 0; k->header && column == FR_CSV_OPEN && i < sizeof names / sizeof *names; i++)
        column = find_name(t, names[i], true);
    if (column != FR_CSV_OPEN)
        return column;
    if (k->first.texts != k->last.texts)
        return k->first.texts ? 1 : FR_CSV_LAST;
    return count_kinds(&k->last) < count_kinds(&k->first) ? FR_CSV_LAST : 1;
}

/* The column that the option `label` asks for; FR_CSV_OPEN if there is none. */
static int64_t parse_column(const fr_csv_table *t, const char *text, bool header)
{
    char *end;
    long long number = strtoll(text, &end, 10);
    int64_t named = header ? find_name(t, text, false) : FR_CSV_OPEN;

    if (named != FR_CSV_OPEN)
        return named;
    if (strcasecmp(text, "first") == 0)
        return 1;
    if (strcasecmp(text, "last") == 0)
        return FR_CSV_LAST;
    if (strcasecmp(text, "none") == 0)
        return FR_CSV_NONE;
    return end > text && !*end && number >= 1 ? number : FR_CSV_OPEN;
}

bool fr_csv_choose_column(fr_csv_teller *k, const fr_line_reader *lines, const fr_csv_table *t, int64_t *column)
{
    const fr_csv_options *o = k->options;
    char quoted[FR_QUOTED_SIZE];

    if (k->rows == 1 && !k->header && !look_at_row(k, t, &t->rows[0]))
        return fr_line_reader_fail(lines, "out of memory");
    if (o->label && (*column = parse_column(t, o->label, k->header)) == FR_CSV_OPEN)
        return fr_fail(lines->where, "label %s: expected first, last, none, a column's number%s",
                       fr_quoted(o->label, quoted), k->header ? " or its name" : "; there is no row of names"),
               false;
    if (!o->label)
        *column = o->no_label ? FR_CSV_NONE : o->label_last ? FR_CSV_LAST : tell_column(k, t);
    return true;
}

/* The number of a last column is the same in all rows. */
void fr_csv_note_column(const fr_csv_teller *k, int64_t column, char text[24])
{
    if (column == FR_CSV_LAST || (column > 1 && k->least == column && k->most == column))
        strcpy(text, "last");
    else if (column <= 1)
        strcpy(text, column == 1 ? "first" : "none");
    else
        snprintf(text, 24, "%lld", (long long)column);
}
