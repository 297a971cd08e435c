/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The dict in an npy file's header: of all of Python's literals those that NumPy writes there. */
#include <config.h>

#include "core/error.h"
#include "core/integer.h"
#include "files/npy.h"

typedef struct {
    const char *where, *text;
    size_t at, size;
    bool longs;
} reader;

static bool expected(const reader *r, const char *what)
{
    return fr_fail(r->where, "header, byte %zu: expected %s", r->at, what);
}

/* --- Tokens ------------------------------------------------------------------------------------------------------ */

/* '\0' at the end. */
static char peek(const reader *r)
{
    return r->at < r->size ? r->text[r->at] : '\0';
}

static char peek_token(reader *r)
{
    while (peek(r) == ' ' || peek(r) == '\t' || peek(r) == '\n' || peek(r) == '\r')
        r->at++;
    return peek(r);
}

static bool accept(reader *r, char token)
{
    bool is = peek_token(r) == token;

    r->at += is;
    return is;
}

/* 'text' or "text" without escapes, cut where it does not fit. */
static bool read_string(reader *r, char *into, size_t room)
{
    char quote = peek_token(r);
    size_t length = 0;

    if (quote != '\'' && quote != '"')
        return expected(r, "a string");
    for (r->at++; peek(r) != quote; r->at++) {
        char c = peek(r);

        if (c < ' ' || c > '~' || c == '\\')
            return expected(r, "the end of a plain string");
        if (length + 1 < room)
            into[length++] = c;
    }
    r->at++;
    into[length] = '\0';
    return true;
}

static bool read_bool(reader *r, bool *value)
{
    *value = peek_token(r) == 'T';

    const char *word = *value ? "True" : "False";
    size_t length = strlen(word);

    if (r->size - r->at < length || memcmp(r->text + r->at, word, length) != 0)
        return expected(r, "True or False");
    r->at += length;
    return true;
}

static bool read_number(reader *r, int64_t *value)
{
    size_t begin;

    *value = 0;
    peek_token(r);
    for (begin = r->at; peek(r) >= '0' && peek(r) <= '9'; r->at++)
        if (!fr_mul_size(*value, 10, value) || __builtin_add_overflow(*value, peek(r) - '0', value))
            return expected(r, "a number below 2^63");
    if (r->at == begin || (r->text[begin] == '0' && r->at > begin + 1))
        return expected(r, "a number");
    if (r->longs && peek(r) == 'L')
        r->at++;
    return true;
}

/* (), (3,), (2, 3) or (2, 3,); (3) is no tuple. */
static bool read_tuple(reader *r, fr_shape *shape)
{
    bool comma = true;

    shape->ndim = 0;
    if (!accept(r, '('))
        return expected(r, "a tuple");
    while (!accept(r, ')')) {
        if (!comma)
            return expected(r, ", or )");
        if (shape->ndim == FR_MAX_DIMS)
            return fr_fail(r->where, "has more than %d dimensions", FR_MAX_DIMS);
        if (!read_number(r, &shape->dim[shape->ndim++]))
            return false;
        comma = accept(r, ',');
    }
    return shape->ndim != 1 || comma || expected(r, "a tuple, not a number in parentheses");
}

/* --- The dtype --------------------------------------------------------------------------------------------------- */

/* What a letter stands for that no tensor can hold, or NULL. */
static const char *refused_kind(char letter)
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

/* "<f4": the order of bytes, <, > or | for none, and NumPy's name. */
static bool parse_descr(const reader *r, const char *descr, fr_npy_header *h)
{
    const char *name = strchr("<>|", descr[0]) && descr[0] ? descr + 1 : NULL;

    for (int i = 0; name && i < FR_STORED_KINDS; i++) {
        const fr_stored_info *info = &fr_stored_kinds[i];

        if (info->npy && strcmp(name, info->npy) == 0) {
            h->kind = (fr_stored)i;
            h->big_endian = descr[0] == '>';
            return descr[0] != '|' || info->size == 1 ||
                   fr_fail(r->where, "dtype '%s' does not say its order of bytes", descr);
        }
    }

    const char *kind = name ? refused_kind(name[0]) : NULL;

    if (kind)
        return fr_fail(r->where, "values of dtype '%s' (%s) cannot be loaded", descr, kind);
    return fr_fail(r->where, "'%s' is no dtype of the npy format", descr);
}

static bool read_descr(reader *r, fr_npy_header *h)
{
    char descr[40];

    if (peek_token(r) == '[')
        return fr_fail(r->where, "an array of structures cannot be loaded");
    return read_string(r, descr, sizeof descr) && parse_descr(r, descr, h);
}

/* --- The dict ---------------------------------------------------------------------------------------------------- */

enum { DESCR = 1, FORTRAN_ORDER = 2, SHAPE = 4, ALL_KEYS = 7 };

static int key_of(const char *name)
{
    return strcmp(name, "descr") == 0           ? DESCR
           : strcmp(name, "fortran_order") == 0 ? FORTRAN_ORDER
           : strcmp(name, "shape") == 0         ? SHAPE
                                                : 0;
}

static bool read_item(reader *r, fr_npy_header *h, int *seen)
{
    char name[40];

    if (!read_string(r, name, sizeof name))
        return false;

    int key = key_of(name);

    if (!key || *seen & key)
        return fr_fail(r->where, "header: '%s' is %s", name, key ? "there twice" : "not expected");
    *seen |= key;
    if (!accept(r, ':'))
        return expected(r, ":");
    return key == DESCR           ? read_descr(r, h)
           : key == FORTRAN_ORDER ? read_bool(r, &h->column_major)
                                  : read_tuple(r, &h->shape);
}

bool fr_npy_parse(const char *where, const char *text, size_t size, bool longs, fr_npy_header *h)
{
    reader r = { where, text, 0, size, longs };
    int seen = 0;
    bool comma = true;

    *h = (fr_npy_header){ 0 };
    if (!accept(&r, '{'))
        return expected(&r, "{");
    while (!accept(&r, '}')) {
        if (!comma)
            return expected(&r, ", or }");
        if (!read_item(&r, h, &seen))
            return false;
        comma = accept(&r, ',');
    }
    if (peek_token(&r) != '\0' || r.at < size)
        return expected(&r, "its end");
    if (seen != ALL_KEYS)
        return fr_fail(where, "header: '%s' is missing",
                       !(seen & DESCR)   ? "descr"
                       : !(seen & SHAPE) ? "shape"
                                         : "fortran_order");
    return true;
}
