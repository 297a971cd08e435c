/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Loops of exported C: elementwise expressions and copies over any strides, and reductions. */
#include "export_c/writer.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>

enum { MOST_INPUTS = 3 };

/* --- Expressions ------------------------------------------------------------------------------------------------- */

/* sigmoid and tanh, so that loops over them become vector code with plain -O2. Limits are set to the bits, as integers,
 * whose order is that of floats that are not negative: of "x > 10 ? 10 : x" gcc makes a branch, to compute with the
 * constant there, and has to keep it, since arithmetic may trap. The polynomial is fr_expm1_f32's. */
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

/* The library's names in expressions, and what they are in C: a function of libm, or a helper. */
static const struct {
    const char *name, *is, *helper;
} names[] = {
    { "fr_sigmoid_f32", "sigmoid", sigmoid_text },
    { "FR_MAXIMUM", "maximum",
      "/* NaN where either is. */\n"
      "static float maximum(float a, float b)\n{\n    return a >= b || a != a ? a : b;\n}\n" },
    { "FR_MINIMUM", "minimum",
      "/* NaN where either is. */\n"
      "static float minimum(float a, float b)\n{\n    return a <= b || a != a ? a : b;\n}\n" },
    { "x", "u", NULL }, /* x is the function's input */
    { "M_SQRT1_2", "0.707106781F", NULL },
    { "fr_tanh_f32", "tanh_of", tanh_text },
    { "fr_exp_f32", "expf", NULL },
    { "fr_log_f32", "logf", NULL },
    { "fr_log1p_f32", "log1pf", NULL },
    { "fr_expm1_f32", "expm1f", NULL },
    { "fr_erf_f32", "erff", NULL },
};

/* A helper, and before it those that it calls. */
static void ask_for(fr_c_writer *w, const char *name, const char *helper)
{
    if (helper == sigmoid_text || helper == tanh_text) {
        fr_c_helper(w, "bits_of", bits_of_text, false);
        fr_c_helper(w, "float_of", float_of_text, false);
        fr_c_helper(w, "magnitude", magnitude_text, false);
        fr_c_helper(w, "or_nan", or_nan_text, false);
        fr_c_helper(w, "exp_parts", exp_parts_text, false);
    }
    fr_c_helper(w, name, helper, false);
}

/* One identifier of n characters, translated. */
static void put_name(fr_c_writer *w, FILE *f, const char *name, size_t n)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strlen(names[i].name) != n || strncmp(names[i].name, name, n) != 0)
            continue;
        if (names[i].helper)
            ask_for(w, names[i].is, names[i].helper);
        fputs(names[i].is, f);
        return;
    }
    fprintf(f, "%.*s", (int)n, name);
}

/* The expression as C has it: names translated, p[0] and p[1] filled in. NULL without memory. */
static const char *translated(fr_c_writer *w, const char *e, const double *p, fr_dtype dtype)
{
    const char *kept;
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    if (!f)
        return fr_c_out_of_memory(w);
    while (*e) {
        size_t n = 0;

        while (isalnum((unsigned char)e[n]) || e[n] == '_')
            n++;
        if (n == 1 && *e == 'p' && e[1] == '[' && p) {
            fputs(fr_c_number(w, p[e[2] - '0'], dtype), f);
            e += strlen("p[0]");
        } else if (n > 0) {
            put_name(w, f, e, n);
            e += n;
        } else {
            bool close = *e == '*' && e[1] != ' '; /* "x *y" reads as a declaration */

            fputc(*e++, f);
            if (close)
                fputc(' ', f);
        }
    }
    if (fclose(f) != 0) {
        free(text);
        return fr_c_out_of_memory(w);
    }
    kept = fr_c_format(w, "%s", text);
    free(text);
    return kept;
}

/* --- Nests ------------------------------------------------------------------------------------------------------- */

/* y's dims and the strides of y (0) and the inputs along them. */
typedef struct {
    int ndim, operands;
    int64_t dim[FR_MAX_DIMS], stride[MOST_INPUTS + 1][FR_MAX_DIMS];
} nest;

