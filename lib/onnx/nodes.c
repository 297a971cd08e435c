/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Running an ONNX node: what its inputs and attributes say, and by which of frond's ops. */
#include <config.h>

#include "core/error.h"
#include "core/integer.h"
#include "core/scope.h"
#include "core/shape.h"
#include "core/tensor.h"
#include "onnx/call.h"

#include <frond/op.h>
#include <frond/ops.h>
#include <stdlib.h>

bool fr_call_fail(const fr_onnx_run_call *c, const char *message)
{
    const char *name = c->node->name;

    return fr_fail("load_onnx", "node %.80s (%.80s): %s", name ? name : "", c->node->op_type, message);
}

bool fr_call_give(fr_onnx_run_call *c, fr_tensor *y)
{
    c->out[0] = y;
    return y != NULL;
}

fr_tensor *fr_call_input(const fr_onnx_run_call *c, int i)
{
    return i < c->inputs ? c->in[i] : NULL;
}

bool fr_call_need(const fr_onnx_run_call *c, int n)
{
    for (int i = 0; i < n; i++)
        if (!fr_call_input(c, i))
            return fr_call_fail(c, "an input is missing");
    return true;
}

/* --- Attributes -------------------------------------------------------------------------------------------------- */

const fr_onnx_attribute_message *fr_call_find(const fr_onnx_run_call *c, const char *name)
{
    for (size_t i = 0; i < c->node->n_attribute; i++)
        if (c->node->attribute[i]->name && strcmp(c->node->attribute[i]->name, name) == 0)
            return c->node->attribute[i];
    return NULL;
}

int64_t fr_call_int(const fr_onnx_run_call *c, const char *name, int64_t otherwise)
{
    const fr_onnx_attribute_message *a = fr_call_find(c, name);

    return a && a->has_i ? a->i : otherwise;
}

double fr_call_float(const fr_onnx_run_call *c, const char *name, double otherwise)
{
    const fr_onnx_attribute_message *a = fr_call_find(c, name);

    return a && a->has_f ? (double)a->f : otherwise;
}

bool fr_call_text_is(const fr_onnx_run_call *c, const char *name, const char *text)
{
    const fr_onnx_attribute_message *a = fr_call_find(c, name);

    return a && a->has_s && a->s.len == strlen(text) && memcmp(a->s.data, text, a->s.len) == 0;
}

bool fr_call_ints(const fr_onnx_run_call *c, const char *name, fr_call_list *v)
{
    const fr_onnx_attribute_message *a = fr_call_find(c, name);

    v->n = a ? (int)fr_least((int64_t)a->n_ints, FR_CALL_NUMBERS + 1) : -1;
    if (v->n > FR_CALL_NUMBERS)
        return fr_call_fail(c, "an attribute has too many numbers");
    for (int i = 0; i < v->n; i++)
        v->at[i] = a->ints[i];
    return true;
}

bool fr_call_numbers(const fr_onnx_run_call *c, int i, const char *name, fr_call_list *v)
{
    const fr_tensor *t = fr_call_input(c, i);

    if (!t)
        return fr_call_ints(c, name, v);
    if (t->dtype != FR_I64 || t->numel > FR_CALL_NUMBERS)
        return fr_call_fail(c, "an input should be a few whole numbers");
    v->n = (int)t->numel;
    for (int k = 0; k < v->n; k++)
        v->at[k] = ((const int64_t *)(const void *)t->origin)[fr_offset_of(t, k)];
    return true;
}

int fr_call_dim(const fr_onnx_run_call *c, const fr_tensor *t, int64_t dim)
{
    int found = dim >= -FR_MAX_DIMS && dim < FR_MAX_DIMS ? fr_shape_dim(&t->shape, (int)dim) : -1;

    if (found < 0)
        fr_call_fail(c, "an axis is out of range");
    return found;
}

bool fr_call_axes(const fr_onnx_run_call *c, const fr_tensor *t, fr_call_list *axes, unsigned *chosen)
{
    *chosen = 0;
    if (!fr_call_numbers(c, 1, "axes", axes))
        return false;
    for (int i = 0; i < axes->n; i++) {
        int dim = fr_call_dim(c, t, axes->at[i]);

        if (dim < 0)
            return false;
        *chosen |= 1U << dim;
    }
    return true;
}

bool fr_call_bound(const fr_onnx_run_call *c, int i, const char *name, double otherwise, double *bound)
{
    const fr_tensor *t = fr_call_input(c, i);

    if (t && t->numel != 1)
        return fr_call_fail(c, "a bound is no scalar");
    *bound = t ? fr_at(t, 0) : fr_call_float(c, name, otherwise);
    return true;
}

fr_tensor *fr_call_scalar(double value)
{
    fr_tensor *t = fr_tensor_alloc("load_onnx", &(fr_shape){ 0 }, FR_F32);

    if (t)
        fr_fill(t, value);
    return fr_hold("load_onnx", t);
}

/* --- The ops ------------------------------------------------------------------------------------------------------ */

static int by_type(const void *key, const void *kind)
{
    return strcmp(key, ((const fr_onnx_kind *)kind)->type);
}

const fr_onnx_kind *fr_onnx_find_kind(const char *type)
{
    const fr_onnx_kinds *const all[] = { &fr_onnx_shape_kinds, &fr_onnx_number_kinds, &fr_onnx_layer_kinds };
    const fr_onnx_kind *kind = NULL;

    for (size_t i = 0; !kind && i < sizeof all / sizeof *all; i++)
        kind = bsearch(type, all[i]->kinds, all[i]->count, sizeof *all[i]->kinds, by_type);
    return kind;
}
