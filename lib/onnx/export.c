/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_export_onnx: the runs of the module, and a graph made of them. */
#include <config.h>

#include "files/module_state.h"
#include "onnx/graph.h"
#include "nn/module.h"

#include <frond/export.h>
#include <stdlib.h>

/* --- Running ----------------------------------------------------------------------------------------------------- */

/* An input of another shape with example's values, again and again. One reference. */
static fr_tensor *input_of_shape(const char *where, const fr_tensor *example, const fr_shape *shape)
{
    size_t size = fr_dtype_size((fr_dtype)example->dtype);
    fr_tensor *x = fr_tensor_alloc(where, shape, (fr_dtype)example->dtype);

    for (int64_t i = 0; x && i < x->numel; i++)
        memcpy(x->origin + i * (int64_t)size,
               example->origin + fr_offset_of(example, i % example->numel) * (int64_t)size, size);
    return x;
}

/* Of x, a reference to which the run takes. Says whether it came to an end, with an error. */
static bool run(fr_module *m, const char *where, fr_tensor *x, fr_onnx_run *r)
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

static void drop_run(fr_onnx_run *r)
{
    fr_trace_free(&r->trace);
    fr_unref(r->x);
    fr_unref(r->y);
    *r = (fr_onnx_run){ 0 };
}

static bool same_ops(const fr_onnx_run *a, const fr_onnx_run *b)
{
    if (a->trace.count != b->trace.count || a->y->shape.ndim != b->y->shape.ndim)
        return false;
    for (size_t i = 0; i < a->trace.count; i++) {
        const fr_step *s = &a->trace.steps[i], *t = &b->trace.steps[i];

        if (s->op != t->op || s->inputs != t->inputs || !s->attributes != !t->attributes)
            return false;
        for (int k = 0; k < s->inputs; k++)
            if (!s->in[k] != !t->in[k] || (s->in[k] && s->in[k]->shape.ndim != t->in[k]->shape.ndim))
                return false;
        for (int o = 0; o < s->outputs; o++)
            if (s->out[o]->shape.ndim != t->out[o]->shape.ndim)
                return false;
    }
    return true;
}

/* A run that may fail: then it did not happen, and nobody hears of it, but where memory ran out. */
static bool try_run(fr_module *m, fr_onnx_source *from, const fr_shape *shape, fr_onnx_run *r)
{
    fr_thread *th = fr_thread_self();
    bool had_message = th->errors.has_message;
    fr_tensor *x = input_of_shape(from->where, from->runs[FR_ONNX_BASE].x, shape);
    bool ok = x && run(m, from->where, x, r) && same_ops(&from->runs[FR_ONNX_BASE], r);

    if (!ok) {
        drop_run(r);
        fr_forgive(th, had_message);
    }
    return ok;
}

/* Another size of dim d with which the same ops run; false where there is none, or (th->errors.pending) memory ran out.
 */
static bool try_dim(fr_module *m, fr_onnx_source *from, int d)
{
    static const int64_t steps[] = { 2, 1, -1 };
    fr_thread *th = fr_thread_self();

    for (size_t k = 0; k < sizeof steps / sizeof *steps && !th->errors.pending; k++) {
        fr_shape shape = from->runs[FR_ONNX_BASE].x->shape;

        shape.dim[d] += steps[k];
        if (shape.dim[d] > 0 && try_run(m, from, &shape, &from->runs[1 + d]))
            return true;
    }
    return false;
}

/* All open dims changed at once, by other steps if these do. */
static void try_all(fr_module *m, fr_onnx_source *from)
{
    fr_thread *th = fr_thread_self();

    for (int by = 3; by >= 0 && !th->errors.pending; by--) {
        fr_shape shape = from->runs[FR_ONNX_BASE].x->shape;

        for (int d = 0; d < shape.ndim; d++)
            if (from->open[d])
                shape.dim[d] = by > 0 ? shape.dim[d] + by : from->runs[1 + d].x->shape.dim[d];
        if (try_run(m, from, &shape, &from->runs[FR_ONNX_ALL]))
            return;
    }
}

/* False with an error. */
static bool run_all(fr_module *m, fr_onnx_source *from, const fr_tensor *example)
{
    fr_thread *th = fr_thread_self();
    fr_tensor *x = input_of_shape(from->where, example, &example->shape);
    bool any = false;

    if (!x || !run(m, from->where, x, &from->runs[FR_ONNX_BASE]))
        return false;
    for (int d = 0; d < x->shape.ndim && !th->errors.pending; d++) {
        from->open[d] = try_dim(m, from, d);
        any = any || from->open[d];
    }
    if (any)
        try_all(m, from);
    return !th->errors.pending;
}

/* --- The graph --------------------------------------------------------------------------------------------------- */

/* The graphs of the other runs say what that of the first does. */
static bool agrees(const fr_onnx *g)
{
    for (int r = 1; r < FR_ONNX_RUNS; r++) {
        fr_onnx other;
        bool ok;

        if (!g->from->runs[r].x)
            continue;
        ok = fr_onnx_make(&other, g->from, &g->from->runs[r]) && fr_onnx_compare(g, &other);
        fr_onnx_free(&other);
        if (!ok)
            return false;
    }
    return true;
}

static bool write_graph(const fr_onnx_source *from, const char *path)
{
    fr_onnx g;
    bool ok = fr_onnx_make(&g, from, &from->runs[FR_ONNX_BASE]) && agrees(&g) && fr_onnx_write(&g, path);

    fr_onnx_free(&g);
    return ok;
}

static bool export_module(fr_module *m, const fr_tensor *example, const char *path, fr_onnx_source *from)
{
    fr_evaluation e;
    bool ok;

    if (!fr_evaluation_begin(from->where, m, &e))
        return false;
    ok = run_all(m, from, example) && write_graph(from, path);
    fr_evaluation_end(&e);
    for (int r = 0; r < FR_ONNX_RUNS; r++)
        drop_run(&from->runs[r]);
    return ok;
}

static bool check(const char *where, fr_module *m, const fr_tensor *example, const char *path)
{
    if (!fr_check_not_null(where, path, "path") || !fr_check_not_null(where, m, "module") ||
        !fr_check_not_null(where, example, "example"))
        return false;
    return example->numel > 0 || fr_fail(where, "the example has no values");
}

bool fr_export_onnx(fr_module *m, fr_tensor *example, const char *path)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "export_onnx");
    int scope = fr_scope_begin();
    char where[FR_WHERE_SIZE] = "export_onnx";
    fr_onnx_source from = { .where = where };
    bool ok = scope >= 0 && check("export_onnx", m, example, path);

    if (ok)
        fr_file_where("export_onnx", path, where);
    ok = ok && fr_state_of(where, m, &from.state, &from.state_count) && export_module(m, example, path, &from);
    if (scope >= 0)
        fr_scope_end(scope);
    fr_finish(th, before);
    return ok;
}