static bool joins(const nest *n, int64_t dim, const int64_t *stride)
{
    if (n->ndim == 0)
        return false;
    for (int k = 0; k < n->operands; k++)
        if (n->stride[k][n->ndim - 1] != dim * stride[k])
            return false;
    return true;
}

/* Dims of size 1 are left out; neighbours that all walk through as one become one. */
static nest nest_of(const fr_tensor *const *in, int inputs, const fr_c_destination *to)
{
    nest n = { .operands = inputs + 1 };
    const fr_shape *shape = &to->shape;
    int64_t own[FR_MAX_DIMS];

    fr_shape_strides(shape, own);
    if (to->stride)
        memcpy(own, to->stride, sizeof own);
    for (int i = 0; i < shape->ndim; i++) {
        int64_t dim = shape->dim[i], stride[MOST_INPUTS + 1] = { own[i] };

        if (dim == 1)
            continue;
        for (int k = 0; k < inputs; k++) {
            int at = i - shape->ndim + in[k]->shape.ndim;

            stride[k + 1] = at >= 0 && in[k]->shape.dim[at] != 1 ? in[k]->stride[at] : 0;
        }
        if (!joins(&n, dim, stride))
            n.dim[n.ndim++] = 1;
        n.dim[n.ndim - 1] *= dim;
        for (int k = 0; k < n.operands; k++)
            n.stride[k][n.ndim - 1] = stride[k];
    }
    return n;
}

/* "12 + i * 3 + j", "0" */
static const char *index_text(fr_c_writer *w, const nest *n, int operand, int64_t offset)
{
    static const char counters[] = "ijklmnpq";
    const char *text = offset ? fr_c_format(w, "%" PRId64, offset) : "";

    for (int i = 0; i < n->ndim; i++) {
        int64_t stride = n->stride[operand][i];
        const char *plus = *text ? " + " : "";

        if (stride == 1)
            text = fr_c_format(w, "%s%s%c", text, plus, counters[i]);
        else if (stride != 0)
            text = fr_c_format(w, "%s%s%c * %" PRId64, text, plus, counters[i], stride);
    }
    return *text ? text : "0";
}

static const char *element(fr_c_writer *w, const nest *n, const fr_tensor *const *in, int k)
{
    const char *base = fr_c_buffer_name(w, in[k], false);

    return fr_c_format(w, "%s[%s]", base, index_text(w, n, k + 1, fr_c_buffer_offset(w->now, in[k])));
}

static bool open_loops(fr_c_writer *w, const nest *n, bool block)
{
    for (int i = 0; i < n->ndim; i++, w->indent++) {
        char c = "ijklmnpq"[i];

        fr_c_line(w, "for (int %c = 0; %c < %" PRId64 "; %c++)%s", c, c, n->dim[i], c,
                  block && i == n->ndim - 1 ? " {" : "");
    }
    if (block && n->ndim == 0) {
        fr_c_line(w, "{");
        w->indent++;
    }
    return !w->failed;
}

static bool body(fr_c_writer *w, const nest *n, const fr_tensor *const *in, int inputs, const char *target,
                 const char *e)
{
    if (inputs <= 1 && (strcmp(e, "u") == 0 || inputs == 0))
        return fr_c_line(w, "%s = %s;", target, inputs ? element(w, n, in, 0) : e);
    for (int k = 0; k < inputs; k++)
        fr_c_line(w, "const %s %c = %s;", in[k]->dtype == FR_I64 ? "int64_t" : "float", inputs == 1 ? 'u' : "abc"[k],
                  element(w, n, in, k));
    fr_c_line(w, "%s", "");
    return fr_c_line(w, "%s = %s;", target, e);
}

bool fr_c_elementwise(fr_c_writer *w, const fr_tensor *const *in, int inputs, const fr_c_destination *to,
                      const char *expression, const double p[2])
{
    nest n = nest_of(in, inputs, to);
    const char *e = translated(w, expression, p, to->dtype);
    bool block = inputs > 1 || (inputs == 1 && strcmp(e, "u") != 0);
    int indent = w->indent;

    /* Names are declared outside of the loops. */
    for (int k = 0; k < inputs; k++)
        fr_c_buffer_name(w, in[k], false);
    open_loops(w, &n, block);
    body(w, &n, in, inputs, fr_c_format(w, "%s[%s]", to->base, index_text(w, &n, 0, to->offset)), e);
    w->indent = indent + (block && n.ndim > 0 ? n.ndim - 1 : 0);
    if (block)
        fr_c_line(w, "}");
    w->indent = indent;
    return !w->failed;
}

