/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* All parameters as one vector, and back: torch.nn.utils.parameters_to_vector and vector_to_parameters. */
#include "core/shape.h"
#include "nn/module.h"

#include <frond/autograd.h>
#include <stdlib.h>

/* The number of values in n >= 1 tensors of one dtype; -1 with an error. */
static int64_t count_values(const char *what, fr_tensor *const *parameters, int n)
{
    int64_t values = 0;

    if (!fr_check_argument(what, parameters, "parameters"))
        return -1;
    if (n < 1)
        return fr_fail(what, "%d parameters, expected 1 or more", n), -1;
    for (int i = 0; i < n; i++) {
        if (!fr_check_argument(what, parameters[i], "a parameter"))
            return -1;
        if (parameters[i]->dtype != parameters[0]->dtype)
            return fr_fail(what, "parameters[%d] is %s, but parameters[0] is %s", i,
                           fr_dtype_name((fr_dtype)parameters[i]->dtype),
                           fr_dtype_name((fr_dtype)parameters[0]->dtype)),
                   -1;
        values += parameters[i]->numel;
    }
    return values;
}

fr_tensor *fr_parameters_to_vector(fr_tensor *const *parameters, int n)
{
    const char *what = "parameters_to_vector";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    int scope = fr_scope_begin();
    fr_tensor *v = NULL, **parts = NULL;

    if (scope >= 0 && count_values(what, parameters, n) >= 0) {
        parts = calloc((unsigned)n, sizeof *parts);
        for (int i = 0; parts && i < n; i++)
            parts[i] = fr_reshape(parameters[i], FR_SHAPE(-1));
        v = parts ? fr_escape(fr_cat(parts, n, 0)) : fr_fail_memory(what);
    }
    free(parts);
    fr_scope_end(scope);
    fr_finish(th, before);
    return v;
}

static bool check_vector(const char *what, const fr_tensor *v, fr_tensor *const *parameters, int n)
{
    char given[FR_SHAPE_TEXT];
    int64_t values = fr_check_argument(what, v, "vector") ? count_values(what, parameters, n) : -1;

    if (values < 0)
        return false;
    if (v->shape.ndim != 1 || v->numel != values)
        return fr_fail(what, "vector %s, expected (%lld,)", fr_shape_text(&v->shape, given), (long long)values);
    if (parameters[0]->dtype != v->dtype)
        return fr_fail(what, "vector is %s, the parameters are %s", fr_dtype_name((fr_dtype)v->dtype),
                       fr_dtype_name((fr_dtype)parameters[0]->dtype));
    for (int i = 0; i < n; i++)
        if (fr_has_history(parameters[i]) || fr_repeats_values(parameters[i]))
            return fr_fail(what, "parameters[%d] is %s, expected a leaf", i,
                           fr_has_history(parameters[i]) ? "a result of an op" : "an expanded view");
    return true;
}

bool fr_vector_to_parameters(fr_tensor *vector, fr_tensor *const *parameters, int n)
{
    const char *what = "vector_to_parameters";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    int scope = fr_scope_begin();
    bool ok = scope >= 0 && check_vector(what, vector, parameters, n);
    int64_t at = 0;

    th->mode.no_grad = true; /* until the scope ends */
    for (int i = 0; ok && i < n; i++) {
        fr_tensor *part = fr_slice(fr_detach(vector), 0, at, at + parameters[i]->numel, 1);

        ok = fr_copy(parameters[i], fr_view_as(part, parameters[i])) != NULL;
        at += parameters[i]->numel;
    }
    fr_scope_end(scope);
    fr_finish(th, before);
    return ok;
}
