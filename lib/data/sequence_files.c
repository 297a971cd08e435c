/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A dataset of text files that stay where they are: fr_open_sequences.
 *
 * PyTorch's way with files larger than memory is a stream with a buffer in which rows are shuffled. Here the files are
 * read once from beginning to end, which checks them, and the place of each row is noted in an index, 16 bytes in a
 * file without a name: so memory does not grow with the rows. A batch reads any rows: the order is that of all rows in
 * memory, a process reads its own part alone, and an epoch goes on from any place. */
#include <config.h>

#include "core/file.h"
#include "core/memory.h"
#include "core/tensor.h"
#include "core/thread.h"
#include "data/row_format.h"
#include "data/source.h"

#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    char *path;
    const fr_row_format *format;
    void *state;
    fr_label_set declared; /* labels in a .ts; else empty */
    struct stat status;    /* when it was read */
    int64_t first;         /* number of its first row */
} sequence_file;

typedef struct {
    int64_t begin;
    uint32_t bytes, line;
} row_entry;

typedef struct {
    fr_source source;
    sequence_file *files;
    int file_count;
    FILE *index; /* a row_entry for each row */
    int64_t variables, longest;
    bool labelled, targets;
} files_source;

static bool has_changed(const struct stat *a, const struct stat *b)
{
    return a->st_dev != b->st_dev || a->st_ino != b->st_ino || a->st_size != b->st_size ||
           a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec;
}

/* --- Batches ------------------------------------------------------------------------------------------------------ */

/* The reading of one batch. */
typedef struct {
    const files_source *fs;
    const char *what;
    char where[FR_WHERE_SIZE];
    const sequence_file *file; /* that is open as fd; NULL: none */
    int fd;
    char *text; /* of a row */
    size_t room;
    fr_line_reader lines;
    fr_sequence_builder b;
    fr_label_set grown; /* the label of the last row, unless its file declares labels */
} reading;

static const sequence_file *find_file(const files_source *fs, int64_t row)
{
    int low = 0, high = fs->file_count;

    while (high - low > 1) {
        int middle = low + (high - low) / 2;

        if (fs->files[middle].first <= row)
            low = middle;
        else
            high = middle;
    }
    return &fs->files[low];
}

static void close_file(reading *r)
{
    if (r->file)
        close(r->fd);
    r->file = NULL;
}

static bool open_file(reading *r, const sequence_file *f)
{
    struct stat now;

    if (r->file == f)
        return true;
    close_file(r);
    r->fd = fr_file_open_descriptor(fr_file_where(r->what, f->path, r->where), f->path);
    if (r->fd < 0)
        return false;
    r->file = f;
    return (fstat(r->fd, &now) == 0 && !has_changed(&now, &f->status)) ||
           fr_fail(r->where, "the file has changed since it was opened");
}

static bool read_at(const reading *r, int fd, void *into, size_t bytes, int64_t place)
{
    ssize_t count = fr_file_read_at(fd, into, bytes, place);

    return (count >= 0 && (size_t)count == bytes) ||
           fr_fail(r->where, "%s", count < 0 ? strerror(errno) : "the file has become shorter");
}

static bool read_text(reading *r, const row_entry *row)
{
    if (row->bytes > r->room) {
        free(r->text);
        r->text = malloc(row->bytes);
        r->room = r->text ? row->bytes : 0;
        if (!r->text)
            return fr_fail_memory(r->where);
    }
    return read_at(r, r->fd, r->text, row->bytes, row->begin);
}

/* Appends the row to r->b. *label: its text, which lasts until the next call; NULL: there are no labels. */
static bool parse_row(reading *r, const row_entry *row, const fr_label **label)
{
    fr_sequence_builder *b = &r->b;
    const sequence_file *f = r->file;
    size_t before = b->rows;
    fr_row_place place;
    bool more, ok;

    r->lines.at = r->text;
    r->lines.end = r->text + row->bytes;
    r->lines.number = (int64_t)row->line - 1;
    r->lines.bytes = row->begin;
    b->bytes += row->bytes;
    b->variables = r->fs->variables;
    fr_label_set_free(&r->grown);
    b->texts = f->declared;
    ok = f->format->next(f->state, &r->lines, b, &place, &more);
    if (ok && b->rows != before + 1)
        ok = fr_fail(r->where, "the file has changed since it was opened");
    *label = ok && b->labelled ? &b->texts.items[b->labels[before]] : NULL;
    if (f->declared.count == 0)
        r->grown = b->texts;
    b->texts = (fr_label_set){ 0 };
    return ok;
}

