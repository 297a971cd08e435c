/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Labelled sequences: built row by row while a file is read, and made into tensors at the end. */
#ifndef FROND_DATA_SEQUENCES_H
#define FROND_DATA_SEQUENCES_H

#include "core/life.h"
#include "data/label_set.h"
#include "data/line_reader.h"

#include <frond/data.h>

struct fr_sequences {
    fr_life life;
    fr_tensor *x, *lengths, *labels; /* (N,T,D), (N), (N) or NULL */
    fr_label_set texts;              /* that labels are indices of */
    bool targets;                    /* labels are numbers to be predicted, not classes */
    char label_column[24];           /* of a .csv: "first", "last", a number or "none"; else empty */
};

/* The rows that were read so far, one for each sequence. */
typedef struct {
    int64_t bytes;     /* of the text that was read */
    int64_t variables; /* of each sequence: D */
    double *values;    /* row after row, each (D,length) */
    size_t count, capacity;
    int64_t *lengths, *labels; /* of each row; labels are indices into texts */
    size_t rows, lengths_capacity, labels_capacity;
    fr_label_set texts;
    bool labelled, targets; /* targets: labels are numbers to be predicted, not classes */
    bool texts_grow;        /* texts are added row by row; labels are places in their order until all are there */
    fr_missing missing;     /* what to do about missing values */
    const char *hint;       /* appended to errors of values; NULL: nothing */
    bool drop;              /* the current row has one, and is to be dropped */
    char label_column[24];  /* as in fr_sequences */
} fr_sequence_builder;

/* True for an empty field, ?, NA, N/A, null and NaN in any case. */
bool fr_is_missing(const char *field);
/* Appends the number in field, or NaN for a missing value that shall be filled in. False with an error that names the
 * place: kind and number, "column" and 3. */
bool fr_sequence_builder_add_value(fr_sequence_builder *b, const fr_line_reader *lines, const char *field,
                                   const char *kind, int64_t number);
bool fr_sequence_builder_add_number(fr_sequence_builder *b, const fr_line_reader *lines, double value);
/* Fills in the missing values among the last n, which are one variable of one sequence: with the mean of the others, or
 * with the value before them, the first known one at the beginning. False with an error. */
bool fr_sequence_builder_fill(fr_sequence_builder *b, const fr_line_reader *lines, int64_t n);
/* Appends the numbers in text, which commas divide, and fills in missing ones. Returns how many there are, or -1 with
 * an error. */
int64_t fr_sequence_builder_add_values(fr_sequence_builder *b, const fr_line_reader *lines, char *text,
                                       const char *kind);
/* Ends a row, whose D times length values were added. False with an error. */
bool fr_sequence_builder_end_row(fr_sequence_builder *b, const fr_line_reader *lines, int64_t length, int64_t label);

/* Reads all rows of one format into b, which is empty. False with an error. */
typedef bool fr_sequence_parser(fr_line_reader *lines, fr_sequence_builder *b, const void *options);

/* The sequences that the parser reads from an open file, or from the file at path; what: the public function, for
 * errors. NULL with an error. */
fr_sequences *fr_sequences_read(const char *where, FILE *file, fr_sequence_parser *parse, const void *options);
fr_sequences *fr_sequences_read_path(const char *what, const char *path, fr_sequence_parser *parse,
                                     const void *options);

/* The tensors of the rows in b: x (N,T,D), padded, and lengths. NULL with an error. */
fr_tensor *fr_sequence_builder_x(const char *where, const fr_sequence_builder *b);
fr_tensor *fr_sequence_builder_lengths(const char *where, const fr_sequence_builder *b);

/* What fr_read_csv and fr_read_ts do for another function, `what`. */
fr_sequences *fr_csv_read_path(const char *what, const char *path, const fr_csv_options *options);
/* False with an error. npy: they are for an .npy. */
bool fr_csv_check_options(const char *where, const fr_csv_options *o, bool npy);
/* The separator that the options or the end of the path tell; 0: the first row tells it. */
char fr_csv_separator(const char *path, const fr_csv_options *o);
bool fr_csv_no_label(const fr_csv_options *o); /* they say that there are no labels */
fr_sequences *fr_ts_read_path(const char *what, const char *path, fr_missing missing);

/* Makes sequences of the rows in b, and takes over its texts. NULL with an error. */
fr_sequences *fr_sequences_make(const char *where, fr_sequence_builder *b);
void fr_sequence_builder_free(fr_sequence_builder *b);

/* What fr_read_csv and fr_read_ts do, from an open file. The separator of a CSV file depends on its first line. */
fr_sequences *fr_read_csv_file(const char *where, FILE *file, const fr_csv_options *options);
fr_sequences *fr_read_ts_file(const char *where, FILE *file, fr_missing missing);

#endif
