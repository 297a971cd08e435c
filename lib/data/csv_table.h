/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A whole table of texts, read by RFC 4180: fields in double quotes may hold separators, line ends and, doubled,
 * quotes. */
#ifndef FROND_DATA_CSV_TABLE_H
#define FROND_DATA_CSV_TABLE_H

#include "data/line_reader.h"

typedef struct {
    size_t begin; /* of its first field in the text */
    uint32_t fields, line;
} fr_csv_row;

typedef struct {
    char separator; /* ' ': any run of blanks */
    char *text;     /* all fields, each ended by a 0 */
    size_t length, text_capacity;
    fr_csv_row *rows;
    size_t row_count, rows_capacity;
} fr_csv_table;

/* Reads all rows that are not blank into an empty table. A separator of 0 is told from the first of them. With
 * semicolons decimal commas of numbers become points. False with an error. To be freed with fr_csv_table_free in either
 * case. */
bool fr_csv_table_read(fr_csv_table *table, fr_line_reader *lines);
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
