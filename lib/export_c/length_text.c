/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* One text for any number of time steps. The texts for several numbers are compared: they must be the same but for
 * whole numbers, and what these are for the most steps and for one and two fewer gives an expression of `length`. It
 * must give the numbers of the other texts too. */
#include "export_c/writer.h"

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

enum { TEXTS = 1 + FR_C_LENGTHS, FITTED = 1 + FR_C_FITTED_LENGTHS };

typedef struct {
    fr_c_writer *w;
    int64_t length[TEXTS];
    const char *at[TEXTS]; /* where the reading is */
    const char *comment;   /* the last one, which names op and module; NULL: none */
} reader;

/* --- Numbers ----------------------------------------------------------------------------------------------------- */

/* The length of a number, as "12" or "1.5e-05F", or of a name with digits; 0: text does not begin with one. */
static size_t word_length(const char *text)
{
    size_t n = 0;

    while (isalnum((unsigned char)text[n]) || text[n] == '_' || (n > 0 && text[n] == '.') ||
           (n > 0 && isdigit((unsigned char)*text) && (text[n] == '-' || text[n] == '+') && text[n - 1] == 'e'))
        n++;
    return n;
}

static bool is_whole(const char *text, size_t n)
{
    return n > 0 && n <= 18 && strspn(text, "0123456789") >= n;
}

/* "3 * length", or what stands for length squared; nothing where c is 0. Returns how many characters. */
static void put_term(FILE *f, int64_t c, const char *power, bool *first)
{
    int64_t size = c < 0 ? -c : c;

    if (c == 0)
        return;
    fputs(*first ? (c < 0 ? "-" : "") : (c < 0 ? " - " : " + "), f);
    *first = false;
    if (!*power)
        fprintf(f, "%" PRId64, size);
    else if (size == 1)
        fputs(power, f);
    else
        fprintf(f, "%" PRId64 " * %s", size, power);
}

/* Writes what gives v[0] for max steps, v[1] for one fewer, v[2] for two fewer. False: it has no whole coefficients, or
 * the sum of its parts may be too large for an int. */
static bool put_expression(FILE *f, const int64_t v[FITTED], int64_t max, bool alone)
{
    double largest = fmax(fmax(fabs((double)v[0]), fabs((double)v[1])), fabs((double)v[2]));

    if (4 * largest * (double)max * (double)max > 0x1p62)
        return false; /* of what follows something may not even be an int64 */

    int64_t bend = v[2] - 2 * v[1] + v[0], slope = v[1] - v[0]; /* by the number of steps that are missing */
    int64_t c[3] = { v[0] + max * slope + max * (max - 1) / 2 * bend, -slope - bend * max + bend / 2, bend / 2 };
    bool first = true, bare = alone || (c[0] == 0 && c[1] == 1 && c[2] == 0);

    if (bend % 2 != 0)
        return false;
    for (int64_t k = 0, power = 1, parts = 0; k < 3; k++, power *= max) {
        if (llabs(c[k]) > (INT_MAX - parts) / power)
            return false;
        parts += llabs(c[k]) * power;
    }
    fputs(bare ? "" : "(", f);
    put_term(f, c[2], "length * length", &first);
    put_term(f, c[1], "length", &first);
    put_term(f, c[0], "", &first);
    fputs(bare ? "" : ")", f);
    return true;
}

/* --- Texts ------------------------------------------------------------------------------------------------------- */

/* False, with an error that names the op. */
static bool differs(const reader *r, int k)
{
    size_t n = r->comment ? strcspn(r->comment, "*\n") : 0;

    return fr_fail(r->w->where,
                   "the number of steps cannot be open: the code of %.*sis not the same for %" PRId64 " and %" PRId64,
                   (int)n, r->comment ? r->comment : "", r->length[0], r->length[k]);
}

/* True if what comes before and after a number lets an expression stand there without parentheses. */
static bool stands_alone(const char *before, const char *after)
{
    return strchr("([ ", *before) && (*before != ' ' || strchr(",=<n", before[-1])) && strchr(",;])", *after);
}

