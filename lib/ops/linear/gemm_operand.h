/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Tensors of any strides as the matrices that fr_gemm takes. */
#ifndef FROND_OPS_LINEAR_GEMM_OPERAND_H
#define FROND_OPS_LINEAR_GEMM_OPERAND_H

#include "kernels/gemm.h"
#include "ops/op.h"

typedef struct {
    fr_tensor *t;    /* the tensor given, or copy */
    fr_tensor *copy; /* one reference; NULL: none was needed */
    bool transposed; /* columns, not rows, lie without gaps */
    int64_t lead;    /* distance of rows (transposed: of columns), in elements */
} fr_matrix;

/* t's last two dims as a matrix; copies t if neither rows nor columns lie without gaps. False if memory runs out: then
 * the call has failed. */
bool fr_matrix_open(fr_op_call *call, fr_tensor *t, fr_matrix *m);
/* t (...,n) as the matrix (rows,n). */
bool fr_matrix_open_rows(fr_op_call *call, fr_tensor *t, fr_matrix *m);
void fr_matrix_close(fr_matrix *m);

/* Where matrix number `batch` begins in t, in elements; batch counts over the dims of y before its last two, row-major,
 * to which those of t broadcast. */
int64_t fr_batch_offset(const fr_tensor *t, const fr_shape *y, int64_t batch);

#endif
