/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reads sequences from the .ts format of the UCR archive and sktime:
 *
 *   # a comment
 *   @problemName NAME             tags in any order and case, each once; only @classLabel and @data are required
 *   @classLabel true 1 2
 *   @data
 *   1.5,2,3:0,0,1:2               one row for each sequence: its dimensions, then its label if there are labels */
#include <config.h>

#include "core/thread.h"
#include "data/row_format.h"

#include <math.h>
#include <stdlib.h>
#include <strings.h>

enum {
    PROBLEM_NAME,
    TIMESTAMPS,
    MISSING,
    UNIVARIATE,
    DIMENSIONS,
    EQUAL_LENGTH,
    SERIES_LENGTH,
    CLASS_LABEL,
    TARGET_LABEL,
    DATA,
    TAGS
};

/* What stands after a tag. */
typedef enum { NOTHING, WORDS, FLAG, COUNT, LABELS } value_kind;

static const struct {
    const char *name;
    int tag;
    value_kind kind;
} tags[] = {
    { "problemName", PROBLEM_NAME, WORDS },
    { "timestamps", TIMESTAMPS, FLAG },
    { "missing", MISSING, FLAG },
    { "univariate", UNIVARIATE, FLAG },
    { "dimensions", DIMENSIONS, COUNT },
    { "dimension", DIMENSIONS, COUNT },
    { "equalLength", EQUAL_LENGTH, FLAG },
    { "seriesLength", SERIES_LENGTH, COUNT },
    { "classLabel", CLASS_LABEL, LABELS },
    { "targetLabel", TARGET_LABEL, FLAG },
    { "data", DATA, NOTHING },
};

enum { TAG_NAMES = sizeof tags / sizeof *tags, NOT_GIVEN = -1 };

typedef struct {
    int64_t value[TAGS];  /* NOT_GIVEN, a flag, a count, or 1 for a tag of another kind */
    fr_label_set *labels; /* those of @classLabel, while the header is read */
    int64_t first_length; /* of the first sequence; NOT_GIVEN before */
    fr_missing missing;
} header;

/* --- Header ------------------------------------------------------------------------------------------------------ */

static char *next_word(char **rest)
{
    static const char blanks[] = " \t\r";
    char *word = *rest + strspn(*rest, blanks), *end = word + strcspn(word, blanks);

    *rest = *end ? end + 1 : end;
    *end = '\0';
    return *word ? word : NULL;
}

static bool read_flag(const fr_line_reader *lines, const char *tag, const char *word, int64_t *value)
{
    char quoted[FR_QUOTED_SIZE];

    if (word && strcasecmp(word, "true") == 0)
        *value = 1;
    else if (word && strcasecmp(word, "false") == 0)
        *value = 0;
    else
        return fr_line_reader_fail(lines, "@%s: %s, expected true or false", tag,
                                   word ? fr_quoted(word, quoted) : "nothing");
    return true;
}

static bool read_count(const fr_line_reader *lines, const char *tag, const char *word, int64_t *value)
{
    char quoted[FR_QUOTED_SIZE];
    size_t digits = word ? strspn(word, "0123456789") : 0;

    if (digits == 0 || word[digits] || digits > 15 || (*value = strtoll(word, NULL, 10)) < 1)
        return fr_line_reader_fail(lines, "@%s: %s, expected an integer from 1", tag,
                                   word ? fr_quoted(word, quoted) : "nothing");
    return true;
}

static bool read_labels(const fr_line_reader *lines, const char *tag, char **rest, header *h)
{
    const char *word = next_word(rest);
    size_t declared = 0;

    if (!read_flag(lines, tag, word, &h->value[CLASS_LABEL]))
        return false;
    if (h->value[CLASS_LABEL] == 0)
        return true;
    for (; (word = next_word(rest)); declared++)
        if (fr_label_set_add(h->labels, word) < 0)
            return fr_line_reader_fail(lines, "out of memory");
    if (declared == 0)
        return fr_line_reader_fail(lines, "@%s true: the labels are missing", tag);
    if (!fr_label_set_sort(h->labels, NULL, 0))
        return fr_line_reader_fail(lines, "out of memory");
    if (h->labels->count < declared)
        return fr_line_reader_fail(lines, "@%s: a label is given twice", tag);
    return true;
}

static bool read_value(const fr_line_reader *lines, int i, char *rest, header *h)
{
    const char *name = tags[i].name;
    int64_t *value = &h->value[tags[i].tag];
    char quoted[FR_QUOTED_SIZE];
    bool ok = true;

    if (*value != NOT_GIVEN)
        return fr_line_reader_fail(lines, "@%s is given twice", name);
    *value = 1;
    if (tags[i].kind == WORDS)
        return true;
    if (tags[i].kind == FLAG)
        ok = read_flag(lines, name, next_word(&rest), value);
    else if (tags[i].kind == COUNT)
        ok = read_count(lines, name, next_word(&rest), value);
    else if (tags[i].kind == LABELS)
        ok = read_labels(lines, name, &rest, h);
    if (!ok)
        return false;

    const char *left = next_word(&rest);

    return !left || fr_line_reader_fail(lines, "@%s: %s is one value too many", name, fr_quoted(left, quoted));
}

