/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The text of an exported source file and of its header. */
#include "export_c/writer.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>

/* --- Sizes ------------------------------------------------------------------------------------------------------- */

static bool has_workspace(const fr_c_function *p)
{
    return p->floats > 0 || p->integers > 0;
}

int64_t fr_c_workspace_bytes(const fr_c_function *p)
{
    int64_t bytes = p->floats * (int64_t)sizeof(float);

    if (p->integers > 0 && bytes % (int64_t)sizeof(int64_t) != 0)
        bytes += (int64_t)sizeof(float);
    return bytes + p->integers * (int64_t)sizeof(int64_t);
}

int64_t fr_c_state_bytes(const fr_c_function *p)
{
    int64_t bytes = 0;

    for (size_t i = 0; i < p->count; i++)
        if (p->buffers[i].kind == FR_C_STATE)
            bytes += p->buffers[i].numel * (int64_t)sizeof(float);
    return bytes;
}

static const char *type_of(const fr_tensor *t)
{
    return t->dtype == FR_I64 ? "int64_t" : "float";
}

static void write_members(FILE *f, const char *indent, const fr_c_function *p)
{
    if (p->floats > 0 || p->integers == 0)
        fprintf(f, "%sfloat floats[%" PRId64 "];\n", indent, fr_most(p->floats, 1));
    if (p->integers > 0)
        fprintf(f, "%sint64_t integers[%" PRId64 "];\n", indent, p->integers);
}

/* --- The header -------------------------------------------------------------------------------------------------- */

static void write_about(const fr_c_writer *w, FILE *f, const fr_c_function *all, const fr_export_c_report *r)
{
    char x[FR_SHAPE_TEXT], y[FR_SHAPE_TEXT];

    fprintf(f, "/* Written by frond %s from a module of type %s. C99; needs libm alone, allocates nothing, changes\n",
            fr_version(), w->type);
    fprintf(f, " * nothing but what it is given.\n *\n");
    fprintf(f, " *     x               %s%s, y %s%s, row-major\n", fr_shape_text(&all->x->shape, x),
            all->x->dtype == FR_I64 ? " int64" : "", fr_shape_text(&all->y->shape, y),
            all->y->dtype == FR_I64 ? " int64" : "");
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
        fprintf(f, "/* There is no function for one step: %s. */\n", r->not_stepwise);
}

static void write_state(const fr_c_writer *w, FILE *f, const fr_c_function *one)
{
    size_t n = 0;

    fputs("\n/* What is carried from step to step. */\ntypedef struct {\n", f);
    for (size_t i = 0; i < one->count; i++)
        if (one->buffers[i].kind == FR_C_STATE)
            fprintf(f, "    float %s[%" PRId64 "];\n", one->state_names[n++], one->buffers[i].numel);
    fprintf(f, "} %s_state;\n", w->name);
}

static void write_step_prototypes(const fr_c_writer *w, FILE *f, const fr_c_function *one)
{
    char x[FR_SHAPE_TEXT], y[FR_SHAPE_TEXT];

    fputs("\n/* To the state before the first step. */\n", f);
    fprintf(f, "void %s_reset(%s_state *state);\n", w->name, w->name);
    fprintf(f, "/* The next step: x %s, y %s. */\n", fr_shape_text(&one->x->shape, x),
            fr_shape_text(&one->y->shape, y));
    fprintf(f, "void %s_step(%s_state *state, const %s *x, %s *y);\n", w->name, w->name, type_of(one->x),
            type_of(one->y));
}

/* NAME_H */
static void write_guard(const fr_c_writer *w, FILE *f)
{
    for (const char *c = w->name; *c; c++)
        fputc(toupper((unsigned char)*c), f);
    fputs("_H\n", f);
}

