/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What cannot be done while somebody records. */
#include "core/recorder.h"

bool fr_may_look(fr_thread *th, const char *what)
{
    return FR_LIKELY(!th->recorder) ||
           fr_fail(what, "a value is looked at in a captured function, where each run has values of its own: return "
                         "the tensor, and look at it outside");
}

bool fr_not_captured(fr_thread *th, const char *what)
{
    return FR_LIKELY(!th->recorder) || fr_fail(what, "cannot be captured: call it outside of the captured function");
}
