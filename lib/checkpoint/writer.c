/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Collects the named tensors of a checkpoint before they are written. */
#include <config.h>

#include "checkpoint/writer.h"

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

int64_t *fr_checkpoint_add_int64(fr_checkpoint_writer *w, fr_shape shape, const char *format, ...)
{
    fr_tensor *t = fr_tensor_alloc(w->what, &shape, FR_I64);
    va_list arguments;

    va_start(arguments, format);

    bool ok = add(w, t, format, arguments);

    va_end(arguments);
    return ok ? (int64_t *)t->origin : NULL;
}

double *fr_checkpoint_add_float64(fr_checkpoint_writer *w, fr_shape shape, const char *format, ...)
{
    fr_tensor *t = fr_tensor_alloc(w->what, &shape, FR_F64);
    va_list arguments;

    va_start(arguments, format);

    bool ok = add(w, t, format, arguments);

    va_end(arguments);
    return ok ? (double *)t->origin : NULL;
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
