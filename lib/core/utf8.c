/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Checking UTF-8. */
#include "core/utf8.h"

/* As RFC 3629 says: no overlong forms, no surrogates, nothing above U+10FFFF. low and high bound the second byte. */
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
