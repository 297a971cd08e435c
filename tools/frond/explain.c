/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* frond explain: differentiates an expression and shows how. */
#include "commands.h"
#include "expression.h"
#include "program.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 26 };

/* Tells where the text is wrong, as compilers do, and what may help. */
static _Noreturn void refuse(const expression *e, const char *help, const char *function)
{
    int column = (int)(e->at - e->text) + 1;

    fprintf(stderr, "frond explain: column %d: %s%s%s%s\n    %s\n    %*s\n", column, e->error, help, function,
            *function ? "? `frond ops' lists all" : "", e->text, column, "^");
    exit(USAGE);
}

static _Noreturn void refuse_name(const char *name, const char *what)
{
    fprintf(stderr, "frond explain: %s %s\n", name, what);
    exit(USAGE);
}

/* Takes an argument NAME=VALUE apart. */
static void add_name(expression *e, fr_module *leaves, const char *argument)
{
    size_t n = strcspn(argument, "=");
    expression value = { .text = argument + n + 1 };
    char *name = strndup(argument, n);

    if (!name)
        die("out of memory");
    if (argument[n] == '\0')
        refuse_name(argument, "is no value: expected NAME=VALUE, such as x=2 or x=[1,2]");
    if (n == 0 || strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != n ||
        isdigit((unsigned char)*name))
        refuse_name(argument, "does not begin with a name of letters, digits and _");
    for (int i = 0; i < e->count; i++)
        if (strcmp(e->names[i].name, name) == 0)
            refuse_name(name, "is given twice");
    e->names[e->count] = (expression_name){ .name = name, .value = expression_value(&value) };
    value.text = argument;
    if (*value.error)
        refuse(&value, "", "");
    fr_module_param(leaves, name, e->names[e->count++].value);
}

static _Noreturn void refuse_expression(const expression *e)
{
    const char *end = strstr(e->error, ": no such function"), *found;
    char *name = end ? strndup(e->error, (size_t)(end - e->error)) : NULL;

    if (!name)
        refuse(e, "", "");
    found = nearest(name, expression_function);
    free(name);
    refuse(e, found ? "; did you mean " : "; `frond ops' lists all", found ? found : "");
}

static fr_tensor *compute(expression *e)
{
    fr_tensor *result = expression_compute(e);

    if (*e->error)
        refuse_expression(e);
    for (int i = 0; i < e->count; i++)
        if (!e->names[i].used)
            refuse_name(e->names[i].name, "is given, but the expression does not use it");
    if (e->count == 0)
        refuse_name(e->text, "has no name in it to differentiate by: write x and give x=2");
    return result;
}

/* For fr_jvp. */
static fr_tensor *compute_of(fr_tensor *const *in, void *user)
{
    expression *e = user;

    for (int i = 0; i < e->count; i++)
        e->names[i].value = in[i];
    return compute(e);
}

static int find_name(const expression *e, const char *name)
{
    for (int i = 0; i < e->count; i++)
        if (strcmp(e->names[i].name, name) == 0)
            return i;
    refuse_name(name, "of --forward-mode is not among the names that are given");
}

static void print_forward_mode(expression *e, int which)
{
    fr_tensor *xs[NAMES_MAX], *tangents[NAMES_MAX] = { NULL }, *y, *dy;

    for (int i = 0; i < e->count; i++)
        xs[i] = e->names[i].value;
    tangents[which] = fr_ones_like(xs[which]);
    fr_jvp(compute_of, xs, tangents, e->count, e, &y, &dy);
    printf("\nForward mode, in one run: each value of %s changes by 1, so the result\n", e->names[which].name);
    fr_print(fr_detach(y));
    printf("changes by\n");
    fr_print(fr_detach(dy));
}

