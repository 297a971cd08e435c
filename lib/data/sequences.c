/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Labelled sequences: built row by row, then padded to one tensor; the public functions of fr_sequences. */
#include <config.h>

#include "data/sequences.h"

#include "core/error.h"
#include "core/memory.h"
#include "core/memory_limit.h"
#include "core/shape.h"
#include "core/tensor.h"
#include "core/thread.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

/* --- Building ---------------------------------------------------------------------------------------------------- */

bool fr_sequence_builder_add_number(fr_sequence_builder *b, const fr_line_reader *lines, double value)
{
    if (!fr_make_room(&b->values, sizeof *b->values, b->count, &b->capacity))
        return fr_line_reader_fail(lines, "out of memory");
    b->values[b->count++] = value;
    return true;
}

bool fr_is_missing(const char *field)
{
    static const char *const texts[] = { "", "?", "nan", "na", "n/a", "null" };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcasecmp(field, texts[i]) == 0)
            return true;
    return false;
}

/* What is wrong with a value that was read from text, or NULL. */
static const char *find_fault(const fr_sequence_builder *b, const char *field, double *value)
{
    if (fr_is_missing(field))
        return b->missing ? NULL : "is a missing value: to be refused, unless an option says what to do about it";
    if (!fr_parse_number(field, value))
        return "is not a number";
    if (fabs(*value) > (fr_default_dtype() == FR_F32 ? (double)FLT_MAX : DBL_MAX))
        return fr_default_dtype() == FR_F32 ? "is too large for float32" : "is too large for float64";
    return NULL;
}

bool fr_sequence_builder_add_value(fr_sequence_builder *b, const fr_line_reader *lines, const char *field,
                                   const char *kind, int64_t number)
{
    char quoted[FR_QUOTED_SIZE];
    double value = (double)NAN;
    const char *fault = find_fault(b, field, &value);

    if (fault)
        return fr_line_reader_fail(lines, "%s %lld: %s %s%s", kind, (long long)number, fr_quoted(field, quoted), fault,
                                   b->hint ? b->hint : "");
    return fr_sequence_builder_add_number(b, lines, value);
}

bool fr_sequence_builder_fill(fr_sequence_builder *b, const fr_line_reader *lines, int64_t n)
{
    double *value = b->values + b->count - n, sum = 0, last;
    int64_t known = 0, first = n;

    for (int64_t i = n - 1; i >= 0; i--)
        if (!isnan(value[i])) {
            sum += value[i];
            known++;
            first = i;
        }
    if (known == n)
        return true;
    b->drop |= b->missing == FR_MISSING_DROP;
    if (known == 0 && !b->drop)
        return fr_line_reader_fail(lines, "all values of a sequence are missing");
    last = b->drop ? 0 : value[first];
    for (int64_t i = 0; i < n; i++) {
        if (isnan(value[i]))
            value[i] = b->missing == FR_MISSING_MEAN ? sum / (double)known : last;
        last = value[i];
    }
    return true;
}

int64_t fr_sequence_builder_add_values(fr_sequence_builder *b, const fr_line_reader *lines, char *text,
                                       const char *kind)
{
    const char *field;
    int64_t n = 0;

    while ((field = fr_next_field(&text, ',')))
        if (!fr_sequence_builder_add_value(b, lines, field, kind, ++n))
            return -1;
    return fr_sequence_builder_fill(b, lines, n) ? n : -1;
}

bool fr_sequence_builder_end_row(fr_sequence_builder *b, const fr_line_reader *lines, int64_t length, int64_t label)
{
    if (b->drop) {
        b->count -= (size_t)(length * b->variables);
        b->drop = false;
        return true;
    }
    if (!fr_make_room(&b->lengths, sizeof *b->lengths, b->rows, &b->lengths_capacity) ||
        !fr_make_room(&b->labels, sizeof *b->labels, b->rows, &b->labels_capacity))
        return fr_line_reader_fail(lines, "out of memory");
    b->lengths[b->rows] = length;
    b->labels[b->rows++] = label;
    return true;
}

void fr_sequence_builder_free(fr_sequence_builder *b)
{
    free(b->values);
    free(b->lengths);
    free(b->labels);
    fr_label_set_free(&b->texts);
}

/* --- Tensors ----------------------------------------------------------------------------------------------------- */

static void set_value(fr_tensor *t, int64_t i, double value)
{
    if (t->dtype == FR_F64)
        ((double *)t->origin)[i] = value;
    else
        ((float *)t->origin)[i] = (float)value;
}

/* The shape (N,T,D) of all rows, padded. One long row makes all rows long: that is refused where it takes far more
 * memory than the file. */
static bool get_padded_shape(const char *where, const fr_sequence_builder *b, fr_shape *shape)
{
    int64_t longest = 0, limit = fr_memory_limit(b->bytes, FR_READ_MULTIPLE), needed;
    char what[120];

    for (size_t i = 0; i < b->rows; i++)
        longest = b->lengths[i] > longest ? b->lengths[i] : longest;
    *shape = (fr_shape){ 3, { (int64_t)b->rows, longest, b->variables } };
    if (!fr_shape_check(where, shape, fr_default_dtype(), &needed))
        return false;
    needed *= (int64_t)fr_dtype_size(fr_default_dtype());
    snprintf(what, sizeof what, "%zu sequences, padded from %zu values in all to %lld steps each,", b->rows, b->count,
             (long long)longest);
    return needed <= limit || fr_fail_memory_limit(where, what, needed, limit);
}

