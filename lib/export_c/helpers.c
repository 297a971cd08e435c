/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Helpers: static functions of the source file, each written once, before the functions that call it. While planning,
 * only their names are noted, from which the names of constants must differ. */
#include "export_c/writer.h"

#include <stdlib.h>

/* --- Asking for them, writing them ------------------------------------------------------------------------------- */

void fr_c_helper(fr_c_writer *w, const char *name, const char *text, bool int8)
{
    text = w->out ? text : NULL;
    for (size_t i = 0; i < w->helper_count; i++)
        if (strcmp(w->helpers[i].name, name) == 0 && w->helpers[i].int8 == int8 && !w->helpers[i].text == !text)
            return;
    if (fr_make_room(&w->helpers, sizeof *w->helpers, w->helper_count, &w->helper_capacity))
        w->helpers[w->helper_count++] = (fr_c_helper_text){ name, text, int8 };
    else
        fr_c_out_of_memory(w);
}

/* Writes the word of n characters at text as it is for int64: see fr_c_value_helper. */
static void put_int64_word(FILE *f, const char *text, size_t n)
{
    bool is_type = (n == 5 && strncmp(text, "float", n) == 0) || (n == 6 && strncmp(text, "double", n) == 0);

    if (is_type)
        fputs("int64_t", f);
    else
        fprintf(f, "%.*s%s", (int)n, text, text[n] == '(' ? "_int64" : "");
}

static const char *int64_text(fr_c_writer *w, const char *text)
{
    const char *kept = "";
    char *written = NULL;
    size_t size;
    FILE *f = open_memstream(&written, &size);

    for (size_t n = 1; f && *text; text += n) {
        n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
        if (n > 0)
            put_int64_word(f, text, n);
        else
            fputc(text[n++], f);
    }
    if (f && fclose(f) == 0)
        kept = fr_c_format(w, "%s", written);
    else
        fr_c_out_of_memory(w);
    free(written);
    return kept;
}

const char *fr_c_value_helper(fr_c_writer *w, const char *name, const char *text, fr_dtype dtype)
{
    if (dtype == FR_I64) {
        name = fr_c_format(w, "%s_int64", name);
        text = int64_text(w, text);
    }
    fr_c_helper(w, name, text, false);
    return name;
}

/* The text for float or for int8: see fr_c_helper. */
static void put_variant(FILE *f, const fr_c_helper_text *h)
{
    bool left_out = false;

    for (const char *c = h->text; *c; c++) {
        if (strncmp(c, "{{", 2) == 0) {
            left_out = !h->int8;
            c++;
        } else if (strncmp(c, "}}", 2) == 0) {
            left_out = false;
            c++;
        } else if (left_out) {
            continue;
        } else if (strncmp(c, "$q", 2) == 0) {
            fputs(h->int8 ? "_int8" : "", f);
            c++;
        } else if (strncmp(c, "$t", 2) == 0) {
            fputs(h->int8 ? "int8_t" : "float", f);
            c++;
        } else {
            fputc(*c, f);
        }
    }
}

/* Writes the helper, with lines broken where they are too long. */
static bool write_helper(fr_c_writer *w, FILE *f, const fr_c_helper_text *h)
{
    char *text = NULL;
    size_t size;
    FILE *variant = open_memstream(&text, &size);

    if (!variant)
        return fr_c_out_of_memory(w);
    put_variant(variant, h);
    if (fclose(variant) != 0) {
        free(text);
        return fr_c_out_of_memory(w);
    }
    fputc('\n', f);
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        size_t spaces = strspn(line, " ");

        *end = '\0';
        if (end - line > FR_C_LINE_WIDTH)
            fr_c_put_line(f, (int)spaces / FR_C_INDENT, line + spaces);
        else
            fprintf(f, "%s\n", line);
    }
    free(text);
    return true;
}

bool fr_c_write_helpers(fr_c_writer *w, FILE *f)
{
    for (size_t i = 0; i < w->helper_count; i++)
        if (w->helpers[i].text && !write_helper(w, f, &w->helpers[i]))
            return false;
    return true;
}

/* --- Elementwise functions --------------------------------------------------------------------------------------- */

/* sigmoid and tanh without branches, so that loops over them become vector code with plain -O2. Bounds are applied to
 * the bits of the floats as integers, which have the same order as floats that are not negative: gcc turns "x > 10 ? 10
 * : x" into a branch, and keeps it because arithmetic may trap. The polynomial is that of fr_expm1_f32. */
static const char bits_of_text[] = "static inline int32_t bits_of(float x)\n"
                                   "{\n"
                                   "    int32_t bits;\n"
                                   "\n"
                                   "    memcpy(&bits, &x, sizeof bits);\n"
                                   "    return bits;\n"
                                   "}\n";
static const char float_of_text[] = "static inline float float_of(int32_t bits)\n"
                                    "{\n"
                                    "    float x;\n"
                                    "\n"
                                    "    memcpy(&x, &bits, sizeof x);\n"
                                    "    return x;\n"
                                    "}\n";
static const char magnitude_text[] =
    "/* |x|, at most `most`, and that where x is NaN: as integers, which leaves no branch in the loops. */\n"
    "static inline float magnitude(float x, float most)\n"
    "{\n"
    "    const int32_t a = bits_of(x) & INT32_MAX, b = bits_of(most);\n"
    "\n"
    "    return float_of(a < b ? a : b);\n"
    "}\n";
