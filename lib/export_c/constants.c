/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Constant arrays of exported C: their names, their values, and those in int8. */
#include "export_c/writer.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { INT8_MAX_ROUNDED = 127 };

static int64_t numel_of(const fr_tensor *t)
{
    return (int64_t)(t->storage->bytes / fr_dtype_size((fr_dtype)t->dtype));
}

/* Two forwards make the same constants in storages of their own. */
static bool same_values(const fr_tensor *a, const fr_tensor *b)
{
    return a->storage == b->storage || (a->dtype == b->dtype && a->storage->bytes == b->storage->bytes &&
                                        memcmp(a->storage->data, b->storage->data, a->storage->bytes) == 0);
}

static const char *path_of(const fr_c_writer *w, const fr_tensor *t)
{
    for (int i = 0; i < w->state_count; i++)
        if (w->state[i].tensor->storage == t->storage)
            return w->state[i].name;
    return NULL;
}

bool fr_c_add_constant(fr_c_writer *w, fr_tensor *t, size_t *index)
{
    const char *path = path_of(w, t);

    for (*index = 0; *index < w->constant_count; ++*index) {
        const fr_c_constant *c = &w->constants[*index];

        if (c->t->storage == t->storage || (!path && !c->path && same_values(c->t, t)))
            return true;
    }
    if (!fr_make_room(&w->constants, sizeof *w->constants, w->constant_count, &w->constant_capacity))
        return *fr_c_out_of_memory(w) != '\0';
    w->constants[w->constant_count++] = (fr_c_constant){ .t = fr_ref(t), .path = path };
    return true;
}

/* --- Forms -------------------------------------------------------------------------------------------------------- */

/* What one of a group cannot be in int8, none is. */
static void spread_whole(fr_c_writer *w)
{
    bool changed = true;

    while (changed) {
        changed = false;
        for (size_t i = 0; i < w->int8_group_count; i++) {
            const fr_c_int8_group *g = &w->int8_groups[i];
            bool whole = false;

            for (int k = 0; k < g->count; k++)
                whole = whole || w->constants[g->members[k]].whole;
            for (int k = 0; k < g->count; k++) {
                changed = changed || (whole && !w->constants[g->members[k]].whole);
                w->constants[g->members[k]].whole = whole;
            }
        }
    }
}

void fr_c_choose_layouts(fr_c_writer *w)
{
    spread_whole(w);
    for (size_t i = 0; i < w->constant_count; i++) {
        fr_c_constant *c = &w->constants[i];

        c->int8 = w->int8 && c->used && !c->whole;
        c->columns = c->columns || (c->either && !c->rows);
    }
}

/* A row of n values at x is scale times integers of -127..127. */
static float scale_of(const float *x, int64_t n)
{
    float most = 0;

    for (int64_t i = 0; i < n; i++)
        most = fmaxf(most, fabsf(x[i]));
    return most > 0 ? most / INT8_MAX_ROUNDED : 1;
}

static int rounded(float x, float scale)
{
    long n = lrintf(x / scale);

    return n > INT8_MAX_ROUNDED ? INT8_MAX_ROUNDED : n < -INT8_MAX_ROUNDED ? -INT8_MAX_ROUNDED : (int)n;
}

fr_tensor *fr_c_dequantized(fr_c_writer *w, const fr_c_constant *c)
{
    fr_tensor *t = fr_tensor_copy(w->what, c->t);
    int64_t rows = c->t->shape.dim[0], n = rows ? c->t->numel / rows : 0;

    for (int64_t r = 0; t && r < rows; r++) {
        float *x = (float *)t->origin + r * n, scale = scale_of(x, n);

        for (int64_t i = 0; i < n; i++)
            x[i] = (float)rounded(x[i], scale) * scale;
    }
    return t;
}

/* --- Names ------------------------------------------------------------------------------------------------------- */

