/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Ops. Each op returns a new tensor; a view shares its input's storage. An op records itself if a gradient may be
 * wanted.
 *
 * Shapes are written (B,T,I). Two shapes broadcast as in NumPy: they are aligned at the last dim; where one shape has
 * size 1 or no dim, the other's size counts. dtypes never mix: an op fails and names both. If an input is NULL, an op
 * returns NULL, with an error unless this thread already has one. An *optional* argument may be NULL. */
#ifndef FROND_OPS_H
#define FROND_OPS_H

#include <frond/tensor.h>

FR_BEGIN_DECLS

/* --- Copies ------------------------------------------------------------------------------------------------------- */

/* Converts t to dtype; if t has it already, returns a view of t. Numbers are rounded to the nearest float; to int64
 * they are rounded towards zero, and NaN and numbers out of range become INT64_MIN. */
fr_tensor *fr_cast(fr_tensor *t, fr_dtype dtype);

fr_tensor *fr_clone(fr_tensor *t);      /* a contiguous copy with its own storage */
fr_tensor *fr_contiguous(fr_tensor *t); /* a view if t is contiguous, else a clone */

/* --- Views -------------------------------------------------------------------------------------------------------- */

/* Returns t's values, in row-major order, in another shape. One dim may be -1: its size is computed from the others,
 * which fails if any size would do. The result is a view if t's strides allow it, else a view of a copy. */
fr_tensor *fr_reshape(fr_tensor *t, fr_shape shape);

fr_tensor *fr_view_as(fr_tensor *t, const fr_tensor *other); /* fr_reshape to other's shape */
fr_tensor *fr_permute(fr_tensor *t, const int *dims);        /* dim i is t's dim dims[i]; dims has fr_ndim(t) entries */
/* The same for dims of `size` bytes, which the macro knows as that of fr_from_doubles does. */
fr_tensor *fr_permute_sized(size_t size, fr_tensor *t, const int *dims);
fr_tensor *fr_transpose(fr_tensor *t, int dim0, int dim1);        /* swaps two dims */
fr_tensor *fr_movedim(fr_tensor *t, int source, int destination); /* dim source becomes dim destination */
fr_tensor *fr_select(fr_tensor *t, int dim, int64_t index);       /* t[..., index, ...]: removes dim */

/* Returns t[..., start:stop:step, ...] along dim. start and stop are clamped to dim's size, as in Python; stop =
 * INT64_MAX means to the end. With a negative step positions are counted down, and stop = INT64_MIN means to the first
 * value; the result is no view then. step must not be 0. */
fr_tensor *fr_slice(fr_tensor *t, int dim, int64_t start, int64_t stop, int64_t step);

fr_tensor *fr_narrow(fr_tensor *t, int dim, int64_t start, int64_t length); /* fails unless all of it lies within t */
/* t[...] for the index that is written as in Python, printed as by printf: fr_index(t, "%d, ..., 1:, ::-1, None", i) is
 * t[i, ..., 1:, ::-1, None]. An item is a number, from:to:step, "..." or None (a new dim of size 1); there may be fewer
 * items than dims. A view unless a step is negative. Fails if the index is not of this kind, has more items than t has
 * dims or is longer than 255 characters, or where fr_select and fr_slice fail. */
fr_tensor *fr_index(fr_tensor *t, const char *format, ...) FR_PRINTF(2, 3);

/* Diagonal `offset` of the planes of dims dim1 and dim2, as the last dim: (*,m,n) -> (*,k). Above the main diagonal
 * offset is positive. A view if t is contiguous and dim1 and dim2 are its last dims. Fails if they are one. */
fr_tensor *fr_diagonal(fr_tensor *t, int64_t offset, int dim1, int dim2);
/* Diagonal k of a matrix; of a vector (n) a matrix (n + |k|, n + |k|) with it on that diagonal, zeros elsewhere.
 * Fails for another number of dims. */
fr_tensor *fr_diag(fr_tensor *t, int64_t k);

/* These cut t along dim into views, put them into parts, which has room for `room` tensors, and return their number.
 * They fail, with -1, if there are more, and say how many. */
/* Parts of `size` (>= 1), the last of which may be smaller. */
int fr_split(fr_tensor *t, int64_t size, int dim, fr_tensor **parts, int room);
/* At most `chunks` (>= 1) parts of equal size, the last of which may be smaller; fewer where a part would be empty,
 * but of an empty dim as many empty parts. */
int fr_chunk(fr_tensor *t, int chunks, int dim, fr_tensor **parts, int room);
int fr_unbind(fr_tensor *t, int dim, fr_tensor **parts, int room); /* fr_select of each position */
/* n parts of the given sizes, which must add up to the size of dim; parts has room for n. */
int fr_split_with_sizes(fr_tensor *t, const int64_t *sizes, int n, int dim, fr_tensor **parts);

fr_tensor *fr_squeeze(fr_tensor *t, int dim);          /* removes dim if its size is 1 */
fr_tensor *fr_unsqueeze(fr_tensor *t, int dim);        /* inserts a dim of size 1 before dim; -1: at the end */
fr_tensor *fr_expand(fr_tensor *t, fr_shape shape);    /* broadcasts t to shape; -1 keeps a dim's size */
fr_tensor *fr_flatten(fr_tensor *t, int from, int to); /* joins dims from..to into one */
/* Reverses fr_flatten: cuts dim into dims of these sizes, one of which may be -1. */
fr_tensor *fr_unflatten(fr_tensor *t, int dim, fr_shape sizes);

/* --- Joining and picking ------------------------------------------------------------------------------------------ */

fr_tensor *fr_cat(fr_tensor *const *ts, int n, int dim);   /* joins n tensors along dim; other sizes must be equal */
fr_tensor *fr_stack(fr_tensor *const *ts, int n, int dim); /* joins n tensors of equal shape along a new dim */

/* Gathers values along dim. For dim 0: result[i][j][k] = t[index[i][j][k]][j][k]; other dims likewise. index is int64
 * and has as many dims as t, none larger than t's except dim. Each index must be at least 0 and less than the size of
 * dim; an error names the first index that is not, and its position. */
fr_tensor *fr_gather(fr_tensor *t, int dim, fr_tensor *index);

/* Picks by index (n), int64: dim gets size n. Of a scalar one index picks the scalar. */
fr_tensor *fr_index_select(fr_tensor *t, int dim, fr_tensor *index);

/* Returns a where condition is not 0, else b. All three broadcast; condition may have any dtype. */
fr_tensor *fr_where(fr_tensor *condition, fr_tensor *a, fr_tensor *b);
/* Returns t with value where mask is not 0. mask broadcasts to t's shape. value must be whole if t is int64. */
fr_tensor *fr_masked_fill(fr_tensor *t, fr_tensor *mask, double value);

/* Masks. 0 is false and all else, NaN too, is true, in any dtype; masks of different dtypes may be mixed. These return
 * 1 for true and 0 for false in the dtype of the first argument, without a gradient. */
fr_tensor *fr_logical_and(fr_tensor *a, fr_tensor *b); /* broadcasts, as do the next two */
fr_tensor *fr_logical_or(fr_tensor *a, fr_tensor *b);
fr_tensor *fr_logical_xor(fr_tensor *a, fr_tensor *b);
fr_tensor *fr_logical_not(fr_tensor *t);
fr_tensor *fr_isnan(fr_tensor *t);
fr_tensor *fr_isinf(fr_tensor *t);
fr_tensor *fr_isfinite(fr_tensor *t);
fr_tensor *fr_any(fr_tensor *t); /* whether one value is true; of no values false */
fr_tensor *fr_any_dim(fr_tensor *t, int dim, bool keepdim);
fr_tensor *fr_all(fr_tensor *t); /* whether all values are true; of no values true */
fr_tensor *fr_all_dim(fr_tensor *t, int dim, bool keepdim);

/* The indices of all n values that are true: (*) -> (n,dims) int64, a row for each, in row-major order. The columns,
 * which fr_unbind gives, are PyTorch's where of one argument. A model whose sizes depend on it has no C or ONNX form.
 */
