/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The constant arrays of the source file: parameters, buffers, and all that the module computes without looking at x.
 * Which are int8, which by columns; their names; their text. */
#include "export_c/writer.h"
#include "kernels/int8.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* How many values t's whole storage holds. */
static int64_t storage_numel(const fr_tensor *t)
{
    return (int64_t)(t->storage->bytes / fr_dtype_size((fr_dtype)t->dtype));
}

/* The forwards of NAME_run and NAME_step compute the same constants, each in storages of its own. */
static bool same_values(const fr_tensor *a, const fr_tensor *b)
{
    return a->storage == b->storage || (a->dtype == b->dtype && a->storage->bytes == b->storage->bytes &&
                                        memcmp(a->storage->data, b->storage->data, a->storage->bytes) == 0);
}

/* The parameter's or buffer's path; NULL: t is neither. */
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
        return fr_c_out_of_memory(w);
    w->constants[w->constant_count++] = (fr_c_constant){ .t = fr_ref(t), .path = path };
    return true;
}

/* --- Layouts ----------------------------------------------------------------------------------------------------- */

/* If one of a group cannot be int8, none of it is; a constant may be in several groups. */
static void spread_needs_float(fr_c_writer *w)
{
    bool changed = true;

    while (changed) {
        changed = false;
        for (size_t i = 0; i < w->int8_group_count; i++) {
            const fr_c_int8_group *g = &w->int8_groups[i];
            bool needs_float = false;

            for (int k = 0; k < g->count; k++)
                needs_float = needs_float || w->constants[g->members[k]].needs_float;
            for (int k = 0; k < g->count; k++) {
                changed = changed || (needs_float && !w->constants[g->members[k]].needs_float);
                w->constants[g->members[k]].needs_float = needs_float;
            }
        }
    }
}

void fr_c_choose_layouts(fr_c_writer *w)
{
    spread_needs_float(w);
    for (size_t i = 0; i < w->constant_count; i++) {
        fr_c_constant *c = &w->constants[i];

        c->int8 = w->int8 && c->used && !c->needs_float;
        c->by_columns = c->by_columns || (c->any_order && !c->by_rows);
    }
}

/* --- int8 -------------------------------------------------------------------------------------------------------- */

static int64_t rows_of(const fr_c_constant *c)
{
    return c->t->shape.dim[0];
}

/* Rounds c as fake_quantize does: to integers if scale is not NULL, else to the values that they stand for. */
static void round_constant(const fr_c_constant *c, float *scale, float *y)
{
    int64_t rows = rows_of(c), n = rows ? c->t->numel / rows : 0;

    fr_round_to_int8(FR_F32, rows, n, c->t->origin, scale, y);
}

fr_tensor *fr_c_dequantized(fr_c_writer *w, const fr_c_constant *c)
{
    fr_tensor *t = fr_tensor_alloc(w->where, &c->t->shape, FR_F32);

    if (t)
        round_constant(c, NULL, (float *)(void *)t->origin);
    return t;
}

/* --- Names ------------------------------------------------------------------------------------------------------- */

/* True if a and b are the same, or if one is the other with a suffix that arrays or helpers get. */
static bool names_clash(const char *a, const char *b)
{
    const char *shorter = strlen(a) < strlen(b) ? a : b, *longer = shorter == a ? b : a, *rest;

    if (strncmp(longer, shorter, strlen(shorter)) != 0)
        return false;
    rest = longer + strlen(shorter);
    return !*rest || strcmp(rest, "_scale") == 0 || strcmp(rest, "_columns") == 0 || strcmp(rest, "_int8") == 0 ||
           strcmp(rest, "_int64") == 0;
}

/* True if name is that of a function, a type, a helper or one of the first `count` constants. */
static bool is_taken(const fr_c_writer *w, size_t count, const char *name)
{
    static const char *const functions[] = {
        "run",   "run_in",     "reset",      "step",   "state",  "workspace",  "train",         "predict", "init",
        "save",  "load",       "training",   "work",   "header", "run_length", "run_length_in", "sample",  "H",
        "BATCH", "MIN_LENGTH", "MAX_LENGTH", "X_SIZE", "Y_SIZE", "set_lr",     "reset_state",   "seed"
    };
    size_t prefix = strlen(w->name) + 1, n = strlen(name);

    if (strcmp(name + n - 2, "_t") == 0)
        return true; /* a type: a model "size" with a parameter "t" would have size_t */
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (strcmp(name + prefix, functions[i]) == 0)
            return true;
    for (size_t i = 0; i < w->helper_count; i++)
        if (names_clash(name, w->helpers[i].name))
            return true;
    for (size_t i = 0; i < count; i++)
        if (w->constants[i].used && names_clash(name, w->constants[i].name))
            return true;
    return false;
}

