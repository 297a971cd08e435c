/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* pad_mode: a border of t's own values, picked along one dim after the other. Its cases stand in pad.c. */
#include "core/recorder.h"
#include "ops/view/view.h"

/* Where the value at i, counted from the first of `size` values, comes from. */
static int64_t source(int64_t i, int64_t size, fr_padding_mode mode)
{
    if (mode == FR_REFLECT)
        return i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
    if (mode == FR_REPLICATE)
        return i < 0 ? 0 : i >= size ? size - 1 : i;
    return (i % size + size) % size;
}

static fr_tensor *padded_dim(fr_tensor *t, int dim, int64_t before, int64_t after, fr_padding_mode mode)
{
    int64_t size = t->shape.dim[dim], most = mode == FR_REFLECT ? size - 1 : mode == FR_CIRCULAR ? size : INT64_MAX / 4;
    fr_tensor *index;
    char text[FR_SHAPE_TEXT];

    if (before > most || after > most || size < 1 || before < -size || after < -size || size + before + after < 0)
        return fr_fail("pad_mode", "%lld before and %lld after dim %d of shape %s: too much for this mode",
                       (long long)before, (long long)after, dim, fr_shape_text(&t->shape, text));
    index = fr_hold("pad_mode", fr_tensor_alloc("pad_mode", &(fr_shape){ 1, { size + before + after } }, FR_I64));
    for (int64_t i = 0; index && i < index->numel; i++)
        ((int64_t *)(void *)index->origin)[i] = source(i - before, size, mode);
    fr_note_constant(fr_thread_self(), index);
    return index ? fr_index_select(t, dim, index) : NULL;
}

static fr_tensor *padded(fr_tensor *t, const int64_t *pads, int n, fr_padding_mode mode)
{
    int ndim = t->shape.ndim;
    char text[FR_SHAPE_TEXT];

    if (mode != FR_REFLECT && mode != FR_REPLICATE && mode != FR_CIRCULAR)
        return fr_fail("pad_mode", "unknown mode %d", (int)mode);
    if (n < 0 || n % 2 != 0 || n > 2 * ndim)
        return fr_fail("pad_mode", "%d numbers for shape %s, expected two for each of its last dims", n,
                       fr_shape_text(&t->shape, text));
    for (int i = 0; t && i < n / 2; i++)
        if (pads[2 * i] != 0 || pads[2 * i + 1] != 0)
            t = padded_dim(t, ndim - 1 - i, pads[2 * i], pads[2 * i + 1], mode);
    return t ? fr_reshape(t, t->shape) : NULL; /* a new one, even if nothing is added */
}

fr_tensor *fr_pad_mode(fr_tensor *t, const int64_t *pads, int n, fr_padding_mode mode)
{
    fr_composition c = fr_compose("pad_mode");
    bool given = fr_check_argument("pad_mode", t, "t") && (n == 0 || fr_check_argument("pad_mode", pads, "pads"));

    return fr_composed(c, given ? padded(t, pads, n, mode) : NULL);
}
