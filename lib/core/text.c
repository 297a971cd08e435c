/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Text, and writing it to files. */
#include "core/text.h"

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

/* As RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
int fr_utf8_size(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    unsigned first = *p, low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    int size = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;

    for (int i = 1; i < size; i++, low = 0x80, high = 0xbf)
        if (p[i] < low || p[i] > high)
            return 0;
    return size;
}

bool fr_is_utf8(const char *text)
{
    int size = 1;

    for (; *text && size > 0; text += size)
        size = fr_utf8_size(text);
    return size > 0;
}
