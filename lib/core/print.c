/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Prints tensors as PyTorch 2.15 does with its default options, byte for byte, with three exceptions: a dtype is called
 * float64, not torch.float64; a history is called after our op, grad_fn=<add>, not <AddBackward0>; float64 is named
 * whatever the default dtype is, so that a tensor always prints the same.
 *
 * All values of a tensor have one format. Two passes over the values that will be shown find it: the first looks at
 * their magnitudes, which decide between "1.", "1.0000" and "1.0000e+00", the second at how wide they come out. */
#include "core/tensor.h"
#include "core/thread.h"

#include <errno.h>
#include <frond/op.h>
#include <inttypes.h>
#include <math.h>

enum {
    PRECISION = 4,
    THRESHOLD = 1000, /* values; above, dims of more than 2 * EDGE show EDGE at either end */
    EDGE = 3,
    LINE_WIDTH = 80,
    VALUE_TEXT = 352 /* DBL_MAX has 309 digits before the point */
};

typedef struct {
    const fr_tensor *t;
    bool summarised;
    bool integral; /* no value that counts has a fraction */
    bool scientific;
    double least, greatest; /* magnitudes of values that are finite and not 0 (those that count); 0: there are none */
    int width;              /* of the widest value that counts */
    FILE *file;
    int64_t count; /* characters written */
    int column;    /* in the present line */
    bool failed;
} printer;

/* --- What is shown ----------------------------------------------------------------------------------------------- */

static bool leaves_out(const printer *p, int dim)
{
    return p->summarised && p->t->shape.dim[dim] > 2 * EDGE;
}

/* The next index along dim that is shown. */
static int64_t next_shown(const printer *p, int dim, int64_t i)
{
    return leaves_out(p, dim) && i + 1 == EDGE ? p->t->shape.dim[dim] - EDGE : i + 1;
}

typedef void visitor(printer *p, int64_t offset);

static void visit_shown(printer *p, int dim, int64_t offset, visitor *visit)
{
    if (dim == p->t->shape.ndim) {
        visit(p, offset);
        return;
    }
    for (int64_t i = 0; i < p->t->shape.dim[dim]; i = next_shown(p, dim, i))
        visit_shown(p, dim + 1, offset + i * p->t->stride[dim], visit);
}

/* --- The format of values ---------------------------------------------------------------------------------------- */

static bool counts(double value)
{
    return isfinite(value) && value != 0;
}

static void look_at(printer *p, int64_t offset)
{
    double value = fr_value_at(p->t, offset), magnitude = fabs(value);

    if (!counts(value))
        return;
    p->integral = p->integral && value == ceil(value);
    p->least = p->least == 0 || magnitude < p->least ? magnitude : p->least;
    p->greatest = magnitude > p->greatest ? magnitude : p->greatest;
}

/* Replaces the locale's radix character by ".". It may be several bytes: all that is no digit, sign or exponent.
 * Returns the length. */
static int unlocalise(char *text)
{
    char *to = text;
    bool in_radix = false;

    for (const char *from = text; *from; from++) {
        bool radix = !strchr("0123456789+-e", *from);

        if (!radix)
            *to++ = *from;
        else if (!in_radix)
            *to++ = '.';
        in_radix = radix;
    }
    *to = '\0';
    return (int)(to - text);
}

/* Writes the value without padding; returns its length. */
static int format_value(const printer *p, int64_t offset, char text[VALUE_TEXT])
{
    double value;

    if (p->t->dtype == FR_I64)
        return snprintf(text, VALUE_TEXT, "%" PRId64, ((const int64_t *)p->t->origin)[offset]);
    value = fr_value_at(p->t, offset);
    if (isnan(value)) /* C's may have a sign */
        return snprintf(text, VALUE_TEXT, "nan");
    if (isinf(value))
        return snprintf(text, VALUE_TEXT, value < 0 ? "-inf" : "inf");
    if (p->scientific)
        snprintf(text, VALUE_TEXT, "%.*e", PRECISION, value);
    else if (p->integral)
        snprintf(text, VALUE_TEXT, "%#.0f", value);
    else
        snprintf(text, VALUE_TEXT, "%.*f", PRECISION, value);
    return unlocalise(text);
}

static void measure(printer *p, int64_t offset)
{
    char text[VALUE_TEXT];

    if (p->t->dtype == FR_I64 || counts(fr_value_at(p->t, offset))) {
        int length = format_value(p, offset, text);

        p->width = length > p->width ? length : p->width;
    }
}

static void find_format(printer *p)
{
    if (p->t->dtype != FR_I64) {
        visit_shown(p, 0, 0, look_at);
        p->scientific = p->greatest > 0 && (p->greatest / p->least > 1000 || p->greatest > 1e8 || p->least < 1e-4);
    }
    visit_shown(p, 0, 0, measure);
}

