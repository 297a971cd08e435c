/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Forward mode: while a function runs, each op computes the tangents of its results from those of its inputs.
 *
 * Levels nest: what is computed for one level carries tangents for the levels outside of it, so derivatives of
 * derivatives are right. For each op the outermost level's tangents are computed first, then those further in, which
 * may read what the outer ones gave the results. Forward and reverse mode mix: ops of a backward carry tangents, and
 * ops that compute tangents are recorded. */
#include "graph/jvp.h"

#include "graph/backward.h"

#include <frond/ops.h>

/* --- One op ------------------------------------------------------------------------------------------------------- */

bool fr_has_tangents(const fr_thread *th, const fr_op_call *call)
{
    for (const fr_level *level = th->levels.current; level; level = level->outer)
        for (int i = 0; i < call->inputs; i++)
            if (call->in[i] && fr_tangent_of(call->in[i], level))
                return true;
    return false;
}

/* The arrays of a double backward: for each input and for each output one of everything. */
typedef struct {
    fr_tensor *in, *grad_in, *y, *dy, *scratch[2];
    fr_shape shape;
    bool needs;
} input_room;

typedef struct {
    fr_tensor *result, *u, *x, *du, *scratch[2];
} output_room;

/* Makes leaves u that stand for the gradients of the outputs. xs lists those that are floating; returns their number.
 */
static int make_gradients(fr_op_call *call, fr_tensor **us, fr_tensor **xs)
{
    int n = 0;

    for (int o = 0; o < call->outputs; o++) {
        us[o] = fr_zeros_like(call->result[o]);
        if (us[o] && us[o]->dtype != FR_I64)
            xs[n++] = fr_requires_grad(us[o]);
    }
    return n;
}

/* J t from backward alone, for ops without a jvp. Backward computes J^T u from the gradients u of the outputs, which is
 * linear in u. So differentiating it by u, with the tangents t of the inputs as gradients, gives (J^T)^T t = J t,
 * whatever u is (J. Townsend, "A new trick for calculating Jacobian vector products", 2017). room: memory for the
 * structs above, laid out as arrays. */
static bool double_backward(fr_thread *th, fr_op_call *call, void *room)
{
    size_t n = (size_t)call->inputs, m = (size_t)call->outputs;
    fr_shape *shapes = room;
    fr_tensor **in = (fr_tensor **)(shapes + n), **grad_in = in + n, **ys = grad_in + n, **dys = ys + n;
    fr_tensor **result = dys + n, **us = result + m, **xs = us + m, **dus = xs + m, **scratch = dus + m;
    bool *needs = (bool *)(scratch + 2 * (n + m)), create = false, before = th->mode.no_grad;
    fr_op_call back = { .op = call->op,
                        .attributes = call->attributes,
                        .inputs = call->inputs,
                        .outputs = call->outputs,
                        .in = in,
                        .in_shape = shapes,
                        .result = result,
                        .grad_out = us,
                        .grad_in = grad_in,
                        .needs = needs };
    int count = 0, by;

    for (size_t i = 0; i < n; i++) {
        fr_tensor *x = call->in[i], *t = call->tangent_in[i];

        in[i] = x;
        grad_in[i] = NULL;
        shapes[i] = x ? x->shape : (fr_shape){ .ndim = -1 };
        needs[i] = t != NULL;
        create = create || (!before && ((x && fr_tracked(x)) || (t && fr_tracked(t))));
    }
    memcpy(result, call->result, m * sizeof *result);
    th->mode.no_grad = false;
    by = make_gradients(call, us, xs);

    bool ok = fr_backward_in_ops(call->op->name, FR_CREATE_GRAPH, &back, in, scratch);

    th->mode.no_grad = before;
    for (size_t i = 0; i < n && ok; i++) {
        if (!needs[i] || !grad_in[i] || !fr_tracked(grad_in[i]))
            continue;
        ys[count] = grad_in[i];
        dys[count++] = call->tangent_in[i];
    }
    ok = ok && fr_gradients_of_many(call->op->name, ys, dys, count, xs, by, dus, create ? FR_CREATE_GRAPH : 0);
    for (int o = 0, k = 0; o < call->outputs && ok; o++)
        call->tangent_out[o] = call->result[o]->dtype == FR_I64 ? NULL : dus[k++];
    return ok;
}

