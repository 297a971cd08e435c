/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's sequences and optional values. A sequence is a list of tensors, a value of one forward; it is no
 * tensor, so that every other op finds an input missing. An optional value is a tensor, or nothing. */
#include <config.h>

#include "core/error.h"
#include "core/integer.h"
#include "core/scope.h"
#include "onnx/import_model.h"

#include <frond/op.h>
#include <frond/ops.h>
#include <stdlib.h>

/* --- Sequences --------------------------------------------------------------------------------------------------- */

enum { MOST = 1 << 20 }; /* tensors of a sequence */

/* The sequence of input i; NULL with an error. */
static const fr_import_sequence *sequence_of(const fr_import_call *c, int i)
{
    const fr_import_sequence *s =
        i < c->inputs && c->self->inputs[i] >= 0 ? c->run->values[c->self->inputs[i]].sequence : NULL;

    if (!s)
        fr_import_fail(c, "expected a sequence");
    return s;
}

/* A new sequence, of the run, with room for n tensors, as output 0. NULL with an error. */
static fr_import_sequence *new_sequence(fr_import_call *c, int64_t n)
{
    fr_import_sequence *s = NULL;

    if (n > MOST)
        return fr_import_fail(c, "its sequence is too long"), NULL;
    if (!fr_import_count_runs(1 + n / 32))
        return NULL;
    s = malloc(sizeof *s + (size_t)n * sizeof(fr_tensor *));
    if (!s)
        return fr_fail_memory("load_onnx");
    *s = (fr_import_sequence){ .next = c->run->made, .n = n };
    c->run->made = s;
    fr_import_return_value(c, 0, (fr_import_value){ .sequence = s });
    return s;
}

/* The place that input i says, counted from the end if it is negative; NULL input: the end. -1 with an error. */
static int64_t place_in(const fr_import_call *c, int i, int64_t n, int64_t end)
{
    fr_import_ints at;

    if (!fr_import_input_ints(c, i, "", &at))
        return -1;
    if (at.n < 0)
        return end;
    if (at.n != 1 || at.value[0] < -n || at.value[0] >= n + (end == n))
        return fr_import_fail(c, "its place is not in the sequence"), -1;
    return at.value[0] < 0 ? at.value[0] + n : at.value[0];
}

static bool run_construct(fr_import_call *c)
{
    fr_import_sequence *s = fr_import_require(c, c->inputs) ? new_sequence(c, c->inputs) : NULL;

    if (s)
        memcpy(s->tensors, c->in, (size_t)c->inputs * sizeof *c->in);
    return s != NULL;
}

static bool run_empty(fr_import_call *c)
{
    return new_sequence(c, 0) != NULL;
}

static bool run_insert(fr_import_call *c)
{
    const fr_import_sequence *from = sequence_of(c, 0);
    int64_t n = from ? from->n : 0, at = from && c->inputs > 1 && c->in[1] ? place_in(c, 2, n, n) : -1;
    fr_import_sequence *s = at >= 0 ? new_sequence(c, n + 1) : NULL;

    if (!s)
        return at >= 0 || !from ? false : fr_import_fail(c, "it has nothing to insert, or no place for it");
    for (int64_t i = 0; i <= n; i++)
        s->tensors[i] = i == at ? c->in[1] : from->tensors[i - (i > at)];
    return true;
}

static bool run_erase(fr_import_call *c)
{
    const fr_import_sequence *from = sequence_of(c, 0);
    int64_t n = from ? from->n : 0, at = from ? place_in(c, 1, n, n - 1) : -1;
    fr_import_sequence *s = at >= 0 ? new_sequence(c, n - 1) : NULL;

    for (int64_t i = 0; s && i < n - 1; i++)
        s->tensors[i] = from->tensors[i + (i >= at)];
    return s || (from && n == 0 && fr_import_fail(c, "its sequence is empty"));
}

static bool run_at(fr_import_call *c)
{
    const fr_import_sequence *s = sequence_of(c, 0);
    int64_t at = s && fr_import_input(c, 1) ? place_in(c, 1, s->n, s->n - 1) : -1;

    return at >= 0 && fr_import_return(c, s->tensors[at]);
}