/* From rows of (D,length), with zeros after the end of shorter rows. */
fr_tensor *fr_sequence_builder_x(const char *where, const fr_sequence_builder *b)
{
    const double *value = b->values;
    fr_shape shape;
    fr_tensor *x = get_padded_shape(where, b, &shape) ? fr_tensor_alloc(where, &shape, fr_default_dtype()) : NULL;

    if (!x)
        return NULL;

    int64_t longest = shape.dim[1];

    memset(x->origin, 0, x->storage->bytes);
    for (int64_t i = 0; i < shape.dim[0]; i++)
        for (int64_t d = 0; d < b->variables; d++)
            for (int64_t t = 0; t < b->lengths[i]; t++)
                set_value(x, (i * longest + t) * b->variables + d, *value++);
    return x;
}

static fr_tensor *make_integers(const char *where, const fr_sequence_builder *b, const int64_t *values)
{
    fr_tensor *t = fr_tensor_alloc(where, &(fr_shape){ 1, { (int64_t)b->rows } }, FR_I64);

    if (t)
        memcpy(t->origin, values, t->storage->bytes);
    return t;
}

fr_tensor *fr_sequence_builder_lengths(const char *where, const fr_sequence_builder *b)
{
    return make_integers(where, b, b->lengths);
}

fr_sequences *fr_sequences_make(const char *where, fr_sequence_builder *b)
{
    fr_sequences *s;

    if (b->rows == 0)
        return fr_fail(where, "there is no sequence in it");
    if (b->texts_grow && !fr_label_set_sort(&b->texts, b->labels, b->labelled ? b->rows : 0))
        return fr_fail_memory(where);
    s = fr_object_new(sizeof *s);
    if (!s)
        return fr_fail_memory(where);
    s->targets = b->targets;
    memcpy(s->label_column, b->label_column, sizeof s->label_column);
    s->texts = b->texts;
    b->texts = (fr_label_set){ 0 };
    s->x = fr_sequence_builder_x(where, b);
    free(b->values); /* before more is allocated */
    b->values = NULL;
    if (s->x && (s->lengths = fr_sequence_builder_lengths(where, b)) && b->labelled)
        s->labels = make_integers(where, b, b->labels);
    if (!s->lengths || (b->labelled && !s->labels)) {
        fr_sequences_free(s);
        return NULL;
    }
    return s;
}

/* --- Files ------------------------------------------------------------------------------------------------------- */

fr_sequences *fr_sequences_read(const char *where, FILE *file, fr_sequence_parser *parse, const void *options)
{
    fr_line_reader lines;
    fr_sequence_builder b = { 0 };

    if (!fr_line_reader_begin(&lines, where, file))
        return NULL;

    bool ok = parse(&lines, &b, options);

    b.bytes = lines.bytes;
    fr_line_reader_end(&lines);

    fr_sequences *s = ok ? fr_sequences_make(where, &b) : NULL;

    fr_sequence_builder_free(&b);
    return s;
}

fr_sequences *fr_sequences_read_path(const char *what, const char *path, fr_sequence_parser *parse, const void *options)
{
    char where[FR_WHERE_SIZE];
    FILE *file = fr_file_open(fr_file_where(what, path, where), path);

    if (!file)
        return NULL;

    fr_sequences *s = fr_sequences_read(where, file, parse, options);

    fclose(file);
    return s;
}

/* --- Public functions -------------------------------------------------------------------------------------------- */

fr_tensor *fr_sequences_x(const fr_sequences *s)
{
    return fr_is_given("sequences_x", s, "sequences") ? s->x : NULL;
}

fr_tensor *fr_sequences_lengths(const fr_sequences *s)
{
    return fr_is_given("sequences_lengths", s, "sequences") ? s->lengths : NULL;
}

fr_tensor *fr_sequences_labels(const fr_sequences *s)
{
    return fr_is_given("sequences_labels", s, "sequences") ? s->labels : NULL;
}

bool fr_sequences_have_targets(const fr_sequences *s)
{
    return fr_is_given("sequences_have_targets", s, "sequences") && s->targets;
}

int fr_sequences_label_count(const fr_sequences *s)
{
    return fr_is_given("sequences_label_count", s, "sequences") ? (int)s->texts.count : -1;
}

const char *fr_sequences_label_text(const fr_sequences *s, int i)
{
    if (!fr_check_argument("sequences_label_text", s, "sequences"))
        return NULL;

    int count = fr_sequences_label_count(s);

    if (i < 0 || i >= count)
        return fr_fail("sequences_label_text", "index %d is out of range for %d labels", i, count);
    return s->texts.items[i].text;
}

const char *fr_sequences_label_column(const fr_sequences *s)
{
    if (!fr_check_argument("sequences_label_column", s, "sequences"))
        return NULL;
    return s->label_column[0] ? s->label_column : NULL;
}

static void release(void *object)
{
    fr_sequences *s = object;

    fr_unref(s->x);
    fr_unref(s->lengths);
    fr_unref(s->labels);
    fr_label_set_free(&s->texts);
}

void fr_sequences_free(fr_sequences *s)
{
    fr_object_end("sequences_free", s, "sequences", release);
}
