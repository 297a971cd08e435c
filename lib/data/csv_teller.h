/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What a table tells about itself, row by row: whether the first row has names, and which column has the labels. */
#ifndef FROND_DATA_CSV_TELLER_H
#define FROND_DATA_CSV_TELLER_H

#include "data/csv_table.h"
#include "data/label_set.h"

#include <frond/data.h>

/* A column: from 1; NONE: there are no labels; LAST: the last one of each row; OPEN: not known yet. */
enum { FR_CSV_NONE = 0, FR_CSV_LAST = -1, FR_CSV_OPEN = -2 };

/* The field of a row in that column, which is there. */
const char *fr_csv_field(const fr_csv_table *t, const fr_csv_row *row, int64_t column);

/* What may be labels: texts, or whole numbers of which some are alike and some are not. */
typedef struct {
    fr_label_set set; /* of the texts so far, unless they are fractions or too many to be labels */
    bool texts, fractions, many;
} fr_csv_look;

typedef struct {
    const fr_csv_options *options; /* the rest is 0 at the beginning */
    bool header;
    int64_t rows, least, most; /* fields of a row */
    fr_csv_look first, last;
} fr_csv_teller;

/* Takes note of the next row, which is in t, where the first one still is. False with an error. */
bool fr_csv_tell(fr_csv_teller *k, const fr_line_reader *lines, const fr_csv_table *t, const fr_csv_row *row);
/* The column of labels, when all rows were seen, of which there are some. False with an error. */
bool fr_csv_choose_column(fr_csv_teller *k, const fr_line_reader *lines, const fr_csv_table *t, int64_t *column);
/* Writes what the option `label` would say. */
void fr_csv_note_column(const fr_csv_teller *k, int64_t column, char text[24]);
void fr_csv_teller_end(fr_csv_teller *k);

#endif