fr_tensor *fr_nonzero(fr_tensor *t);
fr_tensor *fr_argwhere(fr_tensor *t); /* the same */
/* The values of t where mask is true, in row-major order: (n). Both broadcast. */
fr_tensor *fr_masked_select(fr_tensor *t, fr_tensor *mask);

/* --- Writing by index --------------------------------------------------------------------------------------------- */

/* These return a copy of t that has other values where the index says; t stays as it is. Where several values are
 * written to one place the last one counts, and gets the gradient; where they are added, all do. The result is the same
 * with any number of threads. Indices are int64; they must be at least 0 and less than the size of dim, else an error
 * names the first that is not. t and what is written must have one dtype. */

/* result[index[i][j][k]][j][k] = src[i][j][k] for dim 0; other dims likewise. index has as many dims as t, none larger
 * than t's except dim, and none larger than src's. */
fr_tensor *fr_scatter(fr_tensor *t, int dim, fr_tensor *index, fr_tensor *src);
fr_tensor *fr_scatter_scalar(fr_tensor *t, int dim, fr_tensor *index, double value); /* whole if t is int64 */
fr_tensor *fr_scatter_add(fr_tensor *t, int dim, fr_tensor *index, fr_tensor *src);  /* adds to t's values */
/* Reduces what meets in one place: reduce is "sum", "prod", "mean", "amax" or "amin". include_self: t's value, too;
 * PyTorch's default is true. Places that index does not name keep t's value. Ties of the largest or smallest share the
 * gradient evenly. Fails for the mean of int64. */
fr_tensor *fr_scatter_reduce(fr_tensor *t, int dim, fr_tensor *index, fr_tensor *src, const char *reduce,
                             bool include_self);

/* Whole slices, one for each value of index (n): source has t's shape, but n for dim. */
fr_tensor *fr_index_add(fr_tensor *t, int dim, fr_tensor *index, fr_tensor *source,
                        double alpha); /* t + alpha source */
fr_tensor *fr_index_copy(fr_tensor *t, int dim, fr_tensor *index, fr_tensor *source);
fr_tensor *fr_index_fill(fr_tensor *t, int dim, fr_tensor *index, double value); /* whole if t is int64 */

/* t[indices[0], indices[1], ...] = values, or += with accumulate: an index for each of the first n dims, which
 * broadcast and may count from the end; values broadcasts to their shape, followed by t's other dims. Fails unless n is
 * 1 to the number of dims. */
fr_tensor *fr_index_put(fr_tensor *t, fr_tensor *const *indices, int n, fr_tensor *values, bool accumulate);
/* Writes the values of source, in row-major order, to the places where mask, which broadcasts to t's shape, is true.
 * Fails if source has fewer values. */
fr_tensor *fr_masked_scatter(fr_tensor *t, fr_tensor *mask, fr_tensor *source);

/* How often each number occurs in t (n), int64, 0 or more: (m) int64, m one more than the largest, and at least
 * minlength. With weights (n), optional: the sum of theirs, in their dtype. */
fr_tensor *fr_bincount(fr_tensor *t, fr_tensor *weights, int64_t minlength);

/* The product of a sparse matrix with dense (n,k) -> (rows,k). Entry i of the sparse one stands in row indices[0][i]
 * and column indices[1][i]; indices (2,nnz) int64, values (nnz) of dense's dtype. Entries of one place are added.
 * values and dense get gradients. */
fr_tensor *fr_sparse_mm(fr_tensor *indices, fr_tensor *values, int64_t rows, fr_tensor *dense);
/* The same for compressed rows: entries crow[i] to crow[i + 1] - 1 stand in row i; crow (rows + 1) int64, begins with
 * 0, does not fall and ends with nnz; col and values (nnz). */
fr_tensor *fr_sparse_csr_mm(fr_tensor *crow, fr_tensor *col, fr_tensor *values, fr_tensor *dense);

/* --- Triangles, padding, order ------------------------------------------------------------------------------------ */

fr_tensor *fr_tril(fr_tensor *t, int64_t k); /* zeros above diagonal k of the last two dims */
fr_tensor *fr_triu(fr_tensor *t, int64_t k); /* zeros below diagonal k of the last two dims */

/* Pads t with value. pads holds n numbers: how much to add before and after the last dim, then before and after the
 * dim before it, and so on, at most two for each dim. A negative number cuts off. value must be whole if t is int64. */
fr_tensor *fr_pad(fr_tensor *t, const int64_t *pads, int n, double value);

typedef enum {
    FR_REFLECT,   /* t's values mirrored at its first and last, which are not repeated: 3 2 | 1 2 3 | 2 1 */
    FR_REPLICATE, /* the first and the last value: 1 1 | 1 2 3 | 3 3 */
    FR_CIRCULAR   /* t's values from the other end: 2 3 | 1 2 3 | 1 2 */
} fr_padding_mode;
/* Pads t with values of its own; pads as in fr_pad, for any dims. A copy. Fails for a dim that has too few values: a
 * mirrored border is less than it, a circular one at most as large. */
fr_tensor *fr_pad_mode(fr_tensor *t, const int64_t *pads, int n, fr_padding_mode mode);

fr_tensor *fr_flip(fr_tensor *t, int dim);            /* reverses the order along dim */
fr_tensor *fr_flip_dims(fr_tensor *t, fr_shape dims); /* along each of FR_DIMS(...) */
/* Turns the plane of dim0 and dim1 k times by 90 degrees, from dim0 towards dim1. Fails if they are one. */
fr_tensor *fr_rot90(fr_tensor *t, int k, int dim0, int dim1);
/* Moves values by shifts.dim[i] positions along dim dims.dim[i]; what leaves at the end comes in at the start. With no
 * dims and one shift all values, in row-major order, are moved. Fails if there are not as many shifts as dims. */
fr_tensor *fr_roll(fr_tensor *t, fr_shape shifts, fr_shape dims);

/* Copies t counts.dim[i] times (>= 0) along dim i. repeat: a count for each dim; counts in front make new dims. tile:
 * there may be fewer counts than dims; they are for the last. */
fr_tensor *fr_repeat(fr_tensor *t, fr_shape counts);
fr_tensor *fr_tile(fr_tensor *t, fr_shape counts);
fr_tensor *fr_repeat_interleave(fr_tensor *t, int64_t repeats, int dim); /* each position of dim repeats times */

/* Windows of `size` along dim, each `step` (>= 1) further than the one before: (*,N,**) -> (*,windows,**,size). A copy.
 * Fails if a window does not fit. */
fr_tensor *fr_unfold(fr_tensor *t, int dim, int64_t size, int64_t step);
/* Expands n vectors or scalars, 1 to 8, to the grid (n0,n1,...), vector i along dim i (PyTorch's indexing="ij"). Puts
 * the views into grids and returns n; -1 where it fails. */
int fr_meshgrid(fr_tensor *const *ts, int n, fr_tensor **grids);
/* index (*) int64 -> (*,num_classes) int64: 1 at the class that index says, else 0. num_classes -1: one more than the
 * largest index. Fails for an index outside 0..num_classes-1. */
fr_tensor *fr_one_hot(fr_tensor *index, int64_t num_classes);

/* --- Arithmetic --------------------------------------------------------------------------------------------------- */

/* Ops of two tensors, which broadcast. */
fr_tensor *fr_add(fr_tensor *a, fr_tensor *b);     /* a + b */
fr_tensor *fr_sub(fr_tensor *a, fr_tensor *b);     /* a - b */
fr_tensor *fr_mul(fr_tensor *a, fr_tensor *b);     /* a * b */
fr_tensor *fr_div(fr_tensor *a, fr_tensor *b);     /* a / b; floats only */
fr_tensor *fr_pow(fr_tensor *a, fr_tensor *b);     /* a^b; int64 is rounded towards 0, and 0^b is 0 for b < 0 */
fr_tensor *fr_maximum(fr_tensor *a, fr_tensor *b); /* NaN if a or b is; if a = b each gets half of the gradient */
fr_tensor *fr_minimum(fr_tensor *a, fr_tensor *b); /* likewise */

/* The same with a number, which is rounded to t's dtype. It must be whole if t is int64, else they fail. int64 wraps
 * around. */
