/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Expressions: a parser by recursive descent, which computes as it reads. A method for each line of the grammar:
 *
 *     sum      product { (+ | -) product }
 *     product  sign { (* | / | @) sign }
 *     sign     - sign | power
 *     power    atom [ ^ sign ]
 *     atom     number | [ list ] | name | function ( sum, ... ) | ( sum )
 *
 * A name without a value may be pi or e. A function is an op of the library that takes tensors alone or is pointwise,
 * or one of a few others. */
#include "expression.h"

#include <frond/op.h>

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 100, NUMBERS_MAX = 1024, ARGUMENTS_MAX = 4, NAME_LENGTH = 40 };

/* What has been read: a tensor, or a number as it is written, which becomes a part of the op that takes it. */
typedef struct {
    fr_tensor *t; /* NULL: a number */
    double number;
    bool ok;
} term;

typedef struct {
    expression *e;
    const char *p; /* what comes next */
    int depth;     /* of what is being read */
} reader;

static term sum(reader *r);
static term sign(reader *r);

/* --- Errors and small things -------------------------------------------------------------------------------------- */

FR_PRINTF(3, 4)
static term fail(reader *r, const char *at, const char *format, ...)
{
    va_list arguments;

    if (!*r->e->error) {
        va_start(arguments, format);
        vsnprintf(r->e->error, sizeof r->e->error, format, arguments);
        va_end(arguments);
        r->e->at = at;
    }
    return (term){ .ok = false };
}

static char peek(reader *r)
{
    while (*r->p == ' ' || *r->p == '\t')
        r->p++;
    return *r->p;
}

static bool take(reader *r, char c)
{
    bool there = peek(r) == c;

    r->p += there;
    return there;
}

static term fail_here(reader *r, const char *expected)
{
    char c = peek(r);

    if (c == '\0')
        return fail(r, r->p, "%s is expected, and the text ends", expected);
    if (isprint((unsigned char)c))
        return fail(r, r->p, "%s is expected, not '%c'", expected, c);
    return fail(r, r->p, "%s is expected", expected);
}

static term of_number(double number)
{
    return (term){ .number = number, .ok = true };
}

static term of_tensor(fr_tensor *t)
{
    return (term){ .t = t, .ok = t != NULL };
}

static fr_tensor *tensor(term t)
{
    return t.t ? t.t : fr_full_of((fr_shape){ 0 }, t.number, FR_F64);
}

/* --- Operators ---------------------------------------------------------------------------------------------------- */

static double fold(char op, double a, double b)
{
    return op == '+' ? a + b : op == '-' ? a - b : op == '*' ? a * b : op == '/' ? a / b : pow(a, b);
}

/* a op b, with a number as a part of the op where there is one that takes it. */
static term combine(char op, term a, term b)
{
    bool by_number = a.t && !b.t;

    if (!a.ok || !b.ok)
        return (term){ .ok = false };
    if (!a.t && !b.t && op != '@')
        return of_number(fold(op, a.number, b.number));
    if (!a.t && b.t && (op == '+' || op == '*'))
        return combine(op, b, a);
    switch (op) {
    case '+':
        return of_tensor(by_number ? fr_add_scalar(a.t, b.number) : fr_add(tensor(a), tensor(b)));
    case '-':
        if (!a.t) /* 1 - b: its number is kept in an op too */
            return of_tensor(fr_add_scalar(fr_neg(b.t), a.number));
        return of_tensor(by_number ? fr_sub_scalar(a.t, b.number) : fr_sub(a.t, b.t));
    case '*':
        return of_tensor(by_number ? fr_mul_scalar(a.t, b.number) : fr_mul(tensor(a), tensor(b)));
    case '/':
        return of_tensor(by_number ? fr_div_scalar(a.t, b.number) : fr_div(tensor(a), tensor(b)));
    case '^':
        return of_tensor(by_number ? fr_pow_scalar(a.t, b.number) : fr_pow(tensor(a), tensor(b)));
    default:
        return of_tensor(fr_matmul(tensor(a), tensor(b)));
    }
}

/* --- Functions ---------------------------------------------------------------------------------------------------- */

static fr_tensor *softmax(fr_tensor *t)
{
    return fr_softmax(t, -1);
}

static fr_tensor *mse(fr_tensor *a, fr_tensor *b)
{
    return fr_mse(a, b, FR_MEAN);
}

/* Ops whose attributes are not tensors or numbers. */
static const struct {
    const char *name;
    fr_tensor *(*of_one)(fr_tensor *t);
    fr_tensor *(*of_two)(fr_tensor *a, fr_tensor *b);
} others[] = { { "sum", fr_sum, NULL },
               { "mean", fr_mean, NULL },
               { "softmax", softmax, NULL },
               { "selu", fr_selu, NULL },
               { "mse", NULL, mse } };

