/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Everything that keeps a file from being loaded, for one message. */
#include "files/complaints.h"

#include "core/error.h"
#include "core/shape.h"
#include "core/tensor.h"

#include <frond/op.h>
#include <stdarg.h>

void fr_complain(fr_complaints *c, const char *format, ...)
{
    char one[400];
    const char *separator = c->used > 0 ? "; " : "";
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(one, sizeof one, format, arguments);
    va_end(arguments);
    c->full = c->full || c->used + strlen(separator) + strlen(one) >= (c->room ? c->room : sizeof c->text);
    if (c->full)
        c->left_out++;
    else
        c->used += (size_t)snprintf(c->text + c->used, sizeof c->text - c->used, "%s%s", separator, one);
}

void fr_complaints_share(fr_complaints *c, int parts, int of)
{
    c->room = sizeof c->text * (size_t)parts / (size_t)of;
    c->full = false;
}

bool fr_complain_unless_like(fr_complaints *c, const char *name, const fr_tensor *stored, fr_dtype dtype,
                             const fr_shape *shape)
{
    char is[FR_SHAPE_TEXT], expected[FR_SHAPE_TEXT];

    if (!stored)
        fr_complain(c, "\"%.80s\" is missing", name);
    else if (stored->dtype != dtype || !fr_shape_equal(&stored->shape, shape))
        fr_complain(c, "\"%.80s\" is %s %s, expected %s %s", name, fr_dtype_name((fr_dtype)stored->dtype),
                    fr_shape_text(&stored->shape, is), fr_dtype_name(dtype), fr_shape_text(shape, expected));
    else
        return true;
    return false;
}

bool fr_complaints_fail(const fr_complaints *c, const char *where, const char *what)
{
    char more[40] = "";
    bool any = c->used > 0 || c->left_out > 0;

    if (c->left_out > 0)
        snprintf(more, sizeof more, "%sand %d more", c->used > 0 ? "; " : "", c->left_out);
    if (any)
        fr_fail(where, "%s: %s%s", what, c->text, more);
    return any;
}