fr_tensor *fr_add_scalar(fr_tensor *t, double value);
fr_tensor *fr_sub_scalar(fr_tensor *t, double value);
fr_tensor *fr_mul_scalar(fr_tensor *t, double value);
fr_tensor *fr_div_scalar(fr_tensor *t, double value); /* floats only */
fr_tensor *fr_pow_scalar(fr_tensor *t, double value); /* value must be 0 or more if t is int64 */
fr_tensor *fr_maximum_scalar(fr_tensor *t, double value);
fr_tensor *fr_minimum_scalar(fr_tensor *t, double value);

/* Functions of each value. neg, abs, square, clamp and sign also take int64; the others take floats only. */
fr_tensor *fr_neg(fr_tensor *t);        /* -t */
fr_tensor *fr_abs(fr_tensor *t);        /* |t|; gradient 0 at 0 */
fr_tensor *fr_square(fr_tensor *t);     /* t^2 */
fr_tensor *fr_sqrt(fr_tensor *t);       /* square root */
fr_tensor *fr_rsqrt(fr_tensor *t);      /* 1 / sqrt(t) */
fr_tensor *fr_reciprocal(fr_tensor *t); /* 1 / t */
fr_tensor *fr_exp(fr_tensor *t);
fr_tensor *fr_log(fr_tensor *t);   /* natural logarithm */
fr_tensor *fr_log1p(fr_tensor *t); /* log(1 + t) */
fr_tensor *fr_expm1(fr_tensor *t); /* exp(t) - 1 */
fr_tensor *fr_sin(fr_tensor *t);
fr_tensor *fr_cos(fr_tensor *t);
fr_tensor *fr_erf(fr_tensor *t); /* error function */
/* Limits values to [min, max]; -INFINITY and INFINITY mean no bound. The result is max where min > max. The gradient is
 * 0 at a bound. Bounds must be whole if t is int64. */
fr_tensor *fr_clamp(fr_tensor *t, double min, double max);
fr_tensor *fr_sign(fr_tensor *t); /* -1, 0 or 1; 0 for NaN */
fr_tensor *fr_floor(fr_tensor *t);
fr_tensor *fr_ceil(fr_tensor *t);
fr_tensor *fr_round(fr_tensor *t); /* to the nearest integer, of two the even one */
fr_tensor *fr_trunc(fr_tensor *t); /* towards 0 */
fr_tensor *fr_tan(fr_tensor *t);
fr_tensor *fr_atan(fr_tensor *t);
fr_tensor *fr_sinh(fr_tensor *t);
fr_tensor *fr_cosh(fr_tensor *t);
fr_tensor *fr_log2(fr_tensor *t);                    /* logarithm to base 2 */
fr_tensor *fr_atan2(fr_tensor *a, fr_tensor *b);     /* the angle of the point (b, a); a and b broadcast */
fr_tensor *fr_logaddexp(fr_tensor *a, fr_tensor *b); /* log(exp(a) + exp(b)), without overflow; broadcasts */
/* The remainder of a / b, with the sign of b, as Python's %. Broadcasts. Any dtype; int64 by 0 fails, float gives NaN.
 */
fr_tensor *fr_remainder(fr_tensor *a, fr_tensor *b);
fr_tensor *fr_remainder_scalar(fr_tensor *t, double value); /* likewise; value must be whole if t is int64 */
/* start + weight (end - start), computed from end where |weight| >= 1/2, so that 0 and 1 give start and end exactly.
 * All three broadcast. */
fr_tensor *fr_lerp(fr_tensor *start, fr_tensor *end, fr_tensor *weight);
fr_tensor *fr_lerp_scalar(fr_tensor *start, fr_tensor *end, double weight);
/* Returns t with other numbers for NaN, infinity and -infinity. INFINITY for posinf and -INFINITY for neginf are
 * PyTorch's defaults: the largest finite number of t's dtype and the lowest. An int64 t has none of them. Gradient 0
 * where t is not finite. */
fr_tensor *fr_nan_to_num(fr_tensor *t, double nan, double posinf, double neginf);

/* Comparisons. They return 1 where true and 0 where false, in the dtype of the first argument, without a gradient. Any
 * dtype; int64 values are compared with a number exactly. */
fr_tensor *fr_eq(fr_tensor *a, fr_tensor *b);
fr_tensor *fr_ne(fr_tensor *a, fr_tensor *b);
fr_tensor *fr_lt(fr_tensor *a, fr_tensor *b);
fr_tensor *fr_le(fr_tensor *a, fr_tensor *b);
fr_tensor *fr_gt(fr_tensor *a, fr_tensor *b);
fr_tensor *fr_ge(fr_tensor *a, fr_tensor *b);
fr_tensor *fr_eq_scalar(fr_tensor *t, double value);
fr_tensor *fr_ne_scalar(fr_tensor *t, double value);
fr_tensor *fr_lt_scalar(fr_tensor *t, double value);
fr_tensor *fr_le_scalar(fr_tensor *t, double value);
fr_tensor *fr_gt_scalar(fr_tensor *t, double value);
fr_tensor *fr_ge_scalar(fr_tensor *t, double value);

/* --- Activations -------------------------------------------------------------------------------------------------- */

/* Floats only, except relu. */
fr_tensor *fr_sigmoid(fr_tensor *t);                           /* 1 / (1 + exp(-t)) */
fr_tensor *fr_tanh(fr_tensor *t);                              /* hyperbolic tangent */
fr_tensor *fr_relu(fr_tensor *t);                              /* max(t, 0); gradient 0 at 0 */
fr_tensor *fr_leaky_relu(fr_tensor *t, double negative_slope); /* PyTorch's default: 0.01 */
fr_tensor *fr_elu(fr_tensor *t, double alpha);                 /* PyTorch's default: 1 */
fr_tensor *fr_gelu(fr_tensor *t);                              /* t/2 (1 + erf(t / sqrt 2)) */
fr_tensor *fr_silu(fr_tensor *t);                              /* t sigmoid(t) */
fr_tensor *fr_softplus(fr_tensor *t);                          /* log(1 + exp(t)); t itself above 20 */
fr_tensor *fr_gelu_tanh(fr_tensor *t);                         /* approximate='tanh' */
fr_tensor *fr_mish(fr_tensor *t);                              /* t tanh(log(1 + exp(t))) */
fr_tensor *fr_selu(fr_tensor *t);                              /* 1.0507 elu(t, 1.6733) */
fr_tensor *fr_celu(fr_tensor *t, double alpha); /* t > 0 ? t : alpha (exp(t / alpha) - 1); fails for 0; default: 1 */
fr_tensor *fr_softsign(fr_tensor *t);           /* t / (1 + |t|) */
fr_tensor *fr_logsigmoid(fr_tensor *t);         /* log(sigmoid(t)), without overflow */
fr_tensor *fr_hardsigmoid(fr_tensor *t);        /* min(max(t + 3, 0), 6) / 6; gradient 0 at -3 and 3 */
fr_tensor *fr_hardswish(fr_tensor *t);          /* t hardsigmoid(t) */
fr_tensor *fr_hardtanh(fr_tensor *t, double min_val, double max_val); /* fr_clamp; PyTorch's default: -1, 1 */
/* t where t > 0, else weight t. weight () or (1), or (C): one number for each channel, which is dim 1 of t. */
fr_tensor *fr_prelu(fr_tensor *t, fr_tensor *weight);
/* The first half of t along dim times the sigmoid of the second. Fails unless dim has an even size. */
fr_tensor *fr_glu(fr_tensor *t, int dim);
/* softmax((t + noise) / tau) along dim, with noise from the Gumbel distribution: classes drawn with probabilities
 * softmax(t), softly, so that t gets a gradient. hard: 1 for the class that is drawn and 0 for the others, with the
 * gradient of the soft draw. tau is above 0; PyTorch's default is 1. Draws one random number for each value, as
 * fr_multinomial does. Jang et al., "Categorical reparameterization with Gumbel-softmax", 2017. */
fr_tensor *fr_gumbel_softmax(fr_tensor *t, double tau, bool hard, int dim);
/* softmax returns exp(t) divided by the sum of exp(t) along dim; log_softmax returns its logarithm. Both avoid
 * overflow. All values along dim are NaN if one of them is NaN or inf, or if all are -inf. A scalar has dim 0. */
