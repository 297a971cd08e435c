/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* NAME_run where the number of samples or of time steps is open. NAME_sample is what was traced: one sample. It is
 * called for each, so that the workspace is that of one. A sample whose values do not lie together, as in (T,B,F), is
 * copied there and back. */
#include "export_c/writer.h"

#include <inttypes.h>
#include <limits.h>

/* A sample's values: `outer` blocks of n, one from each block of all samples. */
typedef struct {
    int64_t outer, n;
} layout;

static layout layout_of(const fr_c_writer *w, const fr_tensor *t, int dim)
{
    layout l = { 1, t->numel };

    for (int d = 0; d < dim && w->batch.open; d++) {
        l.outer *= t->shape.dim[d];
        l.n /= t->shape.dim[d];
    }
    return l;
}

static layout layout_of_x(const fr_c_writer *w, const fr_c_function *fn)
{
    return layout_of(w, fn->x, w->batch.x_dim);
}

static layout layout_of_y(const fr_c_writer *w, const fr_c_function *fn)
{
    return layout_of(w, fn->y, w->batch.y_dim);
}

/* --- The header -------------------------------------------------------------------------------------------------- */

static void write_batch(const fr_c_writer *w, FILE *f, const fr_c_function *run)
{
    const char *name = w->upper_name;
    int64_t largest = run->x->numel > run->y->numel ? run->x->numel : run->y->numel;

    fprintf(f, "\n/* The number of samples. Another one may be given when source and header are compiled. */\n");
    fprintf(f, "#ifndef %s_BATCH\n#define %s_BATCH %" PRId64 "\n#endif\n", name, name, w->batch.size);
    fprintf(f, "#if %s_BATCH < 1 || %s_BATCH > %" PRId64 "\n#error \"%s_BATCH is out of range\"\n#endif\n", name, name,
            INT_MAX / largest, name);
}

void fr_c_write_sizes(const fr_c_writer *w, FILE *f, const fr_c_function *run)
{
    const fr_tensor *sides[] = { run->x, run->y };
    const char *name = w->upper_name;

    if (w->batch.open)
        write_batch(w, f, run);
    if (w->length.open)
        fprintf(f,
                "\n/* How many time steps there may be. */\n#define %s_MIN_LENGTH %" PRId64
                "\n#define %s_MAX_LENGTH %" PRId64 "\n",
                name, w->length.min, name, w->length.max);
    fprintf(f, "\n/* How many values%s x and y have. */\n", w->length.open ? ", with the most steps," : "");
    for (int k = 0; k < 2; k++) {
        fprintf(f, "#define %s_%c_SIZE ", name, "XY"[k]);
        if (w->batch.open)
            fprintf(f, "(%s_BATCH * %" PRId64 ")\n", name, sides[k]->numel);
        else
            fprintf(f, "%" PRId64 "\n", sides[k]->numel);
    }
}

bool fr_c_write_sample_members(const fr_c_writer *w, FILE *f, const fr_c_function *run)
{
    if (layout_of_x(w, run).outer > 1)
        fprintf(f, "    %s x[%" PRId64 "];\n", fr_c_type_of(run->x), run->x->numel);
    if (layout_of_y(w, run).outer > 1)
        fprintf(f, "    %s y[%" PRId64 "];\n", fr_c_type_of(run->y), run->y->numel);
    return layout_of_x(w, run).outer > 1 || layout_of_y(w, run).outer > 1;
}

int64_t fr_c_run_bytes(const fr_c_writer *w, const fr_c_function *run)
{
    const fr_tensor *arrays[] = { layout_of_x(w, run).outer > 1 ? run->x : NULL,
                                  layout_of_y(w, run).outer > 1 ? run->y : NULL };
    int64_t bytes = 0, all = fr_c_workspace_bytes(run), alignment = run->integers > 0 ? 8 : 4;

    for (int k = 0; k < 2; k++) {
        int64_t size = arrays[k] ? (int64_t)fr_dtype_size((fr_dtype)arrays[k]->dtype) : 4;

        bytes = (bytes + size - 1) / size * size + (arrays[k] ? arrays[k]->numel * size : 0);
        alignment = size > alignment ? size : alignment;
    }
    return (bytes + all + alignment - 1) / alignment * alignment;
}

