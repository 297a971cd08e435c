/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What the ops' c_code hooks call. */
#include "export_c/c_code.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

enum { FEW_ROWS = 8 /* with which a loop over rows does not pay */ };

/* --- Strings ----------------------------------------------------------------------------------------------------- */

const char *fr_c_no_memory(fr_c_writer *w)
{
    if (!w->failed)
        fr_fail_memory(w->what);
    w->failed = true;
    return "";
}

static const char *keep(fr_c_writer *w, char *text)
{
    if (!text || !fr_make_room(&w->strings, sizeof *w->strings, w->string_count, &w->string_capacity)) {
        free(text);
        return fr_c_no_memory(w);
    }
    return w->strings[w->string_count++] = text;
}

static char *formatted(const char *format, va_list args)
{
    va_list again;
    char *text;
    int n;

    va_copy(again, args);
    n = vsnprintf(NULL, 0, format, args);
    text = n < 0 ? NULL : malloc((size_t)n + 1);
    if (text)
        vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}

const char *fr_c_text_of(fr_c_writer *w, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = formatted(format, args);
    va_end(args);
    return keep(w, text);
}

void fr_c_writer_free(fr_c_writer *w)
{
    for (size_t i = 0; i < w->string_count; i++)
        free(w->strings[i]);
    for (size_t i = 0; i < w->constant_count; i++)
        fr_unref(w->constants[i].t);
    free(w->strings);
    free(w->constants);
    free(w->helpers);
    free(w->groups);
}

const char *fr_c_number(fr_c_writer *w, double value, fr_dtype dtype)
{
    char text[40];

    if (dtype == FR_I64 && value == floor(value) && fabs(value) < 0x1p62)
        return fr_c_text_of(w, "%lld", (long long)value);
    if (isnan(value))
        return "NAN";
    if (isinf(value))
        return value > 0 ? "INFINITY" : "-INFINITY";
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtof(text, NULL) == (float)value)
            break;
    }
    return fr_c_text_of(w, "%s%sF", text, strpbrk(text, ".e") ? "" : ".0");
}

/* --- Failing ----------------------------------------------------------------------------------------------------- */

bool fr_c_has_refused(const fr_c_writer *w)
{
    return w->refused.used > 0 || w->refused.left_out > 0;
}

bool fr_c_fail(fr_c_writer *w, const char *format, ...)
{
    const fr_step *s = &w->now->trace.steps[w->step];
    char path[FR_PATH_TEXT], *text;
    const char *complaint;
    va_list args;

    if (w->failed)
        return false;
    va_start(args, format);
    text = formatted(format, args);
    va_end(args);
    if (!text)
        return *fr_c_no_memory(w) != '\0';
    fr_module_path_text(s->module_path, path);
    complaint = fr_c_text_of(w, "op %s in %s%s: %s", s->op->name, *path ? "module " : "no module", path, text);
    free(text);
    /* A loop of the module takes the same op many times. */
    if (!w->failed && !strstr(w->refused.text, complaint))
        fr_complain(&w->refused, "%s", complaint);
    return false;
}

bool fr_c_is_read(const fr_c_writer *w, const fr_op_call *call, int output)
{
    return fr_c_reads_after(w->now, w->step, call->result[output]);
}

/* --- Places ------------------------------------------------------------------------------------------------------ */

fr_c_buffer *fr_c_buffer_of(const fr_c_program *p, const fr_tensor *t)
{
    for (size_t i = p->count; i-- > 0;)
        if (p->buffers[i].storage == t->storage)
            return &p->buffers[i];
    return NULL;
}

int64_t fr_c_offset(const fr_c_program *p, const fr_tensor *t)
{
    const fr_c_buffer *b = fr_c_buffer_of(p, t);
    const char *start = b->kind == FR_C_INPUT ? p->x->origin : (const char *)t->storage->data;

    return (t->origin - start) / (int64_t)fr_dtype_size((fr_dtype)t->dtype);
}

/* Memory of the workspace gets a name where it is first written. */
static void declare(fr_c_writer *w, fr_c_buffer *b)
{
    const char *array = b->dtype == FR_I64 ? "integers" : "floats", *type = b->dtype == FR_I64 ? "int64_t" : "float";

    b->name = fr_c_text_of(w, "v%zu", (size_t)(b - w->now->buffers));
    if (b->offset)
        fr_c_line(w, "%s *const %s = w->%s + %" PRId64 ";", type, b->name, array, b->offset);
    else
        fr_c_line(w, "%s *const %s = w->%s;", type, b->name, array);
}

static const char *name_of(fr_c_writer *w, fr_c_buffer *b)
{
    if (!w->out)
        return "";
    if (b->kind == FR_C_CONSTANT)
        return w->constants[b->constant].name;
    if (!b->name)
        declare(w, b);
    return b->name;
}

