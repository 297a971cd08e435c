/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Looks up the named tensors of a checkpoint that was loaded, and collects everything about them that is wrong. */
#include <config.h>

#include "checkpoint/reader.h"

#include "core/error.h"

#include <stdarg.h>
#include <stdlib.h>

bool fr_checkpoint_reader_init(fr_checkpoint_reader *r, const char *where, fr_tensors *tensors)
{
    *r = (fr_checkpoint_reader){ .where = where, .tensors = tensors };
    r->used = calloc((size_t)tensors->count + 1, sizeof *r->used);
    return r->used || fr_fail_memory(where);
}

void fr_checkpoint_reader_free(fr_checkpoint_reader *r)
{
    fr_tensors_free(r->tensors);
    free(r->used);
}

/* *name gets the formatted name, to be freed; NULL if memory ran out. */
static fr_tensor *find(fr_checkpoint_reader *r, char **name, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
static fr_tensor *find(fr_checkpoint_reader *r, char **name, const char *format, va_list arguments)
{
    if (vasprintf(name, format, arguments) < 0) {
        *name = NULL;
        r->out_of_memory = true;
        return NULL;
    }

    fr_tensor *t = fr_tensors_find(r->tensors, *name);

    for (int i = 0; t && i < r->tensors->count; i++)
        if (r->tensors->items[i].tensor == t)
            r->used[i] = true;
    return t;
}

fr_tensor *fr_checkpoint_find(fr_checkpoint_reader *r, const char *format, ...)
{
    va_list arguments;
    fr_tensor *t;
    char *name;

    va_start(arguments, format);
    t = find(r, &name, format, arguments);
    va_end(arguments);
    free(name);
    return t;
}

fr_tensor *fr_checkpoint_get(fr_checkpoint_reader *r, fr_dtype dtype, fr_shape shape, const char *format, ...)
{
    va_list arguments;
    fr_tensor *t;
    char *name;

    va_start(arguments, format);
    t = find(r, &name, format, arguments);
    va_end(arguments);
    if (name && !fr_error_list_check_tensor(&r->errors, name, t, dtype, &shape))
        t = NULL;
    free(name);
    return t;
}

bool fr_checkpoint_reader_finish(fr_checkpoint_reader *r)
{
    if (r->out_of_memory)
        return fr_fail_memory(r->where);
    for (int i = 0; i < r->tensors->count; i++)
        if (!r->used[i])
            fr_error_list_add(&r->errors, "\"%.80s\" is not expected", r->tensors->items[i].name);
    return !fr_error_list_fail(&r->errors, r->where, "does not agree with what it is loaded into");
}
