/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A module as text: what PyTorch's print(model) prints, and the number of parameters. */
#include "core/writer.h"
#include "nn/module.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* Python's repr: the fewest digits that read back as the same number, with an exponent below 1e-4 and from 1e16 on. */
const char *fr_number_text(double number, char text[FR_NUMBER_TEXT])
{
    int digits = 0, exponent;

    if (!isfinite(number)) {
        snprintf(text, FR_NUMBER_TEXT, "%f", number);
        return text;
    }
    do
        snprintf(text, FR_NUMBER_TEXT, "%.*e", digits, number);
    while (strtod(text, NULL) != number && ++digits < 17);
    exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    if (exponent >= -4 && exponent < 16)
        snprintf(text, FR_NUMBER_TEXT, "%.*f", digits - exponent > 1 ? digits - exponent : 1, number);
    return text;
}

/* Puts each line of the text on a line of its own, as PyTorch does with an extra_repr of several lines. */
static void put_lines(fr_writer *w, const char *text, int indent)
{
    while (*text) {
        size_t length = strcspn(text, "\n");

        fr_put(w, "\n%*s%.*s", indent, "", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

/* True if a and b print the same. */
static bool print_alike(const fr_module *a, const fr_module *b)
{
    bool same = strcmp(a->type, b->type) == 0 && a->child_count == b->child_count &&
                strcmp(a->description ? a->description : "", b->description ? b->description : "") == 0;

    for (size_t i = 0; same && i < a->child_count; i++)
        same = strcmp(a->children[i]->name, b->children[i]->name) == 0 && print_alike(a->children[i], b->children[i]);
    return same;
}

/* How many children of m, from the i-th on, are printed as one line. It is 1 but in a ModuleList, where equal
 * neighbours are joined as "(0-2): 3 x ...". */
static size_t count_equal(const fr_module *m, size_t i)
{
    size_t end = i + 1;

    while (strcmp(m->type, "ModuleList") == 0 && end < m->child_count && print_alike(m->children[i], m->children[end]))
        end++;
    return end - i;
}

static void put_module(fr_writer *w, const fr_module *m, int indent)
{
    const char *description = m->description ? m->description : "";
    bool one_line = m->child_count == 0 && !strchr(description, '\n');

    fr_put(w, "%s%s(", m->parametrizations ? "Parametrized" : "", m->type);
    if (one_line) {
        fr_put(w, "%s)", description);
        return;
    }
    put_lines(w, description, indent + 2);
    for (size_t i = 0, n; i < m->child_count; i += n) {
        n = count_equal(m, i);
        if (n == 1)
            fr_put(w, "\n%*s(%s): ", indent + 2, "", m->children[i]->name);
        else
            fr_put(w, "\n%*s(%zu-%zu): %zu x ", indent + 2, "", i, i + n - 1, n);
        put_module(w, m->children[i], indent + 2);
    }
    fr_put(w, "\n%*s)", indent, "");
}

int fr_module_fprint(FILE *file, fr_module *m)
{
    const char *what = "module_fprint";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_writer w = { .file = file, .written = -1 };
    int64_t count;

    if (fr_check_argument(what, file, "file") && fr_check_argument(what, m, "module") &&
        (count = fr_module_count(m)) >= 0) {
        w.written = 0;
        put_module(&w, m, 0);
        fr_put(&w, count == 1 ? "\n%" PRId64 " parameter\n" : "\n%" PRId64 " parameters\n", count);
        if (w.written < 0)
            fr_fail(what, "the file cannot be written");
    }
    fr_finish(th, before);
    return (int)w.written;
}

void fr_module_print(fr_module *m)
{
    fr_module_fprint(stdout, m);
}