static bool run_length(fr_import_call *c)
{
    const fr_import_sequence *s = sequence_of(c, 0);

    return s && fr_import_return(c, fr_full_of((fr_shape){ 0 }, (double)s->n, FR_I64));
}

/* Along the axis; new_axis 1: one that is new. */
static bool run_concat(fr_import_call *c)
{
    const fr_import_sequence *s = sequence_of(c, 0);
    int64_t axis = fr_import_int(c, "axis", 0);
    bool is_new = fr_import_int(c, "new_axis", 0);

    if (!s)
        return false;
    if (s->n < 1 || axis < -FR_MAX_DIMS || axis >= FR_MAX_DIMS)
        return fr_import_fail(c, "its sequence is empty, or its axis out of range");
    return fr_import_return(c, (is_new ? fr_stack : fr_cat)(s->tensors, (int)s->n, (int)axis));
}

/* Parts of one size, the last smaller where it does not divide the dim, or of the sizes that input 1 lists; without it,
 * of size 1 and, with keepdims 0, without the dim. */
static bool run_split(fr_import_call *c)
{
    int dim = fr_import_axis_of_input(c, 1, 0);
    const fr_tensor *sizes = fr_import_input(c, 1);
    bool listed = sizes && sizes->shape.ndim > 0, squeeze = !sizes && !fr_import_int(c, "keepdims", 1);
    int64_t size = dim < 0 ? 0 : fr_dim(c->in[0], dim), each, n, from = 0;
    fr_import_sequence *s;

    if (dim < 0)
        return false;
    each = sizes && !listed ? (int64_t)fr_at(sizes, 0) : 1;
    if ((sizes && sizes->dtype != FR_I64) || each < 1 || c->in[0]->shape.ndim == 0)
        return fr_import_fail(c, "expected sizes of 1 or more, of int64, and a dim to split");
    n = listed ? sizes->numel : size / each + (size % each > 0);
    s = new_sequence(c, n);
    for (int64_t i = 0; s && i < n; i++) {
        int64_t part = listed ? (int64_t)fr_at(sizes, i) : fr_least(each, size - from);

        if (part < 0 || part > size - from || (listed && i == n - 1 && part != size - from))
            return fr_import_fail(c, "the sizes of its parts do not add up to that of its input");
        s->tensors[i] = squeeze ? fr_select(c->in[0], dim, from) : fr_slice(c->in[0], dim, from, from + part, 1);
        if (!s->tensors[i])
            return false;
        from += part;
    }
    return s != NULL;
}

/* The tensors of a sequence have one type. */
static bool check_one_type(const fr_import_call *c)
{
    int last = strcmp(c->op->type, "SequenceInsert") == 0 ? 2 : c->inputs;

    for (int i = 1; i < c->inputs && i < last; i++)
        if (c->in_type[i] != c->in_type[0])
            return fr_import_fail(c, "the tensors of a sequence differ in type");
    return true;
}

/* --- Optional values --------------------------------------------------------------------------------------------- */

static bool run_has_element(fr_import_call *c)
{
    return fr_import_return(c, fr_full_of((fr_shape){ 0 }, fr_import_input(c, 0) != NULL, FR_I64));
}

/* --- The table --------------------------------------------------------------------------------------------------- */

static const fr_import_op ops[] = {
    { "ConcatFromSequence", "axis new_axis", .run = run_concat },
    { "OptionalHasElement", .result = FR_ONNX_BOOL, .run = run_has_element },
    { "SequenceAt", .run = run_at },
    { "SequenceConstruct", .run = run_construct, .check = check_one_type },
    { "SequenceEmpty", "dtype", .result = FR_IMPORT_BY_ATTRIBUTE, .dtype_attribute = "dtype", .run = run_empty },
    { "SequenceErase", .run = run_erase },
    { "SequenceInsert", .run = run_insert, .check = check_one_type },
    { "SequenceLength", .result = FR_ONNX_INT64, .run = run_length },
    { "SplitToSequence", "axis keepdims", .run = run_split },
};

const fr_import_op_table fr_import_sequence_ops = { ops, sizeof ops / sizeof *ops };
