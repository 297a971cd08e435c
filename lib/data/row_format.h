/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Formats of text files that are read row by row, from the beginning or from the place of one row. */
#ifndef FROND_DATA_ROW_FORMAT_H
#define FROND_DATA_ROW_FORMAT_H

#include "data/sequences.h"

/* Where a row stands in its file. */
typedef struct {
    int64_t begin, bytes, line; /* line: its first one, from 1 */
} fr_row_place;

typedef struct {
    /* Reads the file up to its rows. Returns what the format has to know about it, to be given to `end`; labels that
     * the file declares are in b->texts, and of a table the column of labels in b->label_column. NULL with an error. */
    void *(*begin)(fr_line_reader *lines, fr_sequence_builder *b, const fr_csv_options *o);
    /* Appends the next row to b, unless it is one that the option `missing` drops; *more becomes false where there is
     * none. Its label is an index of b->texts, which have the declared labels or grow. False with an error. From the
     * second row on it changes nothing in state, and so may run in several threads. */
    bool (*next)(void *state, fr_line_reader *lines, fr_sequence_builder *b, fr_row_place *place, bool *more);
    void (*end)(void *state);
} fr_row_format;

extern const fr_row_format fr_ts_rows, fr_csv_rows;

#endif
