/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The text of NAME.c: constants, helpers, NAME_run_in and NAME_run, NAME_reset and NAME_step. */
#include "export_c/writer.h"

#include <stdlib.h>

static bool has_workspace(const fr_c_function *fn)
{
    return fn->floats > 0 || fn->integers > 0;
}

/* (void)x; for parameters that the code does not read. */
static void write_unused(FILE *f, const fr_c_function *fn, bool workspace)
{
    if (workspace && !has_workspace(fn))
        fputs("    (void)w;\n", f);
    if (!fn->buffers[0].read)
        fputs("    (void)x;\n", f);
}

bool fr_c_write_run_body(fr_c_writer *w, fr_c_function *fn, FILE *f)
{
    write_unused(f, fn, true);
    return fr_c_write_body(w, fn, f);
}

/* NAME_run_in and NAME_run */
static bool write_run(fr_c_writer *w, FILE *f, fr_c_function *fn)
{
    const char *name = w->name, *x = fr_c_type_of(fn->x), *y = fr_c_type_of(fn->y);
    bool ok;

    if (w->batch.open || w->length.open) {
        ok = fr_c_write_open_run(w, f, fn);
    } else {
        fprintf(f, "\nvoid %s_run_in(%s_workspace *w, const %s *x, %s *y)\n{\n", name, name, x, y);
        ok = fr_c_write_run_body(w, fn, f);
        fputs("}\n", f);
    }
    fprintf(f, "\nvoid %s_run(const %s *x, %s *y)\n{\n    %s_workspace w;\n\n    %s_run_in(&w, x, y);\n}\n", name, x, y,
            name, name);
    return ok;
}

/* NAME_reset and NAME_step */
static bool write_step(fr_c_writer *w, FILE *f, fr_c_function *fn)
{
    bool ok;

    fprintf(f, "\nvoid %s_reset(%s_state *state)\n{\n", w->name, w->name);
    ok = fr_c_write_reset_body(w, fn, f);
    fprintf(f, "}\n\nvoid %s_step(%s_state *state, const %s *x, %s *y)\n{\n", w->name, w->name, fr_c_type_of(fn->x),
            fr_c_type_of(fn->y));
    if (has_workspace(fn)) {
        fputs("    struct {\n", f);
        fr_c_write_workspace_members(f, "        ", fn);
        fputs("    } memory, *const w = &memory;\n\n", f);
    }
    write_unused(f, fn, false);
    ok = ok && fr_c_write_body(w, fn, f);
    fputs("}\n", f);
    return ok;
}

/* Writes the functions into memory: constants and helpers come before them in the file, but which there are is known
 * only when the functions have been written. */
static bool write_functions(fr_c_writer *w, fr_c_function *run, fr_c_function *step, char **text)
{
    size_t size;
    FILE *f = open_memstream(text, &size);
    bool ok;

    if (!f)
        return fr_c_out_of_memory(w);
    ok = write_run(w, f, run) && (!step || write_step(w, f, step));
    if (fclose(f) != 0)
        ok = fr_c_out_of_memory(w);
    return ok && !w->failed;
}

bool fr_c_write_source(fr_c_writer *w, FILE *f, fr_c_function *run, fr_c_function *step, const char *header)
{
    char *functions = NULL;
    bool ok = fr_c_name_constants(w) && write_functions(w, run, step, &functions);

    if (ok) {
        fprintf(f, "/* Written by frond %s; the header says what it is. */\n", fr_version());
        fprintf(f, "#include \"%s\"\n\n#include <math.h>\n#include <stddef.h>\n#include <string.h>\n", header);
        ok = fr_c_write_constants(w, f) && fr_c_write_helpers(w, f);
    }
    if (ok)
        fputs(functions, f);
    free(functions);
    return ok;
}
