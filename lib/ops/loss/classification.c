/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Shapes, targets, the definition and the mean of classification losses. */
#include "ops/loss/classification.h"

#include "core/recorder.h"

/* --- Shapes and targets ------------------------------------------------------------------------------------------ */

fr_reduce_attributes fr_class_dim(const fr_shape *shape)
{
    return (fr_reduce_attributes){ .dim = shape->ndim > 1 ? 1 : 0 };
}

static bool infer_target(fr_op_call *call, const char *name, bool probabilities, const fr_shape *rows)
{
    const fr_tensor *x = call->in[0], *target = call->in[1];
    bool classes = target->dtype == FR_I64;
    char a[FR_SHAPE_TEXT], b[FR_SHAPE_TEXT], c[FR_SHAPE_TEXT];

    if (!classes && probabilities && target->dtype != x->dtype)
        return fr_op_fail(call, "%s are %s, probabilities %s: use fr_cast", name, fr_dtype_name((fr_dtype)x->dtype),
                          fr_dtype_name((fr_dtype)target->dtype));
    if (x->shape.ndim < 1 || !(classes || probabilities) || !fr_shape_equal(&target->shape, classes ? rows : &x->shape))
        return fr_op_fail(call, "%s %s, target %s, %s: expected classes %s, int64%s", name, fr_shape_text(&x->shape, a),
                          fr_shape_text(&target->shape, b), fr_dtype_name((fr_dtype)target->dtype),
                          fr_shape_text(rows, c), probabilities ? ", or probabilities of the logits' shape" : "");
    return true;
}

static bool infer_weight(fr_op_call *call, const char *name, int64_t n)
{
    const fr_tensor *x = call->in[0], *weight = call->inputs > 2 ? call->in[2] : NULL;
    fr_shape expected = { 1, { n } };
    char a[FR_SHAPE_TEXT], b[FR_SHAPE_TEXT];

    if (weight && call->recording && fr_tracked(weight))
        return fr_op_fail(call, "the weight wants a gradient, which there is none of: fr_detach it");
    if (!weight || (weight->dtype == x->dtype && fr_shape_equal(&weight->shape, &expected)))
        return true;
    return fr_op_fail(call, "weight %s, %s: expected %s, %s, one for each class of the %s",
                      fr_shape_text(&weight->shape, a), fr_dtype_name((fr_dtype)weight->dtype),
                      fr_shape_text(&expected, b), fr_dtype_name((fr_dtype)x->dtype), name);
}

bool fr_infer_classification(fr_op_call *call, const char *name, bool probabilities)
{
    const fr_tensor *x = call->in[0];
    const fr_classification_attributes *a = call->attributes;
    fr_reduce_attributes over = fr_class_dim(&x->shape);
    fr_shape rows = fr_reduced_shape(&x->shape, &over);

    if (x->dtype == FR_I64)
        return fr_op_fail(call, "%s are int64, expected float32 or float64", name);
    if (!infer_target(call, name, probabilities, &rows) || !infer_weight(call, name, x->shape.dim[over.dim]))
        return false;
    if (a->has_ignore_index && call->in[1]->dtype != FR_I64)
        return fr_op_fail(call, "ignore_index %lld given, but the target holds probabilities",
                          (long long)a->ignore_index);
    if (!(a->label_smoothing >= 0 && a->label_smoothing <= 1))
        return fr_op_fail(call, "label_smoothing is %g, expected a number in [0, 1]", a->label_smoothing);
    call->out[0] = (fr_meta){ .shape = rows, .dtype = (fr_dtype)x->dtype };
    return true;
}

bool fr_check_classes(fr_op_call *call)
{
    const fr_classification_attributes *a = call->attributes;
    const fr_shape *shape = &call->in[0]->shape;
    const int64_t *class = (const int64_t *)call->in[1]->origin;
    int64_t n = shape->dim[fr_class_dim(shape).dim];
    char text[FR_SHAPE_TEXT];

    for (int64_t i = 0; i < call->in[1]->numel; i++)
        if ((class[i] < 0 || class[i] >= n) && class[i] != a->ignore_index)
            return fr_op_fail(call, "class %lld at %lld of the target is out of range: shape %s has %lld classes",
                              (long long)class[i], (long long)i, fr_shape_text(shape, text), (long long)n);
    return true;
}

fr_class_target fr_class_target_of(const fr_op_call *call)
{
    const fr_classification_attributes *a = call->attributes;
    const fr_tensor *x = call->in[0], *target = call->in[1];
    fr_reduce_attributes over = fr_class_dim(&x->shape);
    fr_class_target t = { .sizes = fr_dim_sizes_of(&x->shape, &over),
                          .x = x->origin,
                          .ignore_index = a->ignore_index,
                          .label_smoothing = a->label_smoothing };

    if (target->dtype == FR_I64)
        t.classes = (const int64_t *)target->origin;
    else
        t.probabilities = target->origin;
    if (call->inputs > 2)
        t.weight = call->in[2]->origin;
    return t;
}

