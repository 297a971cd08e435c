/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Windows that slide over the last one or two dims of a tensor, as the kernels of convolutions and pools do. One dim is
 * taken as two of which the first has size 1, so that one walk serves both. */
#ifndef FROND_OPS_SLIDING_WINDOW_H
#define FROND_OPS_SLIDING_WINDOW_H

#include "ops/op.h"

enum { FR_SPACE = 2 };

/* For each of the two dims: the window at output i holds the values i * stride - before + tap * dilation for each tap
 * of 0..kernel-1; where that is not within 0..size-1 there is padding. */
typedef struct {
    int dims; /* 1 or 2: how many the tensors have */
    int64_t kernel[FR_SPACE], stride[FR_SPACE], before[FR_SPACE], after[FR_SPACE], dilation[FR_SPACE];
    int64_t size[FR_SPACE], out[FR_SPACE]; /* of the input and the output */
} fr_windows;

/* An option with a number for each dim, all at least `least`, into values[]. given: that many, or one for all; where
 * there is none, otherwise's or (NULL) `least`. What cannot be fails, naming it. */
bool fr_window_option(const char *what, const char *name, const fr_shape *given, const fr_shape *otherwise, int dims,
                      int64_t least, int64_t values[FR_SPACE]);

/* An attribute; name NULL ends several of them. */
typedef struct {
    const char *name;
    int64_t value;
} fr_onnx_whole;

/* The call as a node of ONNX's op called type, of the same inputs, with kernel_shape, strides, pads, dilations and
 * more. ONNX wants a batch: where x has none, one of 1 is put before it and taken away again. */
void fr_onnx_slide(fr_onnx *g, const fr_op_call *call, const char *type, const fr_windows *w,
                   const fr_onnx_whole *more);

/* Whether shape is (C,L) or (N,C,L), for two dims (C,H,W) or (N,C,H,W). */
bool fr_is_spatial(const fr_windows *w, const fr_shape *shape);
/* Sets size[] from x, of such a shape. */
void fr_windows_over(fr_windows *w, const fr_shape *x);
/* And out[]; the call fails where no window fits. ceil_mode: a last window may reach beyond the padding, but begins
 * before it. */
bool fr_windows_fit(fr_op_call *call, const fr_shape *x, bool ceil_mode, fr_windows *w);
/* lead's dims but the last w->dims, of which the last is channels, then space[]. */
fr_shape fr_spatial_shape(const fr_windows *w, const fr_shape *lead, int64_t channels, const int64_t space[FR_SPACE]);

/* Values in each channel of the input, and of the output. */
static inline int64_t fr_windows_size(const fr_windows *w)
{
    return w->size[0] * w->size[1];
}

static inline int64_t fr_windows_out(const fr_windows *w)
{
    return w->out[0] * w->out[1];
}

/* The outputs from..to-1 are those where the tap is on a value; *start is where it is for output 0, if that is one. */
void fr_windows_within(const fr_windows *w, int dim, int64_t tap, int64_t *from, int64_t *to, int64_t *start);

#endif