static bool run_double_backward(fr_thread *th, fr_op_call *call)
{
    size_t bytes = (size_t)call->inputs * sizeof(input_room) + (size_t)call->outputs * sizeof(output_room);
    void *room = fr_alloc(bytes);
    bool ok = room && double_backward(th, call, room);

    if (!room)
        fr_fail_memory(call->op->name);
    fr_free(room, bytes);
    return ok;
}

static bool check_tangent(fr_op_call *call, int o, const fr_tensor *t)
{
    const fr_tensor *y = call->result[o];
    char got[FR_SHAPE_TEXT], expected[FR_SHAPE_TEXT];

    return !t || (fr_shape_equal(&t->shape, &y->shape) && t->dtype == y->dtype) ||
           fr_op_fail(call, "its jvp gave output %d a tangent of shape %s, %s, expected %s, %s", o,
                      fr_shape_text(&t->shape, got), fr_dtype_name((fr_dtype)t->dtype),
                      fr_shape_text(&y->shape, expected), fr_dtype_name((fr_dtype)y->dtype));
}

/* Computes the tangents of one level; those of levels further in are out of sight. tangents: room for all inputs and
 * outputs. */
static bool carry_in_room(fr_thread *th, fr_op_call *call, fr_level *level, fr_tensor **tangents)
{
    unsigned failures = th->errors.failures;
    fr_tensor **out = tangents + call->inputs;
    bool any = false, ok = true;

    for (int i = 0; i < call->inputs; i++) {
        tangents[i] = call->in[i] ? fr_tangent_of(call->in[i], level) : NULL;
        any = any || tangents[i];
    }
    if (!any || !fr_op_has_backward(call->op))
        return true;
    memset(out, 0, (size_t)call->outputs * sizeof *out);
    call->tangent_in = tangents;
    call->tangent_out = out;
    if (call->op->jvp)
        call->op->jvp(call);
    else
        ok = run_double_backward(th, call);
    ok = ok && !call->failed && th->errors.failures == failures;
    for (int o = 0; o < call->outputs && ok; o++)
        ok = check_tangent(call, o, out[o]) && (!out[o] || call->result[o]->dtype == FR_I64 ||
                                                fr_tangent_set(call->op->name, call->result[o], level, out[o]));
    return ok;
}

static bool carry_level(fr_thread *th, fr_op_call *call, fr_level *level)
{
    enum { FEW = 16 };
    fr_tensor *few[FEW], **room = few;
    size_t count = (size_t)call->inputs + (size_t)call->outputs;
    int scope;
    bool ok;

    if (level->outer && !carry_level(th, call, level->outer))
        return false;
    th->levels.current = level->outer;
    if (count > FEW && !(room = fr_alloc(count * sizeof *room)))
        return fr_fail_memory(call->op->name);
    scope = fr_scope_begin();
    ok = scope >= 0 && carry_in_room(th, call, level, room);
    fr_scope_end(scope);
    if (room != few)
        fr_free(room, count * sizeof *room);
    return ok;
}

bool fr_carry_tangents(fr_thread *th, fr_op_call *call)
{
    fr_level *level = th->levels.current;
    bool ok = carry_level(th, call, level);

    th->levels.current = level;
    for (int o = 0; o < call->outputs && ok; o++)
        if (call->result[o]->producer)
            return fr_node_share_tangents(fr_node_of(call->result[o]), call);
    return ok;
}

/* --- For fr_op.jvp ------------------------------------------------------------------------------------------------ */

static fr_tensor *expanded(fr_tensor *t, const fr_shape *shape)
{
    return !t || fr_shape_equal(&t->shape, shape) ? t : fr_expand(t, *shape);
}

static fr_tensor *added(fr_tensor *sum, fr_tensor *part)
{
    return sum ? fr_add(sum, part) : part;
}

enum { POINTWISE_INPUTS = 8 };

