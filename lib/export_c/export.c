/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_export_c: a module as C99. */
#include "export_c/writer.h"
#include "files/module_state.h"
#include "files/replace_file.h"
#include "nn/module.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    fr_c_writer w;
    fr_c_function all, one;
    bool stepwise;
    fr_export_c_report report;
    char *header, *include; /* the header's path; its name */
    char *name;
} job;

/* --- Names ------------------------------------------------------------------------------------------------------- */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_identifier(const char *name)
{
    for (const char *c = name; *c; c++)
        if (!is_word(*c) && *c != '_')
            return false;
    return *name && !(*name >= '0' && *name <= '9') && *name != '_';
}

/* The base name with what C does not allow as single underscores: "2 nets.c" gives model_2_nets. What is not ASCII is
 * left out. Keywords need no care: no identifier is the name alone. */
static char *name_from(const char *base, size_t n)
{
    char *name = malloc(n + sizeof "model_"), *to = name;

    if (!name)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        if (is_word(base[i]))
            *to++ = base[i];
        else if (to > name && to[-1] != '_')
            *to++ = '_';
    }
    while (to > name && to[-1] == '_')
        to--;
    *to = '\0';
    if (to == name)
        strcpy(name, "model");
    if (!is_identifier(name)) {
        memmove(name + strlen("model_"), name, strlen(name) + 1);
        memcpy(name, "model_", strlen("model_"));
    }
    return name;
}

/* The names that come of path and options; false with an error. */
static bool find_names(job *j, const char *path, const char *name)
{
    size_t n = strlen(path);
    const char *what = j->w.what, *base = strrchr(path, '/');

    base = base ? base + 1 : path;
    if (n < 3 || strcmp(path + n - 2, ".c") != 0 || strlen(base) < 3)
        return fr_fail(what, "path \"%s\" does not end in NAME.c", path);
    if (name && !is_identifier(name))
        return fr_fail(what, "name \"%s\" is no C identifier that begins with a letter", name);
    j->name = name ? strdup(name) : name_from(base, strlen(base) - 2);
    j->header = strdup(path);
    j->include = strdup(base);
    if (!j->name || !j->header || !j->include)
        return fr_fail_memory(what);
    j->header[n - 1] = 'h';
    j->include[strlen(base) - 1] = 'h';
    j->w.name = j->name;
    return true;
}

/* --- Programs ---------------------------------------------------------------------------------------------------- */

/* The forward of one step, where the whole can be taken step by step; report says why not. */
static bool find_step(job *j, fr_module *m)
{
    char *why = j->report.not_stepwise;
    int result_dim, dim = fr_c_find_time_dim(&j->all, &result_dim, why);
    fr_tensor *first;

    if (dim < 0)
        return true;
    first = fr_clone(fr_slice(j->all.x, dim, 0, 1, 1));
    j->one.stepwise = true;
    if (!first || !fr_c_trace(&j->w, m, first, &j->one))
        return false;
    j->stepwise = fr_c_matches_one_step(&j->all, &j->one, why);
    return !j->stepwise || fr_c_plan(&j->w, &j->one);
}

static bool measure_loss(job *j)
{
    fr_tensor *y = fr_c_int8_forward(&j->w, &j->all);

    for (int64_t i = 0; y && i < y->numel; i++)
        j->report.int8_loss = fmax(j->report.int8_loss, fabs(fr_at(y, i) - fr_at(j->all.y, i)));
    return y != NULL;
}

static bool prepare(job *j, fr_module *m, fr_tensor *example)
{
    fr_export_c_report *r = &j->report;
    fr_tensor *x = fr_clone(example); /* a storage of its own, row-major */

    if (!x || !fr_c_trace(&j->w, m, x, &j->all) || !fr_c_plan(&j->w, &j->all) || !find_step(j, m))
        return false;
    fr_c_choose_layouts(&j->w);
    if (j->w.int8 && !measure_loss(j))
        return false;
    r->weight_bytes = fr_c_constant_bytes(&j->w);
    r->workspace_bytes = fr_c_workspace_bytes(&j->all);
    r->multiply_adds = j->all.multiply_adds;
    r->state_bytes = j->stepwise ? fr_c_state_bytes(&j->one) : 0;
    r->step_bytes = j->stepwise ? fr_c_workspace_bytes(&j->one) : 0;
    return true;
}

static bool prepare_in_evaluation(job *j, fr_module *m, fr_tensor *example)
{
    fr_evaluation e;
    bool ok = fr_evaluation_begin(j->w.what, m, &e);

    if (ok) {
        ok = prepare(j, m, example);
        fr_evaluation_end(&e);
    }
    return ok;
}

static bool write_both(job *j, const char *path)
{
    fr_c_function *one = j->stepwise ? &j->one : NULL;
    char where[FR_WHERE_SIZE], where_header[FR_WHERE_SIZE];
    fr_replacement source, header;

    if (!fr_replace_begin(&source, fr_file_where(j->w.what, path, where), path))
        return false;
    if (!fr_replace_begin(&header, fr_file_where(j->w.what, j->header, where_header), j->header)) {
        fr_replace_finish(&source, false);
        return false;
    }
    return fr_replace_finish_both(&source, &header,
                                  fr_c_write_source(&j->w, source.file, &j->all, one, j->include) &&
                                      fr_c_write_header(&j->w, header.file, &j->all, one, &j->report));
}

static bool export(job *j, fr_module *m, fr_tensor *example, const char *path, const fr_export_c_options *o)
{
    const char *what = j->w.what;

    if (!fr_check_reserved(what, o->reserved) || !fr_state_of(what, m, &j->w.state, &j->w.state_count) ||
        !fr_check_not_null(what, example, "example"))
        return false;
    if (!path)
        return fr_fail(what, "path is NULL");
    if (example->dtype == FR_F64)
        return fr_fail(what, "the example is float64, expected float32 or int64");
    if (example->numel == 0)
        return fr_fail(what, "the example has no values");
    j->w.int8 = o->int8;
    j->w.type = m->type;
    return find_names(j, path, o->name) && prepare_in_evaluation(j, m, example) && write_both(j, path);
}

static bool export_as(const char *what, fr_module *m, fr_tensor *example, const char *path,
                      const fr_export_c_options *options, fr_export_c_report *report)
{
    static const fr_export_c_options none;
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    int scope = fr_scope_begin();
    job j = { .w.what = what };
    bool ok = scope >= 0 && export(&j, m, example, path, options ? options : &none);

    fr_c_program_free(&j.all);
    fr_c_program_free(&j.one);
    fr_c_writer_free(&j.w);
    free(j.name);
    free(j.header);
    free(j.include);
    fr_scope_end(scope);
    if (report)
        *report = ok ? j.report : (fr_export_c_report){ 0 };
    fr_finish(th, before);
    return ok;
}

bool fr_export_c(fr_module *m, fr_tensor *example, const char *path)
{
    return export_as("export_c", m, example, path, NULL, NULL);
}

bool fr_export_c_with(fr_module *m, fr_tensor *example, const char *path, const fr_export_c_options *options,
                      fr_export_c_report *report)
{
    return export_as("export_c_with", m, example, path, options, report);
}
