/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What cannot be done while somebody records, and values that are there again for each replay. */
#include "core/recorder.h"

bool fr_copy_action(const fr_action *a)
{
    fr_copy_values(a->into, a->from);
    return true;
}

/* By a copy, since t may be written in place later. */
void fr_note_values(fr_thread *th, fr_tensor *t)
{
    fr_tensor *copy = fr_tensor_alloc("captured_run", &t->shape, (fr_dtype)t->dtype);

    if (!copy)
        return;
    fr_copy_values(copy, t);
    fr_act(th, &(fr_action){ .run = fr_copy_action, .into = t, .from = copy, .pure = true });
    fr_unref(copy);
}

static bool allowed(fr_thread *th, const char *what, const char *why_not)
{
    if (FR_LIKELY(!th->recorder))
        return true;
    th->recorder->refused = true;
    return fr_fail(what, "%s", why_not);
}

bool fr_may_look(fr_thread *th, const char *what)
{
    return allowed(th, what,
                   "a value is looked at in a captured function, where each run has values of its own: return the "
                   "tensor, and look at it outside");
}

bool fr_not_captured(fr_thread *th, const char *what)
{
    return allowed(th, what, "cannot be captured: call it outside of the captured function");
}

bool fr_not_repeated(fr_thread *th, const char *what, const char *why)
{
    return fr_not_captured(th, what) && (!th->listener || fr_fail(what, "cannot be exported in training: %s", why));
}