/* Whether arrays or functions of a and of b, which may have suffixes, could have the same name. */
static bool same_names(const char *a, const char *b)
{
    const char *shorter = strlen(a) < strlen(b) ? a : b, *longer = shorter == a ? b : a, *rest;

    if (strncmp(longer, shorter, strlen(shorter)) != 0)
        return false;
    rest = longer + strlen(shorter);
    return !*rest || strcmp(rest, "_scale") == 0 || strcmp(rest, "_columns") == 0 || strcmp(rest, "_int8") == 0;
}

static bool is_taken(const fr_c_writer *w, size_t count, const char *name)
{
    static const char *const functions[] = { "run", "run_in", "reset", "step", "state", "workspace" };
    size_t prefix = strlen(w->name) + 1, n = strlen(name);

    if (strcmp(name + n - 2, "_t") == 0)
        return true; /* size_t of a model "size", and what else is a type */
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (strcmp(name + prefix, functions[i]) == 0)
            return true;
    for (size_t i = 0; i < w->helper_count; i++)
        if (same_names(name, w->helpers[i].name))
            return true;
    for (size_t i = 0; i < count; i++)
        if (w->constants[i].used && same_names(name, w->constants[i].name))
            return true;
    return false;
}

/* NAME_rnn_weight for "rnn.weight" */
static const char *name_of(fr_c_writer *w, const char *path)
{
    char text[FR_PATH_TEXT];
    size_t n = 0;

    for (; path[n] && n + 1 < sizeof text; n++)
        text[n] = strchr("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", path[n]) ? path[n] : '_';
    text[n] = '\0';
    return fr_c_format(w, "%s_%s", w->name, text);
}

bool fr_c_name_constants(fr_c_writer *w)
{
    for (size_t i = 0, unnamed = 0; i < w->constant_count && !w->failed; i++) {
        fr_c_constant *c = &w->constants[i];
        const char *name;

        if (!c->used)
            continue;
        name = c->path ? name_of(w, c->path) : fr_c_format(w, "%s_constant_%zu", w->name, ++unnamed);
        c->name = name;
        for (int k = 2; !w->failed && is_taken(w, i, c->name); k++)
            c->name = fr_c_format(w, "%s_%d", name, k);
    }
    return !w->failed;
}

/* --- Writing ----------------------------------------------------------------------------------------------------- */

typedef struct {
    FILE *f;
    size_t column;
} filler;

/* "1.5F," on this line or the next. */
static void put_value(filler *l, const char *text)
{
    size_t n = strlen(text);

    if (l->column > 0 && l->column + n + 2 > FR_C_LINE_WIDTH) {
        fputc('\n', l->f);
        l->column = 0;
    }
    l->column += (size_t)fprintf(l->f, "%s%s,", l->column ? " " : "    ", text);
}

static void put_float(filler *l, float x)
{
    char text[40], number[32];

    for (int digits = 1; digits <= 9; digits++) {
        snprintf(number, sizeof number, "%.*g", digits, (double)x);
        if (strtof(number, NULL) == x)
            break;
    }
    if (isnan(x))
        snprintf(text, sizeof text, "NAN");
    else if (isinf(x))
        snprintf(text, sizeof text, "%sINFINITY", x < 0 ? "-" : "");
    else
        snprintf(text, sizeof text, "%s%sF", number, strpbrk(number, ".e") ? "" : ".0");
    put_value(l, text);
}

static void begin_array(filler *l, const char *type, const char *name, const char *suffix, int64_t n)
{
    fprintf(l->f, "static const %s %s%s[%" PRId64 "] = {\n", type, name, suffix, n);
    l->column = 0;
}

static void end_array(const filler *l)
{
    fputs("\n};\n", l->f);
}

/* Where the i-th value stands in memory, for an array by rows or by columns. */
static int64_t place_of(const fr_c_constant *c, bool by_columns, int64_t i)
{
    int64_t rows = c->t->shape.dim[0], n;

    if (!by_columns)
        return i;
    n = c->t->numel / rows;
    return i % rows * n + i / rows;
}

