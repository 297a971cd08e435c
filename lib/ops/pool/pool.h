/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What the pools share: one value for each window and channel. kernels/pool.h has the formulas. */
#ifndef FROND_OPS_POOL_POOL_H
#define FROND_OPS_POOL_POOL_H

#include "kernels/pool.h"
#include "ops/sliding_window.h"

/* The attributes. The window's sizes, which depend on x, are not set, but for out_size of an adaptive pool;
 * fr_pool_complete sets them in a copy. */
typedef struct {
    fr_pool pool;
    bool ceil_mode;
    /* avg_unpool: of the pool whose gradient it is, the op and its input's shape. */
    const fr_op *avg_pool;
    fr_shape x;
} fr_pool_attributes;

/* Reads the options that all pools have. Fails as what. */
bool fr_read_pool_window(const char *what, int dims, const fr_shape *kernel, const fr_shape *stride,
                         const fr_shape *padding, const fr_shape *dilation, fr_sliding_window *w);
/* The call's attributes with the sizes for an input of shape x. Fails the call if no window fits. */
bool fr_pool_complete(fr_op_call *call, const fr_shape *x, fr_pool_attributes *a);
/* infer: output 0 of a pool of input 0. */
void fr_pool_infer_output(fr_op_call *call, const fr_pool_attributes *a);
/* Reads the output size of an adaptive pool; with two dims -1 keeps that of x. Fails as what. */
bool fr_read_output_size(const char *what, int dims, const fr_shape *size, int64_t out_size[FR_SPATIAL_DIMS]);
/* How many planes there are in x, the input's shape: its images times its channels. */
int64_t fr_pool_planes(const fr_pool *p, const fr_shape *x);

/* --- max_pool.c: max_pool1d and max_pool2d ------------------------------------------------------------------------ */

/* Reads the options for so many dims. Fails as what. options may be NULL. */
bool fr_read_max_pool_options(const char *what, int dims, const fr_shape *kernel, const fr_max_pool_options *options,
                              fr_pool_attributes *a);
/* The public functions. indices: where output 1 goes, or NULL. */
fr_tensor *fr_apply_max_pool(const char *what, const fr_op *op, int dims, fr_tensor *x, fr_shape kernel,
                             const fr_max_pool_options *options, fr_tensor **indices);
bool fr_max_pool_infer(fr_op_call *call);
void fr_max_pool_forward(fr_op_call *call);
void fr_max_pool_backward(fr_op_call *call);
void fr_max_pool_backward_kernel(fr_op_call *call);
bool fr_max_pool_c_code(fr_c_writer *w, const fr_op_call *call);
bool fr_max_pool_onnx(fr_onnx *g, const fr_op_call *call);

/* Output 1, int64, is the position of each value of output 0 in its plane. */
#define FR_MAX_POOL_OP                                                                                                 \
    .inputs = 1, .outputs = 2, .saves_inputs = FR_SAVES_NOTHING, .saves_outputs = 2, .null_gradients = true,           \
    .attributes_size = sizeof(fr_pool_attributes), .infer = fr_max_pool_infer, .forward = fr_max_pool_forward,         \
    .backward = fr_max_pool_backward, .backward_kernel = fr_max_pool_backward_kernel, .c_code = fr_max_pool_c_code,    \
    .onnx_name = "MaxPool", .onnx = fr_max_pool_onnx

/* --- max_unpool.c ------------------------------------------------------------------------------------------------- */

/* Reads the options but for output_size. Fails as what. options may be NULL. */
bool fr_read_max_unpool_options(const char *what, int dims, const fr_shape *kernel,
                                const fr_max_unpool_options *options, fr_sliding_window *w);
/* The public functions. */
fr_tensor *fr_apply_max_unpool(const char *what, int dims, fr_tensor *x, fr_tensor *indices, fr_shape kernel,
                               const fr_max_unpool_options *options);

/* --- avg_pool.c: avg_pool1d, avg_pool2d, adaptive_avg_pool1d and adaptive_avg_pool2d ------------------------------ */

bool fr_read_avg_pool_options(const char *what, int dims, const fr_shape *kernel, const fr_avg_pool_options *options,
                              fr_pool_attributes *a);
fr_tensor *fr_apply_avg_pool(const fr_op *op, int dims, fr_tensor *x, fr_shape kernel,
                             const fr_avg_pool_options *options);
bool fr_avg_pool_infer(fr_op_call *call);
void fr_avg_pool_forward(fr_op_call *call);
void fr_avg_pool_backward(fr_op_call *call);
bool fr_avg_pool_c_code(fr_c_writer *w, const fr_op_call *call);
bool fr_avg_pool_onnx(fr_onnx *g, const fr_op_call *call);

/* Writes a call name(windows, x, y) of the helper whose text is given. It has the sizes in a struct avg_windows, and
 * may call span(windows, dim, i, &from, &to), which finds window i along a dim and returns what it counts as. shape: of
 * the pool's input. */
bool fr_c_avg_windows(fr_c_writer *w, const fr_op_call *call, const fr_pool_attributes *a, const fr_shape *shape,
                      const char *name, const char *text);

#define FR_AVG_POOL_OP                                                                                                 \
    .inputs = 1, .outputs = 1, .saves_inputs = FR_SAVES_NOTHING, .attributes_size = sizeof(fr_pool_attributes),        \
    .infer = fr_avg_pool_infer, .forward = fr_avg_pool_forward, .backward = fr_avg_pool_backward,                      \
    .c_code = fr_avg_pool_c_code, .onnx_name = "AveragePool", .onnx = fr_avg_pool_onnx

/* avg_unpool.c: the gradient of an average pool by x, from the gradient g of y. a is completed. */
fr_tensor *fr_avg_unpool(fr_tensor *g, const fr_pool_attributes *a);

#endif
