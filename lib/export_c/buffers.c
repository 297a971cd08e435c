/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Buffers that a training step changes, as batch_norm does its running statistics. While a step is traced, a listener
 * notes the actions that say how they are written in C. Such a buffer lies in the caller's memory, as a parameter does:
 * NAME_train changes it where the action was, NAME_predict reads it, NAME_save writes it. */
#include "export_c/training.h"

#include <stdlib.h>

static bool note(fr_recorder *r, const fr_action *a)
{
    fr_c_listener *l = (fr_c_listener *)r;
    fr_c_function *fn = l->fn;
    bool ok;

    fr_thread_self()->listener = NULL;
    ok = a->run(a);
    fr_thread_self()->listener = r;
    if (!ok || !a->c_code)
        return ok;
    if (!fr_make_room(&fn->changes, sizeof *fn->changes, fn->change_count, &fn->change_capacity))
        return fr_c_out_of_memory(l->w);
    fn->changes[fn->change_count++] = (fr_c_change){ .action = *a, .step = fn->trace.count };
    fr_ref(a->into);
    fr_ref(a->from);
    return true;
}

fr_c_listener fr_c_listener_of(fr_c_writer *w, fr_c_function *fn)
{
    return (fr_c_listener){ .recorder.act = note, .w = w, .fn = fn };
}

unsigned fr_c_changes_of(const fr_c_function *fn, const fr_tensor *buffer)
{
    unsigned n = 0;

    for (size_t i = 0; i < fn->change_count; i++)
        n += fn->changes[i].action.into == buffer;
    return n;
}

/* --- What lies in the caller's memory ----------------------------------------------------------------------------- */

static bool is_kept(const fr_c_writer *w, const fr_tensor *t)
{
    for (size_t i = 0; i < w->kept_count; i++)
        if (w->kept[i]->t == t)
            return true;
    return false;
}

static bool keep_buffer(fr_c_writer *w, size_t place, fr_tensor *t)
{
    fr_c_parameter *p = &w->parameters[place];

    *p = (fr_c_parameter){ .t = t, .path = fr_c_path_of(w, t) };
    if (!p->path)
        return fr_fail(w->where, "a step in training changes a tensor in place that is no buffer of the module");
    w->kept[w->kept_count++] = p;
    return fr_c_check_own_memory(w, "buffer", p);
}

/* As in a file that fr_save writes. */
static int in_file_order(const void *a, const void *b)
{
    const fr_c_parameter *p = *(fr_c_parameter *const *)a, *q = *(fr_c_parameter *const *)b;

    return p->t->dtype != q->t->dtype ? (p->t->dtype == FR_I64 ? -1 : 1) : strcmp(p->path, q->path);
}

/* Its initial values become a constant of the file. */
static bool add_initial_values(fr_c_writer *w, fr_c_parameter *p)
{
    fr_c_constant *c;

    if (!fr_c_add_constant(w, p->t, &p->constant))
        return false;
    c = &w->constants[p->constant];
    c->used = c->needs_float = c->by_rows = true;
    return true;
}

/* w->parameters has room for all buffers. */
bool fr_c_find_kept(fr_c_writer *w, const fr_c_function *fn)
{
    size_t n = w->parameter_count;

    w->kept = calloc(n + fn->change_count + 1, sizeof(fr_c_parameter *));
    if (!w->kept)
        return fr_c_out_of_memory(w);
    for (size_t i = 0; i < n; i++)
        w->kept[w->kept_count++] = &w->parameters[i];
    for (size_t i = 0; i < fn->change_count; i++)
        if (!is_kept(w, fn->changes[i].action.into) && !keep_buffer(w, n++, fn->changes[i].action.into))
            return false;
    qsort(w->kept, w->kept_count, sizeof(fr_c_parameter *), in_file_order);
    for (size_t i = 0; i < w->kept_count; i++)
        if (!add_initial_values(w, w->kept[i]))
            return false;
    return true;
}

int64_t fr_c_kept_bytes(const fr_c_writer *w, fr_dtype dtype)
{
    int64_t bytes = 0;

    for (size_t i = 0; i < w->kept_count; i++)
        if (w->kept[i]->t->dtype == dtype)
            bytes += w->kept[i]->t->numel * (int64_t)fr_dtype_size(dtype);
    return bytes;
}

void fr_c_write_changes(fr_c_writer *w, const fr_c_function *fn, size_t step)
{
    for (size_t i = 0; i < fn->change_count; i++)
        if (fn->changes[i].step == step)
            fn->changes[i].action.c_code(w, &fn->changes[i].action);
}
