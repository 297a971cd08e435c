/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Convolutions over one or two dims, and why they need no other kernels for derivatives of any order. All of it is one
 * trilinear form of the input, the weight and an output g,
 *
 *     f(x, w, g) = sum over o, c, k, p of w[o][c][k] x[c][p stride - padding + k dilation] g[o][p]
 *
 * The convolution y is df/dg. If g is the gradient of y, then that of x is df/dx and that of w is df/dw. As f is linear
 * in each of the three, so are these maps, and the gradients of each are the other two: conv1d or conv2d (df/dg),
 * conv_by_x (df/dx, also known as transposed convolution) and conv_by_weight (df/dw). (Dumoulin and Visin, "A Guide to
 * Convolution Arithmetic for Deep Learning", 2016.) */
#ifndef FROND_OPS_CONV_CONV_H
#define FROND_OPS_CONV_CONV_H

#include "kernels/convolve.h"
#include "ops/sliding_window.h"

/* The attributes of all four ops. Of a conv1d or conv2d, what depends on the shapes of its inputs is not set: channels,
 * batch, x, the window's kernel and sizes, and with `same` its padding. fr_conv_complete sets these in a copy, which is
 * what conv_by_x and conv_by_weight get. */
typedef struct {
    fr_convolution conv;
    bool same;  /* padding="same" */
    fr_shape x; /* the input's shape */
} fr_conv_attributes;

/* Reads the options for so many dims. Fails as what. options may be NULL. */
bool fr_read_conv_options(const char *what, int dims, const fr_conv_options *options, fr_conv_attributes *a);
/* The call's attributes, completed from the shapes of its inputs. Fails the call if they do not fit. */
bool fr_conv_complete(fr_op_call *call, fr_conv_attributes *a);

/* The same for transposed convolutions: a is that of the convolution whose gradient it is. */
bool fr_read_conv_transpose_options(const char *what, int dims, const fr_conv_transpose_options *options,
                                    fr_conv_attributes *a, int64_t output_padding[FR_SPATIAL_DIMS]);
/* What these options have in common with those of that convolution. */
fr_conv_options fr_conv_transpose_window(const fr_conv_transpose_options *options);

/* The public functions of conv1d and conv2d. */
fr_tensor *fr_apply_conv(const fr_op *op, int dims, fr_tensor *x, fr_tensor *weight, fr_tensor *bias,
                         const fr_conv_options *options);
/* The three maps, with completed attributes. g: the gradient of y. */
fr_tensor *fr_conv_without_bias(fr_tensor *x, fr_tensor *weight, const fr_conv_attributes *a);
fr_tensor *fr_conv_by_x(fr_tensor *g, fr_tensor *weight, const fr_conv_attributes *a);
fr_tensor *fr_conv_by_weight(fr_tensor *x, fr_tensor *g, const fr_conv_attributes *a);

bool fr_conv_infer(fr_op_call *call);
void fr_conv_forward(fr_op_call *call);
void fr_conv_backward(fr_op_call *call);
bool fr_conv_c_code(fr_c_writer *w, const fr_op_call *call);
/* The struct of the helpers: convolution. */
void fr_c_convolution(fr_c_writer *w);
/* c_tiles.c: the three maps where there are several images, faster, with memory for a block of places. operands: of the
 * helper, "x, w, b", "g, w" or "x, g". */
typedef enum { FR_CONV_TILES, FR_CONV_TILES_BY_X, FR_CONV_TILES_BY_WEIGHT } fr_conv_tiles;
bool fr_conv_c_has_tiles(const fr_convolution *c);
bool fr_conv_c_tiles(fr_c_writer *w, fr_conv_tiles map, const fr_convolution *c, const char *operands, const char *to);
bool fr_conv_onnx(fr_onnx *g, const fr_op_call *call);
int64_t fr_conv_multiply_adds(const fr_op_call *call);

/* conv1d and conv2d: inputs x, weight and bias, which may be NULL. */
#define FR_CONV_OP                                                                                                     \
    .inputs = 3, .outputs = 1, .optional = 4, .saves_inputs = 3, .attributes_size = sizeof(fr_conv_attributes),        \
    .infer = fr_conv_infer, .forward = fr_conv_forward, .backward = fr_conv_backward, .c_code = fr_conv_c_code,        \
    .onnx_name = "Conv", .onnx = fr_conv_onnx, .multiply_adds = fr_conv_multiply_adds

extern const fr_op fr_conv1d_op, fr_conv2d_op, fr_conv_by_x_op, fr_conv_by_weight_op;

#ifdef FR_TESTS
/* conv_by_x or conv_by_weight of in[0] and in[1], as backward calls it for one dim: x (2,4,8), weight (6,2,3), stride
 * 2, padding 1 and 2 groups; for two: x (2,6,4), weight (3,2,3,2), stride (2,1), padding (0,1) and dilation (1,2). */
fr_tensor *fr_conv_test_gradient(const fr_op *op, int dims, fr_tensor *const *in);
#endif

#endif
