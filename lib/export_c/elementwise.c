/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What the hooks call for loops: an expression of each element, copies and fills, over any strides; reductions. */
#include "export_c/writer.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>

enum { MAX_INPUTS = 3 };

/* --- Expressions ------------------------------------------------------------------------------------------------- */

/* The library's names in expressions, and what stands for them in C: a function of libm, or of a helper. */
static const struct {
    const char *name, *in_c;
    void (*ask_for_helper)(fr_c_writer *w);
    bool int64; /* of int64 alone */
} names[] = {
    { "FR_MAXIMUM", "maximum_int64", fr_c_maximum_int64, true },
    { "FR_MINIMUM", "minimum_int64", fr_c_minimum_int64, true },
    { "fr_sigmoid_f32", "sigmoid", fr_c_sigmoid },
    { "FR_MAXIMUM", "maximum", fr_c_maximum },
    { "FR_MINIMUM", "minimum", fr_c_minimum },
    { "x", "u", NULL }, /* x is a parameter of the function */
    { "M_SQRT1_2", "0.707106781F", NULL },
    { "fr_tanh_f32", "tanh_of", fr_c_tanh },
    { "fr_exp_f32", "expf", NULL },
    { "fr_log_f32", "logf", NULL },
    { "fr_log1p_f32", "log1pf", NULL },
    { "fr_expm1_f32", "expm1f", NULL },
    { "fr_erf_f32", "erff", NULL },
};

/* Writes an identifier of n characters by its name in C. */
static void put_name(fr_c_writer *w, FILE *f, const char *name, size_t n, fr_dtype dtype)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strlen(names[i].name) != n || strncmp(names[i].name, name, n) != 0 || (names[i].int64 && dtype != FR_I64))
            continue;
        if (names[i].ask_for_helper)
            names[i].ask_for_helper(w);
        fputs(names[i].in_c, f);
        return;
    }
    fprintf(f, "%.*s", (int)n, name);
}

/* Writes e in C: names translated, p[0] and p[1] filled in. */
static void put_expression(fr_c_writer *w, FILE *f, const char *e, const double *p, fr_dtype dtype)
{
    while (*e) {
        size_t n = 0;

        while (isalnum((unsigned char)e[n]) || e[n] == '_')
            n++;
        if (n == 1 && *e == 'p' && e[1] == '[' && p) {
            fputs(fr_c_number(w, p[e[2] - '0'], dtype), f);
            e += strlen("p[0]");
        } else if (n > 0) {
            put_name(w, f, e, n, dtype);
            e += n;
        } else {
            bool needs_space = *e == '*' && e[1] != ' '; /* "x *y" reads as a declaration */

            fputc(*e++, f);
            if (needs_space)
                fputc(' ', f);
        }
    }
}

/* The same as a string; "" without memory. */
static const char *translated(fr_c_writer *w, const char *expression, const double *p, fr_dtype dtype)
{
    const char *kept = "";
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    if (f)
        put_expression(w, f, expression, p, dtype);
    if (f && fclose(f) == 0)
        kept = fr_c_format(w, "%s", text);
    else
        fr_c_out_of_memory(w);
    free(text);
    return kept;
}

/* --- Nested loops ------------------------------------------------------------------------------------------------ */

/* Loops, from the outermost on: how often each runs, and how far it moves in each operand. Operand 0 is the
 * destination, the others are the inputs. */
typedef struct {
    int ndim, operands;
    int64_t dim[FR_MAX_DIMS], stride[MAX_INPUTS + 1][FR_MAX_DIMS];
} loop_nest;

/* True if a further loop, of dim rounds, can be one with the innermost loop so far. */
static bool can_join(const loop_nest *nest, int64_t dim, const int64_t *stride)
{
    if (nest->ndim == 0)
        return false;
    for (int k = 0; k < nest->operands; k++)
        if (nest->stride[k][nest->ndim - 1] != dim * stride[k])
            return false;
    return true;
}

