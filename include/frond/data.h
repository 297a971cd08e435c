/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Data: batches of tensors, and sequences from files. */
#ifndef FROND_DATA_H
#define FROND_DATA_H

#include <frond/tensor.h>

FR_BEGIN_DECLS

/* --- Loader: rows of n tensors in batches, in the order of PyTorch's DataLoader ---------------------------------- */

typedef struct fr_loader fr_loader;
void fr_loader_free(fr_loader *l); /* NULL is fine */

typedef struct {
    int64_t batch_size; /* default 1 */
    bool shuffle;       /* in a new random order in each epoch */
    bool drop_last;     /* drop the last batch if it is not full */
    void *reserved[8];
} fr_loader_options;

/* A loader of n >= 1 tensors (N,...) of any dtype, with the same N. It holds them detached, and reads their values when
 * it makes a batch. Needs no scope. To be freed with fr_loader_free. NULL with an error for: no tensors, NULL or a
 * scalar among them, first dims that differ, batch_size < 0, reserved fields that are not NULL. With N = 0 epochs have
 * no batches. */
fr_loader *fr_loader_new(fr_tensor *const *tensors, int n, const fr_loader_options *options)
    FR_FREED_BY(fr_loader_free);
/* The next batch: for each tensor a contiguous copy (batch,...) without history, borrowed from l until the next call
 * (fr_ref keeps it longer). NULL ends the epoch; the call after that begins the next one. The first call of an epoch
 * draws 64 bits from the generator, with shuffle 128. NULL with an error if memory runs out: the next call retries. */
fr_tensor *const *fr_loader_next(fr_loader *l);
/* The same for at least n tensors: NULL with an error if a batch has fewer. */
fr_tensor *const *fr_loader_next_of(fr_loader *l, int n);
void fr_loader_rewind(fr_loader *l);           /* the next call begins a new epoch; NULL is fine */
int64_t fr_loader_batches(const fr_loader *l); /* per epoch; -1 for NULL */

/* --- Labelled sequences from a file ------------------------------------------------------------------------------ */

typedef struct fr_sequences fr_sequences;
void fr_sequences_free(fr_sequences *s); /* NULL is fine */

typedef struct {
    bool label_last; /* the label is in the last column, not in the first */
    bool no_label;   /* there are no labels */
    bool header;     /* the first row that is not blank has names, and is skipped */
    void *reserved[8];
} fr_csv_options;

/* Reads one sequence per row. Values are separated by commas; by tabs in a .tsv, and if the first row has tabs and no
 * comma. The label is in the first column, as in the UCR archive. Rows may differ in length. Missing values are
 * refused, and so are names, except with header. NULL with an error that names file, line, column and reason. To be
 * freed with fr_sequences_free. Needs no scope.
 *
 * Shorter rows are padded to the longest one. A file is refused, before it is padded, if that takes more than 64 MiB
 * and 16 times the file; the environment variable FROND_MEMORY_LIMIT, in bytes, sets another limit. */
fr_sequences *fr_read_csv(const char *path, const fr_csv_options *options) FR_FREED_BY(fr_sequences_free);
/* Reads the .ts format of the UCR archive and sktime: univariate or multivariate sequences of equal or different
 * lengths. The header is checked against the data. With @targetLabel true labels are numbers, given as texts. Missing
 * values and timestamps are refused. Fails as fr_read_csv does, and has its limit. */
fr_sequences *fr_read_ts(const char *path) FR_FREED_BY(fr_sequences_free);

/* Tensors that are borrowed from s: x (N,T,D) of the default dtype, with D variables, and T the length of the longest
 * sequence (shorter ones are padded with zeros); lengths (N) int64; labels (N) int64, indices into the sorted label
 * texts, or NULL without an error if there are none. */
fr_tensor *fr_sequences_x(const fr_sequences *s);
fr_tensor *fr_sequences_lengths(const fr_sequences *s);
fr_tensor *fr_sequences_labels(const fr_sequences *s);
int fr_sequences_label_count(const fr_sequences *s);   /* of different labels, or of those in a .ts header */
bool fr_sequences_have_targets(const fr_sequences *s); /* true for @targetLabel true: labels are numbers to predict */
const char *fr_sequences_label_text(const fr_sequences *s, int i); /* borrowed; numbers are sorted as numbers */

FR_END_DECLS
#endif
