/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reductions over all values or one dim: what their ops share. kernels/reduce.h does the work. */
#ifndef FROND_OPS_REDUCE_REDUCE_H
#define FROND_OPS_REDUCE_REDUCE_H

#include "kernels/reduce.h"
#include "ops/op.h"

#include <frond/c_code.h>

/* The attributes of a reduction's op. */
typedef struct {
    int dim;
    bool all, keepdim; /* all: over all values, whatever dim says */
    double p;          /* norm's p, the correction of var and std */
} fr_reduce_attributes;

/* infer: the output is input 0 without the dim, or with 1 in its place, or (). */
bool fr_infer_reduced(fr_op_call *call);
fr_shape fr_reduced_shape(const fr_shape *shape, const fr_reduce_attributes *a);
/* The sizes before, of and after the dim; (1,numel,1) for all values. */
fr_dim_sizes fr_dim_sizes_of(const fr_shape *shape, const fr_reduce_attributes *a);

/* forward: reduces input 0 to result `output`. reducer gives the reducer for a dtype. */
void fr_reduce_forward(fr_op_call *call, int output, const fr_reducer *(*reducer)(fr_dtype dtype));
/* The sum over the rows of x (rows,columns), y (columns), as for gradients of a bias. what: for the error when memory
 * runs out. */
bool fr_sum_rows(const char *what, fr_dtype dtype, int64_t rows, int64_t columns, const void *x, void *y);

/* For backward, in ops. t, of the output's shape, as if keepdim were true, so that it broadcasts to the input. */
fr_tensor *fr_keepdim(const fr_op_call *call, fr_tensor *t);
/* a / b, and 0 where b is 0. */
fr_tensor *fr_div_or_zero(fr_tensor *a, fr_tensor *b);

/* fr_op.onnx of an op whose onnx_name is that of ONNX's reduction. */
bool fr_onnx_reduce(fr_onnx *g, const fr_op_call *call);
/* Writes a node of the given type that reduces x, which has input 0's shape, as the op does, to y. */
void fr_onnx_reduce_to(fr_onnx *g, const fr_op_call *call, const char *type, const char *x, bool keepdim,
                       const char *y);

/* For fr_op.c_code. Writes a loop over the expressions START, STEP and FINISH of fr_c_reduction. */
bool fr_c_reduce(fr_c_writer *w, const fr_op_call *call, const char *start, const char *step, const char *finish);
/* Writes a call name(outer, n, inner, MORE x, y) of the helper whose text is given. */
bool fr_c_reduce_by(fr_c_writer *w, const fr_op_call *call, const char *name, const char *text, const char *more);
/* Notes that the op takes each row by itself, if it does: where nothing but dims of size 1 follows its dim. */
void fr_c_reduces_rows(fr_c_writer *w, const fr_op_call *call);

/* What the entries of these ops have in common. The file defines forward and c_code. */
#define FR_REDUCTION_OP(NAME, INFER)                                                                                   \
    .name = NAME, .shapes = "(*,N,**) -> () or (*,**) or (*,1,**) or (1...)", .inputs = 1, .outputs = 1,               \
    .attributes_size = sizeof(fr_reduce_attributes), .infer = INFER, .forward = forward, .c_code = c_code

/* Applies op, and gives the first of its results, for the public function `what`, whose name is not the op's. reserved:
 * those fields of its options, or NULL. */
fr_tensor *fr_apply_reduction(const char *what, const fr_op *op, fr_tensor *t, fr_reduce_attributes a,
                              void *const *reserved);

/* The same over several dims, or over all values where dims lists none: they are moved to the end and joined into one,
 * which op reduces. p: that of the attributes. */
fr_tensor *fr_apply_reduction_dims(const char *what, const fr_op *op, fr_tensor *t, const fr_shape *dims, bool keepdim,
                                   double p);

#endif
