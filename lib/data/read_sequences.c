/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reads sequences from a file of any format, and from arrays of NumPy: X (N,T) or (N,T,D), and y (N) or (N,1). */
#include <config.h>

#include "core/options.h"
#include "core/scope.h"
#include "core/shape.h"
#include "core/tensor.h"
#include "core/thread.h"
#include "data/sequences.h"

#include <frond/io.h>
#include <frond/op.h>

#include <math.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

/* Row i of x, as the variables one after the other. */
static bool add_row(fr_sequence_builder *b, const fr_line_reader *row, fr_tensor *x, int64_t i, int64_t label)
{
    int64_t steps = fr_dim(x, 1), variables = b->variables;

    for (int64_t d = 0; d < variables; d++) {
        for (int64_t t = 0; t < steps; t++) {
            double value = fr_at(x, (i * steps + t) * variables + d);

            if (isinf(value) || (isnan(value) && !b->missing))
                return fr_line_reader_fail(row, "X has %s in step %lld", isnan(value) ? "NaN" : "an infinity",
                                           (long long)t + 1);
            if (!fr_sequence_builder_add_number(b, row, value))
                return false;
        }
        if (!fr_sequence_builder_fill(b, row, steps))
            return false;
    }
    return fr_sequence_builder_end_row(b, row, steps, label);
}

/* The text of y[i]: the shortest that a float32 or float64 is read back from. */
static void write_label(fr_tensor *y, int64_t i, char text[40])
{
    double value = fr_at(y, i);

    if (trunc(value) == value)
        snprintf(text, 40, "%.0f", value);
    else
        snprintf(text, 40, "%.*g", fr_dtype_of(y) == FR_F32 ? 9 : 17, value);
}

static bool add_rows(fr_sequence_builder *b, const char *where, fr_tensor *x, fr_tensor *y)
{
    fr_line_reader row = { .where = where };
    char text[40];

    for (int64_t i = 0; i < fr_dim(x, 0); i++) {
        int64_t label = 0;

        row.number = i + 1;
        if (y && !isfinite(fr_at(y, i)))
            return fr_line_reader_fail(&row, "y has a value that is not finite");
        if (y) {
            write_label(y, i, text);
            b->targets |= trunc(fr_at(y, i)) != fr_at(y, i);
            label = fr_label_set_add(&b->texts, text);
        }
        if (label < 0)
            return fr_fail_memory(where), false;
        if (!add_row(b, &row, x, i, label))
            return false;
    }
    return true;
}

/* labels: the file of y, if it is not that of x. */
static fr_sequences *make_from_arrays(const char *where, fr_tensor *x, fr_tensor *y, const char *labels,
                                      fr_missing missing)
{
    char text[2][FR_SHAPE_TEXT];
    fr_sequence_builder b = { .missing = missing, .labelled = y != NULL, .texts_grow = y != NULL };
    fr_sequences *s = NULL;

    if (fr_ndim(x) != 2 && fr_ndim(x) != 3)
        return fr_fail(where, "X has %d dims, expected (N,T) or (N,T,D)", fr_ndim(x));
    if (y && (fr_ndim(y) < 1 || fr_dim(y, 0) != fr_dim(x, 0) || fr_numel(y) != fr_dim(x, 0)))
        return fr_fail(where, "X is %s, y%s%s is %s, expected (%lld,), a label for each row of X",
                       fr_shape_text(&x->shape, text[0]), labels ? " in " : "", labels ? labels : "",
                       fr_shape_text(&y->shape, text[1]), (long long)fr_dim(x, 0));
    b.variables = fr_ndim(x) == 3 ? fr_dim(x, 2) : 1;
    b.bytes = fr_numel(x) * (int64_t)fr_dtype_size(x->dtype);
    if (fr_numel(x) == 0)
        return fr_fail(where, "X is empty");
    if (add_rows(&b, where, x, y))
        s = fr_sequences_make(where, &b);
    fr_sequence_builder_free(&b);
    return s;
}

static fr_sequences *read_npz(const char *where, const char *path, const fr_csv_options *o)
{
    fr_tensors *all = fr_load_npz(path);
    fr_sequences *s = NULL;

    if (!all)
        return NULL;

    fr_tensor *x = fr_tensors_find(all, "X");

    if (x || (x = fr_tensors_find(all, "x")))
        s = make_from_arrays(where, x, fr_csv_no_label(o) ? NULL : fr_tensors_find(all, "y"), NULL, o->missing);
    else
        fr_fail(where, "there is no array X in it");
    fr_tensors_free(all);
    return s;
}

/* Makes y_train.npy of X_train.npy; false if it is not there. */
static bool find_beside(char *path)
{
    char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    if (*name != 'X' && *name != 'x')
        return false;
    *name = 'y';
    return access(path, F_OK) == 0;
}

static fr_sequences *read_npy(const char *where, const char *path, const fr_csv_options *o)
{
    FR_SCOPE;
    char *beside = strdup(path);

    if (!beside)
        return fr_fail_memory(where);

    const char *labels = o->labels ? o->labels : !fr_csv_no_label(o) && find_beside(beside) ? beside : NULL;
    fr_tensor *x = fr_load_npy(path), *y = x && labels ? fr_load_npy(labels) : NULL;
    fr_sequences *s = x && (y || !labels) ? make_from_arrays(where, x, y, labels, o->missing) : NULL;

    free(beside);
    return s;
}

static fr_sequences *read_sequences(const char *path, const fr_csv_options *options)
{
    const fr_csv_options *o = options ? options : &(fr_csv_options){ 0 };
    char where[FR_WHERE_SIZE];
    const char *dot = path ? strrchr(path, '.') : NULL;
    bool npy = dot && strcasecmp(dot, ".npy") == 0;

    fr_file_where("read_sequences", path, where);
    if (!fr_csv_check_options(where, o, npy))
        return NULL;
    if (!path || (dot && (strcasecmp(dot, ".csv") == 0 || strcasecmp(dot, ".tsv") == 0)))
        return fr_csv_read_path("read_sequences", path, o);
    if (dot && strcasecmp(dot, ".ts") == 0)
        return fr_ts_read_path("read_sequences", path, o->missing);
    if (dot && strcasecmp(dot, ".npz") == 0)
        return read_npz(where, path, o);
    if (npy)
        return read_npy(where, path, o);
    return fr_fail(where, "expected a file of sequences: .ts, .csv, .tsv, .npz or .npy");
}

fr_sequences *fr_read_sequences(const char *path, const fr_csv_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "read_sequences");
    fr_sequences *s = read_sequences(path, options);

    fr_finish(th, before);
    return s;
}
