/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The values of whole modules: copied, mixed and scaled. */
#include "core/shape.h"
#include "nn/module.h"

#include <frond/autograd.h>
#include <frond/op.h>

/* True if `to` has the name, dtype and shape of `from` and may be written; fails otherwise. */
static bool check_pair(const char *what, const fr_named_tensor *to, const fr_named_tensor *from)
{
    char is[FR_SHAPE_TEXT], expected[FR_SHAPE_TEXT];
    const fr_tensor *a = from->tensor, *b = to->tensor;

    if (strcmp(from->name, to->name) != 0)
        return fr_fail(what, "one module has \"%s\" where the other has \"%s\"", to->name, from->name);
    if (a->dtype != b->dtype || !fr_shape_equal(&a->shape, &b->shape))
        return fr_fail(what, "\"%s\" is %s %s, expected %s %s", to->name, fr_dtype_name(fr_dtype_of(b)),
                       fr_shape_text(&b->shape, is), fr_dtype_name(fr_dtype_of(a)), fr_shape_text(&a->shape, expected));
    if (fr_has_history(b) || fr_repeats_values(b))
        return fr_fail(what, "\"%s\" is %s, expected a leaf", to->name,
                       fr_has_history(b) ? "a result of an op" : "an expanded view");
    return true;
}

/* What is written and what is read, in the same order; their number, or -1 with an error. */
static int pair_state(const char *what, fr_module *into, fr_module *from, const fr_named_tensor **to,
                      const fr_named_tensor **values)
{
    int n = 0, count = 0;

    *to = fr_module_state(into, &n);
    *values = fr_module_state(from, &count);
    if (!*to || !*values)
        return -1;
    if (n != count)
        return fr_fail(what, "one module has %d parameters and buffers, the other has %d", n, count), -1;
    for (int i = 0; i < n; i++)
        if (!check_pair(what, &(*to)[i], &(*values)[i]))
            return -1;
    return n;
}

bool fr_module_copy_values(const char *what, fr_module *into, fr_module *from)
{
    const fr_named_tensor *to, *values;
    int n = pair_state(what, into, from, &to, &values);
    bool ok = n >= 0;

    for (int i = 0; i < n && ok; i++)
        ok = fr_copy_noted(fr_thread_self(), to[i].tensor, values[i].tensor);
    return ok;
}

bool fr_module_copy(fr_module *into, fr_module *from)
{
    const char *what = "module_copy";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = fr_check_argument(what, into, "into") && fr_check_argument(what, from, "from") &&
              fr_module_copy_values(what, into, from);

    fr_finish(th, before);
    return ok;
}

/* Writes a result of ops into t and returns false if there is none. */
static bool write(fr_tensor *t, fr_tensor *values)
{
    return values && fr_copy(t, values);
}

/* A tensor with several names counts once. */
static bool is_first(const fr_named_tensor *state, int i)
{
    for (int k = 0; k < i; k++)
        if (state[k].tensor == state[i].tensor)
            return false;
    return true;
}

bool fr_module_lerp(fr_module *into, fr_module *from, double weight)
{
    const char *what = "module_lerp";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    int no_grad = fr_no_grad_begin(), n = -1;
    const fr_named_tensor *to, *values;
    bool ok = fr_check_argument(what, into, "into") && fr_check_argument(what, from, "from") &&
              (n = pair_state(what, into, from, &to, &values)) >= 0;

    for (int i = 0; ok && i < n; i++) {
        FR_SCOPE;
        fr_tensor *t = to[i].tensor, *target = values[i].tensor;

        if (is_first(to, i))
            ok = write(t, t->dtype == FR_I64 ? target : fr_lerp_scalar(t, target, weight));
    }
    fr_no_grad_end(no_grad);
    fr_finish(th, before);
    return ok;
}

bool fr_module_scale(fr_module *m, double factor)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "module_scale");
    int no_grad = fr_no_grad_begin(), n = 0;
    fr_tensor *const *parameters = fr_check_argument("module_scale", m, "module") ? fr_module_parameters(m, &n) : NULL;
    bool ok = parameters != NULL;

    for (int i = 0; ok && i < n; i++) {
        FR_SCOPE;
        ok = write(parameters[i], fr_mul_scalar(parameters[i], factor));
    }
    fr_no_grad_end(no_grad);
    fr_finish(th, before);
    return ok;
}