enum { OTHERS = sizeof others / sizeof *others };

/* How many numbers a pointwise op has as attributes. */
static int numbers_of(const fr_op *op)
{
    if (op->jvp != fr_jvp_pointwise || op->attributes_size != 2 * sizeof(double))
        return 0;
    return strstr(op->formula, ", max)") ? 2 : 1;
}

static bool is_callable(const fr_op *op)
{
    return op->inputs > 0 && op->inputs + numbers_of(op) <= ARGUMENTS_MAX && op->outputs - op->internal == 1 &&
           op->dtypes != FR_MIXED && (op->attributes_size == 0 || numbers_of(op) > 0);
}

const char *expression_function(int i)
{
    if (i < OTHERS)
        return others[i].name;
    i -= OTHERS;
    for (int k = 0; fr_op_at(k); k++)
        if (is_callable(fr_op_at(k)) && i-- == 0)
            return fr_op_at(k)->name;
    return NULL;
}

static bool is_function(const char *name)
{
    const char *known;

    for (int i = 0; (known = expression_function(i)); i++)
        if (strcmp(known, name) == 0)
            return true;
    return false;
}

static term call_op(reader *r, const char *at, const fr_op *op, const term *arguments, int n)
{
    fr_tensor *in[ARGUMENTS_MAX] = { NULL }, *out[1];
    double numbers[2] = { 0 };
    int needed = op->inputs, count = numbers_of(op);

    while (needed > 0 && op->optional >> (needed - 1) & 1)
        needed--;
    if (n < needed + count || n > op->inputs + count)
        return fail(r, at, "%s takes %d argument%s, not %d", op->name, needed + count, needed + count == 1 ? "" : "s",
                    n);
    for (int i = 0; i < n - count; i++)
        in[i] = tensor(arguments[i]);
    for (int i = 0; i < count; i++) {
        if (arguments[n - count + i].t)
            return fail(r, at, "argument %d of %s must be a number", n - count + i + 1, op->name);
        numbers[i] = arguments[n - count + i].number;
    }
    return of_tensor(fr_apply_n(op, in, op->inputs, numbers, out) ? out[0] : NULL);
}

static term call_other(reader *r, const char *at, int which, const term *arguments, int n)
{
    int takes = others[which].of_one ? 1 : 2;

    if (n != takes)
        return fail(r, at, "%s takes %d argument%s, not %d", others[which].name, takes, takes == 1 ? "" : "s", n);
    return of_tensor(takes == 1 ? others[which].of_one(tensor(arguments[0]))
                                : others[which].of_two(tensor(arguments[0]), tensor(arguments[1])));
}

static term call(reader *r, const char *at, const char *name, const term *arguments, int n)
{
    const fr_op *op = fr_op_find(name);
    bool constant = true;
    term result;
    int i = 0;

    while (i < OTHERS && strcmp(name, others[i].name) != 0)
        i++;
    if (i == OTHERS && (!op || !is_callable(op)))
        return fail(r, at, "%s: no such function", name);
    result = i < OTHERS ? call_other(r, at, i, arguments, n) : call_op(r, at, op, arguments, n);
    for (int k = 0; k < n; k++)
        constant = constant && !arguments[k].t;
    return constant && result.ok && fr_numel(result.t) == 1 ? of_number(fr_item(result.t)) : result;
}

/* The arguments of a function, behind its bracket. */
static term arguments_of(reader *r, const char *at, const char *name)
{
    term arguments[ARGUMENTS_MAX];
    int n = 0;

    do {
        if (n == ARGUMENTS_MAX)
            return fail(r, r->p, "a function has at most %d arguments", ARGUMENTS_MAX);
        arguments[n] = sum(r);
        if (!arguments[n++].ok)
            return (term){ .ok = false };
    } while (take(r, ','));
    if (!take(r, ')'))
        return fail_here(r, "an operator, ',' or ')'");
    return call(r, at, name, arguments, n);
}

/* --- The grammar -------------------------------------------------------------------------------------------------- */

static term number(reader *r)
{
    char *end;
    double value = strtod(r->p, &end);

    if (end == r->p)
        return fail_here(r, "a number");
    r->p = end;
    return of_number(value);
}

/* A name that has no value. */
static term constant(reader *r, const char *at, const char *text)
{
    if (strcmp(text, "pi") == 0)
        return of_number(acos(-1));
    if (strcmp(text, "e") == 0)
        return of_number(exp(1));
    if (is_function(text))
        return fail(r, at, "%s is a function: write %s(x)", text, text);
    return fail(r, at, "%s has no value: give it one, such as %s=2", text, text);
}

