/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A table of texts, read by RFC 4180 as a whole or row by row: fields in double quotes may hold separators, line ends
 * and, doubled, quotes. */
#ifndef FROND_DATA_CSV_TABLE_H
#define FROND_DATA_CSV_TABLE_H

#include "data/line_reader.h"

typedef struct {
    size_t begin; /* of its first field in the text */
    uint32_t fields, line;
} fr_csv_row;

typedef struct {
    char separator; /* ' ': any run of blanks */
    bool told;      /* separator is that of the file; else it depends on the first row */
    int64_t begin;  /* offset in the file of the last row that was read */
    char *text;     /* all fields, each ended by a 0 */
    size_t length, text_capacity;
    fr_csv_row *rows;
    size_t row_count, rows_capacity;
} fr_csv_table;

/* Appends the next row that is not blank. A separator of 0 is told from the first one. With semicolons decimal commas
 * of numbers become points. *more becomes false where there is none. False with an error. To be freed with
 * fr_csv_table_free in either case. */
bool fr_csv_table_read_row(fr_csv_table *table, fr_line_reader *lines, bool *more);
/* The same for all rows. */
bool fr_csv_table_read(fr_csv_table *table, fr_line_reader *lines);
/* Drops all rows but the first `rows`, of which there are more. */
void fr_csv_table_cut(fr_csv_table *table, size_t rows);
void fr_csv_table_free(fr_csv_table *table);

/* The fields of a row: the first, and the one after a field, which is there unless that was the row's last. */
static inline const char *fr_csv_first(const fr_csv_table *table, const fr_csv_row *row)
{
    return table->text + row->begin;
}

static inline const char *fr_csv_next(const char *field)
{
    return field + strlen(field) + 1;
}

/* The last field of a row, found from the end of the row's text. */
static inline const char *fr_csv_last(const fr_csv_table *table, const fr_csv_row *row)
{
    const char *first = fr_csv_first(table, row);
    const char *field =
        row + 1 < table->rows + table->row_count ? fr_csv_first(table, row + 1) : table->text + table->length;

    for (field--; field > first && field[-1]; field--)
        continue;
    return field;
}

/* "comma", for errors. */
const char *fr_csv_separator_name(char separator);

#endif