static const char doc[] = "Computes an expression, differentiates it by all its names, and shows each step.\v"
                          "Examples:\n\n"
                          "  frond explain 'tanh(w*x + b)' w=0.5 x=2 b=1\n"
                          "  frond explain --trace-table 'sum((w @ x)^2)' 'w=[[1,2],[3,4]]' 'x=[1,-1]'\n\n"
                          "Operators are + - * / ^ and @, the product of matrices. Functions are sum, mean, softmax, "
                          "mse and those of frond ops that take tensors or are pointwise. pi and e are known. "
                          "Before an expression that "
                          "begins with a minus write --.";

/* How the expression is shown, as options tell. */
typedef struct {
    bool table, unfold, dot;
    const char *forward, *page;
} manner;

static void write_page(fr_tensor *result, fr_module *leaves, const char *path)
{
    output o;
    FILE *file = output_begin(&o);

    fr_explain_html_with(file, result, &(fr_explain_html_options){ .module = leaves });
    output_end(&o, file, path);
}

static void show(expression *e, fr_module *leaves, const manner *how)
{
    int which = how->forward ? find_name(e, how->forward) : -1;
    fr_tensor *result = compute(e);

    if (how->page)
        write_page(result, leaves, how->page);
    else if (how->dot)
        fr_graph_dot_with(stdout, result,
                          &(fr_graph_dot_options){ .module = leaves, .values = true, .gradients = true });
    else
        fr_explain_with(stdout, result,
                        &(fr_explain_options){ .module = leaves, .unfold = how->unfold, .trace_table = how->table });
    if (how->forward)
        print_forward_mode(e, which);
}

/* argp would take -x^2 for options. */
static void refuse_minus(char **argv, const command_option *options)
{
    for (; *argv && strcmp(*argv, "--") != 0; argv++) {
        bool known = (*argv)[0] != '-' || strchr("-?V", (*argv)[1]);

        for (const command_option *o = options; o->name; o++)
            known = known || o->letter == (*argv)[1];
        if ((*argv)[0] == '-' && (*argv)[1] != '-' && (!known || strpbrk(*argv, "^*+(@ ")))
            refuse_name(*argv, "begins with a minus: write -- before it if it is the expression");
    }
}

int command_explain(int argc, char **argv)
{
    const char *arguments[NAMES_MAX + 1] = { NULL };
    manner how = { .table = false };
    const command_option options[] = {
        { "trace-table", 't', NULL, "Print a table of all values and their derivatives", .flag = &how.table },
        { "unfold", 'u', NULL, "Show ops that are made of smaller ones with their parts", .flag = &how.unfold },
        { "dot", 'd', NULL, "Draw the graph with values and gradients, for Graphviz", .flag = &how.dot },
        { "html", 'w', "FILE", "Write a page for a browser there, which goes through the steps", .text = &how.page },
        { "forward-mode", 'f', "NAME", "Also differentiate by NAME in forward mode", .text = &how.forward },
        { .name = NULL },
    };
    expression_name names[NAMES_MAX];
    expression e = { .names = names };

    refuse_minus(argv + 1, options);
    parse_command_line(argc, argv,
                       &(command_line){ .args_doc = "EXPRESSION [NAME=VALUE...]",
                                        .doc = doc,
                                        .options = options,
                                        .paths = arguments,
                                        .paths_min = 1,
                                        .paths_max = NAMES_MAX + 1 });
    if ((how.dot || how.page) && (how.table || how.unfold || how.forward || (how.dot && how.page))) {
        fprintf(stderr, "frond explain: %s stands alone\n", how.page ? "--html" : "--dot");
        exit(USAGE);
    }

    FR_AUTO(fr_module) leaves = fr_module_new("expression", 0, NULL);

    fr_set_default_dtype(FR_F64);
    e.text = arguments[0];
    for (int i = 1; i <= NAMES_MAX && arguments[i]; i++)
        add_name(&e, leaves, arguments[i]);
    show(&e, leaves, &how);
    for (int i = 0; i < e.count; i++)
        free((void *)(uintptr_t)names[i].name);
    return 0;
}