static void use(fr_c_writer *w, fr_c_buffer *b, bool write)
{
    if (w->out)
        return;
    if (!write && b->kind == FR_C_WORK && b->first == SIZE_MAX && !fr_c_has_refused(w))
        fr_fail(w->what, "a result is read that has no C form"), w->failed = true;
    b->read = b->read || !write;
    if (write && w->step < b->first)
        b->first = w->step;
    if (b->last < w->step)
        b->last = w->step;
    if (b->kind == FR_C_CONSTANT)
        w->constants[b->constant].used = true;
}

const char *fr_c_base(fr_c_writer *w, const fr_tensor *t, bool write)
{
    fr_c_buffer *b = fr_c_buffer_of(w->now, t);

    use(w, b, write);
    if (!w->out && b->kind == FR_C_CONSTANT)
        w->constants[b->constant].whole = w->constants[b->constant].rows = true;
    return name_of(w, b);
}

const char *fr_c_place(fr_c_writer *w, const fr_tensor *t)
{
    const char *base = fr_c_base(w, t, false);
    int64_t offset = fr_c_offset(w->now, t);

    return offset ? fr_c_text_of(w, "%s + %" PRId64, base, offset) : base;
}

static bool check_dtype(fr_c_writer *w, const fr_tensor *t)
{
    return t->dtype != FR_F64 || fr_c_fail(w, "float64 given, expected float32");
}

const char *fr_c_in(fr_c_writer *w, const fr_op_call *call, int input)
{
    fr_tensor *t = input < call->inputs ? call->in[input] : NULL;
    const char *copy;

    if (!t)
        return "NULL";
    if (!check_dtype(w, t))
        return "";
    if (t->contiguous)
        return fr_c_place(w, t);
    if (t->dtype == FR_I64) {
        fr_c_fail(w, "int64 values in another order than row-major, which is for float32 alone");
        return "";
    }
    copy = fr_c_scratch(w, t->numel);
    fr_c_gather(w, t, copy);
    return copy;
}

const char *fr_c_strided(fr_c_writer *w, const fr_op_call *call, int input)
{
    return check_dtype(w, call->in[input]) ? fr_c_place(w, call->in[input]) : "";
}

const char *fr_c_out(fr_c_writer *w, const fr_op_call *call, int output)
{
    fr_tensor *t = call->result[output];

    return check_dtype(w, t) ? fr_c_base(w, t, true) : "";
}

static fr_c_buffer *scratch_at(fr_c_writer *w)
{
    int ordinal = 0;

    for (size_t i = 0; i < w->now->count; i++) {
        fr_c_buffer *b = &w->now->buffers[i];

        if (!b->storage && b->first == w->step && ordinal++ == w->scratch)
            return b;
    }
    return NULL;
}

const char *fr_c_scratch(fr_c_writer *w, int64_t n)
{
    fr_c_program *p = w->now;
    fr_c_buffer *b;

    if (!w->out) {
        if (!fr_make_room(&p->buffers, sizeof *p->buffers, p->count, &p->capacity))
            return fr_c_no_memory(w);
        p->buffers[p->count++] =
            (fr_c_buffer){ .kind = FR_C_WORK, .dtype = FR_F32, .numel = n, .first = w->step, .last = w->step };
        return "";
    }
    b = scratch_at(w);
    w->scratch++;
    return name_of(w, b);
}

static const fr_tensor *initial_state(const fr_op_call *call, int i)
{
    int input = call->op->steps->state[i].input;

    return input < call->inputs ? call->in[input] : NULL;
}

const char *fr_c_state(fr_c_writer *w, const fr_op_call *call, int i)
{
    const fr_tensor *first = initial_state(call, i), *last = call->result[call->op->steps->state[i].output];
    const char *name = fr_c_out(w, call, call->op->steps->state[i].output);

    if (w->now->stepwise && w->out)
        return name; /* fr_c_write_reset has written the rest */
    if (first)
        fr_c_copy(w, last, first);
    else
        fr_c_fill(w, last, 0);
    return name;
}

/* --- int8 -------------------------------------------------------------------------------------------------------- */

/* The constant whose rows t's are; NULL: t is none, or no matrix. */
static fr_c_constant *constant_of(fr_c_writer *w, const fr_tensor *t)
{
    const fr_c_buffer *b = t ? fr_c_buffer_of(w->now, t) : NULL;
    bool is_matrix = b && b->kind == FR_C_CONSTANT && t->dtype == FR_F32 && t->contiguous && t->shape.ndim >= 2 &&
                     t->numel == b->numel;

    fr_c_constant *c = is_matrix ? &w->constants[b->constant] : NULL;

    return c && c->t->contiguous && fr_shape_equal(&c->t->shape, &t->shape) ? c : NULL;
}