fr_tensor *fr_softmax(fr_tensor *t, int dim);
fr_tensor *fr_log_softmax(fr_tensor *t, int dim);
/* Sets each value to 0 with probability p (0 <= p <= 1) and multiplies the others by 1/(1-p). Draws one random number
 * for each value, in the order of the values in memory; p = 0 and p = 1 draw none. */
fr_tensor *fr_dropout(fr_tensor *t, double p);
/* Whole channels at once: t (N,C,L) or (C,L), and (N,C,H,W); one random number for each channel of each image. */
fr_tensor *fr_dropout1d(fr_tensor *t, double p);
fr_tensor *fr_dropout2d(fr_tensor *t, double p);
/* Dropout that keeps mean 0 and variance 1 in networks of selu, whose lowest value takes the place of what is dropped.
 */
fr_tensor *fr_alpha_dropout(fr_tensor *t, double p);

/* --- Reductions: of all values, to (), or along one dim; keepdim keeps that dim with size 1 ----------------------- */

/* sum, prod, cumsum (modulo 2^64), max, min, argmax and argmin also take int64; the others take floats only. A
 * scalar has dims 0 and -1. For no values, sum and norm return 0, prod returns 1, logsumexp -inf, mean, var and std
 * NaN; max, min, argmax and argmin fail. float32 values are summed in double; sum and mean
 * add four values at a time in float32 before that, so the error of a sum is at most 3 * 2^-24 of the sum of the
 * absolute values, and four values whose sum is beyond float32 make inf. The order of summation depends only on the
 * shape. */

/* The sum, in t's dtype. */
fr_tensor *fr_sum(fr_tensor *t);
fr_tensor *fr_sum_dim(fr_tensor *t, int dim, bool keepdim);
/* Reverses fr_expand: sums t over the dims that broadcasting from shape to t's shape would repeat. Returns t itself if
 * it has that shape. */
fr_tensor *fr_sum_to(fr_tensor *t, fr_shape shape);

fr_tensor *fr_mean(fr_tensor *t); /* the mean */
fr_tensor *fr_mean_dim(fr_tensor *t, int dim, bool keepdim);
fr_tensor *fr_prod(fr_tensor *t); /* the product */
fr_tensor *fr_prod_dim(fr_tensor *t, int dim, bool keepdim);
fr_tensor *fr_max(fr_tensor *t); /* the largest value; NaN if there is one; ties share the gradient evenly */
fr_tensor *fr_max_dim(fr_tensor *t, int dim, bool keepdim); /* the gradient goes to the first of a tie */
fr_tensor *fr_min(fr_tensor *t);                            /* the smallest value; otherwise as fr_max */
fr_tensor *fr_min_dim(fr_tensor *t, int dim, bool keepdim); /* as fr_max_dim */

typedef struct {
    fr_tensor *values, *indices; /* indices is int64, without a gradient; both are NULL if the call fails */
} fr_extreme;
fr_extreme fr_max_dim_indices(fr_tensor *t, int dim, bool keepdim); /* fr_max_dim and fr_argmax in one call */
fr_extreme fr_min_dim_indices(fr_tensor *t, int dim, bool keepdim); /* fr_min_dim and fr_argmin in one call */

fr_tensor *fr_var(fr_tensor *t); /* unbiased variance: divides by n - 1; NaN for one value */
fr_tensor *fr_var_dim(fr_tensor *t, int dim, bool keepdim);
fr_tensor *fr_std(fr_tensor *t); /* square root of the variance; gradient 0 where it is 0 */
fr_tensor *fr_std_dim(fr_tensor *t, int dim, bool keepdim);
typedef struct {
    bool along; /* true: reduces dim; false: reduces all values */
    int dim;
    bool keepdim;      /* keeps reduced dims with size 1 */
    double correction; /* the divisor is n - correction; finite; default 1; FR_ZERO: the biased variance */
    void *reserved[8];
} fr_variance_options;
fr_tensor *fr_var_with(fr_tensor *t, const fr_variance_options *options); /* options may be NULL: fr_var */
fr_tensor *fr_std_with(fr_tensor *t, const fr_variance_options *options); /* options may be NULL: fr_std */

fr_tensor *fr_norm(fr_tensor *t); /* Euclidean norm; gradient 0 where it is 0 */
fr_tensor *fr_norm_dim(fr_tensor *t, int dim, bool keepdim);
typedef struct {
    bool along; /* true: reduces dim; false: reduces all values */
    int dim;
    bool keepdim; /* keeps reduced dims with size 1 */
    /* The norm is sum(|t|^p)^(1/p); default 2. FR_ZERO: the number of values that are not 0. INFINITY: the largest |t|;
     * -INFINITY: the smallest |t|; for these two, ties share the gradient evenly. For no values, these two and p < 0
     * fail. */
    double p;
    void *reserved[8];
} fr_norm_options;
fr_tensor *fr_norm_with(fr_tensor *t, const fr_norm_options *options); /* options may be NULL: fr_norm */

fr_tensor *fr_logsumexp(fr_tensor *t); /* log(sum(exp(t))), without overflow */
fr_tensor *fr_logsumexp_dim(fr_tensor *t, int dim, bool keepdim);
fr_tensor *fr_argmax(fr_tensor *t, int dim, bool keepdim); /* int64 index of the largest: first of ties, or first NaN */
fr_tensor *fr_argmin(fr_tensor *t, int dim, bool keepdim); /* int64 index of the smallest, as fr_argmax */
fr_tensor *fr_cumsum(fr_tensor *t, int dim);               /* cumulative sum along dim */

fr_tensor *fr_cumprod(fr_tensor *t, int dim); /* cumulative product along dim */

/* The same over several dims, fr_sum_dims(t, FR_DIMS(0, -1), false), which may be one, or over all values where there
 * are none. They fail if a dim is named twice or out of range. */
fr_tensor *fr_sum_dims(fr_tensor *t, fr_shape dims, bool keepdim);
fr_tensor *fr_mean_dims(fr_tensor *t, fr_shape dims, bool keepdim);
fr_tensor *fr_prod_dims(fr_tensor *t, fr_shape dims, bool keepdim);
fr_tensor *fr_amax(fr_tensor *t, fr_shape dims, bool keepdim); /* ties share the gradient evenly, as in fr_max */
fr_tensor *fr_amin(fr_tensor *t, fr_shape dims, bool keepdim);
/* The divisor is n - correction; 1 is fr_var, 0 the biased variance. */
fr_tensor *fr_var_dims(fr_tensor *t, fr_shape dims, double correction, bool keepdim);
fr_tensor *fr_std_dims(fr_tensor *t, fr_shape dims, double correction, bool keepdim);
fr_tensor *fr_norm_dims(fr_tensor *t, double p, fr_shape dims, bool keepdim); /* p as in fr_norm_options, but 0 is 0 */
fr_tensor *fr_logsumexp_dims(fr_tensor *t, fr_shape dims, bool keepdim);
fr_tensor *fr_count_nonzero(fr_tensor *t, fr_shape dims); /* int64, of any dtype; NaN is not 0 */

/* --- Order -------------------------------------------------------------------------------------------------------- */

/* Sorts t along dim, in ascending order unless descending is true. Returns the values and the index in t of each. Any
 * dtype. NaN counts as the largest value. Equal values keep their order, also when descending. */
fr_extreme fr_sort(fr_tensor *t, int dim, bool descending);
fr_tensor *fr_argsort(fr_tensor *t, int dim, bool descending); /* the indices alone */
/* Returns the first k results of fr_sort with descending = largest. Fails unless k is 0 to the size of dim; errors name
 * topk. */
fr_extreme fr_topk(fr_tensor *t, int64_t k, int dim, bool largest);

/* --- Drawing at random -------------------------------------------------------------------------------------------- */

/* Both draw PyTorch's numbers for the same seed and contiguous probabilities. They have no gradient and take floats
 * only. */

/* Draws num_samples classes for each row. probabilities (C) or (B,C) -> (num_samples) or (B,num_samples), int64. The
 * probabilities of a row are finite, 0 or more and not all 0; they need not sum to 1. Without replacement no row has a
 * class twice, and at least num_samples probabilities of a row must be above 0. An error names the first value that is
 * no probability. */