/* Reads row number `row` as row i of the batch, whose labels are a tensor or NULL. */
static bool read_row(reading *r, int64_t row, fr_tensor *labels, int64_t i)
{
    const fr_label *label;
    row_entry entry;
    int64_t class;

    if (!open_file(r, find_file(r->fs, row)) ||
        !read_at(r, fileno(r->fs->index), &entry, sizeof entry, row * (int64_t)sizeof entry) || !read_text(r, &entry) ||
        !parse_row(r, &entry, &label))
        return false;
    if (!labels)
        return true;
    if (r->fs->targets && labels->dtype == FR_F32)
        ((float *)labels->origin)[i] = (float)label->number;
    else if (r->fs->targets)
        ((double *)labels->origin)[i] = label->number;
    if (r->fs->targets)
        return true;
    class = fr_label_set_find(&r->fs->source.sequences->texts, label->text);
    ((int64_t *)labels->origin)[i] = class;
    return class >= 0 || fr_fail(r->where, "the file has changed since it was opened");
}

static void end_reading(reading *r)
{
    close_file(r);
    fr_label_set_free(&r->grown);
    fr_sequence_builder_free(&r->b);
    free(r->text);
}

static bool make_rows(const fr_source *s, const char *what, const int64_t *rows, int64_t n, fr_tensor **batch)
{
    const files_source *fs = (const files_source *)s;
    reading r = { .fs = fs, .what = what };
    bool ok = true;

    if (fs->labelled && !(batch[1] = fr_new_rows(what, &(fr_shape){ 0 }, fs->targets ? fr_default_dtype() : FR_I64, n)))
        return false;
    if (!fr_line_reader_begin(&r.lines, r.where, NULL))
        return false;
    for (int64_t i = 0; ok && i < n; i++)
        ok = read_row(&r, rows[i], batch[1], i);
    fr_line_reader_end(&r.lines);
    ok = ok && (batch[0] = fr_sequence_builder_x(r.where, &r.b)) != NULL &&
         (batch[s->count - 1] = fr_sequence_builder_lengths(r.where, &r.b)) != NULL;
    end_reading(&r);
    return ok;
}

/* --- Reading the files once --------------------------------------------------------------------------------------- */

/* All rows must be alike: those of the same file are, or its format has refused them. */
static bool check_row(files_source *fs, const fr_line_reader *lines, const fr_sequence_builder *b)
{
    static const char *const kinds[] = { "no labels", "labels", "numbers to predict" };
    int kind = b->targets ? 2 : b->labelled, expected = fs->targets ? 2 : fs->labelled;

    if (fs->source.rows == 0) {
        fs->variables = b->variables;
        fs->labelled = b->labelled;
        fs->targets = b->targets;
        return true;
    }
    if (b->variables != fs->variables)
        return fr_line_reader_fail(lines, "a row of %lld dimensions, those of the files before have %lld",
                                   (long long)b->variables, (long long)fs->variables);
    return kind == expected ||
           fr_line_reader_fail(lines, "a row with %s, those of the files before have %s", kinds[kind], kinds[expected]);
}

static bool add_place(files_source *fs, const fr_line_reader *lines, const fr_row_place *place)
{
    row_entry entry = { place->begin, (uint32_t)place->bytes, (uint32_t)place->line };

    if (place->bytes > UINT32_MAX || place->line > UINT32_MAX)
        return fr_line_reader_fail(lines, "a row of %lld bytes in line %lld: more than frond can count",
                                   (long long)place->bytes, (long long)place->line);
    if (fwrite(&entry, sizeof entry, 1, fs->index) != 1)
        return fr_line_reader_fail(lines, "the place of the row cannot be noted in a temporary file: %s",
                                   strerror(errno));
    fs->source.rows++;
    return true;
}

/* Notes the places of the rows. Of labels that grow with the rows, numbers to predict are dropped at once. */
static bool index_rows(files_source *fs, const sequence_file *f, fr_line_reader *lines, fr_sequence_builder *b)
{
    fr_row_place place;
    bool more = true;

    while (more) {
        if (!f->format->next(f->state, lines, b, &place, &more))
            return false;
        if (more && b->rows == 1) {
            if (!check_row(fs, lines, b) || !add_place(fs, lines, &place))
                return false;
            fs->longest = b->lengths[0] > fs->longest ? b->lengths[0] : fs->longest;
        }
        b->rows = b->count = 0;
        if (b->targets)
            fr_label_set_free(&b->texts);
    }
    return true;
}

static bool add_texts(const char *where, fr_label_set *all, const fr_label_set *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        if (fr_label_set_add(all, texts->items[i].text) < 0)
            return fr_fail_memory(where);
    return true;
}

/* Reads file f through. The column of labels of the first table is that of the others, unless the options name it. */
static bool index_file(files_source *fs, const char *where, FILE *file, sequence_file *f, const fr_csv_options *o)
{
    fr_sequences *all = fs->source.sequences;
    fr_csv_options options = *o;
    fr_line_reader lines;
    fr_sequence_builder b = { 0 };
    bool ok;

    if (all->label_column[0] && !o->label && !o->label_last && !o->no_label)
        options.label = all->label_column;
    if (!fr_line_reader_begin(&lines, where, file))
        return false;
    f->first = fs->source.rows;
    f->state = f->format->begin(&lines, &b, &options);
    ok = f->state && index_rows(fs, f, &lines, &b) && add_texts(where, &all->texts, &b.texts);
    if (ok && b.label_column[0] && !all->label_column[0])
        memcpy(all->label_column, b.label_column, sizeof all->label_column);
    if (f->format == &fr_ts_rows) {
        f->declared = b.texts;
        b.texts = (fr_label_set){ 0 };
    }
    fr_line_reader_end(&lines);
    fr_sequence_builder_free(&b);
    return ok;
}

