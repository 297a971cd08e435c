/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Convolutions over one or two dims. All of it is one trilinear form, sum of w[o][c][k] x[c][p stride - padding + k
 * dilation] g[o][p]: the convolution is its derivative by g, and its gradients are those by x and by w. So there are
 * three maps, each the gradient of the other two, and derivatives of any order come of the same three kernels. */
#ifndef FROND_OPS_CONV_CONV_H
#define FROND_OPS_CONV_CONV_H

#include "ops/sliding_window.h"

#include <frond/c_code.h>

/* The attributes. Infer completes a copy. */
typedef struct {
    fr_windows w;
    int64_t groups;
    bool same; /* padding is found from the kernel */
    /* What infer finds; channels are those of one group. */
    fr_shape x;
    int64_t images, channels, filters;
} fr_convolution;

/* The options for so many dims; fails as what. options may be NULL. */
bool fr_convolution_read(const char *what, int dims, const fr_conv_options *options, fr_convolution *c);

/* The public functions. */
fr_tensor *fr_convolve(const fr_op *op, int dims, fr_tensor *x, fr_tensor *weight, fr_tensor *bias,
                       const fr_conv_options *options);

bool fr_infer_convolution(fr_op_call *call);
void fr_convolution_forward(fr_op_call *call);
void fr_convolution_backward(fr_op_call *call);
bool fr_convolution_c_code(fr_c_writer *w, const fr_op_call *call);
bool fr_convolution_onnx(fr_onnx *g, const fr_op_call *call);
int64_t fr_convolution_multiply_adds(const fr_op_call *call);

#define FR_CONVOLUTION_OP                                                                                              \
    .inputs = 3, .outputs = 1, .optional = 4, .saves_inputs = 3, .attributes_size = sizeof(fr_convolution),            \
    .infer = fr_infer_convolution, .forward = fr_convolution_forward, .backward = fr_convolution_backward,             \
    .c_code = fr_convolution_c_code, .onnx_name = "Conv", .onnx = fr_convolution_onnx,                                 \
    .multiply_adds = fr_convolution_multiply_adds

/* convolve.c: the kernels, over contiguous values of one float dtype. x (images, groups*channels, size), w (groups*
 * filters, channels, kernel), y and g (images, groups*filters, out). False with an error of what: out of memory. */

/* y = the convolution of x and w, or (onto) y + that. */
bool fr_convolve_values(const char *what, const fr_convolution *c, fr_dtype dtype, const void *x, const void *w,
                        bool onto, void *y);
/* dx and dw = the gradients by x and by w, where g is that of y. */
bool fr_convolve_by_x(const char *what, const fr_convolution *c, fr_dtype dtype, const void *g, const void *w,
                      void *dx);
bool fr_convolve_by_w(const char *what, const fr_convolution *c, fr_dtype dtype, const void *x, const void *g,
                      void *dw);

#endif
