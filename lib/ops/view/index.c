/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* index: t[1:3, ..., 0] in one call, written as in Python. Each item becomes a select, a slice or an unsqueeze. The
 * cases stand in select.c. */
#include "ops/view/view.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>

enum { TEXT_SIZE = 256 };

/* Reads "from:to:step", each of which may be left out, or one number, without blanks. Returns how many of the three
 * there are places for; 0 if it is neither. given: bit i is set if number i is there. */
static int read_numbers(const char *item, int64_t number[3], unsigned *given)
{
    *given = 0;
    for (int n = 0; n < 3; item++) {
        char *end;
        long long value = strtoll(item, &end, 10);

        if (end != item) {
            number[n] = value;
            *given |= 1U << n;
        }
        item = end;
        n++;
        if (*item != ':')
            return *item == '\0' && (n > 1 || *given) ? n : 0;
    }
    return 0;
}

/* t with the item applied to dim *dim, which then is the next dim. */
static fr_tensor *apply_item(fr_tensor *t, const char *item, int *dim)
{
    int64_t number[3] = { 0, 0, 1 };
    unsigned given;
    int n = read_numbers(item, number, &given);

    if (n == 0)
        return fr_fail("index", "\"%s\" is no number, from:to:step, ... or None", item);
    if (n == 1)
        return fr_select(t, *dim, number[0]);
    if (!(given & 1U))
        number[0] = number[2] < 0 ? INT64_MAX : 0;
    if (!(given & 2U))
        number[1] = number[2] < 0 ? INT64_MIN : INT64_MAX;
    return fr_slice(t, (*dim)++, number[0], number[1], number[2]);
}

/* Removes blanks, and counts the items that stand for a dim, and those that are "...". */
static void look_through(char *text, int *dims, int *dots)
{
    char *to = text;

    for (const char *from = text; *from; from++)
        if (!isspace((unsigned char)*from))
            *to++ = *from;
    *to = '\0';
    *dims = *dots = 0;
    for (const char *item = text; *item; item += strcspn(item, ","), item += *item == ',') {
        bool is_dots = strncmp(item, "...", 3) == 0;

        *dots += is_dots;
        *dims += !is_dots && strncmp(item, "None", 4) != 0;
    }
}

static fr_tensor *indexed(fr_tensor *t, char *text)
{
    int dims, dots, dim = 0, ndim = t->shape.ndim;
    char shape[FR_SHAPE_TEXT], *item;

    look_through(text, &dims, &dots);
    if (dims > ndim || dots > 1)
        return fr_fail("index", "[%s] of shape %s: %s", text, fr_shape_text(&t->shape, shape),
                       dots > 1 ? "more than one ..." : "more items than dims");
    t = fr_reshape(t, t->shape);
    while (t && (item = strsep(&text, ",")))
        if (strcmp(item, "...") == 0)
            dim += ndim - dims;
        else if (strcmp(item, "None") == 0)
            t = fr_unsqueeze(t, dim++);
        else
            t = apply_item(t, item, &dim);
    return t;
}

fr_tensor *fr_index(fr_tensor *t, const char *format, ...)
{
    fr_composition c = fr_compose("index");
    char text[TEXT_SIZE];
    fr_tensor *y = NULL;
    va_list arguments;
    int length;

    if (fr_check_argument("index", t, "t") && fr_check_argument("index", format, "format")) {
        va_start(arguments, format);
        length = vsnprintf(text, sizeof text, format, arguments);
        va_end(arguments);
        if (length < 0 || length >= TEXT_SIZE)
            fr_fail("index", "an index of %d characters, expected fewer than %d", length, TEXT_SIZE);
        else
            y = indexed(t, text);
    }
    return fr_composed(c, y);
}