void fr_jvp_pointwise(fr_op_call *call)
{
    const fr_shape *shape = &call->result[0]->shape;
    fr_tensor *in[POINTWISE_INPUTS], *grad_in[POINTWISE_INPUTS];
    fr_shape shapes[POINTWISE_INPUTS];
    bool needs[POINTWISE_INPUTS] = { false };

    if (call->inputs > POINTWISE_INPUTS || call->outputs != 1 || !call->op->backward) {
        fr_op_fail(call, "fr_jvp_pointwise is for ops with a backward, at most %d inputs and 1 output",
                   POINTWISE_INPUTS);
        return;
    }
    for (int i = 0; i < call->inputs; i++) {
        in[i] = expanded(call->in[i], shape);
        shapes[i] = *shape;
    }
    for (int i = 0; i < call->inputs && !call->failed; i++) {
        fr_tensor *t = expanded(call->tangent_in[i], shape);
        fr_op_call back = { .op = call->op,
                            .attributes = call->attributes,
                            .inputs = call->inputs,
                            .outputs = 1,
                            .in = in,
                            .in_shape = shapes,
                            .result = call->result,
                            .grad_out = &t,
                            .grad_in = grad_in,
                            .needs = needs };

        if (!t)
            continue;
        memset(grad_in, 0, sizeof grad_in);
        needs[i] = true;
        call->op->backward(&back);
        needs[i] = false;
        call->failed = back.failed;
        if (grad_in[i])
            call->tangent_out[0] = added(call->tangent_out[0], grad_in[i]);
    }
}

/* Applies call's op to other inputs; outputs gets the results. */
static bool apply_to(fr_op_call *call, fr_tensor *const *in, fr_tensor **outputs)
{
    return fr_apply_n(call->op, in, call->inputs, call->attributes, outputs);
}

/* A copy of the array of inputs. It is allocated, since cat may have many. */
static fr_tensor **copy_inputs(fr_op_call *call)
{
    fr_tensor **in = fr_alloc((size_t)call->inputs * sizeof *in);

    if (in)
        memcpy(in, call->in, (size_t)call->inputs * sizeof *in);
    else
        fr_fail_memory(call->op->name);
    return in;
}

static void free_inputs(const fr_op_call *call, fr_tensor **in)
{
    fr_free(in, (size_t)call->inputs * sizeof *in);
}

/* t, to be given to call's op in place of its input. A view op is given a contiguous tensor: its layout was inferred
 * from the input's strides and may not fit others. */
static fr_tensor *in_place_of(const fr_op_call *call, fr_tensor *t)
{
    return call->op->view ? fr_contiguous(t) : t;
}

void fr_jvp_linear(fr_op_call *call)
{
    fr_tensor **in = copy_inputs(call);
    bool ok = in != NULL;

    for (int i = 0; i < call->inputs && ok; i++) {
        if (call->tangent_in[i])
            in[i] = in_place_of(call, call->tangent_in[i]);
        else if (in[i] && in[i]->dtype != FR_I64)
            in[i] = fr_zeros_like(in[i]);
        ok = in[i] || !call->in[i];
    }
    if (ok)
        apply_to(call, in, call->tangent_out);
    free_inputs(call, in);
}

void fr_jvp_multilinear(fr_op_call *call)
{
    fr_tensor **in = copy_inputs(call), *sum = NULL, *part;

    for (int i = 0; i < call->inputs && in; i++) {
        if (!call->tangent_in[i])
            continue;
        in[i] = call->tangent_in[i];
        sum = apply_to(call, in, &part) ? added(sum, part) : NULL;
        in[i] = call->in[i];
    }
    call->tangent_out[0] = sum;
    free_inputs(call, in);
}

/* --- A function --------------------------------------------------------------------------------------------------- */

bool fr_check_function(const char *what, fr_function *f, fr_tensor *const *xs, int n)
{
    if (!f || !xs || n < 1)
        return fr_fail(what, "expected a function and an array of n >= 1 inputs");
    for (int i = 0; i < n; i++)
        if (!fr_check_argument(what, xs[i], "an x"))
            return false;
    return true;
}

bool fr_check_like(const char *what, const char *kind, int i, const fr_tensor *v, const fr_tensor *x)
{
    char got[FR_SHAPE_TEXT], expected[FR_SHAPE_TEXT];

    return fr_check_argument(what, v, kind) &&
           ((fr_shape_equal(&v->shape, &x->shape) && v->dtype == x->dtype) ||
            fr_fail(what, "%s %d is of shape %s, %s, expected %s, %s", kind, i, fr_shape_text(&v->shape, got),
                    fr_dtype_name((fr_dtype)v->dtype), fr_shape_text(&x->shape, expected),
                    fr_dtype_name((fr_dtype)x->dtype)));
}

