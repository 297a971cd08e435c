/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Values that all ranks share: sums of numbers and of tensors, and what rank 0 gives the others. */
#include "core/recorder.h"
#include "core/shape.h"
#include "distributed/rank_sum.h"
#include "distributed/values.h"

#include <frond/op.h>

bool fr_all_reduce_values(double *values, int n)
{
    const char *what = "all_reduce_values";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_process_group *g = th->group;
    bool ok = fr_group_is_whole(what, th) && fr_check_argument(what, values, "values") && fr_not_captured(th, what) &&
              (n >= 0 || fr_fail(what, "n is %d, expected 0 or more", n));

    if (ok && g)
        ok = fr_meet(what, g, &(fr_meeting){ .kind = FR_MEET_VALUES, .fingerprint = (uint64_t)n },
                     "the numbers of values differ") &&
             fr_reduce(what, g, FR_F64, n, values, false);
    fr_finish(th, before);
    return ok;
}

uint64_t fr_fingerprint_of(uint64_t hash, const fr_tensor *t)
{
    int head[] = { t->dtype, t->shape.ndim };

    hash = fr_fingerprint(hash, head, sizeof head);
    return fr_fingerprint(hash, t->shape.dim, (size_t)t->shape.ndim * sizeof *t->shape.dim);
}

/* --- The sum of tensors, an op ------------------------------------------------------------------------------------ */

static bool infer(fr_op_call *call)
{
    call->out[0] = fr_meta_of(call->in[0]);
    return true;
}

static void forward(fr_op_call *call)
{
    fr_thread *th = fr_thread_self();
    fr_process_group *g = th->group;
    const fr_tensor *x = call->in[0];
    fr_tensor *y = call->result[0];

    memcpy(y->origin, x->origin, (size_t)x->numel * fr_dtype_size((fr_dtype)x->dtype));
    if (g && fr_group_is_whole("all_reduce", th) &&
        fr_meet("all_reduce", g,
                &(fr_meeting){ .kind = FR_MEET_TENSOR, .fingerprint = fr_fingerprint_of(FR_FINGERPRINT, x) },
                "the tensors' shapes or dtypes differ"))
        fr_reduce("all_reduce", g, (fr_dtype)x->dtype, x->numel, y->origin, false);
}

static void backward(fr_op_call *call)
{
    call->grad_in[0] = fr_all_reduce(call->grad_out[0]);
}

/* It is not in the table of ops, since what it computes depends on other processes. */
static const fr_op all_reduce_op = {
    .name = "all_reduce",
    .formula = "y = the sum of x over all ranks",
    .shapes = "(*) -> (*)",
    .inputs = 1,
    .outputs = 1,
    .saves_inputs = FR_SAVES_NOTHING,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .jvp = fr_jvp_linear,
    .input_names = "t",
};

fr_tensor *fr_all_reduce(fr_tensor *t)
{
    return fr_apply(&all_reduce_op, &t, NULL);
}

/* --- Rank 0's values ---------------------------------------------------------------------------------------------- */

static bool broadcast_one(const char *what, fr_process_group *g, fr_tensor *t)
{
    fr_tensor *copy = t->contiguous ? fr_ref(t) : fr_tensor_copy(what, t);
    bool ok = copy && fr_reduce(what, g, (fr_dtype)t->dtype, t->numel, copy->origin, true);

    if (ok && copy != t)
        fr_copy_values(t, copy);
    if (ok)
        fr_storage_bump(t);
    fr_unref(copy);
    return ok;
}

bool fr_broadcast_all(const char *what, fr_process_group *g, fr_tensor *const *tensors, int n)
{
    uint64_t hash = FR_FINGERPRINT;
    bool ok;

    for (int i = 0; i < n; i++)
        hash = fr_fingerprint_of(hash, tensors[i]);
    ok = fr_meet(what, g, &(fr_meeting){ .kind = FR_MEET_BROADCAST, .fingerprint = hash },
                 "the tensors' number, shapes or dtypes differ");
    for (int i = 0; i < n && ok; i++)
        ok = broadcast_one(what, g, tensors[i]);
    return ok;
}

bool fr_broadcast(fr_tensor *const *tensors, int n)
{
    const char *what = "broadcast";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_process_group *g = th->group;
    bool ok = fr_group_is_whole(what, th) && fr_check_argument(what, tensors, "tensors") && fr_not_captured(th, what) &&
              (n >= 0 || fr_fail(what, "n is %d, expected 0 or more", n));

    for (int i = 0; i < n && ok; i++)
        ok = fr_check_argument(what, tensors[i], "a tensor") &&
             (!fr_repeats_values(tensors[i]) || fr_fail(what, "tensor %d is an expanded view", i));
    ok = ok && (!g || fr_broadcast_all(what, g, tensors, n));
    fr_finish(th, before);
    return ok;
}