/* --- The definition ---------------------------------------------------------------------------------------------- */

fr_tensor *fr_weigh_classes(fr_op_call *call, fr_tensor *log_p)
{
    const fr_shape *shape = &call->in[0]->shape;
    fr_reduce_attributes over = fr_class_dim(shape);
    fr_shape column = { .dim = { shape->dim[over.dim], 1, 1, 1, 1, 1, 1, 1 } };

    if (call->inputs < 3)
        return log_p;
    column.ndim = shape->ndim - over.dim;
    return fr_mul(log_p, fr_reshape(call->in[2], column));
}

/* -(1 - s) w[class] log_p[class] - s/C sum(w log_p) with label smoothing s. Ignored rows are taken for class 0 at
 * first, and get a loss of 0 in the end. */
fr_tensor *fr_nll_definition(fr_op_call *call, fr_tensor *log_p)
{
    const fr_classification_attributes *a = call->attributes;
    fr_tensor *target = call->in[1], *weight = call->inputs > 2 ? call->in[2] : NULL;
    fr_tensor *ignored = fr_eq_scalar(target, (double)a->ignore_index);
    fr_tensor *class = fr_masked_fill(target, ignored, 0), *l;
    int dim = fr_class_dim(&call->in[0]->shape).dim;

    l = fr_squeeze(fr_gather(log_p, dim, fr_unsqueeze(class, dim)), dim);
    if (weight)
        l = fr_mul(l, fr_view_as(fr_index_select(weight, 0, fr_flatten(class, 0, -1)), class));
    if (a->label_smoothing > 0) {
        double part = a->label_smoothing / (double)call->in[0]->shape.dim[dim];
        fr_tensor *all = fr_sum_dim(fr_weigh_classes(call, log_p), dim, false);

        l = fr_add(fr_mul_scalar(l, 1 - a->label_smoothing), fr_mul_scalar(all, part));
    }
    return fr_masked_fill(fr_neg(l), ignored, 0);
}

/* --- In C ------------------------------------------------------------------------------------------------------- */

bool fr_c_can_classify(fr_c_writer *w, const fr_op_call *call)
{
    const fr_classification_attributes *a = call->attributes;
    const fr_tensor *target = call->in[1];

    if (call->inputs > 2)
        return fr_c_fail(w, "class weights, which its mean would have to know before");
    if (a->has_ignore_index)
        return fr_c_fail(w, "ignore_index, by which its mean depends on the target");
    for (int64_t i = 0; target->dtype == FR_I64 && i < target->numel; i++)
        if ((int64_t)fr_at(target, i) == a->ignore_index)
            return fr_c_fail(w, "a row of the target that does not count");
    return true;
}

/* --- The mean ---------------------------------------------------------------------------------------------------- */

static double class_divisor(fr_tensor *const *in, int n, const void *attributes)
{
    const fr_tensor *target = in[1];
    const int64_t *class = (const int64_t *)target->origin;
    int64_t ignored = ((const fr_classification_attributes *)attributes)->ignore_index;
    double sum = 0;

    if (target->dtype != FR_I64) {
        fr_reduce_attributes over = fr_class_dim(&target->shape);
        fr_shape rows = fr_reduced_shape(&target->shape, &over);

        return (double)fr_shape_numel(&rows);
    }
    for (int64_t i = 0; i < target->numel; i++) {
        int64_t c = class[target->contiguous ? i : fr_offset_of(target, i)];

        if (c != ignored)
            sum += n > 2 ? fr_at(in[2], c) : 1;
    }
    return sum;
}

/* into = how many of the classes `from` are not m */
static bool count_classes(const fr_action *a)
{
    fr_classification_attributes attributes = { .ignore_index = a->m };

    fr_fill(a->into, class_divisor((fr_tensor *[]){ NULL, a->from }, 2, &attributes));
    return true;
}

/* A captured function counts anew at each replay. */
fr_tensor *fr_divide_by_classes(fr_tensor *sum, fr_tensor *const *in, int n, const void *attributes)
{
    const fr_classification_attributes *a = attributes;
    fr_thread *th = fr_thread_self();
    fr_tensor *count;

    if (!th->recorder || in[1]->dtype != FR_I64)
        return fr_div_scalar(sum, class_divisor(in, n, attributes));
    if (n > 2 && !fr_not_captured(th, "a mean over class weights"))
        return NULL;
    count = sum ? fr_hold("count", fr_tensor_alloc("count", &(fr_shape){ 0 }, (fr_dtype)sum->dtype)) : NULL;
    if (!count || !fr_act(th, &(fr_action){ .run = count_classes, .into = count, .from = in[1], .m = a->ignore_index }))
        return NULL;
    return fr_div(sum, count);
}
