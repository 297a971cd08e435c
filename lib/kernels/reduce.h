/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Reductions of plain arrays: x (outer,n,inner) -> y (outer,inner). fr_reduce_array cuts the array into tiles, and a
 * reducer says how the values of a tile are gathered in states, and what comes of a state.
 *
 * The cut depends on the shape alone, and states are merged in a fixed order, so that the result is the same for any
 * number of threads. Most reducers are made by kernels/make_reducer.h from a few expressions; argmax.c and logsumexp.c
 * have loops of their own. */
#ifndef FROND_KERNELS_REDUCE_H
#define FROND_KERNELS_REDUCE_H

#include "core/base.h"
#include "core/row.h"
#include "kernels/dim_sizes.h"

#include <math.h>

enum {
    FR_REDUCE_WIDTH = 512, /* columns that are gathered at once, at most */
    FR_REDUCE_STATE = 24,  /* bytes of a state, at most */
    FR_REDUCE_LANES = 32,  /* states of a short row; columns that a narrow array is folded to: they make vector code */
    FR_REDUCE_ROW = 4096,  /* n up to which a row is short */
    FR_REDUCE_SLAB = 64,   /* n * inner below which a slab, the (n,inner) of one of outer, is small */
    FR_REDUCE_WIDE = 8     /* inner from which on the columns of a slab make vector code */
};

/* p is the number in the formula of some reductions: norm's p, the correction of var. */
typedef struct {
    size_t in, state, out; /* bytes of a value, a state, a result */
    /* Sets width states to that of no values. */
    void (*start)(int64_t width, void *states, double p);
    /* Adds the values x[r * stride + j] of row r and column j to state j. That value is number at + r * stride + j of
     * its slab. */
    void (*add)(int64_t rows, int64_t width, int64_t stride, int64_t at, const void *x, void *states, double p);
    /* Merges states (parts,width) into the first row. */
    void (*fold)(int64_t parts, int64_t width, void *states, double p);
    /* Makes width results of states. */
    void (*finish)(int64_t width, int64_t n, int64_t inner, const void *states, void *y, double p);
    /* Does all of it for count short rows (inner is 1) or small slabs, where the calls above would be most of the
     * work. */
    void (*small)(int64_t count, int64_t n, int64_t inner, const void *x, void *y, double p);
    bool by_columns; /* small makes vector code of FR_REDUCE_WIDE columns: so slabs of FR_REDUCE_ROW values are small */
} fr_reducer;

/* The type in which values of type T are added up: double, or for int64 uint64_t, which wraps around. */
#define FR_SUM_TYPE(T) __typeof__(_Generic((T)0, int64_t : (uint64_t)0, default : 0.0))

/* The state s of type FR_SUM_TYPE(T) with four values added. To change values to double takes longer than to add them,
 * so that four of float32 are added as such first: the error of the whole sum is at most 3 * 2^-24 of the sum of the
 * absolute values, of which 2^-24 is the rounding of the result to float32. */
#define FR_PART_TYPE(T)               __typeof__(_Generic((T)0, int64_t : (uint64_t)0, default : (T)0))
#define FR_SUM4(T, s, x0, x1, x2, x3) ((s) + (((FR_PART_TYPE(T))(x0) + (x1)) + ((FR_PART_TYPE(T))(x2) + (x3))))

/* The values of type T that none is below or above. */
#define FR_LOWEST(T)  _Generic((T)0, int64_t : INT64_MIN, default : -INFINITY)
#define FR_HIGHEST(T) _Generic((T)0, int64_t : INT64_MAX, default : INFINITY)

/* True if the value is NaN; false for int64. */
#define FR_IS_NAN(value) ((value) != (value))

/* The name of a function of the reducer called REDUCER, for one type and kind of CPU: sum_step_f32_base. */
#define REDUCER_FN(name) FN(JOIN(REDUCER, _##name))

/* Reduces x to y. Returns false when memory runs out. */
bool fr_reduce_array(const fr_reducer *reducer, fr_dim_sizes sizes, double p, const void *x, void *y);

/* The reducers that have a file of their own. dtype: that of x; logsumexp is of float32 and float64 alone. */
const fr_reducer *fr_argmax_reducer(fr_dtype dtype); /* y is int64 */
const fr_reducer *fr_argmin_reducer(fr_dtype dtype);
const fr_reducer *fr_logsumexp_reducer(fr_dtype dtype);
/* Writes dx = dy exp(x - y), where y = logsumexp(x) and its gradient dy are (outer,inner). */
void fr_logsumexp_backward(fr_dtype dtype, fr_dim_sizes sizes, const void *x, const void *y, const void *dy, void *dx);

/* The two parts of logsumexp, for cross-entropy: y (outer,inner,2) holds the maximum m, or a finite number if that is
 * inf, and log(sum(exp(x - m))), or NaN if x holds inf or NaN. They are kept apart so that x - m can be taken before
 * the sum. */
const fr_reducer *fr_logsumexp_parts_reducer(fr_dtype dtype);

#endif
