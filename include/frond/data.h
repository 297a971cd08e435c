/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Data: batches of tensors, and sequences from files. */
#ifndef FROND_DATA_H
#define FROND_DATA_H

#include <frond/tensor.h>

FR_BEGIN_DECLS

/* --- Datasets: rows that a loader makes batches of ---------------------------------------------------------------- */

typedef struct fr_dataset fr_dataset;
void fr_dataset_free(fr_dataset *d); /* before or after its loaders; NULL is fine */

/* The rows of n >= 1 tensors (N,...) with the same N, like PyTorch's TensorDataset. It shares their values. NULL with
 * an error for: no tensors, NULL or a scalar among them, first dims that differ. To be freed with fr_dataset_free. */
fr_dataset *fr_dataset_tensors(fr_tensor *const *tensors, int n) FR_FREED_BY(fr_dataset_free);

typedef struct {
    int64_t rows;           /* N */
    int count;              /* of tensors in a row */
    const fr_shape *shapes; /* of each of them in one row, up to 7 dims; NULL: all are scalars */
    const fr_dtype *dtypes; /* NULL: all of the default dtype */
    /* Makes row `index`: tensor i goes to values[i], contiguous and of zeros before. False if that fails. With a loader
     * that makes batches ahead it runs in that loader's thread, one row after the other: then it may not use what other
     * threads change, nor draw from the generator. */
    bool (*row)(int64_t index, void *const *values, void *user);
    void *user;
    void (*release)(void *user); /* called when neither the dataset nor a loader needs user any more; or NULL */
    void *reserved[8];
} fr_dataset_options;

/* Rows that a function makes or reads when a batch asks for them, like a Dataset of PyTorch with __getitem__ and
 * __len__. The lists in the options are copied. NULL with an error, and then without a call of release, for: rows < 0,
 * count < 1, no function, a shape or dtype that no tensor has, reserved fields that are not NULL. */
fr_dataset *fr_dataset_new(const fr_dataset_options *options) FR_FREED_BY(fr_dataset_free);
/* For a row function: notes the error that fr_loader_next reports, "frond: dataset: MESSAGE". Returns false. */
bool fr_dataset_fail(const char *message);
int64_t fr_dataset_rows(const fr_dataset *d); /* -1 for NULL */

/* --- Arrays in files ---------------------------------------------------------------------------------------------- */

/* The rows of one array in a file, which stays where it is: a batch reads the rows that it needs, and converts them as
 * fr_load_npy, fr_load_npz and fr_load do (<frond/io.h>). So the file may be larger than memory, as with numpy.load's
 * mmap_mode="r" and torch.load's mmap=True. It is not mapped but read (pread): a file that has become shorter is then
 * an error of fr_loader_next, not a SIGBUS, and its pages do not count as this process's memory. The file stays open;
 * one that takes its name later is not looked at, what is written into it is.
 *
 * Opening reads the header and checks it as the functions that load do. NULL with an error also for a scalar. Needs no
 * scope. To be freed with fr_dataset_free. */
fr_dataset *fr_open_npy(const char *path) FR_FREED_BY(fr_dataset_free); /* column-major ones are refused */
/* Only of archives that numpy.savez or fr_save_npz wrote: packed ones (savez_compressed) are refused, and the checksum
 * is not looked at. Fails if there is no array of that name, and if frond was built without libzip. */
fr_dataset *fr_open_npz(const char *path, const char *name) FR_FREED_BY(fr_dataset_free);
fr_dataset *fr_open_safetensors(const char *path, const char *name) FR_FREED_BY(fr_dataset_free);

/* --- Loader: rows in batches, in the order of PyTorch's DataLoader ------------------------------------------------ */

typedef struct fr_loader fr_loader;
void fr_loader_free(fr_loader *l); /* NULL is fine */

typedef struct {
    int64_t batch_size; /* default 1 */
    bool shuffle;       /* in a new random order in each epoch */
    bool drop_last;     /* drop the last batch if it is not full */
    /* How many batches a thread of the loader's own makes ahead, as a worker of PyTorch's does; default 0: none, each
     * is made when it is asked for. They are the same batches, but see values as they were when they were made. */
    int64_t prefetch_factor;
    /* With shuffle: how many rows a buffer has, as of a datapipe's shuffle and tf.data's. Rows come into it in their
     * order, each time a random one of it is given out, and the next one takes its place. So rows that are read one
     * after the other are near each other, for files that do not fit in memory, and memory is taken for the numbers of
     * so many rows instead of all. A row comes at most shuffle_buffer - 1 places early, at any later place, and about
     * shuffle_buffer away (standard deviation). Default 0, and from the number of rows on: any order, as PyTorch's. A
     * loader that goes on from a checkpoint makes the draws of its epoch up to there again, some nanoseconds a row. */
    int64_t shuffle_buffer;
    void *reserved[8];
} fr_loader_options;