fr_tensor *fr_call_function(const char *what, fr_function *f, fr_tensor *const *xs, void *user)
{
    fr_thread *th = fr_thread_self();
    unsigned failures = th->errors.failures;
    fr_tensor *y = f(xs, user);

    if (th->errors.failures != failures)
        return NULL;
    return y ? y : fr_fail(what, "the function gave NULL");
}

fr_level *fr_level_begin_at(fr_thread *th, const char *what, fr_tensor *const *xs, fr_tensor *const *tangents, int n)
{
    fr_level *level = fr_level_begin(th, what);

    for (int i = 0; i < n && level; i++)
        if (tangents[i] && !fr_tangent_set(what, xs[i], level, tangents[i]))
            level = NULL; /* the scope ends it */
    return level;
}

fr_tensor *fr_tangent_or_zeros(const fr_tensor *t, const fr_level *level)
{
    fr_tensor *tangent = fr_tangent_of(t, level);

    return tangent ? tangent : fr_zeros_like(t);
}

static bool check_tangents(const char *what, fr_tensor *const *xs, fr_tensor *const *tangents, int n)
{
    for (int i = 0; i < n; i++) {
        if (!tangents[i] && fr_failed_before(fr_thread_self()))
            return false;
        if (tangents[i] && tangents[i]->dtype == FR_I64)
            return fr_fail(what, "tangent %d is int64, which has no derivatives", i);
        if (tangents[i] && !fr_check_like(what, "tangent", i, tangents[i], xs[i]))
            return false;
    }
    return true;
}

/* Runs in a scope, whose end ends the level. views: room for n. *y and *dy get references. */
static bool jvp(fr_thread *th, fr_function *f, fr_tensor *const *xs, fr_tensor *const *tangents, int n, void *user,
                fr_tensor **views, fr_tensor **y, fr_tensor **dy)
{
    fr_level *outer = th->levels.current, *level;
    fr_tensor *value;

    for (int i = 0; i < n; i++)
        if (!(views[i] = fr_reshape(xs[i], xs[i]->shape)))
            return false;
    level = fr_level_begin_at(th, "jvp", views, tangents, n);
    value = level ? fr_call_function("jvp", f, views, user) : NULL;
    th->levels.current = outer;

    fr_tensor *tangent = value ? fr_tangent_or_zeros(value, level) : NULL;

    if (!tangent)
        return false;
    *y = fr_ref(value);
    *dy = fr_ref(tangent);
    return true;
}

static bool run_jvp(fr_thread *th, fr_function *f, fr_tensor *const *xs, fr_tensor *const *tangents, int n, void *user,
                    fr_tensor **y, fr_tensor **dy)
{
    size_t bytes = (size_t)n * sizeof *xs;
    fr_tensor **views = fr_alloc(bytes);
    int scope = views ? fr_scope_begin() : -1;
    bool ok = scope >= 0 && jvp(th, f, xs, tangents, n, user, views, y, dy);

    if (!views)
        fr_fail_memory("jvp");
    fr_scope_end(scope);
    fr_free(views, bytes);
    if (ok) {
        *y = fr_hold("jvp", *y);
        *dy = fr_hold("jvp", *dy);
        ok = *y && *dy;
    }
    if (!ok)
        *y = *dy = NULL;
    return ok;
}

bool fr_jvp(fr_function *f, fr_tensor *const *xs, fr_tensor *const *tangents, int n, void *user, fr_tensor **y,
            fr_tensor **dy)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "jvp");
    bool ok = false;

    if (y)
        *y = NULL;
    if (dy)
        *dy = NULL;
    if (!y || !dy || !tangents)
        fr_fail("jvp", "expected an array of n tangents, and where to put y and dy");
    else
        ok = fr_check_function("jvp", f, xs, n) && check_tangents("jvp", xs, tangents, n) &&
             run_jvp(th, f, xs, tangents, n, user, y, dy);
    fr_finish(th, before);
    return ok;
}
