/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Running a module to see what it computes. Its training flags, the generator and recording are restored afterwards. */
#include "nn/module.h"

#include <frond/autograd.h>
#include <stdlib.h>

bool fr_eval_mode_begin(const char *what, fr_module *m, fr_eval_mode *e)
{
    size_t count = 0;

    for (fr_module *each = m; each; each = fr_module_next(m, each))
        count++;
    *e = (fr_eval_mode){ .m = m, .training = malloc((count + 1) * sizeof *e->training) };
    if (!e->training)
        return fr_fail_memory(what);
    count = 0;
    for (fr_module *each = m; each; each = fr_module_next(m, each)) {
        e->training[count++] = each->training;
        each->training = false;
    }
    fr_generator_save(&e->generator);
    e->no_grad = fr_no_grad_begin();
    return true;
}

void fr_eval_mode_end(fr_eval_mode *e)
{
    size_t i = 0;

    fr_no_grad_end(e->no_grad);
    fr_generator_restore(&e->generator);
    for (fr_module *each = e->m; each; each = fr_module_next(e->m, each))
        each->training = e->training[i++];
    free(e->training);
}
