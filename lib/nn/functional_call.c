/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_functional_call: the module runs as it is; fr_apply, through which all ops go, puts the other tensors in place of
 * its parameters. So the module does not change, whatever pointers to parameters it keeps and wherever its forward
 * function is left. */
#include "core/memory.h"
#include "core/shape.h"
#include "core/stand_ins.h"
#include "nn/module.h"

static bool check_pair(const char *what, int i, const fr_tensor *own, const fr_tensor *other)
{
    char given[FR_SHAPE_TEXT], expected[FR_SHAPE_TEXT];

    if (!other || (other->dtype == own->dtype && fr_shape_equal(&other->shape, &own->shape)))
        return true;
    return fr_fail(what, "parameters[%d] is %s of %s, expected %s of %s", i, fr_shape_text(&other->shape, given),
                   fr_dtype_name((fr_dtype)other->dtype), fr_shape_text(&own->shape, expected),
                   fr_dtype_name((fr_dtype)own->dtype));
}

static bool check(const char *what, fr_module *m, fr_tensor *const *parameters, int n, const fr_tensor *x)
{
    if (!fr_check_argument(what, m, "module") || !fr_check_argument(what, parameters, "parameters") ||
        !fr_check_argument(what, x, "x"))
        return false;

    int count = 0;
    fr_tensor *const *own = fr_module_parameters(m, &count);
    bool ok = own && (n == count || fr_fail(what, "%d parameters given, the %s has %d", n, m->type, count));

    for (int i = 0; ok && i < n; i++)
        ok = (!parameters[i] || fr_check_argument(what, parameters[i], "a parameter")) &&
             check_pair(what, i, own[i], parameters[i]);
    return ok;
}

static void release(void *memory, void *user)
{
    fr_stand_ins *s = memory;

    (void)user;
    for (int i = 0; i < s->n; i++)
        fr_unref(s->pairs[i].other);
    fr_free(s, s->bytes);
}

/* A tensor without values owns the block. So the scope frees it, also where a jump leaves the forward function. */
fr_stand_ins *fr_stand_ins_new(const char *what, int n)
{
    size_t bytes = sizeof(fr_stand_ins) + (size_t)n * sizeof(fr_stand_in);
    fr_stand_ins *s = fr_alloc(bytes);

    if (!s)
        return fr_fail_memory(what);
    memset(s, 0, bytes);
    s->bytes = bytes;
    s->n = n;
    return fr_tensor_view(FR_SHAPE(0), s, FR_F64, release, NULL) ? s : NULL;
}

fr_tensor *fr_functional_call(fr_module *m, fr_tensor *const *parameters, int n, fr_tensor *x)
{
    const char *what = "functional_call";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_tensor *y = NULL;
    int scope = fr_scope_begin(), count;

    if (scope >= 0 && check(what, m, parameters, n, x)) {
        fr_tensor *const *own = fr_module_parameters(m, &count);
        fr_stand_ins *s = fr_stand_ins_new(what, n);

        for (int i = 0; s && i < n; i++)
            s->pairs[i] = (fr_stand_in){ own[i], fr_ref(parameters[i] ? parameters[i] : own[i]) };
        if (s) {
            s->outer = th->stand_ins;
            th->stand_ins = s;
            y = fr_ref(fr_forward(m, x));
        }
    }
    fr_scope_end(scope); /* puts th->stand_ins back */
    y = fr_hold(what, y);
    fr_finish(th, before);
    return y;
}
