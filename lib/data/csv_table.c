/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reads a table of texts by RFC 4180. Beyond it, blanks around fields are dropped, rows may have different
 * numbers of fields, and the separator may be another than a comma. */
#include <config.h>

#include "data/csv_table.h"

#include "core/memory.h"

#include <stdlib.h>

#define BLANKS " \t\r"

const char *fr_csv_separator_name(char separator)
{
    return separator == ',' ? "comma" : separator == ';' ? "semicolon" : separator == '\t' ? "tab" : "blank";
}

/* --- Which separator ---------------------------------------------------------------------------------------------- */

/* A comma, unless there is none, or none but decimal ones: at most one between two semicolons. Quotes count at the
 * beginning of a field. */
static char tell_separator(const char *text)
{
    int commas = 0, semicolons = 0, tabs = 0, most = 0, since = 0;
    bool quoted = false;

    for (const char *c = text; *c; c++) {
        if (*c == '"' && (quoted || c == text || strchr(",;\t ", c[-1])))
            quoted = !quoted;
        if (quoted)
            continue;
        since = *c == ';' ? 0 : since + (*c == ',');
        most = since > most ? since : most;
        commas += *c == ',';
        semicolons += *c == ';';
        tabs += *c == '\t';
    }
    if (semicolons && most <= 1)
        return ';';
    return commas || quoted ? ',' : tabs ? '\t' : ' ';
}

/* --- Fields ------------------------------------------------------------------------------------------------------- */

static bool append(fr_csv_table *t, const fr_line_reader *lines, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!fr_make_room(&t->text, 1, t->length, &t->text_capacity))
            return fr_line_reader_fail(lines, "out of memory");
        t->text[t->length++] = text[i];
    }
    return true;
}

static size_t skip_blanks(const fr_csv_table *t, const char *text)
{
    return strspn(text, t->separator == '\t' ? " \r" : BLANKS);
}

/* Appends what stands in quotes, *text being after the first of them, and moves *text behind the last one. */
static bool take_quoted(fr_csv_table *t, fr_line_reader *lines, char **text)
{
    long long begin = lines->number;

    for (;;) {
        char *end = *text + strcspn(*text, "\"");

        if (!append(t, lines, *text, (size_t)(end - *text)))
            return false;
        if (*end && end[1] != '"') {
            *text = end + 1;
            return true;
        }
        if (!append(t, lines, *end ? "\"" : "\n", 1))
            return false;
        if (*end)
            *text = end + 2;
        else if (!(*text = fr_line_reader_next_any(lines)))
            return !lines->failed && fr_line_reader_fail(lines, "the quotes that begin in line %lld do not end", begin);
    }
}

/* Appends a field and its 0, and moves *text behind the field: to its separator or the end. */
static bool take_field(fr_csv_table *t, fr_line_reader *lines, char **text, int64_t column)
{
    const char separator[] = { t->separator, t->separator == ' ' ? '\t' : '\0', '\0' };
    char *begin = *text + skip_blanks(t, *text), *end;

    if (*begin == '"') {
        *text = begin + 1;
        if (!take_quoted(t, lines, text))
            return false;
        *text += strspn(*text, t->separator == ',' || t->separator == ';' ? BLANKS : "\r");
        if (**text && !strchr(separator, **text))
            return fr_line_reader_fail(lines, "column %lld: text after the quotes; the separator is a %s",
                                       (long long)column, fr_csv_separator_name(t->separator));
        return append(t, lines, "", 1);
    }
    end = *text = begin + strcspn(begin, separator);
    while (end > begin && strchr(BLANKS, end[-1]))
        end--;
    return append(t, lines, begin, (size_t)(end - begin)) && append(t, lines, "", 1);
}

static bool read_row(fr_csv_table *t, fr_line_reader *lines, char *text)
{
    fr_csv_row row = { .begin = t->length, .line = (uint32_t)lines->number };

    if (lines->number >= UINT32_MAX)
        return fr_line_reader_fail(lines, "more lines than frond can count");
    for (;; text += t->separator != ' ') {
        if (row.fields == UINT32_MAX)
            return fr_line_reader_fail(lines, "more columns than frond can count");
        if (!take_field(t, lines, &text, (int64_t)row.fields + 1))
            return false;
        row.fields++;
        if (t->separator == ' ')
            text += skip_blanks(t, text);
        if (!*text)
            break;
    }
    if (!fr_make_room(&t->rows, sizeof *t->rows, t->row_count, &t->rows_capacity))
        return fr_line_reader_fail(lines, "out of memory");
    t->rows[t->row_count++] = row;
    return true;
}

/* "1,5" becomes "1.5", if it is a number then. */
static void replace_decimal_comma(char *field)
{
    char *comma = strchr(field, ',');
    double number;

    if (!comma || strchr(field, '.'))
        return;
    *comma = '.';
    if (!fr_parse_number(field, &number))
        *comma = ',';
}

bool fr_csv_table_read_row(fr_csv_table *t, fr_line_reader *lines, bool *more)
{
    char *text = fr_line_reader_next(lines);

    *more = text != NULL;
    if (!text)
        return !lines->failed;
    if (!t->separator || (t->separator == '\t' && !t->told && !strchr(text, '\t')))
        t->separator = tell_separator(text);
    t->told = true;
    t->begin = lines->begin;
    if (!read_row(t, lines, text))
        return false;
    for (size_t i = t->rows[t->row_count - 1].begin; t->separator == ';' && i < t->length; i += strlen(t->text + i) + 1)
        replace_decimal_comma(t->text + i);
    return true;
}

bool fr_csv_table_read(fr_csv_table *t, fr_line_reader *lines)
{
    bool more = true;

    while (more)
        if (!fr_csv_table_read_row(t, lines, &more))
            return false;
    return true;
}

void fr_csv_table_cut(fr_csv_table *t, size_t rows)
{
    t->length = t->rows[rows].begin;
    t->row_count = rows;
}

void fr_csv_table_free(fr_csv_table *t)
{
    free(t->text);
    free(t->rows);
    *t = (fr_csv_table){ 0 };
}
