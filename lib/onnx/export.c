/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_export_onnx: runs the module with inputs of several sizes, to find out which sizes can be left open, and has the
 * graph of the run with the example written. */
#include <config.h>

#include "onnx/export.h"

#include "core/options.h"
#include "files/state_dict.h"
#include "nn/module.h"

#include <frond/export.h>
#include <stdlib.h>

/* --- One run ----------------------------------------------------------------------------------------------------- */

/* A new tensor of the shape, filled with example's values, repeated as often as needed. One reference. */
static fr_tensor *input_of_shape(const char *where, const fr_tensor *example, const fr_shape *shape)
{
    size_t size = fr_dtype_size((fr_dtype)example->dtype);
    fr_tensor *x = fr_tensor_alloc(where, shape, (fr_dtype)example->dtype);

    for (int64_t i = 0; x && i < x->numel; i++)
        memcpy(x->origin + i * (int64_t)size,
               example->origin + fr_offset_of(example, i % example->numel) * (int64_t)size, size);
    return x;
}

/* Traces the forward of x, whose reference r takes over. False with an error. */
static bool run_module(fr_module *m, const char *where, fr_tensor *x, fr_onnx_run *r)
{
    fr_thread *th = fr_thread_self();
    int scope = fr_scope_begin();

    *r = (fr_onnx_run){ .x = x };
    fr_trace_begin(th, &r->trace);
    r->y = fr_ref(fr_forward(m, x));

    bool ok = fr_trace_end(th, where, &r->trace) && scope >= 0 && r->y;

    fr_scope_end(scope);
    return ok;
}

static void free_run(fr_onnx_run *r)
{
    fr_trace_free(&r->trace);
    fr_unref(r->x);
    fr_unref(r->y);
    *r = (fr_onnx_run){ 0 };
}

static bool same_step(const fr_step *s, const fr_step *t)
{
    if (s->op != t->op || s->inputs != t->inputs || !s->attributes != !t->attributes)
        return false;
    for (int k = 0; k < s->inputs; k++)
        if (!s->in[k] != !t->in[k] || (s->in[k] && s->in[k]->shape.ndim != t->in[k]->shape.ndim))
            return false;
    for (int o = 0; o < s->outputs; o++)
        if (s->out[o]->shape.ndim != t->out[o]->shape.ndim)
            return false;
    return true;
}

/* True if both runs called the same ops, on tensors of the same numbers of dims. */
static bool same_ops(const fr_onnx_run *a, const fr_onnx_run *b)
{
    if (a->trace.count != b->trace.count || a->y->shape.ndim != b->y->shape.ndim)
        return false;
    for (size_t i = 0; i < a->trace.count; i++)
        if (!same_step(&a->trace.steps[i], &b->trace.steps[i]))
            return false;
    return true;
}

/* --- All runs ---------------------------------------------------------------------------------------------------- */

/* Runs m with an input of another shape. False, without an error, if m fails for it or calls other ops; only
 * th->errors.pending tells that memory ran out. */
static bool try_shape(fr_module *m, fr_onnx_export *e, const fr_shape *shape, fr_onnx_run *r)
{
    fr_thread *th = fr_thread_self();
    bool had_message = th->errors.has_message;
    fr_tensor *x = input_of_shape(e->where, e->runs[FR_ONNX_EXAMPLE_RUN].x, shape);
    bool ok = x && run_module(m, e->where, x, r) && same_ops(&e->runs[FR_ONNX_EXAMPLE_RUN], r);

    if (!ok) {
        free_run(r);
        fr_forgive(th, had_message);
    }
    return ok;
}

/* Looks for another size of dim d that m can be run with. */
static bool try_dim(fr_module *m, fr_onnx_export *e, int d)
{
    static const int64_t changes[] = { 2, 1, -1 };
    fr_thread *th = fr_thread_self();

    for (size_t k = 0; k < sizeof changes / sizeof *changes && !th->errors.pending; k++) {
        fr_shape shape = e->runs[FR_ONNX_EXAMPLE_RUN].x->shape;

        shape.dim[d] += changes[k];
        if (shape.dim[d] > 0 && try_shape(m, e, &shape, &e->runs[1 + d]))
            return true;
    }
    return false;
}