bool fr_c_pointwise(fr_c_writer *w, const fr_op_call *call, const char *expression, const double p[2])
{
    const fr_tensor *y = call->result[0];
    fr_c_destination to = { .base = fr_c_out(w, call, 0), .shape = y->shape, .dtype = fr_dtype_of(y) };

    w->now->steps[w->step].pattern = FR_C_POINTWISE;
    for (int k = 0; k < call->inputs; k++)
        if (call->in[k]->dtype == FR_F64)
            return fr_c_fail(w, "float64 given, expected float32");
    if (y->dtype == FR_I64 && strchr(expression, '(') && strstr(expression, "FR_"))
        return fr_c_fail(w, "int64 given, expected float32");
    return fr_c_elementwise(w, (const fr_tensor *const *)call->in, call->inputs, &to, expression, p);
}

void fr_c_sigmoid(fr_c_writer *w)
{
    ask_for(w, "sigmoid", sigmoid_text);
}

void fr_c_tanh(fr_c_writer *w)
{
    ask_for(w, "tanh_of", tanh_text);
}

/* --- Copies ------------------------------------------------------------------------------------------------------ */

static fr_c_destination target_of(fr_c_writer *w, const fr_tensor *t)
{
    return (fr_c_destination){ .base = fr_c_buffer_name(w, t, true),
                               .offset = fr_c_buffer_offset(w->now, t),
                               .stride = t->stride,
                               .shape = t->shape,
                               .dtype = fr_dtype_of(t) };
}

bool fr_c_copy(fr_c_writer *w, const fr_tensor *to, const fr_tensor *from)
{
    fr_c_destination target = target_of(w, to);

    return fr_c_elementwise(w, &from, 1, &target, "x", NULL);
}

bool fr_c_fill(fr_c_writer *w, const fr_tensor *to, double value)
{
    fr_c_destination target = target_of(w, to);

    return fr_c_elementwise(w, NULL, 0, &target, fr_c_number(w, value, fr_dtype_of(to)), NULL);
}

bool fr_c_copy_contiguous(fr_c_writer *w, const fr_tensor *from, const char *to)
{
    fr_c_destination target = { .base = to, .shape = from->shape, .dtype = fr_dtype_of(from) };

    return fr_c_elementwise(w, &from, 1, &target, "x", NULL);
}

/* --- Reductions -------------------------------------------------------------------------------------------------- */

bool fr_c_reduction(fr_c_writer *w, const fr_op_call *call, int64_t outer, int64_t n, int64_t inner,
                    const char *const expressions[3])
{
    static const char form[] = "/* Each of (outer,n,inner) x to one of (outer,inner) y. */\n"
                               "static void %s(int outer, int n, int inner, const float *x, float *y)\n"
                               "{\n"
                               "    for (int i = 0; i < outer * inner; i++) {\n"
                               "        const float *at = x + i / inner * n * inner + i %% inner;\n"
                               "        double s = %s;\n"
                               "\n"
                               "        for (int k = 0; k < n; k++) {\n"
                               "            const double x = at[k * inner];\n"
                               "\n"
                               "            s = %s;\n"
                               "        }\n"
                               "        y[i] = (float)(%s);\n"
                               "    }\n"
                               "}\n";
    const char *x = fr_c_in(w, call, 0), *y = fr_c_out(w, call, 0);
    const char *name = fr_c_format(w, "%s_over", call->op->name);

    if (call->in[0]->dtype != FR_F32)
        return fr_c_fail(w, "int64 given, expected float32");
    fr_c_helper(w, name, fr_c_format(w, form, name, expressions[0], expressions[1], expressions[2]), false);
    return fr_c_line(w, "%s(%" PRId64 ", %" PRId64 ", %" PRId64 ", %s, %s);", name, outer, n, inner, x, y);
}
