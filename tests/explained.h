/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reads explanations back: their numbers are compared with those that the library computes otherwise. */
#ifndef FROND_TESTS_EXPLAINED_H
#define FROND_TESTS_EXPLAINED_H

#include "testing.h"

enum { EXPLAINED_NUMBERS = 64 };

/* The numbers of a line, and how many. */
typedef struct {
    double v[EXPLAINED_NUMBERS];
    int n;
} numbers;

static char explained[1 << 20];

static void explain_to_text(fr_tensor *t, const fr_explain_options *o)
{
    FILE *file = tmpfile();

    ck_assert_ptr_nonnull(file);
    ck_assert_msg(fr_explain_with(file, t, o), "%s: %s", test_about, fr_error_message());
    rewind(file);
    explained[fread(explained, 1, sizeof explained - 1, file)] = '\0';
    fclose(file);
}

static const char *end_of_line(const char *p)
{
    return p + strcspn(p, "\n");
}

/* All numbers between two places. */
static numbers numbers_between(const char *p, const char *end)
{
    numbers all = { .n = 0 };

    while (p < end && all.n < EXPLAINED_NUMBERS) {
        char *after;
        double x = strtod(p, &after);

        if (after == p) {
            p++;
        } else {
            all.v[all.n++] = x;
            p = after;
        }
    }
    return all;
}

/* The numbers behind the last " = " or ": " of a line: all of a small tensor, of a larger one norm and first values. */
static numbers value_of_line(const char *line)
{
    const char *end = end_of_line(line), *begin = line;

    for (const char *p = line; p < end; p++)
        if (strncmp(p, " = ", 3) == 0 || strncmp(p, ": ", 2) == 0 || strncmp(p, " norm ", 6) == 0)
            begin = p + (p[0] == ' ' && p[1] == 'n' ? 6 : p[0] == ':' ? 2 : 3);
    return numbers_between(begin, end);
}

/* What value_of_line should find for t. */
static numbers value_of(const fr_tensor *t)
{
    numbers all = { .n = 0 };
    double squares = 0;
    int64_t n = fr_numel(t);

    for (int64_t i = 0; i < n; i++)
        squares += fr_at(t, i) * fr_at(t, i);
    if (n > 16)
        all.v[all.n++] = sqrt(squares);
    for (int64_t i = 0; i < (n > 16 ? 3 : n); i++)
        all.v[all.n++] = fr_at(t, i);
    return all;
}

/* Equal as far as five digits tell; tiny numbers that rounding has left of 0 count as 0. */
static bool alike(const numbers *a, const numbers *b)
{
    bool same = a->n == b->n;

    for (int i = 0; same && i < a->n; i++)
        same = fabs(a->v[i] - b->v[i]) <= 1e-4 * fabs(b->v[i]) + 1e-9 || (isnan(a->v[i]) && isnan(b->v[i])) ||
               a->v[i] == b->v[i];
    return same;
}

/* The line that begins with this, behind blanks; NULL if there is none from p on. */
static const char *find_line(const char *p, const char *beginning)
{
    for (; *p; p = end_of_line(p), p += *p == '\n') {
        const char *text = p + strspn(p, " ");

        if (strncmp(text, beginning, strlen(beginning)) == 0)
            return text;
    }
    return NULL;
}

static int depth_of(const char *line)
{
    return (int)strspn(line, " ");
}

/* Asserts that what the block with this heading, of an op's parts, sends to name is what the op itself sent, by one of
 * the lines before the heading. */
static void assert_sent(const char *heading, const char *so, const char *name, int length)
{
    numbers parts = value_of_line(so);
    int depth = depth_of(heading);

    for (const char *line = heading - 1; line > explained;) {
        const char *text;

        while (line > explained && line[-1] != '\n')
            line--;
        text = line + depth_of(line);
        if (depth_of(line) < depth)
            break;
        if (depth_of(line) == depth && strncmp(text, "to ", 3) == 0 && strncmp(text + 3, name, (size_t)length) == 0 &&
            strchr(":,", text[3 + length])) {
            numbers whole = value_of_line(text);

            if (alike(&parts, &whole))
                return;
        }
        line--;
    }
    ck_abort_msg("%s: by its parts: %.*s\nwhich is not what the op sent:\n%.3000s", test_about,
                 (int)(end_of_line(so) - so), so, explained);
}

/* Asserts that the parts of each op that is unfolded send what the op sends. Returns how many ops are. */
static int assert_parts_agree(void)
{
    int blocks = 0;

    for (const char *line = explained; *line; line = end_of_line(line), line += *line == '\n') {
        const char *end = end_of_line(line), *in = strstr(line, " in smaller ops, of ");
        int depth = depth_of(line);

        if (!in || in > end)
            continue;
        blocks++;
        for (const char *p = end + 1; *p && depth_of(p) > depth; p = end_of_line(p), p += *p == '\n') {
            const char *so = p + depth_of(p) + strlen("so, from here, dL/d");

            if (depth_of(p) == depth + 2 && strncmp(p + depth_of(p), "so, from here, dL/d", 19) == 0)
                assert_sent(line, so, so, (int)strcspn(so, " "));
        }
    }
    return blocks;
}

#endif
