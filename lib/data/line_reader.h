/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Text files line by line, and the numbers in them. */
#ifndef FROND_DATA_LINE_READER_H
#define FROND_DATA_LINE_READER_H

#include "core/file.h"

#include <locale.h>

typedef struct {
    const char *where; /* function and file, for errors */
    FILE *file;
    char *text; /* of the current line, without its end */
    size_t room;
    int64_t number; /* of the current line, from 1 */
    bool failed;
    locale_t c_locale, callers_locale;
} fr_line_reader;

/* Begins with file, which stays open. Until fr_line_reader_end this thread is in the C locale, for the sake of decimal
 * points. False with an error; otherwise fr_line_reader_end is due. */
bool fr_line_reader_begin(fr_line_reader *l, const char *where, FILE *file);
void fr_line_reader_end(fr_line_reader *l);
/* The next line that is not blank: borrowed, to be cut up at will. NULL at the end of the file and, with l->failed, for
 * an error. */
char *fr_line_reader_next(fr_line_reader *l);
/* fr_fail for the current line: "read_ts: x.ts:12: ...". Gives false. */
bool fr_line_reader_fail(const fr_line_reader *l, const char *format, ...) FR_PRINTF(2, 3);

/* text without blanks at both ends; cuts the end off. */
char *fr_trim(char *text);
/* The next field of *rest, up to the separator or the end, without blanks at both ends. NULL when there is none left.
 */
char *fr_next_field(char **rest, char separator);
/* A decimal number that fills text: digits, sign, point, exponent; nothing else that strtod takes. */
bool fr_parse_number(const char *text, double *value);

/* text for a message: its beginning, in double quotes, without control characters. Returns out. */
enum { FR_QUOTED_SIZE = 48 };
const char *fr_quoted(const char *text, char out[FR_QUOTED_SIZE]);

#endif
