/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The text of NAME.h: what the code is, its types, its functions. */
#include "core/integer.h"
#include "export_c/writer.h"

#include <inttypes.h>

const char *fr_c_type_of(const fr_tensor *t)
{
    return t->dtype == FR_I64 ? "int64_t" : "float";
}

/* C has no empty structs, so there is always an array. */
void fr_c_write_workspace_members(FILE *f, const char *indent, const fr_c_function *fn)
{
    if (fn->floats > 0 || fn->integers == 0)
        fprintf(f, "%sfloat floats[%" PRId64 "];\n", indent, fr_most(fn->floats, 1));
    if (fn->integers > 0)
        fprintf(f, "%sint64_t integers[%" PRId64 "];\n", indent, fn->integers);
}

/* The comment at the top. */
static void write_about(const fr_c_writer *w, FILE *f, const fr_c_function *run, const fr_export_c_report *r)
{
    char x[FR_SHAPE_TEXT], y[FR_SHAPE_TEXT], safe[FR_C_COMMENT];

    fprintf(f, "/* Written by frond %s from a module of type %s. C99; needs libm alone, allocates nothing, changes\n",
            fr_version(), fr_c_comment(w->module_type, safe));
    fprintf(f, " * nothing but what it is given.\n *\n");
    fprintf(f, " *     x               %s%s, y %s%s, row-major\n", fr_shape_text(&run->x->shape, x),
            run->x->dtype == FR_I64 ? " int64" : "", fr_shape_text(&run->y->shape, y),
            run->y->dtype == FR_I64 ? " int64" : "");
    if (w->batch.open)
        fprintf(f, " *     samples         %s_BATCH of these, along dim %d of x and %d of y\n", w->upper_name,
                w->batch.x_dim, w->batch.y_dim);
    if (w->length.open)
        fprintf(f, " *     time steps      %" PRId64 " to %" PRId64 ", along dim %d of x\n", w->length.min,
                w->length.max, w->length.x_dim);
    fprintf(f, " *     constants       %" PRId64 " bytes%s\n", r->weight_bytes, w->int8 ? ", matrices in int8" : "");
    fprintf(f, " *     workspace       %" PRId64 " bytes\n", r->workspace_bytes);
    fprintf(f, " *     multiply-adds   %" PRId64 "\n", r->multiply_adds);
    if (w->int8)
        fprintf(f, " *     lost to int8    %.2g in y at most, for the example\n", r->int8_loss);
    if (!*r->not_stepwise)
        fprintf(f, " *     step by step    state %" PRId64 " bytes, stack %" PRId64 " bytes\n", r->state_bytes,
                r->step_bytes);
    fputs(" */\n", f);
    if (*r->not_stepwise)
        fprintf(f, "/* There is no function for one step: %s. */\n", fr_c_comment(r->not_stepwise, safe));
}

/* typedef struct { ... } NAME_state; */
static void write_state(const fr_c_writer *w, FILE *f, const fr_c_function *step)
{
    size_t n = 0;

    fputs("\n/* What is carried from step to step. */\ntypedef struct {\n", f);
    for (size_t i = 0; i < step->buffer_count; i++)
        if (step->buffers[i].memory == FR_C_STATE)
            fprintf(f, "    float %s[%" PRId64 "];\n", step->state_names[n++], step->buffers[i].numel);
    fprintf(f, "} %s_state;\n", w->name);
}

static void write_step_prototypes(const fr_c_writer *w, FILE *f, const fr_c_function *step)
{
    char x[FR_SHAPE_TEXT], y[FR_SHAPE_TEXT];

    fputs("\n/* To the state before the first step. */\n", f);
    fprintf(f, "void %s_reset(%s_state *state);\n", w->name, w->name);
    fprintf(f, "/* The next step: x %s, y %s. */\n", fr_shape_text(&step->x->shape, x),
            fr_shape_text(&step->y->shape, y));
    fprintf(f, "void %s_step(%s_state *state, const %s *x, %s *y);\n", w->name, w->name, fr_c_type_of(step->x),
            fr_c_type_of(step->y));
}

void fr_c_write_header(const fr_c_writer *w, FILE *f, const fr_c_function *run, const fr_c_function *step,
                       const fr_export_c_report *report)
{
    const char *name = w->name, *x = fr_c_type_of(run->x), *y = fr_c_type_of(run->y);

    write_about(w, f, run, report);
    fprintf(f, "#ifndef %s_H\n#define %s_H\n\n#include <stdint.h>\n", w->upper_name, w->upper_name);
    fr_c_write_sizes(w, f, run);
    fputs("\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n", f);
    fputs("\n/* Memory of one run. */\ntypedef struct {\n", f);
    if (!fr_c_write_sample_members(w, f, run) || run->floats > 0 || run->integers > 0)
        fr_c_write_workspace_members(f, "    ", run);
    fprintf(f, "} %s_workspace;\n", name);
    if (step)
        write_state(w, f, step);
    fprintf(f, "\n/* y, which does not overlap x. */\nvoid %s_run_in(%s_workspace *w, const %s *x, %s *y);\n", name,
            name, x, y);
    fprintf(f, "/* The same with its memory on the stack. */\nvoid %s_run(const %s *x, %s *y);\n", name, x, y);
    fr_c_write_open_prototypes(w, f, run);
    if (step)
        write_step_prototypes(w, f, step);
    fputs("\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n", f);
}