/* Where the number of time steps is open, a constant may be a part of the array for the most of them. */
static bool may_be_part(const fr_c_writer *w, const fr_tensor *const *in, int inputs)
{
    for (int k = 0; k < inputs && w->length.open; k++)
        if (fr_c_buffer_of(w->function, in[k])->memory == FR_C_CONSTANT)
            return true;
    return false;
}

/* Dims of size 1 need no loop. Neighbouring dims over which all operands move as over one dim share a loop. */
static loop_nest make_loops(const fr_c_writer *w, const fr_tensor *const *in, int inputs, const fr_c_destination *to)
{
    loop_nest nest = { .operands = inputs + 1 };
    const fr_shape *shape = &to->shape;
    int64_t out_stride[FR_MAX_DIMS];
    bool apart = may_be_part(w, in, inputs);

    fr_shape_strides(shape, out_stride);
    if (to->stride)
        memcpy(out_stride, to->stride, sizeof out_stride);
    for (int i = 0; i < shape->ndim; i++) {
        int64_t dim = shape->dim[i], stride[MAX_INPUTS + 1] = { out_stride[i] };

        if (dim == 1)
            continue;
        for (int k = 0; k < inputs; k++) {
            int d = i - shape->ndim + in[k]->shape.ndim; /* dims are aligned at their end, as in broadcasting */

            stride[k + 1] = d >= 0 && in[k]->shape.dim[d] != 1 ? in[k]->stride[d] : 0;
        }
        if (apart || !can_join(&nest, dim, stride))
            nest.dim[nest.ndim++] = 1;
        nest.dim[nest.ndim - 1] *= dim;
        for (int k = 0; k < nest.operands; k++)
            nest.stride[k][nest.ndim - 1] = stride[k];
    }
    return nest;
}

static const char counters[] = "ijklmnpq"; /* of the loops */

/* "12 + i * 3 + j", "0" */
static const char *index_text(fr_c_writer *w, const loop_nest *nest, int operand, int64_t offset)
{
    const char *text = offset ? fr_c_format(w, "%" PRId64, offset) : "";

    for (int i = 0; i < nest->ndim; i++) {
        int64_t stride = nest->stride[operand][i];
        const char *plus = *text ? " + " : "";

        if (stride == 1)
            text = fr_c_format(w, "%s%s%c", text, plus, counters[i]);
        else if (stride != 0)
            text = fr_c_format(w, "%s%s%c * %" PRId64, text, plus, counters[i], stride);
    }
    return *text ? text : "0";
}

/* "v3[12 + i]" for input k. */
static const char *element(fr_c_writer *w, const loop_nest *nest, const fr_tensor *const *in, int k)
{
    const char *base = fr_c_buffer_name(w, in[k], false);

    return fr_c_format(w, "%s[%s]", base, index_text(w, nest, k + 1, fr_c_buffer_offset(w->function, in[k])));
}

/* block: the innermost loop has braces. */
static bool open_loops(fr_c_writer *w, const loop_nest *nest, bool block)
{
    for (int i = 0; i < nest->ndim; i++, w->indent++) {
        char c = counters[i];

        fr_c_line(w, "for (int %c = 0; %c < %" PRId64 "; %c++)%s", c, c, nest->dim[i], c,
                  block && i == nest->ndim - 1 ? " {" : "");
    }
    if (block && nest->ndim == 0) {
        fr_c_line(w, "{");
        w->indent++;
    }
    return !w->failed;
}

/* Writes "target = e", with the inputs' elements in constants u, or a, b and c. */
static bool write_loop_body(fr_c_writer *w, const loop_nest *nest, const fr_tensor *const *in, int inputs,
                            const char *target, const char *e)
{
    if (inputs <= 1 && (strcmp(e, "u") == 0 || inputs == 0))
        return fr_c_line(w, "%s = %s;", target, inputs ? element(w, nest, in, 0) : e);
    for (int k = 0; k < inputs; k++)
        fr_c_line(w, "const %s %c = %s;", in[k]->dtype == FR_I64 ? "int64_t" : "float", inputs == 1 ? 'u' : "abc"[k],
                  element(w, nest, in, k));
    fr_c_line(w, "%s", "");
    return fr_c_line(w, "%s = %s;", target, e);
}