static bool read_tag(const fr_line_reader *lines, char *text, header *h)
{
    char quoted[FR_QUOTED_SIZE];
    char *rest = text + 1;
    const char *name = next_word(&rest);

    for (int i = 0; name && i < TAG_NAMES; i++)
        if (strcasecmp(name, tags[i].name) == 0)
            return read_value(lines, i, rest, h);
    return fr_line_reader_fail(lines, "%s is not a tag of the .ts format", fr_quoted(text, quoted));
}

/* The tags must not contradict each other, and ask for nothing that is not supported. */
static bool check_header(const fr_line_reader *lines, const header *h)
{
    const int64_t *v = h->value;

    if (v[TIMESTAMPS] == 1)
        return fr_line_reader_fail(lines, "@timestamps true is not supported");
    if (v[TARGET_LABEL] == 1 && v[CLASS_LABEL] == 1)
        return fr_line_reader_fail(lines, "@targetLabel true contradicts @classLabel true");
    if (v[DATA] == NOT_GIVEN)
        return true;
    if (v[CLASS_LABEL] == NOT_GIVEN && v[TARGET_LABEL] == NOT_GIVEN)
        return fr_line_reader_fail(lines, "no @classLabel before @data");
    if (v[DIMENSIONS] != NOT_GIVEN && v[UNIVARIATE] != NOT_GIVEN && (v[DIMENSIONS] == 1) != (v[UNIVARIATE] == 1))
        return fr_line_reader_fail(lines, "@univariate %s contradicts @dimensions %lld",
                                   v[UNIVARIATE] ? "true" : "false", (long long)v[DIMENSIONS]);
    return true;
}

static bool read_header(fr_line_reader *lines, header *h)
{
    char quoted[FR_QUOTED_SIZE], *line;

    for (int i = 0; i < TAGS; i++)
        h->value[i] = NOT_GIVEN;
    while (h->value[DATA] == NOT_GIVEN && (line = fr_line_reader_next(lines))) {
        char *text = fr_trim(line);

        if (*text == '#')
            continue;
        if (*text != '@')
            return fr_line_reader_fail(lines, "%s, expected a tag (@...) or a comment (#...)", fr_quoted(text, quoted));
        if (!read_tag(lines, text, h) || !check_header(lines, h))
            return false;
    }
    if (h->value[DATA] == NOT_GIVEN && !lines->failed)
        fr_fail(lines->where, "there is no @data in it");
    return h->value[DATA] != NOT_GIVEN;
}

/* --- Rows -------------------------------------------------------------------------------------------------------- */

/* Reads the dimensions of a row, which must all have the same *length. Returns their number, or -1 with an error. */
static int64_t read_dimensions(const fr_line_reader *lines, char *rest, fr_sequence_builder *b, int64_t *length)
{
    char kind[50];
    char *text;
    int64_t dimensions = 0;

    while ((text = fr_next_field(&rest, ':'))) {
        snprintf(kind, sizeof kind, "dimension %lld, value", (long long)++dimensions);

        int64_t n = fr_sequence_builder_add_values(b, lines, text, kind);

        if (n < 0)
            return -1;
        if (dimensions > 1 && n != *length)
            return fr_line_reader_fail(lines, "dimension %lld has %lld values, those before have %lld",
                                       (long long)dimensions, (long long)n, (long long)*length),
                   -1;
        *length = n;
    }
    return dimensions;
}

static bool check_dimensions(const fr_line_reader *lines, const header *h, fr_sequence_builder *b, int64_t dimensions)
{
    const int64_t *v = h->value;

    if (v[UNIVARIATE] != NOT_GIVEN && (v[UNIVARIATE] == 1) != (dimensions == 1))
        return fr_line_reader_fail(lines, "a row of %lld dimensions, but @univariate %s", (long long)dimensions,
                                   v[UNIVARIATE] ? "true" : "false");
    if (v[DIMENSIONS] != NOT_GIVEN && v[DIMENSIONS] != dimensions)
        return fr_line_reader_fail(lines, "a row of %lld dimensions, but @dimensions %lld", (long long)dimensions,
                                   (long long)v[DIMENSIONS]);
    if (b->variables == 0)
        b->variables = dimensions;
    if (b->variables != dimensions)
        return fr_line_reader_fail(lines, "a row of %lld dimensions, those before have %lld", (long long)dimensions,
                                   (long long)b->variables);
    return true;
}

