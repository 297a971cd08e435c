/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Datasets of arrays that stay in their files: fr_open_npy, fr_open_npz, fr_open_safetensors.
 *
 * Rows are read with pread, not from a mapping. A mapped file that another process makes shorter kills the reader
 * (SIGBUS), and its pages count as this process's memory until they are given back. pread has no such ends, nor a
 * position that threads and children would share. It costs a system call for each row: a microsecond where a mapping
 * costs a twentieth of that, for rows of 256 bytes in the page cache; for rows of a page both cost the same. A small
 * model's step takes several microseconds for a row, beside which a loader's thread reads ahead. Rows that lie together
 * are read together. */
#include <config.h>

#include "core/file.h"
#include "core/shape.h"
#include "core/tensor.h"
#include "core/thread.h"
#include "data/source.h"
#include "files/values_place.h"

#include <stdlib.h>
#include <unistd.h>

typedef struct {
    fr_source source;
    char *path; /* for errors */
    FILE *file; /* closes fd */
    int fd;
    fr_values_place place;
    fr_shape row;
    int64_t row_numel;
} file_source;

/* --- Rows --------------------------------------------------------------------------------------------------------- */

typedef struct {
    int fd;
    int64_t at; /* offset in the file */
} position;

/* A byte stream's read. */
static bool read_at(fr_byte_stream *s, void *into, size_t bytes)
{
    position *p = s->handle;
    ssize_t count = fr_file_read_at(p->fd, into, bytes, p->at);

    if (count < 0)
        return fr_fail(s->where, "%s", strerror(errno));
    p->at += count;
    return (size_t)count == bytes ||
           fr_fail(s->where, "byte %lld of its values is not there: the file has become shorter", (long long)p->at);
}

/* Reads n rows that lie together into a batch, from its row `into` on. */
static bool read_rows(const file_source *fs, const char *where, int64_t first, int64_t n, const fr_tensor *batch,
                      int64_t into)
{
    int64_t file_bytes = fs->row_numel * (int64_t)fr_file_dtypes[fs->place.dtype].size;
    position p = { fs->fd, fs->place.begin + first * file_bytes };
    fr_byte_stream s = { where, &p, read_at, n * file_bytes };
    fr_tensor part = *batch;

    part.numel = n * fs->row_numel;
    part.origin += into * fs->row_numel * (int64_t)fr_dtype_size((fr_dtype)batch->dtype);
    return part.numel == 0 || fr_read_values(&s, fs->place.dtype, fs->place.big_endian, &part);
}

static bool make_rows(const fr_source *s, const char *what, const int64_t *rows, int64_t n, fr_tensor **batch)
{
    const file_source *fs = (const file_source *)s;
    char where[FR_WHERE_SIZE];

    fr_file_where(what, fs->path, where);
    batch[0] = fr_new_rows(where, &fs->row, fr_file_dtypes[fs->place.dtype].dtype, n);
    if (!batch[0])
        return false;
    for (int64_t i = 0, run; i < n; i += run) {
        for (run = 1; i + run < n && rows[i + run] == rows[i] + run; run++)
            continue;
        if (!read_rows(fs, where, rows[i], run, batch[0], i))
            return false;
    }
    return true;
}

/* --- Opening ------------------------------------------------------------------------------------------------------ */

static void end_file(fr_source *s)
{
    file_source *fs = (file_source *)s;

    if (fs->file)
        fclose(fs->file);
    free(fs->path);
}

static bool open_file(const char *where, const char *path, file_source *fs)
{
    fs->fd = fr_file_open_descriptor(where, path);
    if (fs->fd < 0)
        return false;
    fs->file = fr_file_stream(fs->fd, "rb");
    if (!fs->file)
        close(fs->fd);
    else
        fs->path = strdup(path);
    return fs->path || fr_fail_memory(where);
}

typedef enum { NPY, NPZ, SAFETENSORS } format;

static bool find_values(format f, const char *where, const char *name, file_source *fs)
{
    fr_values_place *place = &fs->place;
    bool ok = f == NPY   ? fr_npy_find_values(where, fs->file, place)
              : f == NPZ ? fr_npz_find_values(where, fs->file, name, place)
                         : fr_safetensors_find_values(where, fs->file, name, place);

    if (!ok)
        return false;
    if (place->shape.ndim == 0)
        return fr_fail(where, "is a scalar: it has no rows");
    fs->source.rows = place->shape.dim[0];
    fs->source.count = 1;
    fs->source.make = make_rows;
    fs->row.ndim = place->shape.ndim - 1;
    for (int i = 0; i < fs->row.ndim; i++)
        fs->row.dim[i] = place->shape.dim[i + 1];
    fs->row_numel = fs->source.rows > 0 ? fr_shape_numel(&place->shape) / fs->source.rows : 0;
    return true;
}

static fr_source *open_source(format f, const char *what, const char *path, const char *name)
{
    char where[FR_WHERE_SIZE];
    file_source *fs;

    fr_file_where(what, path, where);
    fs = f == NPY || fr_check_argument(where, name, "name") ? fr_source_new(where, sizeof *fs) : NULL;
    if (!fs)
        return NULL;
    fs->source.end = end_file;
    if (open_file(where, path, fs) && find_values(f, where, name, fs))
        return &fs->source;
    fr_source_unref(&fs->source);
    return NULL;
}

static fr_dataset *open_dataset(format f, const char *what, const char *path, const char *name)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_dataset *d = fr_dataset_of_source(what, open_source(f, what, path, name));

    fr_finish(th, before);
    return d;
}

fr_dataset *fr_open_npy(const char *path)
{
    return open_dataset(NPY, "open_npy", path, NULL);
}

fr_dataset *fr_open_npz(const char *path, const char *name)
{
    return open_dataset(NPZ, "open_npz", path, name);
}

fr_dataset *fr_open_safetensors(const char *path, const char *name)
{
    return open_dataset(SAFETENSORS, "open_safetensors", path, name);
}
