/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The file of a run: tensors under names, put together before it is written, and asked for after it was read. */
#include <config.h>

#include "checkpoint/file.h"

#include <stdarg.h>
#include <stdlib.h>

/* The text, to be freed; NULL where memory runs out. */
static char *print_name(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));
static char *print_name(const char *format, va_list arguments)
{
    char *name;

    return vasprintf(&name, format, arguments) < 0 ? NULL : name;
}

/* --- Writing ----------------------------------------------------------------------------------------------------- */

/* Takes name (NULL: memory ran out) and a reference to t (NULL: that failed) over. */
static bool put(fr_checkpoint_writer *f, fr_tensor *t, char *name)
{
    bool room = name && fr_make_room(&f->names, sizeof *f->names, f->count, &f->name_capacity) &&
                fr_make_room(&f->tensors, sizeof(fr_tensor *), f->count, &f->tensor_capacity);

    if (!t || !room) {
        free(name);
        fr_unref(t);
        if (t)
            fr_fail_memory(f->what);
        return false;
    }
    f->names[f->count] = name;
    f->tensors[f->count++] = t;
    return true;
}

bool fr_checkpoint_add(fr_checkpoint_writer *f, fr_tensor *t, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);

    bool ok = put(f, fr_ref(t), print_name(format, arguments));

    va_end(arguments);
    return ok;
}

int64_t *fr_checkpoint_add_int64(fr_checkpoint_writer *f, fr_shape shape, const char *name)
{
    fr_tensor *t = fr_tensor_alloc(f->what, &shape, FR_I64);

    return put(f, t, strdup(name)) ? (int64_t *)t->origin : NULL;
}

double *fr_checkpoint_add_float64(fr_checkpoint_writer *f, fr_shape shape, const char *format, ...)
{
    fr_tensor *t = fr_tensor_alloc(f->what, &shape, FR_F64);
    va_list arguments;

    va_start(arguments, format);

    bool ok = put(f, t, print_name(format, arguments));

    va_end(arguments);
    return ok ? (double *)t->origin : NULL;
}

void fr_checkpoint_writer_free(fr_checkpoint_writer *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free(f->names[i]);
        fr_unref(f->tensors[i]);
    }
    free(f->names);
    free(f->tensors);
}

/* --- Reading ----------------------------------------------------------------------------------------------------- */

bool fr_checkpoint_reader_init(fr_checkpoint_reader *f, const char *where, fr_tensors *ts)
{
    *f = (fr_checkpoint_reader){ .where = where, .ts = ts, .asked_for = calloc((size_t)ts->count + 1, sizeof(bool)) };
    return f->asked_for || fr_fail_memory(where);
}

void fr_checkpoint_reader_free(fr_checkpoint_reader *f)
{
    fr_tensors_free(f->ts);
    free(f->asked_for);
}

/* The tensor of that name, or NULL; *name, which the caller frees, is NULL where memory ran out. */
static fr_tensor *find(fr_checkpoint_reader *f, char **name, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
static fr_tensor *find(fr_checkpoint_reader *f, char **name, const char *format, va_list arguments)
{
    fr_tensor *t;

    *name = print_name(format, arguments);
    f->failed = f->failed || !*name;
    t = *name ? fr_tensors_find(f->ts, *name) : NULL;
    for (int i = 0; t && i < f->ts->count; i++)
        if (f->ts->items[i].tensor == t)
            f->asked_for[i] = true;
    return t;
}

fr_tensor *fr_checkpoint_find(fr_checkpoint_reader *f, const char *format, ...)
{
    va_list arguments;
    fr_tensor *t;
    char *name;

    va_start(arguments, format);
    t = find(f, &name, format, arguments);
    va_end(arguments);
    free(name);
    return t;
}

fr_tensor *fr_checkpoint_get(fr_checkpoint_reader *f, fr_dtype dtype, fr_shape shape, const char *format, ...)
{
    va_list arguments;
    fr_tensor *t;
    char *name;

    va_start(arguments, format);
    t = find(f, &name, format, arguments);
    va_end(arguments);
    if (name && !fr_error_list_check_tensor(&f->complaints, name, t, dtype, &shape))
        t = NULL;
    free(name);
    return t;
}

bool fr_checkpoint_reader_finish(fr_checkpoint_reader *f)
{
    if (f->failed)
        return fr_fail_memory(f->where);
    for (int i = 0; i < f->ts->count; i++)
        if (!f->asked_for[i])
            fr_error_list_add(&f->complaints, "\"%.80s\" is not expected", f->ts->items[i].name);
    return !fr_error_list_fail(&f->complaints, f->where, "does not agree with what it is loaded into");
}
