/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reads a text file, or a piece of one in memory, line by line, and the fields and numbers in a line. */
#ifndef FROND_DATA_LINE_READER_H
#define FROND_DATA_LINE_READER_H

#include "core/file.h"

#include <locale.h>

typedef struct {
    const char *where; /* function and file, for errors */
    FILE *file;        /* NULL: the text from `at` to `end` is read */
    const char *at, *end;
    char *text; /* the current line, without its newline */
    size_t capacity;
    int64_t number; /* of the current line, from 1 */
    int64_t begin;  /* offset of the current line's first byte */
    int64_t bytes;  /* that were read so far */
    bool failed;
    locale_t c_locale, callers_locale;
} fr_line_reader;

/* Starts to read file, which stays open; NULL: text in memory, that is given later. Sets this thread's locale to "C"
 * until fr_line_reader_end, which must be called, so that numbers have a decimal point. False with an error: then
 * fr_line_reader_end must not be called. */
bool fr_line_reader_begin(fr_line_reader *lines, const char *where, FILE *file);
void fr_line_reader_end(fr_line_reader *lines);
/* Begins at the file's beginning again. False with an error, as for a pipe. */
bool fr_line_reader_rewind(fr_line_reader *lines);
/* The next line that is not blank, borrowed; the caller may change it. NULL at the end of the file, and for an error,
 * which sets failed. */
char *fr_line_reader_next(fr_line_reader *lines);
char *fr_line_reader_next_any(fr_line_reader *lines); /* the same, but blank lines count */
/* fr_fail for the current line: "read_ts: x.ts:12: ...". Returns false. */
bool fr_line_reader_fail(const fr_line_reader *lines, const char *format, ...) FR_PRINTF(2, 3);

/* Strips blanks from both ends, in place. Returns the beginning of what is left. */
char *fr_trim(char *text);
/* Cuts the next field off *rest: up to the separator or the end, stripped of blanks. NULL if no field is left. */
char *fr_next_field(char **rest, char separator);
/* Parses text, all of it, as a decimal number. Hexadecimal, inf and nan, which strtod takes, are refused. */
bool fr_parse_number(const char *text, double *value);

/* Quotes text for a message: its beginning in double quotes, with ? for control characters. Returns out. */
enum { FR_QUOTED_SIZE = 48 };
const char *fr_quoted(const char *text, char out[FR_QUOTED_SIZE]);

#endif
