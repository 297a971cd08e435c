/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What the inputs and attributes of an ONNX node say, for the functions of import_*_ops.c; and the search of their
 * tables. */
#include <config.h>

#include "core/error.h"
#include "core/integer.h"
#include "core/scope.h"
#include "core/shape.h"
#include "onnx/import.h"

#include <frond/op.h>
#include <frond/ops.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const char *fr_import_node_name(const fr_node_proto *node)
{
    if (node->name && node->name[0])
        return node->name;
    for (size_t i = 0; i < node->n_output; i++)
        if (node->output[i][0])
            return node->output[i];
    return "";
}

bool fr_import_fail(const fr_import_call *c, const char *message)
{
    return fr_fail("load_onnx", "node %.80s (%.80s): %s", fr_import_node_name(c->node), c->node->op_type, message);
}

bool fr_import_return(fr_import_call *c, fr_tensor *y)
{
    c->out[0] = y;
    return y != NULL;
}

fr_tensor *fr_import_input(const fr_import_call *c, int i)
{
    return i < c->inputs ? c->in[i] : NULL;
}

bool fr_import_require(const fr_import_call *c, int n)
{
    for (int i = 0; i < n; i++)
        if (!fr_import_input(c, i))
            return fr_import_fail(c, "an input is missing");
    return true;
}

/* --- Attributes -------------------------------------------------------------------------------------------------- */

const fr_attribute_proto *fr_import_attribute(const fr_import_call *c, const char *name)
{
    for (size_t i = 0; i < c->node->n_attribute; i++)
        if (c->node->attribute[i]->name && strcmp(c->node->attribute[i]->name, name) == 0)
            return c->node->attribute[i];
    return NULL;
}

int64_t fr_import_int(const fr_import_call *c, const char *name, int64_t otherwise)
{
    const fr_attribute_proto *a = fr_import_attribute(c, name);

    return a && a->has_i ? a->i : otherwise;
}

double fr_import_float(const fr_import_call *c, const char *name, double otherwise)
{
    const fr_attribute_proto *a = fr_import_attribute(c, name);

    return a && a->has_f ? (double)a->f : otherwise;
}

bool fr_import_string_is(const fr_import_call *c, const char *name, const char *text)
{
    const fr_attribute_proto *a = fr_import_attribute(c, name);

    return a && a->has_s && a->s.len == strlen(text) && memcmp(a->s.data, text, a->s.len) == 0;
}

int fr_import_choice(const fr_import_call *c, const char *name, const char *const *names)
{
    char message[64];

    if (!fr_import_attribute(c, name))
        return 0;
    for (int i = 0; names[i]; i++)
        if (fr_import_string_is(c, name, names[i]))
            return i;
    snprintf(message, sizeof message, "its %.20s is not supported", name);
    fr_import_fail(c, message);
    return -1;
}

bool fr_import_attribute_ints(const fr_import_call *c, const char *name, fr_import_ints *ints)
{
    const fr_attribute_proto *a = fr_import_attribute(c, name);

    ints->n = a ? (int)fr_least((int64_t)a->n_ints, FR_IMPORT_MAX_INTS + 1) : -1;
    if (ints->n > FR_IMPORT_MAX_INTS)
        return fr_import_fail(c, "an attribute has too many numbers");
    for (int i = 0; i < ints->n; i++)
        ints->value[i] = a->ints[i];
    return true;
}

bool fr_import_input_ints(const fr_import_call *c, int i, const char *name, fr_import_ints *ints)
{
    const fr_tensor *t = fr_import_input(c, i);

    if (!t)
        return fr_import_attribute_ints(c, name, ints);
    if (t->dtype != FR_I64 || t->numel > FR_IMPORT_MAX_INTS)
        return fr_import_fail(c, "an input must be a short list of int64");
    ints->n = (int)t->numel;
    for (int k = 0; k < ints->n; k++)
        ints->value[k] = ((const int64_t *)(const void *)t->origin)[fr_offset_of(t, k)];
    return true;
}

int fr_import_axis(const fr_import_call *c, const fr_tensor *t, int64_t axis)
{
    int found = axis >= -FR_MAX_DIMS && axis < FR_MAX_DIMS ? fr_shape_dim(&t->shape, (int)axis) : -1;

    if (found < 0)
        fr_import_fail(c, "an axis is out of range");
    return found;
}

int fr_import_axis_of_input(const fr_import_call *c, int required, int64_t otherwise)
{
    return fr_import_require(c, required) ? fr_import_axis(c, c->in[0], fr_import_int(c, "axis", otherwise)) : -1;
}

bool fr_import_axes(const fr_import_call *c, const fr_tensor *t, fr_import_ints *axes, unsigned *chosen)
{
    *chosen = 0;
    if (!fr_import_input_ints(c, 1, "axes", axes))
        return false;
    for (int i = 0; i < axes->n; i++) {
        int dim = fr_import_axis(c, t, axes->value[i]);

        if (dim < 0)
            return false;
        *chosen |= 1U << dim;
    }
    return true;
}

bool fr_import_number(const fr_import_call *c, int i, const char *name, double otherwise, double *number)
{
    const fr_tensor *t = fr_import_input(c, i);

    if (t && t->numel != 1)
        return fr_import_fail(c, "an input must be a scalar");
    if (t && t->dtype == FR_I64 && fabs(fr_at(t, 0)) > 0x1p53)
        return fr_import_fail(c, "a number is beyond 2^53");
    *number = t ? fr_at(t, 0) : fr_import_float(c, name, otherwise);
    return true;
}

fr_tensor *fr_import_scalar(double value)
{
    fr_tensor *t = fr_tensor_alloc("load_onnx", &(fr_shape){ 0 }, FR_F32);

    if (t)
        fr_fill(t, value);
    return fr_hold("load_onnx", t);
}

/* --- Finding an op ------------------------------------------------------------------------------------------------ */

static int by_type(const void *type, const void *op)
{
    return strcmp(type, ((const fr_import_op *)op)->type);
}

const fr_import_op *fr_import_find_op(const char *type)
{
    static const fr_import_op_table *const tables[] = {
        &fr_import_activation_ops, &fr_import_attention_ops, &fr_import_control_ops,   &fr_import_element_ops,
        &fr_import_grid_ops,       &fr_import_index_ops,     &fr_import_integer_ops,   &fr_import_linear_attention_ops,
        &fr_import_math_ops,       &fr_import_nn_ops,        &fr_import_reduction_ops, &fr_import_resize_ops,
        &fr_import_rnn_ops,        &fr_import_sequence_ops,  &fr_import_shape_ops,     &fr_import_signal_ops,
        &fr_import_window_ops
    };
    const fr_import_op *op = NULL;

    for (size_t i = 0; !op && i < sizeof tables / sizeof *tables; i++)
        op = bsearch(type, tables[i]->ops, tables[i]->count, sizeof *tables[i]->ops, by_type);
    return op;
}