/* NAME_rnn_weight for "rnn.weight" */
static const char *name_for_path(fr_c_writer *w, const char *path)
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
        name = c->path ? name_for_path(w, c->path) : fr_c_format(w, "%s_constant_%zu", w->name, ++unnamed);
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
} array_text;

/* "1.5F,", on this line or the next. */
static void put_value(array_text *a, const char *text)
{
    size_t n = strlen(text);

    if (a->column > 0 && a->column + n + 2 > FR_C_LINE_WIDTH) {
        fputc('\n', a->f);
        a->column = 0;
    }
    a->column += (size_t)fprintf(a->f, "%s%s,", a->column ? " " : "    ", text);
}

static void put_float(array_text *a, float x)
{
    char text[FR_C_NUMBER_SIZE];

    fr_c_float_text((double)x, text);
    put_value(a, text);
}

static void begin_array(array_text *a, const char *type, const char *name, const char *suffix, int64_t n)
{
    fprintf(a->f, "static const %s %s%s[%" PRId64 "] = {\n", type, name, suffix, n);
    a->column = 0;
}

static void end_array(const array_text *a)
{
    fputs("\n};\n", a->f);
}

/* Index in c's storage of value i of the array that is written. */
static int64_t index_of(const fr_c_constant *c, bool by_columns, int64_t i)
{
    int64_t rows = c->t->shape.dim[0], n;

    if (!by_columns)
        return i;
    n = c->t->numel / rows;
    return i % rows * n + i / rows;
}

/* The integers, in either order; 0 for a NaN, whose row has a scale that is not finite. */
static void write_int8(array_text *a, const fr_c_constant *c, bool by_columns, const float *integers)
{
    begin_array(a, "int8_t", c->name, by_columns && c->by_rows ? "_columns" : "", c->t->numel);
    for (int64_t i = 0; i < c->t->numel; i++) {
        float q = integers[index_of(c, by_columns, i)];
        char text[16];

        snprintf(text, sizeof text, "%d", isnan(q) ? 0 : (int)q);
        put_value(a, text);
    }
    end_array(a);
}

static bool write_quantized(fr_c_writer *w, array_text *a, const fr_c_constant *c)
{
    int64_t rows = rows_of(c);
    float *scale = calloc((size_t)(rows + c->t->numel), sizeof *scale), *integers;

    if (!scale)
        return fr_c_out_of_memory(w);
    integers = scale + rows;
    round_constant(c, scale, integers);
    if (c->by_rows || !c->by_columns)
        write_int8(a, c, false, integers);
    if (c->by_columns)
        write_int8(a, c, true, integers);
    begin_array(a, "float", c->name, "_scale", rows);
    for (int64_t r = 0; r < rows; r++)
        put_float(a, scale[r]);
    end_array(a);
    free(scale);
    return true;
}

static void write_plain(array_text *a, const fr_c_constant *c, bool by_columns)
{
    int64_t n = storage_numel(c->t);

    begin_array(a, c->t->dtype == FR_I64 ? "int64_t" : "float", c->name, by_columns && c->by_rows ? "_columns" : "", n);
    for (int64_t i = 0; i < n; i++) {
        char text[32];

        if (c->t->dtype == FR_F32) {
            put_float(a, ((const float *)c->t->storage->data)[index_of(c, by_columns, i)]);
            continue;
        }
        snprintf(text, sizeof text, "%" PRId64, ((const int64_t *)c->t->storage->data)[i]);
        put_value(a, text);
    }
    end_array(a);
}

static bool write_constant(fr_c_writer *w, FILE *f, const fr_c_constant *c)
{
    static const char *const orders[] = { "", ", by columns", ", by rows and by columns" };
    array_text a = { f, 0 };
    char shape[FR_SHAPE_TEXT], path[FR_C_COMMENT];

    if (c->t->dtype == FR_F64)
        return fr_fail(w->where, "%s is float64, expected float32", c->path ? c->path : "a constant");
    fprintf(f, "\n/* %s %s%s%s */\n", c->path ? fr_c_comment(c->path, path) : "constant",
            fr_shape_text(&c->t->shape, shape), orders[c->by_columns ? 1 + c->by_rows : 0],
            c->int8 ? ", int8 times a scale for each row" : "");
    if (c->int8)
        return write_quantized(w, &a, c);
    if (c->by_rows || !c->by_columns)
        write_plain(&a, c, false);
    if (c->by_columns)
        write_plain(&a, c, true);
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
        int64_t arrays = c->by_rows && c->by_columns ? 2 : 1;

        if (c->used && c->int8)
            bytes += arrays * c->t->numel + c->t->shape.dim[0] * (int64_t)sizeof(float);
        else if (c->used)
            bytes += arrays * (int64_t)c->t->storage->bytes;
    }
    return bytes;
}