bool fr_c_elementwise(fr_c_writer *w, const fr_tensor *const *in, int inputs, const fr_c_destination *to,
                      const char *expression, const double p[2])
{
    loop_nest nest = make_loops(w, in, inputs, to);
    const char *e = translated(w, expression, p, to->dtype);
    bool block = inputs > 1 || (inputs == 1 && strcmp(e, "u") != 0);
    int indent = w->indent;

    /* Arrays are declared before the loops. */
    for (int k = 0; k < inputs; k++)
        fr_c_buffer_name(w, in[k], false);
    open_loops(w, &nest, block);
    write_loop_body(w, &nest, in, inputs, fr_c_format(w, "%s[%s]", to->base, index_text(w, &nest, 0, to->offset)), e);
    w->indent = indent + (block && nest.ndim > 0 ? nest.ndim - 1 : 0);
    if (block)
        fr_c_line(w, "}");
    w->indent = indent;
    return !w->failed;
}

bool fr_c_pointwise(fr_c_writer *w, const fr_op_call *call, const char *expression, const double p[2])
{
    const fr_tensor *y = call->result[0];
    fr_c_destination to = { .base = fr_c_out(w, call, 0), .shape = y->shape, .dtype = fr_dtype_of(y) };

    w->function->steps[w->step].pattern = FR_C_POINTWISE;
    for (int k = 0; k < call->inputs; k++)
        if (!fr_c_check_dtype(w, call->in[k]))
            return false;
    return fr_c_elementwise(w, (const fr_tensor *const *)call->in, call->inputs, &to, expression, p);
}

/* --- Copies ------------------------------------------------------------------------------------------------------ */

/* Where t lies in its buffer. */
static fr_c_destination destination_in(fr_c_writer *w, const fr_tensor *t)
{
    return (fr_c_destination){ .base = fr_c_buffer_name(w, t, true),
                               .offset = fr_c_buffer_offset(w->function, t),
                               .stride = t->stride,
                               .shape = t->shape,
                               .dtype = fr_dtype_of(t) };
}

bool fr_c_copy(fr_c_writer *w, const fr_tensor *to, const fr_tensor *from)
{
    fr_c_destination destination = destination_in(w, to);

    return fr_c_elementwise(w, &from, 1, &destination, "x", NULL);
}

bool fr_c_fill(fr_c_writer *w, const fr_tensor *to, double value)
{
    fr_c_destination destination = destination_in(w, to);

    return fr_c_elementwise(w, NULL, 0, &destination, fr_c_number(w, value, fr_dtype_of(to)), NULL);
}

bool fr_c_copy_contiguous(fr_c_writer *w, const fr_tensor *from, const char *to)
{
    fr_c_destination destination = { .base = to, .shape = from->shape, .dtype = fr_dtype_of(from) };

    return fr_c_elementwise(w, &from, 1, &destination, "x", NULL);
}

/* --- Reductions -------------------------------------------------------------------------------------------------- */

bool fr_c_reduction(fr_c_writer *w, const fr_op_call *call, int64_t outer, int64_t n, int64_t inner,
                    const char *const expressions[3])
{
    static const char text[] = "/* Each of (outer,n,inner) x to one of (outer,inner) y. */\n"
                               "static void %s(int outer, int n, int inner, const float *from, float *y)\n"
                               "{\n"
                               "    for (int i = 0; i < outer * inner; i++) {\n"
                               "        const float *at = from + i / inner * n * inner + i %% inner;\n"
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

    name = fr_c_value_helper(w, name, fr_c_format(w, text, name, expressions[0], expressions[1], expressions[2]),
                             fr_dtype_of(call->in[0]));
    return fr_c_line(w, "%s(%" PRId64 ", %" PRId64 ", %" PRId64 ", %s, %s);", name, outer, n, inner, x, y);
}
