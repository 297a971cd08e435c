/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The names of an op's inputs: its own, or those in the prototype of its public function. */
#include "graph/argument_name.h"

#include <string.h>

/* Weak, so that a static program is not linked with all ops because of this. */
extern __typeof__(fr_op_find) fr_op_find __attribute__((weak));

/* "x weight bias", or NULL. A user's op may have the name of one of the library's ops. */
static const char *names_of(const fr_op *op)
{
    if (op->input_names || (fr_op_find && fr_op_find(op->name) != op))
        return op->input_names;
    for (const fr_argument_names *a = fr_argument_table; a->function; a++)
        if (strcmp(a->function, op->name) == 0)
            return a->names;
    return NULL;
}

const char *fr_argument_name(const fr_op *op, int input, char text[FR_ARGUMENT_TEXT])
{
    const char *name = names_of(op);

    for (int left = input; name && *name; left--) {
        int length = (int)strcspn(name, " ");

        if (name[length - 1] == ']') {
            snprintf(text, FR_ARGUMENT_TEXT, "%.*s[%d]", length - 2, name, left);
            return text;
        }
        if (left == 0) {
            snprintf(text, FR_ARGUMENT_TEXT, "%.*s", length, name);
            return text;
        }
        name += length;
        name += strspn(name, " ");
    }
    snprintf(text, FR_ARGUMENT_TEXT, "input %d", input);
    return text;
}
