/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Sequences from a table of text: a row each, of any length, with a label in the first or the last column or none;
 * names may stand above them. */
#include <config.h>

#include "data/sequences.h"

#include <stdlib.h>
#include <strings.h>

/* Cuts the label off *rest, which holds the values then; they are NULL where there are none. */
static char *take_label(char **rest, char separator, bool last)
{
    char *text = *rest, *cut = last ? strrchr(text, separator) : NULL;

    if (!last)
        return fr_next_field(rest, separator);
    if (!cut) {
        *rest = NULL;
        return fr_trim(text);
    }
    *cut++ = '\0';
    return fr_trim(cut);
}

static bool read_row(const fr_line_reader *l, char *text, char separator, const fr_csv_options *o,
                     fr_sequence_builder *r, fr_label_set *labels)
{
    if (!o->no_label) {
        const char *label = take_label(&text, separator, o->label_last);

        if (!*label)
            return fr_line_reader_fail(l, "the label in the %s column is missing", o->label_last ? "last" : "first");
        if (!text)
            return fr_line_reader_fail(l, "a label without values");
        if (!fr_label_set_add(labels, label))
            return fr_line_reader_fail(l, "out of memory");
    }

    int64_t n = fr_sequence_builder_add_values(r, l, text, separator, "column", o->no_label || o->label_last ? 1 : 2);

    return n > 0 && fr_sequence_builder_end_row(r, l, n, 0);
}

static bool read_rows(fr_line_reader *l, char separator, const fr_csv_options *o, fr_sequence_builder *r,
                      fr_label_set *labels)
{
    bool names = o->header;
    char *text;

    r->variables = 1;
    while ((text = fr_line_reader_next(l))) {
        if (!separator)
            separator = strchr(text, '\t') && !strchr(text, ',') ? '\t' : ',';
        if (!names && !read_row(l, text, separator, o, r, labels))
            return false;
        names = false;
    }
    return !l->failed;
}

fr_sequences *fr_read_csv_file(const char *where, FILE *file, char separator, const fr_csv_options *options)
{
    fr_line_reader l;
    fr_sequence_builder r = { 0 };
    fr_label_set labels = { 0 };
    fr_sequences *s = NULL;

    if (!fr_line_reader_begin(&l, where, file))
        return NULL;
    if (read_rows(&l, separator, options, &r, &labels)) {
        if (labels.count > 0)
            fr_label_set_sort(&labels, r.labels);
        s = fr_sequence_builder_finish(where, &r, options->no_label ? NULL : &labels);
    }
    fr_line_reader_end(&l);
    fr_sequence_builder_free(&r);
    fr_label_set_free(&labels);
    return s;
}

static bool is_tsv(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot && strcasecmp(dot, ".tsv") == 0;
}

static fr_sequences *read_csv(const char *path, const fr_csv_options *o)
{
    char where[FR_WHERE_SIZE];

    fr_file_where("read_csv", path, where);
    if (!fr_check_reserved(where, o->reserved))
        return NULL;
    if (o->label_last && o->no_label)
        return fr_fail(where, "both label_last and no_label given");

    FILE *file = fr_file_open(where, path);

    if (!file)
        return NULL;

    fr_sequences *s = fr_read_csv_file(where, file, is_tsv(path) ? '\t' : 0, o);

    fclose(file);
    return s;
}

fr_sequences *fr_read_csv(const char *path, const fr_csv_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "read_csv");
    fr_sequences *s = read_csv(path, options ? options : &(fr_csv_options){ 0 });

    fr_finish(th, before);
    return s;
}