static void write_int8(filler *l, const fr_c_constant *c, bool by_columns, const float *scale)
{
    int64_t n = c->t->numel / c->t->shape.dim[0];
    const float *x = (const float *)(const void *)c->t->origin;

    begin_array(l, "int8_t", c->name, by_columns && c->rows ? "_columns" : "", c->t->numel);
    for (int64_t i = 0; i < c->t->numel; i++) {
        int64_t at = place_of(c, by_columns, i);
        char text[16];

        snprintf(text, sizeof text, "%d", rounded(x[at], scale[at / n]));
        put_value(l, text);
    }
    end_array(l);
}

static bool write_scaled(fr_c_writer *w, filler *l, const fr_c_constant *c)
{
    int64_t rows = c->t->shape.dim[0], n = c->t->numel / rows;
    float *scale = malloc((size_t)rows * sizeof *scale);

    if (!scale)
        return *fr_c_out_of_memory(w) != '\0';
    for (int64_t r = 0; r < rows; r++)
        scale[r] = scale_of((const float *)(const void *)c->t->origin + r * n, n);
    if (c->rows || !c->columns)
        write_int8(l, c, false, scale);
    if (c->columns)
        write_int8(l, c, true, scale);
    begin_array(l, "float", c->name, "_scale", rows);
    for (int64_t r = 0; r < rows; r++)
        put_float(l, scale[r]);
    end_array(l);
    free(scale);
    return true;
}

static void write_whole(filler *l, const fr_c_constant *c, bool by_columns)
{
    int64_t n = numel_of(c->t);

    begin_array(l, c->t->dtype == FR_I64 ? "int64_t" : "float", c->name, by_columns && c->rows ? "_columns" : "", n);
    for (int64_t i = 0; i < n; i++) {
        char text[32];

        if (c->t->dtype == FR_F32) {
            put_float(l, ((const float *)c->t->storage->data)[place_of(c, by_columns, i)]);
            continue;
        }
        snprintf(text, sizeof text, "%" PRId64, ((const int64_t *)c->t->storage->data)[i]);
        put_value(l, text);
    }
    end_array(l);
}

static bool write_constant(fr_c_writer *w, FILE *f, const fr_c_constant *c)
{
    static const char *const orders[] = { "", ", by columns", ", by rows and by columns" };
    filler l = { f, 0 };
    char shape[FR_SHAPE_TEXT];

    if (c->t->dtype == FR_F64)
        return fr_fail(w->what, "%s is float64, expected float32", c->path ? c->path : "a constant");
    fprintf(f, "\n/* %s %s%s%s */\n", c->path ? c->path : "constant", fr_shape_text(&c->t->shape, shape),
            orders[c->columns ? 1 + c->rows : 0], c->int8 ? ", int8 times a scale for each row" : "");
    if (c->int8)
        return write_scaled(w, &l, c);
    if (c->rows || !c->columns)
        write_whole(&l, c, false);
    if (c->columns)
        write_whole(&l, c, true);
    return true;
}

bool fr_c_write_constants(fr_c_writer *w, FILE *f)
{
    for (size_t i = 0; i < w->constant_count; i++)
        if (w->constants[i].used && !write_constant(w, f, &w->constants[i]))
            return false;
    return true;
}

int64_t fr_c_constant_bytes(const fr_c_writer *w)
{
    int64_t bytes = 0;

    for (size_t i = 0; i < w->constant_count; i++) {
        const fr_c_constant *c = &w->constants[i];
        int64_t arrays = c->rows && c->columns ? 2 : 1;

        if (c->used && c->int8)
            bytes += arrays * c->t->numel + c->t->shape.dim[0] * (int64_t)sizeof(float);
        else if (c->used)
            bytes += arrays * (int64_t)c->t->storage->bytes;
    }
    return bytes;
}