bool fr_c_int8(fr_c_writer *w, const fr_op_call *call, unsigned inputs)
{
    fr_c_group group = { .count = 0 };
    bool all = true;

    for (int i = 0; i < call->inputs; i++) {
        const fr_c_constant *c = inputs & 1U << i ? constant_of(w, call->in[i]) : NULL;

        if (c && group.count < 4)
            group.members[group.count++] = (size_t)(c - w->constants);
        else if (inputs & 1U << i && call->in[i])
            all = false;
    }
    if (w->out)
        return all && group.count > 0 && w->constants[group.members[0]].int8;
    for (int i = 0; i < group.count; i++) {
        fr_c_constant *c = &w->constants[group.members[i]];

        c->used = true;
        c->whole = c->whole || !all || !w->int8;
    }
    if (!fr_make_room(&w->groups, sizeof *w->groups, w->group_count, &w->group_capacity))
        return *fr_c_no_memory(w) != '\0';
    w->groups[w->group_count++] = group;
    return false;
}

const char *fr_c_weight(fr_c_writer *w, const fr_op_call *call, int input)
{
    fr_c_constant *c = constant_of(w, input < call->inputs ? call->in[input] : NULL);

    if (!c)
        return fr_c_in(w, call, input);
    if (!w->out) {
        c->used = c->rows = true;
        return "";
    }
    return c->int8 ? fr_c_text_of(w, "%s, %s_scale", c->name, c->name) : c->name;
}

/* Of what is no constant a copy, made where it is read. */
static const char *transposed(fr_c_writer *w, fr_tensor *t)
{
    const fr_shape shape = { 2, { t->shape.dim[1], t->shape.dim[0] } };
    fr_tensor *turned =
        fr_hold(w->what, fr_tensor_share(w->what, t, &shape, (int64_t[]){ t->stride[1], t->stride[0] }, 0));
    const char *copy = fr_c_scratch(w, t->numel);

    if (!turned) {
        w->failed = true;
        return "";
    }
    fr_c_gather(w, turned, copy);
    return copy;
}

const char *fr_c_columns(fr_c_writer *w, const fr_op_call *call, int input)
{
    fr_tensor *t = call->in[input];
    fr_c_constant *c = constant_of(w, t);
    const char *suffix;

    if (!c)
        return check_dtype(w, t) ? transposed(w, t) : "";
    if (!w->out) {
        c->used = c->columns = true;
        return "";
    }
    suffix = c->rows ? "_columns" : "";
    return c->int8 ? fr_c_text_of(w, "%s%s, %s_scale", c->name, suffix, c->name)
                   : fr_c_text_of(w, "%s%s", c->name, suffix);
}

const char *fr_c_matrix(fr_c_writer *w, const fr_op_call *call, int input, bool *by_columns)
{
    fr_c_constant *c = constant_of(w, call->in[input]);
    bool either = c && c->t->shape.dim[0] >= FEW_ROWS;

    *by_columns = either && w->out && c->columns;
    if (either && !w->out) {
        c->used = c->either = true;
        return "";
    }
    return *by_columns ? fr_c_columns(w, call, input) : fr_c_weight(w, call, input);
}

/* --- Text -------------------------------------------------------------------------------------------------------- */

void fr_c_helper(fr_c_writer *w, const char *name, const char *text, bool int8)
{
    /* When planning, the name alone is noted: which variant is wanted is not known yet. */
    text = w->out ? text : NULL;
    for (size_t i = 0; i < w->helper_count; i++)
        if (strcmp(w->helpers[i].name, name) == 0 && w->helpers[i].int8 == int8 && !w->helpers[i].text == !text)
            return;
    if (fr_make_room(&w->helpers, sizeof *w->helpers, w->helper_count, &w->helper_capacity))
        w->helpers[w->helper_count++] = (fr_c_text){ name, text, int8 };
    else
        fr_c_no_memory(w);
}

