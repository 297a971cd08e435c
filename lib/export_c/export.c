/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_export_c: checks its arguments, finds the names, and has the module traced, planned and written. */
#include "core/options.h"
#include "export_c/training.h"
#include "files/state_dict.h"
#include "files/replace_file.h"
#include "nn/module.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    fr_c_writer w;
    fr_c_function run, step; /* NAME_run and NAME_step; with training NAME_predict, and */
    fr_c_function train;     /* NAME_train */
    bool has_step;
    fr_export_c_report report;
    char *name;
    char *header_path, *header; /* and its base name */
} export_job;

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

/* A name for the identifiers, made of a file's base name of n characters: "2 nets" gives model_2_nets. Runs of other
 * characters than ASCII letters and digits become one underscore. The name may be a keyword: no identifier is the name
 * alone. */
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
        memcpy(name, "model_", strlen("model_")); /* NOLINT(bugprone-not-null-terminated-result): name follows */
    }
    return name;
}

static const char *in_capitals(fr_c_writer *w, const char *name)
{
    char *text = strdup(name);
    const char *kept = text;

    for (char *c = text; c && *c; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
    kept = text ? fr_c_format(w, "%s", text) : "";
    if (!text)
        fr_c_out_of_memory(w);
    free(text);
    return kept;
}

/* The names that follow from path and options. False with an error. */
static bool find_names(export_job *j, const char *path, const char *name)
{
    size_t n = strlen(path);
    const char *where = j->w.where, *base = strrchr(path, '/');

    base = base ? base + 1 : path;
    if (n < 3 || strcmp(path + n - 2, ".c") != 0 || strlen(base) < 3)
        return fr_fail(where, "path \"%s\" does not end in NAME.c", path);
    if (name && !is_identifier(name))
        return fr_fail(where, "name \"%s\" is not a C identifier that begins with a letter", name);
    j->name = name ? strdup(name) : name_from(base, strlen(base) - 2);
    j->header_path = strdup(path);
    j->header = strdup(base);
    if (!j->name || !j->header_path || !j->header)
        return fr_fail_memory(where);
    j->header_path[n - 1] = 'h';
    j->header[strlen(base) - 1] = 'h';
    j->w.name = j->name;
    j->w.upper_name = in_capitals(&j->w, j->name);
    return !j->w.failed;
}

/* --- Planning ---------------------------------------------------------------------------------------------------- */

/* Traces and plans NAME_step, if the sequence can be taken one time step at a time; else the report gets the reason. */
static bool plan_step(export_job *j, fr_module *m)
{
    char *reason = j->report.not_stepwise;
    int dim = fr_c_find_time_dim(&j->run, reason);
    fr_tensor *first;

    if (dim < 0)
        return true;
    first = fr_clone(fr_slice(j->run.x, dim, 0, 1, 1));
    j->step.one_time_step = true;
    if (!first || !fr_c_trace(&j->w, m, first, &j->step))
        return false;
    j->has_step = fr_c_matches_one_step(&j->run, &j->step, reason);
    return !j->has_step || fr_c_plan(&j->w, &j->step);
}

/* int8_loss: the largest difference of the output. */
static bool measure_int8_loss(export_job *j)
{
    fr_tensor *y = fr_c_int8_forward(&j->w, &j->run);

    for (int64_t i = 0; y && i < y->numel; i++)
        j->report.int8_loss = fmax(j->report.int8_loss, fabs(fr_at(y, i) - fr_at(j->run.y, i)));
    return y != NULL;
}

static bool plan(export_job *j, fr_module *m, fr_tensor *example)
{
    fr_export_c_report *r = &j->report;
    /* a storage of its own, row-major */
    fr_tensor *x = j->w.batch.open ? fr_c_open_batch(&j->w, m, example) : fr_clone(example);

    if (!x || !fr_c_trace(&j->w, m, x, &j->run) || !fr_c_plan(&j->w, &j->run))
        return false;
    if (j->w.length.open && !fr_c_open_length(&j->w, m, example, &j->run))
        return false;
    if (!plan_step(j, m))
        return false;
    fr_c_choose_layouts(&j->w);
    if (j->w.int8 && !measure_int8_loss(j))
        return false;
    r->weight_bytes = fr_c_constant_bytes(&j->w);
    r->workspace_bytes = fr_c_run_bytes(&j->w, &j->run);
    r->min_length = j->w.length.open ? j->w.length.min : 0;
    r->multiply_adds = j->run.multiply_adds;
    r->state_bytes = j->has_step ? fr_c_state_bytes(&j->step) : 0;
    r->step_bytes = j->has_step ? fr_c_workspace_bytes(&j->step) : 0;
    return true;
}

/* NAME_predict, after NAME_train. */
static bool plan_predict(export_job *j, fr_module *m, fr_tensor *example)
{
    fr_export_c_report *r = &j->report;
    fr_tensor *x = fr_clone(example);

    if (!x || !fr_c_trace(&j->w, m, x, &j->run) || !fr_c_plan(&j->w, &j->run) || !fr_c_plan(&j->w, &j->train))
        return false;
    if (!fr_c_same_carried(&j->w, &j->train, &j->run))
        return false;
    if (j->w.side_effect)
        return fr_fail(j->w.where, "a step in training %s, which has no C form", j->w.side_effect);
    fr_c_choose_layouts(&j->w);
    snprintf(r->not_stepwise, sizeof r->not_stepwise, "it is a training step");
    r->weight_bytes = fr_c_constant_bytes(&j->w);
    r->workspace_bytes = fr_c_workspace_bytes(&j->train);
    r->multiply_adds = j->run.multiply_adds;
    r->trained_bytes = fr_c_kept_bytes(&j->w, FR_F32) + fr_c_kept_bytes(&j->w, FR_I64);
    r->optimiser_bytes = fr_c_optimiser_bytes(&j->w);
    r->state_bytes = fr_c_carried_bytes(&j->train);
    r->predict_bytes = fr_c_workspace_bytes(&j->run);
    r->file_bytes = fr_c_file_bytes(&j->w);
    return r->file_bytes > 0;
}

/* NAME_train is traced in the mode that m is in, the others in evaluation. */
static bool plan_all(export_job *j, fr_module *m, fr_tensor *example)
{
    fr_tensor *x = j->w.training ? fr_clone(example) : NULL;
    fr_eval_mode e;
    bool ok;

    if (j->w.training && (!x || !fr_c_find_parameters(&j->w) || !fr_c_trace_training(&j->w, m, x, &j->train)))
        return false;
    ok = fr_eval_mode_begin(j->w.where, m, &e);
    if (ok) {
        ok = j->w.training ? plan_predict(j, m, example) : plan(j, m, example);
        fr_eval_mode_end(&e);
    }
    return ok;
}

static bool write_both(export_job *j, const char *path)
{
    fr_c_function *step = j->has_step ? &j->step : NULL;
    char where[FR_WHERE_SIZE], where_header[FR_WHERE_SIZE];
    fr_replacement source, header;
    bool ok;

    if (!fr_replace_begin(&source, fr_file_where(j->w.where, path, where), path))
        return false;
    if (!fr_replace_begin(&header, fr_file_where(j->w.where, j->header_path, where_header), j->header_path)) {
        fr_replace_finish(&source, false);
        return false;
    }
    if (j->w.training) {
        ok = fr_c_write_training_source(&j->w, source.file, &j->train, &j->run, j->header);
        if (ok)
            fr_c_write_training_header(&j->w, header.file, &j->train, &j->run, &j->report);
    } else {
        ok = fr_c_write_source(&j->w, source.file, &j->run, step, j->header);
        if (ok)
            fr_c_write_header(&j->w, header.file, &j->run, step, &j->report);
    }
    return fr_replace_finish_both(&source, &header, ok);
}

static bool export_module(export_job *j, fr_module *m, fr_tensor *example, const char *path,
                          const fr_export_c_options *o)
{
    const char *where = j->w.where;

    if (!fr_check_reserved(where, o->reserved) || !fr_state_dict(where, m, &j->w.state, &j->w.state_count) ||
        !fr_check_argument(where, example, "example"))
        return false;
    if (!path)
        return fr_fail(where, "path is NULL");
    if (example->dtype == FR_F64)
        return fr_fail(where, "the example is float64, expected float32 or int64");
    if (example->numel == 0)
        return fr_fail(where, "the example has no values");
    j->w.int8 = o->int8;
    j->w.training = o->training;
    j->w.batch.open = o->open_batch;
    j->w.length.open = o->open_length;
    j->w.module_type = m->type;
    return find_names(j, path, o->name) && plan_all(j, m, example) && write_both(j, path);
}

static bool export_as(const char *where, fr_module *m, fr_tensor *example, const char *path,
                      const fr_export_c_options *options, fr_export_c_report *report)
{
    static const fr_export_c_options none;
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, where);
    int scope = fr_scope_begin();
    export_job j = { .w.where = where };
    bool ok = scope >= 0 && export_module(&j, m, example, path, options ? options : &none);

    fr_c_function_free(&j.run);
    fr_c_function_free(&j.step);
    fr_c_function_free(&j.train);
    fr_c_writer_free(&j.w);
    free(j.name);
    free(j.header_path);
    free(j.header);
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
