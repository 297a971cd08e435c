/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* unfold and one_hot, which number positions. Their cases stand in gather.c and eq.c. */
#include "core/recorder.h"
#include "ops/op.h"

/* The positions that the windows along a dim begin with and go through: 0, 1, ..., size-1, step, step+1, ... */
static fr_tensor *window_positions(int64_t windows, int64_t size, int64_t step)
{
    fr_tensor *positions = fr_tensor_alloc("unfold", &(fr_shape){ 1, { windows * size } }, FR_I64);

    for (int64_t i = 0; positions && i < positions->numel; i++)
        ((int64_t *)(void *)positions->origin)[i] = i / size * step + i % size;
    fr_note_constant(fr_thread_self(), positions);
    return fr_hold("unfold", positions);
}

static fr_tensor *unfolded(fr_tensor *t, int dim, int64_t size, int64_t step)
{
    int i = fr_shape_dim(&t->shape, dim), ndim = t->shape.ndim;
    int64_t whole = ndim > 0 && i >= 0 ? t->shape.dim[i] : 1, windows, values;
    fr_shape y = t->shape;
    char text[FR_SHAPE_TEXT];

    if (i < 0)
        return fr_fail("unfold", "dim %d is out of range for shape %s", dim, fr_shape_text(&t->shape, text));
    if (size < 0 || size > whole || step < 1)
        return fr_fail("unfold", "windows of %lld, each %lld further, along dim %d of shape %s", (long long)size,
                       (long long)step, i, fr_shape_text(&t->shape, text));
    windows = (whole - size) / step + 1;
    if (ndim == FR_MAX_DIMS || !fr_mul_size(windows, size, &values))
        return fr_fail("unfold", "shape %s would get more than %d dims, or too large", fr_shape_text(&t->shape, text),
                       FR_MAX_DIMS);
    if (ndim == 0)
        return size == 1 ? fr_unsqueeze(t, 0) : fr_slice(fr_unsqueeze(t, 0), 0, 0, 0, 1);
    memmove(y.dim + i + 1, y.dim + i, (size_t)(ndim - i) * sizeof *y.dim);
    y.ndim++;
    y.dim[i] = windows;
    y.dim[i + 1] = size;
    return fr_movedim(fr_reshape(fr_index_select(t, i, window_positions(windows, size, step)), y), i + 1, -1);
}

fr_tensor *fr_unfold(fr_tensor *t, int dim, int64_t size, int64_t step)
{
    fr_composition c = fr_compose("unfold");

    return fr_composed(c, fr_check_argument("unfold", t, "t") ? unfolded(t, dim, size, step) : NULL);
}

static fr_tensor *one_hot(fr_tensor *index, int64_t num_classes)
{
    if (index->dtype != FR_I64)
        return fr_fail("one_hot", "the index is %s, expected int64", fr_dtype_name((fr_dtype)index->dtype));
    if (num_classes < 0 && index->numel == 0)
        return fr_fail("one_hot", "no index tells the number of classes");
    if (num_classes < 0) {
        fr_tensor *most = fr_may_look(fr_thread_self(), "one_hot") ? fr_max(index) : NULL;

        num_classes = most ? *(const int64_t *)(const void *)most->origin + 1 : 0;
    }
    if (!fr_check_index("one_hot", index, index->shape.ndim, num_classes))
        return NULL;
    return fr_cast(fr_eq(fr_unsqueeze(index, -1), fr_arange(0, (double)num_classes, 1, FR_I64)), FR_I64);
}

fr_tensor *fr_one_hot(fr_tensor *index, int64_t num_classes)
{
    fr_composition c = fr_compose("one_hot");

    return fr_composed(c, fr_check_argument("one_hot", index, "index") ? one_hot(index, num_classes) : NULL);
}
