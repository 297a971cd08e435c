/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Recurrent states without history that outlive the scope: truncated backpropagation through time carries them from one
 * window to the next. */
#include "core/thread.h"

#include <frond/autograd.h>
#include <frond/nn.h>

static bool keep(fr_recurrent *kept, const fr_recurrent *y)
{
    if (!fr_check_argument("recurrent_keep", y->h, "the result's h"))
        return false;

    fr_tensor *h = fr_detach(y->h), *c = y->c ? fr_detach(y->c) : NULL;

    if (!h || (y->c && !c))
        return false;
    fr_assign(&kept->h, h);
    fr_assign(&kept->c, c);
    return true;
}

bool fr_recurrent_keep(fr_recurrent *kept, const fr_recurrent *y)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "recurrent_keep");
    bool ok = fr_check_argument("recurrent_keep", kept, "kept");

    if (ok && y) {
        int scope = fr_scope_begin();

        ok = scope >= 0 && keep(kept, y);
        fr_scope_end(scope);
    } else if (ok) {
        fr_assign(&kept->h, NULL);
        fr_assign(&kept->c, NULL);
    }
    if (ok)
        kept->out = NULL;
    fr_finish(th, before);
    return ok;
}
