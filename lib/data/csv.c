/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reads sequences from .csv and .tsv files: one sequence a row, of any length, with a label in the first or the last
 * column or without labels. The first row may be a header. */
#include <config.h>

#include "core/options.h"
#include "core/thread.h"
#include "data/sequences.h"

#include <stdlib.h>
#include <strings.h>

/* Cuts the label off *rest, which then holds the values; NULL if the row has no values. */
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

static bool read_row(const fr_line_reader *lines, char *text, char separator, const fr_csv_options *o,
                     fr_sequence_builder *b)
{
    int64_t place = 0;

    if (!o->no_label) {
        const char *label = take_label(&text, separator, o->label_last);

        if (!*label)
            return fr_line_reader_fail(lines, "the label in the %s column is missing",
                                       o->label_last ? "last" : "first");
        if (!text)
            return fr_line_reader_fail(lines, "a label without values");
        place = fr_label_set_add(&b->texts, label);
        if (place < 0)
            return fr_line_reader_fail(lines, "out of memory");
    }

    int64_t n =
        fr_sequence_builder_add_values(b, lines, text, separator, "column", o->no_label || o->label_last ? 1 : 2);

    return n > 0 && fr_sequence_builder_end_row(b, lines, n, place);
}

typedef struct {
    const fr_csv_options *options;
    char separator; /* 0: depends on the first line */
} csv_format;

static bool parse_csv(fr_line_reader *lines, fr_sequence_builder *b, const void *format)
{
    const csv_format *f = format;
    char separator = f->separator, *text;
    bool is_header = f->options->header;

    b->variables = 1;
    b->labelled = b->texts_grow = !f->options->no_label;
    while ((text = fr_line_reader_next(lines))) {
        if (!separator)
            separator = strchr(text, '\t') && !strchr(text, ',') ? '\t' : ',';
        if (!is_header && !read_row(lines, text, separator, f->options, b))
            return false;
        is_header = false;
    }
    return !lines->failed;
}

fr_sequences *fr_read_csv_file(const char *where, FILE *file, const fr_csv_options *options)
{
    return fr_sequences_read(where, file, parse_csv, &(csv_format){ .options = options });
}

static bool is_tsv(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot && strcasecmp(dot, ".tsv") == 0;
}

static fr_sequences *read_csv(const char *what, const char *path, const fr_csv_options *o)
{
    char where[FR_WHERE_SIZE];

    fr_file_where(what, path, where);
    if (!fr_check_reserved(where, o->reserved))
        return NULL;
    if (o->label_last && o->no_label)
        return fr_fail(where, "both label_last and no_label given");
    return fr_sequences_read_path(what, path, parse_csv, &(csv_format){ o, path && is_tsv(path) ? '\t' : 0 });
}

fr_sequences *fr_read_csv(const char *path, const fr_csv_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "read_csv");
    fr_sequences *s = read_csv("read_csv", path, options ? options : &(fr_csv_options){ 0 });

    fr_finish(th, before);
    return s;
}
