/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
#ifndef FROND_KERNELS_ORTHOGONAL_H
#define FROND_KERNELS_ORTHOGONAL_H

#include <stdint.h>

/* Makes the rows of v (rows,n), contiguous, orthonormal by Gram-Schmidt, the first one first. A row of zeros stays. */
void fr_orthogonalise_rows(int64_t rows, int64_t n, double *v);

#endif
