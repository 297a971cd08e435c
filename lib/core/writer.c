/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Formatted text, into files and arrays. */
#include "core/writer.h"

#include <stdarg.h>

void fr_put(fr_writer *w, const char *format, ...)
{
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vfprintf(w->file, format, arguments);
    va_end(arguments);
    w->written = n < 0 || w->written < 0 ? -1 : w->written + n;
}

void fr_append(char *text, size_t size, size_t *used, const char *format, ...)
{
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vsnprintf(text + *used, size - *used, format, arguments);
    va_end(arguments);
    if (n > 0)
        *used = *used + (size_t)n < size ? *used + (size_t)n : size - 1;
}