/* If lengths differ, @seriesLength is the maximum. */
static bool check_length(const fr_line_reader *lines, header *h, const fr_sequence_builder *b, int64_t length)
{
    int64_t declared = h->value[SERIES_LENGTH], equal = h->value[EQUAL_LENGTH];

    if (declared != NOT_GIVEN && (equal == 0 ? length > declared : length != declared))
        return fr_line_reader_fail(lines, "a sequence of length %lld, but @seriesLength %lld", (long long)length,
                                   (long long)declared);
    if (equal == 1 && h->first_length != NOT_GIVEN && length != h->first_length)
        return fr_line_reader_fail(lines, "a sequence of length %lld, those before have %lld, but @equalLength true",
                                   (long long)length, (long long)h->first_length);
    if (h->first_length == NOT_GIVEN && !b->drop)
        h->first_length = length;
    return true;
}

/* Cuts the label off text. Of a class, *label becomes its index among those of @classLabel; of a target, its place in
 * the order of adding, of which the index is made when all labels were read. */
static bool take_label(const fr_line_reader *lines, fr_sequence_builder *b, char *text, int64_t *label)
{
    char quoted[FR_QUOTED_SIZE], *colon = strrchr(text, ':');
    double number;

    if (!colon)
        return fr_line_reader_fail(lines, "a row without a label, but @%s true",
                                   b->targets ? "targetLabel" : "classLabel");
    *colon++ = '\0';

    const char *label_text = fr_trim(colon);

    if (b->targets && (!fr_parse_number(label_text, &number) || !isfinite(number)))
        return fr_line_reader_fail(lines, "the label %s is not a number, but @targetLabel true",
                                   fr_quoted(label_text, quoted));
    if (b->targets)
        return (*label = fr_label_set_add(&b->texts, label_text)) >= 0 || fr_line_reader_fail(lines, "out of memory");
    *label = fr_label_set_find(&b->texts, label_text);
    return *label >= 0 || fr_line_reader_fail(lines, "the label %s is not one that @classLabel declares",
                                              fr_quoted(label_text, quoted));
}

static bool read_row(const fr_line_reader *lines, header *h, char *text, fr_sequence_builder *b)
{
    int64_t length = 0, label = 0;

    if (b->labelled && !take_label(lines, b, text, &label))
        return false;

    int64_t dimensions = read_dimensions(lines, text, b, &length);

    return dimensions > 0 && check_dimensions(lines, h, b, dimensions) && check_length(lines, h, b, length) &&
           fr_sequence_builder_end_row(b, lines, length, label);
}

/* --- Row by row --------------------------------------------------------------------------------------------------- */

static bool begin_file(fr_line_reader *lines, fr_sequence_builder *b, fr_missing missing, header *h)
{
    *h = (header){ .labels = &b->texts, .first_length = NOT_GIVEN, .missing = missing };
    return read_header(lines, h);
}

static bool read_next(void *state, fr_line_reader *lines, fr_sequence_builder *b, fr_row_place *place, bool *more)
{
    header *h = state;
    char *text;

    do
        text = fr_line_reader_next(lines);
    while (text && *(text = fr_trim(text)) == '#');
    *more = text != NULL;
    if (!text)
        return !lines->failed;
    b->missing = h->missing;
    b->targets = b->texts_grow = h->value[TARGET_LABEL] == 1;
    b->labelled = b->targets || h->value[CLASS_LABEL] == 1;
    *place = (fr_row_place){ lines->begin, lines->bytes - lines->begin, lines->number };
    return read_row(lines, h, text, b);
}

static void *begin_rows(fr_line_reader *lines, fr_sequence_builder *b, const fr_csv_options *o)
{
    header *h = malloc(sizeof *h);

    if (!h)
        return fr_fail_memory(lines->where);
    if (begin_file(lines, b, o->missing, h)) {
        h->labels = NULL; /* b does not last */
        return h;
    }
    free(h);
    return NULL;
}

const fr_row_format fr_ts_rows = { begin_rows, read_next, free };

static bool parse_ts(fr_line_reader *lines, fr_sequence_builder *b, const void *options)
{
    header h;
    fr_row_place place;
    bool more = true, ok = begin_file(lines, b, *(const fr_missing *)options, &h);

    while (ok && more)
        ok = read_next(&h, lines, b, &place, &more);
    return ok;
}

/* --- Files ------------------------------------------------------------------------------------------------------- */

fr_sequences *fr_read_ts_file(const char *where, FILE *file, fr_missing missing)
{
    return fr_sequences_read(where, file, parse_ts, &missing);
}

fr_sequences *fr_ts_read_path(const char *what, const char *path, fr_missing missing)
{
    return fr_sequences_read_path(what, path, parse_ts, &missing);
}

fr_sequences *fr_read_ts(const char *path)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "read_ts");
    fr_sequences *s = fr_ts_read_path("read_ts", path, FR_MISSING_REFUSE);

    fr_finish(th, before);
    return s;
}
