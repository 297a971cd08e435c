/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reads a text file line by line, and the fields and numbers in a line. */
#include <config.h>

#include "data/line_reader.h"

#include "core/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#define BLANKS " \t\r"

bool fr_line_reader_begin(fr_line_reader *lines, const char *where, FILE *file)
{
    *lines = (fr_line_reader){ .where = where, .file = file, .c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0) };
    if (!lines->c_locale)
        return fr_fail_memory(where);
    lines->callers_locale = uselocale(lines->c_locale);
    return true;
}

void fr_line_reader_end(fr_line_reader *lines)
{
    uselocale(lines->callers_locale);
    freelocale(lines->c_locale);
    free(lines->text);
}

bool fr_line_reader_fail(const fr_line_reader *lines, const char *format, ...)
{
    char where[FR_WHERE_SIZE], text[FR_MESSAGE_SIZE];
    va_list arguments;

    snprintf(where, sizeof where, "%s:%lld", lines->where, (long long)lines->number);
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fr_fail(where, "%s", text);
    return false;
}

bool fr_line_reader_rewind(fr_line_reader *lines)
{
    if (fseeko(lines->file, 0, SEEK_SET) != 0)
        return fr_fail(lines->where, "cannot be read twice: %s", strerror(errno));
    lines->number = lines->bytes = 0;
    return true;
}

/* getline from memory. A line is as long as the text at most, so that it is allocated once. */
static ssize_t get_line(fr_line_reader *lines)
{
    size_t left = (size_t)(lines->end - lines->at), length;
    const char *newline = left > 0 ? memchr(lines->at, '\n', left) : NULL;

    if (left == 0)
        return -1;
    if (left >= lines->capacity) {
        char *larger = realloc(lines->text, left + 1);

        if (!larger)
            return lines->failed = true, -1;
        lines->text = larger;
        lines->capacity = left + 1;
    }
    length = newline ? (size_t)(newline - lines->at) + 1 : left;
    memcpy(lines->text, lines->at, length);
    lines->text[length] = '\0';
    lines->at += length;
    return (ssize_t)length;
}

char *fr_line_reader_next_any(fr_line_reader *lines)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    ssize_t length = lines->file ? getline(&lines->text, &lines->capacity, lines->file) : get_line(lines);
    char *text = lines->text;

    if (length < 0) {
        lines->failed = lines->failed || (lines->file && !feof(lines->file));
        if (lines->failed)
            fr_fail(lines->where, "%s", lines->file ? strerror(errno) : "out of memory");
        return NULL;
    }
    lines->number++;
    lines->begin = lines->bytes;
    lines->bytes += length;
    if (memchr(text, '\0', (size_t)length)) {
        lines->failed = true;
        fr_line_reader_fail(lines, "a byte of value 0: not a text file");
        return NULL;
    }
    while (length > 0 && strchr("\r\n", text[length - 1]))
        text[--length] = '\0';
    return lines->number == 1 && strncmp(text, byte_order_mark, 3) == 0 ? text + 3 : text;
}

char *fr_line_reader_next(fr_line_reader *lines)
{
    char *text;

    while ((text = fr_line_reader_next_any(lines)) && !text[strspn(text, BLANKS)])
        ;
    return text;
}

char *fr_trim(char *text)
{
    char *end = text + strlen(text);

    while (end > text && strchr(BLANKS, end[-1]))
        end--;
    *end = '\0';
    return text + strspn(text, BLANKS);
}

char *fr_next_field(char **rest, char separator)
{
    char *text = *rest, *end;

    if (!text)
        return NULL;
    end = strchr(text, separator);
    if (end)
        *end = '\0';
    *rest = end ? end + 1 : NULL;
    return fr_trim(text);
}

bool fr_parse_number(const char *text, double *value)
{
    char *end;

    if (!*text || text[strspn(text, "+-.0123456789eE")])
        return false;
    *value = strtod(text, &end);
    return !*end;
}

const char *fr_quoted(const char *text, char out[FR_QUOTED_SIZE])
{
    static const char more[] = "...";
    size_t max = FR_QUOTED_SIZE - sizeof more - 2, length = strlen(text), shown = length < max ? length : max;

    snprintf(out, FR_QUOTED_SIZE, "\"%.*s%s\"", (int)shown, text, shown < length ? more : "");
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
    return out;
}