fr_tensor *fr_multinomial(fr_tensor *probabilities, int64_t num_samples, bool replacement);
/* Returns 1 with the given probability, else 0, in the same shape and dtype. Fails for a probability outside 0 to 1. */
fr_tensor *fr_bernoulli(fr_tensor *probabilities);

/* --- Linear maths ------------------------------------------------------------------------------------------------- */

/* Matrix product: (n) x (n) -> (); (m,k) x (k,n) -> (m,n). A vector (k) counts as (1,k) on the left and as (k,1) on the
 * right; the result does not have the added dim. Dims before the last two are batch dims, which broadcast. int64 wraps
 * around. */
fr_tensor *fr_matmul(fr_tensor *a, fr_tensor *b);
/* The p-norm of x1 - x2 + eps along the last dim. x1 and x2 broadcast. PyTorch's defaults: p 2, eps 1e-6. */
fr_tensor *fr_pairwise_distance(fr_tensor *x1, fr_tensor *x2, double p, double eps, bool keepdim);
/* The cosine of the angle between x1 and x2 along dim, which it removes. x1 and x2 broadcast. A norm below eps counts
 * as eps. PyTorch's defaults: dim 1, eps 1e-8. */
fr_tensor *fr_cosine_similarity(fr_tensor *x1, fr_tensor *x2, int dim, double eps);
fr_tensor *fr_bmm(fr_tensor *a, fr_tensor *b); /* (B,N,M) x (B,M,P) -> (B,N,P), nothing else */
/* beta t + alpha batch1 x batch2, as fr_bmm; t broadcasts to it. With beta 0, t is not read. */
fr_tensor *fr_baddbmm(fr_tensor *t, fr_tensor *batch1, fr_tensor *batch2, double beta, double alpha);
/* Sums the products over dims_a.dim[i] of a and dims_b.dim[i] of b together; the other dims of a, then those of b,
 * stay: fr_tensordot(a, b, FR_DIMS(1), FR_DIMS(0)) is a matrix product. The dims of a pair must have one size. */
fr_tensor *fr_tensordot(fr_tensor *a, fr_tensor *b, fr_shape dims_a, fr_shape dims_b);
/* Sums of products of n tensors, 1 to 16, told by a letter for each dim: "bij,bjk->bik". A letter that the output does
 * not have is summed over; one that an operand has twice takes the diagonal; "..." stands for any dims, which
 * broadcast, as do sizes of 1. Without "->" the output has those dims, then the letters that stand once, in
 * alphabetical order. Fails if the equation and the tensors do not fit each other, or a product on the way has more
 * than 8 dims. Products are made from left to right.. */
fr_tensor *fr_einsum(const char *equation, fr_tensor *const *ts, int n);
/* Distances of rows: x1 (*,P,M), x2 (*,R,M) -> (*,P,R), the p-norm of each difference; p >= 0. It takes memory for all
 * P R M differences. */
fr_tensor *fr_cdist(fr_tensor *x1, fr_tensor *x2, double p);
/* Returns x weight^T + bias. x (...,I), weight (O,I), bias (O) optional -> (...,O). */
fr_tensor *fr_linear(fr_tensor *x, fr_tensor *weight, fr_tensor *bias);
fr_tensor *fr_outer(fr_tensor *a, fr_tensor *b); /* outer product: (m), (n) -> (m,n) */
/* x (O,...) rounded as int8 weights are: in each row, along dim 0, integers from -127 to 127 times one scale, which is
 * max |x| / 127 of the row; 1 for a row of zeros. Of two integers the even one; a row with a NaN or an infinity becomes
 * NaN. It is torch.fake_quantize_per_channel_affine with these scales and zero_point 0. The gradient goes straight
 * through: dx = dy. Float dtypes; fails for a scalar. fr_fake_quantize_weights puts it before the weights of a module.
 */
fr_tensor *fr_fake_quantize(fr_tensor *x);

/* --- Normalisation and embedding ---------------------------------------------------------------------------------- */

/* Layer normalisation: y = (x - mean) / sqrt(variance + eps) * weight + bias. x (...,n) -> the same shape; n stands for
 * the dims of normalized, at least one, which are the last dims of x. Each row of n values has its own mean and
 * variance; the variance is divided by n. weight (n) and bias (n) are optional. eps: 0 means 1e-5, FR_ZERO means 0; a
 * negative eps fails. Sums are computed in double, so a large mean or a tiny variance costs no digits. */
fr_tensor *fr_layer_norm(fr_tensor *x, fr_shape normalized, fr_tensor *weight, fr_tensor *bias, double eps);
/* y = x / sqrt(mean(x^2) + eps) * weight, with the mean of each row. Shapes are those of fr_layer_norm. eps: 0 means
 * the epsilon of x's dtype, 1.2e-7 or 2.2e-16. */
fr_tensor *fr_rms_norm(fr_tensor *x, fr_shape normalized, fr_tensor *weight, double eps);

typedef struct {
    bool training;   /* true: uses the mean and variance of x; false: the running statistics */
    double momentum; /* 0 to 1, default 0.1: running = (1 - momentum) running + momentum (statistic of x) */
    double eps;      /* 0 or more, default 1e-5; more than 0 in training */
    void *reserved[8];
} fr_batch_norm_options;
/* Batch normalisation: y = (x - mean) / sqrt(variance + eps) * weight + bias, for each channel. x (N,C) or (N,C,...) ->
 * the same shape. The variance is divided by n, the number of values in a channel. weight (C) and bias (C) are
 * optional. running_mean (C) and running_var (C) get no gradient. In training they are optional; they are updated in
 * place if x has values, and the variance stored in them is divided by n - 1. In evaluation they are required. Fails if
 * only one of the two is given; in training also if a channel has one value, or if a running statistic is the result of
 * an op or an expanded view. options may be NULL. */
fr_tensor *fr_batch_norm(fr_tensor *x, fr_tensor *running_mean, fr_tensor *running_var, fr_tensor *weight,
                         fr_tensor *bias, const fr_batch_norm_options *options);

/* Group normalisation: (x - mean) / sqrt(variance + eps) * weight + bias, with the mean and variance of each of
 * num_groups groups of channels in each image. x (N,C)
 * or (N,C,...) -> the same shape. weight (C) and bias (C) are optional. eps as in fr_layer_norm. Fails unless
 * num_groups divides C. */
fr_tensor *fr_group_norm(fr_tensor *x, int64_t num_groups, fr_tensor *weight, fr_tensor *bias, double eps);
typedef struct {
    bool no_input_stats; /* uses the running statistics, which must be given, instead of those of x */
    double momentum;     /* 0 to 1, default 0.1: running = (1 - momentum) running + momentum (mean over the images) */
    double eps;          /* as in fr_layer_norm */
    void *reserved[8];
} fr_instance_norm_options;
/* Instance normalisation: each channel of each image has its own mean and variance. x (N,C,...) -> the same shape.
 * weight (C), bias (C), running_mean (C) and running_var (C) are optional; the last two are given together, and change
 * in place unless they are used. Fails if a channel of an image has one value. options may be NULL. */
fr_tensor *fr_instance_norm(fr_tensor *x, fr_tensor *running_mean, fr_tensor *running_var, fr_tensor *weight,
                            fr_tensor *bias, const fr_instance_norm_options *options);

typedef struct {
    bool padding;        /* true: padding_idx is given */
    int64_t padding_idx; /* -V..V-1: this row of weight gets no gradient */
    void *reserved[8];
} fr_embedding_options;
/* Returns the row of weight for each index. index (...) int64, weight (V,D) -> (...,D). An error names the first index
 * that is not in 0..V-1, and its position. The gradients of a row are summed in the order of the indices. options may
 * be NULL. */
fr_tensor *fr_embedding(fr_tensor *index, fr_tensor *weight, const fr_embedding_options *options);

/* --- Sequences: all steps of one layer in one direction; fr_nn_rnn, fr_nn_gru and fr_nn_lstm are made of these ---- */

/* The first-order backward of these ops treats denormals as zeros: over many steps gradients fade below 1.2e-38, and
 * processors compute slowly with such numbers. */

