/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* NumPy's npz files: fr_save_npz, fr_load_npz. Without libzip both fail. */
#include <config.h>

#include "files/npz.h"

#include "core/file.h"
#include "core/thread.h"
#include "files/values_place.h"

bool fr_npz_check_name(const char *where, const char *name)
{
    if (name[0] == '/')
        return fr_fail(where, "the name \"%.80s\" begins with /", name);
    for (const char *part = name;; part++) {
        size_t length = strcspn(part, "/");

        if (length == 2 && memcmp(part, "..", 2) == 0)
            return fr_fail(where, "the name \"%.80s\" leads out of the archive", name);
        part += length;
        if (*part == '\0')
            return true;
    }
}

#ifdef HAVE_LIBZIP

static fr_tensors *load_npz(const char *what, const char *path)
{
    char where[FR_WHERE_SIZE];
    FILE *file = fr_file_open(fr_file_where(what, path, where), path);

    if (!file)
        return NULL;

    fr_tensors *ts = fr_npz_read_file(where, file);

    fclose(file);
    return ts;
}

static bool save_npz(const char *what, const char *path, const char *const *names, fr_tensor *const *tensors, int n)
{
    char where[FR_WHERE_SIZE];

    return fr_npz_write(fr_file_where(what, path, where), path, names, tensors, n);
}

#else

static fr_tensors *load_npz(const char *what, const char *path)
{
    char where[FR_WHERE_SIZE];

    return fr_fail(fr_file_where(what, path, where), "npz files need libzip, without which frond was built");
}

static bool save_npz(const char *what, const char *path, const char *const *names, fr_tensor *const *tensors, int n)
{
    (void)names;
    (void)tensors;
    (void)n;
    return load_npz(what, path) != NULL; /* fails with the same error */
}

bool fr_npz_find_values(const char *where, FILE *file, const char *name, fr_values_place *place)
{
    (void)file;
    (void)name;
    (void)place;
    return fr_fail(where, "npz files need libzip, without which frond was built");
}

#endif

fr_tensors *fr_load_npz(const char *path)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "load_npz");
    fr_tensors *ts = load_npz("load_npz", path);

    fr_finish(th, before);
    return ts;
}

bool fr_save_npz(const char *path, const char *const *names, fr_tensor *const *tensors, int n)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "save_npz");
    bool ok = save_npz("save_npz", path, names, tensors, n);

    fr_finish(th, before);
    return ok;
}
