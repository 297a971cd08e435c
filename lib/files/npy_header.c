/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Parses the dict in an npy file's header: the few Python literals that NumPy writes there. */
#include <config.h>

#include "core/error.h"
#include "core/integer.h"
#include "files/npy.h"

typedef struct {
    const char *where, *text;
    size_t at, size;
    bool python2;
} parser;

static bool expected(const parser *p, const char *what)
{
    return fr_fail(p->where, "header, byte %zu: expected %s", p->at, what);
}

/* --- Tokens ------------------------------------------------------------------------------------------------------ */

/* The next character, '\0' at the end. */
static char peek(const parser *p)
{
    return p->at < p->size ? p->text[p->at] : '\0';
}

static char peek_token(parser *p)
{
    while (peek(p) == ' ' || peek(p) == '\t' || peek(p) == '\n' || peek(p) == '\r')
        p->at++;
    return peek(p);
}

static bool accept(parser *p, char token)
{
    bool is = peek_token(p) == token;

    p->at += is;
    return is;
}

/* 'text' or "text" without escapes; the end of a text that does not fit is cut off. */
static bool read_string(parser *p, char *into, size_t size)
{
    char quote = peek_token(p);
    size_t length = 0;

    if (quote != '\'' && quote != '"')
        return expected(p, "a string");
    for (p->at++; peek(p) != quote; p->at++) {
        char c = peek(p);

        if (c < ' ' || c > '~' || c == '\\')
            return expected(p, "the end of a plain string");
        if (length + 1 < size)
            into[length++] = c;
    }
    p->at++;
    into[length] = '\0';
    return true;
}

static bool read_bool(parser *p, bool *value)
{
    *value = peek_token(p) == 'T';

    const char *word = *value ? "True" : "False";
    size_t length = strlen(word);

    if (p->size - p->at < length || memcmp(p->text + p->at, word, length) != 0)
        return expected(p, "True or False");
    p->at += length;
    return true;
}

static bool read_number(parser *p, int64_t *value)
{
    size_t begin;

    *value = 0;
    peek_token(p);
    for (begin = p->at; peek(p) >= '0' && peek(p) <= '9'; p->at++)
        if (!fr_mul_size(*value, 10, value) || __builtin_add_overflow(*value, peek(p) - '0', value))
            return expected(p, "a number below 2^63");
    if (p->at == begin || (p->text[begin] == '0' && p->at > begin + 1))
        return expected(p, "a number");
    if (p->python2 && peek(p) == 'L')
        p->at++;
    return true;
}

/* (), (3,), (2, 3) or (2, 3,), but not (3), which Python takes for a number. */
static bool read_tuple(parser *p, fr_shape *shape)
{
    bool comma = true;

    shape->ndim = 0;
    if (!accept(p, '('))
        return expected(p, "a tuple");
    while (!accept(p, ')')) {
        if (!comma)
            return expected(p, ", or )");
        if (shape->ndim == FR_MAX_DIMS)
            return fr_fail(p->where, "has more than %d dimensions", FR_MAX_DIMS);
        if (!read_number(p, &shape->dim[shape->ndim++]))
            return false;
        comma = accept(p, ',');
    }
    return shape->ndim != 1 || comma || expected(p, "a tuple, not a number in parentheses");
}

/* --- The dtype --------------------------------------------------------------------------------------------------- */

/* NumPy's name for the kinds of values that no tensor can hold, by their letter; NULL for any other letter. */
static const char *unsupported_kind(char letter)
{
    switch (letter) {
    case 'c':
        return "complex numbers";
    case 'f':
        return "floating-point numbers of another size";
    case 'M':
        return "dates";
    case 'm':
        return "time spans";
    case 'O':
        return "Python objects";
    case 'S':
    case 'U':
    case 'a':
        return "strings";
    case 'V':
        return "raw bytes";
    default:
        return NULL;
    }
}

/* "<f4": the byte order (< little, > big, = this machine's, | not applicable) and NumPy's name of the dtype. */
static bool parse_descr(const parser *p, const char *descr, fr_npy_header *h)
{
    const char *name = strchr("<>=|", descr[0]) && descr[0] ? descr + 1 : NULL;

    for (int i = 0; name && i < FR_FILE_DTYPES; i++) {
        const fr_file_dtype_info *info = &fr_file_dtypes[i];

        if (info->npy && strcmp(name, info->npy) == 0) {
            h->dtype = (fr_file_dtype)i;
            h->big_endian = descr[0] == '>' || (descr[0] == '=' && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
            return descr[0] != '|' || info->size == 1 ||
                   fr_fail(p->where, "dtype '%s' does not say its byte order", descr);
        }
    }

    const char *kind = name ? unsupported_kind(name[0]) : NULL;

    if (kind)
        snprintf(h->unsupported, sizeof h->unsupported, "values of dtype '%s' (%s) cannot be loaded", descr, kind);
    if (kind)
        return true;
    return fr_fail(p->where, "'%s' is not a dtype of the npy format", descr);
}

static bool read_descr(parser *p, fr_npy_header *h)
{
    char descr[40];

    if (peek_token(p) == '[')
        return fr_fail(p->where, "an array of structures cannot be loaded");
    return read_string(p, descr, sizeof descr) && parse_descr(p, descr, h);
}

/* --- The dict ---------------------------------------------------------------------------------------------------- */

enum { DESCR = 1, FORTRAN_ORDER = 2, SHAPE = 4, ALL_KEYS = 7 };

static int find_key(const char *name)
{
    return strcmp(name, "descr") == 0           ? DESCR
           : strcmp(name, "fortran_order") == 0 ? FORTRAN_ORDER
           : strcmp(name, "shape") == 0         ? SHAPE
                                                : 0;
}

static bool read_item(parser *p, fr_npy_header *h, int *seen)
{
    char name[40];

    if (!read_string(p, name, sizeof name))
        return false;

    int key = find_key(name);

    if (!key || *seen & key)
        return fr_fail(p->where, "header: '%s' is %s", name, key ? "there twice" : "not expected");
    *seen |= key;
    if (!accept(p, ':'))
        return expected(p, ":");
    return key == DESCR           ? read_descr(p, h)
           : key == FORTRAN_ORDER ? read_bool(p, &h->column_major)
                                  : read_tuple(p, &h->shape);
}

bool fr_npy_parse_header(const char *where, const char *text, size_t size, bool python2, fr_npy_header *h)
{
    parser p = { where, text, 0, size, python2 };
    int seen = 0;
    bool comma = true;

    *h = (fr_npy_header){ 0 };
    if (!accept(&p, '{'))
        return expected(&p, "{");
    while (!accept(&p, '}')) {
        if (!comma)
            return expected(&p, ", or }");
        if (!read_item(&p, h, &seen))
            return false;
        comma = accept(&p, ',');
    }
    if (peek_token(&p) != '\0' || p.at < size)
        return expected(&p, "its end");
    if (seen != ALL_KEYS)
        return fr_fail(where, "header: '%s' is missing",
                       !(seen & DESCR)   ? "descr"
                       : !(seen & SHAPE) ? "shape"
                                         : "fortran_order");
    return true;
}