/* The results of a recurrent op or module, all NULL if the call fails. Also the type of initial states. */
typedef struct {
    fr_tensor *out, *h, *c; /* c is NULL except for LSTM */
} fr_recurrent;

typedef struct {
    bool relu;          /* only for fr_rnn: relu instead of tanh */
    bool reverse;       /* goes from the last step to the first; out keeps the order of x */
    fr_tensor *lengths; /* (B) int64, 0..T; NULL: all are T. Past its length a row keeps its state, its output is 0,
                         * and it takes no time; with reverse, it starts at its own end. Rows may be in any order */
    void *reserved[8];
} fr_recurrence;

/* RNN: h' = tanh(w_ih x + b_ih + w_hh h + b_hh), and g = 1. x (T,B,I), h0 (B,H) optional (default: zeros), w_ih (gH,I),
 * w_hh (gH,H), b_ih and b_hh (gH) optional -> out (T,B,H), h (B,H). how may be NULL. */
fr_recurrent fr_rnn(fr_tensor *x, fr_tensor *h0, fr_tensor *w_ih, fr_tensor *w_hh, fr_tensor *b_ih, fr_tensor *b_hh,
                    const fr_recurrence *how);
/* GRU: n = tanh(w_in x + b_in + r (w_hn h + b_hn)), h' = (1 - z) n + z h. Shapes are those of fr_rnn with g = 3; the
 * gates are in the order r, z, n. */
fr_recurrent fr_gru(fr_tensor *x, fr_tensor *h0, fr_tensor *w_ih, fr_tensor *w_hh, fr_tensor *b_ih, fr_tensor *b_hh,
                    const fr_recurrence *how);
/* LSTM: c' = f c + i g, h' = o tanh(c'). x, w_ih and biases are those of fr_rnn with g = 4; the gates are in the order
 * i, f, g, o. h0 (B,P) and c0 (B,H) optional, w_hh (4H,P) -> out (T,B,P), h (B,P), c (B,H). w_hr (P,H) is optional:
 * with it h' is projected to w_hr h', of size P; without it P = H. */
fr_recurrent fr_lstm(fr_tensor *x, fr_tensor *h0, fr_tensor *c0, fr_tensor *w_ih, fr_tensor *w_hh, fr_tensor *b_ih,
                     fr_tensor *b_hh, fr_tensor *w_hr, const fr_recurrence *how);

/* --- Convolutions and pools: windows that slide over the last dim (1d) or the last two (2d) ----------------------- */

/* Sizes and options of windows are shapes: FR_SHAPE(2) is one number for all dims that the window slides over,
 * FR_SHAPE(2, 1) is one number for height and one for width. An option that is not given has PyTorch's default. */

typedef struct {
    fr_shape stride;   /* default 1 */
    fr_shape padding;  /* zeros added on each side; default 0 (padding='valid') */
    fr_shape dilation; /* distance between the kernel's taps; default 1 */
    int64_t groups;    /* default 1; divides the channels of x and of y; each group of y sees only its group of x */
    bool same;         /* padding='same': y gets the size of x; an extra zero goes to the end. Needs stride 1 */
    bool no_bias;      /* only for fr_nn_conv1d and fr_nn_conv2d */
    void *reserved[8];
} fr_conv_options;

/* Convolution: y[n][o][p] = bias[o] + the sum over c, k of weight[o][c][k] x[n][c][p stride - padding + k dilation].
 * x (N,C,L) or (C,L), weight (O,C/groups,K), bias (O) or NULL -> (N,O,L') or (O,L'), where
 * L' = (L + 2 padding - dilation (K - 1) - 1) / stride + 1, rounded down. float32 or float64. Fails if the shapes do
 * not fit, if L' is less than 1, or if an option is out of range. options may be NULL. */
fr_tensor *fr_conv1d(fr_tensor *x, fr_tensor *weight, fr_tensor *bias, const fr_conv_options *options);
/* The same for x (N,C,H,W) or (C,H,W) and weight (O,C/groups,KH,KW) -> (N,O,H',W') or (O,H',W'). */
fr_tensor *fr_conv2d(fr_tensor *x, fr_tensor *weight, fr_tensor *bias, const fr_conv_options *options);

typedef struct {
    fr_shape stride, padding, dilation; /* as in fr_conv_options: those of the convolution that this one reverses */
    fr_shape output_padding;            /* how much longer y gets at its end, less than stride; default 0 */
    int64_t groups;                     /* default 1 */
    bool no_bias;                       /* only for fr_nn_conv_transpose1d and fr_nn_conv_transpose2d */
    void *reserved[8];
} fr_conv_transpose_options;

/* Transposed convolution: the gradient of fr_conv1d by its input, where x is the gradient of its output; plus bias[o].
 * x (N,C,L) or (C,L), weight (C,O/groups,K), bias (O) or NULL -> (N,O,L') or (O,L'), where L' = (L - 1) stride -
 * 2 padding + dilation (K - 1) + output_padding + 1. Fails where fr_conv1d does. options may be NULL. */
fr_tensor *fr_conv_transpose1d(fr_tensor *x, fr_tensor *weight, fr_tensor *bias,
                               const fr_conv_transpose_options *options);
/* The same for x (N,C,H,W) or (C,H,W) and weight (C,O/groups,KH,KW) -> (N,O,H',W') or (O,H',W'). */
fr_tensor *fr_conv_transpose2d(fr_tensor *x, fr_tensor *weight, fr_tensor *bias,
                               const fr_conv_transpose_options *options);

typedef struct {
    fr_shape stride;   /* default: the kernel's size, so windows do not overlap */
    fr_shape padding;  /* on each side, at most half the kernel's size; default 0; never the largest value */
    fr_shape dilation; /* default 1 */
    bool ceil_mode;    /* rounds the size of y up: the last window may reach beyond the padding */
    void *reserved[8];
} fr_max_pool_options;

/* Returns the largest value of each window, or NaN if the window has one. x (N,C,L) or (C,L) -> (N,C,L') or (C,L'), L'
 * as for fr_conv1d with K = kernel_size, 1 or more. The gradient goes to the first of a tie, or to the last NaN. Fails
 * if L = 0, or if a window would hold only padding, which a large dilation can cause. options may be NULL. */
fr_tensor *fr_max_pool1d(fr_tensor *x, int64_t kernel_size, const fr_max_pool_options *options);
/* The same for x (N,C,H,W) or (C,H,W). */
fr_tensor *fr_max_pool2d(fr_tensor *x, fr_shape kernel_size, const fr_max_pool_options *options);
/* The same values with their indices, PyTorch's return_indices=True: where in its channel, L or H W values row by row,
 * each of them stands. For fr_max_unpool1d and fr_max_unpool2d; ONNX's export refuses indices that are used. */
fr_extreme fr_max_pool1d_with_indices(fr_tensor *x, int64_t kernel_size, const fr_max_pool_options *options);
fr_extreme fr_max_pool2d_with_indices(fr_tensor *x, fr_shape kernel_size, const fr_max_pool_options *options);

typedef struct {
    fr_shape stride, padding; /* those of the pool, with the same defaults */
    fr_shape output_size;     /* or the shape that ends with it, as fr_shape_of gives it; default below */
    void *reserved[8];
} fr_max_unpool_options;

/* The reverse of a max pool: zeros, with each value of x at its index in its channel; of several for one place the last
 * alone, which gets the gradient. x (N,C,L) or (C,L), indices of the same shape, int64 -> (N,C,L') or (C,L'), where
 * L' = (L - 1) stride - 2 padding + kernel_size, or an output_size that is less than stride away from it: several
 * lengths are pooled to one. Fails if the shapes differ, if L = 0, or if an index is not in 0..L'-1. options may be
 * NULL. */
fr_tensor *fr_max_unpool1d(fr_tensor *x, fr_tensor *indices, int64_t kernel_size, const fr_max_unpool_options *options);
/* The same for x (N,C,H,W) or (C,H,W). */
fr_tensor *fr_max_unpool2d(fr_tensor *x, fr_tensor *indices, fr_shape kernel_size,
                           const fr_max_unpool_options *options);