static bool add_file(files_source *fs, const char *what, const char *path, const fr_csv_options *o)
{
    sequence_file *f = &fs->files[fs->file_count];
    const char *dot = path ? strrchr(path, '.') : NULL;
    char where[FR_WHERE_SIZE];
    FILE *file;
    bool ok;
    int fd;

    fr_file_where(what, path, where);
    if (dot && strcasecmp(dot, ".ts") != 0 && strcasecmp(dot, ".csv") != 0 && strcasecmp(dot, ".tsv") != 0)
        dot = NULL;
    if (path && !dot)
        return fr_fail(where, "expected a file of sequences: .ts, .csv or .tsv");
    fd = fr_file_open_descriptor(where, path);
    file = fd >= 0 ? fr_file_stream(fd, "rb") : NULL;
    f->path = file ? strdup(path) : NULL;
    f->format = dot && strcasecmp(dot, ".ts") == 0 ? &fr_ts_rows : &fr_csv_rows;
    fs->file_count++;
    ok = fd >= 0 && ((f->path && fstat(fd, &f->status) == 0) || fr_fail_memory(where)) &&
         index_file(fs, where, file, f, o);
    if (file)
        fclose(file);
    else if (fd >= 0)
        close(fd);
    return ok;
}

/* --- Opening ------------------------------------------------------------------------------------------------------ */

static void end_files(fr_source *s)
{
    files_source *fs = (files_source *)s;

    for (int i = 0; i < fs->file_count; i++) {
        free(fs->files[i].path);
        if (fs->files[i].state)
            fs->files[i].format->end(fs->files[i].state);
        fr_label_set_free(&fs->files[i].declared);
    }
    free(fs->files);
    if (fs->index)
        fclose(fs->index);
    fr_sequences_free(s->sequences);
}

/* What fr_dataset_sequences returns: all but the rows. */
static bool fill_in_sequences(files_source *fs, const char *what)
{
    fr_sequences *all = fs->source.sequences;
    fr_shape none = { 1, { 0 } }, x = { 3, { 0, fs->longest, fs->variables } };

    all->targets = fs->targets;
    if (!fr_label_set_sort(&all->texts, NULL, 0))
        return fr_fail_memory(what);
    all->x = fr_tensor_alloc(what, &x, fr_default_dtype());
    all->lengths = fr_tensor_alloc(what, &none, FR_I64);
    if (fs->labelled)
        all->labels = fr_tensor_alloc(what, &none, FR_I64);
    return all->x && all->lengths && (all->labels || !fs->labelled);
}

static bool open_files(files_source *fs, const char *what, const char *const *paths, int n, const fr_csv_options *o)
{
    fs->files = calloc((size_t)n, sizeof *fs->files);
    fs->source.sequences = fr_object_new(sizeof *fs->source.sequences);
    if (!fs->files || !fs->source.sequences)
        return fr_fail_memory(what);
    fs->index = tmpfile();
    if (!fs->index)
        return fr_fail(what, "there can be no temporary file for the places of rows: %s", strerror(errno));
    for (int i = 0; i < n; i++)
        if (!add_file(fs, what, paths[i], o))
            return false;
    if (fs->source.rows == 0)
        return fr_fail(what, "there is no sequence in %s", n == 1 ? "the file" : "the files");
    if (fflush(fs->index) != 0)
        return fr_fail(what, "the places of rows cannot be written to a temporary file: %s", strerror(errno));
    fs->source.count = fs->labelled ? 3 : 2;
    return fill_in_sequences(fs, what);
}

static fr_source *open_source(const char *what, const char *const *paths, int n, const fr_csv_options *o)
{
    files_source *fs;

    if (!fr_check_argument(what, paths, "paths") || !fr_csv_check_options(what, o, false))
        return NULL;
    if (n < 1)
        return fr_fail(what, "%d files given, expected 1 or more", n);
    fs = fr_source_new(what, sizeof *fs);
    if (!fs)
        return NULL;
    fs->source.make = make_rows;
    fs->source.end = end_files;
    if (open_files(fs, what, paths, n, o))
        return &fs->source;
    fr_source_unref(&fs->source);
    return NULL;
}

fr_dataset *fr_open_sequences(const char *const *paths, int n, const fr_csv_options *options)
{
    const char *what = "open_sequences";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    const fr_csv_options *o = options ? options : &(fr_csv_options){ 0 };
    fr_dataset *d = fr_dataset_of_source(what, open_source(what, paths, n, o));

    fr_finish(th, before);
    return d;
}

const fr_sequences *fr_dataset_sequences(const fr_dataset *d)
{
    return fr_is_given("dataset_sequences", d, "dataset") ? d->source->sequences : NULL;
}
