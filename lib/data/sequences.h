/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Collecting sequences row by row while a file is read, and the tensors made of them in the end. */
#ifndef FROND_DATA_SEQUENCES_H
#define FROND_DATA_SEQUENCES_H

#include "data/label_set.h"
#include "data/line_reader.h"

#include <frond/data.h>

struct fr_sequences {
    fr_tensor *x, *lengths, *labels;
    fr_label_set texts;
    bool targets;
};

typedef struct {
    int64_t variables;
    double *values; /* row by row, in it variable by variable */
    size_t count, room;
    int64_t *lengths, *labels; /* of each row */
    size_t rows, lengths_room, labels_room;
} fr_sequence_builder;

/* Appends the numbers of list, which separator stands between; how many there are, or -1 with an error that tells which
 * is none: "KIND 3", counting from `first`. */
int64_t fr_sequence_builder_add_values(fr_sequence_builder *r, const fr_line_reader *l, char *list, char separator,
                                       const char *kind, int64_t first);
/* Ends a row of that length; label is its index. False with an error. */
bool fr_sequence_builder_end_row(fr_sequence_builder *r, const fr_line_reader *l, int64_t length, int64_t label);
void fr_sequence_builder_free(fr_sequence_builder *r);

/* The sequences of all rows; takes over labels, which are sorted, or NULL where there are none. NULL with an error. */
fr_sequences *fr_sequence_builder_finish(const char *where, const fr_sequence_builder *r, fr_label_set *labels);

/* What fr_read_csv and fr_read_ts do, from an open file. separator 0: found out from the first line. */
fr_sequences *fr_read_csv_file(const char *where, FILE *file, char separator, const fr_csv_options *options);
fr_sequences *fr_read_ts_file(const char *where, FILE *file);

#endif