/* A loader of n >= 1 tensors (N,...) of any dtype, with the same N. It holds them detached, and reads their values when
 * it makes a batch. Needs no scope. To be freed with fr_loader_free. NULL with an error for: no tensors, NULL or a
 * scalar among them, first dims that differ, batch_size, prefetch_factor or shuffle_buffer < 0, shuffle_buffer without
 * shuffle, reserved fields that are not NULL. With N = 0 epochs have no batches. */
fr_loader *fr_loader_new(fr_tensor *const *tensors, int n, const fr_loader_options *options)
    FR_FREED_BY(fr_loader_free);
/* A loader of n >= 1 datasets with the same number of rows, like PyTorch's StackDataset: a batch has the tensors of
 * all, one dataset after the other. Fails as fr_loader_new does. */
fr_loader *fr_loader_over(fr_dataset *const *datasets, int n, const fr_loader_options *options)
    FR_FREED_BY(fr_loader_free);
/* The next batch: for each tensor a contiguous copy (batch,...) without history, borrowed from l until the next call
 * (fr_ref keeps it longer). NULL ends the epoch; the call after that begins the next one. The first call of an epoch
 * draws 64 bits from the generator, with shuffle 128. NULL with an error if memory runs out, a row cannot be read or a
 * dataset's function fails: the next call retries. */
fr_tensor *const *fr_loader_next(fr_loader *l);
/* The same for at least n tensors: NULL with an error if a batch has fewer. */
fr_tensor *const *fr_loader_next_of(fr_loader *l, int n);
void fr_loader_rewind(fr_loader *l);           /* the next call begins a new epoch; NULL is fine */
int64_t fr_loader_batches(const fr_loader *l); /* per epoch; -1 for NULL */

/* What a loader needs to know where several processes share its rows. <frond/distributed.h> makes one for MPI. */
typedef struct {
    int index, count; /* this process is number index of count: 0 <= index < count */
    /* Each of the n values becomes its sum over all processes, which all call it: added in their order, so that each
     * has the same bits. False if that fails. */
    bool (*sum)(double *values, int n, void *user);
    void *user;
    void *reserved[8];
} fr_shard;

/* From the next batch on l gives this process its part of each batch, like PyTorch's DistributedSampler: of the m rows
 * of a batch of all processes rows index * m / count up to (index + 1) * m / count. batch_size stays the size of the
 * batch of all, and the rows have the order that process 0 draws, so that batches are the same for any count. A process
 * without a row of a last batch gets the first row of it, with the weight 0. All processes begin an epoch together:
 * with shuffle its first call of fr_loader_next calls sum. shard is copied; what its `user` points to must outlive l.
 * Fails for an index or count out of range, no sum, reserved fields that are not NULL. */
bool fr_loader_shard(fr_loader *l, const fr_shard *shard);
/* What the mean loss of this process's part of the last batch is to be multiplied by, so that the mean over the
 * processes is the mean over the rows of all: the rows of the part, times count / m. 1 without fr_loader_shard and
 * before the first batch; NaN for NULL. */
double fr_loader_weight(const fr_loader *l);

/* --- Labelled sequences from a file ------------------------------------------------------------------------------ */

typedef struct fr_sequences fr_sequences;
void fr_sequences_free(fr_sequences *s); /* NULL is fine */

/* What becomes of missing values: an empty field, ?, NA, N/A, null, NaN. */
typedef enum {
    FR_MISSING_REFUSE,   /* they are an error */
    FR_MISSING_MEAN,     /* each becomes the mean of its sequence's known values of the same variable */
    FR_MISSING_PREVIOUS, /* each becomes the one before it; at the beginning of a sequence, the first known one */
    FR_MISSING_DROP      /* sequences that have any are left out */
} fr_missing;

typedef struct {
    bool label_last; /* as .label = "last" */
    bool no_label;   /* as .label = "none" */
    bool header;     /* the first row that is not blank has names, even if it looks like data */
    char separator;  /* ',', ';', '\t', or ' ' for any run of blanks; default: told from the first row */
    fr_missing missing;
    const char *label;  /* the column of labels: "first", "last", "none", a number from 1, or its name in the header;
                         * default: told from the table */
    const char *labels; /* of an .npy alone: the .npy with y */
    void *reserved[8];
} fr_csv_options;

