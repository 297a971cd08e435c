/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What the hooks call for constant matrices. They may be written as int8 with a float scale for each row, and by
 * columns instead of by rows. While planning, the calls note how each matrix is read; fr_c_choose_layouts then decides.
 */
#include "export_c/writer.h"

enum {
    FEW_ROWS = 8,  /* below this a loop over the rows does not pay */
    MANY_TIMES = 8 /* from this on a copy by columns does */
};

/* The constant that t is, if it is a float32 matrix (or has more dims); else NULL. */
static fr_c_constant *constant_matrix(fr_c_writer *w, const fr_tensor *t)
{
    const fr_c_buffer *b = t ? fr_c_buffer_of(w->function, t) : NULL;
    bool is_matrix = b && b->memory == FR_C_CONSTANT && t->dtype == FR_F32 && t->contiguous && t->shape.ndim >= 2 &&
                     t->numel == b->numel;

    fr_c_constant *c = is_matrix ? &w->constants[b->constant] : NULL;

    return c && c->t->contiguous && fr_shape_equal(&c->t->shape, &t->shape) ? c : NULL;
}

bool fr_c_int8(fr_c_writer *w, const fr_op_call *call, unsigned inputs)
{
    fr_c_int8_group group = { .count = 0 };
    bool all_matrices = true;

    for (int i = 0; i < call->inputs; i++) {
        const fr_c_constant *c = inputs & 1U << i ? constant_matrix(w, call->in[i]) : NULL;

        if (c && group.count < 4)
            group.members[group.count++] = (size_t)(c - w->constants);
        else if (inputs & 1U << i && call->in[i])
            all_matrices = false;
    }
    if (w->out)
        return all_matrices && group.count > 0 && w->constants[group.members[0]].int8;
    for (int i = 0; i < group.count; i++) {
        fr_c_constant *c = &w->constants[group.members[i]];

        c->used = true;
        c->needs_float = c->needs_float || !all_matrices || !w->int8;
    }
    if (!fr_make_room(&w->int8_groups, sizeof *w->int8_groups, w->int8_group_count, &w->int8_group_capacity))
        return fr_c_out_of_memory(w);
    w->int8_groups[w->int8_group_count++] = group;
    return false;
}

const char *fr_c_weight(fr_c_writer *w, const fr_op_call *call, int input)
{
    fr_c_constant *c = constant_matrix(w, input < call->inputs ? call->in[input] : NULL);

    if (!c)
        return fr_c_in(w, call, input);
    if (!w->out) {
        c->used = c->by_rows = true;
        return "";
    }
    return c->int8 ? fr_c_format(w, "%s, %s_scale", c->name, c->name) : c->name;
}

/* A copy of t by columns, in scratch memory: for a matrix that is no constant. */
static const char *copy_by_columns(fr_c_writer *w, fr_tensor *t)
{
    const fr_shape shape = { 2, { t->shape.dim[1], t->shape.dim[0] } };
    fr_tensor *transposed =
        fr_hold(w->where, fr_tensor_share(w->where, t, &shape, (int64_t[]){ t->stride[1], t->stride[0] }, 0));
    const char *copy = fr_c_scratch(w, t->numel);

    if (!transposed) {
        w->failed = true;
        return "";
    }
    fr_c_copy_contiguous(w, transposed, copy);
    return copy;
}

const char *fr_c_columns(fr_c_writer *w, const fr_op_call *call, int input)
{
    fr_tensor *t = call->in[input];
    fr_c_constant *c = constant_matrix(w, t);
    const char *suffix;

    if (!c)
        return fr_c_check_dtype(w, t) ? copy_by_columns(w, t) : "";
    if (!w->out) {
        c->used = c->by_columns = true;
        return "";
    }
    suffix = c->by_rows ? "_columns" : "";
    return c->int8 ? fr_c_format(w, "%s%s, %s_scale", c->name, suffix, c->name)
                   : fr_c_format(w, "%s%s", c->name, suffix);
}

const char *fr_c_matrix(fr_c_writer *w, const fr_op_call *call, int input, int64_t times, bool *by_columns)
{
    fr_c_constant *c = constant_matrix(w, call->in[input]);
    bool either = c && c->t->shape.dim[0] >= FEW_ROWS;

    *by_columns =
        (either && w->out && c->by_columns) || (!c && times >= MANY_TIMES && fr_dim(call->in[input], 0) >= FEW_ROWS);
    if (either && !w->out) {
        c->used = c->any_order = true;
        return "";
    }
    return *by_columns ? fr_c_columns(w, call, input) : fr_c_weight(w, call, input);
}
