/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* frond ops: the library's ops, with their shapes and formulas. */
#include "commands.h"
#include "program.h"

#include <frond/op.h>

#include <stdlib.h>

static const char *dtypes(const fr_op *op)
{
    return op->dtypes == FR_FLOATS ? "float32 or float64" : op->dtypes == FR_ANY ? "any, one for all inputs" : "mixed";
}

static void explain(const fr_op *op)
{
    printf("%s\n  formula      %s\n  shapes       %s\n  dtypes       %s\n", op->name, op->formula, op->shapes,
           dtypes(op));
    if (op->view)
        puts("  memory       the output is a view of the first input");
    printf("  derivatives  %s\n", op->backward || op->definition ? "yes, differentiable again" : "none");
}

static const char *op_name(int i)
{
    return fr_op_at(i) ? fr_op_at(i)->name : NULL;
}

static _Noreturn void refuse(const char *name)
{
    const char *meant = nearest(name, op_name);

    fprintf(stderr, "frond ops: %s: no such op%s%s%s\n", name, meant ? "; did you mean " : "", meant ? meant : "",
            meant ? "?" : "");
    exit(USAGE);
}

int command_ops(int argc, char **argv)
{
    const char *name = NULL;
    command_line c = {
        .args_doc = "[NAME]",
        .doc = "Lists the library's ops, their shapes and formulas, or explains one."
               "\v(*,I) (O,I) (O)? -> (*,O) are the shapes of inputs and outputs: one name "
               "is one size, * any dims, ** others, ? marks an input that may be left out.",
        .paths = &name,
        .paths_max = 1,
    };

    parse_command_line(argc, argv, &c);
    if (name && !fr_op_find(name))
        refuse(name);
    if (name)
        explain(fr_op_find(name));
    for (int i = 0; !name && fr_op_at(i); i++)
        printf("%-20s %-36s %s\n", fr_op_at(i)->name, fr_op_at(i)->shapes, fr_op_at(i)->formula);
    return 0;
}