/* Changes all open dims at once: first by 3, 2 or 1, then to the sizes that each was changed to alone. */
static void try_all_dims(fr_module *m, fr_onnx_export *e)
{
    fr_thread *th = fr_thread_self();

    for (int change = 3; change >= 0 && !th->errors.pending; change--) {
        fr_shape shape = e->runs[FR_ONNX_EXAMPLE_RUN].x->shape;

        for (int d = 0; d < shape.ndim; d++)
            if (e->open[d])
                shape.dim[d] = change > 0 ? shape.dim[d] + change : e->runs[1 + d].x->shape.dim[d];
        if (try_shape(m, e, &shape, &e->runs[FR_ONNX_ALL_DIMS_RUN]))
            return;
    }
}

/* Makes all runs. False with an error. */
static bool run_all(fr_module *m, fr_onnx_export *e, const fr_tensor *example)
{
    fr_thread *th = fr_thread_self();
    fr_tensor *x = input_of_shape(e->where, example, &example->shape);
    bool any_open = false;

    if (!x || !run_module(m, e->where, x, &e->runs[FR_ONNX_EXAMPLE_RUN]))
        return false;
    for (int d = 0; d < x->shape.ndim && !th->errors.pending; d++) {
        e->open[d] = !(d == 0 ? e->static_batch : e->static_length) && try_dim(m, e, d);
        any_open = any_open || e->open[d];
    }
    if (any_open)
        try_all_dims(m, e);
    return !th->errors.pending;
}

/* --- The graph --------------------------------------------------------------------------------------------------- */

/* Makes the graphs of the other runs too. False, with an error, unless each is the same as g. */
static bool check_other_runs(const fr_onnx *g)
{
    for (int r = 1; r < FR_ONNX_RUNS; r++) {
        fr_onnx other;
        bool ok;

        if (!g->export->runs[r].x)
            continue;
        ok = fr_onnx_build_graph(&other, g->export, &g->export->runs[r]) && fr_onnx_check_same(g, &other);
        fr_onnx_free_graph(&other);
        if (!ok)
            return false;
    }
    return true;
}

static bool write_graph(const fr_onnx_export *e, const char *path)
{
    fr_onnx g;
    bool ok = fr_onnx_build_graph(&g, e, &e->runs[FR_ONNX_EXAMPLE_RUN]) && check_other_runs(&g) &&
              fr_onnx_write_file(&g, path);

    fr_onnx_free_graph(&g);
    return ok;
}

static bool export_module(fr_module *m, const fr_tensor *example, const char *path, fr_onnx_export *e)
{
    fr_eval_mode evaluation;
    bool ok;

    if (!fr_eval_mode_begin(e->where, m, &evaluation))
        return false;
    ok = run_all(m, e, example) && write_graph(e, path);
    fr_eval_mode_end(&evaluation);
    for (int r = 0; r < FR_ONNX_RUNS; r++)
        free_run(&e->runs[r]);
    return ok;
}

static bool check_arguments(const char *where, fr_module *m, const fr_tensor *example, const char *path)
{
    if (!fr_check_argument(where, path, "path") || !fr_check_argument(where, m, "module") ||
        !fr_check_argument(where, example, "example"))
        return false;
    return example->numel > 0 || fr_fail(where, "the example has no values");
}

static bool export_onnx(const char *what, fr_module *m, fr_tensor *example, const char *path,
                        const fr_export_onnx_options *options)
{
    static const fr_export_onnx_options none = { 0 };
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    int scope = fr_scope_begin();
    char where[FR_WHERE_SIZE] = "";
    const fr_export_onnx_options *o = options ? options : &none;
    fr_onnx_export e = { .where = where, .static_batch = o->static_batch, .static_length = o->static_length };
    bool ok = scope >= 0 && check_arguments(what, m, example, path) && fr_check_reserved(what, o->reserved);

    if (ok)
        fr_file_where(what, path, where);
    ok = ok && fr_state_dict(where, m, &e.state, &e.state_count) && export_module(m, example, path, &e);
    if (scope >= 0)
        fr_scope_end(scope);
    fr_finish(th, before);
    return ok;
}

bool fr_export_onnx(fr_module *m, fr_tensor *example, const char *path)
{
    return export_onnx("export_onnx", m, example, path, NULL);
}

bool fr_export_onnx_with(fr_module *m, fr_tensor *example, const char *path, const fr_export_onnx_options *options)
{
    return export_onnx("export_onnx_with", m, example, path, options);
}