/* Reads one sequence per row, by RFC 4180: fields may be in double quotes, and then hold separators, line ends and
 * doubled quotes. Rows may differ in length. With semicolons numbers may have a decimal comma. What is told from the
 * file, unless an option says it:
 *
 * - the separator: semicolons, if at most one comma stands between two; else commas, tabs, or blanks, the first of
 * these that the first row has. In a .tsv tabs go first.
 * - whether the first row has names: if none of them is a number or a missing value, and other rows follow.
 * - the column of labels: the one that is called label, class, target or y; else the one of the first and the last that
 *   has texts, or else whole numbers of fewer kinds; else the first, as in the UCR archive. A program that reads
 *   further files for the same model asks for fr_sequences_label_column of the first.
 *
 * NULL with an error that names file, line, column and reason. To be freed with fr_sequences_free. Needs no scope.
 *
 * Shorter rows are padded to the longest one. A file is refused, before it is padded, if that takes more than 64 MiB
 * and 16 times the file; the environment variable FROND_MEMORY_LIMIT, in bytes, sets another limit. */
fr_sequences *fr_read_csv(const char *path, const fr_csv_options *options) FR_FREED_BY(fr_sequences_free);
/* Reads the .ts format of the UCR archive and sktime: univariate or multivariate sequences of equal or different
 * lengths. The header is checked against the data. With @targetLabel true labels are numbers, given as texts. Missing
 * values and timestamps are refused. Fails as fr_read_csv does, and has its limit. */
fr_sequences *fr_read_ts(const char *path) FR_FREED_BY(fr_sequences_free);

/* Reads a file by the end of its name: .ts, .csv and .tsv as above (of the options a .ts takes `missing`); of an .npz
 * the arrays X or x, (N,T) or (N,T,D), and y, (N) or (N,1), if there is one, whose whole numbers are labels and others
 * targets; an .npy as X, with y from the file that the option `labels` names, or else from y_train.npy if that lies
 * beside X_train.npy (any name that begins with X or x). Of the options arrays take `missing`, and "none" or no_label
 * for X alone. NaN in arrays is an error. Fails as fr_read_csv and fr_load_npz do. */
fr_sequences *fr_read_sequences(const char *path, const fr_csv_options *options) FR_FREED_BY(fr_sequences_free);

/* Tensors that are borrowed from s: x (N,T,D) of the default dtype, with D variables, and T the length of the longest
 * sequence (shorter ones are padded with zeros); lengths (N) int64; labels (N) int64, indices into the sorted label
 * texts, or NULL without an error if there are none. */
fr_tensor *fr_sequences_x(const fr_sequences *s);
fr_tensor *fr_sequences_lengths(const fr_sequences *s);
fr_tensor *fr_sequences_labels(const fr_sequences *s);
int fr_sequences_label_count(const fr_sequences *s); /* of different labels, or of those in a .ts header */
/* Which column of a .csv or .tsv the labels are from, as the option `label` would say it: "first", "last", "none" or a
 * number; borrowed. NULL without an error for other files. */
const char *fr_sequences_label_column(const fr_sequences *s);
bool fr_sequences_have_targets(const fr_sequences *s); /* true for @targetLabel true: labels are numbers to predict */
const char *fr_sequences_label_text(const fr_sequences *s, int i); /* borrowed; numbers are sorted as numbers */

/* The sequences of n files, .ts, .csv or .tsv, which stay where they are and may together be larger than memory. Each
 * is read once here, and refused as fr_read_sequences refuses it, with file and line; the places of the rows go to a
 * temporary file (tmpfile), 16 bytes for each. Then a batch reads its rows from the files: x (B,T,D), padded to the
 * longest sequence of the batch, then the labels (B) unless there are none, then the lengths (B). For the same seed the
 * rows and their order are those of a loader over the same rows in memory. Labels are classes as in fr_sequences, of
 * all files together; @targetLabel true gives the numbers themselves, of the default dtype. Files may differ in length
 * and separator, but not in variables and kind of labels; the column of labels of the first table is that of all,
 * unless an option names it. The option `labels` is refused, and a file that changes later is an error of
 * fr_loader_next. NULL with an error, also where there can be no temporary file. */
fr_dataset *fr_open_sequences(const char *const *paths, int n, const fr_csv_options *options)
    FR_FREED_BY(fr_dataset_free);
/* What the functions of fr_sequences tell of such a dataset, borrowed from d: its labels, and x of shape (0,T,D), with
 * T the length of the longest sequence. NULL without an error for other datasets. */
const fr_sequences *fr_dataset_sequences(const fr_dataset *d);

FR_END_DECLS
#endif
