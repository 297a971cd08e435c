/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What the ops with a sliding window share, convolutions and pools: reading its options, its sizes, its text in ONNX
 * and in C. */
#ifndef FROND_OPS_SLIDING_WINDOW_H
#define FROND_OPS_SLIDING_WINDOW_H

#include "kernels/sliding_window.h"
#include "ops/op.h"

#include <frond/c_code.h>

/* Reads an option that has a number for each of `dims` dims. given: so many numbers, or one for all dims. If it is
 * empty, otherwise is taken, or `least` for all dims if otherwise is NULL. Fails as what, naming the option, if a
 * number is below `least` or their count is wrong. */
bool fr_read_window_option(const char *what, const char *name, const fr_shape *given, const fr_shape *otherwise,
                           int dims, int64_t least, int64_t values[FR_SPATIAL_DIMS]);

/* True if shape is (C,L) or (N,C,L), for two dims (C,H,W) or (N,C,H,W). */
bool fr_has_spatial_dims(const fr_sliding_window *w, const fr_shape *shape);
/* Sets in_size[] from x, which has such a shape. */
void fr_window_set_input(fr_sliding_window *w, const fr_shape *x);
/* Sets in_size[] and out_size[]. Fails the call if no window fits. ceil_mode: the last window may reach beyond the
 * padding if it begins before the padding behind the input. */
bool fr_window_set_sizes(fr_op_call *call, const fr_shape *x, bool ceil_mode, fr_sliding_window *w);
/* The shape (N,channels,space) or (channels,space); N as in `like`, a shape as x has it. */
fr_shape fr_spatial_shape(const fr_sliding_window *w, const fr_shape *like, int64_t channels,
                          const int64_t space[FR_SPATIAL_DIMS]);

/* An attribute of an ONNX node: a value, or one for each dim of the window. In an array of them, name NULL is the end.
 */
typedef struct {
    const char *name;
    int64_t value;
    const int64_t *values; /* NULL: value counts */
} fr_onnx_int_attribute;

/* Writes the call as a node of the ONNX op `type`, with the same inputs and with kernel_shape, strides, pads, dilations
 * and the attributes in `more`. ONNX needs a batch: an x without one gets a batch of 1, which is removed from y. */
void fr_onnx_window_node(fr_onnx *g, const fr_op_call *call, const char *type, const fr_sliding_window *w,
                         const fr_onnx_int_attribute *more);

/* Writes the window's members as initializers in C: ".size = { 1, 8 }, .kernel = ..., .out = ..." */
enum { FR_C_WINDOW_TEXT = 512 };
const char *fr_c_window(const fr_sliding_window *w, bool dilation, char text[FR_C_WINDOW_TEXT]);

#endif