static term name(reader *r)
{
    const char *begin = r->p;
    char text[NAME_LENGTH + 1];
    size_t n = 0;

    while (isalnum((unsigned char)begin[n]) || begin[n] == '_')
        n++;
    if (n > NAME_LENGTH)
        return fail(r, begin, "a name has at most %d letters", NAME_LENGTH);
    memcpy(text, begin, n);
    text[n] = '\0';
    r->p += n;
    if (take(r, '('))
        return arguments_of(r, begin, text);
    for (int i = 0; i < r->e->count; i++)
        if (strcmp(r->e->names[i].name, text) == 0) {
            r->e->names[i].used = true;
            return of_tensor(r->e->names[i].value);
        }
    return constant(r, begin, text);
}

static term atom(reader *r)
{
    char c = peek(r);
    term inner;

    if (isdigit((unsigned char)c) || c == '.')
        return number(r);
    if (isalpha((unsigned char)c) || c == '_')
        return name(r);
    if (c == '[')
        return fail(r, r->p, "write a list of numbers as the value of a name, such as x=[1,2]");
    if (!take(r, '('))
        return fail_here(r, "a number, a name or '('");
    inner = sum(r);
    if (inner.ok && !take(r, ')'))
        return fail_here(r, "an operator or ')'");
    return inner;
}

static term power(reader *r)
{
    term base = atom(r);

    return base.ok && take(r, '^') ? combine('^', base, sign(r)) : base;
}

/* All that is nested in brackets, signs or powers comes through here. */
static term sign(reader *r)
{
    term t;

    if (r->depth == DEEPEST)
        return fail(r, r->p, "nested more than %d deep", DEEPEST);
    r->depth++;
    if (take(r, '-')) {
        t = sign(r);
        t = !t.ok ? t : t.t ? of_tensor(fr_neg(t.t)) : of_number(-t.number);
    } else {
        t = power(r);
    }
    r->depth--;
    return t;
}

static term product(reader *r)
{
    term left = sign(r);

    for (char c; left.ok && (c = peek(r)) && strchr("*/@", c);) {
        if (c == '*' && r->p[1] == '*')
            return fail(r, r->p, "a power is written with ^, such as x^2");
        r->p++;
        left = combine(c, left, sign(r));
    }
    return left;
}

static term sum(reader *r)
{
    term left = product(r);

    for (char c; left.ok && (c = peek(r)) && strchr("+-", c);) {
        r->p++;
        left = combine(c, left, product(r));
    }
    return left;
}

fr_tensor *expression_compute(expression *e)
{
    reader r = { .e = e, .p = e->text };
    term t;

    *e->error = '\0';
    t = sum(&r);
    if (t.ok && peek(&r) != '\0')
        t = fail_here(&r, "an operator");
    return t.ok ? tensor(t) : NULL;
}

/* --- Values ------------------------------------------------------------------------------------------------------- */

typedef struct {
    double values[NUMBERS_MAX];
    int count;
    fr_shape shape; /* -1 in a dim whose size is not known yet */
} list;

/* A number, or a list of what stands dim brackets deep. */
static bool read_list(reader *r, list *l, int dim)
{
    int64_t n = 0;
    double sign_of = 1;

    if (take(r, '[')) {
        if (dim == FR_MAX_DIMS || (l->count > 0 && dim >= l->shape.ndim))
            return fail(r, r->p - 1, "%s", dim == FR_MAX_DIMS ? "too many brackets" : "a number is expected").ok;
        if (dim == l->shape.ndim)
            l->shape.dim[l->shape.ndim++] = -1;
        do {
            n++;
            if (!read_list(r, l, dim + 1))
                return false;
        } while (take(r, ','));
        if (l->shape.dim[dim] >= 0 && l->shape.dim[dim] != n)
            return fail(r, r->p, "this row has %lld, the one before %lld", (long long)n, (long long)l->shape.dim[dim])
                .ok;
        l->shape.dim[dim] = n;
        return take(r, ']') || fail_here(r, "',' or ']'").ok;
    }
    if (dim != l->shape.ndim)
        return fail_here(r, "'['").ok;
    if (take(r, '-'))
        sign_of = -1;
    if (!isdigit((unsigned char)peek(r)) && peek(r) != '.')
        return fail_here(r, "a number").ok;
    if (l->count == NUMBERS_MAX)
        return fail(r, r->p, "more than %d numbers", NUMBERS_MAX).ok;
    l->values[l->count++] = sign_of * number(r).number;
    return !*r->e->error;
}

fr_tensor *expression_value(expression *e)
{
    reader r = { .e = e, .p = e->text };
    list l = { .count = 0 };

    *e->error = '\0';
    if (!read_list(&r, &l, 0))
        return NULL;
    if (peek(&r) != '\0')
        return fail_here(&r, "nothing more").t;
    return fr_tensor_from_sized(sizeof l.values, l.shape, l.values, FR_F64);
}