/* Reads a number that in text `differing` is another one than in text 0. */
static bool combine_number(reader *r, FILE *f, const size_t n[TEXTS], int differing, bool alone)
{
    int64_t v[TEXTS];

    for (int k = 0; k < TEXTS; k++) {
        if (!is_whole(r->at[k], n[k]))
            return differs(r, differing);
        v[k] = strtoll(r->at[k], NULL, 10);
        if (k >= FITTED && v[k] != fr_c_size_at(&r->w->length, v, r->length[k]))
            return differs(r, k);
    }
    return put_expression(f, v, r->length[0], alone) || differs(r, differing);
}

/* Reads a word or one other character. */
static bool combine_word(reader *r, FILE *f)
{
    size_t n[TEXTS];
    bool ok = true;
    int differing = 0;

    for (int k = 0; k < TEXTS; k++) {
        n[k] = word_length(r->at[k]);
        n[k] = n[k] ? n[k] : 1;
        if (differing == 0 && (n[k] != n[0] || strncmp(r->at[k], r->at[0], n[0]) != 0))
            differing = k;
    }
    if (differing == 0)
        fprintf(f, "%.*s", (int)n[0], r->at[0]);
    else if (isdigit((unsigned char)*r->at[0]))
        ok = combine_number(r, f, n, differing, stands_alone(r->at[0] - 1, r->at[0] + n[0]));
    else
        return differs(r, differing);
    for (int k = 0; k < TEXTS; k++)
        r->at[k] += n[k];
    return ok;
}

static bool combine(reader *r, FILE *f)
{
    while (*r->at[0]) {
        if (strncmp(r->at[0], "/* ", 3) == 0)
            r->comment = r->at[0] + 3;
        if (!combine_word(r, f))
            return false;
    }
    for (int k = 0; k < TEXTS; k++)
        if (*r->at[k])
            return differs(r, k);
    return true;
}

/* --- Writing ----------------------------------------------------------------------------------------------------- */

/* Writes lines, broken where they are too long. */
static void put_lines(FILE *f, char *text)
{
    bool used = false; /* `length`; a comment does not count */

    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        size_t spaces = strspn(line, " ");

        *end = '\0';
        used = used || (strncmp(line + spaces, "/*", 2) != 0 && strstr(line, "length"));
        fr_c_put_line(f, (int)spaces / FR_C_INDENT, line + spaces);
    }
    if (!used)
        fputs("    (void)length;\n", f);
}

/* Closes f and returns *text, which it has written; NULL, with an error, unless ok. */
static char *finished(fr_c_writer *w, FILE *f, bool ok, char **text)
{
    if (fclose(f) != 0)
        ok = fr_c_out_of_memory(w);
    if (ok)
        return *text;
    free(*text);
    return NULL;
}

/* What write writes, in a string that the caller frees; NULL with an error. */
static char *text_of(fr_c_writer *w, fr_c_function *fn, fr_c_write_text *write)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    bool ok;

    if (!f) {
        fr_c_out_of_memory(w);
        return NULL;
    }
    w->whole_lines = true;
    ok = write(w, fn, f);
    w->whole_lines = false;
    return finished(w, f, ok, &text);
}

/* The texts in one, in a string that the caller frees; NULL with an error. */
static char *combined(fr_c_writer *w, char *const texts[TEXTS])
{
    reader r = { .w = w, .length = { w->length.max } };
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    bool ok;

    if (!f) {
        fr_c_out_of_memory(w);
        return NULL;
    }
    for (int k = 0; k < TEXTS; k++) {
        r.at[k] = texts[k];
        r.length[k] = k ? w->length.shorter[k - 1].x->shape.dim[w->length.x_dim] : w->length.max;
    }
    ok = combine(&r, f);
    return finished(w, f, ok, &text);
}

bool fr_c_write_any_length(fr_c_writer *w, fr_c_function *run, FILE *f, fr_c_write_text *write)
{
    char *texts[TEXTS] = { NULL }, *text;
    bool ok = true;

    if (!w->length.open)
        return write(w, run, f);
    for (int k = 0; k < TEXTS && ok; k++) {
        texts[k] = text_of(w, k ? &w->length.shorter[k - 1] : run, write);
        ok = texts[k] != NULL;
    }
    text = ok ? combined(w, texts) : NULL;
    if (text)
        put_lines(f, text);
    free(text);
    for (int k = 0; k < TEXTS; k++)
        free(texts[k]);
    return text != NULL;
}
