/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Checking UTF-8. */
#ifndef FROND_CORE_UTF8_H
#define FROND_CORE_UTF8_H

#include <stdbool.h>

/* Bytes of the character that text begins with, 1 to 4; 0: it is no UTF-8. */
int fr_utf8_size(const char *text);
/* True if all of text is UTF-8, as jansson demands of names. */
bool fr_is_utf8(const char *text);

#endif