static const char or_nan_text[] = "/* y, but NaN where x is: all bits set are one. */\n"
                                  "static inline float or_nan(float y, float x)\n"
                                  "{\n"
                                  "    return float_of(bits_of(y) | -((bits_of(x) & INT32_MAX) > bits_of(INFINITY)));\n"
                                  "}\n";
static const char exp_parts_text[] =
    "/* p and a power of two, s, so that exp(-t) = s (1 + p), for 0 <= t <= 87. Adding 1.5 2^23 rounds to an integer,\n"
    " * but not where the compiler may reorder sums (-ffast-math). */\n"
    "static inline float exp_parts(float t, float *s)\n"
    "{\n"
    "    const float shift = 12582912.0F, shifted = shift - t * 1.44269504F, k = shifted - shift;\n"
    "    const float r = (-t - k * 0.693145752F) - k * 1.42860677e-6F;\n"
    "    float p = 0.00138145941F;\n"
    "\n"
    "    *s = float_of((bits_of(shifted) - bits_of(shift) + 127) * (1 << 23));\n"
    "    p = p * r + 0.00836871658F;\n"
    "    p = p * r + 0.041668389F;\n"
    "    p = p * r + 0.166665211F;\n"
    "    p = p * r + 0.49999994F;\n"
    "    return r * r * p + r;\n"
    "}\n";
static const char sigmoid_text[] = "/* Below -87 that of -87, 1.6e-38. */\n"
                                   "static inline float sigmoid(float x)\n"
                                   "{\n"
                                   "    float s, p = exp_parts(magnitude(x, 87.0F), &s), e = s * p + s;\n"
                                   "\n"
                                   "    return or_nan((x < 0 ? e : 1.0F) / (1.0F + e), x);\n"
                                   "}\n";
static const char tanh_text[] = "/* -m / (2 + m), m = exp(-2 |x|) - 1, with the sign of x; from 10 on it is 1. */\n"
                                "static inline float tanh_of(float x)\n"
                                "{\n"
                                "    float s, p = exp_parts(2.0F * magnitude(x, 10.0F), &s), m = s * p + (s - 1.0F);\n"
                                "\n"
                                "    return or_nan(copysignf(m / (2.0F + m), x), x);\n"
                                "}\n";

static const char exp_minus_text[] =
    "/* exp(-t) for t >= 0; from 87 on it is 0. */\n"
    "static inline float exp_minus(float t)\n"
    "{\n"
    "    float s, p = exp_parts(magnitude(t, 87.0F), &s);\n"
    "\n"
    "    return or_nan(float_of(bits_of(s * p + s) & -(bits_of(t) < bits_of(87.0F))), t);\n"
    "}\n";

/* What these three call. */
static void ask_for_exp(fr_c_writer *w)
{
    fr_c_helper(w, "bits_of", bits_of_text, false);
    fr_c_helper(w, "float_of", float_of_text, false);
    fr_c_helper(w, "magnitude", magnitude_text, false);
    fr_c_helper(w, "or_nan", or_nan_text, false);
    fr_c_helper(w, "exp_parts", exp_parts_text, false);
}

void fr_c_sigmoid(fr_c_writer *w)
{
    ask_for_exp(w);
    fr_c_helper(w, "sigmoid", sigmoid_text, false);
}

void fr_c_tanh(fr_c_writer *w)
{
    ask_for_exp(w);
    fr_c_helper(w, "tanh_of", tanh_text, false);
}

void fr_c_exp_minus(fr_c_writer *w)
{
    ask_for_exp(w);
    fr_c_helper(w, "exp_minus", exp_minus_text, false);
}

void fr_c_maximum(fr_c_writer *w)
{
    fr_c_helper(w, "maximum",
                "/* NaN where either is. */\n"
                "static float maximum(float a, float b)\n{\n    return a >= b || a != a ? a : b;\n}\n",
                false);
}

void fr_c_minimum(fr_c_writer *w)
{
    fr_c_helper(w, "minimum",
                "/* NaN where either is. */\n"
                "static float minimum(float a, float b)\n{\n    return a <= b || a != a ? a : b;\n}\n",
                false);
}

void fr_c_maximum_int64(fr_c_writer *w)
{
    fr_c_helper(w, "maximum_int64",
                "static int64_t maximum_int64(int64_t a, int64_t b)\n{\n    return a >= b ? a : b;\n}\n", false);
}

void fr_c_minimum_int64(fr_c_writer *w)
{
    fr_c_helper(w, "minimum_int64",
                "static int64_t minimum_int64(int64_t a, int64_t b)\n{\n    return a <= b ? a : b;\n}\n", false);
}

void fr_c_beats(fr_c_writer *w, fr_dtype dtype)
{
    if (dtype == FR_I64)
        fr_c_helper(w, "beats_int64",
                    "/* Whether a is larger than b, or (least) smaller. */\n"
                    "static int beats_int64(int64_t a, int64_t b, int least)\n"
                    "{\n    return least ? a < b : a > b;\n}\n",
                    false);
    else
        fr_c_helper(w, "beats",
                    "/* Whether a is larger than b, or (least) smaller; NaN beats all numbers. */\n"
                    "static int beats(float a, float b, int least)\n"
                    "{\n    return b == b && ((least ? a < b : a > b) || a != a);\n}\n",
                    false);
}