bool fr_c_write_header(fr_c_writer *w, FILE *f, const fr_c_function *all, const fr_c_function *one,
                       const fr_export_c_report *report)
{
    const char *name = w->name, *x = type_of(all->x), *y = type_of(all->y);

    write_about(w, f, all, report);
    fputs("#ifndef ", f);
    write_guard(w, f);
    fputs("#define ", f);
    write_guard(w, f);
    fputs("\n#include <stdint.h>\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n", f);
    fputs("\n/* Memory of one run. */\ntypedef struct {\n", f);
    write_members(f, "    ", all);
    fprintf(f, "} %s_workspace;\n", name);
    if (one)
        write_state(w, f, one);
    fprintf(f, "\n/* y, which does not overlap x. */\nvoid %s_run_in(%s_workspace *w, const %s *x, %s *y);\n", name,
            name, x, y);
    fprintf(f, "/* The same with its memory on the stack. */\nvoid %s_run(const %s *x, %s *y);\n", name, x, y);
    if (one)
        write_step_prototypes(w, f, one);
    fputs("\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n", f);
    return true;
}

/* --- The source -------------------------------------------------------------------------------------------------- */

/* A helper's text, for one of its variants. */
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

static bool write_helper(fr_c_writer *w, FILE *f, const fr_c_helper_text *h)
{
    char *text = NULL;
    size_t size;
    FILE *variant = open_memstream(&text, &size);

    if (!variant)
        return *fr_c_out_of_memory(w) != '\0';
    put_variant(variant, h);
    if (fclose(variant) != 0) {
        free(text);
        return *fr_c_out_of_memory(w) != '\0';
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

static void write_unused(FILE *f, const fr_c_function *p, bool workspace)
{
    if (workspace && !has_workspace(p))
        fputs("    (void)w;\n", f);
    if (!p->buffers[0].read)
        fputs("    (void)x;\n", f);
}

static bool write_run(fr_c_writer *w, FILE *f, fr_c_function *p)
{
    const char *name = w->name, *x = type_of(p->x), *y = type_of(p->y);
    bool ok;

    fprintf(f, "\nvoid %s_run_in(%s_workspace *w, const %s *x, %s *y)\n{\n", name, name, x, y);
    write_unused(f, p, true);
    ok = fr_c_write_body(w, p, f);
    fprintf(f, "}\n\nvoid %s_run(const %s *x, %s *y)\n{\n    %s_workspace w;\n\n    %s_run_in(&w, x, y);\n}\n", name, x,
            y, name, name);
    return ok;
}

static bool write_step(fr_c_writer *w, FILE *f, fr_c_function *p)
{
    bool ok;

    fprintf(f, "\nvoid %s_reset(%s_state *state)\n{\n", w->name, w->name);
    ok = fr_c_write_reset_body(w, p, f);
    fprintf(f, "}\n\nvoid %s_step(%s_state *state, const %s *x, %s *y)\n{\n", w->name, w->name, type_of(p->x),
            type_of(p->y));
    if (has_workspace(p)) {
        fputs("    struct {\n", f);
        write_members(f, "        ", p);
        fputs("    } memory, *const w = &memory;\n\n", f);
    }
    write_unused(f, p, false);
    ok = ok && fr_c_write_body(w, p, f);
    fputs("}\n", f);
    return ok;
}

/* What the code is made of comes before it, but is known only when it has been written: it waits in memory. */
static bool write_functions(fr_c_writer *w, fr_c_function *all, fr_c_function *one, char **text)
{
    size_t size;
    FILE *f = open_memstream(text, &size);
    bool ok;

    if (!f)
        return *fr_c_out_of_memory(w) != '\0';
    ok = write_run(w, f, all) && (!one || write_step(w, f, one));
    if (fclose(f) != 0)
        ok = *fr_c_out_of_memory(w) != '\0';
    return ok && !w->failed;
}

bool fr_c_write_source(fr_c_writer *w, FILE *f, fr_c_function *all, fr_c_function *one, const char *include)
{
    char *functions = NULL;
    bool ok = fr_c_name_constants(w) && write_functions(w, all, one, &functions);

    if (ok) {
        fprintf(f, "/* Written by frond %s; the header says what it is. */\n", fr_version());
        fprintf(f, "#include \"%s\"\n\n#include <math.h>\n#include <stddef.h>\n#include <string.h>\n", include);
        ok = fr_c_write_constants(w, f);
    }
    for (size_t i = 0; i < w->helper_count && ok; i++)
        if (w->helpers[i].text)
            ok = write_helper(w, f, &w->helpers[i]);
    if (ok)
        fputs(functions, f);
    free(functions);
    return ok;
}
