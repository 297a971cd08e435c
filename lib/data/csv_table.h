/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A whole table of texts, read by RFC 4180: fields in double quotes may hold separators, line ends and, doubled,
 * quotes. */
#ifndef FROND_DATA_CSV_TABLE_H
#define FROND_DATA_CSV_TABLE_H

#include "data/line_reader.h"

typedef struct {
    size_t first; /* its first field */
    int64_t fields, line;
} fr_csv_row;

typedef struct {
    char separator; /* ' ': any run of blanks */
    char *text;     /* all fields, each ended by a 0 */
    size_t length, text_capacity;
    size_t *fields; /* where each begins in text */
    size_t count, fields_capacity;
    fr_csv_row *rows;
    size_t row_count, rows_capacity;
} fr_csv_table;

/* Reads all rows that are not blank into an empty table. A separator of 0 is told from the first of them. With
 * semicolons decimal commas of numbers become points. False with an error. To be freed with fr_csv_table_free in either
 * case. */
bool fr_csv_table_read(fr_csv_table *table, fr_line_reader *lines);
void fr_csv_table_free(fr_csv_table *table);

/* Field i of a row, which has more; the caller may change the text, but not lengthen it. */
static inline char *fr_csv_field(const fr_csv_table *table, const fr_csv_row *row, int64_t i)
{
    return table->text + table->fields[row->first + (size_t)i];
}

/* "comma", for errors. */
const char *fr_csv_separator_name(char separator);

#endif