void fr_c_write_open_prototypes(const fr_c_writer *w, FILE *f, const fr_c_function *run)
{
    const char *name = w->name, *x = fr_c_type_of(run->x), *y = fr_c_type_of(run->y);

    if (!w->length.open)
        return;
    fprintf(f,
            "\n/* The same for `length` time steps, to which the sizes of x and y belong. They return how many values "
            "y\n * has; 0, and y is as it was, if length is not %s_MIN_LENGTH to %s_MAX_LENGTH. */\n",
            w->upper_name, w->upper_name);
    fprintf(f, "int %s_run_length_in(%s_workspace *w, const %s *x, int length, %s *y);\n", name, name, x, y);
    fprintf(f, "int %s_run_length(const %s *x, int length, %s *y);\n", name, x, y);
}

/* --- The source -------------------------------------------------------------------------------------------------- */

/* Copies sample k: from x to w->x, or from w->y to y. */
static void write_copy(fr_c_writer *w, const char *name, layout l, bool there)
{
    const char *all = fr_c_format(w, "%s + (i * %s_BATCH + k) * %" PRId64, name, w->upper_name, l.n);
    const char *one = fr_c_format(w, "w->%s + i * %" PRId64, name, l.n);

    fr_c_line(w, "    for (int i = 0; i < %" PRId64 "; i++)", l.outer);
    fr_c_line(w, "        memcpy(%s, %s, (size_t)%" PRId64 " * sizeof *%s);", there ? one : all, there ? all : one, l.n,
              name);
}

/* The calls of NAME_sample. */
static bool write_samples(fr_c_writer *w, fr_c_function *fn, FILE *f)
{
    layout x = layout_of_x(w, fn), y = layout_of_y(w, fn);
    const char *length = w->length.open ? "length, " : "", *at_x = "w->x", *at_y = "w->y";

    w->out = f;
    w->indent = 1;
    if (w->batch.open) {
        at_x = x.outer > 1 ? at_x : fr_c_format(w, "x + k * %" PRId64, x.n);
        at_y = y.outer > 1 ? at_y : fr_c_format(w, "y + k * %" PRId64, y.n);
        fr_c_line(w, "for (int k = 0; k < %s_BATCH; k++) {", w->upper_name);
        if (x.outer > 1)
            write_copy(w, "x", x, true);
        fr_c_line(w, "    %s_sample(w, %s, %s%s);", w->name, at_x, length, at_y);
        if (y.outer > 1)
            write_copy(w, "y", y, false);
        fr_c_line(w, "}");
    } else {
        fr_c_line(w, "%s_sample(w, x, %sy);", w->name, length);
    }
    if (w->length.open && w->batch.open)
        fr_c_line(w, "return %s_BATCH * %" PRId64 ";", w->upper_name, fn->y->numel);
    else if (w->length.open)
        fr_c_line(w, "return %" PRId64 ";", fn->y->numel);
    w->out = NULL;
    return !w->failed;
}

/* NAME_run_length_in and NAME_run_length */
static bool write_run_length(fr_c_writer *w, FILE *f, fr_c_function *run)
{
    const char *name = w->name, *upper = w->upper_name, *x = fr_c_type_of(run->x), *y = fr_c_type_of(run->y);
    bool ok;

    fprintf(f, "\nint %s_run_length_in(%s_workspace *w, const %s *x, int length, %s *y)\n{\n", name, name, x, y);
    fprintf(f, "    if (length < %s_MIN_LENGTH || length > %s_MAX_LENGTH)\n        return 0;\n", upper, upper);
    ok = fr_c_write_any_length(w, run, f, write_samples);
    fprintf(f, "}\n\nint %s_run_length(const %s *x, int length, %s *y)\n{\n    %s_workspace w;\n\n", name, x, y, name);
    fprintf(f, "    return %s_run_length_in(&w, x, length, y);\n}\n", name);
    return ok;
}

bool fr_c_write_open_run(fr_c_writer *w, FILE *f, fr_c_function *run)
{
    const char *name = w->name, *x = fr_c_type_of(run->x), *y = fr_c_type_of(run->y);
    bool ok;

    fprintf(f, "\nstatic void %s_sample(%s_workspace *w, const %s *x, %s%s *y)\n{\n", name, name, x,
            w->length.open ? "int length, " : "", y);
    ok = fr_c_write_any_length(w, run, f, fr_c_write_run_body);
    fputs("}\n", f);
    if (w->length.open)
        ok = ok && write_run_length(w, f, run);
    fprintf(f, "\nvoid %s_run_in(%s_workspace *w, const %s *x, %s *y)\n{\n", name, name, x, y);
    if (w->length.open)
        fprintf(f, "    %s_run_length_in(w, x, %s_MAX_LENGTH, y);\n", name, w->upper_name);
    else
        ok = ok && write_samples(w, run, f);
    fputs("}\n", f);
    return ok;
}
