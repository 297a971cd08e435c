/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Collects everything that is wrong with a file into one error message. */
#include "files/error_list.h"

#include "core/error.h"
#include "core/shape.h"

#include <frond/op.h>
#include <stdarg.h>

void fr_error_list_add(fr_error_list *list, const char *format, ...)
{
    char error[400];
    const char *separator = list->used > 0 ? "; " : "";
    size_t limit = list->limit ? list->limit : sizeof list->text;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error, sizeof error, format, arguments);
    va_end(arguments);
    list->full = list->full || list->used + strlen(separator) + strlen(error) >= limit;
    if (list->full)
        list->left_out++;
    else
        list->used +=
            (size_t)snprintf(list->text + list->used, sizeof list->text - list->used, "%s%s", separator, error);
}

void fr_error_list_limit(fr_error_list *list, int parts, int of)
{
    list->limit = sizeof list->text * (size_t)parts / (size_t)of;
    list->full = false;
}

bool fr_error_list_check_tensor(fr_error_list *list, const char *name, const fr_tensor *t, fr_dtype dtype,
                                const fr_shape *shape)
{
    char actual[FR_SHAPE_TEXT], expected[FR_SHAPE_TEXT];

    if (!t)
        fr_error_list_add(list, "\"%.80s\" is missing", name);
    else if (t->dtype != dtype || !fr_shape_equal(&t->shape, shape))
        fr_error_list_add(list, "\"%.80s\" is %s %s, expected %s %s", name, fr_dtype_name((fr_dtype)t->dtype),
                          fr_shape_text(&t->shape, actual), fr_dtype_name(dtype), fr_shape_text(shape, expected));
    else
        return true;
    return false;
}

bool fr_error_list_fail(const fr_error_list *list, const char *where, const char *what)
{
    char more[40] = "";
    bool any = list->used > 0 || list->left_out > 0;

    if (list->left_out > 0)
        snprintf(more, sizeof more, "%sand %d more", list->used > 0 ? "; " : "", list->left_out);
    if (any)
        fr_fail(where, "%s: %s%s", what, list->text, more);
    return any;
}