typedef struct {
    fr_shape stride;          /* default: the kernel's size */
    fr_shape padding;         /* zeros on each side; at most half the kernel's size; default 0 */
    bool ceil_mode;           /* rounds the size of y up; places beyond the padding do not count as values */
    bool exclude_pad;         /* PyTorch's count_include_pad=False: padding does not count as values either */
    int64_t divisor_override; /* divides the sum of a window; 0: the number of its values does */
    void *reserved[8];
} fr_avg_pool_options;

/* Returns the mean of each window. Shapes and errors are those of fr_max_pool1d and fr_max_pool2d. */
fr_tensor *fr_avg_pool1d(fr_tensor *x, int64_t kernel_size, const fr_avg_pool_options *options);
fr_tensor *fr_avg_pool2d(fr_tensor *x, fr_shape kernel_size, const fr_avg_pool_options *options);
/* Returns output_size means for each channel: output i is the mean of x from i L / L', rounded down, to (i + 1) L / L',
 * rounded up. x (N,C,L) or (C,L), L of 1 or more -> L' = output_size, 0 or more. */
fr_tensor *fr_adaptive_avg_pool1d(fr_tensor *x, int64_t output_size);
/* The same for x (N,C,H,W) or (C,H,W) and output_size FR_SHAPE(H', W') or one number for both; -1 keeps the size. */
fr_tensor *fr_adaptive_avg_pool2d(fr_tensor *x, fr_shape output_size);
/* The largest value of each of these windows. Gradients of ties as in fr_max_pool1d. */
fr_tensor *fr_adaptive_max_pool1d(fr_tensor *x, int64_t output_size);
fr_tensor *fr_adaptive_max_pool2d(fr_tensor *x, fr_shape output_size);

typedef enum {
    FR_NEAREST,       /* one value, found as PyTorch's "nearest" does */
    FR_NEAREST_EXACT, /* the value whose middle is nearest */
    FR_LINEAR,        /* two neighbours along each dim: PyTorch's "linear" or "bilinear" */
    FR_BICUBIC        /* four neighbours along each of two dims */
} fr_interpolation;
typedef struct {
    fr_shape size;       /* of the dims after the channels: a number for each, or one for all; 1 or more */
    double scale_factor; /* instead of size: the size is the old one times this, rounded down */
    fr_interpolation mode;
    bool align_corners;          /* the first and last values stay the first and last; for linear and bicubic */
    bool recompute_scale_factor; /* distances come from the two sizes, not from scale_factor */
    void *reserved[8];
} fr_interpolate_options;
/* Gives x (N,C,L) or (N,C,H,W) another length, or height and width. Fails if both or none of size and scale_factor are
 * given, for int64, and for dims without values. */
fr_tensor *fr_interpolate(fr_tensor *x, const fr_interpolate_options *options);

/* --- Attention ---------------------------------------------------------------------------------------------------- */

typedef struct {
    fr_tensor *attn_mask; /* any dtype, or NULL: a query attends to a key where it is not 0 (PyTorch's bool mask) */
    fr_tensor *attn_bias; /* or NULL: added before softmax (PyTorch's float mask); -INFINITY masks a key out */
    bool is_causal;       /* query i attends only to keys 0..i */
    double dropout_p;     /* dropout of the weights; always applied: pass 0 in evaluation */
    double scale;         /* default 1 / sqrt(E) */
    void *reserved[8];
} fr_attention_options;
/* Attention: softmax(scale q k^T + attn_bias) v. q (...,L,E), k (...,S,E), v (...,S,Ev) -> (...,L,Ev); batch dims
 * broadcast, mask and bias broadcast to the scores (...,L,S). A key is masked out if the mask, the bias or is_causal
 * masks it out. A query without any key left returns 0 and passes gradient 0 back. options may be NULL. Fails for other
 * shapes, for dtypes that differ (the mask's may), for a dropout_p outside 0 to 1 and for a scale that is not finite.
 * Vaswani et al., "Attention is all you need", 2017. */
fr_tensor *fr_scaled_dot_product_attention(fr_tensor *q, fr_tensor *k, fr_tensor *v,
                                           const fr_attention_options *options);

typedef struct {
    int64_t offset;       /* the position of the first step; default 0 */
    fr_tensor *positions; /* (T) of any dtype: the position of each step, instead of offset + 0, 1, ...; or NULL */
    double base;          /* default 10000 */
    bool interleaved;     /* pairs are neighbours, (x[2i], x[2i+1]); else halves, (x[i], x[i + D/2]) */
    void *reserved[8];
} fr_rotary_options;
/* Rotary position embedding: turns pair i of the D/2 pairs in each step of x (...,T,D) by the angle position
 * base^(-2i/D). D is even. options may be NULL. Fails for int64, an odd D and other positions. Models of the GPT-NeoX
 * and LLaMA kind use halves, those of GPT-J and the paper neighbours: Su et al., "RoFormer", 2021. */
fr_tensor *fr_rotary_embedding(fr_tensor *x, const fr_rotary_options *options);

/* --- Losses: of a prediction and a target; the mean of all values, their sum, or the values themselves ------------ */

/* Each loss has a short form and a form with options. The short form takes only a reduction; other options have their
 * defaults. options may be NULL. A weight or pos_weight broadcasts to the prediction and has its dtype; it gets a
 * gradient. Unless a loss says otherwise, prediction and target must have equal shapes: shapes that only broadcast are
 * taken for a mistake. */

typedef enum { FR_MEAN, FR_SUM, FR_NONE, FR_BATCHMEAN } fr_reduction; /* FR_MEAN of no values is NaN */

/* Binary cross-entropy: -(y log p + (1-y) log(1-p)); logarithms below -100 count as -100. Fails unless p and y are in
 * [0,1]. In float32 sigmoid(17) is exactly 1, and this loss has no gradient there: use fr_bce_with_logits for large
 * logits. */
fr_tensor *fr_bce(fr_tensor *p, fr_tensor *y, fr_reduction reduction);
typedef struct {
    fr_reduction reduction;
    fr_tensor *weight; /* of each value; FR_MEAN still divides by the number of values */
    void *reserved[8];
} fr_bce_options;
fr_tensor *fr_bce_with(fr_tensor *p, fr_tensor *y, const fr_bce_options *options);

/* Binary cross-entropy of sigmoid(x); exact for any x, and y may be any number. */
fr_tensor *fr_bce_with_logits(fr_tensor *x, fr_tensor *y, fr_reduction reduction);
typedef struct {
    fr_reduction reduction;
    fr_tensor *weight;     /* of each value; FR_MEAN still divides by the number of values */
    fr_tensor *pos_weight; /* multiplies y log p; often (C), one number for each of C answers */
    void *reserved[8];
} fr_bce_with_logits_options;
fr_tensor *fr_bce_with_logits_with(fr_tensor *x, fr_tensor *y, const fr_bce_with_logits_options *options);

/* Squared error: (x - y)^2. */
fr_tensor *fr_mse(fr_tensor *x, fr_tensor *y, fr_reduction reduction);
typedef struct {
    fr_reduction reduction;
    fr_tensor *weight; /* of each value; FR_MEAN divides by the sum of the weights */
    void *reserved[8];
} fr_mse_options;
fr_tensor *fr_mse_with(fr_tensor *x, fr_tensor *y, const fr_mse_options *options);

/* Absolute error: |x - y|, gradient 0 at 0. */
fr_tensor *fr_l1(fr_tensor *x, fr_tensor *y, fr_reduction reduction);
typedef struct {
    fr_reduction reduction;
    fr_tensor *weight; /* of each value; FR_MEAN divides by the sum of the weights */
    void *reserved[8];
} fr_l1_options;
fr_tensor *fr_l1_with(fr_tensor *x, fr_tensor *y, const fr_l1_options *options);

/* Huber loss, with d = |x - y|: d^2/2 if d < delta, else delta (d - delta/2). delta is 1 in the short form. */
fr_tensor *fr_huber(fr_tensor *x, fr_tensor *y, fr_reduction reduction);
typedef struct {
    fr_reduction reduction;
    double delta;      /* above 0; default 1 */
    fr_tensor *weight; /* of each value; FR_MEAN still divides by the number of values */
    void *reserved[8];
} fr_huber_options;
fr_tensor *fr_huber_with(fr_tensor *x, fr_tensor *y, const fr_huber_options *options);

