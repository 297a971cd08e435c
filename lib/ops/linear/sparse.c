/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Products of a sparse matrix with a dense one, for graph networks: row i of y is the sum of value times row j of the
 * dense matrix over all entries (i, j). Their cases stand in index/scatter.c. */
#include "ops/op.h"

/* row, column and values (nnz), dense (n,k) -> (rows,k). */
static fr_tensor *multiplied(fr_tensor *row, fr_tensor *column, fr_tensor *values, int64_t rows, fr_tensor *dense)
{
    fr_tensor *parts = fr_mul(fr_unsqueeze(values, 1), fr_index_select(dense, 0, column));

    if (!parts || !row)
        return NULL;
    return fr_scatter_zeros(parts, (fr_shape){ 2, { rows, parts->shape.dim[1] } }, 0,
                            fr_expand(fr_unsqueeze(row, 1), parts->shape));
}

static fr_tensor *sparse_mm(fr_tensor *indices, fr_tensor *values, int64_t rows, fr_tensor *dense)
{
    char x[FR_SHAPE_TEXT], y[FR_SHAPE_TEXT], z[FR_SHAPE_TEXT];

    if (indices->shape.ndim != 2 || indices->shape.dim[0] != 2 || values->shape.ndim != 1 || dense->shape.ndim != 2 ||
        values->numel != indices->shape.dim[1] || rows < 0)
        return fr_fail("sparse_mm", "indices %s, values %s, %lld rows, dense %s; expected (2,nnz), (nnz) and (n,k)",
                       fr_shape_text(&indices->shape, x), fr_shape_text(&values->shape, y), (long long)rows,
                       fr_shape_text(&dense->shape, z));
    return multiplied(fr_select(indices, 0, 0), fr_select(indices, 0, 1), values, rows, dense);
}

fr_tensor *fr_sparse_mm(fr_tensor *indices, fr_tensor *values, int64_t rows, fr_tensor *dense)
{
    fr_composition c = fr_compose("sparse_mm");
    bool ok = fr_check_argument("sparse_mm", indices, "indices") && fr_check_argument("sparse_mm", values, "values") &&
              fr_check_argument("sparse_mm", dense, "dense");

    return fr_composed(c, ok ? sparse_mm(indices, values, rows, dense) : NULL);
}

/* The row of each of nnz entries: how many rows have ended before it. */
static fr_tensor *rows_of(fr_tensor *crow, int64_t nnz)
{
    fr_tensor *ends = fr_slice(crow, 0, 1, INT64_MAX, 1);
    fr_tensor *ended = ends ? fr_scatter_zeros(fr_ones_like(ends), (fr_shape){ 1, { nnz + 1 } }, 0, ends) : NULL;

    return fr_slice(fr_cumsum(ended, 0), 0, 0, nnz, 1);
}

static fr_tensor *sparse_csr_mm(fr_tensor *crow, fr_tensor *col, fr_tensor *values, fr_tensor *dense)
{
    char w[FR_SHAPE_TEXT], x[FR_SHAPE_TEXT], y[FR_SHAPE_TEXT], z[FR_SHAPE_TEXT];

    if (crow->shape.ndim != 1 || crow->numel < 1 || col->shape.ndim != 1 || values->shape.ndim != 1 ||
        dense->shape.ndim != 2 || col->numel != values->numel)
        return fr_fail("sparse_csr_mm",
                       "crow %s, col %s, values %s, dense %s; expected (rows + 1), (nnz), (nnz) and "
                       "(n,k)",
                       fr_shape_text(&crow->shape, w), fr_shape_text(&col->shape, x), fr_shape_text(&values->shape, y),
                       fr_shape_text(&dense->shape, z));
    return multiplied(rows_of(crow, values->numel), col, values, crow->numel - 1, dense);
}

fr_tensor *fr_sparse_csr_mm(fr_tensor *crow, fr_tensor *col, fr_tensor *values, fr_tensor *dense)
{
    fr_composition c = fr_compose("sparse_csr_mm");
    bool ok = fr_check_argument("sparse_csr_mm", crow, "crow") && fr_check_argument("sparse_csr_mm", col, "col") &&
              fr_check_argument("sparse_csr_mm", values, "values") &&
              fr_check_argument("sparse_csr_mm", dense, "dense");

    return fr_composed(c, ok ? sparse_csr_mm(crow, col, values, dense) : NULL);
}