/* --- Writing ----------------------------------------------------------------------------------------------------- */

static void put(printer *p, const char *text)
{
    size_t length = strlen(text);
    const char *line = strrchr(text, '\n');

    p->failed = p->failed || fputs(text, p->file) == EOF;
    p->count += (int64_t)length;
    p->column = line ? (int)strlen(line + 1) : p->column + (int)length;
}

static void put_spaces(printer *p, int n)
{
    while (n-- > 0)
        put(p, " ");
}

static void put_value(printer *p, int64_t offset)
{
    char text[VALUE_TEXT];
    int length = format_value(p, offset, text);

    put_spaces(p, p->width - length);
    put(p, text);
}

/* Writes what separates an entry of a list from the one before: a comma, and a new line after per_line entries. inside:
 * the number of dims within an entry. */
static void put_separator(printer *p, int64_t entry, int64_t per_line, int inside, int indent)
{
    if (entry == 0)
        return;
    if (entry % per_line != 0) {
        put(p, ", ");
        return;
    }
    put(p, ",\n");
    for (int i = 1; i < inside; i++)
        put(p, "\n");
    put_spaces(p, indent);
}

/* Writes the part of the tensor from dim on, which begins at column `indent`. As many values go on a line as fit; parts
 * with more dims are paragraphs. The gap "..." counts as an entry, with one more space before it among values. */
static void put_dims(printer *p, int dim, int64_t offset, int indent)
{
    int inside = p->t->shape.ndim - 1 - dim;
    int64_t fit = (LINE_WIDTH - indent) / (p->width + 2), per_line = inside > 0 || fit < 1 ? 1 : fit, entry = 0;

    if (inside < 0) {
        put_value(p, offset);
        return;
    }
    put(p, "[");
    for (int64_t i = 0; i < p->t->shape.dim[dim]; i = next_shown(p, dim, i)) {
        put_separator(p, entry++, per_line, inside, indent + 1);
        put_dims(p, dim + 1, offset + i * p->t->stride[dim], indent + 1);
        if (leaves_out(p, dim) && i + 1 == EDGE) {
            put_separator(p, entry++, per_line, inside, indent + 1);
            put(p, inside > 0 ? "..." : " ...");
        }
    }
    put(p, "]");
}

/* Writes ", NAME=VALUE", on a new line if the present one would become too long. As in PyTorch, the line counts 2
 * characters more than are there before the first suffix. */
static void put_suffix(printer *p, const char *name, const char *value, int *line)
{
    int length = (int)(strlen(name) + strlen(value));

    if (*line + length + 2 > LINE_WIDTH) {
        put(p, ",\n");
        put_spaces(p, (int)strlen("tensor("));
        *line = (int)strlen("tensor(") + length;
    } else {
        put(p, ", ");
        *line += length + 2;
    }
    put(p, name);
    put(p, value);
}

static void put_suffixes(printer *p)
{
    const fr_tensor *t = p->t;
    fr_dtype dtype = (fr_dtype)t->dtype;
    char text[FR_SHAPE_TEXT];
    int line = p->column + 2;

    if (t->numel == 0 && t->shape.ndim != 1)
        put_suffix(p, "size=", fr_shape_text(&t->shape, text), &line);
    if (dtype == FR_F64 || (dtype == FR_I64 && t->numel == 0)) /* "[]" would not tell */
        put_suffix(p, "dtype=", fr_dtype_name(dtype), &line);
    if (t->producer) {
        snprintf(text, sizeof text, "%.128s>", t->producer->name);
        put_suffix(p, "grad_fn=<", text, &line);
    } else if (t->requires_grad) {
        put_suffix(p, "requires_grad=", "True", &line);
    }
}

static int print(const char *what, FILE *file, const fr_tensor *t, const char *end)
{
    printer p = { .t = t, .file = file, .integral = true, .width = 1 };

    if (!fr_check_tensor(what, t) || !fr_check_argument(what, file, "file"))
        return -1;
    p.summarised = t->numel > THRESHOLD;
    put(&p, "tensor(");
    if (t->numel == 0) {
        put(&p, "[]");
    } else {
        find_format(&p);
        put_dims(&p, 0, 0, p.column);
    }
    put_suffixes(&p);
    put(&p, ")");
    put(&p, end);
    if (p.failed) {
        fr_fail(what, "cannot write: %s", strerror(errno));
        return -1;
    }
    return (int)p.count;
}

int fr_fprint(FILE *file, const fr_tensor *t)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "fprint");
    int count = print("fprint", file, t, "");

    fr_finish(th, before);
    return count;
}

void fr_print(const fr_tensor *t)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "print");

    print("print", stdout, t, "\n");
    fr_finish(th, before);
}
