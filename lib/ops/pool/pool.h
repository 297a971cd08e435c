/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Pools: one value for each window and channel. */
#ifndef FROND_OPS_POOL_POOL_H
#define FROND_OPS_POOL_POOL_H

#include "core/threads.h"
#include "ops/sliding_window.h"

#include <frond/c_code.h>

/* The attributes. Of an average: what its windows are, and what it divides by. */
typedef struct {
    fr_windows w; /* size[] and out[] are not set but for out[] of an adaptive pool; see fr_pool_complete */
    bool ceil_mode, exclude_pad, adaptive;
    int64_t divisor; /* 0: the number of values */
    /* Of the op that turns an average round: the average, and its input's shape. */
    const fr_op *average;
    fr_shape x;
} fr_pool;

/* The options for so many dims; fails as what. options may be NULL. */
bool fr_max_pool_read(const char *what, int dims, const fr_shape *kernel, const fr_max_pool_options *options,
                      fr_pool *p);
bool fr_avg_pool_read(const char *what, int dims, const fr_shape *kernel, const fr_avg_pool_options *options,
                      fr_pool *p);

/* The public functions. */
fr_tensor *fr_apply_max_pool(const fr_op *op, int dims, fr_tensor *x, fr_shape kernel,
                             const fr_max_pool_options *options);
fr_tensor *fr_apply_avg_pool(const fr_op *op, int dims, fr_tensor *x, fr_shape kernel,
                             const fr_avg_pool_options *options);

/* The call's attributes with the sizes for input x; fails where no window fits. */
bool fr_pool_complete(fr_op_call *call, const fr_shape *x, fr_pool *p);
/* infer: output 0 of a pool of input 0 */
void fr_pool_meta(fr_op_call *call, const fr_pool *p);

/* Values that a plane, one channel of one image, is about: of it and of all its windows. */
double fr_pool_values(const fr_pool *p);
/* Runs plane(job, i) for each plane of x's shape, with so many values. */
typedef void fr_plane(const void *job, int64_t i);
void fr_run_planes(int64_t planes, double values, fr_plane *plane, const void *job);

/* Both kinds' c_code and onnx. */
bool fr_pool_c_code(fr_c_writer *w, const fr_op_call *call);
bool fr_pool_onnx(fr_onnx *g, const fr_op_call *call);

/* max_pooling.c. Output 1, which is internal, is where in its channel each value of output 0 is. */
bool fr_infer_max_pool(fr_op_call *call);
void fr_max_pool_forward(fr_op_call *call);
void fr_max_pool_backward(fr_op_call *call);
void fr_max_pool_backward_kernel(fr_op_call *call);

#define FR_MAX_POOL_OP                                                                                                 \
    .inputs = 1, .outputs = 2, .internal = 1, .saves_inputs = FR_SAVES_NOTHING, .saves_outputs = 2,                    \
    .attributes_size = sizeof(fr_pool), .infer = fr_infer_max_pool, .forward = fr_max_pool_forward,                    \
    .backward = fr_max_pool_backward, .backward_kernel = fr_max_pool_backward_kernel, .c_code = fr_pool_c_code,        \
    .onnx_name = "MaxPool", .onnx = fr_pool_onnx

/* avg_pooling.c */
bool fr_infer_avg_pool(fr_op_call *call);
void fr_avg_pool_forward(fr_op_call *call);
void fr_avg_pool_backward(fr_op_call *call);

#define FR_AVG_POOL_OP                                                                                                 \
    .inputs = 1, .outputs = 1, .saves_inputs = FR_SAVES_NOTHING, .attributes_size = sizeof(fr_pool),                   \
    .infer = fr_infer_avg_pool, .forward = fr_avg_pool_forward, .backward = fr_avg_pool_backward,                      \
    .c_code = fr_pool_c_code, .onnx_name = "AveragePool", .onnx = fr_pool_onnx

#endif
