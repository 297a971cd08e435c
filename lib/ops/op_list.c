/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Looking up ops in the table, by number and by name. */
#include <config.h>

#include "ops/op.h"

#include <string.h>

const fr_op *fr_op_at(int i)
{
    for (int n = 0; fr_op_table[n]; n++)
        if (n == i)
            return fr_op_table[n];
    return NULL;
}

const fr_op *fr_op_find(const char *name)
{
    for (int i = 0; name && fr_op_table[i]; i++)
        if (strcmp(fr_op_table[i]->name, name) == 0)
            return fr_op_table[i];
    return NULL;
}
