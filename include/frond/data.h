/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Data: batches of tensors, and sequences read from files. */
#ifndef FROND_DATA_H
#define FROND_DATA_H

#include <frond/tensor.h>

FR_BEGIN_DECLS

/* --- Loader: rows of n tensors in batches, in the order of PyTorch's DataLoader ---------------------------------- */

typedef struct fr_loader fr_loader;
typedef struct {
    int64_t batch_size; /* default 1 */
    bool shuffle;       /* in an order drawn anew for each epoch */
    bool drop_last;     /* leave a last batch out that is not full */
    void *reserved[8];
} fr_loader_options;

/* For n >= 1 tensors (N,...) of any dtype, N the same for all. Holds their values without their history, and reads them
 * as they are when a batch is made. Needs no scope; freed with fr_loader_free. NULL with an error for: no tensors, NULL
 * or a scalar among them, first dims that differ, batch_size < 0, reserved fields that are not NULL. N = 0 makes epochs
 * without batches. */
fr_loader *fr_loader_new(fr_tensor *const *tensors, int n, const fr_loader_options *options);
/* The next batch: one contiguous copy (batch,...) without history for each tensor, borrowed from l until the next call
 * (fr_ref keeps one longer); NULL ends the epoch, and the call after it begins the next. An epoch's first call draws 64
 * bits from the generator, 128 with shuffle. NULL with an error where memory runs out; the next call tries again. */
fr_tensor *const *fr_loader_next(fr_loader *l);
void fr_loader_rewind(fr_loader *l);           /* the next call begins a new epoch; NULL is fine */
int64_t fr_loader_batches(const fr_loader *l); /* in an epoch; -1 for NULL */
void fr_loader_free(fr_loader *l);             /* NULL is fine */

/* --- Labelled sequences from a file ------------------------------------------------------------------------------ */

typedef struct fr_sequences fr_sequences;
typedef struct {
    bool label_last; /* the label stands in the last column, not in the first */
    bool no_label;   /* there is none */
    bool header;     /* the first row that is not blank holds names: it is passed over */
    void *reserved[8];
} fr_csv_options;

/* One row a sequence, values separated by commas, or by tabs: in a .tsv, and where the first row has tabs and no comma.
 * The label stands in the first column, as in the UCR archive; rows may differ in length; missing values are refused,
 * and so are names, but with header. A failure names file, line, column and reason: NULL. Freed with fr_sequences_free.
 * Needs no scope. */
fr_sequences *fr_read_csv(const char *path, const fr_csv_options *options);
/* The UCR/sktime .ts format: univariate or multivariate, of equal or different lengths; the header is checked against
 * the data; with @targetLabel true labels are numbers, to be had as texts. Missing values and timestamps are refused.
 * Fails as fr_read_csv does. */
fr_sequences *fr_read_ts(const char *path);

/* Borrowed from s: x (N,T,D) of the default dtype, D variables, T the longest, shorter ones ending in zeros; lengths
 * (N) int64; labels (N) int64, indices into the sorted label texts, or NULL (no error) where there are none. */
fr_tensor *fr_sequences_x(const fr_sequences *s);
fr_tensor *fr_sequences_lengths(const fr_sequences *s);
fr_tensor *fr_sequences_labels(const fr_sequences *s);
int fr_sequences_label_count(const fr_sequences *s);               /* different labels; those a .ts header declares */
bool fr_sequences_have_targets(const fr_sequences *s);             /* @targetLabel true: numbers to be predicted */
const char *fr_sequences_label_text(const fr_sequences *s, int i); /* borrowed; numbers sort as numbers */
void fr_sequences_free(fr_sequences *s);

FR_END_DECLS
#endif
