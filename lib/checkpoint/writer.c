/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Collects the named tensors of a checkpoint before they are written. */
#include <config.h>

#include "checkpoint/writer.h"

#include "core/error.h"
#include "core/memory.h"

#include <stdarg.h>
#include <stdlib.h>

/* Takes over the reference to t, which is NULL if making it failed. */
static bool add(fr_checkpoint_writer *w, fr_tensor *t, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
static bool add(fr_checkpoint_writer *w, fr_tensor *t, const char *format, va_list arguments)
{
    char *name;

    if (!t)
        return false;
    if (vasprintf(&name, format, arguments) < 0)
        name = NULL;
    if (!name || !fr_make_room(&w->names, sizeof *w->names, w->count, &w->name_capacity) ||
        !fr_make_room(&w->tensors, sizeof(fr_tensor *), w->count, &w->tensor_capacity)) {
        free(name);
        fr_unref(t);
        return fr_fail_memory(w->what);
    }
    w->names[w->count] = name;
    w->tensors[w->count++] = t;
    return true;
}

bool fr_checkpoint_add(fr_checkpoint_writer *w, fr_tensor *t, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);

    bool ok = add(w, fr_ref(t), format, arguments);

    va_end(arguments);
    return ok;
}

/* Adds a new tensor. Returns its values. */
static void *add_new(fr_checkpoint_writer *w, fr_dtype dtype, fr_shape shape, const char *format, va_list arguments)
    __attribute__((format(printf, 4, 0)));
static void *add_new(fr_checkpoint_writer *w, fr_dtype dtype, fr_shape shape, const char *format, va_list arguments)
{
    fr_tensor *t = fr_tensor_alloc(w->what, &shape, dtype);

    return add(w, t, format, arguments) ? t->origin : NULL;
}

int64_t *fr_checkpoint_add_int64(fr_checkpoint_writer *w, fr_shape shape, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);

    int64_t *values = add_new(w, FR_I64, shape, format, arguments);

    va_end(arguments);
    return values;
}

double *fr_checkpoint_add_float64(fr_checkpoint_writer *w, fr_shape shape, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);

    double *values = add_new(w, FR_F64, shape, format, arguments);

    va_end(arguments);
    return values;
}

void fr_checkpoint_writer_free(fr_checkpoint_writer *w)
{
    for (size_t i = 0; i < w->count; i++) {
        free(w->names[i]);
        fr_unref(w->tensors[i]);
    }
    free(w->names);
    free(w->tensors);
}