/* Smooth L1 loss, with d = |x - y|: d^2/(2 beta) if d < beta, else d - beta/2. beta is 1 in the short form. */
fr_tensor *fr_smooth_l1(fr_tensor *x, fr_tensor *y, fr_reduction reduction);
typedef struct {
    fr_reduction reduction;
    double beta; /* default 1; FR_ZERO: fr_l1 */
    void *reserved[8];
} fr_smooth_l1_options;
fr_tensor *fr_smooth_l1_with(fr_tensor *x, fr_tensor *y, const fr_smooth_l1_options *options);

/* Kullback-Leibler divergence of log-probabilities x from probabilities y: y (log y - x). Where y = 0 the loss is 0 -
 * y x, which is 0, and the gradient of y is NaN. FR_BATCHMEAN, which only this loss has, divides the sum by the size of
 * dim 0; that is the divergence as it is defined. FR_MEAN divides by the number of all values, which is not. */
fr_tensor *fr_kl_div(fr_tensor *x, fr_tensor *y, fr_reduction reduction);
typedef struct {
    fr_reduction reduction;
    bool log_target; /* y holds logarithms, and the loss is exp(y) (y - x) */
    void *reserved[8];
} fr_kl_div_options;
fr_tensor *fr_kl_div_with(fr_tensor *x, fr_tensor *y, const fr_kl_div_options *options);

/* Negative log likelihood: -x[class] for log-probabilities x (B,C), (B,C,...) or (C). target (B), (B,...) or (), int64.
 * Fails unless each class is in 0..C-1 or ignored. FR_NONE returns the target's shape, with 0 for an ignored class.
 * FR_MEAN divides by the number of classes that are not ignored, or by the sum of their weights; it is NaN if there is
 * none. */
fr_tensor *fr_nll(fr_tensor *x, fr_tensor *target, fr_reduction reduction);
typedef struct {
    fr_reduction reduction;
    fr_tensor *weight;    /* (C), of x's dtype: one for each class; it gets no gradient, and fails if it wants one */
    bool ignore;          /* true: ignore_index is given; false: it is -100 */
    int64_t ignore_index; /* this class does not count */
    void *reserved[8];
} fr_nll_options;
fr_tensor *fr_nll_with(fr_tensor *x, fr_tensor *target, const fr_nll_options *options);

/* Cross-entropy: fr_nll of log_softmax(logits), without overflow. The target may also hold probabilities, in the
 * logits' shape and dtype; then FR_NONE returns this shape without C, and FR_MEAN divides by the number of rows. */
fr_tensor *fr_cross_entropy(fr_tensor *logits, fr_tensor *target, fr_reduction reduction);
typedef struct {
    fr_reduction reduction;
    fr_tensor *weight;      /* as in fr_nll_options */
    bool ignore;            /* as in fr_nll_options; only for a target of classes */
    int64_t ignore_index;   /* as in fr_nll_options; only for a target of classes */
    double label_smoothing; /* 0..1: this part of a row's target is spread evenly over all classes */
    void *reserved[8];
} fr_cross_entropy_options;
fr_tensor *fr_cross_entropy_with(fr_tensor *logits, fr_tensor *target, const fr_cross_entropy_options *options);

/* --- Losses of other kinds. Each has one form; options may be NULL ------------------------------------------------ */

/* Fail for a prediction and a target (or x1 and x2, or the three of a triplet) of different shapes. */

/* Hinge loss of distances x: x where y is 1, max(margin - x, 0) where it is -1. */
typedef struct {
    fr_reduction reduction;
    double margin; /* default 1 */
    void *reserved[8];
} fr_hinge_embedding_options;
fr_tensor *fr_hinge_embedding(fr_tensor *x, fr_tensor *y, const fr_hinge_embedding_options *options);

/* Ranking loss: max(-y (x1 - x2) + margin, 0); x1 should be larger where y is 1, x2 where it is -1. */
typedef struct {
    fr_reduction reduction;
    double margin; /* default 0 */
    void *reserved[8];
} fr_margin_ranking_options;
fr_tensor *fr_margin_ranking(fr_tensor *x1, fr_tensor *x2, fr_tensor *y, const fr_margin_ranking_options *options);

/* With c the cosine of the angle between the rows of x1 and x2: 1 - c where y is 1, max(c - margin, 0) where it is -1.
 * x1, x2 (B,N) or (N); y (B) or (), of any dtype. */
typedef struct {
    fr_reduction reduction;
    double margin; /* default 0 */
    void *reserved[8];
} fr_cosine_embedding_options;
fr_tensor *fr_cosine_embedding(fr_tensor *x1, fr_tensor *x2, fr_tensor *y, const fr_cosine_embedding_options *options);

/* Triplet loss: max(d(anchor, positive) - d(anchor, negative) + margin, 0), d being fr_pairwise_distance. Inputs
 * (...,N), losses (...). Balntas et al., "Learning local feature descriptors with triplets", 2016. */
typedef struct {
    fr_reduction reduction;
    double margin; /* above 0; default 1 */
    double p;      /* of fr_pairwise_distance; default 2; FR_ZERO: 0 */
    double eps;    /* of fr_pairwise_distance; default 1e-6; FR_ZERO: 0 */
    bool swap;     /* d(positive, negative) counts instead of d(anchor, negative) where it is less */
    void *reserved[8];
} fr_triplet_margin_options;
fr_tensor *fr_triplet_margin(fr_tensor *anchor, fr_tensor *positive, fr_tensor *negative,
                             const fr_triplet_margin_options *options);

/* Negative log likelihood of counts y, Poisson-distributed with rate exp(x): exp(x) - y x. */
typedef struct {
    fr_reduction reduction;
    bool no_log_input; /* PyTorch's log_input=False: x is the rate, and the loss is x - y log(x + eps) */
    bool full;         /* adds log(y!) by Stirling's formula, for y above 1 */
    double eps;        /* default 1e-8; FR_ZERO: 0 */
    void *reserved[8];
} fr_poisson_nll_options;
fr_tensor *fr_poisson_nll(fr_tensor *x, fr_tensor *y, const fr_poisson_nll_options *options);

/* Negative log likelihood of y, normally distributed with mean x and variance var: (log var + (x - y)^2 / var) / 2. var
 * has x's shape, or this without the last dim or with 1 there; fails for values below 0. Nix and Weigend, "Estimating
 * the mean and variance of the target probability distribution", 1994. */
typedef struct {
    fr_reduction reduction;
    bool full;  /* adds log(2 pi) / 2 */
    double eps; /* a variance below it counts as eps, with its gradient; default 1e-6; FR_ZERO: 0 */
    void *reserved[8];
} fr_gaussian_nll_options;
fr_tensor *fr_gaussian_nll(fr_tensor *x, fr_tensor *y, fr_tensor *var, const fr_gaussian_nll_options *options);

/* Connectionist temporal classification: minus the logarithm of the probability that T steps read the target, summed
 * over all ways to spread its labels over them, with repeats merged and blanks left out. log_probs (T,N,C) hold log
 * probabilities (fr_log_softmax); targets (N,S), padded with anything, or the labels of all rows one after another,
 * (M); input_lengths and target_lengths (N), int64. Or unbatched: (T,C), (S), () and (). FR_MEAN divides each loss by
 * its target's length (at least 1) first. The loss is infinite where a target does not fit into its steps: a repeated
 * label needs a blank between. Fails for a length or a label out of range, and for a label that is the blank. As in
 * PyTorch the gradient is right for what log_softmax gives. Graves et al., "Connectionist temporal classification",
 * 2006. */
typedef struct {
    fr_reduction reduction;
    int64_t blank;      /* the class that is no label; default 0 */
    bool zero_infinity; /* an infinite loss counts as 0 and has no gradient */
    void *reserved[8];
} fr_ctc_loss_options;
fr_tensor *fr_ctc_loss(fr_tensor *log_probs, fr_tensor *targets, fr_tensor *input_lengths, fr_tensor *target_lengths,
                       const fr_ctc_loss_options *options);

FR_END_DECLS
#endif