static void affine_by_rows(fr_c_writer *w, bool int8)
{
    static const char dot[] = "/* The sum of w[i] x[i], in four parts that do not wait for each other. */\n"
                              "static float dot$q(int n, const $t *w, const float *x)\n"
                              "{\n"
                              "    float a = 0, b = 0, c = 0, d = 0;\n"
                              "    int i = 0;\n"
                              "\n"
                              "    for (; i + 4 <= n; i += 4) {\n"
                              "        a += w[i] * x[i];\n"
                              "        b += w[i + 1] * x[i + 1];\n"
                              "        c += w[i + 2] * x[i + 2];\n"
                              "        d += w[i + 3] * x[i + 3];\n"
                              "    }\n"
                              "    for (; i < n; i++)\n"
                              "        a += w[i] * x[i];\n"
                              "    return (a + b) + (c + d);\n"
                              "}\n";
    static const char affine[] =
        "/* y = W x + b, or (onto) y + W x + b: w (rows,columns), b (rows) or NULL. */\n"
        "static void affine_rows$q(int rows, int columns, const $t *w{{, const float *scale}}, const float *b, "
        "const float *x, int onto, float *y)\n"
        "{\n"
        "    for (int i = 0; i < rows; i++)\n"
        "        y[i] = (onto ? y[i] : 0) + (b ? b[i] : 0) + dot$q(columns, w + i * columns, x){{ * scale[i]}};\n"
        "}\n";

    fr_c_helper(w, "dot", dot, int8);
    fr_c_helper(w, "affine_rows", affine, int8);
}

void fr_c_affine(fr_c_writer *w, bool by_columns, bool int8)
{
    static const char affine[] =
        "/* y = W x + b, or (onto) y + W x + b: w (columns,rows), which is W by columns, b (rows) or NULL. A\n"
        " * loop over y becomes vector code; over one sum, which a compiler may not reorder, it would not. */\n"
        "static void affine$q(int rows, int columns, const $t *restrict w{{, const float *restrict scale}}, "
        "const float *restrict b, const float *restrict x, int onto, float *restrict y)\n"
        "{\n"
        "    int k = 0;\n"
        "\n"
        "    if (!onto)\n"
        "        memset(y, 0, (size_t)rows * sizeof *y);\n"
        "    for (int i = 0; b && i < rows; i++)\n"
        "        y[i] += b[i];\n"
        "    for (; k + 4 <= columns; k += 4, w += 4 * rows)\n"
        "        for (int i = 0; i < rows; i++) {\n"
        "            const float p = w[i] * x[k] + w[rows + i] * x[k + 1];\n"
        "            const float q = w[2 * rows + i] * x[k + 2] + w[3 * rows + i] * x[k + 3];\n"
        "\n"
        "            y[i] += {{scale[i] * }}(p + q);\n"
        "        }\n"
        "    for (; k < columns; k++, w += rows)\n"
        "        for (int i = 0; i < rows; i++)\n"
        "            y[i] += {{scale[i] * }}w[i] * x[k];\n"
        "}\n";

    if (!by_columns || !w->out)
        affine_by_rows(w, int8);
    if (by_columns || !w->out)
        fr_c_helper(w, "affine", affine, int8);
}

/* Where to break text, which has more than room characters: behind the last ", " or " " that fits. */
static size_t break_of(const char *text, size_t room)
{
    for (size_t i = room; i > room / 4; i--)
        if (text[i] == ' ' && text[i - 1] == ',')
            return i;
    for (size_t i = room; i > 0; i--)
        if (text[i] == ' ')
            return i;
    return strlen(text);
}

/* How far lines that continue the first n characters of text are indented: to its first parenthesis that is open. */
static int continuation(const char *text, size_t n)
{
    size_t open = 0;
    int depth = 0;

    if (strncmp(text, "/*", 2) == 0)
        return 3;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '(' && depth++ == 0)
            open = i + 1;
        else if (text[i] == ')')
            depth--;
    }
    return depth > 0 && open < FR_C_COLUMNS / 2 ? (int)open : FR_C_TAB;
}

void fr_c_fprint_line(FILE *f, int indent, const char *text)
{
    size_t room = FR_C_COLUMNS - (size_t)(indent * FR_C_TAB);
    int extra = 0;

    if (!*text)
        fputc('\n', f);
    while (*text) {
        size_t n = strlen(text), at = n > room ? break_of(text, room) : n;

        fprintf(f, "%*s%.*s\n", indent * FR_C_TAB + extra, "", (int)at, text);
        if (at == n)
            return;
        if (extra == 0) {
            extra = continuation(text, at);
            room -= (size_t)extra;
        }
        text += at + 1;
    }
}

bool fr_c_line(fr_c_writer *w, const char *format, ...)
{
    va_list args;
    char *text;

    if (w->failed || !w->out)
        return !w->failed;
    va_start(args, format);
    text = formatted(format, args);
    va_end(args);
    if (!text)
        return *fr_c_no_memory(w) != '\0';
    fr_c_fprint_line(w->out, w->indent, text);
    free(text);
    return true;
}

void fr_c_takes_rows(fr_c_writer *w, int dims)
{
    fr_c_step *s = &w->now->steps[w->step];

    s->manner = FR_C_ROWS;
    s->row_dims = dims;
}
