/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What all files of this folder write with: strings that live as long as the writer, numbers, errors, lines of C. */
#include "export_c/writer.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

/* --- Strings ----------------------------------------------------------------------------------------------------- */

bool fr_c_out_of_memory(fr_c_writer *w)
{
    if (!w->failed)
        fr_fail_memory(w->where);
    w->failed = true;
    return false;
}

/* Takes text over, to be freed with w. NULL: there was no memory for it. */
static const char *keep(fr_c_writer *w, char *text)
{
    if (!text || !fr_make_room(&w->strings, sizeof *w->strings, w->string_count, &w->string_capacity)) {
        free(text);
        fr_c_out_of_memory(w);
        return "";
    }
    return w->strings[w->string_count++] = text;
}

/* As vsnprintf, into memory of its own; NULL without memory. */
static char *format_text(const char *format, va_list args)
{
    va_list again;
    char *text;
    int n;

    va_copy(again, args);
    n = vsnprintf(NULL, 0, format, args);
    text = n < 0 ? NULL : malloc((size_t)n + 1);
    if (text)
        vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}

const char *fr_c_format(fr_c_writer *w, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = format_text(format, args);
    va_end(args);
    return keep(w, text);
}

void fr_c_writer_free(fr_c_writer *w)
{
    for (size_t i = 0; i < w->string_count; i++)
        free(w->strings[i]);
    for (size_t i = 0; i < w->constant_count; i++)
        fr_unref(w->constants[i].t);
    fr_c_length_free(&w->length);
    free(w->strings);
    free(w->constants);
    free(w->parameters);
    free(w->kept);
    free(w->clocks);
    free(w->helpers);
    free(w->int8_groups);
}

/* --- Numbers ----------------------------------------------------------------------------------------------------- */

void fr_c_float_text(double x, char text[FR_C_NUMBER_SIZE])
{
    char digits[32];

    for (int n = 1; n <= 9; n++) {
        snprintf(digits, sizeof digits, "%.*g", n, x);
        if (strtof(digits, NULL) == (float)x)
            break;
    }
    if (isnan(x))
        snprintf(text, FR_C_NUMBER_SIZE, "NAN");
    else if (isinf(x))
        snprintf(text, FR_C_NUMBER_SIZE, "%sINFINITY", x < 0 ? "-" : "");
    else
        snprintf(text, FR_C_NUMBER_SIZE, "%s%sF", digits, strpbrk(digits, ".e") ? "" : ".0");
}

const char *fr_c_number(fr_c_writer *w, double value, fr_dtype dtype)
{
    char text[FR_C_NUMBER_SIZE];

    if (dtype == FR_I64 && value == floor(value) && fabs(value) < 0x1p62)
        return fr_c_format(w, "%lld", (long long)value);
    if (dtype == FR_I64 && isinf(value))
        return value > 0 ? "INT64_MAX" : "INT64_MIN";
    fr_c_float_text(value, text);
    return fr_c_format(w, "%s", text);
}

/* --- Failing ----------------------------------------------------------------------------------------------------- */

bool fr_c_has_unsupported(const fr_c_writer *w)
{
    return w->unsupported.used > 0 || w->unsupported.left_out > 0;
}

void fr_c_last_error(char *text, size_t size)
{
    const char *latest = fr_thread_self()->errors.latest, *start = strstr(latest, ": "),
               *place = strstr(latest, "   [");

    start = start ? start + 2 : latest;
    snprintf(text, size, "%.*s", place && place > start ? (int)(place - start) : (int)strlen(start), start);
}

bool fr_c_fail(fr_c_writer *w, const char *format, ...)
{
    const fr_step *s = &w->function->trace.steps[w->step];
    char path[FR_PATH_TEXT], *text;
    const char *complaint;
    va_list args;

    if (w->failed)
        return false;
    va_start(args, format);
    text = format_text(format, args);
    va_end(args);
    if (!text)
        return fr_c_out_of_memory(w);
    fr_module_path_text(s->module_path, path);
    complaint = fr_c_format(w, "op %s in %s%s: %s", s->op->name, *path ? "module " : "no module", path, text);
    free(text);
    /* A module with a loop calls the same op many times. */
    if (!w->failed && !strstr(w->unsupported.text, complaint))
        fr_error_list_add(&w->unsupported, "%s", complaint);
    return false;
}

/* --- Lines ------------------------------------------------------------------------------------------------------- */

/* Where to break text, which is longer than room: at the last ", " that fits, unless it stands in the first quarter;
 * else at the last " ". */
static size_t find_break(const char *text, size_t room)
{
    for (size_t i = room; i > room / 4; i--)
        if (text[i] == ' ' && text[i - 1] == ',')
            return i;
    for (size_t i = room; i > 0; i--)
        if (text[i] == ' ')
            return i;
    return strlen(text);
}

/* How far the lines that continue the first n characters of text are indented: to its first open parenthesis. */
static int continuation_indent(const char *text, size_t n)
{
    size_t open = 0;
    int depth = 0;

    if (strncmp(text, "/*", 2) == 0)
        return 3;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '(' && depth++ == 0)
            open = i + 1;
        else if (text[i] == ')')
            depth--;
    }
    return depth > 0 && open < FR_C_LINE_WIDTH / 2 ? (int)open : FR_C_INDENT;
}

const char *fr_c_comment(const char *text, char safe[FR_C_COMMENT])
{
    size_t n = strlen(text) < FR_C_COMMENT ? strlen(text) : FR_C_COMMENT - 1;

    for (size_t i = 0; i < n; i++) {
        bool ends = text[i] == '/' && i > 0 && text[i - 1] == '*',
             begins = text[i] == '*' && i > 0 && text[i - 1] == '/';
        bool trigraph = text[i] == '?' || text[i] == '\\';

        safe[i] = (char)(ends || begins || trigraph || (unsigned char)text[i] < ' ' ? '_' : text[i]);
    }
    safe[n] = '\0';
    return safe;
}

void fr_c_put_line(FILE *f, int indent, const char *text)
{
    size_t room = FR_C_LINE_WIDTH - (size_t)(indent * FR_C_INDENT);
    int extra = 0;

    if (!*text)
        fputc('\n', f);
    while (*text) {
        size_t n = strlen(text), at = n > room ? find_break(text, room) : n;

        fprintf(f, "%*s%.*s\n", indent * FR_C_INDENT + extra, "", (int)at, text);
        if (at == n)
            return;
        if (extra == 0) {
            extra = continuation_indent(text, at);
            room -= (size_t)extra;
        }
        text += at + 1;
    }
}

bool fr_c_line(fr_c_writer *w, const char *format, ...)
{
    va_list args;
    char *text;

    if (w->failed || !w->out)
        return !w->failed;
    va_start(args, format);
    text = format_text(format, args);
    va_end(args);
    if (!text)
        return fr_c_out_of_memory(w);
    if (w->whole_lines)
        fprintf(w->out, "%*s%s\n", *text ? w->indent * FR_C_INDENT : 0, "", text);
    else
        fr_c_put_line(w->out, w->indent, text);
    free(text);
    return true;
}
