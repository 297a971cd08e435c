/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Labelled sequences: built row by row while a file is read, and made into tensors at the end. */
#ifndef FROND_DATA_SEQUENCES_H
#define FROND_DATA_SEQUENCES_H

#include "data/label_set.h"
#include "data/line_reader.h"

#include <frond/data.h>

struct fr_sequences {
    fr_tensor *x, *lengths, *labels; /* (N,T,D), (N), (N) or NULL */
    fr_label_set texts;              /* that labels are indices of */
    bool targets;                    /* labels are numbers to be predicted, not classes */
};

/* The rows that were read so far, one for each sequence. */
typedef struct {
    int64_t variables; /* of each sequence: D */
    double *values;    /* row after row, each (D,length) */
    size_t count, capacity;
    int64_t *lengths, *labels; /* of each row; the label is an index */
    size_t rows, lengths_capacity, labels_capacity;
} fr_sequence_builder;

/* Appends the numbers in text, which are divided by the separator. Returns how many there are, or -1 with an error that
 * names the wrong one, counted from `first`: "column 3". kind: "column". */
int64_t fr_sequence_builder_add_values(fr_sequence_builder *b, const fr_line_reader *lines, char *text, char separator,
                                       const char *kind, int64_t first);
/* Ends a row, whose D times length values were added. False with an error. */
bool fr_sequence_builder_end_row(fr_sequence_builder *b, const fr_line_reader *lines, int64_t length, int64_t label);
void fr_sequence_builder_free(fr_sequence_builder *b);

/* Makes sequences from all rows. labels, sorted, is NULL if there are none; success empties it. NULL with an error. */
fr_sequences *fr_sequence_builder_finish(const char *where, const fr_sequence_builder *b, fr_label_set *labels);

/* What fr_read_csv and fr_read_ts do, from an open file. separator: ',' or '\t', or 0: depends on the first line. */
fr_sequences *fr_read_csv_file(const char *where, FILE *file, char separator, const fr_csv_options *options);
fr_sequences *fr_read_ts_file(const char *where, FILE *file);

#endif
